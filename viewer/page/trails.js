// Where entities came from: lines between their places in the frames that were seen, fading with age.

import { rowsOf } from "./selection.js";
import { SEGMENTS } from "./shaders.js";

// So many lines in all; pieces of a trail are joined beyond this many of them.
const MOST_LINES = 400000, MOST_LINES_SLOW = 40000, MOST_PIECES = 32;

export class Trails {
  constructor(card, tables) {
    this.card = card;
    this.tables = tables;
    this.types = new Map();
    this.ticks = 0;
  }

  set(ticks) {
    this.ticks = ticks;
    if (!ticks) this.reset();
  }

  reset() {
    for (const type of this.types.values()) for (const piece of [...type.pieces, type.live]) this.drop(piece);
    this.types.clear();
  }

  drop(piece) {
    for (const name of ["from", "to", "heading", "scalar"]) if (piece?.[name]) this.card.gl.deleteBuffer(piece[name]);
  }

  // selected: type -> Set of ids, whose trails alone are drawn if there are any
  setFrame(frame, styles, selected) {
    if (!this.ticks) return;
    for (const block of frame.blocks) if (block.kind === "points") this.follow(frame, block, styles(block.about.type), selected);
  }

  follow(frame, block, style, selected) {
    const index = block.about.type, any = [...selected.values()].some((ids) => ids.size);
    let type = this.types.get(index);
    if (type && (frame.tick < type.tick || frame.tick > type.tick + Math.max(4 * this.ticks, 100))) {
      for (const piece of [...type.pieces, type.live]) this.drop(piece); // another time of the run
      type = null;
    }
    const now = { tick: frame.tick, ...this.places(frame, block, any ? (selected.get(index) ?? new Set()) : null) };
    if (!type) return this.types.set(index, { pieces: [], live: null, tick: frame.tick, last: now });
    if (frame.tick === type.tick) return;
    type.tick = frame.tick;
    this.drop(type.live);
    type.live = this.piece(type.last, now, block, style);
    if (frame.tick - type.last.tick >= this.ticks / MOST_PIECES) {
      type.pieces.push(type.live);
      type.live = null;
      type.last = now;
    }
    while (type.pieces.length && frame.tick - type.pieces[0].tick >= this.ticks) this.drop(type.pieces.shift());
  }

  // Whose trails are kept: rows, metres, and id -> place in these lists.
  places(frame, block, chosen) {
    const { ids, positions } = block.arrays, n = ids.length, halves = new Int32Array(ids.buffer, ids.byteOffset, 2 * n);
    const most = (this.card.slow ? MOST_LINES_SLOW : MOST_LINES) / Math.min(this.ticks, MOST_PIECES);
    const every = chosen ? 1 : Math.ceil(n / most); // the same ones each time, picked by their id
    const rows = [], at = new Map(), step = frame.high.map((h, k) => (h - frame.low[k]) / 65535);
    const take = (row) => {
      at.set(ids[row], rows.length);
      rows.push(row);
    };
    if (chosen) for (const [row] of rowsOf(ids, chosen)) take(row);
    else for (let row = 0; row < n; row++) if (every === 1 || (Math.imul(halves[2 * row], 0x9e3779b1) >>> 8) % every === 0) take(row);
    const metres = new Float32Array(3 * rows.length);
    rows.forEach((row, k) => {
      for (let i = 0; i < 3; i++) metres[3 * k + i] = frame.low[i] + positions[3 * row + i] * step[i];
    });
    return { rows, metres, at };
  }

  piece(before, now, block, style) {
    const from = [], to = [], rows = [];
    for (const [id, k] of now.at) {
      const old = before.at.get(id);
      if (old === undefined) continue;
      for (let i = 0; i < 3; i++) {
        from.push(before.metres[3 * old + i]);
        to.push(now.metres[3 * k + i]);
      }
      rows.push(now.rows[k]);
    }
    const piece = { tick: now.tick, n: rows.length, by: style.by }, fill = (name, values) => this.card.fill((piece[name] = this.card.buffer()), values);
    fill("from", new Float32Array(from));
    fill("to", new Float32Array(to));
    const { heading } = block.arrays, scalar = block.arrays[`column${style.by}`];
    if (heading) fill("heading", new Int8Array(rows.flatMap((row) => [heading[3 * row], heading[3 * row + 1], heading[3 * row + 2]])));
    if (scalar) fill("scalar", new Float32Array(rows.map((row) => scalar[row])));
    return piece;
  }

  draw(styles, view, world, flat) {
    if (!this.ticks) return;
    const { card } = this, { gl } = card;
    for (const [index, type] of this.types) {
      const style = styles(index);
      if (!style.shown || !(type.pieces.length || type.live)) continue;
      card.clear();
      const at = card.use(SEGMENTS, "TRAIL");
      view.set(at);
      gl.uniform3fv(at.u_colour, style.rgb);
      gl.uniform3fv(at.u_most, world.map((w) => (w ? 0.45 * w : 1)));
      gl.uniform2f(at.u_range, style.range[0], 1 / (style.range[1] - style.range[0] || 1));
      gl.uniform1i(at.u_map, 0);
      for (const piece of [...type.pieces, type.live]) {
        if (!piece?.n) continue;
        let mode = style.by === "direction" && piece.heading ? 1 : typeof style.by === "number" && piece.scalar ? (style.labels ? 3 : 2) : 0;
        if (piece.by !== style.by) mode = 0; // its colours were of something else
        gl.uniform1i(at.u_mode, mode);
        card.bind(0, this.tables.of(style, mode, view.light).texture);
        const age = Math.min(Math.max((type.tick - piece.tick) / this.ticks, 0), 1);
        gl.uniform1f(at.u_fade, 0.6 * (1 - age) ** 1.3 * style.opacity);
        card.attribute("a_from", piece.from, 3, 1);
        card.attribute("a_to", piece.to, 3, 1);
        if (mode === 1) card.attribute("a_heading", piece.heading, 3, 1, gl.BYTE);
        else card.constant("a_heading");
        if (mode >= 2) card.attribute("a_scalar", piece.scalar, 1, 1);
        else card.constant("a_scalar");
        card.constant("a_width", (flat ? 1.3 : 1.1) * view.dense);
        gl.drawArraysInstanced(gl.TRIANGLE_STRIP, 0, 4, piece.n);
      }
    }
  }
}
