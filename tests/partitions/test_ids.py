"""The index of ids: every row is found by its id, and by no other."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from partitions.ids import IdIndex
from partitions.local import Local
from partitions.loops import loops
from tests.partitions.programs import BIRD, mingling


def test_an_index_finds_the_own_rows_after_every_tick_and_nobody_else():
    with Local(mingling((10.0, 8.0), ("periodic", "clamp")), partitions=3) as run:
        tables = [part.tables[BIRD] for part in run.worker.parts]
        indices = [(IdIndex(table), IdIndex(table, ghosts=True)) for table in tables]
        everybody = run.rows(BIRD)[0]
        for tick in (0, 1, 5):
            run.advance(tick)
            for table, (own, seen) in zip(tables, indices, strict=True):
                rows = table.own_rows()
                np.testing.assert_array_equal(own.rows(table.ids[rows]), rows)
                np.testing.assert_array_equal(seen.rows(table.ids[rows]), rows)
                others = np.setdiff1d(everybody, table.ids[rows])
                assert (own.rows(others) == -1).all()
                ghosts = np.setdiff1d(table.ids[: table.n], table.ids[rows])
                assert len(ghosts)
                found = seen.rows(ghosts)
                np.testing.assert_array_equal(table.ids[found], ghosts)
                np.testing.assert_array_equal(own.rows(np.array([-1, 2**63 - 1])), [-1, -1])


@settings(max_examples=50, deadline=None)
@given(
    ids=st.lists(st.integers(0, 2**63 - 1) | st.integers(0, 50), max_size=60),
    wanted=st.lists(st.integers(-(2**63), 2**63 - 1) | st.integers(0, 50), max_size=60),
)
def test_of_rows_with_one_id_the_first_is_found(ids, wanted):
    slots = np.zeros(1 << (2 * len(ids)).bit_length(), np.uint32)
    loops("id").index(np.arange(len(ids), dtype=np.uint32), np.array(ids, np.int64), slots)
    rows = np.empty(len(wanted), np.int64)
    loops("id").find(np.array(wanted, np.int64), np.array(ids, np.int64), slots, rows)
    assert rows.tolist() == [ids.index(w) if w in ids else -1 for w in wanted]
