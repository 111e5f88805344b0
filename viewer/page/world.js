// What stands still: ground grid, world box, partitions, geometry, the box that cuts; lines, flat areas and triangles.

import { ink } from "./colour.js";
import { facing } from "./models.js";
import { AREAS, SEGMENTS, SURFACES } from "./shaders.js";

const ACCENT = { dark: [1, 0.76, 0.3], light: [0.8, 0.42, 0] };
export const accent = (light) => (light ? ACCENT.light : ACCENT.dark);

// 1, 2 or 5 times a power of ten, at most x.
export function round(x) {
  const power = 10 ** Math.floor(Math.log10(x));
  return [5, 2, 1].find((k) => k * power <= x * 1.0001) * power;
}

// Many straight lines or flat rectangles, each with its colour.
class Batch {
  constructor(card, source) {
    Object.assign(this, { card, source, n: 0, from: card.buffer(), to: card.buffer(), colour: card.buffer(), width: card.buffer() });
  }

  // items: [{from, to, colour: [r, g, b, a], width}]
  fill(items) {
    this.n = items.length;
    for (const key of ["from", "to", "colour"]) this.card.fill(this[key], new Float32Array(items.flatMap((item) => item[key])));
    this.card.fill(this.width, new Float32Array(items.map((item) => item.width ?? 0)));
  }

  draw(view) {
    if (!this.n) return;
    const { card } = this, { gl } = card;
    card.clear();
    const at = card.use(this.source);
    view.set(at);
    gl.uniform1f(at.u_fade, 1);
    card.attribute("a_from", this.from, 3, 1);
    card.attribute("a_to", this.to, 3, 1);
    card.attribute("a_colour", this.colour, 4, 1);
    card.attribute("a_width", this.width, 1, 1);
    gl.drawArraysInstanced(gl.TRIANGLE_STRIP, 0, 4, this.n);
  }
}

export class World {
  constructor(card) {
    this.card = card;
    this.areas = new Batch(card, AREAS);
    this.floor = new Batch(card, SEGMENTS);
    this.frame = new Batch(card, SEGMENTS);
    this.geometry = new Batch(card, SEGMENTS);
    this.surface = { corner: card.buffer(), normal: card.buffer(), n: 0 };
    this.keys = {};
  }

  setWorld(meta) {
    const corners = meta.surfaces ?? [];
    this.surface.n = 3 * corners.length;
    this.card.fill(this.surface.corner, new Float32Array(corners.flat(2)));
    this.card.fill(this.surface.normal, new Float32Array(corners.flatMap((t) => [0, 1, 2].flatMap(() => facing(...t)))));
    this.keys = {};
  }

  // Rebuild what changed since it was drawn last.
  prepare({ meta, shown, partitions, partitionsAt, clip }, view) {
    const { dense, light, camera } = view, colour = ink(light), floor = meta.low[2];
    const line = (lines) => (from, to, rgb, alpha, width) => lines.push({ from, to, colour: [...rgb, alpha], width: width * dense });
    this.when("floor", [shown.grid, light, dense, camera.flat && camera.area()], () => {
      const lines = [], add = line(lines);
      if (shown.grid) {
        const [low, high] = (camera.flat && camera.area()) || [meta.low, meta.high], step = gridStep(meta, low, high);
        for (const [k, other] of [[0, 1], [1, 0]]) {
          for (let v = Math.ceil(low[k] / step - 1e-9) * step; v <= high[k] + 1e-9 * step; v += step) {
            const [from, to] = [[0, 0, floor], [0, 0, floor]];
            [from[k], from[other], to[k], to[other]] = [v, low[other], v, high[other]];
            add(from, to, colour, light ? 0.09 : 0.075, 1);
          }
        }
      }
      this.floor.fill(lines);
    });
    this.when("frame", [shown.box, shown.partitions, partitionsAt, light, dense, clip, meta.low, meta.high], () => {
      const lines = [], areas = [], add = line(lines);
      if (shown.partitions) {
        for (const part of partitions) {
          const edge = 0.0006 * (meta.high[0] - meta.low[0]), [from, to] = [part.low.concat(floor).slice(0, 3), part.high.concat(floor).slice(0, 3)];
          if (meta.dim === 2) {
            // A hair inside, so that both neighbours' edges are seen.
            for (const k of [0, 1]) [from[k], to[k]] = [from[k] + edge, to[k] - edge];
          }
          areas.push({ from: [from[0], from[1], from[2]], to: [to[0], to[1], from[2]], colour: [...part.rgb, meta.dim === 2 ? 0.14 : 0.07] });
          box(from, to, meta.dim, (a, b) => add(a, b, part.rgb, 0.8, 1.2));
        }
      }
      if (shown.box) box(meta.low, meta.high, meta.dim, (a, b) => add(a, b, colour, 0.42, 1.5));
      if (clip) box(...clip, meta.dim, (a, b) => add(a, b, accent(light), 0.9, 1.4));
      this.frame.fill(lines);
      this.areas.fill(areas);
    });
    this.when("geometry", [light, dense, meta.low, meta.geometry?.length], () => {
      const lines = [], add = line(lines), flat = meta.dim === 2;
      for (const [a, b] of meta.geometry ?? []) add(a.concat(floor).slice(0, 3), b.concat(floor).slice(0, 3), colour, flat ? 0.95 : 0.5, flat ? 3 : 1.2);
      this.geometry.fill(lines);
    });
  }

  when(name, state, build) {
    const key = JSON.stringify(state);
    if (this.keys[name] === key) return;
    this.keys[name] = key;
    build();
  }

  drawSurfaces(view) {
    if (!this.surface.n) return;
    const { card } = this, { gl } = card, at = (card.clear(), card.use(SURFACES));
    view.set(at);
    gl.uniform3fv(at.u_eye, view.camera.eye);
    gl.uniform3fv(at.u_colour, view.light ? [0.78, 0.8, 0.84] : [0.3, 0.34, 0.41]);
    card.attribute("a_corner", this.surface.corner, 3);
    card.attribute("a_normal", this.surface.normal, 3);
    gl.drawArrays(gl.TRIANGLES, 0, this.surface.n);
  }
}

function gridStep(meta, low, high) {
  return round(Math.max(Math.max(high[0] - low[0], high[1] - low[1]) / 7.9, 1e-9 * (meta.high[0] - meta.low[0])) || 1);
}

// Numbers along the edges of the world: [{text, at, shift: [right, up] in pixels}].
export function ticks(meta, camera, dense) {
  const out = [];
  for (const { axis, at, shift, low, high } of camera.flat ? mapEdges(meta, camera) : spaceEdges(meta, camera)) {
    const ends = [low, high].map((v) => camera.project(at.map((p, k) => (k === axis ? v : p))));
    const room = Math.hypot(ends[1][0] - ends[0][0], ends[1][1] - ends[0][1]);
    if (!(high > low) || room < 30) continue;
    const step = round(((high - low) * 1.9) / Math.max(Math.min(room / 46, 14), 2)), last = high + 1e-9 * step;
    for (let v = Math.ceil(low / step - 1e-9) * step; v <= last; v += step) {
      out.push({ text: written(v, step), at: at.map((p, k) => (k === axis ? v : p)), shift: shift.map((s) => s * dense) });
    }
    if (camera.flat) continue;
    out.push({ text: "xyz"[axis], at: at.map((p, k) => (k === axis ? (low + high) / 2 : p)), shift: shift.map((s) => 2.1 * s * dense), strong: true });
  }
  return out;
}

// On a map: outside the world if there is room, else along the edge of what no panel covers.
function mapEdges(meta, camera) {
  const { inset, width, height } = camera, floor = meta.low[2];
  const first = camera.ray(inset.left, height - inset.bottom).from, last = camera.ray(width - inset.right, inset.top).from;
  const low = [0, 1].map((k) => Math.max(meta.low[k], first[k])), high = [0, 1].map((k) => Math.min(meta.high[k], last[k]));
  const base = camera.project([...low, floor]), at = [...low, floor];
  return [
    { axis: 0, at, low: low[0], high: high[0], shift: [0, base[1] + 20 <= height - inset.bottom ? -12 : 12] },
    { axis: 1, at, low: low[1], high: high[1], shift: [base[0] - 34 >= inset.left ? -19 : 19, 0] },
  ];
}

// In space: of the edges of the floor those nearest to the eye, and of the upright ones the leftmost.
function spaceEdges(meta, camera) {
  const { low, high } = meta, seen = (p) => camera.project(p), middle = seen(high.map((h, k) => (h + low[k]) / 2)), found = [];
  for (let axis = 0; axis < meta.dim; axis++) {
    const [a, b] = [0, 1, 2].filter((k) => k !== axis);
    const edges = [0, 1, 2, 3].map((bits) => {
      const at = [0, 0, 0];
      [at[axis], at[a], at[b]] = [(low[axis] + high[axis]) / 2, bits & 1 ? high[a] : low[a], bits & 2 ? high[b] : low[b]];
      return { axis, at, seen: seen(at) };
    }).filter((edge) => axis === 2 || edge.at[2] === low[2]);
    const best = edges.reduce((one, two) => (axis === 2 ? two.seen[0] < one.seen[0] : two.seen[1] > one.seen[1]) ? two : one);
    const out = [best.seen[0] - middle[0], middle[1] - best.seen[1]], length = Math.hypot(...out) || 1;
    found.push({ ...best, low: low[axis], high: high[axis], shift: out.map((v) => (v / length) * 17) });
  }
  return found;
}

function written(v, step) {
  if (Math.abs(v) < 1e-9 * step) return "0";
  if (Math.abs(v) >= 1e6 || step < 1e-4) return v.toExponential(1);
  return String(+v.toFixed(Math.max(0, -Math.floor(Math.log10(step) + 1e-9))));
}

function box(low, high, dim, line) {
  for (let corner = 0; corner < (dim === 2 ? 4 : 8); corner++) {
    const at = (bits) => [0, 1, 2].map((k) => (bits & (1 << k) ? high[k] : low[k]));
    for (let k = 0; k < dim; k++) if (!(corner & (1 << k))) line(at(corner), at(corner | (1 << k)));
  }
}
