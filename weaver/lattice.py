"""Lattices: where the sites of a `Sites` lie in a box, and which are neighbours."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from partitions.grid import Axis, Space, lattice_edges
from weaver.errors import ModelError
from weaver.sites import Sites
from weaver.space import Box

_CLOSE = 1e-9
"""By how much, relatively, a side may differ from a multiple of a row: the author wrote decimal numbers."""


@dataclass(frozen=True, eq=False)
class Lattice:
    """The sites of a box: one in each cell of a raster of rectangles.

    Site number (row-major, x fastest) = i + nx * (j + ny * k).

    Attributes:
        shape: sites per axis, x first.
        edges: per axis, (n + 1,) float64 on the position lattice; a place p belongs to the site in whose cell it lies,
            edges[i] <= p < edges[i + 1].
        centres: per axis, (m, n) float64 on the position lattice: coordinate of site i in a row with j % m; m is 2 for
            the x of a hexagonal lattice, whose odd rows are shifted by half a spacing, else 1.
        hexagonal: whether each site has six neighbours.
    """

    shape: tuple[int, ...]
    edges: tuple[NDArray[np.float64], ...]
    centres: tuple[NDArray[np.float64], ...]
    hexagonal: bool

    @property
    def n(self) -> int:
        """Sites of the whole lattice."""
        return math.prod(self.shape)

    def centre(self, index: tuple[int, ...]) -> tuple[float, ...]:
        """Where an entity on a site stands."""
        x = self.centres[0]
        rest = (float(c[0, i]) for c, i in zip(self.centres[1:], index[1:], strict=True))
        return (float(x[index[1] % len(x), index[0]]), *rest)

    def number(self, index: tuple[int, ...]) -> int:
        """A site's number, row-major with x fastest."""
        number = 0
        for i, n in zip(reversed(index), reversed(self.shape), strict=True):
            number = number * n + i
        return number

    def index(self, number: int) -> tuple[int, ...]:
        """The site of a number, x first."""
        result = []
        for n in self.shape:
            number, i = divmod(number, n)
            result.append(i)
        return tuple(result)


def make_lattice(sites: Sites, box: Box, space: Space) -> Lattice:
    """Lay sites into a box.

    Args:
        sites: spacing and shape.
        box: as declared, for the lengths the author wrote.
        space: the box on the position lattice.

    Raises:
        ModelError: the box is no whole number of sites wide or high, a periodic hexagonal lattice has an odd number of
            rows, or the world of a hexagonal one is 3-D.
    """
    hexagonal = sites.shape == "hex"
    if hexagonal and box.dim != 2:
        raise ModelError(
            f"{sites!r} was asked for in a world of {box.dim} axes; a hexagonal lattice lies in a plane.\n"
            f"There would be no six neighbours.\n"
            f'Write wv.Sites({sites.spacing:g}, "square"), or a Box of two sides.'
        )
    pitches = [sites.spacing] * box.dim
    if hexagonal:
        pitches[1] = sites.spacing * math.sqrt(3.0) / 2.0
    shape = tuple(_count(sites, "xyz"[a], box.lengths[a], pitches[a]) for a in range(box.dim))
    if hexagonal and space.axes[1].periodic and shape[1] % 2:
        rows = (shape[1] + 1) * pitches[1]
        raise ModelError(
            f"{sites!r} was asked for in a box of {shape[1]} rows that is periodic in y; the rows of a hexagonal "
            f"lattice are shifted in turn, so there must be an even number.\n"
            f"Across the seam the rows would not fit together.\n"
            f"Make the box {rows:.12g} high, that is {shape[1] + 1} * {sites.spacing:g} * math.sqrt(3) / 2."
        )
    edges = tuple(lattice_edges(axis, n) for axis, n in zip(space.axes, shape, strict=True))
    centres = []
    for a, (axis, n) in enumerate(zip(space.axes, shape, strict=True)):
        shifts = (0.25, 0.75) if hexagonal and a == 0 else (0.5,)
        centres.append(np.stack([_rounded(axis, (np.arange(n) + shift) * (axis.length / n)) for shift in shifts]))
    return Lattice(shape, edges, tuple(centres), hexagonal)


def _rounded(axis: Axis, offsets: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
    """Places along an axis, on the position lattice and inside."""
    places = np.rint((axis.low + offsets) / axis.quantum) * axis.quantum + 0.0
    inside: NDArray[np.float64] = np.clip(places, axis.low, axis.high)
    return inside


def _count(sites: Sites, name: str, length: float, pitch: float) -> int:
    n = round(length / pitch)
    if n < 1 or abs(n * pitch - length) > _CLOSE * length:
        hint = f"{max(n, 1)} * {sites.spacing:g}" + (" * math.sqrt(3) / 2" if pitch != sites.spacing else "")
        raise ModelError(
            f"{sites!r} was asked for in a box that is {length:g} long in {name}; it is a multiple of {pitch:.12g}.\n"
            f"The last sites would be cut.\n"
            f"Make the box {max(n, 1) * pitch:.12g} long, that is {hint}, or change the spacing."
        )
    return n


SQUARE = {
    (4, 2): ((0, -1, 0), (-1, 0, 0), (1, 0, 0), (0, 1, 0)),
    (8, 2): tuple((i, j, 0) for j in (-1, 0, 1) for i in (-1, 0, 1) if i or j),
    (6, 3): ((0, 0, -1), (0, -1, 0), (-1, 0, 0), (1, 0, 0), (0, 1, 0), (0, 0, 1)),
    (26, 3): tuple((i, j, k) for k in (-1, 0, 1) for j in (-1, 0, 1) for i in (-1, 0, 1) if i or j or k),
}
"""(number of neighbours, axes) -> their offsets, row-major, x first."""
HEX_EVEN = ((-1, -1, 0), (0, -1, 0), (-1, 0, 0), (1, 0, 0), (-1, 1, 0), (0, 1, 0))
HEX_ODD = ((0, -1, 0), (1, -1, 0), (-1, 0, 0), (1, 0, 0), (0, 1, 0), (1, 1, 0))
"""Offsets of the six neighbours of a site in an even and in an odd row, row-major."""


def offsets(lattice: Lattice, j: int, number: int = 0) -> tuple[tuple[int, int, int], ...]:
    """Offsets (x, y, z) of the neighbours of a site in row j.

    Args:
        lattice: the sites.
        j: the site's index along y.
        number: 4 or 8 (6 or 26 in 3-D), 6 for a hexagonal lattice; 0: 8, 26 or 6.

    Raises:
        ModelError: the lattice has no such neighbourhood.
    """
    dim = len(lattice.shape)
    if lattice.hexagonal:
        allowed: tuple[int, ...] = (6,)
    else:
        allowed = (8, 4) if dim == 2 else (26, 6)
    if number not in (0, *allowed):
        raise ModelError(
            f"{number} neighbours were asked for; a site of this lattice has {' or '.join(map(str, allowed))}.\n"
            f"It is not said which they would be.\n"
            f"Write world.neighbors(me, Kind, {allowed[0]})."
        )
    if lattice.hexagonal:
        return HEX_ODD if j % 2 else HEX_EVEN
    return SQUARE[number or allowed[0], dim]


def neighbours(
    lattice: Lattice, space: Space, index: tuple[int, ...], number: int = 0
) -> Iterator[tuple[tuple[int, ...], tuple[int, ...]]]:
    """The sites around one, row-major: (index, turns of each axis that lead there); none beyond an edge."""
    for offset in offsets(lattice, index[1], number):
        there, turns = [], []
        for i, d, n, axis in zip(index, offset, lattice.shape, space.axes, strict=False):
            turn, k = divmod(i + d, n)
            if turn and not axis.periodic:
                break
            there.append(k)
            turns.append(turn)
        else:
            yield tuple(there), tuple(turns)
