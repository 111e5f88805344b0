"""Flocking: Weaver with 1 and 2 threads and with 2 Ray workers, beside a C++ program of the same algorithm.

    python -m benchmarks.flocking [--quick] [--rounds N] [--ticks N] [--no-ray] [--json FILE]

All runs stand at the same tick with the same birds when a round begins (Weaver's runs by construction, the C++ program
because it is started from their state); each then does the same number of ticks, one after the other. What is printed
is the median of the rounds. Rates are by wall clock; for one thread and the C++ program also by processor time, which
other programs on the machine disturb less.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import json
import math
import os
import platform
import re
import shutil
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

import weaver as wv

SOURCE = Path(__file__).parent / "reference" / "flocking.cpp"
BUILD = ("g++", "-O3", "-march=native", "-ffast-math", "-std=c++17")
RADIUS = 5.0
GOAL_CPP, GOAL_RAY = 0.9, 0.85


class Bird(wv.Entity):
    """A bird that flocks."""

    velocity: wv.Vec2


class Counted(wv.Entity):
    """A bird that only counts."""

    neighbours: int


def flocking(n: int, side: float) -> wv.Simulation:
    """The app `apps/flocking.py` with n birds in a periodic square."""
    sim = wv.Simulation(wv.Box(side, side, boundary="periodic"), seed=7, dt=1.0)
    match = sim.parameter("match", 0.05, low=0, high=1)

    @sim.behavior
    def flock(bird: Bird, world: wv.World) -> None:
        n, heading, centre, apart = 0, wv.Vec2(), wv.Vec2(), wv.Vec2()
        for other in world.near(bird, Bird, radius=RADIUS):
            offset = other.position - bird.position
            n += 1
            heading += other.velocity
            centre += offset
            if offset.length() < 1.0:
                apart -= offset
        if n:
            bird.velocity += (0.03 * centre + 0.015 * apart + match * heading) / n
        bird.velocity = bird.velocity.normalized()
        bird.position += bird.velocity * world.dt

    sim.scatter(Bird, n, velocity=lambda rng: rng.unit2())
    return sim


def count_neighbours(position: np.ndarray[Any, Any], side: float) -> int:
    """Ordered pairs within the radius, as a behavior sees them; position (n, 2) in the periodic square."""
    sim = wv.Simulation(wv.Box(side, side, boundary="periodic"), seed=7)

    @sim.behavior
    def count(bird: Counted, world: wv.World) -> None:
        n = 0
        for _other in world.near(bird, Counted, radius=RADIUS):
            n += 1
        bird.neighbours = n

    sim.add(Counted, position=position)
    with sim.start() as run:
        run.step(1)
        return int(np.sum(run.entities(Counted)["neighbours"].to_numpy()))


def state(run: wv.Run) -> np.ndarray[Any, Any]:
    """(n, 4) float64: position and velocity, ordered by cell, as they lie in memory while a run goes."""
    table = run.entities(Bird)
    columns = [table[name].combine_chunks().flatten().to_numpy().reshape(-1, 2) for name in ("position", "velocity")]
    rows = np.concatenate(columns, axis=1)
    cells = np.floor(rows[:, :2] / RADIUS)
    return rows[np.lexsort((cells[:, 0], cells[:, 1]))]


@dataclass
class Contender:
    """One way to run, and what each round took.

    Attributes:
        advance: does some ticks; returns (seconds, processor seconds or nan).
        seconds, cpu: per round.
    """

    name: str
    advance: Callable[[int], tuple[float, float]]
    seconds: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)


def weaver_run(name: str, run: wv.Run, here: bool) -> Contender:
    """A Weaver run; its processor time is known if it runs in this process."""

    def advance(ticks: int) -> tuple[float, float]:
        began, cpu = time.perf_counter(), time.process_time()
        run.step(ticks)
        return time.perf_counter() - began, (time.process_time() - cpu if here else math.nan)

    return Contender(name, advance)


class Reference:
    """The C++ program.

    Attributes:
        program: the built file, or None.
        reason: why there is none.
        packed, scalar: double arithmetic of the inner loop's function, by objdump; None without objdump.
    """

    def __init__(self, folder: Path) -> None:
        self.program: Path | None = None
        self.packed = self.scalar = None
        self.reason = ""
        if shutil.which(BUILD[0]) is None:
            self.reason = f"{BUILD[0]} is not installed"
            return
        program = folder / "flocking"
        built = subprocess.run([*BUILD, "-o", program, SOURCE], capture_output=True, text=True)
        if built.returncode:
            self.reason = f"{' '.join(BUILD)} failed: {built.stderr.strip().splitlines()[-1:]}"
            return
        self.program, self.start = program, folder / "start.bin"
        if shutil.which("objdump") is not None:
            text = subprocess.run(
                ["objdump", "-d", "--no-show-raw-insn", "-C", program], capture_output=True, text=True, check=True
            ).stdout
            functions = re.split(r"^[0-9a-f]+ <(.*)>:$", text, flags=re.MULTILINE)
            hot = "".join(
                code for name, code in zip(functions[1::2], functions[2::2], strict=True) if "flock_row" in name
            )
            arithmetic = r"\bv?(?:fn?m(?:add|sub)\d+|add|sub|mul|cmp[a-z_]*)"
            self.packed, self.scalar = (len(re.findall(arithmetic + kind + r"\b", hot)) for kind in ("pd", "sd"))

    def run(self, rows: np.ndarray[Any, Any], side: float, ticks: int) -> dict[str, Any]:
        """Run some ticks from a state; what the program printed."""
        assert self.program is not None
        np.ascontiguousarray(rows.T).tofile(self.start)
        arguments = [str(len(rows)), repr(side), repr(RADIUS), str(ticks), "7", str(self.start)]
        done = subprocess.run([self.program, *arguments], capture_output=True, text=True, check=True)
        result: dict[str, Any] = json.loads(done.stdout)
        return result


@contextmanager
def on_ray(sim: wv.Simulation) -> Iterator[tuple[wv.Run | None, str]]:
    """A run on 2 Ray workers, or None and the reason."""
    with ExitStack() as stack:
        try:
            import ray  # noqa: F401  (whether it is there at all)

            run = stack.enter_context(sim.start(workers=2))
        except (ImportError, wv.WeaverError) as error:
            yield None, " ".join(str(error).split())
            return
        yield run, ""


def measure(n: int, side: float, ticks: int, rounds: int, ray: bool, reference: Reference) -> dict[str, Any]:
    """Measure one size; see the head of this file.

    Returns:
        n, side, ticks, rounds, neighbours {"weaver": …, "c++": …} of tick 0, updates_per_second and
        cpu_ns_per_update {contender: median}, ratios, skipped {contender: reason}.
    """
    skipped: dict[str, str] = {}
    neighbours: dict[str, int] = {}
    with ExitStack() as stack:
        one = stack.enter_context(flocking(n, side).start(threads=1))
        two = stack.enter_context(flocking(n, side).start(threads=2))
        contenders = [weaver_run("1 thread", one, True), weaver_run("2 threads", two, True)]
        workers: wv.Run | None = None
        if ray:
            workers, skipped["ray, 2 workers"] = stack.enter_context(on_ray(flocking(n, side)))
            if workers is not None:
                del skipped["ray, 2 workers"]
                contenders.append(weaver_run("ray, 2 workers", workers, False))
        else:
            skipped["ray, 2 workers"] = "--no-ray was given"
        rows = state(one)
        neighbours["weaver"] = count_neighbours(rows[:, :2], side)
        if reference.program is None:
            skipped["c++"] = reference.reason
        else:
            neighbours["c++"] = int(reference.run(rows, side, 1)["neighbours_first_tick"])

            def advance(ticks: int) -> tuple[float, float]:
                result = reference.run(rows, side, ticks)
                return result["seconds"], result["cpu_seconds"]

            contenders.append(Contender("c++", advance))
        for contender in contenders[:-1] if reference.program is not None else contenders:
            contender.advance(2)  # capacities grow to size, pages are touched
        for turn in range(rounds):
            rows = state(one)
            for contender in contenders[turn % len(contenders) :] + contenders[: turn % len(contenders)]:
                seconds, cpu = contender.advance(ticks)
                contender.seconds.append(seconds)
                contender.cpu.append(cpu)
        digests = {run.digest() for run in (one, two, workers) if run is not None}
    rates = {c.name: n * ticks / statistics.median(c.seconds) for c in contenders}
    costs = {c.name: statistics.median(c.cpu) / (n * ticks) * 1e9 for c in contenders if not math.isnan(c.cpu[0])}
    return {
        "n": n,
        "side": side,
        "ticks": ticks,
        "rounds": rounds,
        "neighbours_first_tick": neighbours,
        "same_bits": len(digests) == 1,
        "updates_per_second": rates,
        "cpu_ns_per_update": costs,
        "ratios": ratios(rates, costs),
        "skipped": skipped,
    }


def ratios(rates: dict[str, float], costs: dict[str, float]) -> dict[str, float]:
    """Speed against speed, by wall clock; the first also by processor time."""
    result = {}
    if "c++" in rates:
        result["1 thread / c++"] = rates["1 thread"] / rates["c++"]
        result["1 thread / c++, processor time"] = costs["c++"] / costs["1 thread"]
    result["2 threads / 1 thread"] = rates["2 threads"] / rates["1 thread"]
    if "ray, 2 workers" in rates:
        result["ray, 2 workers / 2 threads"] = rates["ray, 2 workers"] / rates["2 threads"]
    return result


def machine() -> dict[str, Any]:
    """What the numbers were measured on."""
    model = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.exists():
        found = re.search(r"^model name\s*: (.*)$", info.read_text(), re.MULTILINE)
        model = found[1] if found else model
    packages = {}
    for name in ("numpy", "numba", "llvmlite", "ray", "pyarrow"):
        try:
            packages[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            packages[name] = "absent"
    compiler = "absent"
    if shutil.which(BUILD[0]):
        compiler = subprocess.run([BUILD[0], "--version"], capture_output=True, text=True, check=True).stdout.split(
            "\n"
        )[0]
    return {
        "cpu": model,
        "cores": len(os.sched_getaffinity(0)),
        "load": round(os.getloadavg()[0], 1),
        "system": platform.platform(),
        "python": platform.python_version(),
        **packages,
        BUILD[0]: compiler,
    }


def show(result: dict[str, Any]) -> None:
    """Print one size."""
    counts = result["neighbours_first_tick"]
    mean = counts["weaver"] / result["n"]
    print(
        f"\n{result['n']:,} birds in {result['side']:.5g} x {result['side']:.5g}, {mean:.1f} neighbours each; ", end=""
    )
    print(f"medians of {result['rounds']} rounds of {result['ticks']} ticks")
    if "c++" in counts:
        verdict = "equal" if counts["c++"] == counts["weaver"] else f"NOT EQUAL: c++ finds {counts['c++']:,}"
        print(f"  neighbours at tick 0      {counts['weaver']:,} ({verdict})")
    print(f"  the runs end in one state {'yes' if result['same_bits'] else 'NO'}")
    for name, rate in result["updates_per_second"].items():
        cost = result["cpu_ns_per_update"].get(name)
        print(f"  {name:<25} {rate / 1e6:8.2f} M updates/s" + (f"   {cost:6.1f} ns of processor each" if cost else ""))
    for name, reason in result["skipped"].items():
        print(f"  {name:<25} skipped: {reason}")
    for name, ratio in result["ratios"].items():
        goal = GOAL_CPP if "c++" in name else GOAL_RAY if name.startswith("ray") else None
        print(f"  {name:<42} {ratio:5.2f}" + (f"   (goal: at least {goal})" if goal else ""))


def main(arguments: list[str] | None = None) -> dict[str, Any]:
    """Measure, print, and return what `--json` writes."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.flocking", description=__doc__.split("\n")[0])
    parser.add_argument("--quick", action="store_true", help="small and short: shows that it works, not how fast")
    parser.add_argument("--rounds", type=int, help="rounds (default 7; 2 with --quick)")
    parser.add_argument("--ticks", type=int, help="ticks per round (default 20; 2 with --quick)")
    parser.add_argument("--no-ray", action="store_true", help="leave the Ray workers out")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the results there too")
    chosen = parser.parse_args(arguments)
    sizes = [(80_000, 400.0), (200_000, math.sqrt(200_000 * math.pi * RADIUS**2 / 15.7))]
    if chosen.quick:
        sizes = [(1_000, 60.0), (2_000, 100.0)]
    rounds, ticks = chosen.rounds or (2 if chosen.quick else 7), chosen.ticks or (2 if chosen.quick else 20)
    facts = machine()
    print(", ".join(f"{name} {value}" for name, value in facts.items()))
    with tempfile.TemporaryDirectory(prefix="weaver-flocking-") as folder:
        reference = Reference(Path(folder))
        if reference.packed is not None:
            print(
                f"c++ inner loop: {reference.packed} packed and {reference.scalar} scalar double instructions "
                f"({'vectorised' if reference.packed > reference.scalar else 'NOT VECTORISED'})"
            )
        results = []
        for n, side in sizes:
            results.append(measure(n, side, ticks, rounds, not chosen.no_ray, reference))
            show(results[-1])
    report = {
        "machine": facts,
        "packed_instructions": reference.packed,
        "scalar_instructions": reference.scalar,
        "goals": {"1 thread / c++": GOAL_CPP, "ray, 2 workers / 2 threads": GOAL_RAY},
        "results": results,
    }
    if chosen.json is not None:
        chosen.json.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    return report


if __name__ == "__main__":
    main()
