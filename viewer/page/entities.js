// Entities as points, darts and models. Frames go to the graphics card as they came; what is near becomes a model.

import { MODELS, POINTS } from "./shaders.js";
import { builtin } from "./models.js";
import { LARGEST, LARGEST_DART, Splat } from "./splat.js";

// A model costs dozens of corners, a point one: so many of the nearest are models.
const MOST_MODELS = 20000, MOST_MODELS_SLOW = 1500;
// None is a model that is smaller than so many pixels; a cone can be told from its silhouette up to a larger size.
const LEAST_PIXELS = 5, LEAST_CONE = 14, LEAST_CONE_SLOW = 28;
// A dart turns in a square that is somewhat larger than it is long.
const DART_ROOM = 1.2;
// Without a graphics card more than these, if small, are written by the processor itself.
const FEW = 5000;
const SPRITES = new Set(["disc", "point", "ball", "dart"]);

export class Entities {
  constructor(card, tables) {
    this.card = card;
    this.tables = tables;
    this.types = new Map();
    this.shapes = new Map();
    this.splat = new Splat(card);
    for (const [name, { positions, normals }] of Object.entries(builtin(card.slow ? 6 : 12))) this.setModel(name, positions, normals);
  }

  setModel(name, positions, normals) {
    let foot = 0;
    for (let k = 2; k < positions.length; k += 3) foot = Math.min(foot, positions[k]);
    const shape = { corner: this.card.buffer(), normal: this.card.buffer(), n: positions.length / 3, lift: -foot };
    this.card.fill(shape.corner, positions);
    this.card.fill(shape.normal, normals);
    this.shapes.set(name, shape);
  }

  setFrame(frame) {
    for (const type of this.types.values()) type.n = 0;
    for (const block of frame.blocks) {
      if (block.kind !== "points") continue;
      const { card } = this, { arrays } = block, index = block.about.type;
      if (!this.types.has(index)) this.types.set(index, { position: card.buffer(), heading: card.buffer(), columns: [], sent: [] });
      const type = this.types.get(index);
      Object.assign(type, { n: arrays.positions.length / 3, block, hasHeading: "heading" in arrays, sent: [], gathered: null, specks: false });
    }
  }

  // Whether a type is drawn without WebGL.
  specks(style, type, view, name, pixels, least) {
    if (!this.card.slow || type.n <= FEW || style.sizeBy !== null) return false;
    if (this.darts(type, view, name, pixels)) return pixels * DART_ROOM <= LARGEST_DART;
    const plain = pixels < LEAST_PIXELS || name === "disc" || name === "point" || name === "ball";
    return plain && Math.max(pixels, least) <= LARGEST;
  }

  // Whether each is seen from above to point somewhere.
  darts(type, view, name, pixels) {
    return name === "dart" && view.flat && type.hasHeading && pixels >= LEAST_PIXELS;
  }

  // Of those that were drawn as specks the one nearest to a place on the picture: [type, row] or null.
  nearestSpeck(x, y, reach, view) {
    for (const [index, type] of [...this.types].reverse()) {
      const row = type.n && type.specks ? this.splat.nearest(type.block, x, y, reach, view) : null;
      if (row !== null) return [index, row];
    }
    return null;
  }

  // What a type is drawn as when it is large enough.
  shape(style, hasHeading, flat) {
    let name = style.model ?? (hasHeading ? (flat ? "dart" : "cone") : flat ? "disc" : "ball");
    if (flat && name === "cone") name = hasHeading ? "dart" : "disc"; // from above a cone is hard to tell from a dart
    if (!flat && name === "dart") name = "cone"; // seen from its edge a dart is nothing
    if (!flat && name === "disc") name = "ball";
    if (!SPRITES.has(name) && !this.shapes.has(name)) name = hasHeading ? (flat ? "dart" : "cone") : flat ? "disc" : "ball";
    return name;
  }

  // -> what it was drawn as
  draw(index, style, view, pick = false) {
    const type = this.types.get(index);
    if (!type?.n || !style.shown || (pick && type.specks)) return "none";
    type.specks = false;
    const { gl } = this.card, name = this.shape(style, type.hasHeading, view.flat), mesh = !SPRITES.has(name);
    const pixels = (style.size * view.dense) / view.camera.unit, small = pixels < LEAST_PIXELS;
    const scale = view.flat ? view.dense / view.camera.unit : (view.dense * view.camera.distance) / view.camera.unit;
    const sure = name !== "cone" ? LEAST_PIXELS : this.card.slow ? LEAST_CONE_SLOW : LEAST_CONE;
    const rows = mesh ? this.nearest(type, (style.size * scale) / (sure * view.dense), view) : { n: 0, cut: 0 };
    gl.depthMask(style.opacity === 1 || pick);
    let drawn = mesh && !rows.n ? "point" : name;
    const least = (type.n > 300000 ? 1.2 : type.n > 50000 ? 1.6 : 2.4) * view.dense; // of so many each is a grain
    if (this.specks(style, type, view, name, pixels, least) && !rows.n && !pick) {
      const mode = this.mode(style, type.block);
      const dart = this.darts(type, view, name, pixels), size = style.size * scale * (dart ? DART_ROOM : 1);
      this.splat.draw(type.block, style, view, size, least, mode, this.tables.of(style, mode, view.light).bytes, dart);
      type.specks = true;
      gl.depthMask(true);
      return dart ? "dart" : "point";
    }
    if (rows.n < type.n) {
      let cut = view.flat ? "DISC" : "BALL";
      if (small) drawn = rows.n ? name : "point";
      else if (type.hasHeading && (name === "dart" || name === "cone")) [cut, drawn] = [name.toUpperCase(), name];
      const at = this.begin(POINTS, type, style, view, pick, 0, cut);
      // A ball in the place of a model is as large as the model is wide.
      gl.uniform1f(at.u_size, style.size * (cut === "DART" || cut === "CONE" ? DART_ROOM : mesh ? 0.6 : 1));
      gl.uniform2f(at.u_pixels, scale, least);
      gl.uniform1f(at.u_near, rows.cut);
      gl.drawArrays(gl.POINTS, 0, type.n);
    }
    if (rows.n) {
      const at = this.begin(MODELS, rows, style, view, pick, 1), shape = this.shapes.get(name);
      gl.uniform1f(at.u_size, style.size);
      gl.uniform1f(at.u_lift, view.map ? shape.lift : 0);
      this.card.attribute("a_corner", shape.corner, 3);
      this.card.attribute("a_normal", shape.normal, 3);
      if (pick) this.card.attribute("a_row", rows.row, 1, 1, gl.UNSIGNED_INT);
      gl.enable(gl.DEPTH_TEST); // a model on a map hides its own back too
      gl.drawArraysInstanced(gl.TRIANGLES, 0, shape.n, rows.n);
      if (view.flat) gl.disable(gl.DEPTH_TEST);
    }
    gl.depthMask(true);
    return drawn;
  }

  // How colours are found, as the shader counts it.
  mode(style, block) {
    if (style.by === "direction") return block.arrays.heading ? 1 : 0;
    if (typeof style.by !== "number" || !block.arrays[`column${style.by}`]) return 0;
    return style.labels ? 3 : 2;
  }

  begin(source, type, style, view, pick, each, ...defines) {
    const { card } = this, { gl } = card, { block } = type;
    card.clear();
    const at = card.use(source, ...defines, ...(pick ? ["PICK"] : []));
    view.set(at);
    const mode = this.mode(style, block);
    gl.uniform1i(at.u_mode, mode);
    gl.uniform3fv(at.u_colour, style.rgb);
    gl.uniform2f(at.u_range, style.range[0], 1 / (style.range[1] - style.range[0] || 1));
    gl.uniform1f(at.u_opacity, style.opacity);
    gl.uniform1i(at.u_map, 0);
    gl.uniform1i(at.u_type, block.about.type + 1);
    card.bind(0, this.tables.of(style, mode, view.light).texture);
    if (!type.sent.places && !type.rows) {
      card.fill(type.position, block.arrays.positions);
      if (type.hasHeading) card.fill(type.heading, block.arrays.heading);
      type.sent.places = true;
    }
    card.attribute("a_position", type.position, 3, each, gl.UNSIGNED_SHORT);
    if (type.hasHeading) card.attribute("a_heading", type.heading, 3, each, gl.BYTE);
    else card.constant("a_heading");
    this.column("a_scalar", type, mode >= 2 ? style.by : null, each);
    const sized = style.sizeBy !== null && block.arrays[`column${style.sizeBy}`] ? style.sizeBy : null;
    this.column("a_scale", type, sized, each);
    gl.uniform2f(at.u_sizes, style.sizeRange[0], sized === null ? 0 : 1 / (style.sizeRange[1] - style.sizeRange[0] || 1));
    return at;
  }

  // A column goes to the graphics card when it is first drawn.
  column(name, type, k, each) {
    if (k === null) return this.card.constant(name);
    if (!type.columns[k]) type.columns[k] = this.card.buffer();
    if (!type.sent[k]) {
      const values = type.block.arrays[`column${k}`];
      this.card.fill(type.columns[k], type.rows ? gather(values, 1, type.rows) : values);
      type.sent[k] = true;
    }
    this.card.attribute(name, type.columns[k], 1, each);
  }

  // Rows that are drawn as models: what is seen up to a distance (clip w), and of these the nearest. The result has the
  // buffers of a type; `cut`: how far that goes.
  nearest(type, limit, view) {
    const most = this.card.slow ? MOST_MODELS_SLOW : MOST_MODELS;
    const m = view.matrix, { n } = type, key = [...m, limit].join();
    if (type.gathered?.key === key) return type.gathered;
    const none = { n: 0, cut: 0, key };
    if (view.flat && limit < 1) return (type.gathered = none);
    // Positions are whole numbers up to 65535: the bounds go into the matrix.
    const step = view.span.map((s) => s / 65535), p = type.block.arrays.positions;
    const part = (r) => [m[r] * step[0], m[4 + r] * step[1], m[8 + r] * step[2], m[r] * view.low[0] + m[4 + r] * view.low[1] + m[8 + r] * view.low[2] + m[12 + r]];
    const [x, y, w] = [part(0), part(1), part(3)];
    const found = new Uint32Array(n), depth = new Float32Array(n);
    let count = 0, nearest = Infinity, farthest = 0;
    for (let row = 0; row < n; row++) {
      const [a, b, c] = [p[3 * row], p[3 * row + 1], p[3 * row + 2]];
      const pw = w[0] * a + w[1] * b + w[2] * c + w[3];
      if (pw <= 0 || pw > limit) continue;
      const edge = pw * 1.15;
      const px = x[0] * a + x[1] * b + x[2] * c + x[3];
      if (px > edge || px < -edge) continue;
      const py = y[0] * a + y[1] * b + y[2] * c + y[3];
      if (py > edge || py < -edge) continue;
      found[count] = row;
      depth[count++] = pw;
      if (pw < nearest) nearest = pw;
      if (pw > farthest) farthest = pw;
    }
    let cut = limit, rows = found.subarray(0, count);
    if (count > most) {
      if (view.flat) return (type.gathered = none); // on a map all are equally near
      const bins = new Uint32Array(1024), scale = 1023 / (farthest - nearest || 1);
      for (let k = 0; k < count; k++) bins[Math.floor((depth[k] - nearest) * scale)]++;
      let bin = 0, sum = 0;
      while (sum + bins[bin] <= most) sum += bins[bin++];
      cut = nearest + bin / scale;
      rows = rows.filter((_, k) => depth[k] < cut);
    }
    if (!rows.length) return (type.gathered = none);
    const { arrays } = type.block, { card } = this;
    type.kept ??= { position: card.buffer(), heading: card.buffer(), row: card.buffer(), columns: [] };
    Object.assign(type.kept, { n: rows.length, cut, key, rows, block: type.block, hasHeading: type.hasHeading, sent: [] });
    card.fill(type.kept.position, gather(arrays.positions, 3, rows));
    if (type.hasHeading) card.fill(type.kept.heading, gather(arrays.heading, 3, rows));
    card.fill(type.kept.row, rows);
    return (type.gathered = type.kept);
  }
}

function gather(values, width, rows) {
  const out = new values.constructor(width * rows.length);
  for (let k = 0, to = 0; k < rows.length; k++) for (let i = width * rows[k], end = i + width; i < end; i++) out[to++] = values[i];
  return out;
}
