"""Claims: who gets a site of a lattice when several want it.

Kernels put out claims. Each goes to the worker that owns the site, which knows whether the site was free when the phase
began, and who else wants it; the verdicts come back in a second exchange. Nobody moves before that, so a loser has
nothing to undo.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from partitions.births import Births, Newborn
from partitions.errors import RuntimeFault, TickFault
from partitions.exchange import Exchange
from partitions.grid import Layout
from partitions.loops import loops
from partitions.program import MOVED, Program
from partitions.store import Array, Partition, triple

if TYPE_CHECKING:
    from partitions.tick import Put

Ints = NDArray[np.int64]
CROWDED = 12
"""Fault: two entities on one site."""


class Vacant(NamedTuple):
    """The free sites of one partition when a phase begins: their numbers, by block, and where each block's begin."""

    sites: Ints
    start: Ints


class Claims:
    """One worker's side.

    Attributes:
        vacant: per lattice, int64[1]: free sites of the world, for kernels that draw one.
    """

    def __init__(
        self, program: Program, layout: Layout, parts: Sequence[Partition], exchange: Exchange,
        ranks: Callable[..., None] | None,
    ) -> None:  # fmt: skip
        """Look up which phases have claims, on which lattices; `ranks` is the program's kernel of that name."""
        self._program, self._layout, self._parts, self._exchange = program, layout, parts, exchange
        self._ranks = ranks
        self.vacant = [np.zeros(1, np.int64) for _ in program.lattices]
        self._of_type = {t: number for number, one in enumerate(program.lattices) for t in one.types}
        self._keys: list[dict[int, int]] = []
        self._lattices: list[list[int]] = []
        self._jumps: list[list[int]] = []
        for phase in program.phases:
            outlets = [o for act in phase.acts for o in act.outlets if o.key is not None]
            self._keys.append({o.target: o.key for o in outlets if o.key is not None})
            self._lattices.append(sorted({self._of_type[o.target] for o in outlets}))
            jumps = [a.type for act in phase.acts for a in act.arguments if a.kind == "vacant"]
            self._jumps.append(sorted(set(jumps)))
        self._blocks = [self._own_blocks(part) for part in parts]
        self._best = [np.full(self._slots(number)[-1], -1, np.int32) for number in range(len(program.lattices))]
        self._begins: dict[int, Ints] = {}
        self._free: dict[int, list[Vacant]] = {}

    def open(self, index: int) -> None:
        """Before the kernels of a phase: count the free sites that somebody may jump to."""
        for number in self._jumps[index]:
            counts = np.zeros(self._program.grid.n_blocks, np.int64)
            self._free[number] = []
            for part, blocks in zip(self._parts, self._blocks, strict=True):
                vacant = self._vacant(number, part)
                self._free[number].append(vacant)
                counts[blocks] = np.diff(vacant.start)
            everybody = [self._exchange.rank, *self._exchange.peers]
            told = self._exchange.swap({w: [counts] for w in everybody})
            total = np.sum([batch[0] for batch in told.values()], axis=0)
            self.vacant[number][0] = total.sum()
            self._begins[number] = np.cumsum(total) - total

    def settle(
        self, index: int, tick: int, records: Sequence[Put], born: dict[int, list[Newborn]], births: Births
    ) -> None:
        """After the kernels of a phase: the winners move, the losers stay, and births that have lost are taken out."""
        for number in self._lattices[index]:
            lattice = self._program.lattices[number]
            puts = [p for p in records if p.outlet.kind == "claim" and p.outlet.target in lattice.types]
            new = [
                (t, k)
                for t in lattice.types
                for k, rows in enumerate(born.get(t, ()))
                if "@site" in rows.columns
            ]  # fmt: skip
            types = [p.outlet.target for p in puts] + [t for t, _ in new]
            sites = [p.records["@site"] for p in puts] + [born[t][k].columns["@site"] for t, k in new]
            ids = [p.records["@id"] for p in puts] + [born[t][k].ids for t, k in new]
            sizes = [len(s) for s in sites]
            whose = np.repeat(np.array(types, np.int64), sizes)
            won = self._decided(index, tick, number, _joined(sites), _joined(ids), whose)
            pieces = np.split(won, np.cumsum(sizes)[:-1]) if sizes else []
            for put, verdict in zip(puts, pieces, strict=False):
                self._move(number, put.part, put.outlet.target, put.records["@row"], verdict)
            for (t, k), verdict in zip(new, pieces[len(puts) :], strict=True):
                kept = verdict >= 0
                columns = {n: c[kept] for n, c in born[t][k].columns.items()}
                columns.update(self._positions(number, t, verdict[kept]))
                born[t][k] = Newborn(born[t][k].ids[kept], columns)
                lost = int(len(kept) - kept.sum())
                births.lost[t] += lost
                births.born[t] -= lost

    def check(self, tick: int) -> None:
        """Refuse two entities on a site.

        Raises:
            TickFault: of the least such pair here, (type, id) and the other's.
        """
        faults = []
        for lattice in self._program.lattices:
            for part in self._parts:
                tables = [part.tables[t] for t in lattice.types]
                counts = np.sum([np.diff(table.start).astype(np.int64) for table in tables], axis=0)
                own = np.zeros(len(counts), bool)
                own[_own_cells(tables[0].geometry)] = True
                for cell in np.flatnonzero((counts > 1) & own).tolist():
                    here = [
                        (t, int(table.ids[row]), row)
                        for t, table in zip(lattice.types, tables, strict=True)
                        for row in range(int(table.start[cell]), int(table.start[cell + 1]))
                    ]
                    (t, id, row), (other, other_id, _), *_ = sorted(here)
                    x, y, _ = (float(c[row]) for c in part.tables[t].position)
                    faults.append(TickFault(tick, -1, t, id, CROWDED, (float(other_id), float(other), x, y)))
        if faults:
            raise min(faults, key=lambda fault: fault.order)

    # ---- between workers -----------------------------------------------------------------------------------------

    def _decided(self, index: int, tick: int, number: int, sites: Ints, ids: Ints, types: Ints) -> Ints:
        """The site that each claim has won, or -1. A claim of site ~k < 0 is one of the k-th free site."""
        rank, peers = self._exchange.rank, self._exchange.peers
        owner = self._owners(number, sites)
        if not peers:
            return self._contest(index, tick, number, owner, sites, ids, types)
        worker = self._exchange.worker_of[owner]
        order = np.argsort(worker, kind="stable")
        bounds = np.searchsorted(worker[order], np.arange(self._exchange.workers + 1))
        parts = {w: order[bounds[w] : bounds[w + 1]] for w in range(self._exchange.workers)}
        stray = [w for w, which in parts.items() if len(which) and w != rank and w not in peers]
        if stray:
            raise RuntimeFault(
                f"a site of worker {stray[0]} was claimed on worker {rank}, which is further away than one block.\n"
                f"No exchange is planned between the two, and the claim would be lost.\n"
                f"A phase that moves entities that far must have an infinite reach."
            )
        asked = {w: [sites[parts[w]], ids[parts[w]], types[parts[w]]] for w in [rank, *peers]}
        came = self._exchange.swap(asked)
        senders = sorted(came)
        sizes = [len(came[w][0]) for w in senders]
        wanted, names, kinds = (_joined([came[w][k] for w in senders]) for k in range(3))
        won = self._contest(index, tick, number, self._owners(number, wanted), wanted, names, kinds)
        verdicts = dict(zip(senders, np.split(won, np.cumsum(sizes)[:-1]), strict=True))
        answers = self._exchange.swap({w: [verdict] for w, verdict in verdicts.items()})
        result = np.full(len(sites), -1, np.int64)
        for w, batch in answers.items():
            result[parts[w]] = batch[0]
        return result

    def _contest(
        self, index: int, tick: int, number: int, owner: Ints, sites: Ints, ids: Ints, types: Ints
    ) -> Ints:  # fmt: skip
        """Decide about claims of sites that are owned here: of those of a free site, least (rank, type, id) wins."""
        if not len(sites):
            return sites
        sites = self._sites_of(number, owner, sites)
        slots, cells = np.full(len(sites), -1, np.int64), self._cells(number, owner, sites)
        begins = self._slots(number)
        for k, part in enumerate(self._parts):
            here = np.flatnonzero((owner == part.number) & (sites >= 0))
            at = cells[here]
            free = np.ones(len(here), bool)
            for t in self._program.lattices[number].types:
                start = part.tables[t].start
                free &= start[at + 1] == start[at]
            slots[here[free]] = at[free] + begins[k]
        of = np.zeros(len(self._program.types), np.uint64)
        for t, key in self._keys[index].items():
            of[t] = key
        ranks = np.empty(len(sites), np.uint64)
        assert self._ranks is not None
        self._ranks(of[types], tick, np.maximum(sites, 0), ids, ranks)
        won = np.empty(len(sites), np.bool_)
        loops("claim").contest(slots, ranks, types, ids, self._best[number], won)
        return np.where(won, sites, -1)

    # ---- sites, cells, owners ------------------------------------------------------------------------------------

    def _owners(self, number: int, sites: Ints) -> Ints:
        """The partition that owns each site; of one that does not exist, any."""
        grid, t = self._program.grid, self._program.lattices[number].types[0]
        of, blocks = triple(grid.cells[t].per_block, 1), triple(grid.blocks, 1)
        x, y, z = self._index(number, np.maximum(sites, 0))
        block = (z // of[2] * blocks[1] + y // of[1]) * blocks[0] + x // of[0]
        drawn = np.flatnonzero(sites < 0)
        if len(drawn):
            block[drawn] = self._block_of(number, sites[drawn])
        return np.asarray(self._layout.owner[block], np.int64)

    def _block_of(self, number: int, sites: Ints) -> Ints:
        """The block of the k-th free site, for each ~k."""
        return np.searchsorted(self._begins[number], ~sites, "right") - 1

    def _sites_of(self, number: int, owner: Ints, sites: Ints) -> Ints:
        """The numbers of the sites, in place of those of free ones; -1 for free ones that there are not."""
        drawn = np.flatnonzero(sites < 0)
        if not len(drawn):
            return sites
        result, block = sites.copy(), self._block_of(number, sites[drawn])
        result[drawn] = -1
        for part, blocks, vacant in zip(self._parts, self._blocks, self._free[number], strict=True):
            mine = np.flatnonzero((owner[drawn] == part.number) & (~sites[drawn] < self.vacant[number][0]))
            which = drawn[mine]
            local = np.searchsorted(blocks, block[mine])
            result[which] = vacant.sites[vacant.start[local] + ~sites[which] - self._begins[number][block[mine]]]
        return result

    def _index(self, number: int, sites: Ints) -> tuple[Ints, Ints, Ints]:
        nx, ny, _ = triple(self._program.lattices[number].shape, 1)
        line, x = np.divmod(sites, nx)
        z, y = np.divmod(line, ny)
        return x, y, z

    def _cells(self, number: int, owner: Ints, sites: Ints) -> Ints:
        """Local cell of each site in the partition that owns it."""
        x, y, z = self._index(number, np.maximum(sites, 0))
        cells = np.zeros(len(sites), np.int64)
        for part in self._parts:
            g = part.tables[self._program.lattices[number].types[0]].geometry
            here = np.flatnonzero(owner == part.number)
            local = [c[here] - g[10 + a] + g[4 + a] for a, c in enumerate((x, y, z))]
            cells[here] = (local[2] * g[2] + local[1]) * g[1] + local[0]
        return cells

    def _slots(self, number: int) -> Ints:
        """Where each partition's cells begin in a table for all of them."""
        t = self._program.lattices[number].types[0]
        return np.cumsum([0, *(part.tables[t].n_cells for part in self._parts)])

    def _own_blocks(self, part: Partition) -> Ints:
        """The blocks that a partition owns, row-major with x fastest."""
        return np.flatnonzero(self._layout.owner == part.number)

    def _vacant(self, number: int, part: Partition) -> Vacant:
        lattice, grid = self._program.lattices[number], self._program.grid
        tables = [part.tables[t] for t in lattice.types]
        taken = np.zeros(tables[0].n_cells, np.bool_)
        for table in tables:
            loops("claim").mark_taken(table.start, taken)
        per_block = np.array(triple(grid.cells[lattice.types[0]].per_block, 1), np.int64)
        own = tables[0].n_own_cells
        start, sites = np.empty(own // int(per_block.prod()) + 1, np.int64), np.empty(own, np.int64)
        shape = np.array(triple(lattice.shape, 1), np.int64)
        loops("claim").list_free(taken, tables[0].geometry, per_block, shape, start, sites)
        return Vacant(sites[: start[-1]], start)

    # ---- what comes of it ----------------------------------------------------------------------------------------

    def _move(self, number: int, part: Partition, type: int, rows: Array, verdict: Ints) -> None:
        won = verdict >= 0
        table = part.tables[type]
        for name, values in self._positions(number, type, verdict[won]).items():
            table.columns[name][rows[won]] = values
        table.columns[MOVED][rows] = won

    def _positions(self, number: int, type: int, sites: Ints) -> dict[str, Array]:
        """The position columns of entities on sites."""
        lattice, index = self._program.lattices[number], self._index(number, sites)
        columns = self._program.types[type].columns[: self._program.grid.space.dim]
        result = {}
        for c, i, centres in zip(columns, index, lattice.centres, strict=False):
            result[c.name] = centres[index[1] % len(centres), i].astype(c.dtype)
        return result


def _own_cells(g: Array) -> Array:
    """Local numbers of the own cells, row-major."""
    z, y, x = np.ix_(*(np.arange(g[9 - a]) + g[6 - a] for a in range(3)))
    cells: Array = ((z * g[2] + y) * g[1] + x).ravel()
    return cells


def _joined(arrays: Sequence[Array]) -> Ints:
    return np.concatenate([*arrays, np.empty(0, np.int64)]).astype(np.int64)
