"""All words at once: a world of births, deaths, messages, meetings, layers and links leaves one digest in both modes."""

import pytest

import weaver as wv
from tests.weaver.players import Compiled, Interpreted


class Wolf(wv.Entity):
    velocity: wv.Vec2
    energy: float = 6.0
    heard: int
    memory: wv.Array[wv.float32, 3]


class Sheep(wv.Entity):
    position: wv.Vec2f
    energy: float = 3.0
    heard: int
    fear: wv.float32


class Grass(wv.Layer, resolution=2.0):
    level: float = 1.0
    trodden: wv.int32


class Howl(wv.Message):
    strength: wv.float32
    way: wv.Vec2


class Eaten(wv.Event):
    energy: float
    where: wv.Vec2


class Kin(wv.Link):
    weight: float = 0.5


def model():
    sim = wv.Simulation(wv.Box(24, 16, boundary=("periodic", "absorb")), seed=11, strict=True)
    sim.geometry(segments=[((8, 2), (8, 9))], discs=[(16, 8, 2)])
    share = sim.parameter("share", 0.25, low=0, high=0.5)

    @sim.behavior(every=2)
    def listen(me: Wolf | Sheep, world: wv.World):
        for howl in world.inbox(me, Howl, order="random"):
            me.energy += 0.01 * howl.strength * howl.way.x
            me.heard = 3 * me.heard + howl.sender
            if howl.strength > 0.9:
                break

    @sim.behavior(reach=3.0)
    def roam(me: Wolf, world: wv.World):
        step = 0.7 * world.unit2()
        _point, distance = world.wall(me.position + step, 1.0)
        if distance < 0.5 or not world.clear(me, me.position + step):
            step = -0.5 * step
        me.velocity = step
        k = world.integer(0, 3)
        me.memory[k] += world.at(Grass, me.position + step).level
        me.energy -= 0.1 + 0.001 * me.memory[-1]
        for other in world.near(me, Wolf | Sheep, radius=2.5):
            if other.energy > me.energy:
                world.send(other, Howl(world.random(), other.position - me.position))
                world.send(me, Howl(strength=0.95))
        for other, kin in world.links(me, Kin):
            me.energy += 0.01 * kin.weight * other.energy
            world.send(other.id, Howl(0.5, wv.Vec2(world.tick, 1.0)))
        world.deposit(Grass, me.position + step, level=-0.01 * me.energy, trodden=1)
        if me.energy > 7.0:
            world.spawn(Wolf, me.position - step, energy=0.5 * me.energy, velocity=step)
            me.energy *= 0.5
        if me.energy < 0.0:
            world.remove(me)
        me.position += step

    @sim.behavior(reach=2.0)
    def graze(me: Sheep, world: wv.World):
        cell = world.at(Grass, me.position)
        bite = min(share, max(cell.level, 0.0))
        me.energy += bite - 0.05
        me.fear = sum((wolf.energy for wolf in world.near(me, Wolf, radius=3.0)), 0.0)
        world.deposit(Grass, me.position, level=-bite)
        if me.energy > 4.0:
            world.spawn(Sheep, me.position + 0.5 * world.unit2())
            me.energy -= 2.0
        if world.random() < 0.02:
            world.become(me, Wolf, energy=me.energy + 1.0)
        me.position += 0.4 * world.unit2() + 0.1 * world.gradient(Grass, me.position, "level")

    @sim.meeting(radius=1.5, when=lambda wolf, sheep: sheep.energy < 4.5, by=lambda wolf, sheep: sheep.fear, rounds=2)
    def eat(wolf: Wolf, sheep: Sheep, world: wv.World):
        wolf.energy += 0.5 * sheep.energy * world.random()
        wolf.position += 0.5 * (sheep.position - wolf.position)
        world.emit(Eaten(sheep.energy, sheep.position))
        if sheep.energy < 3.5:
            world.remove(sheep)
        else:
            sheep.energy -= 1.0

    @sim.meeting(when=lambda sheep, grass: grass.level > 0.5)
    def rest(sheep: Sheep, grass: Grass, world: wv.World):
        sheep.energy += 0.1 * grass.level
        grass.level -= 0.1

    @sim.behavior
    def grow(cell: Grass, world: wv.World):
        crowd = world.count(cell, Sheep, radius=2.0)
        cell.level += 0.05 * world.random() - 0.01 * crowd
        for other in world.beside(cell):
            cell.trodden += other.trodden // 8
        if cell.level > 1.3 and world.random() < 0.05:
            world.spawn(Sheep, cell.position, energy=2.0)

    sim.diffuse(Grass, "level", 0.5, decay=0.01)
    sim.layer(Grass, level=lambda cell: cell.random())
    sim.scatter(Wolf, 15, velocity=lambda rng: rng.unit2())
    sim.scatter(Sheep, 45, energy=lambda rng: rng.uniform(2.0, 4.0))
    sim.link(Kin, [0, 1, 2, 3, 40, 41], [1, 2, 9, 30, 12, 5])
    return sim


@pytest.mark.slow
def test_a_world_of_all_words_leaves_one_digest_in_both_modes():
    players = [Interpreted(model()), Compiled(model())]
    told = [[], []]
    for tick in range(8):
        for player, events in zip(players, told, strict=True):
            if tick == 4:
                player.set(share=0.4)
                player.run.add(Sheep, position=[[3.0, 3.0], [23.9, 8.0]], energy=[2.0, 4.2])
                player.run.remove([2])
            player.step()
            events += player.events(Eaten)
        assert players[0].digest() == players[1].digest(), tick
    stats = players[0].stats()
    assert stats == {name: players[1].stats()[name] for name in stats}
    assert told[0] == told[1] and told[0]
    assert all(stats["births"][name] and stats["deaths"][name] for name in ("Wolf", "Sheep")) and stats["read"]["Howl"]
    players[1].close()
