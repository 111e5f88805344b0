"""What stands for an entity: triangles that point along +x, are 1 long and have their middle at 0.

The built-in ones are made of the same numbers as those of the page (page/models.js). Own ones are read from
GLB, OBJ and STL files.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from viewer.mesh import read_mesh

NAMES = ("point", "disc", "cone", "arrow", "dart", "box", "person", "car", "ball")
POINTED = ("cone", "arrow", "dart", "person", "car")
"""What is turned along its entity's heading; an own model is, too."""

SMOOTH = 0.7
"""Cosine of the angle up to which two faces that meet look round."""

Floats = NDArray[np.float64]


def load(path: Path) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Read a model.

    A GLB file looks along +z with +y up, as its format says; OBJ and STL files say nothing, and are taken to look along
    +x with +z up. The longest side becomes 1.

    Returns:
        Corners (3 t, 3) and unit normals (3 t, 3) of t triangles.

    Raises:
        viewer.mesh.MeshError: there is no such file, it is of another kind, or it holds no triangles with an area.
    """
    triangles = read_mesh(path)
    if path.suffix.lower() == ".glb":
        triangles = triangles[:, :, [2, 0, 1]]
    corners = normalised(triangles.reshape(-1, 3))
    return corners.astype(np.float32), normals(corners).astype(np.float32)


def normalised(corners: Floats) -> Floats:
    """Moved and scaled so that the box around is centred and its longest side is 1."""
    low, high = corners.min(axis=0), corners.max(axis=0)
    return np.asarray((corners - (low + high) / 2) / (float((high - low).max()) or 1.0))


def normals(corners: Floats) -> Floats:
    """Unit normals (3 t, 3): of the face, or, where faces meet at a small angle, their mean by the corners' angles."""
    a, b, c = corners.reshape(-1, 3, 3).transpose(1, 0, 2)
    faces = np.repeat(_unit(np.cross(b - a, c - a)), 3, axis=0)
    sides = _unit(np.stack([b - a, c - b, a - c], axis=1).reshape(-1, 3)).reshape(-1, 3, 3)
    angles = np.arccos(np.clip(-(sides * np.roll(sides, 1, axis=1)).sum(axis=2), -1, 1)).reshape(-1, 1)
    _, place = np.unique(np.round(corners, 6), axis=0, return_inverse=True)
    place = place.reshape(-1)
    sums = np.zeros((place.max(initial=-1) + 1, 3))
    np.add.at(sums, place, angles * faces)
    mean = _unit(sums)[place]
    return np.where((faces * mean).sum(axis=1, keepdims=True) > SMOOTH, mean, faces)


def _unit(vectors: Floats) -> Floats:
    length = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(np.where(length > 0, vectors / np.where(length > 0, length, 1), [0.0, 0.0, 1.0]))


@cache
def built_in(name: str, fine: int = 1) -> tuple[Floats, Floats]:
    """Corners and normals of a built-in model.

    Args:
        name: one of NAMES, but "point".
        fine: 0 for what is a few pixels long, 1, or 2 for what is large.
    """
    sides = (3, 8, 24)[fine]
    shapes: dict[str, Callable[[], Floats]] = {
        "disc": lambda: _polygon((4, 10, 32)[fine]),
        "cone": lambda: _turned(_CONE, sides),
        "arrow": lambda: _turned(_ARROW, sides),
        "dart": lambda: np.array([[x, y, 0.0] for x, y in _DART]),
        "box": lambda: _blocks(_BOX),
        "person": lambda: np.concatenate(
            [_upright(_BODY, sides + 1), _upright(_HEAD[:: 2 if fine == 0 else 1], sides + 1), _blocks(_FEET)]
        ),
        "car": lambda: _blocks(_CAR if fine else _CAR[:2]),
        "ball": lambda: _ball((0, 1, 2)[fine]),
    }
    corners = shapes[name]()
    made = 2 * corners if name == "ball" else normals(corners)
    for each in (corners, made):
        each.flags.writeable = False
    return corners, made


# Cross sections (x, radius) from back to front, turned about the x axis.
_CONE = [(-0.4, 0.0), (-0.4, 0.26), (0.6, 0.0)]
_ARROW = [(-0.5, 0.0), (-0.5, 0.055), (0.08, 0.055), (0.08, 0.19), (0.5, 0.0)]
_DART = [(0.58, 0.0), (-0.42, 0.32), (-0.22, 0.0), (0.58, 0.0), (-0.22, 0.0), (-0.42, -0.32)]

# Boxes: x0, y0, x1, y1, z of the bottom, and the same of the top.
_BOX = [((-0.5, -0.3, 0.5, 0.3, -0.25), (-0.5, -0.3, 0.5, 0.3, 0.25))]
_CAR = [
    ((-0.5, -0.21, 0.5, 0.21, -0.13), (-0.5, -0.21, 0.49, 0.21, 0.02)),
    ((-0.43, -0.19, 0.22, 0.19, 0.02), (-0.34, -0.16, 0.06, 0.16, 0.16)),
    ((-0.36, -0.22, -0.2, 0.22, -0.19), (-0.36, -0.22, -0.2, 0.22, -0.06)),
    ((0.2, -0.22, 0.36, 0.22, -0.19), (0.2, -0.22, 0.36, 0.22, -0.06)),
]
_FEET = [
    ((-0.06, 0.03, 0.15, 0.12, -0.5), (-0.06, 0.03, 0.1, 0.12, -0.43)),
    ((-0.06, -0.12, 0.15, -0.03, -0.5), (-0.06, -0.12, 0.1, -0.03, -0.43)),
]
# (z, half width across, half depth) from the feet up.
_BODY = [(-0.46, 0.1, 0.06), (-0.05, 0.14, 0.085), (0.2, 0.21, 0.1), (0.27, 0.17, 0.08), (0.29, 0.05, 0.05)]
_HEAD = [(0.27, 0.0, 0.0), (0.3, 0.07, 0.08), (0.385, 0.1, 0.115), (0.47, 0.07, 0.08), (0.5, 0.0, 0.0)]

# As the lists say; corners of a bottom, then of a top.
_FACES = [(3, 2, 1, 0), (4, 5, 6, 7), (0, 1, 5, 4), (1, 2, 6, 5), (2, 3, 7, 6), (3, 0, 4, 7)]


def _turned(outline: list[tuple[float, float]], sides: int) -> Floats:
    angles = np.arange(sides + 1) * (2 * np.pi / sides)
    return _rings([np.stack([0 * angles + x, r * np.cos(angles), r * np.sin(angles)], axis=1) for x, r in outline])


def _upright(outline: list[tuple[float, float, float]], sides: int) -> Floats:
    angles = np.arange(sides + 1) * (2 * np.pi / sides)
    return _rings([np.stack([x * np.cos(angles), y * np.sin(angles), 0 * angles + z], axis=1) for z, y, x in outline])


def _rings(rings: list[Floats]) -> Floats:
    """Triangles between neighbouring rings; where one is a point there is one triangle in place of two."""
    made = []
    for one, two in itertools.pairwise(rings):
        if np.ptp(one, axis=0).any():
            made.append(np.stack([one[:-1], one[1:], two[1:]], axis=1))
        if np.ptp(two, axis=0).any():
            made.append(np.stack([one[:-1], two[1:], two[:-1]], axis=1))
    corners = np.concatenate(made)
    # Outwards, whichever way the rings run.
    a, b, c = corners.transpose(1, 0, 2)
    inwards = ((a + b + c) * np.cross(b - a, c - a)).sum() < 0
    return np.asarray(corners[:, ::-1] if inwards else corners).reshape(-1, 3)


def _blocks(boxes: Sequence[Sequence[Sequence[float]]]) -> Floats:
    made = []
    for ends in boxes:
        at = [[x, y, e[4]] for e in ends for x, y in ((e[0], e[1]), (e[2], e[1]), (e[2], e[3]), (e[0], e[3]))]
        for p, q, r, s in _FACES:
            made += [at[p], at[q], at[r], at[p], at[r], at[s]]
    return np.array(made, np.float64)


def _polygon(sides: int) -> Floats:
    """A disc of diameter 1, lying; a square of few pixels is as bright, since the area is the circle's."""
    angles = (np.arange(sides) + 0.5) * (2 * np.pi / sides)
    radius = 0.5 * np.sqrt(2 * np.pi / sides / np.sin(2 * np.pi / sides))
    rim = radius * np.stack([np.cos(angles), np.sin(angles), np.zeros(sides)], axis=1)
    fan = [np.broadcast_to(rim[0], (sides - 2, 3)), rim[1:-1], rim[2:]]
    return np.stack(fan, axis=1).reshape(-1, 3)


def _ball(times: int) -> Floats:
    """A sphere of diameter 1: an octahedron, its faces cut into four so many times."""
    axes = np.eye(3)
    faces = np.array(
        [
            np.array([x * axes[0], y * axes[1], z * axes[2]])[:: 1 if x * y * z > 0 else -1]
            for x in (1, -1)
            for y in (1, -1)
            for z in (1, -1)
        ]
    )
    for _ in range(times):
        a, b, c = faces.transpose(1, 0, 2)
        ab, bc, ca = (a + b) / 2, (b + c) / 2, (c + a) / 2
        cut = [(a, ab, ca), (ab, b, bc), (ca, bc, c), (ab, bc, ca)]
        faces = np.concatenate([np.stack(three, axis=1) for three in cut])
        faces /= np.linalg.norm(faces, axis=2, keepdims=True)
    return np.asarray(0.5 * faces.reshape(-1, 3))
