// GLSL of all that is drawn. gl.js puts the version and the `#define`s of a variant in front.

const COLOUR = `
uniform int u_mode;            // 0: one colour, 1: direction, 2: number, 3: label
uniform vec3 u_colour;
uniform sampler2D u_map;
uniform vec2 u_range;          // low, 1 / (high - low)
uniform vec4 u_haze;           // the ground's colour, and how much of it what is farthest takes
uniform vec2 u_depth;          // where that begins, 1 / over what length
vec3 haze(vec3 c, float depth) { return mix(c, u_haze.rgb, u_haze.a * clamp((depth - u_depth.x) * u_depth.y, 0.0, 1.0)); }
vec3 listed(float t) { return texelFetch(u_map, ivec2(int(clamp(t, 0.0, 255.0)), 0), 0).rgb; }
vec3 colour(vec3 heading, float scalar) {
  if (u_mode == 1) {
    if (dot(heading, heading) == 0.0) return vec3(0.5);
    vec3 c = listed(floor(fract(atan(heading.y, heading.x) / 6.283185307) * 256.0));
    return mix(c, vec3(1.0), 0.35 * max(heading.z, 0.0)) * (1.0 + 0.35 * min(heading.z, 0.0));
  }
  if (u_mode >= 2) {
    if (isnan(scalar)) return vec3(0.5);
    return listed(u_mode == 3 ? scalar + 0.5 : clamp((scalar - u_range.x) * u_range.y, 0.0, 1.0) * 255.0 + 0.5);
  }
  return u_colour;
}`;

const CLIP = `
uniform vec3 u_clip_low, u_clip_high;
bool outside(vec3 p) { return any(lessThan(p, u_clip_low)) || any(greaterThan(p, u_clip_high)); }`;

const PLACE = `
in vec3 a_position;            // 0..1 in the frame's bounds
in vec3 a_heading;
in float a_scalar, a_scale;
uniform mat4 u_view;
uniform vec3 u_low, u_span;
uniform float u_size;          // metres
uniform vec2 u_sizes;          // of a_scale: low, 1 / (high - low); the second 0: all are u_size
float size() { return u_sizes.y == 0.0 ? u_size : u_size * mix(0.4, 2.0, clamp((a_scale - u_sizes.x) * u_sizes.y, 0.0, 1.0)); }
${CLIP}`;

// A row's number as a colour; the type stands in the fourth byte.
const NUMBER = `
uniform int u_type;
vec4 number(uint row) { return vec4(uvec4(row & 255u, (row >> 8) & 255u, (row >> 16) & 255u, uint(u_type))) / 255.0; }`;

// One corner per entity; the outline is cut and smoothed pixel by pixel. DISC; BALL: lit; DART: on a map; CONE: a cone in
// space as it is seen from the eye, its foot an ellipse; CLOUD: soft, the fainter the less its number.
export const POINTS = {
  name: "points",
  vertex: `
${PLACE}
uniform vec2 u_pixels;         // pixels per metre at w = 1; least diameter in pixels
uniform float u_near;          // nearer ones are drawn as models
uniform vec3 u_right, u_up, u_back;
${COLOUR}
${NUMBER}
flat out vec4 v_colour;
flat out vec4 v_ahead;         // where it points: right, up, away, and 1 / diameter
void main() {
  vec3 p = u_low + a_position * u_span;
  gl_Position = u_view * vec4(p, 1.0);
  if (gl_Position.w < u_near || outside(p)) {
    gl_Position = vec4(2.0, 2.0, 2.0, 1.0);
    return;
  }
  float diameter = clamp(size() * u_pixels.x / gl_Position.w, u_pixels.y, 400.0);
  gl_PointSize = diameter + 1.0;
#if defined(DART)
  v_ahead.xy = dot(a_heading.xy, a_heading.xy) > 0.0 ? normalize(a_heading.xy) : vec2(1.0, 0.0);
#elif defined(CONE)
  vec3 ahead = dot(a_heading, a_heading) > 0.0 ? normalize(a_heading) : vec3(1.0, 0.0, 0.0);
  v_ahead.xyz = vec3(dot(ahead, u_right), dot(ahead, u_up), -dot(ahead, u_back));
#endif
#ifdef CLOUD
  v_ahead.x = mix(0.3, 1.0, a_scalar);
#endif
  v_ahead.w = 1.0 / diameter;
#ifdef PICK
  v_colour = number(uint(gl_VertexID));
#else
  v_colour = vec4(haze(colour(a_heading, a_scalar), gl_Position.w), 1.0);
#endif
}`,
  fragment: `
flat in vec4 v_colour, v_ahead;
uniform float u_opacity;
out vec4 pixel;
void main() {
  vec2 p = (gl_PointCoord * 2.0 - 1.0) * vec2(1.0, -1.0) * (1.0 + v_ahead.w);
  float light = 1.0;
#if defined(DART)
  // Of the tip, the wing and the notch of models.js: distances to the edge in front and the one behind.
  vec2 q = vec2(dot(p, v_ahead.xy), abs(v_ahead.x * p.y - v_ahead.y * p.x));
  float far = max(dot(q, vec2(0.30455, 0.95250)) - 0.29450, dot(q, vec2(-0.84809, -0.52986)) - 0.31125);
#elif defined(CONE)
  float flatness = max(length(v_ahead.xy), 1e-3), g = max(abs(v_ahead.z), 0.05);
  vec2 along = v_ahead.xy / flatness, q = vec2(dot(p, along), along.x * p.y - along.y * p.x);
  float side = abs(q.y), foot = length(vec2((q.x + 0.667 * flatness) / g, q.y)) - 0.433;
  vec2 edge = normalize(vec2(0.433, 1.667 * flatness));
  float hull = max(dot(vec2(q.x - flatness, side), edge), -q.x - 0.667 * flatness);
  float far = min(hull, foot * g);
  // Left and right of its ridge it looks to either side; from behind the foot is seen.
  vec2 n = vec2(-along.y, along.x) * q.y * 2.3;
  light = v_ahead.z > 0.0 && foot < 0.0 ? 0.66 : 0.86 + 0.35 * dot(n, vec2(-0.35, 0.5)) - 0.08 * v_ahead.z;
#else
  float far = length(p) - 1.0;
#ifdef BALL
  if (v_ahead.w < 0.25) light = min(0.55 + 0.5 * dot(vec3(p, sqrt(max(0.0, 1.0 - dot(p, p)))), vec3(-0.35, 0.5, 0.79)), 1.0);
#endif
#endif
  float alpha = clamp(0.5 - far * 0.5 / v_ahead.w, 0.0, 1.0);
#ifdef PICK
  if (alpha < 0.5) discard;
  pixel = v_colour;
#else
  if (alpha < 0.02) discard;
  alpha *= u_opacity;
#ifdef CLOUD
  alpha *= v_ahead.x * (0.25 - 0.75 * far * (2.0 + far));
#endif
  pixel = vec4(min(v_colour.rgb * light, 1.0) * alpha, alpha);
#endif
}`,
};

export const MODELS = {
  name: "models",
  vertex: `
${PLACE}
in vec3 a_corner, a_normal;    // the model points along +x and is 1 long
in uint a_row;
uniform float u_lift;          // of a model's length: on a map it stands on the ground
${COLOUR}
${NUMBER}
flat out vec4 v_entity;
out float v_light;
void main() {
  vec3 ahead = dot(a_heading, a_heading) > 0.0 ? normalize(a_heading) : vec3(1.0, 0.0, 0.0);
  vec3 side = abs(ahead.z) > 0.99 ? vec3(0.0, 1.0, 0.0) : normalize(cross(vec3(0.0, 0.0, 1.0), ahead));
  mat3 turn = mat3(ahead, side, cross(ahead, side));
  vec3 p = u_low + a_position * u_span;
  gl_Position = u_view * vec4(p + (turn * a_corner + vec3(0.0, 0.0, u_lift)) * size(), 1.0);
  if (outside(p)) gl_Position = vec4(2.0, 2.0, 2.0, 1.0);
  vec3 n = turn * a_normal;
  v_light = 0.5 + 0.5 * max(dot(n, normalize(vec3(-0.4, -0.5, 0.8))), 0.0) + 0.12 * max(-n.y, 0.0);
#ifdef PICK
  v_entity = number(a_row);
#else
  v_entity = vec4(haze(colour(a_heading, a_scalar), gl_Position.w), 1.0);
#endif
}`,
  fragment: `
flat in vec4 v_entity;
in float v_light;
uniform float u_opacity;
out vec4 pixel;
void main() {
#ifdef PICK
  pixel = v_entity;
#else
  pixel = vec4(v_entity.rgb * min(v_light, 1.0) * u_opacity, u_opacity);
#endif
}`,
};

// Lines of a width in pixels; with TRAIL between the places of entities now and before, coloured as these.
export const SEGMENTS = {
  name: "segments",
  vertex: `
in vec3 a_from, a_to;
in vec4 a_colour;
in float a_width;              // pixels
uniform mat4 u_view;
uniform vec2 u_window;         // pixels
uniform float u_fade;
${CLIP}
#ifdef TRAIL
in vec3 a_heading;
in float a_scalar;
uniform vec3 u_most;           // longer ones went round the world
${COLOUR}
#endif
out vec4 v_colour;
out float v_across;
flat out float v_width;
void main() {
  vec4 p = u_view * vec4(a_from, 1.0), q = u_view * vec4(a_to, 1.0);
  float near = 1e-3 * max(abs(p.w), abs(q.w));   // cut what lies behind the eye
  if (p.w < near) p = mix(p, q, (near - p.w) / (q.w - p.w));
  if (q.w < near) q = mix(q, p, (near - q.w) / (p.w - q.w));
  vec2 along = (q.xy / q.w - p.xy / p.w) * u_window;
  vec2 across = length(along) > 0.0 ? normalize(vec2(-along.y, along.x)) : vec2(0.0);
  float side = float(gl_VertexID & 1) * 2.0 - 1.0;
  vec4 end = (gl_VertexID & 2) == 0 ? p : q;
  v_width = a_width;
#ifdef TRAIL
  v_colour = vec4(haze(colour(a_heading, a_scalar), end.w), u_fade);
  if (any(greaterThan(abs(a_to - a_from), u_most)) || outside(a_to)) end = vec4(2.0, 2.0, 2.0, 1.0);
#else
  v_colour = a_colour * vec4(1.0, 1.0, 1.0, u_fade);
#endif
  end.xy += across * side * (v_width + 1.5) / u_window * end.w;
  gl_Position = end;
  v_across = side * (v_width + 1.5) * 0.5;
}`,
  fragment: `
in vec4 v_colour;
in float v_across;
flat in float v_width;
out vec4 pixel;
void main() {
  float alpha = v_colour.a * clamp(0.5 * v_width - abs(v_across) + 0.5, 0.0, 1.0);
  pixel = vec4(v_colour.rgb * alpha, alpha);
}`,
};

// Rectangles that lie flat, from one corner to the other.
export const AREAS = {
  name: "areas",
  vertex: `
in vec3 a_from, a_to;
in vec4 a_colour;
uniform mat4 u_view;
out vec4 v_colour;
void main() {
  vec2 t = vec2(float(gl_VertexID & 1), float(gl_VertexID >> 1));
  gl_Position = u_view * vec4(mix(a_from.xy, a_to.xy, t), a_from.z, 1.0);
  v_colour = vec4(a_colour.rgb * a_colour.a, a_colour.a);
}`,
  fragment: `
in vec4 v_colour;
out vec4 pixel;
void main() { pixel = v_colour; }`,
};

// Walls and grounds: triangles that are lit from both sides.
export const SURFACES = {
  name: "surfaces",
  vertex: `
in vec3 a_corner, a_normal;
uniform mat4 u_view;
uniform vec3 u_eye;
out vec3 v_place;
out float v_light, v_depth;
void main() {
  gl_Position = u_view * vec4(a_corner, 1.0);
  v_place = a_corner;
  v_depth = gl_Position.w;
  vec3 n = dot(a_normal, u_eye - a_corner) < 0.0 ? -a_normal : a_normal;
  v_light = 0.62 + 0.38 * max(dot(n, normalize(vec3(-0.4, -0.5, 0.8))), 0.0) - 0.18 * max(-n.z, 0.0) - 0.1 * abs(n.x);
}`,
  fragment: `
in vec3 v_place;
in float v_light, v_depth;
${CLIP}
uniform vec3 u_colour;
uniform vec4 u_haze;
uniform vec2 u_depth;
out vec4 pixel;
void main() {
  if (outside(v_place)) discard;
  pixel = vec4(mix(u_colour * v_light, u_haze.rgb, u_haze.a * clamp((v_depth - u_depth.x) * u_depth.y, 0.0, 1.0)), 1.0);
}`,
};

// A raster on a rectangle in the world. CODES: labels; SPACE: a slice of a raster in space; CROWD: counts of entities.
export const RASTER = {
  name: "raster",
  vertex: `
uniform mat4 u_view;
uniform vec3 u_from, u_right, u_up;   // corner of the rectangle and its edges, metres
uniform vec3 u_low, u_span;           // of the raster
out vec3 v_place, v_share;
void main() {
  v_place = u_from + u_right * float(gl_VertexID & 1) + u_up * float(gl_VertexID >> 1);
  v_share = (v_place - u_low) / u_span;
  gl_Position = u_view * vec4(v_place, 1.0);
}`,
  fragment: `
in vec3 v_place, v_share;
${CLIP}
#ifdef SPACE
uniform sampler3D u_values;
#define VALUE texture(u_values, v_share).r
#else
uniform sampler2D u_values;
#define VALUE texture(u_values, v_share.xy).r
#endif
uniform sampler2D u_map;
uniform vec2 u_range;
uniform float u_opacity;
out vec4 pixel;
void main() {
  if (outside(v_place)) discard;
  float value = VALUE;
  if (isnan(value)) discard;
#ifdef CODES
  vec4 c = texelFetch(u_map, ivec2(int(value * 255.0 + 0.5), 0), 0);
#else
  float t = clamp((value - u_range.x) * u_range.y, 0.0, 1.0);
  vec4 c = texelFetch(u_map, ivec2(int(t * 255.0 + 0.5), 0), 0);
#endif
  float alpha = c.a * u_opacity;
#ifdef CROWD
  if (value <= 0.0) discard;
  alpha *= smoothstep(0.0, 0.25, value);
#ifdef MULTIPLY
  pixel = vec4(mix(vec3(1.0), c.rgb, alpha), 1.0);
  return;
#endif
#endif
  pixel = vec4(c.rgb * alpha, alpha);
}`,
};

// A raster in space as a cloud: along the line of sight, what is nearer hides what is behind (Levoy 1988).
export const VOLUME = {
  name: "volume",
  vertex: `
uniform mat4 u_view;
uniform vec3 u_low, u_span;
out vec3 v_place;
const int FACES[36] = int[36](0,1,3,0,3,2, 4,6,7,4,7,5, 0,4,5,0,5,1, 2,3,7,2,7,6, 0,2,6,0,6,4, 1,5,7,1,7,3);
void main() {
  int corner = FACES[gl_VertexID];
  v_place = u_low + u_span * vec3(float(corner & 1), float((corner >> 1) & 1), float(corner >> 2));
  gl_Position = u_view * vec4(v_place, 1.0);
}`,
  fragment: `
in vec3 v_place;
uniform vec3 u_low, u_span, u_eye, u_forward, u_clip_low, u_clip_high;
uniform float u_straight;      // 1: all lines of sight are parallel
uniform sampler3D u_values;
uniform sampler2D u_map;
uniform vec2 u_range;
uniform float u_opacity;
uniform int u_steps;
out vec4 pixel;
void main() {
  vec3 along = u_straight > 0.5 ? u_forward : normalize(v_place - u_eye);
  vec3 start = u_straight > 0.5 ? v_place - u_forward * 2.0 * length(u_span) : u_eye;
  vec3 a = (max(u_low, u_clip_low) - start) / along, b = (min(u_low + u_span, u_clip_high) - start) / along;
  vec3 enter = min(a, b), leave = max(a, b);
  float from = max(max(max(enter.x, enter.y), enter.z), 0.0), to = min(min(leave.x, leave.y), leave.z);
  if (to <= from) discard;
  float longest = length(u_span), pace = longest / float(u_steps);
  float jitter = fract(52.9829189 * fract(dot(gl_FragCoord.xy, vec2(0.06711056, 0.00583715))));
  vec4 sum = vec4(0.0);
  for (float t = from + pace * jitter; t < to && sum.a < 0.97; t += pace) {
    vec3 share = (start + along * t - u_low) / u_span;
    float value = clamp((texture(u_values, share).r - u_range.x) * u_range.y, 0.0, 1.0);
    if (value < 0.02) continue;
    float alpha = 1.0 - pow(1.0 - min(0.96 * u_opacity * value * sqrt(value), 0.96), 16.0 * pace / longest);
    vec3 c = texelFetch(u_map, ivec2(int(value * 255.0 + 0.5), 0), 0).rgb;
    sum += (1.0 - sum.a) * vec4(c * alpha, alpha);
  }
  pixel = sum;
}`,
};

// A finished picture over what is there; DEEP: with the depth of each pixel.
export const COPY = {
  name: "copy",
  vertex: `
out vec2 v_share;
void main() {
  v_share = vec2(float(gl_VertexID & 1), float(gl_VertexID >> 1));
  gl_Position = vec4(v_share * 2.0 - 1.0, 0.0, 1.0);
}`,
  fragment: `
in vec2 v_share;
uniform sampler2D u_picture, u_far;
out vec4 pixel;
void main() {
  pixel = texture(u_picture, v_share);
#ifdef DEEP
  if (pixel.a == 0.0) discard;
  gl_FragDepth = 0.5 + 0.5 * texelFetch(u_far, ivec2(gl_FragCoord.xy), 0).r;
#endif
}`,
};

// Rings that face the eye: round what is selected, and the circle within which it looks.
export const RINGS = {
  name: "rings",
  vertex: `
in vec3 a_at;
in float a_scale;              // radius, metres
in vec4 a_colour;
in float a_width;              // pixels
uniform mat4 u_view;
uniform vec2 u_window;
uniform vec2 u_pixels;         // per metre at w = 1; least radius, pixels
out vec2 v_place;
out vec4 v_colour;
flat out float v_radius, v_width;
void main() {
  vec4 centre = u_view * vec4(a_at, 1.0);
  v_radius = max(a_scale * u_pixels.x / centre.w, u_pixels.y) + a_width;
  v_place = (vec2(float(gl_VertexID & 1), float(gl_VertexID >> 1)) * 2.0 - 1.0) * (v_radius + a_width + 1.0);
  gl_Position = centre + vec4(v_place * 2.0 / u_window * centre.w, 0.0, 0.0);
  v_width = a_width;
  v_colour = a_colour;
}`,
  fragment: `
in vec2 v_place;
in vec4 v_colour;
flat in float v_radius, v_width;
out vec4 pixel;
void main() {
  float alpha = v_colour.a * clamp(0.5 * v_width - abs(length(v_place) - v_radius) + 0.5, 0.0, 1.0);
  if (alpha <= 0.0) discard;
  pixel = vec4(v_colour.rgb * alpha, alpha);
}`,
};

// Letters out of a picture of all labels, upright, at places of the world.
export const LABELS = {
  name: "labels",
  vertex: `
in vec3 a_at;
in vec4 a_box;                 // in the picture, pixels: x, y, width, height
in vec4 a_from;                // from the place to the middle of the text, pixels
uniform mat4 u_view;
uniform vec2 u_window, u_picture;
out vec2 v_share;
void main() {
  vec2 t = vec2(float(gl_VertexID & 1), float(gl_VertexID >> 1));
  vec4 centre = u_view * vec4(a_at, 1.0);
  vec2 middle = (centre.xy / centre.w * 0.5 + 0.5) * u_window + a_from.xy;
  vec2 corner = floor(middle - 0.5 * a_box.zw + 0.5) + t * a_box.zw;   // on whole pixels letters stay sharp
  gl_Position = vec4(corner / u_window * 2.0 - 1.0, 0.0, centre.w > 0.0 ? 1.0 : -1.0);
  v_share = (a_box.xy + vec2(t.x, 1.0 - t.y) * a_box.zw) / u_picture;
}`,
  fragment: `
in vec2 v_share;
uniform sampler2D u_labels;    // red: the letters, alpha: with the rim round them
uniform vec3 u_ink, u_ground;
out vec4 pixel;
void main() {
  vec4 t = texture(u_labels, v_share);
  pixel = vec4(mix(u_ground, u_ink, t.r) * t.a, t.a);
}`,
};
