// Mouse and fingers on the scene: drag turns (in a top view it moves), the right button moves, the wheel and two fingers
// zoom, a click picks, shift and drag draws a box.

import { $ } from "./dom.js";

const STILL = 4; // CSS pixels that a click may move
const HOVER = 90; // ms between two looks at what is under the pointer
const SHARE = 8; // and at most an eighth of the time goes into looking

// act: changed(), click(x, y, more), box(x0, y0, x1, y1), hover(x, y) or hover(null)
export function steer(canvas, camera, act) {
  const fingers = new Map();
  let began = null, still = false, drawn = null, next = 0, resting = null;

  const look = (x, y) => {
    const start = performance.now();
    act.hover(x, y);
    next = performance.now() + Math.max(HOVER, SHARE * (performance.now() - start));
  };
  const rest = () => {
    clearTimeout(resting);
    act.hover(null);
  };

  canvas.addEventListener("pointerdown", (event) => {
    canvas.setPointerCapture(event.pointerId);
    fingers.set(event.pointerId, [event.clientX, event.clientY]);
    began = [event.clientX, event.clientY];
    still = fingers.size === 1 && event.button === 0;
    drawn = event.shiftKey && still ? began : null;
    canvas.classList.toggle("dragging", !drawn);
    rest();
  });

  canvas.addEventListener("pointermove", (event) => {
    const before = fingers.get(event.pointerId), now = [event.clientX, event.clientY];
    if (!before) {
      // Where the pointer comes to rest is looked at in any case.
      clearTimeout(resting);
      if (event.pointerType !== "mouse") return;
      if (performance.now() > next) look(...now);
      else resting = setTimeout(() => look(...now), next - performance.now());
      return;
    }
    const [dx, dy] = [now[0] - before[0], now[1] - before[1]];
    if (still && Math.hypot(now[0] - began[0], now[1] - began[1]) <= STILL) return;
    still = false;
    if (drawn) return marquee(drawn, now);
    if (fingers.size === 2) {
      const other = [...fingers].find(([id]) => id !== event.pointerId)[1];
      const apart = ([x, y]) => Math.max(Math.hypot(x - other[0], y - other[1]), 1);
      camera.pan(dx / 2, dy / 2);
      camera.zoom(apart(before) / apart(now), (now[0] + other[0]) / 2, (now[1] + other[1]) / 2);
    } else if (event.buttons & 6) camera.pan(dx, dy);
    else camera.orbit(dx, dy);
    fingers.set(event.pointerId, now);
    act.changed();
  });

  canvas.addEventListener("pointerup", (event) => {
    const now = [event.clientX, event.clientY];
    if (still) act.click(...now, event.shiftKey);
    else if (drawn) act.box(Math.min(drawn[0], now[0]), Math.min(drawn[1], now[1]), Math.max(drawn[0], now[0]), Math.max(drawn[1], now[1]));
  });

  for (const name of ["pointerup", "pointercancel"]) {
    canvas.addEventListener(name, (event) => {
      fingers.delete(event.pointerId);
      still = false;
      drawn = null;
      $("marquee").hidden = true;
      if (!fingers.size) canvas.classList.remove("dragging");
    });
  }

  canvas.addEventListener("pointerleave", rest);

  canvas.addEventListener("wheel", (event) => {
    event.preventDefault();
    camera.zoom(Math.exp(Math.min(Math.max(event.deltaY, -200), 200) * 0.0015), event.clientX, event.clientY);
    act.changed();
  }, { passive: false });

  canvas.addEventListener("contextmenu", (event) => event.preventDefault());
}

function marquee([x0, y0], [x1, y1]) {
  const box = $("marquee");
  box.hidden = false;
  box.style.left = `${Math.min(x0, x1)}px`;
  box.style.top = `${Math.min(y0, y1)}px`;
  box.style.width = `${Math.abs(x1 - x0)}px`;
  box.style.height = `${Math.abs(y1 - y0)}px`;
}
