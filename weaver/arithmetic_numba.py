"""The operators of `weaver.arithmetic` inside numba's functions, where numba's own differ from Weaver's rules.

Generated kernels call `power`, `floor_divide`, `shift_left` and `shift_right` by name; importing this module
teaches them to numba. They are compiled without fastmath, whatever the kernel's flags: one variant per process.
"""

# mypy: disable-error-code="no-untyped-call, no-any-return"
from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numba import types
from numba.core.errors import TypingError
from numba.core.extending import overload

from weaver.arithmetic import floor_divide, power, shift_left, shift_right
from weaver.settle import to_int

__all__ = [
    "ceiling",
    "floor",
    "floor_divide",
    "power",
    "reciprocal",
    "round_even",
    "shift_left",
    "shift_right",
    "truncate",
]

_STRICT: Any = {"fastmath": False, "error_model": "numpy"}
_LARGEST_LOOP = np.int64(0x10000)


def _is_whole(typ: Any) -> bool:
    return isinstance(typ, (types.Integer, types.Boolean))


@overload(power, jit_options=_STRICT)
def _power(a: Any, b: Any) -> Callable[[Any, Any], Any]:
    if isinstance(b, types.Float):

        def of_float(a: Any, b: Any) -> Any:
            return math.pow(np.float64(a), b)

        return of_float
    if isinstance(a, types.Float):

        def multiplied(a: Any, b: Any) -> Any:
            exponent = np.int64(b)
            if exponent > _LARGEST_LOOP or exponent < -_LARGEST_LOOP:
                return math.pow(a, np.float64(exponent))
            result, square, rest = 1.0, np.float64(a), abs(exponent)
            while rest:
                if rest & 1:
                    result *= square
                rest >>= 1
                square *= square
            return 1.0 / result if exponent < 0 else result

        return multiplied

    def wrapped(a: Any, b: Any) -> Any:
        base, rest = np.int64(a), np.int64(b)
        if rest < 0:
            if base == 1:
                return np.int64(1)
            if base == -1:
                return np.int64(-1) if rest & 1 else np.int64(1)
            return np.int64(0)
        result = np.int64(1)
        while rest:
            if rest & 1:
                result *= base
            rest >>= 1
            base *= base
        return result

    return wrapped


@overload(floor_divide, jit_options=_STRICT)
def _floor_divide(a: Any, b: Any) -> Callable[[Any, Any], Any]:
    if not (_is_whole(a) and _is_whole(b)):

        def of_floats(a: Any, b: Any) -> Any:
            return np.float64(a) // np.float64(b)

        return of_floats

    def of_ints(a: Any, b: Any) -> Any:
        dividend, divisor = np.int64(a), np.int64(b)
        if divisor == -1:
            return -dividend  # numba gives 0 for the least int
        return dividend // divisor

    return of_ints


@overload(shift_left, jit_options=_STRICT)
def _shift_left(a: Any, b: Any) -> Callable[[Any, Any], Any]:
    def shifted(a: Any, b: Any) -> Any:
        return np.int64(a) << (np.int64(b) & np.int64(63))

    return shifted


@overload(shift_right, jit_options=_STRICT)
def _shift_right(a: Any, b: Any) -> Callable[[Any, Any], Any]:
    def shifted(a: Any, b: Any) -> Any:
        return np.int64(a) >> (np.int64(b) & np.int64(63))

    return shifted


def reciprocal(x: float) -> float:
    """1 / x of a power with a negative exponent; an int has no such power."""
    return float(1.0 / np.float64(x))


@overload(reciprocal, jit_options=_STRICT)
def _reciprocal(x: Any) -> Callable[[Any], Any]:
    if _is_whole(x):
        raise TypingError("An int to a negative power has no int value.")

    def inverse(x: Any) -> Any:
        return 1.0 / x

    return inverse


def round_even(x: Any) -> int:
    """round(x): the nearest whole number, halves to the even one; see `weaver.settle.to_int` for NaN and the rest."""
    return to_int(float(np.rint(x))) if isinstance(x, float) else int(x)


def floor(x: Any) -> int:
    """math.floor(x), an int64 in every case."""
    return to_int(float(np.floor(x))) if isinstance(x, float) else int(x)


def ceiling(x: Any) -> int:
    """math.ceil(x), an int64 in every case."""
    return to_int(float(np.ceil(x))) if isinstance(x, float) else int(x)


def truncate(x: Any) -> int:
    """math.trunc(x), an int64 in every case."""
    return to_int(x)


def _whole(rounding: Callable[[Any], Any]) -> Callable[[Any], Any]:
    def choose(x):  # type: ignore[no-untyped-def]  # numba compares the bare names
        if _is_whole(x):
            return lambda x: np.int64(x)
        return lambda x: to_int(rounding(x))

    return choose


overload(round_even, jit_options=_STRICT)(_whole(np.rint))
overload(floor, jit_options=_STRICT)(_whole(np.floor))
overload(ceiling, jit_options=_STRICT)(_whole(np.ceil))
overload(truncate, jit_options=_STRICT)(_whole(np.trunc))
