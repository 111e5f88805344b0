"""Tables: large read-only arrays that behaviors read."""

from __future__ import annotations

from typing import Any

import numpy as np

from weaver.errors import ModelError


class Table:
    """Columns of numbers, all of one length, from `Simulation.table`.

    In a behavior `roads.speed[k]` reads an element and `len(roads)` is the number of rows; an index outside is an error
    at run time. Each node maps one copy.

    Attributes:
        name: as given.
        columns: column name -> (n,) read-only array: bool, int64 or float64, or a narrower type as it was given.
    """

    def __init__(self, name: str, columns: Any) -> None:
        """Take the columns: a dict of arrays, a pandas DataFrame, or an Arrow table.

        Raises:
            ModelError: a column is no array of numbers, or lengths differ.
        """
        items = columns.to_pydict() if hasattr(columns, "to_pydict") else columns
        taken = {str(key): np.ascontiguousarray(items[key]) for key in items}
        lengths = {len(column) for column in taken.values() if column.ndim == 1}
        wrong = [key for key, column in taken.items() if column.ndim != 1 or column.dtype.kind not in "biuf"]
        if wrong or len(lengths) != 1 or not name.isidentifier():
            raise ModelError(
                f"table {name!r} was asked for with {', '.join(f'{k}{v.shape} {v.dtype}' for k, v in taken.items())}; "
                f"it takes columns of numbers, each (n,), all of one length.\n"
                f"Behaviors could not index them together.\n"
                f'Write sim.table("roads", {{"speed": speeds, "lanes": lanes}}).'
            )
        self.name = name
        self.columns: dict[str, np.ndarray[Any, Any]] = {}
        for key, column in taken.items():
            held = column.astype(column.dtype.newbyteorder("<"), copy=True)
            held.flags.writeable = False
            self.columns[key] = held

    def __len__(self) -> int:
        return len(next(iter(self.columns.values())))

    def __repr__(self) -> str:
        return f"<Table {self.name}: {len(self)} rows of {', '.join(self.columns)}>"
