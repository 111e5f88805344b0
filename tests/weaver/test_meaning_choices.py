"""Meetings, choice by choice: who meets whom."""

import numpy as np
import pytest

import weaver as wv
from tests.weaver.players import world_of
from weaver.random import key, rank


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


@pytest.mark.slow
def test_the_nearest_meet_each_other_and_the_rest_in_further_rounds(play):
    for rounds, met in ((1, [4, -1]), (2, [4, 3])):
        sim = hunting(by=by_distance, rounds=rounds)
        sim.add(Wolf, position=[[1, 1], [1.75, 1]])
        sim.add(Sheep, position=[[39.5, 1], [3.25, 1], [0.5, 1]])
        state = play(sim).of(Wolf)
        assert state["met"].tolist() == met
        assert state["energy"][0] == -0.5 and state["energy"][1] == (0.0 if rounds == 1 else 1.5)


def test_one_round_leaves_those_whose_choice_chose_another(play):
    sim = hunting(by=by_distance, when=lambda wolf, sheep: wolf.mark != sheep.id)
    sim.add(Wolf, position=[[1, 1], [3, 1], [20, 20]], mark=[0, 0, 5])
    sim.add(Sheep, position=[[2, 1], [5.5, 1], [20, 21]])
    player = play(sim)
    state = player.of(Sheep)
    # wolves 0 and 1 are as near to sheep 3: a hash decides, and sheep 4 is alone if wolf 1 lost
    first, second = (rank(key(7, "Wolf|Sheep", "eat"), 0, wolf, 3) for wolf in (0, 1))
    winner = 0 if first < second else 1
    assert state["met"].tolist() == [winner, -1, -1]
    assert player.of(Wolf)["met"].tolist() == [3 if k == winner else -1 for k in range(3)]


def test_in_a_meeting_of_one_type_a_is_the_one_of_smaller_id_and_both_are_written(play):
    sim = world_of()

    @sim.meeting(radius=2.0)
    def greet(a: Wolf, b: Wolf, world: wv.World):
        a.met, b.met = b.id, a.id
        a.mark, b.mark = 1, 2
        if b.energy > 0:
            world.remove(b)
            world.spawn(Sheep, b.position)

    sim.add(Wolf, position=[[39, 1], [0.5, 1], [20, 20], [30, 30], [30, 31]], energy=[0, 0, 0, 0, 1])
    player = play(sim)
    state = player.of(Wolf)
    assert (state["met"].tolist(), state["mark"].tolist()) == ([1, 0, -1, 4], [1, 2, 0, 1])
    assert player.of(Sheep)["position"].tolist() == [[30.0, 31.0]]
    assert player.stats()["deaths"] == {"Wolf": 1, "Sheep": 0}


def test_at_most_one_meets_the_cell_that_it_stands_on(play):
    sim = world_of()

    @sim.meeting(when=lambda wolf, grass: grass.level > 0)
    def graze(wolf: Wolf, grass: Grass, world: wv.World):
        wolf.energy += grass.level
        grass.level = 0.0
        wolf.met, grass.met = grass.id, wolf.id

    sim.layer(Grass, level=2.0)
    sim.add(Wolf, position=[[1, 1], [2, 1], [9, 5]])
    player = play(sim)
    ranks = [rank(key(7, "Wolf|Grass", "graze"), 0, wolf, 0) for wolf in (0, 1)]
    winner = int(ranks[1] < ranks[0])
    state = player.of(Wolf)
    assert state["energy"].tolist() == [2.0 * (winner == 0), 2.0 * (winner == 1), 2.0]
    assert state["met"][2] == 12
    assert player.layer(Grass, "met")[0, 0] == winner and player.layer(Grass, "level").sum() == 98 * 2.0
    player.step()
    assert player.of(Wolf)["energy"].tolist() == state["energy"].tolist()


def test_each_of_several_equal_candidates_is_chosen_about_equally(play):
    sim = world_of()

    @sim.meeting(radius=1.5)
    def meet(wolf: Wolf, sheep: Sheep, world: wv.World):
        wolf.mark = int(sheep.energy)

    places = np.array([[2 + 4 * (k % 10), 2 + 4 * (k // 10)] for k in range(100)])
    sim.add(Wolf, position=places)
    for k in range(3):
        sim.add(Sheep, position=places + [0, 1], energy=float(k + 1))
    marks = play(sim).of(Wolf)["mark"].tolist()
    counts = [marks.count(k + 1) for k in range(3)]
    assert sum(counts) == 100
    assert sum((c - 100 / 3) ** 2 / (100 / 3) for c in counts) < 9.2  # chi-square, 2 degrees, 0.01
