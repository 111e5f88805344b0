"""Workers swap batches through shared memory and TCP; whatever ends, nobody waits for ever and nothing is left."""

from __future__ import annotations

import itertools
import multiprocessing
import os
import secrets
import select
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_array_equal
from numpy.typing import NDArray

from partitions.errors import TransportError
from partitions.handshake import Endpoint, Listener
from partitions.link import DTYPES, Memory, measure, unpack
from partitions.transport import PeerTransport

KINDS = ["memory", "tcp"]


def nodes(kind: str, n: int) -> list[str | None]:
    """Unequal node names force TCP."""
    return [None] * n if kind == "memory" else [f"node {k}" for k in range(n)]


@contextmanager
def mesh(names: list[str | None]) -> Iterator[list[PeerTransport]]:
    """One transport per name, all in this process."""
    listeners = [Listener(rank, name) for rank, name in enumerate(names)]
    ends = [listener.endpoint for listener in listeners]
    secret = secrets.token_bytes(32)
    with ThreadPoolExecutor(len(names)) as pool:
        transports = list(pool.map(lambda listener: PeerTransport(listener, ends, secret, 10.0), listeners))
    try:
        yield transports
    finally:
        for transport in transports:
            transport.close()


def together(*calls: Callable[[], Any]) -> list[Any]:
    """Make the calls at once and return what each gives or raises."""

    def outcome(call: Callable[[], Any]) -> Any:
        try:
            return call()
        except TransportError as error:
            return error

    with ThreadPoolExecutor(len(calls)) as pool:
        return list(pool.map(outcome, calls))


def swap(transports: list[PeerTransport], number: int, batches: list[list[NDArray[Any]]], epoch: int = 0) -> list[Any]:
    """Everybody sends its batch to everybody else."""

    def call(k: int) -> Callable[[], Any]:
        peers = [j for j in range(len(transports)) if j != k]
        return lambda: transports[k].exchange(epoch, number, dict.fromkeys(peers, batches[k]))

    return together(*(call(k) for k in range(len(transports))))


def open_files() -> int:
    return len(os.listdir("/proc/self/fd"))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("n", [2, 3])
def test_everybody_gets_what_the_others_sent(kind: str, n: int) -> None:
    with mesh(nodes(kind, n)) as transports:
        assert {k for t in transports for k in t.kinds.values()} == {kind}
        for number in range(6):
            batches = [[np.arange(k + number), np.full(3, k, "f4"), np.array([], "u1")] for k in range(n)]
            for k, got in enumerate(swap(transports, number, batches)):
                assert sorted(got) == [j for j in range(n) if j != k]
                for j, arrays in got.items():
                    assert [a.dtype for a in arrays] == [a.dtype for a in batches[j]]
                    for a, b in zip(arrays, batches[j], strict=True):
                        assert_array_equal(a, b)


def test_equal_nodes_use_memory_and_others_tcp_in_one_run() -> None:
    with mesh(["a", "a", "b"]) as transports:
        assert transports[0].kinds == {1: "memory", 2: "tcp"}
        got = swap(transports, 0, [[np.array([k])] for k in range(3)])
        assert [{j: int(a[0][0]) for j, a in g.items()} for g in got] == [{1: 1, 2: 2}, {0: 0, 2: 2}, {0: 0, 1: 1}]


@pytest.mark.parametrize("kind", KINDS)
def test_only_the_named_peers_take_part(kind: str) -> None:
    with mesh(nodes(kind, 3)) as transports:
        got = together(
            lambda: transports[0].exchange(0, 0, {1: [np.array([7])]}),
            lambda: transports[1].exchange(0, 0, {0: []}),
            lambda: transports[2].exchange(0, 0, {}),
        )
        assert got[0] == {1: []}
        assert got[2] == {}
        assert_array_equal(got[1][0][0], [7])


@pytest.mark.parametrize("kind", KINDS)
def test_large_batches_both_ways_do_not_block_each_other(kind: str) -> None:
    with mesh(nodes(kind, 2)) as transports:
        for number, n in enumerate([10, 6_250_000, 1000, 6_300_000, 0]):
            batches = [[np.arange(n) * (k + 1)] for k in range(2)]
            for k, got in enumerate(swap(transports, number, batches)):
                assert_array_equal(got[1 - k][0], batches[1 - k][0])


@pytest.mark.parametrize("kind", KINDS)
def test_a_batch_stays_whole_until_the_receiver_exchanges_again(kind: str) -> None:
    with mesh(nodes(kind, 2)) as (first, second), ThreadPoolExecutor(1) as pool:
        for number in range(0, 16, 2):
            batch = [np.full(50 * 10 ** (number // 2) % 70_000, number)]
            got = swap([first, second], number, [batch, []])
            ahead = pool.submit(first.exchange, 0, number + 1, {1: [np.full(70_000, -1)]})
            await_input(second)  # worker 0 is an exchange ahead and has sent already
            assert (got[1][0][0] == number).all()
            second.exchange(0, number + 1, {0: []})
            assert ahead.result() == {1: []}


def await_input(transport: PeerTransport) -> None:
    assert select.select([link.sock for link in transport._links.values()], [], [], 30)[0]


@pytest.fixture(scope="module", params=KINDS)
def pair(request: pytest.FixtureRequest) -> Iterator[list[PeerTransport]]:
    with mesh(nodes(request.param, 2)) as transports:
        yield transports


numbers = iter(range(10**9))
arrays = st.sampled_from(DTYPES).flatmap(
    lambda dtype: st.binary(max_size=300).map(
        lambda raw: (np.frombuffer(raw, "u1") & (1 if dtype.kind == "b" else 255)).astype("u1")[
            : len(raw) // dtype.itemsize * dtype.itemsize
        ].copy().view(dtype)
    )
)  # fmt: skip


@settings(deadline=None, max_examples=60)
@given(batch=st.lists(arrays, max_size=9))
def test_every_bit_of_every_dtype_arrives(pair: list[PeerTransport], batch: list[NDArray[Any]]) -> None:
    got = swap(pair, next(numbers), [batch, batch[::-1]])
    for sent, came in ((batch, got[1][0]), (batch[::-1], got[0][1])):
        assert [(a.dtype, a.tobytes()) for a in came] == [(a.dtype, a.tobytes()) for a in sent]
        assert all(a.ctypes.data % 64 == 0 for a in came if len(a))


@pytest.mark.parametrize(
    "array", [np.zeros((2, 2)), np.zeros(8)[::2], np.zeros(2, "c16"), np.zeros(2, ">f8"), np.array(["a"], object)]
)
def test_what_is_not_a_column_is_refused(array: NDArray[Any]) -> None:
    with pytest.raises(TypeError, match="contiguous, 1-D and of"):
        measure([array])


@pytest.mark.parametrize("table", [[99, 1], [0, -1], [0, 2], [-1, 0]])
def test_a_table_that_does_not_fit_its_body_is_refused(table: list[int]) -> None:
    body = np.zeros(72, np.uint8)
    body[:16] = np.array(table, np.int64).view(np.uint8)
    with pytest.raises(TransportError):
        unpack(body, 1)
    with pytest.raises(TransportError, match="the table alone is longer"):
        unpack(body, 5)


@pytest.mark.parametrize("kind", KINDS)
def test_a_wrong_secret_is_refused_on_both_sides(kind: str) -> None:
    listeners = [Listener(rank, name) for rank, name in enumerate(nodes(kind, 2))]
    ends = [listener.endpoint for listener in listeners]
    low, high = together(
        lambda: PeerTransport(listeners[0], ends, b"right", 1.0),
        lambda: PeerTransport(listeners[1], ends, b"wrong", 10.0),
    )
    assert "refused us: our secret" in str(high)
    assert "worker 1 did not connect" in str(low)
    assert "has another secret" in str(low)


def test_a_worker_without_the_secret_cannot_pose_as_the_one_that_is_called() -> None:
    listener = Listener(1, "here")
    with socket.create_server(("127.0.0.1", 0)) as fake:
        ends = [Endpoint(0, "there", "", "127.0.0.1", fake.getsockname()[1]), listener.endpoint]

        def pose() -> None:
            sock, _ = fake.accept()
            with sock:
                hello = sock.recv(1000)
                sock.sendall(hello[:4] + hello[8:12] + hello[4:8] + bytes(32))
                sock.sendall(sock.recv(1000))  # our own proof, sent back

        _, error = together(pose, lambda: PeerTransport(listener, ends, b"secret", 5.0))
    assert "did not prove that it knows the secret" in str(error)


def test_strangers_at_the_door_do_not_end_the_run() -> None:
    listeners = [Listener(rank, name) for rank, name in enumerate(nodes("tcp", 2))]
    ends = [listener.endpoint for listener in listeners]
    with socket.create_connection((ends[0].host, ends[0].port)) as one:
        one.sendall(b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n" + bytes(100))
        with socket.socket(socket.AF_UNIX) as two:
            two.connect("\0" + ends[0].unix)
            two.close()
            made = together(*(lambda k=k: PeerTransport(listeners[k], ends, b"s", 10.0) for k in range(2)))
    assert [t.kinds for t in made] == [{1: "tcp"}, {0: "tcp"}]
    for transport in made:
        transport.close()


def test_equal_names_on_two_nodes_fall_back_to_tcp() -> None:
    listeners = [Listener(rank, "same") for rank in range(2)]
    ends = [listeners[0].endpoint._replace(unix="weaver-of-another-kernel"), listeners[1].endpoint]
    made = together(*(lambda k=k: PeerTransport(listeners[k], ends, b"s", 10.0) for k in range(2)))
    assert [t.kinds for t in made] == [{1: "tcp"}, {0: "tcp"}]
    for transport in made:
        transport.close()


def test_where_no_memory_file_gets_through_tcp_serves(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "send_fds", lambda sock, buffers, fds: sock.sendmsg(buffers))
    with mesh(nodes("memory", 2)) as transports:
        assert [t.kinds for t in transports] == [{1: "tcp"}, {0: "tcp"}]


def test_a_worker_that_never_comes_is_named() -> None:
    listeners = [Listener(rank) for rank in range(2)]
    ends = [listener.endpoint for listener in listeners]
    with pytest.raises(TransportError, match="worker 1 did not connect with worker 0"):
        PeerTransport(listeners[0], ends, b"s", 0.2)
    with pytest.raises(TransportError, match="worker 0 cannot be reached"):
        PeerTransport(listeners[1], ends, b"s", 0.2)


def test_an_address_of_another_machine_is_refused() -> None:
    with pytest.raises(TransportError, match="must be an address of this node"):
        Listener(0, host="192.0.2.77")


@pytest.mark.parametrize("kind", KINDS)
def test_abort_ends_a_wait_and_the_peers_hear_of_it(kind: str) -> None:
    with mesh(nodes(kind, 3)) as transports:
        timer = threading.Timer(0.1, transports[0].abort, ["worker 2 was lost"])
        timer.start()
        first, second = together(  # worker 2 never takes part
            lambda: transports[0].exchange(0, 0, {1: [], 2: []}),
            lambda: transports[1].exchange(0, 0, {0: [], 2: []}),
        )
        assert "worker 2 was lost" in str(first)
        assert "worker 0 failed while worker 1 was waiting" in str(second)
        with pytest.raises(TransportError, match="worker 2 was lost"):
            transports[0].exchange(0, 1, {})


def test_close_ends_an_exchange_under_way() -> None:
    with mesh(nodes("memory", 2)) as transports:
        timer = threading.Timer(0.1, transports[0].close)
        timer.start()
        with pytest.raises(TransportError, match="the transport was closed"):
            transports[0].exchange(0, 0, {1: []})
        timer.join()
        transports[0].close()


@pytest.mark.parametrize("kind", KINDS)
def test_a_peer_may_leave_after_its_last_exchange(kind: str) -> None:
    with mesh(nodes(kind, 3)) as transports:

        def leave() -> None:
            transports[0].exchange(0, 0, {1: [np.arange(5)], 2: [np.arange(5)]})
            transports[0].close()

        def late() -> Any:
            await_input(transports[2])
            return transports[2].exchange(0, 0, {0: [], 1: []})

        _, second, third = together(leave, lambda: transports[1].exchange(0, 0, {0: [], 2: []}), late)
        assert_array_equal(second[0][0], np.arange(5))
        assert_array_equal(third[0][0], np.arange(5))


@pytest.mark.parametrize("kind", KINDS)
def test_older_epochs_are_dropped_and_anything_else_is_an_error(kind: str) -> None:
    with mesh(nodes(kind, 2)) as transports:
        for link in transports[0]._links.values():  # said in an epoch that worker 1 has left behind
            for number in range(3):
                link.begin(3, number, [np.arange(5)])
                assert not link.step()
        got = swap(transports, 9, [[np.array([1])], [np.array([2])]], epoch=4)
        assert_array_equal(got[1][0][0], [1])
        assert_array_equal(got[0][1][0], [2])
        first, second = together(
            lambda: transports[0].exchange(4, 10, {1: []}), lambda: transports[1].exchange(4, 11, {0: []})
        )
        assert {type(first), type(second)} == {TransportError}
        assert "while exchange 1" in f"{first} {second}"


def test_memory_that_cannot_be_had_is_an_error() -> None:
    with pytest.raises(MemoryError, match="Claiming them would end some process"):
        Memory.create(1 << 56)


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_is_left_open(kind: str) -> None:
    before, files = open_files(), set(os.listdir("/dev/shm"))
    for _ in range(3):
        with mesh(nodes(kind, 3)) as transports:
            for number in range(4):
                swap(transports, number, [[np.zeros(10_000 * (number + 1))]] * 3)
    assert open_files() == before
    assert not [name for name in set(os.listdir("/dev/shm")) - files if "weaver" in name]
    assert b"memfd:weaver" not in Path("/proc/self/maps").read_bytes()


def _serve(rank: int, ends: Any, secret: bytes, node: str | None, size: int) -> None:
    """A worker process: says where it is, meets the other, then exchanges until it is killed."""
    listener = Listener(rank, node)
    ends.send(listener.endpoint)
    transport = PeerTransport(listener, ends.recv(), secret)
    number = 0
    while True:
        transport.exchange(0, number, {0: [np.full(size, number, np.float64)]})
        number += 1


@pytest.mark.timeout(60)
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("size", [10, 4_000_000])
def test_a_killed_peer_is_noticed_at_once(kind: str, size: int) -> None:
    spawn = multiprocessing.get_context("spawn")
    ours, theirs = spawn.Pipe()
    first, second = nodes(kind, 2)
    process = spawn.Process(target=_serve, args=(1, theirs, b"secret", second, size), daemon=True)
    process.start()
    theirs.close()
    listener = Listener(0, first)
    ends = [listener.endpoint, ours.recv()]
    ours.send(ends)
    transport = PeerTransport(listener, ends, b"secret")
    assert transport.kinds == {1: kind}
    for number in range(3):
        assert (transport.exchange(0, number, {1: []})[1][0] == number).all()
    assert process.pid is not None
    killer = threading.Timer(0.3, os.kill, [process.pid, signal.SIGKILL])
    killer.start()

    def go_on() -> None:
        for number in itertools.count(3):
            transport.exchange(0, number, {1: [np.zeros(size)]})

    with pytest.raises(TransportError, match="worker 1"):
        go_on()
    transport.close()
    process.join()
    ours.close()
