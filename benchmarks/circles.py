"""Circles that settle in space, the app `apps/circles.py` in single precision: whole ticks of 33 neighbours each.

Beside it runs C++ that goes over the same cells, with a polynomial sine, from the same state. It calculates for all
whom the cells show, and Weaver for those near only, whom it puts together first.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import ExitStack

import numpy as np

import weaver as wv
from benchmarks.native import reference, write_columns
from benchmarks.race import Goal, Result, of_run, race, rounds_and_ticks

RADIUS = 2.0


class Circle(wv.Entity):
    """A circle."""

    position: wv.Vec3f


def circles(n: int) -> wv.Simulation:
    """The app with n circles, at a density of 1."""
    side = n ** (1 / 3)
    sim = wv.Simulation(wv.Box(side, side, side, boundary="clamp"), seed=1)

    @sim.behavior
    def move(circle: Circle, world: wv.World) -> None:
        n, force = 0, wv.Vec3f()
        for other in world.near(circle, Circle, radius=RADIUS):
            offset = other.position - circle.position
            force += math.sin(-2 * math.pi * offset.length() / RADIUS) * offset.normalized()
            n += 1
        circle.position += 0.05 * force / max(n, 1)

    sim.scatter(Circle, n)
    return sim


def measure(quick: bool) -> Iterator[Result]:
    """100,000 and a million."""
    for n in (2_000,) if quick else (100_000, 1_000_000):
        rounds, ticks = rounds_and_ticks(quick, 10 if n < 1_000_000 else 2)
        result = Result(
            f"circles, {n:,} in 3-D, float32", "ns per update", clock="processor", goals=[Goal("Weaver", "C++", 0.9)]
        )
        if n == 1_000_000:
            result.goals.append(Goal("Weaver", None, 500.0))
        with ExitStack() as stack:
            run = stack.enter_context(circles(n).start())
            run.step(1)
            places = np.array(run.entities(Circle)["position"].combine_chunks().flatten()).reshape(-1, 3)
            contenders = {"Weaver": of_run(run)}
            arguments = [str(n), repr(n ** (1 / 3)), repr(RADIUS), write_columns("circles.bin", *places.T)]
            served, words = stack.enter_context(reference("circles", arguments, "move_row"))
            if served is None:
                result.skipped["C++"] = words
            else:
                contenders["C++"] = served
                result.notes.append(words)
            yield race(result, contenders, updates=n, ticks=ticks, rounds=rounds, warm=1)
