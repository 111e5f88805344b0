"""The store and the exchange: rows in order, ghosts exactly where they can be seen, nobody lost."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from partitions.grid import make_layout
from partitions.local import Local
from partitions.loops import loops
from partitions.program import Program
from partitions.store import Crew, Table, geometry_of
from partitions.worker import Worker
from tests.partitions.gang import Gang
from tests.partitions.programs import BIRD, STONE, mingling

WORLDS: list[tuple[tuple[float, ...], tuple[str, ...]]] = [
    ((10.0, 8.0), ("periodic", "periodic")),
    ((10.0, 8.0), ("clamp", "periodic")),
    ((9.0, 5.0), ("clamp", "clamp")),
    ((30.0, 2.5), ("periodic", "periodic")),
    ((4.5, 4.5), ("periodic", "periodic")),
    ((6.0, 5.0, 4.5), ("periodic", "clamp", "periodic")),
    ((5.0, 5.0, 5.0), ("periodic", "periodic", "periodic")),
]


def _everybody(gang: Any, type: int) -> tuple[np.ndarray, list[np.ndarray]]:
    pairs = [worker.rows(type) for worker in gang.workers]
    columns = [np.concatenate(c) for c in zip(*(columns for _, columns in pairs), strict=True)]
    return np.concatenate([ids for ids, _ in pairs]), columns


def check_tables(gang: Any, program: Program, stale: bool = False) -> None:
    """Compare every table, row for row, with what brute force says it must hold."""
    grid, dim = program.grid, program.grid.space.dim
    layout = gang.layout
    for t, spec in enumerate(program.types):
        ids, columns = _everybody(gang, t)
        assert len(np.unique(ids)) == len(ids)
        cells = grid.cells[t]
        home = [
            np.clip(np.searchsorted(e, p, "right") - 1, 0, len(e) - 2)
            for e, p in zip(cells.edges, columns[:dim], strict=True)
        ]
        turns = []
        for a, n, r in zip(grid.space.axes, cells.shape, cells.rim, strict=True):
            most = -(-r // n) if a.periodic else 0
            turns.append(range(-most, most + 1))
        for number, table in gang.tables(t):
            part = layout.parts[number]
            low = np.array(part.low) * cells.per_block
            high = np.array(part.high) * cells.per_block
            extent = high - low + 2 * np.array(cells.rim)
            rows = []
            for shift in itertools.product(*turns):
                at = np.array([h + s * n for h, s, n in zip(home, shift, cells.shape, strict=True)]).T
                local = at - low + cells.rim
                for i in np.flatnonzero(((local >= 0) & (local < extent)).all(axis=1)):
                    own = bool(((at[i] >= low) & (at[i] < high)).all())
                    assert not own or not any(shift)
                    cell = int(np.ravel_multi_index(tuple(local[i][::-1]), tuple(extent[::-1])))
                    place = [c[i] + s * a.length for c, s, a in zip(columns, shift, grid.space.axes, strict=False)]
                    rows.append((cell, int(ids[i]), own, place, [c[i] for c in columns[dim:]]))
            rows.sort(key=lambda row: row[:2])
            n = table.n
            assert n == len(rows)
            starts = table.start.astype(np.int64)
            assert np.repeat(np.arange(table.n_cells), np.diff(starts)).tolist() == [row[0] for row in rows]
            assert table.ids[:n].tolist() == [row[1] for row in rows]
            assert table.own_rows().tolist() == [k for k, row in enumerate(rows) if row[2]]
            assert table.n_own == len(table.own_rows())
            assert table.dead[:n].sum() == 0
            for k, c in enumerate(spec.columns):
                got = table.columns[c.name][:n]
                if k < dim:
                    assert got.tolist() == [row[3][k] for row in rows]
                elif c.name in spec.ghost_columns and not stale:
                    assert got.tolist() == [row[4][k - dim] for row in rows]


@pytest.mark.slow
@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from(WORLDS),
    st.sampled_from([(1.0, 2.0), (0.3, 2.2), (2.2, 0.5), (1.24, 1.24)]),
    st.sampled_from(["anywhere", "corners", "together"]),
    st.sampled_from([1, 2, 3, 5, 9]),
    st.sampled_from([1, 2, 3]),
    st.booleans(),
    st.sampled_from([0, 9]),
    st.integers(0, 2**32 - 1),
)
def test_ghosts_are_exactly_what_the_neighbours_can_see(
    world: Any, radii: Any, where: str, partitions: int, workers: int, jumps: bool, deaths: int, seed: int
) -> None:
    program = mingling(*world, n=60, radii=radii, where=where, seed=seed, jumps=jumps, deaths=deaths, stones=15)
    with Gang(program, partitions, workers) as gang:
        gang.done(Worker.populate)
        check_tables(gang, program)
        for tick in (1, 2, 4):
            gang.done(lambda worker, tick=tick: worker.advance(tick))
            check_tables(gang, program, stale=True)
            lost = sum(worker.deaths[BIRD] for worker in gang.workers)
            assert sum(worker.counts()[BIRD] for worker in gang.workers) + lost == 60
            assert sum(worker.counts()[STONE] for worker in gang.workers) == 15
            assert deaths or not lost


@pytest.mark.parametrize("world", WORLDS)
def test_every_pair_within_the_radius_is_seen_from_both_sides(world: Any) -> None:
    program = mingling(*world, n=150, radii=(1.0, 2.0), where="corners" if len(world[0]) == 2 else "anywhere")
    axes, dim = program.grid.space.axes, len(world[0])
    with Gang(program, 4, 1) as gang:
        gang.done(Worker.populate)
        ids, columns = _everybody(gang, BIRD)
        order = np.argsort(ids)
        p = np.array(columns[:dim])[:, order]
        offset = p[:, None, :] - p[:, :, None]
        for axis, a in enumerate(axes):
            if a.periodic:
                for s in (-1, 1):
                    moved = p[axis][None] + s * a.length - p[axis][:, None]
                    offset[axis] = np.where(np.abs(moved) < np.abs(offset[axis]), moved, offset[axis])
        expected = ((offset**2).sum(axis=0) <= 1.0) & ~np.eye(len(ids), dtype=bool)
        seen = np.zeros_like(expected)
        for _, table in gang.tables(BIRD):
            every = np.array([table.columns[c.name][: table.n] for c in program.types[BIRD].columns[:dim]])
            for row in table.own_rows():
                near = ((every - every[:, [row]]) ** 2).sum(axis=0) <= 1.0
                others = table.ids[: table.n][near]
                others = others[others != table.ids[row]]
                assert len(np.unique(others)) == len(others)
                seen[table.ids[row], others] = True
        np.testing.assert_array_equal(seen, expected)
        np.testing.assert_array_equal(seen, seen.T)


@pytest.mark.parametrize("workers", [1, 2, 3])
@pytest.mark.parametrize("world", WORLDS)
def test_a_refresh_brings_what_a_relocation_would(world: Any, workers: int) -> None:
    program = mingling(*world, n=80, stones=60)
    with Gang(program, 5, workers) as gang:
        gang.done(Worker.populate)
        for _, table in gang.tables(STONE):
            own = table.own_rows()
            values = np.full(table.capacity, np.nan)
            values[own] = table.ids[own] * 0.5
            table.columns["val"] = values
        gang.done(lambda worker: worker._exchange.refresh({STONE: ["val"]}))
        check_tables(gang, program)
        for _, table in gang.tables(STONE):
            assert table.columns["val"][: table.n].tolist() == (table.ids[: table.n] * 0.5).tolist()


def test_capacity_grows_from_nothing_and_never_shows() -> None:
    program = mingling((20.0, 20.0), ("periodic", "periodic"), n=10)
    layout = make_layout(program.grid, 1)
    crew, rng = Crew(1), np.random.default_rng(1)
    tables = [Table(program.types[BIRD], geometry_of(program.grid, layout, 0, BIRD)) for _ in range(2)]
    tables[1].reserve(5000)
    for k in range(12):
        m = 1 << k
        ids, cells = rng.permutation(m) + 10_000 * k, rng.integers(0, tables[0].n_cells, m).astype(np.int32)
        columns = {c.name: rng.uniform(0, 1, m).astype(c.dtype) for c in program.types[BIRD].columns}
        for table in tables:
            table.target[: table.n] = np.repeat(np.arange(table.n_cells), np.diff(table.start.astype(np.int64)))
            table.append(cells, ids, columns)
            table.rebuild(crew)
            assert table.capacity >= table.n == (2 << k) - 1
        np.testing.assert_array_equal(tables[0].start, tables[1].start)
        for a, b in zip(
            [tables[0].ids, *tables[0].columns.values()], [tables[1].ids, *tables[1].columns.values()], strict=True
        ):
            np.testing.assert_array_equal(a[: tables[0].n], b[: tables[0].n])


@given(st.integers(0, 2**32 - 1), st.integers(1, 400), st.sampled_from([1, 3, 50]), st.sampled_from([1, 2]))
@settings(max_examples=40, deadline=None)
def test_rows_are_sorted_by_cell_and_id_whatever_their_order_was(seed: int, n: int, used: int, threads: int) -> None:
    program = mingling((20.0, 20.0), ("clamp", "clamp"), n=10)
    rng = np.random.default_rng(seed)
    table = Table(program.types[STONE], geometry_of(program.grid, make_layout(program.grid, 1), 0, STONE))
    ids, cells = rng.permutation(n).astype(np.int64), rng.integers(0, min(used, table.n_cells), n).astype(np.int32)
    crew = Crew(threads)
    table.append(cells, ids, {"val": ids * 2.0})
    table.target[: n // 10] = -1
    table.rebuild(crew)
    crew.close()
    keep = np.arange(n) >= n // 10
    order = np.lexsort((ids[keep], cells[keep]))
    np.testing.assert_array_equal(table.ids[: table.n], ids[keep][order])
    np.testing.assert_array_equal(table.columns["val"][: table.n], ids[keep][order] * 2.0)
    counted = np.bincount(cells[keep], minlength=table.n_cells)
    np.testing.assert_array_equal(np.diff(table.start.astype(np.int64)), counted)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@given(st.integers(0, 2**32 - 1), st.floats(0.7, 1000.0), st.floats(-500.0, 500.0))
@settings(max_examples=40, deadline=None)
def test_a_position_lies_between_the_edges_of_its_cell(dtype: Any, seed: int, length: float, origin: float) -> None:
    from partitions.grid import Search, make_grid, make_space
    from partitions.routes import Routes

    space = make_space((length, 1.0), (origin, 0.0), ("clamp", "clamp"), single=True)
    grid = make_grid(space, [Search((length / 37,), length / 37, 100)], 0.0)
    program = mingling((4.0, 4.0), ("clamp", "clamp"), n=1)
    routes = Routes(program.types[STONE], grid, make_layout(grid, 1), 0, [0], 1)
    edges, axis = grid.cells[0].edges[0], space.axes[0]
    rng = np.random.default_rng(seed)
    p = np.concatenate(
        [edges, np.nextafter(edges, -np.inf), np.nextafter(edges, np.inf), rng.uniform(axis.low, axis.high, 99)]
    )
    p = p.astype(dtype)
    p = p[(p >= axis.low) & (p <= axis.high)]
    cell = np.empty(len(p), np.int64)
    zero = np.zeros_like(p)
    loops("cell", REAL=p.dtype).locate(2, routes.affine, routes.shape, *routes.edges, p, zero, zero, cell)
    assert ((cell >= 0) & (cell < len(edges) - 1)).all()
    assert (edges[cell] <= p).all()
    assert ((p < edges[cell + 1]) | (p == axis.high)).all()


@given(st.integers(0, 2**32 - 1), st.sampled_from([1, 2, 3, 8]))
@settings(max_examples=20, deadline=None)
def test_pieces_of_the_work_cover_every_own_cell_once(seed: int, threads: int) -> None:
    program = mingling((40.0, 40.0), ("periodic", "periodic"), n=30_000, stones=1, seed=seed % 7)
    with Local(program, 2) as local:
        crew = Crew(threads)
        for part in local.worker.parts:
            table = part.tables[BIRD]
            pieces = table.pieces(crew, 4)
            assert pieces[0][0] == 0
            assert pieces[-1][1] == table.n_own_cells
            assert all(a[1] == b[0] for a, b in itertools.pairwise(pieces))
            assert threads == 1 or len(pieces) > 1
        crew.close()


def test_an_error_in_one_thread_is_raised_after_all_have_ended() -> None:
    done = []

    def fail() -> None:
        raise ZeroDivisionError("on purpose")

    for threads in (1, 3):
        crew = Crew(threads)
        with pytest.raises(ZeroDivisionError, match="on purpose"):
            crew.run([lambda: done.append(1), fail])
        assert crew.run([lambda k=k: k * k for k in range(20)]) == [k * k for k in range(20)]
        crew.close()
    assert len(done) == 2
