// Places of the camera under a name, kept by the browser for each app.

import { card } from "./controls.js";
import { el, keep, kept, toast } from "./dom.js";

const MOST = 30;

export class Bookmarks {
  constructor(S) {
    this.S = S;
    this.key = `bookmarks ${S.meta.app}`;
    const found = kept(this.key);
    this.marks = Array.isArray(found) ? found.filter((mark) => typeof mark?.name === "string" && typeof mark.camera === "object") : [];
    this.list = el("ul", { class: "marks" });
    const input = el("input", { type: "text", id: "mark-name", "aria-label": "Name of this view", placeholder: "Name of this view", maxlength: 60 });
    const form = el("form", { class: "line" }, input, el("button", { class: "solid", id: "mark-add" }, "Keep"));
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.add(input.value.trim() || `View ${this.marks.length + 1}`);
      input.value = "";
    });
    this.element = card("Bookmarks", [this.list, form], { id: "bookmarks" });
    this.show();
  }

  add(name) {
    const { camera, state } = this.S;
    this.marks = [...this.marks.filter((mark) => mark.name !== name), { name, solid: state.solid, camera: camera.state() }].slice(-MOST);
    this.store();
  }

  store() {
    if (!keep(this.key, this.marks)) toast("This browser keeps nothing; the bookmark lasts until the page is closed.");
    this.show();
  }

  show() {
    this.list.hidden = !this.marks.length;
    this.list.replaceChildren(...this.marks.map((mark) => el("li", {},
      el("button", { type: "button", class: "mark", onclick: () => this.S.goTo(mark) }, mark.name),
      el("button", { type: "button", class: "quiet", "aria-label": `Forget ${mark.name}`, title: "Forget", onclick: () => {
        this.marks = this.marks.filter((other) => other !== mark);
        this.store();
      } }, "×"))));
  }
}
