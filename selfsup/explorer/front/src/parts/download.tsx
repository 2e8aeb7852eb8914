// Galaxies as a file: of the server, which has all columns, or made here from what the page holds.

import { useState } from "preact/hooks";
import type { Catalogue } from "../catalogue";
import { usePage } from "../page";
import { post } from "../server";

const FORMATS = { csv: "CSV", parquet: "Parquet", fits: "FITS" };

interface Given {
  catalogue: Catalogue;
  rows(): ArrayLike<number>;
  /** places on the map that is shown, for a file that is made here */
  places?: Float32Array;
  /** columns that are shown, for a file that is made here */
  columns: string[];
  name: string;
  what: string;
}

export function Downloads({ catalogue, rows, places, columns, name, what }: Given) {
  const { site } = usePage();
  const [said, setSaid] = useState("");
  const formats = Object.entries(FORMATS).filter(([format]) => site.live || format === "csv");
  const get = async (format: string) => {
    setSaid("Writing …");
    try {
      const numbers = Array.from(rows());
      const file = site.live ? await (await post(`${catalogue.path}/table.${format}`, { rows: numbers })).blob() : new Blob([await table(catalogue, numbers, columns, places)], { type: "text/csv" });
      save(file, `${name}.${format}`);
      setSaid("");
    } catch (error) {
      setSaid(error instanceof Error ? error.message : String(error));
    }
  };
  return (
    <span class="downloads">
      {formats.map(([format, title]) => (
        <button key={format} type="button" onClick={() => get(format)} aria-label={`${what} as ${title}`}>
          {title}
        </button>
      ))}
      <output role="status">{said}</output>
    </span>
  );
}

function save(file: Blob, name: string): void {
  const address = URL.createObjectURL(file);
  const anchor = document.createElement("a");
  anchor.href = address;
  anchor.download = name;
  anchor.click();
  setTimeout(() => URL.revokeObjectURL(address), 10_000);
}

async function table(catalogue: Catalogue, rows: number[], names: string[], places?: Float32Array): Promise<string> {
  const shown = [...new Set(names)].filter((name) => catalogue.columns.get(name)?.file);
  const columns = await Promise.all(shown.map((name) => texts(catalogue, name)));
  const head = ["id", ...(places ? ["map_x", "map_y"] : []), ...shown];
  const lines = [head.map(cell).join(",")];
  for (const row of rows) {
    const where = places ? [String(places[2 * row]), String(places[2 * row + 1])] : [];
    lines.push([cell(await catalogue.id(row)), ...where, ...columns.map((text) => text(row))].join(","));
  }
  return `${lines.join("\r\n")}\r\n`;
}

async function texts(catalogue: Catalogue, name: string): Promise<(row: number) => string> {
  const column = catalogue.columns.get(name);
  if (column?.kind === "word") {
    const values = await catalogue.words(name);
    return (row) => cell(column.words?.[values[row]] ?? "");
  }
  const values = await catalogue.numbers(name);
  return (row) => (Number.isNaN(values[row]) ? "" : String(Number(values[row].toPrecision(8))));
}

/** A cell that a spreadsheet takes for text: what begins like a formula gets an apostrophe before it. */
export function cell(text: string): string {
  const safe = /^[=+\-@\t\r\n]/.test(text) ? `'${text}` : text;
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}
