import type { Criterion } from "../address";
import { answerTitle, plain, type Catalogue } from "../catalogue";
import type { Column, Question } from "../contract";
import { usePage } from "../page";
import { walk, type Step } from "../tree";
import { useLoad } from "./hooks";
import { Notice } from "./notice";
import { Range } from "./range";

const ASKED_FROM = 0.5;

/** The question tree, each answer a button that brings a slider, and below it criteria on other columns. */
export function Criteria() {
  const { catalogue, state, go } = usePage();
  const { tree } = catalogue.about;
  const ofTree = new Set(tree?.questions.flatMap((question) => columnsOf(catalogue, question)));
  const others = state.criteria.filter((one) => !ofTree.has(one.column));
  return (
    <>
      {tree ? (
        <section class="tree">
          <h2>Questions to volunteers</h2>
          {walk(tree).map(({ question, depth }) => (
            <Asked key={question.name} question={question} depth={depth} />
          ))}
        </section>
      ) : (
        <Notice>This catalogue has no answers to the questions of a decision tree. A catalogue of task=predict brings them; any other column can be chosen by below.</Notice>
      )}
      <section>
        <h2>Other columns</h2>
        {others.map((one) => (
          <Card key={one.column} criterion={one} title={one.column} />
        ))}
        <Add columns={catalogue.drawable.filter((column) => !ofTree.has(column.name) && !state.criteria.some((one) => one.column === column.name))} />
      </section>
      {state.criteria.length > 0 && (
        <button type="button" onClick={() => go({ criteria: [] })}>
          Remove all criteria
        </button>
      )}
    </>
  );
}

function columnsOf(catalogue: Catalogue, question: Question): string[] {
  const answers = question.answers.map((answer) => catalogue.saying(answer));
  return [...answers, asked(catalogue, question)].filter((name) => name !== null);
}

/** The column that says how many would be asked at all. */
function asked(catalogue: Catalogue, question: Question): string | null {
  const name = `${question.name}_asked`;
  return catalogue.columns.get(name)?.file ? name : null;
}

function Asked({ question, depth }: Step) {
  const { catalogue, state } = usePage();
  const reach = question.after.length ? asked(catalogue, question) : null;
  const chips = question.answers.map((answer) => ({ column: catalogue.saying(answer), title: answerTitle(question, answer), start: 0.5 }));
  const all = reach ? [...chips, { column: reach, title: "is asked", start: ASKED_FROM }] : chips;
  const set = all.filter(({ column }) => state.criteria.some((one) => one.column === column));
  const next = question.after.some((answer) => state.criteria.some((one) => one.column === catalogue.saying(answer)));
  return (
    <div class={next && !set.length ? "question next" : "question"} data-depth={Math.min(4, depth)}>
      <h3>{plain(question.name)}?</h3>
      <div class="chips">
        {all.map(({ column, title, start }) => (
          <Chip key={title} column={column} title={title} start={start} faint={column === reach} />
        ))}
      </div>
      {set.map(({ column, title }) => {
        const one = state.criteria.find((criterion) => criterion.column === column);
        return one && <Card key={one.column} criterion={one} title={`${plain(question.name)}: ${title}`} />;
      })}
    </div>
  );
}

function Chip({ column, title, start, faint }: { column: string | null; title: string; start: number; faint: boolean }) {
  const { state, go } = usePage();
  const on = state.criteria.some((one) => one.column === column);
  const press = () => column && go({ criteria: on ? state.criteria.filter((one) => one.column !== column) : [...state.criteria, { column, low: start, high: Infinity }] });
  return (
    <button type="button" class={faint ? "chip-button faint" : "chip-button"} aria-pressed={on} disabled={column === null} title={faint ? "the share of volunteers who are asked this question" : undefined} onClick={press}>
      {title}
    </button>
  );
}

function Card({ criterion, title }: { criterion: Criterion; title: string }) {
  const { catalogue, state, go } = usePage();
  const column = catalogue.columns.get(criterion.column);
  const change = (to: Criterion | null) => go({ criteria: state.criteria.flatMap((one) => (one.column !== criterion.column ? [one] : to ? [to] : [])) });
  return (
    <div class="card" role="group" aria-label={title}>
      <div class="title">
        <span>{title}</span>
        <button type="button" class="quiet" aria-label={`Remove ${title}`} onClick={() => change(null)}>
          ×
        </button>
      </div>
      {!column?.file && <Notice bad>This catalogue has no such column, so nothing matches.</Notice>}
      {column?.file && "word" in criterion && <Words column={column} word={criterion.word} onChange={(word) => change({ column: column.name, word })} />}
      {column?.file && !("word" in criterion) && <Stretch column={column} title={title} low={criterion.low} high={criterion.high} onChange={(low, high) => change({ column: column.name, low, high })} />}
    </div>
  );
}

function Stretch({ column, title, low, high, onChange }: { column: Column; title: string; low: number; high: number; onChange(low: number, high: number): void }) {
  const { catalogue } = usePage();
  const values = useLoad(() => catalogue.numbers(column.name), [catalogue, column.name]);
  const [from, to] = scale(column);
  return (
    <>
      {values.error && <Notice bad>{values.error}</Notice>}
      <Range values={values.value} from={from} to={to} low={low} high={high} label={title} onChange={onChange} />
      {(column.unit || column.description) && <p class="about">{[column.description, column.unit && `in ${column.unit}`].filter(Boolean).join(", ")}</p>}
    </>
  );
}

/** Shares go from 0 to 1, everything else over its usual values. */
function scale(column: Column): [from: number, to: number] {
  const [low, high] = [column.low ?? 0, column.high ?? 1];
  if (low >= 0 && high <= 1 && /_(mean|share|fraction|asked)$/.test(column.name)) return [0, 1];
  return high > low ? [low, high] : [low - 0.5, low + 0.5];
}

function Words({ column, word, onChange }: { column: Column; word: string; onChange(word: string): void }) {
  return (
    <select aria-label={column.name} value={word} onChange={(event) => onChange(event.currentTarget.value)}>
      {(column.words ?? []).map((one) => (
        <option key={one} value={one}>
          {one}
        </option>
      ))}
    </select>
  );
}

function Add({ columns }: { columns: Column[] }) {
  const { state, go } = usePage();
  const add = (name: string) => {
    const column = columns.find((one) => one.name === name);
    if (!column) return;
    const one: Criterion = column.kind === "word" ? { column: name, word: column.words?.[0] ?? "" } : { column: name, low: -Infinity, high: Infinity };
    go({ criteria: [...state.criteria, one] });
  };
  if (!columns.length) return null;
  return (
    <label>
      Add
      <select value="" onChange={(event) => add(event.currentTarget.value)}>
        <option value="">a column …</option>
        {columns.map((column) => (
          <option key={column.name} value={column.name}>
            {column.name}
          </option>
        ))}
      </select>
    </label>
  );
}
