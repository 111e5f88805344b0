"""One link to another worker: how a batch of columns is laid out, and how it crosses by shared memory or by TCP.

A message is a fixed header and a body. The body is a table (one int64 pair of dtype code and length per array) and then
the arrays, each at a multiple of 64 bytes. Over TCP the body follows the header; on one node it lies in a memory file
that both ends have mapped, and the header on the Unix socket is the doorbell.
"""

from __future__ import annotations

import contextlib
import fcntl
import mmap
import os
import socket
import struct
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Sequence
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from partitions.errors import TransportError

Array = NDArray[Any]

MAGIC = b"WVX1"
FAREWELL = b"WVXB"
"""In place of `MAGIC`: the worker has finished and leaves."""
ALIGN = 64
MIN_CAPACITY = 1 << 16
MOST_PIECES = 512
"""Buffers handed to the system in one call; the system's own limit is 1024."""
DTYPES = tuple(np.dtype(code) for code in ("f8", "f4", "i8", "i4", "i2", "i1", "u8", "u4", "u2", "u1", "?"))
"""What may travel; the index is the code in the table."""
CODES = {dtype: code for code, dtype in enumerate(DTYPES)}
PADDING = bytes(ALIGN)
SEALS = fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_SEAL

_HEADER = struct.Struct("<4sBBxxIxxxxqqQ")


class Header(NamedTuple):
    """The fixed part of a message.

    Attributes:
        magic: says that this is our protocol, and its version.
        slot: which of the sender's two memory files holds the body (0 over TCP).
        carries: 1 if a file descriptor comes with the header: the slot's new memory file.
        arrays: in the body.
        epoch: life of the run; it grows with each recovery.
        number: of the exchange in the epoch.
        size: bytes of the body.
    """

    magic: bytes
    slot: int
    carries: int
    arrays: int
    epoch: int
    number: int
    size: int


def aligned(size: int) -> int:
    """The next multiple of 64."""
    return -(-size // ALIGN) * ALIGN


def measure(arrays: Sequence[Array]) -> tuple[NDArray[np.int64], list[int], int]:
    """Lay a batch out.

    Returns:
        The table (2 * count,) int64, the offset of each array in the body, and the size of the body in bytes.

    Raises:
        TypeError: an array cannot travel.
    """
    table: list[int] = []
    offsets = []
    end = 16 * len(arrays)
    for array in arrays:
        code = CODES.get(array.dtype)
        if code is None or array.ndim != 1 or not array.flags.c_contiguous:
            raise TypeError(
                f"an array of dtype {array.dtype}, shape {array.shape} and strides {array.strides} was to be sent; "
                f"columns are contiguous, 1-D and of {', '.join(str(d) for d in DTYPES)}.\n"
                f"The receiver could not rebuild it from its dtype and length.\n"
                f"Send np.ascontiguousarray(array) of one of these dtypes, one array per column."
            )
        offset = aligned(end)
        table += (code, len(array))
        offsets.append(offset)
        end = offset + array.nbytes
    return np.array(table, np.int64), offsets, end


def unpack(body: NDArray[np.uint8], count: int) -> list[Array]:
    """The arrays of a body, as views of it.

    Raises:
        TransportError: the table does not fit the body.
    """
    if 16 * count > len(body):
        raise TransportError(f"a batch of {count} arrays came in {len(body)} bytes: the table alone is longer")
    table = body[: 16 * count].view(np.int64).tolist()
    arrays: list[Array] = []
    end = 16 * count
    for code, length in zip(table[::2], table[1::2], strict=True):
        if not 0 <= code < len(DTYPES):
            raise TransportError(f"a batch holds an array with the unknown dtype code {code}")
        dtype = DTYPES[code]
        offset = aligned(end)
        end = offset + length * dtype.itemsize
        if length < 0 or end > len(body):
            raise TransportError(f"a batch of {len(body)} bytes holds an array of {length} {dtype} at byte {offset}")
        arrays.append(body[offset:end].view(dtype))
    return arrays


def _available_memory() -> int:
    for line in Path("/proc/meminfo").read_text().splitlines():
        if line.startswith("MemAvailable:"):
            return int(line.split()[1]) * 1024
    raise OSError("/proc/meminfo does not say how much memory is available")


class Memory:
    """A memory file, mapped. It has no name, so nothing can be left behind whatever happens to either end."""

    def __init__(self, fd: int, size: int) -> None:
        # Writable for the receiver too: compiled kernels are specialised for writable arrays only.
        flags = mmap.MAP_SHARED | mmap.MAP_POPULATE
        self._map = mmap.mmap(fd, size, flags=flags, prot=mmap.PROT_READ | mmap.PROT_WRITE)
        self.bytes: NDArray[np.uint8] = np.frombuffer(self._map, np.uint8)

    @staticmethod
    def create(size: int) -> tuple[Memory, int]:
        """A new memory file of `size` bytes and its descriptor, which the caller closes.

        Pages are claimed here and not at their first touch, where a page that cannot be had ends the process by a
        signal. Memory files obey no file system's limit, so we ask first what the node has left.

        Raises:
            MemoryError: there is not that much memory.
            OSError: the system refused.
        """
        free = _available_memory()
        if size > free:
            raise MemoryError(
                f"a batch for another worker needs {size} bytes of memory; this node has {free} bytes left.\n"
                f"Claiming them would end some process on this node.\n"
                f"Use more nodes, or fewer entities."
            )
        fd = os.memfd_create("weaver", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
        try:
            os.posix_fallocate(fd, 0, size)
            fcntl.fcntl(fd, fcntl.F_ADD_SEALS, SEALS)
            return Memory(fd, size), fd
        except BaseException:
            os.close(fd)
            raise

    @staticmethod
    def adopt(fd: int) -> Memory:
        """Map a peer's memory file; takes the descriptor over."""
        try:
            if not fcntl.fcntl(fd, fcntl.F_GET_SEALS) & fcntl.F_SEAL_SHRINK:
                raise TransportError("a peer sent a memory file that could shrink under us")
            return Memory(fd, os.fstat(fd).st_size)
        finally:
            os.close(fd)


class Link(ABC):
    """What both kinds of link share: one batch out and one batch in per exchange, in any interleaving.

    Attributes:
        rank: the peer.
        kind: "memory" or "tcp".
        received: the peer's batch, once `step` has returned True.
    """

    kind = ""

    def __init__(self, rank: int, sock: socket.socket) -> None:
        sock.setblocking(False)
        self.rank, self.sock = rank, sock
        self.received: list[Array] = []
        self._epoch = self._number = 0
        self._header: Header | None = None
        self._raw = bytearray(_HEADER.size)
        self._got = 0
        self._arrived = True

    def begin(self, epoch: int, number: int, arrays: Sequence[Array]) -> None:
        """Start an exchange: what the peer sent last time is no longer valid."""
        self._epoch, self._number = epoch, number
        self.received, self._arrived = [], False
        self._post(epoch, number, arrays)

    def step(self) -> bool:
        """Send and receive what can be without waiting; True when the exchange is over on this link.

        Raises:
            TransportError: the peer is gone, or sent what does not belong here.
        """
        try:
            sent = self._send()
            if not self._arrived:
                self._arrived = self._receive()
        except OSError as error:
            if isinstance(error, TransportError):
                raise
            raise TransportError(f"the link to worker {self.rank} broke: {error}") from error
        return sent and self._arrived

    @property
    @abstractmethod
    def sending(self) -> bool:
        """Some of our batch is still here."""

    @property
    def receiving(self) -> bool:
        """Some of the peer's batch is still to come."""
        return not self._arrived

    def left_well(self) -> bool:
        """Whether the peer, whose end is closed, took its leave; else it was killed or has failed."""
        try:
            return self.sock.recv(len(FAREWELL), socket.MSG_PEEK) == FAREWELL
        except OSError:  # its end was reset
            return False

    def leave(self) -> None:
        """Tell the peer that we are through, and close."""
        with contextlib.suppress(OSError):  # the peer may have gone first
            self.sock.send(_HEADER.pack(FAREWELL, 0, 0, 0, 0, 0, 0))
        self.close()

    def close(self) -> None:
        """Close the socket; the peer sees the end of the stream."""
        self.received = []
        self.sock.close()

    @abstractmethod
    def _post(self, epoch: int, number: int, arrays: Sequence[Array]) -> None:
        """Make a batch ready to be sent."""

    @abstractmethod
    def _send(self) -> bool:
        """Send what can be sent now; True when all is gone."""

    @abstractmethod
    def _read(self, into: memoryview) -> int:
        """Read some bytes of a header; 0 at the end of the stream."""

    @abstractmethod
    def _body(self, header: Header) -> NDArray[np.uint8] | None:
        """The body of a header that is complete, or None while some of it is to come."""

    def _receive(self) -> bool:
        while True:
            if self._header is None and not self._receive_header():
                return False
            header = self._header
            assert header is not None
            body = self._body(header)
            if body is None:
                return False
            self._header, self._got = None, 0
            if header.epoch < self._epoch:
                continue  # sent before a recovery that the sender had not heard of yet
            if (header.epoch, header.number) != (self._epoch, self._number):
                raise TransportError(
                    f"worker {self.rank} sent exchange {header.number} of epoch {header.epoch} "
                    f"while exchange {self._number} of epoch {self._epoch} is under way here"
                )
            self.received = unpack(body, header.arrays)
            return True

    def _receive_header(self) -> bool:
        while self._got < _HEADER.size:
            try:
                n = self._read(memoryview(self._raw)[self._got :])
            except BlockingIOError:
                return False
            if n == 0:
                raise self._gone()
            self._got += n
        header = Header(*_HEADER.unpack(self._raw))
        if header.magic == FAREWELL:
            raise self._gone()
        if header.magic != MAGIC:
            raise TransportError(f"worker {self.rank} sent {header.magic!r} where a message should start")
        self._header = header
        return True

    def _gone(self) -> TransportError:
        return TransportError(f"worker {self.rank} closed its link: it has ended, or failed")


class MemoryLink(Link):
    """To a worker on the same node: bodies lie in memory files, two per direction, used in turn.

    The receiver gets views of the sender's memory, which stay whole until its own next exchange on this link. Why: the
    sender writes message k + 2 over message k. It does so in its exchange k + 2, so its exchange k + 1 is over, so it
    has the peer's message k + 1, which the peer sent at the start of its own exchange k + 1; and there the peer let go
    of message k. After a recovery the same holds, counting on from any message that was dropped.
    """

    kind = "memory"

    def __init__(self, rank: int, sock: socket.socket) -> None:
        super().__init__(rank, sock)
        self._ours: list[Memory | None] = [None, None]
        self._theirs: list[Memory | None] = [None, None]
        self._turn = 0
        self._out = b""
        self._out_fd = -1
        self._in_fds: deque[int] = deque()

    @property
    def sending(self) -> bool:
        """The doorbell has not been rung yet."""
        return bool(self._out)

    def close(self) -> None:
        """Close the socket and let go of the memory; views that a caller still holds keep theirs."""
        super().close()
        self._ours, self._theirs = [None, None], [None, None]
        if self._out_fd >= 0:
            os.close(self._out_fd)
            self._out_fd = -1
        while self._in_fds:
            os.close(self._in_fds.popleft())

    def _post(self, epoch: int, number: int, arrays: Sequence[Array]) -> None:
        table, offsets, size = measure(arrays)
        slot, self._turn = self._turn, 1 - self._turn
        if size:
            memory = self._ours[slot]
            if memory is None or len(memory.bytes) < size:
                memory = self._ours[slot] = None  # give the small one back before the large one is claimed
                capacity = -(-max(MIN_CAPACITY, size + size // 2) // mmap.PAGESIZE) * mmap.PAGESIZE
                memory, self._out_fd = Memory.create(capacity)
                self._ours[slot] = memory
            body = memory.bytes
            body[: table.nbytes] = table.view(np.uint8)
            for array, offset in zip(arrays, offsets, strict=True):
                body[offset : offset + array.nbytes] = array.view(np.uint8)
        self._out = _HEADER.pack(MAGIC, slot, self._out_fd >= 0, len(arrays), epoch, number, size)

    def _send(self) -> bool:
        while self._out:
            try:
                if self._out_fd >= 0:
                    n = socket.send_fds(self.sock, [self._out], [self._out_fd])
                    os.close(self._out_fd)
                    self._out_fd = -1
                else:
                    n = self.sock.send(self._out)
            except BlockingIOError:
                return False
            self._out = self._out[n:]
        return True

    def _read(self, into: memoryview) -> int:
        data, fds, flags, _ = socket.recv_fds(self.sock, len(into), 4, socket.MSG_CMSG_CLOEXEC)
        self._in_fds.extend(fds)
        if flags & socket.MSG_CTRUNC:
            raise TransportError(
                f"a memory file of worker {self.rank} could not be taken: too many open files in this process"
            )
        into[: len(data)] = data
        return len(data)

    def _body(self, header: Header) -> NDArray[np.uint8]:
        if header.slot > 1:
            raise TransportError(f"worker {self.rank} named memory file {header.slot}; there are two")
        if header.carries:
            if not self._in_fds:
                raise TransportError(f"worker {self.rank} announced a memory file that did not come")
            self._theirs[header.slot] = Memory.adopt(self._in_fds.popleft())
        if not header.size:
            return np.empty(0, np.uint8)
        memory = self._theirs[header.slot]
        if memory is None or len(memory.bytes) < header.size:
            raise TransportError(f"worker {self.rank} sent {header.size} bytes in a memory file that is shorter")
        return memory.bytes[: header.size]


class StreamLink(Link):
    """To a worker on another node, over TCP. Our arrays are sent from where they lie; theirs go to one buffer.

    Neither end ever waits for the other to read: both directions advance as the sockets allow, so two workers that
    send each other more than the sockets hold cannot block each other.
    """

    kind = "tcp"

    def __init__(self, rank: int, sock: socket.socket) -> None:
        super().__init__(rank, sock)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        # A host that loses power says nothing: let the system find out, within about ten seconds.
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 4)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 2)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT, 3)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, 10_000)
        self._out: deque[memoryview] = deque()
        self._buffer: NDArray[np.uint8] = np.empty(0, np.uint8)
        self._filled = 0

    @property
    def sending(self) -> bool:
        """Some pieces have not been handed to the system yet."""
        return bool(self._out)

    def close(self) -> None:
        """Close the socket and drop both buffers."""
        super().close()
        self._out.clear()
        self._buffer = np.empty(0, np.uint8)

    def _post(self, epoch: int, number: int, arrays: Sequence[Array]) -> None:
        table, offsets, size = measure(arrays)
        out = self._out
        out.append(memoryview(_HEADER.pack(MAGIC, 0, 0, len(arrays), epoch, number, size)))
        if table.nbytes:
            out.append(table.view(np.uint8).data)
        end = table.nbytes
        for array, offset in zip(arrays, offsets, strict=True):
            if offset > end:
                out.append(memoryview(PADDING)[: offset - end])
            if array.nbytes:
                out.append(array.view(np.uint8).data)
            end = offset + array.nbytes

    def _send(self) -> bool:
        out = self._out
        while out:
            try:
                n = self.sock.sendmsg(islice(out, MOST_PIECES))
            except BlockingIOError:
                return False
            while n:
                if n < len(out[0]):
                    out[0] = out[0][n:]
                    break
                n -= len(out.popleft())
        return True

    def _read(self, into: memoryview) -> int:
        return self.sock.recv_into(into)

    def _body(self, header: Header) -> NDArray[np.uint8] | None:
        if header.size > len(self._buffer):
            room = header.size + header.size // 2 + ALIGN
            raw = np.empty(room, np.uint8)
            self._buffer = raw[-raw.ctypes.data % ALIGN :]
        body = self._buffer[: header.size]
        while self._filled < header.size:
            try:
                n = self.sock.recv_into(body[self._filled :].data)
            except BlockingIOError:
                return None
            if n == 0:
                raise self._gone()
            self._filled += n
        self._filled = 0
        return body
