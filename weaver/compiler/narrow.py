"""Narrow cells: behaviors of layers whose integers are small, many cells in one vector.

The language computes with int64, of which a vector holds few. Where a cell's behavior is plain arithmetic on booleans
and small integers, how large every intermediate value can be follows from the widths of the fields, and all of it is
done in lanes that are just wide enough, of 8 or 16 bits. Nothing overflows, so the bits are those of int64. Branches
become selects, neighbours rows at fixed distances; so the text is that of cells inside the world, and those at its ends
run the ordinary function.
"""

from __future__ import annotations

import ast
import itertools
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from weaver.compiler.model import column_name
from weaver.compiler.source import UNBOUND

if TYPE_CHECKING:
    from weaver.compiler.kernel import Lowered

LANES = {"np.uint8": (0, 255), "np.int16": (-(1 << 15), (1 << 15) - 1)}
"""Types of lanes, and the values that they hold; the first that is wide enough is taken."""

LONGEST = 160
"""Lines that are written at most: neighbours are unrolled, and what numba takes to compile grows with the lines."""

_COMPARE = {ast.Eq: "==", ast.NotEq: "!=", ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">="}
_BITS = {ast.BitAnd: "&", ast.BitOr: "|", ast.BitXor: "^"}


class _Wide(Exception):
    """The behavior does something else, or its values do not fit."""


@dataclass(frozen=True)
class _Value:
    """Text of a value, in which LANE_ stands for the type of the lanes, and how small and large it can be."""

    code: str
    low: int
    high: int
    boolean: bool = False


def narrow_cell(lowered: Lowered) -> list[str] | None:
    """The lines that do a cell `row_` inside the world, or None where its values are not small or not all plain."""
    low = lowered.lowering
    if (
        not low.model.is_layer(lowered.type)
        or low.draws
        or low.outlets
        or not isinstance(low.source.node, ast.FunctionDef)
    ):
        return None
    try:
        return _Cell(lowered).text()
    except _Wide:
        return None


class _Cell:
    """One pass over a behavior."""

    def __init__(self, lowered: Lowered) -> None:
        self.low, self.type = lowered.lowering, lowered.type
        self.model, self.t = self.low.model, self.low.model.name(lowered.type)
        self.out: list[str] = []
        self.env: dict[str, _Value] = {}
        self.others: dict[str, str] = {}  # name of a neighbour -> its row
        self.least = self.most = 0
        self.count = itertools.count()
        self.reads: dict[str, _Value] = {}

    def text(self) -> list[str]:
        """All lines; the stores come last, as everywhere.

        Raises:
            _Wide: see there.
        """
        node = self.low.source.node
        assert isinstance(node, ast.FunctionDef)
        self.block(node.body)
        for name in self.low.written:
            value, field = self.env.get(f"me.{name}"), self.field(name)
            if value is None:
                raise _Wide
            self.store(name, field.dtype, value)
        lane = next((n for n, (least, most) in LANES.items() if least <= self.least and self.most <= most), None)
        if lane is None:
            raise _Wide
        return [line.replace("LANE_", lane) for line in self.out]

    def store(self, name: str, dtype: str, value: _Value) -> None:
        """Emit the store of a field of mine, which wraps as everywhere."""
        if dtype == "|b1":
            code = value.code if value.boolean else f"{value.code} != LANE_(0)"
        else:
            code = f"np.{np.dtype(dtype).name}({value.code})"
        self.out.append(f"{column_name(self.t, name)}out_[row_] = {code}")

    def field(self, name: str) -> Any:
        """A field of the layer that holds a boolean or a small integer."""
        field = self.model.fields[self.type].get(name)
        if field is None or field.length or field.vector is not None or field.dtype not in ("|b1", "|u1", "|i1", "<i2"):
            raise _Wide
        return field

    def read(self, name: str, row: str) -> _Value:
        """A field of a cell."""
        field = self.field(name)
        code = f"{column_name(self.t, name)}[{row}]"
        if code not in self.reads:  # the state at the start, so once is enough
            limits = np.iinfo(field.dtype) if field.dtype != "|b1" else None
            self.reads[code] = self.named(
                _Value(code, 0, 1, True)
                if limits is None
                else _Value(f"LANE_({code})", int(limits.min), int(limits.max))
            )
        return self.reads[code]

    def named(self, value: _Value) -> _Value:
        """Emit an assignment, so that text is not repeated."""
        self.least, self.most = min(self.least, value.low), max(self.most, value.high)
        name = f"n{next(self.count)}_"
        if len(self.out) == LONGEST:
            raise _Wide
        self.out.append(f"{name} = {value.code}")
        return _Value(name, value.low, value.high, value.boolean)

    # ---- statements ----------------------------------------------------------------------------------------------

    def block(self, body: list[ast.stmt]) -> None:
        """Emit statements."""
        for statement in body:
            self.statement(statement)

    def statement(self, node: ast.stmt) -> None:
        """Emit one statement."""
        if isinstance(node, ast.Pass) or (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)):
            return
        if isinstance(node, ast.Assign) and len(node.targets) == 1:
            self.env[self.target(node.targets[0])] = self.value(node.value)
        elif isinstance(node, ast.AugAssign):
            name = self.target(node.target)
            if name not in self.env and name.startswith("me."):
                self.env[name] = self.read(name[3:], "row_")
            if name not in self.env:
                raise _Wide
            self.env[name] = self.binary(node.op, self.env[name], self.value(node.value))
        elif isinstance(node, ast.If):
            self.branch(node)
        elif isinstance(node, ast.For) and isinstance(node.target, ast.Name) and not node.orelse:
            for row in self.rows(node.iter):
                self.others[node.target.id] = row
                self.block(node.body)
                del self.others[node.target.id]
        else:
            raise _Wide

    def target(self, node: ast.expr) -> str:
        """The name of what is assigned; fields of mine are me.name."""
        if isinstance(node, ast.Name) and node.id not in self.others:
            return node.id
        if self.is_me(node):
            assert isinstance(node, ast.Attribute)
            self.field(node.attr)
            return f"me.{node.attr}"
        raise _Wide

    def is_me(self, node: ast.expr) -> bool:
        """Whether this is a field of mine."""
        return isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == self.low.me

    def branch(self, node: ast.If) -> None:
        """Both ways are gone, and each name is selected."""
        test, before = self.truth(self.value(node.test)), dict(self.env)
        self.block(node.body)
        yes, self.env = self.env, dict(before)
        self.block(node.orelse)
        for name in {**yes, **self.env}:
            a, b = yes.get(name), self.env.get(name)
            if name.startswith("me."):
                a, b = a or self.read(name[3:], "row_"), b or self.read(name[3:], "row_")
            if a is None or b is None:
                self.env.pop(name, None)  # set on one way only: whoever reads it later is no business of ours
            elif a != b:
                self.env[name] = self.select(test, a, b)

    # ---- values --------------------------------------------------------------------------------------------------

    def value(self, node: ast.expr) -> _Value:
        """Emit an expression."""
        if isinstance(node, ast.Name) and node.id in self.env:
            return self.env[node.id]
        if self.is_me(node):
            assert isinstance(node, ast.Attribute)
            return self.env.get(f"me.{node.attr}") or self.read(node.attr, "row_")
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in self.others:
            return self.read(node.attr, self.others[node.value.id])
        if isinstance(node, ast.Constant):
            return self.constant(node.value)
        if isinstance(node, (ast.Name, ast.Attribute)):
            return self.constant(self.low.outside(node))
        if isinstance(node, ast.Compare):
            return self.compare(node)
        if isinstance(node, ast.BoolOp):
            values = [self.value(v) for v in node.values]
            if not all(v.boolean for v in values):
                raise _Wide
            sign = " & " if isinstance(node.op, ast.And) else " | "
            return self.named(_Value(sign.join(v.code for v in values), 0, 1, True))
        if isinstance(node, ast.UnaryOp):
            value = self.value(node.operand)
            if isinstance(node.op, ast.Not):
                return self.named(_Value(f"not {self.truth(value)}", 0, 1, True))
            if isinstance(node.op, ast.USub):
                return self.binary(ast.Sub(), self.constant(0), value)
            raise _Wide
        if isinstance(node, ast.BinOp):
            return self.binary(node.op, self.value(node.left), self.value(node.right))
        if isinstance(node, ast.IfExp):
            test = self.truth(self.value(node.test))
            return self.select(test, self.value(node.body), self.value(node.orelse))
        if isinstance(node, ast.Call):
            return self.call(node)
        raise _Wide

    def constant(self, value: Any) -> _Value:
        """A number that was known when the run started."""
        if value is UNBOUND or not isinstance(value, (bool, int, np.bool_, np.integer)):
            raise _Wide
        if isinstance(value, (bool, np.bool_)):
            return _Value(repr(bool(value)), int(value), int(value), True)
        self.least, self.most = min(self.least, int(value)), max(self.most, int(value))
        return _Value(f"LANE_({int(value)})", int(value), int(value))

    def number(self, value: _Value) -> str:
        """Text of a value as an integer."""
        return f"LANE_({value.code})" if value.boolean else value.code

    def truth(self, value: _Value) -> str:
        """Text of a value as a boolean."""
        return value.code if value.boolean else f"({value.code} != LANE_(0))"

    def compare(self, node: ast.Compare) -> _Value:
        """A chain of comparisons."""
        values, parts = [self.value(v) for v in (node.left, *node.comparators)], []
        for op, (a, b) in zip(node.ops, itertools.pairwise(values), strict=True):
            if type(op) not in _COMPARE:
                raise _Wide
            parts.append(f"({self.number(a)} {_COMPARE[type(op)]} {self.number(b)})")
        return self.named(_Value(" & ".join(parts), 0, 1, True))

    def select(self, test: str, a: _Value, b: _Value) -> _Value:
        """`a` where `test`, else `b`."""
        if a.boolean != b.boolean:
            raise _Wide
        return self.named(
            _Value(f"{a.code} if {test} else {b.code}", min(a.low, b.low), max(a.high, b.high), a.boolean)
        )

    def binary(self, op: ast.operator, a: _Value, b: _Value) -> _Value:
        """Arithmetic that neither divides nor shifts."""
        if isinstance(op, (ast.Add, ast.Sub, ast.Mult)):
            sign = {ast.Add: "+", ast.Sub: "-", ast.Mult: "*"}[type(op)]
            ends = [_apply(sign, x, y) for x in (a.low, a.high) for y in (b.low, b.high)]
        elif type(op) in _BITS and not a.boolean and not b.boolean and min(a.low, b.low) >= 0:
            sign, ends = _BITS[type(op)], [0, (1 << max(a.high, b.high).bit_length()) - 1]
        else:
            raise _Wide
        return self.named(_Value(f"LANE_({self.number(a)} {sign} {self.number(b)})", min(ends), max(ends)))

    def call(self, node: ast.Call) -> _Value:
        """The few functions that are plain."""
        name = node.func.id if isinstance(node.func, ast.Name) else ""
        if name in self.env or name not in _BUILTINS or self.low.outside(node.func) is not _BUILTINS[name]:
            raise _Wide
        if len(node.args) == 1 and isinstance(node.args[0], (ast.GeneratorExp, ast.ListComp)):
            return self.reduce(name, node, node.args[0])
        if node.keywords:
            raise _Wide
        values = [self.value(argument) for argument in node.args]
        if name in ("min", "max") and len(values) > 1:
            return self.least_of(name, values)
        if name in ("int", "bool") and len(values) == 1:
            low, high = (0, 1) if name == "bool" else (values[0].low, values[0].high)
            code = self.number(values[0]) if name == "int" else self.truth(values[0])
            return self.named(_Value(code, low, high, name == "bool"))
        raise _Wide

    def least_of(self, name: str, values: list[_Value]) -> _Value:
        """`min` or `max` of integers."""
        if any(v.boolean for v in values):
            raise _Wide
        best = values[0]
        for v in values[1:]:
            best = self.select(f"({best.code} {'<=' if name == 'min' else '>='} {v.code})", best, v)
        return best

    def reduce(self, name: str, node: ast.Call, over: ast.GeneratorExp | ast.ListComp) -> _Value:
        """`any`, `all`, `sum`, `min` or `max` over the cells around; inside the world there is always one."""
        loop = over.generators[0]
        given = [k.arg for k in node.keywords]
        extreme = name in ("min", "max")
        if len(over.generators) != 1 or not isinstance(loop.target, ast.Name) or loop.target.id in self.env:
            raise _Wide
        if given != (["default"] if extreme else []) or (extreme and loop.ifs):
            raise _Wide
        values = []
        for row in self.rows(loop.iter):
            self.others[loop.target.id] = row
            tests = [self.truth(self.value(test)) for test in loop.ifs]
            value = self.value(over.elt)
            if name in ("any", "all"):
                code = self.truth(value)
                code = (
                    " & ".join([*tests, code]) if name == "any" else " | ".join([*(f"(not {t})" for t in tests), code])
                )
                value = self.named(_Value(code, 0, 1, True))
            elif tests:
                value = self.select(
                    " & ".join(tests), _Value(self.number(value), value.low, value.high), self.constant(0)
                )
            values.append(value)
            del self.others[loop.target.id]
        if name in ("any", "all"):
            return self.named(_Value((" | " if name == "any" else " & ").join(v.code for v in values), 0, 1, True))
        if extreme:
            return self.least_of(name, values)
        total = values[0]
        for value in values[1:]:
            total = self.binary(ast.Add(), total, value)
        return total

    def rows(self, call: ast.expr) -> Iterable[str]:
        """Texts of the rows of the cells around or beside me."""
        word = self.low.world_word(call)
        if word not in ("around", "beside") or not isinstance(call, ast.Call) or len(call.args) != 1 or call.keywords:
            raise _Wide
        if not (isinstance(call.args[0], ast.Name) and call.args[0].id == self.low.me):
            raise _Wide
        strides = ["ONE_", f"{self.t}_ex_", f"{self.t}_ex_ * {self.t}_ey_"][: self.model.dim]
        for steps in itertools.product((-1, 0, 1), repeat=self.model.dim):
            apart = sum(map(abs, steps))
            if apart and (word == "around" or apart == 1):
                parts = [f" {'-' if k < 0 else '+'} {s}" for k, s in zip(steps, reversed(strides), strict=True) if k]
                yield f"row_{''.join(parts)}"


def _apply(sign: str, a: int, b: int) -> int:
    return a + b if sign == "+" else a - b if sign == "-" else a * b


_BUILTINS: dict[str, Callable[..., Any]] = {f.__name__: f for f in (any, all, sum, min, max, int, bool)}
