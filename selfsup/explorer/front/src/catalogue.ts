// One catalogue as the page holds it: files are fetched when something shows them, once.

import { bytes, Failure, json } from "./server";
import type { About, Column, Question, Value } from "./contract";

/** Chunks of ids that are searched together. */
const AT_ONCE = 8;
/** Endings of the columns that say how many would give an answer, the best first. */
const SAYS = ["mean", "share", "fraction"];

export class Catalogue {
  readonly rows: number;
  readonly columns: Map<string, Column>;
  private readonly kept = new Map<string, Promise<unknown>>();

  constructor(
    readonly path: string,
    readonly about: About,
  ) {
    this.rows = about.galaxies;
    this.columns = new Map(about.columns.map((column) => [column.name, column]));
  }

  static async open(path: string): Promise<Catalogue> {
    return new Catalogue(path, await json<About>(`${path}/about.json`));
  }

  /** x and y of each galaxy after one another, in [-1, 1]. */
  map(name: string): Promise<Float32Array> {
    const file = this.about.maps.find((map) => map.name === name)?.file;
    if (!file) return Promise.reject(new Failure(`There is no map "${name}" of this catalogue.`, 404));
    return this.once(file, async () => whole(new Float32Array(await bytes(`${this.path}/${file}`)), 2 * this.rows, file));
  }

  numbers(name: string): Promise<Float32Array> {
    const file = this.columns.get(name)?.file;
    if (!file) return Promise.reject(new Failure(`Column "${name}" cannot be drawn.`, 404));
    return this.once(file, async () => whole(new Float32Array(await bytes(`${this.path}/${file}`)), this.rows, file));
  }

  /** Place of each galaxy's word in `words`, 65535 where it has none. */
  words(name: string): Promise<Uint16Array> {
    const file = this.columns.get(name)?.file;
    if (!file) return Promise.reject(new Failure(`Column "${name}" cannot be drawn.`, 404));
    return this.once(file, async () => whole(new Uint16Array(await bytes(`${this.path}/${file}`)), this.rows, file));
  }

  async id(row: number): Promise<string> {
    const chunk = Math.floor(row / this.about.id_rows);
    return (await this.ids(chunk))[row - chunk * this.about.id_rows];
  }

  ids(chunk: number): Promise<string[]> {
    return this.once(`ids/${chunk}`, () => json<string[]>(`${this.path}/ids/${chunk}.json`));
  }

  /** The row of an id, or of the first id that begins so; -1 without one. */
  async find(text: string): Promise<number> {
    const chunks = Array.from({ length: Math.ceil(this.rows / this.about.id_rows) }, (_, chunk) => chunk);
    let begins = -1;
    for (let start = 0; start < chunks.length; start += AT_ONCE) {
      const ids = (await Promise.all(chunks.slice(start, start + AT_ONCE).map((chunk) => this.ids(chunk)))).flat();
      const exact = ids.indexOf(text);
      if (exact >= 0) return start * this.about.id_rows + exact;
      const place = begins < 0 ? ids.findIndex((id) => id.startsWith(text)) : -1;
      if (place >= 0) begins = start * this.about.id_rows + place;
    }
    return begins;
  }

  async values(row: number): Promise<Map<string, Value>> {
    const chunk = Math.floor(row / this.about.value_rows);
    const all = await this.chunk(chunk);
    return new Map(Object.entries(all).map(([name, values]) => [name, values[row - chunk * this.about.value_rows]]));
  }

  chunk(chunk: number): Promise<Record<string, Value[]>> {
    return this.once(`values/${chunk}`, () => json(`${this.path}/values/${chunk}.json`));
  }

  near(row: number): Promise<[row: number, cosine: number][]> {
    return this.once(`near/${row}`, () => json(`${this.path}/near/${row}.json`));
  }

  /** Row in the other catalogue of each galaxy of this one, -1 without. */
  match(): Promise<Int32Array> {
    return this.once("match", async () => whole(new Int32Array(await bytes(`${this.path}/match.bin`)), this.rows, "match.bin"));
  }

  /** What a column that can be drawn says of a galaxy; null where it says nothing. */
  async value(row: number, name: string): Promise<string | number | null> {
    const column = this.columns.get(name);
    if (column?.kind === "word") return column.words?.[(await this.words(name))[row]] ?? null;
    const value = (await this.numbers(name))[row];
    return Number.isNaN(value) ? null : value;
  }

  thumbnail(row: number): string {
    return `${this.path}/thumbs/${row}.jpg`;
  }

  image(row: number): string {
    return `${this.path}/images/${row}.jpg`;
  }

  view(row: number, survey: string): string {
    return `${this.path}/views/${row}-${encodeURIComponent(survey)}.jpg`;
  }

  /** The column that says how many give an answer: expected of a posterior, or the volunteers' own. */
  saying(answer: string): string | null {
    return SAYS.map((said) => `${answer}_${said}`).find((name) => this.columns.get(name)?.kind === "number") ?? null;
  }

  /** What colours the map before anybody chose: the first answer of the first question. */
  get colour(): string | null {
    const first = this.about.tree?.questions[0]?.answers[0];
    return first === undefined ? null : this.saying(first);
  }

  /** Columns that can colour a map or be a criterion. */
  get drawable(): Column[] {
    return this.about.columns.filter((column) => column.file !== null && column.kind !== "text");
  }

  private once<T>(key: string, load: () => Promise<T>): Promise<T> {
    const known = this.kept.get(key) as Promise<T> | undefined;
    if (known) return known;
    const loading = load();
    this.kept.set(key, loading);
    loading.catch(() => this.kept.delete(key));  // asked for again, it is tried again
    return loading;
  }
}

/** "smooth-or-featured_featured-or-disk" of question "smooth-or-featured" -> "featured or disk". */
export function answerTitle(question: Question, answer: string): string {
  return plain(answer.startsWith(`${question.name}_`) ? answer.slice(question.name.length + 1) : answer);
}

export function plain(name: string): string {
  return name.replace(/[-_]/g, " ");
}

function whole<T extends { length: number }>(values: T, length: number, file: string): T {
  if (values.length !== length) throw new Failure(`${file} has ${values.length} values instead of ${length}; restart the program so that it is made again.`, 500);
  return values;
}
