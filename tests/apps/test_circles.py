"""Circles settle: the benchmark's own validation, and the distance at which two of them rest."""

from __future__ import annotations

import numpy as np
import pytest

from weaver.load import load_app


def test_the_mean_step_falls_as_circles_settle():
    app, sim = load_app("circles", parameters={"count": 4000})
    steps = []
    with sim.start() as run:
        for _ in range(60):
            run.step(5)
            steps.append(np.mean(run.entities(app.Circle)["moved"]))
    falls = np.mean(np.diff(steps) < 0)
    assert falls > 0.9, "FLAME GPU validates its own by the share of falls"
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
