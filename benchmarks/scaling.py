"""What an update costs from 1e3 to 1e7 birds, and in 1 to 8 partitions: processor time of one thread."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack

from benchmarks.flocking import flocking, side_for
from benchmarks.race import Goal, Result, of_run, race, rounds_and_ticks, same_bits


def measure(quick: bool) -> Iterator[Result]:
    """Two series; the sizes do not run in turns, for all at once would not fit."""
    sizes = (1_000, 3_000) if quick else (1_000, 10_000, 100_000, 1_000_000, 10_000_000)
    result = Result("flocking by the number of birds, 15.7 neighbours each", "ns per update", clock="processor")
    for n in sizes:
        rounds, ticks = rounds_and_ticks(quick, max(1, min(200, 2_000_000 // n)), 5 if n < 10_000_000 else 3)
        with flocking(n, side_for(n, 15.7)).start() as run:
            race(
                one := Result("", "", clock="processor"), {f"{n:,}": of_run(run)}, updates=n, ticks=ticks, rounds=rounds
            )
        result.values.update(one.values)
    if not quick:
        least = min(sizes[2:], key=lambda n: result.median(f"{n:,}"))
        result.goals = [Goal(f"{n:,}", None, 1.25 * result.median(f"{least:,}")) for n in sizes[2:]]
    yield result

    n = 3_000 if quick else 1_000_000
    rounds, ticks = rounds_and_ticks(quick, 2, 5)
    counts = (1, 2, 4, 8)
    result = Result(f"flocking, {n:,} birds, by the number of partitions", "ns per update", clock="processor")
    with ExitStack() as stack:
        runs = {f"{k}": stack.enter_context(flocking(n, side_for(n, 15.7)).start(partitions=k)) for k in counts}
        race(result, {name: of_run(run) for name, run in runs.items()}, updates=n, ticks=ticks, rounds=rounds)
        result.checks["all runs end in one state"] = same_bits(list(runs.values()))
    result.goals = [Goal("8", "1", 1 / 1.15)]
    yield result
