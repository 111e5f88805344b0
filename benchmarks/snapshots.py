"""What it costs a run to be kept: a snapshot by itself, and a run with one every 10 s beside a run without any.

The first measurement is of one run: its rounds of about a second have a snapshot in them, which is written before the
round ends, or none, in turns. What a round with one takes longer, as a share of 10 s, is what snapshots every 10 s
cost. The second shows the whole: two runs of one model take turns over the same ticks, in rounds of about 20 s, and one
of them was started with `snapshot_every="10s"`. It compares long rounds, so it takes a quiet machine to tell a few
percent. The birds stay as far apart as they are, so that all rounds are alike: those of a flock would take longer and
longer.
"""

from __future__ import annotations

import math
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import weaver as wv
from benchmarks.race import Goal, Result, race
from benchmarks.viewers import crowd
from partitions.surviving import Surviving

DENSITY = 0.5
EVERY = 10.0
"""Seconds between two snapshots."""
MOST = 0.05
"""The largest share of the time that they may take."""


def measure(quick: bool) -> Iterator[Result]:
    """A million birds, or a few thousand."""
    n = 5_000 if quick else 1_000_000
    yield one(n, quick)
    yield every(n, quick)


@contextmanager
def kept_run(n: int) -> Iterator[tuple[wv.Run, Surviving, Path]]:
    """A run that is kept in a folder, the runtime that keeps it, and the folder."""
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder) / "kept"
        with crowd(n, (n / DENSITY) ** 0.5).start(snapshots=place, snapshot_every=f"{EVERY:g}s") as run:
            surviving = run._runtime
            assert isinstance(surviving, Surviving)
            run.step(3)
            yield run, surviving, place


def ticks_of(run: wv.Run, seconds: float) -> int:
    """How many ticks take so long."""
    run.step(3)  # to warm up
    began = time.perf_counter()
    run.step(3)
    return max(3, math.ceil(seconds / ((time.perf_counter() - began) / 3)))


def postpone(surviving: Surviving) -> None:
    """The next snapshot is due after the usual time from now: as if the run had not stood meanwhile."""
    surviving._points.postpone()
    surviving._archived_at = time.monotonic()


def snapshots_of(place: Path) -> set[str]:
    """Names of all that have been made and are there."""
    return {path.parent.name for path in place.glob("*/manifest.json")}


def one(n: int, quick: bool) -> Result:
    """A snapshot by itself."""
    result = Result(f"{n:,} birds: a round with a snapshot, and without one", "s")
    with kept_run(n) as (run, surviving, place):
        ticks, rounds = ticks_of(run, 0.05 if quick else 1.0), 2 if quick else 41
        result.values = {"without": [], "with": [], "share of 10 s": []}
        made = 0
        for turn in range(rounds):
            for kind in ("without", "with")[:: 1 if turn % 2 == 0 else -1]:
                surviving.settle()
                postpone(surviving)
                before = snapshots_of(place)
                began = time.perf_counter()
                if kind == "with":
                    surviving._archived_at -= EVERY  # the first tick begins with one
                run.step(ticks)
                surviving.settle()
                result.values[kind].append(time.perf_counter() - began)
                made += len(snapshots_of(place) - before)
            result.values["share of 10 s"].append((result.values["with"][-1] - result.values["without"][-1]) / EVERY)
        result.checks["a snapshot in each round that was to have one"] = made == rounds
        size = sum(path.stat().st_size for path in place.rglob("*.arrow")) / len(snapshots_of(place))
    result.notes.append(f"{ticks} ticks a round; a snapshot is {size / 1e6:.1f} MB; {made} were made")
    result.goals.append(Goal("share of 10 s", None, MOST))
    return result


def every(n: int, quick: bool) -> Result:
    """A run that makes one every 10 s beside one that makes none."""
    seconds, rounds = (0.2, 2) if quick else (2.05 * EVERY, 7)
    result = Result(f"{n:,} birds, a snapshot every {EVERY:g} s, and none", "ns")
    made: list[int] = []
    with crowd(n, (n / DENSITY) ** 0.5).start() as plain, kept_run(n) as (kept, surviving, place):
        plain.step(kept.tick)
        ticks = ticks_of(plain, seconds)
        kept.step(plain.tick - kept.tick)

        def plainly(ticks: int) -> tuple[float, float]:
            began, cpu = time.perf_counter(), time.process_time()
            plain.step(ticks)
            return time.perf_counter() - began, time.process_time() - cpu

        def keeping(ticks: int) -> tuple[float, float]:
            surviving.settle()
            postpone(surviving)
            surviving._archived_at -= EVERY  # the first tick begins with one
            before = snapshots_of(place)
            began, cpu = time.perf_counter(), time.process_time()
            kept.step(ticks)
            surviving.settle()
            took = time.perf_counter() - began, time.process_time() - cpu
            made.append(len(snapshots_of(place) - before))
            return took

        race(result, {"plain": plainly, "kept": keeping}, updates=n, ticks=ticks, rounds=rounds)
        result.checks["same bits"] = plain.digest() == kept.digest()
    counted = made[1:]  # the first call was to warm up
    result.checks["snapshots in each round"] = quick or min(counted) >= 2
    result.notes.append(f"{ticks} ticks a round; snapshots in the rounds: {', '.join(map(str, counted))}")
    result.goals.append(Goal("kept", "plain", 1.0 - MOST))
    return result
