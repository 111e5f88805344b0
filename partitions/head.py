"""Ray itself: join the cluster that is there, or start one in this machine; never end what others started."""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import socket
import threading
from collections.abc import Iterator

import ray

from partitions.errors import RuntimeFault

MIN_STORE, MAX_STORE = 200 << 20, 1 << 30
"""Bytes of the object store in a Ray that we start; it carries the program once, and rows that a caller asks for."""

PATIENCE = 5.0
"""Seconds to reach the address of a cluster."""


class AddressError(RuntimeFault, ValueError):
    """There is no Ray cluster at the address, or not one that a run can use."""


class Head:
    """A connection to Ray, and whether it is ours to end.

    Attributes:
        started: we started this Ray, and stop it in `close`.
        joined: we made the connection, and end it in `close`.
    """

    def __init__(self, address: str | None, cpus: int, store: int) -> None:
        """Use the connection that this process has; else join; else start Ray here.

        Args:
            address: "auto", host:port, or None: what RAY_ADDRESS says, and without it a Ray of our own.
            cpus: how many actors of one CPU a Ray of our own must have room for.
            store: bytes that its object store should hold.

        Raises:
            AddressError: nothing to join there, or a `ray://` address.
        """
        self.started = self.joined = False
        wanted = address or os.environ.get("RAY_ADDRESS") or "local"
        if wanted.startswith("ray://"):
            raise AddressError(
                f"the Ray cluster {wanted} was asked for; a cluster is joined by auto or host:port.\n"
                f"Through ray:// the program would run behind a proxy of Ray's, which neither hands shared memory on "
                f"nor tells in time when a worker dies.\n"
                f"Start the run on a node of the cluster (ray job submit does) with --cluster auto."
            )
        if ray.is_initialized():
            return
        with _quietly():
            if wanted == "local":
                _start(cpus, min(max(store, MIN_STORE), MAX_STORE))
                self.started = True
            else:
                _join(wanted)
        self.joined = True

    @property
    def alive(self) -> bool:
        """Whether a Ray of our own still has all its processes; of others' we cannot know, and say yes."""
        node = getattr(ray._private.worker, "_global_node", None)
        return ray.is_initialized() and not (self.started and (node is None or node.dead_processes()))

    def close(self) -> None:
        """End the connection if we made it, and the Ray behind it if we started that."""
        if self.joined:
            self.joined = self.started = False
            ray.shutdown()


def _start(cpus: int, memory: int) -> None:
    try:
        # Token authentication stays as Ray chooses for a local start: on.
        ray.init(
            address="local", num_cpus=cpus, include_dashboard=False, object_store_memory=memory, log_to_driver=False,
            configure_logging=False,
        )  # fmt: skip
    except BaseException as error:  # of no particular type, Ctrl-C too; what has started by then must not stay
        ray.shutdown()
        if not isinstance(error, Exception):
            raise
        raise RuntimeFault(
            f"Ray was to be started on this machine for {cpus} CPU; it did not come up ({error}).\n"
            f"There are no workers to run on.\n"
            f"Try again, run without workers, or look for the reason in the newest folder of /tmp/ray."
        ) from error


def _join(address: str) -> None:
    try:
        if address != "auto":
            host, _, port = address.rpartition(":")
            # Ray itself tries for minutes, and then ends the process.
            socket.create_connection((host.strip("[]"), int(port)), timeout=PATIENCE).close()
        ray.init(address=address, log_to_driver=False, configure_logging=False)
    except (OSError, ValueError, RuntimeError) as error:
        raise AddressError(
            f"the Ray cluster {address} was to be joined; none could be reached there ({error}).\n"
            f"There are no workers to run on.\n"
            f"Start one with ray start --head, or leave the address out and unset RAY_ADDRESS to run here."
        ) from error


_SETTINGS = {
    "RAY_USAGE_STATS_ENABLED": "0",  # no reports to Ray's makers
    "RAY_worker_niceness": "0",  # Ray would put the workers behind everything else on this machine
    "RAY_prestart_worker_first_driver": "0",  # workers have an environment of their own: none of these would be used
}


@contextlib.contextmanager
def _quietly() -> Iterator[None]:
    """Start Ray without its greetings, with our settings, and without its taking over of SIGTERM."""
    logger = logging.getLogger("ray")
    level = logger.level
    ours = {name: value for name, value in _SETTINGS.items() if name not in os.environ}
    main = threading.current_thread() is threading.main_thread()
    handler = signal.getsignal(signal.SIGTERM)
    logger.setLevel(logging.ERROR)
    os.environ.update(ours)
    try:
        yield
    finally:
        logger.setLevel(level)
        for name in ours:
            os.environ.pop(name, None)
        if main and handler is not None:  # None: not set from Python, so it cannot be set back from here
            signal.signal(signal.SIGTERM, handler)
