"""No kernel reads or writes beyond its arrays: numba's own checks of indices are on."""

from __future__ import annotations

from pathlib import Path

import numba
import numpy as np
import pytest

import weaver as wv
from tests.weaver.test_composed import check

RADIUS, REACH = 2.5, 2.0


class Dot(wv.Entity):
    way: wv.Vec2
    seen: int
    nearest: int = -1
    picked: int = -1


@pytest.fixture(autouse=True)
def checked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(numba.config, "BOUNDSCHECK", 1)


def looking(boundary: str) -> wv.Simulation:
    """Dots that look around places as far away as they may, in cells wider than what they see."""
    sim = wv.Simulation(wv.Box(8, 24, boundary=boundary, origin=(-8, 4)), seed=5)

    @sim.behavior(reach=REACH)
    def look(dot: Dot, world: wv.World):
        place = dot.position + dot.way
        dot.seen = world.count(dot, Dot, RADIUS, at=place)
        near = world.nearest(dot, Dot, RADIUS, at=place)
        if near:
            dot.nearest = near.id
        some = world.pick(dot, Dot, RADIUS, at=place)
        if some:
            dot.picked = some.id
        for other in world.near(dot, Dot, RADIUS, at=place):
            dot.seen += 1000 * (other.id == dot.picked)

    ways = np.array([[x, y] for x in (-REACH, 0, REACH) for y in (-REACH, 0, REACH)])
    places = np.random.default_rng(5).uniform((-8, 4), (0, 28), (90, 2))
    inside = np.clip(places, (-8 + REACH, 4 + REACH), (-REACH, 28 - REACH)) if boundary != "periodic" else places
    sim.add(Dot, position=inside, way=np.tile(ways, (10, 1)))
    return sim


@pytest.mark.parametrize("boundary", ["periodic", pytest.param("reflect", marks=pytest.mark.slow)])
@pytest.mark.parametrize("partitions", [1, 3])
def test_a_look_around_a_place_beyond_the_own_cells_stays_in_the_table(boundary: str, partitions: int) -> None:
    with looking(boundary).start(partitions=partitions) as run:
        run.step(1)
        dots = run.entities(Dot)
    position, way = (np.array(dots[name].combine_chunks().flatten()).reshape(-1, 2) for name in ("position", "way"))
    offsets = position[None] - (position + way)[:, None]
    if boundary == "periodic":
        offsets -= np.rint(offsets / (8, 24)) * (8, 24)
    near = (offsets**2).sum(axis=-1)
    np.fill_diagonal(near, np.inf)
    ids = np.array(dots["id"])
    within = near <= RADIUS**2
    picked, nearest = np.array(dots["picked"]), np.array(dots["nearest"])
    assert np.array_equal(np.array(dots["seen"]), within.sum(axis=1) + 1000 * within.any(axis=1))
    assert np.array_equal(nearest, np.where(within.any(axis=1), ids[near.argmin(axis=1)], -1))
    assert all(one in ids[mask] for mask, one in zip(within, picked, strict=True) if mask.any())


@pytest.mark.slow
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("seed", [1001, 1003, 1007, 1009, 1015, 1016])
def test_composed_programs_stay_in_their_arrays(seed: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    check(seed, seed % 4 != 3, tmp_path, monkeypatch)
