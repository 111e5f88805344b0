"""Cells of small integers are done in narrow lanes, with the bits of int64; others are left alone."""

import numpy as np
import pytest

import weaver as wv
from weaver.compiler.build import write
from weaver.interpreter import Interpreter

LIMIT = 5


class Cell(wv.Layer, resolution=1.0):
    alive: bool
    heat: wv.uint8
    charge: wv.int8
    other: int


def count(cell: Cell, world: wv.World):
    """Signed values, which need 16 bits and wrap when stored."""
    total = sum(other.charge for other in world.around(cell) if other.charge != -3)
    largest = max((other.heat for other in world.beside(cell)), default=0)
    cell.charge = -total + 2 * largest
    cell.heat += 250
    cell.alive = any(other.alive for other in world.beside(cell)) and not all(o.alive for o in world.around(cell))


def wide(cell: Cell, world: wv.World):
    """An int field has no bounds."""
    cell.other += sum(o.heat for o in world.around(cell)) * 1_000_003


def spread(cell: Cell, world: wv.World):
    """All that fits into 8 bits."""
    n = 0
    for other in world.around(cell):
        if other.alive and not (other.heat < LIMIT):
            n += 1
        elif other.heat == 7:
            n += 2
    if n > 3:
        cell.alive = not cell.alive
        cell.heat = min(n, LIMIT) + cell.alive
    else:
        cell.heat = n * 3


def world_of(boundary):
    sim = wv.Simulation(wv.Box(8, 8, boundary=boundary), seed=3)
    for behavior in (spread, count, wide):
        sim.behavior(behavior)
    rng = np.random.default_rng(5)
    shape = (8, 8)
    sim.layer(
        Cell,
        alive=rng.random(shape) < 0.5,
        heat=rng.integers(0, 256, shape).astype("u1"),
        charge=rng.integers(-128, 128, shape).astype("i1"),
    )
    return sim


@pytest.mark.slow
def test_narrow_lanes_have_the_bits_of_wide_ones():
    sim = world_of(("periodic", "clamp"))
    text = write(sim).text
    assert "np.uint8(np.uint8(" in text and "np.int16(np.int16(" in text
    plain = Interpreter(sim)
    with sim.start(partitions=2) as run:
        for _ in range(4):
            run.step(1)
            plain.step(1)
            assert run.digest() == plain.digest()
