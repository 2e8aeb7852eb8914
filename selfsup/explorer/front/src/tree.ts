// The decision tree as it is walked: each question below the answer that leads to it first.

import type { Question, Tree } from "./contract";

export interface Step {
  question: Question;
  /** questions above it */
  depth: number;
}

/** All questions, each followed by those that its answers lead to. */
export function walk(tree: Tree): Step[] {
  const below = (question: Question, depth: number): Step[] => [{ question, depth }, ...tree.questions.filter((one) => parent(tree, one) === question).flatMap((one) => below(one, depth + 1))];
  return tree.questions.filter((question) => !parent(tree, question)).flatMap((root) => below(root, 0));
}

function parent(tree: Tree, question: Question): Question | undefined {
  return tree.questions.find((one) => one !== question && one.answers.some((answer) => question.after.includes(answer)));
}

/** The first question that is put to everybody or follows an answer, and has none yet. */
export function next(tree: Tree, answers: string[]): Question | undefined {
  const open = (question: Question) => !question.after.length || question.after.some((answer) => answers.includes(answer));
  return walk(tree).find(({ question }) => open(question) && !question.answers.some((answer) => answers.includes(answer)))?.question;
}
