"""Commands and ticks in any order: a strict run in several partitions is the interpreter, row for row."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

import weaver as wv
from weaver.interpreter import Interpreter
from weaver.simulation import Simulation

SIDE, MANY = 12.0, 80
GRID = wv.Sites(1.0)


class Ant(wv.Entity):
    velocity: wv.Vec2
    energy: float = 1.0
    code: int
    small: wv.int8


class Moss(wv.Entity, sites=GRID):
    energy: wv.float32 = 1.0
    code: int


class Soil(wv.Layer, resolution=1.0):
    level: float = 1.0
    mark: int


class Hit(wv.Message):
    amount: wv.float32 = 0.5
    code: int


class Crash(wv.Event):
    code: int


@cache
def colony() -> Simulation:
    """Births, messages, deposits, meetings and sites; compiled once, and never changed by a run."""
    sim = wv.Simulation(wv.Box(SIDE, SIDE, boundary=("periodic", "absorb")), seed=11, dt=0.5, strict=True)
    gain = sim.parameter("gain", 0.5, low=0, high=1)
    sim.observe("ants", Ant, "count")
    sim.observe("moss", Moss, "count")
    sim.observe("energy", Ant, "energy", "mean")
    sim.observe("soil", Soil, "level", "sum", every=2)

    @sim.behavior(reach=1.5)
    def act(me: Ant, world: wv.World):
        total = 0.0
        for hit in world.inbox(me, Hit):
            total = 0.5 * total + hit.amount
            me.code = (me.code * 31 + hit.code + hit.sender % 7) % 1000003
        for other in world.near(me, Ant, radius=1.5):
            total += other.energy / (1.0 + world.offset(me, other).length())
            if other.code % 3 == 0:
                world.send(other, Hit(total, me.code))
        me.energy = min(0.5 * me.energy + gain * total, 9.0)
        world.deposit(Soil, me.position, level=0.125 * me.energy, mark=1)
        if me.energy > 1.25 and world.observed("ants") < MANY:
            world.spawn(Ant, energy=0.5, velocity=-me.velocity, code=me.code)
            world.spawn(Moss, me.position + world.unit2(), code=me.code)
        if me.code % 11 == 10:
            world.remove(me)
            world.emit(Crash(me.code))
        me.velocity = (me.velocity + world.unit2() * 0.5).clamped(2.0)
        me.position += me.velocity * world.dt

    @sim.behavior(reach=1.5)
    def creep(me: Moss, world: wv.World):
        me.energy = 0.5 * me.energy + sum(other.energy for other in world.neighbors(me, Moss)) / 8
        if world.random() < 0.5:
            me.position += wv.Vec2(world.integer(-1, 2), world.integer(-1, 2))

    @sim.meeting(radius=1.0, by=lambda a, b: b.energy, rounds=2)
    def graze(a: Ant, b: Moss, world: wv.World):
        a.energy, b.energy = a.energy + 0.5 * b.energy, 0.5 * b.energy
        a.small += 50
        if b.energy < 0.125:
            world.remove(b)

    sim.add(Ant, position=np.arange(24).reshape(12, 2) / 2.0, code=np.arange(12))
    sim.scatter(Moss, 20)
    return sim


places = st.lists(st.tuples(st.integers(0, 23), st.integers(0, 23)), min_size=1, max_size=3, unique=True)


class Twins(RuleBasedStateMachine):
    """The same commands to both; after each, all that can be asked is the same."""

    @initialize(partitions=st.sampled_from((1, 3, 4, 9)), threads=st.sampled_from((1, 2)))
    def begin(self, partitions: int, threads: int) -> None:
        self.plain, self.run = Interpreter(colony()), colony().start(partitions=partitions, threads=threads)

    def both(self, command):
        """What both answer: ids, or the text of an error."""
        answers = []
        for side in (self.plain, self.run):
            try:
                answer = command(side)
                answers.append(None if answer is None else np.asarray(answer).tolist())
            except wv.WeaverError as error:
                answers.append(str(error))
        assert answers[0] == answers[1]

    def some(self, data: st.DataObject, kind: type | None = None) -> list[int]:
        """Ids of living entities, and now and then of others."""
        kinds = (Ant, Moss) if kind is None else (kind,)
        ids = sorted(int(i) for k in kinds for i in self.plain.rows(k)["id"])
        return data.draw(st.lists(st.sampled_from([*ids, 123_456_789]), min_size=1, max_size=3, unique=True))

    @rule(n=st.integers(1, 3))
    def step(self, n):
        self.both(lambda side: side.step(n))

    @rule(where=places, code=st.integers(0, 99))
    def add_ants(self, where, code):
        self.both(lambda side: side.add(Ant, position=np.array(where) / 2.0, code=code, velocity=(0.5, -0.25)))

    @rule(where=places)
    def add_moss(self, where):
        self.both(lambda side: side.add(Moss, position=np.array(where) / 2.0))

    @rule(data=st.data())
    def remove(self, data):
        ids = self.some(data)
        self.both(lambda side: side.remove(ids))

    @rule(data=st.data(), energy=st.sampled_from((0.0, 0.5, 4.0)))
    def update(self, data, energy):
        ids = self.some(data, Ant)
        self.both(lambda side: side.update(Ant, ids, energy=energy, small=100))

    @rule(data=st.data(), where=places)
    def move(self, data, where):
        kind = data.draw(st.sampled_from((Ant, Moss)))
        ids = self.some(data, kind)[: len(where)]
        self.both(lambda side: side.update(kind, ids, position=np.array(where[: len(ids)]) / 2.0))

    @rule(where=places, first=st.sampled_from((0, 5, 12, 700)))
    def put(self, where, first):
        ids = list(range(first, first + len(where)))
        self.both(lambda side: side.put(Ant, ids, position=np.array(where) / 2.0, code=ids))

    @rule(gain=st.sampled_from((0.0, 0.5, 1.0)))
    def set(self, gain):
        self.both(lambda side: side.set(gain=gain))

    @rule(data=st.data(), code=st.integers(0, 9))
    def send(self, data, code):
        ids = self.some(data)
        self.both(lambda side: side.send(ids, Hit(0.25, code)))

    @rule()
    def ask_events(self):
        assert self.plain.events(Crash) == self.run.events(Crash).to_pylist()

    def teardown(self) -> None:
        if hasattr(self, "run"):
            self.run.stop()

    @invariant()
    def same(self):
        """All that can be asked has one answer."""
        assert self.run.digest() == self.plain.digest()
        assert self.run.counts() == self.plain.counts()
        mine, theirs = self.plain.stats(), self.run.stats()
        assert {name: theirs[name] for name in mine} == mine
        for kind in (Ant, Moss):
            rows, table = self.plain.rows(kind), self.run.entities(kind)
            assert table["id"].to_pylist() == rows["id"].tolist()
            assert table["energy"].to_pylist() == rows["energy"].tolist()
        assert self.run.layer(Soil, "level").tolist() == self.plain.layer(Soil, "level").tolist()
        told = self.run.observations().to_pydict()
        for name, samples in self.plain.observations().items():
            assert repr([v for v in told[name] if v is not None]) == repr([v for _, v in samples]), name


Twins.TestCase.settings = settings(
    max_examples=10, stateful_step_count=10, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck)
)
TestTwins = pytest.mark.slow(Twins.TestCase)
