"""What a runtime executes: columns, phases and kernels, and nothing of the language they were written in.

This is the one interface handed down from `weaver`. A program is plain data plus one callable, `kernels`, that loads
the compiled functions in whatever process it is called; it pickles small.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from partitions.grid import Grid

if TYPE_CHECKING:
    from partitions.sums import Statistic

FAULTS = {
    1: "position is not finite",
    2: "moved beyond the reach",
    3: "left a strict boundary",
    4: "looked around a place beyond the reach",
    5: "ran out of random draws",
    6: "read a field of None",
    7: "drawn outside the box",
    8: "took an element that does not exist",
    9: "spawned beyond the reach",
    10: "spawned at a place that is not finite",
    11: "spawned outside a strict boundary",
    12: "stands on a site where another stands",
}
"""What `status[0]` of a kernel can say."""

STATUS = 12
"""Words of a kernel's `status`: 0 fault code, 1 entity id of it (at first 2^63 - 1: the kernel keeps the least), 2
draws of the entity so far, 3 the entity's own fault, 4 records that it has put out, 5 row to begin at, 6 whether a
record outlet is full, 7 the own cell to go on with, 8 whether the entity is removed, 9 what it becomes, 11 the free
site that it jumps to, counted from 1 (0: it does not jump)."""
MOVED = "_moved"
"""Hidden column of types that stand on sites: whether the entity's last claim was won."""


PADDING = 16
"""Rows that may be read behind the last one of a column, whatever stands there: kernels take whole vectors of rows."""


class Column(NamedTuple):
    """One scalar column of an entity type; vectors are one column per component."""

    name: str
    """Field name, with `.x`, `.y`, `.z` for a component: "energy", "position.x"."""
    dtype: str
    """numpy dtype string, little endian: "<f8", "<f4", "<i8", "|b1", "|u1" …"""


@dataclass(frozen=True)
class TypeSpec:
    """The store's view of an entity type.

    Attributes:
        name: as the author wrote it.
        columns: the first `dim` are the position (all "<f8" or all "<f4"); `id` (int64) is not among them.
        ghost_columns: columns (positions apart) that some phase reads of others; ghosts carry these.
        searched: some phase looks for this type, so its ghosts are needed.
        mortal: some phase can end an entity's life, so the store keeps a `dead` column (uint8).
        scratch: columns that mean something within one phase only: they have rows like the others, but are neither
            carried to other workers, nor brought into order, digested or shown. Those that are in `ghost_columns` too
            can be refreshed.
        raster: it is a layer: one row per cell of its raster, none of the columns is a position, nothing moves.
    """

    name: str
    columns: tuple[Column, ...]
    ghost_columns: tuple[str, ...]
    searched: bool
    mortal: bool
    raster: bool = False
    scratch: tuple[Column, ...] = ()


class Argument(NamedTuple):
    """One array that a kernel takes, in order.

    kind: "column" (current values), "out" (where new values go: the second buffer if the act lists the column in
    `buffered`, else the current one), "ids", "start" (uint64, first row of each local cell, one more at the end),
    "geometry" (int64[16], see `partitions.store`), "dead" (uint8), "edges" (float64; name is the axis number),
    "whole" (column of this worker's whole copy of a layer, in the order of the ids), "whole_geometry" (int64[16]:
    of such a copy, three worlds wide along a periodic axis, so that places beyond a seam have rows of their own),
    "record" (column `name` of outlet number `type` of the act; "@count": int64[1], how many records are there),
    "inbox" (of message number `type`: a column, "@sender", or "@start", uint64, one more than rows), "static" (one
    of `Program.statics`, by name), "vacant" (int64[1], free sites of lattice number `type`), "tie" (int64;
    "NAME@first": where each row's entries begin; "NAME@slot", "NAME@kind", "NAME@link": of each entry the other
    end's number among the tied of its type, -1 if it is gone, its type, and the tie's number), "tied" (a column, or
    "@id", of all of a type that are at the other ends).
    """

    kind: str
    type: int
    name: str = ""


@dataclass(frozen=True)
class MessageSpec:
    """A message or an event: its name and columns."""

    name: str
    columns: tuple[Column, ...]


@dataclass(frozen=True)
class Inbox:
    """What an act reads of the messages to its type.

    Attributes:
        message: index in `Program.messages`.
        rank: kernel that gives the order, `rank(key, tick, tick sent, type, id, phase, sequence, out)`, or "" for the
            plain order (tick sent, sender's type, sender's id, phase, sequence).
        key: what it draws with.
    """

    message: int
    rank: str
    key: np.uint64


@dataclass(frozen=True)
class Outlet:
    """Where a kernel puts out records of one kind: what an entity does to others, or to the world.

    A kernel appends a record while there is room, and counts on when there is none; an entity whose records do not fit
    leaves no trace, and the kernel is called again from it with more room. Every record has `@id` (of the entity) and
    `@seq` (the entity's how-many-th record in this phase and tick); the `@` keeps them apart from fields.

    Attributes:
        kind: "birth" (columns of the new entity, and `@cell`, the parent's local cell; -1 for one that is lost),
            "become" (columns of the entity as of its new type), "send" (`@to`, the receiver's id, and the message's
            columns), "event" (the event's columns), "claim" (`@row` of an entity, and `@site`, the number of the site
            that it wants to stand on, or ~k for the k-th free one).
        target: index of the type, message or event that comes of it.
        columns: `@id`, `@seq`, and what else there is.
        key: of claims: what ranks are drawn with. A birth onto a site is a claim as well: it has `@site` and no
            position.
    """

    kind: str
    target: int
    columns: tuple[Column, ...]
    key: int | None = None


@dataclass(frozen=True)
class Act:
    """One entity type's turn in a phase: one compiled function.

    The kernel is called as `kernel(first, last, tick, status, values, reals, integers, *arguments)`: `first` and `last`
    (uint64) count this partition's own cells, row-major; `tick` int64; `status` int64[STATUS]; `values` float64[8], the
    numbers of the fault, then of the entity's own; `reals`, `integers` the parameters.

    Attributes:
        type: index of the acting type.
        kernel: name of the function in the loaded kernels.
        arguments: the arrays.
        writes: columns it writes.
        buffered: those of `writes` that others read in the same phase, so that new values wait in a second buffer.
        moves: positions are written.
        kills: entities can die in it, or become of another type.
        outlets: what it puts out.
        inboxes: messages that it reads, and by that consumes.
    """

    type: int
    kernel: str
    arguments: tuple[Argument, ...]
    writes: tuple[str, ...]
    buffered: tuple[str, ...]
    moves: bool
    kills: bool
    outlets: tuple[Outlet, ...] = ()
    inboxes: tuple[Inbox, ...] = ()


@dataclass(frozen=True)
class Phase:
    """A behavior's turn in a tick.

    Attributes:
        name: the behavior's name.
        every: it runs at ticks with tick % every == at.
        acts: one per entity type that has the behavior; all see the state at the phase's start.
        reads: type index -> columns (beside the position) that are read of others.
        looks: type indices that are looked for.
        reach: the largest distance per axis of a move or a birth, in units of length; infinite with jumps.
        ties: kinds of ties that it reads along, see `partitions.ties`.
        tied: type index that the other end may have -> columns that are read of it.
        fills: (type, scratch column, value) that all rows get before it, ghosts too.
        before: what is done first under the same number, each with a refresh of its own: a meeting's choices.
        wholes: type index of a layer -> columns that are read of whole copies.
        far: it concerns entities anywhere, so that every worker talks to every other.
    """

    name: str
    every: int
    at: int
    acts: tuple[Act, ...]
    reads: Mapping[int, tuple[str, ...]]
    looks: tuple[int, ...]
    reach: float
    far: bool = False
    ties: tuple[str, ...] = ()
    tied: Mapping[int, tuple[str, ...]] = field(default_factory=dict)
    fills: tuple[tuple[int, str, int], ...] = ()
    before: tuple[Phase, ...] = ()
    wholes: Mapping[int, tuple[str, ...]] = field(default_factory=dict)


Kernels = Mapping[str, Callable[..., None]]
"""Loaded compiled functions by name."""


@dataclass(frozen=True)
class Drawn:
    """Entities that the workers draw.

    `kernel(first, last, status, values, reals, integers, ids, *columns, *statics)` fills rows [0, last - first).
    Entity number k of the draw (first <= k < last) has the id first_id + k, which the kernel writes as well.
    """

    type: int
    count: int
    first_id: int
    kernel: str
    statics: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class Given:
    """Entities with given values: ids (n,) int64 and one array per column of the type, in the type's order.

    Positions are on the lattice and inside the box already.
    """

    type: int
    ids: NDArray[np.int64]
    columns: tuple[NDArray[Any], ...]


@dataclass(frozen=True)
class Observed:
    """A statistic of all entities of a type, sampled after ticks.

    `kernel(rows, tick, status, values, reals, integers, kept, *out, *arguments)` computes the value of each of the
    rows (uint32) that counts, packed to the front of the out arrays, one per component, int64 or float64 as the
    statistic says; `kept` int64[1] is how many there are.

    Attributes:
        name: the observation's name.
        type: index of the type.
        kernel: name of the function in the loaded kernels.
        arguments: columns, or "ids", of the type.
        every: it is sampled when the number of ticks done is a multiple of it.
        statistic: what is made of the values.
        shared: kernels read it, or the end of the run hangs on it, so that every worker must know it.
        slots: where kernels find it in `integers` if the result is whole, else in `reals`.
    """

    name: str
    type: int
    kernel: str
    arguments: tuple[Argument, ...]
    every: int
    statistic: Statistic
    shared: bool
    slots: tuple[int, ...]


@dataclass(frozen=True, eq=False)
class SiteLattice:
    """Sites, on each of which at most one entity of some types stands: the cells of these types, all the same.

    Attributes:
        types: indices of the types.
        shape: sites per axis.
        centres: per axis, (m, n) coordinate of the site of a number along the axis, in a row with y % m.
    """

    types: tuple[int, ...]
    shape: tuple[int, ...]
    centres: tuple[NDArray[np.float64], ...]


@dataclass(frozen=True, eq=False)
class Filled:
    """Initial values of a raster.

    `kernel(first, last, 0, status, values, reals, integers, geometry, edges x, edges y[, edges z], *columns, *statics)`
    fills the own cells [first, last) of the columns that are not in `arrays`, in the raster's order; the others are
    (cells of the world,) arrays, row-major, x fastest.
    """

    type: int
    kernel: str
    columns: tuple[str, ...]
    arrays: Mapping[str, NDArray[Any]]
    statics: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class Program:
    """Everything a runtime needs.

    Attributes:
        types: the entity types, then the layers.
        phases: in the order of a tick.
        sources: the initial entities.
        fills: the initial values of layers, each named once.
        grid: blocks and cells.
        seed: of the run.
        reals: initial parameter values, float64, then room for samples that kernels read.
        integers: initial parameter values of int parameters, int64, then the same.
        kernels: loads the compiled functions in the calling process: name -> function.
        identity: hash of all that decides the bits of a run.
        cpu: (name, features) that the kernels are compiled for.
        statics: arrays that never change, by name; each node holds them once, and kernels take them as read-only.
        messages: what entities send each other.
        events: what they tell the outside.
        lattices: of sites; `kernels` has "ranks_" if there are any.
        observations: what is sampled.
        until: conditions on shared observations, `tick` and `time`, Python expressions; after a tick with one of them
            the run ends.
        name: of the simulation.
        turns: (name, hash of the source) of what was declared to happen in a tick, in order.
        dt: length of a tick, for `time`.
        radii: per type the largest radius at which it is looked for, 0 for none; for those who watch.
    """

    types: tuple[TypeSpec, ...]
    phases: tuple[Phase, ...]
    sources: tuple[Drawn | Given, ...]
    grid: Grid
    seed: int
    reals: NDArray[np.float64]
    integers: NDArray[np.int64]
    kernels: Callable[[], Kernels]
    identity: str
    cpu: tuple[str, str]
    fills: tuple[Filled, ...] = ()
    statics: Mapping[str, NDArray[Any]] = field(default_factory=dict)
    messages: tuple[MessageSpec, ...] = ()
    events: tuple[MessageSpec, ...] = ()
    lattices: tuple[SiteLattice, ...] = ()
    observations: tuple[Observed, ...] = ()
    until: tuple[str, ...] = ()
    name: str = ""
    turns: tuple[tuple[str, str], ...] = ()
    dt: float = 1.0
    radii: tuple[float, ...] = ()
