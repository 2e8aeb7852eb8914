// Pictures of galaxies at their places on the map, once there is room: never two over each other.

import type { Camera } from "../address";
import { toMap, toScreen, type Size } from "./camera";
import type { Grid } from "./grid";

const EDGE_PX = 60;
const GAP_PX = 4;
/** galaxies in view for each picture that would fit, from which on there are points only */
const CROWD = 8;

export class Thumbnails {
  private shown = new Map<number, HTMLImageElement>();

  constructor(
    private readonly layer: HTMLElement,
    private readonly source: (row: number) => string,
  ) {}

  /** Chooses whom to show; called when the map is still. */
  choose(grid: Grid, camera: Camera, size: Size, among: Uint8Array | null): void {
    const wanted = new Set(spaced(grid, camera, size, among));
    for (const [row, image] of this.shown) {
      if (wanted.has(row)) continue;
      image.remove();
      this.shown.delete(row);
    }
    for (const row of wanted) {
      if (!this.shown.has(row)) this.shown.set(row, this.add(row));
    }
    this.move(grid, camera, size);
  }

  /** Puts those that are shown where they belong; called with every frame. */
  move(grid: Grid, camera: Camera, size: Size): void {
    for (const [row, image] of this.shown) {
      const [x, y] = toScreen(camera, size, grid.places[2 * row], grid.places[2 * row + 1]);
      image.style.transform = `translate(${(x - EDGE_PX / 2).toFixed(1)}px, ${(y - EDGE_PX / 2).toFixed(1)}px)`;
    }
  }

  clear(): void {
    this.layer.replaceChildren();
    this.shown.clear();
  }

  private add(row: number): HTMLImageElement {
    const image = new Image(EDGE_PX, EDGE_PX);
    image.className = "on-map";
    image.alt = "";
    image.decoding = "async";
    image.draggable = false;
    image.onload = () => image.classList.add("there");
    image.onerror = () => image.remove();
    image.src = this.source(row);
    this.layer.append(image);
    return image;
  }
}

/** Rows in view of which no two are closer than a picture is wide; the same ones stay while the map is moved. */
function spaced(grid: Grid, camera: Camera, size: Size, among: Uint8Array | null): number[] {
  const [left, top] = toMap(camera, size, 0, 0);
  const [right, bottom] = toMap(camera, size, size.width, size.height);
  const rows: number[] = [];
  const cell = EDGE_PX + GAP_PX;
  const most = (CROWD * size.width * size.height) / cell ** 2;
  const few = grid.within([left, bottom], [right, top], most, (row) => !(among && !among[row]) && rows.push(row));
  if (!few) return [];
  const taken = new Map<string, [number, number]>();
  const chosen: number[] = [];
  for (const row of rows.sort((a, b) => rank(a) - rank(b))) {
    const [x, y] = toScreen(camera, size, grid.places[2 * row], grid.places[2 * row + 1]);
    if (x < 0 || y < 0 || x > size.width || y > size.height || near(taken, x, y, cell)) continue;
    taken.set(`${Math.floor(x / cell)},${Math.floor(y / cell)}`, [x, y]);
    chosen.push(row);
  }
  return chosen;
}

function near(taken: Map<string, [number, number]>, x: number, y: number, cell: number): boolean {
  const [column, line] = [Math.floor(x / cell), Math.floor(y / cell)];
  for (let c = column - 1; c <= column + 1; c++) {
    for (let l = line - 1; l <= line + 1; l++) {
      const other = taken.get(`${c},${l}`);
      if (other && Math.abs(other[0] - x) < cell && Math.abs(other[1] - y) < cell) return true;
    }
  }
  return false;
}

/** A scattered order of all rows, the same in every view. */
function rank(row: number): number {
  return Math.imul(row + 1, 0x9e3779b1) >>> 0;
}
