"""A moment: what a worker holds between two ticks, copied, so that it can be written while the run goes on.

A moment is a list of **pieces**: columns of one kind of thing. Nothing in it says how the world was partitioned, so any
number of workers can take up what others have put down.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from partitions import diary, mail
from partitions.digest import digest_rows
from partitions.program import MOVED, MessageSpec, Program
from partitions.store import Array

Kind = Literal["entity", "layer", "message", "event", "births", "samples"]
"""What pieces are of: entities of a type, cells of a layer, letters that wait, events that nobody has asked for yet,
how many were born from each block, and what was observed."""
COUNTER = {"block": "<i8", "count": "<i8"}
SAMPLE = {"tick": "<i8", "number": "<i8", "place": "<i8", "real": "<f8", "whole": "<i8"}


class Piece(NamedTuple):
    """Columns of one kind of thing.

    Attributes:
        kind: what it is of.
        name: of the type, layer, message or event; "" for births.
        columns: name -> (n,) array.
    """

    kind: Kind
    name: str
    columns: Mapping[str, Array]

    @property
    def rows(self) -> int:
        """How many rows there are."""
        return len(next(iter(self.columns.values()), ()))


@dataclass(frozen=True, eq=False)
class Moment:
    """What one worker holds.

    Attributes:
        tick: ticks done.
        pieces: one per type, layer, message and event, and the births; those without rows are left out.
        tallies: see `Worker.tallies`, without what is pending.
    """

    tick: int
    pieces: tuple[Piece, ...]
    tallies: Mapping[str, Sequence[int]]


def schema(program: Program) -> dict[tuple[Kind, str], dict[str, str]]:
    """(kind, name) -> column -> dtype of every piece that a program can have."""
    made: dict[tuple[Kind, str], dict[str, str]] = {}
    for spec in program.types:
        made["layer" if spec.raster else "entity", spec.name] = {"id": "<i8", **{c.name: c.dtype for c in spec.columns}}
    made |= {("message", spec.name): {**mail.HEAD, **_columns(spec)} for spec in program.messages}
    made |= {("event", spec.name): {**diary.HEAD, **_columns(spec)} for spec in program.events}
    made["births", ""], made["samples", ""] = dict(COUNTER), dict(SAMPLE)
    return made


def piece_digest(type: int, piece: Piece) -> tuple[int, int]:
    """What the rows of a piece of entities or cells add to the digest of the state."""
    columns = [_writable(c) for name, c in piece.columns.items() if name not in ("id", MOVED)]
    return digest_rows(type, np.arange(piece.rows, dtype=np.uint32), _writable(piece.columns["id"]), columns)


def counted(blocks: NDArray[np.int64], counts: NDArray[np.int64]) -> Piece:
    """The births of some blocks; those without any are left out."""
    some = counts > 0
    return Piece("births", "", {"block": blocks[some], "count": counts[some]})


def _writable(column: Array) -> Array:
    """Kernels are compiled for arrays that can be written; what was read from a file cannot."""
    return np.require(column, requirements=["C", "W"])


def _columns(spec: MessageSpec) -> dict[str, Any]:
    return {c.name: c.dtype for c in spec.columns}
