"""The order parameter of Vicsek et al. (1995) falls with noise."""

from __future__ import annotations

import numpy as np
import pytest

from weaver.load import load_app


@pytest.mark.slow
def test_order_falls_with_noise():
    app, sim = load_app("vicsek", parameters={"side": 10})  # 400 particles, as in their figure 2 a
    order = {}
    for noise in (0.1, 2.0, 3.5, 6.28):
        with sim.start() as run:
            run.set(noise=noise)
            run.step(1500)
            samples = []
            for _ in range(20):
                run.step(25)
                heading = np.array(run.entities(app.Particle)["heading"].to_pylist())
                samples.append(np.hypot(*heading.mean(axis=0)))
            order[noise] = np.mean(samples)
    values = list(order.values())
    assert values == sorted(values, reverse=True), order
    assert order[0.1] > 0.98, order
    assert 0.7 < order[2.0] < 0.95, order  # figure 2 a: 0.8 to 0.9
    assert order[6.28] < 3 / np.sqrt(400), order  # no order but that of a finite number
