"""The scene alone in a real browser: no hub, no panels; frames made here are fetched from a server on this machine."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np

from partitions.frames import Block, Frame, encode

READ_BACK = "GPU stall due to ReadPixels"
"""What the browser says now and then when it shows, without a graphics card, what WebGL has drawn."""
PAGE = Path(__file__).parents[2] / "viewer" / "page"
HTML = """<!doctype html><meta charset="utf-8"><title>stage</title><link rel="icon" href="data:,">
<style>body{margin:0;background:#000}canvas{display:block;width:100vw;height:100vh}</style>
<canvas id="scene"></canvas><script type="module" src="stage.js"></script>"""
SCRIPT = """
import { Scene } from "./page/scene.js";
import * as colour from "./page/colour.js";
import { decode, decodeModel } from "./page/frame.js";
const canvas = document.getElementById("scene");
[canvas.width, canvas.height] = [innerWidth * devicePixelRatio, innerHeight * devicePixelRatio];
const S = window.S = new Scene(canvas);
window.colour = colour;
[S.camera.width, S.camera.height] = [innerWidth, innerHeight];
window.show = async (name) => {
  const buffer = await (await fetch(`/frames/${name}`)).arrayBuffer();
  S.setFrame(decode(buffer));
  window.drawn = S.draw();
  return drawn;
};
window.model = async (name) => {
  const { name: called, positions, normals } = decodeModel(await (await fetch(`/frames/${name}`)).arrayBuffer());
  S.setModel(called, positions, normals);
};
// Frames drawn in a second, as fast as it goes, each decoded and sent to the graphics card afresh.
window.pace = async (names, seconds, each = () => {}) => {
  const buffers = await Promise.all(names.map(async (name) => (await fetch(`/frames/${name}`)).arrayBuffer()));
  const one = new Uint8Array(4);
  const turn = (k) => {
    S.setFrame(decode(buffers[k % buffers.length]));
    each(k);
    S.draw();
    S.gl.readPixels(0, 0, 1, 1, S.gl.RGBA, S.gl.UNSIGNED_BYTE, one); // waits until it is finished
  };
  for (let k = 0; k < 3; k++) turn(k);
  let n = 0;
  const start = performance.now();
  while (performance.now() - start < 1000 * seconds) {
    turn(n++);
    await new Promise(requestAnimationFrame);
  }
  return (1000 * n) / (performance.now() - start);
};
window.ready = true;
"""


def bounds(dim: int = 2, side: float = 400.0, depth: float = 200.0) -> tuple[tuple[float, ...], tuple[float, ...]]:
    return (0.0, 0.0, 0.0), (side, side, depth if dim == 3 else 0.0)


def world(dim: int = 2, side: float = 400.0, depth: float = 200.0, types: int = 1, **more: Any) -> dict[str, Any]:
    """A world of birds, as the hub describes it to viewers."""
    low, high = bounds(dim, side, depth)
    kinds = [
        {"name": f"Bird{k}" if k else "Bird", "fields": [], "heading": True, "radius": None, "view": {}} for k in range(types)
    ]  # fmt: skip
    meta = {"app": "birds", "dim": dim, "low": low, "high": high, "boundary": ["periodic"] * dim, "ticks": 1000}
    return {**meta, "types": kinds, "layers": [], "geometry": [], "surfaces": [], **more}


def points(places: Any, heading: Any = None, columns: Any = (), type_index: int = 0, ids: Any = None, low: Any = (0, 0, 0),
           high: Any = (400, 400, 0)) -> Block:  # fmt: skip
    """Points block of `places` (n, 2 or 3) in metres; columns: [(field, values (n,))]."""
    places = np.asarray(places, float)
    n = len(places)
    full = np.zeros((n, 3))
    full[:, : places.shape[1]] = places
    span = np.where(np.array(high, float) > np.array(low), np.array(high, float) - low, 1)
    arrays: dict[str, Any] = {
        "positions": np.rint(np.clip((full - low) / span, 0, 1) * 65535).astype(np.uint16),
        "ids": np.asarray(ids if ids is not None else np.arange(n) + 1000, np.int64),
    }
    if heading is not None:
        ahead = np.zeros((n, 3))
        ahead[:, : np.shape(heading)[1]] = heading
        length = np.linalg.norm(ahead, axis=1, keepdims=True)
        arrays["heading"] = np.rint(127 * ahead / np.where(length > 0, length, 1)).astype(np.int8)
    about: dict[str, Any] = {"type": type_index, "in_area": n, "columns": []}
    for k, (field, values) in enumerate(columns):
        arrays[f"column{k}"] = np.asarray(values, np.float32)
        finite = arrays[f"column{k}"][np.isfinite(arrays[f"column{k}"])]
        edges = (float(finite.min()), float(finite.max())) if len(finite) else (None, None)
        about["columns"].append({"field": field, "low": edges[0], "high": edges[1]})
    return Block("points", about, arrays)


def density(counts: Any, type_index: int = 0) -> Block:
    counts = np.asarray(counts, np.uint32)
    return Block("density", {"type": type_index, "in_area": int(counts.sum())}, {"counts": counts})


def raster(values: Any, low: Any, high: Any, layer: int = 0, codes: bool = False, stride: int = 1) -> Block:
    """Layer block of `values` [z, y, x]; codes: they are labels."""
    values = np.asarray(values)
    about = {"layer": layer, "field": "height", "low": list(low), "high": list(high), "stride": stride, "range": None}
    if codes:
        return Block("layer", about, {"values": values.astype(np.uint8)})
    finite = values[np.isfinite(values)]
    least, most = float(finite.min()), float(finite.max())
    share = ((values - least) / ((most - least) or 1)).astype(np.float16)
    return Block("layer", {**about, "range": [least, most]}, {"values": share})


class Stage:
    """A page with a Scene in `S`."""

    def __init__(self, browser: Any, url: str, frames: dict[str, bytes], size: tuple[int, int], ratio: float) -> None:
        self.page = browser.new_page(viewport={"width": size[0], "height": size[1]}, device_scale_factor=ratio)
        self.errors: list[str] = []
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.on("console", self._said)
        self.frames = frames
        self.page.goto(url)
        self.page.wait_for_function("window.ready === true")

    def _said(self, line: Any) -> None:
        if line.type in ("error", "warning") and READ_BACK not in line.text:
            self.errors.append(line.text)

    def value(self, expression: str, argument: Any = None) -> Any:
        return self.page.evaluate(expression, argument)

    def world(self, meta: dict[str, Any], light: bool = False) -> None:
        self.value("([meta, light]) => { S.setTheme(light); S.setWorld(meta); }", [meta, light])
        self.meta = meta

    def show(self, *blocks: Block, tick: int = 1, low: Any = None, high: Any = None) -> Any:
        """Hand a frame to the scene and draw it; what draw() said."""
        self.frames["now"] = encode(
            Frame(tick, 0, tuple(low or self.meta["low"]), tuple(high or self.meta["high"]), blocks)
        )
        return self.value("show('now')")

    def project(self, *place: float) -> list[float]:
        return self.value("(p) => S.camera.project(p)", [*place, 0][:3])

    def pixel(self, *place: float) -> Any:
        """Colour, 0 to 255, where a place of the world is drawn."""
        return np.array(self.value("(p) => S.pixel(...S.camera.project(p))", [*place, 0][:3]))

    def shot(self, path: Path) -> None:
        self.value("S.draw() && 1")
        self.page.screenshot(path=path)


@contextmanager
def theatre() -> Iterator[tuple[str, dict[str, bytes]]]:
    """A server with the page's modules; frames put into the dict are served under /frames/."""
    frames: dict[str, bytes] = {}

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            kind, body = "text/html", b""
            name = self.path.partition("?")[0].lstrip("/")
            if name == "":
                body = HTML.encode()
            elif name == "stage.js":
                kind, body = "text/javascript", SCRIPT.encode()
            elif name.startswith("page/") and "/" not in name[5:] and (PAGE / name[5:]).is_file():
                kind, body = "text/javascript", (PAGE / name[5:]).read_bytes()
            elif name.startswith("frames/") and name[7:] in frames:
                kind, body = "application/octet-stream", frames[name[7:]]
            self.send_response(200 if body else 404)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answer)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/", frames
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
