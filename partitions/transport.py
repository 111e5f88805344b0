"""The exchange between workers: one batch of columns to every neighbour, one from each, and nothing hangs."""

from __future__ import annotations

import os
import select
import threading
from collections.abc import Sequence
from typing import Any, Protocol

from numpy.typing import NDArray

from partitions.errors import TransportError
from partitions.handshake import Endpoint, Listener
from partitions.link import Link

Batch = list[NDArray[Any]]


class Transport(Protocol):
    """Swaps batches between workers."""

    def exchange(self, epoch: int, number: int, batches: dict[int, Batch]) -> dict[int, Batch]:
        """Send each peer its batch and return what each peer sent.

        Args:
            epoch: life of the run; messages of an older one are dropped.
            number: of the exchange; every peer must be at the same.
            batches: by rank. Each of these peers names us in its own exchange, perhaps with an empty list. Arrays are
                1-D and contiguous, of the dtypes in `partitions.link.DTYPES`.

        Returns:
            By rank, the peer's arrays. They may be views of memory that is used again: valid until the next exchange.

        Raises:
            TransportError: a peer is gone or out of step, or `abort` was called. The transport is of no more use then.
        """
        ...


class PeerTransport:
    """Direct links between all workers: shared memory on a node, TCP between nodes.

    A failed exchange closes every link, so that the peers that wait for us hear of it without help from the driver.

    Args:
        listener: our open door; closed here, whether the links come about or not.
        endpoints: of all workers.
        secret: of this run.
        timeout: seconds for all links to come about.

    Raises:
        TransportError: see `Listener.meet`.
    """

    def __init__(self, listener: Listener, endpoints: Sequence[Endpoint], secret: bytes, timeout: float = 30.0) -> None:
        self.rank = listener.endpoint.rank
        self._reason: str | None = None
        self._state = threading.Lock()
        self._busy = threading.Lock()
        try:
            self._links: dict[int, Link] = listener.meet(endpoints, secret, timeout)
        finally:
            listener.close()
        self._bell = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)

    @property
    def kinds(self) -> dict[int, str]:
        """How each peer is reached: "memory" or "tcp"."""
        return {rank: link.kind for rank, link in self._links.items()}

    def exchange(self, epoch: int, number: int, batches: dict[int, Batch]) -> dict[int, Batch]:
        """See `Transport.exchange`."""
        with self._busy:
            self._check()
            try:
                return self._swap(epoch, number, batches)
            except BaseException:
                self.abort("an exchange has failed before")
                for link in self._links.values():
                    link.close()
                raise

    def abort(self, reason: str) -> None:
        """End the exchange that is under way, and any later one, with a TransportError; for any thread."""
        with self._state:
            if self._reason is None:
                self._reason = reason
                if self._bell >= 0:
                    os.eventfd_write(self._bell, 1)

    def close(self) -> None:
        """Take leave of all peers. An exchange under way in another thread ends with a TransportError first."""
        self.abort("the transport was closed")
        with self._busy:
            for link in self._links.values():
                link.leave()
            with self._state:
                if self._bell >= 0:
                    os.close(self._bell)
                    self._bell = -1

    def _check(self) -> None:
        if self._reason is not None:
            raise TransportError(f"the exchange of worker {self.rank} was ended: {self._reason}")

    def _swap(self, epoch: int, number: int, batches: dict[int, Batch]) -> dict[int, Batch]:
        links = [self._links[rank] for rank in batches]
        pending = set()
        for link in links:
            link.begin(epoch, number, batches[link.rank])
            if not link.step():
                pending.add(link)
        if pending:
            self._wait(links, pending)
        return {link.rank: link.received for link in links}

    def _wait(self, links: list[Link], pending: set[Link]) -> None:
        """Sleep until every link is through; those that are through are watched only for an end that is no farewell."""
        by_fd = {link.sock.fileno(): link for link in links}
        poller = select.poll()
        poller.register(self._bell, select.POLLIN)
        for fd, link in by_fd.items():
            poller.register(fd, _interest(link))
        while pending:
            for fd, _ in poller.poll():
                if fd == self._bell:
                    self._check()
                    continue
                link = by_fd[fd]
                if link in pending:
                    if link.step():
                        pending.remove(link)
                    poller.modify(fd, _interest(link))
                elif link.left_well():
                    poller.unregister(fd)
                else:
                    raise TransportError(f"worker {link.rank} failed while worker {self.rank} was waiting for others")


def _interest(link: Link) -> int:
    return select.POLLRDHUP | (select.POLLIN if link.receiving else 0) | (select.POLLOUT if link.sending else 0)
