"""Walkers cross the field of obstacles: nobody enters one, everybody arrives."""

from __future__ import annotations

import numpy as np
import pytest

from weaver.load import load_app


@pytest.fixture(scope="module")
def crossing():
    """(least distance from an obstacle's edge after any tenth tick, ticks until all had arrived, the run)."""
    app, sim = load_app("pathfinding", parameters={"walkers": 400})
    discs = sim.obstacles.discs
    least, arrived = np.inf, 0
    with sim.start() as run:
        while arrived < 400 and run.tick < 3000:
            run.step(10)
            walkers = run.entities(app.Walker, fields=["position", "arrived"])
            places = np.array(walkers["position"].to_pylist())
            apart = np.linalg.norm(places[:, None] - discs[:, :2], axis=2) - discs[:, 2]
            least, arrived = min(least, apart.min()), sum(walkers["arrived"].to_pylist())
    return least, arrived, run


def test_nobody_enters_an_obstacle(crossing):
    assert crossing[0] > 0.0


def test_everybody_arrives_in_hardly_more_time_than_the_straight_way_takes(crossing):
    _, arrived, run = crossing
    assert arrived == 400
    assert run.time < 1.5 * np.hypot(200, 200) / 1.4
