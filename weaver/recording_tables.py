"""The tables of a recording: which columns they have, and what is said of each."""

from __future__ import annotations

import inspect
import json
from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
import pyarrow as pa

from partitions.frames import Corner
from partitions.program import Program
from partitions.record import Plan
from partitions.record import Recorded as Table
from weaver.description import Description, descriptions_of
from weaver.entity import Entity, Layer, fields_of
from weaver.errors import ModelError, RecordError
from weaver.field import Field
from weaver.recording import ColumnFacts, Facts, Recording, TableFacts
from weaver.simulation import Simulation

__all__ = ["Request"]

Kind = type[Entity] | type[Layer]

_HEAD = {
    "tick": Description("", "ticks done; times dt it is the model's time"),
    "id": Description("", "of the entity"),
    "x": Description("", "number of the cell along the first axis"),
    "y": Description("", "number of the cell along the second axis"),
    "z": Description("", "number of the cell along the third axis"),
}


class Request:
    """What is to be recorded of a run."""

    def __init__(
        self, simulation: Simulation, program: Program, every: int, fields: Sequence[str] | None, area: Any
    ) -> None:
        """Work out the tables; arguments as in `Recorded.record`, `every` and `area` checked.

        Raises:
            ModelError: there is no such type or field.
        """
        self._simulation, self._program, self._every = simulation, program, every
        self._area = None if area is None else [[float(c) for c in corner] for corner in area]
        names = [spec.name for spec in program.types]
        self._kinds: dict[str, Kind] = {kind.__name__: kind for kind in simulation.kinds if kind.__name__ in names}
        self._tables = tuple(
            self._table(names.index(name), self._kinds[name], chosen) for name, chosen in self._chosen(fields).items()
        )

    def facts(self, tick: int) -> Facts:
        """For a recording that begins at a tick."""
        simulation, axes = self._simulation, self._program.grid.space.axes
        return Facts(
            first=-(-tick // self._every) * self._every,
            every=self._every,
            simulation=simulation.name,
            identity=self._program.identity,
            seed=simulation.seed,
            dt=simulation.dt,
            low=[float(axis.low) for axis in axes],
            high=[float(axis.high) for axis in axes],
            area=self._area,
            tables={table.folder: self._told(table) for table in self._tables},
        )

    def plan(self, recording: Recording) -> Plan:
        """What the workers are told."""
        facts = recording.facts
        area = None if self._area is None else (_corner(self._area[0]), _corner(self._area[1]))
        return Plan(
            str(recording.folder.absolute()), facts.id, facts.epoch, facts.first, facts.every, self._tables, area
        )

    def refuse_other(self, recording: Recording) -> None:
        """Check that a recording is one of the same run, and of the same things.

        Raises:
            RecordError: it is not; says in what it differs.
        """
        mine, theirs = self.facts(0), recording.facts
        for what in ("identity", "seed", "dt", "low", "high", "every", "area", "tables"):
            asked, held = getattr(mine, what), getattr(theirs, what)
            if asked == held:
                continue
            if what == "tables":
                asked, held = (
                    [f"{t}.{c}" for t, facts in tables.items() for c in facts.columns] for tables in (asked, held)
                )
            raise RecordError(
                f"the recording in {recording.folder} was to be gone on with; its {what} is {held}, and that of this "
                f"run is {asked}.\n"
                f"Its ticks would not be those of one run.\n"
                f"Use the app and the options it was begun with, or record into another folder."
            )

    def _chosen(self, asked: Sequence[str] | None) -> dict[str, list[Field]]:
        """Name of a type or layer -> fields."""
        dim = self._simulation.box.dim
        declared = {name: list(fields_of(kind, dim).values()) for name, kind in self._kinds.items()}
        all_of = {name: fields for name, fields in declared.items() if fields}
        if asked is None:
            return all_of
        chosen: dict[str, list[Field]] = {}
        for one in asked:
            name, _, wanted = str(one).partition(".")
            found = [field for field in all_of.get(name, ()) if wanted in ("", field.name)]
            if name not in all_of or (wanted and not found):
                known = ", ".join(f"{n}.{f.name}" for n, fields in all_of.items() for f in fields)
                raise ModelError(
                    f"a recording of {one!r} was asked for; there are {', '.join(all_of)}, and of these {known}.\n"
                    f"There is no such column.\n"
                    f"Name types, layers, or their fields: Bird, Bird.position."
                )
            chosen.setdefault(name, []).extend(f for f in found if f not in chosen.get(name, ()))
        if not chosen:
            raise ModelError(
                "a recording of no fields was asked for; allowed are names of types, layers, or their fields.\n"
                "There would be nothing to read.\n"
                "Name some, or leave the fields out to record all."
            )
        return {name: [f for f in all_of[name] if f in chosen[name]] for name in all_of if name in chosen}

    def _table(self, index: int, kind: Kind, fields: Sequence[Field]) -> Table:
        dim = self._simulation.box.dim
        head = {"tick": pa.int64()}
        head |= {axis: pa.int32() for axis in "xyz"[:dim]} if issubclass(kind, Layer) else {"id": pa.int64()}
        arrow = [_field(name, type, _HEAD[name]) for name, type in head.items()]
        said, stored = descriptions_of(kind), []
        for field in fields:
            about = said.get(field.name, Description("", ""))
            members = {member.name: int(member) for member in field.enum} if field.enum else {}
            scalar = pa.from_numpy_dtype(np.dtype(field.dtype))
            columns = [field.columns] if field.length else [(column,) for column in field.columns]
            for names in columns:
                # A field may be called as a column that every table has: it gets its type's name in front.
                name = field.name if field.length else names[0]
                name = f"{kind.__name__}.{name}" if name in head else name
                type = pa.list_(pa.field("element", scalar), field.length) if field.length else scalar
                arrow.append(_field(name, type, about, members))
                stored.append(names)
        said_of_kind = inspect.cleandoc(kind.__doc__ or "").partition("\n")[0]
        schema = pa.schema(arrow, {"description": said_of_kind} if said_of_kind else None)
        return Table(index, kind.__name__, schema, tuple(stored))

    def _told(self, table: Table) -> TableFacts:
        kind: Literal["entity", "layer"] = "layer" if self._program.types[table.type].raster else "entity"
        columns = {}
        for field in table.schema:
            about = {key.decode(): value.decode() for key, value in (field.metadata or {}).items()}
            members = json.loads(about.pop("members", "{}"))
            columns[field.name] = ColumnFacts(type=str(field.type), members=members, **about)
        description = (table.schema.metadata or {}).get(b"description", b"").decode()
        return TableFacts(kind=kind, description=description, columns=columns)


def _field(name: str, type: pa.DataType, about: Description, members: dict[str, int] | None = None) -> pa.Field:
    said = {"unit": about.unit, "description": about.text, "members": json.dumps(members) if members else ""}
    return pa.field(name, type, nullable=False, metadata={key: text for key, text in said.items() if text} or None)


def _corner(values: Sequence[float]) -> Corner:
    x, y, z = (*values, 0.0)[:3]
    return x, y, z
