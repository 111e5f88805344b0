"""Messages and events, claim by claim, in both modes."""

import pytest

import weaver as wv
from tests.weaver.players import world_of


class Cat(wv.Entity):
    mark: int
    seen: int
    energy: float
    last: int = -1


class Mouse(wv.Entity):
    mark: int
    seen: int


class Hit(wv.Message):
    damage: wv.float32 = 0.1
    code: int
    way: wv.Vec2


class Note(wv.Message):
    text: int


class Crash(wv.Event):
    speed: wv.float32
    where: wv.Vec2


def test_messages_arrive_after_the_behavior_in_order_and_are_read_once(play):
    sim = world_of()

    @sim.behavior
    def read(me: Cat, world: wv.World):
        me.seen = 0
        for hit in world.inbox(me, Hit):
            me.seen = 100 * me.seen + hit.code
            me.energy += hit.damage
            me.last = hit.sender

    @sim.behavior
    def hit(me: Mouse | Cat, world: wv.World):
        for other in world.near(me, Cat, radius=5.0):
            world.send(other, Hit(damage=0.1, code=me.mark))
        if me.mark > 5:
            world.send(0, Hit(code=me.mark + 50, way=wv.Vec2(1, 2)))

    @sim.behavior(every=2)
    def nag(me: Mouse, world: wv.World):
        world.send(0, Hit(0.0, me.mark + 70))

    sim.add(Cat, position=[[10, 10], [30, 30]], mark=[1, 2])
    sim.add(Mouse, position=[[11, 10], [9, 10], [38, 38]], mark=[4, 3, 9], id=[12, 11, 10])
    player = play(sim)
    assert player.of(Cat)["seen"].tolist() == [0, 0]  # the reader had its turn before
    assert player.stats()["pending"] == {"Hit": 6}
    player.step()
    state = player.of(Cat)
    # by type, sender's id, behavior, sequence: mouse 10 (far away), 11, 12; each hits before it nags
    assert state["seen"].tolist() == [597903730474, 0]
    assert state["energy"][0] == pytest.approx(0.1 * 3, rel=1e-7)
    assert state["last"].tolist() == [12, -1]
    player.step()
    assert player.of(Cat)["seen"].tolist() == [590304, 0]
    stats = player.stats()
    assert (stats["sent"]["Hit"], stats["read"]["Hit"]) == (15, 9)


def test_one_who_reads_now_and_then_gets_all_since_by_tick(play):
    sim = world_of()

    @sim.behavior
    def tell(me: Mouse, world: wv.World):
        world.send(0, Note(10 * me.mark + world.tick))
        world.send(0, Note(text=7))

    @sim.behavior(every=3, at=2)
    def read(me: Cat, world: wv.World):
        for note in world.inbox(me, Note):
            me.seen = 100 * me.seen + note.text
            if me.seen > 10_000_000:
                break  # what is not looked at is gone as well

    sim.add(Cat, position=[[10, 10]])
    sim.add(Mouse, position=[[11, 10], [9, 10]], mark=[1, 2])
    player = play(sim, 3)
    assert player.of(Cat)["seen"].tolist() == [10072007]
    player.step(2)
    assert player.of(Cat)["seen"].tolist() == [10072007]
    assert player.stats()["pending"]["Note"] == 8


def test_messages_travel_with_their_receiver_and_those_to_the_dead_are_dropped(play):
    sim = world_of()

    @sim.behavior
    def tell(me: Mouse, world: wv.World):
        if world.tick == 0:
            world.send(me.mark, Note(me.mark + 5))

    @sim.behavior(jumps=True)
    def jump(me: Cat, world: wv.World):
        me.position += wv.Vec2(17.0, 13.0)
        if me.mark == 1:
            world.remove(me)
        if me.mark == 2:
            world.become(me, Mouse)

    @sim.behavior(every=2, at=1)
    def read(me: Cat, world: wv.World):
        for note in world.inbox(me, Note):
            me.seen += note.text

    sim.add(Cat, position=[[10, 10], [20, 20], [30, 30]], mark=[0, 1, 2], id=[100, 101, 102])
    sim.add(
        Mouse, position=[[11, 10], [9, 10], [8, 8], [7, 7], [6, 6]], mark=[100, 101, 102, 3, 777], id=[1, 2, 3, 4, 5]
    )
    player = play(sim, 2)
    assert player.of(Cat)["seen"].tolist() == [105]
    stats = player.stats()
    assert (stats["sent"]["Note"], stats["read"]["Note"], stats["pending"]["Note"]) == (5, 1, 0)


def test_messages_in_random_order_are_chosen_fairly_and_alike(play):
    sim = world_of()

    @sim.behavior
    def tell(me: Mouse, world: wv.World):
        for other in world.near(me, Cat, radius=1.0):
            world.send(other, Note(me.mark))

    @sim.behavior
    def read(me: Cat, world: wv.World):
        for note in world.inbox(me, Note, order="random"):
            me.seen = note.text
            break

    n = 100
    places = [[2 + 4 * (k % 10), 2 + 4 * (k // 10)] for k in range(n)]
    sim.add(Cat, position=places)
    for mark in range(3):
        sim.add(Mouse, position=places, mark=mark)
    player = play(sim)
    seen = player.of(Cat)["seen"].tolist()
    counts = [seen.count(mark) for mark in range(3)]
    assert sum((c - n / 3) ** 2 / (n / 3) for c in counts) < 9.2  # chi-square, 2 degrees, 0.01
    assert seen[:12] == [0, 1, 0, 0, 0, 2, 1, 2, 0, 0, 0, 0]


def test_two_readers_of_one_inbox_are_an_error(play):
    sim = world_of()

    @sim.behavior
    def read(me: Cat, world: wv.World):
        for note in world.inbox(me, Note):
            me.seen += note.text

    @sim.behavior
    def again(me: Cat, world: wv.World):
        for note in world.inbox(me, Note):
            me.seen += note.text
        world.send(me, Note())

    sim.add(Cat, position=[[10, 10]])
    with pytest.raises(wv.ModelError, match=r"(?s)inbox\(cat, Note\) is read by two behaviors, 'read' and 'again'"):
        play(sim)


def test_a_message_that_nobody_reads_is_an_error(play):
    sim = world_of()

    @sim.behavior
    def tell(me: Cat, world: wv.World):
        world.send(me, Note())

    sim.add(Cat, position=[[10, 10]])
    with pytest.raises(wv.ModelError, match=r"(?s)sends Note, which no behavior reads.*world\.inbox\(me, Note\)"):
        play(sim)


def test_events_are_told_in_order_also_by_those_who_die(play):
    sim = world_of()

    @sim.behavior
    def crash(me: Mouse | Cat, world: wv.World):
        world.emit(Crash(speed=0.1, where=me.position))
        if me.mark:
            world.remove(me)
            world.emit(Crash(speed=me.mark))

    @sim.behavior
    def late(me: Cat, world: wv.World):
        world.emit(Crash(9.0))

    sim.add(Cat, position=[[10, 10], [30, 30]], mark=[0, 7], id=[8, 3])
    sim.add(Mouse, position=[[5, 5]], id=[1])
    player = play(sim)
    events = player.events(Crash)
    assert [(e["tick"], e["type"], e["id"], round(e["speed"], 6)) for e in events] == [
        (0, "Mouse", 1, 0.1), (0, "Cat", 3, 0.1), (0, "Cat", 3, 7.0), (0, "Cat", 8, 0.1), (0, "Cat", 8, 9.0),
    ]  # fmt: skip
    assert events[0]["where"] == [5.0, 5.0] and events[0]["time"] == 0.0
    assert player.events(Crash) == []
    player.step()
    assert [e["tick"] for e in player.events(Crash)] == [1, 1, 1]
