"""What it costs a run to be watched by three viewers at 30 frames per second, or by one that has stalled.

    python -m benchmarks.viewers [--quick] [--rounds N] [--seconds S] [--threads N] [--json FILE]

One run takes all rounds, at full speed, so that it always works in the same memory; only where it sends its frames
changes: nowhere, to a hub with three viewers that want different things, or to a hub with one that was sent a frame and
never answers. Three rounds make a turn, in which the order is that of the last turn reversed, and a loss compares two
rounds of one turn, so what else the machine does meets all alike. Viewers are processes of
their own on the same machine, so on a machine without spare cores they and the hub take time from the run too; what
they took is printed. The loss is the median of all turns, given with the interval that holds the true median in 95 of
100 measurements (order statistics: Conover, Practical Nonparametric Statistics, 1999, section 3.2).
"""

from __future__ import annotations

import argparse
import json
import math
import os
import statistics
import subprocess
import sys
import threading
import time
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import weaver as wv
from benchmarks.flocking import RADIUS, Bird
from benchmarks.machine import machine
from viewer.client import Client
from viewer.hub import Hub
from weaver.run import Run
from weaver.view import world_meta

GOALS = {"watched": 0.05, "stalled": 0.01}
"""Largest losses; the second is what can be told from none."""
HZ = 30.0
SIZES = {80_000: 400.0, 5_000: 100.0}
TICK = os.sysconf("SC_CLK_TCK")


def crowd(n: int, side: float) -> wv.Simulation:
    """n birds that look as a flock does, and hardly heed it: they stay as far apart, so all rounds are alike."""
    sim = wv.Simulation(wv.Box(side, side, boundary="periodic"), seed=7, dt=1.0)

    @sim.behavior
    def fly(bird: Bird, world: wv.World) -> None:
        n, heading, centre = 0, wv.Vec2(), wv.Vec2()
        for other in world.near(bird, Bird, radius=RADIUS):
            n += 1
            heading += other.velocity
            centre += other.position - bird.position
        if n:
            bird.velocity += 1e-9 * (heading + centre) / n
        bird.position += bird.velocity * world.dt

    sim.scatter(Bird, n, velocity=lambda rng: rng.unit2())
    return sim


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

    def __init__(self, hub: Hub, run: Run, wanted: list[dict[str, Any]], stalled: bool = False) -> None:
        command = [sys.executable, "-m", "benchmarks.viewers", "--watch"]
        self._processes = []
        for interest in wanted:
            process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
            process.stdin.write(json.dumps({"link": hub.url, "interest": interest, "stalled": stalled}) + "\n")
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


def interval(values: list[float]) -> tuple[float, float]:
    """The order statistics between which the true median lies with a chance of 95 in 100 or more; all for a few."""
    ordered, n = sorted(values), len(values)
    chance, k = 0.5**n, 0
    while k < n // 2 and chance + math.comb(n, k + 1) * 0.5**n <= 0.025:
        k += 1
        chance += math.comb(n, k) * 0.5**n
    return ordered[k], ordered[n - 1 - k]


def step(run: Run, ticks: int) -> tuple[float, float]:
    """Seconds that so many ticks take, by the clock and of this process."""
    run.step(max(1, ticks // 4))  # the hub learns how fast the run is
    began, own = time.perf_counter(), time.process_time()
    run.step(ticks)
    return time.perf_counter() - began, time.process_time() - own


def measure(n: int, side: float, threads: int, rounds: int, seconds: float) -> dict[str, Any]:
    """Measure one size.

    Returns:
        n, ticks per round, rounds; seconds and processor: kind of round -> of each round, in order;
        viewers: frames and megabytes per second of each of the three while the watched run was at work; hub and
        viewing: processors that they took meanwhile.
    """
    kinds = ("alone", "watched", "stalled")
    seconds_of: dict[str, list[float]] = {kind: [] for kind in kinds}
    own_of: dict[str, list[float]] = {kind: [] for kind in kinds}
    hub_time = viewer_time = busy = 0.0
    with ExitStack() as stack:
        run = stack.enter_context(crowd(n, side).start(threads=threads))
        worker = run._runtime._worker  # where its frames go is changed between rounds
        publishers, watching, hubs = {"alone": None}, {}, {}
        run.step(3)
        for kind in kinds[1:]:
            hubs[kind] = stack.enter_context(Hub.start(world_meta(run, None)))
            run.publish(hubs[kind])
            publishers[kind] = stack.enter_context(closing(worker.publisher))
            wanted = interests(side) if kind == "watched" else interests(side)[:1]
            watching[kind] = Viewers(hubs[kind], run, wanted, stalled=kind == "stalled")
        try:
            worker.publisher = None
            ticks = max(10, int(10 * seconds / step(run, 10)[0]))
            for turn in range(rounds):
                for kind in kinds[:: 1 if turn % 2 == 0 else -1]:
                    worker.publisher = publishers[kind]
                    if kind == "watched":
                        before, began = (spent([hubs[kind].pid]), spent(watching[kind].pids)), time.perf_counter()
                    took, own = step(run, ticks)
                    if kind == "watched":
                        hub_time += spent([hubs[kind].pid]) - before[0]
                        viewer_time += spent(watching[kind].pids) - before[1]
                        busy += time.perf_counter() - began
                    seconds_of[kind].append(took)
                    own_of[kind].append(own)
        finally:
            worker.publisher = None
            seen = watching["watched"].close()
            watching["stalled"].close()
    return {
        "n": n,
        "ticks": ticks,
        "rounds": rounds,
        "seconds": seconds_of,
        "processor": own_of,
        "viewers": [{"hz": each["frames"] / busy, "megabytes": each["bytes"] / busy / 1e6} for each in seen],
        "hub": hub_time / busy,
        "viewing": viewer_time / busy,
    }


def losses(taken: dict[str, list[float]], kind: str) -> list[float]:
    """The part of its speed that the run lost in each turn."""
    return [1.0 - alone / own for alone, own in zip(taken["alone"], taken[kind], strict=True)]


def show(result: dict[str, Any]) -> None:
    """Print one size."""
    print(f"\n{result['n']:,} birds; {result['rounds']} turns with rounds of {result['ticks']} ticks")
    words = {"alone": "", "watched": " by three viewers", "stalled": " viewer, that was sent one frame"}
    for kind, word in words.items():
        rate = result["ticks"] / statistics.median(result["seconds"][kind])
        print(f"  {kind:<9}{rate:8.1f} ticks/s{word}")
    for kind, goal in GOALS.items():
        for clock, told in (("seconds", f"   goal: at most {100 * goal:.0f} %"), ("processor", "")):
            lost = losses(result[clock], kind)
            low, high = interval(lost)
            name = "by the clock" if clock == "seconds" else "of processor time"
            print(f"  {kind} loses {100 * statistics.median(lost):5.1f} % {name}{told}")
            print(
                f"    (95 %: {100 * low:.1f} to {100 * high:.1f}; all: {100 * min(lost):.1f} to {100 * max(lost):.1f})"
            )
    for name, each in zip(("all", "coloured", "a quarter"), result["viewers"], strict=True):
        print(f"  {name:<10} {each['hz']:5.1f} frames/s {each['megabytes']:7.2f} MB/s")
    print(f"  processors taken: hub {result['hub']:.2f}, viewers {result['viewing']:.2f}")


def main(arguments: list[str] | None = None) -> dict[str, Any]:
    """Measure, print, and return what `--json` writes."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.viewers", description=__doc__.split("\n")[0])
    parser.add_argument("--quick", action="store_true", help="small and short: shows that it works, not how fast")
    parser.add_argument("--rounds", type=int, help="turns (default 41; 1 with --quick)")
    parser.add_argument("--seconds", type=float, help="of a round (default 0.35; 0.2 with --quick)")
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
        rounds = chosen.rounds or (1 if chosen.quick else 41)
        seconds = chosen.seconds or (0.2 if chosen.quick else 0.35)
        results.append(measure(n, side, chosen.threads, rounds, seconds))
        show(results[-1])
    report = {"machine": facts, "goals": GOALS, "threads": chosen.threads, "results": results}
    if chosen.json is not None:
        chosen.json.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    return report


if __name__ == "__main__":
    main()
