// Reads a frame: the layout stands in partitions/frames.py. The arrays look into the message, ready for WebGL.

const HEADER = 72, IDS = 1, HEADING = 2, SCALAR = 4;
const padded = (size) => (size + 3) & ~3;

export function decode(buffer) {
  const view = new DataView(buffer);
  if (buffer.byteLength < HEADER || view.getUint32(0, false) !== 0x57564631) throw new Error("not a frame of this version");
  const bounds = [0, 1, 2, 3, 4, 5].map((k) => view.getFloat64(24 + 8 * k, true));
  const frame = { tick: Number(view.getBigInt64(16, true)), low: bounds.slice(0, 3), high: bounds.slice(3), types: [] };
  let at = HEADER;
  const take = (Kind, length) => {
    const array = new Kind(buffer, at, length);
    at += padded(array.byteLength);
    return array;
  };
  for (let k = view.getUint32(4, true); k > 0; k--) {
    const index = view.getUint32(at, true), n = view.getUint32(at + 4, true), flags = view.getUint32(at + 8, true);
    at += 16;
    const rows = { index, n, positions: take(Uint16Array, 3 * n), ids: null, heading: null, scalar: null };
    if (flags & IDS) rows.ids = take(Uint32Array, 2 * n); // low and high halves
    if (flags & HEADING) rows.heading = take(Int8Array, 3 * n);
    if (flags & SCALAR) rows.scalar = take(Float32Array, n);
    frame.types.push(rows);
  }
  return frame;
}
