"""The rumour against the share of Maki and Thompson, and against the small world's transition."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.optimize import brentq

from weaver.load import load_app


def heard(seed: int, **parameters: float) -> float:
    """The share who have heard it in the end."""
    app, sim = load_app("rumour", seed, {"people": 4000, **parameters})
    with sim.start(partitions=2) as run:
        run.step(4000)
        states = np.asarray(run.entities(app.Person, fields=["state"])["state"])
    assert not (states == app.State.SPREADER).any()
    return float(np.mean(states != app.State.IGNORANT))


def test_well_mixed_the_share_is_that_of_maki_and_thompson():
    share = brentq(lambda r: r - 1 + math.exp(-2 * r), 0.1, 1.0)  # r = 1 - exp(-2 r)
    assert share == pytest.approx(0.7968, abs=1e-4)
    found = np.mean([heard(seed, ties=50) for seed in (1, 2)])
    assert found == pytest.approx(share, abs=0.02)


def test_on_the_ring_alone_it_dies_near_its_start():
    assert heard(1, rewired=0.0) < 0.1
