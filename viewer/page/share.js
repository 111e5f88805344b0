// A link that opens the page as it is seen now; what it may do is chosen: watch, or control.

import { $, toast } from "./dom.js";
import { pack } from "./state.js";

export class Share {
  constructor(S) {
    this.S = S;
    $("share").onclick = () => this.open();
    $("copy").onclick = () => this.copy();
    for (const input of document.getElementsByName("right")) input.onchange = () => this.show();
  }

  link(right) {
    const { S } = this, base = S.you?.links?.[right];
    if (!base) return null;
    return `${base}${base.includes("#") ? "&" : "#"}s=${pack(S.state, S.camera.state())}`;
  }

  open() {
    const control = Boolean(this.S.you?.links?.control);
    $("right-control").hidden = !control;
    if (!control) document.querySelector("[name=right][value=view]").checked = true;
    this.show();
    $("sharing").showModal();
    $("shared").select();
  }

  show() {
    $("shared").value = this.link(document.querySelector("[name=right]:checked").value) ?? "";
  }

  async copy() {
    const input = $("shared");
    try {
      await navigator.clipboard.writeText(input.value);
    } catch {
      // No clipboard without a secure context: then as it was done before there was one.
      input.select();
      if (!document.execCommand("copy")) return toast("Copy the link by hand: this browser lets no page do it.", "warn");
    }
    toast("Link copied");
    $("sharing").close();
  }
}
