"""Random numbers: known answers, distributions, our own logarithm and sine, and bits that nothing changes."""

from __future__ import annotations

import math
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numba
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from weaver import random

ROOT = Path(random.__file__).parents[1]
KEY = random.key(7, "Bird", "flock")
INT64 = st.integers(-(2**63), 2**63 - 1)


def sample(function: Any, n: int, *arguments: Any, key: np.uint64 = KEY) -> np.ndarray[Any, Any]:
    """What entities 0 to n - 1 draw at tick 3, from a compiled loop as in a kernel."""

    @numba.njit
    def draw(key, out):  # type: ignore[no-untyped-def]
        for id in range(len(out)):
            out[id] = function(key, id, 3, 0, *arguments)

    first = function(key, 0, 3, 0, *arguments)
    out = np.empty((n, *np.shape(first)), np.asarray(first).dtype)
    draw(key, out)
    return out


# ---- Known answers ----


@pytest.mark.parametrize(
    ("counter_and_key", "answer"),
    [
        ("00000000 00000000 00000000 00000000 00000000 00000000", "6627e8d5 e169c58d bc57ac4c 9b00dbd8"),
        ("ffffffff ffffffff ffffffff ffffffff ffffffff ffffffff", "408f276d 41c83b0e a20bc7c6 6d5451fd"),
        ("243f6a88 85a308d3 13198a2e 03707344 a4093822 299f31d0", "d16cfe09 94fdcceb 5001e420 24126ea1"),
    ],
)
def test_philox_gives_the_known_answers_of_random123(counter_and_key: str, answer: str) -> None:
    words = [int(word, 16) for word in counter_and_key.split()]
    assert [f"{word:08x}" for word in random.philox(*words)] == answer.split()


def test_the_counter_is_packed_as_stated() -> None:
    id, tick, draw = 0x123456789ABCDEF0, 0xFE12345678, 0xABCDEF
    key = np.uint64(0xFEDCBA9876543210)
    r0, r1, r2, r3 = random.philox(0x9ABCDEF0, 0x12345678, 0x12345678, 0xFEABCDEF, 0x76543210, 0xFEDCBA98)
    assert random.uniform(key, id, tick, draw) == ((r1 << 32 | r0) >> 11) / 2**53
    x, y = random.circle(((r3 << 32 | r2) >> 11) / 2**53)
    z = 2 * random.uniform(key, id, tick, draw) - 1
    radius = math.sqrt((1 - z) * (1 + z))
    assert random.unit3(key, id, tick, draw) == (radius * x, radius * y, z)


def test_ranks_are_packed_as_stated_and_the_same_in_kernels() -> None:
    key, tick, a, b = np.uint64(0xFEDCBA9876543210), 0xFE12345678, 0x123456789ABCDEF0, (1 << 62) + 5
    r0, r1, _, _ = random.philox(0x12345678, 0xFE, 2**32 - 1, 2**32 - 1, 0x76543210, 0xFEDCBA98)
    s0, s1, _, _ = random.philox(0x9ABCDEF0, 0x12345678, 5, 0x40000000, r0, r1)
    assert random.fold(key, tick) == (r1 << 32 | r0)
    assert (
        random.rank(key, tick, a, b) == random.rank_folded(np.uint64(random.fold(key, tick)), a, b) == (s1 << 32 | s0)
    )
    assert random.rank(random.key(7, "Wolf|Sheep", "eat"), 3, 1, 2) == 4387295463112189276
    compiled = numba.njit(lambda key, tick, a, b: random.rank(key, tick, a, b))
    assert compiled(key, tick, a, b) == random.rank(key, tick, a, b)


def test_a_rank_depends_on_all_it_is_given() -> None:
    one = random.key(7, "Wolf|Sheep", "eat")
    arguments = [
        (key, tick, a, b) for key in (one, np.uint64(5)) for tick in (0, 1, 2**33) for a in (0, 1) for b in (0, 2)
    ]
    assert len({random.rank(*four) for four in arguments}) == len(arguments)
    ranks = np.array([random.rank(one, 0, a, 7) for a in range(4000)], np.uint64)
    counts = np.bincount((ranks >> np.uint64(60)).astype(int), minlength=16)
    assert ((counts - 250) ** 2 / 250).sum() < 37.7  # chi-square, 15 degrees, 0.001


def test_keys_are_fixed_and_unambiguous() -> None:
    assert random.key(7, "Bird", "flock") == 6937401482035596677
    assert 0 <= random.key(2**64 - 1, "Möwe", "") < 2**64
    names = [("ab", "c"), ("a", "bc"), ("", "abc"), ("abc", ""), ("c", "ab")]
    assert len({random.key(seed, *pair) for pair in names for seed in (0, 1, 2**32)}) == 15


@pytest.mark.parametrize("seed", [-1, 2**64, 1.5, "7", None])
def test_a_seed_outside_64_bits_is_an_error(seed: Any) -> None:
    with pytest.raises(ValueError, match=r"a seed is an int in \[0, 2\*\*64\)\.\n.*\nUse a seed in that range"):
        random.key(seed, "Bird", "flock")


@pytest.mark.parametrize("tick", [-1, random.TICKS])
def test_a_tick_beyond_the_counter_is_an_error(tick: int) -> None:
    random.check_tick(0)
    random.check_tick(random.TICKS - 1)
    with pytest.raises(OverflowError, match=rf"tick {tick} was asked for.*\n.*\nStart a new run"):
        random.check_tick(tick)


# ---- One stream for each (key, id, tick, draw) ----


def test_every_part_of_the_counter_and_the_key_gives_other_numbers() -> None:
    base, widths = [KEY, 5, 6, 7], [64, 63, 40, 24]
    others = []
    for part, width in enumerate(widths):
        for bit in range(width):
            others.append([*base[:part], base[part] ^ (1 << bit), *base[part + 1 :]])
    numbers = {random.uniform(*base), *(random.uniform(*other) for other in others)}
    assert len(numbers) == 1 + sum(widths)


def test_neighbouring_streams_are_uncorrelated() -> None:
    n = 50_000
    base = sample(random.uniform, n) - 0.5
    other_key = sample(random.uniform, n, key=random.key(8, "Bird", "flock")) - 0.5
    for other in (base[1:], other_key[1:], other_key[:-1]):
        correlation = np.mean(base[:-1] * other) * 12
        assert abs(correlation) < 5 / math.sqrt(n)


FASTMATH_FIRST = """
import numba
from weaver import random

def draws(key, id):
    x, y, z = random.unit3(key, id, 2, 3)
    return (random.normal(key, id, 2, 0, 0.5, 2.0), random.exponential(key, id, 2, 1, 3.0), x, y, z,
            random.uniform_between(key, id, 2, 4, -1.0, 0.1), random.integer(key, id, 2, 5, -9, 9))

kernel = numba.njit(fastmath=FLAGS, error_model="numpy")(draws)
print([[float(value).hex() for value in kernel(random.key(7, 'A', 'b'), id)] for id in range(200)])
functions = (random.normal, random.logarithm, random.circle, random.unit3, random.uniform_between)
assert not any("reassoc" in text or " fast " in text for f in functions for text in f.inspect_llvm().values())
assert all(f.signatures for f in functions)
"""


@pytest.mark.slow
def test_fastmath_in_the_first_caller_changes_no_bit() -> None:
    printed = []
    for flags in ("False", "{'reassoc', 'nsz', 'contract', 'arcp'}", "True"):
        code = FASTMATH_FIRST.replace("FLAGS", flags)
        env = {**os.environ, "PYTHONPATH": str(ROOT)}
        done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        printed.append(done.stdout)
    assert printed[0] == printed[1] == printed[2]


def test_plain_python_and_kernels_draw_the_same_bits() -> None:
    for function, arguments in (
        (random.uniform, ()),
        (random.uniform_between, (-3.0, 8.0)),
        (random.integer, (-5, 100)),
        (random.normal, (1.0, 2.0)),
        (random.exponential, (0.5,)),
        (random.unit2, ()),
        (random.unit3, ()),
    ):
        compiled = sample(function, 50, *arguments)
        for id in range(50):
            assert np.array_equal(compiled[id], function(KEY, id, 3, 0, *arguments))


# ---- Integers ----


@settings(max_examples=300, deadline=None)
@given(low=INT64, high=INT64, id=st.integers(0, 2**63 - 1))
def test_integers_are_the_upper_half_of_bits_times_width(low: int, high: int, id: int) -> None:
    number = random.integer(KEY, id, 3, 0, low, high)
    if high <= low:
        assert number == low
    else:
        r0, r1, _, _ = random.philox(id & 0xFFFFFFFF, id >> 32, 3, 0, int(KEY) & 0xFFFFFFFF, int(KEY) >> 32)
        assert number == low + ((r1 << 32 | r0) * (high - low) >> 64)
        assert low <= number < high


def test_integers_are_equally_likely() -> None:
    counts = np.bincount(sample(random.integer, 70_000, 0, 7), minlength=7)
    assert len(counts) == 7
    assert ((counts - 10_000) ** 2 / 10_000).sum() < 27.9  # chi-square with 6 degrees of freedom, p = 1e-4


# ---- Our own logarithm, sine and cosine ----


@numba.njit
def logarithms(x):  # type: ignore[no-untyped-def]
    return np.array([random.logarithm(value) for value in x])


@numba.njit
def circles(u):  # type: ignore[no-untyped-def]
    out = np.empty((2, len(u)))
    for i in range(len(u)):
        out[0, i], out[1, i] = random.circle(u[i])
    return out


def off_by(got: np.ndarray[Any, Any], expected: np.ndarray[Any, Any]) -> float:
    """Largest distance in units in the last place."""
    return float(np.max(np.abs(got - expected) / np.spacing(np.abs(expected))))


def test_the_logarithm_is_within_2_ulp_of_the_math_library() -> None:
    rng = np.random.default_rng(1)
    tiny = 2.0**-53 * np.arange(1, 2000)
    x = np.concatenate(
        [rng.random(100_000) + 2.0**-53, tiny, 1 - tiny, 1 + 2 * tiny, 10.0 ** rng.uniform(-300, 300, 9999)]
    )
    assert off_by(logarithms(x), np.log(x)) <= 2
    assert random.logarithm(1.0) == 0.0
    assert all(random.logarithm(2.0**e) == e * math.log(2) for e in (-53, -2, -1, 1, 2, 10))


def test_sine_and_cosine_are_within_3_ulp_of_the_math_library() -> None:
    u = np.concatenate(
        [np.random.default_rng(2).random(100_000), np.arange(9) / 8 + 2.0**-50, 2.0 ** -np.arange(4.0, 53)]
    )
    quarter = np.floor(4 * u + 0.5)
    rest = 2 * np.pi * (u - quarter / 4)  # the rest is exact, so that the reference loses nothing near the axes
    c, s, turn = np.cos(rest), np.sin(rest), quarter.astype(int) % 4
    cosine, sine = circles(u)
    assert off_by(cosine, np.choose(turn, [c, -s, -c, s])) <= 3
    assert off_by(sine, np.choose(turn, [s, c, -s, -c])) <= 3


def test_whole_quarter_turns_are_exact() -> None:
    assert [random.circle(u / 4) for u in range(5)] == [(1, 0), (0, 1), (-1, 0), (0, -1), (1, 0)]


# ---- Distributions: fixed seeds, 1e5 draws ----


@pytest.mark.parametrize(
    ("function", "arguments", "distribution", "parameters"),
    [
        (random.uniform, (), "uniform", ()),
        (random.uniform_between, (-2.0, 3.0), "uniform", (-2, 5)),
        (random.normal, (1.0, 2.0), "norm", (1, 2)),
        (random.exponential, (3.0,), "expon", (0, 3)),
    ],
)
def test_draws_follow_the_distribution(function: Any, arguments: Any, distribution: str, parameters: Any) -> None:
    stats = pytest.importorskip("scipy.stats", reason="the exact distributions come from scipy")
    draws = sample(function, 100_000, *arguments)
    assert stats.kstest(draws, getattr(stats, distribution)(*parameters).cdf).pvalue > 1e-3


def test_means_and_variances() -> None:
    n = 100_000
    for draws, mean, variance in (
        (sample(random.uniform, n), 1 / 2, 1 / 12),
        (sample(random.normal, n, 1.0, 2.0), 1, 4),
        (sample(random.exponential, n, 3.0), 3, 9),
    ):
        assert abs(draws.mean() - mean) < 4 * math.sqrt(variance / n)
        assert draws.var() == pytest.approx(variance, rel=0.03)


def test_uniform_stays_below_one_and_exponential_above_zero() -> None:
    u, e = sample(random.uniform, 100_000), sample(random.exponential, 100_000, 1.0)
    assert u.min() >= 0 and u.max() < 1
    assert e.min() >= 0 and e.max() <= 53 * math.log(2)


@pytest.mark.parametrize("function", [random.unit2, random.unit3])
def test_directions_have_length_one_and_no_preference(function: Any) -> None:
    n = 100_000
    directions = sample(function, n)
    dimension = directions.shape[1]
    assert np.abs((directions**2).sum(axis=1) - 1).max() < 1e-15 * 4
    assert np.abs(directions.mean(axis=0)).max() < 4 / math.sqrt(dimension * n)
    covariance = directions.T @ directions / n
    assert np.abs(covariance - np.eye(dimension) / dimension).max() < 0.01
