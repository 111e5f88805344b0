"""Frames: what a viewer gets of one tick, as bytes, and how a worker sends them without ever waiting.

A *part* is what one worker holds at one tick; the hub merges the parts of all workers into one *frame*. Both are the
same bytes, little-endian and planar, so that a browser hands the buffers to WebGL without parsing them:

    72 bytes   magic "WVF1" | types u32 | part u32 | parts u32 | tick i64 | low 3 x f64 | high 3 x f64
    per type   type index u32 | rows n u32 | flags u32 | 0 u32
               positions u16[n, 3]      0 is `low`, 65535 is `high`, per axis
               ids       i64[n]         when flags & 1
               heading   i8[n, 3]       when flags & 2: unit direction times 127
               scalar    f32[n]         when flags & 4: the field to colour by
               each buffer is padded with zeros to a multiple of 4 bytes

A `Publisher` lives in a worker. It talks to the hub over TCP after a challenge and response (HMAC-SHA256, both ways);
nothing is ever unpickled. `due` is one comparison while nobody watches.
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
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "Frame",
    "FrameError",
    "Publisher",
    "Rows",
    "decode",
    "encode",
    "magnitude",
    "merge",
    "quantise",
]

MAGIC = b"WVF1"
LEVELS = 65535
_HEADER = struct.Struct("<4sIIIq6d")
_TYPE = struct.Struct("<IIII")
_IDS, _HEADING, _SCALAR = 1, 2, 4

# Messages between publisher and hub: u32 length, u8 kind, payload.
PREFIX = struct.Struct("<IB")
KIND_PART, KIND_SEEN, KIND_WISH = 1, 2, 3
NONCE = 32
HELLO = struct.Struct(f"<4s{NONCE}sII32s")
_TIMEOUT = 10.0


class FrameError(ValueError):
    """Bytes that are not a frame, or parts that do not belong together."""


@dataclass(frozen=True, eq=False)
class Rows:
    """The rows of one entity type in a frame.

    Attributes:
        type_index: position of the type in the world description.
        positions: (n, 3) uint16, 0 at the low corner of the frame's bounds and 65535 at the high one; z is 0 in 2-D.
        ids: (n,) int64, or None when nobody asked for them.
        heading: (n, 3) int8, unit direction times 127, or None.
        scalar: (n,) float32, the field to colour by in its own unit, or None.
    """

    type_index: int
    positions: NDArray[np.uint16]
    ids: NDArray[np.int64] | None = None
    heading: NDArray[np.int8] | None = None
    scalar: NDArray[np.float32] | None = None

    def __len__(self) -> int:
        return len(self.positions)


@dataclass(frozen=True, eq=False)
class Frame:
    """One tick as a viewer sees it, or one worker's part of it (`parts` > 1).

    Attributes:
        tick: the finished tick.
        low: low corner of the world box, metres.
        high: high corner of the world box, metres.
        types: one entry per entity type that has rows here.
        part: which part this is, 0 <= part < parts.
        parts: how many parts make the whole frame.
    """

    tick: int
    low: tuple[float, float, float]
    high: tuple[float, float, float]
    types: tuple[Rows, ...]
    part: int = 0
    parts: int = 1

    def coordinates(self, rows: Rows) -> NDArray[np.float64]:
        """Positions of `rows` in metres, (n, 3) float64, exact to (high - low) / 131070."""
        low, high = np.array(self.low), np.array(self.high)
        places: NDArray[np.float64] = low + rows.positions * ((high - low) / LEVELS)
        return places


def magnitude(components: Sequence[NDArray[Any]]) -> NDArray[np.float32]:
    """Length of a vector field given as one array per component, (n,) float32."""
    total = np.zeros(len(components[0]), np.float64)
    for component in components:
        total += np.square(component, dtype=np.float64)
    return np.sqrt(total).astype(np.float32)


def quantise(
    type_index: int,
    low: Sequence[float],
    high: Sequence[float],
    positions: Sequence[NDArray[Any]],
    ids: NDArray[np.int64] | None = None,
    heading: Sequence[NDArray[Any]] | None = None,
    scalar: NDArray[Any] | None = None,
) -> Rows:
    """Copy the columns of one type into the small integers of a frame.

    Args:
        type_index: position of the type in the world description.
        low: low corner of the bounds, 3 floats, metres.
        high: high corner of the bounds; an axis of width 0 is stored as 0.
        positions: 2 or 3 arrays (n,), metres; what lies outside the bounds is moved to their edge, NaN to `low`.
        ids: (n,) int64 or None.
        heading: 2 or 3 arrays (n,) of any length, or None; zero and NaN stay zero.
        scalar: (n,) numbers or None.

    Returns:
        Rows that share no memory with the arguments.
    """
    n = len(positions[0])
    stored = np.zeros((n, 3), np.uint16)
    for axis, values in enumerate(positions):
        width = high[axis] - low[axis]
        if width > 0:
            place = (np.asarray(values, np.float64) - low[axis]) * (LEVELS / width)
            # fmax and fmin prefer the number to the NaN, so the cast below is always defined.
            stored[:, axis] = np.rint(np.fmin(np.fmax(place, 0.0), LEVELS))
    directions = None
    if heading is not None:
        length = magnitude(heading).astype(np.float64)
        known = np.isfinite(length) & (length > 0)
        scale = np.divide(127.0, length, out=np.zeros(n), where=known)
        directions = np.zeros((n, 3), np.int8)
        for axis, values in enumerate(heading):
            directions[:, axis] = np.rint(np.where(known, values, 0.0) * scale).clip(-127, 127)
    return Rows(
        type_index,
        stored,
        None if ids is None else np.array(ids, np.int64),
        directions,
        None if scalar is None else np.array(scalar, np.float32),
    )


def encode(frame: Frame) -> bytes:
    """Bytes of a frame or part; `decode` gives it back exactly."""
    chunks = [_HEADER.pack(MAGIC, len(frame.types), frame.part, frame.parts, frame.tick, *frame.low, *frame.high)]
    for rows in frame.types:
        flags = 0
        buffers: list[NDArray[Any]] = [np.ascontiguousarray(rows.positions, "<u2")]
        for flag, values, kind in (
            (_IDS, rows.ids, "<i8"),
            (_HEADING, rows.heading, "i1"),
            (_SCALAR, rows.scalar, "<f4"),
        ):
            if values is not None:
                flags |= flag
                buffers.append(np.ascontiguousarray(values, kind))
        chunks.append(_TYPE.pack(rows.type_index, len(rows), flags, 0))
        for buffer in buffers:
            chunks.append(buffer.tobytes())
            chunks.append(b"\0" * (-buffer.nbytes % 4))
    return b"".join(chunks)


def decode(data: bytes | bytearray | memoryview) -> Frame:
    """Read a frame or part.

    Returns:
        A Frame whose arrays look into `data` (no copy).

    Raises:
        FrameError: the bytes are cut, too long, of another version, or contradict themselves.
    """
    if len(data) < _HEADER.size:
        raise FrameError(_broken(f"{len(data)} bytes, a header has {_HEADER.size}"))
    magic, n_types, part, parts, tick, *bounds = _HEADER.unpack_from(data)
    if magic != MAGIC:
        raise FrameError(_broken(f"they start with {magic!r}, this version reads {MAGIC!r}"))
    if not part < parts:
        raise FrameError(_broken(f"part {part} of {parts}"))
    if tick < 0 or not np.isfinite(bounds).all():
        raise FrameError(_broken(f"tick {tick}, bounds {bounds}"))
    at = _HEADER.size
    types: list[Rows] = []
    seen: set[int] = set()
    for _ in range(n_types):
        if len(data) - at < _TYPE.size:
            raise FrameError(_broken(f"cut inside type {len(types)} of {n_types}"))
        type_index, n, flags, zero = _TYPE.unpack_from(data, at)
        at += _TYPE.size
        if flags & ~(_IDS | _HEADING | _SCALAR) or zero or type_index in seen:
            raise FrameError(_broken(f"type {type_index} with flags {flags} and {n} rows"))
        seen.add(type_index)
        arrays: list[NDArray[Any] | None] = []
        for wanted, kind, width in (
            (True, "<u2", 3),
            (flags & _IDS, "<i8", 1),
            (flags & _HEADING, "i1", 3),
            (flags & _SCALAR, "<f4", 1),
        ):
            if not wanted:
                arrays.append(None)
                continue
            size = np.dtype(kind).itemsize * n * width
            if at + size + (-size % 4) > len(data):
                raise FrameError(_broken(f"cut inside the buffers of type {type_index} with {n} rows"))
            values = np.frombuffer(data, kind, n * width, at)
            arrays.append(values.reshape(n, 3) if width == 3 else values)
            at += size + (-size % 4)
        positions, ids, heading, scalar = arrays
        assert positions is not None
        types.append(Rows(type_index, positions, ids, heading, scalar))
    if at != len(data):
        raise FrameError(_broken(f"{len(data) - at} bytes too many"))
    low, high = bounds[:3], bounds[3:]
    return Frame(tick, (low[0], low[1], low[2]), (high[0], high[1], high[2]), tuple(types), part, parts)


def merge(parts: Iterable[Frame]) -> Frame:
    """Join the parts of one tick to the whole frame, rows in order of the parts.

    ids, heading and scalar survive when every part with rows of that type has them.

    Raises:
        FrameError: no part, parts of different ticks or bounds, one missing or double.
    """
    ordered = sorted(parts, key=lambda frame: frame.part)
    if not ordered:
        raise FrameError(_broken("no part at all"))
    first = ordered[0]
    if [frame.part for frame in ordered] != list(range(first.parts)):
        raise FrameError(_broken(f"parts {[frame.part for frame in ordered]} of {first.parts}"))
    if len({(frame.tick, frame.low, frame.high, frame.parts) for frame in ordered}) > 1:
        raise FrameError(_broken(f"parts of ticks {sorted({frame.tick for frame in ordered})} or of unequal bounds"))
    groups: dict[int, list[Rows]] = {}
    for frame in ordered:
        for rows in frame.types:
            groups.setdefault(rows.type_index, []).append(rows)
    types = []
    for type_index in sorted(groups):
        filled = [rows for rows in groups[type_index] if len(rows)] or groups[type_index][:1]
        types.append(
            Rows(
                type_index,
                np.concatenate([rows.positions for rows in filled]),
                _joined([rows.ids for rows in filled]),
                _joined([rows.heading for rows in filled]),
                _joined([rows.scalar for rows in filled]),
            )
        )
    return Frame(first.tick, first.low, first.high, tuple(types))


def _joined(columns: Sequence[NDArray[Any] | None]) -> NDArray[Any] | None:
    present = [column for column in columns if column is not None]
    return np.concatenate(present) if len(present) == len(columns) else None


def _broken(found: str) -> str:
    return (
        f"A frame was expected, but the bytes do not make one: {found}.\n"
        "Drawn as they are they would show entities that do not exist.\n"
        "Use the same version of Weaver on both ends, and pass each message whole."
    )


def proof(secret: bytes, role: bytes, *words: bytes) -> bytes:
    """HMAC-SHA256 by which hub and publisher show each other that they know `secret`."""
    return hmac.new(secret, b"|".join((b"weaver frames 1", role, *words)), hashlib.sha256).digest()


class Publisher:
    """Sends the parts of one worker to the hub; never makes the worker wait, and never fails it.

    Attributes:
        every: 0 while nobody watches, else a power of two: publish at ticks that it divides.
        fields: by type name, the field to colour by; a type that is absent needs no scalar. Replaced, never changed.

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
        self.fields: Mapping[str, str] = {}
        self.lost: str | None = None
        self._part, self._parts = part, parts
        self._bounds: tuple[list[float], list[float]] | None = None
        self._with_ids = False
        self._slot: Frame | None = None
        self._seen = self._told = 0
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

    def publish(
        self,
        tick: int,
        types: Iterable[
            tuple[
                int,
                Sequence[NDArray[Any]],
                NDArray[np.int64],
                Sequence[NDArray[Any]] | None,
                NDArray[Any] | None,
            ]
        ],
        force: bool = False,
    ) -> bool:
        """Copy the columns and return; a thread sends them.

        Args:
            tick: the finished tick.
            types: for each entity type (type index, positions, ids, heading, scalar), owned rows only: 2 or 3
                arrays (n,) in metres, int64 (n,), 2 or 3 arrays or None, one array or None. See `quantise`.
            force: send even if the part before has not left yet (it is dropped instead) and if nobody watches:
                for the last tick before a stop.

        Returns:
            Whether the part was taken. Otherwise it was dropped before any work was done.
        """
        bounds = self._bounds
        if bounds is None or self._closing or (self._slot is not None and not force):
            return False
        rows = tuple(
            quantise(index, *bounds, positions, ids if self._with_ids else None, heading, scalar)
            for index, positions, ids, heading, scalar in types
        )
        low, high = bounds
        frame = Frame(
            tick, (low[0], low[1], low[2]), (high[0], high[1], high[2]), rows, part=self._part, parts=self._parts
        )
        with self._changed:
            self._slot = frame
            self._changed.notify_all()
        return True

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
            self._bounds = None
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
            link.sendall(HELLO.pack(MAGIC, ours, self._part, self._parts, answer))
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
        low, high = [float(x) for x in wish["low"]], [float(x) for x in wish["high"]]
        fields = {str(name): str(field) for name, field in wish["fields"].items()}
        number = int(wish["number"])
        with self._changed:
            if self._closing:
                return
            self._bounds = (low, high)
            self.fields = fields
            self._with_ids = bool(wish["ids"])
            self.every = every
            # The hub learns what we have seen, so that it can ask for a fresh frame of a paused run.
            self._seen = number
            self._changed.notify_all()

    def _send(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._slot is not None or self._seen != self._told or self._closing)
                frame, seen, link = self._slot, self._seen, self._socket
                if link is None or (self._closing and frame is None):
                    return
            try:
                if seen != self._told:
                    link.sendall(PREFIX.pack(4, KIND_SEEN) + struct.pack("<I", seen))
                    self._told = seen
                if frame is not None:
                    payload = encode(frame)
                    link.sendall(PREFIX.pack(len(payload), KIND_PART) + payload)
            except OSError as error:
                self._hang_up(f"{type(error).__name__}: {error}")
                return
            with self._changed:
                # The slot stays taken while its bytes leave; a forced part may have replaced it meanwhile.
                if self._slot is frame:
                    self._slot = None


def _exactly(link: socket.socket, size: int) -> bytes:
    chunks = bytearray()
    while len(chunks) < size:
        chunk = link.recv(size - len(chunks))
        if not chunk:
            raise ConnectionError("the hub hung up")
        chunks += chunk
    return bytes(chunks)
