// Which entity is drawn at a pixel: the frame on screen is drawn once more, into a small picture of row numbers.

const REACH = 6; // CSS pixels beside an entity that still hit it

export class Picker {
  constructor(card) {
    this.card = card;
    this.target = null;
  }

  // (x, y): canvas pixels from the lower left. draw: draws all entities as numbers. -> [type, row] or null
  at(x, y, view, draw) {
    const { gl } = this.card, reach = Math.ceil(REACH * view.dense), size = 2 * reach + 1;
    if (this.target?.width !== size) this.target = this.card.target(size, size, true);
    gl.bindFramebuffer(gl.FRAMEBUFFER, this.target.frame);
    gl.viewport(reach - x, reach - y, ...view.window); // so that the pixel lies in the middle
    gl.disable(gl.BLEND);
    gl.clearColor(0, 0, 0, 0);
    gl.clear(gl.COLOR_BUFFER_BIT | gl.DEPTH_BUFFER_BIT);
    draw();
    const bytes = new Uint8Array(4 * size * size);
    gl.readPixels(0, 0, size, size, gl.RGBA, gl.UNSIGNED_BYTE, bytes);
    gl.bindFramebuffer(gl.FRAMEBUFFER, null);
    gl.enable(gl.BLEND);
    let best = null, least = (reach + 0.5) ** 2;
    for (let j = 0; j < size; j++) {
      for (let i = 0; i < size; i++) {
        const k = 4 * (j * size + i), far = (i - reach) ** 2 + (j - reach) ** 2;
        if (bytes[k + 3] && far < least) [best, least] = [[bytes[k + 3] - 1, bytes[k] | (bytes[k + 1] << 8) | (bytes[k + 2] << 16)], far];
      }
    }
    return best;
  }
}

// Rows of a points block inside a rectangle on screen, canvas pixels from the upper left.
export function rowsWithin(block, view, [x0, y0, x1, y1], outside) {
  const m = view.matrix, p = block.arrays.positions, { low, span } = view, [wide, tall] = view.window, rows = [];
  const at = [0, 0, 0];
  for (let row = 0; row < p.length / 3; row++) {
    for (let k = 0; k < 3; k++) at[k] = low[k] + (p[3 * row + k] / 65535) * span[k];
    const part = (r) => m[r] * at[0] + m[4 + r] * at[1] + m[8 + r] * at[2] + m[12 + r], w = part(3);
    if (w <= 0) continue;
    const x = ((part(0) / w + 1) / 2) * wide, y = ((1 - part(1) / w) / 2) * tall;
    if (x >= x0 && x <= x1 && y >= y0 && y <= y1 && !outside(at)) rows.push(row);
  }
  return rows;
}
