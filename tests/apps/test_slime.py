"""Slime: what is left behind adds up, and gathers in veins."""

from __future__ import annotations

import math

import numpy as np
import pytest

from weaver.load import load_app


@pytest.fixture(scope="module")
def trails() -> tuple[int, dict[int, np.ndarray]]:
    """(agents, tick -> trail)."""
    app, sim = load_app("slime", parameters={"size": 128})
    with sim.start(partitions=4) as run:
        seen = {}
        for tick in (1, 2, 10, 400):
            run.step(tick - run.tick)
            seen[tick] = np.asarray(run.layer(app.Trail))
        return run.counts()["Mould"], seen


def test_the_trail_is_the_sum_of_what_was_left_and_has_decayed(trails):
    agents, seen = trails
    keeps = math.exp(-0.1)
    for tick, trail in seen.items():
        expected = 5 * agents * keeps * (1 - keeps**tick) / (1 - keeps)  # diffusion moves it only
        assert trail.sum() == pytest.approx(expected, rel=1e-12), tick


def test_it_gathers_in_veins(trails):
    _, seen = trails
    early, late = (seen[tick] / seen[tick].mean() for tick in (10, 400))
    assert late.std() > 2 * early.std()
    assert np.mean(late < 0.25) > 0.6, "most of the ground is bare"
