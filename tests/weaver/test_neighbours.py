"""Neighbours against brute force: exact membership, both sides of every pair, one step of flocking, cells by type."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import weaver as wv
from partitions.local import Local
from weaver.compiler import compile


class Flyer(wv.Entity):
    velocity: wv.Vec2
    n: int
    who: int


class Flyer3(wv.Entity):
    velocity: wv.Vec3
    n: int
    who: int


def flocking(dim: int, boundary: str) -> tuple[wv.Simulation, type[wv.Entity]]:
    """The flocking of the README in 2 or 3 dimensions, each bird also noting whom it saw (order-free)."""
    lengths = (24.0, 20.0) if dim == 2 else (12.0, 9.0, 10.0)
    sim = wv.Simulation(wv.Box(*lengths, boundary=boundary), seed=7)
    radius = 2.5

    if dim == 2:

        @sim.behavior
        def flock(bird: Flyer, world: wv.World):
            n, who, heading, centre, apart = 0, 0, wv.Vec2(), wv.Vec2(), wv.Vec2()
            for other in world.near(bird, Flyer, radius=radius):
                offset = other.position - bird.position
                n += 1
                who += other.id * other.id * 31 + other.id
                heading += other.velocity
                centre += offset
                if offset.length() < 1.0:
                    apart -= offset
            bird.n, bird.who = n, who
            if n:
                bird.velocity += (0.03 * centre + 0.015 * apart + 0.05 * heading) / n
            bird.velocity = bird.velocity.normalized()
            bird.position += bird.velocity * 0.3

        sim.scatter(Flyer, 400, velocity=lambda rng: rng.unit2())
        return sim, Flyer

    @sim.behavior
    def flock3(bird: Flyer3, world: wv.World):
        n, who, heading, centre, apart = 0, 0, wv.Vec3(), wv.Vec3(), wv.Vec3()
        for other in world.near(bird, Flyer3, radius=radius):
            offset = other.position - bird.position
            n += 1
            who += other.id * other.id * 31 + other.id
            heading += other.velocity
            centre += offset
            if offset.length() < 1.0:
                apart -= offset
        bird.n, bird.who = n, who
        if n:
            bird.velocity += (0.03 * centre + 0.015 * apart + 0.05 * heading) / n
        bird.velocity = bird.velocity.normalized()
        bird.position += bird.velocity * 0.3

    sim.scatter(Flyer3, 400, velocity=lambda rng: rng.unit3())
    return sim, Flyer3


def step_by_numpy(sim: wv.Simulation, x: Any, v: Any) -> tuple[Any, Any, Any, Any]:
    """One tick by brute force: counts, sums of ids, velocities, positions before the boundary."""
    lengths = np.array(sim.box.lengths)
    d = x[None, :, :] - x[:, None, :]
    if sim.box.boundaries[0] == "periodic":
        d -= lengths * np.rint(d / lengths)
    squares = d[..., 0] * d[..., 0] + d[..., 1] * d[..., 1]
    if x.shape[1] == 3:
        squares = squares + d[..., 2] * d[..., 2]
    near = (squares <= 2.5 * 2.5) & ~np.eye(len(x), dtype=bool)
    ids = np.arange(len(x))
    n, who = near.sum(1), (near * (ids * ids * 31 + ids)[None, :]).sum(1)
    centre, heading = (near[..., None] * d).sum(1), (near[..., None] * v[None]).sum(1)
    apart = -((near & (squares < 1.0))[..., None] * d).sum(1)
    push = (0.03 * centre + 0.015 * apart + 0.05 * heading) / np.maximum(n, 1)[:, None]
    new = v + np.where(n[:, None] > 0, push, 0.0)
    new = new / np.linalg.norm(new, axis=1, keepdims=True)
    return n, who, new, x + 0.3 * new


@pytest.mark.parametrize(
    ("dim", "boundary"),
    [
        (2, "periodic"),
        (3, "reflect"),
        pytest.param(2, "reflect", marks=pytest.mark.slow),
        pytest.param(3, "periodic", marks=pytest.mark.slow),
    ],
)
def test_flocking_equals_brute_force_at_each_of_50_ticks(dim: int, boundary: str) -> None:
    sim, kind = flocking(dim, boundary)
    lengths = np.array(sim.box.lengths)
    with sim.start(partitions=3) as run:
        for _ in range(50):
            before = run.entities(kind)
            x, v = (np.array(before[name].to_pylist()) for name in ("position", "velocity"))
            run.step()
            after = run.entities(kind)
            n, who, velocity, position = step_by_numpy(sim, x, v)
            np.testing.assert_array_equal(after["n"].to_numpy(), n)
            np.testing.assert_array_equal(after["who"].to_numpy(), who)
            got = np.array(after["velocity"].to_pylist())
            moved = np.array(after["position"].to_pylist())
            if boundary == "periodic":
                position = position - lengths * np.floor(position / lengths)
                gap = np.abs(moved - position)
                gap = np.minimum(gap, np.abs(gap - lengths))
            else:
                out = (position < 0) | (position > lengths)
                velocity = np.where(out, -velocity, velocity)
                position = np.where(position < 0, -position, position)
                position = np.where(position > lengths, 2 * lengths - position, position)
                gap = np.abs(moved - position)
            assert np.abs(got - velocity).max() < 1e-12
            assert gap.max() < 1e-12


class Dot(wv.Entity):
    n: int
    sum_of_ids: int


@pytest.mark.parametrize("partitions", [1, 4, 9])
def test_every_pair_is_seen_from_both_sides_also_at_exactly_the_radius(partitions: int) -> None:
    sim = wv.Simulation(wv.Box(12.0, 9.0, boundary="periodic"))
    radius = 1.5

    @sim.behavior
    def look(me: Dot, world: wv.World):
        me.n = 0
        me.sum_of_ids = 0
        for other in world.near(me, Dot, radius=radius):
            me.n += 1
            me.sum_of_ids += other.id * other.id + 1

    lattice = np.stack(np.meshgrid(np.arange(0, 12, 0.5), np.arange(0, 9, 0.5)), -1).reshape(-1, 2)
    rng = np.random.default_rng(0)
    x = np.concatenate([lattice, rng.uniform(0, [12, 9], (300, 2)), lattice[:40]])
    sim.add(Dot, position=x)
    with sim.start(partitions=partitions) as run:
        run.step()
        table = run.entities(Dot)
    x = np.array(table["position"].to_pylist())
    d = x[None] - x[:, None]
    d -= np.array([12.0, 9.0]) * np.rint(d / [12.0, 9.0])
    near = ((d[..., 0] * d[..., 0] + d[..., 1] * d[..., 1]) <= radius * radius) & ~np.eye(len(x), dtype=bool)
    np.testing.assert_array_equal(near, near.T)
    ids = np.arange(len(x))
    np.testing.assert_array_equal(table["n"].to_numpy(), near.sum(1))
    np.testing.assert_array_equal(table["sum_of_ids"].to_numpy(), (near * (ids * ids + 1)[None]).sum(1))


class Car(wv.Entity):
    seen: int


class Walker(wv.Entity):
    seen: int
    cars: int


def town(cars_look: bool) -> wv.Simulation:
    """Walkers look for walkers within 2, and everyone for cars within 100."""
    sim = wv.Simulation(wv.Box(1000.0, 800.0, boundary="periodic"), seed=2)

    @sim.behavior
    def crowd(me: Walker, world: wv.World):
        me.seen = world.count(me, Walker, radius=2.0)

    if cars_look:

        @sim.behavior
        def drive(me: Car, world: wv.World):
            me.seen = world.count(me, Car, radius=100.0)

        @sim.behavior
        def beware(me: Walker, world: wv.World):
            me.cars = world.count(me, Car, radius=100.0)

    sim.scatter(Walker, 20_000)
    sim.scatter(Car, 200)
    return sim


def candidates(runtime: Local, type: int, look: int) -> int:
    """Rows of the type that all searches around its own entities within `look` cells go over."""
    total = 0
    for part in runtime._worker.parts:
        table = part.tables[type]
        _, ex, ey, _, rx, ry, _, ox, oy = (int(g) for g in table.geometry[:9])
        counts = np.diff(table.start.astype(np.int64)).reshape(ey, ex)
        for y in range(ry, ry + oy):
            for x in range(rx, rx + ox):
                around = counts[y - look : y + look + 1, x - look : x + look + 1]
                total += int(counts[y, x] * around.sum())
    return total


@pytest.mark.slow
def test_a_short_look_beside_a_long_one_scans_its_own_cells_only() -> None:
    alone, beside = compile(town(False)), compile(town(True))
    with Local(alone) as a, Local(beside) as b:
        a.advance(1)
        b.advance(1)
        names = [c.name for c in beside.types[0].columns]
        seen = names.index("seen")
        np.testing.assert_array_equal(a.rows(0)[1][seen], b.rows(0)[1][seen])
        ids, columns = b.rows(0)
        x = np.stack(columns[:2], 1)
        cars = np.stack(b.rows(1)[1][:2], 1)
        d = x[:50, None] - cars[None]
        d -= np.array([1000.0, 800.0]) * np.rint(d / [1000.0, 800.0])
        np.testing.assert_array_equal(columns[names.index("cars")][:50], ((d**2).sum(-1) <= 100.0**2).sum(1))
        n = len(ids)
        expected = n * n * 9 * 2.0 * 2.0 / (1000.0 * 800.0)  # nine cells of the radius's width, uniform density
        assert candidates(b, 0, 1) < 1.5 * (expected + n)
        assert beside.grid.cells[0].rim == (1, 1)
