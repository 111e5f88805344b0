"""Buffers grow by themselves: ten entities become millions, with the bits of a run that had the room from the start."""

from __future__ import annotations

import pytest

import weaver as wv
from partitions import records
from partitions.local import Local
from partitions.program import Program
from weaver.compiler import compile


class Germ(wv.Entity):
    mother: int = -1
    heard: int
    near: int


class Call(wv.Message):
    near: int


def culture() -> wv.Simulation:
    """Everyone divides in every tick until there are `most`; some die; everyone tells its mother."""
    sim = wv.Simulation(wv.Box(60, 60, boundary=("periodic", "clamp")), seed=4)
    most = sim.parameter("most", 20_000, low=0)
    sim.observe("germs", Germ, "count")

    @sim.behavior(reach=4.0)
    def divide(me: Germ, world: wv.World):
        me.near = world.count(me, Germ, radius=0.125)
        if world.observed("germs") < most:
            world.spawn(Germ, me.position + world.unit2() * world.uniform(0, 3), mother=me.id)
        if me.mother >= 0:
            world.send(me.mother, Call(me.near))
        if world.random() < 0.01:
            world.remove(me)
        me.position += world.unit2()

    @sim.behavior
    def hear(me: Germ, world: wv.World):
        for call in world.inbox(me, Call):
            me.heard += call.near

    sim.add(Germ, position=[(30 + k / 8, 30) for k in range(10)])
    return sim


def outcome(program: Program, ticks: int, partitions: int, room: int = 0) -> tuple[list[str], int]:
    """Digest after each tick, and how many there are; with room for that many from the start."""
    with Local(program, partitions) as runtime:
        for part in runtime.worker.parts:
            for table in part.tables:
                table.reserve(room)
        digests = []
        for tick in range(1, ticks + 1):
            runtime.advance(tick)
            digests.append(runtime.digest())
        return digests, sum(runtime.counts().values())


def grow(monkeypatch: pytest.MonkeyPatch, most: int, ticks: int) -> None:
    sim = culture()
    sim.parameters["most"].value = most
    program = compile(sim)
    grown = [outcome(program, ticks, partitions) for partitions in (1, 4)]
    assert grown[0][1] > most
    monkeypatch.setattr(records, "ROOM", 2 * most)
    assert [*grown, outcome(program, ticks, 3, 2 * most)] == [grown[0]] * 3


def test_ten_entities_grow_to_many_without_a_setting(monkeypatch):
    grow(monkeypatch, 50_000, 15)


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_ten_entities_grow_to_two_million_without_a_setting(monkeypatch):
    grow(monkeypatch, 2_000_000, 20)
