"""The first promise: the same bits, whatever the number of partitions and threads and the order of rows."""

from __future__ import annotations

import importlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.strategies import integers

import weaver as wv
from partitions.grid import make_layout
from partitions.local import Local
from partitions.program import Program
from tests.weaver.generated import load, program
from weaver.compiler import compile, write

SPLITS = ((1, 2), (2, 1), (3, 1), (4, 2), (7, 1), (9, 1))
"""(partitions, threads), each compared with (1, 1)."""


def digests(compiled: Program, ticks: int, partitions: int, threads: int) -> list[str]:
    """The digest after each tick; ids stay unique and nobody is lost on the way."""
    with Local(compiled, partitions, threads) as runtime:
        assert runtime.partitions == min(partitions, compiled.grid.n_blocks)
        found = [runtime.digest()]
        before = {t: n + runtime.deaths()[t] for t, n in runtime.counts().items()}
        for tick in range(1, ticks + 1):
            assert runtime.advance(tick) == tick
            found.append(runtime.digest())
        after = {t: n + runtime.deaths()[t] for t, n in runtime.counts().items()}
        assert after == before
        ids = np.concatenate([runtime.rows(t)[0] for t in range(len(compiled.types))])
        assert len(np.unique(ids)) == len(ids) == sum(runtime.counts().values())
    return found


def check_splits(compiled: Program, ticks: int) -> None:
    """Every split gives the digests of one partition and one thread."""
    want = digests(compiled, ticks, 1, 1)
    assert len(set(want)) > 1, "a program that changes nothing proves nothing"
    for partitions, threads in SPLITS:
        assert digests(compiled, ticks, partitions, threads) == want, (partitions, threads)


PHASES = (Phase.explicit, Phase.generate)
"""No shrinking: a smaller seed is no simpler program, and each takes seconds to compile."""


@pytest.mark.slow
@settings(max_examples=4, phases=PHASES, derandomize=True, deadline=None, suppress_health_check=list(HealthCheck))
@given(seed=integers(0, 10_000))
def test_generated_programs_do_not_depend_on_partitions(seed: int, tmp_path_factory: pytest.TempPathFactory) -> None:
    run_generated(seed, tmp_path_factory.mktemp("generated"))


@pytest.mark.slow
@settings(max_examples=60, phases=PHASES, deadline=None, suppress_health_check=list(HealthCheck))
@given(seed=integers(10_000, 1_000_000))
def test_many_generated_programs_do_not_depend_on_partitions(
    seed: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    run_generated(seed, tmp_path_factory.mktemp("generated"))


def run_generated(seed: int, folder: Path) -> None:
    """Compile the program of a seed and compare the splits; every fault must be the same one too."""
    from partitions.errors import TickFault

    compiled = compile(load(program(seed), folder, f"generated_{seed}").sim)
    outcomes = []
    for partitions, threads in ((1, 1), *SPLITS):
        try:
            outcomes.append(digests(compiled, 6, partitions, threads))
        except TickFault as fault:
            outcomes.append([str(fault.order)])
    assert all(o == outcomes[0] for o in outcomes), seed


@pytest.mark.parametrize("name", ["flocking", "bottleneck"])
def test_bundled_apps_do_not_depend_on_partitions(name: str) -> None:
    module = importlib.import_module(f"apps.{name}")
    sim = module.sim
    if name == "flocking":
        sim = smaller(sim)
    check_splits(compile(sim), 10)


def smaller(sim: wv.Simulation) -> wv.Simulation:
    """The same simulation with 4,000 birds in a corner of the box and all over it."""
    from weaver.sources import Scatter

    source = sim.sources[0]
    assert isinstance(source, Scatter)
    sim.sources[0] = Scatter(source.type, 4_000, source.fields, source.index)
    return sim


class Dust(wv.Entity):
    velocity: wv.Vec2
    weight: float = 1.0
    near: int = 0


def dust(boundary: str = "periodic", box: tuple[float, float] = (20.0, 20.0), radius: float = 2.0) -> wv.Simulation:
    """Entities that feel and count their neighbours."""
    sim = wv.Simulation(wv.Box(*box, boundary=boundary), seed=5)

    @sim.behavior
    def drift(me: Dust, world: wv.World):
        push, n = wv.Vec2(), 0
        for other in world.near(me, Dust, radius=radius):
            push -= other.weight * (other.position - me.position)
            n += 1
        me.near = n
        me.weight = 0.5 * me.weight + 0.01 * n
        me.velocity = (me.velocity + 0.05 * push).clamped(1.0)
        me.position += me.velocity

    return sim


def test_the_order_of_added_rows_does_not_matter() -> None:
    rng = np.random.default_rng(1)
    position, velocity, ids = rng.uniform(0, 20, (500, 2)), rng.normal(0, 0.3, (500, 2)), rng.permutation(10_000)[:500]
    results = []
    for order in (np.arange(500), rng.permutation(500), np.arange(500)[::-1]):
        sim = dust()
        sim.add(Dust, position=position[order], velocity=velocity[order], id=ids[order])
        results.append(digests(compile(sim), 5, 3, 1))
    assert results[0] == results[1] == results[2]


@pytest.mark.parametrize("boundary", ["periodic", "reflect", "clamp", "absorb"])
def test_entities_on_corners_and_seams(boundary: str) -> None:
    sim = dust(boundary)
    lines = np.arange(0, 21, 2.0)
    x, y = np.meshgrid(lines, lines)
    corners = np.stack([x.ravel(), y.ravel()], 1)
    sim.add(Dust, position=np.concatenate([corners, corners, np.nextafter(corners, 0)]))
    check_splits(compile(sim), 6)


def test_everyone_in_one_cell() -> None:
    sim = dust()
    sim.scatter(Dust, 200, position=lambda rng: wv.Vec2(rng.uniform(4.1, 4.4), rng.uniform(7.1, 7.4)))
    check_splits(compile(sim), 6)


def test_partitions_without_entities_and_more_than_blocks() -> None:
    sim = dust(box=(8.0, 4.5))
    sim.scatter(Dust, 3)
    compiled = compile(sim)
    assert compiled.grid.n_blocks == 8
    want = digests(compiled, 5, 1, 1)
    assert digests(compiled, 5, 100, 1) == want
    assert len(make_layout(compiled.grid, 100).parts) == 8


@pytest.mark.parametrize(("box", "radius"), [((20.0, 4.0), 1.99), ((4.1, 4.1), 2.04), ((300.0, 1.0), 0.3)])
def test_worlds_of_few_cells(box: tuple[float, float], radius: float) -> None:
    sim = dust(box=box, radius=radius)
    sim.scatter(Dust, 150, velocity=lambda rng: rng.unit2() * 0.01)
    check_splits(compile(sim), 6)


@pytest.mark.slow
def test_a_world_one_cell_wide() -> None:
    sim = dust("reflect", box=(30.0, 1.5))
    sim.scatter(Dust, 150)
    compiled = compile(sim)
    assert compiled.grid.blocks == (15, 1)
    check_splits(compiled, 6)


def test_a_radius_of_half_the_world_is_an_error() -> None:
    sim = dust(box=(20.0, 4.0), radius=2.0)
    sim.scatter(Dust, 10)
    with pytest.raises(
        wv.ModelError, match=r"looks 2 away; allowed on the periodic axis y of length 4 is less than half"
    ):
        compile(sim)


def test_one_specialisation_per_phase_whatever_the_threads() -> None:
    sim = dust()
    sim.scatter(Dust, 5_000)
    compiled = compile(sim)
    for threads in (1, 2):
        digests(compiled, 2, 2, threads)
    kernels = compiled.kernels()
    assert {name: len(kernel.signatures) for name, kernel in kernels.items()} == {
        "drift__Dust": 1,
        "scatter0__Dust": 1,
    }


def test_the_seed_changes_the_result_and_the_identity() -> None:
    made = []
    for seed in (1, 2):
        sim = wv.Simulation(wv.Box(20, 20, boundary="periodic"), seed=seed)

        @sim.behavior
        def shake(me: Dust, world: wv.World):
            me.position += world.unit2() * 0.1

        sim.scatter(Dust, 100)
        compiled = compile(sim)
        made.append((compiled.identity, digests(compiled, 3, 1, 1)))
    assert made[0][0] != made[1][0]
    assert made[0][1] != made[1][1]


def test_the_folder_of_an_app_does_not_change_its_identity(tmp_path: Path) -> None:
    made = set()
    for name in ("here", "there"):
        folder = tmp_path / name
        folder.mkdir()
        made.add(write(load(program(295), folder, "moved").sim).program.identity)
    assert len(made) == 1
