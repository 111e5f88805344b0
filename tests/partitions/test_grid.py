"""The grid: lattice, cells, scan widths, layouts."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from partitions.errors import GridError
from partitions.grid import Axis, Search, make_grid, make_layout, make_space, scan_width

lengths = st.floats(0.01, 1000.0)


def test_a_box_of_four_by_three_has_a_lattice_of_two_to_the_minus_50() -> None:
    space = make_space((4.0, 3.0), (0.0, 0.0), ("periodic", "clamp"))
    assert space.quantum == 2.0**-50
    assert space.quantum32 == 2.0**-21
    assert [a.length for a in space.axes] == [4.0, 3.0]


@given(lengths, st.floats(-1000.0, 1000.0), st.integers(0, 2**53), st.integers(0, 2**53))
def test_sums_with_the_length_and_differences_of_lattice_positions_are_exact(
    length: float, origin: float, i: int, j: int
) -> None:
    space = make_space((length, 1.0), (origin, 0.0), ("periodic", "clamp"))
    axis, q = space.axes[0], space.quantum
    units = round(axis.length / q)
    p, r = axis.low + (i % units) * q, axis.low + (j % units) * q
    for value in (p + axis.length, p - axis.length, p - r, axis.length):
        assert abs(value / q) <= 2**53  # the numbers of the lattice up to here are all numbers of float64
    assert (p + axis.length) - axis.length == p
    assert (p - r) + r == p


@pytest.mark.parametrize(("single", "digits"), [(False, 53), (True, 24)])
def test_the_lattice_is_coarser_where_images_of_a_centred_box_need_it(single: bool, digits: int) -> None:
    space = make_space((357.0, 1.0), (-156.0, 0.0), ("periodic", "clamp"), single)
    assert (space.quantum, space.quantum32) == (2.0 ** (10 - 53), 2.0 ** (10 - 24))
    assert make_space((357.0, 1.0), (-156.0, 0.0), ("clamp", "clamp")).quantum == 2.0 ** (9 - 53)
    p, real = space.axes[0].high - 2.0 ** (10 - digits), np.float32 if single else np.float64
    length = real(space.axes[0].length)
    assert (real(p) + length) - length == p


def test_an_axis_shorter_than_the_lattice_is_an_error() -> None:
    with pytest.raises(GridError, match="would hold no position"):
        make_space((1e-18, 1.0), (0.0, 0.0), ("clamp", "clamp"))


@given(st.integers(1, 40), lengths, st.floats(0.001, 3.0), st.booleans(), st.integers(0, 2**32 - 1))
def test_no_pair_within_the_radius_is_further_apart_than_the_scan(
    n: int, length: float, ratio: float, periodic: bool, seed: int
) -> None:
    space = make_space((length, length), (0.0, 0.0), ("periodic" if periodic else "clamp",) * 2)
    axis, q, rng = space.axes[0], space.quantum, np.random.default_rng(seed)
    edges = np.rint(np.linspace(axis.low, axis.high, n + 1) / q) * q
    radius = min(ratio, 0.499 * n if periodic else math.inf) * length / n
    k = scan_width(edges, radius, periodic)
    assert periodic or k < max(n, 1)
    p = np.concatenate([edges[:-1], edges[1:] - q, np.rint(rng.uniform(0, length - q, 50) / q) * q])
    p = p[(p >= axis.low) & (p < axis.high)]
    cells = np.searchsorted(edges, p, "right") - 1
    for turn in range(-math.ceil(radius / length) - 1, math.ceil(radius / length) + 2) if periodic else (0,):
        apart = np.abs((cells[None] + turn * n) - cells[:, None])
        near = np.abs((p[None] + turn * axis.length) - p[:, None]) <= radius
        assert apart[near].max(initial=0) <= k


def test_pairs_at_exactly_the_radius_are_at_most_one_cell_apart_when_cells_are_as_wide() -> None:
    space = make_space((400.0, 400.0), (0.0, 0.0), ("periodic",) * 2)
    grid = make_grid(space, [Search((5.0,), 5.0, 80_000)], 1.0)
    assert grid.cells[0].shape == (80, 80)
    assert grid.cells[0].rim == (1, 1)


@given(
    st.lists(st.floats(0.5, 50.0), min_size=2, max_size=3),
    st.floats(0.05, 60.0),
    st.floats(0.05, 60.0),
    st.floats(0.0, 20.0),
    st.integers(1, 40),
)
def test_a_layout_covers_every_block_once_and_cells_divide_blocks(
    sides: list[float], small: float, large: float, reach: float, n: int
) -> None:
    space = make_space(sides, (0.0,) * len(sides), ("clamp",) * len(sides))
    grid = make_grid(space, [Search((small,), small, 100), Search((large,), large, 100), Search()], reach)
    layout = make_layout(grid, n)
    assert len(layout.parts) == min(n, grid.n_blocks)
    covered = np.zeros(tuple(reversed(grid.blocks)), np.int64)
    for number, part in enumerate(layout.parts):
        where = tuple(slice(a, b) for a, b in zip(reversed(part.low), reversed(part.high), strict=True))
        covered[where] += 1
        assert (layout.owner.reshape(covered.shape)[where] == number).all()
    assert (covered == 1).all()
    for cells in grid.cells:
        for axis, m in enumerate(cells.per_block):
            np.testing.assert_array_equal(cells.edges[axis][::m], grid.block_edges[axis])
            assert (np.diff(cells.edges[axis]) > 0).all()
    for axis, edges in zip(space.axes, grid.block_edges, strict=True):
        width = max(small, large, reach)
        assert len(edges) == 2 or np.diff(edges).min() >= width
        assert (edges[0], edges[-1]) == (axis.low, axis.high)


@given(st.integers(1, 64), st.integers(1, 64), st.integers(1, 9))
def test_partitions_of_a_layout_are_about_equally_large(bx: int, by: int, n: int) -> None:
    space = make_space((float(bx), float(by)), (0.0, 0.0), ("clamp", "clamp"))
    grid = make_grid(space, [Search((1.0,), 1.0, 1)], 0.0)
    layout = make_layout(grid, n)
    sizes = [math.prod(h - lo for lo, h in zip(p.low, p.high, strict=True)) for p in layout.parts]
    assert sum(sizes) == grid.n_blocks
    assert min(sizes) >= 1
    if grid.n_blocks >= 16 * n * n and min(grid.blocks) >= 4 * n:
        assert max(sizes) <= 1.5 * grid.n_blocks / n


def test_an_axis_knows_whether_it_wraps() -> None:
    assert Axis(0.0, 1.0, "periodic", 0.5).periodic
    assert not Axis(0.0, 1.0, "clamp", 0.5).periodic
