"""Meetings and sites, claim by claim: who meets whom, who gets a site."""

import math

import numpy as np
import pytest

import weaver as wv
from tests.weaver.players import world_of
from weaver.random import key, rank

GRID = wv.Sites(1.0)
HONEY = wv.Sites(1.0, "hex")


class Wolf(wv.Entity):
    energy: float
    met: int = -1
    mark: int


class Sheep(wv.Entity):
    energy: float
    met: int = -1


class Grass(wv.Layer, resolution=4.0):
    level: float = 1.0
    met: int = -1


class Chip(wv.Entity, sites=GRID):
    mark: int
    seen: int
    energy: float


class Ant(wv.Entity, sites=GRID):
    mark: int
    seen: int
    go: wv.Vec2


class Bee(wv.Entity, sites=HONEY):
    seen: int


# ---- Meetings ----


def hunting(by=None, when=None, rounds=1, **options):
    sim = world_of(**options)

    @sim.meeting(radius=3.0, by=by, when=when, rounds=rounds)
    def eat(wolf: Wolf, sheep: Sheep, world: wv.World):
        wolf.met, sheep.met = sheep.id, wolf.id
        wolf.energy += (sheep.position - wolf.position).x
        sheep.energy = world.random()

    return sim


def by_distance(wolf, sheep):
    return (sheep.position - wolf.position).length2()


def test_the_nearest_meet_each_other_and_the_rest_in_further_rounds(interpret):
    for rounds, met in ((1, [4, -1]), (2, [4, 3])):
        sim = hunting(by=by_distance, rounds=rounds)
        sim.add(Wolf, position=[[1, 1], [1.75, 1]])
        sim.add(Sheep, position=[[39.5, 1], [3.25, 1], [0.5, 1]])
        state = interpret(sim).of(Wolf)
        assert state["met"].tolist() == met
        assert state["energy"][0] == -0.5 and state["energy"][1] == (0.0 if rounds == 1 else 1.5)


def test_one_round_leaves_those_whose_choice_chose_another(interpret):
    sim = hunting(by=by_distance, when=lambda wolf, sheep: wolf.mark != sheep.id)
    sim.add(Wolf, position=[[1, 1], [3, 1], [20, 20]], mark=[0, 0, 5])
    sim.add(Sheep, position=[[2, 1], [5.5, 1], [20, 21]])
    player = interpret(sim)
    state = player.of(Sheep)
    # wolves 0 and 1 are as near to sheep 3: a hash decides, and sheep 4 is alone if wolf 1 lost
    first, second = (rank(key(7, "Wolf|Sheep", "eat"), 0, wolf, 3) for wolf in (0, 1))
    winner = 0 if first < second else 1
    assert state["met"].tolist() == [winner, -1, -1]
    assert player.of(Wolf)["met"].tolist() == [3 if k == winner else -1 for k in range(3)]


def test_in_a_meeting_of_one_type_a_is_the_one_of_smaller_id_and_both_are_written(interpret):
    sim = world_of()

    @sim.meeting(radius=2.0)
    def greet(a: Wolf, b: Wolf, world: wv.World):
        a.met, b.met = b.id, a.id
        a.mark, b.mark = 1, 2
        if b.energy > 0:
            world.remove(b)
            world.spawn(Sheep, b.position)

    sim.add(Wolf, position=[[39, 1], [0.5, 1], [20, 20], [30, 30], [30, 31]], energy=[0, 0, 0, 0, 1])
    player = interpret(sim)
    state = player.of(Wolf)
    assert (state["met"].tolist(), state["mark"].tolist()) == ([1, 0, -1, 4], [1, 2, 0, 1])
    assert player.of(Sheep)["position"].tolist() == [[30.0, 31.0]]
    assert player.stats()["deaths"] == {"Wolf": 1, "Sheep": 0}


def test_at_most_one_meets_the_cell_that_it_stands_on(interpret):
    sim = world_of()

    @sim.meeting(when=lambda wolf, grass: grass.level > 0)
    def graze(wolf: Wolf, grass: Grass, world: wv.World):
        wolf.energy += grass.level
        grass.level = 0.0
        wolf.met, grass.met = grass.id, wolf.id

    sim.layer(Grass, level=2.0)
    sim.add(Wolf, position=[[1, 1], [2, 1], [9, 5]])
    player = interpret(sim)
    ranks = [rank(key(7, "Wolf|Grass", "graze"), 0, wolf, 0) for wolf in (0, 1)]
    winner = int(ranks[1] < ranks[0])
    state = player.of(Wolf)
    assert state["energy"].tolist() == [2.0 * (winner == 0), 2.0 * (winner == 1), 2.0]
    assert state["met"][2] == 12
    assert player.layer(Grass, "met")[0, 0] == winner and player.layer(Grass, "level").sum() == 98 * 2.0
    player.step()
    assert player.of(Wolf)["energy"].tolist() == state["energy"].tolist()


def test_each_of_several_equal_candidates_is_chosen_about_equally(interpret):
    sim = world_of()

    @sim.meeting(radius=1.5)
    def meet(wolf: Wolf, sheep: Sheep, world: wv.World):
        wolf.mark = int(sheep.energy)

    places = np.array([[2 + 4 * (k % 10), 2 + 4 * (k // 10)] for k in range(100)])
    sim.add(Wolf, position=places)
    for k in range(3):
        sim.add(Sheep, position=places + [0, 1], energy=float(k + 1))
    marks = interpret(sim).of(Wolf)["mark"].tolist()
    counts = [marks.count(k + 1) for k in range(3)]
    assert sum(counts) == 100
    assert sum((c - 100 / 3) ** 2 / (100 / 3) for c in counts) < 9.2  # chi-square, 2 degrees, 0.01


# ---- Sites ----


def lawn(boundary="periodic", n=5, **options):
    return wv.Simulation(wv.Box(n, n, boundary=boundary), seed=7, **options)


def test_an_entity_stands_in_the_middle_of_its_site_and_the_sites_are_exclusive(interpret):
    sim = lawn()

    @sim.behavior(reach=2.0)
    def walk(me: Ant, world: wv.World):
        me.seen += world.moved(me)
        me.position += me.go

    # 0 and 1 want the free site (2, 2); 2 wants that of 0, which was not free; 3 stays on its own; 4 meets a chip
    sim.add(
        Ant,
        position=[[1.2, 2], [3.9, 2.1], [1, 3], [0, 0], [4, 4]],
        go=[[1, 0.2], [-1.0, 0], [0.4, -0.9], [0.4, -0.4], [-1, 0]],
    )
    sim.add(Chip, position=[[3.5, 4.5]])
    player = interpret(sim)
    stream = key(7, "Ant", "walk")
    winner = min((0, 1), key=lambda id: rank(stream, 0, 2 + 5 * 2, id))
    places = [[1.5, 2.5], [3.5, 2.5], [1.5, 3.5], [0.5, 0.5], [4.5, 4.5]]
    places[winner] = [2.5, 2.5]
    assert player.of(Ant)["position"].tolist() == places
    player.step()
    assert player.of(Ant)["seen"][:2].tolist() == [winner == 0, winner == 1]


def test_free_sites_and_neighbours_are_seen_row_by_row(interpret):
    sim = lawn()

    @sim.behavior(reach=3.0)
    def look(me: Chip, world: wv.World):
        for place in world.free_sites(me, 1.0):
            me.seen = 100 * me.seen + int(10 * (place.x + 1)) // 10 * 10 + int(place.y + 1)
        for ant in world.neighbors(me, Ant, 4):
            me.mark = 10 * me.mark + ant.mark
        me.energy = 10 * sum(1 for ant in world.neighbors(me, Ant)) + world.free(me.position + wv.Vec2(3.0, 0.0))

    sim.add(Chip, position=[[0.5, 0.5]])
    sim.add(Ant, position=[[1, 0], [0, 4], [4, 4], [2, 2]], mark=[1, 2, 3, 4])
    state = interpret(sim).of(Chip)
    assert state["seen"].tolist() == [(0 * 10 + 1) * 100 + 12]  # left over the seam, then above
    assert (state["mark"].tolist(), state["energy"].tolist()) == ([21], [31.0])


def test_a_hexagonal_site_has_six_neighbours(interpret):
    sim = wv.Simulation(wv.Box(4, 4 * math.sqrt(3) / 2, boundary="periodic"), seed=7)

    @sim.behavior
    def look(me: Bee, world: wv.World):
        me.seen = sum(1 for _other in world.neighbors(me, Bee))

    sim.scatter(Bee, 16)
    state = interpret(sim).of(Bee)
    assert len({tuple(p) for p in state["position"].tolist()}) == 16
    assert state["seen"].tolist() == [6] * 16


def test_births_need_a_free_site_and_the_losers_are_counted(interpret):
    sim = lawn(boundary="clamp")

    @sim.behavior(reach=3.0)
    def breed(me: Ant, world: wv.World):
        world.spawn(Chip, me.position + wv.Vec2(0.3, 1.2))
        world.spawn(Chip, me.position + wv.Vec2(0.0, 1.0))
        world.spawn(Chip)

    sim.add(Ant, position=[[1, 1], [3, 4]])
    player = interpret(sim)
    state = player.of(Chip)
    stream = key(7, "Chip", "breed")
    ids = [(1 << 62) + k for k in range(6)]
    winner = min(ids[:2], key=lambda id: rank(stream, 0, 11, id))
    assert (state["id"].tolist(), state["position"].tolist()) == ([winner], [[1.5, 2.5]])
    assert player.stats()["lost"] == {"Ant": 0, "Chip": 5} and player.stats()["births"]["Chip"] == 1


def test_jumps_go_to_free_sites_of_the_whole_world_and_none_is_doubled(interpret):
    sim = lawn(n=6)

    @sim.behavior
    def jump(me: Ant, world: wv.World):
        before = me.position
        world.jump_to_free(me)
        me.seen = me.position == before

    sim.scatter(Ant, 30)
    player = interpret(sim, 0)
    before = {tuple(p) for p in player.of(Ant)["position"].tolist()}
    player.step()
    after = player.of(Ant)
    places = [tuple(p) for p in after["position"].tolist()]
    assert len(before) == len(set(places)) == 30
    assert len(set(places) - before) >= 4 and after["seen"].tolist() == [1] * 30


@pytest.mark.parametrize("how", ["add", "scatter"])
def test_two_on_one_site_at_the_start_are_an_error(interpret, how):
    sim = lawn()
    if how == "add":
        sim.add(Ant, position=[[1.1, 1], [1.9, 1.2]])
    else:
        sim.scatter(Ant, 26)
    with pytest.raises(wv.ModelError, match=r"(?s)on the site.*there is room for one|26 entities.*25 are allowed"):
        interpret(sim)
