// The selected, and who is near them: found by id in every frame, ringed.

import { accent } from "./world.js";
import { place } from "./frame.js";
import { ink } from "./colour.js";
import { RINGS } from "./shaders.js";

// Neighbours are looked for round so many of the selected, and so many are ringed.
const MOST_CENTRES = 16, MOST_RINGS = 4000;

export class Selection {
  constructor(card) {
    this.card = card;
    this.wanted = [];
    this.rows = []; // [{type, row, id, position}] of the frame
    this.neighbours = []; // [{type, row, id, position, distance}]
    for (const name of ["at", "scale", "colour", "width"]) this[name] = card.buffer();
  }

  set(wanted, radius) {
    // Ids of those born in the run are beyond what a number holds.
    // The ids of those born in the run are beyond what a number holds.
    this.wanted = wanted.map(({ type, id }) => ({ type, id: BigInt(id) }));
    this.radius = radius;
  }

  find(frame, meta) {
    this.rows = [];
    this.neighbours = [];
    if (!frame || !this.wanted.length) return;
    const points = frame.blocks.filter((block) => block.kind === "points");
    for (const block of points) {
      const ids = new Set(this.wanted.filter(({ type }) => type === block.about.type).map(({ id }) => id));
      if (!ids.size) continue;
      for (const [row, id] of rowsOf(block.arrays.ids, ids)) this.rows.push({ type: block.about.type, row, id, position: place(frame, block, row) });
    }
    if (this.radius) this.near(frame, meta, points);
  }

  near(frame, meta, points) {
    const round = (meta.boundary ?? []).map((edge) => edge === "periodic"), world = meta.high.map((h, k) => h - meta.low[k]);
    const step = frame.high.map((h, k) => (h - frame.low[k]) / 65535), limit = this.radius ** 2;
    const own = new Set(this.rows.map(({ type, row }) => `${type} ${row}`)), met = new Set();
    for (const { position } of this.rows.slice(0, MOST_CENTRES)) {
      for (const block of points) {
        const p = block.arrays.positions, n = p.length / 3, { type } = block.about;
        for (let row = 0; row < n; row++) {
          let sum = 0;
          for (let k = 0; k < meta.dim && sum <= limit; k++) {
            let d = Math.abs(frame.low[k] + p[3 * row + k] * step[k] - position[k]);
            if (round[k] && d > world[k] / 2) d = world[k] - d;
            sum += d * d;
          }
          if (sum > limit) continue;
          const key = `${type} ${row}`;
          if (own.has(key) || met.has(key)) continue;
          met.add(key);
          this.neighbours.push({ type, row, id: Number(block.arrays.ids[row]), position: place(frame, block, row), distance: Math.sqrt(sum) });
        }
      }
    }
  }

  // sizes: type -> diameter, metres
  draw(view, sizes, dim) {
    const { card } = this, { gl } = card, { dense, light } = view, rings = [];
    if (this.radius) {
      const faint = this.neighbours.length > 400 ? 0.35 : 0.8;
      for (const { position, type } of this.neighbours.slice(0, MOST_RINGS)) rings.push([position, 0.5 * sizes(type), [...ink(light), faint], 1.1]);
      for (const { position } of this.rows.slice(0, MOST_CENTRES)) rings.push([position, this.radius, [...accent(light), 0.6], 1.3]);
    }
    for (const { position, type } of this.rows) rings.push([position, 0.6 * sizes(type), [...accent(light), 1], 2.2]);
    if (!rings.length) return;
    const column = (name, width, values) => {
      card.fill(this[name], new Float32Array(values));
      card.attribute(`a_${name}`, this[name], width, 1);
    };
    card.clear();
    const at = card.use(RINGS), scale = view.flat ? dense / view.camera.unit : (dense * view.camera.distance) / view.camera.unit;
    view.set(at);
    gl.uniform2f(at.u_pixels, scale, 4.5 * dense);
    column("at", 3, rings.flatMap(([position]) => position));
    column("scale", 1, rings.map(([, radius]) => radius));
    column("colour", 4, rings.flatMap(([, , colour]) => colour));
    column("width", 1, rings.map(([, , , width]) => width * dense));
    gl.drawArraysInstanced(gl.TRIANGLE_STRIP, 0, 4, rings.length);
  }
}

// [row, id] of those ids (a Set of BigInts) among many: most are passed over by their low 16 bits.
export function rowsOf(ids, wanted) {
  const halves = new Int32Array(ids.buffer, ids.byteOffset, 2 * ids.length), likely = new Uint8Array(65536), found = [];
  for (const id of wanted) likely[Number(id & 65535n)] = 1;
  for (let row = 0; row < ids.length && found.length < wanted.size; row++) {
    if (!likely[halves[2 * row] & 65535]) continue;
    if (wanted.has(ids[row])) found.push([row, Number(ids[row])]);
  }
  return found;
}
