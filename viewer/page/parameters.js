// Parameters of the run as sliders that act on it while it goes on.

import { card, track } from "./controls.js";
import { el, text } from "./dom.js";
import { short } from "./numbers.js";
import { WATCH } from "./timeline.js";

const RECORDED = "This is a recording: it was run with this value.";
const WAIT = 120; // ms between two messages of one drag
const TRUST = 1500; // ms in which what we set counts more than what the run last told

export class Parameters {
  constructor(S) {
    this.S = S;
    this.rows = [];
    this.unsent = {};
    this.timer = null;
  }

  begin() {
    this.rows = (this.S.meta.parameters ?? []).map((parameter, k) => this.row(parameter, `parameter-${k}`));
    if (!this.rows.length) return null;
    return card("Parameters", this.rows.map((row) => row.element), { id: "parameters" });
  }

  row(parameter, id) {
    const { name, low, high, unit, help, integer, fixed } = parameter;
    const bounded = Number.isFinite(low ?? NaN) && Number.isFinite(high ?? NaN) && high > low;
    const log = bounded && low > 0 && high / low > 1000;
    const to = (v) => (log ? Math.log(v / low) / Math.log(high / low) : v);
    const from = (t) => (log ? low * (high / low) ** t : t);
    const nice = (v) => (integer ? Math.round(v) : +v.toPrecision(4));
    const reason = () => (this.S.meta.live === false ? RECORDED : !this.S.control ? WATCH : fixed ? "Fixed: it was built into the run when that began." : "");
    const number = el("input", { type: "number", id, step: integer ? 1 : "any", min: low, max: high, "aria-label": name });
    const slider = bounded ? el("input", { type: "range", id: `${id}-slider`, min: log ? 0 : low, max: log ? 1 : high, step: log ? 0.0005 : integer ? 1 : (high - low) / 500, "aria-label": `${name}, slider` }) : null;
    const why = el("p", { class: "faint why", hidden: true });
    const row = { parameter, value: parameter.value, ours: -Infinity, number, slider, why, reason, to, nice };
    const set = (v) => {
      row.value = nice(v);
      row.ours = performance.now();
      this.show(row);
      this.send(name, row.value);
    };
    slider?.addEventListener("input", () => set(from(+slider.value)));
    number.addEventListener("change", () => {
      if (number.value !== "") set(Math.min(Math.max(+number.value, low ?? -Infinity), high ?? Infinity));
      this.show(row);
    });
    const ends = bounded ? el("p", { class: "ends" }, el("span", {}, short(low)), el("span", {}, log ? "log" : ""), el("span", {}, short(high))) : null;
    row.element = el("div", { class: "parameter", "data-parameter": name },
      el("div", { class: "line" }, el("label", { class: "grow", for: id, title: help || null }, name), number, el("span", { class: "unit" }, unit ?? "")),
      slider, ends, help ? el("p", { class: "faint help" }, help) : null, why);
    return row;
  }

  // A drag is many values: the newest goes, at most every WAIT.
  send(name, value) {
    this.unsent[name] = value;
    this.timer ??= setTimeout(() => {
      this.timer = null;
      this.S.command({ op: "set", values: this.unsent });
      this.unsent = {};
    }, WAIT);
  }

  // The run refused: what it has is shown again.
  refused() {
    for (const row of this.rows) row.ours = -Infinity;
    this.update();
  }

  update() {
    const told = this.S.status.parameters ?? {};
    for (const row of this.rows) {
      const { name } = row.parameter;
      if (Object.hasOwn(told, name) && performance.now() - row.ours > TRUST) row.value = told[name];
      const reason = row.reason();
      row.number.disabled = Boolean(reason);
      if (row.slider) row.slider.disabled = Boolean(reason);
      row.why.hidden = !reason;
      text(row.why, reason);
      this.show(row);
    }
  }

  show({ number, slider, value, to, nice }) {
    if (document.activeElement !== number || number.disabled) number.value = nice(Number(value));
    if (!slider) return;
    if (!slider.matches(":active")) slider.value = to(Number(value));
    slider.setAttribute("aria-valuetext", short(value, 4));
    track(slider);
  }
}
