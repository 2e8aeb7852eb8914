// The votes on a galaxy drawn on the decision tree: each question with how many are asked it, each answer with its share.

import { answerTitle, plain, type Catalogue } from "../catalogue";
import type { Question, Value } from "../contract";
import { percent } from "../page";
import { walk, type Step } from "../tree";

export function Votes({ catalogue, values }: { catalogue: Catalogue; values: Map<string, Value> }) {
  const tree = catalogue.about.tree;
  if (!tree) return null;
  return (
    <div class="vote-tree">
      {walk(tree).map((step) => (
        <Bars key={step.question.name} {...step} catalogue={catalogue} values={values} />
      ))}
    </div>
  );
}

interface Shown extends Step {
  catalogue: Catalogue;
  values: Map<string, Value>;
}

function Bars({ question, depth, catalogue, values }: Shown) {
  const told = reach(question, catalogue, values);
  const shares = question.answers.map((answer) => ({ answer, share: number(values, catalogue.saying(answer)), low: number(values, `${answer}_low`), high: number(values, `${answer}_high`) }));
  const most = Math.max(...shares.map(({ share }) => share ?? -1));
  const best = shares.filter(({ share }) => share === most).length === 1 ? most : null; // of equals none
  const rare = told !== null && told < 0.1;
  return (
    <section class={rare ? "question rare" : "question"} data-depth={Math.min(4, depth)} aria-label={plain(question.name)}>
      <h3>
        {plain(question.name)}? {told !== null && <span class="count" title="the share of volunteers who are asked this question">asked {percent(told)}</span>}
      </h3>
      {shares.map(({ answer, share, low, high }) => (
        <div class={share !== null && share === best ? "vote best" : "vote"} key={answer}>
          <span class="answer">{answerTitle(question, answer)}</span>
          <span class="track" aria-hidden="true">
            {share !== null && <span class="mean" style={{ width: width(share) }} />}
            {low !== null && high !== null && <span class="interval" style={{ left: width(low), width: width(high - low) }} />}
          </span>
          <span class="number">
            {share === null ? "–" : percent(share)}
            {low !== null && high !== null && <span class="between"> {Math.round(100 * low)}–{Math.round(100 * high)}</span>}
          </span>
        </div>
      ))}
    </section>
  );
}

/** The share that is asked: as the catalogue says, or of a root everybody. */
function reach(question: Question, catalogue: Catalogue, values: Map<string, Value>): number | null {
  const said = number(values, `${question.name}_asked`);
  return said ?? (question.after.length || !catalogue.columns.has(`${question.name}_asked`) ? null : 1);
}

function number(values: Map<string, Value>, name: string | null): number | null {
  const value = name === null ? null : values.get(name);
  return typeof value === "number" ? value : null;
}

function width(share: number): string {
  return `${(100 * Math.max(0, Math.min(1, share))).toFixed(2)}%`;
}
