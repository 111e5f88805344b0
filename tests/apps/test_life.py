"""The game of life: known patterns with known periods."""

from __future__ import annotations

import numpy as np
import pytest

import weaver as wv
from weaver.load import load_app


def world(app, start: np.ndarray) -> wv.Simulation:
    """A periodic world with this start, [y, x]."""
    sim = wv.Simulation(wv.Box(*start.shape[::-1], boundary="periodic"))
    sim.behavior(app.evolve)
    sim.layer(app.Cell, alive=start)
    return sim


def test_a_glider_returns_after_4_generations_shifted_by_one():
    app, _ = load_app("life")
    start = np.zeros((12, 15), bool)
    start[4:7, 4:7] = [[0, 1, 0], [0, 0, 1], [1, 1, 1]]
    with world(app, start).start(partitions=2) as run:
        for k in range(1, 13):
            run.step(4)
            assert np.array_equal(run.layer(app.Cell), np.roll(start, (k, k), axis=(0, 1))), f"{4 * k} generations"
            assert run.tick == 4 * k


@pytest.fixture(scope="module")
def gun():
    """Generation -> the whole world of the app, [y, x], at every 30th."""
    app, sim = load_app("life")
    seen = {}
    with sim.start(partitions=3) as run:
        for generation in range(0, 151, 30):
            run.step(generation - run.tick)
            seen[generation] = np.asarray(run.layer(app.Cell))
    return seen


def test_gospers_gun_has_period_30(gun):
    place = (slice(-11, -2), slice(2, 38))  # the gun's own 9 x 36 cells; from the first shot on a glider is among them
    assert gun[30][place][gun[0][place]].all(), "the gun has come back"
    for generation in (60, 90, 120, 150):
        assert np.array_equal(gun[generation][place], gun[30][place]), generation


def test_each_period_adds_a_glider(gun):
    assert [int(cells.sum()) for cells in gun.values()] == [36 + 5 * k for k in range(6)]
