"""A small world with every kind of thing that a snapshot has to hold: what the tests of keeping run."""

from __future__ import annotations

from typing import Any

import weaver as wv

GRID = wv.Sites(1.0)


class Sheep(wv.Entity):
    velocity: wv.Vec2
    energy: float = 3.0
    heard: int


class Wolf(wv.Entity):
    position: wv.Vec2f
    fed: wv.int16
    tired: bool


class Stone(wv.Entity, sites=GRID):
    moves: int


class Grass(wv.Layer, resolution=2.0):
    level: float = 1.0
    trodden: wv.int32


class Cry(wv.Message):
    strength: wv.float32
    way: wv.Vec2


class Born(wv.Event):
    energy: float


class Kin(wv.Link):
    weight: float = 0.5


def village() -> wv.Simulation:
    """Births, deaths, messages that wait for ticks, a layer, links, a meeting, sites, events, samples, a parameter."""
    sim = wv.Simulation(wv.Box(24, 20, boundary=("periodic", "reflect")), seed=11, name="village")
    share = sim.parameter("share", 0.5, low=0.1, high=0.9)
    most = sim.parameter("most", 90, low=10)

    @sim.behavior(every=4, at=3)
    def listen(me: Sheep, world: wv.World):
        for cry in world.inbox(me, Cry):
            me.heard = me.heard * 3 + cry.sender % 1000
            me.energy += 0.001 * cry.strength * cry.way.x

    @sim.behavior(reach=2.0)
    def roam(me: Sheep, world: wv.World):
        for wolf in world.near(me, Wolf, radius=2.0):
            me.velocity -= 0.2 * world.offset(me, wolf)
        for other, kin in world.links(me, Kin):
            me.energy += 0.01 * kin.weight * other.energy
            world.send(other, Cry(world.random(), other.velocity))
        me.velocity = (me.velocity + 0.3 * world.unit2()).clamped(0.8)
        me.energy += share * world.at(Grass, me.position).level - 0.2
        world.deposit(Grass, me.position, level=-0.1, trodden=1)
        if me.energy > 4.0 and world.observed("flock") < most:
            me.energy *= share
            world.spawn(Sheep, energy=me.energy, velocity=-1.0 * me.velocity)
            world.emit(Born(me.energy))
        if me.energy < 0.0:
            world.remove(me)
        me.position += me.velocity

    @sim.meeting(radius=1.5, reach=1.5)
    def hunt(wolf: Wolf, sheep: Sheep, world: wv.World):
        wolf.fed += 1
        wolf.tired = not wolf.tired
        wolf.position += world.offset(wolf, sheep).clamped(1.0)
        if sheep.energy < 1.0:
            world.remove(sheep)

    @sim.behavior
    def grow(cell: Grass, world: wv.World):
        cell.level = min(cell.level + 0.05, 1.0)

    @sim.behavior(reach=1.0)
    def roll(me: Stone, world: wv.World):
        me.position += wv.Vec2(world.integer(-1, 2), world.integer(-1, 2))
        if world.moved(me):
            me.moves += 1

    sim.scatter(Sheep, 60, velocity=lambda rng: 0.5 * rng.unit2(), energy=lambda rng: rng.uniform(1.0, 4.0))
    sim.scatter(Wolf, 8)
    sim.scatter(Stone, 30)
    sim.layer(Grass, level=lambda cell: cell.uniform(0.2, 1.0))
    sim.link(Kin, list(range(40)), list(range(20, 60)), weight=0.25)
    sim.observe("flock", Sheep, "count")
    sim.observe("drift", Sheep, "velocity", "mean")
    sim.observe("spread", Sheep, "energy", "histogram", bins=(0, 5, 4))
    return sim


def told(run: Any) -> tuple[Any, ...]:
    """All that a run says of itself but the time it took; events since the last call are taken."""
    stats = run.stats()
    counts = tuple(stats[k] for k in ("tick", "entities", "births", "deaths", "lost", "sent", "read", "pending"))
    return (run.digest(), counts, run.events(Born).to_pydict(), run.observations().to_pydict(), run.parameters)
