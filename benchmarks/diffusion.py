"""Diffusion on 4096 x 4096 cells of float32, five points: bound by the memory it goes through.

`sim.diffuse` of `apps/diffusion.py`. Beside it run C++ with rows of floats and numpy with slices of an array.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

import weaver as wv
from benchmarks.native import write_columns
from benchmarks.race import Result
from benchmarks.rasters import measure_raster, side_of

RATE, DT = 1.0, 0.2


class Heat(wv.Layer, resolution=1.0):
    """Heat per area."""

    level: wv.float32


def measure(quick: bool) -> Iterator[Result]:
    """One size."""
    side = side_of(quick)
    sim = wv.Simulation(wv.Box(side, side), dt=DT)
    start = np.random.default_rng(1).random((side, side), np.float32)
    sim.diffuse(Heat, "level", RATE)
    sim.layer(Heat, level=start)
    yield measure_raster(
        f"diffusion, {side} x {side} cells, float32", sim, lambda run: float(run.layer(Heat).sum(dtype="f8")),
        "diffusion", [str(side), repr(RATE * DT), write_columns("heat.bin", start)], "spread_row", 0.95,
        side, quick, 10,
    )  # fmt: skip
