"""What hostile or careless viewers may do: nothing to the run, and nothing to the others."""

import asyncio
import json
import os
import random
import socket
import struct
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np
import pytest
from websockets.asyncio.client import connect as connect_async
from websockets.exceptions import ConnectionClosed, InvalidHandshake
from websockets.sync.client import connect

from partitions.publisher import GREETING, HELLO, KIND_PART, NONCE, PREFIX, proof
from tests.viewer.pretend import birds, next_frame, until, watched, world
from tests.viewer.test_access import get
from viewer.client import Client
from viewer.commands import CommandError, parse

CONNECTS = 1000


def cookie(url):
    """Of a session with the rights of that link."""
    return get(url, "/session", X_Weaver_Token=url.partition("token=")[2])[1]["Set-Cookie"].partition(";")[0]


def opened(url):
    """A bare socket of a viewer."""
    base = urlsplit(url).netloc
    return connect(
        f"ws://{base}/ws",
        origin=f"http://{base}",
        additional_headers={"Cookie": cookie(url)},
        proxy=None,
        max_size=None,
    )


@pytest.mark.parametrize("message", ["nonsense", b"\x00\x01", '{"op": "stop"}', '{"op":"step","n":-1}', "x" * 70_000])
def test_a_malformed_message_ends_its_connection_and_nothing_else(start, message):
    hub, (publisher,) = start(world())
    with Client(hub.url) as good, Client(hub.url) as bad:
        good.interest()
        watched(hub)
        bad._socket.send(message)
        with pytest.raises(ConnectionClosed) as closed:
            bad.frame(20)
        assert closed.value.rcvd.code in (1008, 1009)
        until(lambda: hub.viewers == 1)
        assert hub.commands() == []
        publisher.publish(3, birds([(1, 2)]), force=True)
        assert next_frame(good, 3).tick == 3


def hostile(rng):
    """One message that is no command."""
    ops = ["ack", "play", "pause", "step", "rate", "set", "interest", "enter", "seek"]
    values = [None, True, -1, 0, 1e400, -1e400, 1 << 80, "", "x" * 200, [], {}, [[]], {"a": {}}, [1, "2", None], "NaN"]

    def tree(depth):
        kind = rng.random()
        if depth == 0 or kind < 0.4:
            return rng.choice(values)
        if kind < 0.7:
            return [tree(depth - 1) for _ in range(rng.randrange(4))]
        return {rng.choice(["op", "n", "hz", "types", "Bird", "area", "where"]): tree(depth - 1) for _ in range(3)}

    kind = rng.randrange(9)
    if kind == 0:
        return rng.randbytes(rng.randrange(200))
    if kind == 1:
        return "".join(chr(rng.randrange(1, 0xD7FF)) for _ in range(rng.randrange(300)))
    if kind == 2:
        return rng.choice(["[", '{"op":', '{"a":[', '"', "{", "1,"]) * rng.randrange(1, 9000)
    if kind == 3:
        text = json.dumps({"op": rng.choice(ops), "n": 3, "hz": 2.0})
        at = rng.randrange(len(text))
        return text[:at] + chr(rng.randrange(32, 127)) + text[at + rng.randrange(3) :]
    if kind == 4:
        return json.dumps({"op": rng.choice(ops), rng.choice(["n", "hz", "values", "tick", "more"]): tree(3)})
    if kind == 5:
        field = rng.choice(["area", "budget", "hz", "grid", "types", "layers", "selected", "histograms", "load"])
        return json.dumps({"op": "interest", field: tree(3)})
    if kind == 6:
        return json.dumps(tree(5))
    if kind == 7:
        return json.dumps({"op": rng.choice(ops), "n": "1" * rng.randrange(50_000)})
    return "x" * (1 << 16) + "y" * rng.randrange(1, 1000)


def refused(message):
    """Whether it is no command; a few of the random ones are."""
    try:
        parse(message, world())
    except CommandError:
        return True
    return False


@pytest.mark.parametrize(("n", "seed"), [(1000, 20), pytest.param(10_000, 21, marks=pytest.mark.slow)])
def test_fuzzed_messages_have_no_effect(start, capfd, n, seed):
    hub, (publisher,) = start(world())
    rng = random.Random(seed)
    messages = []
    while len(messages) < n:
        message = hostile(rng)
        if refused(message):
            messages.append(message)
    base, key = urlsplit(hub.url).netloc, cookie(hub.url)
    codes = {}

    async def attack(message):
        async with connect_async(
            f"ws://{base}/ws", origin=f"http://{base}", additional_headers={"Cookie": key}, proxy=None, compression=None
        ) as link:
            await link.send(message)
            try:
                while True:
                    await asyncio.wait_for(link.recv(), 20)
            except ConnectionClosed as closed:
                code = closed.rcvd.code if closed.rcvd else None
                codes[code] = codes.get(code, 0) + 1

    async def attacks():
        gate = asyncio.Semaphore(8)

        async def one(message):
            async with gate:
                await attack(message)

        await asyncio.gather(*map(one, messages))

    asyncio.run(attacks())
    assert codes.keys() <= {1007, 1008, 1009}
    assert sum(codes.values()) == n
    assert [command for command in hub.commands() if command["op"] != "refresh"] == []
    until(lambda: hub.viewers == 0 and publisher.interests == () and publisher.every == 0)
    with Client(hub.url) as client:
        watched(hub)
        publisher.publish(3, birds([(1, 2)]), force=True)
        assert next_frame(client, 3).tick == 3
    assert capfd.readouterr().err == ""


def test_random_bytes_in_place_of_a_handshake_hurt_nobody(start, capfd):
    hub, (publisher,) = start(world())
    rng = random.Random(5)
    parts = urlsplit(hub.url)
    for address in [(parts.hostname, parts.port), hub.publish_address] * 50:
        with socket.create_connection(address, 10) as link:
            link.sendall(rng.randbytes(rng.randrange(1, 5000)))
    with Client(hub.url) as client:
        watched(hub)
        publisher.publish(3, birds([(1, 2)]), force=True)
        assert next_frame(client, 3).tick == 3
    assert capfd.readouterr().err == ""


def state(hub):
    """Open files, memory (kB) and threads of the hub."""
    status = dict(line.split(":", 1) for line in Path(f"/proc/{hub.pid}/status").read_text().splitlines())
    return len(os.listdir(f"/proc/{hub.pid}/fd")), int(status["VmRSS"].split()[0]), int(status["Threads"])


def test_a_thousand_connects_and_disconnects_leave_nothing_behind(start):
    hub, (publisher,) = start(world())
    base, key = urlsplit(hub.url).netloc, cookie(hub.url)

    async def visit(k):
        link = await connect_async(
            f"ws://{base}/ws", origin=f"http://{base}", additional_headers={"Cookie": key}, proxy=None, compression=None
        )
        try:
            if k % 2:
                await link.send(json.dumps({"op": "interest", "area": [[0, 0, 0], [k % 13 + 1, 50, 0]]}))
            if k % 3:
                await link.recv()
        finally:
            if k % 5:
                await link.close()
            else:
                link.transport.abort()  # a cable that was pulled

    async def visits(n):
        for k in range(0, n, 10):
            await asyncio.gather(*(visit(j) for j in range(k, k + 10)))

    def gone():
        return hub.viewers == 0 and publisher.interests == () and publisher.every == 0

    asyncio.run(visits(100))
    until(gone)
    files, memory, threads = state(hub)
    asyncio.run(visits(CONNECTS))
    until(gone)
    until(lambda: state(hub)[0] <= files)
    after = state(hub)
    assert after[2] == threads
    assert after[1] - memory < 8_000, "kB that were not given back"
    with Client(hub.url) as client:
        hub.commands()
        client.interest(area=[(0, 0, 0), (7, 7, 0)])
        until(lambda: publisher.interests)
        publisher.publish(5, birds([(1, 2), (30, 3)]), force=True)
        assert next_frame(client, 5).find("points").about["in_area"] == 1


def test_a_viewer_whose_network_stalls_keeps_nobody_waiting_and_does_not_hold_up_the_end(start, monkeypatch):
    for name in ("FLUSH_SECONDS", "END_SECONDS"):
        monkeypatch.setattr(f"viewer.hub.{name}", 10.0)  # a busy machine may need longer than a user waits
    hub, (publisher,) = start(world())
    source = birds(np.zeros((400_000, 2)))  # more than the buffers of a socket take
    parts, key = urlsplit(hub.url), cookie(hub.url)
    with socket.create_connection((parts.hostname, parts.port), 10) as stalled, Client(hub.url) as client:
        request = (
            f"GET /ws HTTP/1.1\r\nHost: {parts.netloc}\r\nOrigin: http://{parts.netloc}\r\nCookie: {key}\r\n"
            "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
            "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
        )
        stalled.sendall(request.encode())
        until(lambda: hub.viewers == 2)
        client.interest(budget=1_000_000)
        until(lambda: publisher.interests)
        for tick in range(6):
            publisher.publish(tick, source, force=True)
            hub.status({"tick": tick})
            next_frame(client, tick)
            assert client.news["status"]["tick"] <= tick
        hub.close()
        assert hub._process.returncode == 0, "it had to be killed"


def test_no_more_than_so_many_may_watch(start):
    hub, _ = start(world())
    base, key = urlsplit(hub.url).netloc, cookie(hub.url)

    async def crowd():
        links, refused = [], 0
        for _ in range(260):
            try:
                link = await connect_async(
                    f"ws://{base}/ws", origin=f"http://{base}", additional_headers={"Cookie": key}, proxy=None
                )
                await link.recv()
                links.append(link)
            except (ConnectionClosed, InvalidHandshake):
                refused += 1
        for link in links:
            await link.close()
        return len(links), refused

    assert asyncio.run(crowd()) == (256, 4)


def test_a_worker_that_sends_nonsense_is_cut_off_and_nobody_else(start, capfd):
    hub, publishers = start(world(workers=2))
    until(lambda: all(publisher._socket is not None for publisher in publishers))
    with socket.create_connection(hub.publish_address, 10) as link:
        theirs = link.recv(NONCE, socket.MSG_WAITALL)
        ours = os.urandom(NONCE)
        answer = proof(hub.publish_secret, b"publisher", theirs, ours, struct.pack("<II", 1, 2))
        link.sendall(HELLO.pack(GREETING, ours, 1, 2, answer))
        link.recv(32, socket.MSG_WAITALL)
        link.sendall(PREFIX.pack(9, KIND_PART) + b"nonsense!")
        while link.recv(4096):
            pass
    with Client(hub.url) as client:
        until(lambda: all(publisher.interests for publisher in publishers))
        for publisher in publishers:
            publisher.publish(3, birds([(1, 2)]), force=True)
        assert next_frame(client, 3).find("points").about["in_area"] == 2
    hub.close()
    assert "no frame and was cut off" in capfd.readouterr().err
