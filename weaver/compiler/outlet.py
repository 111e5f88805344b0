"""Record outlets in generated text: what an entity does to others is appended to arrays that the kernel is given."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from partitions.program import Argument, Column
from partitions.program import Outlet as Spec

if TYPE_CHECKING:
    from weaver.compiler.scope import Scope

COUNT = Column("@count", "<i8")
ID, SEQUENCE = Column("@id", "<i8"), Column("@seq", "<i4")


@dataclass(frozen=True)
class Outlet:
    """One kind of record of a behavior.

    Attributes:
        name: prefix of the generated names, different for every outlet of a program: "born_Sheep".
        spec: what the runtime is told.
    """

    name: str
    spec: Spec

    def array(self, column: str) -> str:
        """Generated name of a column."""
        return f"{self.name}_{column.replace('_', '__').replace('.', '_').replace('@', 'at_')}_"

    def arrays(self, number: int) -> dict[str, Argument]:
        """Generated name -> kernel argument, the outlet being number so-and-so of its act."""
        return {self.array(c.name): Argument("record", number, c.name) for c in (COUNT, *self.spec.columns)}

    def append(self, low: Scope, values: Mapping[str, str], need: bool = True) -> list[str]:
        """Lines that append a record; `need`: the names must come from the kernel."""
        names = {c.name: self.array(c.name) for c in (COUNT, *self.spec.columns)}
        if need:
            for name in [*names.values(), "id_", "status_"]:
                low.need(name)
        at, count = low.temporary("at"), names[COUNT.name]
        lines = [f"{at} = {count}[0]", f"{count}[0] = {at} + 1", f"if {at} < len({names[ID.name]}):"]
        own = {ID.name: "id_", SEQUENCE.name: "next_record(status_)"}
        lines += [f"    {names[n]}[np.uintp({at})] = {code}" for n, code in {**own, **values}.items()]
        if need and low.meeting:  # both owners run a meeting; what it does to others counts once, for a
            return [f"if {low.need('as_a_')}:", *(f"    {line}" for line in lines)]
        return lines


def outlet(low: Scope, name: str, kind: str, target: int, columns: tuple[Column, ...]) -> Outlet:
    """The outlet of this name, noted as used by the function being lowered."""
    made = Outlet(name, Spec(kind, target, (ID, SEQUENCE, *columns)))
    return low.outlets.setdefault(name, made)
