"""The entities at the start: their ids, their columns, and the kernels that draw those that are scattered."""

from __future__ import annotations

from typing import Any

import numpy as np

from partitions.grid import Space
from partitions.program import Drawn, Given
from weaver.compiler import seating
from weaver.compiler.kernel import Made, write_scatter
from weaver.compiler.model import Model
from weaver.errors import ModelError
from weaver.placing import stored_columns
from weaver.sources import Added, Scatter
from weaver.tables import ID_LIMIT


def write_sources(model: Model, space: Space) -> tuple[list[Drawn | Given], list[Made]]:
    """Write the kernels of scattered entities, number all entities, and seat those that stand on sites.

    Raises:
        ModelError: two entities have one id, or an id is too large.
    """
    sources: list[Drawn | Given] = []
    scatters = []
    next_id = 0
    chosen: list[np.ndarray[Any, Any]] = []
    counted: list[tuple[int, int]] = []
    for source in model.sim.sources:
        type = model.kinds.index(source.type)
        if isinstance(source, Added) and "id" in source.fields:
            ids = np.ascontiguousarray(source.fields["id"], np.int64)
            chosen.append(ids)
            sources.append(Given(type, ids, _columns(model, space, source, type)))
            next_id = max(next_id, int(ids.max(initial=-1)) + 1)
            continue
        first, next_id = next_id, _counted_on(source, next_id)
        counted.append((first, next_id))
        if isinstance(source, Added):
            sources.append(Given(type, np.arange(first, next_id, dtype=np.int64), _columns(model, space, source, type)))
        else:
            scatter = write_scatter(model, source, first)
            scatters.append(scatter)
            sources.append(Drawn(type, source.count, first, scatter.name, tuple(a.name for a in scatter.arguments)))
    _check_unique(np.concatenate(chosen) if chosen else np.empty(0, np.int64), counted)
    seating.seat(model, sources)
    return sources, scatters


def _counted_on(source: Scatter | Added, first: int) -> int:
    """The id after those of a source that is numbered on from `first`."""
    if first + source.count > ID_LIMIT:
        raise ModelError(
            f"ids from {first} on were left for {source.count} {source.type.__name__}; ids are whole numbers from 0 to "
            f"2^62 - 1, and entities without an id column are numbered on.\n"
            f"Larger ones are kept for entities that are born in a run.\n"
            f"Choose smaller ids where the id column is given."
        )
    return first + source.count


def _check_unique(chosen: np.ndarray[Any, Any], counted: list[tuple[int, int]]) -> None:
    """Compare the given ids with each other and with the ranges of counted ones, which are not written out."""
    unique, counts = np.unique(chosen, return_counts=True)
    twice = counts > 1
    for first, end in counted:
        twice |= (unique >= first) & (unique < end)
    if twice.any():
        raise ModelError(
            f"id {unique[twice][0]} was given to two entities; ids are unique over all types.\n"
            f"Neither could be told from the other.\n"
            f"Give other ids, or leave the id column out."
        )


def _columns(model: Model, space: Space, source: Added, type: int) -> tuple[np.ndarray[Any, Any], ...]:
    fields = model.fields[type].values()
    return tuple(stored_columns(source.type.__name__, fields, space, source.count, source.fields).values())
