"""The window by Open3D's OpenGL visualizer, which has no widgets: keys act, and what is said stands in the scene."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from viewer.camera import Camera
from viewer.colour import GROUND, INK
from viewer.lines import beams, surfaces
from viewer.open3d_loader import load_open3d
from viewer.painter import drawn, geometry
from viewer.rasters import Floor, textured
from viewer.shapes import Mesh, View, join
from viewer.stream import Stream

SIZE = (1280, 800)
FAR = 1e3
NEARER = 0.4


def run_legacy(stream: Stream) -> None:
    """Show until closed: each frame as fresh meshes and points."""
    open3d = load_open3d()
    window = open3d.visualization.VisualizerWithKeyCallback()
    if not window.create_window(f"{stream.meta['app']} - Weaver", *SIZE):
        return
    option = window.get_render_option()
    option.background_color = np.array(GROUND)
    option.light_on = False
    option.mesh_show_back_face = True
    # A map is seen in perspective from above, which is the same for what is level: the pointer can be traced back.
    camera = Camera(0.0, 90.0) if stream.meta["dim"] == 2 else Camera()
    view = View(stream.meta, camera, SIZE, live=True)
    still = join([beams(stream.meta, view.pixel), surfaces(stream.meta)])
    extent = float((still.corners.max(axis=0) - still.corners.min(axis=0)).max())
    window.add_geometry(geometry(open3d, still))
    scene = _Scene(open3d, window, stream, view)
    pointer = [0.0, 0.0]

    def whole() -> None:
        camera.aim(window.get_view_control(), stream.meta, SIZE[0] / SIZE[1], extent)

    def moved(_: Any, x: float, y: float) -> bool:
        pointer[:] = [x, y]
        return False

    def clicked(_: Any, button: int, action: int, mods: int) -> bool:
        if button == 0 and action == 0:  # the left one, let go
            matrix, size = _matrix(window)
            stream.pick(matrix, size, *pointer)
            window.register_mouse_button_callback(None)
            window.register_mouse_move_callback(None)
        return False

    def aim_pointer() -> None:
        # While these are set the mouse turns nothing.
        window.register_mouse_move_callback(moved)
        window.register_mouse_button_callback(clicked)

    def key(act: Callable[[], object]) -> Callable[[Any], bool]:
        def pressed(_: Any) -> bool:
            act()
            return False

        return pressed

    for letter, act in (
        (" ", stream.toggle), (".", stream.step), ("F", whole), ("P", aim_pointer),
        ("C", lambda: stream.colour_by(stream.chosen + 1)),
    ):  # fmt: skip
        window.register_key_callback(ord(letter), key(act))
    whole()
    while window.poll_events() and not stream.ended:
        stream.changed.wait(1 / 60)  # a new frame, or the turn of keys and mouse
        if stream.take() is not None:
            scene.show()
        window.update_renderer()
    window.destroy_window()


class _Scene:
    """What of the window changes with each frame."""

    def __init__(self, open3d: Any, window: Any, stream: Stream, view: View) -> None:
        self._open3d, self._window, self._stream, self._view = open3d, window, stream, view
        self._shown: list[Any] = []
        self._pixel = view.pixel

    def show(self) -> None:
        """Put the stream's frame in place of the one before."""
        stream = self._stream
        assert stream.frame is not None
        fresh, pixels = drawn(self._open3d, self._view, stream.frame, stream.look, stream.models)
        place = stream.selected_place
        if place is not None:
            fresh += self._marked(place)
        for old in self._shown:
            self._window.remove_geometry(old, reset_bounding_box=False)
        for new in fresh:
            self._window.add_geometry(new, reset_bounding_box=False)
        self._shown = fresh
        self._window.get_render_option().point_size = max(3.0, pixels)

    def _marked(self, place: NDArray[np.float64]) -> list[Any]:
        """A frame around the selected entity, and its fields beside it."""
        seen = np.asarray(self._window.get_view_control().convert_to_pinhole_camera_parameters().extrinsic)
        right, up, back = seen[0, :3], -seen[1, :3], -seen[2, :3]
        eye = -seen[:3, :3].T @ seen[:3, 3]
        # Nearer to the eye on the same ray, so that nothing is before it.
        at, self._pixel = eye + NEARER * (place - eye), NEARER * self._view.pixel
        r = 9 * self._pixel
        corners = [at + r * (s * right + t * up) for s, t in ((-1, -1), (1, -1), (1, 1), (-1, 1))]
        strokes = []
        for a, b in zip(corners, corners[1:] + corners[:1], strict=True):
            along = (b - a) / np.linalg.norm(b - a)
            wide = self._pixel * np.cross(along, back)
            strokes += [a - wide, a + wide, b + wide, a - wide, b + wide, b - wide]
        mesh = Mesh(np.array(strokes), np.tile(np.array(INK), (len(strokes), 1)))
        return [geometry(self._open3d, mesh), *self._label(at + r * (1.5 * right + up), right, up)]

    def _label(self, at: NDArray[np.float64], right: NDArray[np.float64], up: NDArray[np.float64]) -> list[Any]:
        """A board with what there is to say; needs Pillow."""
        try:
            from PIL import Image, ImageDraw, ImageFont
        except ModuleNotFoundError:
            return []
        lines, font = self._stream.told(), ImageFont.load_default(26)
        wide = max(font.getlength(line) for line in lines) + 24
        image = Image.new("RGB", (round(wide), 34 * len(lines) + 20), tuple(round(255 * v) for v in GROUND))
        pen = ImageDraw.Draw(image)
        for k, line in enumerate(lines):
            pen.text((12, 10 + 34 * k), line, tuple(round(255 * v) for v in INK), font)
        texels = np.asarray(image)[::-1]
        made = textured(self._open3d, Floor(texels, np.zeros(3), np.ones(3)))
        x, y = 0.5 * image.width * self._pixel * right, 0.5 * image.height * self._pixel * up
        made.vertices = self._open3d.utility.Vector3dVector(np.array([at - y, at + x - y, at + x, at]))
        return [made]


def _matrix(window: Any) -> tuple[NDArray[np.float64], tuple[float, float]]:
    """From places to clip coordinates, and the picture's size."""
    seen = window.get_view_control().convert_to_pinhole_camera_parameters()
    width, height = seen.intrinsic.width, seen.intrinsic.height
    focal_x, focal_y = seen.intrinsic.intrinsic_matrix[0, 0], seen.intrinsic.intrinsic_matrix[1, 1]
    # The extrinsic one looks along +z with y down; w is the distance ahead.
    project = np.array(
        [[2 * focal_x / width, 0, 0, 0], [0, -2 * focal_y / height, 0, 0], [0, 0, 1, -1 / FAR], [0, 0, 1, 0]]
    )
    return project @ np.asarray(seen.extrinsic), (float(width), float(height))
