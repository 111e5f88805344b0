// Crowds that are too many to be drawn one by one: counts in a grid, tinted by type. On a map a smooth picture, in space
// a cloud of balls, the more and the brighter the denser.

import { crowd } from "./colour.js";
import { POINTS, RASTER } from "./shaders.js";

const SCATTER = [0x9e3779b1, 0x85ebca6b, 0xc2b2ae35]; // large odd numbers

export class Density {
  constructor(card, tables) {
    this.card = card;
    this.tables = tables;
    this.types = new Map();
  }

  setFrame(frame) {
    for (const type of this.types.values()) type.shape = null;
    for (const { kind, about, arrays, shapes } of frame.blocks) {
      if (kind !== "density") continue;
      if (!this.types.has(about.type)) this.types.set(about.type, { texture: null, position: this.card.buffer(), scalar: this.card.buffer(), most: 0 });
      const type = this.types.get(about.type);
      type.shape = shapes.counts;
      type.share = this.scaled(type, arrays.counts);
      type.order = null;
      if (type.shape[0] === 1) this.upload(type);
    }
  }

  // Counts to 0..255. Where few cells hold most of the crowd a logarithm keeps the rest in sight, else a root.
  scaled(type, counts) {
    let most = 0, sum = 0, taken = 0;
    for (const c of counts) {
      if (!c) continue;
      taken++;
      sum += c;
      if (c > most) most = c;
    }
    // The scale follows the crowd, but does not tremble with it.
    type.most = Math.max(most, 0.9 * type.most, 1);
    type.scale = most * taken > 12 * sum ? "log" : "root";
    const top = type.scale === "log" ? 1 / Math.log1p(type.most) : 1 / Math.sqrt(type.most);
    const of = type.scale === "log" ? (c) => Math.log1p(c) * top : (c) => Math.sqrt(c) * top;
    const known = new Uint8Array(Math.min(type.most + 1, 65536)).map((_, c) => (c ? Math.max(1, Math.round(255 * Math.min(of(c), 1))) : 0));
    const out = new Uint8Array(counts.length);
    for (let k = 0; k < out.length; k++) {
      const c = counts[k];
      if (c) out[k] = c < known.length ? known[c] : Math.round(255 * Math.min(of(c), 1));
    }
    return out;
  }

  upload(type) {
    const { gl } = this.card, [, ny, nx] = type.shape;
    type.texture ??= this.card.texture(true);
    gl.bindTexture(gl.TEXTURE_2D, type.texture);
    gl.texImage2D(gl.TEXTURE_2D, 0, gl.R8, nx, ny, 0, gl.RED, gl.UNSIGNED_BYTE, type.share);
  }

  // Whether this type came as a density.
  has(index) {
    return Boolean(this.types.get(index)?.shape);
  }

  draw(index, style, view) {
    const type = this.types.get(index);
    const map = this.tables.map(crowd(style.rgb), view.light, `crowd ${style.rgb}`).texture;
    if (type.shape[0] === 1) this.picture(type, style, view, map);
    else this.cloud(type, style, view, map);
  }

  picture(type, style, view, map) {
    const { card } = this, { gl } = card;
    card.clear();
    const at = card.use(RASTER, "CROWD", ...(view.light ? ["MULTIPLY"] : []));
    view.set(at);
    gl.uniform3fv(at.u_from, view.low);
    gl.uniform3f(at.u_right, view.span[0], 0, 0);
    gl.uniform3f(at.u_up, 0, view.span[1], 0);
    gl.uniform3f(at.u_span, view.span[0], view.span[1], view.span[2] || 1);
    gl.uniform2f(at.u_range, 0, 1);
    gl.uniform1f(at.u_opacity, style.opacity);
    gl.uniform1i(at.u_values, 0);
    gl.uniform1i(at.u_map, 1);
    card.bind(1, map);
    card.bind(0, type.texture);
    gl.disable(gl.DEPTH_TEST);
    // Crowds in one place mix: on a dark ground like lights, on a light one like inks.
    if (view.light) gl.blendFunc(gl.DST_COLOR, gl.ZERO);
    else gl.blendFunc(gl.ONE, gl.ONE_MINUS_SRC_COLOR);
    gl.drawArrays(gl.TRIANGLE_STRIP, 0, 4);
    gl.blendFunc(gl.ONE, gl.ONE_MINUS_SRC_ALPHA);
  }

  cloud(type, style, view, map) {
    const { card } = this, { gl } = card;
    this.arrange(type, view.camera.axes().back);
    if (!type.n) return;
    card.clear();
    const at = card.use(POINTS, "CLOUD"), cell = Math.min(...type.shape.map((n, k) => view.span[2 - k] / n));
    view.set(at);
    const scale = view.flat ? view.dense / view.camera.unit : (view.dense * view.camera.distance) / view.camera.unit;
    gl.uniform1i(at.u_mode, 2);
    gl.uniform1f(at.u_size, 1.3 * cell);
    gl.uniform2f(at.u_sizes, 0, 1);
    gl.uniform2f(at.u_range, 0, 1);
    gl.uniform2f(at.u_pixels, scale, 1.5 * view.dense);
    gl.uniform1f(at.u_near, 0);
    gl.uniform1f(at.u_opacity, 0.8 * style.opacity);
    gl.uniform1i(at.u_map, 0);
    card.bind(0, map);
    card.attribute("a_position", type.position, 3);
    card.attribute("a_scalar", type.scalar, 1);
    card.attribute("a_scale", type.scalar, 1);
    card.constant("a_heading");
    gl.depthMask(false);
    gl.drawArrays(gl.POINTS, 0, type.n);
    gl.depthMask(true);
  }

  // Taken cells from the farthest to the nearest: the axis that points most towards the eye is walked last.
  arrange(type, back) {
    const axes = [0, 1, 2].sort((a, b) => Math.abs(back[b]) - Math.abs(back[a]));
    const order = axes.map((axis) => (back[axis] >= 0 ? axis : axis - 3)).join();
    if (type.order === order) return;
    type.order = order;
    const size = [...type.shape].reverse(), stride = [1, size[0], size[0] * size[1]];
    const places = [], values = [], at = [0, 0, 0];
    const walk = (level, base) => {
      const axis = axes[level], n = size[axis];
      for (let k = 0; k < n; k++) {
        at[axis] = back[axis] >= 0 ? k : n - 1 - k;
        const index = base + at[axis] * stride[axis];
        if (level < 2) walk(level + 1, index);
        else if (type.share[index]) {
          // Anywhere in its cell, always the same: rows of balls would make patterns that are not in the crowd.
          for (let k = 0; k < 3; k++) places.push((at[k] + 0.15 + (0.7 * (Math.imul(index + 1, SCATTER[k]) >>> 8)) / 16777216) / size[k]);
          values.push(type.share[index] / 255);
        }
      }
    };
    walk(0, 0);
    type.n = values.length;
    this.card.fill(type.position, new Float32Array(places));
    this.card.fill(type.scalar, new Float32Array(values));
  }
}
