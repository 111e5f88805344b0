"""Births, deaths and becoming another, claim by claim, in both modes."""

import numpy as np
import pytest

import weaver as wv
from tests.weaver.players import world_of

BORN = 1 << 62


class Sheep(wv.Entity):
    velocity: wv.Vec2
    energy: float = 1.5
    mark: int
    small: wv.uint8 = 200


class Zombie(wv.Entity):
    velocity: wv.Vec2f
    energy: int
    timer: int = 10


def test_births_act_from_the_next_behavior_with_defaults_and_numbered_ids(play):
    sim = world_of((40, 40))

    @sim.behavior(reach=10.0)
    def breed(me: Sheep, world: wv.World):
        if me.mark < 3:
            world.spawn(Sheep, me.position + wv.Vec2(3.0, -2.0), mark=10 + me.mark)
            world.spawn(Sheep, mark=20 + me.mark, energy=0.5, small=300)
        me.energy = world.count(me, Sheep, radius=9.0)

    @sim.behavior
    def look(me: Sheep, world: wv.World):
        me.velocity = wv.Vec2(world.count(me, Sheep, radius=9.0), 0.0)

    sim.add(Sheep, position=[[1, 1], [3, 1], [25, 25]], mark=[1, 0, 5], id=[7, 3, 5])
    player = play(sim)
    state = player.of(Sheep)
    # four blocks of 10 per axis: both parents in block 0; the parent of the lesser id gives birth first
    assert state["id"].tolist() == [3, 5, 7, BORN, BORN + 1, BORN + 2, BORN + 3]
    assert state["mark"].tolist() == [0, 5, 1, 10, 20, 11, 21]
    assert state["position"][3:].tolist() == [[6.0, 39.0], [3.0, 1.0], [4.0, 39.0], [1.0, 1.0]]
    assert state["energy"].tolist() == [1.0, 0.0, 1.0, 1.5, 0.5, 1.5, 0.5]
    assert state["small"].tolist() == [200, 200, 200, 200, 44, 200, 44]
    assert state["velocity"][:, 0].tolist() == [5.0, 0.0, 5.0, 5.0, 5.0, 5.0, 5.0]
    assert player.stats()["births"] == {"Sheep": 4}
    player.step()
    assert player.of(Sheep)["id"].tolist()[7:] == [BORN + 4, BORN + 5, BORN + 6, BORN + 7]


def test_the_id_of_a_birth_names_the_block_of_the_parent_and_the_default_place_is_mine_at_the_call(play):
    sim = world_of((40, 40))

    @sim.behavior(reach=10.0)
    def breed(me: Sheep, world: wv.World):
        me.position += wv.Vec2(8.0, 0.0)
        world.spawn(Zombie)
        me.position += wv.Vec2(1.0, 0.0)

    sim.add(Sheep, position=[[15, 35], [39, 5]])
    player = play(sim)
    state = player.of(Zombie)
    assert state["id"].tolist() == [BORN | 3 << 32, BORN | 13 << 32]
    assert state["position"].tolist() == [[7.0, 5.0], [23.0, 35.0]]
    assert player.of(Sheep)["position"].tolist() == [[24.0, 35.0], [8.0, 5.0]]


def test_one_that_removes_itself_runs_on_its_births_count_its_writes_vanish(play):
    sim = world_of((40, 40))

    @sim.behavior(reach=5.0)
    def act(me: Sheep, world: wv.World):
        if me.mark:
            world.remove(me)
            world.spawn(Zombie, wv.Vec2(1, 1) + 0.0 * me.velocity)
        for other in world.near(me, Sheep, radius=5.0):
            me.energy = other.energy
        if me.mark:
            me.position += wv.Vec2(100.0, 0.0)  # not a fault: one that is gone does not move

    @sim.behavior
    def look(me: Sheep, world: wv.World):
        me.mark = world.count(me, Sheep, radius=5.0)

    sim.add(Sheep, position=[[2, 2], [3, 2]], mark=[0, 1], energy=[4.0, 9.0])
    player = play(sim)
    state = player.of(Sheep)
    assert (state["id"].tolist(), state["energy"].tolist(), state["mark"].tolist()) == ([0], [9.0], [0])
    assert len(player.of(Zombie)["id"]) == 1
    stats = player.stats()
    assert (stats["deaths"], stats["births"]) == ({"Sheep": 1, "Zombie": 0}, {"Sheep": 0, "Zombie": 1})


def test_become_keeps_id_place_and_fields_of_the_same_name(play):
    sim = world_of((40, 40), boundary="reflect")

    @sim.behavior(reach=5.0)
    def change(me: Sheep, world: wv.World):
        world.become(me, Zombie, timer=me.mark)
        me.energy += 1.25
        me.mark = 99
        me.position += wv.Vec2(-3.0, 0.5)
        me.velocity = wv.Vec2(0.1, 1.0)
        if me.energy > 5:
            world.remove(me)
        if me.energy < 0:
            world.become(me, Zombie)

    sim.add(Sheep, position=[[1, 1], [9, 9], [20, 20]], mark=[4, 5, 6], energy=[1.5, 8.0, -7.0])
    player = play(sim)
    state = player.of(Zombie)
    assert len(player.of(Sheep)["id"]) == 0
    assert state["id"].tolist() == [0, 2]
    assert state["position"].tolist() == [[2.0, 1.5], [17.0, 20.5]]
    assert state["velocity"].tolist() == [[-np.float32(0.1), 1.0], [np.float32(0.1), 1.0]]
    assert state["energy"].tolist() == [2, -5]
    assert state["timer"].tolist() == [4, 10]
    assert player.stats()["deaths"] == {"Sheep": 1, "Zombie": 0}
    assert player.stats()["births"] == {"Sheep": 0, "Zombie": 0}


@pytest.mark.parametrize(
    ("boundary", "place", "lost"),
    [("reflect", [3.0, 1.0], 0), ("clamp", [0.0, 1.0], 0), ("absorb", None, 1), ("periodic", [37.0, 1.0], 0)],
)
def test_the_boundary_is_applied_to_a_birth(play, boundary, place, lost):
    sim = world_of((40, 40), boundary=boundary)

    @sim.behavior(reach=6.0)
    def breed(me: Sheep, world: wv.World):
        world.spawn(Zombie, me.position - wv.Vec2(5.0, 0.0))
        if me.mark == 1:
            world.spawn(Zombie)

    sim.add(Sheep, position=[[2, 1]], mark=[1])
    player = play(sim)
    state = player.of(Zombie)
    assert state["position"].tolist() == [p for p in (place, [2.0, 1.0]) if p]
    assert (state["id"].tolist()[0], player.stats()["lost"]["Zombie"]) == (BORN, lost)


@pytest.mark.parametrize(
    ("boundary", "way", "text"),
    [
        (
            "periodic",
            (5.0, 0.0),
            "(?s)spawned farther than its reach, 4 per axis, at tick 0: Sheep 0 .*stands at x = 2",
        ),
        ("strict", (0.0, -3.0), "(?s)spawned outside the box, whose boundary is strict.*y = 1"),
        ("periodic", (float("nan"), 0.0), "(?s)spawned where no place is"),
    ],
)
def test_a_birth_beyond_the_reach_or_the_world_is_an_error(play, boundary, way, text):
    sim = world_of((40, 40), boundary=boundary)
    x, y = way

    @sim.behavior(reach=4.0)
    def breed(me: Sheep, world: wv.World):
        world.spawn(Zombie, me.position + wv.Vec2(x, y))

    sim.add(Sheep, position=[[2, 1], [3, 1]])
    with pytest.raises(wv.RunError, match=text):
        play(sim)


def test_only_i_end_my_own_life(play):
    sim = world_of((40, 40))

    @sim.behavior
    def kill(me: Sheep, world: wv.World):
        for other in world.near(me, Sheep, radius=4.0):
            world.remove(other)

    sim.add(Sheep, position=[[2, 1], [3, 1]])
    with pytest.raises(wv.BehaviorError, match=r"(?s)Write world\.remove\(me\).*send.*meeting"):
        play(sim)


@pytest.mark.slow
def test_a_run_of_births_and_deaths_has_one_digest_in_both_modes():
    from tests.weaver.players import Compiled, Interpreted

    sim = world_of((40, 40), boundary=("periodic", "absorb"), strict=True)

    @sim.behavior(reach=3.0)
    def live(me: Sheep | Zombie, world: wv.World):
        if world.random() < 0.3:
            world.spawn(Sheep, me.position + 2.0 * world.unit2(), mark=world.tick)
        if world.random() < 0.2:
            world.remove(me)
        if isinstance(me, Sheep):
            if world.random() < 0.2:
                world.become(me, Zombie)
        me.position += world.unit2()

    @sim.behavior
    def crowd(me: Sheep, world: wv.World):
        for other in world.near(me, Sheep | Zombie, radius=4.0):
            me.energy += 0.5 * other.position.x

    sim.scatter(Sheep, 60)
    players = [Interpreted(sim), Compiled(sim)]
    for _ in range(4):
        for player in players:
            player.step(2)
        assert players[0].digest() == players[1].digest()
    assert players[0].stats() == {k: players[1].stats()[k] for k in players[0].stats()}
    players[1].close()
