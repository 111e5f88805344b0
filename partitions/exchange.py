"""The exchange: entities change owner, and ghosts come to be (`relocate`) or get new values (`refresh`).

A batch is a flat list of fresh arrays in a fixed order. Batches for partitions of the same worker are handed over as
they are; the others go through a transport, one message per pair of workers, whose first array says whether it is data
or the fault that ended the sender's run.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from partitions.births import Newborn
from partitions.errors import RuntimeFault, TickFault, TransportError
from partitions.grid import Layout
from partitions.loops import loops
from partitions.program import Program
from partitions.routes import Routes, neighbours
from partitions.store import Array, Crew, Partition, Table, rebuild_all

Batch = list[Array]


class Transport(Protocol):
    """What carries batches between workers."""

    def exchange(self, epoch: int, number: int, batches: dict[int, Batch]) -> dict[int, Batch]:
        """Send a batch to each peer and return what each sent in the same exchange.

        What is returned may be a view of memory that is valid only until the next exchange.
        """


class NoTransport:
    """The transport of a worker that is alone."""

    def exchange(self, epoch: int, number: int, batches: dict[int, Batch]) -> dict[int, Batch]:
        """Nobody to talk to."""
        if batches:
            raise TransportError(
                f"batches for workers {sorted(batches)} were given to a worker that is alone.\n"
                f"They would be lost.\n"
                f"Give the worker a transport that reaches them."
            )
        return {}


class Poisoned(Exception):
    """A peer sent a fault in place of data."""

    def __init__(self, fault: TickFault) -> None:
        """Keep the least fault that came."""
        super().__init__(str(fault))
        self.fault = fault


class Source(NamedTuple):
    """Rows that may have to go somewhere: `n` of them, listed by row and global cell, and the arrays that hold them."""

    part: int
    n: int
    rows: NDArray[np.uint32]
    cells: NDArray[np.int64]
    ids: NDArray[np.int64]
    columns: Mapping[str, Array]


class Listed(NamedTuple):
    """Who gets what of one source; entries as the kernel `route` lists them, and their order by group."""

    source: Source
    counts: NDArray[np.int64]
    row: NDArray[np.uint32]
    cell: NDArray[np.int32]
    link: NDArray[np.int32]
    order: NDArray[np.uint32]


class Exchange:
    """One worker's side of all exchanges.

    Attributes:
        peers: the workers that it talks to in every exchange, whatever there is to say: the other side waits for it.
        rank: number of the worker.
        stale: per type, the columns whose ghosts hold old values.
        deaths: per type, entities that died here.
        worker_of: (P,) the worker of each partition.
        relocations: per type, how often it was relocated; the same on every worker.
        seconds: spent on getting the peers' batches, since the start.
    """

    def __init__(
        self,
        program: Program,
        layout: Layout,
        parts: Sequence[Partition],
        worker_of: Sequence[int],
        rank: int,
        crew: Crew,
        transport: Transport,
    ) -> None:
        """Work out the routes of every type; `peers` is everybody until `narrow`."""
        self.workers = max(worker_of) + 1
        self.peers = [w for w in range(self.workers) if w != rank]
        self.stale: list[set[str]] = [set() for _ in program.types]
        for spec, stale in zip(program.types, self.stale, strict=True):
            stale.update(spec.ghost_columns if spec.raster and spec.searched else ())  # nobody has sent them yet
        self.deaths = [0 for _ in program.types]
        self.relocations = [0 for _ in program.types]
        self.routes = [
            Routes(spec, program.grid, layout, t, worker_of, self.workers) for t, spec in enumerate(program.types)
        ]
        self.worker_of = np.asarray(worker_of, np.int64)
        self._program, self._layout = program, layout
        self._parts, self.rank, self._crew, self._transport = parts, rank, crew, transport
        self._epoch = self._number = 0
        self.seconds = 0.0
        self._dtypes = [{c.name: np.dtype(c.dtype) for c in (*s.columns, *s.scratch)} for s in program.types]
        self._stopped: set[int] = set()
        self._inner = [[routes.inner(part.number) for part in parts] for routes in self.routes]
        self._seen: dict[int, tuple[tuple[int, ...], dict[tuple[int, int], NDArray[np.uint32]]]] = {}

    def narrow(self) -> None:
        """Talk only to the workers nearby from now on, unless some phase concerns entities anywhere.

        The peers stay the same for all phases: a fault spreads by each worker telling all its peers once and then
        falling silent, so nobody may wait for somebody whom the news has not reached.
        """
        if any(one.shared for one in self._program.observations):
            return  # samples are swapped between all
        if all(np.isfinite(phase.reach) and not phase.far for phase in self._program.phases):
            self.peers = neighbours(self._program.grid, self._layout, self.worker_of.tolist(), self.workers)[self.rank]

    @contextmanager
    def everybody(self) -> Iterator[None]:
        """Inside the block talk to all workers; all of them must be in it for the same exchanges."""
        nearby = self.peers
        self.peers = [w for w in range(self.workers) if w != self.rank]
        try:
            yield
        finally:
            self.peers = nearby

    def relocate(self, types: Sequence[int], born: Mapping[int, Sequence[Newborn]] | None = None) -> None:
        """Give every entity of the types to the partition it is in now, drop the dead, and make all ghosts anew.

        Done at the end of the phase that moved them, not when somebody next looks: rows must be in the order of their
        cells before any phase runs over cells, and a late exchange would have to carry the same rows.

        Args:
            types: the same on every worker.
            born: new rows of some of the types.
        """
        outgoing: dict[int, Batch] = {w: [] for w in [self.rank, *self.peers]}
        for t in types:
            new = [self._unheld(t, *rows) for rows in (born or {}).get(t, ())]
            batches = self._batches(t, [*self._leaving(t), *new], self.routes[t].ghosts)
            for w, batch in batches.items():
                outgoing[w] += batch
        self._settle(types, self.swap(outgoing), lambda t: self.routes[t].ghosts)
        rebuild_all([part.tables[t] for t in types for part in self._parts], self._crew)
        for t in types:
            self.stale[t].clear()
            self.relocations[t] += 1

    def distribute(self, type: int, ids: NDArray[np.int64], columns: Mapping[str, Array]) -> None:
        """Send rows that nobody holds yet to their owners, who keep them aside until the next `Table.rebuild`.

        Args:
            type: index of the type.
            ids: (n,).
            columns: name -> (n,), all columns of the type.
        """
        source = self._unheld(type, ids, columns)
        self._settle([type], self.swap(self._batches(type, [source], False)), lambda _: False)

    def _unheld(self, type: int, ids: NDArray[np.int64], columns: Mapping[str, Array]) -> Source:
        """Rows that nobody holds yet, with the cells that they belong in."""
        routes, dim, n = self.routes[type], self._program.grid.space.dim, len(ids)
        names = [c.name for c in self._program.types[type].columns]
        x, y, z = (columns[name] for name in (*names[:dim], names[1])[:3])
        cells = np.empty(n, np.int64)
        loops("cell", REAL=x.dtype).locate(dim, routes.affine, routes.shape, *routes.edges, x, y, z, cells)
        return Source(-1, n, np.arange(n, dtype=np.uint32), cells, ids, columns)

    def settle_in(self, type: int) -> None:
        """Let the next `Table.rebuild` count in what `distribute` has brought; until `relocate` there are no ghosts.

        Nobody must have moved or died since the last `relocate`.
        """
        self._leaving(type)

    def refresh(self, wanted: Mapping[int, Sequence[str]]) -> None:
        """Bring the ghosts' values of some columns up to date: same cells, same order, so values are enough.

        Args:
            wanted: type -> columns; the same on every worker.
        """
        outgoing: dict[int, Batch] = {w: [] for w in [self.rank, *self.peers]}
        mine = [(part.number, part) for part in self._parts]
        for t, names in wanted.items():
            rows, members = self._seen_rows(t), self.routes[t].members
            for w, batch in outgoing.items():
                pairs = [(part.tables[t], rows[a, d]) for a, part in mine for d in members[w] if (a, d) in rows]
                for name in names:
                    values = [table.columns[name][which] for table, which in pairs]
                    batch.append(np.concatenate(values) if values else np.empty(0, self._dtype(t, name)))
        incoming = self.swap(outgoing)
        for w in sorted(incoming):
            arrays = iter(incoming[w])
            for t, names in wanted.items():
                strips, members = self.routes[t].strips, self.routes[t].members
                pairs = [
                    (part.tables[t], part.tables[t].rows_of(*strips[a, d][1]))
                    for a in members[w]
                    for d, part in mine
                    if (a, d) in strips
                ]
                for name in names:
                    _spread_values(next(arrays), name, pairs)
        for t, names in wanted.items():
            self.stale[t].difference_update(names)

    def trade(self, outgoing: Mapping[int, Batch]) -> dict[int, Batch]:
        """Give every peer a batch, and return what each gave; those are valid until the next exchange."""
        received = self.swap({self.rank: [], **outgoing})
        del received[self.rank]
        return received

    def tell(self, batch: Batch) -> dict[int, Batch]:
        """Send one batch to every peer; return copies of what each of them told."""
        told = self.trade(dict.fromkeys(self.peers, batch))
        return {w: [array.copy() for array in arrays] for w, arrays in told.items()}

    def bring(self, streams: Sequence[tuple[NDArray[np.int32], Batch]]) -> list[tuple[NDArray[np.int32], Batch]]:
        """Bring records to the workers of the partitions that they are for, which are this one or peers.

        Args:
            streams: of each kind of record, the partition that each is for and the columns; as many on every worker.

        Returns:
            The same of all records that are for partitions here.
        """
        outgoing: dict[int, Batch] = {w: [] for w in [self.rank, *self.peers]}
        for part, columns in streams:
            worker = self.worker_of[part] if self.peers else part
            for w, batch in outgoing.items():
                which = np.flatnonzero(worker == w) if self.peers else slice(None)
                batch += [np.ascontiguousarray(values[which]) for values in (part, *columns)]
        incoming = self.swap(outgoing)
        batches = [iter(incoming[w]) for w in sorted(incoming)]
        brought = []
        for _, columns in streams:
            parts, *values = (_joined([next(batch) for batch in batches]) for _ in range(1 + len(columns)))
            brought.append((parts, values))
        return brought

    def spread(self, fault: TickFault) -> TickFault:
        """Tell the fault to every peer that does not know, in place of the next exchange.

        Returns:
            The least fault known then. A peer that has no further exchange to make is waited for until somebody aborts
            the transport.
        """
        told = [w for w in self.peers if w not in self._stopped]
        if not told:
            return fault
        head = np.array([1, fault.tick, fault.phase, fault.type, fault.id, fault.code], np.int64)
        try:
            answers = self._transport.exchange(
                self._epoch, self._number, {w: [head.copy(), np.array(fault.values, np.float64)] for w in told}
            )
        except TransportError:
            return fault  # the others were stopped some other way: what we know is still the reason
        self._number += 1
        return min([fault, *(f for f in map(_fault, answers.values()) if f is not None)], key=lambda f: f.order)

    def _leaving(self, type: int) -> list[Source]:
        routes = self.routes[type]
        calls, tables = [], []
        for part, inner in zip(self._parts, self._inner[type], strict=True):
            table = part.tables[type]
            table.target[: table.n] = -1  # ghosts go
            for first, last in table.pieces(self._crew, 2):
                calls.append(_assigning(table, routes, inner, first, last))
                tables.append((part.number, table))
        rows = sum(part.tables[type].n for part in self._parts)
        sources = []
        for (number, table), (n, deaths, base) in zip(tables, self._crew.run(calls, rows), strict=True):
            self.deaths[type] += deaths
            begin = max(base, 0)
            far = slice(begin, begin + n)
            sources.append(Source(number, n, table.far_row[far], table.far_cell[far], table.ids, table.columns))
        return sources

    def _batches(self, type: int, sources: Sequence[Source], ghosts: bool) -> dict[int, Batch]:
        """Per worker, one batch: counts, then for owned rows and ghosts cell, id and columns, ordered by partition."""
        routes = self.routes[type]
        calls = [_listing(routes, source, ghosts) for source in sources]
        lists = self._crew.run(calls, sum(source.n for source in sources))
        totals = np.sum([listed.counts for listed in lists], axis=0)
        block = np.zeros(2 * self.workers + 1, np.int64)  # groups of (worker, kind)
        block[1:] = np.cumsum([len(parts) for parts in routes.members for _ in (0, 1)])
        result: dict[int, Batch] = {}
        for w in range(self.workers):
            if w == self.rank or w in self.peers:
                batch = [totals[block[2 * w] : block[2 * w + 2]].copy()]
                for kind in (0, 1) if ghosts else (0,):
                    a, b = block[2 * w + kind : 2 * w + kind + 2]
                    batch += self._packed(type, lists, totals[a:b], slice(a, b), kind)
                result[w] = batch
            elif totals[block[2 * w] : block[2 * w + 2]].any():
                raise RuntimeFault(
                    f"an entity of {self._program.types[type].name} was to go from worker {self.rank} to worker {w}, "
                    f"which is further away than one block.\n"
                    f"No exchange is planned between the two, and it would be lost.\n"
                    f"A phase that moves entities that far must have an infinite reach."
                )
        return result

    def _packed(self, type: int, lists: Sequence[Listed], totals: NDArray[np.int64], groups: slice, kind: int) -> Batch:
        spec, dim, n = self._program.types[type], self._program.grid.space.dim, int(totals.sum())
        names = _names(spec.columns, spec.ghost_columns, dim, kind)
        batch: Batch = [
            np.empty(n, np.int32),
            np.empty(n, np.int64),
            *(np.empty(n, self._dtype(type, c)) for c in names),
        ]
        if not n:
            return batch
        at = np.cumsum(totals) - totals  # where the next rows of each group go
        for listed in lists:
            counts = listed.counts[groups]
            begin = int(listed.counts[: groups.start].sum())
            entries = listed.order[begin : begin + int(counts.sum())]
            columns = self._values(type, listed, entries, names, kind)
            if len(totals) == 1:
                place: Any = slice(at[0], at[0] + counts[0])
            else:
                place = np.repeat(at - (np.cumsum(counts) - counts), counts) + np.arange(len(entries))
            for out, values in zip(batch, columns, strict=True):
                out[place] = values
            at += counts
        return batch

    def _values(
        self, type: int, listed: Listed, entries: NDArray[np.uint32], names: Sequence[str], kind: int
    ) -> Iterator[Array]:
        routes, rows = self.routes[type], listed.row[entries]
        yield listed.cell[entries]
        yield listed.source.ids[rows]
        links = listed.link[entries] if kind else None
        for axis, name in enumerate(names):
            column = listed.source.columns[name][rows]
            if links is not None and axis < self._program.grid.space.dim and routes.seams[axis]:
                column = column + routes.link_offset[axis][links]  # exact: both lie on one lattice
            yield column

    def _settle(self, types: Sequence[int], incoming: Mapping[int, Batch], ghosts: Any) -> None:
        dim = self._program.grid.space.dim
        for w in sorted(incoming):
            arrays = iter(incoming[w])
            for t in types:
                spec = self._program.types[t]
                counts = next(arrays).reshape(2, len(self._parts))
                for kind in (0, 1) if ghosts(t) else (0,):
                    names = _names(spec.columns, spec.ghost_columns, dim, kind)
                    _hand_out(arrays, names, counts[kind], [part.tables[t] for part in self._parts])

    def swap(self, outgoing: dict[int, Batch]) -> dict[int, Batch]:
        """Send a batch to each peer; return what each sent, and our own as it is. All workers make the same calls.

        What is returned is valid only until the next exchange.
        """
        received = {self.rank: outgoing.pop(self.rank)}
        if outgoing:
            messages = {w: [np.zeros(1, np.int64), *batch] for w, batch in outgoing.items()}
            began = time.perf_counter()
            answers = self._transport.exchange(self._epoch, self._number, messages)
            self.seconds += time.perf_counter() - began
            self._number += 1
            faults = {w: fault for w, batch in answers.items() if (fault := _fault(batch)) is not None}
            if faults:
                self._stopped.update(faults)
                raise Poisoned(min(faults.values(), key=lambda fault: fault.order))
            received.update({w: batch[1:] for w, batch in answers.items()})
        return received

    def _seen_rows(self, type: int) -> dict[tuple[int, int], NDArray[np.uint32]]:
        """(my partition, seeing partition) -> my rows that it sees; kept until a table is rebuilt."""
        versions = tuple(part.tables[type].version for part in self._parts)
        if self._seen.get(type, ((), {}))[0] != versions:
            strips = self.routes[type].strips
            rows = {
                (part.number, d): part.tables[type].rows_of(*strips[part.number, d][0])
                for part in self._parts
                for a, d in strips
                if a == part.number
            }
            self._seen[type] = (versions, rows)
        return self._seen[type][1]

    def _dtype(self, type: int, name: str) -> np.dtype[Any]:
        return self._dtypes[type][name]


def _names(columns: Sequence[Any], ghost_columns: Sequence[str], dim: int, kind: int) -> list[str]:
    """What travels with an owned row (0) or a ghost (1)."""
    return [c.name for axis, c in enumerate(columns) if not kind or axis < dim or c.name in ghost_columns]


def _hand_out(arrays: Iterator[Array], names: Sequence[str], counts: Array, tables: Sequence[Table]) -> None:
    cells, ids = next(arrays), next(arrays)
    columns = {name: next(arrays) for name in names}
    at = 0
    for table, n in zip(tables, counts.tolist(), strict=True):
        here = slice(at, at + n)
        table.append(cells[here], ids[here], {name: values[here] for name, values in columns.items()})
        at += n


def _spread_values(values: Array, name: str, pairs: Sequence[tuple[Table, NDArray[np.uint32]]]) -> None:
    at = 0
    for table, rows in pairs:
        if at + len(rows) > len(values):
            break
        table.columns[name][rows] = values[at : at + len(rows)]
        at += len(rows)
    expected = sum(len(rows) for _, rows in pairs)
    if expected != len(values):
        raise RuntimeFault(
            f"a refresh of column {name} brought {len(values)} values for {expected} ghosts.\n"
            f"Ghosts would hold the values of others.\n"
            f"The two sides disagree about the cells: start all workers from the same program and layout."
        )


def _joined(arrays: Sequence[Array]) -> Array:
    """One after the other; copied if they are several, of which all but one lie in memory that is soon used again."""
    return arrays[0] if len(arrays) == 1 else np.concatenate(arrays)


def _fault(batch: Batch) -> TickFault | None:
    head = batch[0]
    if not head[0]:
        return None
    tick, phase, type, id, code = (int(v) for v in head[1:6])
    return TickFault(tick, phase, type, id, code, tuple(float(v) for v in batch[1]))


def _assigning(table: Table, routes: Routes, inner: NDArray[np.int64], first: int, last: int) -> Any:
    return lambda: loops("cell", REAL=table.position[0].dtype).assign(
        first, last, table.start, table.geometry, inner, routes.affine, routes.shape, *routes.edges, *table.position,
        table.dead, table.target, table.far_row, table.far_cell,
    )  # fmt: skip


def _listing(routes: Routes, source: Source, ghosts: bool) -> Callable[[], Listed]:
    def run() -> Listed:
        k, room = loops("store"), 2 * source.n + 64
        while True:
            counts = np.zeros(routes.group.size, np.int64)
            row, cell, link, group = np.empty(room, np.uint32), *(np.empty(room, np.int32) for _ in range(3))
            n = k.route(
                source.part, source.n, ghosts, source.rows, source.cells, routes.world, routes.owner, routes.boxes,
                routes.link_start, routes.link_to, routes.link_shift, routes.group, counts, row, cell, link, group,
            )  # fmt: skip
            if n <= room:
                break
            room = n
        order = np.empty(n, np.uint32)
        k.arrange(group[:n], np.cumsum(counts) - counts, order)
        return Listed(source, counts, row, cell, link, order)

    return run
