// The page: what came from the hub goes to the scene and the panels, what the user does goes to the hub.
// `window.S` is the state, open to tests and to the curious.

import { Camera } from "./camera.js";
import { parse, ramp, typeColour, wheel, workerColour } from "./colour.js";
import { Scene } from "./draw.js";
import { decode } from "./frame.js";
import { Link } from "./link.js";
import { Panel, round } from "./panel.js";
import { steer } from "./steer.js";

const canvas = document.getElementById("scene");
const S = (window.S = {
  meta: null, fields: {}, status: {}, partitions: [], frame: null,
  tick: null, received: 0, drawn: 0, counts: {}, shapes: {}, state: "connecting", connected: false,
  shown: { partitions: true, grid: true, solid: false, light: matchMedia("(prefers-color-scheme: light)").matches },
  styles: new Map(), camera: new Camera(), scene: new Scene(canvas),
  ramp: (t) => ramp(t, S.shown.light), wheel: (t) => wheel(t, S.shown.light),
  project: (...p) => S.camera.project([p[0], p[1], p[2] ?? 0]),
  pixel, command: (command) => link.send(command),
});

let asked = false, owed = false, arrivals = [], moved = false;

const link = new Link({
  onFrame(buffer) {
    S.frame = decode(buffer);
    S.tick = S.frame.tick;
    S.received++;
    S.counts = Object.fromEntries(S.frame.types.map((rows) => [rows.index, rows.n]));
    S.scene.setFrame(S.frame);
    restyle();
    owed = true;
    const now = performance.now();
    arrivals.push([now, S.tick]);
    arrivals = arrivals.filter(([t]) => now - t < 2000).slice(-120);
    redraw();
  },
  onText(news) {
    if (news.meta) begin(news.meta);
    if (news.fields) setFields(news.fields);
    if (news.status) S.status = news.status;
    if (news.partitions) S.partitions = news.partitions;
    if (news.partitions || news.meta) rebuild();
    panel.setRate(S.status.rate); // null: as fast as it can; undefined: not known
    panel.setState(state());
    redraw();
  },
  onState(name) {
    S.connected = name === "connected";
    S.state = name;
    arrivals = [];
    panel.setState(state());
  },
});

S.link = link;

const panel = new Panel({
  command: S.command,
  play: () => S.command({ op: S.status.paused ? "play" : "pause" }),
  fit() {
    S.camera.inset = panel.inset();
    S.camera.fit();
    moved = false;
    redraw();
  },
  toggle,
  colour(index, by) {
    S.styles.get(index).by = by;
    S.command({ op: "colour", type: S.meta.types[index].name, field: by.startsWith("field:") ? by.slice(6) : null });
    restyle();
    redraw();
  },
});

function state() {
  if (!S.connected) return S.state === "refused" ? "refused" : S.received || S.meta ? "lost" : S.state === "absent" ? "refused" : "connecting";
  if (S.status.paused) return "paused";
  return S.status.running === false ? "finished" : "running";
}

function begin(meta) {
  S.meta = meta;
  S.partitions = meta.partitions ?? [];
  S.styles = new Map(meta.types.map((type, index) => [index, { by: type.heading && meta.types.length === 1 ? "direction" : "", range: [0, 1], size: 1 }]));
  S.shown.solid = meta.dim === 3;
  panel.setMeta(meta);
  panel.setToggles(S.shown);
  S.camera.inset = panel.inset();
  S.camera.setBox(meta.low, meta.high, !S.shown.solid);
  restyle();
}

// All viewers share what is coloured by; the hub has the last word.
function setFields(fields) {
  S.fields = fields;
  S.meta?.types.forEach((type, index) => {
    const style = S.styles.get(index);
    if (fields[type.name]) style.by = `field:${fields[type.name]}`;
    else if (style.by.startsWith("field:")) style.by = "";
  });
  restyle();
}

function restyle() {
  if (!S.meta) return;
  const { light } = S.shown;
  const total = Object.values(S.counts).reduce((a, b) => a + b, 0) || 1;
  for (const [index, style] of S.styles) {
    const type = S.meta.types[index], view = type.view ?? {};
    style.colour = parse(view.color) ?? typeColour(index, light);
    style.mode = style.by === "" ? 0 : style.by === "direction" ? 1 : 2;
    style.size = view.size ?? spacing(total);
    style.length = style.size * (view.size ? 1.2 : 1.8);
    style.points = view.model === "point";
    const scalar = S.frame?.types.find((rows) => rows.index === index)?.scalar;
    if (style.mode === 2 && scalar) style.range = range(scalar, style);
    panel.setStyle(index, style, light);
  }
}

// Half the mean distance between entities, in steps so that births and deaths do not make them flicker.
function spacing(n) {
  const size = S.meta.high.map((h, k) => h - S.meta.low[k]).slice(0, S.meta.dim);
  const room = (size.reduce((a, b) => a * b, 1) / n) ** (1 / S.meta.dim) * (S.meta.dim === 2 ? 0.5 : 0.38);
  return Math.min(2 ** (Math.round(2 * Math.log2(room)) / 2), 0.025 * Math.max(...size));
}

// The range of the legend follows the values, but does not tremble with them.
function range(values, style) {
  let low = Infinity, high = -Infinity;
  for (const v of values) {
    if (v < low) low = v;
    if (v > high) high = v;
  }
  if (!(low <= high)) return [0, 1];
  const [a, b] = style.range, fresh = style.ranged !== style.by;
  style.ranged = style.by;
  return !fresh && a <= low && high <= b && high - low > 0.8 * (b - a) ? [a, b] : [low, high];
}

// Lines and areas that change rarely: grid, box, partitions, geometry.
function rebuild() {
  const { low, high, dim, geometry = [] } = S.meta, { light } = S.shown, lines = [], areas = [];
  const ink = light ? [0.1, 0.13, 0.18] : [0.8, 0.86, 0.95];
  const line = (from, to, colour, alpha, width) => lines.push({ from, to, colour: [...colour, alpha], width: width * devicePixelRatio });
  const floor = low[2];
  if (S.shown.grid) {
    const step = round(Math.max(high[0] - low[0], high[1] - low[1]) / 7.9);
    for (let x = Math.ceil(low[0] / step) * step; x <= high[0]; x += step) line([x, low[1], floor], [x, high[1], floor], ink, 0.07, 1);
    for (let y = Math.ceil(low[1] / step) * step; y <= high[1]; y += step) line([low[0], y, floor], [high[0], y, floor], ink, 0.07, 1);
  }
  if (S.shown.partitions) {
    for (const part of S.partitions) {
      const colour = workerColour(part.worker, light), edge = 0.0006 * (high[0] - low[0]);
      const [from, to] = [part.low.slice(), part.high.slice()];
      if (dim === 2) {
        // A hair inside, so that both neighbours' edges are seen.
        for (const k of [0, 1]) [from[k], to[k]] = [from[k] + edge, to[k] - edge];
        areas.push({ from: [from[0], from[1], floor], to: [to[0], to[1], floor], colour: [...colour, 0.09] });
      }
      box(from.concat(floor).slice(0, 3), to.concat(floor).slice(0, 3), dim, (a, b) => line(a, b, colour, 0.75, 1.2));
    }
  }
  box(low, high, dim, (a, b) => line(a, b, ink, 0.4, 1.5));
  for (const [a, b] of geometry) line([...a, floor].slice(0, 3), [...b, floor].slice(0, 3), ink, dim === 2 ? 0.95 : 0.5, dim === 2 ? 3 : 1.2);
  S.scene.setStatic(lines, areas);
}

function box(low, high, dim, line) {
  for (let corner = 0; corner < (dim === 2 ? 4 : 8); corner++) {
    const at = (bits) => [0, 1, 2].map((k) => (bits & (1 << k) ? high[k] : low[k]));
    for (let k = 0; k < dim; k++) if (!(corner & (1 << k))) line(at(corner), at(corner | (1 << k)));
  }
}

function toggle(name) {
  S.shown[name] = !S.shown[name];
  panel.setToggles(S.shown);
  S.scene.setTheme(S.shown.light);
  if (name === "solid" && S.meta) {
    S.camera.inset = panel.inset();
    S.camera.setBox(S.meta.low, S.meta.high, !S.shown.solid);
  }
  if (S.meta) rebuild();
  restyle();
  redraw();
}

function resize() {
  const ratio = devicePixelRatio;
  [S.camera.width, S.camera.height] = [innerWidth, innerHeight];
  [canvas.width, canvas.height] = [Math.round(innerWidth * ratio), Math.round(innerHeight * ratio)];
  S.camera.inset = panel.inset();
  if (!moved) S.camera.fit();
  redraw();
}

function redraw() {
  if (asked) return;
  asked = true;
  requestAnimationFrame(() => {
    asked = false;
    draw();
    if (owed) {
      owed = false;
      S.drawn++;
      link.send({ op: "ack" });
    }
  });
}

function draw() {
  const ground = S.shown.light ? [0.961, 0.965, 0.973] : [0.039, 0.051, 0.075];
  S.shapes = S.scene.draw(S.camera, (index) => S.styles.get(index) ?? { colour: [0.5, 0.5, 0.5], mode: 0, range: [0, 1], size: 1, length: 1 }, ground);
  panel.setCounts(S.counts);
  panel.setClock(S.tick ?? S.status.tick ?? 0, speed(), pace());
  panel.setScale(S.camera.flat && S.meta ? S.camera.unit : null);
}

function pace() {
  if (arrivals.length < 2) return null;
  return ((arrivals.length - 1) * 1000) / (arrivals.at(-1)[0] - arrivals[0][0]);
}

function speed() {
  if (typeof S.status.ticks_per_second === "number") return S.status.ticks_per_second;
  if (arrivals.length < 2) return null;
  return ((arrivals.at(-1)[1] - arrivals[0][1]) * 1000) / (arrivals.at(-1)[0] - arrivals[0][0]);
}

// Colour at a CSS pixel, drawn afresh: [r, g, b], 0..255.
function pixel(x, y) {
  draw();
  const { gl } = S.scene, ratio = canvas.height / S.camera.height, out = new Uint8Array(4);
  gl.readPixels(Math.floor(x * ratio), canvas.height - 1 - Math.floor(y * ratio), 1, 1, gl.RGBA, gl.UNSIGNED_BYTE, out);
  return [...out.slice(0, 3)];
}

steer(canvas, S.camera, () => {
  moved = true;
  redraw();
});
addEventListener("resize", resize);
addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.target.matches("select, input")) return;
  const keys = {
    " ": () => document.getElementById("play").click(),
    ".": () => document.getElementById("step").click(),
    f: () => document.getElementById("fit").click(),
    p: () => toggle("partitions"), g: () => toggle("grid"), v: () => toggle("solid"), t: () => toggle("light"),
  };
  if (!keys[event.key]) return;
  event.preventDefault();
  keys[event.key]();
});
S.scene.setTheme(S.shown.light);
panel.setToggles(S.shown);
resize();
link.open();
