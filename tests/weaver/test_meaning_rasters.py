"""Layers, claim by claim: cells and their surroundings, places, deposits, diffusion, initial values."""

import math

import numpy as np
import pytest

import weaver as wv
from weaver.random import key, uniform


class Grass(wv.Layer, resolution=2.0):
    level: float
    seen: int
    kind: wv.uint8
    flow: wv.Vec2f


class Scent(wv.Layer, resolution=1.0):
    level: float
    thin: wv.float32


class Cow(wv.Entity):
    mark: int
    seen: int
    energy: float
    way: wv.Vec2


def meadow(boundary=("periodic", "reflect"), **options):
    return wv.Simulation(wv.Box(8, 6, boundary=boundary), seed=7, **options)


LEVELS = np.arange(12.0).reshape(3, 4)


def test_cells_have_place_index_id_and_values_row_zero_is_low(play):
    sim = wv.Simulation(wv.Box(8, 6, boundary="periodic", origin=(-4, 10)), seed=7)

    @sim.behavior
    def look(cell: Grass, world: wv.World):
        cell.flow = cell.position
        cell.seen = 100 * cell.id + 10 * cell.index[0] + cell.index[1]
        cell.kind = cell.kind + 250

    sim.layer(Grass, level=LEVELS, kind=7)
    player = play(sim)
    assert player.layer(Grass, "level").tolist() == LEVELS.tolist()
    assert player.layer(Grass, "flow")[2].tolist() == [[-3.0, 15.0], [-1.0, 15.0], [1.0, 15.0], [3.0, 15.0]]
    assert player.layer(Grass, "seen").tolist() == [[0, 110, 220, 330], [401, 511, 621, 731], [802, 912, 1022, 1132]]
    assert player.layer(Grass, "kind").dtype == np.uint8 and player.layer(Grass, "kind")[0, 0] == 1


def test_around_and_beside_go_row_by_row_over_seams_and_not_over_edges(play):
    sim = meadow()

    @sim.behavior
    def look(cell: Grass, world: wv.World):
        for other in world.around(cell):
            cell.seen = 12 * cell.seen + other.id
        for other in world.beside(cell):
            cell.level = 12 * cell.level + other.id
            cell.flow = wv.Vec2f(other.position)
        cell.kind = sum(1 for other in world.around(cell) if other.level > 4.5)

    sim.layer(Grass, level=LEVELS)
    player = play(sim)

    def packed(ids):
        total = 0
        for id in ids:
            total = 12 * total + id
        return total

    seen, level = player.layer(Grass, "seen"), player.layer(Grass, "level")
    assert seen[0, 0] == packed([3, 1, 7, 4, 5])
    assert seen[1, 3] == packed([2, 3, 0, 6, 4, 10, 11, 8])
    assert level[0, 0] == 12.0 * packed([3, 1]) + 4 and level[2, 1] == packed([9, 5, 8, 10])
    assert player.layer(Grass, "flow")[0].tolist() == [[1.0, 3.0], [3.0, 3.0], [5.0, 3.0], [7.0, 3.0]]
    assert player.layer(Grass, "kind")[0].tolist() == [2, 2, 3, 2]


@pytest.mark.slow
def test_cells_see_entities_near_their_centre_and_others_as_they_were(play):
    sim = meadow()

    @sim.behavior
    def look(cell: Grass, world: wv.World):
        cell.seen = world.count(cell, Cow, radius=1.0)
        for cow in world.near(cell, Cow, radius=2.0):
            cell.level = cow.position.x
        cell.kind = 9
        for other in world.beside(cell):
            if other.kind == 9:
                cell.seen = -1

    sim.add(Cow, position=[[7.5, 1], [2, 1], [0, 3]])
    player = play(sim)
    assert player.layer(Grass, "seen").tolist() == [[1, 1, 0, 1], [1, 0, 0, 1], [0, 0, 0, 0]]
    assert player.layer(Grass, "level")[0, 0] == 2.0 and player.layer(Grass, "level")[0, 3] == 7.5


@pytest.mark.slow
def test_at_takes_the_place_that_is_passed_after_the_boundary(play):
    sim = meadow()

    @sim.behavior(reach=5.0)
    def look(me: Cow, world: wv.World):
        me.seen = world.at(Grass, me.position).id
        cell = world.at(Grass, me.position + me.way)
        me.mark = cell.id
        me.energy = sum(other.level for other in world.around(cell))
        me.position += wv.Vec2(0.0, 0.5)
        me.way = world.at(Grass, me.position).position - cell.position

    sim.layer(Grass, level=LEVELS)
    sim.add(Cow, position=[[7, 1], [2, 5.5], [0, 0]], way=[[2, 0], [0, 3], [-0.1, -0.1]])
    state = play(sim).of(Cow)
    assert state["seen"].tolist() == [3, 9, 0]
    assert state["mark"].tolist() == [0, 5, 3]
    assert state["energy"].tolist() == [20.0, 40.0, 19.0]
    assert state["way"].tolist() == [[-2.0, 0.0], [0.0, 2.0], [2.0, 0.0]]


@pytest.mark.parametrize(
    ("boundary", "way", "text"),
    [
        ("periodic", (3.5, 0.0), "(?s)looked around beyond the reach at tick 0: Cow 0"),
        ("periodic", (float("nan"), 0.0), "(?s)looked around beyond the reach"),
        ("strict", (0.0, -1.5), "(?s)left a strict boundary at tick 0: Cow 0"),
    ],
)
def test_at_beyond_the_reach_or_a_strict_edge_is_an_error(play, boundary, way, text):
    sim = meadow(boundary)

    @sim.behavior(reach=3.0)
    def look(me: Cow, world: wv.World):
        me.mark = world.at(Grass, me.position + me.way).id

    sim.add(Cow, position=[[1, 1]], way=[way])
    with pytest.raises(wv.RunError, match=text):
        play(sim)


def test_gradients_are_central_and_one_sided_at_an_edge(play):
    sim = meadow()

    @sim.behavior
    def look(me: Cow, world: wv.World):
        me.way = world.gradient(Grass, me.position, "level")

    sim.layer(Grass, level=lambda cell: cell.position.x * cell.position.x + 3.0 * cell.position.y)
    sim.add(Cow, position=[[3, 1], [1, 3], [7, 5]])
    assert play(sim).of(Cow)["way"].tolist() == [[6.0, 3.0], [-10.0, 3.0], [-6.0, 3.0]]


def test_initial_values_are_constants_arrays_and_functions_with_random_words(play):
    sim = meadow()
    high = np.arange(48).reshape(6, 8) * 0.1
    sim.layer(Scent, level=lambda cell: cell.random() + cell.index[1], thin=high)
    sim.layer(Grass, flow=np.ones((3, 4, 2)), level=2)
    sim.layer(Grass, level=lambda cell: -cell.id)
    player = play(sim, 0)
    stream = key(7, "Scent", "layer.level")
    wanted = [[uniform(stream, 8 * j + i, 0, 0) + j for i in range(8)] for j in range(6)]
    assert player.layer(Scent, "level").tolist() == wanted
    assert player.layer(Scent, "thin").tolist() == high.astype(np.float32).tolist()
    assert player.layer(Grass, "flow").shape == (3, 4, 2)
    assert player.layer(Grass, "level")[2].tolist() == [-8.0, -9.0, -10.0, -11.0]


def test_diffusion_is_the_five_point_scheme_and_decays(play):
    sim = meadow(dt=0.5)
    rate = sim.parameter("rate", 0.25, low=0, high=0.4)
    sim.diffuse(Scent, "level", rate, decay=0.1)
    sim.diffuse(Scent, "thin", 0.5, every=2, at=1)
    start = np.random.default_rng(1).random((6, 8))
    sim.layer(Scent, level=start, thin=start)
    player = play(sim)
    player.set(rate=0.4)
    player.step()

    def spread(f, c, d):
        s = np.zeros_like(f)
        s[1:] += f[:-1] - f[1:]
        s += np.roll(f, 1, 1) - f
        s += np.roll(f, -1, 1) - f
        s[:-1] += f[1:] - f[:-1]
        return (f + c * s) * d

    wanted = spread(spread(start, 0.125, math.exp(-0.05)), 0.2, math.exp(-0.05))
    assert player.layer(Scent, "level").tolist() == wanted.tolist()
    thin = spread(start.astype(np.float32).astype(float), 0.25, 1.0).astype(np.float32)
    assert player.layer(Scent, "thin").tolist() == thin.tolist()


@pytest.mark.slow
def test_deposits_add_up_strictly_in_the_order_of_depositors(play):
    sim = meadow(("periodic", "absorb"))

    @sim.behavior(reach=3.0)
    def give(me: Cow, world: wv.World):
        world.deposit(Grass, me.position, level=me.energy, seen=me.mark)
        if me.mark == 3:
            world.deposit(Grass, me.position - wv.Vec2(1.5, 0.0), flow=me.way, kind=me.mark)
            world.deposit(Grass, me.position - wv.Vec2(0.0, 1.5), level=5.0)  # outside: nowhere

    sim.layer(Grass, level=0.5, kind=254)
    sim.add(
        Cow,
        position=[[1, 1]] * 3 + [[3, 3]],
        energy=[1e16, 1.0, -1e16, 0.1],
        mark=[1, 2, 3, 4],
        way=wv.Vec2(1, 2),
        id=[4, 5, 6, 2],
    )
    player = play(sim)
    assert player.layer(Grass, "level")[:2, :2].tolist() == [[((0.5 + 1e16) + 1.0) - 1e16, 0.5], [0.5, 0.5 + 0.1]]
    assert player.layer(Grass, "seen")[:2, :2].tolist() == [[6, 0], [0, 4]]
    assert player.layer(Grass, "flow")[0].tolist() == [[0.0, 0.0]] * 3 + [[1.0, 2.0]]
    assert player.layer(Grass, "kind")[0].tolist() == [254, 254, 254, 1]


@pytest.mark.slow
def test_a_run_on_layers_has_one_digest_in_both_modes():
    from tests.weaver.players import Compiled, Interpreted

    sim = meadow(strict=True)
    sim.layer(Grass, level=lambda cell: cell.random())
    sim.diffuse(Grass, "level", 0.5)

    @sim.behavior(reach=4.0)
    def graze(me: Cow, world: wv.World):
        cell = world.at(Grass, me.position)
        if cell.level > 0.3:
            me.energy += cell.level * cell.id
        me.position += 0.5 * world.unit2() + 0.1 * world.gradient(Grass, me.position, "level")

    @sim.behavior
    def grow(cell: Grass, world: wv.World):
        cell.level += 0.1 * world.random() - 0.05 * world.count(cell, Cow, radius=2.0)
        for other in world.around(cell):
            cell.flow += 0.01 * wv.Vec2f(other.level, other.flow.x)

    sim.scatter(Cow, 30)
    players = [Interpreted(sim), Compiled(sim)]
    for _ in range(3):
        for player in players:
            player.step(3)
        assert players[0].digest() == players[1].digest()
    players[1].close()
