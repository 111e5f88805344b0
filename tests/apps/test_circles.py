"""Circles settle: the benchmark's own validation, and the distance at which two of them rest."""

from __future__ import annotations

import numpy as np
import pytest

from weaver.load import load_app


def test_the_mean_step_falls_once_clumps_have_formed():
    app, sim = load_app("circles", parameters={"count": 4000})
    steps = []
    with sim.start() as run:
        for _ in range(15):
            run.step(20)
            steps.append(np.mean(run.entities(app.Circle)["moved"]))
    assert max(steps) < 0.01, "nobody ever leaps"
    assert np.all(np.diff(steps[7:]) < 0), "the published validation: the drift declines"
    assert steps[-1] < 0.5 * steps[0]


@pytest.mark.parametrize("apart", [0.2, 1.8])
def test_two_circles_rest_at_half_the_radius(apart: float):
    app, sim = load_app("circles", parameters={"count": 1000})
    sim.sources.clear()
    sim.add(app.Circle, position=[[5.0, 5.0, 5.0 - apart / 2], [5.0, 5.0, 5.0 + apart / 2]])
    with sim.start() as run:
        run.step(300)
        a, b = run.entities(app.Circle)["position"].to_pylist()
    assert a[2] - b[2] == pytest.approx(-app.RADIUS / 2, abs=1e-6)
    assert a[2] + b[2] == pytest.approx(10.0, abs=1e-9)
