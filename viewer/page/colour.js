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

// For a field: violet, blue, green, yellow with lightness rising evenly. 0 <= t <= 1.
export function ramp(t, light) {
  const [from, to] = light ? [0.3, 0.82] : [0.42, 0.94];
  return oklch(from + (to - from) * t, 0.15, 300 - 195 * t);
}

// For a direction: all hues at one lightness. 0 <= t < 1 is the angle from +x, counter-clockwise.
export function wheel(t, light) {
  return oklch(light ? 0.58 : 0.78, 0.15, 360 * t + 30);
}

const TYPE_HUES = [235, 70, 155, 350, 110, 300, 195, 30];

export function typeColour(index, light) {
  return oklch(light ? 0.56 : 0.78, 0.15, TYPE_HUES[index % TYPE_HUES.length]);
}

// Neighbouring workers get hues far apart: steps of the golden angle.
export function workerColour(worker, light) {
  return oklch(light ? 0.6 : 0.72, 0.13, 210 + 137.508 * worker);
}

export function parse(text) {
  const match = /^#([0-9a-f]{2})([0-9a-f]{2})([0-9a-f]{2})$/i.exec(text ?? "");
  return match ? match.slice(1).map((x) => parseInt(x, 16) / 255) : null;
}

export const css = (rgb) => `rgb(${rgb.map((v) => Math.round(v * 255)).join(" ")})`;

// 256 colours as RGBA bytes, for a texture.
export function table(map, light) {
  const bytes = new Uint8Array(1024);
  for (let k = 0; k < 256; k++) bytes.set([...map(k / (map === wheel ? 256 : 255), light).map((v) => Math.round(v * 255)), 255], 4 * k);
  return bytes;
}
