// Partitions over the world, coloured by their worker or by their load, and what the workers spend their time on.

import { block } from "./appearance.js";
import { MAPS, css, workerColour } from "./colour.js";
import { card } from "./controls.js";
import { el, text } from "./dom.js";
import { count, seconds } from "./numbers.js";

const PARTS = ["kernels", "exchange", "other"];

export class Load {
  constructor(S) {
    this.S = S;
    this.last = null; // the newest load block that came
  }

  begin() {
    const { S } = this;
    const choice = (value, label) => el("button", { type: "button", id: `areas-${value}`, "aria-pressed": "false", onclick: () => {
      S.state.areas = value;
      S.state.shown.partitions = true;
      S.changed();
    } }, label);
    this.choices = [choice("worker", "By worker"), choice("load", "By load")];
    this.off = el("button", { type: "button", id: "areas-off", "aria-pressed": "false", onclick: () => {
      S.state.shown.partitions = false;
      S.changed();
    } }, "Off");
    this.workers = el("div", { class: "workers", id: "workers" });
    this.rows = el("tbody", {});
    this.wait = el("p", { class: "faint" }, "Asking the workers …");
    this.table = el("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "Partitions" },
      el("table", { id: "partition-table" }, el("thead", {}, el("tr", {}, ["no.", "worker", "entities", "a tick"].map((name) => el("th", { scope: "col" }, name)))), this.rows));
    const key = el("p", { class: "key" }, PARTS.map((name) => el("span", {}, el("span", { class: `swatch ${name}` }), name)));
    return [
      card("Partitions", [el("div", { class: "segments", role: "group", "aria-label": "Partitions over the world" }, this.off, this.choices), this.table], { id: "partitions" }),
      card("Time of the workers", [this.wait, this.workers, key], { id: "load" }),
    ];
  }

  note(frame) {
    const found = block(frame, "load", {});
    if (found) this.last = found.about;
  }

  // Seconds of a tick that a partition takes.
  perTick(part) {
    return part.seconds / Math.max(this.last.workers.find((w) => w.worker === part.worker)?.ticks ?? 1, 1);
  }

  // What Scene.setPartitions takes.
  areas() {
    const { S } = this, { light } = S.state, loads = new Map((this.last?.partitions ?? []).map((p) => [p.number, this.perTick(p)]));
    const most = Math.max(...loads.values(), 1e-12);
    return S.partitions.map((part, k) => {
      const load = loads.get(part.number ?? k), by = S.state.areas === "load";
      const rgb = by ? (load === undefined ? [0.5, 0.5, 0.5] : MAPS.ramp(load / most, light)) : workerColour(part.worker, light);
      return { low: part.low, high: part.high, rgb, label: by ? (load === undefined ? "" : seconds(load)) : `worker ${part.worker}` };
    });
  }

  update() {
    const { S, last } = this, { state } = S, { light } = state;
    this.off.setAttribute("aria-pressed", String(!state.shown.partitions));
    for (const button of this.choices) button.setAttribute("aria-pressed", String(state.shown.partitions && button.id === `areas-${state.areas}`));
    this.wait.hidden = Boolean(last);
    if (!last) return;
    while (this.workers.children.length > last.workers.length) this.workers.lastChild.remove();
    while (this.workers.children.length < last.workers.length) {
      this.workers.append(el("div", { class: "worker" }, el("p", { class: "line" }, el("span", { class: "swatch" }), el("span", { class: "grow" }), el("span", { class: "count" })), el("div", { class: "stack" }, PARTS.map((name) => el("span", { class: name })))));
    }
    const per = (w) => PARTS.map((name) => (w.seconds[name] ?? 0) / Math.max(w.ticks, 1)), most = Math.max(...last.workers.map((w) => per(w).reduce((a, b) => a + b, 0)), 1e-12);
    last.workers.forEach((worker, k) => {
      const [line, stack] = this.workers.children[k].children, times = per(worker);
      line.children[0].style.background = css(workerColour(worker.worker, light));
      text(line.children[1], `worker ${worker.worker}`);
      text(line.children[2], `${seconds(times.reduce((a, b) => a + b, 0))} a tick`);
      times.forEach((time, part) => {
        stack.children[part].style.width = `${(100 * time) / most}%`;
        stack.children[part].title = `${PARTS[part]} ${seconds(time)}`;
      });
    });
    while (this.rows.children.length > last.partitions.length) this.rows.lastChild.remove();
    while (this.rows.children.length < last.partitions.length) this.rows.append(el("tr", {}, [0, 1, 2, 3].map(() => el("td"))));
    last.partitions.forEach((part, k) => [String(part.number), String(part.worker), count(part.entities), seconds(this.perTick(part))].forEach((words, c) => text(this.rows.children[k].children[c], words)));
  }
}
