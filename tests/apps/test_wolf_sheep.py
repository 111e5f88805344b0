"""Wolves follow sheep: the waves of predator and prey."""

from __future__ import annotations

import numpy as np
import pytest

from weaver.load import load_app

LARGE = {"size": 100, "sheep": 1000, "wolves": 500, "regrowth": 10, "lambs": 0.4, "cubs": 0.2}


@pytest.fixture(scope="module")
def pasture() -> np.ndarray:
    """(sheep, wolves) after each of 500 ticks of the large world."""
    app, sim = load_app("wolf_sheep", parameters=LARGE)
    with sim.start(partitions=4) as run:
        found = []
        for _ in range(500):
            run.step(1)
            found.append((run.counts()["Sheep"], run.counts()["Wolf"]))
    return np.array(found, float)


def test_all_three_live_on(pasture):
    assert (pasture > 100).all()


def test_waves_of_wolves_follow_waves_of_sheep(pasture):
    sheep, wolves = (pasture[100:] - pasture[100:].mean(axis=0)).T
    # as Lotka and Volterra have it, predators lag behind prey
    later = [np.corrcoef(sheep[: len(sheep) - lag], wolves[lag:])[0, 1] for lag in range(40)]
    assert 5 <= int(np.argmax(later)) <= 30
    assert max(later) > 0.5 > later[0]


def test_without_wolves_the_grass_feeds_as_many_sheep_as_it_can():
    app, sim = load_app("wolf_sheep", parameters={"wolves": 0})
    with sim.start() as run:
        run.step(100)
        eaten, energy = 0, []
        for _ in range(100):
            sheep = run.entities(app.Sheep, fields=["energy"])
            energy.append((len(sheep), np.sum(sheep["energy"])))
            grown = np.asarray(run.layer(app.Grass)) == 0
            run.step(1)
            eaten += int((grown & (np.asarray(run.layer(app.Grass)) == 19)).sum())
    mean = np.mean([n for n, _ in energy])
    # every tick costs a sheep 1 and a meal gives 5; the dead had less than 1 left to owe
    assert 5 * eaten == pytest.approx(100 * mean, rel=0.05)
    assert mean < 25 * 25 * 5 / 20, "a square is eaten once in 20 ticks at the most"
