"""The still parts of a picture: grid, partitions, box and geometry of a world, as thin beams and lit triangles."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from viewer.colour import GROUND, INK, worker_colour
from viewer.shapes import LIGHT, Floats, Mesh, join

LAYERS = 6
"""Groups of lines; on a map each lies a thousandth of the world below the next."""


def segments(meta: Mapping[str, Any]) -> list[tuple[Floats, Floats, tuple[float, float, float], float, int]]:
    """Lines of the world: (from, to, colour, width in pixels, group), those above in the last group."""
    low, high, dim = np.array(meta["low"], float), np.array(meta["high"], float), meta["dim"]
    faint = _mixed(INK, 0.07)
    lines: list[tuple[Floats, Floats, tuple[float, float, float], float, int]] = []
    step = _round(float((high - low)[:2].max()) / 7.9)
    if not meta.get("layers"):
        for axis, other in ((0, 1), (1, 0)):
            for k in range(math.ceil(low[axis] / step), math.floor(high[axis] / step) + 1):
                start, stop = low.copy(), low.copy()
                start[axis] = stop[axis] = k * step
                stop[other] = high[other]
                lines.append((start, stop, faint, 1.0, 1))
    parts = meta.get("partitions", ())
    for part in parts if len(parts) > 1 else ():
        colour = _mixed(worker_colour(part["worker"]), 0.5)
        # A hair inside, so that both neighbours' edges are seen.
        lines += [
            (a, b, colour, 1.3, 2) for a, b in _edges(_padded(part["low"], low), _padded(part["high"], low), dim, 6e-4)
        ]
    lines += [(a, b, _mixed(INK, 0.45), 1.8, 3) for a, b in _edges(low, high, dim, 0.0)]
    ink, width = (INK, 3.0) if dim == 2 else (_mixed(INK, 0.35), 1.0)
    lines += [(_padded(a, low), _padded(b, low), ink, width, 4) for a, b in meta.get("geometry", ())]
    return lines


def beams(meta: Mapping[str, Any], pixel: float) -> Mesh:
    """The lines of the world as thin beams; `pixel` is how many metres a pixel shows."""
    found = [line for line in segments(meta) if (line[0] != line[1]).any()]
    start, stop = np.array([line[0] for line in found]), np.array([line[1] for line in found])
    along = (stop - start) / np.linalg.norm(stop - start, axis=1, keepdims=True)
    half = np.array([0.5 * line[3] * pixel for line in found])[:, None]
    first = np.cross(along, np.where(np.abs(along[:, 2:]) < 0.9, [0.0, 0.0, 1.0], [1.0, 0.0, 0.0]))
    first *= half / np.linalg.norm(first, axis=1, keepdims=True)
    sides = [first] if meta["dim"] == 2 else [first, np.cross(along, first)]
    lift = np.array([[0.0, 0.0, level(meta, line[4])] for line in found])
    colours = np.repeat([line[2] for line in found], 6, axis=0)
    meshes = []
    for side in sides:
        a, b, c, d = start - side + lift, start + side + lift, stop + side + lift, stop - side + lift
        meshes.append(Mesh(np.stack([a, b, c, a, c, d], axis=1).reshape(-1, 3), colours))
    return join(meshes)


def level(meta: Mapping[str, Any], group: int) -> float:
    """Height of a group of lines on a map: what comes later lies above, and all of it below the entities."""
    if meta["dim"] == 3:
        return 0.0
    return 1e-3 * (group - LAYERS) * float(max(meta["high"][k] - meta["low"][k] for k in (0, 1)))


def surfaces(meta: Mapping[str, Any]) -> Mesh:
    """The triangles of a mesh in space, lit."""
    triangles = np.array(meta.get("surfaces") or np.zeros((0, 3, 3)), float).reshape(-1, 3, 3)
    a, b, c = triangles.transpose(1, 0, 2)
    across = np.cross(b - a, c - a)
    length = np.linalg.norm(across, axis=1)
    light = np.abs(across @ LIGHT) / np.where(length > 0, length, 1)
    ink = np.array(_mixed(INK, 0.5))
    colours = ink * (0.45 + 0.55 * light)[:, None]
    return Mesh(triangles.reshape(-1, 3), np.repeat(colours, 3, axis=0))


def _edges(low: Floats, high: Floats, dim: int, inset: float) -> list[tuple[Floats, Floats]]:
    margin = inset * float(np.max(high - low)) * (np.arange(3) < dim)
    ends = [low + margin, high - margin]
    found = []
    for corner in range(2**dim):
        for axis in range(dim):
            if not corner >> axis & 1:
                at = [
                    np.array([ends[bits >> k & 1 if k < dim else 0][k] for k in range(3)])
                    for bits in (corner, corner | 1 << axis)
                ]
                found.append((at[0], at[1]))
    return found


def _padded(place: Sequence[float], low: Floats) -> Floats:
    return np.array([*map(float, place), low[2]][:3])


def _mixed(colour: tuple[float, float, float], share: float) -> tuple[float, float, float]:
    red, green, blue = (g + share * (c - g) for c, g in zip(colour, GROUND, strict=True))
    return red, green, blue


def _round(x: float) -> float:
    """1, 2 or 5 times a power of ten, at most x."""
    power = 10.0 ** math.floor(math.log10(x))
    return max(k * power for k in (1, 2, 5) if k * power <= x * 1.0001)
