// The legend over the scene: who is there, how many, and what the colours say.

import { counts, gradient, labelsOf, layerStyles, rgbOf, styles, title, unitOf } from "./appearance.js";
import { css } from "./colour.js";
import { $, el, text } from "./dom.js";
import { count, tidy } from "./numbers.js";

const MOST_CODES = 8;

export class Legend {
  constructor(S) {
    this.S = S;
    this.items = [];
  }

  begin() {
    const { meta } = this.S;
    const make = (name) => {
      const item = { swatch: el("span", { class: "swatch" }), count: el("span", { class: "count" }), by: el("p", { class: "by" }), bar: el("div", { class: "bar" }), ends: el("div", { class: "ends" }, Array.from({ length: 5 }, () => el("span"))), codes: el("ul", { class: "codes" }) };
      item.note = el("span", { class: "note" });
      item.root = el("div", { class: "item" }, el("p", { class: "who" }, item.swatch, el("span", { class: "who-name" }, name), item.note, item.count), item.by, item.bar, item.ends, item.codes);
      return item;
    };
    this.items = meta.types.map((type) => make(type.name));
    this.layers = (meta.layers ?? []).map((layer) => make(layer.name));
    $("legend").replaceChildren(...[...this.items, ...this.layers].map((item) => item.root));
  }

  update() {
    const { S } = this, { meta, state } = S, { light } = state, numbers = counts(S.frame, meta);
    styles(S).forEach((style, index) => {
      const item = this.items[index], type = meta.types[index];
      item.root.hidden = !style.shown;
      text(item.count, numbers[index] === null ? "–" : count(numbers[index]));
      text(item.note, state.types[type.name].where.trim() && !S.invalid[type.name] ? "filtered" : S.drawn.types?.[index] === "density" ? "density" : "");
      const grey = S.drawn.types?.[index] === "density" || style.by === "type";
      this.bar(item, style, grey ? null : style.by === "direction" ? "wheel" : style.map, light);
      item.swatch.style.background = grey ? css(rgbOf(type, index, light)) : gradient(style.map, light, "135deg");
    });
    layerStyles(S).forEach((style, index) => {
      const item = this.layers[index];
      item.root.hidden = !style.shown;
      this.bar(item, style, style.map, light);
      item.swatch.style.background = gradient(style.map, light, "135deg");
    });
  }

  bar(item, style, map, light) {
    const codes = map && style.labels && labelsOf(style.field);
    const direction = map === "wheel" && style.by === "direction";
    item.by.hidden = !map;
    item.bar.hidden = item.ends.hidden = !map || Boolean(codes) || (!direction && !style.range);
    item.codes.hidden = !codes;
    if (!map) return;
    text(item.by, direction ? "direction" : style.field ? title(style.field) + (unitOf(style.field) && `,${unitOf(style.field)}`) : "");
    if (codes) {
      const key = JSON.stringify(style.labels);
      if (item.key === key) return;
      item.key = key;
      item.codes.replaceChildren(...Object.entries(codes).slice(0, MOST_CODES).map(([value, name]) => {
        const dot = el("span", { class: "swatch" });
        dot.style.background = css(style.labels[value]);
        return el("li", {}, dot, name);
      }));
      return;
    }
    if (item.bar.hidden) return;
    item.bar.style.background = gradient(map, light);
    const [low, high] = style.range ?? [0, 1];
    const number = (t) => tidy(low + t * (high - low), high - low);
    const words = direction ? ["→", "↑", "←", "↓", "→"] : low < high ? [number(0), "", number(0.5), "", number(1)] : ["", "", number(0), "", ""];
    words.forEach((word, k) => text(item.ends.children[k], word));
  }
}
