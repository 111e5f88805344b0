// From what was chosen and what a frame holds to what the scene draws: colours, ranges, sizes.

import { MAPS, css, labelColour, parse, typeColour } from "./colour.js";

export const block = (frame, kind, about) => frame?.blocks.find((b) => b.kind === kind && Object.entries(about).every(([key, v]) => b.about[key] === v)) ?? null;

// How many of each type match, by the frame; null where it does not say.
export function counts(frame, meta) {
  return meta.types.map((_, type) => (block(frame, "points", { type }) ?? block(frame, "density", { type }))?.about.in_area ?? null);
}

export const fieldOf = (type, name) => type.fields.find((f) => f.name === name) ?? null;
export const unitOf = (field) => (field?.unit ? ` ${field.unit}` : "");

export function title(field) {
  const how = field.kind === "vector" ? "length" : field.kind === "array" ? "first" : "";
  return how ? `${field.name} (${how})` : field.name;
}

// The name that a code has, or null where the field is no enum.
export const labelsOf = (field) => (field?.kind === "enum" ? field.labels ?? {} : field?.kind === "bool" ? { 0: "no", 1: "yes" } : null);

export function codeColours(labels, light) {
  return Object.fromEntries(Object.entries(labels).map(([value, name]) => [value, labelColour(+value, light, name)]));
}

export function rgbOf(type, index, light) {
  return parse(type.view?.color) ?? typeColour(index, light);
}

// Ranges that follow the values, but do not tremble with them.
export class Ranges {
  constructor() {
    this.known = new Map();
  }

  of(key, low, high) {
    if (low === null || high === null || low === undefined) return this.known.get(key) ?? [0, 1];
    const before = this.known.get(key);
    if (before && before[0] <= low && high <= before[1] && high - low > 0.8 * (before[1] - before[0])) return before;
    this.known.set(key, [low, high]);
    return [low, high];
  }
}

// Styles of all types for the frame shown: index -> what Scene.setStyle takes, with `field` for the legend.
export function styles(S) {
  const { meta, frame, state } = S;
  return meta.types.map((type, index) => {
    const look = state.types[type.name], columns = block(frame, "points", { type: index })?.about.columns ?? [];
    const at = (name) => columns.findIndex((column) => column.field === name);
    const range = (name) => S.ranges.of(`${index} ${name}`, columns[at(name)]?.low, columns[at(name)]?.high);
    const field = fieldOf(type, look.by), labels = labelsOf(field), sizeAt = look.sizeBy ? at(look.sizeBy) : -1;
    const by = look.by === "direction" ? "direction" : field && at(look.by) >= 0 ? at(look.by) : "type";
    return {
      shown: look.shown, by, field, rgb: rgbOf(type, index, state.light),
      map: look.by === "direction" ? "wheel" : look.map,
      range: field ? look.range ?? range(look.by) : [0, 1],
      labels: labels && codeColours(labels, state.light),
      size: look.size ?? type.view?.size ?? null, // null: as the room between them allows
      sizeBy: sizeAt >= 0 ? sizeAt : null, sizeRange: sizeAt >= 0 ? range(look.sizeBy) : [0, 1],
      model: look.model ?? type.view?.model ?? null, opacity: look.opacity,
    };
  });
}

export function layerStyles(S) {
  return (S.meta.layers ?? []).map((layer, index) => {
    const look = S.state.layers[layer.name], field = fieldOf(layer, look.field), labels = labelsOf(field);
    const own = block(S.frame, "layer", { layer: index })?.about.range;
    return {
      shown: look.shown, field, map: look.map, opacity: look.opacity, mode: look.mode, axis: look.axis, at: look.at,
      range: look.range ?? (own ? S.ranges.of(`layer ${index} ${look.field}`, own[0], own[1]) : null),
      labels: labels && codeColours(labels, S.state.light),
    };
  });
}

// A strip of a map as CSS.
const strips = new Map();
export function gradient(map, light, angle = "90deg") {
  const key = `${map} ${light} ${angle}`;
  if (!strips.has(key)) strips.set(key, strip(map, light, angle));
  return strips.get(key);
}

function strip(map, light, angle) {
  return `linear-gradient(${angle}, ${Array.from({ length: 13 }, (_, k) => css(MAPS[map](k / 12, light))).join(", ")})`;
}
