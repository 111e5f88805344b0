// Labelled controls bound to a value: `get` reads it, `set` writes it, `sync` shows it again when something else did.

import { el, icon, text } from "./dom.js";
import { short } from "./numbers.js";

let made = 0;
const busy = (input) => document.activeElement === input;

export class Controls {
  constructor() {
    this.syncs = [];
  }

  sync() {
    for (const each of this.syncs) each();
  }

  bind(element, sync) {
    this.syncs.push(sync);
    sync();
    return element;
  }

  select(label, options, get, set, props = {}) {
    const input = el("select", { "aria-label": props.name ?? label, id: props.id }, options.map(([value, name]) => new Option(name, value)));
    input.addEventListener("change", () => set(input.value));
    return this.bind(row(label, input), () => {
      if (input.value !== (get() ?? "")) input.value = get() ?? "";
    });
  }

  check(label, get, set, props = {}) {
    const input = el("input", { type: "checkbox", "aria-label": props.name, id: props.id });
    input.addEventListener("change", () => set(input.checked));
    return this.bind(el("label", { class: "check" }, input, el("span", {}, label)), () => (input.checked = Boolean(get())));
  }

  // A slider; with `log` equal steps are equal factors.
  slider(label, low, high, get, set, { step = null, log = false, format = short, name = label, id = null } = {}) {
    const to = (v) => (log ? Math.log(v / low) / Math.log(high / low) : v);
    const from = (t) => (log ? low * (high / low) ** t : t);
    const input = el("input", { type: "range", min: log ? 0 : low, max: log ? 1 : high, step: log ? 0.001 : step ?? (high - low) / 200, "aria-label": name, id });
    const shown = el("output", {});
    const show = () => {
      text(shown, format(get()));
      input.setAttribute("aria-valuetext", format(get()));
      track(input);
    };
    input.addEventListener("input", () => {
      set(from(+input.value));
      show();
    });
    return this.bind(el("div", { class: "field slider" }, el("span", { class: "name" }, label), input, shown), () => {
      if (!input.matches(":active")) input.value = to(get());
      show();
    });
  }

  // Two thumbs: the part from low to high of a range.
  span(label, low, high, get, set, { format = short, id = null } = {}) {
    const make = (side) => el("input", { type: "range", min: low, max: high, step: (high - low) / 200, "aria-label": `${label}, ${side}`, id: id && `${id}-${side}` });
    const [from, to] = [make("from"), make("to")], bar = el("span", { class: "bar", "aria-hidden": "true" }), shown = el("output", {});
    const least = (high - low) / 200;
    const show = () => {
      const [a, b] = get();
      text(shown, `${format(a)} to ${format(b)}`);
      bar.style.left = `${(100 * (a - low)) / (high - low)}%`;
      bar.style.right = `${(100 * (high - b)) / (high - low)}%`;
    };
    const change = (moved) => {
      let [a, b] = [+from.value, +to.value];
      if (b - a < least) moved === from ? (a = b - least) : (b = a + least);
      set([Math.max(a, low), Math.min(b, high)]);
      show();
    };
    for (const input of [from, to]) {
      input.addEventListener("input", () => change(input));
      input.addEventListener("change", () => this.sync());
    }
    return this.bind(el("div", { class: "field slider" }, el("span", { class: "name" }, label), el("div", { class: "span" }, bar, from, to), shown), () => {
      const [a, b] = get();
      if (!from.matches(":active") && !to.matches(":active")) [from.value, to.value] = [a, b];
      show();
    });
  }

  number(label, get, set, { name = label, id = null, hidden = false, low = null, high = null } = {}) {
    const input = el("input", { type: "number", step: "any", "aria-label": name, id, min: low, max: high });
    input.addEventListener("change", () => {
      if (input.value !== "" && Number.isFinite(+input.value)) set(+input.value);
      this.sync();
    });
    return this.bind(label && !hidden ? row(label, input) : input, () => {
      const v = get();
      if (!busy(input)) input.value = v === null ? "" : +(+v).toPrecision(6);
    });
  }
}

export function row(label, input, ...more) {
  return el("label", { class: "field" }, el("span", { class: "name" }, label), input, ...more);
}

// How far a slider is filled.
export function track(input) {
  const part = (input.value - input.min) / (input.max - input.min || 1);
  input.style.setProperty("--filled", `${100 * part}%`);
}

// A card with a heading that folds.
export function card(title, children, { open = true, id = null, head = [] } = {}) {
  const name = id ?? `card-${made++}`;
  const body = el("div", { class: "body", id: `${name}-body`, hidden: !open }, children);
  const fold = el("button", { type: "button", class: "fold", "aria-expanded": String(open), "aria-controls": `${name}-body` }, el("span", {}, title), icon("more"));
  fold.addEventListener("click", () => {
    body.hidden = !body.hidden;
    fold.setAttribute("aria-expanded", String(!body.hidden));
  });
  return el("section", { class: "card", id: name }, el("h2", { class: "card-head" }, head, fold), body);
}
