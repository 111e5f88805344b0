"""Seconds from the start of a run to the end of its first tick, imports done before: compiled earlier, and not.

The flock of 80,000 birds in this process; every run has a process of its own, the cold ones an empty cache folder too,
so that they compile Weaver's own loops as well.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator

from benchmarks.race import Goal, Result

PROGRAM = """
import time
import weaver as wv, weaver.run, weaver.compiler.build, numba
from benchmarks.flocking import flocking
sim = flocking(80_000, 400.0)
began = time.perf_counter()
with sim.start() as run:
    run.step(1)
    print(time.perf_counter() - began)
"""


def first_tick(cache: str) -> float:
    """Seconds of a new process with a cache folder."""
    environment = {**os.environ, "WEAVER_CACHE": cache}
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True, env=environment)
    return float(done.stdout)


def measure(quick: bool) -> Iterator[Result]:
    """Both."""
    result = Result("first tick of 80,000 birds", "s", {"not compiled before": [], "compiled before": []})
    result.goals = [Goal("compiled before", None, 1.0), Goal("not compiled before", None, 6.0)]
    for _ in range(1 if quick else 3):
        with tempfile.TemporaryDirectory(prefix="weaver-first-") as cache:
            result.values["not compiled before"].append(first_tick(cache))
            result.values["compiled before"].append(
                statistics.median(first_tick(cache) for _ in range(1 if quick else 3))
            )
    yield result
