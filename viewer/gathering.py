"""The workers' side of the hub: parts of frames come in over TCP, wishes go out."""

from __future__ import annotations

import asyncio
import hmac
import json
import secrets
import struct
import sys
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from partitions.frames import Block, Frame, FrameError, decode, encode, merge
from partitions.publisher import GREETING, HELLO, KIND_PART, KIND_SEEN, KIND_WISH, NONCE, PREFIX, proof
from viewer.pace import Pace
from viewer.plan import Slot

LARGEST_PART = 1 << 31
HANDSHAKE_SECONDS = 10.0
PENDING_TICKS = 8
SAFE_INTEGER = 1 << 53


class Worker:
    """One worker's connection."""

    def __init__(self, part: int, writer: asyncio.StreamWriter) -> None:
        self.part = part
        self.writer = writer
        self.seen = 0


class Gathering:
    """Merges the parts of all workers, interest by interest, into whole frames.

    Attributes:
        workers: those who are connected.
    """

    def __init__(
        self,
        parts: int,
        secret: bytes,
        pace: Pace,
        slot: Callable[[int], Slot | None],
        on_frame: Callable[[Slot, Frame], None],
        on_seen: Callable[[], None],
    ) -> None:
        """Say what to do.

        Args:
            parts: workers of the run.
            secret: what they must know.
            pace: is told when parts come.
            slot: the interest of a number.
            on_frame: called with each whole frame, after its slot has taken it.
            on_seen: called when a worker has confirmed a wish, or a new one has come.
        """
        self.parts = parts
        self.workers: set[Worker] = set()
        self._secret, self._pace, self._slot = secret, pace, slot
        self._on_frame, self._on_seen = on_frame, on_seen
        self._pending: dict[int, OrderedDict[int, dict[int, Frame]]] = {}
        self._wish = b""
        self._server: asyncio.Server | None = None

    async def listen(self, host: str) -> int:
        """Begin to serve; returns the port."""
        self._server = await asyncio.start_server(self._serve, host, 0, limit=1 << 20)
        port: int = self._server.sockets[0].getsockname()[1]
        return port

    def close(self) -> None:
        """Hang up."""
        if self._server is not None:
            self._server.close()
        for worker in list(self.workers):
            worker.writer.close()

    def wish(self, number: int, every: int, interests: list[dict[str, Any]]) -> None:
        """Tell the workers what is wanted from now on, and those who come later."""
        payload = json.dumps({"number": number, "every": every, "interests": interests}).encode()
        self._wish = PREFIX.pack(len(payload), KIND_WISH) + payload
        # Parts may be under way of an interest that viewers still wait for, although it is wanted no more.
        self._pending = {key: ticks for key, ticks in self._pending.items() if self._slot(key) is not None}
        for worker in self.workers:
            worker.writer.write(self._wish)

    def all_know(self, number: int) -> bool:
        """Whether every worker acts on the wish of that number."""
        return len({worker.part for worker in self.workers if worker.seen == number}) == self.parts

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Talk with one worker until it leaves."""
        worker: Worker | None = None
        try:
            worker = await self._greet(reader, writer)
            if worker is None:
                return
            self.workers.add(worker)
            writer.write(self._wish)
            while True:
                size, kind = PREFIX.unpack(await reader.readexactly(PREFIX.size))
                if size > LARGEST_PART:
                    raise FrameError(f"a part of {size} bytes")
                payload = await reader.readexactly(size)
                if kind == KIND_PART:
                    self._gather(worker.part, payload)
                elif kind == KIND_SEEN:
                    (worker.seen,) = struct.unpack("<I", payload)
                    self._on_seen()
        except (asyncio.IncompleteReadError, ConnectionError, TimeoutError):
            pass  # it ended, or never was one of ours
        except asyncio.CancelledError:
            pass  # the hub ends; before 3.12 asyncio would report a cancelled reader as a fault
        except (FrameError, struct.error) as error:
            print(f"viewer: a worker sent what is no frame and was cut off: {error}", file=sys.stderr)
        finally:
            if worker is not None:
                self.workers.discard(worker)
            writer.close()

    async def _greet(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> Worker | None:
        """Both sides show that they know the secret; None when the other does not."""
        ours = secrets.token_bytes(NONCE)
        writer.write(ours)
        async with asyncio.timeout(HANDSHAKE_SECONDS):
            magic, theirs, part, parts, answer = HELLO.unpack(await reader.readexactly(HELLO.size))
        right = proof(self._secret, b"publisher", ours, theirs, struct.pack("<II", part, parts))
        if magic != GREETING or not hmac.compare_digest(answer, right):
            return None
        if parts != self.parts or not part < parts:
            print(f"viewer: worker {part} of {parts} came to a run of {self.parts} workers.", file=sys.stderr)
            return None
        writer.write(proof(self._secret, b"hub", theirs, ours))
        return Worker(part, writer)

    def _gather(self, part: int, payload: bytes) -> None:
        """Take one part; when its tick is whole, it is the newest frame of its interest."""
        frame = decode(payload)
        if frame.part != part or frame.parts != self.parts:
            raise FrameError(f"part {frame.part} of {frame.parts} from worker {part} of {self.parts}")
        if part == 0:
            self._pace.arrived(time.monotonic(), frame.tick)
        slot = self._slot(frame.interest)
        if slot is None:
            return  # nobody waits for it any more
        pending = self._pending.setdefault(frame.interest, OrderedDict())
        pending.setdefault(frame.tick, {})[part] = frame
        if len(pending[frame.tick]) == self.parts:
            # Workers publish in the same order, so what was begun before this tick will never be whole.
            begun = list(pending)
            older = begun[: begun.index(frame.tick)]
            whole = pending[frame.tick]
            for tick in (*older, frame.tick):
                del pending[tick]
            self._pace.completed(len(older))
            merged = merge(whole.values())
            self._finish(slot, merged, payload)
        elif len(pending) > PENDING_TICKS:
            pending.popitem(last=False)
            self._pace.completed(2)

    def _finish(self, slot: Slot, frame: Frame, payload: bytes) -> None:
        # One part of such blocks is finished as it came, and most bytes of a frame are in them.
        as_it_came = self.parts == 1 and all(block.kind in ("points", "density", "load") for block in frame.blocks)
        if not as_it_came:
            frame = replace(frame, blocks=tuple(map(_readable, frame.blocks)))
        slot.take(frame, payload if as_it_came else encode(frame))
        self._on_frame(slot, frame)


def _readable(block: Block) -> Block:
    """Ids that JavaScript's numbers cannot hold as text."""
    if block.kind != "selected":
        return block
    rows = [row | {"id": str(row["id"])} if abs(row["id"]) > SAFE_INTEGER else row for row in block.about["rows"]]
    return Block(block.kind, {"rows": rows}, block.arrays)
