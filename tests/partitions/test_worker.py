"""Workers and the local runtime: the same bits in every decomposition, stops, faults."""

from __future__ import annotations

import dataclasses
import threading
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from partitions import worker as worker_module
from partitions.digest import add_digests, digest_rows, format_digest
from partitions.errors import TickFault, TransportError
from partitions.exchange import NoTransport
from partitions.local import Local
from partitions.program import Given, Program
from partitions.routes import neighbours
from partitions.shown import Shown
from partitions.worker import Worker
from tests.partitions.gang import Gang
from tests.partitions.programs import BIRD, STONE, mingling

SQUARE = ((10.0, 8.0), ("periodic", "periodic"))


def digests(program: Program, ticks: int, partitions: int = 1, threads: int = 1) -> list[str]:
    with Local(program, partitions, threads) as local:
        found = [local.digest()]
        for tick in range(1, ticks + 1):
            assert local.advance(tick) == tick
            found.append(local.digest())
        return found


def digests_at(program: Program, tick: int) -> str:
    with Local(program) as local:
        local.advance(tick)
        return local.digest()


def gang_digests(program: Program, ticks: int, partitions: int, workers: int) -> list[str]:
    with Gang(program, partitions, workers) as gang:
        gang.done(Worker.populate)
        found = []
        for tick in range(ticks + 1):
            gang.done(lambda worker, tick=tick: worker.advance(tick))
            found.append(format_digest(*add_digests(gang.done(Worker.digest))))
        return found


@pytest.mark.slow
@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.floats(4.5, 14.0), min_size=2, max_size=3),
    st.lists(st.sampled_from(["periodic", "clamp"]), min_size=3, max_size=3),
    st.floats(0.2, 2.2),
    st.floats(0.2, 2.2),
    st.floats(0.0, 3.0),
    st.booleans(),
    st.sampled_from([0, 20]),
    st.sampled_from(["anywhere", "corners", "together"]),
    st.sampled_from([1, 3]),
    st.integers(0, 2**32 - 1),
)
def test_partitions_and_workers_do_not_change_a_bit(
    sides: list[float],
    bounds: list[str],
    small: float,
    large: float,
    speed: float,
    jumps: bool,
    deaths: int,
    where: str,
    every: int,
    seed: int,
) -> None:
    program = mingling(
        tuple(sides), tuple(bounds[: len(sides)]), n=90, radii=(small, large), speed=speed, jumps=jumps, deaths=deaths,
        where=where, every=every, seed=seed,
    )  # fmt: skip
    expected = digests(program, 5)
    for partitions in (2, 3, 4, 7, 9):
        assert digests(program, 5, partitions) == expected
    for workers in (2, 3):
        assert gang_digests(program, 5, 7, workers) == expected


def test_threads_do_not_change_a_bit() -> None:
    program = mingling((60.0, 50.0), ("periodic", "clamp"), n=40_000, stones=500, deaths=100, jumps=True)
    expected = digests(program, 3)
    assert digests(program, 3, 1, 2) == expected
    assert digests(program, 3, 3, 2) == expected


def test_rows_added_in_another_order_do_not_change_a_bit() -> None:
    program = mingling(*SQUARE, n=120)
    birds, stones = program.sources
    assert isinstance(birds, Given)
    order = np.random.default_rng(3).permutation(len(birds.ids))
    turned = Given(birds.type, birds.ids[order], tuple(c[order] for c in birds.columns))
    assert digests(dataclasses.replace(program, sources=(stones, turned)), 4, 3) == digests(program, 4)


def test_drawn_entities_are_the_same_whoever_draws_them(monkeypatch: pytest.MonkeyPatch) -> None:
    program = mingling(*SQUARE, n=50, drawn=700)
    expected = digests(program, 2)
    assert gang_digests(program, 2, 6, 3) == expected
    monkeypatch.setattr(worker_module, "PIECE", 17)
    assert gang_digests(program, 2, 6, 3) == expected
    with Local(program, 2) as local:
        assert local.counts() == {BIRD: 50, STONE: 740}
        assert np.isin(np.arange(5000, 5700), local.rows(STONE)[0]).all()


def test_more_partitions_than_blocks_are_capped() -> None:
    program = mingling((4.5, 4.5), ("periodic", "clamp"), n=40)
    with Local(program, 1000) as local:
        assert local.partitions == program.grid.n_blocks < 1000
        assert digests(program, 3, 1000) == digests(program, 3)


def test_a_world_without_entities_runs() -> None:
    program = mingling(*SQUARE, n=0, stones=0)
    with Local(program, 3) as local:
        assert local.advance(3) == 3
        assert local.counts() == {BIRD: 0, STONE: 0}
        assert local.digest() == "0" * 32
        assert [len(c) for c in local.rows(BIRD)[1]] == [0] * 6


def test_everybody_may_die() -> None:
    program = mingling(*SQUARE, n=50, deaths=1)
    for partitions in (1, 4):
        with Local(program, partitions) as local:
            local.advance(2)
            assert local.counts()[BIRD] == 0
            assert local.deaths() == {BIRD: 50, STONE: 0}


def test_rows_come_sorted_by_id_and_as_copies() -> None:
    with Local(mingling(*SQUARE, n=100), 4) as local:
        ids, columns = local.rows(BIRD)
        assert ids.tolist() == list(range(100))
        before = local.digest()
        for column in columns:
            column[:] = 0
        assert local.digest() == before


def test_parameters_change_what_kernels_do() -> None:
    program = mingling(*SQUARE, n=100)
    with Local(program, 2) as local, Local(program, 3) as other:
        reals = program.reals.copy()
        reals[0] = 0.5
        for runtime in (local, other):
            runtime.advance(1)
            runtime.set_parameters(reals, program.integers)
            runtime.advance(2)
        assert local.digest() == other.digest() != digests(program, 2)[-1]
        assert program.reals[0] == 1.0


def test_part_boxes_cover_the_world() -> None:
    program = mingling((10.0, 8.0, 6.0), ("periodic", "clamp", "clamp"), n=10)
    with Local(program, 5) as local:
        volume = sum(np.prod(np.subtract(high, low)) for low, high, _ in local.part_boxes())
        assert volume == pytest.approx(480.0)
        assert {worker for _, _, worker in local.part_boxes()} == {0}
        assert sum(local.worker.loads().values()) == 50
        assert sum(local.worker.memory().values()) > 0


# Faults


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2), st.sampled_from([4, 7, 40, 90]), st.sampled_from([2, 5, 9]), st.sampled_from([1, 2, 3]))
def test_the_least_fault_is_raised_whatever_the_decomposition(
    tick: int, every: int, partitions: int, workers: int
) -> None:
    program = mingling(*SQUARE, n=90, fault=(tick, every))
    with Local(program) as local:
        with pytest.raises(TickFault) as caught:
            local.advance(5)
        expected = caught.value
        assert (expected.tick, expected.phase, expected.type, expected.id, expected.code) == (tick, 3, BIRD, 3, 2)
        with pytest.raises(TickFault):
            local.advance(6)
    with Gang(program, partitions, workers) as gang:
        gang.done(Worker.populate)
        raised = gang.all(lambda worker: worker.advance(5))
        assert all(isinstance(error, TickFault) for error in raised)
        least = min(raised, key=lambda error: error.order)
        assert (least.order, least.code, least.values) == (expected.order, expected.code, expected.values)
        assert [worker.fault for worker in gang.workers] == raised
        assert workers != 2 or len({error.order for error in raised}) == 1
        assert not all(worker.relayed for worker in gang.workers)


def test_a_fault_reaches_workers_that_are_not_neighbours() -> None:
    program = mingling((60.0, 4.5), ("clamp", "clamp"), n=300, fault=(1, 300), speed=0.1)
    with Gang(program, 8, 8) as gang:
        gang.done(Worker.populate)
        assert len(gang.workers[0]._exchange.peers) < 7
        raised = gang.all(lambda worker: worker.advance(20))
        assert all(isinstance(error, TickFault) for error in raised)
        assert {error.order for error in raised} == {(1, 3, BIRD, 3)}
        assert sum(not worker.relayed for worker in gang.workers) == 1


def test_a_jump_where_no_exchange_is_planned_is_an_error() -> None:
    program = mingling((60.0, 4.5), ("clamp", "clamp"), n=100, jumps=True)
    phases = [dataclasses.replace(phase, reach=1.0) for phase in program.phases]
    with Gang(dataclasses.replace(program, phases=tuple(phases)), 8, 8) as gang:
        gang.done(Worker.populate)
        for worker in gang.workers:
            worker._exchange._transport = NoTransport()
        columns = {c.name: np.zeros(1, c.dtype) for c in program.types[BIRD].columns}
        columns["position.x"] += 59.0
        raised = gang.all(lambda worker: worker._exchange.distribute(BIRD, np.arange(1), columns))
        assert "further away than one block" in str(raised[0])


def test_a_worker_that_is_alone_has_nobody_to_send_to() -> None:
    with pytest.raises(TransportError, match="alone"):
        NoTransport().exchange(0, 0, {1: []})


def test_peers_are_symmetric_and_everybody_with_jumps() -> None:
    program = mingling((60.0, 4.5), ("periodic", "clamp"), n=100)
    with Gang(program, 8, 8) as gang:
        peers = neighbours(program.grid, gang.layout, range(8), 8)
        assert all(a in peers[b] for a in range(8) for b in peers[a])
        assert peers[0] == [1, 7]
    with Gang(mingling((60.0, 4.5), ("periodic", "clamp"), n=100, jumps=True), 8, 8) as gang:
        gang.done(Worker.populate)
        assert all(len(worker._exchange.peers) == 7 for worker in gang.workers)


# Stopping


def _in_thread(call: Any) -> tuple[threading.Thread, list[Any]]:
    results: list[Any] = []
    thread = threading.Thread(target=lambda: results.append(call()))
    thread.start()
    return thread, results


class Camera:
    """Keeps what it is given, and says when the first picture is taken."""

    def __init__(self, every: int = 1, most: int = 10) -> None:
        self.every, self.most = every, most
        self.shots: list[Any] = []
        self.closed, self.running = False, threading.Event()

    def due(self, tick: int) -> bool:
        return tick % self.every == 0 and len(self.shots) < self.most

    def publish(self, tick: int, source: Shown, force: bool = False) -> bool:
        names = source.columns[BIRD]
        self.shots.append((tick, force, source.paced, *source.rows(BIRD, None, names)))
        self.running.set()
        return True

    def close(self) -> None:
        self.closed = True


def test_hold_stops_at_a_tick_boundary_and_the_next_advance_goes_on() -> None:
    with Local(mingling(*SQUARE, n=50), 2) as local:
        camera = local.worker.publisher = Camera()
        thread, results = _in_thread(lambda: local.advance(10**9))
        assert camera.running.wait(60)
        at = local.hold()
        thread.join(60)
        assert not thread.is_alive()
        assert results == [at] == [local.tick]
        assert local.advance(at + 3) == at + 3


def test_held_workers_stop_at_the_tick_they_are_released_to() -> None:
    program = mingling(*SQUARE, n=90)
    with Gang(program, 6, 3) as gang:
        gang.done(Worker.populate)
        camera = gang.workers[1].publisher = Camera()
        thread, results = _in_thread(lambda: gang.done(lambda worker: worker.advance(10**9)))
        assert camera.running.wait(60)
        stop = max(worker.hold() for worker in gang.workers)
        for worker in gang.workers:
            worker.release(stop)
        thread.join(60)
        assert not thread.is_alive()
        assert results == [[stop] * 3]
        assert gang.done(lambda worker: worker.advance(stop + 2)) == [stop + 2] * 3
        found = format_digest(*add_digests(gang.done(Worker.digest)))
    assert found == digests_at(program, stop + 2)


def test_a_limit_that_is_reached_does_not_stop_the_next_advance() -> None:
    with Local(mingling(*SQUARE, n=20)) as local:
        local.advance(4)
        assert local.hold() == 4
        assert local.advance(6) == 6


def test_hold_wakes_a_worker_that_waits_for_its_rate() -> None:
    with Local(mingling(*SQUARE, n=20)) as local:
        camera = local.worker.publisher = Camera()
        local.rate(1e-3)
        thread, results = _in_thread(lambda: local.advance(100))
        assert camera.running.wait(60)
        local.hold()
        thread.join(60)
        assert not thread.is_alive()
        assert results == [1]


def test_a_publisher_gets_the_owned_rows_when_it_is_due() -> None:
    program = mingling(*SQUARE, n=70)
    camera = Camera(2)
    with Local(program, 3) as local:
        local.worker.publisher = camera
        local.advance(4)
        assert [shot[:3] for shot in camera.shots] == [(2, False, False), (4, False, False)]
        *_, seen, shown = camera.shots[-1]
        ids, columns = local.rows(BIRD)
        order = np.argsort(seen)
        np.testing.assert_array_equal(seen[order], ids)
        for column, values in zip(columns, shown.values(), strict=True):
            np.testing.assert_array_equal(values[order], column)
        local.advance(5)
        local.show()
        assert camera.shots[-1][:2] == (5, True)
    assert camera.closed


# The digest


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=20, deadline=None)
def test_the_digest_does_not_depend_on_the_order_but_on_every_value(seed: int) -> None:
    rng = np.random.default_rng(seed)
    ids, columns = (
        np.arange(50),
        [rng.uniform(-1, 1, 50), rng.integers(0, 9, 50).astype(np.uint8), rng.uniform(0, 1, 50) < 0.5],
    )
    columns.append(rng.uniform(0, 1, 50).astype(np.float32))
    rows = np.arange(50, dtype=np.uint32)
    base = digest_rows(1, rows, ids, columns)
    assert digest_rows(1, rng.permutation(rows), ids, columns) == base
    halves = add_digests([digest_rows(1, rows[:20], ids, columns), digest_rows(1, rows[20:], ids, columns)])
    assert halves == base
    assert digest_rows(2, rows, ids, columns) != base
    for column in columns:
        old = column[7].copy()
        column[7] = not old if column.dtype == bool else old + 1
        other = digest_rows(1, rows, ids, columns)
        assert other[0] != base[0]
        assert other[1] != base[1]
        column[7] = old


@pytest.mark.parametrize(("dtype", "bits"), [(np.float64, np.uint64), (np.float32, np.uint32)])
def test_all_nan_count_as_one(dtype: Any, bits: Any) -> None:
    rows, ids = np.arange(1, dtype=np.uint32), np.zeros(1, np.int64)
    infinity = np.array([np.inf], dtype).view(bits)
    found = {
        digest_rows(0, rows, ids, [(infinity + bits(extra) | bits(sign)).view(dtype)])
        for extra in (1, 5, 1000)
        for sign in (0, 1 << (8 * np.dtype(dtype).itemsize - 1))
    }
    assert len(found) == 1
    assert digest_rows(0, rows, ids, [infinity.view(dtype)]) not in found


def test_a_digest_is_32_hexadecimal_digits() -> None:
    assert format_digest(1, 0xABC) == "00000000000000010000000000000abc"
