// Short texts in the world: written once into a picture, drawn from there, so that they are in screenshots and movies too.

import { ground, ink } from "./colour.js";
import { LABELS } from "./shaders.js";

const HEIGHT = 11; // CSS pixels of the letters

export class Labels {
  constructor(card) {
    this.card = card;
    this.canvas = document.createElement("canvas");
    this.texture = card.texture();
    this.boxes = new Map();
    for (const name of ["at", "box", "from"]) this[name] = card.buffer();
  }

  // items: [{text, at: [x, y, z], shift: [right, up] pixels, strong}]
  draw(items, view) {
    if (!items.length) return;
    this.write(items, view.dense);
    const { card } = this, { gl } = card, boxes = items.map((item) => this.boxes.get(name(item)));
    card.fill(this.at, new Float32Array(items.flatMap((item) => item.at)));
    card.fill(this.box, new Float32Array(boxes.flat()));
    card.fill(this.from, new Float32Array(items.flatMap((item) => [...item.shift, 0, 0])));
    card.clear();
    const at = card.use(LABELS);
    view.set(at);
    gl.uniform2f(at.u_picture, this.canvas.width, this.canvas.height);
    const far = ground(view.light), share = view.light ? 0.72 : 0.7;
    gl.uniform3fv(at.u_ground, far);
    gl.uniform3fv(at.u_ink, ink(view.light).map((v, k) => far[k] + share * (v - far[k])));
    gl.uniform1i(at.u_labels, 0);
    card.bind(0, this.texture);
    card.attribute("a_at", this.at, 3, 1);
    card.attribute("a_box", this.box, 4, 1);
    card.attribute("a_from", this.from, 4, 1);
    gl.drawArraysInstanced(gl.TRIANGLE_STRIP, 0, 4, items.length);
  }

  write(items, dense) {
    const missing = items.some((item) => !this.boxes.has(name(item)));
    if (!missing && this.dense === dense) return;
    this.dense = dense;
    this.boxes.clear();
    const size = Math.round(HEIGHT * dense), tall = Math.round(1.7 * size), rim = 2.5 * dense;
    const font = (strong) => `${strong ? 600 : 400} ${size}px system-ui, "Segoe UI", "DejaVu Sans", sans-serif`;
    const pen = this.canvas.getContext("2d", { willReadFrequently: true }), room = 1024;
    let x = 0, y = 0;
    for (const item of items) {
      if (this.boxes.has(name(item))) continue;
      pen.font = font(item.strong);
      const wide = Math.ceil(pen.measureText(item.text).width + 2 * rim) + 2;
      if (x + wide > room) [x, y] = [0, y + tall];
      this.boxes.set(name(item), [x, y, wide, tall]);
      x += wide;
    }
    [this.canvas.width, this.canvas.height] = [room, y + tall];
    Object.assign(pen, { fillStyle: "white", strokeStyle: "black", lineWidth: rim, lineJoin: "round", textBaseline: "middle" });
    for (const item of items) {
      const [left, top, wide] = this.boxes.get(name(item)), at = [item.text, left + rim, top + tall / 2];
      pen.font = font(item.strong);
      pen.clearRect(left, top, wide, tall);
      pen.strokeText(...at);
      pen.fillText(...at);
    }
    const { gl } = this.card;
    this.card.bind(0, this.texture);
    gl.texImage2D(gl.TEXTURE_2D, 0, gl.RGBA, gl.RGBA, gl.UNSIGNED_BYTE, this.canvas);
  }
}

const name = (item) => `${item.strong ? "*" : ""}${item.text}`;
