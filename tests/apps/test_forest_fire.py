"""Forest fire is site percolation: what is connected to the left edge burns, and nothing else."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from weaver.load import load_app


def burned(size: int, density: float, seed: int) -> tuple[float, bool]:
    """(share of the trees that burn, whether they are those connected to the left edge)."""
    app, sim = load_app("forest_fire", seed, {"size": size, "density": density})
    with sim.start(partitions=4) as run:
        before = np.asarray(run.layer(app.Tree))
        run.step(10 * size)
        after = np.asarray(run.layer(app.Tree))
    trees = before != app.State.EMPTY
    clusters, _ = ndimage.label(trees)
    lit = np.isin(clusters, np.unique(clusters[:, 0][trees[:, 0]]))
    assert not (after == app.State.BURNING).any()
    return (after == app.State.BURNT).sum() / trees.sum(), np.array_equal(after == app.State.BURNT, lit)


@pytest.mark.parametrize(("density", "low", "high"), [(0.53, 0.0, 0.3), (0.65, 0.85, 1.0)])
def test_the_burned_share_jumps_near_the_percolation_threshold(density: float, low: float, high: float):
    share, exact = burned(200, density, seed=3)
    assert exact, "the trees connected to the left edge burn, and no others"
    assert low <= share <= high


def test_the_front_takes_a_tick_for_a_square():
    app, sim = load_app("forest_fire", parameters={"size": 50, "density": 1.0})
    with sim.start() as run:
        run.step(20)
        state = np.asarray(run.layer(app.Tree))
    expected = np.select(
        [np.arange(50) < 20, np.arange(50) == 20], [app.State.BURNT, app.State.BURNING], app.State.GREEN
    )
    assert np.array_equal(state, np.tile(expected, (50, 1)))
