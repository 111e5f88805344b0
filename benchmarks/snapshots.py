"""What it costs a run to be kept: the same ticks with a snapshot every 7 s, and without any.

Two runs of one flocking model take turns over the same ticks. One of them has a folder for snapshots and makes a
recovery point in each round, which is as many ticks as take about 7 s; the point is written before the round ends, so
that all that it costs counts.
"""

from __future__ import annotations

import math
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import weaver as wv
from benchmarks.flocking import flocking
from benchmarks.race import Goal, Result, race
from partitions.surviving import Surviving

DENSITY = 0.5
SECONDS = 7.0
"""Of a round: less than the 8 s after which a run makes a point by itself, so that there is one in each round."""


def measure(quick: bool) -> Iterator[Result]:
    """A million birds, or a few thousand."""
    n, rounds = (5_000, 2) if quick else (1_000_000, 7)
    side = (n / DENSITY) ** 0.5
    result = Result(f"flocking, {n:,} birds, a snapshot in each round of about {0.2 if quick else SECONDS:g} s", "ns")
    with (
        tempfile.TemporaryDirectory() as folder,
        flocking(n, side).start() as plain,
        flocking(n, side).start(snapshots=Path(folder) / "kept") as kept,
    ):
        surviving = kept._runtime
        assert isinstance(surviving, Surviving)
        points = surviving._points

        def advance(run: wv.Run) -> object:
            def go(ticks: int) -> tuple[float, float]:
                points.postpone()
                began, cpu = time.perf_counter(), time.process_time()
                if run is kept:
                    points.hurry()
                run.step(ticks)
                points.wait()
                return time.perf_counter() - began, time.process_time() - cpu

            return go

        began = time.perf_counter()
        plain.step(3)
        kept.step(3)
        ticks = max(3, math.ceil((0.2 if quick else SECONDS) / ((time.perf_counter() - began) / 6)))
        made = len(points.kept)
        race(result, {"plain": advance(plain), "kept": advance(kept)}, updates=n, ticks=ticks, rounds=rounds)
        result.checks["same bits"] = plain.digest() == kept.digest()
        result.checks["a point was made"] = len(points.kept) >= max(1, made)
        size = sum(path.stat().st_size for path in Path(folder).rglob("*.arrow"))
        result.notes.append(f"{ticks} ticks a round; a snapshot is {size / len(points.kept) / 1e6:.1f} MB")
    result.goals.append(Goal("kept", "plain", 0.95))
    yield result
