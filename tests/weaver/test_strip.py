"""Loops whose order cannot show look at strips; all others see the order of the language."""

from __future__ import annotations

import ast
import textwrap

import numba
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

import weaver as wv
from weaver.compiler import write
from weaver.compiler.search import effort, only_sums
from weaver.compiler.strip import LENGTH
from weaver.sift import sift3


def loop_in(text: str) -> bool:
    function = ast.parse(textwrap.dedent(text)).body[0]
    (loop,) = [node for node in ast.walk(function) if isinstance(node, ast.For)]
    return only_sums(loop, function)


HEAD = "def f(me, world):\n    n, a, last = 0, 0.0, 0.0\n    for other in world.near(me, Dot, radius=1.0):\n"


@pytest.mark.parametrize(
    "body",
    [
        "        n += 1",
        "        n += 1\n        a -= other.mass",
        "        gap = other.position - me.position\n        if gap.length() < 1:\n            a += gap.x",
        "        me.mass += other.mass",
    ],
)
def test_sums_do_not_show_the_order(body: str) -> None:
    assert loop_in(HEAD + body)


@pytest.mark.parametrize(
    "body",
    [
        "        last = other.mass\n    me.mass = last",  # the last one wins
        "        n += 1\n        if n < 3:\n            a += other.mass",  # the first ones count
        "        a *= other.mass",
        "        a = max(a, other.mass)\n    me.mass = a",
        "        n += 1\n        last = n\n    me.mass = last",
        "        best = other\n    me.mass = best.mass",
        "        best = other",
        "        me.mass += other.mass\n        a += me.mass",
        "        n += 1\n        break",
        "        a += world.random()",
        "        me.mass = other.mass",
    ],
)
def test_what_shows_the_order_is_found(body: str) -> None:
    assert not loop_in(HEAD + body)


class Dot(wv.Entity):
    """Counts and adds what it sees."""

    mass: int
    seen: int
    total: int
    first: int
    last: int


@pytest.mark.parametrize("partitions", [1, 4])
@pytest.mark.parametrize("boundary", ["periodic", "clamp"])
@pytest.mark.parametrize(("lengths", "far", "near"), [((40.0, 30.0), 7.0, 1.5), ((20.0, 18.0, 16.0), 4.0, 1.0)])
def test_strips_hold_what_the_table_shows(
    lengths: tuple[float, ...], far: float, near: float, boundary: str, partitions: int
) -> None:
    sim = wv.Simulation(wv.Box(*lengths, boundary=boundary), seed=3)

    @sim.behavior
    def look(dot: Dot, world: wv.World) -> None:
        seen, total = 0, 0
        for other in world.near(dot, Dot, radius=far):
            seen += 1
            total += other.mass
        dot.seen, dot.total = seen, total
        first, last = -1, -1
        for other in world.near(dot, Dot, radius=near):
            if first < 0:
                first = other.mass
            last = other.mass
        dot.first, dot.last = first, last

    rng = np.random.default_rng(5)
    centre = np.array(lengths) / 2  # half of them crowd together
    position = np.concatenate(
        [rng.uniform(0, lengths, (300, len(lengths))), centre + rng.uniform(-2, 2, (300, len(lengths)))]
    )
    sim.add(Dot, position=position, mass=np.arange(600))
    kernel = write(sim).text
    assert "look0_Dot_mass_" in kernel and "look1_Dot_mass_" not in kernel
    with sim.start(partitions=partitions) as run:
        run.step(1)
        table = run.entities(Dot)
    d = position[:, None] - position[None]
    if boundary == "periodic":
        d -= np.array(lengths) * np.rint(d / lengths)
    inside = np.square(d).sum(axis=2) <= far**2
    np.fill_diagonal(inside, False)
    assert_array_equal(table["seen"].to_numpy(), inside.sum(axis=1))
    assert_array_equal(table["total"].to_numpy(), inside @ np.arange(600))
    close = np.square(d).sum(axis=2) <= near**2
    np.fill_diagonal(close, False)
    first, last = table["first"].to_numpy(), table["last"].to_numpy()
    some = close.any(axis=1)
    assert_array_equal(first[~some], -1)
    assert close[np.flatnonzero(some), first[some]].all() and close[np.flatnonzero(some), last[some]].all()


@pytest.mark.parametrize(("lengths", "within"), [((16.0, 3.0), 13), ((16.0, 3.0, 3.0), 33)])
def test_a_strip_has_room_for_crowded_cells(
    lengths: tuple[float, ...], within: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every column that is in a strip at once holds more than a strip is meant to."""
    sim = wv.Simulation(wv.Box(*lengths, boundary="periodic"), seed=3)

    @sim.behavior
    def crowd(dot: Dot, world: wv.World) -> None:
        seen = 0
        for _ in world.near(dot, Dot, radius=1.0):
            seen += 1
        dot.seen = seen

    places = [np.arange(0.25, length, 0.5) for length in lengths]
    centres = np.stack(np.meshgrid(*places), axis=-1).reshape(-1, len(lengths))
    each = 1 + 3 * LENGTH // 2 // 6 ** (len(lengths) - 1)
    sim.add(Dot, position=np.repeat(centres, each, axis=0))
    monkeypatch.setattr(numba.config, "BOUNDSCHECK", 1)
    with sim.start(partitions=2) as run:
        run.step(1)
        table = run.entities(Dot)
    assert set(table["seen"].to_pylist()) == {each * within - 1}


def test_a_strict_program_adds_in_the_order_of_the_language() -> None:
    sim = wv.Simulation(wv.Box(20, 20), seed=3, strict=True)

    @sim.behavior
    def look(dot: Dot, world: wv.World) -> None:
        total = 0.0
        for other in world.near(dot, Dot, radius=2.0):
            total += other.mass
        dot.total = int(total)

    sim.scatter(Dot, 10)
    assert "look0_Dot_mass_" not in write(sim).text


@pytest.mark.parametrize("single", [False, True])
def test_sifting_finds_the_rows_within_the_radius(single: bool) -> None:
    real = np.float32 if single else np.float64
    places = np.random.default_rng(4).uniform(-2, 2, (3, 203)).astype(real)
    places[0, 7], places[1, 8] = np.inf, np.nan
    me = np.array([0.1, -0.2, 0.3], real)
    for first, end in ((0, 195), (3, 100), (50, 50), (190, 195)):
        rows, behind = np.full(203, 777, np.uint32), places.copy()
        behind[0, end : end + 8] = np.inf
        with np.errstate(invalid="ignore"):
            inside = np.square(behind - me[:, None]).sum(axis=0) <= 1.5
        n = sift3(*behind, np.uintp(first), np.uintp(end), *me, real(1.5), rows)
        assert_array_equal(rows[:n], first + np.flatnonzero(inside[first:end]))


def test_the_effort_of_a_body_is_what_takes_long() -> None:
    def of(text: str) -> int:
        return effort(ast.parse(text).body)

    assert of("n += 1") == 1
    assert of("a += b / 2") == 2 and of("a += b / c") == 5
    assert of("a -= math.sin(d.length()) * d.normalized()") == 22


class Ball(wv.Entity):
    """Adds up what it sees."""

    mass: float
    seen: int
    pull: wv.Vec3


class Speck(wv.Entity):
    """The same in single precision."""

    position: wv.Vec3f
    mass: float
    seen: int
    pull: wv.Vec3


@pytest.mark.parametrize("boundary", ["periodic", "clamp"])
def test_who_is_sifted_adds_up(boundary: str, monkeypatch: pytest.MonkeyPatch) -> None:
    lengths = np.array([20.0, 12.0, 12.0])
    sim = wv.Simulation(wv.Box(*lengths, boundary=boundary), seed=3)

    @sim.behavior
    def balls(me: Ball, world: wv.World) -> None:
        seen, pull = 0, wv.Vec3()
        for other in world.near(me, Ball, radius=3.0):
            offset = other.position - me.position
            far = offset.length()
            pull += other.mass * offset / (far * far * far + 1) + 0.5 * offset / (1 + far)
            seen += 1
        me.seen, me.pull = seen, pull

    @sim.behavior
    def specks(me: Speck, world: wv.World) -> None:
        seen, pull = 0, wv.Vec3()
        for other in world.near(me, Speck, radius=3.0):
            offset = other.position - me.position
            far = offset.length()
            pull += other.mass * offset / (far * far * far + 1) + 0.5 * offset / (1 + far)
            seen += 1
        me.seen, me.pull = seen, pull

    rng = np.random.default_rng(5)  # most of them in one corner, so that a cell holds more than a strip is meant to
    position = np.concatenate([rng.uniform(0, lengths, (500, 3)), rng.uniform(0, 3, (700, 3))]).astype(np.float32)
    mass = rng.uniform(1, 2, len(position))
    for kind in (Ball, Speck):
        sim.add(kind, position=position, mass=mass)
    kernel = write(sim).text
    assert "near_Ball_mass_" in kernel and "near_Speck_mass_" in kernel
    ends = []
    for partitions in (1, 5):
        with sim.start(partitions=partitions) as run:
            run.step(1)
            ends.append(run.digest())
            tables = {kind: run.entities(kind) for kind in (Ball, Speck)}
    assert ends[0] == ends[1]
    monkeypatch.setattr(numba.config, "BOUNDSCHECK", 1)
    with sim.start(partitions=5) as run:
        run.step(1)
        assert run.digest() == ends[0]
    for kind, accuracy in ((Ball, 1e-12), (Speck, 1e-5)):
        at = np.array(tables[kind]["position"].combine_chunks().flatten()).reshape(-1, 3)
        d = at[None] - at[:, None]
        if boundary == "periodic":
            d -= (lengths * np.rint(d / lengths)).astype(at.dtype)
        square = d[..., 0] ** 2 + d[..., 1] ** 2 + d[..., 2] ** 2
        inside = square <= 9
        np.fill_diagonal(inside, False)
        far = np.sqrt(square.astype(float))
        weight = np.where(inside, mass / (far**3 + 1) + 0.5 / (1 + far), 0)
        assert_array_equal(tables[kind]["seen"].to_numpy(), inside.sum(axis=1))
        pull = np.array(tables[kind]["pull"].combine_chunks().flatten()).reshape(-1, 3)
        assert_allclose(pull, np.einsum("ij,ijk->ik", weight, d), rtol=accuracy, atol=1000 * accuracy)
