"""Wolves, sheep and grass, the app `apps/wolf_sheep.py`, in a large world: whole ticks, set-up apart.

Beside it runs Mesa (Kazil, Masad and Crooks 2020) with the rules and numbers of its own example, on a smaller world: an
update of an agent costs it the same there, and it has a tick done while one looks. An update is one animal in one tick.
"""

from __future__ import annotations

from collections.abc import Iterator

from benchmarks.race import Goal, Result
from benchmarks.rates import measure_rate
from weaver.load import load_app


def measure(quick: bool) -> Iterator[Result]:
    """One size."""
    size = 60 if quick else 3000
    numbers = {"size": size, "sheep": size**2 // 10, "wolves": size**2 // 20, "regrowth": 10, "lambs": 0.4, "cubs": 0.2}
    _, sim = load_app("wolf_sheep", parameters=numbers)
    small = 30 if quick else 100
    yield measure_rate(
        Result(
            f"wolves and sheep, {size} x {size} squares, {numbers['sheep'] + numbers['wolves']:,} animals at the start",
            "ns per update", clock="processor", goals=[Goal("Weaver", None, 100.0), Goal("Weaver", "Mesa", 100.0)],
        ),
        sim, ("Sheep", "Wolf"), "wolf_sheep_mesa.py", [small], quick, ticks=10,
    )  # fmt: skip
