// Play: pause, step, rate, and the time line. On a live run it goes back over the frames that the page keeps, while the
// run goes on; on a recording it is the recording.

import { $, text } from "./dom.js";
import { track } from "./controls.js";
import { count, seconds, short, size } from "./numbers.js";

const STATES = {
  connecting: ["Connecting", ""],
  running: ["Running", "running"],
  paused: ["Paused", "paused"],
  finished: ["Finished", ""],
  lost: ["Connection lost, trying again", "paused"],
  refused: ["No access", "paused"],
};
const REFUSED = "This link is not complete, or belongs to another run. Open the whole link that the run printed.";
export const WATCH = "This link lets you watch, not act on the run.";
const SEEK_WAIT = 60; // ms

export class Timeline {
  constructor(S) {
    this.S = S;
    this.live = true; // shows the newest frame
    this.seeking = null;
    $("play").onclick = () => this.play();
    $("step").onclick = () => S.command({ op: "step", n: 1 });
    $("live").onclick = () => this.toLive();
    for (const button of $("rates").children) {
      button.onclick = () => S.command({ op: "rate", hz: button.dataset.hz ? +button.dataset.hz : null });
    }
    $("time").addEventListener("input", () => this.go(+$("time").value));
  }

  play() {
    this.S.command({ op: this.S.status.paused ? "play" : "pause" });
  }

  get recording() {
    return this.S.meta?.live === false;
  }

  // To a tick: on a recording that is the run's business, else we look into what we kept.
  go(tick) {
    const { S } = this;
    if (this.recording && S.control) {
      this.asked = tick;
      this.seeking ??= setTimeout(() => {
        this.seeking = null;
        S.command({ op: "seek", tick: this.asked });
      }, SEEK_WAIT);
    } else {
      const frame = S.store.at(tick);
      if (!frame) return;
      this.live = frame.tick === S.store.last && tick >= S.store.last;
      S.show(frame);
    }
    this.update();
  }

  // One kept frame back (-1) or on (1).
  nudge(by) {
    const { S } = this;
    if (this.recording && S.control) return this.go(Math.min(Math.max((S.tick ?? 0) + by, S.meta.first ?? 0), S.meta.last ?? 0));
    const at = S.store.after(S.tick ?? 0) - 1 + by, item = S.store.frames[at];
    if (!item) return;
    this.live = at === S.store.frames.length - 1;
    S.show(item.frame);
    this.update();
  }

  toLive() {
    this.live = true;
    const frame = this.S.store.at(Infinity);
    if (frame) this.S.show(frame);
    this.update();
  }

  update() {
    const { S } = this, { status, store, meta } = S, name = S.runs();
    const [words, kind] = STATES[name];
    $("state").className = `chip ${kind}`;
    text($("state-text"), words);
    document.body.classList.toggle("paused", name !== "running");
    $("message").hidden = name !== "refused";
    text($("message"), name === "refused" ? REFUSED : "");
    $("play").setAttribute("aria-label", status.paused ? "Play" : "Pause");
    for (const button of $("rates").children) {
      button.setAttribute("aria-pressed", String((button.dataset.hz ? +button.dataset.hz : null) === status.rate));
    }
    for (const button of [$("play"), $("step"), ...$("rates").children]) this.allow(button);
    $("watching").hidden = S.control || !S.you;
    this.line();
    const past = !this.live && !this.recording;
    $("past").hidden = !past;
    if (past) text($("past"), `${count(store.last - S.tick)} ticks back`);
    $("live").setAttribute("aria-pressed", String(!past));
    $("live").hidden = this.recording;
    text($("tick"), count(S.tick ?? status.tick ?? 0));
    const end = this.recording ? meta.last : meta?.ticks;
    text($("ticks"), end ? ` / ${count(end)}` : "");
    const speed = S.speed(), frames = S.pace();
    text($("speed"), speed === null ? "–" : speed < 100 ? short(speed, 2) : count(+speed.toPrecision(3)));
    text($("frames"), frames === null ? "–" : String(Math.round(frames)));
    text($("lag"), this.lag(name));
  }

  // How old what is seen is: a picture of a run that stands is not old.
  lag(name) {
    const { S } = this;
    if (!S.frame || !S.arrived.has(S.frame)) return "–";
    if (this.live && name !== "running" && name !== "lost") return "0 ms";
    return seconds((performance.now() - S.arrived.get(S.frame)) / 1000);
  }

  line() {
    const { S } = this, input = $("time"), { store, meta } = S;
    const [low, high] = this.recording && S.control ? [meta.first ?? 0, meta.last ?? 0] : [store.first ?? 0, store.last ?? 0];
    [input.min, input.max] = [low, high];
    input.disabled = high <= low;
    if (!input.matches(":active") || this.live) input.value = this.seeking ? this.asked : S.tick ?? high;
    input.title = this.recording ? "The recording" : `${count(store.frames.length)} frames kept, ${size(store.bytes)}`;
    input.setAttribute("aria-valuetext", `tick ${input.value}`);
    track(input);
  }

  allow(button) {
    button.dataset.title ??= button.title;
    button.disabled = !this.S.control;
    button.title = this.S.control ? button.dataset.title : WATCH;
  }
}
