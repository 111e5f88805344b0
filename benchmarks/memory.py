"""Bytes per entity of 10,000,000 birds: position, velocity and id in 2-D are 40.

`run.memory()` counts the tables; the peak is that of the whole process, less that of one with 1,000 birds.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator

from benchmarks.race import Goal, Result

PROGRAM = r"""
import json, re, sys
from benchmarks.flocking import flocking, side_for
n = int(sys.argv[1])
with flocking(n, side_for(n, 15.7)).start() as run:
    run.step(2)
    peak = int(re.search(r"VmHWM:\s+(\d+)", open("/proc/self/status").read())[1]) * 1024
    print(json.dumps([run.memory()["Bird"], peak]))
"""


def measure(quick: bool) -> Iterator[Result]:
    """One size; processes of their own, since a peak never falls."""
    n = 100_000 if quick else 10_000_000

    def run(n: int) -> list[int]:
        done = subprocess.run([sys.executable, "-c", PROGRAM, str(n)], capture_output=True, text=True, check=True)
        return json.loads(done.stdout)

    run(1_000)  # what compiling takes is no part of it
    (tables, peak), (_, least) = run(n), run(1_000)
    values = {"tables": [tables / n], "peak of the process": [(peak - least) / n]}
    goals = [Goal("peak of the process", None, 120.0)]
    yield Result(f"{n:,} birds of 40 bytes", "bytes per entity", values, clock="no", goals=goals)
