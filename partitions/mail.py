"""Messages between entities: kept with their receivers, wherever these go, until a phase reads them.

Letters wait in a pool of the worker that owns the receiver. What a worker cannot place, because the receiver is, or has
gone, elsewhere, it tells its peers; who owns the receiver takes it, and what nobody takes was for one that died.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from partitions.exchange import Exchange
from partitions.ids import IdIndex
from partitions.loops import loops
from partitions.program import Act, Inbox, Kernels, Program
from partitions.store import Array, Partition

Letters = dict[str, Array]
"""@to, @type, @id, @phase, @tick, @seq and the message's columns, one row for each letter."""
HEAD = {"@to": "<i8", "@type": "<i4", "@id": "<i8", "@phase": "<i4", "@tick": "<i8", "@seq": "<i4"}
"""What every letter has beside the message's columns."""


class Mail:
    """One worker's letters.

    Attributes:
        sent: per message, letters that entities of this worker sent.
        read: per message, letters that entities of this worker have had.
    """

    def __init__(self, program: Program, parts: Sequence[Partition], exchange: Exchange, loaded: Kernels) -> None:
        """Begin with nothing."""
        self._program, self._parts, self._exchange, self._kernels = program, parts, exchange, loaded
        self._readers = [
            sorted({a.type for p in program.phases for a in p.acts for box in a.inboxes if box.message == m})
            for m in range(len(program.messages))
        ]
        types = sorted({t for readers in self._readers for t in readers})
        self._indices = {t: [IdIndex(part.tables[t]) for part in parts] for t in types}
        self._pools: list[Letters] = [self._empty(m) for m in range(len(program.messages))]
        self.sent, self.read = [0 for _ in self._pools], [0 for _ in self._pools]

    @property
    def pending(self) -> list[int]:
        """Per message, letters that wait here."""
        return [len(pool["@to"]) for pool in self._pools]

    def pool(self, message: int) -> Letters:
        """The letters that wait here; a copy of none of them."""
        return self._pools[message]

    def put_back(self, message: int, letters: Mapping[str, Array]) -> None:
        """Take letters of an earlier run of the same state; those whose receivers are not here are left to others."""
        here = self._is_here(message, letters["@to"])
        self._join(message, {name: letters[name][here] for name in self._pools[message]})

    def send(self, message: int, act: Act, phase: int, tick: int, records: Mapping[str, Array]) -> None:
        """Take what an act put out; `deliver` brings it to the receivers."""
        n = len(records["@id"])
        constant = {"@type": act.type, "@phase": phase, "@tick": tick}
        letters = {name: np.full(n, constant[name], dtype) for name, dtype in HEAD.items() if name in constant}
        self._join(message, {**records, **letters})
        self.sent[message] += n

    def post(self, message: int, to: NDArray[np.int64], columns: Mapping[str, Array], tick: int, first: int) -> None:
        """Take letters from outside: of no sender, before all others of that tick, in the order in which they came."""
        n = len(to)
        heads = {"@to": to, "@seq": np.arange(first, first + n)}
        letters = {k: np.asarray(heads.get(k, np.full(n, -1)), dtype) for k, dtype in HEAD.items()}
        self._join(message, {**columns, **letters, "@tick": np.full(n, tick, np.int64)})
        self.sent[message] += n

    def deliver(self, messages: Sequence[int]) -> None:
        """Hand letters whose receiver is not here to the worker that owns it. All workers call it alike."""
        batch: list[Array] = []
        for m in messages:
            pool = self._pools[m]
            here = self._is_here(m, pool["@to"])
            self._pools[m] = {name: column[here] for name, column in pool.items()}
            batch += [column[~here] for column in pool.values()]
        if self._exchange.workers == 1:
            return
        for received in self._exchange.tell(batch).values():
            arrays = iter(received)
            for m in messages:
                letters = {name: next(arrays) for name in self._pools[m]}
                here = self._is_here(m, letters["@to"])
                self._join(m, {name: column[here] for name, column in letters.items()})

    def readable(self, types: Sequence[int]) -> list[int]:
        """Messages whose receivers may be of one of the types."""
        return [m for m, readers in enumerate(self._readers) if set(readers) & set(types)]

    def open(self, box: Inbox, type: int, number: int, part: Partition, tick: int) -> Letters:
        """Take a partition's letters out of the pool, ordered for reading.

        Args:
            box: what is read.
            type: who reads.
            number: index of the partition on this worker.
            part: the partition.
            tick: the present one.

        Returns:
            The message's columns, "@sender", and "@start" (rows + 1,): row r reads letters start[r] to start[r + 1].
        """
        pool, table = self._pools[box.message], part.tables[type]
        rows = self._indices[type][number].rows(pool["@to"])
        mine = rows >= 0
        letters = {name: column[mine] for name, column in pool.items()}
        self._pools[box.message] = {name: column[~mine] for name, column in pool.items()}
        n = len(letters["@to"])
        self.read[box.message] += n
        keys = [letters[name] for name in ("@tick", "@type", "@id", "@phase", "@seq")]
        rank = np.zeros(n, np.uint64)
        if box.rank:
            self._kernels[box.rank](box.key, tick, *keys, rank)
        start, order = np.empty(table.n + 1, np.uint64), np.empty(n, np.uint32)
        loops("letter").sort_letters(rows[mine], rank, *keys, start, order)
        result = {name: column[order] for name, column in letters.items() if not name.startswith("@")}
        return {**result, "@sender": letters["@id"][order], "@start": start}

    def _empty(self, message: int) -> Letters:
        columns = {c.name: c.dtype for c in self._program.messages[message].columns}
        return {name: np.empty(0, dtype) for name, dtype in {**HEAD, **columns}.items()}

    def _join(self, message: int, letters: Mapping[str, Array]) -> None:
        self._pools[message] = {
            name: np.concatenate([column, letters[name]]) for name, column in self._pools[message].items()
        }

    def _is_here(self, message: int, ids: NDArray[np.int64]) -> NDArray[np.bool_]:
        here = np.zeros(len(ids), np.bool_)
        for t in self._readers[message]:
            for index in self._indices[t]:
                here |= index.rows(ids) >= 0
        return here
