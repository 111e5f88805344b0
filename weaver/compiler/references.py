"""Which variables hold entities, and of which types."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from weaver.compiler import links
from weaver.compiler.model import MAYBE, Ref

if TYPE_CHECKING:
    from weaver.compiler.scope import Scope

Found = tuple[str, int]
"""Prefix of the columns that an entity is read from, and its type."""


def find_references(lowering: Scope) -> dict[str, Ref]:
    """Variables that are assigned a neighbour somewhere: `best = other`, `best = world.nearest(...)`, `best = None`.

    Raises:
        BehaviorError: a variable holds an entity in one place and a value in another.
    """
    node = lowering.source.node
    loops: dict[str, set[Found]] = {}
    around: list[tuple[str, ast.expr]] = []
    for n in ast.walk(node):
        if isinstance(n, (ast.For, ast.comprehension)) and isinstance(n.target, ast.Name):
            if lowering.world_word(n.iter) in ("near", "neighbors"):
                loops.setdefault(n.target.id, set()).update(_searched(lowering, n.iter))
            elif lowering.world_word(n.iter) in ("around", "beside"):
                around.append((n.target.id, n.iter))
        if isinstance(n, (ast.For, ast.comprehension)) and lowering.world_word(n.iter) == "links":
            assert isinstance(n.iter, ast.Call)
            types_of = lowering.model.tied_types(links.kind_of(lowering, n.iter), lowering.me_type)
            other, _ = links.names_of(lowering, n.target)
            loops.setdefault(other, set()).update((links.TIED, t) for t in types_of)
    assigned = [
        (target.id, value, n)
        for n in ast.walk(node)
        if isinstance(n, ast.Assign)
        for target, value in pairs(n)
        if isinstance(target, ast.Name)
    ]
    found: dict[str, set[Found]] = {}

    def types(value: ast.expr, cell: bool = False) -> set[Found] | None:
        """Type indices; empty for None; None for a value that is no entity. `cell`: whose cells around are meant."""
        if isinstance(value, ast.Constant) and value.value is None:
            return set()
        if lowering.world_word(value) in MAYBE:
            return set(_searched(lowering, value))
        if lowering.world_word(value) == "at":
            return {(prefix, lowering.model.seen_at(kind)) for prefix, kind in _searched(lowering, value, 0)}
        if isinstance(value, ast.Name) and value.id == lowering.me and lowering.model.is_layer(lowering.me_type):
            return {("", lowering.me_type)} if cell else None
        if isinstance(value, ast.Name):
            if value.id in loops:
                return loops[value.id]
            if value.id in lowering.refs:
                ref = lowering.refs[value.id]
                return {(ref.prefix, t) for t in ref.types}
            return found.get(value.id)
        if isinstance(value, ast.IfExp):
            one, two = types(value.body), types(value.orelse)
            return None if one is None or two is None else one | two
        return None

    changed = True
    while changed:
        changed = False
        for name, call in around:
            assert isinstance(call, ast.Call)
            for centre in [*call.args, *(k.value for k in call.keywords)][:1]:
                cells = types(centre, cell=True) or set()
                changed |= not cells <= loops.setdefault(name, set())
                loops[name] |= cells
        for name, value, _ in assigned:
            kinds = types(value)
            if (kinds is not None and not kinds <= found.get(name, set())) or (kinds == set() and name not in found):
                found.setdefault(name, set()).update(kinds or ())
                changed = True
    for name, value, statement in assigned:
        if name in found and types(value) is None:
            lowering.fail(
                statement,
                f"{name!r} holds an entity (or None) elsewhere, and a value here",
                "A variable has one type in a compiled function.",
                "Use two names.",
            )
    result = {}
    for name, kinds in found.items():
        if not kinds:
            where = next(s for n, _, s in assigned if n == name)
            lowering.fail(
                where,
                f"{name!r} is only ever None",
                "None stands for an entity that was not found.",
                f"Assign an entity to it somewhere, or use a number such as `{name} = -1`.",
            )
        prefixes = {prefix for prefix, _ in kinds}
        if len(prefixes) > 1:
            lowering.fail(
                next(s for n, _, s in assigned if n == name),
                f"{name!r} holds an entity met by a link in one place, and one met around me in another",
                "They are read from different places.",
                "Use two names.",
            )
        row, tag = f"{name}_row_", f"{name}_tag_" if len(kinds) > 1 else None
        sure = all(lowering.world_word(value) == "at" for other, value, _ in assigned if other == name)
        result[name] = Ref(tuple(sorted(t for _, t in kinds)), row, tag, sure, prefix=prefixes.pop())
    return result


def pairs(node: ast.Assign) -> list[tuple[ast.expr, ast.expr]]:
    """Targets and their values: of `a = x`, `a = b = x`, and one by one of `a, b = x, y`."""
    result = []
    for target in node.targets:
        if isinstance(target, (ast.Tuple, ast.List)) and isinstance(node.value, (ast.Tuple, ast.List)):
            if len(target.elts) == len(node.value.elts):
                result += list(zip(target.elts, node.value.elts, strict=True))
        else:
            result.append((target, node.value))
    return result


def _searched(lowering: Scope, call: ast.expr, place: int = 1) -> list[Found]:
    assert isinstance(call, ast.Call)
    name = "kind" if place else "layer"
    kind = call.args[place] if len(call.args) > place else _keyword(call, name)
    if kind is None:
        return []  # the search itself will say that the type is missing
    return [("", lowering.model.kinds.index(k)) for k in lowering.kinds_of(kind)]


def _keyword(call: ast.Call, name: str) -> ast.expr | None:
    return next((k.value for k in call.keywords if k.arg == name), None)
