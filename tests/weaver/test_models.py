"""Models as strangers write them: what they try first runs in every mode alike, or says what to write."""

from __future__ import annotations

import enum
import functools
import math

import numpy as np
import pytest

import weaver as wv
from weaver.compiler import compile
from weaver.interpreter import Interpreter

TABLE = np.array([[0.5, 1.0], [1.5, 2.0], [2.5, 3.0]])
EXITS = [wv.Vec2(1, 2), wv.Vec2(10, 3.5)]


class Wolf(wv.Entity):
    """Has teeth."""

    teeth: int = 42
    energy: float = 1.0


class Sheep(wv.Entity):
    """Has wool."""

    LIMIT = 3
    wool: float = 2.0
    energy: wv.float32 = 0.5
    sheared: bool

    @property
    def bald(self):
        return self.sheared


class Health(enum.IntEnum):
    """States of an epidemic."""

    SUSCEPTIBLE = 0
    INFECTED = 1


def world_of(*behaviors, **options):
    sim = wv.Simulation(wv.Box(12, 12, boundary="periodic"), seed=3, strict=True, **options)
    for behavior in behaviors:
        sim.behavior(behavior)
    return sim


def flock(sim):
    sim.scatter(Wolf, 40, energy=lambda rng: rng.random())
    sim.scatter(Sheep, 90, energy=lambda rng: rng.random())
    return sim


def history(step, digest, ticks):
    digests = [digest()]
    for _ in range(ticks):
        step()
        digests.append(digest())
    return digests


def check(sim, ticks=3):
    """Interpreted, in one partition and in five: the same digest after every tick, and something happens."""
    twin = Interpreter(sim)
    want = history(twin.step, twin.digest, ticks)
    assert len(set(want)) > 1
    for partitions, threads in ((1, 1), (5, 2)):
        with sim.start(partitions=partitions, threads=threads) as run:
            assert history(run.step, run.digest, ticks) == want


# ---- Several types ----


def tooth_or_wool(other):
    if isinstance(other, Wolf):
        return other.teeth * 1.0
    return other.wool


@pytest.mark.slow
def test_isinstance_tells_which_fields_there_are():
    def act(me: Wolf | Sheep, world: wv.World):
        e = 0.0
        if isinstance(me, Wolf):
            me.teeth += 1
        else:
            me.wool *= 1.1
        for other in world.near(me, Sheep | Wolf, radius=1.5):
            if not isinstance(other, Wolf):
                continue
            e += other.teeth
        for other in world.near(me, Sheep | Wolf, radius=1.0):
            e += tooth_or_wool(other) + (other.wool if isinstance(other, Sheep) else 0.0)
        best = world.nearest(me, Sheep | Wolf, radius=1.0)
        if isinstance(best, Wolf) and best.teeth > 40:
            e += best.teeth
        elif isinstance(best, Sheep):
            e += best.wool
        me.energy = e
        me.position += wv.Vec2(0.1, 0)

    check(flock(world_of(act)))


@pytest.mark.slow
def test_nobody_is_of_no_type():
    def act(me: Sheep, world: wv.World):
        found = world.nearest(me, Wolf | Sheep, radius=0.3)
        if isinstance(found, Wolf):
            me.wool += 100
        me.energy += 1.0 if isinstance(found, (Wolf, Sheep)) else 2.0
        best = None
        for other in world.near(me, Wolf | Sheep, radius=0.5):
            best = other
        me.sheared = isinstance(best, Wolf)

    check(flock(world_of(act)), ticks=1)


# ---- Names ----


@pytest.mark.slow
def test_fields_and_types_may_be_called_like_anything_of_the_kernel():
    class A(wv.Entity):
        b_c: float
        ids: int
        start: int
        dead: bool
        position_x: float
        edges: wv.Vec2

    class A_b(wv.Entity):
        c: float

    class Vec2(wv.Entity):
        n: int

    def one(me: A, world: wv.World):
        me.b_c += 1
        me.ids += 2
        me.start += world.count(me, A_b, 2.0)
        me.dead = not me.dead
        me.position_x = me.position.x
        me.edges += wv.Vec2(1, 2)
        for other in world.near(me, A_b, radius=2):
            me.b_c += other.c

    def two(me: A_b, world: wv.World):
        me.c += 3
        for other in world.near(me, A, radius=2.0):
            me.c += other.b_c + other.ids + other.start + other.position_x + other.edges.x
        for other in world.near(me, Vec2, radius=2.0, at=me.position + wv.Vec2(1, 0)):
            me.c += other.n
        me.position += wv.Vec2(0.1, 0)

    def three(me: Vec2, world: wv.World):
        me.n += world.count(me, Vec2 | A, radius=1.0)

    sim = world_of(one, two, three)
    for kind in (A, A_b, Vec2):
        sim.scatter(kind, 40)
    check(sim)


# ---- Values ----


def sign(x):
    if x > 0:
        return 1.0
    elif x < 0:
        return -1.0
    else:
        return 0.0


def collatz(n):
    turns = 0
    while True:
        if n == 1:
            return turns
        n = n // 2 if n % 2 == 0 else 3 * n + 1
        turns += 1


def test_tables_powers_and_helpers_that_return_on_every_path():
    def act(me: Wolf, world: wv.World):
        k = me.id % 3
        me.energy = TABLE[k, 1] + TABLE[k][0] + TABLE[-1, k - 2] + len(TABLE)
        goal = EXITS[0]
        for exit in EXITS:
            if (exit - me.position).length2() < (goal - me.position).length2():
                goal = exit
        r = me.energy + 0.25
        me.energy += r**-6 + 10.0**-2 + (1.5 / r) ** -3 + sign(r - 5) + EXITS[k % 2].x
        me.energy **= -1
        me.teeth = collatz(k + 7)
        me.position += (goal - me.position).clamped(0.2)

    sim = world_of(act)
    sim.scatter(Wolf, 40, energy=lambda rng: TABLE[rng.integer(0, 3), 0])
    check(sim)


def text_of(outcome):
    with pytest.raises(wv.RunError) as caught:
        outcome()
    return str(caught.value)


def test_an_index_beyond_a_table_names_the_entity_in_every_mode():
    def act(me: Wolf, world: wv.World):
        if world.tick == 1 and me.id >= 20:
            me.energy = EXITS[me.teeth].x

    sim = world_of(act)
    sim.scatter(Wolf, 40)
    twin = Interpreter(sim)
    twin.step()
    texts = {text_of(twin.step)}
    for partitions in (1, 4):
        with sim.start(partitions=partitions) as run:
            run.step()
            texts.add(text_of(run.step))
    assert len(texts) == 1
    assert "an element that does not exist was named at tick 1: Wolf 20 (behavior 'act')" in texts.pop()


def test_a_drawn_index_beyond_a_table_is_an_error():
    sim = world_of()
    sim.scatter(Wolf, 40, energy=lambda rng: TABLE[rng.integer(3, 9), 0])
    assert text_of(lambda: Interpreter(sim)) == text_of(sim.start)


def test_numbers_of_numpy_and_parameters_serve_as_settings():
    sim = wv.Simulation(wv.Box(5, 5), seed=np.int64(3), dt=np.float32(0.5))
    assert (sim.seed, sim.dt) == (3, 0.5)
    assert type(sim.seed) is int
    heat = sim.parameter("heat", 0.25)
    sim.scatter(Wolf, sim.parameter("wolves", 20), energy=heat)
    with sim.start() as run:
        assert set(run.entities(Wolf)["energy"].to_pylist()) == {0.25}
        assert run.counts()["Wolf"] == 20
        with pytest.raises(wv.ModelError, match="heat is fixed"):
            run.set(heat=1.0)


# ---- A whole model ----


def test_an_epidemic_is_the_same_in_every_mode_and_loses_nobody():
    class Person(wv.Entity):
        health: Health
        days: wv.int16
        infected_by: int = -1

    sim = wv.Simulation(wv.Box(20, 20), seed=11, dt=0.5, strict=True)
    beta = sim.parameter("beta", 0.6, low=0.0, high=1.0)
    contact = sim.parameter("contact", 1.5, low=0.1, high=2.0)

    @sim.behavior
    def infect(me: Person, world: wv.World):
        if me.health != Health.SUSCEPTIBLE:
            me.days += 1
            return
        for other in world.near(me, Person, radius=contact):
            if other.health == Health.INFECTED and world.random() < beta * world.dt:
                me.health = Health.INFECTED
                me.infected_by = other.id
                break

    @sim.behavior(reach=1.0)
    def walk(me: Person, world: wv.World):
        me.position += world.unit2() * world.dt

    sim.scatter(Person, 200, health=lambda rng: Health.INFECTED if rng.random() < 0.1 else Health.SUSCEPTIBLE)
    check(sim, ticks=6)
    done = sim.run(6, partitions=4)
    people = done.entities(Person)
    assert people.num_rows == 200
    assert sum(people["infected_by"].to_numpy() >= 0) > 10


# ---- What is refused ----


@functools.lru_cache
def cached(x):
    return x


class Tame(Wolf):
    """A type with a method."""

    def grow(self):
        self.teeth += 1


def assigned_within(me: Sheep, world: wv.World):
    if (n := world.count(me, Sheep, radius=2.0)) > 2:
        me.energy = n


def one_of_several(me: Sheep, world: wv.World):
    me.sheared = me.wool in (1, 2)


def clipped(me: Sheep, world: wv.World):
    me.energy = np.clip(me.energy, 0, 1)


def drawn_elsewhere(me: Sheep, world: wv.World):
    me.energy = np.random.rand()


def listed(me: Sheep, world: wv.World):
    for other in sorted(world.near(me, Sheep, radius=2.0), key=lambda o: o.energy):
        me.energy = other.energy


def read_at_once(me: Sheep, world: wv.World):
    me.energy = world.nearest(me, Wolf, radius=2.0).energy


def constant_of_the_class(me: Sheep, world: wv.World):
    me.energy = me.LIMIT


def property_of_the_class(me: Sheep, world: wv.World):
    me.energy = me.bald


def method(me: Tame, world: wv.World):
    me.grow()


def wrapped(me: Sheep, world: wv.World):
    me.energy = cached(me.energy)


def tuple_for_a_vector(me: Sheep, world: wv.World):
    me.position = me.position + (1, 2)


def vector_as_a_condition(me: Sheep, world: wv.World):
    if me.position:
        me.energy = 1


def unpacked_vector(me: Sheep, world: wv.World):
    x, y = me.position
    me.energy = x + y


def indexed_vector(me: Sheep, world: wv.World):
    me.energy = me.position[0]


def sum_of_vectors(me: Sheep, world: wv.World):
    me.position = sum(o.position for o in world.near(me, Sheep, radius=2.0))


def number_or_vector(me: Sheep, world: wv.World):
    x = 0
    if me.energy > 1:
        x = me.position
    me.position = x


def int_to_a_negative_power(me: Wolf, world: wv.World):
    k = me.teeth + 1
    me.energy = k**-2


REFUSED = [
    (assigned_within, r"(?s)`:=` cannot be used.*n = world\.count\(me, Sheep, radius=2\.0\)"),
    (one_of_several, r"Write me\.wool == 1 or me\.wool == 2\."),
    (clipped, r"(?s)np\.clip\(\.\.\.\) cannot be called.*min\(max\(x, low\), high\)"),
    (drawn_elsewhere, r"(?s)np\.random\.rand\(\.\.\.\) cannot be called.*world\.random\(\)"),
    (listed, r"(?s)sorted\(\.\.\.\) cannot be called.*world\.nearest"),
    (read_at_once, r"(?s)read at once.*if best:` and best\.energy"),
    (constant_of_the_class, r"(?s)'LIMIT' is no field of Sheep.*Write Sheep\.LIMIT\."),
    (property_of_the_class, r"(?s)'bald' is no field of Sheep.*call bald\(me\)"),
    (method, r"(?s)me\.grow\(\.\.\.\) cannot be called.*Write Tame\.grow\(me\)\."),
    (wrapped, r"cached\(\.\.\.\) cannot be called in a behavior"),
    (tuple_for_a_vector, r"(?s)`\+` is not defined for a Vec2 and a tuple.*Write wv\.Vec2\(x, y\)"),
    (vector_as_a_condition, r"(?s)neither true nor false.*v\.length\(\) > 0"),
    (unpacked_vector, r"Write x, y = v\.x, v\.y\."),
    (indexed_vector, r"Write v\.x, v\.y or v\.z\."),
    (sum_of_vectors, r"wv\.Vec2\(\)\) to add vectors"),
    (number_or_vector, r"'x' is a number on one path and a Vec2 on another"),
    (int_to_a_negative_power, r"An int to a negative power has no int value"),
]


@pytest.mark.parametrize(("behavior", "text"), REFUSED, ids=[b.__name__ for b, _ in REFUSED])
def test_what_is_refused_comes_with_what_to_write(behavior, text):
    with pytest.raises(wv.BehaviorError, match=text) as caught:
        compile(world_of(behavior))
    assert caught.value.path == __file__


def a_plain_function(me: Wolf, world: wv.World):
    me.energy = 1


async def asynchronous(me: Wolf, world: wv.World):
    me.energy = 1


def by_keyword(me: Wolf, *, world: wv.World):
    me.energy = 1


@pytest.mark.parametrize(
    ("declare", "text"),
    [
        (lambda sim: sim.scatter(int, 5), "a subclass of wv.Entity"),
        (lambda sim: sim.add(str, position=[(1, 2)]), "a subclass of wv.Entity"),
        (lambda sim: sim.scatter(Wolf, math.nan), "a count is a number from 0 on"),
        (lambda sim: sim.scatter(Wolf, "10"), "a count is a number from 0 on"),
        (lambda sim: sim.scatter(Wolf, 3, energy=[1.0, 2.0, 3.0]), "use sim.add, which takes arrays"),
        (lambda sim: sim.behavior(functools.partial(a_plain_function)), "a function written with def"),
        (lambda sim: sim.behavior(asynchronous), "a function written with def"),
        (lambda sim: sim.behavior(by_keyword), "by position"),
    ],
)
def test_declarations_that_cannot_work_are_refused_at_once(declare, text):
    with pytest.raises(wv.ModelError, match=text):
        declare(world_of())
