"""Observations: numbers about the whole world, sampled while it runs."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from weaver.entity import Entity, Layer
from weaver.errors import ModelError

HOW = ("sum", "mean", "min", "max", "count", "var", "histogram")


@dataclass(frozen=True, eq=False)
class Observation:
    """A declared observation.

    Attributes:
        name: column of `run.observations()` and argument of `world.observed`.
        type: entity type or layer.
        what: a field's name, a function of one entity, or None for "count".
        how: "sum", "mean", "min", "max", "count", "var" (of the whole, divided by n) or "histogram".
        every: sampled when the number of ticks done is a multiple of it, the initial state (0) included.
        where: a function of one entity: whether it counts, or None.
        bins: of a histogram, (low, high, number): equal bins, values outside are left out, `high` is in the last.
    """

    name: str
    type: type[Entity] | type[Layer]
    what: str | Callable[..., Any] | None
    how: str
    every: int
    where: Callable[..., Any] | None
    bins: tuple[float, float, int] | None


def make_observation(
    name: str,
    kind: type[Entity] | type[Layer],
    what: Any,
    how: str | None,
    every: int,
    where: Callable[..., Any] | None,
    bins: tuple[float, float, int] | None,
    taken: Iterable[str],
) -> Observation:
    """Check the arguments of `Simulation.observe`.

    Raises:
        ModelError: something is out of range; says what.
    """
    if how is None and what in HOW and what not in kind.__fields__:
        what, how = None, what
    how = how or "sum"
    example = f'sim.observe({name!r}, {kind.__name__}, "energy", "mean")'
    if how not in HOW:
        raise ModelError(
            f"observation {name!r} was declared as {how!r}; it can be {', '.join(HOW)}.\n"
            f"Weaver would not know what to compute.\n"
            f"Write {example}."
        )
    if name in taken or not name.isidentifier():
        raise ModelError(
            f"observation {name!r} was declared; a name is a Python identifier and used once, also by parameters.\n"
            f"run.observations() has one column for each.\n"
            f"Choose another name."
        )
    if what is None and how != "count":
        raise ModelError(
            f"observation {name!r} has no field to take the {how} of.\nOnly a count needs none.\nWrite {example}."
        )
    fields = {**kind.__fields__, "id": None, "position": None}
    if isinstance(what, str) and what.split(".")[0] not in fields:
        raise ModelError(
            f"observation {name!r} takes the {how} of {what!r}, but {kind.__name__} has {', '.join(fields)}.\n"
            f"There is no value to take.\n"
            f"Name a field, or write a function: lambda one: one.speed ** 2."
        )
    if not (isinstance(every, int) and every >= 1):
        raise ModelError(
            f"observation {name!r} was declared with every={every!r}; allowed is a whole number from 1 on.\n"
            f"It would never be sampled.\n"
            f"Write every=10."
        )
    if (how == "histogram") != (bins is not None) or (bins is not None and not _are_bins(bins)):
        raise ModelError(
            f"observation {name!r} was declared as {how} with bins={bins!r}; a histogram, and nothing else, takes "
            f"bins=(low, high, number).\n"
            f"The bins are counted in every worker, so they must be known.\n"
            f"Write bins=(0.0, 10.0, 20)."
        )
    return Observation(name, kind, what, how, every, where, bins)


def _are_bins(bins: Any) -> bool:
    return len(bins) == 3 and bins[0] < bins[1] and isinstance(bins[2], int) and 1 <= bins[2] <= 1 << 20


_ALLOWED = (
    ast.Expression, ast.BoolOp, ast.And, ast.Or, ast.UnaryOp, ast.Not, ast.USub, ast.Compare, ast.cmpop, ast.BinOp,
    ast.Add, ast.Sub, ast.Mult, ast.Div, ast.Name, ast.Load, ast.Constant, ast.Attribute,
)  # fmt: skip


def check_condition(condition: str, names: Iterable[str]) -> str:
    """A condition of `Simulation.until`: comparisons of observations, `tick`, `time` and numbers.

    Raises:
        ModelError: it cannot be parsed, or uses something else.
    """
    known = [*names, "tick", "time"]
    try:
        tree = ast.parse(condition, mode="eval")
        wrong = [node for node in ast.walk(tree) if not isinstance(node, _ALLOWED)]
        missing = [n.id for n in ast.walk(tree) if isinstance(n, ast.Name) and n.id not in known]
    except (SyntaxError, TypeError) as cause:
        raise _bad_condition(condition, "it is no expression", known) from cause
    if wrong or missing:
        reason = f"{missing[0]!r} is no observation" if missing else f"{ast.unparse(wrong[0])!r} cannot be used"
        raise _bad_condition(condition, reason, known)
    return condition


def _bad_condition(condition: str, reason: str, known: list[str]) -> ModelError:
    return ModelError(
        f"until({condition!r}) was asked for, and {reason}; it may compare {', '.join(known)} with numbers.\n"
        f"The run would never know when to end.\n"
        f'Write sim.observe("burning", Tree, "count", where=...) and then sim.until("burning == 0").'
    )
