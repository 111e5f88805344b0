"""Schelling's districts, the app `apps/schelling.py`, in a large world: whole ticks, set-up apart.

Beside it runs Mesa with the rules of its own example, on a smaller world: an update of an agent costs it the same
there, and it has a tick done while one looks. An update is one person in one tick, whether they move or not; both start
from a mixed world, and so few ticks are measured that both are still far from the end.
"""

from __future__ import annotations

from collections.abc import Iterator

from benchmarks.race import Goal, Result
from benchmarks.rates import measure_rate
from weaver.load import load_app


def measure(quick: bool) -> Iterator[Result]:
    """One size."""
    size = 60 if quick else 2000
    numbers = {"size": size, "people": size**2 * 4 // 5, "wanted": 8, "sight": 2.9}
    _, sim = load_app("schelling", parameters=numbers)
    sim.conditions.clear()
    small = 30 if quick else 100
    yield measure_rate(
        Result(
            f"Schelling, {size} x {size} sites, {numbers['people']:,} people, 24 around each",
            "ns per update", clock="processor", goals=[Goal("Weaver", None, 100.0), Goal("Weaver", "Mesa", 100.0)],
        ),
        sim, ("Person",), "schelling_mesa.py", [small, numbers["wanted"], 2], quick, ticks=3,
    )  # fmt: skip
