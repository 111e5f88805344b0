"""The worker's side of the frames: what it sends to a hub, and when it does not."""

import json
import socket
import struct

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from partitions.frames import decode
from partitions.interest import Interest, Wanted
from partitions.portion import portion
from partitions.publisher import HELLO, KIND_PART, KIND_SEEN, KIND_WISH, NONCE, PREFIX, Publisher, proof
from partitions.still import Still


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

    def wish(self, every, *interests, number=1):
        payload = {"every": every, "interests": [interest.tell() for interest in interests], "number": number}
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


ALL = Interest(5, types=(Wanted(0, "points", ("energy",)),))


def birds(n=2):
    columns = {"position.x": np.zeros(n), "position.y": np.zeros(n), "energy": np.ones(n)}
    return Still(2, (-1.0, 0.0, 0.0), (3.0, 400.0, 0.0), [(np.arange(n), columns)])


def test_a_publisher_sends_what_is_wished_and_the_stop_even_if_it_is_not_due(listener):
    publisher = Publisher(listener.address, b"secret", 0, 1)
    assert not publisher.due(0)
    listener.greet()
    other = Interest(6, types=(Wanted(0, "density"),))
    listener.wish(4, ALL, other)
    assert listener.message() == (KIND_SEEN, struct.pack("<I", 1))
    assert [tick for tick in range(9) if publisher.due(tick)] == [0, 4, 8]
    assert publisher.interests == (ALL, other)
    assert publisher.publish(4, birds())
    kind, payload = listener.message()
    frame = decode(payload)
    assert (kind, frame.tick, frame.interest, frame.parts) == (KIND_PART, 4, 5, 1)
    assert_array_equal(frame.blocks[0].arrays["ids"], [0, 1])
    assert_array_equal(frame.blocks[0].arrays["column0"], [1, 1])
    assert decode(listener.message()[1]).blocks[0].kind == "density"
    listener.wish(0, ALL, number=2)
    assert listener.message()[0] == KIND_SEEN
    assert not publisher.due(8)
    assert publisher.publish(9, birds(), force=True)
    publisher.close()
    assert decode(listener.message()[1]).tick == 9


def test_nothing_is_made_while_nobody_wants_anything(listener):
    publisher = Publisher(listener.address, b"secret", 0, 1)
    listener.greet()
    listener.wish(1)
    listener.message()
    assert not publisher.publish(0, None, force=True)
    publisher.close()


def test_a_publisher_drops_ticks_while_the_hub_does_not_read_but_not_the_last(listener):
    publisher = Publisher(listener.address, b"secret", 0, 1)
    listener.greet()
    listener.wish(1, ALL)
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


def test_an_interest_in_what_there_is_not_costs_the_others_nothing(listener):
    publisher = Publisher(listener.address, b"secret", 0, 1)
    listener.greet()
    listener.wish(1, Interest(1, types=(Wanted(7),)), ALL)
    listener.message()
    assert publisher.publish(0, birds())
    assert decode(listener.message()[1]).interest == 5
    assert "interest 1: IndexError" in publisher.trouble
    assert publisher.due(1)
    publisher.close()


def test_what_interests_have_in_common_is_copied_once_and_each_gets_what_it_would_get_alone(listener):
    rng, n = np.random.default_rng(1), 50
    places = {f"position.{axis}": rng.uniform(0.0, 4.0, n) for axis in "xy"}
    source = Still(2, (0.0, 0.0, 0.0), (4.0, 4.0, 0.0), [(np.arange(n), {**places, "energy": rng.uniform(0, 1, n)})])
    source.paced = False
    asked, rows = [], source.rows
    source.rows = lambda type, area, names: (asked.append((area, sorted(names))), rows(type, area, names))[1]
    corner = (0.0, 0.0, 0.0), (2.0, 2.0, 0.0)
    rich = ["<", ["number", 0.5], ["field", "energy"]]
    wanted = (
        Interest(1, types=(Wanted(0),)),
        Interest(2, types=(Wanted(0, fields=("energy",)),)),
        Interest(3, types=(Wanted(0, where=rich),)),
        Interest(4, area=corner, types=(Wanted(0),)),
    )
    publisher = Publisher(listener.address, b"secret", 0, 1)
    listener.greet()
    listener.wish(1, *wanted)
    listener.message()
    assert publisher.publish(0, source)
    names = ["position.x", "position.y"]
    assert asked == [(None, ["energy", *names]), (corner, names)]
    for interest in wanted:
        frame, alone = decode(listener.message()[1]), portion(source, interest, 0)
        assert frame.cost > 0
        for block, other in zip(frame.blocks, alone.blocks, strict=True):
            assert block.about == other.about
            assert list(block.arrays) == list(other.arrays)
            for name, values in block.arrays.items():
                assert_array_equal(values, other.arrays[name])
    publisher.close()


def test_all_who_want_the_load_get_it(listener):
    publisher = Publisher(listener.address, b"secret", 0, 1)
    listener.greet()
    listener.wish(1, Interest(1, load=True), Interest(2, load=True))
    listener.message()
    source, told = birds(), [{"partitions": [{"number": 0}], "workers": []}]
    source.load = told.pop  # it tells everything once
    assert publisher.publish(0, source)
    for _ in (1, 2):
        assert decode(listener.message()[1]).find("load").about["partitions"] == [{"number": 0}]
    publisher.close()


def test_a_publisher_goes_quiet_when_the_hub_is_lost(listener):
    publisher = Publisher(listener.address, b"secret", 0, 1)
    listener.greet()
    listener.wish(1, ALL)
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
