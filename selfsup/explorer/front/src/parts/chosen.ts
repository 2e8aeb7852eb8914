// What the criteria and the line on the map let through: the same in every view.

import { useMemo } from "preact/hooks";
import type { Criterion, Point } from "../address";
import type { Catalogue } from "../catalogue";
import { both, choose, counted, load, type Choice } from "../criteria";
import type { Grid } from "../points/grid";
import { useLoad, type Loading } from "./hooks";

/** Everybody's mask is null: nothing was asked. */
export interface Chosen {
  criteria: Choice | null;
  error: string | null;
}

export function useChosen(catalogue: Catalogue, criteria: Criterion[]): Chosen {
  const columns = criteria.map((one) => one.column).join("\0");
  const loaded: Loading<{ columns: string; values: Map<string, Float32Array | Uint16Array> }> = useLoad(
    async () => ({ columns, values: await load(catalogue, criteria) }),
    [catalogue, columns],
  );
  const key = JSON.stringify(criteria, (_, value) => (value === Infinity ? "inf" : value === -Infinity ? "-inf" : value));
  const values = loaded.value?.columns === columns ? loaded.value.values : undefined;
  const chosen = useMemo(() => (criteria.length && values ? choose(catalogue, criteria, values) : null), [catalogue, key, values]);
  return { criteria: chosen, error: loaded.error };
}

/** Those inside the line, among those chosen. */
export function useInside(grid: Grid | undefined, line: Point[] | null, among: Uint8Array | null): Choice | null {
  return useMemo(() => {
    if (!grid || !line) return null;
    const inside = grid.inside(line);
    const mask = among ? both(inside, among) : inside;
    return { mask, count: counted(mask) };
  }, [grid, line && JSON.stringify(line), among]);
}
