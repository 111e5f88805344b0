"""Exact statistics: rounded once, whatever the order and however the values are shared out."""

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from partitions.sums import Statistic

FLOATS = st.lists(st.floats(allow_nan=False, allow_infinity=False) | st.sampled_from([1e308, -1e308, 5e-324]))
INTEGERS = st.lists(st.integers(-(2**63), 2**63 - 1))


def nearest(number: Fraction) -> float:
    try:
        return number.numerator / number.denominator
    except OverflowError:
        return math.inf if number > 0 else -math.inf


def result(statistic, values, cuts):
    dtype = np.int64 if statistic.integer else np.float64
    pieces = np.split(np.array(values, dtype), sorted(c % (len(values) + 1) for c in cuts))
    return statistic.value(statistic.merge([statistic.measure([piece]) for piece in pieces]))


@settings(max_examples=150, deadline=None)
@given(values=FLOATS, cuts=st.lists(st.integers(0, 1000), max_size=4))
def test_sums_means_and_variances_of_floats_are_rounded_once(values, cuts):
    exact = [Fraction(v) for v in values]
    assert result(Statistic("sum"), values, cuts) == nearest(sum(exact, Fraction(0)))
    mean, var = result(Statistic("mean"), values, cuts), result(Statistic("var"), values, cuts)
    if not values:
        assert math.isnan(mean) and math.isnan(var)
        return
    n = len(values)
    assert mean == nearest(sum(exact) / n)
    assert var == nearest((sum(x * x for x in exact) - sum(exact) ** 2 / n) / n)
    assert result(Statistic("min"), values, cuts) == min(values)
    assert result(Statistic("max"), values, cuts) == max(values)


@settings(max_examples=100, deadline=None)
@given(values=INTEGERS, cuts=st.lists(st.integers(0, 1000), max_size=4))
def test_sums_of_ints_wrap_and_their_means_and_variances_are_rounded_once(values, cuts):
    def of(how):
        return result(Statistic(how, integer=True), values, cuts)

    assert of("sum") == (sum(values) + 2**63) % 2**64 - 2**63
    assert of("count") == len(values)
    if values:
        n = len(values)
        assert of("mean") == nearest(Fraction(sum(values), n))
        assert of("var") == nearest((Fraction(sum(v * v for v in values)) - Fraction(sum(values) ** 2, n)) / n)
    assert of("min") == min(values, default=0) and of("max") == max(values, default=0)


@pytest.mark.parametrize(
    ("values", "sums"),
    [
        ([1.0, math.inf], math.inf),
        ([-math.inf, 2.0], -math.inf),
        ([math.inf, -math.inf], math.nan),
        ([math.nan], math.nan),
    ],
)
def test_what_is_not_finite_makes_sums_that_are_not(values, sums):
    np.testing.assert_equal(result(Statistic("sum"), values, [1]), sums)
    np.testing.assert_equal(result(Statistic("mean"), values, [1]), sums)
    assert math.isnan(result(Statistic("var"), values, []))


def test_the_least_of_both_zeros_is_one_zero_and_of_nan_nan():
    for how in ("min", "max"):
        zeros = [result(Statistic(how), values, [1]) for values in ([0.0, -0.0], [-0.0, 0.0])]
        assert [math.copysign(1, z) for z in zeros] == [1, 1]
        assert math.isnan(result(Statistic(how), [1.0, math.nan, 2.0], [1]))
        assert math.isnan(result(Statistic(how), [], []))


@given(values=st.lists(st.floats(-3, 12)), cuts=st.lists(st.integers(0, 1000), max_size=3))
def test_a_histogram_counts_what_is_inside(values, cuts):
    counts = result(Statistic("histogram", bins=(0.0, 10.0, 5)), values, cuts)
    assert counts == np.histogram(values, bins=5, range=(0.0, 10.0))[0].tolist()


def test_a_vector_has_one_sum_per_component():
    statistic = Statistic("mean", size=2, vector=True)
    x, y = np.array([1e16, 1.0, -1e16]), np.array([1.0, 2.0, 4.0])
    assert statistic.value(statistic.measure([x, y])) == (1 / 3, 7 / 3)
