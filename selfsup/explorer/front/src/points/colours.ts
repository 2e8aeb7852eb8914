// Values become places in a palette of 256: viridis for numbers (Smith and van der Walt 2015), the colours of Okabe and
// Ito (2008) for words, the last place for what is missing.

import type { Catalogue } from "../catalogue";

const MISSING = 255;
const VIRIDIS = ["440154", "482475", "414487", "355f8d", "2a788e", "21918c", "22a884", "44bf70", "7ad151", "bddf26", "fde725"];
const WORDS = ["0072b2", "d55e00", "009e73", "cc79a7", "e69f00", "56b4e9", "f0e442"];
const OTHER = WORDS.length;

export type Legend =
  | { kind: "number"; name: string; unit: string; low: number; high: number; stops: string[] }
  | { kind: "word"; name: string; entries: { word: string; colour: string; count: number }[] }
  | { kind: "none" };

export interface Colouring {
  places: Uint8Array | null;
  palette: Uint8Array;
  legend: Legend;
}

/** One colour for every galaxy. */
export function plain(dark: boolean): Colouring {
  const palette = new Uint8Array(1024);
  palette.set([...rgb(dark ? "6cb0ff" : "1f5fbf"), 255]);
  return { places: null, palette, legend: { kind: "none" } };
}

export async function byColumn(catalogue: Catalogue, name: string, dark: boolean): Promise<Colouring> {
  const column = catalogue.columns.get(name);
  if (!column?.file) return plain(dark);
  if (column.kind === "word") return byWords(name, await catalogue.words(name), column.words ?? [], dark);
  return byNumbers(name, await catalogue.numbers(name), column.low ?? 0, column.high ?? 1, column.unit ?? "", dark);
}

export function byNumbers(name: string, values: Float32Array, low: number, high: number, unit: string, dark: boolean): Colouring {
  const places = new Uint8Array(values.length);
  const step = 254 / (high > low ? high - low : 1);
  for (let row = 0; row < values.length; row++) {
    const value = values[row];
    places[row] = Number.isNaN(value) ? MISSING : Math.max(0, Math.min(254, (value - low) * step));
  }
  const palette = new Uint8Array(1024);
  for (let place = 0; place < 255; place++) palette.set([...viridis(place / 254, dark), 255], 4 * place);
  palette.set([...missing(dark), 255], 4 * MISSING);
  const stops = Array.from({ length: 9 }, (_, i) => `rgb(${viridis(i / 8, dark).join(" ")})`);
  return { places, palette, legend: { kind: "number", name, unit, low, high, stops } };
}

export function byWords(name: string, values: Uint16Array, words: string[], dark: boolean): Colouring {
  const counts = new Float64Array(words.length);
  for (let row = 0; row < values.length; row++) if (values[row] < words.length) counts[values[row]]++;
  const common = [...words.keys()].sort((a, b) => counts[b] - counts[a] || a - b);
  const place = new Uint8Array(65536).fill(MISSING);
  common.forEach((word, rank) => (place[word] = Math.min(rank, OTHER)));
  const places = new Uint8Array(values.length);
  for (let row = 0; row < values.length; row++) places[row] = place[values[row]];
  const palette = new Uint8Array(1024);
  [...WORDS.map(rgb), missing(dark)].forEach((colour, i) => palette.set([...colour, 255], 4 * i));
  palette.set([...missing(dark), 255], 4 * MISSING);
  const entries = common.slice(0, OTHER).map((word, rank) => ({ word: words[word], colour: `#${WORDS[rank]}`, count: counts[word] }));
  const rest = common.slice(OTHER);
  if (rest.length) entries.push({ word: `${rest.length} others`, colour: `rgb(${missing(dark).join(" ")})`, count: rest.reduce((sum, word) => sum + counts[word], 0) });
  return { places, palette, legend: { kind: "word", name, entries } };
}

/** The ends that would vanish before the background are left out. */
function viridis(share: number, dark: boolean): number[] {
  const at = (dark ? 0.14 + 0.86 * share : 0.92 * share) * (VIRIDIS.length - 1);
  const before = Math.min(VIRIDIS.length - 2, Math.floor(at));
  const [a, b] = [rgb(VIRIDIS[before]), rgb(VIRIDIS[before + 1])];
  return a.map((value, i) => Math.round(value + (b[i] - value) * (at - before)));
}

function missing(dark: boolean): number[] {
  return dark ? [92, 98, 108] : [176, 180, 186];
}

function rgb(hex: string): number[] {
  return [0, 2, 4].map((at) => parseInt(hex.slice(at, at + 2), 16));
}
