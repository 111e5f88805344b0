"""Random numbers that are a function of (seed, type, behavior, entity id, tick, draw), so that no order can matter.

Philox 4x32-10 (Salmon, Moraes, Dror and Shaw, Parallel Random Numbers: As Easy as 1, 2, 3, SC 2011) turns a counter
of four 32-bit words and a key of two into four random words. The key is a hash of (seed, type, behavior), see `key`;
the counter is packed so:

    word   bits   content
    c0     0..31  entity id, bits 0..31
    c1     0..31  entity id, bits 32..63
    c2     0..31  tick, bits 0..31
    c3     0..23  draw, the how many-th random number of this entity, behavior and tick
    c3    24..31  tick, bits 32..39

Hence ids are int64 >= 0, ticks are below `TICKS` = 2^40 (`check_tick` says so), draws below `DRAWS` = 2^24.
Every function uses one counter, that is one draw, whatever it returns.

All functions are compiled without fastmath, also inside a kernel that has it, and from + - * / sqrt and integer
operations only: logarithm, sine and cosine are our own, so the bits do not depend on a machine's math library.
Call them from kernels and from plain Python alike (not their `.py_func`): both run the same machine code.
Arguments named `key, id, tick, draw` are integers; `key` is the `np.uint64` that `key()` gives, never a Python int,
which numba takes for an int64 and so refuses from 2^63 on.

`rank` is a hash in place of a draw, for choices in which two take part: the same key, tick and pair give the same
number to both. `fold` mixes a whole number into a key.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable
from typing import TypeVar, cast

import numba
import numpy as np

__all__ = [
    "DRAWS",
    "TICKS",
    "check_tick",
    "circle",
    "exponential",
    "fold",
    "integer",
    "key",
    "logarithm",
    "normal",
    "philox",
    "rank",
    "rank_folded",
    "uniform",
    "uniform_between",
    "unit2",
    "unit3",
]

TICKS = 2**40
DRAWS = 2**24

_F = TypeVar("_F", bound=Callable[..., object])


def _strict(function: _F) -> _F:
    """Compile without fastmath. All options are stated, since numba takes an unstated one from the first caller."""
    return cast(_F, numba.njit(fastmath=False, error_model="numpy", forceinline=True, no_cfunc_wrapper=True)(function))


_Word = int | np.uint64
_Block = tuple[np.uint64, np.uint64, np.uint64, np.uint64]

_M0 = np.uint64(0xD2511F53)
_M1 = np.uint64(0xCD9E8D57)
_W0 = np.uint64(0x9E3779B9)
_W1 = np.uint64(0xBB67AE85)
_LOW = np.uint64(0xFFFFFFFF)
_LOW24 = np.uint64(0xFFFFFF)
_U1 = np.uint64(1)
_U11 = np.uint64(11)
_U24 = np.uint64(24)
_U32 = np.uint64(32)
_STEP = 2.0**-53

_TWO_PI = 6.283185307179586
_SQRT_HALF = 0.7071067811865476
_LOG2_HIGH = float.fromhex("0x1.62e42feep-1")  # log 2 cut to 32 bits
_LOG2_LOW = float.fromhex("0x1.a39ef35793c76p-33")  # the rest of log 2


def key(seed: int, type_name: str, behavior: str) -> np.uint64:
    """The 64-bit key of one behavior of one type.

    It is the first 8 bytes, little-endian, of the SHA-256 of: the seed (8 bytes), then for each name the length of
    its UTF-8 text (8 bytes) and the text; integers little-endian. The lengths keep ("ab", "c") and ("a", "bc") apart.

    Raises:
        ValueError: the seed is not an int in [0, 2**64).
    """
    if not isinstance(seed, int) or not 0 <= seed < 2**64:
        raise ValueError(
            f"seed {seed!r} was asked for; a seed is an int in [0, 2**64).\n"
            f"Two seeds would share their random numbers if it were cut to 64 bits.\n"
            f"Use a seed in that range, such as seed=7."
        )
    text = seed.to_bytes(8, "little")
    for name in (type_name, behavior):
        encoded = name.encode()
        text += len(encoded).to_bytes(8, "little") + encoded
    return np.uint64(int.from_bytes(hashlib.sha256(text).digest()[:8], "little"))


def check_tick(tick: int) -> None:
    """Raise an OverflowError unless the counter has room for `tick`, 0 <= tick < 2**40."""
    if not 0 <= tick < TICKS:
        raise OverflowError(
            f"tick {tick} was asked for; random numbers exist for ticks in [0, {TICKS}), that is 40 bits.\n"
            f"Beyond them the random numbers of an earlier tick would return.\n"
            f"Start a new run, with another seed, from a snapshot taken before tick {TICKS}."
        )


@_strict
def philox(c0: _Word, c1: _Word, c2: _Word, c3: _Word, k0: _Word, k1: _Word) -> _Block:
    """Philox 4x32-10: four random 32-bit words from a counter of four and a key of two words, all held in uint64."""
    w0, w1, w2, w3 = np.uint64(c0), np.uint64(c1), np.uint64(c2), np.uint64(c3)
    key0, key1 = np.uint64(k0), np.uint64(k1)
    for _ in range(10):
        p0 = _M0 * w0
        p1 = _M1 * w2
        w0, w1, w2, w3 = (p1 >> _U32) ^ w1 ^ key0, p1 & _LOW, (p0 >> _U32) ^ w3 ^ key1, p0 & _LOW
        key0 = (key0 + _W0) & _LOW
        key1 = (key1 + _W1) & _LOW
    return w0, w1, w2, w3


@_strict
def _words(key: np.uint64, id: int, tick: int, draw: int) -> tuple[np.uint64, np.uint64]:
    """The 128 random bits of one draw as two uint64, each with its first Philox word low."""
    ukey, uid, utick = np.uint64(key), np.uint64(id), np.uint64(tick)
    c3 = ((utick >> _U32) << _U24 | (np.uint64(draw) & _LOW24)) & _LOW
    r0, r1, r2, r3 = philox(uid & _LOW, uid >> _U32, utick & _LOW, c3, ukey & _LOW, ukey >> _U32)
    return r0 | r1 << _U32, r2 | r3 << _U32


@_strict
def fold(key: np.uint64, number: int) -> np.uint64:
    """A key into which a whole number >= 0 is mixed: `rank` folds the tick.

    It is the first two words (the first one low) of the block with counter (number low, number high, 2^32 - 1,
    2^32 - 1), a counter that no draw has before the last draw of the last tick.
    """
    ukey, u = np.uint64(key), np.uint64(number)
    r0, r1, _, _ = philox(u & _LOW, u >> _U32, _LOW, _LOW, ukey & _LOW, ukey >> _U32)
    return r0 | r1 << _U32


@_strict
def rank_folded(folded: np.uint64, a: int, b: int) -> np.uint64:
    """`rank` with the tick folded into the key already; from Python write `rank_folded(np.uint64(fold(…)), a, b)`."""
    ukey, ua, ub = np.uint64(folded), np.uint64(a), np.uint64(b)
    r0, r1, _, _ = philox(ua & _LOW, ua >> _U32, ub & _LOW, ub >> _U32, ukey & _LOW, ukey >> _U32)
    return r0 | r1 << _U32


@_strict
def rank(key: np.uint64, tick: int, a: int, b: int) -> np.uint64:
    """A hash of two whole numbers, uniform over uint64: least wins.

    It is the first two words (the first one low) of the block with counter (a low, a high, b low, b high) under the key
    `fold(key, tick)`. All of a and b counts, so that different pairs meet by chance only.
    """
    return rank_folded(fold(key, tick), a, b)


@_strict
def _fraction(word: np.uint64) -> float:
    """The upper 53 bits of a uint64 as a float64 in [0, 1), exactly."""
    return np.float64(np.int64(word >> _U11)) * _STEP


@_strict
def _positive_fraction(word: np.uint64) -> float:
    """The same shifted by one step, in (0, 1]: the logarithm of it exists."""
    return np.float64(np.int64((word >> _U11) + _U1)) * _STEP


@_strict
def logarithm(x: float) -> float:
    """Natural logarithm of a normal float64 above zero, within 1 ulp.

    With x = 2^e * (1 + f), sqrt(1/2) <= 1 + f < sqrt(2), and s = f / (2 + f), log(1 + f) = 2 artanh(s), which is
    `2s + s*R`, R = s^2 * (2/3 + 2/5 s^2 + ...), and 2s = f - h + s*h with h = f^2/2; f itself is exact, so the
    rounded part is a small correction. |s| < 0.1716, so the series is cut at s^22, below 2^-60.
    Source: Abramowitz and Stegun 4.1.27 (series); the split of f and of log 2 into a short upper part, of which
    multiples are exact, and a lower part follows Cody and Waite, Software Manual for the Elementary Functions, ch. 5.
    """
    mantissa, exponent = math.frexp(x)  # exact
    if mantissa < _SQRT_HALF:
        mantissa *= 2.0
        exponent -= 1
    f = mantissa - 1.0
    s = f / (2.0 + f)
    q = s * s
    series = 2.0 / 19 + q * (2.0 / 21 + q * (2.0 / 23))
    series = 2.0 / 13 + q * (2.0 / 15 + q * (2.0 / 17 + q * series))
    series = q * (2.0 / 3 + q * (2.0 / 5 + q * (2.0 / 7 + q * (2.0 / 9 + q * (2.0 / 11 + q * series)))))
    h = 0.5 * f * f
    e = np.float64(exponent)
    return e * _LOG2_HIGH - ((h - (s * (h + series) + e * _LOG2_LOW)) - f)


@_strict
def circle(u: float) -> tuple[float, float]:
    """Cosine and sine of `u` turns, that is of 2*pi*u, for 0 <= u <= 1; each within 2 ulp.

    `u` is split exactly into quarter turns and a rest of at most 1/8 turn; Taylor series up to x^17 (their cut is
    below 2^-55 for |x| <= pi/4) give sine and cosine of the rest.
    """
    quarter = np.int64(4.0 * u + 0.5)
    x = (u - 0.25 * np.float64(quarter)) * _TWO_PI
    q = x * x
    s = 1.0 / 6227020800 + q * (-1.0 / 1307674368000 + q * (1.0 / 355687428096000))
    s = -1.0 / 6 + q * (1.0 / 120 + q * (-1.0 / 5040 + q * (1.0 / 362880 + q * (-1.0 / 39916800 + q * s))))
    sine = x + x * (q * s)
    c = -1.0 / 87178291200 + q * (1.0 / 20922789888000)
    c = 1.0 / 24 + q * (-1.0 / 720 + q * (1.0 / 40320 + q * (-1.0 / 3628800 + q * (1.0 / 479001600 + q * c))))
    half = 0.5 * q
    top = 1.0 - half
    cosine = top + (((1.0 - top) - half) + q * q * c)  # the inner part is what `top` lost in rounding
    quarter &= 3
    if quarter == 0:
        return cosine, sine
    if quarter == 1:
        return -sine, cosine
    if quarter == 2:
        return -cosine, -sine
    return sine, -cosine


@_strict
def uniform(key: np.uint64, id: int, tick: int, draw: int) -> float:
    """A float64 in [0, 1), a multiple of 2^-53."""
    word, _ = _words(key, id, tick, draw)
    return _fraction(word)


@_strict
def uniform_between(key: np.uint64, id: int, tick: int, draw: int, low: float, high: float) -> float:
    """`low + (high - low) * uniform`; rounding may give `high` itself where the interval is only a few floats wide."""
    start = np.float64(low)
    return start + (np.float64(high) - start) * uniform(key, id, tick, draw)


@_strict
def integer(key: np.uint64, id: int, tick: int, draw: int, low: int, high: int) -> int:
    """An int64 in [low, high); `low` where the interval is empty.

    It is the upper half of 64 random bits times the width, so the probability of a value is off by less than 2^-64,
    relative to its size by less than width / 2^64. Source: Lemire, Fast Random Integer Generation in an Interval,
    ACM TOMACS 2019, without the rejection.
    """
    first, end = np.int64(low), np.int64(high)
    if end <= first:
        return int(first)
    width = np.uint64(end) - np.uint64(first)  # wraps where the two differ by 2^63 or more, as it should
    word, _ = _words(key, id, tick, draw)
    word_low, word_high, width_low, width_high = word & _LOW, word >> _U32, width & _LOW, width >> _U32
    middle = word_high * width_low + (word_low * width_low >> _U32)
    other = word_low * width_high + (middle & _LOW)
    above = word_high * width_high + (middle >> _U32) + (other >> _U32)
    return int(np.int64(np.uint64(first) + above))


@_strict
def normal(key: np.uint64, id: int, tick: int, draw: int, mean: float, std: float) -> float:
    """A normally distributed float64, by Box and Muller 1958; at most 8.6 standard deviations from the mean."""
    first, second = _words(key, id, tick, draw)
    cosine, _ = circle(_fraction(second))
    return np.float64(mean) + np.float64(std) * (math.sqrt(-2.0 * logarithm(_positive_fraction(first))) * cosine)


@_strict
def exponential(key: np.uint64, id: int, tick: int, draw: int, mean: float) -> float:
    """An exponentially distributed float64 >= 0 of the given mean, by inversion; at most 36.8 times the mean."""
    word, _ = _words(key, id, tick, draw)
    return np.float64(mean) * (0.0 - logarithm(_positive_fraction(word)))


@_strict
def unit2(key: np.uint64, id: int, tick: int, draw: int) -> tuple[float, float]:
    """A direction in the plane: (x, y) uniform on the unit circle."""
    word, _ = _words(key, id, tick, draw)
    return circle(_fraction(word))


@_strict
def unit3(key: np.uint64, id: int, tick: int, draw: int) -> tuple[float, float, float]:
    """A direction in space: (x, y, z) uniform on the unit sphere, whose z is uniform (Archimedes)."""
    first, second = _words(key, id, tick, draw)
    z = 2.0 * _fraction(first) - 1.0
    x, y = circle(_fraction(second))
    radius = math.sqrt((1.0 - z) * (1.0 + z))
    return radius * x, radius * y, z
