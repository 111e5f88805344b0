// Draws the world with WebGL2. Frames go to the graphics card as they came; only when something changed is drawn again.

import { AREAS, MODELS, POINTS, SEGMENTS } from "./shaders.js";
import { ramp, table, wheel } from "./colour.js";

// A cone costs 60 corners, a point one: beyond this count entities in space are points.
const MOST_MODELS = 20000, LEAST_PIXELS = 4;
// A dart turns in a square that is somewhat larger than it is long.
const DART_ROOM = 1.2;
const ATTRIBUTES = ["a_position", "a_heading", "a_scalar", "a_corner", "a_normal", "a_from", "a_to", "a_colour", "a_width"];
const SLOT = Object.fromEntries(ATTRIBUTES.map((name, k) => [name, k]));

export class Scene {
  constructor(canvas) {
    // Smooth cones cost a graphics card nothing, but a processor that must do its work half the frames.
    const gl = canvas.getContext("webgl2", { antialias: !software(), alpha: false, powerPreference: "high-performance" });
    if (!gl) throw new Error("This browser has no WebGL2.");
    this.canvas = canvas;
    this.gl = gl;
    this.programs = { points: program(gl, POINTS), models: program(gl, MODELS), segments: program(gl, SEGMENTS), areas: program(gl, AREAS) };
    this.cone = this.mesh(cone(10));
    this.maps = { ramp: gl.createTexture(), wheel: gl.createTexture() };
    this.types = new Map();
    this.lines = { n: 0, ...this.buffers("a_from", "a_to", "a_colour", "a_width") };
    this.areas = { n: 0, ...this.buffers("a_from", "a_to", "a_colour") };
    this.low = [0, 0, 0];
    this.span = [1, 1, 1];
    this.light = null;
    this.setTheme(false);
  }

  setTheme(light) {
    if (light === this.light) return;
    this.light = light;
    const { gl } = this;
    for (const [texture, map] of [[this.maps.ramp, ramp], [this.maps.wheel, wheel]]) {
      gl.bindTexture(gl.TEXTURE_2D, texture);
      gl.texImage2D(gl.TEXTURE_2D, 0, gl.RGBA, 256, 1, 0, gl.RGBA, gl.UNSIGNED_BYTE, table(map, light));
      for (const filter of [gl.TEXTURE_MIN_FILTER, gl.TEXTURE_MAG_FILTER]) gl.texParameteri(gl.TEXTURE_2D, filter, gl.NEAREST);
    }
  }

  // Rows of one frame, see frame.js.
  setFrame(frame) {
    this.low = frame.low;
    this.span = frame.high.map((h, k) => h - frame.low[k]);
    for (const type of this.types.values()) type.n = 0;
    for (const rows of frame.types) {
      if (!this.types.has(rows.index)) this.types.set(rows.index, this.buffers("a_position", "a_heading", "a_scalar"));
      const type = this.types.get(rows.index);
      type.n = rows.n;
      type.hasHeading = rows.heading !== null;
      type.hasScalar = rows.scalar !== null;
      this.fill(type.a_position, rows.positions);
      if (rows.heading) this.fill(type.a_heading, rows.heading);
      if (rows.scalar) this.fill(type.a_scalar, rows.scalar);
    }
  }

  // segments: [{from, to, colour: [r, g, b, a], width}], areas: [{from, to, colour}]
  setStatic(segments, areas) {
    for (const [target, items] of [[this.lines, segments], [this.areas, areas]]) {
      target.n = items.length;
      this.fill(target.a_from, new Float32Array(items.flatMap((s) => s.from)));
      this.fill(target.a_to, new Float32Array(items.flatMap((s) => s.to)));
      this.fill(target.a_colour, new Float32Array(items.flatMap((s) => s.colour)));
    }
    this.fill(this.lines.a_width, new Float32Array(segments.map((s) => s.width)));
  }

  // styles: type index -> {colour, mode, range, size and length in metres, points: never models}; ground: [r, g, b]
  draw(camera, styles, ground) {
    const { gl, canvas } = this;
    gl.viewport(0, 0, canvas.width, canvas.height);
    gl.clearColor(...ground, 1);
    gl.clear(gl.COLOR_BUFFER_BIT | gl.DEPTH_BUFFER_BIT);
    gl.enable(gl.BLEND);
    gl.blendFunc(gl.ONE, gl.ONE_MINUS_SRC_ALPHA);
    const view = camera.matrix(), dense = canvas.height / camera.height;
    gl.disable(gl.DEPTH_TEST);
    this.drawStatic("areas", this.areas, view);
    this.drawStatic("segments", this.lines, view);
    if (!camera.flat) gl.enable(gl.DEPTH_TEST);
    const drawn = {};
    for (const [index, type] of this.types) {
      if (type.n) drawn[index] = this.drawType(type, styles(index), camera, view, dense, ground);
    }
    return drawn;
  }

  drawType(type, style, camera, view, dense, ground) {
    const { gl } = this;
    const map = camera.flat && this.span[2] === 0;
    const pointed = type.hasHeading && !style.points && (style.length * dense) / camera.unit >= LEAST_PIXELS;
    const models = pointed && !map && type.n <= MOST_MODELS;
    const { handle, at } = models ? this.programs.models : this.programs.points;
    gl.useProgram(handle);
    gl.uniformMatrix4fv(at.u_view, false, view);
    gl.uniform3fv(at.u_low, this.low);
    gl.uniform3fv(at.u_span, this.span);
    let mode = style.mode;
    if ((mode === 1 && !type.hasHeading) || (mode === 2 && !type.hasScalar)) mode = 0;
    gl.uniform1i(at.u_mode, mode);
    gl.uniform3fv(at.u_colour, style.colour);
    // What is far fades a little into the ground; a map has no far.
    const reach = Math.hypot(...this.span) / 2;
    gl.uniform4f(at.u_haze, ...ground, camera.flat ? 0 : 0.6);
    gl.uniform2f(at.u_depth, camera.distance - 0.6 * reach, 1 / (1.9 * reach));
    gl.uniform2f(at.u_range, style.range[0], 1 / (style.range[1] - style.range[0] || 1));
    gl.bindTexture(gl.TEXTURE_2D, mode === 1 ? this.maps.wheel : this.maps.ramp);
    const each = models ? 1 : 0;
    this.attribute(type.a_position, 3, gl.UNSIGNED_SHORT, true, each);
    if (type.hasHeading) this.attribute(type.a_heading, 3, gl.BYTE, true, each);
    else this.constant("a_heading");
    if (type.hasScalar) this.attribute(type.a_scalar, 1, gl.FLOAT, false, each);
    else this.constant("a_scalar");
    if (models) {
      gl.uniform1f(at.u_size, style.length);
      this.attribute(this.cone.a_corner, 3, gl.FLOAT, false, 0);
      this.attribute(this.cone.a_normal, 3, gl.FLOAT, false, 0);
      gl.drawArraysInstanced(gl.TRIANGLES, 0, this.cone.n, type.n);
      return "cone";
    }
    const dart = pointed && map;
    gl.uniform1f(at.u_size, dart ? DART_ROOM * style.length : style.size);
    const scale = camera.flat ? dense / camera.unit : (dense * camera.distance) / camera.unit;
    gl.uniform2f(at.u_pixels, scale, (type.n > 50000 ? 1.6 : 2.4) * dense);
    gl.uniform1i(at.u_shape, dart ? 2 : camera.flat ? 0 : 1);
    gl.drawArrays(gl.POINTS, 0, type.n);
    return dart ? "dart" : "point";
  }

  drawStatic(name, items, view) {
    if (!items.n) return;
    const { gl } = this, { handle, at } = this.programs[name];
    gl.useProgram(handle);
    gl.uniformMatrix4fv(at.u_view, false, view);
    if (at.u_window) gl.uniform2f(at.u_window, this.canvas.width, this.canvas.height);
    this.attribute(items.a_from, 3, gl.FLOAT, false, 1);
    this.attribute(items.a_to, 3, gl.FLOAT, false, 1);
    this.attribute(items.a_colour, 4, gl.FLOAT, false, 1);
    if (items.a_width) this.attribute(items.a_width, 1, gl.FLOAT, false, 1);
    gl.drawArraysInstanced(gl.TRIANGLE_STRIP, 0, 4, items.n);
  }

  buffers(...names) {
    return Object.fromEntries(names.map((name) => [name, { slot: SLOT[name], buffer: this.gl.createBuffer() }]));
  }

  fill({ buffer }, array) {
    this.gl.bindBuffer(this.gl.ARRAY_BUFFER, buffer);
    this.gl.bufferData(this.gl.ARRAY_BUFFER, array, this.gl.DYNAMIC_DRAW);
  }

  attribute({ slot, buffer }, width, kind, normalised, each) {
    const { gl } = this;
    gl.bindBuffer(gl.ARRAY_BUFFER, buffer);
    gl.enableVertexAttribArray(slot);
    gl.vertexAttribPointer(slot, width, kind, normalised, 0, 0);
    gl.vertexAttribDivisor(slot, each);
  }

  constant(name) {
    this.gl.disableVertexAttribArray(SLOT[name]);
    this.gl.vertexAttrib4f(SLOT[name], 0, 0, 0, 1);
  }

  mesh({ corners, normals }) {
    const shape = this.buffers("a_corner", "a_normal");
    this.fill(shape.a_corner, new Float32Array(corners));
    this.fill(shape.a_normal, new Float32Array(normals));
    return { ...shape, n: corners.length / 3 };
  }
}

// Whether WebGL is worked out by the processor.
function software() {
  const gl = document.createElement("canvas").getContext("webgl2");
  const names = gl?.getExtension("WEBGL_debug_renderer_info");
  const name = names ? gl.getParameter(names.UNMASKED_RENDERER_WEBGL) : "";
  gl?.getExtension("WEBGL_lose_context")?.loseContext();
  return /swiftshader|llvmpipe|software|basic render/i.test(name);
}

function program(gl, { vertex, fragment }) {
  const handle = gl.createProgram();
  for (const [kind, source] of [[gl.VERTEX_SHADER, vertex], [gl.FRAGMENT_SHADER, fragment]]) {
    const shader = gl.createShader(kind);
    gl.shaderSource(shader, source);
    gl.compileShader(shader);
    if (!gl.getShaderParameter(shader, gl.COMPILE_STATUS)) throw new Error(gl.getShaderInfoLog(shader));
    gl.attachShader(handle, shader);
  }
  for (const name of ATTRIBUTES) gl.bindAttribLocation(handle, SLOT[name], name);
  gl.linkProgram(handle);
  if (!gl.getProgramParameter(handle, gl.LINK_STATUS)) throw new Error(gl.getProgramInfoLog(handle));
  const at = {};
  for (let k = 0; k < gl.getProgramParameter(handle, gl.ACTIVE_UNIFORMS); k++) {
    const { name } = gl.getActiveUniform(handle, k);
    at[name] = gl.getUniformLocation(handle, name);
  }
  return { handle, at };
}

function cone(sides) {
  const corners = [], normals = [], at = (k) => [Math.cos((2 * Math.PI * k) / sides), Math.sin((2 * Math.PI * k) / sides)];
  for (let k = 0; k < sides; k++) {
    const [p, m, q] = [at(k), at(k + 0.5), at(k + 1)];
    const rim = ([y, z]) => [-0.4, 0.26 * y, 0.26 * z], out = ([y, z]) => [0.25, 0.97 * y, 0.97 * z];
    corners.push(0.6, 0, 0, ...rim(p), ...rim(q), -0.4, 0, 0, ...rim(q), ...rim(p));
    normals.push(...out(m), ...out(p), ...out(q), -1, 0, 0, -1, 0, 0, -1, 0, 0);
  }
  return { corners, normals };
}
