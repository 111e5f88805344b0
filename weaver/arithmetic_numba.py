"""The operators of `weaver.arithmetic` inside numba's functions, where numba's own differ from Weaver's rules.

Generated kernels call `power`, `floor_divide`, `shift_left` and `shift_right` by name; importing this module
teaches them to numba. They are compiled without fastmath, whatever the kernel's flags: one variant per process.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numba import types
from numba.core.extending import overload

from weaver.arithmetic import floor_divide, power, shift_left, shift_right

__all__ = ["floor_divide", "power", "shift_left", "shift_right"]

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
