"""Initial entities of the interpreter."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any

import numpy as np
from numpy.typing import NDArray

from partitions.errors import TickFault
from weaver import random, settle
from weaver.draws import Draws
from weaver.errors import ModelError
from weaver.fault import fault_error
from weaver.field import Field
from weaver.played_rows import Rows, held, split, vector
from weaver.played_sites import Occupancy
from weaver.sources import Added, Scatter
from weaver.stage import Stage
from weaver.standing import refuse_more
from weaver.translation import Translator

_NOT_RUN_YET = -1


class Sources:
    """Draws and takes entities; ids count on over all of them."""

    def __init__(self, stage: Stage, translator: Translator) -> None:
        self._stage, self._translator = stage, translator
        self._scattered: dict[Occupancy, Iterator[Any]] = {}

    def place(self, source: Scatter | Added) -> NDArray[np.int64]:
        """Put the entities of a source into the world; returns their ids."""
        rows = self._stage.rows[source.type]
        ids = np.arange(self._stage.next_id, self._stage.next_id + source.count, dtype=np.int64)
        if isinstance(source, Scatter):
            values = {name: self._drawn(source, rows, name, ids) for name in rows.fields}
        else:
            ids = np.asarray(source.fields.get("id", ids), np.int64)
            values = {name: split(rows.fields[name], np.asarray(source.fields[name])) for name in rows.fields}
        taken = [id for other in self._stage.rows.values() if "position" in other.fields for id in other.ids.tolist()]
        both = set(taken) & set(ids.tolist())
        if both:
            raise ModelError(
                f"id {min(both)} was given to two entities; ids are unique over all types.\n"
                f"Neither could be told from the other.\n"
                f"Give other ids, or leave the id column out."
            )
        values["position"] = [self._placed(rows, id, p) for id, p in zip(ids.tolist(), values["position"], strict=True)]
        rows.insert(ids, values)
        self._stage.next_id = max(self._stage.next_id, int(ids.max(initial=-1)) + 1)
        occupancy = self._stage.sites.get(getattr(source.type, "__sites__", None))
        if occupancy is not None:
            occupancy.changed()
            assert occupancy.taken is not None  # an error if two stand on one
        return ids

    # ---- Drawing ----

    def _drawn(self, source: Scatter, rows: Rows, name: str, ids: NDArray[np.int64]) -> list[Any]:
        """A field of scattered entities: a constant, or a function of draws that no other field shares."""
        field = rows.fields[name]
        rule: Any = source.fields.get(name, field.default)
        key = random.key(self._stage.sim.seed, source.type.__name__, f"scatter.{source.index}.{name}")
        if name == "position" and name not in source.fields:
            occupancy = self._stage.sites.get(getattr(source.type, "__sites__", None))
            if occupancy is not None:
                return [held(field, place) for place in self._sites(source, occupancy)]
            rule = self._anywhere
        elif callable(rule):
            rule = self._translator.function(rule)
        else:
            return [held(field, self._constant(field, rule))] * len(ids)
        return [held(field, self._draw(rule, source, rows, Draws(key, id, 0), id)) for id in ids.tolist()]

    def _sites(self, source: Scatter, occupancy: Occupancy) -> list[Any]:
        """Sites for the entities of a source; they go on over all that are scattered on a lattice."""
        if occupancy not in self._scattered:
            sharing = {rows.kind: rows for rows in occupancy.kinds}
            added = [
                tuple(self._placed(sharing[s.type], 0, p))
                for s in self._stage.sim.sources
                if isinstance(s, Added) and s.type in sharing
                for p in split(sharing[s.type].fields["position"], np.asarray(s.fields["position"]))
            ]
            self._scattered[occupancy] = occupancy.places(self._stage.sim.seed, added)
        count = sum(s.count for s in self._stage.sim.sources if s.type in {rows.kind for rows in occupancy.kinds})
        refuse_more(", ".join(rows.kind.__name__ for rows in occupancy.kinds), count, occupancy.lattice)
        return list(islice(self._scattered[occupancy], source.count))

    def _constant(self, field: Field, rule: Any) -> Any:
        if field.vector is not None and isinstance(rule, (tuple, list, np.ndarray)):
            rule = field.vector(*rule)
        if field.length:
            return tuple(rule) if isinstance(rule, (tuple, list, np.ndarray)) else (rule,) * field.length
        return self._translator.captured(rule)

    def _draw(self, rule: Callable[[Any], Any], source: Scatter, rows: Rows, draws: Draws, id: int) -> Any:
        try:
            return rule(draws)
        except IndexError as cause:
            fault = TickFault(0, _NOT_RUN_YET, rows.index, id, settle.NO_ELEMENT, ())
            raise fault_error("scatter", source.type.__name__, fault) from cause

    def _anywhere(self, draw: Draws) -> Any:
        return vector(axis.low + axis.length * draw.random() for axis in self._stage.space.axes)

    def _placed(self, rows: Rows, id: int, position: Any) -> Any:
        """A given position on the lattice, inside the box, and in the middle of a site if the type lives on sites."""
        parts = []
        quantum = self._stage.quantum(rows)
        for a, (axis, p) in enumerate(zip(self._stage.space.axes, position, strict=True)):
            rest = settle.settle_periodic if axis.periodic else settle.settle_strict
            p = settle.at_edge(p, axis.low, axis.high, axis.quantum)
            place, code = rest(p, axis.low, axis.low, axis.high, axis.length, quantum, np.inf)
            if code:
                values, reason = (axis.low, p, axis.high, a), settle.OUTSIDE if code == settle.LEFT else code
                fault = TickFault(0, _NOT_RUN_YET, rows.index, id, reason, values)
                raise fault_error("scatter", rows.kind.__name__, fault)
            parts.append(place)
        occupancy = self._stage.sites.get(getattr(rows.kind, "__sites__", None))
        if occupancy is not None:
            parts = list(occupancy.centre(occupancy.lattice.number(occupancy.site_of(parts))))
        return type(position)(*parts)
