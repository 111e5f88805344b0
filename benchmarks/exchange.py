"""What an exchange costs when there is hardly anything to exchange: 1,000 birds on 2 workers of one node.

A tick has one exchange. Its time above the kernel is that of a tick on two Ray workers, less the kernel's half of the
same birds, as one thread measures it in a kernel of 200,000 birds.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack

import weaver as wv
from benchmarks.flocking import flocking, side_for
from benchmarks.race import Goal, Result, of_run, race, rounds_and_ticks

KERNEL = 0.1
"""Microseconds of the kernel per bird; what it is exactly is small beside the rest."""


def measure(quick: bool) -> Iterator[Result]:
    """One size."""
    n = 1_000
    rounds, ticks = rounds_and_ticks(quick, 500)
    result = Result(
        f"a tick of {n:,} birds, one exchange", "µs", goals=[Goal("2 Ray workers", None, 150.0 + KERNEL * n / 2)]
    )
    with ExitStack() as stack:
        runs = {"1 thread": stack.enter_context(flocking(n, side_for(n, 15.7)).start())}
        try:
            runs["2 Ray workers"] = stack.enter_context(flocking(n, side_for(n, 15.7)).start(workers=2))
        except (ImportError, wv.WeaverError) as error:
            result.skipped["2 Ray workers"] = " ".join(str(error).split())
        contenders = {name: of_run(run) for name, run in runs.items()}
        yield race(result, contenders, updates=1, ticks=ticks, rounds=rounds, warm=20, scale=1e6)
