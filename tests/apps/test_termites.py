"""Termites: chips are conserved and end in few piles."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from weaver.load import load_app


@pytest.fixture(scope="module")
def wood() -> list[tuple[int, int, int]]:
    """Every 1,000 ticks: (piles, chips on the ground, chips carried)."""
    app, sim = load_app("termites")
    found = []
    with sim.start(partitions=2) as run:
        for _ in range(4):
            chips = np.asarray(run.layer(app.Ground))
            tasks = np.asarray(run.entities(app.Termite, fields=["task"])["task"])
            piles = ndimage.label(chips, np.ones((3, 3)))[1]
            found.append((piles, int(chips.sum()), int((tasks != app.Task.SEEK).sum())))
            run.step(1000)
    return found


@pytest.mark.slow
def test_chips_are_conserved(wood):
    assert len({ground + carried for _, ground, carried in wood}) == 1


def test_chips_end_in_few_piles(wood):
    piles = [n for n, _, _ in wood]
    assert piles[-1] < piles[0] / 5
    assert wood[-1][1] / piles[-1] > 5 * wood[0][1] / piles[0], "and the piles are larger"
