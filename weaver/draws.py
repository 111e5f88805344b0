"""Random numbers of the interpreter, draw by draw."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from weaver import random, settle
from weaver.arithmetic import to_int
from weaver.vector import Vec2, Vec3


class Fault(Exception):
    """An entity broke a rule: a code of `weaver.settle`, and (before, after, limit, axis) as far as there are such."""

    def __init__(self, code: int, *values: float) -> None:
        super().__init__(code, *values)
        self.code, self.values = code, values


class Draws:
    """The random family: draw 0, 1, 2, … of one key, id and tick."""

    def __init__(self, key: np.uint64, id: int, tick: int) -> None:
        self._key, self._id, self._tick, self._draws = key, id, tick, 0

    def _next(self) -> tuple[np.uint64, int, int, int]:
        draw = self._draws
        if draw >= random.DRAWS:
            raise Fault(settle.NO_DRAWS, draw)
        self._draws += 1
        return self._key, self._id, self._tick, draw

    def random(self) -> float:
        """Uniform in [0, 1)."""
        return random.uniform(*self._next())

    def uniform(self, low: float = 0.0, high: float = 1.0) -> float:
        """Uniform in [low, high)."""
        return random.uniform_between(*self._next(), float(low), float(high))

    def normal(self, mean: float = 0.0, std: float = 1.0) -> float:
        """Normally distributed."""
        return random.normal(*self._next(), float(mean), float(std))

    def exponential(self, mean: float = 1.0) -> float:
        """Exponentially distributed."""
        return random.exponential(*self._next(), float(mean))

    def integer(self, low: int, high: int) -> int:
        """Uniform whole number, low <= n < high."""
        return random.integer(*self._next(), to_int(low), to_int(high))

    def choice(self, values: Sequence[Any]) -> Any:
        """One of the values."""
        return values[self.integer(0, len(values))]

    def unit2(self) -> Vec2:
        """Uniform direction in the plane."""
        return Vec2(*random.unit2(*self._next()))

    def unit3(self) -> Vec3:
        """Uniform direction in space."""
        return Vec3(*random.unit3(*self._next()))
