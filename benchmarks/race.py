"""Contenders that take turns, and what came of it: the one shape of every result here.

A result is a list of values per contender, one a round, and less is better: nanoseconds per update, bytes per entity,
seconds. A ratio is the median over the rounds of what two contenders took in the same round, so a machine that is
slower for a minute is slower for both.
"""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import weaver as wv

Advance = Callable[[int], tuple[float, float]]
"""Does some ticks; returns (seconds, processor seconds, or nan where other processes work too)."""


@dataclass(frozen=True)
class Goal:
    """What is to be reached.

    Attributes:
        of: a contender.
        against: another one, that takes at least `limit` times as long; None: `of` takes at most `limit`.
        limit: see `against`.
    """

    of: str
    against: str | None
    limit: float


@dataclass
class Result:
    """What one measurement gave.

    Attributes:
        title: what was measured, with its sizes.
        unit: of the values.
        values: contender -> a value per round.
        clock: "processor" or "wall".
        goals: what is to be reached.
        checks: what must hold for the comparison to be fair -> whether it did.
        skipped: contender -> why it was not measured.
        notes: other facts, for the report.
    """

    title: str
    unit: str
    values: dict[str, list[float]] = field(default_factory=dict)
    clock: str = "wall"
    goals: list[Goal] = field(default_factory=list)
    checks: dict[str, bool] = field(default_factory=dict)
    skipped: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def median(self, name: str) -> float:
        """The median of a contender's rounds."""
        return statistics.median(self.values[name])

    def spread(self, name: str) -> float:
        """Half of the distance between the quartiles, as a share of the median."""
        values = self.values[name]
        if len(values) < 2 or not self.median(name):
            return 0.0
        low, _, high = statistics.quantiles(values, n=4, method="inclusive")
        return (high - low) / 2 / self.median(name)

    def reached(self, goal: Goal) -> float | None:
        """What a goal asks about: how many times as fast, or the value; None where a contender was skipped."""
        if goal.of not in self.values or (goal.against is not None and goal.against not in self.values):
            return None
        if goal.against is None:
            return self.median(goal.of)
        pairs = zip(self.values[goal.of], self.values[goal.against], strict=True)
        return statistics.median(other / own for own, other in pairs)

    def met(self, goal: Goal) -> bool | None:
        """Whether a goal is reached; None where nobody knows."""
        value = self.reached(goal)
        return None if value is None else value <= goal.limit if goal.against is None else value >= goal.limit

    def as_json(self) -> dict[str, Any]:
        """Everything, as plain data."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Result:
        """What `as_json` made."""
        return cls(**{**data, "goals": [Goal(**goal) for goal in data["goals"]]})

    def __str__(self) -> str:
        lines = ["", f"{self.title} ({self.unit}, {self.clock} clock)"]
        for name in self.values:
            lines.append(f"  {name:<34}{self.median(name):12.4g}  ± {100 * self.spread(name):.0f} %")
        lines += [f"  {name:<34}skipped: {reason}" for name, reason in self.skipped.items()]
        for goal in self.goals:
            value = self.reached(goal)
            if value is not None:
                what = f"{goal.of} against {goal.against}" if goal.against else goal.of
                sign = ">=" if goal.against else "<="
                verdict = "reached" if self.met(goal) else "MISSED"
                lines.append(f"  {what:<46}{value:8.3g}  goal {sign} {goal.limit:g}: {verdict}")
        lines += [f"  {check:<46}{'yes' if held else 'NO'}" for check, held in self.checks.items()]
        return "\n".join([*lines, *(f"  {note}" for note in self.notes)])


def of_run(run: wv.Run, here: bool = True) -> Advance:
    """A Weaver run as a contender; `here`: all of its work is done in this process."""

    def advance(ticks: int) -> tuple[float, float]:
        began, cpu = time.perf_counter(), time.process_time()
        run.step(ticks)
        return time.perf_counter() - began, (time.process_time() - cpu if here else math.nan)

    return advance


def race(
    result: Result, contenders: Mapping[str, Advance], *, updates: float, ticks: int | Mapping[str, int], rounds: int,
    warm: int = 2, scale: float = 1e9,
) -> Result:  # fmt: skip
    """Let contenders take turns, and enter what each round took.

    Args:
        result: gets a value per round and contender; its `clock` says which time counts.
        contenders: by name; each round begins with the next one.
        updates: per tick, what a value is divided by.
        ticks: per round, for all or for each.
        rounds: how often.
        warm: ticks before, which do not count: capacities grow to size, pages are touched.
        scale: of a value; 1e9 for nanoseconds.
    """
    names = list(contenders)
    for name in names if warm else []:
        contenders[name](warm)
    for name in names:
        result.values[name] = []
    for turn in range(rounds):
        first = turn % len(names)
        for name in names[first:] + names[:first]:
            n = ticks if isinstance(ticks, int) else ticks[name]
            seconds, cpu = contenders[name](n)
            taken = cpu if result.clock == "processor" else seconds
            result.values[name].append(taken / (n * updates) * scale)
    return result


def rounds_and_ticks(quick: bool, ticks: int, rounds: int = 7) -> tuple[int, int]:
    """(rounds, ticks of each): two of each where it only has to be shown that everything runs."""
    return (2, 2) if quick else (rounds, ticks)


def same_bits(runs: Sequence[wv.Run]) -> bool:
    """Whether runs that stand at one tick hold the same state."""
    return len({(run.tick, run.digest()) for run in runs}) == 1
