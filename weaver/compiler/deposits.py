"""`deposit` as text: records of what is added to which cell of a layer."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from partitions.program import Column
from weaver.compiler.births import parts
from weaver.compiler.layers import id_at, layer_of
from weaver.compiler.model import convert
from weaver.compiler.outlet import outlet
from weaver.field import Field

if TYPE_CHECKING:
    from weaver.compiler.lower import Lowering

CELL = Column("@cell", "<i8")


def deposit(low: Lowering, node: ast.Call) -> None:
    """`world.deposit(Scent, place, level=1.0)`."""
    type = layer_of(low, node, "deposit")
    model, t = low.model, low.model.name(type)
    fields = model.fields[type]
    given: dict[str, ast.expr] = {}
    place = node.args[1] if len(node.args) == 2 else None
    for k in node.keywords:
        if k.arg == "position" and place is None:
            place = k.value
        elif k.arg is not None:
            given[k.arg] = k.value
    if place is None or not given or len(node.args) > 2 or any(k.arg is None for k in node.keywords):
        low.fail(
            node,
            "world.deposit lacks a place or an amount",
            "It adds amounts, each by the name of its field, to the cell that holds the place.",
            f"Write world.deposit({t}, {low.me or 'me'}.position, {next(iter(fields), 'level')}=1.0).",
        )
    for name in given:
        if name not in fields or not _can_grow(fields[name]):
            numbers = ", ".join(n for n, f in fields.items() if _can_grow(f))
            low.fail(
                node,
                f"world.deposit is given {name!r}; {t} has the numbers and vectors {numbers or '(none)'}",
                "There would be nothing to add to.",
                f"Name one of these, or declare `{name}: float` in class {t}.",
            )
    low.cells.setdefault((type, "deposit"))
    codes, held = low.values(list(given.values())), {}
    for name, code in zip(given, codes, strict=True):
        held[name] = low.temporary("amount")
        low.emit(f"{held[name]} = {convert(fields[name], code)}")
    cell, lost = id_at(low, type, place)
    names = [name for name in fields if name in held]
    columns = tuple(Column(c, _wide(fields[n])) for n in names for c in fields[n].columns)
    made = outlet(low, f"given_{t}_{'_'.join(n.replace('_', '__') for n in names)}", "deposit", type, (CELL, *columns))
    values = {"@cell": cell}
    for name in names:
        for c, code in zip(fields[name].columns, parts(fields[name], held[name]), strict=True):
            values[c] = f"np.float64({code})" if fields[name].vector is not None else code
    depth = low.depth
    if lost:
        low.emit(f"if not ({lost}):")
        low.depth += 1
    for line in made.append(low, values):
        low.emit(line)
    low.depth = depth


def _can_grow(f: Field) -> bool:
    return f.kind != "bool" and f.enum is None and not f.length


def _wide(f: Field) -> str:
    return "<i8" if f.kind == "int" else "<f8"
