// What this page wants of the run, derived in one place from what was chosen. The hub and the workers send that and
// nothing else, so a change here is what makes a hidden type or a far away crowd cost nothing.

import { block, fieldOf } from "./appearance.js";

const WAIT = 80; // ms: a slider that is dragged does not send a message for every pixel
const MARGIN = 0.15; // of the view on each side, so that small moves need no new interest

export function interestOf(S, area) {
  const { meta, state } = S;
  const types = Object.fromEntries(meta.types.map((type) => {
    const look = state.types[type.name];
    const fields = [...new Set([look.by, look.sizeBy])].filter((name) => fieldOf(type, name));
    return [type.name, { show: look.shown, fields, where: look.where.trim() }];
  }));
  const layers = Object.fromEntries((meta.layers ?? []).map((layer) => {
    const look = state.layers[layer.name];
    return [layer.name, look.shown ? look.field : null];
  }));
  const wanted = state.histogram && state.tab === "charts" && state.open ? [state.histogram] : [];
  return {
    op: "interest", area, budget: Math.round(state.budget), hz: null, grid: meta.dim === 2 ? 256 : 64, types, layers,
    selected: state.selected.map(({ id }) => (Number.isSafeInteger(+id) ? +id : id)),
    histograms: wanted.map(({ type, field, bins }) => ({ type, field, bins: Math.round(bins) })),
    load: (state.tab === "run" && state.open) || (state.shown.partitions && state.areas === "load"),
  };
}

export class Wants {
  // send(message): to the hub
  constructor(S, send) {
    this.S = S;
    this.send = send;
    this.said = "";
    this.area = null;
    this.timer = null;
  }

  later() {
    if (this.timer === null) this.timer = setTimeout(() => this.now(), WAIT);
  }

  // A new connection knows nothing of what was said.
  again() {
    this.said = "";
    this.later();
  }

  now() {
    clearTimeout(this.timer);
    this.timer = null;
    if (!this.S.meta || !this.S.connected) return;
    this.area = this.choose();
    const message = interestOf(this.S, this.area), text = JSON.stringify(message);
    if (text === this.said) return;
    this.said = text;
    this.send(message);
  }

  // The box of the sliders, else the part of the world in sight where a closer look shows more than the whole does.
  choose() {
    const { state, camera, meta } = this.S;
    if (state.clip) return state.clip;
    const seen = camera.area();
    if (!seen || share(seen, meta) > 0.5 || !this.coarse()) return null;
    const kept = this.area;
    if (kept && inside(seen, kept) && share(seen, meta) > 0.25 * share(kept, meta)) return kept;
    const grow = seen[1].map((h, k) => MARGIN * (h - seen[0][k]));
    return [0, 1].map((side) => seen[side].map((v, k) => {
      const far = side ? Math.min(v + grow[k], meta.high[k]) : Math.max(v - grow[k], meta.low[k]);
      return +far.toPrecision(9);
    }));
  }

  // Whether something is shown coarser than it is.
  coarse() {
    if (this.area) return true; // that it is fine now is because of the area
    const { meta, frame } = this.S;
    const crowd = meta.types.some((_, type) => block(frame, "density", { type }));
    return crowd || (frame?.blocks ?? []).some((b) => b.kind === "layer" && (b.about.stride ?? 1) > 1);
  }
}

function share(area, meta) {
  let part = 1;
  for (let k = 0; k < meta.dim; k++) part *= (area[1][k] - area[0][k]) / (meta.high[k] - meta.low[k]);
  return part;
}

function inside(inner, outer) {
  return inner[0].every((v, k) => v >= outer[0][k] - 1e-9) && inner[1].every((v, k) => v <= outer[1][k] + 1e-9);
}
