"""Triangles for what Open3D shall draw: entities, world box, partitions and geometry, as plain arrays.

Open3D has no instanced draw call, so all entities of a frame are merged into one mesh. Light is worked into the colours
of the corners; the meshes are drawn unlit.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from partitions.frames import Frame, Rows
from viewer.colour import GROUND, INK, by_direction, by_scalar, parse, type_colour, worker_colour

LIGHT = np.array([-0.4, -0.5, 0.8]) / np.linalg.norm([-0.4, -0.5, 0.8])
Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Mesh:
    """Triangles that share no corner: corners (3 t, 3) in metres, colours (3 t, 3) in sRGB 0 to 1."""

    corners: Floats
    colours: Floats

    def __len__(self) -> int:
        return len(self.corners) // 3


def join(meshes: Sequence[Mesh]) -> Mesh:
    """One mesh of many."""
    if not meshes:
        return Mesh(np.zeros((0, 3)), np.zeros((0, 3)))
    return Mesh(np.concatenate([m.corners for m in meshes]), np.concatenate([m.colours for m in meshes]))


def entity_size(meta: dict[str, Any], type_index: int, total: int) -> tuple[float, float]:
    """Diameter of a ball and length of a model, metres: from the type's view, else from the room per entity."""
    given = meta["types"][type_index].get("view", {}).get("size")
    if given:
        return float(given), 1.2 * float(given)
    dim = meta["dim"]
    size = [high - low for low, high in zip(meta["low"], meta["high"], strict=True)][:dim]
    room = (math.prod(size) / max(total, 1)) ** (1 / dim)
    diameter = min(room * (0.5 if dim == 2 else 0.38), 0.025 * max(size))
    return diameter, 1.8 * diameter


def entity_colours(meta: dict[str, Any], rows: Rows, colour: str | None = None) -> Floats:
    """Colours (n, 3) of one type's rows.

    Args:
        meta: the world description.
        rows: rows of one type.
        colour: "type", "direction" or "field"; None: the field if the frame carries one, else the direction where
            there is only one type and it has a heading, else the type.
    """
    if colour is None:
        alone = len(meta["types"]) == 1 and rows.heading is not None
        colour = "field" if rows.scalar is not None else "direction" if alone else "type"
    if colour == "field" and rows.scalar is not None:
        finite = rows.scalar[np.isfinite(rows.scalar)]
        low, high = (float(finite.min()), float(finite.max())) if len(finite) else (0.0, 1.0)
        return by_scalar(rows.scalar, low, high)
    if colour == "direction" and rows.heading is not None:
        return by_direction(rows.heading)
    given = meta["types"][rows.type_index].get("view", {}).get("color")
    return np.tile(parse(given) if given else type_colour(rows.type_index), (len(rows), 1))


def entities(meta: dict[str, Any], frame: Frame, colour: str | None = None) -> Mesh:
    """All entities of a frame: darts and discs on a map, cones and balls in space."""
    total = sum(len(rows) for rows in frame.types)
    flat = meta["dim"] == 2
    meshes = []
    for rows in frame.types:
        diameter, length = entity_size(meta, rows.type_index, total)
        places, colours = frame.coordinates(rows), entity_colours(meta, rows, colour)
        pointed = rows.heading is not None and meta["types"][rows.type_index].get("view", {}).get("model") != "point"
        if pointed:
            assert rows.heading is not None
            template = _dart() if flat else _cone(6)
            meshes.append(_placed(template, places, rows.heading / 127.0, length, colours, lit=not flat))
        else:
            template = _disc(12) if flat else _ball()
            meshes.append(_placed(template, places, None, diameter, colours, lit=not flat))
    return join(meshes)


def _placed(template: Floats, places: Floats, heading: Floats | None, size: float, colours: Floats, lit: bool) -> Mesh:
    """The template (m, 3), which points along +x and is 1 long, at every place."""
    n, m = len(places), len(template)
    if heading is None:
        turned = np.broadcast_to(template, (n, m, 3))
    else:
        length = np.linalg.norm(heading, axis=1, keepdims=True)
        ahead = np.where(length > 0, heading / np.where(length > 0, length, 1), [1.0, 0.0, 0.0])
        steep = np.abs(ahead[:, 2]) > 0.99
        side = np.stack([-ahead[:, 1], ahead[:, 0], np.zeros(n)], axis=1)
        side[steep] = [0.0, 1.0, 0.0]
        side /= np.linalg.norm(side, axis=1, keepdims=True)
        frame = np.stack([ahead, side, np.cross(ahead, side)], axis=1)
        turned = np.einsum("mk,nkj->nmj", template, frame)
    shades = np.ones((n, m))
    if lit:
        faces = turned.reshape(n, m // 3, 3, 3)
        normals = np.cross(faces[:, :, 1] - faces[:, :, 0], faces[:, :, 2] - faces[:, :, 0])
        normals /= np.linalg.norm(normals, axis=2, keepdims=True)
        shades = np.repeat(0.62 + 0.38 * np.maximum(normals @ LIGHT, 0), 3, axis=1)
    corners = places[:, None, :] + size * turned
    return Mesh(corners.reshape(-1, 3), (colours[:, None, :] * shades[:, :, None]).reshape(-1, 3))


def _dart() -> Floats:
    tip, left, notch, right = [0.58, 0, 0], [-0.42, 0.32, 0], [-0.22, 0, 0], [-0.42, -0.32, 0]
    return np.array([tip, left, notch, tip, notch, right], np.float64)


def _disc(sides: int) -> Floats:
    angles = np.arange(sides + 1) * (2 * np.pi / sides)
    rim = 0.5 * np.stack([np.cos(angles), np.sin(angles), np.zeros(sides + 1)], axis=1)
    return np.stack([np.zeros((sides, 3)), rim[:-1], rim[1:]], axis=1).reshape(-1, 3)


def _cone(sides: int) -> Floats:
    angles = np.arange(sides + 1) * (2 * np.pi / sides)
    rim = np.stack([np.full(sides + 1, -0.4), 0.26 * np.cos(angles), 0.26 * np.sin(angles)], axis=1)
    tip, foot = np.tile([0.6, 0, 0], (sides, 1)), np.tile([-0.4, 0, 0], (sides, 1))
    shell = np.stack([tip, rim[:-1], rim[1:]], axis=1)
    base = np.stack([foot, rim[1:], rim[:-1]], axis=1)
    return np.concatenate([shell, base]).reshape(-1, 3)


def _ball() -> Floats:
    """An octahedron, each face cut into four and blown up to a sphere."""
    axes = np.eye(3)
    faces = [
        np.array([x * axes[0], y * axes[1], z * axes[2]])[:: 1 if x * y * z > 0 else -1]
        for x in (1, -1)
        for y in (1, -1)
        for z in (1, -1)
    ]
    cut = []
    for a, b, c in faces:
        ab, bc, ca = (a + b) / 2, (b + c) / 2, (c + a) / 2
        cut += [a, ab, ca, ab, b, bc, ca, bc, c, ab, bc, ca]
    corners = np.array(cut)
    ball: Floats = 0.5 * corners / np.linalg.norm(corners, axis=1, keepdims=True)
    return ball


def segments(meta: dict[str, Any]) -> list[tuple[Floats, Floats, tuple[float, float, float], float]]:
    """Lines of the world: (from, to, colour, width in pixels), those above last."""
    low, high, dim = np.array(meta["low"], float), np.array(meta["high"], float), meta["dim"]
    faint = _mixed(INK, 0.07)
    lines: list[tuple[Floats, Floats, tuple[float, float, float], float]] = []
    step = _round(float((high - low)[:2].max()) / 7.9)
    for axis, other in ((0, 1), (1, 0)):
        for k in range(math.ceil(low[axis] / step), math.floor(high[axis] / step) + 1):
            start, stop = low.copy(), low.copy()
            start[axis] = stop[axis] = k * step
            stop[other] = high[other]
            lines.append((start, stop, faint, 1.0))
    for part in meta.get("partitions", ()):
        colour = _mixed(worker_colour(part["worker"]), 0.5)
        # A hair inside, so that both neighbours' edges are seen.
        lines += [
            (a, b, colour, 1.3) for a, b in _edges(_padded(part["low"], low), _padded(part["high"], low), dim, 6e-4)
        ]
    lines += [(a, b, _mixed(INK, 0.45), 1.8) for a, b in _edges(low, high, dim, 0.0)]
    ink, width = (INK, 3.5) if dim == 2 else (_mixed(INK, 0.6), 1.3)
    lines += [(_padded(a, low), _padded(b, low), ink, width) for a, b in meta.get("geometry", ())]
    return lines


def beams(meta: dict[str, Any], pixel: float) -> Mesh:
    """The lines of the world as thin beams; `pixel` is how many metres a pixel shows."""
    span = float(np.max(np.array(meta["high"], float) - np.array(meta["low"], float)))
    meshes = []
    for level, (start, stop, colour, width) in enumerate(segments(meta)):
        along = stop - start
        if not along.any():
            continue
        along = along / np.linalg.norm(along)
        first = np.cross(along, [0.0, 0.0, 1.0] if abs(along[2]) < 0.9 else [1.0, 0.0, 0.0])
        first *= 0.5 * width * pixel / np.linalg.norm(first)
        sides = [first] if meta["dim"] == 2 else [first, np.cross(along, first)]
        # On a map, what comes later lies above, and all of it below the entities.
        lift = np.array([0, 0, 1e-6 * span * (level - 1e4)]) if meta["dim"] == 2 else np.zeros(3)
        for side in sides:
            a, b, c, d = start - side, start + side, stop + side, stop - side
            corners = np.array([a, b, c, a, c, d]) + lift
            meshes.append(Mesh(corners, np.tile(colour, (6, 1))))
    return join(meshes)


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
