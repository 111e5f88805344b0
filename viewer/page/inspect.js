// The tab "Inspect": one entity with all its fields, its neighbours and its past; or the table of several.

import { block, fieldOf, labelsOf, rgbOf, unitOf } from "./appearance.js";
import { css } from "./colour.js";
import { $, el, icon, text } from "./dom.js";
import { count, short, value } from "./numbers.js";
import { chart, spark } from "./plot.js";
import { neighbours, scalar } from "./selected.js";

const PATIENCE = 2000; // ms until an id that was searched for counts as not living

export class Inspect {
  constructor(S) {
    this.S = S;
    this.sort = { key: "id", down: false };
    this.sought = null;
    this.shape = "";
  }

  begin() {
    const input = el("input", { type: "text", inputmode: "numeric", id: "find", "aria-label": "Search by id", placeholder: "Search by id", autocomplete: "off" });
    const form = el("form", { class: "line find" }, icon("find"), input, el("button", { class: "solid", id: "find-go" }, "Find"));
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      const id = input.value.trim().replace("#", "");
      this.missing("");
      if (!/^[0-9]{1,19}$/.test(id)) return this.missing("An id is a whole number.");
      this.find(String(BigInt(id)));
    });
    this.note = el("p", { class: "error", id: "find-error", role: "alert", hidden: true });
    this.body = el("div", { id: "inspected" });
    $("inspect").replaceChildren(form, this.note, this.body);
    this.shape = "";
  }

  missing(words) {
    this.note.hidden = !words;
    text(this.note, words);
  }

  find(id) {
    const { S } = this;
    let type = 0;
    for (const { kind, about, arrays } of S.frame?.blocks ?? []) if (kind === "points" && arrays.ids.includes(BigInt(id))) type = about.type;
    this.sought = { id, until: performance.now() + PATIENCE };
    setTimeout(() => this.update(), PATIENCE + 100);
    S.select([{ type, id }]);
  }

  update() {
    const { S } = this, { selected } = S.state;
    this.answer();
    const shape = selected.length === 0 ? "none" : selected.length === 1 ? `one ${selected[0].id} ${selected[0].type}` : `many ${selected.map((one) => one.id)}`;
    if (shape !== this.shape) {
      this.shape = shape;
      this.body.replaceChildren(...(selected.length === 0 ? this.nobody() : [...(selected.length > 1 ? this.table() : []), ...this.card(selected[0])]));
    }
    if (selected.length) this.fill(selected[0]);
    if (selected.length > 1) this.fillTable();
  }

  answer() {
    const { S, sought } = this;
    if (!sought) return;
    const row = S.selected.row(S.frame, sought.id);
    if (row) {
      this.sought = null;
      if (Array.isArray(row.fields.position)) S.lookAt(row.fields.position);
    } else if (performance.now() > sought.until) {
      this.sought = null;
      this.missing(`No living entity has the id ${sought.id}.`);
      S.select([]);
    }
  }

  nobody() {
    return [el("div", { class: "empty" }, icon("follow"), el("p", {}, "Click an entity to see all its fields."), el("p", { class: "faint" }, "Shift and drag selects all in a box."))];
  }

  card(one) {
    const { S } = this, type = S.meta.types[one.type];
    this.fields = new Map(type.fields.map((field) => [field.name, el("dd", {})]));
    this.place = el("dd", {});
    this.tick = el("span", { class: "faint", id: "entity-tick" });
    const dot = el("span", { class: "swatch" });
    dot.style.background = css(rgbOf(type, one.type, S.state.light));
    this.follow = el("button", { type: "button", id: "follow", "aria-pressed": "false", onclick: () => {
      S.state.follow = !S.state.follow;
      S.changed();
    } }, icon("follow"), "Follow");
    this.near = el("strong", { id: "neighbours" });
    this.radius = el("input", { type: "number", id: "radius", min: 0, step: "any", "aria-label": "Radius of the neighbourhood" });
    this.radius.addEventListener("change", () => {
      S.state.radius = this.radius.value === "" || !(+this.radius.value > 0) ? null : +this.radius.value;
      S.changed();
    });
    this.history = el("select", { id: "history", "aria-label": "Field of the history" }, type.fields.map((field) => new Option(field.name, field.name)));
    this.history.addEventListener("change", () => {
      S.state.history = this.history.value;
      S.changed();
    });
    this.spark = chart({ id: "spark" });
    this.ends = el("p", { class: "ends" }, el("span"), el("span"), el("span"));
    const position = type.fields.some((field) => field.name === "position") ? [] : [el("div", {}, el("dt", {}, "position"), this.place)];
    return [
      el("section", { class: "entity", id: "entity" },
        el("div", { class: "who" }, dot, el("h2", {}, type.name, " ", el("span", { class: "id", id: "entity-id" }, `#${one.id}`)), this.tick),
        el("div", { class: "line" }, this.follow, el("button", { type: "button", id: "deselect", onclick: () => S.select([]) }, icon("close"), "Deselect")),
        el("dl", { class: "facts", id: "fields" }, position, [...this.fields].map(([name, dd]) => el("div", {}, el("dt", {}, name + unitOf(fieldOf(type, name))), dd)))),
      el("section", { class: "entity" },
        el("h3", {}, "Neighbours"),
        el("p", { class: "line near" }, this.near, el("label", { class: "line" }, "within", this.radius))),
      type.fields.length ? el("section", { class: "entity" }, el("div", { class: "line" }, el("h3", { class: "grow" }, "History"), this.history), this.spark, this.ends) : null,
    ].filter(Boolean);
  }

  fill(one) {
    const { S } = this, type = S.meta.types[one.type], row = S.selected.row(S.frame, one.id);
    const gone = row && S.frame && row.tick < S.frame.tick;
    text(this.tick, row ? (gone ? `last seen at tick ${count(row.tick)}` : `tick ${count(row.tick)}`) : "asking …");
    this.follow.setAttribute("aria-pressed", String(S.state.follow));
    for (const [name, dd] of this.fields) text(dd, row ? value(row.fields[name] ?? null, labelsOf(fieldOf(type, name))) : "–");
    text(this.place, row ? value(row.fields.position ?? null) : "–");
    const radius = S.radius(), n = radius && row ? neighbours(S.frame, S.meta, one.id, row.fields.position, radius) : null;
    text(this.near, n === null ? (radius ? "–" : "no radius") : count(n));
    if (document.activeElement !== this.radius) this.radius.value = radius === null ? "" : +radius.toPrecision(6);
    if (!type.fields.length) return;
    const name = type.fields.some((field) => field.name === S.state.history) ? S.state.history : (type.fields.find((f) => ["float", "int", "scalar"].includes(f.kind)) ?? type.fields[0]).name;
    this.history.value = name;
    const [ticks, values] = S.selected.course(one.id, name);
    spark(this.spark, { label: `${name} over the ticks`, ticks, values, at: S.frame?.tick ?? null });
    const words = ticks.length < 2 ? ["", "waiting for more ticks", ""] : [`tick ${count(ticks[0])}`, `${short(Math.min(...values))} to ${short(Math.max(...values))}`, `tick ${count(ticks.at(-1))}`];
    words.forEach((word, k) => text(this.ends.children[k], word));
  }

  table() {
    const { S } = this, names = [];
    for (const { type } of S.state.selected) for (const field of S.meta.types[type].fields) if (!names.includes(field.name)) names.push(field.name);
    this.names = names;
    this.heads = ["id", "type", ...names].map((key) => {
      const head = el("th", { scope: "col" }, el("button", { type: "button", onclick: () => {
        this.sort = { key, down: this.sort.key === key && !this.sort.down };
        this.fillTable();
      } }, key));
      head.dataset.key = key;
      return head;
    });
    this.rows = el("tbody", {});
    this.total = el("h2", { class: "grow" });
    return [
      this.total,
      el("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "Selection" }, el("table", { id: "selection" }, el("thead", {}, el("tr", {}, this.heads)), this.rows)),
    ];
  }

  fillTable() {
    const { S, sort } = this, { selected } = S.state;
    text(this.total, `${selected.length} selected`);
    const cell = ({ one, row }, key) => (key === "id" ? one.id : key === "type" ? S.meta.types[one.type].name : row?.fields[key] ?? null);
    const rank = (item) => {
      const v = cell(item, sort.key);
      return sort.key === "id" ? BigInt(v) : typeof v === "string" ? v : scalar(v);
    };
    const items = selected.map((one) => ({ one, row: S.selected.row(S.frame, one.id) }));
    items.sort((a, b) => {
      const [x, y] = [rank(a), rank(b)];
      return (x < y ? -1 : x > y ? 1 : 0) * (sort.down ? -1 : 1);
    });
    for (const head of this.heads) head.setAttribute("aria-sort", head.dataset.key !== sort.key ? "none" : sort.down ? "descending" : "ascending");
    while (this.rows.children.length < items.length) this.rows.append(el("tr", {}, this.heads.map(() => el("td"))));
    items.forEach((item, r) => {
      const line = this.rows.children[r], type = S.meta.types[item.one.type];
      line.onclick = () => S.select([item.one, ...selected.filter((other) => other !== item.one)]);
      line.classList.toggle("first", item.one === selected[0]);
      ["id", "type", ...this.names].forEach((key, k) => {
        const v = cell(item, key);
        text(line.children[k], v === null ? "–" : typeof v === "string" ? v : value(v, labelsOf(fieldOf(type, key))));
      });
    });
  }
}

// What the pointer is over, as one line; picked is what Scene.pick gives.
export function tip(S, picked) {
  if (picked.layer !== undefined) {
    const layer = S.meta.layers[picked.layer], look = S.state.layers[layer.name], labels = labelsOf(fieldOf(layer, look.field));
    return `${layer.name}.${look.field} ${value(picked.value, labels)} at ${picked.index.slice(0, S.meta.dim).join(", ")}`;
  }
  const type = S.meta.types[picked.type], points = block(S.frame, "points", { type: picked.type });
  const columns = (points?.about.columns ?? []).map((column, k) => `${column.field} ${value(points.arrays[`column${k}`][picked.row], labelsOf(fieldOf(type, column.field)))}`);
  return [`${type.name} #${points ? points.arrays.ids[picked.row] : picked.id}`, ...columns].join(" · ");
}
