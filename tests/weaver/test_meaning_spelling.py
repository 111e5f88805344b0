"""Each word in the ways in which people write it: by place and by keyword, with fields called like keywords."""

import enum

import numpy as np
import pytest

import weaver as wv
from tests.weaver.players import world_of


class Mood(enum.IntEnum):
    CALM = 0
    LOUD = 1
    GONE = 2


class Note(wv.Message):
    kind: int
    way: wv.Vec2


class Ground(wv.Layer, resolution=2.0):
    layer: float
    level: float


class Egg(wv.Entity):
    kind: int
    me: float = 2.5
    mood: Mood = Mood.LOUD
    sent: float
    least: float


class Hen(wv.Entity):
    kind: int
    mood: Mood
    sent: float
    least: float


def twice(cell):
    return 2 * cell.level


@pytest.mark.slow
def test_words_are_taken_in_every_spelling(play):
    sim = world_of((12, 12))
    rows = sim.table("rows", {"weight": [1.0, 2.0, 4.0]})

    @sim.behavior(reach=2.0)
    def lay(me: Hen, world: wv.World):
        world.spawn(Egg, me.position, kind=4)
        world.spawn(Egg, position=me.position + wv.Vec2(1, 0), kind=5, me=1)
        world.spawn(Egg, mood=Mood(me.kind + 1))
        world.deposit(Ground, me.position, layer=1, level=0.5)
        world.deposit(Ground, position=me.position, level=0.25)

    @sim.behavior
    def write(me: Hen, world: wv.World):
        for egg in world.near(me, Egg, 2.0):
            world.send(egg, Note(1, wv.Vec2(0.5, 0)))
            world.send(egg.id, Note(kind=2, way=egg.position - me.position))
            world.send(to=egg, message=Note())

    @sim.behavior
    def read(me: Egg | Hen, world: wv.World):
        for note in world.inbox(me, Note):
            me.sent += note.kind + note.way.x

    @sim.behavior
    def measure(me: Egg, world: wv.World):
        me.least = twice(world.at(Ground, me.position)) + np.abs(-8.0) + len(rows.weight) * rows.weight[-1]
        me.least += 100 * sum(1 for mood in Mood if mood == me.mood)
        if world.choice(Mood) > len(Mood):
            me.least = -1.0

    @sim.behavior
    def hatch(me: Egg, world: wv.World):
        if me.mood == Mood.GONE:
            world.become(me, Hen, kind=7, mood=Mood.CALM)

    sim.add(Hen, position=[(3, 3)], kind=1)
    player = play(sim)
    eggs, hens = player.of(Egg), player.of(Hen)
    assert eggs["kind"].tolist() == [4, 5] and eggs["me"].tolist() == [2.5, 1.0]
    assert eggs["sent"].tolist() == [3.5, 4.5]
    assert eggs["least"].tolist() == [1.5 + 8 + 12 + 100, 8 + 12 + 100]
    assert hens["kind"].tolist() == [1, 7] and hens["sent"].tolist() == [0, 3.5] and hens["least"][1] == 121.5
    assert player.layer(Ground, "layer")[1, 1] == 1 and player.layer(Ground, "level")[1, 1] == 0.75
