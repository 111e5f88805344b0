"""How workers find each other: each listens at an endpoint, and both sides of a connection prove the secret.

The secret is random, of one run, and reaches the workers through the launcher. It keeps strangers out; it does not hide
or seal what is sent afterwards, so links between nodes belong on a private network.
"""

from __future__ import annotations

import hmac
import os
import secrets
import select
import socket
import struct
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from partitions.errors import TransportError
from partitions.link import Link, Memory, MemoryLink, StreamLink

MAGIC = b"WVH1"
BACKLOG = 1024
PATIENCE = 5.0
"""Seconds that one stranger may keep us waiting in a handshake."""

_HELLO = struct.Struct("<4sII32s")
_PROOF = 32


class Endpoint(NamedTuple):
    """Where a worker can be reached.

    Attributes:
        rank: of the worker.
        node: equal for two workers if they are on one node.
        unix: abstract name of its Unix socket.
        host: address of its TCP socket.
        port: of its TCP socket.
    """

    rank: int
    node: str
    unix: str
    host: str
    port: int


def node_identity() -> str:
    """Names this node: the boot of its kernel, and the network namespace, in which abstract socket names live.

    Two machines restored from one image may share it by accident; then the Unix name is not found and TCP serves.
    """
    boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    return f"{boot} {os.readlink('/proc/self/ns/net')}"


class Listener:
    """A worker's open door: a Unix socket and a TCP socket, until all peers have come in.

    Abstract Unix names exist in no file system, so a killed worker leaves nothing behind.

    Args:
        rank: of this worker.
        node: name of the node; by default `node_identity()`. Workers with unequal names talk over TCP.
        host: address to listen at for TCP.
    """

    def __init__(self, rank: int, node: str | None = None, host: str = "127.0.0.1") -> None:
        name = f"weaver-{secrets.token_hex(16)}"
        self._unix = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            self._unix.bind("\0" + name)
            self._unix.listen(BACKLOG)
            family = socket.AF_INET6 if ":" in host else socket.AF_INET
            self._tcp = socket.create_server((host, 0), family=family, backlog=BACKLOG)
        except OSError as error:
            self._unix.close()
            raise TransportError(
                f"worker {rank} was to listen at {host}; it must be an address of this node.\n"
                f"Workers on other nodes could not reach it ({error}).\n"
                f"Name an address of this node, or none to stay on it."
            ) from error
        self.endpoint = Endpoint(rank, node or node_identity(), name, host, self._tcp.getsockname()[1])

    def close(self) -> None:
        """Close both doors."""
        self._unix.close()
        self._tcp.close()

    def meet(self, endpoints: Sequence[Endpoint], secret: bytes, timeout: float) -> dict[int, Link]:
        """Connect with every other worker: the higher rank calls the lower one.

        A lower rank never waits for a higher one before it answers, so the calls cannot wait in a circle. Connections
        that do not prove the secret are closed and otherwise ignored: a stranger must not be able to end the run.

        Args:
            endpoints: of all workers; our own may be among them.
            secret: of this run, the same for all.
            timeout: seconds for all of it.

        Returns:
            A link per rank.

        Raises:
            TransportError: a worker refused us, did not prove itself, or did not come in time.
        """
        deadline = time.monotonic() + timeout
        own = self.endpoint.rank
        links: dict[int, Link] = {}
        try:
            for peer in sorted(endpoints):
                if peer.rank < own:
                    links[peer.rank] = self._call(peer, secret, deadline)
            self._admit({p.rank for p in endpoints if p.rank > own}, links, secret, deadline)
        except BaseException:
            for link in links.values():
                link.close()
            raise
        return links

    def _call(self, peer: Endpoint, secret: bytes, deadline: float) -> Link:
        if peer.node == self.endpoint.node:
            link = self._call_unix(peer, secret, deadline)
            if link is not None:
                return link
        try:
            sock = socket.create_connection((peer.host, peer.port), timeout=_left(deadline))
        except OSError as error:
            raise TransportError(
                f"worker {peer.rank} cannot be reached at {peer.host} port {peer.port}: {error}"
            ) from error
        return StreamLink(peer.rank, self._introduce(sock, peer, secret, deadline))

    def _call_unix(self, peer: Endpoint, secret: bytes, deadline: float) -> Link | None:
        """A memory link, or None where the name or a memory file does not get through: equal names, other nodes."""
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            sock.settimeout(_left(deadline))
            sock.connect("\0" + peer.unix)
        except ConnectionRefusedError:
            sock.close()
            return None
        except BaseException:
            sock.close()
            raise
        try:
            return MemoryLink(peer.rank, self._introduce(sock, peer, secret, deadline))
        except NoMemoryFile:
            return None

    def _introduce(self, sock: socket.socket, peer: Endpoint, secret: bytes, deadline: float) -> socket.socket:
        try:
            sock.settimeout(_left(deadline))
            ours = _HELLO.pack(MAGIC, self.endpoint.rank, peer.rank, secrets.token_bytes(32))
            sock.sendall(ours)
            theirs = _take(sock, _HELLO.size)
            magic, rank, to, _ = _HELLO.unpack(theirs)
            if (magic, rank, to) != (MAGIC, peer.rank, self.endpoint.rank):
                raise TransportError(f"who answers at worker {peer.rank}'s address is not that worker")
            _send_proof(sock, hmac.digest(secret, b"calls" + ours + theirs, "sha256"))
            try:
                proof = _take_proof(sock)
            except EOFError as error:
                raise TransportError(f"worker {peer.rank} refused us: our secret is not that of its run") from error
            if not hmac.compare_digest(proof, hmac.digest(secret, b"answers" + ours + theirs, "sha256")):
                raise TransportError(f"worker {peer.rank} did not prove that it knows the secret of this run")
        except (OSError, EOFError) as error:
            sock.close()
            if isinstance(error, TransportError | NoMemoryFile):
                raise
            raise TransportError(f"worker {peer.rank} broke off while we met: {error}") from error
        return sock

    def _admit(self, awaited: set[int], links: dict[int, Link], secret: bytes, deadline: float) -> None:
        poller = select.poll()
        doors = {door.fileno(): door for door in (self._unix, self._tcp)}
        for fd in doors:
            poller.register(fd, select.POLLIN)
        refused: list[str] = []
        while awaited:
            ready = poller.poll(max(0.0, deadline - time.monotonic()) * 1000)
            if not ready:
                why = f"; refused meanwhile: {', '.join(refused)}" if refused else ""
                raise TransportError(f"worker {min(awaited)} did not connect with worker {self.endpoint.rank}{why}")
            for fd, _ in ready:
                sock, _ = doors[fd].accept()
                try:
                    sock.settimeout(min(PATIENCE, _left(deadline)))
                    rank = self._examine(sock, awaited, secret)
                except (OSError, EOFError) as error:
                    sock.close()
                    refused.append(str(error) or type(error).__name__)
                    continue
                awaited.discard(rank)
                links[rank] = MemoryLink(rank, sock) if doors[fd] is self._unix else StreamLink(rank, sock)

    def _examine(self, sock: socket.socket, awaited: set[int], secret: bytes) -> int:
        theirs = _take(sock, _HELLO.size)
        magic, rank, to, _ = _HELLO.unpack(theirs)
        if magic != MAGIC or to != self.endpoint.rank or rank not in awaited:
            raise TransportError("a stranger")
        ours = _HELLO.pack(MAGIC, self.endpoint.rank, rank, secrets.token_bytes(32))
        sock.sendall(ours)
        try:
            proof = _take_proof(sock)
        except NoMemoryFile:
            sock.sendall(b"n")  # the caller finds no file with it either, and takes TCP
            raise
        if not hmac.compare_digest(proof, hmac.digest(secret, b"calls" + theirs + ours, "sha256")):
            raise TransportError(f"one that calls itself worker {rank} and has another secret")
        _send_proof(sock, hmac.digest(secret, b"answers" + theirs + ours, "sha256"))
        return int(rank)


class NoMemoryFile(TransportError):
    """A memory file did not get through a Unix socket; TCP will serve."""


def _left(deadline: float) -> float:
    return max(0.001, deadline - time.monotonic())


def _take(sock: socket.socket, size: int) -> bytes:
    data = b""
    while len(data) < size:
        piece = sock.recv(size - len(data))
        if not piece:
            raise EOFError("the connection was closed")
        data += piece
    return data


def _send_proof(sock: socket.socket, proof: bytes) -> None:
    """Send a proof; on a Unix socket in a memory file, so that a link whose files do not get through is never used."""
    if sock.family != socket.AF_UNIX:
        sock.sendall(proof)
        return
    memory, fd = Memory.create(_PROOF)
    try:
        memory.bytes[:] = bytearray(proof)
        socket.send_fds(sock, [b"p"], [fd])
    finally:
        os.close(fd)


def _take_proof(sock: socket.socket) -> bytes:
    if sock.family != socket.AF_UNIX:
        return _take(sock, _PROOF)
    data, fds, _, _ = socket.recv_fds(sock, 1, 1, socket.MSG_CMSG_CLOEXEC)
    if not data:
        raise EOFError("the connection was closed")
    if not fds:
        raise NoMemoryFile("a memory file did not come through the Unix socket")
    return Memory.adopt(fds[0]).bytes[:_PROOF].tobytes()
