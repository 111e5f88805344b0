// The keyboard, and the sheet that tells of it.

import { $, el } from "./dom.js";

const SHEET = [
  ["Space", "Play or pause"], [".", "One tick"], ["← →", "Back and on, tick by tick"], ["Esc", "Back to live; then deselect"],
  ["F", "Whole world"], ["V", "Top or tilted view"], ["G", "Grid"], ["P", "Partitions"], ["T", "Light or dark"],
  ["S", "Screenshot"], ["+ −", "Closer, farther"], ["?", "This sheet"],
  ["Drag", "Move a map, turn a space"], ["Right drag", "Move"], ["Wheel, pinch", "Zoom"],
  ["Click", "Inspect an entity"], ["Shift drag", "Select a box"],
];

// act: name -> function
export function keys(act) {
  $("keys").replaceChildren(...SHEET.map(([name, words]) => el("div", {}, el("dt", {}, el("kbd", {}, name)), el("dd", {}, words))));
  $("help").onclick = () => $("helping").showModal();
  const press = (id) => () => $(id).click();
  const bound = {
    " ": press("play"), ".": press("step"), ArrowLeft: () => act.nudge(-1), ArrowRight: () => act.nudge(1),
    f: press("fit"), p: press("toggle-partitions"), g: press("toggle-grid"), t: press("toggle-light"), v: press("toggle-solid"),
    s: press("shot"), "?": press("help"), Escape: act.escape, "+": () => act.zoom(1 / 1.25), "-": () => act.zoom(1.25),
  };
  addEventListener("keydown", (event) => {
    const { key, target } = event;
    if (event.ctrlKey || event.metaKey || event.altKey || !Object.hasOwn(bound, key) || document.querySelector("dialog[open]")) return;
    if (key === "Escape") {
      if (target.matches("input, select")) return target.blur();
    } else if (target.matches("input[type=text], input[type=number], select")) return;
    // What has the focus keeps the keys that it knows.
    else if (key.startsWith("Arrow") && target.matches("input, [role=tab]")) return;
    else if (key === " " && target.matches("button:focus-visible, input")) return;
    event.preventDefault();
    if (key === " " && target.matches("button")) target.blur(); // else it would be clicked as well
    bound[key]();
  });
}
