"""A window by Open3D, in a process of its own, fed by the hub like any page.

Tried in this order: the Filament window (a display and a Vulkan device), the OpenGL visualizer (a display only). Where
neither opens, `open_window` says why, and the page stays the view. Keys: space pauses and plays, "." makes one tick,
F shows the whole world, Q or Esc closes.
"""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import traceback
from collections.abc import Callable
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from websockets.exceptions import ConnectionClosed

from partitions.frames import Frame
from viewer.child import end, spawn
from viewer.client import Client
from viewer.colour import GROUND
from viewer.hub import Hub
from viewer.image import aim, geometry, half_height
from viewer.open3d_loader import load_open3d, probe
from viewer.shapes import Mesh, beams, entities, entity_colours

SIZE = (1280, 800)
END_SECONDS = 2.0
MOST_MODELS = 5000
POINT_PIXELS = 3.0
FAR_OFF = 1e6
Kind = Literal["gui", "legacy"]


class Window:
    """Handle of the window's process.

    Attributes:
        kind: "gui" for the Filament window, "legacy" for the OpenGL one.
        process: the process; it ends when the window is closed.
    """

    def __init__(self, process: subprocess.Popen[bytes], kind: Kind) -> None:
        """Use `open_window`."""
        self.process = process
        self.kind = kind

    @property
    def open(self) -> bool:
        """Whether the window is still there."""
        return self.process.poll() is None

    def close(self) -> None:
        """Close the window, within 2 seconds."""
        end(self.process, END_SECONDS)


def open_window(hub: Hub) -> Window | str:
    """Open a window that shows what `hub` shows.

    Returns:
        The window, or a message of three sentences that says why there is none and what would help.
    """
    if not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
        return (
            "A window was asked for, and this machine has no display (DISPLAY and WAYLAND_DISPLAY are empty).\n"
            "There is no screen that it could open on.\n"
            f"Open the page in a browser instead: {hub.url}"
        )
    missing = probe("import")
    if missing is not None:
        return missing
    kind: Kind = "gui" if probe("gui") is None else "legacy"
    if kind == "legacy":
        missing = probe("legacy")
        if missing is not None:
            return missing
    process = spawn("viewer.window", [kind], stderr=subprocess.DEVNULL)
    assert process.stdin is not None
    # Not an argument: the list of processes is public, and the link holds the token.
    process.stdin.write(hub.url.encode() + b"\n")
    process.stdin.flush()
    return Window(process, kind)


class Stream:
    """Receives frames in a thread and keeps the newest.

    Attributes:
        changed: set when there is a new frame or the hub has ended.
        ended: the hub is gone.
    """

    def __init__(self, client: Client) -> None:
        """Start to receive."""
        self.client = client
        self.changed = threading.Event()
        self.ended = False
        self._newest: Frame | None = None
        threading.Thread(target=self._receive, name="window-receive", daemon=True).start()
        threading.Thread(target=self._watch_parent, name="window-parent", daemon=True).start()

    def take(self) -> Frame | None:
        """The newest frame, once; tells the hub that another is welcome."""
        self.changed.clear()
        frame, self._newest = self._newest, None
        if frame is not None:
            self.ask({"op": "ack"})
        return frame

    def ask(self, command: dict[str, Any]) -> None:
        """Send a command to the hub."""
        try:
            self.client.ask(command)
        except ConnectionClosed:
            self.ended = True

    def toggle(self) -> None:
        """Pause a run that plays, play one that is paused."""
        paused = self.client.news.get("status", {}).get("paused", False)
        self.ask({"op": "play" if paused else "pause"})

    def _receive(self) -> None:
        try:
            while True:
                self._newest = self.client.frame()
                self.changed.set()
        except ConnectionClosed:
            self.ended = True
            self.changed.set()

    def _watch_parent(self) -> None:
        os.read(0, 1)  # nothing is ever sent: this returns when the other end is closed
        os._exit(0)  # whatever the window is doing, there is nothing to save


def run_legacy(stream: Stream, meta: dict[str, Any]) -> None:
    """Show until closed, with the OpenGL visualizer: any number of entities, each frame a fresh mesh or cloud."""
    open3d = load_open3d()
    window = open3d.visualization.VisualizerWithKeyCallback()
    if not window.create_window(f"{meta['app']} - Weaver", *SIZE):
        return
    option = window.get_render_option()
    option.background_color = np.array(GROUND)
    option.light_on = False
    option.mesh_show_back_face = True
    option.point_size = POINT_PIXELS
    still = beams(meta, _pixel(meta))
    window.add_geometry(geometry(open3d, still))
    extent = float((still.corners.max(axis=0) - still.corners.min(axis=0)).max())

    def whole(_: Any) -> bool:
        aim(window.get_view_control(), meta, SIZE[0] / SIZE[1], extent)
        return True

    def key(act: Callable[[], None]) -> Callable[[Any], bool]:
        def pressed(_: Any) -> bool:
            act()
            return False

        return pressed

    window.register_key_callback(ord(" "), key(stream.toggle))
    window.register_key_callback(ord("."), key(lambda: stream.ask({"op": "step", "n": 1})))
    window.register_key_callback(ord("F"), whole)
    whole(None)
    models = geometry(open3d, Mesh(np.zeros((0, 3)), np.zeros((0, 3))))
    points = open3d.geometry.PointCloud()
    added = False
    while window.poll_events() and not stream.ended:
        stream.changed.wait(1 / 60)  # a new frame, or the turn of keys and mouse
        frame = stream.take()
        if frame is not None:
            _fill(open3d, meta, frame, models, points)
            # Open3D cannot add what is empty; the view must not jump when it is added.
            if not added:
                window.add_geometry(models, reset_bounding_box=False)
                window.add_geometry(points, reset_bounding_box=False)
                added = True
            window.update_geometry(models)
            window.update_geometry(points)
        window.update_renderer()
    window.destroy_window()


def _pixel(meta: dict[str, Any]) -> float:
    """Metres that a pixel shows when the whole world is seen."""
    return 2 * half_height(meta, SIZE[0] / SIZE[1]) / SIZE[1]


def _fill(open3d: Any, meta: dict[str, Any], frame: Frame, models: Any, points: Any) -> None:
    """Put a frame into a mesh, or into a cloud where that would be too much."""
    few = sum(len(rows) for rows in frame.types) <= MOST_MODELS
    mesh = entities(meta, frame) if few else Mesh(np.zeros((0, 3)), np.zeros((0, 3)))
    fresh = geometry(open3d, mesh)
    models.vertices, models.vertex_colors, models.triangles = fresh.vertices, fresh.vertex_colors, fresh.triangles
    places, colours = (np.zeros((0, 3)), np.zeros((0, 3))) if few else cloud(meta, frame)
    points.points = open3d.utility.Vector3dVector(places)
    points.colors = open3d.utility.Vector3dVector(colours)


def cloud(meta: dict[str, Any], frame: Frame) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Places (n, 3) in metres and colours (n, 3) of all entities."""
    places = [frame.coordinates(rows) for rows in frame.types]
    colours = [entity_colours(meta, rows) for rows in frame.types]
    return np.concatenate([*places, np.zeros((0, 3))]), np.concatenate([*colours, np.zeros((0, 3))])


class Points:
    """A cloud in a Filament scene whose size may change.

    Filament keeps a buffer of fixed size and a fixed bounding box, and reads our memory without a copy. So the arrays
    stay ours, larger than needed; spare rows are parked far off, and two rows at the corners of the world fix the box.
    """

    def __init__(self, open3d: Any, scene: Any, name: str, low: list[float], high: list[float], size: float) -> None:
        """`scene` is an Open3DScene; `size` the diameter in pixels."""
        self._open3d, self._scene, self._name = open3d, scene, name
        self._low, self._high = np.array(low, np.float32), np.array(high, np.float32)
        self._material = open3d.visualization.rendering.MaterialRecord()
        self._material.shader = "defaultUnlit"
        self._material.point_size = size
        self._room = 0

    def _grow(self, room: int) -> None:
        if self._room:
            self._scene.remove_geometry(self._name)
        tensor = self._open3d.core.Tensor
        self._room = room
        corners = np.tile(self._low, (room + 2, 1))
        corners[-1] = self._high
        self._cloud = self._open3d.t.geometry.PointCloud(tensor(corners))
        self._cloud.point.colors = tensor(np.zeros((room + 2, 3), np.float32))
        self._places = self._cloud.point.positions.numpy()
        self._colours = self._cloud.point.colors.numpy()
        self._scene.add_geometry(self._name, self._cloud, self._material)

    def show(self, places: NDArray[np.float64], colours: NDArray[np.float64]) -> None:
        """Draw these (n, 3) places, metres, in these (n, 3) colours."""
        n = len(places)
        if n > self._room:
            self._grow(max(1024, n + n // 2))
        elif not self._room:
            return
        self._places[:n], self._colours[:n] = places, colours
        self._places[n:] = self._low - FAR_OFF
        rendering = self._open3d.visualization.rendering.Scene
        flags = rendering.UPDATE_POINTS_FLAG | rendering.UPDATE_COLORS_FLAG
        self._scene.scene.update_geometry(self._name, self._cloud, flags)


def run_gui(stream: Stream, meta: dict[str, Any]) -> None:
    """Show until closed, with Open3D's own window (Filament)."""
    open3d = load_open3d()
    gui, rendering = open3d.visualization.gui, open3d.visualization.rendering
    application = gui.Application.instance
    application.initialize()
    window = application.create_window(f"{meta['app']} - Weaver", *SIZE)
    widget = gui.SceneWidget()
    widget.scene = rendering.Open3DScene(window.renderer)
    # Tone mapping would wash out the colours of the map.
    widget.scene.view.set_post_processing(False)
    widget.scene.set_background([*GROUND, 1.0])
    window.add_child(widget)
    unlit = rendering.MaterialRecord()
    unlit.shader = "defaultUnlit"
    widget.scene.add_geometry("world", geometry(open3d, beams(meta, _pixel(meta))), unlit)
    low, high = [float(x) for x in meta["low"]], [float(x) for x in meta["high"]]
    points = Points(open3d, widget.scene, "entities", low, high, POINT_PIXELS)

    def whole() -> None:
        box = open3d.geometry.AxisAlignedBoundingBox(low, high)
        widget.setup_camera(50.0, box, box.get_center())
        if meta["dim"] == 2:
            centre = np.array(box.get_center())
            far = 1.15 * max(b - a for a, b in zip(low, high, strict=True))
            widget.look_at(centre, centre + [0, 0, far], [0, 1, 0])

    def key(event: Any) -> bool:
        if event.type != gui.KeyEvent.Type.DOWN:
            return False
        acts: dict[int, Callable[[], None]] = {
            int(gui.KeyName.SPACE): stream.toggle,
            int(gui.KeyName.PERIOD): lambda: stream.ask({"op": "step", "n": 1}),
            int(gui.KeyName.F): whole,
            int(gui.KeyName.Q): application.quit,
            int(gui.KeyName.ESCAPE): application.quit,
        }
        act = acts.get(int(event.key))
        if act is None:
            return False
        act()
        return True

    window.set_on_key(key)
    whole()

    def follow() -> None:
        while not stream.ended:
            stream.changed.wait()
            frame = stream.take()
            if frame is None:
                continue
            shown = threading.Event()

            def show(frame: Frame = frame, shown: threading.Event = shown) -> None:
                points.show(*cloud(meta, frame))
                window.post_redraw()
                shown.set()

            application.post_to_main_thread(window, show)
            shown.wait()  # one at a time, or the queue of the window would grow
        application.post_to_main_thread(window, application.quit)

    threading.Thread(target=follow, name="window-follow", daemon=True).start()
    application.run()


def main(kind: str) -> None:
    """The window's process: its first line of stdin is the link, the end of stdin closes it."""
    link = bytearray()
    while not link.endswith(b"\n"):
        byte = os.read(0, 1)
        if not byte:
            return
        link += byte
    code = 1
    try:
        client = Client(link.decode().strip())
        meta = client.receive_texts("meta")
        (run_gui if kind == "gui" else run_legacy)(Stream(client), meta)
        code = 0
    except BaseException:
        traceback.print_exc()
        raise
    finally:
        sys.stderr.flush()
        # Filament aborts when its objects are taken down in the wrong order; threads of ours may still wait.
        os._exit(code)


if __name__ == "__main__":
    main(sys.argv[1])
