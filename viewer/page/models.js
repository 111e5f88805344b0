// The built-in shapes, as triangles: each points along +x, stands up along +z, is 1 long (a person: tall) and centred.
// viewer/models.py makes the same from the same numbers.

// Cross sections [x, radius] from back to front, turned about the x axis; null starts a new, separate piece.
const CONE = [[-0.4, 0], [-0.4, 0.26], [0.6, 0]];
const ARROW = [[-0.5, 0], [-0.5, 0.055], [0.08, 0.055], [0.08, 0.19], [0.5, 0]];
const BALL = Array.from({ length: 9 }, (_, k) => [-0.5 * Math.cos((k * Math.PI) / 8), 0.5 * Math.sin((k * Math.PI) / 8)]);

// Flat shapes seen from above, as triangles [x, y].
const DART = [[0.58, 0], [-0.42, 0.32], [-0.22, 0], [0.58, 0], [-0.22, 0], [-0.42, -0.32]];

// Boxes: low corner, high corner at the bottom, and the same at the top, [x0, y0, x1, y1, z] each.
const BOX = [[[-0.5, -0.3, 0.5, 0.3, -0.25], [-0.5, -0.3, 0.5, 0.3, 0.25]]];
const CAR = [
  [[-0.5, -0.21, 0.5, 0.21, -0.13], [-0.5, -0.21, 0.49, 0.21, 0.02]],
  [[-0.43, -0.19, 0.22, 0.19, 0.02], [-0.34, -0.16, 0.06, 0.16, 0.16]],
  [[-0.36, -0.22, -0.2, 0.22, -0.19], [-0.36, -0.22, -0.2, 0.22, -0.06]],
  [[0.2, -0.22, 0.36, 0.22, -0.19], [0.2, -0.22, 0.36, 0.22, -0.06]],
];
const PERSON_FEET = [
  [[-0.06, 0.03, 0.12, 0.13, -0.5], [-0.06, 0.03, 0.08, 0.13, -0.43]],
  [[-0.06, -0.13, 0.12, -0.03, -0.5], [-0.06, -0.13, 0.08, -0.03, -0.43]],
];
// [z, half width across (y), half depth (x)] of the body, then of the head.
const PERSON_BODY = [[-0.46, 0.1, 0.07], [-0.04, 0.14, 0.1], [0.18, 0.22, 0.11], [0.26, 0.18, 0.1], [0.29, 0.05, 0.05]];
const PERSON_HEAD = [[0.27, 0, 0], [0.3, 0.075, 0.085], [0.385, 0.105, 0.12], [0.47, 0.075, 0.085], [0.5, 0, 0]];

// name -> {positions, normals}: Float32Arrays, xyz of each corner. Fewer sides where the processor draws.
export function builtin(sides = 10) {
  return {
    cone: turned(CONE, sides), arrow: turned(ARROW, sides), ball: turned(BALL, sides + 2),
    dart: flat(DART), box: blocks(BOX), car: blocks(CAR),
    person: joined(upright(PERSON_BODY, sides), upright(PERSON_HEAD, sides), blocks(PERSON_FEET)),
  };
}

function turned(profile, sides) {
  const round = (x, r, a) => [x, r * Math.cos(a), r * Math.sin(a)];
  return rings(profile.map(([x, r]) => (a) => round(x, r, a)), profile.map(([x, r]) => [x, r]), (n, a) => round(n[0], n[1], a), sides);
}

function upright(profile, sides) {
  const at = ([z, y, x]) => (a) => [x * Math.cos(a), y * Math.sin(a), z];
  // The wide and the narrow half are close: one slope does for the normals of both.
  return rings(profile.map(at), profile.map(([z, y, x]) => [z, (x + y) / 2]), (n, a) => [n[1] * Math.cos(a), n[1] * Math.sin(a), n[0]], sides);
}

// Between neighbouring sections, quads around; smooth around, sharp from section to section unless the slope is even.
function rings(sections, slopes, normal, sides) {
  const positions = [], normals = [];
  for (let k = 0; k + 1 < sections.length; k++) {
    const [a, b] = [slopes[k], slopes[k + 1]], length = Math.hypot(b[0] - a[0], b[1] - a[1]);
    const n = [(a[1] - b[1]) / length, (b[0] - a[0]) / length];
    for (let s = 0; s < sides; s++) {
      const [t, u] = [(2 * Math.PI * s) / sides, (2 * Math.PI * (s + 1)) / sides];
      const [p, q, r, v] = [sections[k](t), sections[k](u), sections[k + 1](u), sections[k + 1](t)];
      if (a[1] > 0) push(positions, normals, [p, r, q], [normal(n, t), normal(n, u), normal(n, u)]);
      if (b[1] > 0) push(positions, normals, [p, v, r], [normal(n, t), normal(n, t), normal(n, u)]);
    }
  }
  return packed(positions, normals);
}

function blocks(list) {
  const positions = [], normals = [];
  for (const [[ax0, ay0, ax1, ay1, az], [bx0, by0, bx1, by1, bz]] of list) {
    const low = [[ax0, ay0, az], [ax1, ay0, az], [ax1, ay1, az], [ax0, ay1, az]], high = [[bx0, by0, bz], [bx1, by0, bz], [bx1, by1, bz], [bx0, by1, bz]];
    const faces = [[...low].reverse(), high, ...[0, 1, 2, 3].map((k) => [low[k], low[(k + 1) % 4], high[(k + 1) % 4], high[k]])];
    for (const [p, q, r, s] of faces) {
      const n = facing(p, q, r);
      push(positions, normals, [p, q, r, p, r, s], Array(6).fill(n));
    }
  }
  return packed(positions, normals);
}

function flat(corners) {
  return packed(corners.map(([x, y]) => [x, y, 0]), corners.map(() => [0, 0, 1]));
}

export function facing(p, q, r) {
  const [a, b] = [q, r].map((c) => c.map((v, k) => v - p[k]));
  const n = [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]], length = Math.hypot(...n) || 1;
  return n.map((v) => v / length);
}

function push(positions, normals, corners, directions) {
  positions.push(...corners);
  normals.push(...directions);
}

const packed = (positions, normals) => ({ positions: new Float32Array(positions.flat()), normals: new Float32Array(normals.flat()) });

function joined(...shapes) {
  const all = (key) => new Float32Array(shapes.flatMap((shape) => [...shape[key]]));
  return { positions: all("positions"), normals: all("normals") };
}
