// Choosing galaxies: question, answer, how many would give it; and by any other column.

import { useEffect, useMemo, useState } from "preact/hooks";
import type { State } from "../address";
import { sorted } from "../criteria";
import { link, said, usePage } from "../page";
import { useChosen, useInside } from "../parts/chosen";
import { Criteria } from "../parts/criteria";
import { Downloads } from "../parts/download";
import { Gallery } from "../parts/gallery";
import { follow } from "../parts/header";
import { useLoad } from "../parts/hooks";
import { Notice } from "../parts/notice";
import { mapOf, usePlaces } from "../parts/pointmap";

const STILL_MS = 120;
const NONE = new Int32Array(0);

export function ChooseView() {
  const page = usePage();
  const { catalogue, state, go } = page;
  const chosen = useChosen(catalogue, state.criteria);
  const places = usePlaces(catalogue, state.lasso ? mapOf(catalogue, state.map) : "");
  const inside = useInside(places.placed?.grid, state.lasso, chosen.criteria?.mask ?? null);
  const everybody = useMemo(() => new Uint8Array(catalogue.rows).fill(1), [catalogue]);
  const choice = inside ?? chosen.criteria ?? (state.criteria.length ? null : { mask: everybody, count: catalogue.rows });
  const rows = useSorted(choice?.mask ?? null, state.sort);
  return (
    <div class="split choose">
      <aside aria-label="Criteria">
        <Criteria />
      </aside>
      <div class="found">
        <div class="bar">
          <p class="match" role="status" aria-live="polite">
            {choice ? (
              <>
                <strong>{said(choice.count)}</strong> of {said(catalogue.rows)} galaxies match
              </>
            ) : (
              "Counting …"
            )}
          </p>
          <a class="button" href={link(page, { view: "map" })} onClick={(event) => follow(event, () => go({ view: "map" }))}>
            Show on the map
          </a>
          <Sort />
          <span class="actions">
            Save <Downloads catalogue={catalogue} rows={() => rows ?? NONE} columns={[...state.criteria.map((one) => one.column), state.sort?.column ?? ""]} name="chosen" what="The galaxies that match" />
          </span>
        </div>
        {chosen.error && <Notice bad>{chosen.error}</Notice>}
        {state.lasso && (
          <p class="chip">
            Only those inside the line on the map{" "}
            <button type="button" class="quiet" onClick={() => go({ lasso: null })}>
              Clear
            </button>
          </p>
        )}
        {choice?.count === 0 && <Notice>No galaxy matches all criteria. Widen a range, or remove a criterion.</Notice>}
        {rows && rows.length > 0 && <Found rows={rows} />}
      </div>
    </div>
  );
}

function Found({ rows }: { rows: Int32Array }) {
  const { catalogue, state } = usePage();
  const shown = state.sort?.column ?? state.criteria.find((one) => !("word" in one))?.column;
  const values = useLoad(async () => (shown && catalogue.columns.get(shown)?.kind === "number" ? catalogue.numbers(shown) : null), [catalogue, shown]).value;
  const note = values ? (row: number) => (Number.isNaN(values[row]) ? "–" : String(Number(values[row].toPrecision(3)))) : undefined;
  return <Gallery catalogue={catalogue} rows={rows} note={note} label="Galaxies that match" />;
}

/** In order, a moment after the last change, so that a slider never waits for a million to be sorted. */
function useSorted(mask: Uint8Array | null, sort: State["sort"]): Int32Array | null {
  const { catalogue } = usePage();
  const [rows, setRows] = useState<Int32Array | null>(null);
  const values = useLoad(async () => (sort ? { column: sort.column, values: await catalogue.numbers(sort.column) } : null), [catalogue, sort?.column]).value;
  useEffect(() => {
    if (!mask || (sort && values?.column !== sort.column)) return;
    const soon = setTimeout(() => setRows(sorted(mask, sort && values ? values.values : null, sort?.down ?? false)), STILL_MS);
    return () => clearTimeout(soon);
  }, [mask, values, sort?.column, sort?.down]);
  return rows;
}

function Sort() {
  const { catalogue, state, go } = usePage();
  const numbers = catalogue.drawable.filter((column) => column.kind === "number");
  const chosen = (column: string) => go({ sort: column ? { column, down: state.sort?.down ?? true } : null });
  return (
    <label class="sort">
      Sort by
      <select value={state.sort?.column ?? ""} onChange={(event) => chosen(event.currentTarget.value)}>
        <option value="">row</option>
        {numbers.map((column) => (
          <option key={column.name} value={column.name}>
            {column.name}
          </option>
        ))}
      </select>
      {state.sort && (
        <button type="button" aria-label={state.sort.down ? "Largest first; change to smallest first" : "Smallest first; change to largest first"} onClick={() => state.sort && go({ sort: { ...state.sort, down: !state.sort.down } })}>
          {state.sort.down ? "↓" : "↑"}
        </button>
      )}
    </label>
  );
}
