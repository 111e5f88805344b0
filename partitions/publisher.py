"""How a worker sends what it shows, without ever waiting.

A `Publisher` talks to the hub over TCP after a challenge and response (HMAC-SHA256, both ways); nothing is ever
unpickled. `due` is one comparison while nobody watches.

Messages: u32 length, u8 kind, payload. From the worker: KIND_PART, a part of a frame; KIND_SEEN, u32, the number of the
newest wish that it acts on. From the hub: KIND_WISH, JSON: {"number", "every", "interests": [...]}.
"""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import json
import secrets
import socket
import struct
import threading
import time
from dataclasses import replace
from typing import Any

from partitions.frames import Frame, encode
from partitions.glance import Glance
from partitions.interest import Interest
from partitions.portion import Source, portion

__all__ = ["Publisher"]

PREFIX = struct.Struct("<IB")
KIND_PART, KIND_SEEN, KIND_WISH = 1, 2, 3
GREETING = b"WVF2"
NONCE = 32
HELLO = struct.Struct(f"<4s{NONCE}sII32s")
MOST_SLOWNESS = 8.0
_TIMEOUT = 10.0


def proof(secret: bytes, role: bytes, *words: bytes) -> bytes:
    """HMAC-SHA256 by which hub and publisher show each other that they know `secret`."""
    return hmac.new(secret, b"|".join((b"weaver frames 1", role, *words)), hashlib.sha256).digest()


class Publisher:
    """Sends the parts of one worker to the hub; never makes the worker wait, and never fails it.

    Attributes:
        every: 0 while nobody watches, else a power of two: publish at ticks that it divides.
        interests: what is wanted now. Replaced, never changed.
        trouble: why an interest could not be answered, the last time that happened.

    A publisher that cannot reach the hub, or loses it, goes quiet: `every` is 0 and `publish` does nothing.
    `lost` then says why.
    """

    def __init__(self, address: tuple[str, int], secret: bytes, part: int, parts: int) -> None:
        """Start to connect, in the background.

        Args:
            address: host and port that the hub gave as `publish_address`.
            secret: the hub's `publish_secret`.
            part: which worker this is, 0 <= part < parts.
            parts: number of workers; a frame is shown when it has a part from each.

        Raises:
            ValueError: `part` is not below `parts`.
        """
        if not 0 <= part < parts:
            raise ValueError(
                f"Publisher(part={part}, parts={parts}) was asked; allowed is 0 <= part < parts.\n"
                "The hub would wait for ever for the missing parts of each frame.\n"
                f"Use part={max(0, min(part, parts - 1))}, or raise parts to {part + 1}."
            )
        self.every = 0
        self.interests: tuple[Interest, ...] = ()
        self.lost: str | None = None
        self.trouble: str | None = None
        self._part, self._parts = part, parts
        self._slot: list[Frame] | None = None
        self._seen = self._told = 0
        self._sending = 0.0  # seconds of work that it took to send a frame, the last time
        self._clocks = 0, 0  # nanoseconds of work, and of wait for a processor
        self._closing = False
        self._changed = threading.Condition()
        self._socket: socket.socket | None = None
        self._threads = [
            threading.Thread(target=self._receive, args=(address, secret), name="frames-receive", daemon=True),
            threading.Thread(target=self._send, name="frames-send", daemon=True),
        ]
        for thread in self._threads:
            thread.start()

    def due(self, tick: int) -> bool:
        """Whether somebody wants this tick."""
        every = self.every
        return every != 0 and not tick & (every - 1)

    def publish(self, tick: int, source: Source, force: bool = False) -> bool:
        """Copy what the interests want of the source and return; a thread sends it.

        Args:
            tick: the finished tick.
            source: what there is to show, at rest until this returns.
            force: send even if the parts before have not left yet (they are dropped instead): for the last tick before
                a stop.

        Returns:
            Whether parts were taken. Otherwise they were dropped before any work was done.
        """
        interests = self.interests
        if not interests or self._closing or (self._slot is not None and not force):
            return False
        load = source.load() if any(interest.load for interest in interests) else None
        glance, slowness = Glance(source, interests), self._slowness()
        frames = []
        for interest in interests:
            try:
                frame = portion(source, interest, tick, self._part, self._parts, load, glance)
                cost = 0.0 if source.paced else slowness * (frame.cost + self._sending)
                frames.append(replace(frame, cost=cost))
            except (
                ArithmeticError,
                LookupError,
                ValueError,
            ) as error:  # one that makes no sense costs its viewer alone
                self.trouble = f"interest {interest.number}: {type(error).__name__}: {error}"
        with self._changed:
            self._slot = frames
            self._changed.notify_all()
        return True

    def _slowness(self) -> float:
        """Seconds with its wait for a processor that a second of this thread's work has taken since the last call.

        Where others keep processors from a worker, a view takes a larger part of what it gets. Only Linux tells.
        """
        try:
            with open("/proc/thread-self/schedstat") as file:
                worked, waited = map(int, file.read().split()[:2])
        except OSError:
            return 1.0
        before, self._clocks = self._clocks, (worked, waited)
        worked, waited = worked - before[0], waited - before[1]
        return 1.0 + min(max(0.0, waited / worked), MOST_SLOWNESS) if worked > 0 else 1.0

    def close(self, timeout: float = 2.0) -> None:
        """Send what waits, then hang up; gives up on a stuck hub after `timeout` seconds."""
        with self._changed:
            self._closing = True
            self._changed.notify_all()
        self._threads[1].join(timeout)
        self._hang_up("closed")
        for thread in self._threads:
            thread.join(timeout)

    def _hang_up(self, reason: str) -> None:
        with self._changed:
            self.every = 0
            self.interests = ()
            self._slot = None
            self._closing = True
            self.lost = self.lost or reason
            link, self._socket = self._socket, None
            self._changed.notify_all()
        if link is not None:
            with contextlib.suppress(OSError):  # the other end may be gone already, which is what we want
                link.shutdown(socket.SHUT_RDWR)
            link.close()

    def _receive(self, address: tuple[str, int], secret: bytes) -> None:
        try:
            link = socket.create_connection(address, _TIMEOUT)
            link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with self._changed:
                if self._closing:
                    link.close()
                    return
                self._socket = link
            theirs = _exactly(link, NONCE)
            ours = secrets.token_bytes(NONCE)
            who = struct.pack("<II", self._part, self._parts)
            answer = proof(secret, b"publisher", theirs, ours, who)
            link.sendall(HELLO.pack(GREETING, ours, self._part, self._parts, answer))
            if not hmac.compare_digest(_exactly(link, 32), proof(secret, b"hub", ours, theirs)):
                raise ConnectionError("the hub does not know the secret of this run")
            link.settimeout(None)
            while True:
                size, kind = PREFIX.unpack(_exactly(link, PREFIX.size))
                payload = _exactly(link, size)
                if kind == KIND_WISH:
                    self._obey(json.loads(payload))
        except (OSError, ValueError, KeyError, TypeError) as error:
            self._hang_up(f"{type(error).__name__}: {error}")

    def _obey(self, wish: dict[str, Any]) -> None:
        every = int(wish["every"])
        if every < 0 or every & (every - 1):
            raise ValueError(f"every = {every} is not a power of two")
        interests = tuple(map(Interest.read, wish["interests"]))
        number = int(wish["number"])
        with self._changed:
            if self._closing:
                return
            self.interests = interests
            self.every = every
            # The hub learns what we have seen, so that it can ask for a fresh frame of a paused run.
            self._seen = number
            self._changed.notify_all()

    def _send(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._slot is not None or self._seen != self._told or self._closing)
                frames, seen, link = self._slot, self._seen, self._socket
                if link is None or (self._closing and frames is None):
                    return
            try:
                if seen != self._told:
                    link.sendall(PREFIX.pack(4, KIND_SEEN) + struct.pack("<I", seen))
                    self._told = seen
                began = time.thread_time()
                for frame in frames or ():
                    payload = encode(frame)
                    link.sendall(PREFIX.pack(len(payload), KIND_PART))
                    link.sendall(payload)
                if frames:
                    self._sending = (time.thread_time() - began) / len(frames)
            except OSError as error:
                self._hang_up(f"{type(error).__name__}: {error}")
                return
            with self._changed:
                # The slot stays taken while its bytes leave; forced parts may have replaced it meanwhile.
                if self._slot is frames:
                    self._slot = None


def _exactly(link: socket.socket, size: int) -> bytes:
    chunks = bytearray()
    while len(chunks) < size:
        chunk = link.recv(size - len(chunks))
        if not chunk:
            raise ConnectionError("the hub hung up")
        chunks += chunk
    return bytes(chunks)
