"""Draws frames with Open3D's OpenGL visualizer, with no display; only ever in a process of its own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from partitions.frames import Frame
from viewer.camera import Camera
from viewer.colour import GROUND
from viewer.lines import beams, surfaces
from viewer.look import Look
from viewer.open3d_loader import NO_EGL, load_open3d
from viewer.rasters import floor, textured, volumes
from viewer.shapes import Mesh, Model, View, entities, join

FINER = 2
"""Pictures are drawn so much larger and averaged, which smooths all edges."""


class PaintError(RuntimeError):
    """There is no OpenGL here."""


class Painter:
    """Draws the frames of one world, one after the other.

    Attributes:
        look: in which colours.
        camera: from where; may be replaced between two frames.
    """

    def __init__(
        self, meta: Mapping[str, Any], size: tuple[int, int], camera: Camera, look: Look, models: Mapping[str, Model]
    ) -> None:
        """Open an invisible window.

        Raises:
            Open3DMissing: Open3D cannot be loaded.
            PaintError: OpenGL gives no context.
        """
        self._open3d = load_open3d()
        self._meta, self._size, self._models = meta, size, models
        self.camera, self.look = camera, look
        self._window = self._open3d.visualization.Visualizer()
        # False, not an exception, is how it says that there is no EGL.
        if not self._window.create_window("weaver", size[0] * FINER, size[1] * FINER, visible=False):
            raise PaintError(NO_EGL)
        option = self._window.get_render_option()
        option.background_color = np.array(GROUND)
        option.light_on = False
        option.mesh_show_back_face = True
        view = View(meta, camera, size)
        still = join([beams(meta, view.pixel), surfaces(meta)])
        self._extent = float((still.corners.max(axis=0) - still.corners.min(axis=0)).max())
        self._window.add_geometry(geometry(self._open3d, still))
        self._shown: list[Any] = []

    def paint(self, frame: Frame) -> NDArray[np.uint8]:
        """Draw a frame, (height, width, 3)."""
        view = View(self._meta, self.camera, self._size)
        fresh, cloud_pixels = drawn(self._open3d, view, frame, self.look, self._models)
        for old in self._shown:
            self._window.remove_geometry(old, reset_bounding_box=False)
        for new in fresh:
            self._window.add_geometry(new, reset_bounding_box=False)
        self._shown = fresh
        self._window.get_render_option().point_size = max(1.0, FINER * cloud_pixels)
        self.camera.aim(self._window.get_view_control(), self._meta, self._size[0] / self._size[1], self._extent)
        self._window.poll_events()
        self._window.update_renderer()
        return _averaged(np.asarray(self._window.capture_screen_float_buffer(True)), self._size)


def drawn(open3d: Any, view: View, frame: Frame, look: Look, models: Mapping[str, Model]) -> tuple[list[Any], float]:
    """Open3D's geometries of a frame for its OpenGL visualizer, and the diameter of its points in pixels."""
    mesh, cloud = entities(view, frame, look, models)
    made = []
    below = floor(view, frame, look)
    if below is not None:
        made.append(textured(open3d, below))
    mesh = join([volumes(view, frame, look), mesh])
    if len(mesh):
        made.append(geometry(open3d, mesh))
    if len(cloud):
        points = open3d.geometry.PointCloud()
        points.points = open3d.utility.Vector3dVector(cloud.places)
        points.colors = open3d.utility.Vector3dVector(cloud.colours)
        made.append(points)
    return made, cloud.pixels


def geometry(open3d: Any, mesh: Mesh) -> Any:
    """Open3D's triangle mesh of ours."""
    made = open3d.geometry.TriangleMesh()
    made.vertices = open3d.utility.Vector3dVector(np.ascontiguousarray(mesh.corners))
    made.vertex_colors = open3d.utility.Vector3dVector(np.ascontiguousarray(mesh.colours))
    made.triangles = open3d.utility.Vector3iVector(np.arange(3 * len(mesh), dtype=np.int32).reshape(-1, 3))
    return made


def _averaged(fine: NDArray[np.float32], size: tuple[int, int]) -> NDArray[np.uint8]:
    """The mean of each FINER x FINER pixels: of light, not of its root, which keeps thin bright things bright."""
    width, height = size
    light = np.zeros((height, width, 3), np.float32)
    for y in range(FINER):
        for x in range(FINER):
            light += np.square(fine[y : height * FINER : FINER, x : width * FINER : FINER])
    np.sqrt(light / FINER**2, out=light)
    return np.rint(255 * light).astype(np.uint8)
