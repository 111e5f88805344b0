"""Rasters, the grids that they nest in, and the adding of deposits."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from partitions.deposits import add_up
from partitions.grid import Search, lattice_edges, make_grid, make_layout, make_space
from partitions.loops import loops
from partitions.program import Column, TypeSpec
from partitions.raster import Raster
from partitions.store import Crew, Partition, geometry_of

SPEC = TypeSpec("Grass", (Column("level", "<f8"), Column("kind", "|u1")), ("level",), True, False, True)


@given(st.floats(0.1, 1e6), st.floats(-1e6, 1e6), st.integers(1, 60), st.integers(1, 12))
def test_edges_of_cells_that_nest_are_the_same_numbers(length, origin, n, m):
    axis = make_space((length, 1.0), (origin, 0.0), ("clamp", "periodic")).axes[0]
    fine, coarse = lattice_edges(axis, n * m), lattice_edges(axis, n)
    assert (fine[::m] == coarse).all()
    assert (np.diff(fine) > 0).all() and fine[0] == axis.low and fine[-1] == axis.high


@pytest.mark.parametrize("boundary", ["periodic", "clamp"])
def test_blocks_nest_in_every_raster_and_lattice_and_are_as_wide_as_asked(boundary):
    space = make_space((12.0, 9.0), (0.0, 0.0), (boundary, boundary))
    searches = (Search((0.7,), 0.7, 1000), Search(shape=(24, 18), rim=1.1, border=1), Search(shape=(12, 9)))
    grid = make_grid(space, searches, 0.5, fixed=[(36, 27)])
    assert grid.blocks == (6, 3)
    for axis, blocks in enumerate(grid.blocks):
        assert np.diff(grid.block_edges[axis]).min() >= 1.1
        for cells in grid.cells:
            assert (cells.edges[axis][:: cells.per_block[axis]] == grid.block_edges[axis]).all()
            assert cells.per_block[axis] * blocks == cells.shape[axis]
    assert grid.cells[1].rim == (4, 4) and grid.cells[2].rim == (0, 0)


def test_nothing_changes_without_rasters():
    space = make_space((10.0, 7.0), (0.0, 0.0), ("periodic", "clamp"))
    grid = make_grid(space, [Search((1.0,), 1.0, 10)], 1.0)
    assert grid.blocks == (10, 7)


def world(partitions):
    space = make_space((12.0, 8.0), (0.0, 0.0), ("periodic", "clamp"))
    grid = make_grid(space, [Search(shape=(12, 8), rim=1.5, border=0)], 1.5)
    layout = make_layout(grid, partitions)
    return grid, layout, [Partition(k, [SPEC], grid, layout) for k in range(len(layout.parts))]


@pytest.mark.parametrize("partitions", [1, 3, 7])
def test_a_raster_holds_the_cells_of_its_box_row_by_row(partitions):
    _, _, parts = world(partitions)
    values, seen = np.arange(96.0), []
    for part in parts:
        raster = part.tables[0]
        assert isinstance(raster, Raster) and raster.n_own == len(raster.own_rows())
        raster.fill("level", values)
        rows = raster.own_rows()
        assert (raster.columns["level"][rows] == raster.ids[rows]).all()
        seen.append(raster.ids[rows])
        cuts = raster.pieces(Crew(1), 4)
        assert cuts == [(0, raster.n_own_cells)]
    assert sorted(np.concatenate(seen).tolist()) == list(range(96))


def test_pieces_of_a_raster_are_whole_lines_that_cover_it():
    space = make_space((300.0, 200.0), (0.0, 0.0), ("periodic", "clamp"))
    grid = make_grid(space, [Search(shape=(300, 200))], 100.0)
    layout = make_layout(grid, 1)
    raster = Raster(SPEC, geometry_of(grid, layout, 0, 0), (300, 200, 1))
    crew = Crew(3)
    cuts = raster.pieces(crew, 4)
    crew.close()
    assert len(cuts) > 3 and cuts[0][0] == 0 and cuts[-1][1] == 60_000
    assert all(a % 300 == 0 and b == c for (a, b), (c, _) in pairwise(cuts))


@settings(deadline=None)  # the first call compiles
@given(st.data())
def test_amounts_are_added_by_type_id_and_sequence(data):
    n = data.draw(st.integers(0, 120))
    random = np.random.default_rng(data.draw(st.integers(0, 99)))
    crowd = data.draw(st.sampled_from([1, 4, 40]))
    row = random.integers(0, crowd, n)
    types, ids, sequences = random.integers(0, 2, n, np.int32), random.integers(0, 5, n), np.arange(n, dtype=np.int32)
    amount = random.choice([1e16, -1e16, 1.0, 0.1], n)
    mixed = random.permutation(n)
    row, types, ids, sequences, amount = (a[mixed] for a in (row, types, ids, sequences, amount))
    start, order = np.full(42, 9, np.uint32), np.empty(n, np.uint32)
    loops("order").arrange(row, types, ids, sequences, start, order)
    assert order.tolist() == np.lexsort((sequences, ids, types, row)).tolist()
    column = np.full(41, 0.25)
    wanted = column.copy()
    for k in order:
        wanted[row[k]] += amount[k]
    add_up(amount, row, order, column)
    assert (column == wanted).all()


def test_sums_are_rounded_once_and_whole_numbers_wrap():
    row, order = np.zeros(3, np.int64), np.arange(3, dtype=np.uint32)
    column = np.array([1.0], np.float32)
    add_up(np.array([2.0**-25, 2.0**-25, 2.0**-25]), row, order, column)
    assert column[0] == np.float32(1.0 + 3 * 2.0**-25)
    small = np.array([250], np.uint8)
    add_up(np.array([3, 2, 4]), row, order, small)
    assert small[0] == 3
