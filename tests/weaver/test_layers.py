"""Layers beside their exact meaning: how good diffusion is, what a run answers, and errors."""

import math

import numpy as np
import pytest

import weaver as wv
from weaver.compiler import write
from weaver.compiler.explain import explain

SIDE = 32.0


class Coarse(wv.Layer, resolution=1.0):
    level: float


class Fine(wv.Layer, resolution=0.5):
    level: float


class Both(wv.Layer, resolution=2.0):
    level: float
    flow: wv.Vec2f


class Ant(wv.Entity):
    seen: float


def gaussian(n, variance, mass=1.0):
    x = (np.arange(n) + 0.5) * (SIDE / n) - SIDE / 2
    far = x[:, None] ** 2 + x[None, :] ** 2
    return mass * np.exp(-far / (2 * variance)) / (2 * math.pi * variance)


def test_diffusion_of_a_gaussian_converges_with_order_two_and_keeps_the_sum():
    sim = wv.Simulation(wv.Box(SIDE, SIDE, boundary=("periodic", "reflect")), seed=1, dt=0.005)
    sim.layer(Coarse, level=gaussian(32, 4.0))
    sim.layer(Fine, level=gaussian(64, 4.0))
    sim.diffuse(Coarse, "level", 1.0)
    sim.diffuse(Fine, "level", 1.0)
    with sim.start(partitions=2) as run:
        run.step(400)
        errors = [np.abs(run.layer(kind) - gaussian(n, 8.0)).max() for kind, n in ((Coarse, 32), (Fine, 64))]
        for kind, n in ((Coarse, 32), (Fine, 64)):
            assert run.layer(kind).sum() == pytest.approx(gaussian(n, 4.0).sum(), rel=1e-12)
    assert 1.8 < math.log2(errors[0] / errors[1]) < 2.4


class Cell(wv.Layer, resolution=1.0):
    alive: bool


@pytest.mark.parametrize("boundary", ["periodic", "clamp"])
def test_the_game_of_life_is_that_of_numpy_on_threads_and_partitions(boundary):
    sim = wv.Simulation(wv.Box(160, 120, boundary=boundary), seed=1)
    start = np.random.default_rng(1).random((120, 160)) < 0.35
    sim.layer(Cell, alive=start)

    @sim.behavior
    def live(cell: Cell, world: wv.World):
        n = sum(other.alive for other in world.around(cell))
        cell.alive = n == 3 or (cell.alive and n == 2)

    wanted = start
    for _ in range(5):
        wide = np.pad(wanted.astype(int), 1, mode="wrap" if boundary == "periodic" else "constant")
        shifts = [(j, i) for j in range(3) for i in range(3) if (j, i) != (1, 1)]
        n = sum(wide[j : j + 120, i : i + 160] for j, i in shifts)
        wanted = (n == 3) | (wanted & (n == 2))
    for partitions, threads in ((1, 1), (1, 3), (7, 2)):
        with sim.start(partitions=partitions, threads=threads) as run:
            run.step(5)
            assert (run.layer(Cell) == wanted).all()


def test_a_run_answers_about_its_layers_and_after_its_end():
    sim = wv.Simulation(wv.Box(8, 6, boundary="clamp"), seed=1)
    sim.layer(Both, level=np.arange(12.0).reshape(3, 4), flow=wv.Vec2f(1, 2))
    sim.scatter(Ant, 5)

    @sim.behavior
    def grow(cell: Both, world: wv.World):
        cell.level += 1.0

    with sim.start(partitions=2) as run:
        run.step()
        whole = run.layer(Both)
        assert whole.shape == (3, 4) and whole["flow"].shape == (3, 4, 2) and whole["flow"].dtype == np.float32
        assert whole["level"][2, 1] == 10.0
        assert run.counts() == {"Ant": 5}
        with pytest.raises(wv.ModelError, match="it has level"):
            run.layer(Both, "lvl")
        with pytest.raises(wv.ModelError, match="simulation has Both"):
            run.layer(Coarse)
    assert run.layer(Both, "level")[0, 0] == 1.0
    assert run.stats()["updates_per_second"] > 0


def test_explain_tells_of_layers():
    sim = wv.Simulation(wv.Box(8, 6, boundary="clamp"), seed=1)
    sim.diffuse(Both, "level", 0.1)

    @sim.behavior
    def look(me: Ant, world: wv.World):
        world.deposit(Both, me.position, level=1.0)

    text = explain(sim)
    assert "Both: layer of 4 x 3 cells" in text
    assert "diffuse.Both.level" in text and "adds to Both" in text


def refused(behavior):
    """The error that a behavior of an ant or a cell gets."""
    sim = wv.Simulation(wv.Box(8, 6, boundary="clamp"), seed=1)
    sim.behavior(behavior)
    with pytest.raises(wv.WeaverError) as caught:
        write(sim)
    return str(caught.value)


def test_words_on_layers_say_what_is_wrong():
    def looks(me: Ant, world: wv.World):
        me.seen = world.count(me, Both, radius=1.0)

    assert "world.around(cell)" in refused(looks)

    def around(me: Ant, world: wv.World):
        for cell in world.around(me):
            me.seen += cell.level

    assert "world.around(world.at(" in refused(around)

    def farther(me: Both, world: wv.World):
        for cell in world.around(me):
            for other in world.around(cell):
                me.level += other.level

    assert "itself a neighbour" in refused(farther)

    def value(me: Ant, world: wv.World):
        me.seen = world.at(Both, me.position)

    assert "Read a field of it" in refused(value)

    def entity(me: Ant, world: wv.World):
        me.seen = world.at(Ant, me.position).seen

    assert "names no layer" in refused(entity)

    def vector(me: Ant, world: wv.World):
        me.seen = world.gradient(Both, me.position, "flow").x

    assert "one number, written out: level" in refused(vector)

    def gives(me: Ant, world: wv.World):
        world.deposit(Both, me.position, lvl=1.0)

    assert "numbers and vectors level, flow" in refused(gives)

    def writes(me: Ant, world: wv.World):
        cell = world.at(Both, me.position)
        cell.level = 1.0

    assert "another entity" in refused(writes)

    def moves(me: Both, world: wv.World):
        me.position += wv.Vec2(1, 1)

    assert "a cell stays where it is" in refused(moves)

    def dies(me: Both, world: wv.World):
        world.remove(me)

    assert "there for good" in refused(dies)


def test_initial_functions_know_the_cell_alone():
    sim = wv.Simulation(wv.Box(8, 6, boundary="clamp"), seed=1)
    sim.layer(Both, level=lambda cell: cell.level + 1.0)
    with pytest.raises(wv.WeaverError, match="asks for more than the cell"):
        write(sim)


def test_a_resolution_that_does_not_divide_the_box_is_refused():
    sim = wv.Simulation(wv.Box(9, 6, boundary="clamp"), seed=1)
    sim.diffuse(Both, "level", 0.1)
    with pytest.raises(wv.ModelError, match="resolution of 2"):
        write(sim)
