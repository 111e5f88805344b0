"""What it costs a run to be recorded: rounds of the same ticks, with and without a recording.

    python -m benchmarks.recording [--quick] [--rounds N] [--ticks N] [--every N] [--threads N] [--out DIR]
        [--json FILE]

Two runs of one flocking model stand at the same tick, so that both do the same work: in each pair of rounds one goes on
so many ticks and then the other, first this one, then that one. One of them is recorded: positions of all birds every
10 ticks. Rounds begin and end in the middle between two recorded ticks, so what a round has recorded is written in it.
The cost is that of the median pair.
"""

from __future__ import annotations

import argparse
import json
import shutil
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.flocking import flocking
from benchmarks.machine import machine

GOAL = 0.10
DENSITY = 0.5
FIELDS = ["Bird.position"]


def step(run: Any, ticks: int) -> tuple[float, float]:
    """Seconds that so many ticks take, by the clock and of this process."""
    began, own = time.perf_counter(), time.process_time()
    run.step(ticks)
    return time.perf_counter() - began, time.process_time() - own


def measure(n: int, ticks: int, every: int, rounds: int, threads: int, folder: Path) -> dict[str, Any]:
    """Measure one size.

    Returns:
        n, ticks per round, seconds_per_tick {"plain", "recorded"}, cost (of the median pair), costs (of all),
        processor_cost: the same by the processor time of the process, writing included; bytes_per_row, megabytes.
    """
    side = (n / DENSITY) ** 0.5
    seconds: dict[str, list[float]] = {"plain": [], "recorded": []}
    costs, own_costs = [], []
    with flocking(n, side).start(threads=threads) as plain, flocking(n, side).start(threads=threads) as recorded:
        recording = recorded.record(folder, every=every, fields=FIELDS)
        runs = {"plain": plain, "recorded": recorded}
        for run in runs.values():
            run.step(every // 2 if every > 1 else 1)
        for turn in range(rounds):
            took = {}
            for kind in ("plain", "recorded")[:: 1 if turn % 2 == 0 else -1]:
                took[kind] = step(runs[kind], ticks)
                seconds[kind].append(took[kind][0] / ticks)
            costs.append(took["recorded"][0] / took["plain"][0] - 1.0)
            own_costs.append(took["recorded"][1] / took["plain"][1] - 1.0)
        assert recorded.digest() == plain.digest()
    files = [path.stat().st_size for path in (folder / "Bird").iterdir()]
    rows = n * len(recording.ticks)
    return {
        "n": n,
        "ticks": ticks,
        "every": every,
        "rounds": rounds,
        "threads": threads,
        "seconds_per_tick": {kind: statistics.median(each) for kind, each in seconds.items()},
        "cost": statistics.median(costs),
        "costs": costs,
        "processor_cost": statistics.median(own_costs),
        "parts": len(files),
        "megabytes": sum(files) / 1e6,
        "bytes_per_row": sum(files) / rows,
    }


def show(result: dict[str, Any]) -> None:
    """Print one size."""
    per = result["seconds_per_tick"]
    print(
        f"\n{result['n']:,} birds, {result['threads']} threads; medians of {result['rounds']} pairs of "
        f"{result['ticks']} ticks, positions every {result['every']} ticks"
    )
    print(f"  plain    {1e3 * per['plain']:8.1f} ms a tick")
    print(f"  recorded {1e3 * per['recorded']:8.1f} ms a tick")
    spread = ", ".join(f"{100 * cost:.1f}" for cost in sorted(result["costs"]))
    print(f"  cost     {100 * result['cost']:8.1f} %   (goal: at most {100 * GOAL:.0f} %; pairs: {spread})")
    print(f"  of processor time {100 * result['processor_cost']:.1f} %, the writing included")
    print(f"  {result['megabytes']:.1f} MB in {result['parts']} parts, {result['bytes_per_row']:.1f} bytes a row")


def main(arguments: list[str] | None = None) -> dict[str, Any]:
    """Measure, print, and return what `--json` writes."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.recording", description=__doc__.split("\n")[0])
    parser.add_argument("--quick", action="store_true", help="small and short: shows that it works, not how fast")
    parser.add_argument("--rounds", type=int, help="pairs of rounds (default 7; 2 with --quick)")
    parser.add_argument("--ticks", type=int, default=20, help="of a round, a multiple of --every (default 20)")
    parser.add_argument("--every", type=int, default=10, help="ticks from one recorded tick to the next (default 10)")
    parser.add_argument("--threads", type=int, default=1, help="of the runs (default 1: the writer has a core)")
    parser.add_argument(
        "--out", type=Path, metavar="DIR", help="record below this folder (default: that of the system)"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the results there too")
    chosen = parser.parse_args(arguments)
    facts = machine()
    print(", ".join(f"{name} {value}" for name, value in facts.items()))
    n, rounds = (2_000, chosen.rounds or 2) if chosen.quick else (1_000_000, chosen.rounds or 7)
    folder = Path(tempfile.mkdtemp(prefix="weaver-recording-", dir=chosen.out))
    try:
        results = [measure(n, chosen.ticks, chosen.every, rounds, chosen.threads, folder / "run")]
    finally:
        shutil.rmtree(folder)
    for result in results:
        show(result)
    report = {"machine": facts, "goal": GOAL, "results": results}
    if chosen.json is not None:
        chosen.json.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    return report


if __name__ == "__main__":
    main()
