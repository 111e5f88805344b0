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
        (sends_what_is_no_message, r"Crash\(1\.0\) is not a message"),
        (sends_a_number, r"3\.0 is not a message"),
        (sends_with_an_unknown_field, r"(?s)its fields are damage.*Write Hit\(damage="),
        (sends_to_a_type, r"(?s)Wolf is a type; a message goes to one entity.*for other in world\.near"),
        (keeps_a_message, r"(?s)Hit\(\.\.\.\) is used as a value.*world\.send\(other, Hit\(1\.0\)\)"),
        (reads_an_entity_type, r"Sheep is no message"),
        (reads_in_another_order, r"random"),
        (reads_anothers_inbox, r"takes me and a type of message"),
        (emits_a_message, r"Hit\(1\.0\) is not an event"),
        (removes_another, r"(?s)Write world\.remove\(me\).*`meeting`"),
        (becomes_what_it_is, r"Wolf becomes what it is"),
        (becomes_a_layer, r"world\.become\(me, Sheep"),
        (bears_a_layer, r"Scent is not one entity type"),
        (bears_with_an_unknown_field, r"wool"),
        (writes_what_it_sees, r"(?s)best\.energy is written.*send.*meeting"),
        (looks_after_a_move, r"(?s)after me\.position was written.*two behaviors"),
        (looks_for_cells, r"world\.around"),
        (keeps_another, r"Store other\.id"),
        (counts_by_length, r"world\.count\(me, Sheep, 1\.0\)"),
        (looks_too_far, r"less than half of it, 5"),
        (looks_nowhere, r"must be positive"),
        (asks_for_no_observation, r"sim\.observe"),
        (follows_what_is_no_link, r"wv\.Link"),
        (gives_to_an_entity_type, r"(?s)names no layer.*world\.deposit\(Grass, me\.position, level=1\.0\)"),
        (gives_to_an_unknown_field, r"level"),
        (stands_on_no_sites, r"sites"),
        (has_another_number_of_neighbours, r"8 or 4"),
        (sees_another_lattice, r"Declare Bee with the same sites=GRID"),
        (touches_a_wall, r"sim\.geometry"),
    ],
)
def test_a_word_that_is_misused_says_what_to_write(behavior, words):
    with pytest.raises(wv.WeaverError, match=words) as caught:
        write(world_of(behavior))
    told(caught.value)


# ---- In declarations --------------------------------------------------------------------------------------------


def eat(wolf: Wolf, sheep: Sheep, world: wv.World):
    wolf.energy += sheep.energy


def graze(sheep: Sheep, cell: Scent, world: wv.World):
    sheep.energy += cell.level


def writes(wolf, sheep):
    wolf.energy = 1.0
    return True


def draws(wolf, sheep):
    return sheep.energy + wolf.nothing


def hears(me: Wolf, world: wv.World):
    for hit in world.inbox(me, Hit):
        me.energy -= hit.damage


def hears_too(me: Wolf, world: wv.World):
    for hit in world.inbox(me, Hit):
        me.energy += hit.damage


def shouts(me: Sheep, world: wv.World):
    for wolf in world.near(me, Wolf, 1.0):
        world.send(wolf, Hit(1.0))


def open_ended(sim):
    sight = sim.parameter("sight", 1.0)

    def see(me: Wolf, world: wv.World):
        me.energy = world.count(me, Sheep, sight)

    sim.behavior(see)


def looks_from_another_simulation(sim):
    other = world_of().parameter("sight", 1.0, high=2.0)

    def see(me: Wolf, world: wv.World):
        me.energy = world.count(me, Sheep, other)

    sim.behavior(see)


@pytest.mark.parametrize(
    ("declare", "words"),
    [
        (lambda sim: sim.meeting(eat), r"(?s)two entities need a radius.*@sim\.meeting\(radius="),
        (lambda sim: sim.meeting(graze, radius=1.0), r"the cell that it stands on none"),
        (lambda sim: sim.meeting(eat, radius=1.0, rounds=0), r"rounds are counted from 1"),
        (lambda sim: sim.meeting(eat, radius=1.0, when=writes), r"written in `when` or `by`"),
        (lambda sim: sim.meeting(eat, radius=1.0, by=draws), r"no field 'nothing'"),
        (open_ended, r"'sight', which has no `high`"),
        (looks_from_another_simulation, r"'sight' belongs to another simulation"),
        (
            lambda sim: [sim.behavior(hears), sim.behavior(hears_too), sim.behavior(shouts)],
            r"two behaviors, 'hears' and 'hears_too'",
        ),
        (lambda sim: sim.behavior(shouts), r"'shouts' sends Hit, which no behavior reads"),
        (lambda sim: sim.diffuse(Scent, "level", 0.3), r"(?s)unstable.*Use dt=0\.83"),
        (lambda sim: sim.diffuse(Scent, "level", sim.parameter("rate", 0.1)), r"without `high`"),
        (lambda sim: sim.diffuse(Scent, "steps", 0.1), r"one of its float fields"),
        (lambda sim: sim.diffuse(Wolf, "energy", 0.1), r"it takes a layer"),
        (lambda sim: sim.layer(Coarse, level=1.0), r"resolution of 3"),
        (lambda sim: sim.layer(Scent, level=[[1.0, 2.0]]), r"the layer has \(10, 10\)"),
        (lambda sim: sim.layer(Scent, level="nowhere.png"), r"nowhere\.png"),
        (lambda sim: sim.layer(Scent, smell=1.0), r"Scent has no field 'smell'"),
        (lambda sim: sim.add(Chip, position=[(1.2, 1.3), (1.4, 1.1)]), r"Chip 4 and Chip 5 stand on the site"),
        (lambda sim: sim.scatter(Chip, 101), r"so 100 are allowed"),
        (lambda sim: sim.add(Bee, position=[(1, 1)]), r"multiple of 0\.866"),
        (lambda sim: sim.link(Knows, [0], [99]), r"entity 99 .*none of this id"),
        (lambda sim: sim.link(Knows, [0], [0]), r"itself"),
        (lambda sim: sim.link(Knows, [0, 1], [2]), r"a has 2, b has 1"),
        (lambda sim: sim.link(Wolf, [0], [1]), r"a subclass of wv\.Link"),
        (lambda sim: sim.until("n == 0"), r"(?s)'n' is no observation.*sim\.observe"),
        (lambda sim: sim.until("tick = 4"), r"it is no expression"),
        (lambda sim: sim.observe("n", Wolf, "speed", "mean"), r"but Wolf has energy, velocity"),
        (lambda sim: sim.observe("n", Wolf, "energy", "median"), r"it can be sum, mean, min"),
        (lambda sim: sim.observe("n", Hit, "damage", "mean"), r"a subclass of wv\.Entity or wv\.Layer"),
        (lambda sim: sim.add(Scent, level=[1.0]), r"a subclass of wv\.Entity"),
        (lambda sim: sim.scatter(Knows, 3), r"a subclass of wv\.Entity"),
        (lambda sim: sim.layer(Wolf, energy=1.0), r"a subclass of wv\.Layer"),
        (lambda sim: sim.observe("a b", Wolf, "count"), r"a Python identifier"),
        (lambda sim: sim.geometry(mesh="nowhere.obj"), r"(?s)2-D world.*segments="),
        (lambda sim: sim.behavior(hears, every=0), r"every=0, at=0; allowed is every >= 1"),
        (lambda sim: sim.behavior(hears, every=2, at=2), r"0 <= at < every"),
        (lambda sim: sim.behavior(hears, reach=-1.0), r"a reach is a positive length"),
        (lambda sim: sim.between(print, every=0), r"a whole number from 1 on"),
        (lambda sim: sim.table("roads", {"a": [1, 2], "b": [1]}), r"all of one length"),
    ],
)
def test_a_declaration_that_cannot_work_says_what_to_write(declare, words):
    def declare_and_write(sim):
        declare(sim)
        write(sim)

    with pytest.raises(wv.WeaverError, match=words) as caught:
        declare_and_write(world_of())
    told(caught.value)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: wv.Box(10, -1), r"a side length must be a positive number"),
        (lambda: wv.Box(10, 10, boundary="wrap"), r"periodic"),
        (lambda: wv.Box(10, 10, boundary=("periodic",)), r"2 of them, one per axis"),
        (lambda: wv.Box(10, 10, origin=(0, 0, 0)), r"2 finite numbers"),
        (lambda: wv.Sites(0.0), r"positive length"),
        (lambda: wv.Sites(1.0, "triangle"), r'"square" or "hex"'),
        (lambda: wv.Simulation(wv.Box(10, 10), dt=0.0), r"length is a positive number"),
        (lambda: type("Fog", (wv.Layer,), {}, resolution=0.0), r"resolution"),
        (lambda: type("Fog", (wv.Layer,), {}), r"resolution"),
        (lambda: type("Pawn", (wv.Entity,), {}, sites=1.0), r"sites=GRID"),
        (lambda: type("Pawn", (wv.Entity,), {"__annotations__": {"id": int}}), r"`id` is built in"),
        (lambda: type("Note", (wv.Message,), {"__annotations__": {"sender": int}}), r"`sender` is built in"),
    ],
)
def test_what_is_no_world_or_type_is_refused_where_it_is_written(make, words):
    with pytest.raises(wv.WeaverError, match=words) as caught:
        make()
    told(caught.value)


# ---- In a run ---------------------------------------------------------------------------------------------------


def bears_far_away(me: Wolf, world: wv.World):
    world.spawn(Sheep, me.position + wv.Vec2(3, 0))


def gives_far_away(me: Wolf, world: wv.World):
    world.deposit(Scent, me.position + wv.Vec2(3, 0), level=1.0)


def gives_outside(me: Wolf, world: wv.World):
    world.deposit(Scent, me.position - wv.Vec2(1.5, 0), level=1.0)


def moves_far_away(me: Wolf, world: wv.World):
    me.position += wv.Vec2(3, 0)


def moves_nowhere(me: Wolf, world: wv.World):
    me.position += wv.Vec2(math.nan, 0)


@pytest.mark.parametrize(
    ("behavior", "boundary", "words"),
    [
        (bears_far_away, "periodic", r"(?s)spawned farther than its reach.* at tick 0: Wolf 0.*reach=3"),
        (gives_far_away, "periodic", r"(?s)beyond the reach.*Wolf 0"),
        (gives_outside, "strict", r"(?s)strict.*Wolf 0|Wolf 0.*strict"),
        (moves_far_away, "periodic", r"(?s)moved beyond the reach at tick 0: Wolf 0.*reach=3"),
        (moves_nowhere, "periodic", r"position NaN at tick 0: Wolf 0"),
    ],
)
def test_a_run_that_must_end_says_who_and_what_to_write(behavior, boundary, words):
    sim = world_of(behavior, boundary=boundary, reach=2.0)
    with pytest.raises(wv.RunError, match=words) as caught:
        Interpreter(sim).step(1)
    told(caught.value)
