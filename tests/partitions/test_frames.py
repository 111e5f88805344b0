"""The frame codec and the worker's side of it."""

import contextlib
import json
import socket
import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.testing import assert_allclose, assert_array_equal

from partitions.frames import (
    HELLO,
    KIND_PART,
    KIND_SEEN,
    KIND_WISH,
    LEVELS,
    NONCE,
    PREFIX,
    Frame,
    FrameError,
    Publisher,
    Rows,
    decode,
    encode,
    magnitude,
    merge,
    proof,
    quantise,
)

LOW, HIGH = (-1.0, 0.0, 0.0), (3.0, 400.0, 0.0)
bounds = st.floats(-1e6, 1e6)


@st.composite
def rows(draw, type_index):
    n = draw(st.integers(0, 9))
    return Rows(
        type_index,
        draw(arrays(np.uint16, (n, 3))),
        draw(st.none() | arrays(np.int64, n)),
        draw(st.none() | arrays(np.int8, (n, 3))),
        draw(st.none() | arrays(np.float32, n, elements=st.floats(width=32))),
    )


@st.composite
def frames(draw):
    types = draw(st.lists(st.integers(0, 5), unique=True, max_size=4))
    parts = draw(st.integers(1, 5))
    return Frame(
        draw(st.integers(0, 2**40)),
        draw(st.tuples(bounds, bounds, bounds)),
        draw(st.tuples(bounds, bounds, bounds)),
        tuple(draw(rows(k)) for k in types),
        draw(st.integers(0, parts - 1)),
        parts,
    )


def assert_same(one, two):
    assert (one.tick, one.low, one.high, one.part, one.parts) == (two.tick, two.low, two.high, two.part, two.parts)
    assert [r.type_index for r in one.types] == [r.type_index for r in two.types]
    for a, b in zip(one.types, two.types, strict=True):
        for name in ("positions", "ids", "heading", "scalar"):
            x, y = getattr(a, name), getattr(b, name)
            assert (x is None) == (y is None)
            if x is not None:
                assert_array_equal(x, y)


def test_one_bird_has_the_bytes_that_the_module_describes():
    bird = Rows(0, np.array([[1, 2, 3]], np.uint16), None, np.array([[127, 0, -127]], np.int8))
    data = encode(Frame(7, (0.0, 0.0, 0.0), (1.0, 1.0, 1.0), (bird,)))
    assert data[:4] == b"WVF1"
    assert struct.unpack_from("<q", data, 16) == (7,)
    assert data[72:] == struct.pack("<IIII", 0, 1, 2, 0) + struct.pack("<HHH2x", 1, 2, 3) + struct.pack(
        "<bbbx", 127, 0, -127
    )


@given(frames())
def test_decode_gives_back_what_was_encoded(frame):
    assert_same(decode(encode(frame)), frame)


@given(frames(), st.data())
def test_broken_bytes_raise_frame_error_and_nothing_else(frame, data):
    whole = bytearray(encode(frame))
    cut = data.draw(st.integers(0, len(whole) - 1))
    with pytest.raises(FrameError, match="show entities"):
        decode(whole[:cut])
    with pytest.raises(FrameError):
        decode(whole + b"\0")
    whole[data.draw(st.integers(0, len(whole) - 1))] ^= data.draw(st.integers(1, 255))
    with contextlib.suppress(FrameError):  # a changed coordinate is still a frame
        decode(whole)


@given(st.binary(max_size=200))
def test_any_bytes_raise_frame_error(data):
    with pytest.raises(FrameError):
        decode(data)


@given(st.lists(st.integers(0, 6), min_size=1, max_size=5))
def test_merged_parts_hold_every_row_once_in_order_of_the_parts(counts):
    parts = []
    for k, n in enumerate(counts):
        ids = np.arange(n) + 100 * k
        parts.append(Frame(3, LOW, HIGH, (Rows(0, np.full((n, 3), k, np.uint16), ids),), k, len(counts)))
    whole = merge(parts[::-1])
    expected = np.concatenate([part.types[0].ids for part in parts])
    assert_array_equal(whole.types[0].ids, expected)
    assert (whole.part, whole.parts, whole.tick) == (0, 1, 3)
    assert_array_equal(whole.types[0].positions[:, 0], expected // 100)


def test_merge_keeps_a_column_only_when_every_filled_part_has_it():
    one = Rows(1, np.zeros((2, 3), np.uint16), scalar=np.ones(2, np.float32))
    none = Rows(1, np.zeros((1, 3), np.uint16))
    empty = Rows(1, np.zeros((0, 3), np.uint16))
    both = merge([Frame(0, LOW, HIGH, (one,), 0, 2), Frame(0, LOW, HIGH, (none,), 1, 2)])
    assert both.types[0].scalar is None
    kept = merge([Frame(0, LOW, HIGH, (one,), 0, 2), Frame(0, LOW, HIGH, (empty,), 1, 2)])
    assert_array_equal(kept.types[0].scalar, [1, 1])


@pytest.mark.parametrize(
    "parts",
    [
        [],
        [Frame(0, LOW, HIGH, (), 0, 2)],
        [Frame(0, LOW, HIGH, (), 0, 2), Frame(0, LOW, HIGH, (), 0, 2)],
        [Frame(0, LOW, HIGH, (), 0, 2), Frame(1, LOW, HIGH, (), 1, 2)],
        [Frame(0, LOW, HIGH, (), 0, 2), Frame(0, LOW, LOW, (), 1, 2)],
    ],
)
def test_parts_that_do_not_belong_together_are_refused(parts):
    with pytest.raises(FrameError, match="do not make one"):
        merge(parts)


def test_quantise_stores_corners_exactly_and_moves_strays_to_the_edge():
    x = np.array([-1.0, 3.0, 1.0, -9.0, 9.0, np.nan])
    stored = quantise(0, LOW, HIGH, (x, np.full(6, 400.0)))
    assert stored.positions[:, 0].tolist() == [0, LEVELS, 32768, 0, LEVELS, 0]
    assert (stored.positions[:, 1] == LEVELS).all()
    assert (stored.positions[:, 2] == 0).all()


@given(arrays(np.float64, 20, elements=st.floats(0, 1)))
def test_coordinates_are_right_to_half_a_step(share):
    y = 400.0 * share
    frame = Frame(0, LOW, HIGH, (quantise(0, LOW, HIGH, (np.zeros(20), y)),))
    assert_allclose(frame.coordinates(frame.types[0])[:, 1], y, atol=400 / (2 * LEVELS) + 1e-9)


def test_heading_is_a_unit_direction_and_what_stands_has_none():
    heading = (np.array([3.0, 0.0, np.nan, 0.0]), np.array([4.0, 0.0, 1.0, -1e-9]))
    stored = quantise(0, LOW, HIGH, (np.zeros(4), np.zeros(4)), heading=heading)
    assert stored.heading.tolist() == [[76, 102, 0], [0, 0, 0], [0, 0, 0], [0, -127, 0]]


def test_quantise_shares_no_memory_with_its_arguments():
    x, ids, scalar = np.zeros(3), np.arange(3), np.zeros(3, np.float32)
    stored = quantise(0, LOW, HIGH, (x, x), ids, None, scalar)
    assert not any(np.shares_memory(a, b) for a in (stored.ids, stored.scalar) for b in (ids, scalar))


def test_magnitude_of_three_and_four_is_five():
    assert magnitude((np.array([3.0]), np.array([4.0]))).tolist() == [5.0]


class Listener:
    """The smallest hub: one worker, scripted."""

    def __init__(self, secret):
        self.secret = secret
        self.server = socket.create_server(("127.0.0.1", 0))
        self.address = self.server.getsockname()[:2]

    def greet(self, right=True):
        self.server.settimeout(10)
        self.link, _ = self.server.accept()
        self.link.settimeout(10)
        ours = b"n" * NONCE
        self.link.sendall(ours)
        _, theirs, part, parts, answer = HELLO.unpack(self.read(HELLO.size))
        assert answer == proof(self.secret, b"publisher", ours, theirs, struct.pack("<II", part, parts))
        self.link.sendall(proof(self.secret if right else b"x", b"hub", theirs, ours))

    def wish(self, every, number=1, ids=False):
        payload = {"every": every, "fields": {"Bird": "energy"}, "ids": ids, "low": LOW, "high": HIGH, "number": number}
        data = json.dumps(payload).encode()
        self.link.sendall(PREFIX.pack(len(data), KIND_WISH) + data)

    def read(self, size):
        data = b""
        while len(data) < size:
            chunk = self.link.recv(size - len(data))
            assert chunk, "the publisher hung up"
            data += chunk
        return data

    def message(self):
        size, kind = PREFIX.unpack(self.read(PREFIX.size))
        return kind, self.read(size)

    def close(self):
        self.link.close()
        self.server.close()


@pytest.fixture
def listener():
    made = Listener(b"secret")
    yield made
    made.close()


def birds(n=2):
    return [(0, (np.zeros(n), np.zeros(n)), np.arange(n), None, np.ones(n))]


def test_a_publisher_sends_what_is_wished_and_the_stop_even_unwatched(listener):
    publisher = Publisher(listener.address, b"secret", 0, 1)
    assert not publisher.due(0)
    listener.greet()
    listener.wish(4, ids=True)
    assert listener.message() == (KIND_SEEN, struct.pack("<I", 1))
    assert [tick for tick in range(9) if publisher.due(tick)] == [0, 4, 8]
    assert publisher.fields == {"Bird": "energy"}
    assert publisher.publish(4, birds())
    kind, payload = listener.message()
    frame = decode(payload)
    assert (kind, frame.tick, frame.low, frame.high) == (KIND_PART, 4, LOW, HIGH)
    assert_array_equal(frame.types[0].ids, [0, 1])
    assert_array_equal(frame.types[0].scalar, [1, 1])
    listener.wish(0, number=2)
    assert listener.message()[0] == KIND_SEEN
    assert not publisher.due(8)
    assert publisher.publish(9, birds(), force=True)
    publisher.close()
    assert decode(listener.message()[1]).tick == 9


def test_a_publisher_drops_ticks_while_the_hub_does_not_read_but_not_the_last(listener):
    publisher = Publisher(listener.address, b"secret", 0, 1)
    listener.greet()
    listener.wish(1)
    listener.message()
    many = birds(1_000_000)  # more than the buffers of a socket take
    taken = [publisher.publish(tick, many) for tick in range(3)]
    assert taken == [True, False, False]
    assert publisher.publish(3, birds(), force=True)
    first = decode(listener.message()[1]).tick
    assert first in (0, 3)  # 0 unless the forced one came before its first byte had left
    if first == 0:
        assert decode(listener.message()[1]).tick == 3
    publisher.close()


def test_a_publisher_goes_quiet_when_the_hub_is_lost(listener):
    publisher = Publisher(listener.address, b"secret", 0, 1)
    listener.greet()
    listener.wish(1)
    listener.message()
    listener.link.shutdown(socket.SHUT_RDWR)
    publisher._threads[0].join(10)
    assert not publisher.due(0)
    assert not publisher.publish(0, birds(), force=True)
    assert "hung up" in publisher.lost
    publisher.close()


def test_a_publisher_refuses_a_hub_that_does_not_know_the_secret(listener):
    publisher = Publisher(listener.address, b"secret", 0, 1)
    listener.greet(right=False)
    publisher._threads[0].join(10)
    assert "does not know the secret" in publisher.lost
    publisher.close()


def test_a_publisher_without_a_hub_is_quiet():
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = server.getsockname()[:2]
    publisher = Publisher(address, b"secret", 1, 2)
    publisher._threads[0].join(10)
    assert "ConnectionRefusedError" in publisher.lost
    assert not publisher.due(0)
    publisher.close()
    assert not any(thread.is_alive() for thread in publisher._threads)


def test_a_part_number_beyond_the_parts_is_an_error():
    with pytest.raises(
        ValueError, match=r"(?s)allowed is 0 <= part < parts.*wait for ever.*Use part=1, or raise parts to 3"
    ):
        Publisher(("127.0.0.1", 1), b"", 2, 2)
