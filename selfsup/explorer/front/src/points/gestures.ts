// What fingers, mouse and keys do to a map: drag moves, wheel and pinch enlarge, a click asks, a line selects.

import type { Camera, Point } from "../address";
import { panned, WHOLE, zoomed, type Size } from "./camera";

const CLICK_PX = 5;
const STEP_PX = 60;

export interface Gestured {
  camera(): Camera;
  size(): Size;
  look(camera: Camera): void;
  /** at a place of the screen */
  clicked(x: number, y: number): void;
  hovered(x: number, y: number): void;
  /** of a line that is being drawn, and whether it is done */
  drawn(line: Point[], done: boolean): void;
  drawing(): boolean;
}

export function listen(element: HTMLElement, on: Gestured): void {
  const fingers = new Map<number, Point>();
  let began: Point | null = null;
  let line: Point[] | null = null;
  const place = (event: PointerEvent | WheelEvent): Point => {
    const box = element.getBoundingClientRect();
    return [event.clientX - box.left, event.clientY - box.top];
  };

  element.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    element.setPointerCapture(event.pointerId);
    const at = place(event);
    fingers.set(event.pointerId, at);
    began = fingers.size === 1 ? at : null;
    line = fingers.size === 1 && (event.shiftKey || on.drawing()) ? [at] : null;
  });

  element.addEventListener("pointermove", (event) => {
    const [x, y] = place(event);
    const before = fingers.get(event.pointerId);
    if (!before) return on.hovered(x, y);
    if (line) {
      line.push([x, y]);
      on.drawn(line, false);
    } else if (fingers.size === 1) {
      if (began && Math.hypot(x - began[0], y - began[1]) < CLICK_PX) return;
      began = null;
      on.look(panned(on.camera(), on.size(), x - before[0], y - before[1]));
    } else {
      pinch(on, fingers, event.pointerId, [x, y]);
    }
    fingers.set(event.pointerId, [x, y]);
  });

  const up = (event: PointerEvent) => {
    if (!fingers.delete(event.pointerId)) return;
    const [x, y] = place(event);
    if (line && line.length > 2) on.drawn(line, true);
    else if (began && event.type === "pointerup") on.clicked(x, y);
    line = began = null;
  };
  element.addEventListener("pointerup", up);
  element.addEventListener("pointercancel", up);

  element.addEventListener(
    "wheel",
    (event) => {
      event.preventDefault();
      const lines = event.deltaMode === 1 ? 16 : 1;
      on.look(zoomed(on.camera(), on.size(), Math.exp(-Math.max(-200, Math.min(200, event.deltaY * lines)) * 0.0022), ...place(event)));
    },
    { passive: false },
  );
  element.addEventListener("keydown", (event) => key(event, on));
}

/** Two fingers: what was under their middle stays there, and the map grows as they part. */
function pinch(on: Gestured, fingers: Map<number, Point>, moved: number, to: Point): void {
  const other = [...fingers].find(([id]) => id !== moved)?.[1];
  const from = fingers.get(moved);
  if (!other || !from) return;
  const before = Math.hypot(from[0] - other[0], from[1] - other[1]);
  const after = Math.hypot(to[0] - other[0], to[1] - other[1]);
  const middle: Point = [(to[0] + other[0]) / 2, (to[1] + other[1]) / 2];
  const camera = panned(on.camera(), on.size(), (to[0] - from[0]) / 2, (to[1] - from[1]) / 2);
  on.look(zoomed(camera, on.size(), before > 0 ? after / before : 1, ...middle));
}

function key(event: KeyboardEvent, on: Gestured): void {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const { width, height } = on.size();
  const [camera, size] = [on.camera(), on.size()];
  const moves: Record<string, () => void> = {
    ArrowLeft: () => on.look(panned(camera, size, STEP_PX, 0)),
    ArrowRight: () => on.look(panned(camera, size, -STEP_PX, 0)),
    ArrowUp: () => on.look(panned(camera, size, 0, STEP_PX)),
    ArrowDown: () => on.look(panned(camera, size, 0, -STEP_PX)),
    "+": () => on.look(zoomed(camera, size, 1.4, width / 2, height / 2)),
    "=": () => on.look(zoomed(camera, size, 1.4, width / 2, height / 2)),
    "-": () => on.look(zoomed(camera, size, 1 / 1.4, width / 2, height / 2)),
    Home: () => on.look(WHOLE),
    Enter: () => on.clicked(width / 2, height / 2),
  };
  const move = moves[event.key];
  if (!move) return;
  event.preventDefault();
  move();
}
