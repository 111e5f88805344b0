"""The melt against the benchmark of LAMMPS and the equation of state of the Lennard-Jones fluid."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import pytest

from weaver.load import load_app

# Table 10 of Johnson, Zollweg and Gubbins, "The Lennard-Jones equation of state revisited", Mol. Phys. 78, 591 (1993)
X = [
    0.0, 0.8623085097507421, 2.976218765822098, -8.402230115796038, 0.1054136629203555, -0.8564583828174598,
    1.582759470107601, 0.7639421948305453, 1.753173414312048, 2.798291772190376e3, -4.8394220260857657e-2,
    0.9963265197721935, -3.698000291272493e1, 2.084012299434647e1, 8.305402124717285e1, -9.574799715203068e2,
    -1.477746229234994e2, 6.398607852471505e1, 1.603993673294834e1, 6.805916615864377e1, -2.791293578795945e3,
    -6.245128304568454, -8.116836104958410e3, 1.488735559561229e1, -1.059346754655084e4, -1.131607632802822e2,
    -8.867771540418822e3, -3.986982844450543e1, -4.689270299917261e3, 2.593535277438717e2, -2.694523589434903e3,
    -7.218487631550215e2, 1.721802063863269e2,
]  # fmt: skip


class Sample(NamedTuple):
    tick: float
    energy: float
    temperature: float
    pressure: float


def published_pressure(rho: float, t: float, cutoff: float) -> float:
    """Pressure of the fluid by the equation of state, less what pairs beyond the cutoff add."""
    x = X
    a = [
        x[1] * t + x[2] * math.sqrt(t) + x[3] + x[4] / t + x[5] / t**2, x[6] * t + x[7] + x[8] / t + x[9] / t**2,
        x[10] * t + x[11] + x[12] / t, x[13], x[14] / t + x[15] / t**2, x[16] / t, x[17] / t + x[18] / t**2,
        x[19] / t**2,
    ]  # fmt: skip
    b = [
        x[20] / t**2 + x[21] / t**3, x[22] / t**2 + x[23] / t**4, x[24] / t**2 + x[25] / t**3,
        x[26] / t**2 + x[27] / t**4, x[28] / t**2 + x[29] / t**3, x[30] / t**2 + x[31] / t**3 + x[32] / t**4,
    ]  # fmt: skip
    whole = rho * t + sum(c * rho ** (i + 2) for i, c in enumerate(a))
    whole += math.exp(-3 * rho**2) * sum(c * rho ** (2 * i + 3) for i, c in enumerate(b))
    return whole - 16 / 3 * math.pi * rho**2 * (2 / 3 * cutoff**-9 - cutoff**-3)


def samples(cells: int, ticks: int, every: int) -> tuple[list[Sample], np.ndarray]:
    """Run a crystal and give the samples, and the momentum at the end."""
    app, sim = load_app("melt", parameters={"cells": cells})
    made = []
    with sim.start() as run:
        for tick in (1, *range(every, ticks + 1, every)):
            run.step(tick - run.tick)
            atoms = run.entities(app.Atom)
            velocity = np.array(atoms["velocity"].combine_chunks().flatten()).reshape(-1, 3)
            temperature = (velocity**2).mean()
            pressure = app.DENSITY * (temperature + np.mean(atoms["virial"]) / 3)
            made.append(Sample(tick, 1.5 * temperature + np.mean(atoms["energy"]), temperature, pressure))
    return made, velocity.sum(axis=0)


@pytest.fixture(scope="module")
def melt() -> tuple[list[Sample], np.ndarray]:
    return samples(8, ticks=3000, every=25)


def late(melt: tuple[list[Sample], np.ndarray], begin: int) -> Sample:
    return Sample(*np.array([s for s in melt[0] if s.tick >= begin]).T)


def test_the_lattice_has_the_energy_that_lammps_gives():
    # log.6Oct16.lj.fixed.icc.1: E_pair -6.7733681 at step 0, without the shift of 54 pairs of half an atom each
    made, _ = samples(4, ticks=1, every=1)
    shift = 4 * (2.5**-12 - 2.5**-6)
    assert made[0].energy == pytest.approx(1.5 * 1.44 - 6.7733681 - 27 * shift, abs=2e-4)
    assert made[0].pressure == pytest.approx(-5.0197073, abs=0.05)


@pytest.mark.slow
def test_energy_does_not_drift(melt):
    after = late(melt, 500)
    slope = np.polyfit(after.tick, after.energy, 1)[0]
    assert abs(slope * 1000 / np.mean(after.energy)) < 2e-5


def test_momentum_stays_zero(melt):
    assert np.abs(melt[1]).max() < 1e-9


def test_the_liquid_has_the_published_pressure(melt):
    after = late(melt, 1500)
    temperature = float(np.mean(after.temperature))
    assert temperature == pytest.approx(0.697, abs=0.01)
    assert np.mean(after.pressure) == pytest.approx(published_pressure(0.8442, temperature, 2.5), abs=0.07)


def test_the_equation_of_state_has_the_known_values():
    assert published_pressure(0.5, 2.0, math.inf) == pytest.approx(1.07, abs=0.01)  # Johnson et al., table 2
    assert published_pressure(0.8442, 0.722, math.inf) == pytest.approx(0.15, abs=0.05)  # near the triple point


@pytest.mark.slow
def test_the_whole_benchmark_passes_through_the_states_of_lammps():
    made, momentum = samples(20, ticks=1500, every=50)
    at = {s.tick: s for s in made}
    assert at[100].temperature == pytest.approx(0.7574531, abs=0.01)
    assert at[100].pressure == pytest.approx(0.20726105, abs=0.1)
    after = late((made, momentum), 500)
    slope = np.polyfit(after.tick, after.energy, 1)[0]
    assert abs(slope * 1000 / np.mean(after.energy)) < 2e-5
    assert np.abs(momentum).max() < 1e-8
