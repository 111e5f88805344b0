"""Traffic: the fundamental diagram of Nagel and Schreckenberg, and lights that are obeyed."""

from __future__ import annotations

import numpy as np
import pytest

from weaver.load import load_app


def flow(density: float, dawdle: float, length: int = 600) -> float:
    """Cars that pass a site in a tick, after a start of `length` ticks."""
    app, sim = load_app("traffic", parameters={"length": length, "density": density, "dawdle": dawdle})
    with sim.start(partitions=2) as run:
        run.step(length)
        speeds = []
        for _ in range(40):
            run.step(5)
            speeds.append(np.mean(run.entities(app.Car, fields=["speed"])["speed"]))
    return float(np.mean(speeds)) * round(density * length) / length


@pytest.mark.parametrize("density", [0.1, 1 / 6, 0.3, 0.6])
def test_without_dawdling_the_flow_is_known_exactly(density: float):
    assert flow(density, dawdle=0.0) == pytest.approx(min(5 * density, 1 - density), abs=1e-12)


@pytest.mark.slow
def test_with_dawdling_the_peak_is_lower_and_at_a_lower_density():
    flows = {density: flow(density, dawdle=0.5, length=600) for density in (0.04, 0.08, 0.16, 0.4)}
    assert max(flows, key=flows.__getitem__) == 0.08  # Nagel and Schreckenberg 1992, figure 4: 0.32 at 0.08
    assert flows[0.08] == pytest.approx(0.32, abs=0.03)
    assert flows[0.04] == pytest.approx(0.04 * 4.5, rel=0.03), "free: the mean speed is 5 - 0.5"


def test_in_the_city_nobody_passes_a_red_light_and_no_two_share_a_site():
    app, sim = load_app("traffic", parameters={"length": 160, "streets": 4, "density": 0.2})
    block, green = 40, 30
    with sim.start(partitions=4) as run:
        cars = run.entities(app.Car)
        north = np.array(cars["heading"].to_pylist())[:, 1] > 0
        before, passed = np.array(cars["position"].to_pylist()), 0
        for tick in range(150):
            run.step(1)
            places = np.array(run.entities(app.Car, fields=["position"])["position"].to_pylist())
            assert len(np.unique(places, axis=0)) == len(before), "one car on a site"
            step = ((places - before).sum(axis=1) + 160) % 160
            start = np.where(north, before[:, 1], before[:, 0]) - 0.5
            crossed = (start % block) + step >= block  # onto a crossing or over it
            green_for_north = (tick // green) % 2 == 1
            assert not crossed[north != green_for_north].any(), f"through a red light in tick {tick}"
            passed, before = passed + int(crossed.sum()), places
    assert passed > 200
