"""Sine and cosine of our own are those of the mathematical library, within two units in the last place."""

import math
from fractions import Fraction

import numba
import numpy as np

from weaver import trigonometry
from weaver.trigonometry import cosine, sine


@numba.njit
def both(x, s, c):
    for i in range(len(x)):
        s[i], c[i] = sine(x[i]), cosine(x[i])


def of(x):
    x = np.asarray(x, np.float64)
    s, c = np.empty_like(x), np.empty_like(x)
    both(x, s, c)
    return s, c


def test_they_are_within_two_units_in_the_last_place():
    rng = np.random.default_rng(1)
    x = np.concatenate(
        [rng.uniform(-10, 10, 200_000), rng.uniform(-1, 1, 100_000) * 2.0 ** rng.integers(-30, 50, 100_000)]
    )
    x = np.concatenate([x, np.arange(-40, 41) * np.pi / 4])
    for mine, numpys in zip(of(x), (np.sin(x), np.cos(x)), strict=True):
        assert (np.abs(mine - numpys) <= 3 * np.spacing(np.abs(numpys))).all()  # numpy's own is within one


def test_ends():
    s, c = of([0.0, 0.5 * math.pi, math.inf, -math.inf, math.nan, 1e300, -1e22])
    assert s[0] == 0 and c[0] == 1 and s[1] == 1
    assert np.isnan(s[2:5]).all() and np.isnan(c[2:5]).all()
    assert (np.abs(s[5:]) <= 1).all() and (np.abs(c[5:]) <= 1).all()


def test_pi_is_kept_in_three_parts():
    digits = "3.14159265358979323846264338327950288419716939937510582097494459230781640628620899862803482534211706798"
    parts = (trigonometry._P1, trigonometry._P2, trigonometry._P3)
    assert abs(sum(map(Fraction, parts)) - Fraction(digits)) < Fraction(1, 2**160)
