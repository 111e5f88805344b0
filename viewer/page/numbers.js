// Numbers as people read them.

export const count = (n) => Math.round(n).toLocaleString("en");

// At most `digits` digits.
export function short(v, digits = 3) {
  if (v === null || v === undefined || Number.isNaN(v)) return "–";
  if (v === Infinity || v === -Infinity) return v > 0 ? "∞" : "−∞";
  if (Math.abs(v) >= 1e5 || (v !== 0 && Math.abs(v) < 1e-3)) return v.toExponential(Math.max(digits - 2, 1)).replace(/\.0+e/, "e").replace("e+", "e").replaceAll("-", "−");
  return String(+v.toPrecision(digits)).replace("-", "−");
}

// No more digits than the width of the range deserves.
export function tidy(v, span) {
  return short(span > 0 ? Math.round(v / (span / 1000)) * (span / 1000) : v, 4);
}

// 1, 2 or 5 times a power of ten, at most x.
export function round(x) {
  const power = 10 ** Math.floor(Math.log10(x));
  return [5, 2, 1].find((k) => k * power <= x * 1.0001) * power;
}

export const size = (bytes) => (bytes < 1e6 ? `${Math.round(bytes / 1e3)} kB` : `${(bytes / 1e6).toFixed(bytes < 1e7 ? 1 : 0)} MB`);

export function seconds(s) {
  if (s > 0 && s < 0.001) return `${Math.round(s * 1e6)} µs`;
  if (s < 0.01) return `${+(s * 1000).toFixed(1)} ms`;
  if (s < 1) return `${Math.round(s * 1000)} ms`;
  return s < 60 ? `${s.toFixed(1)} s` : `${Math.floor(s / 60)} min`;
}

// A field's value: a number, a bool, an enum's number or a list.
export function value(v, labels) {
  if (Array.isArray(v)) return v.length > 4 ? `${v.slice(0, 4).map((x) => short(x, 4)).join(", ")} … (${v.length})` : v.map((x) => short(x, 5)).join(", ");
  if (typeof v === "boolean") return v ? "yes" : "no";
  if (labels && v in labels) return labels[v];
  if (Number.isInteger(v)) return Math.abs(v) < 1e15 ? String(v).replace("-", "−") : short(v, 6);
  return short(v, 6);
}
