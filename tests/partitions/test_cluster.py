"""The cluster runtime gives the bits of the local one, ends cleanly, and never hangs."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from partitions.cluster import Cluster, PlacementError
from partitions.compiled import load_functions
from partitions.errors import RuntimeFault, TickFault, TransportError, WorkerLost
from partitions.head import AddressError, Head
from partitions.local import Local
from partitions.probe import ProbeError
from partitions.program import Program
from tests.partitions.programs import SOURCE, mingling

ray = pytest.importorskip("ray")

pytestmark = pytest.mark.timeout(180)

PLAIN = mingling((20.0, 15.0), ("periodic", "clamp"), n=300, deaths=97, drawn=50)
DEEP = mingling((8.0, 8.0, 8.0), ("periodic", "periodic", "clamp"), n=250, jumps=True)
ENDLESS = 1_000_000_000


def local_digest(program: Program, ticks: int) -> str:
    with Local(program, 5) as run:
        run.advance(ticks)
        return run.digest()


def until(true: Callable[[], bool], seconds: float = 30.0) -> None:
    """Look again and again until something has come true."""
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it did not come true"
        threading.Event().wait(0.02)


def alive(pid: int) -> bool:
    """A process that has ended may wait to be collected by its parent; it does not live."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except FileNotFoundError:
        return False


@contextmanager
def in_background(call: Callable[[], Any]) -> Iterator[list[Any]]:
    """Make the call in a thread; afterwards the list holds what it returned or raised."""
    outcome: list[Any] = []

    def run() -> None:
        try:
            outcome.append(call())
        except Exception as error:
            outcome.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    yield outcome
    thread.join()


@pytest.mark.parametrize(("program", "workers", "partitions"), [
    pytest.param(PLAIN, 1, 1, marks=pytest.mark.slow), pytest.param(PLAIN, 2, 2, marks=pytest.mark.slow),
    pytest.param(PLAIN, 3, 7, marks=pytest.mark.slow), (DEEP, 2, 3), pytest.param(DEEP, 3, 3, marks=pytest.mark.slow),
], ids=["1", "2", "3 with 7 partitions", "jumps 2", "jumps 3"])  # fmt: skip
def test_any_number_of_workers_gives_the_bits_of_one_process(
    ray_cluster: str, program: Program, workers: int, partitions: int
) -> None:
    with Cluster(program, workers, partitions=partitions) as run, Local(program) as alone:
        assert run.digest() == alone.digest()
        for ticks in (1, 2, 11):
            assert run.advance(ticks) == ticks == run.tick == alone.advance(ticks)
            assert run.digest() == alone.digest()
        assert run.counts() == alone.counts()
        assert run.deaths() == alone.deaths()
        for type in (0, 1):
            for ours, theirs in zip([run.rows(type)[0], *run.rows(type)[1]], _flat(alone.rows(type)), strict=True):
                assert_array_equal(ours, theirs)
        assert sum(run.loads().values()) == sum(run.counts().values())
        assert len(run.part_boxes()) == run.partitions == partitions
        assert {worker for _, _, worker in run.part_boxes()} == set(range(workers))
        assert run.links() == [{j: "memory" for j in range(workers) if j != k} for k in range(workers)]


def _flat(rows: tuple[Any, list[Any]]) -> list[Any]:
    return [rows[0], *rows[1]]


@pytest.mark.slow
def test_threads_and_parameters_reach_the_workers(ray_cluster: str) -> None:
    reals = PLAIN.reals.copy()
    reals[0] = 0.5
    with Cluster(PLAIN, 2, threads=2) as run, Local(PLAIN) as alone:
        for one in (run, alone):
            one.advance(2)
            one.set_parameters(reals, PLAIN.integers)
            one.advance(6)
        assert run.digest() == alone.digest() != local_digest(PLAIN, 6)


@pytest.mark.slow
def test_no_more_workers_than_blocks(ray_cluster: str) -> None:
    small = mingling((4.0, 2.0), ("clamp", "clamp"), n=20)
    with Cluster(small, 4) as run:
        assert run.workers == run.partitions == 2
        run.advance(3)
        assert run.digest() == local_digest(small, 3)


@pytest.mark.slow
def test_a_worker_imports_neither_the_viewer_nor_the_app(ray_cluster: str) -> None:
    with Cluster(PLAIN, 1) as run:
        run.advance(1)
        look = run._actors[0].__ray_call__
        names = ray.get(look.remote(lambda self: sorted(__import__("sys").modules)))
    assert "partitions.worker" in names
    assert not {n.split(".")[0] for n in names} & {"open3d", "viewer", "apps", "tests", "weaver", "pytest"}
    assert "partitions.worker" in sys.modules


@pytest.mark.slow
def test_hold_stops_all_workers_at_one_tick_and_the_run_goes_on(ray_cluster: str) -> None:
    with Cluster(PLAIN, 3) as run:
        reached = 0
        for _ in range(4):
            with in_background(lambda: run.advance(ENDLESS)) as outcome:
                until(lambda: run.tick > reached)  # noqa: B023
                held = run.hold()
            assert outcome == [held]
            assert held == run.tick > reached
            reached = held
        assert run.hold() == reached
        run.advance(reached + 3)
        assert run.digest() == local_digest(PLAIN, reached + 3)


@pytest.mark.slow
def test_a_hold_that_comes_at_once_is_not_lost(ray_cluster: str) -> None:
    with Cluster(PLAIN, 2) as run:
        for _ in range(10):
            with in_background(lambda: run.advance(ENDLESS)) as outcome:
                while not outcome:  # the first ones may come before the run has begun
                    run.hold()
            assert outcome == [run.tick]


@pytest.mark.slow
def test_a_signal_handler_may_stop_a_run(ray_cluster: str) -> None:
    with Cluster(PLAIN, 2) as run:
        held: list[int] = []
        before = signal.signal(signal.SIGUSR1, lambda *_: held.append(run.hold()))
        sender = threading.Timer(0.5, os.kill, [os.getpid(), signal.SIGUSR1])
        sender.start()
        assert [run.advance(ENDLESS)] == held
        sender.join()
        signal.signal(signal.SIGUSR1, before)


@pytest.mark.slow
def test_a_rate_is_kept_and_can_be_lifted(ray_cluster: str) -> None:
    with Cluster(PLAIN, 2) as run:
        run.rate(10.0)
        begun = time.monotonic()
        run.advance(6)
        assert time.monotonic() - begun > 0.45  # five waits of 0.1 s
        run.rate(0.01)
        with in_background(lambda: run.advance(20)) as outcome:
            until(lambda: run.tick == 7)
            run.rate(None)
        assert outcome == [20]


@pytest.mark.slow
def test_the_least_fault_is_reported_whatever_the_workers(ray_cluster: str) -> None:
    program = mingling((20.0, 15.0), ("periodic", "clamp"), n=300, fault=(4, 10))
    with Local(program) as alone, pytest.raises(TickFault) as expected:
        alone.advance(10)
    for workers in (2, 3):
        with Cluster(program, workers) as run:
            for _ in range(2):
                with pytest.raises(TickFault) as caught:
                    run.advance(10)
                assert caught.value.order == expected.value.order == (4, 3, 0, 3)
                assert caught.value.values == expected.value.values


@pytest.mark.slow
def test_a_fault_in_the_last_tick_ends_the_run_as_well(ray_cluster: str) -> None:
    program = mingling((20.0, 15.0), ("clamp", "clamp"), n=300, fault=(4, 300))  # one entity, so one worker
    with Cluster(program, 3) as run, pytest.raises(TickFault) as caught:
        run.advance(5)
    assert caught.value.order == (4, 3, 0, 3)


@pytest.mark.slow
@pytest.mark.parametrize("moment", ["running", "idle"])
def test_a_killed_worker_ends_the_run_with_an_error_that_names_it(ray_cluster: str, moment: str) -> None:
    with Cluster(PLAIN, 3) as run:
        place = run.places[1]
        if moment == "idle":
            os.kill(place.pid, signal.SIGKILL)
            until(lambda: not alive(place.pid))
            outcome = [_raised(lambda: run.advance(10))]
        else:
            with in_background(lambda: run.advance(ENDLESS)) as outcome:
                until(lambda: run.tick > 0)
                os.kill(place.pid, signal.SIGKILL)
        assert isinstance(outcome[0], WorkerLost)
        assert f"worker 1 of 3 (process {place.pid} on node {place.host}" in str(outcome[0])
        with pytest.raises(WorkerLost):
            run.digest()
        pids = [p.pid for p in run.places]
    until(lambda: not any(map(alive, pids)))


def _raised(call: Callable[[], Any]) -> Exception:
    with pytest.raises(RuntimeFault) as caught:
        call()
    return caught.value


@pytest.mark.slow
def test_a_stopped_worker_does_not_keep_the_others_from_ending(ray_cluster: str) -> None:
    with Cluster(PLAIN, 2) as run:
        pids = [place.pid for place in run.places]
        with in_background(lambda: run.advance(ENDLESS)) as outcome:
            until(lambda: run.tick > 0)
            os.kill(pids[0], signal.SIGSTOP)
            os.kill(pids[1], signal.SIGKILL)
        assert isinstance(outcome[0], WorkerLost)
        assert "worker 1 of 2" in str(outcome[0])
    until(lambda: not any(map(alive, pids)))


@pytest.mark.slow
def test_an_error_inside_a_worker_is_kept_as_the_cause(ray_cluster: str) -> None:
    program = replace(PLAIN, kernels=partial(load_functions, "broken", SOURCE.replace("def heat(", "def cold(")))
    with (
        Cluster(program, 2) as run,
        pytest.raises(RuntimeFault, match=r"worker \d \(process \d+ on node .*'heat'") as e,
    ):
        run.advance(3)
    assert isinstance(e.value.__cause__, ray.exceptions.RayTaskError)


def test_closing_ends_a_run_and_leaves_nothing(ray_cluster: str) -> None:
    memory = set(os.listdir("/dev/shm"))
    run = Cluster(PLAIN, 2)
    pids = [place.pid for place in run.places]
    with in_background(lambda: run.advance(ENDLESS)) as outcome:
        until(lambda: run.tick > 0)
        run.close()
    assert isinstance(outcome[0], RuntimeFault)
    run.close()
    with pytest.raises(RuntimeFault, match="it is closed"):
        run.advance(1)
    until(lambda: not any(map(alive, pids)))
    until(lambda: ray.available_resources().get("CPU") == 4.0)
    assert set(os.listdir("/dev/shm")) <= memory


def test_more_workers_than_fit_are_refused_with_numbers(ray_cluster: str) -> None:
    with pytest.raises(PlacementError, match=r"5 workers with 1 CPU each were asked for; .* has 4 CPU on 1 node"):
        Cluster(PLAIN, 5)
    with pytest.raises(PlacementError, match="Use workers=2, or add nodes"):
        Cluster(PLAIN, 3, threads=2)


@pytest.mark.slow
def test_workers_that_others_leave_no_room_for_are_refused(ray_cluster: str) -> None:
    with Cluster(PLAIN, 3), pytest.raises(PlacementError, match="1 of them free"):
        Cluster(PLAIN, 2, timeout=1.0)
    until(lambda: ray.available_resources().get("CPU") == 4.0)


@pytest.mark.slow
def test_a_worker_with_another_cpu_target_is_refused(ray_cluster: str) -> None:
    fewer = ",".join(f for f in PLAIN.cpu[1].split(",") if not f.endswith("fma"))
    with pytest.raises(ProbeError, match=r"worker 0 on node .* and worker 1 on node .* must compute the same bits"):
        Cluster(PLAIN, 2, env={1: {"NUMBA_CPU_FEATURES": fewer}})
    until(lambda: ray.available_resources().get("CPU") == 4.0)


def test_the_client_of_ray_is_refused_with_the_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(AddressError, match="ray job submit"):
        Cluster(PLAIN, 2, address="ray://127.0.0.1:10001")
    monkeypatch.setenv("RAY_ADDRESS", "ray://127.0.0.1:10001")
    with pytest.raises(AddressError, match="behind a proxy"):
        Head(None, 2, 0)


def test_a_connection_that_is_there_is_used_and_left_alone(ray_cluster: str) -> None:
    head = Head("auto", 2, 0)
    assert not head.started
    head.close()
    assert ray.is_initialized()


@pytest.mark.slow
def test_given_entities_of_many_megabytes_arrive(ray_cluster: str) -> None:
    program = mingling((2000.0, 1500.0), ("periodic", "clamp"), n=300_000, stones=100_000)
    with Cluster(program, 2) as run, Local(program, 2) as alone:
        assert run.counts() == {0: 300_000, 1: 100_000}
        assert run.advance(2) == alone.advance(2)
        assert run.digest() == alone.digest()
        assert np.array_equal(run.rows(1)[0], np.arange(1_000_000, 1_100_000))


@pytest.mark.slow
def test_transport_errors_alone_are_told_as_such(ray_cluster: str) -> None:
    with Cluster(PLAIN, 2) as run:
        ray.get(run._actors[0].abort.remote("for a test"))
        with pytest.raises(TransportError, match="for a test"):
            run.advance(5)
