// The tab "Look": how types, layers and the scene are drawn, and what is left out.

import { counts, labelsOf, rgbOf, styles, layerStyles, title } from "./appearance.js";
import { Bookmarks } from "./bookmarks.js";
import { MAPS, css } from "./colour.js";
import { Controls, card } from "./controls.js";
import { $, el, text } from "./dom.js";
import { count, short } from "./numbers.js";
import { MODELS } from "./state.js";

const OPEN_TYPES = 2; // more would push the scene's own controls out of sight
const maps = () => Object.keys(MAPS).filter((name) => name !== "wheel").map((name) => [name, name]);

export class Look {
  constructor(S) {
    this.S = S;
    this.controls = new Controls();
    this.errors = new Map();
    this.numbers = [];
    this.when = [];
  }

  begin() {
    const { meta } = this.S;
    this.controls = new Controls();
    this.when = [];
    $("look").replaceChildren(
      ...meta.types.map((type, index) => this.type(type, index)),
      ...(meta.layers ?? []).map((layer, index) => this.layer(layer, index)),
      this.space(),
      new Bookmarks(this.S).element,
    );
  }

  update() {
    const { S } = this;
    this.controls.sync();
    for (const each of this.when) each();
    const numbers = counts(S.frame, S.meta);
    this.numbers.forEach((item, index) => text(item, numbers[index] === null ? "" : count(numbers[index])));
    for (const [name, { message, input }] of this.errors) {
      const wrong = S.invalid[name] ?? "";
      message.hidden = !wrong;
      text(message, wrong);
      input.setAttribute("aria-invalid", String(Boolean(wrong)));
    }
  }

  type(type, index) {
    const { S } = this, look = S.state.types[type.name], c = this.controls, id = `type-${index}`;
    const set = (key) => (v) => {
      look[key] = v;
      S.changed();
    };
    const swatch = el("span", { class: "swatch" }), number = el("span", { class: "count" });
    this.numbers[index] = number;
    this.when.push(() => (swatch.style.background = css(rgbOf(type, index, S.state.light))));
    const shown = c.check("", () => look.shown, set("shown"), { name: `Show ${type.name}`, id: `${id}-shown` });
    const fields = type.fields.map((f) => [f.name, title(f)]);
    const by = [["type", "type"], ...(type.heading ? [["direction", "direction"]] : []), ...fields];
    const recolour = (v) => {
      look.by = v;
      look.range = null;
      S.changed();
    };
    const map = c.select("Map", maps(), () => look.map, set("map"), { name: `Map of ${type.name}`, id: `${id}-map` });
    const range = this.range(`${id}-range`, type.name, look, () => styles(S)[index].range);
    this.when.push(() => {
      const field = type.fields.find((f) => f.name === look.by);
      map.hidden = range.hidden = !field || Boolean(labelsOf(field));
    });
    const own = (v) => (v === "" ? null : v);
    const models = [["", type.view?.model ? `${type.view.model} (of the app)` : "automatic"], ...[...MODELS, ...(S.meta.models ?? [])].map((name) => [name, name])];
    const message = el("p", { class: "error", id: `${id}-error`, role: "alert", hidden: true });
    const input = el("input", { type: "text", id: `${id}-where`, spellcheck: "false", autocomplete: "off", maxlength: 500, placeholder: this.example(type), "aria-describedby": message.id });
    input.addEventListener("input", () => {
      look.where = input.value;
      S.changed();
    });
    c.bind(input, () => {
      if (document.activeElement !== input) input.value = look.where;
    });
    this.errors.set(type.name, { message, input });
    const usual = () => look.size ?? type.view?.size ?? S.scene.size(index), widest = Math.max(...S.meta.high.map((h, k) => h - S.meta.low[k]));
    return card(type.name, [
      c.select("Colour", by, () => look.by, recolour, { name: `Colour of ${type.name}`, id: `${id}-by` }),
      map, range,
      el("label", { class: "field" }, el("span", { class: "name" }, "Filter"), input), message,
      c.slider("Size", widest * 1e-5, widest * 0.1, usual, set("size"), { log: true, format: (v) => short(v, 2), name: `Size of ${type.name}`, id: `${id}-size` }),
      fields.length ? c.select("Size by", [["", "nothing"], ...fields], () => look.sizeBy, (v) => set("sizeBy")(own(v)), { name: `Size of ${type.name} by`, id: `${id}-size-by` }) : null,
      c.select("Model", models, () => look.model, (v) => set("model")(own(v)), { name: `Model of ${type.name}`, id: `${id}-model` }),
      c.slider("Opacity", 0, 1, () => look.opacity, set("opacity"), { format: (v) => `${Math.round(100 * v)} %`, name: `Opacity of ${type.name}`, id: `${id}-opacity` }),
    ], { id, open: index < OPEN_TYPES && this.S.meta.types.length <= 2 * OPEN_TYPES, head: [shown, swatch, number] });
  }

  // A condition that this world could be asked.
  example(type) {
    const number = type.fields.find((f) => ["float", "int", "scalar"].includes(f.kind)), code = type.fields.find((f) => f.kind === "enum");
    if (number) return `${number.name} < 3`;
    if (code) return `${code.name} == ${Object.values(code.labels ?? { 0: "0" })[0]}`;
    return "position.x > 0";
  }

  // Automatic, or from one number to another.
  range(id, name, look, now) {
    const { S } = this, c = this.controls;
    const end = (k) => c.number(k ? "to" : "from", () => (look.range ?? now() ?? [0, 1])[k], (v) => {
      const range = [...(look.range ?? now() ?? [0, 1])];
      range[k] = v;
      if (range[0] < range[1]) look.range = range;
      S.changed();
    }, { name: `Range of ${name}, ${k ? "to" : "from"}`, id: `${id}-${k ? "to" : "from"}`, hidden: true });
    const auto = c.check("auto", () => look.range === null, (on) => {
      look.range = on ? null : [...(now() ?? [0, 1])];
      S.changed();
    }, { name: `Automatic range of ${name}`, id: `${id}-auto` });
    return el("div", { class: "field range" }, el("span", { class: "name" }, "Range"), end(0), end(1), auto);
  }

  layer(layer, index) {
    const { S } = this, look = S.state.layers[layer.name], c = this.controls, id = `layer-${index}`;
    const set = (key) => (v) => {
      look[key] = v;
      S.changed();
    };
    const shown = c.check("", () => look.shown, set("shown"), { name: `Show ${layer.name}`, id: `${id}-shown` });
    const map = c.select("Map", maps(), () => look.map, set("map"), { name: `Map of ${layer.name}`, id: `${id}-map` });
    const range = this.range(`${id}-range`, layer.name, look, () => layerStyles(S)[index].range);
    this.when.push(() => (map.hidden = range.hidden = Boolean(layerStyles(S)[index].labels)));
    const solid = [];
    if (S.meta.dim === 3) {
      const axis = c.select("Axis", [["0", "x"], ["1", "y"], ["2", "z"]], () => String(look.axis), (v) => set("axis")(+v), { name: `Axis of the slice of ${layer.name}`, id: `${id}-axis` });
      const at = c.slider("At", 0, 1, () => look.at, set("at"), {
        format: (v) => short(S.meta.low[look.axis] + v * (S.meta.high[look.axis] - S.meta.low[look.axis])), name: `Place of the slice of ${layer.name}`, id: `${id}-at`,
      });
      this.when.push(() => (axis.hidden = at.hidden = look.mode !== "slice"));
      solid.push(c.select("Shown as", [["volume", "volume"], ["slice", "slice"]], () => look.mode, set("mode"), { name: `${layer.name} shown as`, id: `${id}-mode` }), axis, at);
    }
    return card(layer.name, [
      layer.fields.length > 1 ? c.select("Field", layer.fields.map((f) => [f.name, f.name]), () => look.field, (v) => {
        look.field = v;
        look.range = null;
        S.changed();
      }, { name: `Field of ${layer.name}`, id: `${id}-field` }) : null,
      map, range, ...solid,
      c.slider("Opacity", 0, 1, () => look.opacity, set("opacity"), { format: (v) => `${Math.round(100 * v)} %`, name: `Opacity of ${layer.name}`, id: `${id}-opacity` }),
    ], { id, head: [shown, el("span", { class: "kind" }, "layer")] });
  }

  space() {
    const { S } = this, { state, meta } = S, c = this.controls;
    const shows = [["grid", "Grid"], ["axes", "Axes"], ["box", "World box"], ["geometry", "Geometry"]].map(([key, label]) => c.check(label, () => state.shown[key], (v) => {
      state.shown[key] = v;
      S.changed();
    }, { id: `shown-${key}` }));
    const clipped = c.check("Slice box", () => state.clip !== null, (on) => {
      state.clip = on ? [[...meta.low], [...meta.high]] : null;
      S.changed();
    }, { id: "clip" });
    const sliders = ["x", "y", "z"].slice(0, meta.dim).map((axis, k) => c.span(axis, meta.low[k], meta.high[k], () => (state.clip ?? [meta.low, meta.high]).map((corner) => corner[k]), ([a, b]) => {
      state.clip = (state.clip ?? [meta.low, meta.high]).map((corner, side) => corner.map((v, i) => (i === k ? (side ? b : a) : v)));
      S.changed();
    }, { id: `clip-${axis}` }));
    this.when.push(() => sliders.forEach((slider) => (slider.hidden = state.clip === null)));
    return card("Scene", [
      el("div", { class: "checks" }, shows, clipped), ...sliders,
      c.slider("Trails", 0, 200, () => state.trails, (v) => {
        state.trails = Math.round(v);
        S.changed();
      }, { step: 1, format: (v) => (v ? `${v} ticks` : "off"), id: "trails" }),
      c.slider("Most points", 1000, 2000000, () => state.budget, (v) => {
        state.budget = +v.toPrecision(2);
        S.changed();
      }, { log: true, format: (v) => (v >= 1e6 ? `${short(v / 1e6, 2)} M` : `${short(v / 1e3, 3)} k`), id: "budget", name: "Most points before a crowd is shown as density" }),
    ], { id: "space" });
  }
}
