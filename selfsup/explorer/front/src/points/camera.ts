// Where one looks: the centre of the map in its own coordinates, and how much it is enlarged; zoom 1 shows all of it.

import type { Camera, Point } from "../address";

export const WHOLE: Camera = { x: 0, y: 0, zoom: 1 };
const MARGIN = 1.06;
const MOST = 5000;

export interface Size {
  width: number;
  height: number;
}

/** Pixels of the page to a unit of the map. */
export function scale(camera: Camera, size: Size): number {
  return (camera.zoom * Math.min(size.width, size.height)) / 2 / MARGIN;
}

export function toScreen(camera: Camera, size: Size, x: number, y: number): Point {
  const s = scale(camera, size);
  return [size.width / 2 + (x - camera.x) * s, size.height / 2 - (y - camera.y) * s];
}

export function toMap(camera: Camera, size: Size, x: number, y: number): Point {
  const s = scale(camera, size);
  return [camera.x + (x - size.width / 2) / s, camera.y - (y - size.height / 2) / s];
}

/** Enlarges by a factor while the point under (x, y) of the screen stays where it is. */
export function zoomed(camera: Camera, size: Size, factor: number, x: number, y: number): Camera {
  const zoom = Math.min(MOST, Math.max(0.5, camera.zoom * factor));
  const [mx, my] = toMap(camera, size, x, y);
  const [nx, ny] = toMap({ ...camera, zoom }, size, x, y);
  return kept({ x: camera.x + mx - nx, y: camera.y + my - ny, zoom });
}

export function panned(camera: Camera, size: Size, dx: number, dy: number): Camera {
  const s = scale(camera, size);
  return kept({ ...camera, x: camera.x - dx / s, y: camera.y + dy / s });
}

function kept(camera: Camera): Camera {
  const inside = (value: number) => Math.min(1.5, Math.max(-1.5, value));
  return { x: inside(camera.x), y: inside(camera.y), zoom: camera.zoom };
}
