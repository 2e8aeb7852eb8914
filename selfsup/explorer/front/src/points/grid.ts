// Which galaxies are where: a grid of square cells over [-1, 1], each with the rows in it, in typed arrays.

import type { Point } from "../address";

const ROWS_PER_CELL = 4;

export class Grid {
  readonly side: number;
  /** rows of the fullest cells, by which density is scaled: one cell in 200 has more */
  readonly dense: number;
  private readonly start: Int32Array;
  private readonly rows: Int32Array;

  constructor(readonly places: Float32Array) {
    const count = places.length >> 1;
    this.side = Math.max(1, Math.min(1024, Math.round(Math.sqrt(count / ROWS_PER_CELL))));
    this.start = new Int32Array(this.side * this.side + 1);
    this.rows = new Int32Array(count);
    const cells = new Int32Array(count);
    for (let row = 0; row < count; row++) {
      cells[row] = this.cell(places[2 * row + 1]) * this.side + this.cell(places[2 * row]);
      this.start[cells[row] + 1]++;
    }
    const filled = this.start.filter((n) => n > 0).sort();
    this.dense = filled.length ? filled[Math.floor(filled.length * 0.995)] : 0;
    for (let cell = 0; cell < this.side * this.side; cell++) this.start[cell + 1] += this.start[cell];
    const next = this.start.slice();
    for (let row = 0; row < count; row++) this.rows[next[cells[row]]++] = row;
  }

  /** The k rows nearest to a place, the nearest first; of equals the one with the lower number. */
  nearest(x: number, y: number, k: number, among: Uint8Array | null = null): number[] {
    const [column, line] = [this.cell(x), this.cell(y)];
    const found: { row: number; square: number }[] = [];
    for (let ring = 0; ring < this.side; ring++) {
      this.ring(column, line, ring, (row) => {
        if (!among || among[row]) found.push({ row, square: (this.places[2 * row] - x) ** 2 + (this.places[2 * row + 1] - y) ** 2 });
      });
      const reach = this.reach(x, y, column, line, ring);
      if (found.length >= k && count(found, reach * reach) >= k) break;
    }
    found.sort((a, b) => a.square - b.square || a.row - b.row);
    return found.slice(0, k).map((one) => one.row);
  }

  /** Calls for each row in the cells that a rectangle touches; `most` rows at most, or false before any call. */
  within(low: Point, high: Point, most: number, visit: (row: number) => void): boolean {
    const [left, right, bottom, top] = [this.cell(low[0]), this.cell(high[0]), this.cell(low[1]), this.cell(high[1])];
    let count = 0;
    for (let line = bottom; line <= top; line++) count += this.start[line * this.side + right + 1] - this.start[line * this.side + left];
    if (count > most) return false;
    for (let line = bottom; line <= top; line++) {
      const stop = this.start[line * this.side + right + 1];
      for (let i = this.start[line * this.side + left]; i < stop; i++) visit(this.rows[i]);
    }
    return true;
  }

  /** 1 for each galaxy inside a closed line that need not be convex, by the even-odd rule. */
  inside(line: Point[]): Uint8Array {
    const mask = new Uint8Array(this.rows.length);
    const xs = line.map((p) => p[0]);
    const ys = line.map((p) => p[1]);
    this.within([Math.min(...xs), Math.min(...ys)], [Math.max(...xs), Math.max(...ys)], Infinity, (row) => {
      mask[row] = holds(line, this.places[2 * row], this.places[2 * row + 1]) ? 1 : 0;
    });
    return mask;
  }

  private cell(value: number): number {
    return Math.max(0, Math.min(this.side - 1, Math.floor(((value + 1) / 2) * this.side)));
  }

  /** How far away at least whatever is that lies outside this ring of cells; a side beyond the grid has nothing there. */
  private reach(x: number, y: number, column: number, line: number, ring: number): number {
    const edge = 2 / this.side;
    const left = column - ring <= 0 ? Infinity : x + 1 - (column - ring) * edge;
    const right = column + ring >= this.side - 1 ? Infinity : (column + ring + 1) * edge - 1 - x;
    const below = line - ring <= 0 ? Infinity : y + 1 - (line - ring) * edge;
    const above = line + ring >= this.side - 1 ? Infinity : (line + ring + 1) * edge - 1 - y;
    return Math.max(0, Math.min(left, right, below, above));
  }

  private ring(column: number, line: number, ring: number, visit: (row: number) => void): void {
    for (let l = Math.max(0, line - ring); l <= Math.min(this.side - 1, line + ring); l++) {
      const step = Math.abs(l - line) === ring ? 1 : Math.max(1, 2 * ring);
      for (let c = column - ring; c <= column + ring; c += step) {
        if (c < 0 || c >= this.side) continue;
        const cell = l * this.side + c;
        for (let i = this.start[cell]; i < this.start[cell + 1]; i++) visit(this.rows[i]);
      }
    }
  }
}

function count(found: { square: number }[], square: number): number {
  let near = 0;
  for (const one of found) if (one.square <= square) near++;
  return near;
}

function holds(line: Point[], x: number, y: number): boolean {
  let inside = false;
  for (let i = 0, j = line.length - 1; i < line.length; j = i++) {
    const [ax, ay] = line[i];
    const [bx, by] = line[j];
    if (ay > y !== by > y && x < ((bx - ax) * (y - ay)) / (by - ay) + ax) inside = !inside;
  }
  return inside;
}
