"""Observations in the interpreter: exact sums by fractions."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import Any

import numpy as np

from weaver.field import VECTORS
from weaver.observation import Observation
from weaver.stage import Stage


def sample(stage: Stage, observation: Observation, interpreted: Callable[[Any], Callable[[Any], Any]]) -> Any:
    """The value of an observation now: a number, a vector, or a list of counts."""
    rows = stage.rows[observation.type]
    every: list[Any] = [stage.other(rows, row) for row in range(len(rows.ids))]
    if observation.where is not None:
        where = interpreted(observation.where)
        every = [one for one in every if where(one)]
    if observation.what is None:
        return len(every)
    if isinstance(observation.what, str):
        name, _, part = observation.what.partition(".")
        values = [getattr(one, name) for one in every]
        if part:
            values = [v[int(part)] if part.isdigit() else getattr(v, part) for v in values]
    else:
        what = interpreted(observation.what)
        values = [what(one) for one in every]
    kind = rows.fields[observation.what].vector if observation.what in rows.fields else None  # type: ignore[index]
    wide = _wide(kind, values)
    if wide is not None:
        parts = [_number(observation, [float(v[k]) for v in map(tuple, values)]) for k in range(VECTORS[wide][0])]
        return type(_zero(wide))(*parts)
    name = observation.what.partition(".")[0] if isinstance(observation.what, str) else ""
    whole = name == "id" or (name in rows.fields and rows.fields[name].kind in ("int", "bool"))
    return _number(observation, [int(v) for v in values] if whole else [float(v) for v in values], whole)


def _wide(kind: Any, values: Sequence[Any]) -> Any:
    """The vector class of the values, or None."""
    return kind if kind is not None else next((type(v) for v in values if isinstance(v, tuple(VECTORS))), None)


def _zero(kind: Any) -> Any:
    from weaver.played_rows import vector

    return vector([0.0] * VECTORS[kind][0])


def _number(observation: Observation, values: list[Any], whole: bool = False) -> Any:
    how, n = observation.how, len(values)
    if how == "count":
        return n
    if how == "histogram":
        assert observation.bins is not None
        low, high, number = observation.bins
        return np.histogram(np.array(values, np.float64), number, (low, high))[0].tolist()
    if how in ("min", "max"):
        if not values:
            return 0 if whole else math.nan
        if any(v != v for v in values):
            return math.nan
        return min(values) if how == "min" else max(values)
    if not all(math.isfinite(v) for v in values):
        total = sum(values)
        return total if how == "sum" else total / n if how == "mean" else math.nan
    exact = sum(map(Fraction, values), Fraction(0))
    if how == "sum":
        return int(exact) if whole else float(exact)
    if n == 0:
        return math.nan
    if how == "mean":
        return float(exact / n)
    squares = sum((Fraction(v) ** 2 for v in values), Fraction(0))
    return float((squares - exact * exact / n) / n)
