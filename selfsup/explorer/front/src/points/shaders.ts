// First pass: each galaxy adds its colour and itself to the pixels that it covers. Second: pixels become what is seen,
// the mean colour, as opaque as the logarithm of how many there are.

export const COUNT_VERTEX = `#version 300 es
layout(location = 0) in vec2 place;
layout(location = 1) in uint colour;
layout(location = 2) in uint chosen;
uniform vec2 centre;
uniform vec2 scale;
uniform float size;
uniform bool choosing;
uniform highp sampler2D palette;
out vec3 shade;
out float diameter;
out float picked;
void main() {
  gl_Position = vec4((place - centre) * scale, 0.0, 1.0);
  picked = !choosing || chosen > 0u ? 1.0 : 0.0;
  diameter = choosing && chosen > 0u ? size * 1.4 : size;
  gl_PointSize = diameter <= 1.5 ? 1.0 : diameter + 1.0;
  shade = texelFetch(palette, ivec2(int(colour), 0), 0).rgb;
}`;

export const COUNT_FRAGMENT = `#version 300 es
precision highp float;
in vec3 shade;
in float diameter;
in float picked;
layout(location = 0) out vec4 colour;
layout(location = 1) out vec4 rest;
void main() {
  float cover = diameter <= 1.5 ? 1.0 : clamp(0.5 * diameter + 0.5 - length(gl_PointCoord - 0.5) * (diameter + 1.0), 0.0, 1.0);
  if (cover <= 0.0) discard;
  colour = vec4(shade, 1.0) * cover * picked;
  rest = vec4(cover * (1.0 - picked), 0.0, 0.0, 0.0);
}`;

export const SHOW_VERTEX = `#version 300 es
void main() {
  vec2 corner = vec2(gl_VertexID == 1 ? 3.0 : -1.0, gl_VertexID == 2 ? 3.0 : -1.0);
  gl_Position = vec4(corner, 0.0, 1.0);
}`;

export const SHOW_FRAGMENT = `#version 300 es
precision highp float;
uniform highp sampler2D colours;
uniform highp sampler2D others;
uniform float share;
uniform float single;
uniform float peak;
uniform vec3 grey;
uniform float faint;
out vec4 seen;
float strength(float count) {
  return count < 1.0 ? single * count : min(1.0, single + (1.0 - single) * log(count) / log(max(peak, 2.0)));
}
void main() {
  vec4 chosen = texelFetch(colours, ivec2(gl_FragCoord.xy), 0);
  float other = texelFetch(others, ivec2(gl_FragCoord.xy), 0).r;
  float behind = strength(other / share) * faint;
  float front = strength(chosen.a / share);
  vec3 shade = chosen.a > 0.0 ? chosen.rgb / chosen.a : vec3(0.0);
  seen = vec4(shade * front + grey * behind * (1.0 - front), front + behind * (1.0 - front));
}`;
