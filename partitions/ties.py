"""Ties: fixed pairs of entities, whatever their distance. Each phase that reads along them gathers the others' values.

Who is tied to whom never changes, so it lies in static arrays that every worker has, `NAME` being a kind of ties:

* `NAME__nodes_`: int64, ascending ids of those who are tied to somebody;
* `NAME__start_`: int64, one more, where each one's entries begin;
* `NAME__other_`: int64 per entry, the id of the other end; one's entries are ordered by it;
* `NAME__link_`: int64 per entry, a number that the kernel reads the tie's own values by.

Where the others are changes. A worker looks for the ids that its own rows name among its own rows and asks all other
workers for the rest: one request and one answer for each two workers. Requests are repeated only after a `relocate` of
a type concerned, which all workers make together, so all know when.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from partitions.exchange import Batch, Exchange
from partitions.ids import IdIndex
from partitions.program import Argument, Phase, Program
from partitions.store import Array, Partition, Table

Ints = NDArray[np.int64]
Key = tuple[int, int, str]
"""Partition, acting type, kind of ties."""


class Entries(NamedTuple):
    """The entries of one table's own rows, in the order of the rows.

    Attributes:
        first: (rows + 1,) first entry of each row; ghosts have none.
        other: per entry, the id of the other end.
        link: per entry, see the module.
    """

    first: Ints
    other: Ints
    link: Ints


class Places(NamedTuple):
    """Where ids are among the own rows: type (-1: not here), partition (its place in the list) and row of each."""

    type: Ints
    part: Ints
    row: Ints


class _Plan:
    """What a phase remembers until entities move.

    Attributes:
        epoch: relocations of the types concerned.
        entries: of each table and kind of ties.
        wanted: ascending ids of all other ends.
        which: entry -> its other end among the wanted.
        here: where the wanted are, if here.
        local: the same of those that are here alone.
        missing: which of the wanted are asked for.
        asked: worker -> which of those that it asks for are here, and where.
        arrays: (partition, or -1 for all; type; name) -> what kernels take.
        places: (worker, or -1 for here; type) -> where the values that come from there belong in the arrays.
    """

    def __init__(self) -> None:
        none = np.empty(0, np.int64)
        self.epoch: tuple[int, ...] = ()
        self.entries: dict[Key, Entries] = {}
        self.wanted, self.missing = none, none
        self.which: dict[Key, Ints] = {}
        self.here = self.local = Places(none, none, none)
        self.asked: dict[int, tuple[Ints, Places]] = {}
        self.arrays: dict[tuple[int, int, str], Array] = {}
        self.places: dict[tuple[int, int], Ints] = {}

    def spread(self, phase: Phase, source: int, values: Sequence[Array]) -> None:
        """Put the values that came from a worker, by type and column, where they belong."""
        following = iter(values)
        for t in sorted(phase.tied):
            for name in phase.tied[t]:
                self.arrays[-1, t, name][self.places[source, t]] = next(following)


class Ties:
    """One worker's view along ties."""

    def __init__(self, program: Program, parts: Sequence[Partition], exchange: Exchange) -> None:
        """Nothing is gathered yet."""
        self._program, self._parts, self._exchange = program, parts, exchange
        self._index: dict[tuple[int, int], IdIndex] = {}
        self._plans: dict[int, _Plan] = {}

    def gather(self, index: int) -> None:
        """Bring together what phase `index` reads along its ties; all workers must call it."""
        phase = self._program.phases[index]
        plan = self._plans.setdefault(index, _Plan())
        concerned = {*phase.tied, *(act.type for act in phase.acts)}
        epoch = tuple(self._exchange.relocations[t] for t in sorted(concerned))
        fresh = epoch != plan.epoch
        if fresh:
            plan.epoch = epoch
            self._list(phase, plan)
            self._find(phase, plan)
        if fresh or any(phase.tied.values()):
            self._fill(phase, plan, fresh)

    def array(self, index: int, number: int, acting: int, argument: Argument) -> Array:
        """An argument of kind "tie" or "tied" of a kernel of phase `index`, in partition `number`, of type `acting`."""
        arrays = self._plans[index].arrays
        if argument.kind == "tied":
            return arrays[-1, argument.type, argument.name]
        return arrays[number, acting, argument.name]

    # The steps

    def _list(self, phase: Phase, plan: _Plan) -> None:
        """List the entries of the own rows."""
        plan.entries = {
            (part.number, act.type, name): self._entries(part.tables[act.type], name)
            for part in self._parts
            for act in phase.acts
            for name in phase.ties
        }
        others = [entries.other for entries in plan.entries.values()]
        plan.wanted, inverse = np.unique(np.concatenate([np.empty(0, np.int64), *others]), return_inverse=True)
        ends = np.cumsum([len(other) for other in others])[:-1]
        plan.which = dict(zip(plan.entries, np.split(inverse, ends), strict=True))

    def _entries(self, table: Table, name: str) -> Entries:
        nodes, start, other, link = (
            self._program.statics[f"{name}__{what}_"] for what in ("nodes", "start", "other", "link")
        )
        own = table.own_rows()
        ids = table.ids[own]
        at = np.searchsorted(nodes, ids)
        at[at == len(nodes)] = 0
        tied = nodes[at] == ids if len(nodes) else np.zeros(len(ids), np.bool_)
        own, at = own[tied], at[tied]
        counts = start[at + 1] - start[at]
        first = np.zeros(table.n + 1, np.int64)
        first[own.astype(np.int64) + 1] = counts
        np.cumsum(first, out=first)
        entries = np.arange(int(first[-1])) - np.repeat(first[own], counts) + np.repeat(start[at], counts)
        return Entries(first, other[entries], link[entries])

    def _find(self, phase: Phase, plan: _Plan) -> None:
        """Find out where the other ends are: here, or by asking all other workers."""
        plan.here = self._places(phase, plan.wanted)
        plan.missing = np.flatnonzero(plan.here.type < 0)
        requests = {w: [plan.wanted[plan.missing]] for w in self._exchange.peers}
        plan.asked = {}
        for w, (ids,) in self._exchange.trade(requests).items():
            places = self._places(phase, np.array(ids))
            here = np.flatnonzero(places.type >= 0)
            plan.asked[w] = here, Places(*(part[here] for part in places))

    def _places(self, phase: Phase, ids: Ints) -> Places:
        places = Places(*(np.full(len(ids), -1, np.int64) for _ in range(3)))
        for k, part in enumerate(self._parts):
            for t in sorted(phase.tied):
                index = self._index.setdefault((k, t), IdIndex(part.tables[t]))
                rows = index.rows(ids)
                found = rows >= 0
                places.type[found], places.part[found], places.row[found] = t, k, rows[found]
        return places

    def _fill(self, phase: Phase, plan: _Plan, fresh: bool) -> None:
        """Bring in the values: those that are here, and what the others answer, who at first say what they have."""
        answers: dict[int, Batch] = {}
        for w, (here, places) in plan.asked.items():
            answers[w] = [*([here, places.type] if fresh else []), *self._values(phase, places)]
        received = self._exchange.trade(answers)
        if fresh:
            held = {w: (plan.missing[batch[0]], np.array(batch[1])) for w, batch in received.items()}
            received = {w: batch[2:] for w, batch in received.items()}
            self._arrange(phase, plan, held)
        plan.spread(phase, -1, self._values(phase, plan.local))
        for w, values in received.items():
            plan.spread(phase, w, values)

    def _arrange(self, phase: Phase, plan: _Plan, held: dict[int, tuple[Ints, Ints]]) -> None:
        """Number what was found by type, and tell each entry the number of its other end.

        Args:
            phase: the phase.
            plan: to be filled.
            held: worker -> which of the wanted it has, and their types.
        """
        known = np.flatnonzero(plan.here.type >= 0)
        plan.local = Places(*(part[known] for part in plan.here))
        held = {-1: (known, plan.local.type), **held}
        kinds, slots = np.full((2, len(plan.wanted)), -1, np.int64)
        for which, types in held.values():
            kinds[which] = types
        plan.arrays = {}
        for t in phase.tied:
            mine = kinds == t
            slots[mine] = np.arange(int(mine.sum()))
            plan.arrays[-1, t, "@id"] = plan.wanted[mine]
            for name in phase.tied[t]:
                plan.arrays[-1, t, name] = np.empty(int(mine.sum()), self._parts[0].tables[t].columns[name].dtype)
        plan.places = {(w, t): slots[which[types == t]] for w, (which, types) in held.items() for t in phase.tied}
        for (number, type, name), entries in plan.entries.items():
            which = plan.which[number, type, name]
            for what, array in (
                ("first", entries.first), ("link", entries.link), ("slot", slots[which]), ("kind", kinds[which])
            ):  # fmt: skip
                plan.arrays[number, type, f"{name}@{what}"] = array

    def _values(self, phase: Phase, places: Places) -> Batch:
        """Per type and column that is read, the values at the places of that type, in order."""
        batch: Batch = []
        for t in sorted(phase.tied):
            which = np.flatnonzero(places.type == t)
            parts, rows = places.part[which], places.row[which]
            for name in phase.tied[t]:
                out = np.empty(len(which), self._parts[0].tables[t].columns[name].dtype)
                for k, part in enumerate(self._parts):
                    here = parts == k
                    out[here] = part.tables[t].columns[name][rows[here]]
                batch.append(out)
        return batch
