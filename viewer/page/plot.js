// Small charts as SVG, drawn from numbers: lines over ticks, bars over bins.

import { el, svg } from "./dom.js";
import { count, round, short } from "./numbers.js";

const PAD = { left: 42, right: 8, top: 8, bottom: 18 };

// Round numbers between low and high, about n of them.
export function marks(low, high, n) {
  if (!(high > low)) return [low];
  const step = round(((high - low) / n) * 1.001), made = [];
  for (let k = Math.ceil(low / step - 1e-9); k * step <= high + 1e-9 * step; k++) made.push(+(k * step).toPrecision(12));
  return made;
}

function bounds(lists) {
  let [low, high] = [Infinity, -Infinity];
  for (const list of lists) for (const v of list) if (Number.isFinite(v)) [low, high] = [Math.min(low, v), Math.max(high, v)];
  if (!(low <= high)) return [0, 1];
  if (low === high) return [low - (Math.abs(low) || 1) * 0.1, high + (Math.abs(high) || 1) * 0.1];
  return [low - 0.04 * (high - low), high + 0.04 * (high - low)];
}

function frame(root, label, width, height) {
  root.replaceChildren();
  root.setAttribute("viewBox", `0 0 ${width} ${height}`);
  root.setAttribute("aria-label", label);
}

// A line through the rows: of more than two per pixel the least and the greatest, so that no peak is lost.
export function path(ticks, values, x, y, pixels) {
  const each = Math.max(1, Math.floor(ticks.length / Math.max(pixels, 1)));
  let made = "", pen = false;
  const put = (k) => {
    if (!Number.isFinite(values[k])) return (pen = false);
    made += `${pen ? "L" : "M"}${x(ticks[k]).toFixed(1)} ${y(values[k]).toFixed(1)}`;
    pen = true;
  };
  for (let from = 0; from < ticks.length; from += each) {
    if (each === 1) {
      put(from);
      continue;
    }
    let [low, high] = [from, from];
    for (let k = from; k < Math.min(from + each, ticks.length); k++) {
      if (values[k] < values[low]) low = k;
      if (values[k] > values[high]) high = k;
    }
    put(Math.min(low, high));
    if (low !== high) put(Math.max(low, high));
  }
  return made;
}

// series: [{name, values, colour}]; at: a tick to mark; unit: written at the values.
export function lines(root, { label, ticks, series, at = null, height = 130 }) {
  const width = Math.max(root.clientWidth, 120);
  frame(root, label, width, height);
  if (!ticks.length) return;
  const [low, high] = bounds(series.map((s) => s.values)), [from, to] = [ticks[0], Math.max(ticks.at(-1), ticks[0] + 1)];
  const x = (t) => PAD.left + ((t - from) / (to - from)) * (width - PAD.left - PAD.right);
  const y = (v) => height - PAD.bottom - ((v - low) / (high - low)) * (height - PAD.top - PAD.bottom);
  for (const v of marks(low, high, 3)) {
    root.append(svg("line", { class: "rule", x1: PAD.left, x2: width - PAD.right, y1: y(v), y2: y(v) }), svg("text", { class: "mark end", x: PAD.left - 6, y: y(v) + 3.5 }, short(v)));
  }
  for (const t of marks(from, to, 4)) root.append(svg("text", { class: "mark middle", x: x(t), y: height - 4 }, count(t)));
  for (const { values, colour } of series) {
    const line = svg("path", { class: "curve", d: path(ticks, values, x, y, width) });
    line.style.stroke = colour;
    root.append(line);
  }
  if (at !== null && at >= from && at <= to) root.append(svg("line", { class: "now", x1: x(at), x2: x(at), y1: PAD.top, y2: height - PAD.bottom }));
  // The tick under a place across the chart, for who points at it.
  root.tickAt = (px) => Math.min(Math.max(from + ((px - PAD.left) / (width - PAD.left - PAD.right)) * (to - from), from), to);
}

export function bars(root, { label, low, high, counts, height = 130, colour = null }) {
  const width = Math.max(root.clientWidth, 120);
  frame(root, label, width, height);
  const most = Math.max(...counts, 1), wide = (width - PAD.left - PAD.right) / counts.length;
  const y = (v) => height - PAD.bottom - (v / most) * (height - PAD.top - PAD.bottom);
  for (const v of marks(0, most, 3)) {
    root.append(svg("line", { class: "rule", x1: PAD.left, x2: width - PAD.right, y1: y(v), y2: y(v) }), svg("text", { class: "mark end", x: PAD.left - 6, y: y(v) + 3.5 }, v >= 1e4 ? short(v) : count(v)));
  }
  counts.forEach((n, k) => {
    const bar = svg("rect", { class: "bar", x: PAD.left + k * wide + 0.5, width: Math.max(wide - 1, 0.5), y: y(n), height: Math.max(height - PAD.bottom - y(n), 0) });
    bar.append(svg("title", {}, `${short(low + (k * (high - low)) / counts.length)} to ${short(low + ((k + 1) * (high - low)) / counts.length)}: ${count(n)}`));
    if (colour) bar.style.fill = colour;
    root.append(bar);
  });
  for (const v of marks(low, high, 4)) root.append(svg("text", { class: "mark middle", x: PAD.left + ((v - low) / (high - low || 1)) * (width - PAD.left - PAD.right), y: height - 4 }, short(v)));
}

// A line without axes, as wide as its place.
export function spark(root, { label, ticks, values, at = null, height = 44 }) {
  const width = Math.max(root.clientWidth, 80);
  frame(root, label, width, height);
  if (ticks.length < 2) return;
  const [low, high] = bounds([values]), [from, to] = [ticks[0], ticks.at(-1)];
  const x = (t) => 3 + ((t - from) / (to - from)) * (width - 6), y = (v) => height - 4 - ((v - low) / (high - low)) * (height - 8);
  root.append(svg("path", { class: "curve", d: path(ticks, values, x, y, width) }));
  const k = at === null ? ticks.length - 1 : Math.max(ticks.findLastIndex((t) => t <= at), 0);
  if (Number.isFinite(values[k])) root.append(svg("circle", { class: "dot", cx: x(ticks[k]), cy: y(values[k]), r: 3 }));
}

export const chart = (props = {}) => svg("svg", { class: "chart", role: "img", "aria-label": "Nothing to draw yet", ...props });

export function key(series) {
  return el("p", { class: "key" }, series.map(({ name, colour }) => {
    const dot = el("span", { class: "swatch" });
    dot.style.background = colour;
    return el("span", {}, dot, name);
  }));
}
