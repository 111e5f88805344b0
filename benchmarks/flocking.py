"""Flocking, the app `apps/flocking.py`: whole ticks, sorting, boundary and all.

Beside it run a C++ program of the same algorithm from the same state, and the program that a user of numpy would write,
with scipy's cKDTree. All of Weaver's runs and the C++ program do the same ticks of the same flock.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import numpy as np

import weaver as wv
from benchmarks.elsewhere import tool
from benchmarks.native import reference, write_columns
from benchmarks.race import Goal, Result, of_run, race, rounds_and_ticks

RADIUS = 5.0


class Bird(wv.Entity):
    """A bird that flocks."""

    velocity: wv.Vec2


class SmallBird(wv.Entity):
    """A bird that flocks in single precision."""

    position: wv.Vec2f
    velocity: wv.Vec2f


class Counted(wv.Entity):
    """A bird that only counts."""

    neighbours: int


def flocking(n: int, side: float, single: bool = False) -> wv.Simulation:
    """The app with n birds in a periodic square."""
    sim = wv.Simulation(wv.Box(side, side, boundary="periodic"), seed=7, dt=1.0)
    match = sim.parameter("match", 0.05, low=0, high=1)

    if single:

        @sim.behavior
        def flock(bird: SmallBird, world: wv.World) -> None:
            n, heading, centre, apart = 0, wv.Vec2f(), wv.Vec2f(), wv.Vec2f()
            for other in world.near(bird, SmallBird, radius=RADIUS):
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

    else:

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

    sim.scatter(SmallBird if single else Bird, n, velocity=lambda rng: rng.unit2())
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


def state(run: wv.Run, kind: type[wv.Entity]) -> np.ndarray[Any, Any]:
    """(n, 4) float64: position and velocity, ordered by cell, as they lie in memory while a run goes."""
    table = run.entities(kind)
    columns = [table[name].combine_chunks().flatten().to_numpy().reshape(-1, 2) for name in ("position", "velocity")]
    rows = np.concatenate(columns, axis=1).astype(np.float64)
    cells = np.floor(rows[:, :2] / RADIUS)
    return rows[np.lexsort((cells[:, 0], cells[:, 1]))]


def side_for(n: int, neighbours: float) -> float:
    """Side of a square in which n birds have so many others within the radius."""
    return math.sqrt(n * math.pi * RADIUS**2 / neighbours)


def measure(quick: bool) -> Iterator[Result]:
    """200,000 birds in double and single precision, and 80,000 in a denser flock."""
    sizes = [(200_000, 15.7, False), (200_000, 15.7, True), (80_000, 39.3, False)]
    for n, neighbours, single in sizes if not quick else [(2_000, 15.7, False), (2_000, 15.7, True)]:
        yield _measure(n, side_for(n, neighbours), neighbours, single, quick)


def _measure(n: int, side: float, neighbours: float, single: bool, quick: bool) -> Result:
    rounds, ticks = rounds_and_ticks(quick, 20)
    dense = neighbours > 20
    result = Result(
        f"flocking, {n:,} birds, {neighbours:g} neighbours each, {'float32' if single else 'float64'}",
        "ns per update",
        clock="processor",
        goals=[Goal("Weaver", "C++", 1.3 if single else 1.15)],
    )
    kind = SmallBird if single else Bird
    with ExitStack() as stack:
        run = stack.enter_context(flocking(n, side, single).start())
        run.step(2)
        rows = state(run, kind)
        start = write_columns("flocking.bin", *rows.T)
        contenders = {"Weaver": of_run(run)}
        flags = ["-DREAL=float"] if single else []
        served, words = stack.enter_context(
            reference("flocking", [str(n), repr(side), repr(RADIUS), start], "flock_row", flags)
        )
        if served is None:
            result.skipped["C++"] = words
        else:
            contenders["C++"] = served
            result.notes.append(words)
            served(1)
            if not single:  # in single precision some pairs are at the radius, give or take a rounding
                result.checks["both count the same neighbours"] = served.checked == count_neighbours(rows[:, :2], side)
        if dense:
            result.goals = [
                Goal("Weaver", "C++", 1.0),
                Goal("Weaver", None, 200.0),
                Goal("Weaver", "numpy + cKDTree", 15),
            ]
            other, words = stack.enter_context(tool("flocking_numpy.py", [n, side, RADIUS, start], "numpy", "scipy"))
            if other is None:
                result.skipped["numpy + cKDTree"] = words
            else:
                contenders["numpy + cKDTree"] = other
                result.notes.append(f"numpy + cKDTree: {words}")
        slow = {name: 1 if name.startswith("numpy") else ticks for name in contenders}
        return race(result, contenders, updates=n, ticks=slow, rounds=rounds, warm=1)
