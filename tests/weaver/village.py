"""A small world with a row of every kind that a snapshot can hold: what the tests of hostile files forge."""

from __future__ import annotations

from typing import Any

import weaver as wv

GRID = wv.Sites(1.0)


class Sheep(wv.Entity):
    energy: float = 3.0
    heard: int
    tired: bool


class Stone(wv.Entity, sites=GRID):
    position: wv.Vec2f


class Grass(wv.Layer, resolution=2.0):
    level: float = 1.0


class Cry(wv.Message):
    strength: wv.float32


class Born(wv.Event):
    energy: float


def village() -> wv.Simulation:
    """Births, deaths, letters that wait for ticks, events, a layer, sites, samples and a parameter."""
    sim = wv.Simulation(wv.Box(24, 20, boundary=("periodic", "reflect")), seed=11, name="village")
    share = sim.parameter("share", 0.5, low=0.1, high=0.9)

    @sim.behavior(every=4, at=3)
    def listen(me: Sheep, world: wv.World):
        for cry in world.inbox(me, Cry):
            me.heard = me.heard * 3 + cry.sender % 1000
            me.energy += 0.001 * cry.strength

    @sim.behavior(reach=2.0)
    def roam(me: Sheep, world: wv.World):
        me.energy += share * world.at(Grass, me.position).level - 0.3
        me.tired = me.energy < 3.0
        world.send(me, Cry(world.random()))
        if me.energy > 4.0 and world.observed("flock") < 90:
            me.energy *= share
            world.spawn(Sheep, energy=me.energy)
            world.emit(Born(me.energy))
        if me.energy < 0.5:
            world.remove(me)
        me.position += wv.Vec2(world.uniform(-1.0, 1.0), world.uniform(-1.0, 1.0))

    @sim.behavior(reach=1.0)
    def roll(me: Stone, world: wv.World):
        me.position += wv.Vec2(world.integer(-1, 2), world.integer(-1, 2))

    sim.scatter(Sheep, 60, energy=lambda rng: rng.uniform(1.0, 4.0))
    sim.scatter(Stone, 30)
    sim.layer(Grass, level=lambda cell: cell.uniform(0.2, 1.0))
    sim.observe("flock", Sheep, "count")
    sim.observe("centre", Sheep, "position", "mean")
    return sim


def told(run: Any) -> tuple[Any, ...]:
    """All that a run says of itself but the time it took; events since the last call are taken."""
    stats = run.stats()
    counts = tuple(stats[k] for k in ("tick", "entities", "births", "deaths", "lost", "sent", "read", "pending"))
    return (run.digest(), counts, run.events(Born).to_pydict(), run.observations().to_pydict(), run.parameters)
