"""Events: what entities told the outside, kept by each worker until somebody asks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from partitions.program import Act, Program
from partitions.store import Array

Entries = dict[str, Array]
"""@tick, @phase, @type, @id, @seq and the event's columns."""
HEAD = {"@tick": "<i8", "@phase": "<i4", "@type": "<i4", "@id": "<i8", "@seq": "<i4"}
"""What every event has beside its own columns."""


class Diary:
    """One worker's events."""

    def __init__(self, program: Program) -> None:
        """Begin with nothing."""
        self._program = program
        self._entries: list[list[Mapping[str, Array]]] = [[] for _ in program.events]

    def note(self, event: int, act: Act, phase: int, tick: int, records: Mapping[str, Array]) -> None:
        """Take what an act put out."""
        n = len(records["@id"])
        if n:
            heads = {"@tick": tick, "@phase": phase, "@type": act.type}
            self._entries[event].append({**records, **{k: np.full(n, v, HEAD[k]) for k, v in heads.items()}})

    def take(self, event: int) -> Entries:
        """The events of a kind since the last call, ordered."""
        entries = self.held(event)
        self._entries[event] = []
        return entries

    def put_back(self, event: int, entries: Entries) -> None:
        """Take events of an earlier run that nobody had asked for."""
        self._entries[event].append(entries)

    def held(self, event: int) -> Entries:
        """The same as `take`, and they stay."""
        entries = self._entries[event]
        columns = {**HEAD, **{c.name: c.dtype for c in self._program.events[event].columns}}
        return in_order(
            {k: np.concatenate([e[k] for e in entries]) if entries else np.empty(0, d) for k, d in columns.items()}
        )


def in_order(entries: Entries) -> Entries:
    """Entries by (tick, phase, type, id, sequence)."""
    order = np.lexsort([entries[k] for k in reversed(HEAD)])
    return {name: column[order] for name, column in entries.items()}


def merged(parts: Sequence[Entries]) -> Entries:
    """What several workers gave, ordered."""
    return in_order({name: np.concatenate([part[name] for part in parts]) for name in parts[0]})
