"""`links` as text: a loop over the entries of my row, the others read from what the phase has gathered of them."""

from __future__ import annotations

import ast
from collections.abc import Callable
from typing import TYPE_CHECKING

from partitions.program import Argument
from weaver.compiler.model import Model, Ref, column_name, widened
from weaver.message import Link

if TYPE_CHECKING:
    from weaver.compiler.expression import Expressions
    from weaver.compiler.scope import Scope

TIED = "tied__"
"""Begins the names of columns that were gathered along links."""


def arrays(model: Model) -> dict[str, Argument]:
    """What a kernel may take of links, by generated name."""
    known = {
        f"{link.__name__}__tie_{what}_": Argument("tie", 0, f"{link.__name__}@{what}")
        for link in model.sim.links
        for what in ("first", "slot", "kind", "link")
    }
    for t, fields in enumerate(model.fields if known else ()):
        known[f"{TIED}{model.name(t)}_ids_"] = Argument("tied", t, "@id")
        for c in (c for f in fields.values() for c in f.columns):
            known[TIED + column_name(model.name(t), c)] = Argument("tied", t, c)
    return known


def kind_of(low: Scope, call: ast.Call) -> type[Link]:
    """The type of link in `world.links(me, Knows)`.

    Raises:
        BehaviorError: arguments are missing, or it is no type of link.
    """
    example = f"Write `for other, link in world.links({low.me or 'me'}, Knows):`."
    bound = dict(zip(("me", "kind"), call.args, strict=False), **{k.arg or "": k.value for k in call.keywords})
    me = bound.get("me")
    if set(bound) != {"me", "kind"} or not (isinstance(me, ast.Name) and me.id == low.me):
        low.fail(call, "world.links takes me and a type of link", "One sees one's own links.", example)
    kind = low.outside(bound["kind"])
    if not (isinstance(kind, type) and issubclass(kind, Link) and kind in low.model.sim.links):
        low.fail(
            bound["kind"],
            f"{ast.unparse(bound['kind'])} is no type of link",
            "Nobody could be tied by it.",
            "Declare class Knows(wv.Link), tie entities by sim.link(Knows, a, b), and pass Knows.",
        )
    return kind


def names_of(low: Scope, target: ast.expr) -> tuple[str, str]:
    """The two names of a loop over links."""
    if isinstance(target, (ast.Tuple, ast.List)) and len(target.elts) == 2:
        other, link = target.elts
        if isinstance(other, ast.Name) and isinstance(link, ast.Name):
            return other.id, link.id
    low.fail(
        target,
        f"{ast.unparse(target)} stands where a loop over links has two names",
        "Each turn brings the other entity and the link.",
        f"Write `for other, link in world.links({low.me or 'me'}, Knows):`.",
    )


def walk(low: Expressions, target: ast.expr, call: ast.Call, body: Callable[[], None], flag: str | None) -> None:
    """`for other, link in world.links(me, Knows)`."""
    kind, (name, tie) = kind_of(low, call), names_of(low, target)
    types = low.model.tied_types(kind, low.me_type)
    low.far = True
    low.ties.setdefault(kind)
    prefix, row = f"{kind.__name__}__tie_", low.need("row_")
    first, slots, numbers = (low.need(f"{prefix}{what}_") for what in ("first", "slot", "link"))
    entry, slot = low.temporary("entry"), low.temporary("slot")
    tag = low.temporary("tag") if len(types) > 1 else None

    def read(node: ast.Attribute) -> str:
        fields = kind.__fields__
        if node.attr not in fields:
            known = ", ".join(fields) or "none"
            low.fail(node, f"{kind.__name__} has no field {node.attr!r}", f"It has {known}.", "Use one of these.")
        f = fields[node.attr]
        parts = [f"{low.need(column_name(kind.__name__, c))}[{numbers}[{entry}]]" for c in f.columns]
        if f.vector is not None:
            return f"{f.vector.__name__}({', '.join(parts)})"
        wide = [widened(f, part) for part in parts]
        return f"({', '.join(wide)},)" if f.length else wide[0]

    before, view = low.refs.get(name), low.views.get(tie)
    low.emit(f"for {entry} in range({first}[{row}], {first}[{row} + ONE_]):")
    low.depth += 1
    low.emit(f"{slot} = {slots}[{entry}]")
    if tag is not None:
        low.emit(f"{tag} = {low.need(f'{prefix}kind_')}[{entry}]")
    low.emit(f"if {slot} < 0:")
    low.emit("    continue")
    low.refs[name] = Ref(types, slot, tag, loop=True, prefix=TIED)
    low.views[tie] = read
    body()
    low.depth -= 1
    del low.refs[name], low.views[tie]
    if before is not None:
        low.refs[name] = before
    if view is not None:
        low.views[tie] = view
