"""Worlds with layers have one digest: in both modes, whatever the partitions, threads and workers."""

from __future__ import annotations

import math

import numpy as np
import pytest

import weaver as wv
from weaver.interpreter import Interpreter

SPLITS = ((1, 1), (3, 2), (9, 1))
"""(partitions, threads)."""


class Grass(wv.Layer, resolution=0.5):
    level: float
    mark: int
    flow: wv.Vec2
    heat: wv.float32
    few: wv.Array[wv.int16, 2]


class Water(wv.Layer, resolution=1.0):
    depth: float


class Map(wv.Layer, resolution=1.0, everywhere=True):
    level: float
    flow: wv.Vec2


class Bug(wv.Entity):
    seen: float
    up: wv.Vec2
    cell: int
    place: wv.Vec2
    sum: float


def same_in_all(make, ticks, splits=SPLITS):
    """Compare the interpreter with every split, tick by tick."""
    player = Interpreter(make())
    wanted = []
    for _ in range(ticks):
        player.step()
        wanted.append(player.digest())
    assert len(set(wanted)) == ticks
    for partitions, threads in splits:
        with make().start(partitions=partitions, threads=threads) as run:
            assert run.partitions == partitions
            for tick, digest in enumerate(wanted):
                run.step()
                assert run.digest() == digest, (partitions, threads, tick)


def fields(boundary):
    """Cells and entities that read and write everything that can be read and written, in a plane."""
    sim = wv.Simulation(wv.Box(12, 8, boundary=boundary, origin=(-3, 1)), seed=3, dt=0.1, strict=True)
    sim.layer(Grass, level=lambda c: math.sin(c.position.x) + c.index[1] * 0.1 + c.random(), few=np.arange(2))
    sim.layer(Grass, heat=lambda c: c.uniform(0.0, 2.0))
    sim.layer(Water, depth=np.arange(96.0).reshape(8, 12))
    sim.scatter(Bug, 150)

    @sim.behavior(reach=1.2)
    def look(bug: Bug, world: wv.World):
        place = bug.position + wv.Vec2(1.1, -0.7)
        cell = world.at(Grass, place)
        bug.seen = cell.level + world.at(Water, bug.position).depth + cell.few[1]
        bug.up = world.gradient(Grass, place, "level")
        bug.cell = cell.id * 1000 + cell.index[0] * 100 + cell.index[1]
        bug.place = cell.position
        for other in world.beside(cell):
            bug.sum = bug.sum * 0.5 + other.level
            if other.level > 2.5:
                break
        else:
            bug.sum += 1000.0

    @sim.behavior
    def grow(cell: Grass, world: wv.World):
        cell.mark = world.count(cell, Bug, radius=1.0)
        best = world.nearest(cell, Bug, radius=1.5)
        if best:
            cell.flow = world.offset(cell.position, best)
        cell.level += 0.1 * world.at(Water, cell.position).depth
        cell.few[0] += int(100 * cell.level)
        found = world.at(Grass, cell.position + wv.Vec2(0.4, 0.0))
        for other in world.around(cell):
            cell.level += 0.01 * (other.level - cell.level) + world.offset(cell, other).x
            if other.level > found.level:
                found = other
        cell.flow += found.position

    sim.diffuse(Grass, "heat", 0.5, decay=0.1)
    sim.diffuse(Water, "depth", 0.7)

    @sim.behavior
    def move(bug: Bug, world: wv.World):
        bug.position += wv.Vec2(0.3, 0.2)

    return sim


@pytest.mark.parametrize("boundary", ["periodic", pytest.param(("reflect", "absorb"), marks=pytest.mark.slow)])
def test_cells_read_and_written(boundary):
    same_in_all(lambda: fields(boundary), 3)


def gifts(boundary):
    """Births of cells, deposits, and a layer that is everywhere."""
    sim = wv.Simulation(wv.Box(12, 8, boundary=boundary), seed=3, dt=0.1, strict=True)
    sim.layer(Map, level=lambda c: c.random(), flow=lambda c: wv.Vec2(c.index[0], c.index[1]))
    sim.scatter(Bug, 100)

    @sim.behavior
    def look(bug: Bug, world: wv.World):
        place = wv.Vec2(11.5, 7.2) - bug.position
        cell = world.at(Map, place)
        bug.seen = cell.level
        bug.place = world.offset(bug, cell.position) + cell.flow
        bug.up = world.gradient(Map, place, "level")
        bug.cell = cell.id * 1000 + cell.index[0] * 100 + cell.index[1]
        for other in world.around(cell):
            bug.seen = bug.seen * 0.9 + other.level
            if other.level > 0.9:
                break

    @sim.behavior(reach=1.0)
    def drop(bug: Bug, world: wv.World):
        place = bug.position + wv.Vec2(world.uniform(-0.9, 0.9), world.uniform(-0.9, 0.9))
        world.deposit(Grass, place, level=world.random(), heat=0.1)
        world.deposit(Map, bug.position, level=1e-3 * bug.seen)
        if bug.id % 3 == 0:
            world.deposit(Grass, place, level=1e16 * (bug.id % 2 * 2 - 1), mark=2, flow=wv.Vec2(1.0, 2.0))

    @sim.behavior
    def sprout(cell: Grass, world: wv.World):
        cell.level *= 0.9
        if cell.mark > 3:
            for other in world.around(cell):
                world.deposit(Grass, other.position, mark=1)
                world.spawn(Bug, seen=1.0)
            cell.mark = 0
        cell.heat += world.at(Map, cell.position + wv.Vec2(3, 3)).level

    @sim.behavior
    def move(bug: Bug, world: wv.World):
        bug.position += wv.Vec2(0.3, 0.2)
        if bug.seen > 3:
            world.remove(bug)

    return sim


@pytest.mark.slow
def test_deposits_births_of_cells_and_whole_copies():
    same_in_all(lambda: gifts(("absorb", "periodic")), 4)


class Air(wv.Layer, resolution=1.0):
    warm: float
    wind: wv.Vec3f
    seen: int


def room():
    """Three axes."""
    sim = wv.Simulation(wv.Box(6, 5, 4, boundary=("periodic", "clamp", "periodic")), seed=5, dt=0.2, strict=True)
    sim.layer(Air, warm=lambda c: c.normal() + c.index[2])
    sim.scatter(Bug3, 60)
    sim.diffuse(Air, "warm", 0.5, decay=0.01)

    @sim.behavior
    def blow(cell: Air, world: wv.World):
        for other in world.around(cell):
            cell.seen = 31 * cell.seen + other.id
        for other in world.beside(cell):
            cell.wind += wv.Vec3f(0.1 * (other.warm - cell.warm) * world.offset(cell, other))
            cell.seen = 29 * cell.seen + other.index[2]

    @sim.behavior
    def drift(bug: Bug3, world: wv.World):
        up = world.gradient(Air, bug.position, "warm")
        bug.seen += world.at(Air, bug.position + 0.3 * up.clamped(1.0)).wind.z
        world.deposit(Air, bug.position, warm=0.01, wind=0.1 * up)
        bug.position += 0.2 * up.clamped(1.0)

    return sim


class Bug3(wv.Entity):
    seen: float


@pytest.mark.slow
def test_three_axes():
    same_in_all(room, 3, ((1, 1), (6, 2)))


@pytest.mark.slow  # composed programs on Ray show it in general
def test_two_workers_on_ray(ray_cluster):
    with gifts(("absorb", "periodic")).start() as run:
        run.step(4)
        wanted, level = run.digest(), run.layer(Map, "level")
    with gifts(("absorb", "periodic")).start(workers=2, partitions=4) as run:
        run.step(4)
        assert run.digest() == wanted
        assert (run.layer(Map, "level") == level).all()


def test_three_partitions_give_to_one_cell_in_the_order_of_ids():
    sim = wv.Simulation(wv.Box(12, 12, boundary="clamp"), seed=1)

    @sim.behavior(reach=3.0)
    def give(bug: Bug, world: wv.World):
        world.deposit(Water, wv.Vec2(3.0, 3.0), depth=bug.seen)

    sim.add(Bug, position=[[3.5, 3.5], [2.5, 3.5], [3.5, 2.5]], seen=[1e16, 1.0, -1e16], id=[7, 8, 9])
    for partitions in (1, 16):
        with sim.start(partitions=partitions) as run:
            run.step()
            assert run.partitions == partitions
            assert run.layer(Water)[3, 3] == (1e16 + 1.0) - 1e16 == 0.0
            assert run.layer(Water).sum() == 0.0
