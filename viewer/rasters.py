"""Layers and densities: the floor of a map as one picture, and cubes in space."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from partitions.frames import Block, Frame
from viewer.colour import GROUND, crowd
from viewer.lines import level
from viewer.look import UNDER, Look
from viewer.shapes import LIGHT, Floats, Mesh, View, hazy, join

SIDE = 2048
"""Pixels on the longer side of a floor's picture, about: the texture is smoothed, and cells should have edges."""
CUBES = 60_000
LEAST_SHARE = 0.06
"""Cells of a volume below this share of the range are left out, or they would hide the others."""


@dataclass(frozen=True, eq=False)
class Floor:
    """A picture [y, x, 3] uint8 that lies on a map, row 0 at low y, and its corners in metres."""

    texels: NDArray[np.uint8]
    low: Floats
    high: Floats


def floor(view: View, frame: Frame, look: Look) -> Floor | None:
    """The layers and densities of a map, one over the other; None if there are none."""
    blocks = [block for block in frame.blocks if block.kind in ("layer", "density")]
    if not view.flat or not blocks:
        return None
    low, high = np.array(view.meta["low"], float), np.array(view.meta["high"], float)
    ny, nx = _grid(blocks, frame, high - low)
    picture = np.tile(np.array(GROUND), (ny, nx, 1))
    crowded = any(block.kind != "layer" for block in frame.blocks)
    share = UNDER if crowded else 1.0
    for block in blocks:
        if block.kind == "layer":
            colours, known = look.texels(block)
            _lay(picture, view, colours[0], share * known[0], block.about["low"], block.about["high"])
            share = 0.5
        else:
            _lay(picture, view, *_crowd(look, block), frame.low, frame.high)
    texels = np.rint(255 * picture).astype(np.uint8)
    low[2] = high[2] = level(view.meta, 0)
    return Floor(texels, low, high)


def _grid(blocks: Sequence[Block], frame: Frame, size: Floats) -> tuple[int, int]:
    """Rows and columns of the finest of them over the world."""
    ny = nx = 1
    for block in blocks:
        rows, columns = next(iter(block.arrays.values())).shape[1:]
        low, high = (block.about[end] if block.kind == "layer" else getattr(frame, end) for end in ("low", "high"))
        nx = max(nx, round(columns * size[0] / ((high[0] - low[0]) or 1)))
        ny = max(ny, round(rows * size[1] / ((high[1] - low[1]) or 1)))
    return min(ny, 4 * SIDE), min(nx, 4 * SIDE)


def _crowd(look: Look, block: Block) -> tuple[Floats, Floats]:
    """Colours and opacity of a density: by the root of the counts, for few should be seen beside many."""
    counts = block.arrays["counts"][0].astype(np.float64)
    share = np.sqrt(counts / (counts.max() or 1.0))
    colours = crowd(look.type_colour(block.about["type"]))[np.rint(255 * share).astype(np.int64)]
    return colours, np.where(counts > 0, 0.35 + 0.65 * share, 0.0)


def _lay(
    picture: Floats, view: View, colours: Floats, opacity: Floats, low: Sequence[float], high: Sequence[float]
) -> None:
    """Put a raster over low..high upon the picture of the whole world."""
    at, inside = [], []
    for axis, n, m in ((1, picture.shape[0], colours.shape[0]), (0, picture.shape[1], colours.shape[1])):
        start, stop = view.meta["low"][axis], view.meta["high"][axis]
        centres = start + (np.arange(n) + 0.5) * ((stop - start) / n)
        index = np.floor((centres - low[axis]) * (m / ((high[axis] - low[axis]) or 1.0))).astype(np.int64)
        inside.append((index >= 0) & (index < m))
        at.append(np.clip(index, 0, m - 1))
    rows, columns = np.ix_(at[0], at[1])
    alpha = (opacity[rows, columns] * np.outer(inside[0], inside[1]))[:, :, None]
    picture += alpha * (colours[rows, columns] - picture)


def volumes(view: View, frame: Frame, look: Look) -> Mesh:
    """The layers and densities of a world in space, as cubes that are larger where there is more."""
    if view.flat:
        return join([])
    meshes = []
    for block in frame.blocks:
        if block.kind == "layer":
            colours, known = look.texels(block)
            values = block.arrays["values"].astype(np.float64)
            share = (values > 0).astype(float) if block.about["range"] is None else np.where(known, values, 0.0)
            meshes.append(_cubes(view, share, colours.reshape(-1, 3), block.about["low"], block.about["high"]))
        elif block.kind == "density":
            counts = block.arrays["counts"].astype(np.float64)
            share = np.sqrt(counts / (counts.max() or 1.0))
            map = crowd(look.type_colour(block.about["type"]))
            colours = map[np.rint(255 * share.reshape(-1)).astype(np.int64)]
            meshes.append(_cubes(view, share, colours, frame.low, frame.high))
    return join(meshes)


def _cubes(view: View, share: Floats, colours: Floats, low: Sequence[float], high: Sequence[float]) -> Mesh:
    """A cube in each cell [z, y, x] with a share of the range; of very many the fullest."""
    flat = share.reshape(-1)
    rows = np.flatnonzero(flat > LEAST_SHARE)
    if len(rows) > CUBES:
        rows = np.sort(rows[np.argpartition(-flat[rows], CUBES)[:CUBES]])
    shape = np.array(share.shape[::-1], float)
    side = (np.array(high, float) - np.array(low, float)) / shape
    z, y, x = np.unravel_index(rows, share.shape)
    places = np.array(low, float) + (np.stack([x, y, z], axis=1) + 0.5) * side
    width = 0.85 * float(side.min()) * flat[rows] ** 0.75
    return _faces(view, places, width, hazy(view, places, colours[rows]))


def _faces(view: View, places: Floats, width: Floats, colours: Floats) -> Mesh:
    """Of cubes the three sides that a camera at this angle may see; in a window all."""
    meshes = []
    seen = [(axis, 1.0 if view.camera.back[axis] >= 0 else -1.0) for axis in range(3)]
    if view.live:
        seen = [(axis, side) for axis in range(3) for side in (-1.0, 1.0)]
    for axis, toward in seen:
        one, two = np.eye(3)[(axis + 1) % 3], np.eye(3)[(axis + 2) % 3]
        out = toward * np.eye(3)[axis]
        a, b, c, d = (0.5 * (out + s * one + t * two) for s, t in ((-1, -1), (1, -1), (1, 1), (-1, 1)))
        corners = places[:, None, :] + width[:, None, None] * np.array([a, b, c, a, c, d])
        shade = 0.6 + 0.4 * max(float(out @ LIGHT), 0.0)
        meshes.append(Mesh(corners.reshape(-1, 3), np.repeat(shade * colours, 6, axis=0)))
    return join(meshes)


def textured(open3d: Any, floor: Floor) -> Any:
    """Open3D's mesh of a floor: two triangles with a picture."""
    (x0, y0, z), (x1, y1, _) = floor.low, floor.high
    finer = max(1, math.ceil(SIDE / max(floor.texels.shape)))
    texels = floor.texels.repeat(finer, axis=0).repeat(finer, axis=1)
    made = open3d.geometry.TriangleMesh()
    made.vertices = open3d.utility.Vector3dVector(np.array([[x0, y0, z], [x1, y0, z], [x1, y1, z], [x0, y1, z]]))
    made.triangles = open3d.utility.Vector3iVector(np.array([[0, 1, 2], [0, 2, 3]], np.int32))
    made.triangle_uvs = open3d.utility.Vector2dVector(np.array([[0, 0], [1, 0], [1, 1], [0, 0], [1, 1], [0, 1.0]]))
    made.triangle_material_ids = open3d.utility.IntVector([0, 0])
    made.textures = [open3d.geometry.Image(np.ascontiguousarray(texels))]
    return made


def tiles(floor: Floor) -> Mesh:
    """A floor as two triangles per texel, for where a texture would be shaded."""
    ny, nx, _ = floor.texels.shape
    x = np.linspace(floor.low[0], floor.high[0], nx + 1)
    y = np.linspace(floor.low[1], floor.high[1], ny + 1)
    corners = np.empty((ny, nx, 6, 3))
    corners[..., 2] = floor.low[2]
    for k, (dx, dy) in enumerate(((0, 0), (1, 0), (1, 1), (0, 0), (1, 1), (0, 1))):
        corners[:, :, k, 0] = x[dx : nx + dx][None, :]
        corners[:, :, k, 1] = y[dy : ny + dy][:, None]
    return Mesh(corners.reshape(-1, 3), (floor.texels / 255.0).reshape(-1, 3).repeat(6, axis=0))
