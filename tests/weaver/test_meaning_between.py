"""Observations, conditions, commands between ticks, tables, links and walls, claim by claim."""

import math
from fractions import Fraction

import numpy as np
import pytest

import weaver as wv
from tests.weaver.players import world_of
from weaver.interpreter import Interpreter


class Bird(wv.Entity):
    velocity: wv.Vec2
    energy: float
    mark: int
    seen: int


class Grass(wv.Layer, resolution=10.0):
    level: float


class Tell(wv.Message):
    text: int


class Knows(wv.Link):
    trust: float = 0.5


class Follows(wv.Link, directed=True):
    way: wv.Vec2


# ---- Observations ----


def test_observations_are_exact_and_sampled_after_ticks(play):
    sim = world_of()

    @sim.behavior
    def age(me: Bird, world: wv.World):
        me.mark += 1

    sim.observe("total", Bird, "energy")
    sim.observe("mean_way", Bird, "velocity", "mean")
    sim.observe("sideways", Bird, "velocity.x", "max", every=2)
    sim.observe("spread", Bird, lambda bird: bird.energy / 1e16, "var")
    sim.observe("old", Bird, "count", where=lambda bird: bird.mark > 1)
    sim.observe("bins", Bird, "mark", "histogram", bins=(0.0, 3.0, 3))
    sim.observe("grass", Grass, "level", "sum", where=lambda cell: cell.position.x < 10)
    sim.observe("none", Bird, "energy", "mean", where=lambda bird: bird.mark < 0)
    sim.layer(Grass, level=lambda cell: cell.id)
    energy = [1e16, 1.0, -1e16, 1.0]
    sim.add(
        Bird,
        position=[[k, 1] for k in range(4)],
        energy=energy,
        velocity=[[k, -k] for k in range(4)],
        mark=[0, 1, 1, 2],
    )
    player = play(sim, 0)
    assert player.step(2) == 2
    seen = player.observations()
    assert seen["total"] == [(t, 2.0) for t in range(3)]
    assert seen["mean_way"][0] == (0, [1.5, -1.5])
    assert seen["sideways"] == [(0, 3.0), (2, 3.0)]
    exact = [Fraction(e / 1e16) for e in energy]
    mean = sum(exact) / 4
    assert seen["spread"][0][1] == float(sum((e - mean) ** 2 for e in exact) / 4)
    assert seen["old"] == [(0, 1), (1, 3), (2, 4)]
    assert seen["bins"][:2] == [(0, [1, 2, 1]), (1, [0, 1, 3])]
    assert seen["grass"][0] == (0, 0.0 + 4 + 8 + 12)
    assert math.isnan(seen["none"][0][1])


def test_behaviors_read_the_latest_sample_and_until_ends_the_run(play):
    sim = world_of()

    @sim.behavior
    def burn(me: Bird, world: wv.World):
        me.energy = world.observed("fuel")
        me.velocity = world.observed("drift")
        me.mark -= 1

    sim.observe("fuel", Bird, "mark", "sum")
    sim.observe("drift", Bird, "velocity", "mean")
    sim.until("fuel <= 6 and tick > 2")
    sim.add(Bird, position=[[1, 1], [2, 2]], mark=[5, 7], velocity=[[1, 0], [2, 4]])
    player = play(sim, 0)
    assert player.step(10) == 3 and player.step(1) == 3
    assert player.of(Bird)["energy"].tolist() == [8.0, 8.0]
    assert player.of(Bird)["velocity"].tolist() == [[1.5, 2.0]] * 2


# ---- Between ticks ----


def test_commands_act_between_ticks_and_ids_are_never_used_again(play):
    sim = world_of()
    gain = sim.parameter("gain", 1.0, high=9)

    @sim.behavior
    def grow(me: Bird, world: wv.World):
        me.energy += gain
        for tell in world.inbox(me, Tell):
            me.seen = 10 * me.seen + tell.text
            me.mark = tell.sender

    @sim.between(every=2)
    def steer(run):
        if run.tick == 0:
            assert run.add(Bird, position=[[5, 5], [-1, 5]], energy=2.0).tolist() == [8, 9]
        if run.tick == 2:
            run.set(gain=2.0)
            run.remove([9])
            run.send([8, 7], Tell(text=4))
            run.send(8, Tell(text=5))
            assert run.add(Bird, position=[[6, 6]]).tolist() == [10]
            run.update(Bird, [7], energy=-4.0, position=(41.0, 3.0))
            run.put(Bird, [8, 20], energy=0.5, position=[[4, 4], [3, 3]])

    sim.add(Bird, position=[[1, 1]], id=[7])
    player = play(sim, 2)
    run = player.run
    assert player.of(Bird)["energy"].tolist() == [2.0, 4.0, 4.0]
    assert player.of(Bird)["position"][:, 0].tolist() == [1.0, 5.0, 39.0]
    player.step()
    rows = player.of(Bird)
    assert rows["id"].tolist() == [7, 8, 10, 20]
    assert rows["energy"].tolist() == [-2.0, 2.5, 2.0, 2.5]
    assert rows["position"][:, 0].tolist() == [1.0, 4.0, 6.0, 3.0]
    assert (rows["seen"].tolist(), rows["mark"].tolist()) == ([4, 45, 0, 0], [-1, -1, 0, 0])
    with pytest.raises(wv.RunError, match="id 9, which no entity has"):
        run.update(Bird, [9], energy=1.0)
    with pytest.raises(wv.RunError, match="id 7, which a Bird has already"):
        run.add(Bird, position=[[1, 1]], id=[7])


# ---- Tables, links, walls ----


def test_tables_are_read_by_index_from_either_end(play):
    sim = world_of()
    roads = sim.table("roads", {"speed": [1.5, 2.5, 3.5], "name": np.array([7, 8, 9], np.uint8)})

    @sim.behavior
    def read(me: Bird, world: wv.World):
        me.energy = roads.speed[me.mark]
        me.seen = len(roads) * 100 + roads.name[-1]

    sim.add(Bird, position=[[1, 1], [2, 2]], mark=[1, -3])
    player = play(sim)
    run = player.run
    assert player.of(Bird)["energy"].tolist() == [2.5, 1.5]
    assert player.of(Bird)["seen"].tolist() == [309, 309]
    run.update(Bird, 1, mark=3)
    with pytest.raises(wv.RunError, match="an element that does not exist was named at tick 1: Bird 1"):
        run.step()


def test_links_lead_to_others_by_id_at_any_distance_until_they_die(play):
    sim = world_of(lengths=(400, 400))

    @sim.behavior
    def look(me: Bird, world: wv.World):
        me.energy = 0.0
        me.seen = 0
        for other, link in world.links(me, Knows):
            me.seen = 10 * me.seen + other.mark
            me.energy += link.trust * other.position.x
        for other, link in world.links(me, Follows):
            me.velocity += link.way
            me.seen += 1000 * other.mark

    @sim.behavior
    def die(me: Bird, world: wv.World):
        if me.mark == 3:
            world.remove(me)

    sim.add(Bird, position=[[1, 1], [200, 1], [300, 300]], mark=[1, 2, 3], id=[5, 9, 2])
    sim.link(Knows, [5, 9], [9, 2])
    sim.link(Knows, 5, 2, trust=2.0)
    sim.link(Follows, 5, 9, way=wv.Vec2(1, 2))
    player = play(sim)
    rows = player.of(Bird)
    assert rows["id"].tolist() == [5, 9]
    assert rows["seen"].tolist() == [2032, 31]
    player.step()
    rows = player.of(Bird)
    assert rows["seen"].tolist() == [2002, 1]
    assert rows["energy"].tolist() == [100.0, 0.5]
    assert rows["velocity"].tolist() == [[2.0, 4.0], [0.0, 0.0]]


def test_a_link_to_nobody_is_an_error(play):
    sim = world_of()
    sim.add(Bird, position=[[1, 1]])
    sim.link(Knows, 0, 3)
    with pytest.raises(wv.ModelError, match="ties entity 3"):
        play(sim)


def test_walls_are_found_and_hide_what_is_behind(play):
    sim = world_of(boundary="reflect")
    sim.geometry(segments=[((10, 0), (10, 20))])

    @sim.behavior
    def look(me: Bird, world: wv.World):
        point, distance = world.wall(me.position, 5.0)
        me.velocity = point
        me.energy = distance
        me.mark = sum(1 for other in world.near(me, Bird, radius=9.0) if world.clear(me, other))

    sim.add(Bird, position=[[8, 5], [12, 5], [6, 6], [30, 30]])
    rows = play(sim).of(Bird)
    assert rows["energy"].tolist() == [2.0, 2.0, 4.0, math.inf]
    assert rows["velocity"][:, 0].tolist() == [10.0, 10.0, 10.0, 30.0]
    assert rows["mark"].tolist() == [1, 0, 1, 0]


def test_commands_leave_one_digest_in_both_modes():
    from tests.weaver.test_commands import model
    from tests.weaver.test_commands import play as command

    with model(strict=True).start(partitions=3) as run:
        assert command(Interpreter(model(strict=True))) == command(run)
