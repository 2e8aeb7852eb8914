// Two encoders beside each other: the same galaxies lit in both maps, and how many neighbours they agree on.

import { useMemo, useState } from "preact/hooks";
import type { Point } from "../address";
import type { Catalogue } from "../catalogue";
import type { Comparison } from "../contract";
import { percent, said, usePage } from "../page";
import { useChosen, useInside } from "../parts/chosen";
import { ColourChoice, useColouring } from "../parts/colour";
import { Gallery } from "../parts/gallery";
import { useLoad } from "../parts/hooks";
import { Notice } from "../parts/notice";
import { MapChoice, mapOf, PointMap, usePlaces } from "../parts/pointmap";
import { json } from "../server";

const NONE: number[] = [];

export function CompareView() {
  const { catalogues } = usePage();
  if (catalogues.length < 2) return <Notice>There is one catalogue only. Give a second one, of the same galaxies by another encoder: task.compare=FILE.</Notice>;
  return <Both catalogues={[catalogues[0], catalogues[1]]} />;
}

function Both({ catalogues }: { catalogues: [Catalogue, Catalogue] }) {
  const { state, go } = usePage();
  const side = state.catalogue === 1 ? 1 : 0;
  const names = catalogues.map((one) => mapOf(one, state.map));
  const placed = [usePlaces(catalogues[0], names[0]), usePlaces(catalogues[1], names[1])];
  const [drawing, setDrawing] = useState(false);
  const summary = useLoad(() => json<Comparison>("compare.json"), []);
  const match = useLoad(() => Promise.all([catalogues[0].match(), catalogues[1].match()]), []);
  const near = useLoad(() => neighbours(catalogues, side, state.row), [side, state.row]);
  const chosen = useChosen(catalogues[side], state.criteria);
  const inside = useInside(placed[side].placed?.grid, state.lasso, chosen.criteria?.mask ?? null);
  const mask = inside?.mask ?? chosen.criteria?.mask ?? null;
  const masks = useMemo(() => [0, 1].map((one) => (one === side || !mask ? mask : match.value ? carried(mask, match.value[one]) : null)), [mask, side, match.value]);
  const count = inside?.count ?? chosen.criteria?.count;
  const shown = near.value;
  const click = (one: number, at: Point) => {
    const grid = placed[one].placed?.grid;
    if (grid) go({ catalogue: one, at: null, row: grid.nearest(...at, 1)[0], lasso: one === side ? state.lasso : null });
  };
  const lasso = (one: number, line: Point[]) => {
    setDrawing(false);
    go({ catalogue: one, lasso: line, row: one === side ? state.row : null });
  };
  return (
    <div class="compare">
      <div class="bar">
        <Overlap told={summary.value} error={summary.error} />
        <button type="button" aria-pressed={drawing} onClick={() => setDrawing(!drawing)}>
          Lasso
        </button>
        {mask && (
          <p class="chip">
            {said(count ?? 0)} galaxies lit in both maps{" "}
            <button type="button" class="quiet" onClick={() => go({ lasso: null, criteria: [] })}>
              Clear
            </button>
          </p>
        )}
      </div>
      {(match.error ?? chosen.error) && <Notice bad>{match.error ?? chosen.error}</Notice>}
      <div class="pair">
        {catalogues.map((catalogue, one) => (
          <Side key={catalogue.path} {...{ catalogue, one, drawing, mask: masks[one], rows: shown?.rows[one] ?? NONE, centre: shown?.centres[one] ?? null }} name={names[one]} placed={placed[one]} click={click} lasso={lasso} />
        ))}
      </div>
      {near.error && <Notice bad>{near.error}</Notice>}
      {state.row === null && <Notice>Click on a galaxy in either map to see whom each encoder takes for its neighbours.</Notice>}
      {shown && (
        <div class="pair">
          {catalogues.map((catalogue, one) => (
            <section key={catalogue.path}>
              <h2>
                Most alike <span class="count">{shown.shared[one].size} of {shown.rows[one].length} in both</span>
              </h2>
              {shown.centres[one] === null ? <Notice>This galaxy is not in this catalogue.</Notice> : <Gallery catalogue={catalogue} rows={shown.rows[one]} marked={shown.shared[one]} label={`Most alike, ${catalogue.about.title}`} />}
            </section>
          ))}
        </div>
      )}
    </div>
  );
}

interface SideShown {
  catalogue: Catalogue;
  one: number;
  name: string;
  placed: ReturnType<typeof usePlaces>;
  mask: Uint8Array | null;
  rows: number[];
  centre: number | null;
  drawing: boolean;
  click(one: number, at: Point): void;
  lasso(one: number, line: Point[]): void;
}

function Side({ catalogue, one, name, placed, mask, rows, centre, drawing, click, lasso }: SideShown) {
  const { site, state, go } = usePage();
  const { title } = site.catalogues[one];
  const { colouring, error } = useColouring(catalogue, state.colour || null);
  const marks = useMemo(() => ({ cross: null, rings: centre === null ? NONE : [centre, ...rows], lasso: one === state.catalogue ? state.lasso : null }), [rows, centre, state.lasso, state.catalogue]);
  return (
    <section aria-label={title}>
      <h2 class="name">{title}</h2>
      <PointMap
        {...{ catalogue, name, colouring, marks, drawing }}
        {...placed}
        chosen={mask}
        camera={one ? state.camera2 : state.camera}
        onLook={(camera) => go(one ? { camera2: camera } : { camera })}
        onClick={(at) => click(one, at)}
        onLasso={(line) => lasso(one, line)}
      />
      <div class="controls">
        <MapChoice catalogue={catalogue} />
        <ColourChoice catalogue={catalogue} name={state.colour || null} legend={colouring.legend} error={error} />
      </div>
    </section>
  );
}

function Overlap({ told, error }: { told: Comparison | undefined; error: string | null }) {
  if (error) return <Notice bad>{error}</Notice>;
  if (!told) return null;
  return (
    <p class="match">
      {told.overlap !== null && (
        <>
          <strong>{percent(told.overlap)}</strong> of the 24 nearest in common (mean over {said(told.sample)} galaxies);{" "}
        </>
      )}
      {said(told.matched)} galaxies in both
    </p>
  );
}

interface Alike {
  centres: (number | null)[];
  rows: number[][];
  /** in each catalogue, the neighbours that the other one names too */
  shared: Set<number>[];
}

async function neighbours(catalogues: [Catalogue, Catalogue], side: 0 | 1, row: number | null): Promise<Alike | null> {
  if (row === null) return null;
  const match = await Promise.all(catalogues.map((one) => one.match()));
  const there = match[side][row] ?? -1;
  const centres = side === 0 ? [row, there < 0 ? null : there] : [there < 0 ? null : there, row];
  const rows = await Promise.all(catalogues.map(async (one, i) => (centres[i] === null ? [] : (await one.near(centres[i])).map(([other]) => other))));
  const shared = [0, 1].map((one) => new Set(rows[one].filter((other) => rows[1 - one].includes(match[one][other]))));
  return { centres, rows, shared };
}

/** A mask of the other catalogue's rows as one of this catalogue's. */
function carried(mask: Uint8Array, match: Int32Array): Uint8Array {
  return Uint8Array.from(match, (row) => (row < 0 ? 0 : mask[row]));
}
