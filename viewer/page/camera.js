// Where we look from. World: x right, y up on a map, z towards the viewer of a map.

const FIELD = (40 * Math.PI) / 180;
const HALF = Math.tan(FIELD / 2);

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
    this.elevation = this.flat ? Math.PI / 2 : 0.55;
    const wide = Math.max(this.width - this.inset.left - this.inset.right, 50);
    const tall = Math.max(this.height - this.inset.top - this.inset.bottom, 50);
    const reach = Math.hypot(...size) / 2;
    const units = this.flat
      ? Math.max(size[0] / wide, size[1] / tall)
      : Math.max((2 * reach) / wide, (2 * (size[2] / 2 * Math.cos(this.elevation) + (reach * 0.8))) / tall);
    this.distance = (units * this.height) / (2 * HALF) * 1.04;
  }

  // World units per CSS pixel, at the distance of the centre.
  get unit() {
    return (2 * this.distance * HALF) / this.height;
  }

  axes() {
    const [sa, ca, se, ce] = [Math.sin(this.azimuth), Math.cos(this.azimuth), Math.sin(this.elevation), Math.cos(this.elevation)];
    return { right: [ca, sa, 0], up: [-sa * se, ca * se, ce], back: [sa * ce, -ca * ce, se] };
  }

  // Clip coordinates of a world point, column-major 4 x 4.
  matrix() {
    const { right, up, back } = this.axes();
    const eye = this.centre.map((c, k) => c + this.distance * back[k]);
    const row = (axis) => [...axis, -(axis[0] * eye[0] + axis[1] * eye[1] + axis[2] * eye[2])];
    const [x, y, z] = [row(right), row(up), row(back)];
    const aspect = this.width / this.height;
    const reach = Math.hypot(...this.high.map((h, k) => h - this.low[k])) + Math.hypot(...this.centre.map((c, k) => c - (this.high[k] + this.low[k]) / 2));
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

  pan(dx, dy) {
    const { right, up } = this.axes(), unit = this.unit;
    this.centre = this.centre.map((c, k) => c - dx * unit * right[k] + dy * unit * up[k]);
  }

  orbit(dx, dy) {
    if (this.flat) return this.pan(dx, dy);
    this.azimuth -= dx * 0.006;
    this.elevation = Math.min(Math.max(this.elevation + dy * 0.006, -1.5), 1.5);
  }

  // Closer for factor < 1; what is under the pointer stays under it.
  zoom(factor, px, py) {
    const size = Math.max(...this.high.map((h, k) => h - this.low[k]));
    const distance = Math.min(Math.max(this.distance * factor, size * 1e-4), size * 20);
    const shift = this.shift();
    const x = px - (this.width * (1 + shift[0])) / 2, y = py - (this.height * (1 - shift[1])) / 2;
    this.pan(-x, -y);
    this.distance = distance;
    this.pan(x, y);
  }
}
