// Layers: rasters as pictures on a map; in space a slice of them, or the whole as a cloud.

import { COPY, RASTER, VOLUME } from "./shaders.js";
import { half } from "./frame.js";

export class Layers {
  constructor(card, tables) {
    this.card = card;
    this.tables = tables;
    this.layers = new Map();
    this.cloud = null;
  }

  setFrame(frame) {
    for (const layer of this.layers.values()) layer.about = null;
    for (const { kind, about, arrays, shapes } of frame.blocks) {
      if (kind !== "layer") continue;
      if (!this.layers.has(about.layer)) this.layers.set(about.layer, { texture: null });
      const layer = this.layers.get(about.layer);
      Object.assign(layer, { about, values: arrays.values, shape: shapes.values, codes: about.range === null });
      this.upload(layer);
    }
  }

  upload(layer) {
    const { gl } = this.card, [nz, ny, nx] = layer.shape, space = nz > 1;
    const target = space ? gl.TEXTURE_3D : gl.TEXTURE_2D, key = `${space} ${layer.codes}`;
    if (layer.key !== key) {
      if (layer.texture) gl.deleteTexture(layer.texture);
      // Cells on a map have edges; in space, between cells, what is between their values.
      layer.texture = this.card.texture(space && !layer.codes, target);
      layer.key = key;
    }
    this.card.bind(0, layer.texture, target);
    const [inside, format, kind] = layer.codes ? [gl.R8, gl.RED, gl.UNSIGNED_BYTE] : [gl.R16F, gl.RED, gl.HALF_FLOAT];
    if (space) gl.texImage3D(target, 0, inside, nx, ny, nz, 0, format, kind, layer.codes ? layer.values : numbers(layer.values));
    else gl.texImage2D(target, 0, inside, nx, ny, 0, format, kind, layer.values);
  }

  // Labels have nothing between them: they are never a cloud.
  cloudy(layer, style) {
    return layer.shape[0] > 1 && style.mode === "volume" && !layer.codes;
  }

  // [index, layer, style] of what is shown, in order.
  visible(styles) {
    return [...this.layers].sort(([a], [b]) => a - b).map(([index, layer]) => [index, layer, styles(index)]).filter(([, layer, style]) => layer.about && style.shown);
  }

  // Share of the raster's own range that a range of colours begins at, and 1 / over what share it goes.
  range(layer, wanted) {
    if (layer.codes || !wanted) return [0, 1];
    const [low, high] = layer.about.range, span = high - low || 1;
    return [(wanted[0] - low) / span, span / (wanted[1] - wanted[0] || 1)];
  }

  table(layer, style, light) {
    return (layer.codes ? this.tables.labels(style.labels, light) : this.tables.map(style.map, light)).texture;
  }

  // Clouds: over what stands and behind what moves, in a small picture, because every pixel is a walk through the world.
  drawClouds(styles, view) {
    const { card } = this, { gl } = card;
    const shown = this.visible(styles).filter(([, layer, style]) => this.cloudy(layer, style));
    if (!shown.length) return;
    const part = card.slow ? 3 : 2, [width, height] = view.window.map((n) => Math.ceil(n / part));
    if (this.cloud?.width !== width || this.cloud?.height !== height) {
      if (this.cloud) gl.deleteFramebuffer(this.cloud.frame), gl.deleteTexture(this.cloud.texture);
      this.cloud = card.target(width, height, false);
    }
    for (const [, layer, style] of shown) {
      const { low, high } = layer.about;
      card.clear();
      gl.bindFramebuffer(gl.FRAMEBUFFER, this.cloud.frame);
      gl.viewport(0, 0, width, height);
      gl.clearColor(0, 0, 0, 0);
      gl.clear(gl.COLOR_BUFFER_BIT);
      gl.disable(gl.BLEND);
      gl.enable(gl.CULL_FACE);
      gl.cullFace(gl.FRONT); // the far walls of the box: so the eye may stand inside
      const at = card.use(VOLUME);
      view.set(at);
      gl.uniform3fv(at.u_low, low);
      gl.uniform3fv(at.u_span, high.map((h, k) => h - low[k]));
      gl.uniform3fv(at.u_eye, view.camera.eye);
      gl.uniform3fv(at.u_forward, view.camera.axes().back.map((b) => -b));
      gl.uniform1f(at.u_straight, view.camera.flat ? 1 : 0);
      gl.uniform2fv(at.u_range, this.range(layer, style.range));
      gl.uniform1f(at.u_opacity, style.opacity);
      gl.uniform1i(at.u_steps, card.slow ? 48 : 128);
      gl.uniform1i(at.u_values, 0);
      gl.uniform1i(at.u_map, 1);
      card.bind(1, this.table(layer, style, view.light));
      card.bind(0, layer.texture, gl.TEXTURE_3D);
      gl.drawArrays(gl.TRIANGLES, 0, 36);
      gl.disable(gl.CULL_FACE);
      gl.enable(gl.BLEND);
      gl.bindFramebuffer(gl.FRAMEBUFFER, null);
      gl.viewport(0, 0, ...view.window);
      const over = card.use(COPY);
      gl.uniform1i(over.u_picture, 0);
      card.bind(0, this.cloud.texture);
      gl.drawArrays(gl.TRIANGLE_STRIP, 0, 4);
    }
  }

  // Pictures on the ground, and slices.
  drawSheets(styles, view) {
    const { card } = this, { gl } = card;
    for (const [, layer, style] of this.visible(styles)) {
      if (this.cloudy(layer, style)) continue;
      const space = layer.shape[0] > 1, { low } = layer.about, { from, right, up } = sheet(layer, style);
      card.clear();
      const at = card.use(RASTER, ...(layer.codes ? ["CODES"] : []), ...(space ? ["SPACE"] : []));
      view.set(at);
      gl.uniform3fv(at.u_low, low);
      gl.uniform3fv(at.u_span, layer.about.high.map((h, k) => h - low[k] || 1));
      gl.uniform3fv(at.u_from, from);
      gl.uniform3fv(at.u_right, right);
      gl.uniform3fv(at.u_up, up);
      gl.uniform2fv(at.u_range, this.range(layer, style.range));
      gl.uniform1f(at.u_opacity, style.opacity);
      gl.uniform1i(at.u_values, 0);
      gl.uniform1i(at.u_map, 1);
      card.bind(1, this.table(layer, style, view.light));
      card.bind(0, layer.texture, space ? gl.TEXTURE_3D : gl.TEXTURE_2D);
      gl.drawArrays(gl.TRIANGLE_STRIP, 0, 4);
    }
  }

  // The cell of the topmost sheet that a line of sight meets: {layer, index: [x, y, z] of the layer's cells, value} or null.
  pick(styles, ray, worldLow, outside) {
    for (const [index, layer, style] of this.visible(styles).reverse()) {
      if (this.cloudy(layer, style)) continue;
      const space = layer.shape[0] > 1, { low, high, stride } = layer.about, axis = space ? style.axis : 2, { from } = sheet(layer, style);
      const t = (from[axis] - ray.from[axis]) / ray.along[axis];
      if (!(t >= 0)) continue;
      const p = ray.from.map((f, k) => (k === axis ? from[k] : f + t * ray.along[k]));
      const size = [...layer.shape].reverse();
      const texel = size.map((n, k) => Math.min(Math.floor(((p[k] - low[k]) / (high[k] - low[k] || 1)) * n), k === axis ? n - 1 : Infinity));
      if (texel.some((v, k) => v < 0 || v >= size[k]) || outside(p)) continue;
      const bits = layer.values[texel[0] + size[0] * (texel[1] + size[1] * texel[2])];
      const share = layer.codes ? bits : half(bits);
      if (Number.isNaN(share)) continue;
      const [least, most] = layer.about.range ?? [0, 1];
      const cell = texel.map((v, k) => v * stride + Math.round(((low[k] - worldLow[k]) / (high[k] - low[k] || 1)) * size[k] * stride));
      return { layer: index, index: cell, value: layer.codes ? share : least + share * (most - least) };
    }
    return null;
  }
}

// Corner and edges of the rectangle that a layer is drawn on.
function sheet(layer, style) {
  const { low, high } = layer.about, axis = layer.shape[0] > 1 ? style.axis : 2, [a, b] = [0, 1, 2].filter((k) => k !== axis);
  const from = low.slice(), right = [0, 0, 0], up = [0, 0, 0];
  if (layer.shape[0] > 1) from[axis] = low[axis] + style.at * (high[axis] - low[axis]);
  right[a] = high[a] - low[a];
  up[b] = high[b] - low[b];
  return { from, right, up };
}

// Between cells of which one is no number there would be none: in space that counts as the least.
function numbers(halves) {
  let out = halves;
  for (let k = 0; k < halves.length; k++) {
    if ((halves[k] & 0x7fff) <= 0x7c00) continue;
    if (out === halves) out = halves.slice();
    out[k] = 0;
  }
  return out;
}
