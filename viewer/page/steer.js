// Mouse and fingers on the scene: drag turns (in a top view it moves), with shift or the right button it moves,
// the wheel and two fingers zoom.

export function steer(canvas, camera, changed) {
  const fingers = new Map();

  canvas.addEventListener("pointerdown", (event) => {
    canvas.setPointerCapture(event.pointerId);
    fingers.set(event.pointerId, [event.clientX, event.clientY]);
    canvas.classList.add("dragging");
  });

  canvas.addEventListener("pointermove", (event) => {
    const before = fingers.get(event.pointerId);
    if (!before) return;
    const now = [event.clientX, event.clientY], [dx, dy] = [now[0] - before[0], now[1] - before[1]];
    if (fingers.size === 2) {
      const other = [...fingers].find(([id]) => id !== event.pointerId)[1];
      const apart = ([x, y]) => Math.max(Math.hypot(x - other[0], y - other[1]), 1);
      camera.pan(dx / 2, dy / 2);
      camera.zoom(apart(before) / apart(now), (now[0] + other[0]) / 2, (now[1] + other[1]) / 2);
    } else if (event.shiftKey || event.buttons & 6) camera.pan(dx, dy);
    else camera.orbit(dx, dy);
    fingers.set(event.pointerId, now);
    changed();
  });

  for (const name of ["pointerup", "pointercancel"]) {
    canvas.addEventListener(name, (event) => {
      fingers.delete(event.pointerId);
      if (!fingers.size) canvas.classList.remove("dragging");
    });
  }

  canvas.addEventListener("wheel", (event) => {
    event.preventDefault();
    camera.zoom(Math.exp(Math.min(Math.max(event.deltaY, -200), 200) * 0.0015), event.clientX, event.clientY);
    changed();
  }, { passive: false });

  canvas.addEventListener("contextmenu", (event) => event.preventDefault());
}
