// What is known of the selected entities: their rows at the tick that is seen, and what their fields were before.

import { block } from "./appearance.js";

const MOST_ROWS = 2000; // per entity, of its history

export class Selected {
  constructor() {
    this.history = new Map(); // id -> rows {type, id, tick, fields}, oldest first
  }

  // Keeps the rows of a frame that came, and forgets those who are no longer selected.
  note(frame, ids) {
    for (const id of this.history.keys()) if (!ids.includes(id)) this.history.delete(id);
    for (const row of block(frame, "selected", {})?.about.rows ?? []) {
      const id = String(row.id); // text: the ids of those born in a run are beyond what a number holds
      if (!ids.includes(id)) continue;
      if (!this.history.has(id)) this.history.set(id, []);
      const rows = this.history.get(id), last = rows.at(-1)?.tick ?? -1;
      if (row.tick > last) rows.push(row);
      else if (row.tick === last) rows[rows.length - 1] = row;
      if (rows.length > MOST_ROWS) rows.shift();
    }
  }

  // The row at a tick: of the frame that is seen, else the last one known before.
  row(frame, id) {
    const rows = block(frame, "selected", {})?.about.rows ?? [];
    return rows.find((row) => String(row.id) === id) ?? this.history.get(id)?.findLast((row) => row.tick <= (frame?.tick ?? Infinity)) ?? null;
  }

  // One number of a field over the ticks: [ticks, values].
  course(id, name) {
    const rows = this.history.get(id) ?? [];
    return [rows.map((row) => row.tick), rows.map((row) => scalar(row.fields[name]))];
  }
}

// A number for a field: a vector's length, an array's first.
export function scalar(v, kind = null) {
  if (Array.isArray(v)) return kind === "array" ? v[0] ?? NaN : Math.hypot(...v);
  return typeof v === "boolean" ? Number(v) : v ?? NaN;
}

// How many entities of a frame stand within a radius of a place, itself left out; null where a crowd is shown as density.
export function neighbours(frame, meta, id, place, radius) {
  if (!frame || !place) return null;
  let n = 0;
  const own = BigInt(id);
  const limit = radius * radius, size = meta.high.map((h, k) => h - meta.low[k]);
  for (const { kind, arrays } of frame.blocks) {
    if (kind === "density") return null;
    if (kind !== "points") continue;
    const { positions, ids } = arrays;
    for (let row = 0; row < ids.length; row++) {
      let apart = 0;
      for (let k = 0; k < meta.dim && apart <= limit; k++) {
        let d = Math.abs(frame.low[k] + (positions[3 * row + k] / 65535) * (frame.high[k] - frame.low[k]) - place[k]);
        if (meta.boundary[k] === "periodic") d = Math.min(d, size[k] - d);
        apart += d * d;
      }
      if (apart <= limit && ids[row] !== own) n++;
    }
  }
  return n;
}
