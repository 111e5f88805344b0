"""One tick: the phases in order, each a refresh of stale ghosts, the kernels over the own cells, then the exchange."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from partitions.births import Births, Litter, Newborn
from partitions.claims import Claims
from partitions.deposits import Deposits, Gift
from partitions.diary import Diary
from partitions.errors import TickFault
from partitions.exchange import Exchange
from partitions.grid import Layout
from partitions.mail import Letters, Mail
from partitions.meter import Meter
from partitions.program import Act, Argument, Outlet, Phase, Program
from partitions.records import Chunk, Kernel, Piece, joined
from partitions.store import Array, Crew, Partition
from partitions.ties import Ties
from partitions.whole import Wholes

Second = tuple[Partition, int, dict[str, Array]]
"""A partition, a type, and the second buffers that its acts wrote."""


class Put(NamedTuple):
    """The records that an act put out in one partition."""

    act: Act
    part: Partition
    outlet: Outlet
    records: dict[str, Array]


class Tick:
    """Runs phases over the partitions of one worker."""

    def __init__(
        self, program: Program, layout: Layout, parts: Sequence[Partition], exchange: Exchange, crew: Crew,
        kernels: Mapping[str, Callable[..., None]],
    ) -> None:  # fmt: skip
        """Keep what a phase needs; `reals` and `integers` are the current parameters."""
        self.reals, self.integers = program.reals.copy(), program.integers.copy()
        self._program, self._parts, self._exchange, self._crew = program, parts, exchange, crew
        self._kernels = kernels
        self.births = Births(program.grid)
        self._ties = Ties(program, parts, exchange)
        self.mail = Mail(program, parts, exchange, kernels)
        self.diary = Diary(program)
        self.claims = Claims(program, layout, parts, exchange, kernels.get("ranks_"))
        self.deposits = Deposits(program, parts, exchange)
        self.wholes = Wholes(program, parts, exchange)
        self.meter = Meter()
        self._rooms: dict[tuple[str, int], dict[int, list[int]]] = {}

    def run(self, tick: int) -> None:
        """Run every phase whose turn it is.

        Raises:
            TickFault: an entity of this worker broke a rule.
            Poisoned: one of another worker did.
        """
        began, waited = time.perf_counter(), self._exchange.seconds
        for index, phase in enumerate(self._program.phases):
            if tick % phase.every == phase.at:
                for step in (*phase.before, phase):
                    self._phase(step, index, tick)
        self.meter.total += time.perf_counter() - began
        self.meter.exchange += self._exchange.seconds - waited
        self.meter.ticks += 1

    def _phase(self, phase: Phase, index: int, tick: int) -> None:
        types, stale = self._program.types, self._exchange.stale
        for t, name, value in phase.fills:
            for part in self._parts:
                part.tables[t].columns[name][: part.tables[t].n] = value
            stale[t].discard(name)
        wanted = {
            t: [
                c.name
                for c in (*types[t].columns, *types[t].scratch)
                if c.name in phase.reads[t] and c.name in stale[t]
            ]
            for t in sorted(phase.reads)
        }
        wanted = {t: names for t, names in wanted.items() if names}
        if wanted:
            self._exchange.refresh(wanted)
        self.claims.open(index)
        if phase.ties:
            self._ties.gather(index)
        self.wholes.refresh(phase.wholes)
        waiting, records = self._act(phase, index, tick)
        for part, type, new in waiting:  # only now: every act of the phase reads the state at its start
            table = part.tables[type]
            for name, column in new.items():
                table.give(table.columns[name])
                table.columns[name] = column
        for act in phase.acts:
            self.wholes.outdate(act.type, act.writes)
            if types[act.type].searched:
                stale[act.type].update(set(act.writes) & set(types[act.type].ghost_columns))
        sent = sorted({outlet.target for act in phase.acts for outlet in act.outlets if outlet.kind == "send"})
        for put in records:
            if put.outlet.kind == "send":
                self.mail.send(put.outlet.target, put.act, index, tick, put.records)
            elif put.outlet.kind == "event":
                self.diary.note(put.outlet.target, put.act, index, tick, put.records)
        gifts = _gifts(phase, records)
        if gifts:
            self.deposits.add(gifts)
            for gift in gifts:
                self.wholes.outdate(gift.outlet.target, [c.name for c in gift.outlet.columns])
        if sent:  # before anybody moves: the receiver is where the sender saw it
            self.mail.deliver(sent)
        moved = {act.type for act in phase.acts if act.moves or act.kills}
        born = {outlet.target for act in phase.acts for outlet in act.outlets if outlet.kind in ("birth", "become")}
        if moved or born:
            newborn = self._newborn(records)
            self.claims.settle(index, tick, records, newborn, self.births)
            self._exchange.relocate(sorted(moved | born), newborn)
            waiting_for = self.mail.readable(sorted(moved | born))
            if waiting_for:  # letters travel with the row
                self.mail.deliver(waiting_for)

    def _act(self, phase: Phase, index: int, tick: int) -> tuple[list[Second], list[Put]]:
        """Call the kernels; returns the second buffers, to be swapped in, and the records."""
        acts = phase.acts
        calls: list[Callable[[], None]] = []
        waiting: list[Second] = []
        done: list[tuple[Act, Partition, list[Piece]]] = []
        for act in acts:
            kernel = self._kernels[act.kernel]
            for part_number, part in enumerate(self._parts):
                table = part.tables[act.type]
                if not table.n:
                    continue
                boxes = {b.message: self.mail.open(b, act.type, part_number, part, tick) for b in act.inboxes}
                new = {name: table.borrow(table.columns[name].dtype) for name in act.buffered}
                waiting.append((part, act.type, new))
                arrays = [self._array(argument, part, act, new, boxes, index) for argument in act.arguments]
                ranges = table.pieces(self._crew, 4)
                rooms = self._rooms.setdefault((act.kernel, part.number), {})
                pieces = []
                for k, (first, last) in enumerate(ranges):
                    room = rooms.setdefault(k, [0 for _ in act.outlets])
                    piece = Piece(act.outlets, first, last, room)
                    pieces.append(piece)
                    calls.append(partial(piece.run, self._call(kernel, tick, act.arguments, arrays)))
                done.append((act, part, pieces))
        acting = {act.type for act in acts}
        began = time.perf_counter()
        self._crew.run(calls, sum(part.tables[t].n for part in self._parts for t in acting))
        self.meter.kernels += time.perf_counter() - began
        for _, part, pieces in done:
            spent = sum(piece.seconds for piece in pieces)
            self.meter.parts[part.number] = self.meter.parts.get(part.number, 0.0) + spent
        faults = [
            TickFault(
                tick, index, act.type, int(piece.status[1]), int(piece.status[0]), tuple(piece.values[:4].tolist())
            )
            for act, _, pieces in done
            for piece in pieces
            if piece.status[0]
        ]
        if faults:
            raise min(faults, key=lambda fault: fault.order)
        return waiting, [
            Put(act, part, outlet, joined(outlet, pieces, k))
            for act, part, pieces in done
            for k, outlet in enumerate(act.outlets)
        ]

    def _call(
        self, kernel: Callable[..., None], tick: int, arguments: Sequence[Argument], arrays: Sequence[Any]
    ) -> Kernel:
        """The kernel for a piece, which brings its range, its status and room for its records."""
        if not any(array is None for array in arrays):
            return lambda a, b, status, values, _: kernel(
                a, b, tick, status, values, self.reals, self.integers, *arrays
            )

        def call(a: np.uint64, b: np.uint64, status: Array, values: Array, chunks: Sequence[Chunk]) -> None:
            filled = [
                array if array is not None else chunks[argument.type].array(argument.name)
                for argument, array in zip(arguments, arrays, strict=True)
            ]
            kernel(a, b, tick, status, values, self.reals, self.integers, *filled)

        return call

    def _newborn(self, records: Sequence[Put]) -> dict[int, list[Newborn]]:
        """What comes to be of the births and of those who became of another type."""
        born = self.births.number(
            [
                Litter(put.part.tables[put.act.type], put.act.type, put.outlet.target, put.records)
                for put in records
                if put.outlet.kind == "birth"
            ]
        )
        for put in records:
            if put.outlet.kind == "become":
                born.setdefault(put.outlet.target, []).append(Newborn(put.records["@id"], put.records))
                self._exchange.deaths[put.act.type] -= len(put.records["@id"])
        return born

    def _array(
        self,
        argument: Argument,
        part: Partition,
        act: Act,
        new: Mapping[str, Array],
        boxes: Mapping[int, Letters],
        index: int,
    ) -> Array | None:
        """The array for an argument; None for those of records, which every call has its own of."""
        if argument.kind == "record":
            return None
        if argument.kind == "inbox":
            return boxes[argument.type][argument.name]
        if argument.kind == "vacant":
            return self.claims.vacant[argument.type]
        if argument.kind == "static":
            return self._program.statics[argument.name]
        if argument.kind in ("tie", "tied"):
            return self._ties.array(index, part.number, act.type, argument)
        if argument.kind == "whole":
            return self.wholes.columns[argument.type][argument.name]
        if argument.kind == "whole_geometry":
            return self.wholes.geometry[argument.type]
        table = part.tables[argument.type]
        if argument.kind == "column":
            return table.columns[argument.name]
        if argument.kind == "out":
            return new[argument.name] if argument.name in act.buffered else table.columns[argument.name]
        if argument.kind == "edges":
            return self._program.grid.cells[argument.type].edges[int(argument.name)]
        array: Array = getattr(table, argument.kind)  # ids, start, geometry, dead
        return array


def _gifts(phase: Phase, records: Sequence[Put]) -> list[Gift]:
    """What a phase deposits, per outlet, whether there is any here or not."""
    gifts = []
    for act in phase.acts:
        for outlet in act.outlets:
            if outlet.kind == "deposit":
                puts = [put.records for put in records if put.act is act and put.outlet is outlet]
                columns = {c.name: [put[c.name] for put in puts] or [np.empty(0, c.dtype)] for c in outlet.columns}
                gifts.append(
                    Gift(
                        act.type,
                        outlet,
                        {name: np.concatenate(a) if len(a) > 1 else a[0] for name, a in columns.items()},
                    )
                )
    return gifts
