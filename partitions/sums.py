"""Statistics over many values that do not depend on an order: partial results that merge exactly, rounded at the end.

A sum is kept as a whole number in units of 2^-1088 (a long accumulator, Kulisch 1971): every float64 is a multiple of
2^-1074, so nothing is ever rounded, and partial sums of any share of the values add up to the same. Sums of squares are
kept in units of 2^-2176. What a partial result holds are int64 arrays, which workers can send to each other.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce

import numpy as np
from numpy.typing import NDArray

from partitions.loops import loops
from partitions.store import Array

UNIT = 1088
"""Sums are in units of 2^-UNIT, squares of 2^-(2 * UNIT)."""
_SUMS, _SQUARES = 69, 136
"""Limbs of 32 bits: up to 2^1024, or its square, with room for 2^63 of them."""
Value = int | float | tuple[float, ...] | tuple[int, ...] | list[int]
"""What a statistic comes to: a number, the components of a vector, or the counts of a histogram."""


@dataclass(frozen=True)
class Statistic:
    """A way to make one value of many.

    Attributes:
        how: "sum", "mean", "min", "max", "count", "var" (of the whole: divided by n) or "histogram".
        size: components of each value; more than one only for "sum" and "mean", and then the result is a tuple.
        vector: the result is a tuple, whatever the size.
        integer: the values are int64, else float64.
        bins: of a histogram: (low, high, number); x falls into floor((x - low) / (high - low) * number), `high` into
            the last, and what is outside or NaN into none.
    """

    how: str
    size: int = 1
    vector: bool = False
    integer: bool = False
    bins: tuple[float, float, int] | None = None

    @property
    def whole(self) -> bool:
        """Whether the result is an int, or a tuple of ints."""
        return self.how == "count" or (self.integer and self.how in ("sum", "min", "max"))

    def measure(self, components: Sequence[Array]) -> NDArray[np.int64]:
        """The partial result of some values.

        Args:
            components: per component, (n,) int64 or float64; of a count any one array.
        """
        n = len(components[0])
        if self.how == "count":
            return np.array([n], np.int64)
        if self.how == "histogram":
            return self._counted(components[0])
        if self.how in ("min", "max"):
            return self._extreme(n, components[0])
        return np.concatenate([self._added(n, np.ascontiguousarray(values)) for values in components])

    def merge(self, parts: Sequence[NDArray[np.int64]]) -> NDArray[np.int64]:
        """The partial result of all the values behind some partial results; at least one, in any order."""
        if self.how in ("min", "max"):
            return reduce(self._farther, parts)
        total: NDArray[np.int64] = np.sum(parts, axis=0)
        if self.how in ("sum", "mean", "var"):
            for one in total.reshape(self.size, -1):
                loops("sum").carry(one[4 : 4 + _SUMS])
                loops("sum").carry(one[4 + _SUMS :])
        return total

    def value(self, partial: NDArray[np.int64]) -> Value:
        """The result, rounded once.

        The mean, variance, least and greatest of nothing are NaN, the least and greatest of no ints 0. A NaN among the
        values makes NaN of all but counts. A sum of ints wraps at 64 bits.
        """
        if self.how == "count":
            return int(partial[0])
        if self.how == "histogram":
            return [int(n) for n in partial]
        if self.how in ("min", "max"):
            if self.integer:
                return int(partial[1])
            return float(partial[1:].view(np.float64)[0]) if partial[0] else float("nan")
        values = [self._finished(one) for one in partial.reshape(self.size, -1)]
        return tuple(values) if self.vector else values[0]

    def _added(self, n: int, values: Array) -> NDArray[np.int64]:
        """[n, NaN, inf, -inf, limbs of the sum, limbs of the squares]."""
        made = np.zeros(4 + _SUMS + (_SQUARES if self.how == "var" else 0), np.int64)
        made[0] = n
        sums, squares = made[4 : 4 + _SUMS], made[4 + _SUMS :]
        if self.integer:
            loops("sum").add_integers(values, sums, squares)
        else:
            loops("sum").add_floats(values.view(np.uint64), made[1:4], sums, squares)
        return made

    def _finished(self, one: NDArray[np.int64]) -> int | float:
        n, is_nan, up, down = (int(v) for v in one[:4])
        total = _whole(one[4 : 4 + _SUMS])
        if self.integer and self.how == "sum":
            return ((total >> UNIT) + (1 << 63)) % (1 << 64) - (1 << 63)
        if (n == 0 and self.how != "sum") or is_nan or (up and down) or (self.how == "var" and (up or down)):
            return float("nan")
        if up or down:
            return float("inf") if up else float("-inf")
        if self.how == "var":
            return _ratio(n * _whole(one[4 + _SUMS :]) - total * total, (n * n) << (2 * UNIT))
        return _ratio(total, (n if self.how == "mean" else 1) << UNIT)

    def _extreme(self, n: int, values: Array) -> NDArray[np.int64]:
        """[n, the bits of the least or greatest]."""
        made = np.zeros(2, np.int64)
        made[0] = n
        if n:
            found = values.min() if self.how == "min" else values.max()
            made[1] = found if self.integer else np.float64(found + 0.0 if found == found else np.nan).view(np.int64)
        return made

    def _farther(self, a: NDArray[np.int64], b: NDArray[np.int64]) -> NDArray[np.int64]:
        if not (a[0] and b[0]):
            return a if a[0] else b
        both = np.array([a[1], b[1]]) if self.integer else np.array([a[1], b[1]]).view(np.float64)
        made = self._extreme(2, both)
        made[0] = a[0] + b[0]
        return made

    def _counted(self, values: Array) -> NDArray[np.int64]:
        assert self.bins is not None
        low, high, number = self.bins
        x = values.astype(np.float64)
        x = x[(x >= low) & (x <= high)]
        at = np.minimum(np.floor((x - low) / (high - low) * number), number - 1).astype(np.int64)
        return np.bincount(at, minlength=number).astype(np.int64)


def _whole(limbs: NDArray[np.int64]) -> int:
    """Limbs, as `carry` leaves them, as one number."""
    low = int.from_bytes(limbs[:-1].astype("<u4").tobytes(), "little")
    return low + (int(limbs[-1]) << (32 * (len(limbs) - 1)))


def _ratio(a: int, b: int) -> float:
    """a / b for b > 0, rounded once to nearest, which is what Python's division of whole numbers does."""
    try:
        return a / b
    except OverflowError:
        return float("inf") if a > 0 else float("-inf")
