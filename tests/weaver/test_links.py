"""Links: who is met along them, what is read, and that neither deaths, moves nor workers change a bit of it."""

import numpy as np
import pytest

import weaver as wv
from tests.weaver.players import Compiled, Interpreted
from weaver.errors import BehaviorError, ModelError

N = 60


class Person(wv.Entity):
    """Someone."""

    mark: float
    said: wv.Vec2
    heard: float
    best: int = -1
    met: int
    way: wv.Vec2


class Saint(wv.Entity):
    """What a person can become."""

    mark: float
    met: int


class Knows(wv.Link):
    """Both know each other."""

    trust: float
    since: wv.uint8
    push: wv.Vec2


class Follows(wv.Link, directed=True):
    """Only the first knows the second."""


class Hello(wv.Message):
    """A greeting."""

    mark: float


def weight(other: Person | Saint, trust: float):
    return trust * other.mark


def society(seed=5, count=N, ties=150, boundary="periodic"):
    """People all over the box who move, and links between any of them; its first behavior is `listen`."""
    rng = np.random.default_rng(seed)
    sim = wv.Simulation(wv.Box(40, 30, boundary=boundary), seed=seed, dt=1.0, strict=True)
    pairs = rng.integers(0, count, (ties, 2))
    pairs = pairs[pairs[:, 0] != pairs[:, 1]]

    @sim.behavior(reach=4)
    def listen(me: Person, world: wv.World):
        met, total, best, most = 0, 0.0, None, -1.0
        for other, link in world.links(me, Knows):
            met += 1
            total += weight(other, link.trust) + link.push.x
            if isinstance(other, Saint):
                continue
            if link.trust > most:
                most, best = link.trust, other
        me.heard = total
        me.met = met
        if best:
            me.best = best.id
            me.way = world.offset(me, best)
        me.mark = 0.5 * me.mark + 0.25 * sum(other.mark for other, link in world.links(me, Follows))

    @sim.behavior(reach=4)
    def walk(me: Person, world: wv.World):
        me.position += wv.Vec2(world.uniform(-3, 3), world.uniform(-3, 3))
        if world.random() < 0.03:
            world.remove(me)
        elif world.random() < 0.05:
            world.become(me, Saint)

    @sim.behavior
    def bless(me: Saint, world: wv.World):
        me.met = 0
        for _, link in world.links(me, Knows):
            if link.since > 200:
                break
            me.met += 1
        else:
            me.met += 100
        if any(other.mark > 0.9 for other, link in world.links(me, Knows)):
            me.mark += 1.0

    sim.scatter(Person, count - 10, mark=lambda rng: rng.random())
    sim.add(Saint, position=rng.uniform(0, 30, (10, 2)), mark=np.linspace(0, 1, 10))
    n = len(pairs)
    sim.link(Knows, *pairs.T, trust=rng.random(n), since=rng.integers(0, 255, n), push=rng.random((n, 2)))
    sim.link(Follows, *pairs[::-2].T)
    return sim, pairs, sim.ties[0].fields


def state(run):
    """Of everybody, (type, row as a dict), by id."""
    return {
        row["id"]: (kind, row)
        for kind, type in (("Person", Person), ("Saint", Saint))
        for row in run.entities(type).to_pylist()
    }


@pytest.mark.slow
def test_links_lead_to_all_that_live_wherever_they_are():
    sim, pairs, fields = society()
    with sim.start(partitions=4) as run:
        for _ in range(6):
            before = state(run)
            run.step(1)
            after = state(run)
            for id, (kind, row) in after.items():
                if before[id][0] != "Person" or kind != "Person":
                    continue
                ends = sorted((int(b if a == id else a), k) for k, (a, b) in enumerate(pairs) if id in (a, b))
                met = [(before[o], k) for o, k in ends if o in before]
                assert row["met"] == len(met)
                total = 0.0
                for (_, other), k in met:
                    total += fields["trust"][k] * other["mark"] + fields["push"][k][0]
                assert row["heard"] == total
                people = [(other, k) for (kind, other), k in met if kind == "Person"]
                if people:
                    best = max(people, key=lambda pair: fields["trust"][pair[1]])[0]
                    assert row["best"] == best["id"]
                    way = np.array(best["position"]) - before[id][1]["position"]
                    assert row["way"] == pytest.approx(way - np.rint(way / [40, 30]) * [40, 30], abs=1e-12)
                mark = sum(
                    before[int(b)][1]["mark"] for a, b in sorted(pairs[::-2].tolist()) if a == id and b in before
                )
                assert row["mark"] == pytest.approx(0.5 * before[id][1]["mark"] + 0.25 * mark)
        assert len(before) < N
        assert sum(kind == "Saint" for kind, _ in before.values()) > 12


def history(sim, **options):
    with sim.start(**options) as run:
        told = []
        for _ in range(7):
            run.step(1)
            told.append(run.digest())
        return told


def test_partitions_and_threads_do_not_change_a_bit():
    sim, *_ = society(boundary="reflect")
    alone = history(sim)
    assert history(sim, partitions=2, threads=2) == alone
    assert history(sim, partitions=7) == alone


@pytest.mark.slow  # composed programs on Ray show it in general
def test_workers_do_not_change_a_bit(ray_cluster):
    pytest.importorskip("ray")
    sim, *_ = society()
    assert history(sim, workers=2, partitions=5) == history(sim)


def test_a_message_goes_along_a_link_at_any_distance():
    sim = wv.Simulation(wv.Box(90, 90, boundary="clamp"), seed=1)

    @sim.behavior(reach=1)
    def greet(me: Person, world: wv.World):
        me.heard = sum(hello.mark for hello in world.inbox(me, Hello))
        for other, _ in world.links(me, Follows):
            world.send(other, Hello(mark=me.mark))

    sim.add(Person, position=[(1, 1), (89, 89), (1, 89)], mark=[1.0, 2.0, 4.0])
    sim.link(Follows, [0, 2, 1], [1, 1, 0])
    with sim.start(partitions=4) as run:
        run.step(2)
        assert run.entities(Person)["heard"].to_pylist() == [2.0, 5.0, 0.0]


def test_links_must_tie_two_entities_that_there_are():
    sim, *_ = society()
    sim.link(Follows, [3], [N])
    with pytest.raises(ModelError, match=f"entity {N} .b of link"):
        sim.start()
    with pytest.raises(ModelError, match="tied to itself"):
        sim.link(Follows, [3], [3])


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("for other in world.links(me, Knows):\n        me.met += 1", "has two names"),
        ("for other, link in world.links(me, Person):\n        me.met += 1", "no type of link"),
        ("for other, link in world.links(7, Knows):\n        me.met += 1", "takes me and a type of link"),
        ("for other, link in world.links(me, Knows):\n        me.heard = link.age", "has no field 'age'"),
        ("for other, link in world.links(me, Knows):\n        other.met = 1", "another entity"),
        ("for other, link in world.links(me, Knows):\n        link.trust = 1", "cannot be assigned"),
        ("for other, link in world.links(me, Knows):\n        me.heard = link", "a message or link"),
        ("me.met = world.links(me, Knows)", "world.links"),
        (
            "best = None\n    for other, link in world.links(me, Knows):\n        best = other\n"
            "    for near in world.near(me, Person, 1.0):\n        best = near\n    if best:\n        me.met = 1",
            "Use two names",
        ),
    ],
)
def test_what_cannot_be_done_with_links_is_said(tmp_path, line, message):
    path = tmp_path / "app.py"
    path.write_text(
        "import weaver as wv\nfrom tests.weaver.test_links import Knows, Person\n"
        "sim = wv.Simulation(wv.Box(9, 9), seed=1)\n@sim.behavior(reach=1)\n"
        f"def act(me: Person, world: wv.World):\n    {line}\n"
        "sim.scatter(Person, 5)\nsim.link(Knows, [0], [1], trust=1.0)\n"
    )
    from weaver.compiler import write
    from weaver.load import load_app

    _, sim = load_app(str(path))
    with pytest.raises(BehaviorError, match=message):
        write(sim)


def test_interpreted_and_compiled_runs_agree():
    sim, *_ = society()
    played, run = Interpreted(sim), Compiled(sim)
    for _ in range(6):
        played.step(1)
        run.step(1)
        assert played.digest() == run.digest()
    run.close()
