"""Diffusion against the Gaussian, of second order in the width of a cell."""

from __future__ import annotations

import numpy as np
import pytest

from weaver.load import load_app

TIME = 2.0


@pytest.fixture(scope="module")
def errors():
    """Cells per unit of length -> (root of the mean squared error over the exact mean square, sum of the heat)."""
    found = {}
    for fine in (1, 2, 4):
        app, sim = load_app("diffusion", parameters={"fine": fine})
        with sim.start(partitions=2) as run:
            run.step(round(TIME / sim.dt))
            level = np.asarray(run.layer(app.Heat))
            exact = app.exact(run.time)
        error = np.sqrt(((level - exact) ** 2).mean() / (exact**2).mean())
        found[fine] = (error, level.sum() * app.WIDTH**2)
    return found


def test_the_error_falls_with_the_square_of_the_width(errors):
    coarse, middle, fine = (errors[k][0] for k in (1, 2, 4))
    assert np.log2(coarse / middle) == pytest.approx(2, abs=0.2)
    assert np.log2(middle / fine) == pytest.approx(2, abs=0.1)
    assert fine < 0.005


def test_heat_is_conserved_to_rounding(errors):
    for _, heat in errors.values():
        assert heat == pytest.approx(1.0, abs=1e-13)
