// Colours: everything is made in OKLCH (Ottosson 2020, "A perceptual color space for image processing"), where equal
// steps look equal. Angles in degrees, lightness 0..1. viewer/colour.py computes the same numbers in Python.

export function oklch(lightness, chroma, hue) {
  // A colour outside sRGB is brought in by lowering its chroma; lightness and hue stay.
  for (let c = chroma; ; c -= 0.005) {
    const rgb = linear(lightness, Math.max(c, 0), hue);
    if (c <= 0 || rgb.every((v) => v >= -1e-4 && v <= 1.0001)) return rgb.map(gamma);
  }
}

function linear(lightness, chroma, hue) {
  const a = chroma * Math.cos((hue * Math.PI) / 180), b = chroma * Math.sin((hue * Math.PI) / 180);
  const l = (lightness + 0.3963377774 * a + 0.2158037573 * b) ** 3;
  const m = (lightness - 0.1055613458 * a - 0.0638541728 * b) ** 3;
  const s = (lightness - 0.0894841775 * a - 1.291485548 * b) ** 3;
  return [
    4.0767416621 * l - 3.3077115913 * m + 0.2309699292 * s,
    -1.2684380046 * l + 2.6097574011 * m - 0.3413193965 * s,
    -0.0041960863 * l - 0.7034186147 * m + 1.707614701 * s,
  ];
}

function gamma(v) {
  const x = Math.min(Math.max(v, 0), 1);
  return x <= 0.0031308 ? 12.92 * x : 1.055 * x ** (1 / 2.4) - 0.055;
}

// [lightness, chroma, hue] of a colour, the way back.
export function perceived(rgb) {
  const [r, g, b] = rgb.map((v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4));
  const l = Math.cbrt(0.4122214708 * r + 0.5363325363 * g + 0.0514459929 * b);
  const m = Math.cbrt(0.2119034982 * r + 0.6806995451 * g + 0.1073969566 * b);
  const s = Math.cbrt(0.0883024619 * r + 0.2817188376 * g + 0.6299787005 * b);
  const x = 1.9779984951 * l - 2.428592205 * m + 0.4505937099 * s, y = 0.0259040371 * l + 0.7827717662 * m - 0.808675766 * s;
  return [0.2104542553 * l + 0.793617785 * m - 0.0040720468 * s, Math.hypot(x, y), (Math.atan2(y, x) * 180) / Math.PI];
}

// For a field: violet, blue, green, yellow with lightness rising evenly. 0 <= t <= 1.
export function ramp(t, light) {
  const [from, to] = light ? [0.3, 0.82] : [0.42, 0.94];
  return oklch(from + (to - from) * t, 0.15, 300 - 195 * t);
}

// For a direction: all hues at one lightness. 0 <= t < 1 is the angle from +x, counter-clockwise.
export function wheel(t, light) {
  return oklch(light ? 0.58 : 0.78, 0.15, 360 * t + 30);
}

// Like glowing iron: wine red, red, orange, pale yellow.
export function heat(t, light) {
  const [from, to] = light ? [0.3, 0.86] : [0.36, 0.96];
  return oklch(from + (to - from) * t, 0.11 + 0.28 * t * (1 - t), 5 + 95 * t);
}

// Like moss: dark teal to pale green.
export function moss(t, light) {
  const [from, to] = light ? [0.34, 0.88] : [0.26, 0.9];
  return oklch(from + (to - from) * t, 0.06 + 0.26 * t * (1 - t), 200 - 75 * t);
}

export function grey(t, light) {
  const [from, to] = light ? [0.25, 0.86] : [0.36, 0.98];
  return oklch(from + (to - from) * t, 0, 0);
}

// For what has a middle: blue below, orange above, near the ground's grey between.
export function diverging(t, light) {
  const far = Math.abs(2 * t - 1);
  return oklch(light ? 0.88 - 0.36 * far : 0.42 + 0.4 * far, 0.15 * far, t < 0.5 ? 245 : 55);
}

export const MAPS = { ramp, heat, moss, grey, diverging, wheel };

// For a crowd: from the faintest of a colour's hue to the strongest, against the ground.
export function crowd(rgb) {
  const [, chroma, hue] = perceived(rgb);
  return (t, light) => {
    const [from, to] = light ? [0.92, 0.48] : [0.34, 0.95];
    return oklch(from + (to - from) * t, Math.min(chroma, 0.15) * (light ? 1.1 : 1.25 - 0.9 * t ** 2), hue);
  };
}

const TYPE_HUES = [235, 70, 155, 350, 110, 300, 195, 30];

export function typeColour(index, light) {
  return oklch(light ? 0.56 : 0.78, 0.15, TYPE_HUES[index % TYPE_HUES.length]);
}

// Neighbouring workers get hues far apart: steps of the golden angle.
export function workerColour(worker, light) {
  return oklch(light ? 0.6 : 0.72, 0.13, 210 + 137.508 * worker);
}

// Lightness, chroma and hue, on dark ground, of what some words make people expect.
const BY_WORD = new Map(Object.entries({
  "empty none free dead ground road": [0.27, 0.02, 260],
  "green tree grown alive grass healthy forest": [0.68, 0.15, 148],
  "burning fire hot": [0.78, 0.19, 55],
  "burnt burned ash removed": [0.42, 0.035, 50],
  "infected infectious sick ill zombie": [0.68, 0.2, 27],
  "susceptible ignorant unaware": [0.66, 0.05, 250],
  "exposed latent": [0.84, 0.15, 90],
  "recovered immune": [0.74, 0.12, 195],
  "spreader": [0.8, 0.17, 65],
  "stifler": [0.6, 0.13, 300],
  "water sea": [0.6, 0.13, 240],
  "wall rock": [0.5, 0.01, 260],
}).flatMap(([words, colour]) => words.split(" ").map((word) => [word, colour])));

// Of a label of an enumeration: what its name makes one expect, else hues far apart for neighbours.
export function labelColour(code, light, name = "") {
  const [lightness, chroma, hue] = BY_WORD.get(name.toLowerCase()) ?? [0.76, 0.14, 250 + 137.508 * code];
  // What is dim on dark ground is pale on light ground.
  return oklch(!light ? lightness : lightness < 0.45 ? 1.15 - lightness : lightness - 0.16, chroma, hue);
}

export const ground = (light) => (light ? [0.961, 0.965, 0.973] : [0.039, 0.051, 0.075]);
export const ink = (light) => (light ? [0.1, 0.13, 0.18] : [0.8, 0.86, 0.95]);

export function parse(text) {
  const match = /^#([0-9a-f]{2})([0-9a-f]{2})([0-9a-f]{2})$/i.exec(text ?? "");
  return match ? match.slice(1).map((x) => parseInt(x, 16) / 255) : null;
}

export const css = (rgb) => `rgb(${rgb.map((v) => Math.round(v * 255)).join(" ")})`;

// 256 colours of a map (its name, or a function like those above) as RGBA bytes, for a texture.
export function table(map, light) {
  const colour = typeof map === "function" ? map : (MAPS[map] ?? ramp);
  const bytes = new Uint8Array(1024);
  for (let k = 0; k < 256; k++) bytes.set([...colour(k / (colour === wheel ? 256 : 255), light).map((v) => Math.round(v * 255)), 255], 4 * k);
  return bytes;
}
