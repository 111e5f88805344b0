"""Lattices of sites, on which entities stand one by one."""

from __future__ import annotations

import math

from weaver.errors import ModelError

SHAPES = ("square", "hex")


class Sites:
    """A lattice of sites that fills the box; entity types name it by `class Chip(wv.Entity, sites=GRID)`.

    A site of a "square" lattice is a square of side `spacing` (a cube in 3-D), its centre the place where an entity
    stands. Sites of a "hex" lattice are `spacing` apart in all six directions: rows are spacing * sqrt(3) / 2 high, and
    odd rows are shifted by half a spacing. The box's sides are multiples of these lengths; a periodic hex lattice has
    an even number of rows.

    Args:
        spacing: distance of neighbouring sites, in units of length.
        shape: "square" or "hex".

    Raises:
        ModelError: the spacing is not positive, or the shape does not exist.
    """

    def __init__(self, spacing: float = 1.0, shape: str = "square") -> None:
        if not (isinstance(spacing, (int, float)) and math.isfinite(spacing) and spacing > 0) or shape not in SHAPES:
            raise ModelError(
                f'wv.Sites({spacing!r}, {shape!r}) was asked for; it takes a positive length and "square" or "hex".\n'
                f"There would be no places to stand on.\n"
                f'Write wv.Sites(1.0, "square").'
            )
        self.spacing, self.shape = float(spacing), shape

    def __repr__(self) -> str:
        return f"<Sites {self.shape}, {self.spacing:g} apart>"
