"""`send`, `inbox` and `emit` as text."""

from __future__ import annotations

import ast
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from partitions.program import Argument, Column
from weaver.compiler.births import parts, stored
from weaver.compiler.constants import constant
from weaver.compiler.model import Model, convert
from weaver.compiler.outlet import outlet
from weaver.field import Field
from weaver.message import Event, Message

if TYPE_CHECKING:
    from weaver.compiler.expression import Expressions
    from weaver.compiler.lower import Lowering

TO = Column("@to", "<i8")


def column(message: str, name: str) -> str:
    """Generated name of a column of the letters that are read."""
    return f"inbox_{message}_{name.replace('_', '__').replace('.', '_').replace('@', 'at_')}_"


def arrays(model: Model) -> dict[str, Argument]:
    """Every array of letters that a kernel may take."""
    known = {}
    for m, kind in enumerate(model.messages):
        names = ["@start", "@sender", *(c for f in kind.__fields__.values() for c in f.columns)]
        known.update({column(kind.__name__, n): Argument("inbox", m, n) for n in names})
    return known


def element(model: Model, argument: Argument) -> str:
    """numpy dtype string of such an array."""
    head = {"@start": "<u8", "@sender": "<i8"}
    if argument.name in head:
        return head[argument.name]
    return model.messages[argument.type].__fields__[argument.name.split(".")[0]].dtype


def columns_of(kind: type[Message]) -> tuple[Column, ...]:
    """The stored columns of a message or event."""
    return tuple(Column(c, f.dtype) for f in kind.__fields__.values() for c in f.columns)


def send(low: Lowering, node: ast.Call) -> None:
    """`world.send(other, Hit(damage=2.0))`."""
    example = f"{ast.unparse(node.func)}(other, Hit(damage=2.0))"
    bound = dict(zip(("to", "message"), node.args, strict=False), **{k.arg or "": k.value for k in node.keywords})
    if set(bound) != {"to", "message"} or len(node.args) + len(node.keywords) != 2:
        low.fail(node, "world.send takes two arguments", "It must know whom, and what.", f"Write {example}.")
    kind = _class(low, bound["message"], Message, example)
    to = bound["to"]
    name = to.id if isinstance(to, ast.Name) else ""
    ref = low.reference(to)
    if ref is not None:
        low.far |= bool(ref.prefix)
        receiver = low.read_other(ast.copy_location(ast.Attribute(to, "id", ast.Load()), to), ref)
    elif name in low.own:
        receiver = low.need(low.own[name].id)
    elif isinstance(low.outside(to), type):
        low.fail(
            to,
            f"{ast.unparse(to)} is a type; a message goes to one entity",
            "Weaver would not know to whom.",
            f"Write `for other in world.near(me, {ast.unparse(to)}, radius=1.0):` and, in it, {example}.",
        )
    else:
        low.far = True  # an id says nothing about where
        inner = low.value(ast.copy_location(ast.Attribute(to, "id", ast.Load()), to) if name in low.views else to)
        receiver = f"np.int64({inner})"
    made = outlet(low, f"sent_{kind.__name__}", "send", low.model.messages.index(kind), (TO, *columns_of(kind)))
    held = low.temporary("to")
    low.emit(f"{held} = {receiver}")
    values = {"@to": held, **_values(low, bound["message"], kind)}
    for line in made.append(low, values):
        low.emit(line)


def emit(low: Lowering, node: ast.Call) -> None:
    """`world.emit(Crash(speed=v))`."""
    example = f"{ast.unparse(node.func)}(Crash(speed=2.0))"
    if len(node.args) != 1 or node.keywords:
        low.fail(node, "world.emit takes one argument", "It must know what happened.", f"Write {example}.")
    kind = _class(low, node.args[0], Event, example)
    made = outlet(low, f"told_{kind.__name__}", "event", low.model.events.index(kind), columns_of(kind))
    for line in made.append(low, _values(low, node.args[0], kind)):
        low.emit(line)


def walk(low: Expressions, target: ast.expr, call: ast.Call, body: Callable[[], None], flag: str | None) -> None:
    """`for hit in world.inbox(me, Hit)`."""
    example = f'Write `for hit in world.inbox({low.me or "me"}, Hit):`, or with order="random".'
    bound = dict(zip(("me", "kind", "order"), call.args, strict=False), **{k.arg or "": k.value for k in call.keywords})
    order = bound.pop("order", ast.Constant(None))
    me = bound.get("me")
    if set(bound) != {"me", "kind"} or not (isinstance(me, ast.Name) and me.id == low.me):
        low.fail(call, "world.inbox takes me and a type of message", "One reads one's own messages.", example)
    if not (isinstance(order, ast.Constant) and order.value in (None, "random")):
        low.fail(order, f"order={ast.unparse(order)} is asked for", 'There is the plain order, and "random".', example)
    kind = low.outside(bound["kind"])
    if not (isinstance(kind, type) and issubclass(kind, Message) and kind in low.model.messages):
        low.fail(bound["kind"], f"{ast.unparse(bound['kind'])} is no message", "It cannot be sent.", example)
    if not isinstance(target, ast.Name):
        low.fail(target, "a message is unpacked", "It has fields.", example)
    number = low.model.messages.index(kind)
    if low.inboxes.setdefault(number, order.value or "") != (order.value or ""):
        low.fail(call, "one inbox is read in two orders", "It is put in order once.", "Read it in one order.")
    fields = kind.__fields__
    j, row, start = low.temporary("letter"), low.need("row_"), low.need(column(kind.__name__, "@start"))

    def read(node: ast.Attribute) -> str:
        if node.attr == "sender":
            return f"{low.need(column(kind.__name__, '@sender'))}[{j}]"
        if node.attr not in fields:
            known = ", ".join([*fields, "sender"])
            low.fail(node, f"{kind.__name__} has no field {node.attr!r}", f"It has {known}.", "Use one of these.")
        return _read(low, kind, fields[node.attr], j)

    before = low.views.get(target.id)
    low.views[target.id] = read
    low.emit(f"for {j} in range({start}[{row}], {start}[{row} + ONE_]):")
    low.depth += 1
    body()
    low.depth -= 1
    del low.views[target.id]
    if before is not None:
        low.views[target.id] = before


RANKED = ("int64", "int32", "int64", "int32", "int32")
"""numba's names of what messages are known by: tick sent, type, id, phase, sequence."""


def rank_kernels(model: Model, inboxes: dict[int, str], type: int, behavior: str) -> tuple[dict[int, str], list[str]]:
    """Names, and text, of the functions that put messages in random order for one type's behavior."""
    names, lines = {}, []
    for m, order in inboxes.items():
        if order:
            names[m] = f"rank_{model.messages[m].__name__}__{behavior}__{model.name(type)}"
            lines += [
                "",
                "",
                f"@kernel_('void(uint64, int64, {', '.join(f'{e}[::1]' for e in RANKED)}, uint64[::1])')",
                f"def {names[m]}(key_, tick_, when_, type_, id_, phase_, seq_, rank_):",
                "    for k_ in range(np.uintp(len(rank_))):",
                "        sender_ = type_[k_], id_[k_], phase_[k_], seq_[k_]",
                "        rank_[k_] = letter_rank(key_, tick_, when_[k_], *sender_)",
            ]
    return names, lines


def _read(low: Expressions, kind: type[Message], f: Field, j: str) -> str:
    at = [f"{low.need(column(kind.__name__, c))}[{j}]" for c in f.columns]
    if f.vector is not None:
        return f"{f.vector.__name__}({', '.join(at)})"
    if f.length:
        return f"({', '.join(at)},)"
    return at[0] if f.dtype in ("<f8", "<i8", "|b1") else f"np.{'float64' if f.kind == 'float' else 'int64'}({at[0]})"


def _class(low: Lowering, node: ast.expr, base: type, example: str) -> Any:
    kind = low.outside(node.func) if isinstance(node, ast.Call) else None
    if not (isinstance(kind, type) and issubclass(kind, base)) or (base is Message and issubclass(kind, Event)):
        what = "an event" if base is Event else "a message"
        low.fail(
            node,
            f"{ast.unparse(node)} is not {what}",
            f"{what.capitalize()} is made where it is sent, of a subclass of wv.{base.__name__}.",
            f"Write {example}.",
        )
    return kind


def _values(low: Lowering, node: ast.expr, kind: type[Message]) -> dict[str, str]:
    """Emit the fields of a message in the order written; column -> text."""
    assert isinstance(node, ast.Call)
    fields = kind.__fields__
    given = dict(zip(fields, node.args, strict=False))
    for k in node.keywords:
        if k.arg not in fields or k.arg in given:
            low.fail(
                node,
                f"{kind.__name__} is given {k.arg!r}; its fields are {', '.join(fields) or 'none'}, each once",
                "The value would have nowhere to go.",
                f"Write {kind.__name__}({', '.join(f'{name}=…' for name in fields)}).",
            )
        given[k.arg] = k.value
    if len(node.args) > len(fields):
        low.fail(node, f"{kind.__name__} is given {len(node.args)} values", f"It has {len(fields)}.", "Pass fewer.")
    codes = dict(zip(given, low.values(list(given.values())), strict=True))
    result = {}
    for f in fields.values():
        held = low.temporary("field")
        low.emit(f"{held} = {convert(f, codes.get(f.name, constant(f.default)))}")
        result.update({c: stored(f, part) for c, part in zip(f.columns, parts(f, held), strict=True)})
    return result
