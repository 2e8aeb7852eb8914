// The latent space: walk, colour, click anywhere, draw a line around galaxies.

import { useMemo, useState } from "preact/hooks";
import type { State } from "../address";
import { sorted } from "../criteria";
import { brief, link, percent, said, usePage } from "../page";
import { useChosen, useInside } from "../parts/chosen";
import { ColourChoice, colourOf, useColouring } from "../parts/colour";
import { Downloads } from "../parts/download";
import { Gallery } from "../parts/gallery";
import { follow } from "../parts/header";
import { useLoad } from "../parts/hooks";
import { Notice } from "../parts/notice";
import { MapChoice, mapOf, PointMap, usePlaces, type Placed } from "../parts/pointmap";
import { WHOLE } from "../points/camera";

const NEAREST = 1000;
const NOWHERE: number[] = [];
const RINGS = 24;

export function MapPage() {
  const { catalogue, state, go } = usePage();
  const name = mapOf(catalogue, state.map);
  const { places, placed, error } = usePlaces(catalogue, name);
  const colour = colourOf(catalogue, state);
  const { colouring, error: uncoloured } = useColouring(catalogue, colour);
  const chosen = useChosen(catalogue, state.criteria);
  const among = chosen.criteria?.mask ?? null;
  const inside = useInside(placed?.grid, state.lasso, among);
  const nearest = useMemo(() => (placed && state.at ? placed.grid.nearest(...state.at, NEAREST, among) : NOWHERE), [placed, state.at?.join(), among]);
  const marks = useMemo(() => ({ cross: state.at, rings: nearest.slice(0, RINGS), lasso: state.lasso }), [state.at?.join(), nearest, state.lasso?.join()]);
  const [drawing, setDrawing] = useState(false);
  const [hovered, setHovered] = useState<number | null>(null);
  const lasso = (line: State["lasso"]) => {
    setDrawing(false);
    go({ lasso: line });
  };
  return (
    <div class="split">
      <PointMap
        {...{ catalogue, name, places, placed, error, colouring, marks, drawing }}
        chosen={inside?.mask ?? among}
        camera={state.camera}
        onLook={(camera) => go({ camera })}
        onClick={(at) => go({ at })}
        onLasso={lasso}
        onHover={setHovered}
      >
        <Tools {...{ drawing, setDrawing, placed, lasso }} />
        <Hovered row={hovered} />
      </PointMap>
      <aside aria-label="About the map">
        <section>
          <h2>{catalogue.about.title}</h2>
          <p class="about">
            {said(catalogue.rows)} galaxies, embedded in {said(catalogue.about.dim)} dimensions
          </p>
        </section>
        <section class="controls">
          <MapChoice catalogue={catalogue} />
          <ColourChoice catalogue={catalogue} name={colour} legend={colouring?.legend} error={uncoloured} />
        </section>
        <ChosenNote chosen={chosen.criteria?.count ?? null} error={chosen.error} />
        {state.lasso && <Selected mask={inside?.mask ?? null} count={inside?.count ?? 0} places={places} />}
        <Nearest rows={nearest} places={places} placed={placed} />
      </aside>
    </div>
  );
}

interface ToolsShown {
  drawing: boolean;
  setDrawing(on: boolean): void;
  placed: Placed | undefined;
  lasso(line: State["lasso"]): void;
}

function Tools({ drawing, setDrawing, placed, lasso }: ToolsShown) {
  const { state, go } = usePage();
  const { x, y, zoom } = state.camera ?? WHOLE;
  const closer = (factor: number) => go({ camera: { x, y, zoom: zoom * factor } });
  /** The middle half of what is seen: a line for those who do not draw. */
  const middle = () => {
    const half = 0.5 / zoom;
    lasso([[x - half, y - half], [x + half, y - half], [x + half, y + half], [x - half, y + half]]);
  };
  return (
    <div class="tools" role="toolbar" aria-label="Tools of the map">
      <button type="button" aria-label="Closer" title="Closer (+)" onClick={() => closer(1.5)}>
        +
      </button>
      <button type="button" aria-label="Further away" title="Further away (−)" onClick={() => closer(1 / 1.5)}>
        −
      </button>
      <button type="button" title="Show all of the map (Home)" onClick={() => go({ camera: null })}>
        All
      </button>
      <button type="button" aria-pressed={drawing} disabled={!placed} title="Draw a line around galaxies (or Shift and drag)" onClick={() => setDrawing(!drawing)}>
        Lasso
      </button>
      <button type="button" disabled={!placed} title="Select the square in the middle of the map" onClick={middle}>
        Square
      </button>
    </div>
  );
}

function Hovered({ row }: { row: number | null }) {
  const { catalogue, state } = usePage();
  const colour = colourOf(catalogue, state);
  const told = useLoad(async () => {
    if (row === null) return null;
    const value = colour ? await catalogue.value(row, colour) : null;
    return [await catalogue.id(row), ...(value === null ? [] : [typeof value === "number" ? brief(value) : value])].join(" · ");
  }, [catalogue, row, colour]);
  return row === null || !told.value ? null : <div class="hovered">{told.value}</div>;
}

/** That criteria are at work, which are set elsewhere. */
export function ChosenNote({ chosen, error }: { chosen: number | null; error: string | null }) {
  const page = usePage();
  const { catalogue, state, go } = page;
  if (error) return <Notice bad>{error}</Notice>;
  if (!state.criteria.length || chosen === null) return null;
  return (
    <p class="chip">
      <a href={link(page, { view: "choose" })} onClick={(event) => follow(event, () => go({ view: "choose" }))}>
        {said(chosen)} of {said(catalogue.rows)} galaxies match
      </a>
      <button type="button" class="quiet" onClick={() => go({ criteria: [] })}>
        Clear
      </button>
    </p>
  );
}

function Selected({ mask, count, places }: { mask: Uint8Array | null; count: number; places?: Float32Array }) {
  const { catalogue, state, go } = usePage();
  const rows = useMemo(() => (mask ? sorted(mask, null, false) : new Int32Array(0)), [mask]);
  return (
    <section>
      <h2>
        Inside the line <span class="count">{said(count)} galaxies, {percent(count / catalogue.rows)}</span>
        <button type="button" class="quiet" onClick={() => go({ lasso: null })}>
          Clear
        </button>
      </h2>
      <p class="actions">
        Save <Downloads catalogue={catalogue} rows={() => rows} places={places} columns={[colourOf(catalogue, state) ?? "", ...state.criteria.map((one) => one.column)]} name="selected" what="The selected galaxies" />
      </p>
      {count ? <Gallery catalogue={catalogue} rows={rows} label="Galaxies inside the line" step={24} /> : <Notice>No galaxy is inside the line.</Notice>}
    </section>
  );
}

function Nearest({ rows, places, placed }: { rows: number[]; places?: Float32Array; placed?: Placed }) {
  const { catalogue, state, go } = usePage();
  if (!state.at) {
    return <Notice>Click anywhere on the map, on a galaxy or between them, to see the galaxies nearest to that place.</Notice>;
  }
  if (!placed) return <Notice>Looking for the nearest …</Notice>;
  if (!rows.length) return <Notice>No galaxy matches.</Notice>;
  return (
    <section>
      <h2>
        Nearest to the click <span class="count">{said(rows.length)}</span>
        <button type="button" class="quiet" onClick={() => go({ at: null })}>
          Clear
        </button>
      </h2>
      <p class="actions">
        Save the {said(rows.length)} nearest{" "}
        <Downloads catalogue={catalogue} rows={() => rows} places={places} columns={[colourOf(catalogue, state) ?? "", ...state.criteria.map((one) => one.column)]} name="nearest" what="The nearest galaxies" />
      </p>
      <Gallery catalogue={catalogue} rows={rows} label="Nearest galaxies" />
    </section>
  );
}
