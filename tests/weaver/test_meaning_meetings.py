"""What a meeting means: who meets whom, what both see, what each keeps, and that no decomposition shows."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import weaver as wv
from partitions.cluster import Cluster
from partitions.local import Local
from tests.weaver.players import world_of
from weaver.compiler import compile
from weaver.interpreter import Interpreter
from weaver.random import key, rank, uniform


class Shorn(wv.Entity):
    pass


class Wolf(wv.Entity):
    met: int = -1
    again: int = -1
    draw: float = -1.0
    saw: wv.Vec2


class Sheep(wv.Entity):
    tough: bool = False
    met: int = -1
    again: int = -1
    draw: float = -1.0
    saw: wv.Vec2
    own: wv.Vec2


class Trader(wv.Entity):
    money: float
    met: int = -1
    led: bool = False


class Pup(wv.Entity):
    met: int = -1
    again: int = -1


class Bite(wv.Message):
    depth: float


class Grass(wv.Layer, resolution=1.0):
    food: float = 1.0
    eater: int = -1
    where: wv.Vec2


def distance(a, b):
    return (b.position - a.position).length()


def chosen(sim):
    """The field of islands: by distance in one round and in two; tough sheep are never eaten."""

    @sim.meeting(radius=2.0, by=distance, when=lambda wolf, sheep: not sheep.tough)
    def once(wolf: Wolf, sheep: Sheep, world: wv.World):
        wolf.met = sheep.id
        sheep.met = wolf.id

    @sim.meeting(radius=2.0, by=distance, when=lambda wolf, sheep: not sheep.tough, rounds=2)
    def twice(wolf: Wolf, sheep: Sheep, world: wv.World):
        wolf.again = sheep.id
        sheep.again = wolf.id


@pytest.mark.slow
def test_the_nearest_willing_pair_meets_and_later_rounds_are_for_those_left_over(play):
    sim = world_of((60, 60), "clamp")
    chosen(sim)
    wolves = [
        (5, 5), (7, 5),  # 0, 1: one sheep at 5.8
        (15, 5),  # 2: two sheep
        (25, 5), (26.5, 5),  # 3, 4: a chain 3 -1.0- 12 -0.5- 4 -0.8- 13
        (40, 5), (50, 5),  # 5: exactly at the radius; 6: just beyond
        (5, 25),  # 7: the nearer sheep is tough
    ]  # fmt: skip
    sheep = [
        (5.8, 5),  # 8
        (15.5, 5), (14, 5),  # 9, 10
        (40, 7), (26, 5), (25, 6.9), (50, 7.001),  # 11, 12, 13, 14
        (5, 25.1), (5, 26),  # 15 (tough), 16
    ]  # fmt: skip
    sim.add(Wolf, position=wolves)
    sim.add(Sheep, position=sheep, tough=[k == 7 for k in range(9)])
    player = play(sim)
    wolf, flock = player.of(Wolf), player.of(Sheep)
    assert wolf["met"].tolist() == [8, -1, 9, -1, 12, 11, -1, 16]
    assert flock["met"].tolist() == [0, 2, -1, 5, 4, -1, -1, -1, 7]
    assert wolf["again"].tolist() == [8, -1, 9, 13, 12, 11, -1, 16]
    assert flock["again"].tolist() == [0, 2, -1, 5, 4, 3, -1, -1, 7]


def test_within_one_type_a_is_the_one_of_smaller_id_and_each_meets_once(play):
    sim = world_of((40, 40))

    @sim.meeting(radius=2.0, by=distance)
    def trade(a: Trader, b: Trader, world: wv.World):
        a.met, b.met = b.id, a.id
        a.led = True
        amount = 0.5 * (a.money - b.money)
        a.money -= amount
        b.money += amount

    ring = [(10, 10), (11.0, 10), (10.5, 10.8)]  # 0-1 is 1.0 apart, 0-2 and 1-2 0.94: 2 has two best, the rank decides
    line = [(20, 20), (21, 20), (21.5, 20)]  # 4-5 are nearest, 3 is left
    seam = [(0.3, 30), (39.6, 30)]
    sim.add(Trader, position=[*ring, *line, *seam], money=[8.0, 4, 2, 0, 6, 10, 5, 7])
    got = play(sim).of(Trader)
    met = got["met"]
    best = min((0, 1), key=lambda k: int(rank(key(7, "Trader|Trader", "trade"), 0, k, 2)))
    assert met[2] == best and met[best] == 2 and met[1 - best] == -1
    assert met[3:].tolist() == [-1, 5, 4, 7, 6]
    assert got["led"].tolist() == [best == 0, best == 1, False, False, True, False, True, False]
    assert got["money"][3:].tolist() == [0, 8, 8, 6, 6]


@pytest.mark.slow
def test_both_see_a_in_the_box_and_b_at_the_image_nearest_to_it_and_both_may_move(play):
    sim = world_of((40, 40))

    @sim.meeting(radius=3.0, every=2)
    def bump(wolf: Wolf, sheep: Sheep, world: wv.World):
        wolf.saw, sheep.saw, sheep.own = sheep.position, wolf.position, sheep.position
        towards = world.offset(wolf, sheep)
        wolf.position += 0.5 * towards
        sheep.position -= 0.25 * towards

    @sim.meeting(radius=0.5, every=2, at=1)
    def shear(wolf: Wolf, sheep: Sheep, world: wv.World):
        world.become(sheep, Shorn)

    sim.add(Wolf, position=[(0.5, 10), (39.5, 20), (10, 39.5), (20, 20), (30, 30)])
    sim.add(Sheep, position=[(39.5, 10), (0.5, 20), (10, 0.5), (21, 20)])
    player = play(sim)
    wolf, sheep = player.of(Wolf), player.of(Sheep)
    seen = [[-0.5, 10], [40.5, 20], [10, 40.5], [21, 20]]
    assert wolf["saw"][:4].tolist() == seen and sheep["own"].tolist() == seen
    assert sheep["saw"].tolist() == [[0.5, 10], [39.5, 20], [10, 39.5], [20, 20]]
    assert wolf["position"].tolist() == [[0, 10], [0, 20], [10, 0], [20.5, 20], [30, 30]]
    assert sheep["position"].tolist() == [[39.75, 10], [0.25, 20], [10, 0.25], [20.75, 20]]
    player.step(1)  # the first three meet across a seam, and stay where they are
    assert player.of(Shorn)["position"].tolist() == sheep["position"].tolist()


def test_draws_are_a_s_on_both_sides_and_births_count_once(play):
    sim = world_of((40, 40), "reflect")

    def note(wolf, sheep, world):
        wolf.draw = world.random()
        sheep.draw = wolf.draw

    @sim.meeting(radius=1.0)
    def court(wolf: Wolf, sheep: Sheep, world: wv.World):
        note(wolf, sheep, world)
        sheep.met = wolf.id
        sheep.draw += world.random()
        world.spawn(Pup, sheep.position, met=sheep.id)
        if wolf.id == 1:
            world.become(sheep, Pup, again=wolf.id)
        if wolf.id == 2:
            world.remove(sheep)
        if wolf.id == 3:
            world.remove(wolf)

    n = 5
    places = np.stack([4.0 * np.arange(n) + 2, np.full(n, 20.0)], axis=1)
    sim.add(Wolf, position=places)
    sim.add(Sheep, position=places + [0.5, 0])
    player = play(sim)
    wolf, sheep, pup = player.of(Wolf), player.of(Sheep), player.of(Pup)
    first, second = ([uniform(key(7, "Wolf", "court"), k, 0, d) for k in range(n)] for d in (0, 1))
    assert wolf["id"].tolist() == [0, 1, 2, 4]
    assert wolf["draw"].tolist() == [first[k] for k in (0, 1, 2, 4)]
    assert sheep["id"].tolist() == [5, 8, 9]
    assert sheep["draw"].tolist() == [first[k] + second[k] for k in (0, 3, 4)]
    assert pup["id"][0] == 6 and pup["met"][0] == 1 and pup["again"][0] == 1
    assert sorted(pup["met"][1:].tolist()) == [5, 6, 7, 8, 9] and len(pup["id"]) == n + 1


@pytest.mark.slow
def test_a_cell_meets_one_of_those_who_stand_on_it(play):
    sim = world_of((12, 12), "clamp")

    def take(wolf, cell):
        cell.food -= 0.25
        return cell.position

    @sim.meeting(when=lambda wolf, cell: cell.food > 0.5, by=lambda wolf, cell: -wolf.draw)
    def graze(wolf: Wolf, grass: Grass, world: wv.World):
        wolf.met, grass.eater = grass.id, wolf.id
        wolf.saw, grass.where = grass.position, wolf.position
        wolf.again = grass.index[0]
        wolf.position = take(wolf, grass)

    @sim.meeting
    def land(sheep: Sheep, grass: Grass, world: wv.World):
        sheep.met = grass.id
        if grass.eater >= 0:
            world.remove(sheep)

    sim.layer(Grass, food=lambda cell: 0.5 if cell.id == 3 else 1.0)
    sim.add(Wolf, position=[(2.125, 1.0), (2.875, 1.75), (3, 0.5), (12, 12), (2.5, 2)], draw=[1.0, 2, 0, 0, 0])
    sim.add(Sheep, position=[(7.5, 7.5), (7.6, 7.6), (7.7, 7.7), (2.5, 1.5)])
    player = play(sim)
    wolf, sheep = player.of(Wolf), player.of(Sheep)
    assert wolf["met"].tolist() == [-1, 14, -1, 143, 26] and wolf["again"].tolist() == [-1, 2, -1, 11, 2]
    assert wolf["position"].tolist() == [[2.125, 1], [2.5, 1.5], [3, 0.5], [11.5, 11.5], [2.5, 2.5]]
    assert wolf["saw"][[1, 3, 4]].tolist() == [[2.5, 1.5], [11.5, 11.5], [2.5, 2.5]]
    grass = {name: player.run.layer(Grass, name) for name in ("food", "eater", "where")}
    assert {k: grass["eater"].flat[k] for k in np.flatnonzero(grass["eater"] >= 0)} == {14: 1, 26: 4, 143: 3}
    assert grass["food"].sum() == 144 - 0.5 - 3 * 0.25
    assert grass["where"].reshape(144, 2)[14].tolist() == [2.875, 1.75]
    ranks = [int(rank(key(7, "Sheep|Grass", "land"), 0, k, 7 * 12 + 7)) for k in (5, 6, 7)]
    assert sheep["id"].tolist() == [5, 6, 7]  # the fourth is gone
    assert sheep["met"].tolist() == [91 if k == np.argmin(ranks) else -1 for k in range(3)]


# ---- against a choice by brute force -----------------------------------------------------------------------------


def pairs_of(first, second, same, radius, side, rounds, by, ranks):
    """Whom each of `first` meets: ids to ids, chosen as the rules say, from positions by id."""

    def apart(a, b):
        d = second[b] - first[a]
        return d - side * np.rint(d / side)

    near = [
        (a, b)
        for a, b in itertools.product(first, second)
        if (a < b or not same) and (apart(a, b) ** 2).sum() <= radius**2
    ]
    cost = {(a, b): (by(apart(a, b)), int(ranks(a, b))) for a, b in near}
    met = {}
    for _ in range(rounds):
        free = [p for p in near if p[0] not in met and p[1] not in met]
        best = {}
        for p in free:
            for who in p:
                if who not in best or cost[p] < cost[best[who]]:
                    best[who] = p
        for p in free:
            if best[p[0]] == p == best[p[1]]:
                met[p[0]], met[p[1]] = p[1], p[0]
    return met


def crowd(places):
    """Wolves and sheep, by rank alone, and traders among themselves, by a value with many ties."""
    sim = world_of((16, 16))

    @sim.meeting(radius=2.0)
    def eat(wolf: Wolf, sheep: Sheep, world: wv.World):
        wolf.met, sheep.met = sheep.id, wolf.id

    @sim.meeting(radius=2.0, rounds=3)
    def graze(sheep: Sheep, wolf: Wolf, world: wv.World):
        wolf.again, sheep.again = sheep.id, wolf.id

    @sim.meeting(radius=1.5, rounds=2, by=lambda a, b: (b.position - a.position).x > 0)
    def trade(a: Trader, b: Trader, world: wv.World):
        a.met, b.met = b.id, a.id

    for kind, part in zip((Wolf, Sheep, Trader), np.split(places, 3), strict=True):
        sim.add(kind, position=part)
    return sim


@pytest.mark.slow
@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), partitions=st.integers(1, 9))
def test_who_meets_is_as_the_rules_say_whatever_the_partitions(seed, partitions):
    n = 60  # always, so that all runs share one compiled module
    places = np.random.default_rng(seed).integers(0, 64, (3 * n, 2)) / 4  # at the radius, on seams, on each other
    with crowd(places).start(partitions=partitions) as run:
        run.step(1)
        of = {kind: {c: run.entities(kind)[c].to_pylist() for c in ("id", "met")} for kind in (Wolf, Sheep, Trader)}
        again = run.entities(Wolf)["again"].to_pylist() + run.entities(Sheep)["again"].to_pylist()
    wolves, sheep, traders = (dict(enumerate(part, j * n)) for j, part in enumerate(np.split(places, 3)))

    def expected(name, first, second, radius, rounds, by):
        same = first is second
        names = "Trader|Trader" if same else "Wolf|Sheep" if name == "eat" else "Sheep|Wolf"
        met = pairs_of(first, second, same, radius, 16, rounds, by, lambda a, b: rank(key(7, names, name), 0, a, b))
        return [met.get(k, -1) for k in sorted({**first, **second})]

    assert of[Wolf]["met"] + of[Sheep]["met"] == expected("eat", wolves, sheep, 2.0, 1, lambda d: 0)
    assert again == expected("graze", sheep, wolves, 2.0, 3, lambda d: 0)
    assert of[Trader]["met"] == expected("trade", traders, traders, 1.5, 2, lambda d: d[0] > 0)


@pytest.mark.slow
def test_each_of_equal_candidates_is_chosen_equally_often():
    k, islands = 5, 900
    sim = wv.Simulation(wv.Box(300, 300, boundary="periodic"), seed=11)

    @sim.meeting(radius=1.0)
    def eat(wolf: Wolf, sheep: Sheep, world: wv.World):
        wolf.met, sheep.met = sheep.id, wolf.id

    @sim.meeting(radius=1.0)
    def ride(pup: Pup, wolf: Wolf, world: wv.World):
        pup.met, wolf.again = wolf.id, pup.id

    middle = np.stack(np.divmod(np.arange(islands), 30), axis=1) * 10.0 + 5
    angles = 2 * np.pi * np.arange(k) / k
    around = (middle[:, None] + 0.5 * np.stack([np.cos(angles), np.sin(angles)], axis=1)).reshape(-1, 2)
    sim.add(Wolf, position=middle)
    sim.add(Sheep, position=around)
    sim.add(Pup, position=around)
    with sim.start(partitions=3) as run:
        run.step(1)
        wolf = run.entities(Wolf)
    for name, first in (("met", islands), ("again", islands * (1 + k))):
        chosen = np.array(wolf[name].to_pylist()) - first
        assert (chosen // k == np.arange(islands)).all()
        counts = np.bincount(chosen % k, minlength=k)
        assert ((counts - islands / k) ** 2 / (islands / k)).sum() < 13.3  # 1 % of chi squared with 4 degrees


# ---- the same bits -------------------------------------------------------------------------------------------------


def hunt():
    """All at once: moves, draws, births, deaths, several rounds, meetings of all kinds."""
    sim = wv.Simulation(wv.Box(24, 24, boundary=("periodic", "absorb")), seed=5, strict=True)

    @sim.behavior
    def walk(me: Wolf | Sheep | Trader, world: wv.World):
        me.position += world.unit2() * 0.7

    @sim.behavior
    def heal(me: Sheep, world: wv.World):
        for bite in world.inbox(me, Bite):
            me.draw -= 0.1 * bite.depth

    @sim.meeting(radius=2.0, rounds=2, by=distance, when=lambda wolf, sheep: wolf.draw < 2.0 and not sheep.tough)
    def eat(wolf: Wolf, sheep: Sheep, world: wv.World):
        wolf.draw += world.random() * (sheep.draw + 2.0)
        wolf.met, sheep.met = sheep.id, wolf.id
        sheep.draw = wolf.draw / 3.0 + 0.1 * distance(wolf, sheep)
        wolf.position = sheep.position
        sheep.position += wv.Vec2(0.4, -0.3)
        world.deposit(Grass, wolf.position, food=wolf.draw / 7.0)
        world.send(sheep, Bite(depth=wolf.draw))
        if wolf.draw > 1.5:
            world.remove(sheep)
            world.spawn(Trader, money=wolf.draw)

    @sim.meeting(radius=1.5)
    def trade(a: Trader, b: Trader, world: wv.World):
        share = world.uniform(0.2, 0.8) * (a.money + b.money)
        b.money = a.money + b.money - share
        a.money = share
        a.met, b.met = b.id, a.id

    @sim.meeting(by=lambda sheep, grass: sheep.draw)
    def graze(sheep: Sheep, grass: Grass, world: wv.World):
        bite = grass.food * world.random()
        sheep.draw += bite
        grass.food -= bite
        grass.eater = sheep.id
        if bite > 0.9:
            world.spawn(Sheep, grass.position)

    sim.scatter(Wolf, 150)
    sim.scatter(Sheep, 200)
    sim.scatter(Trader, 100, money=lambda rng: rng.uniform(0, 9))
    return sim


@pytest.mark.slow
def test_partitions_and_threads_do_not_show_and_the_interpreter_agrees():
    digests = set()
    for partitions, threads in ((1, 1), (2, 2), (3, 1), (4, 1), (6, 1), (9, 2)):
        with hunt().start(partitions=partitions, threads=threads) as run:
            run.step(8)
            digests.add(run.digest())
    reference = Interpreter(hunt())
    reference.step(8)
    assert digests == {reference.digest()}


@pytest.mark.slow  # composed programs on Ray show it in general
def test_workers_do_not_show(ray_cluster):
    program = compile(hunt())
    with Local(program) as alone, Cluster(program, 2, partitions=5) as together:
        for tick in range(1, 6):
            assert alone.advance(tick) == together.advance(tick) == tick
            assert (alone.digest(), alone.deaths()) == (together.digest(), together.deaths())


class Bat(wv.Entity):
    position: wv.Vec3f
    met: int = -1
    gap: float


class Moth(wv.Entity):
    met: int = -1
    gap: float


@pytest.mark.slow
def test_both_sides_agree_in_space_and_in_either_precision(play):
    sim = wv.Simulation(wv.Box(9, 9, 9, boundary="periodic", origin=(-4.5, -4.5, -4.5)), seed=2)

    def wide(bat, moth):
        gap = moth.position - bat.position
        return math.exp(-0.3 * gap.length()) * gap.x + gap.y * gap.z / 3.0

    @sim.meeting(radius=2.0, by=wide, rounds=2)
    def catch(bat: Bat, moth: Moth, world: wv.World):
        bat.met, moth.met = moth.id, bat.id
        bat.gap = wide(bat, moth)
        moth.gap = bat.gap

    sim.scatter(Bat, 300)
    sim.scatter(Moth, 300)
    player = play(sim)
    bat, moth = player.of(Bat), player.of(Moth)
    both = {k: (m, g) for kind in (bat, moth) for k, m, g in zip(kind["id"], kind["met"], kind["gap"], strict=True)}
    met = {k: v for k, v in both.items() if v[0] >= 0}
    assert len(met) > 400
    assert all(met[other] == (k, gap) for k, (other, gap) in met.items())


# ---- errors --------------------------------------------------------------------------------------------------------


def broken(**options):
    sim = world_of()

    def body(wolf: Wolf, sheep: Sheep, world: wv.World):
        wolf.met = sheep.id

    sim.meeting(options.pop("body", body), **{"radius": 1.0, **options})
    sim.add(Wolf, position=[(1, 1)])
    sim.add(Sheep, position=[(1, 1)])
    with sim.start():
        pass


def writing(wolf, sheep):
    wolf.met = 1
    return True


def silent(wolf, sheep):
    if wolf.met > 0:
        return 1.0


def looking(wolf: Wolf, sheep: Sheep, world: wv.World):
    wolf.met = world.count(wolf, Sheep, 1.0)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"when": writing}, "written in `when` or `by`"),
        ({"by": silent}, "`by` returns nothing on some path"),
        ({"when": lambda wolf: True}, "takes 1 arguments; it takes two"),
        ({"body": looking}, "world.count is called in a meeting"),
        ({"radius": -1.0}, "a radius is a positive length"),
    ],
)
def test_what_cannot_be_is_said_with_what_to_write(options, words):
    with pytest.raises(wv.WeaverError, match=words):
        broken(**options)
