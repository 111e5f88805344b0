// What is seen of the world: frames in, pictures out. Nothing is drawn before draw(), and each draw() is whole.

import { Camera } from "./camera.js";
import { ground, parse, typeColour } from "./colour.js";
import { find } from "./frame.js";

// How a type is drawn when nothing else is said.
const STYLE = {
  shown: true, by: "type", rgb: null, map: "ramp", range: null, labels: null, // range null: from the frame's values
  size: null, sizeBy: null, sizeRange: null, model: null, opacity: 1, // size null: from the room there is
};
const LAYER = { shown: true, map: "moss", range: null, opacity: 1, mode: "slice", axis: 2, at: 0.5, labels: null };

export class Scene {
  constructor(canvas) {
    const gl = canvas.getContext("webgl2", { antialias: true, alpha: false, powerPreference: "high-performance" });
    if (!gl) throw new Error("This browser has no WebGL2.");
    Object.assign(this, { canvas, gl, camera: new Camera(), meta: null, frame: null, light: false });
    this.shown = { grid: true, partitions: false, box: true, axes: true, geometry: true, trails: true };
    this.styles = new Map();
    this.layerStyles = new Map();
    this.partitions = [];
    this.selection = [];
    this.neighbours = []; // [{type, row, id, distance}] of the selected, when a radius is given
  }

  setTheme(light) {
    this.light = light;
  }

  setWorld(meta) {
    this.meta = meta;
    this.styles.clear();
    this.layerStyles.clear();
    this.camera.setBox(meta.low, meta.high, meta.dim === 2);
  }

  // Triangles that point along +x and are 1 long: Float32Arrays, xyz of each corner.
  setModel(name, positions, normals) {}

  setFrame(frame) {
    this.frame = frame;
  }

  setPartitions(partitions) {
    this.partitions = partitions;
  }

  setStyle(type, style) {
    this.styles.set(type, { ...STYLE, ...this.styles.get(type), ...style });
  }

  setLayer(layer, style) {
    this.layerStyles.set(layer, { ...LAYER, ...this.layerStyles.get(layer), ...style });
  }

  setClip(box) {
    this.clip = box;
  }

  setSelection(selection, radius = null) {
    this.selection = selection;
    this.radius = radius;
  }

  setTrails(ticks) {
    this.trails = ticks;
  }

  // The range of a column's values that colours cover: [low, high], fixed or of the frame.
  range(type) {
    return [0, 1];
  }

  // Diameter (metres) when none is given.
  size(type) {
    return 1;
  }

  draw() {
    const { gl } = this;
    gl.viewport(0, 0, this.canvas.width, this.canvas.height);
    gl.clearColor(...ground(this.light), 1);
    gl.clear(gl.COLOR_BUFFER_BIT | gl.DEPTH_BUFFER_BIT);
    return { types: {}, n: 0 };
  }

  pick(px, py) {
    return null;
  }

  pickBox(x0, y0, x1, y1) {
    return [];
  }

  // Colour at a CSS pixel, drawn afresh: [r, g, b], 0..255.
  pixel(px, py) {
    this.draw();
    const { gl, canvas } = this, ratio = canvas.height / this.camera.height, out = new Uint8Array(4);
    gl.readPixels(Math.floor(px * ratio), canvas.height - 1 - Math.floor(py * ratio), 1, 1, gl.RGBA, gl.UNSIGNED_BYTE, out);
    return [...out.slice(0, 3)];
  }

  // A PNG of what is seen, as a Blob.
  screenshot() {
    this.draw();
    return new Promise((resolve, reject) => this.canvas.toBlob((blob) => (blob ? resolve(blob) : reject(new Error("The picture is empty."))), "image/png"));
  }

  stream(fps) {
    return this.canvas.captureStream(fps);
  }
}
