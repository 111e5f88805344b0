"""The arithmetic of behaviors in plain Python: what compiled kernels compute, said once for the interpreter.

* int is int64 and wraps; bool counts as 0 and 1.
* int / int divides the two as float64; x / 0 is inf or nan; x // 0 and x % 0 are 0 for ints, x / 0 and nan for floats.
* int ** negative is 1 for base 1, 1 or -1 for base -1, else 0 (also for base 0). float ** int multiplies repeatedly.
* An int beside a float counts as float64, in comparisons too.
* Shifts count modulo 64.
* int(), round(), math.floor() and the like give -2^63 for nan and for what does not fit in int64.
* Functions of `math` give nan or inf where Python raises.
"""

from __future__ import annotations

import builtins
import math
import operator
import types
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np

__all__ = ["FUNCTIONS", "OPERATORS", "function", "to_bool", "to_int", "wrap"]

SMALLEST = -(1 << 63)
_MASK = (1 << 64) - 1
_LARGEST_LOOP = 0x10000  # powers above this are left to the math library, as numba does


def wrap(n: int) -> int:
    """The int64 with the same low 64 bits."""
    return ((n - SMALLEST) & _MASK) + SMALLEST


def to_int(x: Any) -> int:
    """int(x): truncated; nan and what does not fit in int64 become -2^63."""
    if isinstance(x, float) and not -9223372036854775808.0 <= x < 9223372036854775808.0:
        return SMALLEST
    return wrap(int(x))


def to_bool(x: Any) -> bool:
    """bool(x); nan is true."""
    return bool(x)


def _wrapped(value: Any) -> Any:
    return wrap(value) if isinstance(value, int) and not isinstance(value, bool) else value


def _floats(a: Any, b: Any) -> bool:
    return isinstance(a, float) or isinstance(b, float)


def _numbers(a: Any, b: Any) -> bool:
    return isinstance(a, (int, float)) and isinstance(b, (int, float))


def _quotient(a: float, b: float) -> float:
    """IEEE 754 division, which never raises."""
    if b != 0:
        return a / b
    return math.nan if a == 0 or a != a else math.copysign(math.inf, a) * math.copysign(1.0, b)


def add(a: Any, b: Any) -> Any:
    """Sum."""
    return _wrapped(a + b)


def subtract(a: Any, b: Any) -> Any:
    """Difference."""
    return _wrapped(a - b)


def multiply(a: Any, b: Any) -> Any:
    """Product."""
    return _wrapped(a * b)


def divide(a: Any, b: Any) -> Any:
    """Quotient, always a float."""
    return _quotient(float(a), float(b)) if _numbers(a, b) else a / b


def floor_divide(a: Any, b: Any) -> Any:
    """Quotient rounded down."""
    if _floats(a, b):
        a, b = float(a), float(b)
        return a // b if b != 0 else _quotient(a, b)
    return wrap(a // b) if b != 0 else 0


def modulo(a: Any, b: Any) -> Any:
    """Remainder, with the sign of b."""
    if _floats(a, b):
        a, b = float(a), float(b)
        return a % b if b != 0 else math.nan
    return a % b if b != 0 else 0


def power(a: Any, b: Any) -> Any:
    """Power."""
    if isinstance(b, float):
        return _math_power(float(a), b)
    if not isinstance(a, float):
        if b < 0:
            return 0 if a not in (1, -1) else (1 if a == 1 or b % 2 == 0 else -1)
        return wrap(pow(int(a), int(b), 1 << 64))
    if abs(b) > _LARGEST_LOOP:
        return _math_power(a, float(b))
    result, square, rest = 1.0, a, abs(b)
    while rest:
        if rest & 1:
            result *= square
        rest >>= 1
        square *= square
    return _quotient(1.0, result) if b < 0 else result


def shift_left(a: int, b: int) -> int:
    """Shift to the left."""
    return wrap(a << (b & 63))


def shift_right(a: int, b: int) -> int:
    """Shift to the right, keeping the sign."""
    return a >> (b & 63)


def negate(a: Any) -> Any:
    """Minus a."""
    return _wrapped(-a)


def invert(a: Any) -> Any:
    """All bits the other way; `not a` for a bool."""
    return (not a) if isinstance(a, bool) else ~a


def _comparison(compare: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    def apply(a: Any, b: Any) -> Any:
        return compare(float(a), float(b)) if _floats(a, b) and _numbers(a, b) else compare(a, b)

    return apply


OPERATORS: Mapping[str, Callable[..., Any]] = {
    "Add": add,
    "Sub": subtract,
    "Mult": multiply,
    "Div": divide,
    "FloorDiv": floor_divide,
    "Mod": modulo,
    "Pow": power,
    "LShift": shift_left,
    "RShift": shift_right,
    "BitAnd": operator.and_,
    "BitOr": operator.or_,
    "BitXor": operator.xor,
    "USub": negate,
    "UAdd": operator.pos,
    "Invert": invert,
    "Eq": _comparison(operator.eq),
    "NotEq": _comparison(operator.ne),
    "Lt": _comparison(operator.lt),
    "LtE": _comparison(operator.le),
    "Gt": _comparison(operator.gt),
    "GtE": _comparison(operator.ge),
}
"""Name of a syntax tree's operator -> what it does."""


# ---- Built-in functions ----


def _round(x: Any, digits: int | None = None) -> Any:
    """Half to even; with digits: scaled by a power of ten, rounded, scaled back."""
    if digits is None:
        return to_int(float(np.rint(x))) if isinstance(x, float) else int(x)
    if not isinstance(x, float):
        x = float(x)
    scale = power(10.0, abs(digits))
    scaled = _quotient(x, scale) if digits < 0 else x * scale
    if not math.isfinite(scaled):
        return x
    whole = float(np.rint(scaled))
    return whole * scale if digits < 0 else whole / scale


def _sum(values: Iterable[Any], start: Any = 0) -> Any:
    total = start
    for value in values:
        total = add(total, value)
    return total


def _extreme(better: Callable[[Any, Any], Any]) -> Callable[..., Any]:
    def choose(*values: Any, **options: Any) -> Any:
        items = list(values[0]) if len(values) == 1 else list(values)
        if not items and "default" in options:
            return options["default"]
        if any(isinstance(v, float) for v in items):
            items = [float(v) for v in items]
        best = items[0]
        for item in items[1:]:
            if better(item, best):
                best = item
        return best

    return choose


# ---- Functions of `math` ----


def _made_whole(rounding: Callable[..., Any]) -> Callable[[Any], int]:
    def apply(x: Any) -> int:
        return to_int(float(rounding(x))) if isinstance(x, float) else int(x)

    return apply


def _quiet(function: Callable[..., float], beyond: Callable[..., Any]) -> Callable[..., float]:
    """`function`, and `beyond` of the same arguments where it raises."""

    def apply(*values: Any) -> float:
        try:
            return function(*(float(v) for v in values))
        except (ValueError, OverflowError):
            with np.errstate(all="ignore"):
                return float(beyond(*(float(v) for v in values)))

    return apply


def _gamma_beyond(x: float) -> float:
    if x == 0:
        return math.copysign(math.inf, x)
    return math.inf if x > 0 else math.nan


_BEYOND: dict[Callable[..., float], Callable[..., Any]] = {
    math.sqrt: np.sqrt,
    math.exp: np.exp,
    math.expm1: np.expm1,
    math.log: np.log,
    math.log2: np.log2,
    math.log10: np.log10,
    math.log1p: np.log1p,
    math.sin: np.sin,
    math.cos: np.cos,
    math.tan: np.tan,
    math.asin: np.arcsin,
    math.acos: np.arccos,
    math.acosh: np.arccosh,
    math.atanh: np.arctanh,
    math.sinh: np.sinh,
    math.cosh: np.cosh,
    math.fmod: np.fmod,
    math.pow: np.power,
    math.gamma: _gamma_beyond,
    math.lgamma: lambda x: math.inf,
}
_math_power = _quiet(math.pow, np.power)


def _divmod(a: Any, b: Any) -> tuple[Any, Any]:
    return floor_divide(a, b), modulo(a, b)


def _ldexp(x: Any, exponent: Any) -> float:
    try:
        return math.ldexp(float(x), exponent)
    except OverflowError:
        return math.copysign(math.inf, float(x))


def _gcd(a: int, b: int) -> int:
    return wrap(math.gcd(a, b))


FUNCTIONS: Mapping[Any, Callable[..., Any]] = {
    builtins.int: to_int,
    builtins.bool: to_bool,
    builtins.round: _round,
    builtins.abs: lambda x: _wrapped(abs(x)),
    builtins.min: _extreme(operator.lt),
    builtins.max: _extreme(operator.gt),
    builtins.sum: _sum,
    builtins.pow: power,
    builtins.divmod: _divmod,
    math.floor: _made_whole(np.floor),
    math.ceil: _made_whole(np.ceil),
    math.trunc: _made_whole(np.trunc),
    math.ldexp: _ldexp,
    math.gcd: _gcd,
    **{function: _quiet(function, beyond) for function, beyond in _BEYOND.items()},
}
"""Python's function -> the one that follows the rules above."""


def _ufunc(ufunc: np.ufunc) -> Callable[..., Any]:
    def apply(*values: Any) -> Any:
        with np.errstate(all="ignore"):
            return ufunc(*values).item()

    return apply


def function(value: Any) -> Any:
    """What a built-in function, a function of `math` or a numpy ufunc becomes; anything else as it is."""
    if isinstance(value, np.ufunc):
        return _ufunc(value)
    if isinstance(value, (types.BuiltinFunctionType, type)):
        return FUNCTIONS.get(value, value)
    return value
