// GLSL of the four things that are drawn: points, models, segments and areas.

const COLOUR = `
uniform int u_mode;            // 0: one colour, 1: direction, 2: scalar
uniform vec3 u_colour;
uniform sampler2D u_map;
uniform vec2 u_range;          // low, 1 / (high - low)
uniform vec4 u_haze;           // the ground's colour, and how much of it what is farthest takes
uniform vec2 u_depth;          // where that begins, 1 / over what length
vec3 haze(vec3 c, float depth) { return mix(c, u_haze.rgb, u_haze.a * clamp((depth - u_depth.x) * u_depth.y, 0.0, 1.0)); }
vec3 colour(vec3 heading, float scalar) {
  if (u_mode == 1 && dot(heading, heading) > 0.0) {
    float turn = fract(atan(heading.y, heading.x) / 6.283185307);
    vec3 c = texture(u_map, vec2((floor(turn * 256.0) + 0.5) / 256.0, 0.5)).rgb;
    return mix(c, vec3(1.0), 0.35 * max(heading.z, 0.0)) * (1.0 + 0.35 * min(heading.z, 0.0));
  }
  if (u_mode == 2) {
    if (isnan(scalar)) return vec3(0.5);
    float t = clamp((scalar - u_range.x) * u_range.y, 0.0, 1.0);
    return texture(u_map, vec2((floor(t * 255.0 + 0.5) + 0.5) / 256.0, 0.5)).rgb;
  }
  return u_colour;
}`;

const PLACE = `
in vec3 a_position;            // 0..1 in the world box
in vec3 a_heading;
in float a_scalar;
uniform mat4 u_view;
uniform vec3 u_low, u_span;
uniform float u_size;          // metres`;

// Discs, balls and, on a map, darts: one corner per entity, the outline is cut and smoothed pixel by pixel.
export const POINTS = {
  vertex: `#version 300 es
${PLACE}
uniform vec2 u_pixels;         // pixels per metre at w = 1; least diameter in pixels
${COLOUR}
out vec3 v_colour;
out vec2 v_ahead;
out float v_diameter;
void main() {
  gl_Position = u_view * vec4(u_low + a_position * u_span, 1.0);
  v_diameter = clamp(u_size * u_pixels.x / gl_Position.w, u_pixels.y, 400.0);
  gl_PointSize = v_diameter + 1.0;
  v_ahead = dot(a_heading.xy, a_heading.xy) > 0.0 ? normalize(a_heading.xy) : vec2(1.0, 0.0);
  v_colour = haze(colour(a_heading, a_scalar), gl_Position.w);
}`,
  fragment: `#version 300 es
precision highp float;
in vec3 v_colour;
in vec2 v_ahead;
in float v_diameter;
uniform int u_shape;           // 0: disc, 1: ball, 2: dart
out vec4 pixel;
const vec2 TIP = vec2(0.967, 0.0), WING = vec2(-0.7, 0.533), NOTCH = vec2(-0.367, 0.0);
void main() {
  vec2 p = (gl_PointCoord * 2.0 - 1.0) * vec2(1.0, -1.0) * (v_diameter + 1.0) / v_diameter;
  float outside = length(p) - 1.0;
  if (u_shape == 2) {
    vec2 q = vec2(dot(p, v_ahead), abs(v_ahead.x * p.y - v_ahead.y * p.x));
    vec2 edge = WING - TIP, back = WING - NOTCH;
    outside = max(dot(q - TIP, normalize(vec2(edge.y, -edge.x))), dot(q - NOTCH, normalize(vec2(-back.y, back.x))));
  }
  float alpha = clamp(0.5 - outside * 0.5 * v_diameter, 0.0, 1.0);
  if (alpha < 0.02) discard;
  vec3 c = v_colour;
  if (u_shape == 1 && v_diameter > 4.0) {
    float height = sqrt(max(0.0, 1.0 - dot(p, p)));
    c *= 0.55 + 0.45 * clamp(dot(vec3(p, height), vec3(-0.35, 0.5, 0.79)), 0.0, 1.0);
  }
  pixel = vec4(c * alpha, alpha);
}`,
};

export const MODELS = {
  vertex: `#version 300 es
${PLACE}
in vec3 a_corner, a_normal;    // the model points along +x and is 1 long
${COLOUR}
out vec3 v_colour;
void main() {
  vec3 ahead = dot(a_heading, a_heading) > 0.0 ? normalize(a_heading) : vec3(1.0, 0.0, 0.0);
  vec3 side = abs(ahead.z) > 0.99 ? vec3(0.0, 1.0, 0.0) : normalize(cross(vec3(0.0, 0.0, 1.0), ahead));
  mat3 turn = mat3(ahead, side, cross(ahead, side));
  gl_Position = u_view * vec4(u_low + a_position * u_span + turn * a_corner * u_size, 1.0);
  float light = 0.62 + 0.38 * max(dot(turn * a_normal, normalize(vec3(-0.4, -0.5, 0.8))), 0.0);
  v_colour = haze(colour(a_heading, a_scalar) * light, gl_Position.w);
}`,
  fragment: `#version 300 es
precision mediump float;
in vec3 v_colour;
out vec4 pixel;
void main() { pixel = vec4(v_colour, 1.0); }`,
};

export const SEGMENTS = {
  vertex: `#version 300 es
in vec3 a_from, a_to;
in vec4 a_colour;
in float a_width;              // pixels
uniform mat4 u_view;
uniform vec2 u_window;         // pixels
out vec4 v_colour;
out float v_across, v_width;
void main() {
  vec4 p = u_view * vec4(a_from, 1.0), q = u_view * vec4(a_to, 1.0);
  float near = 1e-3 * max(abs(p.w), abs(q.w));   // cut what lies behind the eye
  if (p.w < near) p = mix(p, q, (near - p.w) / (q.w - p.w));
  if (q.w < near) q = mix(q, p, (near - q.w) / (p.w - q.w));
  vec2 along = (q.xy / q.w - p.xy / p.w) * u_window;
  vec2 across = length(along) > 0.0 ? normalize(vec2(-along.y, along.x)) : vec2(0.0);
  float side = float(gl_VertexID & 1) * 2.0 - 1.0;
  vec4 end = (gl_VertexID & 2) == 0 ? p : q;
  end.xy += across * side * (a_width + 1.5) / u_window * end.w;
  gl_Position = end;
  v_across = side * (a_width + 1.5) * 0.5;
  v_width = a_width;
  v_colour = a_colour;
}`,
  fragment: `#version 300 es
precision mediump float;
in vec4 v_colour;
in float v_across, v_width;
out vec4 pixel;
void main() {
  float alpha = v_colour.a * clamp(0.5 * v_width - abs(v_across) + 0.5, 0.0, 1.0);
  pixel = vec4(v_colour.rgb * alpha, alpha);
}`,
};

export const AREAS = {
  vertex: `#version 300 es
in vec3 a_from, a_to;
in vec4 a_colour;
uniform mat4 u_view;
out vec4 v_colour;
void main() {
  vec2 t = vec2(float(gl_VertexID & 1), float(gl_VertexID >> 1));
  gl_Position = u_view * vec4(mix(a_from.xy, a_to.xy, t), a_from.z, 1.0);
  v_colour = vec4(a_colour.rgb * a_colour.a, a_colour.a);
}`,
  fragment: `#version 300 es
precision mediump float;
in vec4 v_colour;
out vec4 pixel;
void main() { pixel = v_colour; }`,
};
