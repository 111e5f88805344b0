"""`spawn`, `remove` and `become` as text."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from typing import TYPE_CHECKING

from partitions.program import Column
from weaver.compiler import footing
from weaver.compiler.constants import constant
from weaver.compiler.model import Model, Own, convert
from weaver.compiler.outlet import Outlet, outlet
from weaver.entity import Entity
from weaver.field import Field

if TYPE_CHECKING:
    from weaver.compiler.lower import Lowering

CELL = Column("@cell", "<i4")


@dataclass(frozen=True, eq=False)
class Become:
    """One call of `become`.

    Attributes:
        number: what `status_[9]` says when it was the last one, from 1.
        type: the new type.
        given: field of the new type -> name of the variable that holds its value.
        outlet: where the entity goes.
    """

    number: int
    type: int
    given: dict[str, str]
    outlet: Outlet


def parts(f: Field, code: str) -> list[str]:
    """Text of what goes into each stored column of a field, `code` being a name."""
    if f.length:
        return [f"{code}[{k}]" for k in range(f.length)]
    return [code] if f.vector is None else [f"{code}.{c[-1]}" for c in f.columns]


def stored(f: Field, code: str) -> str:
    """Text of a value as the store keeps it."""
    if f.dtype == "<f8":
        return f"clean8({code})"
    return f"clean4({code})" if f.dtype == "<f4" else code


def spawn(low: Lowering, node: ast.Call) -> None:
    """`world.spawn(Sheep, position=p, energy=e)`."""
    model = low.model
    target, given = _target_and_fields(low, node, 2)
    fields = model.fields[target]
    columns = (CELL, *_columns(model, target))
    if model.lattice(target) >= 0:  # where it stands is the centre of a site that it has to win
        columns = (CELL, footing.SITE, *columns[1 + model.dim :])
    born = outlet(low, f"born_{model.name(target)}", "birth", target, columns)
    held = _held(low, target, given)
    if "position" not in held:
        place = low.temporary("place")
        me = ast.copy_location(ast.Attribute(ast.Name(low.me or "", ast.Load()), "position", ast.Load()), node)
        low.emit(f"{place} = {low.value(me)}")
        held["position"] = place
    place = held["position"]
    settled, lost = low.temporary("settled"), low.temporary("lost")
    low.emit(f"{lost} = False")
    quantum = "quantum4_" if model.single(target) else "quantum8_"
    for a, boundary in zip(model.axes, model.sim.box.boundaries, strict=True):
        extra = {"reflect": ", _", "absorb": f", left{settled}"}.get(boundary, "")
        s, p = f"np.float64({low.need(f's{a}_')})", f"np.float64({place}.{a})"
        low.emit(
            f"{settled}{a}, fault{settled}{extra} = settle_{boundary}({p}, {s}, low_{a}_, high_{a}_, length_{a}_, "
            f"{quantum}, {low.need('limit_')})"
        )
        low.emit(f"if fault{settled} != 0:")
        told = f"{low.need('status_')}, {low.need('values_')}, fault{settled}"
        low.emit(f"    blame_birth({told}, {s}, {p}, limit_, {a.upper()}_)")
        if boundary == "absorb":
            low.emit(f"{lost} = {lost} or left{settled}")
    values = {"@cell": f"np.int32(-1) if {lost} else np.int32({low.need('here_')})"}
    if model.lattice(target) >= 0:
        values[footing.SITE.name] = footing.site_number(low, target, [f"{settled}{a}" for a in model.axes])
        fields = {name: f for name, f in fields.items() if name != "position"}
    for f in fields.values():
        codes = parts(f, held[f.name]) if f.name != "position" else [f"{settled}{a}" for a in model.axes]
        values.update({c: stored(f, code) for c, code in zip(f.columns, codes, strict=True)})
    for line in born.append(low, values):
        low.emit(line)


def remove(low: Lowering, node: ast.Call) -> None:
    """`world.remove(me)`."""
    who = _own(low, node)
    if who is None or len(node.args) != 1 or node.keywords:
        low.fail(
            node,
            f"world.remove is called with {', '.join(map(ast.unparse, node.args)) or 'nothing'}",
            "Every entity ends its own life only, so that the order in which entities act cannot matter.",
            f"Write world.remove({low.me or 'me'}); to end another's life, `send` it a message or declare a `meeting` "
            f"of the two.",
        )
    _mortal(low, node, who)
    low.removes.add(who.prefix)
    low.emit(f"{_if_mine(low, who)}{low.need('status_')}[8] = 1")


def become(low: Lowering, node: ast.Call) -> None:
    """`world.become(me, Zombie, timer=0)`."""
    first, who = node.args[0] if node.args else None, _own(low, node)
    if who is None:
        low.fail(
            node,
            f"world.become is called with {ast.unparse(first) if first else 'nothing'!r} as its first argument",
            "Every entity changes only itself, so that the order in which entities act cannot matter.",
            f"Write world.become({low.me or 'me'}, Zombie, timer=0).",
        )
    _mortal(low, node, who)
    model = low.model
    rest = ast.copy_location(ast.Call(node.func, node.args[1:], node.keywords), node)
    target, given = _target_and_fields(low, rest, 1)
    if "position" in given:
        low.fail(
            node,
            "world.become is given a position",
            "It keeps the entity's place.",
            f"Assign {ast.unparse(node.args[0])}.position; leave it out here.",
        )
    if model.lattice(target) not in (-1, model.lattice(who.type)):
        low.fail(
            node,
            f"{model.name(who.type)} becomes {model.name(target)}, which stands on sites of another lattice",
            "Whether it wins a site there is not known before the behavior has ended, and it could be neither.",
            f"Write world.spawn({model.name(target)}, ...) and world.remove({ast.unparse(node.args[0])}).",
        )
    if target == who.type:
        low.fail(
            node, f"{model.name(target)} becomes what it is", "Nothing would change.", "Assign the fields instead."
        )
    number = len(model.becomes) + 1
    held = _held(low, target, given, defaults=False)
    variables = {}
    for name, code in held.items():
        variable = f"{name}_become{number}_"
        who.loaded.setdefault(variable)
        who.written.setdefault(variable)
        low.emit(f"{who.prefix}_{variable}_ = {code}")
        variables[name] = variable
    made = outlet(low, f"turned_{model.name(target)}", "become", target, _columns(model, target))
    model.becomes.append(Become(number, target, variables, made))
    low.becomes.append(number)
    who.becomes.setdefault(number)
    low.emit(f"{_if_mine(low, who)}{low.need('status_')}[9] = {number}")
    for a in model.axes:
        low.need(f"s{a}_")


def _own(low: Lowering, node: ast.Call) -> Own | None:
    """The first argument, if it is an entity that may be written here."""
    first = node.args[0] if node.args else None
    return low.own.get(first.id) if isinstance(first, ast.Name) else None


def _if_mine(low: Lowering, who: Own) -> str:
    """Head of a statement that is for the owner of one of two who meet."""
    return f"if {'not ' if who.prefix != 'me' else ''}{low.need('as_a_')}: " if low.meeting else ""


def _mortal(low: Lowering, node: ast.Call, who: Own) -> None:
    if low.model.is_layer(who.type):
        low.fail(
            node,
            f"{ast.unparse(node.func)} is called for a cell of a layer",
            "Cells are there for good.",
            "Write its fields.",
        )


def _columns(model: Model, type: int) -> tuple[Column, ...]:
    return tuple(Column(c, f.dtype) for f in model.fields[type].values() for c in f.columns)


def _target_and_fields(low: Lowering, node: ast.Call, most: int) -> tuple[int, dict[str, ast.expr]]:
    """The type that is named first, and the fields by name; a second positional argument is the position."""
    what = ast.unparse(node.func)
    first = f"{low.me or 'me'}, Sheep" if what.endswith("become") else "Sheep, position=p"
    example = f"{what}({first}, energy=1.0)"
    if not 1 <= len(node.args) <= most:
        low.fail(node, f"{what} takes a type, a place, and fields by name", "It was given others.", f"Write {example}.")
    kind = node.args[0]  # by place only: a field may be called like any keyword
    kinds = low.kinds_of(kind)
    if len(kinds) != 1 or not issubclass(kinds[0], Entity):
        low.fail(
            kind,
            f"{ast.unparse(kind)} is not one entity type",
            "Layers, messages and several types at once are nobody.",
            f"Write {example}.",
        )
    target = low.model.kinds.index(kinds[0])
    given = {"position": node.args[1]} if len(node.args) > 1 else {}
    for k in node.keywords:
        if k.arg is None or k.arg in given:
            low.fail(node, f"{what} is given {k.arg or '**'} twice or unnamed", "It takes each field once.", example)
        given[k.arg] = k.value
    for name in given:
        if name not in low.model.fields[target]:
            low.unknown(ast.copy_location(ast.Attribute(kind, name, ast.Load()), node), target)
    return target, given


def _held(low: Lowering, type: int, given: dict[str, ast.expr], defaults: bool = True) -> dict[str, str]:
    """Emit the fields' values, in the order written; field -> name or constant."""
    fields, held = low.model.fields[type], {}
    codes = low.values(list(given.values()))
    for (name, _), code in zip(given.items(), codes, strict=True):
        held[name] = low.temporary("field")
        if fields[name].length:
            low.emit(f"{held[name]} = {code}")
            code = held[name]
        low.emit(f"{held[name]} = {convert(fields[name], code)}")
    if defaults:
        for f in fields.values():
            if f.name not in held and f.name != "position":
                held[f.name] = low.temporary("field")
                low.emit(f"{held[f.name]} = {convert(f, constant(f.default))}")
    return held
