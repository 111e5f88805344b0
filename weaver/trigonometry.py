"""Sine and cosine without branches and calls, so that loops over neighbours stay vectors.

Both reduce the angle by a multiple of pi, kept in three parts and subtracted with fused multiply-adds, and sum a
polynomial of degree 17. The result is within three units in the last place for angles up to `LIMIT`. Of larger ones,
whose neighbours among the float64 are more than a quarter of a radian away, nothing is promised but a number from -1
to 1; NaN and infinity give NaN.

Source: Muller et al., Handbook of Floating-Point Arithmetic, 2nd ed. 2018, ch. 10 (reduction by Cody and Waite). The
polynomial takes the values of (sin(r) / r - 1) / r^2 at eight Chebyshev points of 0 <= r^2 <= 49 / 16, and is off by
less than 2^-57 of the sine between.
"""

from __future__ import annotations

import math
from typing import Any

from numba import types
from numba.extending import intrinsic

from weaver.settle import strict

LIMIT = 2.0**50
"""Radians up to which the angle is reduced."""

_P1, _P2, _P3 = math.pi, float.fromhex("0x1.1a62633145c07p-53"), float.fromhex("-0x1.f1976b7ed8fbcp-109")
_PER_PI = 1 / math.pi
_MAGIC = 1.5 * 2.0**52  # what is added to it is rounded to a whole number, whose last bit is that of the sum
_END = 1.75  # the largest angle that is left, some more than half of pi where the guess of the multiple is rough
_C3, _C5, _C7, _C9, _C11, _C13, _C15, _C17 = map(
    float.fromhex,
    (
        "-0x1.5555555555555p-3", "0x1.11111111110e4p-7", "-0x1.a01a01a015234p-13", "0x1.71de3a523e057p-19",
        "-0x1.ae645474758a4p-26", "0x1.6123aad3c6e35p-33", "-0x1.ae38a911ab0dcp-41", "0x1.86e8d1067dab2p-49",
    ),
)  # fmt: skip


@intrinsic  # type: ignore[untyped-decorator]
def _fma(typing: Any, a: Any, b: Any, c: Any) -> Any:
    """a * b + c, rounded once."""

    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        return builder.fma(*values)

    return types.float64(types.float64, types.float64, types.float64), generate


@intrinsic  # type: ignore[untyped-decorator]
def _turned(typing: Any, x: Any, whole: Any) -> Any:
    """x, negative if the last bit of `whole` is set."""

    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        real, bits = values[0].type, context.get_value_type(types.uint64)
        odd = builder.shl(builder.bitcast(values[1], bits), bits(63))
        return builder.bitcast(builder.xor(builder.bitcast(values[0], bits), odd), real)

    return types.float64(types.float64, types.float64), generate


@strict
def _sine_of_rest(r):  # type: ignore[no-untyped-def]
    """Sine of r in [-_END, _END]; NaN stays."""
    r = -_END if r < -_END else r
    r = _END if r > _END else r
    s = r * r
    p = _fma(s, _C17, _C15)
    p = _fma(s, p, _C13)
    p = _fma(s, p, _C11)
    p = _fma(s, p, _C9)
    p = _fma(s, p, _C7)
    p = _fma(s, p, _C5)
    p = _fma(s, p, _C3)
    return _fma(r * s, p, r)


@strict
def sine(x):  # type: ignore[no-untyped-def]
    """sin(x), x in radians."""
    sum = x * _PER_PI + _MAGIC
    k = sum - _MAGIC
    return _turned(_sine_of_rest(_fma(-k, _P3, _fma(-k, _P2, _fma(-k, _P1, x)))), sum)


@strict
def cosine(x):  # type: ignore[no-untyped-def]
    """cos(x), x in radians."""
    sum = (x * _PER_PI + 0.5) + _MAGIC
    h = (sum - _MAGIC) - 0.5
    return _turned(_sine_of_rest(_fma(-h, _P3, _fma(-h, _P2, _fma(-h, _P1, x)))), sum)
