"""The game of life on 4096 x 4096 cells of a byte each, a third alive at the start.

The behavior is that of `apps/life.py`. Beside it run C++ with rows of bytes and numpy with slices of an array.
"""

from __future__ import annotations

from collections.abc import Iterator

import weaver as wv
from benchmarks.native import write_columns
from benchmarks.race import Result
from benchmarks.rasters import drawn, measure_raster, side_of


class Cell(wv.Layer, resolution=1.0):
    """A cell, alive or dead."""

    alive: bool


def measure(quick: bool) -> Iterator[Result]:
    """One size."""
    side = side_of(quick)
    sim, start = wv.Simulation(wv.Box(side, side)), drawn(side, 0.33)

    @sim.behavior
    def evolve(cell: Cell, world: wv.World) -> None:
        n = sum(other.alive for other in world.around(cell))
        cell.alive = n == 3 or (n == 2 and cell.alive)

    sim.layer(Cell, alive=start)
    yield measure_raster(
        f"life, {side} x {side} cells of a byte", sim, lambda run: float(run.layer(Cell).sum()), "life",
        [str(side), write_columns("life.bin", start)], "evolve_row", 0.9, side, quick, 20,
    )  # fmt: skip
