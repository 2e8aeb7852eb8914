// What every view is given.

import { createContext } from "preact";
import { useContext } from "preact/hooks";
import { write, type State } from "./address";
import type { Catalogue } from "./catalogue";
import type { Site } from "./contract";

export interface Page {
  site: Site;
  catalogues: Catalogue[];
  /** the one that is looked at */
  catalogue: Catalogue;
  state: State;
  dark: boolean;
  /** Changes the state; another view becomes a step of the browser's history. */
  go(change: Partial<State>): void;
}

export const PageContext = createContext<Page | null>(null);

export function usePage(): Page {
  const page = useContext(PageContext);
  if (!page) throw new Error("a view stands outside of the page");
  return page;
}

/** Address of the state with this change. */
export function link(page: Page, change: Partial<State>): string {
  return write({ ...page.state, ...change });
}

export function said(count: number): string {
  return count.toLocaleString("en");
}

/** A number in as few letters as tell it. */
export function brief(value: number): string {
  if (!Number.isFinite(value)) return String(value);
  if (value !== 0 && (Math.abs(value) < 1e-3 || Math.abs(value) >= 1e6)) return value.toExponential(2);
  return String(Number(value.toPrecision(4)));
}

export function percent(share: number): string {
  return `${Math.round(100 * share)} %`;
}
