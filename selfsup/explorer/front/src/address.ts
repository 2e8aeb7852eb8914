// The state of the page is its address: a link shows somebody else the same thing, and Back goes between views.

export const VIEWS = ["map", "choose", "galaxy", "hunt", "label", "compare"] as const;
export type View = (typeof VIEWS)[number];

/** A column and what is let through: a stretch of numbers, or one word. */
export type Criterion = { column: string; low: number; high: number } | { column: string; word: string };

export type Point = [x: number, y: number];
export interface Camera {
  x: number;
  y: number;
  zoom: number;
}

export interface State {
  view: View;
  /** place of the catalogue in site.json */
  catalogue: number;
  map: string | null;
  /** column; null: the catalogue's own, empty: none */
  colour: string | null;
  camera: Camera | null;
  /** of the second map, where two are compared */
  camera2: Camera | null;
  /** where the map was clicked */
  at: Point | null;
  lasso: Point[] | null;
  row: number | null;
  criteria: Criterion[];
  sort: { column: string; down: boolean } | null;
  theme: "light" | "dark" | null;
}

export const START: State = {
  view: "map",
  catalogue: 0,
  map: null,
  colour: null,
  camera: null,
  camera2: null,
  at: null,
  lasso: null,
  row: null,
  criteria: [],
  sort: null,
  theme: null,
};

const short = (value: number, digits: number) => String(Number(value.toPrecision(digits)));
const texts = (value: string | null) => (value ? value.split(",").map(Number) : []);

export function read(hash: string): State {
  const [view, query = ""] = hash.replace(/^#\/?/, "").split("?");
  const given = new URLSearchParams(query);
  const at = texts(given.get("at"));
  const lasso = texts(given.get("lasso"));
  const row = given.get("row");
  const sort = given.get("sort");
  const theme = given.get("theme");
  return {
    view: VIEWS.find((name) => name === view) ?? "map",
    catalogue: given.get("catalogue") === "1" ? 1 : 0,
    map: given.get("map"),
    colour: given.get("colour"),
    camera: camera(given.get("camera")),
    camera2: camera(given.get("camera2")),
    at: at.length === 2 && at.every(Number.isFinite) ? [at[0], at[1]] : null,
    lasso: lasso.length >= 6 && lasso.every(Number.isFinite) ? pairs(lasso) : null,
    row: row !== null && /^\d+$/.test(row) ? Number(row) : null,
    criteria: [...given.getAll("where").flatMap(stretch), ...given.getAll("is").flatMap(word)],
    sort: sort ? { column: sort.replace(/^-/, ""), down: sort.startsWith("-") } : null,
    theme: theme === "light" || theme === "dark" ? theme : null,
  };
}

export function write(state: State): string {
  const said = new URLSearchParams();
  if (state.catalogue) said.set("catalogue", "1");
  if (state.map) said.set("map", state.map);
  if (state.colour !== null) said.set("colour", state.colour);
  for (const name of ["camera", "camera2"] as const) {
    const { x, y, zoom } = state[name] ?? { x: 0, y: 0, zoom: 1 };
    if (x || y || zoom !== 1) said.set(name, [x, y, zoom].map((v) => short(v, 7)).join(","));
  }
  if (state.at) said.set("at", state.at.map((v) => short(v, 8)).join(","));
  if (state.lasso) said.set("lasso", state.lasso.flat().map((v) => short(v, 4)).join(","));
  if (state.row !== null) said.set("row", String(state.row));
  for (const one of state.criteria) {
    if ("word" in one) said.append("is", `${encodeURIComponent(one.column)}=${one.word}`);
    else said.append("where", `${one.column}=${short(one.low, 9)}:${short(one.high, 9)}`);
  }
  if (state.sort) said.set("sort", (state.sort.down ? "-" : "") + state.sort.column);
  if (state.theme) said.set("theme", state.theme);
  const query = said.toString().replaceAll("%2C", ",").replaceAll("%3A", ":");
  return `#/${state.view}${query ? `?${query}` : ""}`;
}

function camera(text: string | null): Camera | null {
  const [x, y, zoom, ...more] = texts(text);
  return [x, y, zoom].every(Number.isFinite) && zoom > 0 && !more.length ? { x, y, zoom } : null;
}

function pairs(numbers: number[]): Point[] {
  return Array.from({ length: numbers.length >> 1 }, (_, i) => [numbers[2 * i], numbers[2 * i + 1]]);
}

function stretch(text: string): Criterion[] {
  const found = /^(.+)=([-+.\de]+|-?Infinity):([-+.\de]+|-?Infinity)$/s.exec(text);
  return found ? [{ column: found[1], low: Number(found[2]), high: Number(found[3]) }] : [];
}

/** The column's "=" are escaped, so that the first one divides. */
function word(text: string): Criterion[] {
  const at = text.indexOf("=");
  try {
    return at > 0 ? [{ column: decodeURIComponent(text.slice(0, at)), word: text.slice(at + 1) }] : [];
  } catch {
    return []; // an address that somebody broke
  }
}
