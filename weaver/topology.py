"""Topology: who is tied to whom by one type of link, sorted for looking up."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from weaver.errors import ModelError
from weaver.message import Link
from weaver.simulation import Simulation
from weaver.sources import Added

Ints = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Topology:
    """One type of link as read-only arrays.

    An undirected link is an entry at both its ends, a directed one at its first. The entries of an entity are ordered
    by (id of the other end, order of declaration).

    Attributes:
        nodes: (n,) ascending ids of the entities that have entries.
        start: (n + 1,) first entry of each.
        other: per entry, the id of the other end.
        link: per entry, the number of the link in order of declaration.
        columns: stored column -> value of each link.
        types: numbers of the types that other ends have at the start, ascending.
    """

    nodes: Ints
    start: Ints
    other: Ints
    link: Ints
    columns: dict[str, NDArray[Any]]
    types: tuple[int, ...]


def make_topology(sim: Simulation, link: type[Link]) -> Topology:
    """Sort the links of a type.

    Raises:
        ModelError: a link names an entity that there is not at the start.
    """
    ties = [tie for tie in sim.ties if tie.link is link]
    none = np.empty(0, np.int64)
    a, b = (np.concatenate([none, *(getattr(tie, end) for tie in ties)]) for end in "ab")
    types = _types_of(sim, np.concatenate([a, b]))
    unknown = np.flatnonzero(types < 0)
    if len(unknown):
        end, row = ("a", int(unknown[0])) if unknown[0] < len(a) else ("b", int(unknown[0]) - len(a))
        raise ModelError(
            f"sim.link({link.__name__}, ...) ties entity {int((a if end == 'a' else b)[row])} ({end} of link {row}, "
            f"counted from 0); there is none of this id at the start.\n"
            f"The link would lead nowhere.\n"
            f"Give ids as sim.add was given them, or as they are counted: from 0, in the order of add and scatter."
        )
    rows = np.arange(len(a))
    first, second, number = (a, b, rows) if link.__directed__ else map(np.concatenate, ((a, b), (b, a), (rows, rows)))
    order = np.lexsort((number, second, first))
    nodes, counts = np.unique(first, return_counts=True)
    start = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
    columns: dict[str, NDArray[Any]] = {}
    for field in link.__fields__.values():
        for k, name in enumerate(field.columns):
            parts = [tie.fields[field.name] for tie in ties]
            values = [part[:, k] if part.ndim > 1 else part for part in parts]
            columns[name] = np.ascontiguousarray(np.concatenate([np.empty(0, field.dtype), *values]), field.dtype)
    seen = types[len(a) :] if link.__directed__ else types
    made = Topology(nodes, start, second[order], number[order], columns, tuple(int(t) for t in np.unique(seen)))
    for array in (made.nodes, made.start, made.other, made.link, *columns.values()):
        array.flags.writeable = False
    return made


def _types_of(sim: Simulation, ids: Ints) -> Ints:
    """Type of each entity among the initial ones, -1 for those that are none."""
    types = np.full(len(ids), -1, np.int64)
    following = 0
    for source in sim.sources:
        kind = sim.entity_types.index(source.type)
        if isinstance(source, Added) and "id" in source.fields:
            chosen = np.asarray(source.fields["id"], np.int64)
            types[np.isin(ids, chosen)] = kind
            following = max(following, int(chosen.max(initial=-1)) + 1)
        else:
            types[(ids >= following) & (ids < following + source.count)] = kind
            following += source.count
    return types


__all__ = ["Topology", "make_topology"]
