"""What can go wrong while a program runs; each is also the builtin that a caller would expect."""

from __future__ import annotations


class RuntimeFault(RuntimeError):
    """Base of the errors of this package."""


class KeepingFault(RuntimeFault):
    """Something that was kept, or was to be, cannot be read or written; the run itself is unharmed."""


class GridError(RuntimeFault, ValueError):
    """The box, its cells or its partitions cannot be built as asked."""


class TransportError(RuntimeFault, ConnectionError):
    """A peer is gone, refused us, or the exchange was aborted."""


class WorkerLost(RuntimeFault):
    """A worker process died; the message names it."""


class RecordFault(RuntimeFault, OSError):
    """A recording cannot be written or read; the message names the folder or the file, and why."""

    def __str__(self) -> str:
        """The message alone: OSError has ideas of its own."""
        return str(self.args[0])


class TickFault(RuntimeFault, ValueError):
    """An entity broke a rule while running: (tick, phase, type, id) and the values.

    Attributes:
        tick: tick in which it happened.
        phase: index of the phase in the program.
        type: index of the entity type.
        id: entity id; the least of those that failed in this phase and type.
        code: what happened, see `partitions.program.FAULTS`.
        values: up to 8 floats: the position before, the position asked for, the limit.
    """

    def __init__(self, tick: int, phase: int, type: int, id: int, code: int, values: tuple[float, ...]) -> None:
        super().__init__(f"fault {code} in tick {tick}, phase {phase}, type {type}, entity {id}: {values}")
        self.tick, self.phase, self.type, self.id, self.code, self.values = tick, phase, type, id, code, values

    @property
    def order(self) -> tuple[int, int, int, int]:
        """Sort key: the least fault is the one reported, whatever the decomposition."""
        return (self.tick, self.phase, self.type, self.id)

    def __reduce__(self) -> tuple[object, ...]:
        """Pickle by the constructor's arguments, so that a worker can hand it to the driver."""
        return (TickFault, (self.tick, self.phase, self.type, self.id, self.code, self.values))
