"""Wolves follow sheep: the waves of predator and prey."""

from __future__ import annotations

import numpy as np
import pytest

from weaver.load import load_app

LARGE = {"size": 100, "sheep": 1000, "wolves": 500, "regrowth": 10, "lambs": 0.4, "cubs": 0.2}


@pytest.fixture(scope="module")
def pasture() -> np.ndarray:
    """(sheep, wolves) after each of 500 ticks of the large world."""
    _, sim = load_app("wolf_sheep", parameters=LARGE)
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


def test_without_wolves_the_energy_of_the_sheep_is_that_of_the_grass():
    app, sim = load_app("wolf_sheep", parameters=LARGE)
    with sim.start(partitions=4) as run:
        run.remove(run.entities(app.Wolf, fields=[])["id"].to_numpy())
        run.step(60)
        dead, eaten, steps, energy = run.stats()["deaths"]["Sheep"], 0, 0, []
        for _ in range(40):
            sheep = run.entities(app.Sheep, fields=["energy"])
            energy.append(np.sum(sheep["energy"].to_numpy()))
            steps += len(sheep)
            run.step(1)
            eaten += int((np.asarray(run.layer(app.Grass)) == LARGE["regrowth"] - 1).sum())
        energy.append(np.sum(run.entities(app.Sheep, fields=["energy"])["energy"].to_numpy()))
        dead = run.stats()["deaths"]["Sheep"] - dead
    # a step costs 1 and a meal gives 5; the dead leave a debt of less than 1 each
    spent = steps + energy[-1] - energy[0]
    assert spent - dead <= 5 * eaten <= spent
    assert eaten <= 40 * 100 * 100 / LARGE["regrowth"], "a square is eaten once in ten ticks at the most"
