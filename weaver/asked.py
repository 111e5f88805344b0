"""Asked: the entities, events and layers of a run, as tables and arrays."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any

from numpy.typing import NDArray

from partitions.program import Program
from partitions.runtime import Runtime
from weaver.answers import check_fields, chosen, entity_table
from weaver.arrow import event_table
from weaver.entity import Entity, Layer
from weaver.errors import ModelError, RunError
from weaver.message import Event
from weaver.simulation import Simulation

if TYPE_CHECKING:
    import pyarrow as pa

KEPT_BYTES = 1 << 26
"""A stopped run still answers `entities` if its world takes no more than this."""


class Asked(ABC):
    """Part one: what a run provides. Part two: what it answers."""

    # Part one

    simulation: Simulation
    _program: Program
    _runtime: Runtime
    _kept: dict[str, Any] | None

    @abstractmethod
    def _standing(self) -> AbstractContextManager[None]:
        """Inside the block the run stands between two ticks."""

    # Part two

    def entities(
        self,
        kind: type[Entity],
        fields: Sequence[str] | None = None,
        where: Any = None,
        area: tuple[Sequence[float], Sequence[float]] | None = None,
    ) -> pa.Table:
        """Collect the entities of a type, sorted by id.

        Args:
            kind: the entity type.
            fields: names of fields; all by default.
            where: a condition, `pyarrow.compute.field("energy") > 2`.
            area: (low corner, high corner); only those with low <= position < high.

        Returns:
            A table with the columns `id` (int64) and the fields in their storage types; a vector is a fixed-size list,
            an enum int64.

        Raises:
            ModelError: the simulation has no such type or field, or the area does not have the world's axes.
            RunError: the run failed, or was stopped and its world was too large to keep.
        """
        index = self._index(kind)
        dim = self.simulation.box.dim
        check_fields(kind, dim, fields or ())
        return chosen(self._table(index, kind), dim, fields, where, area)

    def events(self, kind: type[Event]) -> pa.Table:
        """The events of a kind that happened since the last call, ordered by (tick, behavior, type, id, sequence).

        Returns:
            Columns tick, time, type (the name), id, and the event's fields; vectors as lists.

        Raises:
            ModelError: no behavior emits such events.
        """
        known = [spec.name for spec in self._program.events]
        name = getattr(kind, "__name__", str(kind))
        if name not in known:
            raise ModelError(
                f"events({name}) was asked for; the behaviors emit {', '.join(known) or 'none'}.\n"
                f"There is nothing to give.\n"
                f"Write world.emit({name}(...)) in a behavior."
            )
        with self._standing():
            entries = self._runtime.take_events(known.index(name))
        types = [spec.name for spec in self._program.types]
        return event_table(kind.__fields__, entries, types, self.simulation.dt)

    def layer(self, layer: type[Layer], field: str | None = None) -> NDArray[Any]:
        """Collect the values of a layer: [y, x] or [z, y, x] in storage type, row 0 at low y.

        Args:
            layer: the layer.
            field: which field; None: the only one, or all in a structured array. Vectors have one axis more.

        Raises:
            ModelError: the simulation has no such layer, or the layer no such field.
            RunError: the run failed, or was stopped and its world was too large to keep.
        """
        from weaver.layer_array import layer_array

        if layer not in self.simulation.layers:
            raise ModelError(
                f"layer({getattr(layer, '__name__', layer)}) was asked for; the simulation has "
                f"{', '.join(k.__name__ for k in self.simulation.layers) or 'no layers'}.\n"
                f"There are no such cells.\n"
                f"Name one of its layers, the class itself."
            )
        index = self.simulation.kinds.index(layer)
        if self._kept is not None:
            columns = self._kept_table(index, f"layer({layer.__name__})")
        else:
            with self._standing():
                columns = self._layer_columns(index)
        return layer_array(layer, self._program.grid.cells[index].shape, columns, field)

    # Inside

    def _index(self, kind: type[Entity]) -> int:
        name = getattr(kind, "__name__", repr(kind))
        names = [spec.name for spec in self._program.types if not spec.raster]
        if kind not in self.simulation.entity_types or name not in names:
            raise ModelError(
                f"entities of {name} were asked for; the simulation has {', '.join(names)}.\n"
                f"There are none of this type.\n"
                f"Name one of its types, the class itself."
            )
        return names.index(name)

    def _table(self, index: int, kind: type[Entity]) -> pa.Table:
        if self._kept is not None:
            return self._kept_table(index, f"entities({kind.__name__})")
        with self._standing():
            ids, columns = self._runtime.rows(index)
        return entity_table(self._program.types[index], kind, self.simulation.box.dim, ids, columns)

    def _kept_table(self, index: int, asked: str) -> Any:
        assert self._kept is not None
        if index not in self._kept["tables"]:
            raise RunError(
                f"{asked} was asked of a stopped run; worlds of more than {KEPT_BYTES >> 20} MiB are not kept.\n"
                f"Their state went with the workers.\n"
                f"Ask before stop(), inside the `with` block."
            )
        return self._kept["tables"][index]

    def _layer_columns(self, index: int) -> dict[str, NDArray[Any]]:
        """Column -> (cells,) in the order of the ids."""
        _, columns = self._runtime.rows(index)
        return {c.name: values for c, values in zip(self._program.types[index].columns, columns, strict=True)}
