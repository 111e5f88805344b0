// Crowds of specks without a graphics card: written into a picture one by one, which for a million takes a twentieth of
// the time of as many points of WebGL. What is seen is the same up to the smoothness of the specks.

import { COPY } from "./shaders.js";

export const LARGEST = 3.4, LARGEST_DART = 12; // pixels
const TURNS = 64, PARTS = 2; // directions of a dart, and places in a pixel along each side

export class Splat {
  constructor(card) {
    this.card = card;
    [this.texture, this.depths] = [card.texture(), card.texture()];
    [this.pixels, this.depth] = [new Uint32Array(0), new Float32Array(0)];
  }

  // block: points; style: complete; size: pixels times w; least: pixels; mode: as in the shader; bytes: 256 colours;
  // dart: on a map, with headings
  draw(block, style, view, size, least, mode, bytes, dart) {
    const { card } = this, { gl } = card, [wide, tall] = view.window, deep = !view.flat;
    if (this.pixels.length !== wide * tall || this.wide !== wide) this.resize(wide, tall);
    this.pixels.fill(0);
    const colours = this.colours(block, style, mode, bytes, deep);
    if (deep) this.writeDeep(block, view, colours, size, least);
    else if (dart) this.writeDarts(block, view, colours, Math.max(size, least));
    else this.write(block, view, colours, Math.max(size, least));
    card.clear();
    const at = card.use(COPY, ...(deep ? ["DEEP"] : []));
    gl.uniform1i(at.u_picture, 0);
    gl.uniform1i(at.u_far, 1);
    const [x, y, width, height] = extent(view, LARGEST_DART);
    gl.pixelStorei(gl.UNPACK_ROW_LENGTH, wide);
    gl.pixelStorei(gl.UNPACK_SKIP_PIXELS, x);
    gl.pixelStorei(gl.UNPACK_SKIP_ROWS, y);
    if (deep) {
      card.bind(1, this.depths);
      gl.texSubImage2D(gl.TEXTURE_2D, 0, x, y, width, height, gl.RED, gl.FLOAT, this.depth);
    }
    card.bind(0, this.texture);
    gl.texSubImage2D(gl.TEXTURE_2D, 0, x, y, width, height, gl.RGBA, gl.UNSIGNED_BYTE, new Uint8Array(this.pixels.buffer));
    for (const what of [gl.UNPACK_ROW_LENGTH, gl.UNPACK_SKIP_PIXELS, gl.UNPACK_SKIP_ROWS]) gl.pixelStorei(what, 0);
    gl.enable(gl.SCISSOR_TEST);
    gl.scissor(x, y, width, height);
    gl.drawArrays(gl.TRIANGLE_STRIP, 0, 4);
    gl.disable(gl.SCISSOR_TEST);
  }

  resize(wide, tall) {
    const { card } = this, { gl } = card;
    [this.pixels, this.depth, this.wide] = [new Uint32Array(wide * tall), new Float32Array(wide * tall), wide];
    card.bind(1, this.depths);
    gl.texImage2D(gl.TEXTURE_2D, 0, gl.R32F, wide, tall, 0, gl.RED, gl.FLOAT, null);
    card.bind(0, this.texture);
    gl.texImage2D(gl.TEXTURE_2D, 0, gl.RGBA, wide, tall, 0, gl.RGBA, gl.UNSIGNED_BYTE, null);
  }

  // On a map: all are equally large, and the last lies on top.
  write(block, view, colours, diameter) {
    const { pixels } = this, p = block.arrays.positions, n = p.length / 3, [wide, tall] = view.window;
    const { speck, half } = specks(wide)[diameter < 1.3 ? 0 : diameter < 2.5 ? 1 : 2], size = speck.length;
    const [[xa, xb, xc, xd], [ya, yb, yc, yd]] = steps(view, 0.5 - half), margin = Math.ceil(2 * half) - 1;
    const right = wide - margin, top = tall - margin, one = typeof colours === "number", cut = view.clip, [low, high] = clipped(view);
    for (let row = 0, k = 0; row < n; row++, k += 3) {
      const a = p[k], b = p[k + 1], c = p[k + 2];
      const x = xa * a + xb * b + xc * c + xd, y = ya * a + yb * b + yc * c + yd;
      if (!(x >= 0 && y >= 0 && x < right && y < top)) continue;
      if (cut && (a < low[0] || a > high[0] || b < low[1] || b > high[1] || c < low[2] || c > high[2])) continue;
      const at = (x | 0) + wide * (y | 0), colour = one ? colours : colours[row];
      for (let i = 0; i < size; i++) pixels[at + speck[i]] = colour;
    }
  }

  // The same, each pointing somewhere: pictures of all directions are made before, by the shader's own formula.
  writeDarts(block, view, colours, diameter) {
    const { pixels } = this, p = block.arrays.positions, h = block.arrays.heading, n = p.length / 3, [wide, tall] = view.window;
    const { stamps, reach } = this.darts(diameter, wide), [[xa, xb, xc, xd], [ya, yb, yc, yd]] = steps(view, 0);
    const one = typeof colours === "number", cut = view.clip, [low, high] = clipped(view), turns = directions();
    for (let row = 0, k = 0; row < n; row++, k += 3) {
      const a = p[k], b = p[k + 1], c = p[k + 2];
      const x = xa * a + xb * b + xc * c + xd, y = ya * a + yb * b + yc * c + yd;
      if (!(x >= reach && y >= reach && x < wide - reach && y < tall - reach)) continue;
      if (cut && (a < low[0] || a > high[0] || b < low[1] || b > high[1] || c < low[2] || c > high[2])) continue;
      const left = x | 0, bottom = y | 0, part = (((y - bottom) * PARTS) | 0) * PARTS + (((x - left) * PARTS) | 0);
      const { to, shares } = stamps[turns[((h[k] & 255) << 8) | (h[k + 1] & 255)] * PARTS * PARTS + part];
      const at = left + wide * bottom, colour = one ? colours : colours[row], alpha = (colour >>> 24) + 1;
      const redBlue = colour & 0xff00ff, greenAlpha = (colour >>> 8) & 0xff00ff;
      for (let i = 0; i < to.length; i++) { // in two pairs of bytes, which leave each other room
        const share = shares[i], rest = 256 - ((share * alpha) >> 8), under = pixels[at + to[i]];
        const rb = Math.imul(redBlue, share) + Math.imul(under & 0xff00ff, rest), ga = Math.imul(greenAlpha, share) + Math.imul((under >>> 8) & 0xff00ff, rest);
        pixels[at + to[i]] = ((rb >>> 8) & 0xff00ff) | (ga & 0xff00ff00);
      }
    }
  }

  // For each direction and place in a pixel: steps in the picture, and how much of each pixel is covered, 256 being all.
  darts(diameter, wide) {
    const key = `${Math.round(8 * diameter)} ${wide}`, reach = Math.ceil(diameter / 2) + 1;
    if (this.made?.key === key) return this.made;
    const stamps = [];
    for (let turn = 0; turn < TURNS; turn++) {
      const angle = (2 * Math.PI * turn) / TURNS, cos = Math.cos(angle), sin = Math.sin(angle);
      for (let part = 0; part < PARTS * PARTS; part++) {
        const x = ((part % PARTS) + 0.5) / PARTS, y = (Math.floor(part / PARTS) + 0.5) / PARTS, to = [], shares = [];
        for (let v = -reach; v <= reach; v++) {
          for (let u = -reach; u <= reach; u++) {
            const px = ((u + 0.5 - x) * 2) / diameter, py = ((v + 0.5 - y) * 2) / diameter;
            const ahead = px * cos + py * sin, side = Math.abs(cos * py - sin * px);
            const far = Math.max(ahead * 0.30455 + side * 0.9525 - 0.2945, -ahead * 0.84809 - side * 0.52986 - 0.31125);
            const share = Math.round(256 * Math.min(Math.max(0.5 - far * 0.5 * diameter, 0), 1));
            if (share) {
              to.push(u + wide * v);
              shares.push(share);
            }
          }
        }
        stamps.push({ to: Int32Array.from(to), shares: Int32Array.from(shares) });
      }
    }
    return (this.made = { key, stamps, reach });
  }

  // In space: the nearest lies on top, and what is far fades into the ground.
  writeDeep(block, view, colours, scale, least) {
    const { pixels, depth } = this, p = block.arrays.positions, n = p.length / 3, [wide, tall] = view.window, shapes = specks(wide);
    const [[xa, xb, xc, xd], [ya, yb, yc, yd], [za, zb, zc, zd], [wa, wb, wc, wd]] = steps(view, 0);
    const one = typeof colours === "number", cut = view.clip, [low, high] = clipped(view);
    const { share, from, per } = view.haze, [red, green, blue] = view.haze.rgb.map((v) => Math.round(255 * v));
    depth.fill(2);
    for (let row = 0, k = 0; row < n; row++, k += 3) {
      const a = p[k], b = p[k + 1], c = p[k + 2], w = wa * a + wb * b + wc * c + wd;
      if (w <= 0) continue;
      const near = 1 / w, z = (za * a + zb * b + zc * c + zd) * near;
      if (z < -1 || z > 1) continue;
      const d = scale * near, kind = d > 2.5 || least > 2.5 ? 2 : d > 1.3 || least > 1.3 ? 1 : 0, { speck, half, size } = shapes[kind];
      const x = (xa * a + xb * b + xc * c + xd) * near + 0.5 - half, y = (ya * a + yb * b + yc * c + yd) * near + 0.5 - half;
      if (!(x >= 0 && y >= 0 && x < wide - kind && y < tall - kind)) continue;
      if (cut && (a < low[0] || a > high[0] || b < low[1] || b > high[1] || c < low[2] || c > high[2])) continue;
      const at = (x | 0) + wide * (y | 0), f = Math.min(Math.max((w - from) * per, 0), 1) * share, e = 1 - f, own = one ? colours : colours[row];
      const colour = ((own & 0xff000000) | (((((own >> 16) & 255) * e + blue * f) | 0) << 16) | (((((own >> 8) & 255) * e + green * f) | 0) << 8) | (((own & 255) * e + red * f) | 0)) >>> 0;
      for (let i = 0; i < size; i++) {
        const to = at + speck[i];
        if (z >= depth[to]) continue;
        depth[to] = z;
        pixels[to] = colour;
      }
    }
  }

  // A colour for all, or one for each row: premultiplied, as the picture holds them.
  colours(block, style, mode, bytes, deep) {
    const packed = (r, g, b) => {
      const [red, green, blue, alpha] = [r, g, b, 255].map((v) => Math.round(v * style.opacity));
      return ((alpha << 24) | (blue << 16) | (green << 8) | red) >>> 0;
    };
    if (mode === 0) return packed(...style.rgb.map((v) => Math.round(255 * v)));
    const table = Uint32Array.from({ length: 256 }, (_, k) => packed(bytes[4 * k], bytes[4 * k + 1], bytes[4 * k + 2]));
    const grey = packed(128, 128, 128), n = block.arrays.positions.length / 3, out = new Uint32Array(n);
    if (mode === 1) {
      const turns = new Uint32Array(65536).fill(grey), { heading } = block.arrays; // of x and y, which have 256 values each
      for (let x = -128; x < 128; x++) {
        for (let y = -128; y < 128; y++) {
          if (x || y) turns[((x & 255) << 8) | (y & 255)] = table[Math.floor((Math.atan2(y, x) / (2 * Math.PI) + 1) * 256) & 255];
        }
      }
      for (let row = 0; row < n; row++) out[row] = turns[((heading[3 * row] & 255) << 8) | (heading[3 * row + 1] & 255)];
      if (deep) for (let row = 0; row < n; row++) if (heading[3 * row + 2]) out[row] = climbing(out[row], heading[3 * row + 2] / 127);
      return out;
    }
    const values = block.arrays[`column${style.by}`], low = mode === 3 ? 0 : style.range[0];
    const scale = mode === 3 ? 1 : 255 / (style.range[1] - style.range[0] || 1);
    for (let row = 0; row < n; row++) {
      const t = (values[row] - low) * scale;
      out[row] = t !== t ? grey : table[t <= 0 ? 0 : t >= 255 ? 255 : (t + 0.5) | 0];
    }
    return out;
  }

  // The row whose speck is seen at a place on the picture (pixels from the lower left), else the nearest; null: none in reach.
  nearest(block, x, y, reach, view) {
    const p = block.arrays.positions, [X, Y, Z, W] = steps(view, 0), cut = view.clip, [low, high] = clipped(view);
    let best = null, least = reach * reach, front = 2;
    for (let row = 0, k = 0; k < p.length; row++, k += 3) {
      const a = p[k], b = p[k + 1], c = p[k + 2], w = W[0] * a + W[1] * b + W[2] * c + W[3];
      if (w <= 0) continue;
      const dx = (X[0] * a + X[1] * b + X[2] * c + X[3]) / w - x, dy = (Y[0] * a + Y[1] * b + Y[2] * c + Y[3]) / w - y;
      const far = Math.max(dx * dx + dy * dy, 1); // as near as a pixel is a hit: of these the one in front
      if (far > least) continue;
      const z = view.flat ? 0 : (Z[0] * a + Z[1] * b + Z[2] * c + Z[3]) / w;
      if (far === least && z > front) continue;
      if (cut && (a < low[0] || a > high[0] || b < low[1] || b > high[1] || c < low[2] || c > high[2])) continue;
      [best, least, front] = [row, far, z];
    }
    return best;
  }
}

// The number of the direction of each pair of bytes x, y; of none it is that of x.
const directions = once(() => {
  const turns = new Uint8Array(65536);
  for (let x = -128; x < 128; x++) {
    for (let y = -128; y < 128; y++) turns[((x & 255) << 8) | (y & 255)] = Math.round((Math.atan2(y, x) / (2 * Math.PI) + 1) * TURNS) % TURNS;
  }
  return turns;
});

function once(make) {
  let made;
  return () => (made ??= make());
}

// Of 1, 4 and 5 pixels: steps in the picture from the lower left one, and half of the width.
function specks(wide) {
  const shapes = [{ speck: [0], half: 0.5 }, { speck: [0, 1, wide, wide + 1], half: 1 }, { speck: [1, wide, wide + 1, wide + 2, 2 * wide + 1], half: 1.5 }];
  return shapes.map((shape) => ({ ...shape, size: shape.speck.length }));
}

// As the shader: what climbs is paler, what dives darker.
function climbing(colour, up) {
  const part = (shift) => {
    const v = (colour >> shift) & 255;
    return (up > 0 ? v + 0.35 * up * (255 - v) : v * (1 + 0.35 * up)) | 0;
  };
  return ((colour & 0xff000000) | (part(16) << 16) | (part(8) << 8) | part(0)) >>> 0;
}

// From steps of the frame's bounds to pixels from the lower left, x and y (times w), and to clip z and w: factors and what
// is added.
function steps({ matrix: m, low, span, window: [wide, tall] }, shift) {
  const row = (r) => [...span.map((s, k) => m[4 * k + r] * (s / 65535)), m[r] * low[0] + m[4 + r] * low[1] + m[8 + r] * low[2] + m[12 + r]];
  const [x, y, z, w] = [0, 1, 2, 3].map(row);
  const pixels = (from, size) => from.map((v, k) => ((v + w[k]) * size) / 2 + (k === 3 ? shift : 0));
  return [pixels(x, wide), pixels(y, tall), z, w];
}

// The part of the picture that the frame's bounds are in, with a margin for whole specks: x, y, width, height.
function extent(view, margin) {
  const { low, span, matrix: m, window } = view, box = [Infinity, Infinity, -Infinity, -Infinity];
  for (let corner = 0; corner < 8; corner++) {
    const p = low.map((v, k) => v + (corner >> k & 1) * span[k]), w = m[3] * p[0] + m[7] * p[1] + m[11] * p[2] + m[15];
    if (w <= 0) return [0, 0, ...window]; // behind the eye, where the projection means nothing
    for (const k of [0, 1]) {
      const at = ((m[k] * p[0] + m[4 + k] * p[1] + m[8 + k] * p[2] + m[12 + k]) / w + 1) / 2 * window[k];
      box[k] = Math.min(box[k], at - margin);
      box[2 + k] = Math.max(box[2 + k], at + margin);
    }
  }
  const [x, y] = [0, 1].map((k) => Math.min(Math.max(Math.floor(box[k]), 0), window[k]));
  return [x, y, ...[0, 1].map((k) => Math.max(Math.min(Math.ceil(box[2 + k]), window[k]) - [x, y][k], 0))];
}

// The clip box in such steps.
function clipped({ clip, low, span }) {
  return (clip ?? [low, low]).map((corner) => corner.map((v, k) => (span[k] ? ((v - low[k]) / span[k]) * 65535 : 0)));
}
