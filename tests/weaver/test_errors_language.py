"""What an author may do wrong with the words of the language, and what he is told: what, why, and what to write."""

import pytest

import weaver as wv
from weaver.compiler.build import write

GRID, HONEYCOMB = wv.Sites(1.0), wv.Sites(1.0, "hex")


class Hit(wv.Message):
    damage: float


class Crash(wv.Event):
    speed: float


class Knows(wv.Link):
    trust: float


class Scent(wv.Layer, resolution=1.0):
    level: float
    steps: int


class Coarse(wv.Layer, resolution=3.0):
    level: float


class Wolf(wv.Entity):
    energy: float
    velocity: wv.Vec2


class Sheep(wv.Entity):
    energy: float


class Chip(wv.Entity, sites=GRID):
    energy: float


class Bee(wv.Entity, sites=HONEYCOMB):
    energy: float


def world_of(*behaviors, boundary="periodic", lengths=(10, 10), **options):
    sim = wv.Simulation(wv.Box(*lengths, boundary=boundary), seed=1)
    for behavior in behaviors:
        sim.behavior(behavior, **options)
    sim.add(Wolf, position=[(1, 1), (2, 2)])
    sim.add(Sheep, position=[(1, 1), (2, 2)])
    return sim


def told(error):
    """The text, which says what, why and what to write: after the place, its line and a caret if it has a place."""
    text = str(error)
    lines = text.splitlines()
    if isinstance(error, wv.BehaviorError):
        assert len(lines) == 5 and lines[2].strip().strip("^") == "", text
        lines = [lines[0], *lines[3:]]
    assert len(lines) == 3 and all(line.endswith((".", "?", ")")) for line in lines[1:]), text
    return text


# ---- In behaviors -----------------------------------------------------------------------------------------------


def sends_what_is_no_message(me: Wolf, world: wv.World):
    world.send(me, Crash(1.0))


def sends_a_number(me: Wolf, world: wv.World):
    world.send(me, 3.0)


def sends_with_an_unknown_field(me: Wolf, world: wv.World):
    world.send(me, Hit(harm=1.0))


def sends_to_a_type(me: Wolf, world: wv.World):
    world.send(Wolf, Hit(1.0))


def keeps_a_message(me: Wolf, world: wv.World):
    hit = Hit(1.0)
    world.send(me, hit)


def reads_an_entity_type(me: Wolf, world: wv.World):
    for hit in world.inbox(me, Sheep):
        me.energy += hit.energy


def reads_in_another_order(me: Wolf, world: wv.World):
    for hit in world.inbox(me, Hit, order="latest"):
        me.energy += hit.damage


def reads_anothers_inbox(me: Wolf, world: wv.World):
    for other in world.near(me, Sheep, 1.0):
        for hit in world.inbox(other, Hit):
            me.energy += hit.damage


def emits_a_message(me: Wolf, world: wv.World):
    world.emit(Hit(1.0))


def removes_another(me: Wolf, world: wv.World):
    for other in world.near(me, Sheep, 1.0):
        world.remove(other)


def becomes_what_it_is(me: Wolf, world: wv.World):
    world.become(me, Wolf)


def becomes_a_layer(me: Wolf, world: wv.World):
    world.become(me, Scent)


def bears_a_layer(me: Wolf, world: wv.World):
    world.spawn(Scent, me.position)


def bears_with_an_unknown_field(me: Wolf, world: wv.World):
    world.spawn(Sheep, me.position, wool=1.0)


def writes_what_it_sees(me: Wolf, world: wv.World):
    best = world.nearest(me, Sheep, 1.0)
    if best:
        best.energy -= 1.0


def looks_after_a_move(me: Wolf, world: wv.World):
    me.position += me.velocity
    for other in world.near(me, Sheep, 1.0):
        me.energy += other.energy


def looks_for_cells(me: Wolf, world: wv.World):
    for cell in world.near(me, Scent, 1.0):
        me.energy += cell.level


def keeps_another(me: Wolf, world: wv.World):
    for other in world.near(me, Sheep, 1.0):
        me.energy = other


def counts_by_length(me: Wolf, world: wv.World):
    me.energy = len(world.near(me, Sheep, 1.0))


def looks_too_far(me: Wolf, world: wv.World):
    me.energy = world.count(me, Sheep, 5.0)


def looks_nowhere(me: Wolf, world: wv.World):
    me.energy = world.count(me, Sheep, 0.0)


def asks_for_no_observation(me: Wolf, world: wv.World):
    me.energy = world.observed("sheep")


def follows_what_is_no_link(me: Wolf, world: wv.World):
    for other, hit in world.links(me, Hit):
        me.energy += other.energy + hit.damage


def gives_to_an_entity_type(me: Wolf, world: wv.World):
    world.deposit(Sheep, me.position, energy=1.0)


def gives_to_an_unknown_field(me: Wolf, world: wv.World):
    world.deposit(Scent, me.position, lvl=1.0)


def stands_on_no_sites(me: Wolf, world: wv.World):
    world.jump_to_free(me)


def has_another_number_of_neighbours(me: Chip, world: wv.World):
    for other in world.neighbors(me, Chip, 6):
        me.energy += other.energy


def sees_another_lattice(me: Chip, world: wv.World):
    for other in world.neighbors(me, Bee, 4):
        me.energy += other.energy


def touches_a_wall(me: Wolf, world: wv.World):
    me.energy = world.wall(me.position, 1.0).distance


@pytest.mark.parametrize(
    ("behavior", "words"),
    [
        (sends_what_is_no_message, r"world\.send"),
        (sends_a_number, r"world\.send"),
        (sends_with_an_unknown_field, r"harm"),
        (sends_to_a_type, r"world\.send"),
        (keeps_a_message, r"(?s)Hit\(\.\.\.\) is used as a value.*world\.send\(other, Hit\(1\.0\)\)"),
        (reads_an_entity_type, r"world\.inbox"),
        (reads_in_another_order, r"random"),
        (reads_anothers_inbox, r"world\.inbox"),
        (emits_a_message, r"world\.emit"),
        (removes_another, r"world\.remove"),
        (becomes_what_it_is, r"world\.become"),
        (becomes_a_layer, r"world\.become"),
        (bears_a_layer, r"world\.spawn"),
        (bears_with_an_unknown_field, r"wool"),
        (writes_what_it_sees, r"(?s)best\.energy is written.*world\.send.*meeting"),
        (looks_after_a_move, r"(?s)after me\.position was written.*two behaviors"),
        (looks_for_cells, r"world\.around"),
        (keeps_another, r"Store other\.id"),
        (counts_by_length, r"world\.count\(me, Sheep, 1\.0\)"),
        (looks_too_far, r"radius"),
        (looks_nowhere, r"radius"),
        (asks_for_no_observation, r"sim\.observe"),
        (follows_what_is_no_link, r"wv\.Link"),
        (gives_to_an_entity_type, r"layer"),
        (gives_to_an_unknown_field, r"level"),
        (stands_on_no_sites, r"sites"),
        (has_another_number_of_neighbours, r"4 or 8"),
        (sees_another_lattice, r"lattice|sites"),
        (touches_a_wall, r"sim\.geometry"),
    ],
)
def test_a_word_that_is_misused_says_what_to_write(behavior, words):
    with pytest.raises(wv.WeaverError, match=words) as caught:
        write(world_of(behavior))
    told(caught.value)
