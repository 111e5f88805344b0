// Where we look from. World: x right, y up on a map, z towards the viewer of a map.

const FIELD = (40 * Math.PI) / 180;
const HALF = Math.tan(FIELD / 2);
const dot = (a, b) => a[0] * b[0] + a[1] * b[1] + a[2] * b[2];

export class Camera {
  constructor() {
    this.low = [0, 0, 0];
    this.high = [1, 1, 0];
    this.width = this.height = 1; // CSS pixels
    this.inset = { left: 0, right: 0, top: 0, bottom: 0 }; // covered by panels
    this.flat = true;
    this.fit();
  }

  setBox(low, high, flat) {
    this.low = low;
    this.high = high;
    this.flat = flat;
    this.fit();
  }

  // Show the whole world, in the part of the window that no panel covers.
  fit() {
    const size = this.high.map((h, k) => h - this.low[k]);
    this.centre = this.high.map((h, k) => (h + this.low[k]) / 2);
    this.azimuth = this.flat ? 0 : -0.6;
    this.elevation = this.flat ? Math.PI / 2 : 0.5;
    const wide = Math.max(this.width - this.inset.left - this.inset.right, 50);
    const tall = Math.max(this.height - this.inset.top - this.inset.bottom, 50);
    if (this.flat) {
      // Beside the world there is room for the numbers along its edges.
      this.distance = ((Math.max(size[0] / Math.max(wide - 72, 40), size[1] / Math.max(tall - 48, 40)) || 1) * this.height) / (2 * HALF);
      return;
    }
    // In space: step back until all corners are inside, and move what is seen to the middle.
    this.distance = 4 * Math.hypot(...size) || 1;
    for (let pass = 0; pass < 12; pass++) {
      const seen = this.corners().map((p) => this.project(p));
      const [x, y] = [0, 1].map((k) => seen.map((p) => p[k]));
      const [left, right, top, bottom] = [Math.min(...x), Math.max(...x), Math.min(...y), Math.max(...y)];
      this.pan(this.inset.left + wide / 2 - (left + right) / 2, this.inset.top + tall / 2 - (top + bottom) / 2);
      this.distance *= 1 + 0.9 * (Math.max((right - left) / wide, (bottom - top) / tall) * 1.08 - 1);
    }
  }

  corners() {
    return Array.from({ length: 8 }, (_, bits) => [0, 1, 2].map((k) => (bits >> k) & 1 ? this.high[k] : this.low[k]));
  }

  // World units per CSS pixel, at the distance of the centre.
  get unit() {
    return (2 * this.distance * HALF) / this.height;
  }

  axes() {
    const [sa, ca, se, ce] = [Math.sin(this.azimuth), Math.cos(this.azimuth), Math.sin(this.elevation), Math.cos(this.elevation)];
    return { right: [ca, sa, 0], up: [-sa * se, ca * se, ce], back: [sa * ce, -ca * ce, se] };
  }

  get eye() {
    const { back } = this.axes();
    return this.centre.map((c, k) => c + this.distance * back[k]);
  }

  // Clip coordinates of a world point, column-major 4 x 4.
  matrix() {
    const { right, up, back } = this.axes(), { eye } = this;
    const row = (axis) => [...axis, -dot(axis, eye)];
    const [x, y, z] = [row(right), row(up), row(back)];
    const aspect = this.width / this.height;
    const reach = Math.hypot(...this.high.map((h, k) => h - this.low[k])) + Math.hypot(...this.centre.map((c, k) => c - (this.high[k] + this.low[k]) / 2)) || 1;
    let rows;
    if (this.flat) {
      const h = this.distance * HALF, far = this.distance + reach, near = this.distance - reach;
      const zero = [0, 0, 0, 1];
      rows = [x.map((v) => v / (h * aspect)), y.map((v) => v / h), z.map((v, k) => (-2 * v - (far + near) * zero[k]) / (far - near)), zero];
    } else {
      const near = Math.max(this.distance - reach, this.distance * 0.02), far = this.distance + reach;
      const w = z.map((v) => -v);
      rows = [
        x.map((v) => v / (HALF * aspect)),
        y.map((v) => v / HALF),
        w.map((v, k) => ((far + near) * v - (k === 3 ? 2 * far * near : 0)) / (far - near)),
        w,
      ];
    }
    const shift = this.shift();
    for (let k = 0; k < 4; k++) {
      rows[0][k] += shift[0] * rows[3][k];
      rows[1][k] += shift[1] * rows[3][k];
    }
    const out = new Float32Array(16);
    for (let r = 0; r < 4; r++) for (let c = 0; c < 4; c++) out[4 * c + r] = rows[r][c];
    return out;
  }

  shift() {
    const { left, right, top, bottom } = this.inset;
    return [(left - right) / this.width, (bottom - top) / this.height];
  }

  // CSS pixel of a world point.
  project(p) {
    const m = this.matrix();
    const at = (r) => m[r] * p[0] + m[4 + r] * p[1] + m[8 + r] * p[2] + m[12 + r];
    const w = at(3);
    return [((at(0) / w + 1) / 2) * this.width, ((1 - at(1) / w) / 2) * this.height];
  }

  // What lies under a CSS pixel: all points from + t * along, t >= 0.
  ray(px, py) {
    const { right, up, back } = this.axes(), shift = this.shift();
    const x = ((2 * px) / this.width - 1 - shift[0]) * HALF * (this.width / this.height);
    const y = (1 - (2 * py) / this.height - shift[1]) * HALF;
    const across = right.map((r, k) => r * x + up[k] * y);
    if (!this.flat) return { from: this.eye, along: across.map((a, k) => a - back[k]) };
    const far = this.distance + Math.hypot(...this.high.map((h, k) => h - this.low[k]));
    return { from: this.centre.map((c, k) => c + across[k] * this.distance + back[k] * far), along: back.map((b) => -b) };
  }

  // The part of the world that is seen, as the box round it; null when that is all.
  area() {
    const m = this.matrix();
    const row = (r) => [m[r], m[4 + r], m[8 + r], m[12 + r]];
    const [x, y, z, w] = [0, 1, 2, 3].map(row);
    const planes = [[w, x, 1], [w, x, -1], [w, y, 1], [w, y, -1], [w, z, 1]].map(([a, b, s]) => a.map((v, k) => v + s * b[k]));
    const depth = (plane, p) => plane[0] * p[0] + plane[1] * p[1] + plane[2] * p[2] + plane[3];
    const seen = [];
    const corners = this.corners();
    for (let axis = 0; axis < 3; axis++) {
      for (const side of [0, 1]) {
        const [a, b] = [(axis + 1) % 3, (axis + 2) % 3];
        let face = [[0, 0], [1, 0], [1, 1], [0, 1]].map(([i, j]) => corners[(side << axis) | (i << a) | (j << b)]);
        for (const plane of planes) face = cut(face, (p) => depth(plane, p));
        seen.push(...face);
      }
    }
    // The eye is in the midst of the world: what is nearest is no face of it.
    if (!this.flat) {
      const near = this.distance * 0.02;
      for (const [px, py] of [[0, 0], [this.width, 0], [0, this.height], [this.width, this.height]]) {
        const { from, along } = this.ray(px, py), p = from.map((f, k) => f + near * along[k]);
        if (p.every((v, k) => v >= this.low[k] && v <= this.high[k])) seen.push(p);
      }
    }
    if (!seen.length) return [this.low.slice(), this.low.slice()]; // looks past the world
    const low = [0, 1, 2].map((k) => Math.min(...seen.map((p) => p[k])));
    const high = [0, 1, 2].map((k) => Math.max(...seen.map((p) => p[k])));
    const whole = low.every((v, k) => v <= this.low[k] + 1e-6 * (this.high[k] - this.low[k]) && high[k] >= this.high[k] - 1e-6 * (this.high[k] - this.low[k]));
    return whole ? null : [low, high];
  }

  pan(dx, dy) {
    const { right, up } = this.axes(), { unit } = this;
    if (this.ground) {
      // Tilted over a map: along the ground, as fast as it passes under the pointer.
      const steep = Math.sin(this.elevation), slow = (steep < 0 ? -1 : 1) * Math.max(Math.abs(steep), 0.2);
      [up[0], up[1], up[2]] = [-Math.sin(this.azimuth) / slow, Math.cos(this.azimuth) / slow, 0];
    }
    this.centre = this.centre.map((c, k) => c - dx * unit * right[k] + dy * unit * up[k]);
  }

  // A world without height, seen tilted.
  get ground() {
    return !this.flat && this.low[2] === this.high[2];
  }

  orbit(dx, dy) {
    if (this.flat) return this.pan(dx, dy);
    this.azimuth -= dx * 0.006;
    this.elevation = Math.min(Math.max(this.elevation + dy * 0.006, -1.5), 1.5);
  }

  // Closer for factor < 1; what is under the pointer stays under it.
  zoom(factor, px, py) {
    const size = Math.max(...this.high.map((h, k) => h - this.low[k])), { from, along } = this.ray(px, py), { back } = this.axes();
    const distance = Math.min(Math.max(this.distance * factor, size * 1e-4), size * 20);
    // What is meant lies as far as the centre does, or on the ground.
    let t = dot(this.centre.map((c, k) => c - from[k]), back) / dot(along, back);
    const down = (this.low[2] - from[2]) / along[2];
    if (this.ground && down > 0 && down < 4 * t) t = down;
    const fixed = from.map((f, k) => f + t * along[k]);
    this.centre = this.centre.map((c, k) => fixed[k] + ((c - fixed[k]) * distance) / this.distance);
    this.distance = distance;
  }

  // Move to a place; angle and distance stay.
  lookAt(place) {
    this.centre = [0, 1, 2].map((k) => place[k] ?? this.low[k]);
  }

  state() {
    return { flat: this.flat, centre: this.centre.slice(), azimuth: this.azimuth, elevation: this.elevation, distance: this.distance };
  }

  setState({ flat, centre, azimuth, elevation, distance }) {
    Object.assign(this, { flat, centre: centre.slice(), azimuth, elevation, distance });
  }
}

// A polygon's part where `depth` is not negative (Sutherland and Hodgman 1974).
function cut(corners, depth) {
  const kept = [];
  corners.forEach((p, k) => {
    const q = corners[(k + 1) % corners.length], [a, b] = [depth(p), depth(q)];
    if (a >= 0) kept.push(p);
    if (a < 0 !== b < 0) kept.push(p.map((v, i) => v + ((q[i] - v) * a) / (a - b)));
  });
  return kept;
}
