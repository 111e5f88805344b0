"""A forest fire on 4096 x 4096 squares of a byte each, dense enough to burn from the left edge to the right one.

The behavior is that of `apps/forest_fire.py`. Beside it run C++ with rows of bytes and numpy with slices of an array.
"""

from __future__ import annotations

from collections.abc import Iterator

import weaver as wv
from benchmarks.native import write_columns
from benchmarks.race import Result
from benchmarks.rasters import drawn, measure_raster, side_of

EMPTY, GREEN, BURNING, BURNT = range(4)


class Tree(wv.Layer, resolution=1.0):
    """A square of the forest."""

    state: wv.uint8


def measure(quick: bool) -> Iterator[Result]:
    """One size."""
    side = side_of(quick)
    sim, start = wv.Simulation(wv.Box(side, side)), drawn(side, 0.7).astype("u1")
    start[:, 0] *= BURNING

    @sim.behavior
    def burn(tree: Tree, world: wv.World) -> None:
        if tree.state == BURNING:
            tree.state = BURNT
        elif tree.state == GREEN and any(other.state == BURNING for other in world.beside(tree)):
            tree.state = BURNING

    sim.layer(Tree, state=start)
    yield measure_raster(
        f"forest fire, {side} x {side} squares of a byte", sim, lambda run: float(run.layer(Tree).sum()),
        "forest_fire", [str(side), write_columns("fire.bin", start)], "burn_row", 0.9, side, quick, 20,
    )  # fmt: skip
