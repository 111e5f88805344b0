// What is seen of the world: frames in, pictures out. Nothing is drawn before draw(), and each draw() is whole.

import { Camera } from "./camera.js";
import { ground, parse, typeColour } from "./colour.js";
import { Density } from "./density.js";
import { Entities } from "./entities.js";
import { place } from "./frame.js";
import { Card, software } from "./gl.js";
import { Labels } from "./labels.js";
import { Layers } from "./layers.js";
import { Picker, rowsWithin } from "./pick.js";
import { Selection } from "./selection.js";
import { Tables } from "./tables.js";
import { Trails } from "./trails.js";
import { World, ticks } from "./world.js";

// How a type is drawn when nothing else is said. by: "type", "direction" or the index of a column. range null: that of
// the frame's values; size null: from the room that each has; labels: {value: rgb}, values are names of something.
const STYLE = {
  shown: true, by: null, rgb: null, map: "ramp", range: null, labels: null,
  size: null, sizeBy: null, sizeRange: null, model: null, opacity: 1,
};
// mode and axis (0: x) and at (0..1) matter in space only.
const LAYER = { shown: true, map: "moss", range: null, opacity: 1, mode: "slice", axis: 2, at: 0.5, labels: null };
const EVERYWHERE = [[-1e30, -1e30, -1e30], [1e30, 1e30, 1e30]];

export class Scene {
  constructor(canvas) {
    // Smooth edges cost a graphics card nothing, but a processor that must do its work half the frames.
    const slow = software();
    const gl = canvas.getContext("webgl2", { antialias: !slow, alpha: false, powerPreference: "high-performance" });
    if (!gl) throw new Error("This browser has no WebGL2.");
    Object.assign(this, { canvas, gl, slow, camera: new Camera(), meta: null, frame: null, light: false, clip: null });
    this.shown = { grid: true, partitions: false, box: true, axes: true, geometry: true, trails: true };
    this.styles = new Map();
    this.layerStyles = new Map();
    this.ranges = new Map();
    this.models = new Map();
    [this.partitions, this.partitionsAt] = [[], 0];
    this.build();
    // The system may take the graphics card away, and give it back empty.
    canvas.addEventListener("webglcontextlost", (event) => event.preventDefault());
    canvas.addEventListener("webglcontextrestored", () => this.restore());
  }

  build() {
    const card = new Card(this.gl, this.slow), tables = new Tables(card);
    this.card = card;
    this.entities = new Entities(card, tables);
    this.density = new Density(card, tables);
    this.layers = new Layers(card, tables);
    this.trails = new Trails(card, tables);
    this.selection = new Selection(card);
    this.picker = new Picker(card);
    this.world = new World(card);
    this.labels = new Labels(card);
  }

  restore() {
    const { wanted, radius } = this.selection, { ticks } = this.trails;
    this.build();
    this.trails.set(ticks);
    this.selection.set(wanted, radius);
    for (const [name, model] of this.models) this.entities.setModel(name, ...model);
    if (this.meta) this.world.setWorld(this.meta);
    if (this.frame) this.setFrame(this.frame);
    this.draw();
  }

  setTheme(light) {
    this.light = Boolean(light);
  }

  // Also forgets the styles, the frame and all that was selected: another world.
  setWorld(meta) {
    Object.assign(this, { meta, frame: null, clip: null });
    for (const kept of [this.styles, this.layerStyles, this.ranges]) kept.clear();
    this.camera.setBox(meta.low, meta.high, meta.dim === 2);
    this.world.setWorld(meta);
    this.trails.reset();
    this.selection.set([], null);
    for (const part of [this.entities, this.density, this.layers]) part.setFrame({ blocks: [] });
  }

  // Triangles that point along +x and are 1 long: Float32Arrays, xyz of each corner.
  setModel(name, positions, normals) {
    this.models.set(name, [positions, normals]);
    this.entities.setModel(name, positions, normals);
  }

  // A frame as frame.js decodes it; it replaces the one before.
  setFrame(frame) {
    this.frame = frame;
    for (const part of [this.entities, this.density, this.layers]) part.setFrame(frame);
    if (!this.meta) return;
    this.follow();
    this.selection.find(frame, this.meta);
    const selected = new Map();
    for (const { type, id } of this.selection.wanted) selected.set(type, (selected.get(type) ?? new Set()).add(id));
    this.trails.setFrame(frame, (type) => this.style(type), selected);
  }

  setPartitions(partitions) {
    this.partitions = partitions;
    this.partitionsAt++;
  }

  setStyle(type, style) {
    this.styles.set(type, { ...STYLE, ...this.styles.get(type), ...style });
  }

  setLayer(layer, style) {
    this.layerStyles.set(layer, { ...LAYER, ...this.layerStyles.get(layer), ...style });
  }

  // [low, high]: what lies outside is not drawn; null: all is. The box itself is drawn.
  setClip(box) {
    this.clip = box;
  }

  setSelection(selected, radius = null) {
    this.selection.set(selected, radius);
    if (this.meta) this.selection.find(this.frame, this.meta);
  }

  // Of the selected, in the frame on screen: [{type, row, id, position, distance}]; none without a radius.
  get neighbours() {
    return this.selection.neighbours;
  }

  // How many ticks trails go back; 0: no trails. With a selection only the selected leave them.
  setTrails(count) {
    this.trails.set(count);
  }

  // A type's style with everything filled in.
  style(index) {
    const type = this.meta?.types[index], view = type?.view ?? {}, style = { ...STYLE, ...this.styles.get(index) };
    style.by ??= type?.heading && this.meta.types.length === 1 ? "direction" : "type";
    style.rgb ??= parse(view.color) ?? typeColour(index, this.light);
    style.model ??= view.model ?? null;
    style.size ??= view.size ?? this.spacing(type?.heading);
    style.range ??= this.range(index, style.by);
    style.sizeRange ??= this.range(index, style.sizeBy);
    return style;
  }

  layer(index) {
    const style = { ...LAYER, ...this.layerStyles.get(index) };
    style.range ??= this.ranges.get(`layer ${index}`) ?? null;
    return style;
  }

  // The range of a column in use: of the frame's values, widened at once, narrowed only when it is much too wide.
  range(index, column) {
    return this.ranges.get(`${index} ${column}`) ?? [0, 1];
  }

  // Metres: how large a type is drawn.
  size(index) {
    return this.style(index).size;
  }

  // What the brightest of a crowd's density stands for, in entities per cell, and whether the scale is "log" or "root".
  crowd(index) {
    const { most, scale } = this.density.types.get(index) ?? { most: 0, scale: "root" };
    return { most, scale };
  }

  layerRange(index) {
    return this.layer(index).range ?? [0, 1];
  }

  follow() {
    const take = (key, low, high) => {
      if (low === null || high === null || low === undefined) return;
      const [a, b] = this.ranges.get(key) ?? [Infinity, -Infinity];
      if (!(a <= low && high <= b && high - low > 0.8 * (b - a))) this.ranges.set(key, [low, high]);
    };
    for (const { kind, about } of this.frame.blocks) {
      if (kind === "points") about.columns.forEach(({ low, high }, k) => take(`${about.type} ${k}`, low, high));
      if (kind === "layer" && about.range) take(`layer ${about.layer}`, ...about.range);
    }
    // The key has no name of the field: when column k becomes another field its range must not linger.
    const fields = this.frame.blocks.filter(({ kind }) => kind === "points" || kind === "layer").map(({ about }) => `${about.layer ?? about.type} ${about.field ?? about.columns.map((c) => c.field)}`).join();
    if (this.fields !== undefined && this.fields !== fields) {
      this.ranges.clear();
      this.fields = fields;
      return this.follow();
    }
    this.fields = fields;
  }

  // Half the mean distance between entities (more for what points somewhere), in steps so that births and deaths do not
  // make them flicker.
  spacing(heading = false) {
    const { meta } = this, size = meta.high.map((h, k) => h - meta.low[k]).slice(0, meta.dim);
    const n = this.frame ? this.frame.blocks.reduce((sum, { kind, about }) => sum + (kind === "points" || kind === "density" ? about.in_area : 0), 0) : 1;
    const seen = this.frame ? [0, 1, 2].slice(0, meta.dim).map((k) => this.frame.high[k] - this.frame.low[k]) : size;
    const room = (seen.reduce((a, b) => a * b, 1) / Math.max(n, 1)) ** (1 / meta.dim) * (meta.dim === 2 ? 0.5 : 0.38);
    // A crowd in space is a crowd of specks where there is no graphics card to draw each as a cone.
    const fine = this.card.slow && meta.dim === 3 && n > 30000 ? 0.4 : 1;
    return fine * Math.min(2 ** (Math.round(2 * Math.log2(room)) / 2), 0.025 * Math.max(...size)) * (heading ? 1.8 : 1);
  }

  // All that the parts need to know of one picture.
  view() {
    const { gl, canvas, camera, light, frame, meta, clip } = this;
    const low = frame?.low ?? meta?.low ?? [0, 0, 0], high = frame?.high ?? meta?.high ?? [1, 1, 1], span = high.map((h, k) => h - low[k]);
    const matrix = camera.matrix(), axes = camera.axes(), window = [canvas.width, canvas.height], [from, to] = clip ?? EVERYWHERE;
    const reach = Math.hypot(...(meta ? meta.high.map((h, k) => h - meta.low[k]) : span)) / 2 || 1, rgb = ground(light);
    // What is far fades a little into the ground; a map has no far.
    const haze = { rgb, share: camera.flat ? 0 : 0.42, from: camera.distance - 0.6 * reach, per: 1 / (1.9 * reach) };
    const set = (at) => {
      gl.uniformMatrix4fv(at.u_view, false, matrix);
      gl.uniform3fv(at.u_low, low);
      gl.uniform3fv(at.u_span, span);
      gl.uniform3fv(at.u_clip_low, from);
      gl.uniform3fv(at.u_clip_high, to);
      gl.uniform2fv(at.u_window, window);
      for (const name of ["right", "up", "back"]) gl.uniform3fv(at[`u_${name}`], axes[name]);
      gl.uniform4f(at.u_haze, ...rgb, haze.share);
      gl.uniform2f(at.u_depth, haze.from, haze.per);
    };
    const dense = canvas.height / camera.height;
    return { camera, matrix, window, low, span, light, clip, haze, dense, map: meta?.dim === 2, flat: camera.flat, set };
  }

  // -> {types: {index: what they were drawn as}, n: how many}
  draw() {
    const { gl, meta } = this;
    gl.bindFramebuffer(gl.FRAMEBUFFER, null);
    gl.viewport(0, 0, this.canvas.width, this.canvas.height);
    gl.clearColor(...ground(this.light), 1);
    gl.depthMask(true);
    gl.clear(gl.COLOR_BUFFER_BIT | gl.DEPTH_BUFFER_BIT);
    if (!meta || gl.isContextLost()) return { types: {}, n: 0 };
    const view = this.view(), layer = (index) => this.layer(index), style = (index) => this.style(index), solid = !view.flat;
    const deep = (on) => (on && solid ? gl.enable(gl.DEPTH_TEST) : gl.disable(gl.DEPTH_TEST));
    gl.enable(gl.BLEND);
    gl.blendFunc(gl.ONE, gl.ONE_MINUS_SRC_ALPHA);
    gl.depthFunc(gl.LEQUAL);
    this.world.prepare(this, view);
    const out = { types: {}, n: 0 }, drawn = meta.types.map((_, index) => index);
    const crowds = drawn.filter((index) => this.density.has(index) && style(index).shown);
    deep(false);
    if (solid) for (const part of [this.world.floor, this.world.areas, this.world.frame]) part.draw(view);
    deep(true);
    if (this.shown.geometry) this.world.drawSurfaces(view);
    this.layers.drawSheets(layer, view);
    deep(false);
    this.layers.drawClouds(layer, view);
    if (!solid) {
      this.world.areas.draw(view);
      for (const index of crowds) this.density.draw(index, style(index), view);
      this.world.floor.draw(view);
      this.world.frame.draw(view);
    }
    deep(true);
    if (this.shown.geometry) this.world.geometry.draw(view);
    gl.depthMask(false);
    if (this.shown.trails) this.trails.draw(style, view, meta.high.map((h, k) => h - meta.low[k]), view.flat);
    gl.depthMask(true);
    for (const index of drawn) {
      out.types[index] = this.density.has(index) ? (style(index).shown ? "density" : "none") : this.entities.draw(index, style(index), view);
      if (out.types[index] !== "none") out.n += this.count(index);
    }
    if (!view.flat) for (const index of crowds) this.density.draw(index, style(index), view);
    deep(false);
    this.selection.draw(view, (type) => style(type).size, meta.dim);
    if (this.shown.axes) this.labels.draw(this.texts(view), view);
    return out;
  }

  texts(view) {
    const texts = ticks(this.meta, this.camera, view.dense);
    if (!this.shown.partitions) return texts;
    for (const { low, high, label } of this.partitions) {
      if (label) texts.push({ text: label, at: [0, 1, 2].map((k) => ((low[k] ?? 0) + (high[k] ?? 0)) / 2), shift: [0, 0], strong: true });
    }
    return texts;
  }

  count(index) {
    return this.frame?.blocks.find(({ kind, about }) => (kind === "points" || kind === "density") && about.type === index)?.about.in_area ?? 0;
  }

  outside(p) {
    return Boolean(this.clip && p.some((v, k) => v < this.clip[0][k] || v > this.clip[1][k]));
  }

  // What is drawn at a CSS pixel: {type, row, id, position}, {layer, index: [x, y, z], value} or null.
  pick(px, py) {
    if (!this.frame || !this.meta || this.gl.isContextLost()) return null;
    const { gl } = this, view = this.view(), points = this.frame.blocks.filter((block) => block.kind === "points");
    const x = Math.floor(px * view.dense), y = this.canvas.height - 1 - Math.floor(py * view.dense);
    let found = this.picker.at(x, y, view, () => {
      if (view.flat) gl.disable(gl.DEPTH_TEST);
      else gl.enable(gl.DEPTH_TEST);
      for (const { about } of points) this.entities.draw(about.type, this.style(about.type), view, true);
      gl.disable(gl.DEPTH_TEST);
    });
    gl.viewport(0, 0, ...view.window);
    found ??= this.entities.nearestSpeck(x + 0.5, y + 0.5, 6 * view.dense, view);
    if (!found) return this.layers.pick((index) => this.layer(index), this.camera.ray(px, py), this.meta.low, (p) => this.outside(p));
    const [type, row] = found, block = points.find(({ about }) => about.type === type);
    return { type, row, id: Number(block.arrays.ids[row]), position: place(this.frame, block, row) };
  }

  // All entities whose places lie in a rectangle on screen (CSS pixels): [{type, row, id}].
  pickBox(x0, y0, x1, y1) {
    if (!this.frame || !this.meta) return [];
    const view = this.view(), box = [Math.min(x0, x1), Math.min(y0, y1), Math.max(x0, x1), Math.max(y0, y1)].map((v) => v * view.dense);
    return this.frame.blocks.filter(({ kind, about }) => kind === "points" && this.style(about.type).shown).flatMap((block) =>
      rowsWithin(block, view, box, (p) => this.outside(p)).map((row) => ({ type: block.about.type, row, id: Number(block.arrays.ids[row]) })));
  }

  // Colour at a CSS pixel, drawn afresh: [r, g, b], 0..255.
  pixel(px, py) {
    this.draw();
    const { gl, canvas } = this, ratio = canvas.height / this.camera.height, out = new Uint8Array(4);
    gl.readPixels(Math.floor(px * ratio), canvas.height - 1 - Math.floor(py * ratio), 1, 1, gl.RGBA, gl.UNSIGNED_BYTE, out);
    return [...out.slice(0, 3)];
  }

  // A PNG of what is seen, as a Blob.
  screenshot() {
    this.draw();
    return new Promise((resolve, reject) => this.canvas.toBlob((blob) => (blob ? resolve(blob) : reject(new Error("The picture is empty."))), "image/png"));
  }

  // For a movie: a new picture whenever one was drawn, at most so many a second.
  stream(fps) {
    return this.canvas.captureStream(fps);
  }
}
