"""Geometry: static obstacles, as an author declares them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from weaver.errors import ModelError
from weaver.space import Box

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Geometry:
    """Read-only arrays of obstacles, in the model's unit of length.

    Attributes:
        segments: (n, 2, 2) two ends each; the sides of polygons are among them.
        discs: (n, 3) centre and radius; the obstacle is the circle's line, seen from outside and from inside.
        triangles: (n, 3, 3) corners.
    """

    segments: Floats
    discs: Floats
    triangles: Floats

    def __len__(self) -> int:
        return len(self.segments) + len(self.discs) + len(self.triangles)

    def __repr__(self) -> str:
        return f"<Geometry {len(self.segments)} segments, {len(self.discs)} discs, {len(self.triangles)} triangles>"

    def outline(self, sides: int = 48) -> Floats:
        """Straight lines (m, 2, dim) that show the obstacles: circles as polygons, triangles as their edges.

        Args:
            sides: of the polygon that stands for a circle.
        """
        if len(self.triangles):
            edges = self.triangles[:, [[0, 1], [1, 2], [2, 0]]].reshape(-1, 2, 3)
            swapped = _later(edges[:, 0], edges[:, 1])
            edges[swapped] = edges[swapped][:, ::-1]
            return np.unique(edges.reshape(-1, 6), axis=0).reshape(-1, 2, 3)
        angles = np.arange(sides + 1) * (2 * math.pi / sides)
        rim = np.stack([np.cos(angles), np.sin(angles)], axis=1)
        circles = self.discs[:, None, :2] + self.discs[:, None, 2:] * rim
        return np.concatenate([self.segments, np.stack([circles[:, :-1], circles[:, 1:]], axis=2).reshape(-1, 2, 2)])


def _later(a: Floats, b: Floats) -> NDArray[np.bool_]:
    """Whether a row of a stands behind the same of b in lexicographic order."""
    result = np.zeros(len(a), np.bool_)
    for axis in reversed(range(a.shape[1])):
        result = (a[:, axis] > b[:, axis]) | ((a[:, axis] == b[:, axis]) & result)
    return result


def read_geometry(
    box: Box, before: Geometry | None, segments: Any, polygons: Any, discs: Any, triangles: Any, mesh: Any
) -> Geometry:
    """What `Simulation.geometry` was given, added to what there is.

    Args:
        box: the world.
        before: the obstacles of earlier calls.
        segments: (n, 2, 2).
        polygons: a list of (m, 2).
        discs: (n, 3).
        triangles: (n, 3, 3).
        mesh: path of a file, or None.

    Raises:
        ModelError: a shape does not fit the world, or a mesh cannot be read.
    """
    flat = [
        _array(box, "segments", segments, (2, 2), 2, "[((0, 0), (0, 5)), ((0, 5), (5, 5))]"),
        *_sides(box, polygons),
    ]
    circles = _array(box, "discs", discs, (3,), 2, "[(10, 10, 2.5)]")
    if not (circles[:, 2:] > 0).all():
        raise ModelError(
            f"sim.geometry(discs=...) was asked for with the radius {circles[:, 2].min():g}; a radius is positive.\n"
            f"There would be no circle.\n"
            f"Give centre and radius of each: discs=[(10, 10, 2.5)]."
        )
    faces = [_array(box, "triangles", triangles, (3, 3), 3, "[((0, 0, 0), (1, 0, 0), (0, 1, 0))]")]
    if mesh is not None:
        faces.append(_mesh(box, mesh))
    if before is not None:
        flat, circles, faces = (
            [before.segments, *flat],
            np.concatenate([before.discs, circles]),
            [before.triangles, *faces],
        )
    made = Geometry(np.concatenate(flat), circles, np.concatenate(faces))
    for array in (made.segments, made.discs, made.triangles):
        array.flags.writeable = False
    return made


def _array(box: Box, name: str, given: Any, shape: tuple[int, ...], dim: int, example: str) -> Floats:
    """The values as float64 (n, *shape); none if nothing is given."""
    wanted = f"(n, {', '.join(map(str, shape))})"
    try:
        array = np.array(given, np.float64)
    except (TypeError, ValueError) as cause:
        raise ModelError(
            f"sim.geometry({name}=...) was given {given!r:.60}; it takes numbers, {wanted}.\n"
            f"Nothing can be made of them: {cause}.\n"
            f"Write {name}={example}."
        ) from None
    if array.size == 0:
        return np.empty((0, *shape))
    _fits(box, name, dim)
    if array.shape[1:] != shape:
        raise ModelError(
            f"sim.geometry({name}=...) was given an array {array.shape}; it takes {wanted}.\n"
            f"It would not be clear which numbers belong together.\n"
            f"Write {name}={example}."
        )
    if not np.isfinite(array).all():
        raise ModelError(
            f"sim.geometry({name}=...) was given {array[~np.isfinite(array)][0]} among its coordinates; they are "
            f"finite numbers.\n"
            f"Nothing would be near such a place.\n"
            f"Correct number {int(np.flatnonzero(~np.isfinite(array).reshape(len(array), -1).all(axis=1))[0])}."
        )
    return array


def _fits(box: Box, name: str, dim: int) -> None:
    if box.dim != dim:
        flat = "triangles=... or mesh=..." if box.dim == 3 else "segments=..., polygons=... or discs=..."
        raise ModelError(
            f"sim.geometry({name}=...) was asked for in a {box.dim}-D world; {name} belong to a {dim}-D one.\n"
            f"They would have no place in it.\n"
            f"Write {flat}"
        )


def _sides(box: Box, polygons: Any) -> list[Floats]:
    sides = []
    for k, polygon in enumerate(polygons):
        corners = _array(box, f"polygons[{k}]", polygon, (2,), 2, "[[(0, 0), (4, 0), (4, 2)]]")
        if len(corners) < 3:
            raise ModelError(
                f"sim.geometry(polygons=...) was given {len(corners)} corners in number {k}; a polygon has 3 or more.\n"
                f"It would enclose nothing.\n"
                f"Write polygons=[[(0, 0), (4, 0), (4, 2)]], or segments=[...] for single lines."
            )
        sides.append(np.stack([corners, np.roll(corners, -1, axis=0)], axis=1))
    return sides


def _mesh(box: Box, mesh: Any) -> Floats:
    from viewer.mesh import MeshError, read_mesh  # the 3D library is the viewer's, and runs in a process of its own

    _fits(box, "mesh", 3)
    try:
        return read_mesh(Path(mesh))
    except MeshError as error:
        raise ModelError(str(error)) from error


__all__ = ["Geometry", "read_geometry"]
