// What is seen, as a picture or a movie, saved by the browser.

import { $, save, toast } from "./dom.js";

const FRAMES = 30; // per second
const KINDS = ["video/webm;codecs=vp9", "video/webm;codecs=vp8", "video/webm"];

export class Capture {
  constructor(S) {
    this.S = S;
    this.recorder = null;
    $("shot").onclick = () => this.shot();
    $("movie").onclick = () => (this.recorder ? this.recorder.stop() : this.record());
  }

  name(ending) {
    return `${(this.S.meta?.app ?? "weaver").replace(/[^\w-]+/g, "-")}-${this.S.tick ?? 0}.${ending}`;
  }

  async shot() {
    save(await this.S.scene.screenshot(), this.name("png"));
    toast("Picture saved");
  }

  record() {
    const type = globalThis.MediaRecorder && KINDS.find((kind) => MediaRecorder.isTypeSupported(kind));
    if (!type) return toast("This browser cannot record a canvas.", "warn");
    const parts = [], name = this.name("webm");
    this.recorder = new MediaRecorder(this.S.scene.stream(FRAMES), { mimeType: type, videoBitsPerSecond: 12e6 });
    this.recorder.ondataavailable = ({ data }) => data.size && parts.push(data);
    this.recorder.onstop = () => {
      for (const track of this.recorder.stream.getTracks()) track.stop();
      this.recorder = null;
      this.show();
      save(new Blob(parts, { type: "video/webm" }), name);
      toast("Movie saved");
    };
    this.recorder.start(500);
    this.show();
    this.S.redraw();
  }

  show() {
    const on = this.recorder !== null, button = $("movie");
    button.setAttribute("aria-pressed", String(on));
    button.classList.toggle("recording", on);
    button.title = on ? "Stop and save the movie" : "Record a movie";
  }
}
