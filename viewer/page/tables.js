// Colour maps on the graphics card: 256 colours each, made once for each theme.

import { labelColour, table } from "./colour.js";

export class Tables {
  constructor(card) {
    this.card = card;
    this.made = new Map();
  }

  // A map by name, or a function as in colour.js with a key of its own: {texture, bytes}.
  map(map, light, key = map) {
    return this.get(`${key} ${light}`, () => table(map, light));
  }

  // Colours of an enumeration: {value: rgb, or rgba}; what is not named gets a colour of its own.
  labels(labels, light) {
    return this.get(`${JSON.stringify(labels)} ${light}`, () => {
      const bytes = new Uint8Array(1024);
      for (let code = 0; code < 256; code++) {
        const [r, g, b, a = 1] = labels?.[code] ?? labelColour(code, light);
        bytes.set([r, g, b, a].map((v) => Math.round(v * 255)), 4 * code);
      }
      return bytes;
    });
  }

  // That of a type's style; mode: as in the shader.
  of(style, mode, light) {
    return mode === 3 ? this.labels(style.labels, light) : this.map(mode === 1 ? "wheel" : style.map, light);
  }

  get(key, bytes) {
    if (!this.made.has(key)) {
      const { gl } = this.card, made = { texture: this.card.texture(), bytes: bytes() };
      gl.texImage2D(gl.TEXTURE_2D, 0, gl.RGBA, 256, 1, 0, gl.RGBA, gl.UNSIGNED_BYTE, made.bytes);
      this.made.set(key, made);
    }
    return this.made.get(key);
  }
}
