"""The tree's fractal dimension: the radius of gyration grows as the number of parts to 1 / 1.71."""

from __future__ import annotations

import numpy as np
import pytest

from weaver.load import load_app


def dimension(seeds: range, most: int) -> float:
    """From the mean radius of gyration over the seeds, for 100 to `most` parts."""
    counts = np.geomspace(100, most, 12).astype(int)
    radii = []
    for seed in seeds:
        app, sim = load_app("dla", seed)
        with sim.start() as run:
            while run.counts()["Stuck"] < counts[-1]:
                run.step(200)
            tree = run.entities(app.Stuck)
        places = np.array(tree["position"].to_pylist())[np.argsort(np.array(tree["tick"]), kind="stable")]
        assert np.abs(places).max() < 200, "it would have grown around the world"
        radii.append([np.sqrt(places[:n].var(axis=0).sum()) for n in counts])
    return float(1 / np.polyfit(np.log(counts), np.log(np.mean(radii, axis=0)), 1)[0])


@pytest.mark.slow
def test_the_dimension_is_near_1_71():
    assert dimension(range(1, 4), 800) == pytest.approx(1.71, abs=0.1)


@pytest.mark.slow
def test_the_mean_dimension_of_many_trees_is_1_71():
    assert dimension(range(1, 17), 1440) == pytest.approx(1.711, abs=0.04)
