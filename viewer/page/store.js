// The frames that the page keeps, oldest first, bounded by their bytes: what the time line goes back over.

export class Store {
  constructor(most) {
    this.most = most; // bytes
    this.clear();
  }

  clear() {
    this.frames = [];
    this.bytes = 0;
  }

  // A frame of a tick that is already here takes its place; one of an older tick (a recording was wound back) comes
  // where it belongs.
  add(frame, bytes) {
    const at = this.after(frame.tick - 1), item = { frame, bytes };
    if (this.frames[at]?.frame.tick === frame.tick) {
      this.bytes -= this.frames[at].bytes;
      this.frames[at] = item;
    } else this.frames.splice(at, 0, item);
    this.bytes += bytes;
    while (this.bytes > this.most && this.frames.length > 1) {
      // The far end goes: the newest frame is always kept.
      const gone = at > 0 ? this.frames.shift() : this.frames.pop();
      this.bytes -= gone.bytes;
    }
  }

  // Index of the first frame later than a tick.
  after(tick) {
    let [low, high] = [0, this.frames.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.frames[middle].frame.tick > tick) high = middle;
      else low = middle + 1;
    }
    return low;
  }

  // The newest frame not later than a tick, else the oldest.
  at(tick) {
    return this.frames[Math.max(this.after(tick) - 1, 0)]?.frame ?? null;
  }

  get first() {
    return this.frames[0]?.frame.tick ?? null;
  }

  get last() {
    return this.frames.at(-1)?.frame.tick ?? null;
  }
}
