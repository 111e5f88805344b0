"""The window by Open3D's own toolkit and renderer (Filament): buttons, a list of what to colour by, and a text."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from viewer.camera import Camera
from viewer.colour import GROUND
from viewer.lines import beams, surfaces
from viewer.open3d_loader import load_open3d
from viewer.painter import geometry
from viewer.rasters import floor, tiles, volumes
from viewer.shapes import View, entities, join
from viewer.stream import Stream

SIZE = (1280, 800)
PANEL_WIDTH = 17.0  # in heights of a letter
POINT_PIXELS = 3.0
CLICK_PIXELS = 4
FAR_OFF = 1e6
AGAIN_SECONDS = 0.25, 4.0
"""Filament leaves out a drawing while it is behind with an earlier one, and does not say so. The last picture of a run
that stands still would be missing, so it is drawn again: first so soon, each time after twice as long, at most so long,
for as long as it stands."""


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


class _Gui:
    """The window's widgets, and how a frame gets into its scene."""

    def __init__(self, open3d: Any, stream: Stream) -> None:
        self._open3d, self._stream = open3d, stream
        gui, rendering = open3d.visualization.gui, open3d.visualization.rendering
        self.application = gui.Application.instance
        self.application.initialize()
        meta = stream.meta
        self.window = self.application.create_window(f"{meta['app']} - Weaver", *SIZE)
        self._widget = gui.SceneWidget()
        self._scene = self._widget.scene = rendering.Open3DScene(self.window.renderer)
        # Tone mapping would wash out the colours of the map.
        self._scene.view.set_post_processing(False)
        self._scene.set_background([*GROUND, 1.0])
        self._unlit = rendering.MaterialRecord()
        self._unlit.shader = "defaultUnlit"
        camera = Camera(0.0, 90.0) if meta["dim"] == 2 else Camera()
        self._view = View(meta, camera, SIZE, live=True)
        still = join([beams(meta, self._view.pixel), surfaces(meta)])
        self._scene.add_geometry("world", geometry(open3d, still), self._unlit)
        self._low, self._high = [float(x) for x in meta["low"]], [float(x) for x in meta["high"]]
        self._points = Points(open3d, self._scene, "entities", self._low, self._high, POINT_PIXELS)
        self._meshed = False
        self._again = math.inf  # when to draw once more
        self._pause = 0.0  # how long the drawing before was waited for, seconds
        self._down = (0, 0)
        self._lay_out(gui)
        self.whole()

    def _lay_out(self, gui: Any) -> None:
        stream, em = self._stream, self.window.theme.font_size
        panel = gui.Vert(0.4 * em, gui.Margins(0.7 * em, 0.7 * em, 0.7 * em, 0.7 * em))
        buttons = gui.Horiz(0.4 * em)
        self._play = gui.Button("Pause")
        step, all_of_it = gui.Button("Step"), gui.Button("Whole")
        for button, act in ((self._play, stream.toggle), (step, stream.step), (all_of_it, self.whole)):
            button.set_on_clicked(act)
            buttons.add_child(button)
        self._colours = gui.Combobox()
        for choice in stream.choices:
            self._colours.add_item(choice)
        self._colours.set_on_selection_changed(lambda _, index: stream.colour_by(index))
        self._text = gui.Label("\n" * 24)
        for child in (buttons, self._colours, self._text):
            panel.add_child(child)
        self.window.add_child(self._widget)
        self.window.add_child(panel)
        self._widget.set_on_mouse(self._mouse)
        self.window.set_on_key(self._key)

        def place(_: Any) -> None:
            area, wide = self.window.content_rect, round(PANEL_WIDTH * em)
            self._widget.frame = gui.Rect(area.x, area.y, area.width - wide, area.height)
            panel.frame = gui.Rect(area.get_right() - wide, area.y, wide, area.height)

        self.window.set_on_layout(place)

    def whole(self) -> None:
        """Look at the whole world."""
        box = self._open3d.geometry.AxisAlignedBoundingBox(self._low, self._high)
        self._widget.setup_camera(50.0, box, box.get_center())
        centre = np.array(box.get_center())
        if self._stream.meta["dim"] == 2:
            far = 1.15 * max(b - a for a, b in zip(self._low, self._high, strict=True))
            self._widget.look_at(centre, centre + [0, 0, far], [0, 1, 0])
        else:
            far = 1.05 * float(np.linalg.norm(np.array(self._high) - np.array(self._low)))
            self._widget.look_at(centre, centre + far * self._view.camera.back, [0, 0, 1])

    def _key(self, event: Any) -> bool:
        gui = self._open3d.visualization.gui
        if event.type != gui.KeyEvent.Type.DOWN:
            return False
        acts: dict[int, Callable[[], None]] = {
            int(gui.KeyName.SPACE): self._stream.toggle,
            int(gui.KeyName.PERIOD): self._stream.step,
            int(gui.KeyName.C): self._next_colour,
            int(gui.KeyName.F): self.whole,
            int(gui.KeyName.Q): self.application.quit,
            int(gui.KeyName.ESCAPE): self.application.quit,
        }
        act = acts.get(int(event.key))
        if act is None:
            return False
        act()
        return True

    def _next_colour(self) -> None:
        self._stream.colour_by(self._stream.chosen + 1)
        self._colours.selected_index = self._stream.chosen

    def _mouse(self, event: Any) -> Any:
        """A click that moves nothing picks; the camera gets every event all the same."""
        gui = self._open3d.visualization.gui
        if event.type == gui.MouseEvent.Type.BUTTON_DOWN:
            self._down = (event.x, event.y)
        elif event.type == gui.MouseEvent.Type.BUTTON_UP:
            if max(abs(event.x - self._down[0]), abs(event.y - self._down[1])) <= CLICK_PIXELS:
                area, camera = self._widget.frame, self._scene.camera
                matrix = np.array(camera.get_projection_matrix(), float) @ np.array(camera.get_view_matrix(), float)
                self._stream.pick(matrix, (area.width, area.height), event.x - area.x, event.y - area.y)
        return gui.Widget.EventCallbackResult.IGNORED

    def show(self) -> None:
        """Put the stream's frame in place of the one before."""
        stream, view = self._stream, self._view
        assert stream.frame is not None
        mesh, cloud = entities(view, stream.frame, stream.look, stream.models)
        below = floor(view, stream.frame, stream.look)
        mesh = join([*([tiles(below)] if below is not None else []), volumes(view, stream.frame, stream.look), mesh])
        if self._meshed:
            self._scene.remove_geometry("models")
        self._meshed = bool(len(mesh))
        if self._meshed:
            self._scene.add_geometry("models", geometry(self._open3d, mesh), self._unlit)
        place = stream.selected_place
        places, colours = cloud.places, cloud.colours
        if place is not None:
            places, colours = np.concatenate([places, [place]]), np.concatenate([colours, [[1.0, 1.0, 1.0]]])
        self._points.show(places, colours)
        self._text.text = "\n".join(stream.told())
        self._play.text = "Play" if stream.paused else "Pause"
        self.window.post_redraw()
        self._pause = AGAIN_SECONDS[0]
        self._again = time.monotonic() + self._pause

    def follow(self) -> None:
        """Show what is new until the window is closed or the hub has ended.

        No other thread posts to the window: Open3D holds the lock of its queue while it runs what was posted, and takes
        it without letting go of the interpreter, so that the two would wait for each other now and then.
        """
        while not self._stream.ended and self.application.run_one_tick():  # which waits 10 ms for events
            if self._stream.changed.is_set() and self._stream.take() is not None:
                self.show()
            elif time.monotonic() >= self._again:
                self.window.post_redraw()
                self._pause = min(2 * self._pause, AGAIN_SECONDS[1])
                self._again = time.monotonic() + self._pause


def run_gui(stream: Stream) -> None:
    """Show until closed."""
    _Gui(load_open3d(), stream).follow()
