// What the viewer has chosen: how things look, what is open, where the camera stands. It can be packed into a link, and
// what comes out of a link is checked like anything from outside.

import { MAPS } from "./colour.js";

export const MODELS = ["point", "disc", "cone", "arrow", "dart", "box", "person", "car", "ball"];
export const TABS = ["look", "inspect", "charts", "run"];
export const MOST_SELECTED = 200;

export function beginning() {
  const phone = matchMedia("(max-width: 760px)").matches;
  return {
    types: {}, layers: {},
    shown: { grid: true, partitions: false, box: true, axes: true, geometry: true },
    areas: "worker", // what partitions are coloured by
    light: matchMedia("(prefers-color-scheme: light)").matches, solid: false,
    clip: null, trails: 0, selected: [], radius: null, follow: false, history: null,
    budget: phone ? 50000 : 200000, histogram: null, tab: "look", open: !phone,
  };
}

// Looks for every type and layer of a world, those already chosen kept.
export function furnish(state, meta) {
  for (const type of meta.types) {
    const { view = {}, fields, heading } = type;
    const wanted = view.color_by;
    const by = wanted === "direction" || fields.some((f) => f.name === wanted) ? wanted : heading && meta.types.length === 1 ? "direction" : "type";
    state.types[type.name] ??= { shown: true, by, map: "ramp", range: null, sizeBy: null, size: null, model: null, opacity: 1, where: "" };
  }
  for (const layer of meta.layers ?? []) {
    const field = layer.fields.some((f) => f.name === layer.view?.color_by) ? layer.view.color_by : layer.fields[0]?.name ?? null;
    state.layers[layer.name] ??= { shown: true, field, map: "moss", range: null, opacity: meta.dim === 3 ? 0.6 : 0.85, mode: meta.dim === 3 ? "volume" : "slice", axis: 2, at: 0.5 };
  }
  fit(state, meta);
}

// Lets go of what this world does not have, whether a link named it or another run had it.
function fit(state, meta) {
  const has = (owner, name) => owner?.fields.some((field) => field.name === name) ?? false;
  for (const type of meta.types) {
    const look = state.types[type.name];
    if (look.by !== "type" && !(look.by === "direction" && type.heading) && !has(type, look.by)) look.by = "type";
    if (!has(type, look.sizeBy)) look.sizeBy = null;
  }
  for (const layer of meta.layers ?? []) {
    const look = state.layers[layer.name];
    if (!has(layer, look.field)) look.field = layer.fields[0]?.name ?? null;
  }
  const { histogram, clip } = state;
  if (histogram && !has(meta.types.find((type) => type.name === histogram.type), histogram.field)) state.histogram = null;
  if (clip && clip[0].some((low, k) => low > clip[1][k] || low < meta.low[k] || clip[1][k] > meta.high[k])) state.clip = null;
  state.selected = state.selected.filter((one) => one.type >= 0 && one.type < meta.types.length);
}

const finite = (v) => typeof v === "number" && Number.isFinite(v);
const pair = (v) => Array.isArray(v) && v.length === 2 && v.every(finite) && v[0] < v[1];
const corner = (v) => Array.isArray(v) && v.length === 3 && v.every(finite);
const name = (v) => typeof v === "string" && v.length <= 200;
const or = (check) => (v) => v === null || check(v);
const bool = (v) => typeof v === "boolean";
const among = (...items) => (v) => items.includes(v);
const from = (low, high) => (v) => finite(v) && v >= low && v <= high;
const map = (v) => name(v) && Object.hasOwn(MAPS, v);

const TYPE = { shown: bool, by: name, map, range: or(pair), sizeBy: or(name), size: or(from(1e-12, 1e12)), model: or(name), opacity: from(0, 1), where: (v) => name(v) || (typeof v === "string" && v.length <= 500) };
const LAYER = { shown: bool, field: or(name), map, range: or(pair), opacity: from(0, 1), mode: among("slice", "volume"), axis: among(0, 1, 2), at: from(0, 1) };
const SHOWN = { grid: bool, partitions: bool, box: bool, axes: bool, geometry: bool };
const chosen = (v) => Array.isArray(v) && v.length <= MOST_SELECTED && v.every((one) => /^[0-9]{1,19}$/.test(one?.id) && typeof one.id === "string" && Number.isInteger(one?.type));
const STATE = {
  areas: among("worker", "load"), light: bool, solid: bool, trails: from(0, 1000), follow: bool, history: or(name),
  clip: or((v) => Array.isArray(v) && v.length === 2 && v.every(corner)), selected: chosen, radius: or(from(0, 1e12)),
  budget: from(1000, 4000000), tab: among(...TABS), open: bool,
  histogram: or((v) => name(v?.type) && name(v?.field) && from(5, 200)(v?.bins)),
};

function take(into, told, checks) {
  if (typeof told !== "object" || told === null) return;
  for (const [key, check] of Object.entries(checks)) if (Object.hasOwn(told, key) && check(told[key])) into[key] = told[key];
}

// What a link carries, as base64url of JSON.
export function pack(state, camera) {
  const text = JSON.stringify({ ...state, camera });
  return btoa(String.fromCharCode(...new TextEncoder().encode(text))).replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "");
}

export function unpack(packed) {
  try {
    const bytes = Uint8Array.from(atob(packed.replaceAll("-", "+").replaceAll("_", "/")), (c) => c.charCodeAt(0));
    const told = JSON.parse(new TextDecoder().decode(bytes));
    return typeof told === "object" ? told : null;
  } catch {
    return null;
  }
}

// Takes over what a link says, as far as this world has it. Returns the camera's part.
export function restore(state, told, meta) {
  if (!told) return null;
  take(state, told, STATE);
  take(state.shown, told.shown, SHOWN);
  for (const [mine, theirs, checks] of [[state.types, told.types, TYPE], [state.layers, told.layers, LAYER]]) {
    for (const key of Object.keys(mine)) if (theirs && Object.hasOwn(theirs, key)) take(mine[key], theirs[key], checks);
  }
  fit(state, meta);
  return cameraIn(told.camera);
}

function cameraIn(camera) {
  const good = (v) => finite(v) || bool(v) || name(v) || (Array.isArray(v) && v.length <= 4 && v.every(finite));
  return camera && typeof camera === "object" && Object.values(camera).every(good) ? camera : null;
}
