// Crowds of specks on a map without a graphics card: written into a picture one by one, which for a million takes a
// twentieth of the time of as many points of WebGL. What is seen is the same up to the smoothness of the specks.

import { COPY } from "./shaders.js";

export const LARGEST = 3.4; // pixels

export class Splat {
  constructor(card) {
    this.card = card;
    this.texture = card.texture();
    this.pixels = new Uint32Array(0);
  }

  // block: points; style: complete; diameter: pixels; bytes: 256 colours of the map, if one is used; mode: as in the shader
  draw(block, style, view, diameter, mode, bytes) {
    const { card } = this, { gl } = card, [wide, tall] = view.window;
    if (this.pixels.length !== wide * tall) this.pixels = new Uint32Array(wide * tall);
    this.pixels.fill(0);
    const colours = this.colours(block, style, mode, bytes);
    if (diameter < 1.3) this.write(block, view, colours, [0], 0.5);
    else if (diameter < 2.5) this.write(block, view, colours, [0, 1, wide, wide + 1], 1);
    else this.write(block, view, colours, [1, wide, wide + 1, wide + 2, 2 * wide + 1], 1.5);
    card.bind(0, this.texture);
    gl.texImage2D(gl.TEXTURE_2D, 0, gl.RGBA, wide, tall, 0, gl.RGBA, gl.UNSIGNED_BYTE, new Uint8Array(this.pixels.buffer));
    card.clear();
    const at = card.use(COPY);
    gl.uniform1i(at.u_picture, 0);
    gl.drawArrays(gl.TRIANGLE_STRIP, 0, 4);
  }

  // speck: steps in the picture from its lower left pixel; half: of its width
  write(block, view, colours, speck, half) {
    const { pixels } = this, p = block.arrays.positions, n = p.length / 3, [wide, tall] = view.window;
    const [[xa, xb, xc, xd], [ya, yb, yc, yd]] = steps(view, 0.5 - half), margin = Math.ceil(2 * half) - 1;
    const right = wide - margin, top = tall - margin, one = typeof colours === "number", size = speck.length, cut = view.clip, [low, high] = clipped(view);
    for (let row = 0, k = 0; row < n; row++, k += 3) {
      const a = p[k], b = p[k + 1], c = p[k + 2];
      const x = xa * a + xb * b + xc * c + xd, y = ya * a + yb * b + yc * c + yd;
      if (!(x >= 0 && y >= 0 && x < right && y < top)) continue;
      if (cut && (a < low[0] || a > high[0] || b < low[1] || b > high[1] || c < low[2] || c > high[2])) continue;
      const at = (x | 0) + wide * (y | 0), colour = one ? colours : colours[row];
      for (let i = 0; i < size; i++) pixels[at + speck[i]] = colour;
    }
  }

  // A colour for all, or one for each row: premultiplied, as the picture holds them.
  colours(block, style, mode, bytes) {
    const packed = (r, g, b) => {
      const [red, green, blue, alpha] = [r, g, b, 255].map((v) => Math.round(v * style.opacity));
      return ((alpha << 24) | (blue << 16) | (green << 8) | red) >>> 0;
    };
    if (mode === 0) return packed(...style.rgb.map((v) => Math.round(255 * v)));
    const table = Uint32Array.from({ length: 256 }, (_, k) => packed(bytes[4 * k], bytes[4 * k + 1], bytes[4 * k + 2]));
    const grey = packed(128, 128, 128), { heading } = block.arrays, n = block.arrays.positions.length / 3, out = new Uint32Array(n);
    if (mode === 1) {
      const turns = new Uint32Array(65536).fill(grey); // of a heading's x and y, which have 256 values each
      for (let x = -128; x < 128; x++) {
        for (let y = -128; y < 128; y++) {
          if (x || y) turns[((x & 255) << 8) | (y & 255)] = table[Math.floor((((Math.atan2(y, x) / (2 * Math.PI)) % 1) + 1) * 256) & 255];
        }
      }
      for (let row = 0; row < n; row++) out[row] = turns[((heading[3 * row] & 255) << 8) | (heading[3 * row + 1] & 255)];
      return out;
    }
    const values = block.arrays[`column${style.by}`], low = mode === 3 ? 0 : style.range[0], scale = mode === 3 ? 1 : 255 / (style.range[1] - style.range[0] || 1);
    for (let row = 0; row < n; row++) {
      const t = (values[row] - low) * scale;
      out[row] = t !== t ? grey : table[t <= 0 ? 0 : t >= 255 ? 255 : (t + 0.5) | 0];
    }
    return out;
  }

  // The row nearest to a place on the picture (pixels from the lower left), the topmost of several; null: none in reach.
  nearest(block, x, y, reach, view) {
    const p = block.arrays.positions, [[xa, xb, xc, xd], [ya, yb, yc, yd]] = steps(view, 0), cut = view.clip, [low, high] = clipped(view);
    let best = null, least = reach * reach;
    for (let row = 0, k = 0; k < p.length; row++, k += 3) {
      const a = p[k], b = p[k + 1], c = p[k + 2], dx = xa * a + xb * b + xc * c + xd - x, dy = ya * a + yb * b + yc * c + yd - y;
      if (dx * dx + dy * dy > least) continue;
      if (cut && (a < low[0] || a > high[0] || b < low[1] || b > high[1] || c < low[2] || c > high[2])) continue;
      [best, least] = [row, dx * dx + dy * dy];
    }
    return best;
  }
}

// From steps of the frame's bounds to pixels from the lower left, x and y: factors and what is added.
function steps(view, shift) {
  const m = view.matrix, { low, span } = view;
  return view.window.map((size, r) => [
    ...span.map((s, k) => (m[4 * k + r] * (s / 65535) * size) / 2),
    ((m[r] * low[0] + m[4 + r] * low[1] + m[8 + r] * low[2] + m[12 + r] + 1) * size) / 2 + shift,
  ]);
}

// The clip box in such steps.
function clipped({ clip, low, span }) {
  return (clip ?? [low, low]).map((corner) => corner.map((v, k) => (span[k] ? ((v - low[k]) / span[k]) * 65535 : 0)));
}
