"""The epidemic: where all mix it follows Kermack and McKendrick, and where they do not it is smaller and later."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.integrate import solve_ivp
from scipy.optimize import brentq

from weaver.load import load_app

R0 = 0.2 * math.pi * 2 / 0.5


def epidemic(travel: float) -> np.ndarray:
    """Rows of (time, susceptible share, infected share) until nobody is infected."""
    app, sim = load_app("epidemic", parameters={"people": 8000, "travel": travel})
    rows = []
    with sim.start() as run:
        while True:
            state = np.asarray(run.entities(app.Person, fields=["state"])["state"])
            rows.append((run.time, np.mean(state == 0), np.mean(state == 1)))
            if rows[-1][2] == 0 or run.tick > 1000:
                return np.array(rows).T
            run.step(10)


@pytest.fixture(scope="module")
def mixed() -> np.ndarray:
    return epidemic(travel=1000)


def test_the_well_mixed_limit_follows_the_equations(mixed):
    time, _, infected = mixed
    contagion, recovery = R0 * 0.5, 0.5
    exact = solve_ivp(
        lambda t, y: [-contagion * y[0] * y[1], contagion * y[0] * y[1] - recovery * y[1]],
        (0, time[-1]), [0.995, 0.005], t_eval=time, rtol=1e-8,
    ).y[1]  # fmt: skip
    assert infected.max() == pytest.approx(exact.max(), rel=0.1)
    assert np.abs(infected - exact).max() < 0.03


def test_the_final_size_solves_the_known_equation(mixed):
    untouched = brentq(lambda s: s - 0.995 * math.exp(-R0 * (1 - s)), 1e-6, 0.9)  # s = s0 exp(-R0 (1 - s))
    assert mixed[1][-1] == pytest.approx(untouched, abs=0.02)


def test_without_travel_it_takes_fewer_and_longer(mixed):
    local = epidemic(travel=0)
    assert local[1][-1] > 1.5 * mixed[1][-1]
    assert local[2].max() < 0.8 * mixed[2].max()
