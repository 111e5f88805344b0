"""What it costs a run to be watched: rounds without anybody, and with viewers at 30 frames per second.

    python -m benchmarks.viewers [--quick] [--rounds N] [--seconds S] [--threads N] [--json FILE]

Two runs with the same seed take turns. Nobody ever watches one; three viewers that want different things watch the
other, and a fourth that was sent a frame and never answers. A pair of rounds are the same ticks of both, at full speed
and one right after the other; which goes first alternates. So flocks that get dense, and what else the machine does,
meet both. Viewers are processes of their own on the same machine, so on a machine without spare cores they and the hub
take time from the run too; what they took is printed. The loss is that of the median pair.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import threading
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from benchmarks.flocking import flocking
from benchmarks.machine import machine
from viewer.client import Client
from viewer.hub import Hub
from weaver.run import Run
from weaver.view import world_meta

GOAL = 0.05
HZ = 30.0
SIZES = {80_000: 400.0, 5_000: 100.0}
TICK = os.sysconf("SC_CLK_TCK")


def interests(side: float) -> list[dict[str, Any]]:
    """What the three viewers want: all birds, all birds coloured by a field, a quarter of the world."""
    return [
        {"hz": HZ},
        {"hz": HZ, "types": {"Bird": {"fields": ["velocity"]}}},
        {"hz": HZ, "area": [[0, 0, 0], [side / 2, side / 2, 0]]},
    ]


def watch() -> None:
    """A viewer's process: its first line of stdin is the link and the interest; the end of stdin ends it."""
    told = json.loads(sys.stdin.readline())
    frames = 0
    with Client(told["link"]) as client:
        client.interest(**told["interest"])
        client.frame(30)
        print("watching", flush=True)
        if told["stalled"]:
            sys.stdin.read()
            return
        ended = threading.Event()
        threading.Thread(target=lambda: (sys.stdin.read(), ended.set()), daemon=True).start()
        client.drawn()
        while not ended.is_set():
            try:
                client.frame(0.05)
            except TimeoutError:
                continue
            client.drawn()
            frames += 1
    print(json.dumps({"frames": frames, "bytes": client.bytes}), flush=True)


class Viewers:
    """Processes that watch; `close` ends them and gives what each has got."""

    def __init__(self, hub: Hub, run: Run, wanted: list[dict[str, Any]]) -> None:
        command = [sys.executable, "-m", "benchmarks.viewers", "--watch"]
        self._processes = []
        for k, interest in enumerate([*wanted, wanted[0]]):
            process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
            told = {"link": hub.url, "interest": interest, "stalled": k == len(wanted)}
            process.stdin.write(json.dumps(told) + "\n")
            process.stdin.flush()
            self._processes.append(process)
        waiting = threading.Thread(target=lambda: [process.stdout.readline() for process in self._processes])
        waiting.start()
        while waiting.is_alive():
            if any(command["op"] == "refresh" for command in hub.commands()):
                run.show()
            waiting.join(0.02)

    def close(self) -> list[dict[str, float]]:
        """End them."""
        for process in self._processes:
            process.stdin.close()
        told = [process.stdout.read() for process in self._processes]
        for process in self._processes:
            process.stdout.close()
            process.wait()
        return [json.loads(text) for text in told if text.strip()]

    @property
    def pids(self) -> list[int]:
        """Their process ids."""
        return [process.pid for process in self._processes]


def spent(pids: list[int]) -> float:
    """Processor seconds of these processes so far."""
    total = 0
    for pid in pids:
        words = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        total += int(words[11]) + int(words[12])
    return total / TICK


def step(run: Run, ticks: int) -> tuple[float, float]:
    """Seconds that so many ticks take, by the clock and of this process."""
    run.step(max(1, ticks // 4))  # the hub learns how fast the run is
    began, own = time.perf_counter(), time.process_time()
    run.step(ticks)
    return time.perf_counter() - began, time.process_time() - own


def measure(n: int, side: float, threads: int, rounds: int, seconds: float) -> dict[str, Any]:
    """Measure one size.

    Returns:
        n, ticks per round, ticks_per_second {"alone", "watched"}, loss (of the median pair), losses (of all),
        processor_loss: the same by the processor time of the run's process, which other programs disturb less;
        viewers: frames and megabytes per second of each while the watched run was at work; hub and viewing: processors
        that they took meanwhile.
    """
    pairs, own_pairs, rates = [], [], {"alone": [], "watched": []}
    hub_time = viewer_time = busy = 0.0
    with ExitStack() as stack:
        runs = {kind: stack.enter_context(flocking(n, side).start(threads=threads)) for kind in rates}
        hub = stack.enter_context(Hub.start(world_meta(runs["watched"], None)))
        runs["watched"].publish(hub)
        for run in runs.values():
            run.step(3)
        viewers = Viewers(hub, runs["watched"], interests(side))
        try:
            ticks = max(10, int(10 * seconds / step(runs["alone"], 10)[0]))
            runs["watched"].step(runs["alone"].tick - runs["watched"].tick)
            for turn in range(rounds):
                took, own = {}, {}
                for kind in ("alone", "watched")[:: 1 if turn % 2 == 0 else -1]:
                    before, began = (spent([hub.pid]), spent(viewers.pids)), time.perf_counter()
                    took[kind], own[kind] = step(runs[kind], ticks)
                    if kind == "watched":
                        hub_time += spent([hub.pid]) - before[0]
                        viewer_time += spent(viewers.pids) - before[1]
                        busy += time.perf_counter() - began
                pairs.append(1.0 - took["alone"] / took["watched"])
                own_pairs.append(1.0 - own["alone"] / own["watched"])
                for kind in took:
                    rates[kind].append(ticks / took[kind])
        finally:
            seen = viewers.close()
    return {
        "n": n,
        "ticks": ticks,
        "rounds": rounds,
        "ticks_per_second": {kind: statistics.median(each) for kind, each in rates.items()},
        "loss": statistics.median(pairs),
        "losses": pairs,
        "processor_loss": statistics.median(own_pairs),
        "processor_losses": own_pairs,
        "viewers": [{"hz": each["frames"] / busy, "megabytes": each["bytes"] / busy / 1e6} for each in seen],
        "hub": hub_time / busy,
        "viewing": viewer_time / busy,
    }


def show(result: dict[str, Any]) -> None:
    """Print one size."""
    rates = result["ticks_per_second"]
    print(f"\n{result['n']:,} birds; medians of {result['rounds']} pairs of {result['ticks']} ticks")
    print(f"  alone    {rates['alone']:8.1f} ticks/s")
    print(f"  watched  {rates['watched']:8.1f} ticks/s by three viewers, and one that has stalled")
    spread = ", ".join(f"{100 * loss:.1f}" for loss in sorted(result["losses"]))
    print(f"  loss     {100 * result['loss']:8.1f} %   (goal: at most {100 * GOAL:.0f} %; pairs: {spread})")
    own = ", ".join(f"{100 * loss:.1f}" for loss in sorted(result["processor_losses"]))
    print(f"  of its own processor time {100 * result['processor_loss']:.1f} % went to being watched (pairs: {own})")
    for name, each in zip(("all", "coloured", "a quarter"), result["viewers"], strict=True):
        print(f"  {name:<10} {each['hz']:5.1f} frames/s {each['megabytes']:7.2f} MB/s")
    print(f"  processors taken: hub {result['hub']:.2f}, viewers {result['viewing']:.2f}")


def main(arguments: list[str] | None = None) -> dict[str, Any]:
    """Measure, print, and return what `--json` writes."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.viewers", description=__doc__.split("\n")[0])
    parser.add_argument("--quick", action="store_true", help="small and short: shows that it works, not how fast")
    parser.add_argument("--rounds", type=int, help="pairs of rounds (default 15; 1 with --quick)")
    parser.add_argument("--seconds", type=float, help="of a round (default 1; 0.5 with --quick)")
    parser.add_argument("--threads", type=int, default=1, help="of the run (default 1: the others have a core)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the results there too")
    parser.add_argument("--watch", action="store_true", help=argparse.SUPPRESS)
    chosen = parser.parse_args(arguments)
    if chosen.watch:
        watch()
        return {}
    facts = machine()
    print(", ".join(f"{name} {value}" for name, value in facts.items()))
    sizes = {1_000: 60.0} if chosen.quick else SIZES
    results = []
    for n, side in sizes.items():
        rounds, seconds = chosen.rounds or (1 if chosen.quick else 15), chosen.seconds or (0.5 if chosen.quick else 1.0)
        results.append(measure(n, side, chosen.threads, rounds, seconds))
        show(results[-1])
    report = {"machine": facts, "goal": GOAL, "threads": chosen.threads, "results": results}
    if chosen.json is not None:
        chosen.json.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    return report


if __name__ == "__main__":
    main()
