"""Array fields: `wv.Array[float, n]`, read and written one by one."""

import numpy as np
import pyarrow as pa
import pytest

import weaver as wv
from tests.weaver.players import world_of

LAST = -1


class Cell(wv.Entity):
    """Genes and counts."""

    genes: wv.Array[float, 4] = (1, 2, 3, 4)
    counts: wv.Array[wv.int8, 3] = 5
    flags: wv.Array[bool, 2]
    narrow: wv.Array[wv.float32, 2]
    k: int
    total: float


def double_first(me, factor):
    me.genes[0] *= factor
    return me.genes[1]


def model():
    sim = world_of((20, 20))

    @sim.behavior
    def change(me: Cell, world: wv.World):
        me.genes[me.k] += 10.0  # a variable index, from the end too
        me.genes[LAST] = me.genes[0] + me.genes[-3]
        for i in range(len(me.counts)):
            me.counts[i] = me.counts[i] * 30  # wraps when stored, not before
        me.flags[0], me.total = me.genes[1] > 2, double_first(me, 3.0)
        me.narrow[1] = 0.1

    @sim.behavior
    def read(me: Cell, world: wv.World):
        for other in world.near(me, Cell, radius=2.0):
            me.total += other.genes[3] * 100
            for i in range(1, 4):
                me.total += other.genes[i - 4] + other.counts[-i]

    return sim


def test_elements_are_read_and_written_by_constant_and_variable_index(play):
    sim = model()
    sim.add(Cell, position=[(1, 1), (2, 1), (9, 9)], k=[0, -1, 2], genes=[[1, 2, 3, 4], [5, 6, 7, 8], [9, 9, 9, 9]])
    cells = play(sim, 1).of(Cell)
    genes = np.array([[1, 2, 3, 4], [5, 6, 7, 8], [9, 9, 9, 9]], float)
    for row, k in enumerate([0, -1, 2]):
        genes[row, k] += 10
    genes[:, 3] = genes[:, 0] + genes[:, 1]
    total = genes[:, 1].copy()
    genes[:, 0] *= 3
    np.testing.assert_array_equal(cells["genes"], genes)
    counts = np.full((3, 3), 150).astype(np.int8)
    np.testing.assert_array_equal(cells["counts"], counts)
    np.testing.assert_array_equal(cells["flags"], [[False, False], [True, False], [True, False]])
    np.testing.assert_array_equal(cells["narrow"], np.array([[0, np.float32(0.1)]] * 3))
    for me, other in ((0, 1), (1, 0)):
        total[me] += genes[other, 3] * 100 + genes[other, 1:].sum() + counts[other].sum()
    np.testing.assert_array_equal(cells["total"], total)


@pytest.mark.parametrize("k", [4, -5])
def test_an_element_that_does_not_exist_is_a_fault(play, k):
    sim = model()
    sim.scatter(Cell, 5, k=k)
    with pytest.raises(wv.RunError, match=r"an element that does not exist .* Cell 0 \(behavior 'change'\)"):
        play(sim, 1)


def test_arrays_come_from_tables_and_draws_and_go_to_arrow():
    sim = world_of((20, 20))
    sim.scatter(Cell, 2, genes=lambda rng: (rng.random(), 2, 3, rng.random()), counts=(1, 2, 3), narrow=0.5)
    sim.add(Cell, {"x": [1, 2], "y": [1, 2], "flags_0": [1, 0], "flags_1": [0, 0]}, counts=[1, 2, 3], narrow=2)
    with sim.start(partitions=2) as run:
        table = run.entities(Cell)
        assert table.schema.field("genes").type == pa.list_(pa.float64(), 4)
        assert table.schema.field("counts").type == pa.list_(pa.int8(), 3)
        genes = np.array(table["genes"].to_pylist())
        assert ((genes[:2, [0, 3]] > 0) & (genes[:2, [0, 3]] < 1)).all() and (genes[:2, [1, 2]] == [2, 3]).all()
        assert table["genes"].to_pylist()[2:] == [[1, 2, 3, 4]] * 2
        assert table["counts"].to_pylist() == [[1, 2, 3]] * 4
        assert table["flags"].to_pylist() == [[False, False]] * 2 + [[True, False], [False, False]]
        assert table["narrow"].to_pylist() == [[0.5, 0.5]] * 2 + [[2, 2]] * 2
        digest = run.digest()
    with sim.start() as run:
        assert run.digest() == digest
    with pytest.raises(wv.ModelError, match=r"has the shape \(2,\) of int64; counts takes \(n, 3\)"):
        sim.add(Cell, position=[(1, 1)], counts=[1, 2])
    sim.scatter(Cell, 1, counts=(1, 2))
    with pytest.raises(wv.ModelError, match="was given 2 values; counts has 3 elements"):
        sim.start()


def whole(me: Cell, world: wv.World):
    for gene in me.genes:
        me.total += gene


def assigned(me: Cell, world: wv.World):
    me.genes = (1, 2, 3, 4)


def beyond(me: Cell, world: wv.World):
    me.genes[4] = 0.0


def of_another(me: Cell, world: wv.World):
    for other in world.near(me, Cell, radius=1.0):
        other.genes[0] = 1.0


def by_a_fraction(me: Cell, world: wv.World):
    me.total = me.genes[0.5]


@pytest.mark.parametrize(
    ("behavior", "message"),
    [
        (whole, r"the array me\.genes is used as a whole"),
        (assigned, r"the array me\.genes is used as a whole"),
        (beyond, r"me\.genes\[4\] is asked for, and there are 4 elements"),
        (of_another, r"other\.genes is written, but 'other' is another entity"),
        (by_a_fraction, "by whole numbers"),
    ],
)
def test_what_cannot_be_done_with_an_array_is_told(behavior, message):
    sim = world_of((20, 20))
    sim.behavior(behavior)
    sim.scatter(Cell, 1)
    with pytest.raises(wv.BehaviorError, match=message):
        sim.start()
