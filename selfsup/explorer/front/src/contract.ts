// What the server, or a static folder, gives the page.

export interface Site {
  title: string;
  live: boolean;
  version: string;
  catalogues: { path: string; title: string }[];
  hunt: boolean;
  label: boolean;
}

export interface Column {
  name: string;
  kind: "number" | "word" | "text";
  file: string | null;
  words?: string[] | null;
  unit?: string | null;
  description?: string | null;
  low?: number | null;
  high?: number | null;
}

export interface Question {
  name: string;
  answers: string[];
  after: string[];
}

export interface Tree {
  name: string;
  questions: Question[];
}

export interface About {
  title: string;
  galaxies: number;
  dim: number;
  size_px: number;
  pictures: true | string;
  id_rows: number;
  value_rows: number;
  maps: { name: string; title: string; file: string }[];
  columns: Column[];
  tree: Tree | null;
  place: { ra: string; dec: string } | null;
  surveys: string[];
  provenance: Record<string, unknown>;
}

export type Value = string | number | boolean | null;

export interface HuntState {
  rated: [row: number, rating: number, when: string, who: string][];
  batch: number[];
  learning: boolean;
  learned_from: number;
}

export interface LabelState {
  round: number;
  rows: number[];
  answered: number[];
  tree: Tree | null;
  state: "asking" | "nothing to ask";
}

export interface Comparison {
  overlap: number | null;
  sample: number;
  matched: number;
}
