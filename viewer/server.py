"""The hub's process: gathers the parts of each tick and feeds every viewer its newest frame.

Three kinds of neighbour, none of which can hold up another: workers that publish (TCP), viewers (WebSocket, one task
each, one frame under way each), and the run that started us (JSON lines on stdin and stdout).
"""

from __future__ import annotations

import asyncio
import hmac
import json
import logging
import secrets
import struct
import sys
import time
from collections.abc import Callable
from typing import Any

from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response

from partitions.frames import (
    HELLO,
    KIND_PART,
    KIND_SEEN,
    KIND_WISH,
    MAGIC,
    NONCE,
    PREFIX,
    Frame,
    FrameError,
    decode,
    encode,
    merge,
    proof,
)
from viewer.access import Access
from viewer.commands import CommandError, parse
from viewer.pace import Pace

LARGEST_MESSAGE = 64 * 1024
LARGEST_PART = 1 << 31
HANDSHAKE_SECONDS = 10.0
PENDING_TICKS = 8


class Viewer:
    """One WebSocket: what it has been sent, and how fast it draws."""

    def __init__(self, socket: ServerConnection) -> None:
        self.socket = socket
        self.wake = asyncio.Event()
        self.sent: dict[str, int] = {}
        self.frame = 0
        self.waiting_since: float | None = None
        self.seconds = 0.0

    def acknowledge(self, now: float) -> None:
        """It drew the frame it was sent."""
        if self.waiting_since is not None:
            # A page in the background answers when it is looked at again: that says nothing about its speed.
            self.seconds += 0.3 * (min(now - self.waiting_since, 1.0) - self.seconds)
            self.waiting_since = None
        self.wake.set()

    def capacity(self, now: float) -> float:
        """Frames per second that it can take."""
        waiting = 0.0 if self.waiting_since is None else now - self.waiting_since
        return 1.0 / max(self.seconds, waiting, 1e-3)


class Publishing:
    """One worker's connection."""

    def __init__(self, part: int, writer: asyncio.StreamWriter) -> None:
        self.part = part
        self.writer = writer
        self.seen = 0


class Server:
    """See the module. Runs until `stop` is called."""

    def __init__(self, meta: dict[str, Any], token: str, secret: bytes, tell: Callable[[dict[str, Any]], None]) -> None:
        """`tell`: passes one JSON-able object to the run."""
        self.meta = meta
        self.token = token
        self.secret = secret
        self.tell = tell
        self.parts = int(meta["workers"])
        self.bounds = (tuple(map(float, meta["low"])), tuple(map(float, meta["high"])))
        self.fields = {
            entity_type["name"]: entity_type["view"]["colour"]
            for entity_type in meta["types"]
            if entity_type.get("view", {}).get("colour") in [field["name"] for field in entity_type["fields"]]
        }
        self.pace = Pace()
        self.viewers: set[Viewer] = set()
        self.publishing: set[Publishing] = set()
        self.pending: dict[int, dict[int, Frame]] = {}
        self.newest = b""
        self.frame = 0
        self.every = 0
        self.number = self.refreshed = 0
        self.texts: dict[str, tuple[int, str]] = {}
        self.stopped = asyncio.Event()
        self.show("meta", meta)
        self.show("fields", self.fields)

    async def run(self, host: str, port: int, publish_host: str) -> None:
        """Listen, say where, and serve until `stop`."""
        # Handshakes that fail are somebody else's affair, and their headers must not reach a log.
        logging.getLogger("websockets.server").setLevel(logging.CRITICAL)
        access: list[Access] = []

        def admit(connection: ServerConnection, request: Request) -> Response | None:
            return access[0].answer(request)

        workers = await asyncio.start_server(self.serve_worker, publish_host, 0, limit=1 << 20)
        pages = await serve(
            self.serve_viewer,
            host,
            port,
            process_request=admit,
            max_size=LARGEST_MESSAGE,
            compression=None,
            close_timeout=0.5,
            start_serving=False,
        )
        bound = pages.sockets[0].getsockname()[1]
        access.append(Access(self.token, host, bound))
        await pages.start_serving()
        self.tell({"ready": {"port": bound, "publish_port": workers.sockets[0].getsockname()[1]}})
        beat = asyncio.create_task(self.keep_pace())
        await self.stopped.wait()
        beat.cancel()
        workers.close()
        for publishing in list(self.publishing):
            publishing.writer.close()
        pages.close()
        await asyncio.gather(beat, asyncio.wait_for(pages.wait_closed(), 1.0), return_exceptions=True)

    def stop(self) -> None:
        """End `run`."""
        self.stopped.set()

    # What viewers are told

    def show(self, key: str, value: Any) -> None:
        """Send {key: value} to all viewers, and to those who come later; a newer value replaces one not yet sent."""
        version = self.texts.get(key, (0, ""))[0] + 1
        self.texts[key] = (version, json.dumps({key: value}))
        self.wake()

    def wake(self) -> None:
        """Let every viewer's task look for news."""
        for viewer in self.viewers:
            viewer.wake.set()

    def hear(self, message: dict[str, Any]) -> None:
        """One line from the run: status or partitions."""
        for key in ("status", "partitions"):
            if key in message:
                self.show(key, message[key])

    async def serve_viewer(self, socket: ServerConnection) -> None:
        """Talk with one viewer until it leaves."""
        viewer = Viewer(socket)
        viewer.wake.set()
        self.viewers.add(viewer)
        if len(self.viewers) == 1:
            self.number += 1
        self.wish()
        self.tell({"viewers": len(self.viewers)})
        feeding = asyncio.create_task(self.feed(viewer))
        try:
            async for message in socket:
                self.obey(viewer, message)
        except CommandError as error:
            await socket.close(1008, str(error).splitlines()[0][:100])
        except ConnectionClosed:
            pass  # it left without a word; what follows is the same
        finally:
            self.viewers.discard(viewer)
            feeding.cancel()
            await asyncio.gather(feeding, return_exceptions=True)
            self.wish()
            self.tell({"viewers": len(self.viewers)})

    async def feed(self, viewer: Viewer) -> None:
        """Send what is new, frames only when the one before has been drawn."""
        try:
            while True:
                await viewer.wake.wait()
                viewer.wake.clear()
                for key, (version, text) in list(self.texts.items()):
                    if viewer.sent.get(key) != version:
                        viewer.sent[key] = version
                        await viewer.socket.send(text)
                if viewer.waiting_since is None and viewer.frame != self.frame:
                    viewer.frame = self.frame
                    viewer.waiting_since = time.monotonic()
                    await viewer.socket.send(self.newest)
        except ConnectionClosed:
            return

    def obey(self, viewer: Viewer, message: str | bytes) -> None:
        """Act on one message of a viewer.

        Raises:
            CommandError: it is not a command.
        """
        command = parse(message, self.meta)
        if command["op"] == "ack":
            viewer.acknowledge(time.monotonic())
        elif command["op"] == "colour":
            if command["field"] is None:
                self.fields.pop(command["type"], None)
            else:
                self.fields[command["type"]] = command["field"]
            self.number += 1
            self.show("fields", self.fields)
            self.wish()
        else:
            self.tell({"command": command})

    # What workers are told, and send

    def wish(self) -> None:
        """Tell the workers what is wanted now."""
        self.every = self.pace.every if self.viewers else 0
        for publishing in self.publishing:
            publishing.writer.write(self.wish_bytes())

    def wish_bytes(self) -> bytes:
        """What is wanted now, as one message."""
        low, high = self.bounds
        payload = json.dumps(
            {
                "every": self.every,
                "fields": self.fields,
                "ids": False,
                "low": low,
                "high": high,
                "number": self.number,
            }
        ).encode()
        return PREFIX.pack(len(payload), KIND_WISH) + payload

    async def keep_pace(self) -> None:
        """Adapt `every` to the run and its viewers, ten times a second."""
        while True:
            await asyncio.sleep(0.1)
            now = time.monotonic()
            quickest = max((viewer.capacity(now) for viewer in self.viewers), default=1.0)
            if self.viewers and self.pace.choose(now, quickest) != self.every:
                self.wish()

    async def serve_worker(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Talk with one worker until it leaves."""
        publishing: Publishing | None = None
        try:
            publishing = await self.greet(reader, writer)
            if publishing is None:
                return
            self.publishing.add(publishing)
            writer.write(self.wish_bytes())
            while True:
                size, kind = PREFIX.unpack(await reader.readexactly(PREFIX.size))
                if size > LARGEST_PART:
                    raise FrameError(f"a part of {size} bytes")
                payload = await reader.readexactly(size)
                if kind == KIND_PART:
                    self.gather(publishing.part, payload)
                elif kind == KIND_SEEN:
                    (publishing.seen,) = struct.unpack("<I", payload)
                    self.refresh()
        except (asyncio.IncompleteReadError, ConnectionError, TimeoutError):
            pass  # it ended, or never was one of ours
        except asyncio.CancelledError:
            pass  # the hub ends; before 3.12 asyncio would report a cancelled reader as a fault
        except (FrameError, struct.error) as error:
            print(f"viewer: a worker sent what is no frame and was cut off: {error}", file=sys.stderr)
        finally:
            if publishing is not None:
                self.publishing.discard(publishing)
            writer.close()

    async def greet(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> Publishing | None:
        """Both sides show that they know the secret; None when the other does not."""
        ours = secrets.token_bytes(NONCE)
        writer.write(ours)
        async with asyncio.timeout(HANDSHAKE_SECONDS):
            magic, theirs, part, parts, answer = HELLO.unpack(await reader.readexactly(HELLO.size))
        right = proof(self.secret, b"publisher", ours, theirs, struct.pack("<II", part, parts))
        if magic != MAGIC or not hmac.compare_digest(answer, right):
            return None
        if parts != self.parts or not part < parts:
            print(f"viewer: worker {part} of {parts} came to a run of {self.parts} workers.", file=sys.stderr)
            return None
        writer.write(proof(self.secret, b"hub", theirs, ours))
        return Publishing(part, writer)

    def gather(self, part: int, payload: bytes) -> None:
        """Take one part; when its tick is whole, it is the newest frame."""
        frame = decode(payload)
        if frame.part != part or frame.parts != self.parts or (frame.low, frame.high) != self.bounds:
            raise FrameError(f"part {frame.part} of {frame.parts} in {frame.low}, {frame.high} from worker {part}")
        if part == 0:
            self.pace.arrived(time.monotonic(), frame.tick)
        parts = self.pending.setdefault(frame.tick, {})
        parts[part] = frame
        if len(parts) == self.parts:
            # Workers publish in the same order, so what was begun before this tick will never be whole.
            begun = list(self.pending)
            older = begun[: begun.index(frame.tick)]
            for tick in (*older, frame.tick):
                del self.pending[tick]
            self.pace.completed(len(older))
            self.newest = payload if self.parts == 1 else encode(merge(parts.values()))
            self.frame += 1
            self.wake()
        elif len(self.pending) > PENDING_TICKS:
            del self.pending[next(iter(self.pending))]
            self.pace.completed(2)

    def refresh(self) -> None:
        """Once all workers know what is wanted, ask a run that stands still to publish its tick again."""
        known = {publishing.part for publishing in self.publishing if publishing.seen == self.number}
        if len(known) == self.parts and self.refreshed != self.number:
            self.refreshed = self.number
            self.tell({"command": {"op": "refresh"}})
