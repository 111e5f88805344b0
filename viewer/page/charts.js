// The tab "Charts": the observations of the run as they come, and the histogram of a field.

import { block, labelsOf, title } from "./appearance.js";
import { css, typeColour } from "./colour.js";
import { card } from "./controls.js";
import { $, el, text } from "./dom.js";
import { count, short } from "./numbers.js";
import { bars, chart, key, lines } from "./plot.js";

const AXES = ["x", "y", "z"], MOST_LINES = 8;

// The rows of all samples that came; a message says from which row on it is right.
export class Samples {
  constructor() {
    this.ticks = [];
    this.values = {};
    this.edition = 0;
  }

  take({ from, ticks, values }) {
    this.edition++;
    this.ticks = [...this.ticks.slice(0, from), ...ticks];
    for (const [name, list] of Object.entries(values)) {
      const before = (this.values[name] ?? []).slice(0, from);
      while (before.length < from) before.push(null);
      this.values[name] = [...before, ...list];
    }
  }
}

export class Charts {
  constructor(S) {
    this.S = S;
    this.made = [];
  }

  begin() {
    const { S } = this;
    this.made = (S.meta.observations ?? []).map((observation) => this.make(observation));
    const nothing = this.made.length ? [] : [el("p", { class: "faint nothing" }, S.meta.live === false ? "This recording keeps no observations." : "This run observes nothing: sim.observe(...) makes a chart here.")];
    $("charts").replaceChildren(...nothing, ...this.made.map((one) => one.card), this.histogram());
  }

  make(observation) {
    const one = { observation, chart: chart({ "data-observation": observation.name }), value: el("output", { class: "latest" }), key: el("div", {}) };
    one.over = null; // the tick that the pointer is at
    one.chart.addEventListener("pointermove", (event) => {
      one.over = one.chart.tickAt?.(event.clientX - one.chart.getBoundingClientRect().left) ?? null;
      this.update();
    });
    one.chart.addEventListener("pointerleave", () => {
      one.over = null;
      this.update();
    });
    one.card = card(observation.name, [one.chart, one.key], { head: [el("span", { class: "kind" }, observation.statistic ?? ""), one.value] });
    one.card.classList.add("chart-card");
    return one;
  }

  histogram() {
    const { S } = this, options = [];
    S.meta.types.forEach((type) => type.fields.forEach((field) => options.push([`${type.name}\n${field.name}`, `${type.name} ${title(field)}`])));
    this.field = el("select", { id: "histogram-field", "aria-label": "Field of the histogram" }, new Option("none", ""), options.map(([v, name]) => new Option(name, v)));
    this.bins = el("select", { id: "histogram-bins", "aria-label": "Bins of the histogram" }, [10, 20, 40, 80, 200].map((n) => new Option(`${n} bins`, n)));
    const choose = () => {
      const [type, field] = this.field.value.split("\n");
      S.state.histogram = field ? { type, field, bins: +this.bins.value } : null;
      S.changed();
    };
    this.field.onchange = this.bins.onchange = choose;
    this.bars = chart({ id: "histogram" });
    this.about = el("p", { class: "faint", id: "histogram-about" });
    return card("Histogram of a field", [el("div", { class: "line" }, this.field, this.bins), this.bars, this.about], { id: "histogram-card" });
  }

  update() {
    const { S } = this, { light } = S.state, { ticks } = S.samples;
    for (const one of this.made) {
      const { observation, chart: root, value, key: keys } = one, at = one.over ?? (S.timeline.live ? null : S.tick);
      const drawn = `${S.samples.edition} ${at} ${light} ${root.clientWidth}`;
      if (one.drawn === drawn) continue;
      one.drawn = drawn;
      const list = S.samples.values[observation.name] ?? [], last = list.findLastIndex((v, k) => v !== null && (at === null || ticks[k] <= at));
      const latest = list[last] ?? null;
      root.classList.toggle("waiting", latest === null);
      if (observation.bins) {
        const [low, high] = observation.bins;
        text(value, latest ? count(latest.reduce((a, b) => a + b, 0)) : "");
        if (latest) bars(root, { label: `${observation.name}: bars at tick ${ticks[last]}`, low, high, counts: latest, colour: css(typeColour(0, light)) });
        continue;
      }
      const width = Array.isArray(latest) ? Math.min(latest.length, MOST_LINES) : 1;
      const name = (k) => (observation.vector ? AXES[k] : String(k));
      const series = Array.from({ length: width }, (_, k) => ({ name: width > 1 ? name(k) : "", colour: css(typeColour(k, light)), values: list.map((v) => (Array.isArray(v) ? v[k] : v)) }));
      text(value, latest === null ? "" : Array.isArray(latest) ? latest.slice(0, 3).map((v) => short(v)).join(", ") : short(latest, 4));
      lines(root, { label: `${observation.name} over the ticks`, ticks, series, at });
      if (width > 1 && keys.childElementCount !== 1) keys.replaceChildren(key(series));
    }
    this.fillHistogram(css(typeColour(1, light)));
  }

  fillHistogram(colour) {
    const { S } = this, wanted = S.state.histogram;
    const shown = wanted ? `${wanted.type}\n${wanted.field}` : "";
    if (this.field.value !== shown) this.field.value = shown;
    if (wanted && this.bins.value !== String(wanted.bins)) this.bins.value = wanted.bins;
    const type = S.meta.types.findIndex((one) => one.name === wanted?.type);
    const found = wanted && (block(S.frame, "histogram", { type, field: wanted.field }) ?? block(S.store.at(Infinity), "histogram", { type, field: wanted.field }));
    this.bars.toggleAttribute("hidden", !wanted);
    this.bars.classList.toggle("waiting", !found);
    text(this.about, !wanted ? "Choose a field to see how its values are spread." : !found ? "Asking the workers …" : `${count(found.about.n)} entities, ${short(found.about.min, 4)} to ${short(found.about.max, 4)}`);
    if (!found) return this.bars.replaceChildren();
    const labels = labelsOf(S.meta.types[type].fields.find((f) => f.name === wanted.field));
    bars(this.bars, { label: `Histogram of ${wanted.type}.${wanted.field}${labels ? ` (${Object.entries(labels).map(([v, name]) => `${v} ${name}`).join(", ")})` : ""}`, low: found.about.low, high: found.about.high, counts: [...found.arrays.counts].map(Number), colour });
  }
}
