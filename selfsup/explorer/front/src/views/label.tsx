// Labelling: one person's way down the question tree, for the galaxies whose answers would teach the most.

import { useEffect, useState } from "preact/hooks";
import { answerTitle, plain } from "../catalogue";
import type { LabelState, Tree } from "../contract";
import { usePage } from "../page";
import { useKeys, useLoad } from "../parts/hooks";
import { Notice } from "../parts/notice";
import { next } from "../tree";
import { json, mayWrite, post } from "../server";
import { Subject } from "./hunt";

export function LabelView() {
  const { site } = usePage();
  const [label, setLabel] = useState<LabelState>();
  const [said, setSaid] = useState<string | null>(null);
  const [busy, setBusy] = useState(false);
  const told = useLoad(() => (site.label ? json<LabelState>("api/label") : Promise.resolve(undefined)), []);
  useEffect(() => {
    if (told.value) setLabel(told.value);
  }, [told.value]);
  const ask = async (path: string, body: unknown, done: string | null) => {
    setBusy(true);
    try {
      setLabel((await (await post(path, body)).json()) as LabelState);
      setSaid(done);
    } catch (error) {
      setSaid(error instanceof Error ? error.message : String(error));
    }
    setBusy(false);
  };
  if (!site.label) return <Notice>This page has nothing to label: it is a copy that nobody answers, or no task.campaign was given.</Notice>;
  if (told.error) return <Notice bad>{told.error}</Notice>;
  if (!label) return <Notice>Loading what is asked …</Notice>;
  if (label.state !== "asking" || !label.tree) return <Notice>{said ?? "There is nothing to ask at the moment: the campaign trains, or it is finished. Run task=label, then reload this page."}</Notice>;
  const here = label.rows.filter((row) => row >= 0);
  const answered = new Set(label.answered);
  const row = here.find((one) => !answered.has(one));
  const lost = label.rows.length - here.length;
  return (
    <div class="rate label">
      {!mayWrite() && <Notice bad>You can look, but not answer: open the whole address that the program printed, with its #token=…</Notice>}
      <p class="ask">
        Round {label.round}: {here.filter((one) => answered.has(one)).length} of {here.length} galaxies answered{lost > 0 && `; ${lost} more are not in this catalogue`}
        <progress value={here.filter((one) => answered.has(one)).length} max={Math.max(1, here.length)} aria-label="Galaxies answered" />
      </p>
      {said && <Notice>{said}</Notice>}
      {row === undefined ? <Notice>All galaxies of this round are answered.</Notice> : <Walk key={row} row={row} tree={label.tree} busy={busy} done={(answers) => void ask("api/label/answer", { row, answers }, null)} />}
      <p class="actions">
        <button type="button" class={row === undefined ? "main" : undefined} disabled={busy || !answered.size} onClick={() => void ask("api/label/finish", {}, "The answers of this round are written. Run task=label to learn from them.")}>
          Finish the round
        </button>
      </p>
    </div>
  );
}

interface WalkShown {
  row: number;
  tree: Tree;
  busy: boolean;
  done(answers: string[]): void;
}

function Walk({ row, tree, busy, done }: WalkShown) {
  const [answers, setAnswers] = useState<string[]>([]);
  const question = next(tree, answers);
  const give = (answer: string | undefined) => {
    if (!answer || busy || !question) return;
    const given = [...answers, answer];
    setAnswers(given);
    if (!next(tree, given)) done(given);
  };
  const back = () => setAnswers(answers.slice(0, -1));
  const keys = Array.from({ length: 9 }, (_, i) => [String(i + 1), () => give(question?.answers[i])] as const);
  useKeys({ ...Object.fromEntries(keys), u: back });
  return (
    <div class="walk">
      <Subject row={row} />
      <div>
        <ol class="path" aria-label="Answers so far">
          {answers.map((answer) => (
            <li key={answer}>{describe(tree, answer)}</li>
          ))}
        </ol>
        {question ? (
          <fieldset>
            <legend>{plain(question.name)}?</legend>
            {question.answers.map((answer, i) => (
              <button key={answer} type="button" disabled={busy} onClick={() => give(answer)}>
                <kbd>{i + 1}</kbd> {answerTitle(question, answer)}
              </button>
            ))}
          </fieldset>
        ) : (
          <p class="actions">
            <button type="button" class="main" disabled={busy} onClick={() => done(answers)}>
              {busy ? "Saving …" : "Send these answers"}
            </button>
          </p>
        )}
        <button type="button" class="quiet" disabled={!answers.length || busy} onClick={back}>
          One answer back (u)
        </button>
      </div>
    </div>
  );
}

function describe(tree: Tree, answer: string): string {
  const question = tree.questions.find((one) => one.answers.includes(answer));
  return question ? `${plain(question.name)}: ${answerTitle(question, answer)}` : answer;
}
