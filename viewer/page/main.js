// The page: what came from the hub goes to the scene and the panels, what the user does goes to the hub.
// `window.S` is the state, open to tests and to the curious.

import { Ranges, block, layerStyles, styles } from "./appearance.js";
import { Capture } from "./capture.js";
import { Charts, Samples } from "./charts.js";
import * as colours from "./colour.js";
import { $, el, keep, kept, text, toast } from "./dom.js";
import { decode, decodeModel, isModel } from "./frame.js";
import { Inspect, tip } from "./inspect.js";
import { Wants } from "./interest.js";
import { keys } from "./keys.js";
import { Legend } from "./legend.js";
import { Link } from "./link.js";
import { Load } from "./load.js";
import { Look } from "./look.js";
import { count, round, short } from "./numbers.js";
import { Parameters } from "./parameters.js";
import { Scene } from "./scene.js";
import { Selected } from "./selected.js";
import { Share } from "./share.js";
import { MOST_SELECTED, TABS, beginning, furnish, restore, unpack } from "./state.js";
import { steer } from "./steer.js";
import { Store } from "./store.js";
import { Timeline } from "./timeline.js";

const PHONE = matchMedia("(max-width: 760px)");
const PANELS_WAIT = 100; // ms between two fillings of the panels: they are read, not watched
const SIDE = 340; // px, width of the side panel with its margin

const canvas = $("scene");
const S = (window.S = {
  meta: null, you: null, status: {}, partitions: [], frame: null, tick: null, invalid: {}, drawn: { types: {}, n: 0 },
  received: 0, drawnFrames: 0, connected: false, link: null, colours,
  state: beginning(), store: new Store(PHONE.matches ? 24e6 : 96e6), arrived: new WeakMap(),
  ranges: new Ranges(), selected: new Selected(), samples: new Samples(), moved: false,
  get control() { return this.you?.control ?? true; },
  project: (...p) => S.camera.project([p[0], p[1], p[2] ?? 0]),
  pixel: (x, y) => S.scene.pixel(x, y),
  command: (command) => S.link.send(command),
  show, select, lookAt, goTo, radius, runs, speed, pace, changed, redraw,
});

let asked = false, owed = false, filling = null, arrivals = [];

try {
  S.scene = new Scene(canvas);
} catch (error) {
  $("message").hidden = false;
  text($("message"), `${error.message} The world cannot be drawn here; a newer browser, or one with graphics allowed, can.`);
  throw error;
}
S.camera = S.scene.camera;
const panels = { legend: new Legend(S), look: new Look(S), inspect: new Inspect(S), charts: new Charts(S), parameters: new Parameters(S), load: new Load(S) };
S.timeline = new Timeline(S);
S.capture = new Capture(S);
S.share = new Share(S);
S.wants = new Wants(S, S.command);
S.link = new Link({ onFrame, onText, onState });
document.body.classList.toggle("embedded", S.link.embedded);
if (S.link.embedded) S.state.open = false;
const theme = kept("theme");
if (typeof theme === "boolean") S.state.light = theme;

// What comes from the hub

function onFrame(buffer) {
  if (isModel(buffer)) {
    const { name, arrays, positions, normals } = decodeModel(buffer);
    S.scene.setModel(name, positions ?? arrays.positions, normals ?? arrays.normals);
    return redraw();
  }
  const frame = decode(buffer), now = performance.now();
  S.received++;
  S.arrived.set(frame, now);
  // Another tick order: a recording was wound back, or another run goes on here.
  if (S.store.last !== null && frame.tick < S.store.last && !S.timeline.recording) S.store.clear();
  S.store.add(frame, buffer.byteLength);
  arrivals.push([now, frame.tick]);
  arrivals = arrivals.filter(([t]) => now - t < 2000).slice(-120);
  S.selected.note(frame, S.state.selected.map((one) => one.id));
  panels.load.note(frame);
  if (S.timeline.live) {
    owed = true;
    show(frame);
  } else {
    S.command({ op: "ack" }); // kept, not drawn
    fill();
  }
}

function onText(news) {
  if (news.meta) begin(news.meta);
  if (news.you) S.you = news.you;
  if (news.status) S.status = { ...S.status, ...news.status };
  if (news.partitions) S.partitions = news.partitions;
  if (news.samples) S.samples.take(news.samples);
  if (news.invalid) S.invalid = news.invalid.where ?? {};
  if (news.refused) {
    toast(`${news.refused.op}: ${news.refused.reason}`, "warn");
    if (news.refused.op === "set") panels.parameters.refused();
  }
  if (news.partitions || news.meta) areas();
  fill();
  redraw();
}

function onState(name) {
  S.connected = name === "connected";
  S.where = name;
  arrivals = [];
  if (S.connected) S.wants.again();
  fill();
}

function begin(meta) {
  const again = S.meta && JSON.stringify(S.meta.types) === JSON.stringify(meta.types);
  const another = S.meta !== null && !again;
  S.meta = meta;
  S.partitions = meta.partitions ?? [];
  document.title = `${meta.app} · Weaver`;
  text($("app"), meta.app);
  const size = meta.high.slice(0, meta.dim).map((h, k) => short(h - meta.low[k])).join(" × ");
  text($("about"), [size, [...new Set(meta.boundary)].join(", ")].filter(Boolean).join(" · "));
  S.samples = new Samples();
  const stood = again && S.camera.state();
  S.scene.setWorld(meta);
  if (stood) {
    S.camera.setState(stood);
    if (S.frame) S.scene.setFrame(S.frame);
  }
  if (another) Object.assign(S.state, { selected: [], clip: null, follow: false });
  furnish(S.state, meta);
  if (!again) {
    S.store.clear();
    S.ranges = new Ranges();
    S.state.solid = meta.dim === 3;
    const camera = another ? null : restore(S.state, S.link.packed && unpack(S.link.packed), meta);
    if (S.link.embedded) S.state.open = false;
    layout();
    reset();
    if (camera) {
      S.camera.setState({ ...S.camera.state(), ...camera });
      S.moved = true;
    }
  }
  for (const panel of [panels.legend, panels.look, panels.inspect, panels.charts]) panel.begin();
  $("run").replaceChildren(...[panels.parameters.begin(), ...panels.load.begin(), facts(meta)].filter(Boolean));
  panels.parameters.update();
  S.wants.later();
  changed();
}

function facts(meta) {
  const items = [["workers", meta.workers], ["seed", meta.seed], ["step", meta.dt], ["ticks", meta.ticks]].filter(([, v]) => v !== null && v !== undefined);
  return el("dl", { class: "facts run-facts" }, items.map(([name, v]) => el("div", {}, el("dt", {}, name), el("dd", {}, name === "step" ? short(v) : count(v)))));
}

// What the user does

// Something was chosen: the scene, the panels and the hub follow.
function changed() {
  layout();
  if (S.meta) {
    Object.assign(S.scene.shown, S.state.shown, { trails: S.state.trails > 0 });
    S.scene.setTheme(S.state.light);
    S.scene.setClip(S.state.clip);
    S.scene.setTrails(S.state.trails);
    S.scene.setSelection(S.state.selected, radius());
    areas();
    dress();
    S.wants.later();
  }
  fill();
  redraw();
}

function select(list) {
  S.state.selected = list.slice(0, MOST_SELECTED);
  if (!list.length) S.state.follow = false;
  S.selected.note({ blocks: [] }, S.state.selected.map((one) => one.id));
  changed();
}

function lookAt(place) {
  S.camera.lookAt([...place, S.meta.low[2] ?? 0].slice(0, 3));
  S.moved = true;
  S.wants.later();
  redraw();
}

// To a bookmark.
function goTo({ camera, solid }) {
  S.state.solid = solid;
  reset();
  S.camera.setState({ ...S.camera.state(), ...camera });
  S.moved = true;
  changed();
}

// The whole world, from above or tilted.
function reset() {
  S.camera.inset = inset();
  S.camera.setBox(S.meta.low, S.meta.high, !S.state.solid);
  S.moved = false;
}

// How far the neighbourhood of the selected reaches; null: not known.
function radius() {
  const one = S.state.selected[0];
  if (!one) return null;
  return S.state.radius ?? S.meta.types[one.type].radius ?? null;
}

function showTab(name) {
  S.state.tab = name;
  S.state.open = true;
  changed();
}

function picked(x, y, more) {
  const found = S.scene.pick(x, y);
  if (!found || found.id === undefined) return more ? null : select([]);
  const one = named(found);
  const others = S.state.selected.filter((other) => other.id !== one.id);
  S.state.tab = "inspect";
  if (!PHONE.matches && !S.link.embedded) S.state.open = true;
  select(more ? [one, ...others] : [one]);
}

function boxed(...corners) {
  const found = S.scene.pickBox(...corners).map(named);
  if (found.length > MOST_SELECTED) toast(`${count(found.length)} are in the box; the first ${MOST_SELECTED} are selected.`);
  S.state.tab = "inspect";
  select(found);
}

// Ids are text: those of the born are beyond what a number holds.
function named({ type, row }) {
  return { type, id: String(block(S.frame, "points", { type }).arrays.ids[row]) };
}

function hover(x, y) {
  const box = $("tip"), found = x === null || !S.meta || !S.frame ? null : S.scene.pick(x, y);
  box.hidden = !found;
  canvas.classList.toggle("over", Boolean(found && found.id !== undefined));
  if (!found) return;
  text(box, tip(S, found));
  box.style.left = `${Math.min(x + 14, innerWidth - box.offsetWidth - 8)}px`;
  box.style.top = `${Math.min(y + 16, innerHeight - box.offsetHeight - 8)}px`;
}

// What is seen

function show(frame) {
  S.frame = frame;
  S.tick = frame.tick;
  S.scene.setFrame(frame);
  for (const one of S.state.selected) one.type = S.selected.row(frame, one.id)?.type ?? one.type;
  if (S.state.follow && S.state.selected.length) {
    const row = S.selected.row(frame, S.state.selected[0].id);
    if (Array.isArray(row?.fields.position)) lookAt(row.fields.position);
  }
  dress();
  if (S.state.shown.partitions && S.state.areas === "load") areas();
  fill();
  redraw();
}

function dress() {
  styles(S).forEach((style, index) => {
    const { field, ...drawn } = style;
    S.scene.setStyle(index, drawn);
  });
  layerStyles(S).forEach(({ field, ...drawn }, index) => S.scene.setLayer(index, drawn));
}

function areas() {
  if (S.meta) S.scene.setPartitions(panels.load.areas());
}

function redraw() {
  if (asked) return;
  asked = true;
  requestAnimationFrame(() => {
    asked = false;
    if (S.meta) S.drawn = S.scene.draw();
    scale();
    if (owed) {
      owed = false;
      S.drawnFrames++;
      S.command({ op: "ack" });
    }
    if (S.capture.recorder) redraw();
  });
}

// A round length near 90 pixels, in the unit of the world, which only its author knows.
function scale() {
  const shown = S.meta && S.camera.flat;
  $("scale").hidden = !shown;
  if (!shown) return;
  const length = round(S.camera.unit * 90);
  $("scale-bar").style.width = `${length / S.camera.unit}px`;
  text($("scale-text"), length >= 1000 && length < 1e6 ? count(length) : short(length));
}

// The panels show what is so, soon.
function fill() {
  filling ??= setTimeout(() => {
    filling = null;
    S.timeline.update();
    if (!S.meta) return;
    panels.legend.update();
    if (!S.state.open) return;
    if (S.state.tab === "run") {
      panels.parameters.update();
      panels.load.update();
    } else panels[S.state.tab].update();
  }, PANELS_WAIT);
}

function layout() {
  const { state } = S, root = document.documentElement;
  root.classList.toggle("light", state.light);
  document.body.classList.toggle("open", state.open);
  $("toggle-panel").setAttribute("aria-pressed", String(state.open));
  $("toggle-grid").setAttribute("aria-pressed", String(state.shown.grid));
  $("toggle-partitions").setAttribute("aria-pressed", String(state.shown.partitions));
  $("toggle-solid").setAttribute("aria-pressed", String(state.solid));
  $("toggle-light").setAttribute("aria-pressed", String(state.light));
  $("toggle-partitions").hidden = !S.partitions.length;
  $("panel").hidden = !state.open;
  for (const name of TABS) {
    $(`tab-${name}`).setAttribute("aria-selected", String(name === state.tab));
    $(`tab-${name}`).tabIndex = name === state.tab ? 0 : -1;
    $(name).hidden = name !== state.tab;
  }
}

// What the panels cover, CSS pixels.
function inset() {
  if (S.link.embedded) return { left: innerWidth > 640 ? 226 : 40, right: 60, top: 12, bottom: 110 };
  if (PHONE.matches) return S.state.open ? { left: 40, right: 58, top: 90, bottom: 0.4 * innerHeight + 150 } : { left: 40, right: 14, top: 346, bottom: 150 };
  return { left: innerWidth > 1000 ? 256 : 24, right: S.state.open ? SIDE + 60 : 70, top: 20, bottom: 116 };
}

function resize() {
  const ratio = Math.min(devicePixelRatio, 2);
  [S.camera.width, S.camera.height] = [innerWidth, innerHeight];
  [canvas.width, canvas.height] = [Math.round(innerWidth * ratio), Math.round(innerHeight * ratio)];
  S.camera.inset = inset();
  if (S.meta && !S.moved) S.camera.fit();
  redraw();
}

// How it goes

function runs() {
  if (!S.connected) return S.where === "refused" ? "refused" : S.received || S.meta ? "lost" : S.where === "absent" ? "refused" : "connecting";
  if (S.status.paused) return "paused";
  return S.status.running === false ? "finished" : "running";
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

// Wires

const toggle = (id, act) => ($(id).onclick = () => {
  act(S.state);
  changed();
});
toggle("toggle-grid", (state) => (state.shown.grid = !state.shown.grid));
toggle("toggle-partitions", (state) => (state.shown.partitions = !state.shown.partitions));
toggle("toggle-light", (state) => keep("theme", (state.light = !state.light)));
toggle("toggle-solid", (state) => {
  state.solid = !state.solid;
  if (S.meta) reset();
});
toggle("toggle-panel", (state) => {
  state.open = !state.open;
  if (S.meta && !S.moved) {
    S.camera.inset = inset();
    S.camera.fit();
  }
});
toggle("fit", () => S.meta && (S.camera.inset = inset(), S.camera.fit(), S.moved = false));
for (const name of TABS) $(`tab-${name}`).onclick = () => showTab(name);
$("tabs").addEventListener("keydown", ({ key }) => {
  const by = { ArrowLeft: -1, ArrowRight: 1 }[key];
  if (!by) return;
  const next = TABS[(TABS.indexOf(S.state.tab) + by + TABS.length) % TABS.length];
  showTab(next);
  $(`tab-${next}`).focus();
});
const moved = () => {
  S.moved = true;
  S.wants.later();
  redraw();
};
steer(canvas, S.camera, { changed: moved, click: picked, box: boxed, hover });
keys({
  nudge: (by) => S.timeline.nudge(by),
  escape: () => (!S.timeline.live && !S.timeline.recording ? S.timeline.toLive() : select([])),
  zoom(factor) {
    S.camera.zoom(factor, innerWidth / 2, innerHeight / 2);
    moved();
  },
});
addEventListener("resize", resize);
setInterval(() => S.meta && S.timeline.update(), 250); // a picture grows older without any message
layout();
resize();
S.timeline.update();
S.link.open();
