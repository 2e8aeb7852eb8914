// Draws millions of points with WebGL 2. Written here because the established library for it, regl-scatterplot 1.16,
// compiles its commands with Function(), which the page's content-security-policy forbids (no 'unsafe-eval').
//
// Points are drawn in a scattered order, so that the first few are a sample of all: while the map moves as many are drawn
// as a frame has time for, and once it is still the others are added to the same picture, some in each frame.

import type { Camera } from "../address";
import { scale, type Size } from "./camera";
import { COUNT_FRAGMENT, COUNT_VERTEX, SHOW_FRAGMENT, SHOW_VERTEX } from "./shaders";

const FEWEST = 20_000;
const STILL_FRAMES = 16;
const SLOW_MS = 34;
const QUICK_MS = 20;

export class Renderer {
  private readonly gl: WebGL2RenderingContext;
  private places: Float32Array = new Float32Array(0);
  private colours: Uint8Array | null = null;
  private chosen: Uint8Array | null = null;
  private palette: Uint8Array = new Uint8Array(1024).fill(128);
  private grey: [number, number, number] = [0.5, 0.5, 0.5];
  private made!: Made;
  private size: Size = { width: 0, height: 0 };
  /** points drawn of the picture as it is */
  private drawn = 0;
  /** points that a frame has time for */
  private budget = 200_000;
  private last = 0;

  /** Throws where there is no WebGL 2 that can add up in floating point. */
  constructor(private readonly canvas: HTMLCanvasElement) {
    const gl = canvas.getContext("webgl2", { antialias: false, depth: false, stencil: false, premultipliedAlpha: true });
    if (!gl) throw new Error("no WebGL 2");
    this.gl = gl;
    this.restore();
  }

  get count(): number {
    return this.places.length >> 1;
  }

  /** After the graphics were lost and came back, and at first. */
  restore(): void {
    this.made = make(this.gl);
    this.size = { width: 0, height: 0 };
    this.setPlaces(this.places);
    this.setColours(this.colours, this.palette);
    this.setChosen(this.chosen);
  }

  setPlaces(places: Float32Array): void {
    this.places = places;
    fill(this.gl, this.gl.ARRAY_BUFFER, this.made.places, places);
    fill(this.gl, this.gl.ELEMENT_ARRAY_BUFFER, this.made.order, scattered(this.count));
    this.fillBytes(this.made.colours, this.colours);
    this.fillBytes(this.made.chosen, this.chosen);
  }

  /** `colours`: place in the palette of each point, null for 0; `palette`: 256 x RGBA. */
  setColours(colours: Uint8Array | null, palette: Uint8Array): void {
    const gl = this.gl;
    this.colours = colours;
    this.palette = palette;
    this.fillBytes(this.made.colours, colours);
    gl.activeTexture(gl.TEXTURE0);
    gl.bindTexture(gl.TEXTURE_2D, this.made.palette);
    gl.texImage2D(gl.TEXTURE_2D, 0, gl.RGBA8, 256, 1, 0, gl.RGBA, gl.UNSIGNED_BYTE, palette);
    nearestOnly(gl);
  }

  /** Points that are 0 become grey and stand back; null: none does. */
  setChosen(chosen: Uint8Array | null): void {
    this.chosen = chosen;
    this.fillBytes(this.made.chosen, chosen);
  }

  setGrey(grey: [number, number, number]): void {
    this.grey = grey;
  }

  /** Begins a picture. `dense`: points in a full square of `edge` units of the map. */
  begin(camera: Camera, size: Size, ratio: number, dense: number, edge: number): void {
    this.resize(size, ratio);
    const gl = this.gl;
    gl.bindFramebuffer(gl.FRAMEBUFFER, this.made.frame);
    gl.clearBufferfv(gl.COLOR, 0, [0, 0, 0, 0]);
    gl.clearBufferfv(gl.COLOR, 1, [0, 0, 0, 0]);
    const units = scale(camera, size) * ratio;
    const points = diameter(this.count, camera.zoom) * ratio;
    const peak = (dense * points * points * 0.8) / (edge * units) ** 2;
    gl.useProgram(this.made.show);
    gl.uniform1f(this.at("peak"), peak);
    gl.uniform1f(this.at("single"), Math.min(0.92, Math.max(0.14, 1 / (1 + 0.4 * Math.log2(1 + peak)))));
    gl.uniform3fv(this.at("grey"), this.grey);
    gl.useProgram(this.made.count);
    gl.uniform2f(this.at("centre"), camera.x, camera.y);
    gl.uniform2f(this.at("scale"), (2 * units) / this.canvas.width, (2 * units) / this.canvas.height);
    gl.uniform1f(this.at("size"), points);
    gl.uniform1i(this.at("choosing"), this.chosen ? 1 : 0);
    this.drawn = 0;
  }

  /** Adds as many points as a frame has time for, and shows what there is; says whether that is all. */
  advance(now: number): boolean {
    const took = now - this.last;
    this.last = now;
    if (took > SLOW_MS && took < 1000) this.budget = Math.max(FEWEST, this.budget / 1.6);
    else if (took < QUICK_MS) this.budget = Math.min(8_000_000, this.budget * 1.25);
    const least = this.drawn ? this.count / STILL_FRAMES : 0; // the map is still
    const more = Math.min(Math.ceil(Math.max(least, this.budget)), this.count - this.drawn);
    this.add(this.drawn, more);
    this.drawn += more;
    this.show();
    return this.drawn >= this.count;
  }

  private add(first: number, more: number): void {
    const gl = this.gl;
    gl.bindFramebuffer(gl.FRAMEBUFFER, this.made.frame);
    gl.viewport(0, 0, this.canvas.width, this.canvas.height);
    gl.useProgram(this.made.count);
    gl.bindVertexArray(this.made.points);
    gl.activeTexture(gl.TEXTURE0);
    gl.bindTexture(gl.TEXTURE_2D, this.made.palette);
    gl.enable(gl.BLEND);
    gl.blendFunc(gl.ONE, gl.ONE);
    gl.drawElements(gl.POINTS, more, gl.UNSIGNED_INT, 4 * first);
    gl.disable(gl.BLEND);
  }

  private show(): void {
    const gl = this.gl;
    gl.bindFramebuffer(gl.FRAMEBUFFER, null);
    gl.useProgram(this.made.show);
    gl.bindVertexArray(null);
    gl.activeTexture(gl.TEXTURE1);
    gl.bindTexture(gl.TEXTURE_2D, this.made.sums);
    gl.activeTexture(gl.TEXTURE2);
    gl.bindTexture(gl.TEXTURE_2D, this.made.rest);
    gl.uniform1f(this.at("share"), Math.max(1e-9, this.drawn / Math.max(1, this.count)));
    gl.drawArrays(gl.TRIANGLES, 0, 3);
  }

  /** Of either program; asked for once, since an answer waits for all that is being drawn. */
  private at(name: string): WebGLUniformLocation | null {
    return this.made.uniforms.get(name) ?? null;
  }

  private fillBytes(buffer: WebGLBuffer, values: Uint8Array | null): void {
    const fits = values && values.length === this.count ? values : new Uint8Array(this.count);
    fill(this.gl, this.gl.ARRAY_BUFFER, buffer, fits);
  }

  private resize(size: Size, ratio: number): void {
    const [width, height] = [Math.max(1, Math.round(size.width * ratio)), Math.max(1, Math.round(size.height * ratio))];
    if (width === this.size.width && height === this.size.height) return;
    this.size = { width, height };
    this.canvas.width = width;
    this.canvas.height = height;
    const gl = this.gl;
    for (const [unit, texture, format] of [[1, this.made.sums, gl.RGBA16F], [2, this.made.rest, gl.R16F]] as const) {
      gl.activeTexture(gl.TEXTURE0 + unit);
      gl.bindTexture(gl.TEXTURE_2D, texture);
      const layout = format === gl.R16F ? gl.RED : gl.RGBA;
      gl.texImage2D(gl.TEXTURE_2D, 0, format, width, height, 0, layout, gl.HALF_FLOAT, null);
      nearestOnly(gl);
    }
    gl.bindFramebuffer(gl.FRAMEBUFFER, this.made.frame);
    gl.framebufferTexture2D(gl.FRAMEBUFFER, gl.COLOR_ATTACHMENT0, gl.TEXTURE_2D, this.made.sums, 0);
    gl.framebufferTexture2D(gl.FRAMEBUFFER, gl.COLOR_ATTACHMENT1, gl.TEXTURE_2D, this.made.rest, 0);
    gl.drawBuffers([gl.COLOR_ATTACHMENT0, gl.COLOR_ATTACHMENT1]);
  }
}

/** Of a point, in pixels of the page: small among many, larger as one comes closer. */
export function diameter(count: number, zoom: number): number {
  const alone = Math.min(5.5, Math.max(1.2, 26 / Math.max(1, count) ** 0.21));
  return Math.min(11, alone * Math.max(1, zoom) ** 0.33);
}

interface Made {
  count: WebGLProgram;
  show: WebGLProgram;
  points: WebGLVertexArrayObject;
  places: WebGLBuffer;
  colours: WebGLBuffer;
  chosen: WebGLBuffer;
  order: WebGLBuffer;
  palette: WebGLTexture;
  sums: WebGLTexture;
  rest: WebGLTexture;
  frame: WebGLFramebuffer;
  uniforms: Map<string, WebGLUniformLocation | null>;
}

function make(gl: WebGL2RenderingContext): Made {
  // Asked for here, since with the graphics extensions are lost too.
  if (!(gl.getExtension("EXT_color_buffer_float") || gl.getExtension("EXT_color_buffer_half_float"))) throw new Error("no WebGL 2");
  const made: Made = {
    count: program(gl, COUNT_VERTEX, COUNT_FRAGMENT),
    show: program(gl, SHOW_VERTEX, SHOW_FRAGMENT),
    points: gl.createVertexArray(),
    places: gl.createBuffer(),
    colours: gl.createBuffer(),
    chosen: gl.createBuffer(),
    order: gl.createBuffer(),
    palette: gl.createTexture(),
    sums: gl.createTexture(),
    rest: gl.createTexture(),
    frame: gl.createFramebuffer(),
    uniforms: new Map(),
  };
  for (const name of ["centre", "scale", "size", "choosing"]) made.uniforms.set(name, gl.getUniformLocation(made.count, name));
  for (const name of ["share", "single", "peak", "grey"]) made.uniforms.set(name, gl.getUniformLocation(made.show, name));
  gl.bindVertexArray(made.points);
  gl.bindBuffer(gl.ARRAY_BUFFER, made.places);
  gl.enableVertexAttribArray(0);
  gl.vertexAttribPointer(0, 2, gl.FLOAT, false, 0, 0);
  for (const [at, buffer] of [[1, made.colours], [2, made.chosen]] as const) {
    gl.bindBuffer(gl.ARRAY_BUFFER, buffer);
    gl.enableVertexAttribArray(at);
    gl.vertexAttribIPointer(at, 1, gl.UNSIGNED_BYTE, 0, 0);
  }
  gl.bindBuffer(gl.ELEMENT_ARRAY_BUFFER, made.order);
  gl.bindVertexArray(null);
  gl.useProgram(made.count);
  gl.uniform1i(gl.getUniformLocation(made.count, "palette"), 0);
  gl.useProgram(made.show);
  gl.uniform1i(gl.getUniformLocation(made.show, "colours"), 1);
  gl.uniform1i(gl.getUniformLocation(made.show, "others"), 2);
  gl.uniform1f(gl.getUniformLocation(made.show, "faint"), 0.45);
  return made;
}

function program(gl: WebGL2RenderingContext, vertex: string, fragment: string): WebGLProgram {
  const linked = gl.createProgram();
  for (const [kind, source] of [[gl.VERTEX_SHADER, vertex], [gl.FRAGMENT_SHADER, fragment]] as const) {
    const shader = gl.createShader(kind);
    if (!shader) throw new Error("the graphics are lost");
    gl.shaderSource(shader, source);
    gl.compileShader(shader);
    gl.attachShader(linked, shader);
  }
  gl.linkProgram(linked);
  if (!gl.getProgramParameter(linked, gl.LINK_STATUS)) throw new Error(gl.getProgramInfoLog(linked) ?? "shaders do not link");
  return linked;
}

function fill(gl: WebGL2RenderingContext, target: number, buffer: WebGLBuffer, values: Float32Array | Uint8Array | Uint32Array): void {
  gl.bindVertexArray(null);
  gl.bindBuffer(target, buffer);
  gl.bufferData(target, values, gl.STATIC_DRAW);
}

function nearestOnly(gl: WebGL2RenderingContext): void {
  gl.texParameteri(gl.TEXTURE_2D, gl.TEXTURE_MIN_FILTER, gl.NEAREST);
  gl.texParameteri(gl.TEXTURE_2D, gl.TEXTURE_MAG_FILTER, gl.NEAREST);
}

/** All numbers below `count`, any stretch of them evenly spread: steps of the golden section, modulo count. */
export function scattered(count: number): Uint32Array {
  let step = Math.max(1, Math.round(count * 0.6180339887498949));
  while (divisor(step, count) > 1) step++;
  const order = new Uint32Array(count);
  for (let i = 0, at = 0; i < count; i++, at = (at + step) % count) order[i] = at;
  return order;
}

function divisor(a: number, b: number): number {
  return b === 0 ? a : divisor(b, a % b);
}
