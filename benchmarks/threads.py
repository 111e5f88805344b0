"""Two threads beside one, and two Ray workers beside two threads: the flock of 200,000 and of 2,000,000 birds.

The second thread is worth most where kernels are bound by arithmetic; what is bound by memory gains no more than the
machine's second core adds in bandwidth. All runs of a size end in one state.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack

import weaver as wv
from benchmarks.circles import circles
from benchmarks.flocking import flocking, side_for
from benchmarks.race import Goal, Result, of_run, race, rounds_and_ticks, same_bits


def measure(quick: bool) -> Iterator[Result]:
    """Two flocks, and circles, which are all arithmetic."""
    for n in (20_000,) if quick else (200_000, 2_000_000):
        yield _measure(
            f"flocking, {n:,} birds, 15.7 neighbours each", lambda n=n: flocking(n, side_for(n, 15.7)), n, quick, True
        )
    n = 10_000 if quick else 100_000
    yield _measure(f"circles, {n:,} in 3-D, float32", lambda: circles(n), n, quick, False)


def _measure(title: str, model, n: int, quick: bool, ray: bool) -> Result:
    rounds, ticks = rounds_and_ticks(quick, max(2, 4_000_000 // n))
    result = Result(title, "ns per update", goals=[Goal("2 threads", "1 thread", 1.85)])
    with ExitStack() as stack:
        runs = {f"{k} thread{'s' if k > 1 else ''}": stack.enter_context(model().start(threads=k)) for k in (1, 2)}
        if ray:
            result.goals.append(Goal("2 Ray workers", "2 threads", 0.95))
            try:
                runs["2 Ray workers"] = stack.enter_context(model().start(workers=2))
            except (ImportError, wv.WeaverError) as error:
                result.skipped["2 Ray workers"] = " ".join(str(error).split())
        race(result, {name: of_run(run) for name, run in runs.items()}, updates=n, ticks=ticks, rounds=rounds)
        result.checks["all runs end in one state"] = same_bits(list(runs.values()))
    return result
