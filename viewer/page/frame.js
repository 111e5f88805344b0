// Reads what the hub sends: the layout stands in partitions/frames.py. The arrays look into the message, ready for WebGL.

const KINDS = {
  u1: Uint8Array, i1: Int8Array, u2: Uint16Array, u4: Uint32Array, i8: BigInt64Array,
  f2: Uint16Array, // halves as bits: WebGL reads them so; half() gives the number
  f4: Float32Array, f8: Float64Array,
};
const FRAME = 0x57564632, MODEL = 0x57564d31; // "WVF2", "WVM1"

export const isModel = (buffer) => magic(buffer) === MODEL;

// -> {tick, interest, low, high, blocks: [{kind, about, arrays: {name: typed array}, shapes: {name: [...]}}]}
export function decode(buffer) {
  const { head, take } = open(buffer, FRAME);
  const blocks = head.blocks.map(({ kind, about, arrays }) => ({ kind, about, ...take(arrays) }));
  return { tick: head.tick, interest: head.interest, low: head.low, high: head.high, cost: head.cost, blocks };
}

// -> {name, positions, normals}: corners of triangles, xyz each
export function decodeModel(buffer) {
  const { head, take } = open(buffer, MODEL);
  return { name: head.model, ...take(head.arrays).arrays };
}

// The first block of a kind whose `about` holds these values.
export function find(frame, kind, about = {}) {
  return frame?.blocks.find((block) => block.kind === kind && Object.entries(about).every(([key, value]) => block.about[key] === value)) ?? null;
}

// Metres of one row of a points block.
export function place(frame, block, row) {
  const p = block.arrays.positions;
  return [0, 1, 2].map((k) => frame.low[k] + (p[3 * row + k] / 65535) * (frame.high[k] - frame.low[k]));
}

// Number of a half (IEEE 754 binary16).
export function half(bits) {
  const sign = bits & 0x8000 ? -1 : 1, exponent = (bits >> 10) & 31, fraction = bits & 1023;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 31) return fraction ? NaN : sign * Infinity;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

function magic(buffer) {
  return buffer.byteLength < 8 ? 0 : new DataView(buffer).getUint32(0, false);
}

function open(buffer, wanted) {
  if (magic(buffer) !== wanted) throw new Error("These bytes are not of this version.");
  let at = 8 + new DataView(buffer).getUint32(4, true);
  if (at > buffer.byteLength || at % 8) throw new Error("The head of these bytes is cut.");
  // Ids beyond 2 ** 53 would lose their last digits: they are read as text.
  const text = new TextDecoder().decode(new Uint8Array(buffer, 8, at - 8));
  const head = JSON.parse(text.replace(/"id": ?(-?[0-9]{16,})/g, '"id": "$1"'));
  const take = (listed) => {
    const arrays = {}, shapes = {};
    for (const [name, kind, shape] of listed) {
      const length = shape.reduce((a, b) => a * b, 1);
      arrays[name] = new KINDS[kind](buffer, at, length);
      shapes[name] = shape;
      at += (arrays[name].byteLength + 7) & ~7;
    }
    return { arrays, shapes };
  };
  return { head, take };
}
