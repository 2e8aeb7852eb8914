// Which galaxies are let through by all criteria: a byte for each, counted while a slider moves.

import type { Criterion } from "./address";
import type { Catalogue } from "./catalogue";

export interface Choice {
  mask: Uint8Array;
  count: number;
}

/** A criterion with its column's values at hand. */
export type Loaded = { values: Float32Array; low: number; high: number } | { values: Uint16Array; place: number };

export async function load(catalogue: Catalogue, criteria: Criterion[]): Promise<Map<string, Float32Array | Uint16Array>> {
  const known = criteria.filter((one) => catalogue.columns.get(one.column)?.file);
  const values = await Promise.all(known.map((one) => ("word" in one ? catalogue.words(one.column) : catalogue.numbers(one.column))));
  return new Map(known.map((one, i) => [one.column, values[i]]));
}

/** Criteria of columns that the catalogue does not have let nothing through. */
export function choose(catalogue: Catalogue, criteria: Criterion[], values: Map<string, Float32Array | Uint16Array>): Choice {
  const mask = new Uint8Array(catalogue.rows).fill(1);
  for (const one of criteria) {
    const column = values.get(one.column);
    if (!column) mask.fill(0);
    else if ("word" in one) keepWord(mask, column, catalogue.columns.get(one.column)?.words?.indexOf(one.word) ?? -1);
    else keepStretch(mask, column, Math.fround(one.low), Math.fround(one.high)); // values are float32, so are the ends
  }
  return { mask, count: counted(mask) };
}

function keepStretch(mask: Uint8Array, values: Float32Array | Uint16Array, low: number, high: number): void {
  for (let row = 0; row < mask.length; row++) mask[row] &= values[row] >= low && values[row] <= high ? 1 : 0;
}

function keepWord(mask: Uint8Array, values: Float32Array | Uint16Array, place: number): void {
  for (let row = 0; row < mask.length; row++) mask[row] &= values[row] === place ? 1 : 0;
}

export function both(a: Uint8Array, b: Uint8Array): Uint8Array {
  return a.map((value, row) => value & b[row]);
}

export function counted(mask: Uint8Array): number {
  let count = 0;
  for (let row = 0; row < mask.length; row++) count += mask[row];
  return count;
}

/** Rows that are chosen, in order of a column if one is given, what is missing last; of equals the lower row first. */
export function sorted(mask: Uint8Array, values: Float32Array | null, down: boolean): Int32Array {
  const rows = new Int32Array(counted(mask));
  for (let row = 0, at = 0; row < mask.length; row++) if (mask[row]) rows[at++] = row;
  if (!values) return rows;
  // One number holds both, so that the browser's own sorting of numbers does: the value above, the row below.
  const span = 2 ** Math.ceil(Math.log2(mask.length + 1));
  const lost = Math.max(1, (2 ** 32 * span) / 2 ** 53);
  const keys = Float64Array.from(rows, (row) => Math.floor(rank(values[row], down) / lost) * span + row).sort();
  return rows.map((_, i) => keys[i] % span);
}

const bits = new DataView(new ArrayBuffer(4));

/** An integer below 2^32 that sorts as the value does. */
function rank(value: number, down: boolean): number {
  if (Number.isNaN(value)) return 2 ** 32 - 1;
  bits.setFloat32(0, value + 0); // of two zeros one
  const raw = bits.getUint32(0);
  const up = raw >= 2 ** 31 ? 2 ** 32 - 1 - raw : raw + 2 ** 31;
  return down ? 2 ** 32 - 2 - up : up;
}
