"""Triangles and points for what Open3D shall draw of a frame's entities, as plain arrays.

Open3D has no instanced draw call, so all entities of a frame are merged into one mesh. Light is worked into the colours
of the corners; the meshes are drawn unlit. What is only a few pixels large is drawn as a square, or as a point where
there are very many.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from partitions.frames import Block, Frame, coordinates
from viewer.camera import FIELD_OF_VIEW, Camera
from viewer.colour import GROUND
from viewer.look import Look
from viewer.models import NAMES, POINTED, built_in

LIGHT = np.array([-0.4, -0.5, 0.8]) / np.linalg.norm([-0.4, -0.5, 0.8])
TRIANGLES, LIVE_TRIANGLES = 700_000, 300_000
"""A picture, and a window's frame, has at most about so many; those who are nearest get their models."""
SQUARES = 400_000
"""Beyond so many small entities they become points."""
SMALL, LARGE = 3.0, 40.0
"""Pixels below which a model is a square, and from which it is drawn finer."""
LEAST_PIXELS = 1.6
UPRIGHT = ("person",)
Floats = NDArray[np.float64]
Model = tuple[Floats, Floats]


@dataclass(frozen=True, eq=False)
class Mesh:
    """Triangles that share no corner: corners (3 t, 3) in metres, colours (3 t, 3) in sRGB 0 to 1."""

    corners: Floats
    colours: Floats

    def __len__(self) -> int:
        return len(self.corners) // 3


@dataclass(frozen=True, eq=False)
class Cloud:
    """Points: places (n, 3) in metres, colours (n, 3) in sRGB 0 to 1, all of one diameter in pixels."""

    places: Floats
    colours: Floats
    pixels: float = LEAST_PIXELS

    def __len__(self) -> int:
        return len(self.places)


@dataclass(frozen=True, eq=False)
class View:
    """Where a frame is seen from.

    Attributes:
        meta: the world.
        camera: whence; in a window it moves later.
        size: width and height in pixels.
        live: for a window: whatever depends on the camera is left out, and there are fewer triangles.
    """

    meta: Mapping[str, Any]
    camera: Camera
    size: tuple[int, int]
    live: bool = False

    @property
    def triangles(self) -> int:
        """How many there may be."""
        return LIVE_TRIANGLES if self.live else TRIANGLES

    @property
    def flat(self) -> bool:
        """Whether the world has two dimensions."""
        return bool(self.meta["dim"] == 2)

    @property
    def pixel(self) -> float:
        """Metres that a pixel shows, at the distance of the world's centre."""
        width, height = self.size
        return 2 * self.camera.half_height(self.meta, width / height) / height

    def depth(self, places: Floats) -> Floats:
        """Metres (n,) by which places are behind the world's centre."""
        centre = (np.array(self.meta["low"]) + np.array(self.meta["high"])) / 2
        return np.asarray((centre - places) @ self.camera.back)

    def pixels(self, places: Floats) -> Floats:
        """Metres (n,) that a pixel shows at places."""
        if self.camera.flat:
            return np.full(len(places), self.pixel)
        tan = math.tan(math.radians(FIELD_OF_VIEW / 2))
        return np.maximum(self.pixel + 2 * self.depth(places) * tan / self.size[1], 1e-3 * self.pixel)


def join(meshes: Sequence[Mesh]) -> Mesh:
    """One mesh of many."""
    meshes = [mesh for mesh in meshes if len(mesh)]
    if len(meshes) == 1:
        return meshes[0]
    return Mesh(
        np.concatenate([np.zeros((0, 3)), *(m.corners for m in meshes)]),
        np.concatenate([np.zeros((0, 3)), *(m.colours for m in meshes)]),
    )


def entity_size(meta: Mapping[str, Any], type: int, total: int, pointed: bool) -> float:
    """Length of a model, metres: the type's own, else from the room per entity and no larger than others."""
    sizes = [one.get("view", {}).get("size") for one in meta["types"]]
    if sizes[type]:
        return float(sizes[type])
    dim = meta["dim"]
    size = [high - low for low, high in zip(meta["low"], meta["high"], strict=True)][:dim]
    room = (math.prod(size) / max(total, 1)) ** (1 / dim)
    usual = min(room * (0.5 if dim == 2 else 0.38), 0.018 * max(size)) * (1.8 if pointed else 1.0)
    return float(min([usual, *(float(other) for other in sizes if other)]))


def model_of(meta: Mapping[str, Any], type: int, heading: bool) -> str:
    """Name of a type's model: its own; else dart and disc on a map, cone and ball in space."""
    given = meta["types"][type].get("view", {}).get("model")
    if given:
        return str(given)
    flat = meta["dim"] == 2
    return ("dart" if flat else "cone") if heading else ("disc" if flat else "ball")


def entities(view: View, frame: Frame, look: Look, models: Mapping[str, Model]) -> tuple[Mesh, Cloud]:
    """All entities of a frame.

    Args:
        view: from where.
        frame: what is drawn.
        look: in which colours.
        models: corners and normals of the models that are no built-in ones, by name.
    """
    blocks = [block for block in frame.blocks if block.kind == "points" and len(block.arrays["positions"])]
    total = sum(len(block.arrays["positions"]) for block in blocks)
    meshes, clouds = [], []
    for block in blocks:
        mesh, cloud = _entities(view, frame, block, look, models, total)
        meshes.append(mesh)
        clouds.append(cloud)
    cloud = Cloud(
        np.concatenate([np.zeros((0, 3)), *(c.places for c in clouds)]),
        np.concatenate([np.zeros((0, 3)), *(c.colours for c in clouds)]),
        max([c.pixels for c in clouds if len(c)], default=LEAST_PIXELS),
    )
    return join(meshes), cloud


def _entities(
    view: View, frame: Frame, block: Block, look: Look, models: Mapping[str, Model], total: int
) -> tuple[Mesh, Cloud]:
    type = int(block.about["type"])
    # In the order of their ids, so that the picture does not tell who calculated whom.
    order = np.argsort(block.arrays["ids"], kind="stable")
    places, colours = coordinates(frame, block)[order], look.colours(block)[order]
    heading = block.arrays["heading"][order] / 127.0 if "heading" in block.arrays else None
    name = model_of(view.meta, type, heading is not None)
    size = entity_size(view.meta, type, total, name in POINTED or name not in NAMES)
    if view.flat:
        places[:, 2] += 1e-4 * type * float(max(view.meta["high"][k] - view.meta["low"][k] for k in (0, 1)))
    colours = hazy(view, places, colours)
    length = size / view.pixels(places)  # in pixels
    small = (length < SMALL) | (name == "point")
    mesh, kept = _modelled(view, ~small, places, heading, colours, size, length, name, models)
    rest = np.flatnonzero(~kept)
    if len(rest) > SQUARES or view.live:
        pixels = float(np.clip(np.median(length[rest]), LEAST_PIXELS, 8.0)) if len(rest) else LEAST_PIXELS
        return mesh, Cloud(places[rest], colours[rest], pixels)
    width = np.maximum(size, (3.0 if name == "point" else LEAST_PIXELS) * view.pixels(places[rest]))
    return join([mesh, _squares(view, places[rest], colours[rest], width * 0.8)]), _NO_CLOUD


_NO_CLOUD = Cloud(np.zeros((0, 3)), np.zeros((0, 3)))


def _modelled(
    view: View, wanted: NDArray[np.bool_], places: Floats, heading: Floats | None, colours: Floats, size: float,
    length: Floats, name: str, models: Mapping[str, Model],
) -> tuple[Mesh, NDArray[np.bool_]]:  # fmt: skip
    """The models of those who get one, and who they are: those who are nearest finer ones than those behind."""
    rows = np.flatnonzero(wanted)
    kept = np.zeros(len(places), bool)
    if not len(rows):
        return join([]), kept
    fine, coarse = _templates(name, float(np.median(length[rows])), models)
    room = 3 * view.triangles
    if len(rows) * len(coarse[0]) > room:
        fine = coarse
    spent = len(rows) * len(coarse[0]) if len(fine[0]) > len(coarse[0]) else 0
    most = max(1, (room - spent) // (len(fine[0]) - len(coarse[0]) if spent else len(fine[0])))
    if len(rows) > most:
        rows = rows[np.argpartition(view.depth(places[rows]), most)]
    meshes = []
    for (corners, normals), some in (
        (fine, np.sort(rows[:most])),
        (coarse, np.sort(rows[most:]) if spent else rows[:0]),
    ):
        kept[some] = True
        ahead = None if heading is None else heading[some]
        if ahead is not None and name in UPRIGHT:
            ahead = ahead * [1.0, 1.0, 0.0]
        at = places[some]
        if view.flat:
            at = at - [0.0, 0.0, size * float(corners[:, 2].min())]  # models stand on the map
        lit = bool(normals[:, :2].any())
        meshes.append(placed(corners, normals if lit else None, at, ahead, size, colours[some]))
    return join(meshes), kept


def _templates(name: str, pixels: float, models: Mapping[str, Model]) -> tuple[Model, Model]:
    """A model, as fine as so many pixels want, and a coarse one."""
    if name not in NAMES:
        own = models[name] if name in models else built_in("cone")
        return own, own
    return built_in(name, 2 if pixels >= LARGE else 0 if pixels < 6 else 1), built_in(name, 0)


def placed(
    corners: Floats, normals: Floats | None, places: Floats, heading: Floats | None, size: float, colours: Floats
) -> Mesh:
    """A model at every place.

    Args:
        corners: (m, 3), pointing along +x and 1 long.
        normals: (m, 3); None: it is not lit.
        places: (n, 3) metres.
        heading: (n, 3) directions of any length, 0 is +x; None: as the model is.
        size: its length in metres.
        colours: (n, 3).
    """
    n, m = len(places), len(corners)
    turned, light = np.broadcast_to(size * corners, (n, m, 3)), None
    if normals is not None:
        light = np.broadcast_to(normals @ LIGHT, (n, m))
    if heading is not None:
        axes = orientations(heading)
        turned = (size * corners) @ axes
        if normals is not None:
            light = (axes @ LIGHT) @ normals.T
    where = (places[:, None, :] + turned).reshape(-1, 3)
    if light is None:
        return Mesh(where, np.repeat(colours, m, axis=0))
    shades = 0.58 + 0.42 * np.maximum(light, 0) + 0.1 * np.minimum(light, 0)
    return Mesh(where, (colours[:, None, :] * shades[:, :, None]).reshape(-1, 3))


def orientations(heading: Floats) -> Floats:
    """Unit vectors ahead, to the left and up (n, 3, 3) of headings (n, 3); level to the left, as a bird flies."""
    n = len(heading)
    length = np.linalg.norm(heading, axis=1, keepdims=True)
    ahead = np.where(length > 0, heading / np.where(length > 0, length, 1), [1.0, 0.0, 0.0])
    left = np.stack([-ahead[:, 1], ahead[:, 0], np.zeros(n)], axis=1)
    left[np.abs(ahead[:, 2]) > 0.999] = [0.0, 1.0, 0.0]
    left /= np.linalg.norm(left, axis=1, keepdims=True)
    return np.stack([ahead, left, np.cross(ahead, left)], axis=1)


def _squares(view: View, places: Floats, colours: Floats, width: Floats) -> Mesh:
    """Squares that face the camera; width (n,) in metres."""
    right, up = 0.5 * view.camera.right, 0.5 * view.camera.up
    a, b, c, d = -right - up, right - up, right + up, up - right
    offsets = np.array([a, b, c, a, c, d])
    corners = places[:, None, :] + width[:, None, None] * offsets
    return Mesh(corners.reshape(-1, 3), np.repeat(colours, 6, axis=0))


def hazy(view: View, places: Floats, colours: Floats) -> Floats:
    """What is far fades a little into the ground; a map has no far."""
    if view.flat or view.live:
        return colours
    size = np.array(view.meta["high"], float) - np.array(view.meta["low"], float)
    reach = float(np.linalg.norm(size)) / 2
    share = 0.62 * np.clip((view.depth(places) + 0.6 * reach) / (1.9 * reach), 0, 1)[:, None]
    return np.asarray(colours + share * (np.array(GROUND) - colours))
