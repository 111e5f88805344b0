"""The gas: momentum and energy are kept to rounding, and the energies become those of Boltzmann."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from weaver.load import load_app


@pytest.fixture(scope="module")
def gas() -> tuple[np.ndarray, np.ndarray]:
    """Velocities at the start and after 400 ticks, (n, 2) each."""
    app, sim = load_app("gas", parameters={"side": 120})
    with sim.start(partitions=2) as run:
        found = []
        for ticks in (0, 400):
            run.step(ticks)
            found.append(np.array(run.entities(app.Disc, fields=["velocity"])["velocity"].to_pylist()))
    return found[0], found[1]


def test_momentum_is_conserved_to_rounding(gas):
    before, after = gas
    assert np.abs(after.sum(axis=0) - before.sum(axis=0)).max() < 1e-10


def test_energy_is_conserved_to_rounding(gas):
    before, after = gas
    assert (after**2).sum() == pytest.approx((before**2).sum(), rel=1e-12)


def test_energies_are_those_of_boltzmann(gas):
    before, after = gas
    energies = 0.5 * (after**2).sum(axis=1)
    assert stats.kstest(energies, "expon", args=(0, energies.mean())).pvalue > 0.01
    assert stats.kstest(0.5 * (before**2).sum(axis=1), "expon", args=(0, 0.5)).pvalue < 1e-10, (
        "the start is far from it"
    )


def test_velocities_are_those_of_maxwell(gas):
    spread = np.sqrt(0.5)
    for component in gas[1].T:
        assert stats.kstest(component, "norm", args=(0, spread)).pvalue > 0.01
