// A map on the page: the points, above them pictures, above those a drawing of what was asked and selected.

import type { Camera, Point } from "../address";
import { toMap, toScreen, WHOLE, type Size } from "./camera";
import type { Colouring } from "./colours";
import { listen } from "./gestures";
import type { Grid } from "./grid";
import { Renderer } from "./renderer";
import { Thumbnails } from "./thumbnails";

const STILL_MS = 140;
const LASSO_POINTS = 60;
const HOVER_PX = 14;

export interface Marks {
  cross: Point | null;
  /** rows with a ring each, the first a thick one */
  rings: number[];
  lasso: Point[] | null;
}

export interface Asked {
  clicked(at: Point): void;
  lassoed(line: Point[]): void;
  looked(camera: Camera): void;
  hovered(row: number | null): void;
}

export class MapView {
  camera: Camera = WHOLE;
  drawing = false;
  private readonly renderer: Renderer;
  private readonly thumbnails: Thumbnails | null;
  private grid: Grid | null = null;
  private chosen: Uint8Array | null = null;
  private marks: Marks = { cross: null, rings: [], lasso: null };
  private line: Point[] | null = null;
  private size: Size = { width: 1, height: 1 };
  private frame = 0;
  private fresh = true;
  private still = 0;
  private readonly observer: ResizeObserver;

  /** Throws without WebGL 2. */
  constructor(
    private readonly element: HTMLElement,
    points: HTMLCanvasElement,
    layer: HTMLElement,
    private readonly drawn: HTMLCanvasElement,
    private readonly asked: Asked,
    picture: ((row: number) => string) | null,
  ) {
    this.renderer = new Renderer(points);
    this.thumbnails = picture && new Thumbnails(layer, picture);
    points.addEventListener("webglcontextlost", (event) => event.preventDefault());
    points.addEventListener("webglcontextrestored", () => {
      this.renderer.restore();
      this.redraw();
    });
    this.observer = new ResizeObserver(() => this.measure());
    this.observer.observe(element);
    this.measure();
    listen(element, {
      camera: () => this.camera,
      size: () => this.size,
      look: (camera) => this.look(camera),
      clicked: (x, y) => asked.clicked(toMap(this.camera, this.size, x, y)),
      hovered: (x, y) => this.hover(x, y),
      drawn: (line, done) => this.draw(line, done),
      drawing: () => this.drawing,
    });
  }

  close(): void {
    this.observer.disconnect();
    cancelAnimationFrame(this.frame);
    clearTimeout(this.still);
  }

  /** Other places; the index of them may follow later. */
  setPlaces(places: Float32Array): void {
    this.grid = null;
    this.thumbnails?.clear();
    this.renderer.setPlaces(places);
    this.redraw();
  }

  setGrid(grid: Grid): void {
    this.grid = grid;
    this.redraw();
  }

  setColours(colouring: Colouring, grey: [number, number, number]): void {
    this.renderer.setColours(colouring.places, colouring.palette);
    this.renderer.setGrey(grey);
    this.redraw();
  }

  setChosen(chosen: Uint8Array | null): void {
    this.chosen = chosen;
    this.renderer.setChosen(chosen);
    this.redraw();
  }

  setMarks(marks: Marks): void {
    this.marks = marks;
    this.overlay();
  }

  look(camera: Camera): void {
    this.camera = camera;
    this.redraw();
  }

  redraw(): void {
    this.fresh = true;
    clearTimeout(this.still);
    this.still = window.setTimeout(() => this.rested(), STILL_MS);
    if (!this.frame) this.frame = requestAnimationFrame((now) => this.step(now));
  }

  private step(now: number): void {
    this.frame = 0;
    if (this.fresh) {
      this.fresh = false;
      this.renderer.begin(this.camera, this.size, ratio(), this.grid?.dense ?? 0, 2 / (this.grid?.side ?? 1));
      this.overlay();
      if (this.grid) this.thumbnails?.move(this.grid, this.camera, this.size);
    }
    const done = this.renderer.advance(now);
    this.element.dataset.complete = String(done && this.grid !== null);
    if (!done) this.frame = requestAnimationFrame((next) => this.step(next));
  }

  private rested(): void {
    if (this.grid) this.thumbnails?.choose(this.grid, this.camera, this.size, this.chosen);
    this.asked.looked(this.camera);
  }

  private measure(): void {
    const size = { width: this.element.clientWidth, height: this.element.clientHeight };
    if (size.width < 2 || size.height < 2) return;
    this.size = size;
    this.drawn.width = size.width * ratio();
    this.drawn.height = size.height * ratio();
    this.redraw();
  }

  private draw(line: Point[], done: boolean): void {
    this.line = done ? null : line;
    if (done) {
      const step = Math.max(1, Math.ceil(line.length / LASSO_POINTS));
      this.asked.lassoed(line.filter((_, i) => i % step === 0).map(([x, y]) => toMap(this.camera, this.size, x, y)));
    }
    this.overlay();
  }

  private hover(x: number, y: number): void {
    const row = this.grid?.nearest(...toMap(this.camera, this.size, x, y), 1)[0];
    if (row === undefined || !this.grid) return this.asked.hovered(null);
    const [px, py] = toScreen(this.camera, this.size, this.grid.places[2 * row], this.grid.places[2 * row + 1]);
    this.asked.hovered(Math.hypot(px - x, py - y) <= HOVER_PX ? row : null);
  }

  private overlay(): void {
    const context = this.drawn.getContext("2d");
    if (!context) return;
    const style = getComputedStyle(this.element);
    context.setTransform(ratio(), 0, 0, ratio(), 0, 0);
    context.clearRect(0, 0, this.size.width, this.size.height);
    context.strokeStyle = style.getPropertyValue("--mark");
    context.fillStyle = style.getPropertyValue("--mark-fill");
    const lasso = this.line ?? this.marks.lasso?.map(([x, y]) => toScreen(this.camera, this.size, x, y));
    if (lasso) outline(context, lasso);
    if (this.grid) this.rings(context, this.grid.places);
    if (this.marks.cross) cross(context, toScreen(this.camera, this.size, ...this.marks.cross));
  }

  private rings(context: CanvasRenderingContext2D, places: Float32Array): void {
    const radius = Math.min(6, 3 + Math.sqrt(this.camera.zoom) / 2);
    this.marks.rings.forEach((row, rank) => {
      const [x, y] = toScreen(this.camera, this.size, places[2 * row], places[2 * row + 1]);
      context.lineWidth = rank === 0 ? 2.2 : 1.1;
      context.beginPath();
      context.arc(x, y, rank === 0 ? radius + 3 : radius, 0, 2 * Math.PI);
      context.stroke();
    });
  }
}

function ratio(): number {
  return Math.min(2, window.devicePixelRatio || 1);
}

function outline(context: CanvasRenderingContext2D, line: Point[]): void {
  context.lineWidth = 1.5;
  context.beginPath();
  line.forEach(([x, y], i) => (i ? context.lineTo(x, y) : context.moveTo(x, y)));
  context.closePath();
  context.fill();
  context.stroke();
}

function cross(context: CanvasRenderingContext2D, [x, y]: Point): void {
  context.lineWidth = 1.8;
  context.beginPath();
  for (const [dx, dy] of [[1, 0], [-1, 0], [0, 1], [0, -1]]) {
    context.moveTo(x + 4 * dx, y + 4 * dy);
    context.lineTo(x + 13 * dx, y + 13 * dy);
  }
  context.stroke();
}
