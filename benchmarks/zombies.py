"""Zombies, the app `apps/zombies.py`: 3,006,000 entities on 2 Ray workers, exchange and migration in the time.

Its numbers are those of the example of Repast4Py (Collier and Ozik 2022), for which 1.0e4 updates per second and core
are published; the goal is a hundred times that. A value is the time of one core: seconds of the clock, times 2 workers.
"""

from __future__ import annotations

from collections.abc import Iterator

import weaver as wv
from benchmarks.race import Goal, Result, of_run, race, rounds_and_ticks
from weaver.load import load_app

WORKERS = 2


def measure(quick: bool) -> Iterator[Result]:
    """One size."""
    rounds, ticks = rounds_and_ticks(quick, 3)
    _, sim = load_app("zombies", parameters={"scale": 0.003 if quick else 1.0})
    goals = [Goal("Weaver", None, 1000.0)]
    result = Result("zombies, 3M humans, 2 Ray workers", "ns of a core per update", goals=goals)
    try:
        with sim.start(workers=WORKERS) as run:
            race(
                result,
                {"Weaver": of_run(run, here=False)},
                updates=sum(run.counts().values()) / WORKERS,
                ticks=ticks,
                rounds=rounds,
            )
            result.notes.append(f"{run.counts()} at the end, after {run.tick} ticks")
    except (ImportError, wv.WeaverError) as error:
        result.skipped["Weaver"] = " ".join(str(error).split())
    yield result
