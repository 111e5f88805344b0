"""The seed and the parameters are no part of the compiled kernels: another run of the same app compiles nothing."""

from __future__ import annotations

import importlib

import pytest

import weaver as wv
from tests.apps.test_same_bits import SMALL
from weaver.compiler import write
from weaver.interpreter import Interpreter

GRID = wv.Sites(1.0)


class Soil(wv.Layer, resolution=2.0):
    wet: float


class Tree(wv.Entity, sites=GRID):
    height: float
    heard: int


class Ant(wv.Entity):
    load: float
    met: int


class Call(wv.Message):
    number: int


def wood(seed: int, most: float) -> wv.Simulation:
    """Draws of every kind: in behaviors, at the start, of layers, of sites, of ranks and of the order of messages."""
    sim = wv.Simulation(wv.Box(12, 8, boundary="periodic"), seed=seed, strict=True)
    limit = sim.parameter("most", most, low=0.0, high=9.0)

    @sim.behavior(reach=2.0)
    def grow(me: Tree, world: wv.World):
        me.heard = 0
        for call in world.inbox(me, Call, order="random"):
            me.heard = me.heard * 7 % 100_000 + call.number
        me.height += world.uniform(0, 1) * world.at(Soil, me.position).wet
        if world.random() < 0.3:
            world.jump_to_free(me)

    @sim.behavior(reach=1.0)
    def wander(me: Ant, world: wv.World):
        tree = world.nearest(me, Tree, radius=2.0)
        if tree is not None:
            world.send(tree, Call(world.integer(0, 9)))
        me.position += world.unit2() * 0.5

    @sim.meeting(radius=1.5)
    def greet(a: Ant, b: Ant, world: wv.World):
        a.met += 1
        b.load += world.random()

    sim.layer(Soil, wet=lambda draw: draw.uniform(0, limit))
    sim.scatter(Tree, 12, height=lambda draw: draw.uniform(0, limit))
    sim.scatter(Ant, 20, load=lambda draw: draw.normal(limit, 1.0))
    return sim


def test_other_seeds_and_parameters_have_the_same_kernels_and_their_own_bits():
    texts, digests = set(), set()
    for seed, most in ((1, 2.0), (2, 2.0), (1, 3.0)):
        sim = wood(seed, most)
        texts.add(write(sim).program.kernels.args[0])
        player = Interpreter(sim)
        with sim.start(partitions=2) as run:
            assert run.digest() == player.digest()
            run.step(5)
            player.step(5)
            assert run.digest() == player.digest()
            digests.add(run.digest())
    assert (len(texts), len(digests)) == (1, 3)


@pytest.mark.parametrize("name", sorted(SMALL))
def test_no_app_is_compiled_again_for_another_seed(name: str):
    sim = importlib.import_module(f"apps.{name}").sim
    before = write(sim).program
    sim.seed += 1
    after = write(sim).program
    assert after.identity != before.identity
    assert after.kernels.args == before.kernels.args
