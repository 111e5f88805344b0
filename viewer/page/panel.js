// The panels around the scene: text and controls, no drawing of the world.

import { css, ramp, wheel } from "./colour.js";

const $ = (id) => document.getElementById(id);
const count = (n) => n.toLocaleString("en");
// No more digits than the width of the range deserves.
const tidy = (v, span) => short(span > 0 ? Math.round(v / (span / 1000)) * (span / 1000) : v);
const short = (v) => (Math.abs(v) >= 1e5 || (v !== 0 && Math.abs(v) < 1e-3) ? v.toExponential(1) : String(+v.toPrecision(3)));

const STATES = {
  connecting: ["Connecting", ""],
  running: ["Running", "running"],
  paused: ["Paused", "paused"],
  finished: ["Finished", ""],
  lost: ["Connection lost, trying again", "paused"],
  refused: ["No access", "paused"],
};
const REFUSED = "This link is not complete, or belongs to another run. Open the whole link that the run printed.";

export class Panel {
  // act: {command(object), toggle(name), fit(), colour(type, by)}
  constructor(act) {
    this.act = act;
    this.rows = new Map();
    $("play").onclick = () => act.play();
    $("step").onclick = () => act.command({ op: "step", n: 1 });
    $("fit").onclick = () => act.fit();
    for (const button of $("rates").children) {
      button.onclick = () => act.command({ op: "rate", hz: button.dataset.hz ? +button.dataset.hz : null });
    }
    for (const name of ["partitions", "grid", "solid", "light"]) $(`toggle-${name}`).onclick = () => act.toggle(name);
  }

  setMeta(meta) {
    document.title = `${meta.app} · Weaver`;
    $("app").textContent = meta.app;
    const size = meta.high.slice(0, meta.dim).map((h, k) => short(h - meta.low[k])).join(" × ");
    const edges = [...new Set(meta.boundary)].join(", ");
    $("about").textContent = [size, edges].filter(Boolean).join(" · ");
    $("workers").textContent = meta.workers;
    $("toggle-partitions").hidden = !(meta.partitions ?? []).length;
    this.ticks = meta.ticks;
    $("types").replaceChildren(...meta.types.map((type, index) => this.row(type, index)));
  }

  row(type, index) {
    const make = (tag, name, parent) => {
      const element = document.createElement(tag);
      element.className = name;
      parent?.append(element);
      return element;
    };
    const item = make("li", "type");
    const head = make("div", "type-head", item);
    const row = { swatch: make("span", "swatch", head), index };
    make("span", "type-name", head).textContent = type.name;
    row.count = make("span", "type-count", head);
    row.count.textContent = "0";
    const choices = [["", "type"], ...(type.heading ? [["direction", "direction"]] : []), ...type.fields.map((f) => [`field:${f.name}`, f.kind === "vector" ? `${f.name} (length)` : f.name])];
    if (choices.length > 1) {
      const label = make("label", "type-colour", item);
      label.append("Colour");
      row.select = make("select", "", label);
      row.select.setAttribute("aria-label", `Colour of ${type.name}`);
      row.select.append(...choices.map(([value, text]) => new Option(text, value)));
      row.select.onchange = () => this.act.colour(index, row.select.value);
    }
    row.legend = make("div", "legend", item);
    row.bar = make("div", "legend-bar", row.legend);
    const ends = make("div", "legend-ends", row.legend);
    row.ends = Array.from({ length: 5 }, () => make("span", "", ends));
    this.rows.set(index, row);
    return item;
  }

  setCounts(counts) {
    for (const [index, row] of this.rows) row.count.textContent = count(counts[index] ?? 0);
  }

  // style as in draw.js, with `by`
  setStyle(index, style, light) {
    const row = this.rows.get(index);
    if (!row) return;
    row.swatch.style.background = style.mode === 0 ? css(style.colour) : gradient(style.mode === 1 ? wheel : ramp, light, "135deg");
    if (row.select && row.select.value !== style.by) row.select.value = style.by;
    row.legend.hidden = style.mode === 0;
    row.bar.style.background = gradient(style.mode === 1 ? wheel : ramp, light, "90deg");
    const [low, high] = style.range;
    const marks = low < high ? [0, 0.5, 1] : [0.5]; // where all are equal, one number says so
    const numbers = [0, 0.25, 0.5, 0.75, 1].map((t) => (marks.includes(t) ? tidy(low + t * (high - low), high - low) : ""));
    const texts = style.mode === 1 ? ["→", "↑", "←", "↓", "→"] : numbers;
    row.ends.forEach((end, k) => (end.textContent = texts[k]));
  }

  setClock(tick, speed, frames) {
    $("tick").textContent = count(tick);
    $("speed").textContent = speed === null ? "–" : count(+speed.toPrecision(3));
    $("frames").textContent = frames === null ? "–" : Math.round(frames);
    $("progress").hidden = !this.ticks;
    if (this.ticks) $("progress-bar").style.width = `${Math.min(100, (100 * tick) / this.ticks)}%`;
  }

  setState(name) {
    const [text, kind] = STATES[name];
    $("state").className = kind;
    $("state-text").textContent = text;
    document.body.classList.toggle("paused", name !== "running");
    $("message").hidden = name !== "refused";
    $("message").textContent = name === "refused" ? REFUSED : "";
  }

  setRate(hz) {
    for (const button of $("rates").children) button.setAttribute("aria-pressed", String((button.dataset.hz ? +button.dataset.hz : null) === hz));
  }

  setToggles(shown) {
    for (const [name, on] of Object.entries(shown)) $(`toggle-${name}`).setAttribute("aria-pressed", String(on));
    document.documentElement.classList.toggle("light", shown.light);
  }

  // A round length near 90 pixels, in the unit of the world, which only its author knows; null hides the bar.
  setScale(unit) {
    $("scale").hidden = unit === null;
    if (unit === null) return;
    const length = round(unit * 90);
    $("scale-bar").style.width = `${length / unit}px`;
    $("scale-text").textContent = length >= 1000 && length < 1e6 ? count(length) : short(length);
  }

  // What the panels cover, CSS pixels.
  inset() {
    if (matchMedia("(max-width: 760px)").matches) return { left: 16, right: 16, top: 96, bottom: 0.42 * innerHeight + 80 };
    return { left: innerWidth > 1000 ? 190 : 24, right: 290, top: 24, bottom: 84 };
  }
}

// 1, 2 or 5 times a power of ten, at most x.
export function round(x) {
  const power = 10 ** Math.floor(Math.log10(x));
  return [5, 2, 1].find((k) => k * power <= x * 1.0001) * power;
}

function gradient(map, light, angle) {
  return `linear-gradient(${angle}, ${Array.from({ length: 13 }, (_, k) => css(map(k / 12, light))).join(", ")})`;
}
