// A map as a component: files come one after the other, places first, so that something is seen at once.

import { useEffect, useRef, useState } from "preact/hooks";
import type { ComponentChildren } from "preact";
import type { Camera, Point } from "../address";
import type { Catalogue } from "../catalogue";
import { WHOLE } from "../points/camera";
import { plain, type Colouring } from "../points/colours";
import { Grid } from "../points/grid";
import { MapView, type Marks } from "../points/view";
import { usePage } from "../page";
import { useLoad } from "./hooks";
import { Notice } from "./notice";

export interface Placed {
  places: Float32Array;
  grid: Grid;
}

/** Places of a map and the index of them, which is built once the places have been drawn. */
export function usePlaces(catalogue: Catalogue, name: string): { places?: Float32Array; placed?: Placed; error: string | null } {
  const { value, error } = useLoad(async () => ({ name, places: await catalogue.map(name) }), [catalogue, name]);
  const [placed, setPlaced] = useState<Placed>();
  const places = value?.name === name ? value.places : undefined;
  useEffect(() => {
    setPlaced(undefined);
    if (!places) return;
    const soon = setTimeout(() => setPlaced({ places, grid: new Grid(places) }), 60);
    return () => clearTimeout(soon);
  }, [places]);
  return { places, placed: placed?.places === places ? placed : undefined, error };
}

/** The map of this name, or the first one. */
export function mapOf(catalogue: Catalogue, name: string | null): string {
  const maps = catalogue.about.maps;
  return (maps.find((map) => map.name === name) ?? maps[0]).name;
}

/** Which of the maps is drawn, where there are several. */
export function MapChoice({ catalogue }: { catalogue: Catalogue }) {
  const { state, go } = usePage();
  const { maps } = catalogue.about;
  if (maps.length < 2) return null;
  return (
    <label>
      Map
      <select value={mapOf(catalogue, state.map)} onChange={(event) => go({ map: event.currentTarget.value, at: null, lasso: null, camera: null, camera2: null })}>
        {maps.map((map) => (
          <option key={map.name} value={map.name}>
            {map.title}
          </option>
        ))}
      </select>
    </label>
  );
}

interface Shown {
  catalogue: Catalogue;
  name: string;
  places?: Float32Array;
  placed?: Placed;
  error?: string | null;
  colouring?: Colouring;
  chosen?: Uint8Array | null;
  marks: Marks;
  camera: Camera | null;
  drawing?: boolean;
  onLook(camera: Camera): void;
  onClick(at: Point): void;
  onLasso(line: Point[]): void;
  onHover?(row: number | null): void;
  /** what stands in the corner */
  children?: ComponentChildren;
}

export function PointMap(shown: Shown) {
  const { dark } = usePage();
  const box = useRef<HTMLDivElement>(null);
  const points = useRef<HTMLCanvasElement>(null);
  const layer = useRef<HTMLDivElement>(null);
  const drawn = useRef<HTMLCanvasElement>(null);
  const reported = useRef<Camera | null>(null);
  const asked = useRef(shown);
  asked.current = shown;
  const [view, setView] = useState<MapView | null>(null);
  const [blind, setBlind] = useState(false);

  useEffect(() => {
    const [element, below, pictures, above] = [box.current, points.current, layer.current, drawn.current];
    if (!element || !below || !pictures || !above) return;
    const { catalogue } = asked.current;
    const picture = catalogue.about.pictures === true ? (row: number) => catalogue.thumbnail(row) : null;
    const calls = {
      clicked: (at: Point) => asked.current.onClick(at),
      lassoed: (line: Point[]) => asked.current.onLasso(line),
      looked: (camera: Camera) => {
        reported.current = camera;
        asked.current.onLook(camera);
      },
      hovered: (row: number | null) => asked.current.onHover?.(row),
    };
    let made: MapView;
    try {
      made = new MapView(element, below, pictures, above, calls, picture);
    } catch {
      setBlind(true);
      return;
    }
    setView(made);
    return () => made.close();
  }, []);

  useEffect(() => {
    if (view && shown.places) view.setPlaces(shown.places);
  }, [view, shown.places]);
  useEffect(() => {
    if (view && shown.placed) view.setGrid(shown.placed.grid);
  }, [view, shown.placed]);
  useEffect(() => view?.setColours(shown.colouring ?? plain(dark), dark ? [0.42, 0.45, 0.5] : [0.6, 0.62, 0.66]), [view, shown.colouring, dark, shown.places]);
  useEffect(() => view?.setChosen(shown.chosen ?? null), [view, shown.chosen, shown.places]);
  useEffect(() => view?.setMarks(shown.marks), [view, shown.marks, shown.placed, dark]);
  useEffect(() => {
    const wish = shown.camera ?? WHOLE;
    // What comes back is what this map said, rounded; by then it may have been moved on.
    const echo = reported.current !== null && near(wish, reported.current);
    if (!view || (echo && view.camera !== reported.current)) return;
    if (wish.x !== view.camera.x || wish.y !== view.camera.y || wish.zoom !== view.camera.zoom) view.look(wish);
  }, [view, shown.camera]);
  useEffect(() => {
    if (view) view.drawing = shown.drawing ?? false;
  }, [view, shown.drawing]);

  if (blind) return <Notice bad>This browser has no WebGL 2, so the map cannot be drawn. Everything else on this page works: choose galaxies by criteria, or find one by its id.</Notice>;
  const title = shown.catalogue.about.maps.find((map) => map.name === shown.name)?.title ?? shown.name;
  return (
    <div class={shown.drawing ? "map drawing" : "map"}>
      <div ref={box} class="map-area" role="application" tabIndex={0} aria-label={`Map ${title}: ${shown.catalogue.rows} galaxies. Arrows move it, plus and minus enlarge it, Enter asks for the galaxies nearest to its centre.`}>
        <canvas ref={points} />
        <div ref={layer} class="pictures" />
        <canvas ref={drawn} class="drawn" />
      </div>
      {shown.error && <Notice bad>{shown.error}</Notice>}
      {!shown.places && !shown.error && <Notice>Loading the map …</Notice>}
      {shown.children}
    </div>
  );
}

function near(a: Camera, b: Camera): boolean {
  const alike = (one: number, other: number) => Math.abs(one - other) <= 1e-6 * Math.max(1, Math.abs(one));
  return alike(a.x, b.x) && alike(a.y, b.y) && alike(a.zoom, b.zoom);
}
