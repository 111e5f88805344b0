"""Expressions as numba text: arithmetic, comparisons, fields, calls."""

from __future__ import annotations

import ast
import builtins
import types
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence

import numpy as np

from weaver.barrier import Wall
from weaver.compiler.advice import without_in
from weaver.compiler.call import call
from weaver.compiler.columns import column_of, read_cell, refuse_column
from weaver.compiler.constants import NotConstant, constant
from weaver.compiler.elements import array_field, read_element, refuse_whole
from weaver.compiler.helper import call_helper
from weaver.compiler.layers import BUILT_IN, cell_at, own_built_in, read_built_in
from weaver.compiler.model import MAYBE
from weaver.compiler.scope import DRAWS, Scope, fold
from weaver.compiler.search import Search
from weaver.compiler.source import UNBOUND
from weaver.compiler.thresholds import squared_threshold
from weaver.parameter import Parameter

OPERATORS: dict[type[ast.AST], str] = {
    ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/", ast.FloorDiv: "//", ast.Mod: "%", ast.Pow: "**",
    ast.LShift: "<<", ast.RShift: ">>", ast.BitAnd: "&", ast.BitOr: "|", ast.BitXor: "^",
    ast.UAdd: "+", ast.USub: "-", ast.Invert: "~",
    ast.Eq: "==", ast.NotEq: "!=", ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">=",
}  # fmt: skip


_CALLED = {"**": "power", "//": "floor_divide", "<<": "shift_left", ">>": "shift_right"}


def _is_whole(code: str) -> bool:
    return code.strip("()-").isdigit()


def _is_small(code: str) -> bool:
    """Whether an exponent is a literal that numba turns into multiplications, which can be vectorised."""
    return code.isdigit() and int(code) <= 16


class Expressions(Scope, ABC):
    """Lowers expressions; statements that they need before them are emitted on the way."""

    @abstractmethod
    def statement(self, node: ast.stmt) -> None:
        """Lower one statement."""

    @abstractmethod
    def block(self, body: Sequence[ast.stmt]) -> None:
        """Lower statements one level deeper."""

    @abstractmethod
    def plain(self, target: ast.expr) -> str:
        """Text of a target that is a name, or a tuple of names."""

    def hoists(self, node: ast.AST) -> bool:
        """Whether an expression needs statements before it: searches and helpers that write `me`."""
        for n in ast.walk(node):
            if isinstance(n, ast.Call):
                if self.world_word(n) not in (None, *DRAWS) or (isinstance(n.func, ast.Name) and self.writes_me(n)):
                    return True
            if isinstance(n, ast.GeneratorExp):
                return True
            if isinstance(n, ast.Compare) and len(n.ops) == 1 and isinstance(n.left, ast.Call):
                if isinstance(n.left.func, ast.Attribute) and n.left.func.attr == "length":
                    return True
        return False

    def writes_me(self, node: ast.Call) -> bool:
        """Whether a call passes `me` on to a helper, which may write it."""
        given = [*node.args, *(k.value for k in node.keywords)]
        return any(isinstance(a, ast.Name) and a.id in self.own for a in given)

    def values(self, nodes: Sequence[ast.expr]) -> list[str]:
        """Operands from left to right; what stands left of a hoisted one is computed before it."""
        last = max((k for k, n in enumerate(nodes) if self.hoists(n)), default=-1)
        codes = []
        for k, node in enumerate(nodes):
            code = self.value(node)
            if k < last and not isinstance(node, ast.Constant):
                held = self.temporary()
                self.emit(f"{held} = {code}")
                code = held
            codes.append(code)
        return codes

    def test(self, node: ast.expr) -> str:
        """Text of a condition."""
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
            return f"(not {self.test(node.operand)})"
        if isinstance(node, ast.BoolOp):
            return self.both(node, self.test)
        ref = self.reference(node)
        if ref is not None:
            return "True" if ref.loop else f"({ref.row} >= 0)"
        if self.world_word(node) in MAYBE:
            return f"({Search(self, node).one().row} >= 0)"
        return self.value(node)

    def both(self, node: ast.BoolOp, lower: Callable[[ast.expr], str]) -> str:
        """`and`, `or`: later operands are reached only if the earlier ones leave it open."""
        word, stops = ("and", False) if isinstance(node.op, ast.And) else ("or", True)
        values = list(node.values)
        for k, value in enumerate(values):
            if self.known(value) is stops:  # what stands behind is never reached, and need not have a meaning
                values = values[: k + 1]
                break
        while len(values) > 1 and self.known(values[0]) is (not stops):
            del values[0]
        if len(values) == 1:
            return lower(values[0])
        before, depth = self.narrowed, self.depth
        hoisted = any(self.hoists(v) for v in values[1:])
        parts, held = [], self.temporary() if hoisted else ""
        for k, value in enumerate(values):
            if hoisted and k:
                self.emit(f"if {held}:" if word == "and" else f"if not {held}:")
                self.depth += 1
            parts.append(lower(value))
            if hoisted:
                self.emit(f"{held} = {parts[-1]}")
            self.narrowed = {**self.narrowed, **self.types_where(value, word == "and")}
        self.narrowed, self.depth = before, depth
        return held if hoisted else "(" + f" {word} ".join(parts) + ")"

    def known(self, node: ast.expr) -> bool | None:
        """Whether a condition holds, where the entity types alone decide it."""
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
            inner = self.known(node.operand)
            return None if inner is None else not inner
        if isinstance(node, ast.BoolOp):
            parts = [self.known(v) for v in node.values]
            stops = isinstance(node.op, ast.Or)
            return stops if stops in parts else None if None in parts else not stops
        if isinstance(node, ast.Call) and self.outside(node.func) is isinstance and len(node.args) == 2:
            return {"True": True, "False": False}.get(self.instance_test(node))
        return None

    def types_where(self, node: ast.expr, holds: bool) -> dict[str, tuple[int, ...]]:
        """Types that variables of several have where a condition holds, or where it does not."""
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
            return self.types_where(node.operand, not holds)
        if isinstance(node, ast.BoolOp) and isinstance(node.op, ast.And) is holds:
            return {name: types for v in node.values for name, types in self.types_where(v, holds).items()}
        if isinstance(node, ast.Call) and self.outside(node.func) is isinstance and len(node.args) == 2:
            ref = self.reference(node.args[0])
            if ref is not None and isinstance(node.args[0], ast.Name) and len(ref.types) > 1:
                wanted = {self.model.kinds.index(k) for k in self.kinds_of(node.args[1])}
                types = tuple(t for t in ref.types if (t in wanted) is holds)
                return {node.args[0].id: types} if types else {}
        return {}

    def value(self, node: ast.expr) -> str:
        """Text of an expression."""
        if isinstance(node, ast.Constant):
            return self.literal(node)
        if isinstance(node, ast.Name):
            return self.name(node)
        if isinstance(node, ast.Attribute):
            return self.attribute(node)
        if isinstance(node, ast.BinOp):
            self.check_power(node.op, node.left, node.right)
            left, right = self.values([node.left, node.right])
            return self.combine(left, self.operator(node.op, node), right)
        if isinstance(node, ast.UnaryOp):
            if isinstance(node.op, ast.Not):
                return f"(not {self.test(node.operand)})"
            number = node.operand.value if isinstance(node.operand, ast.Constant) else None
            if isinstance(node.op, ast.USub) and isinstance(number, int) and not isinstance(number, bool):
                return self.literal(ast.copy_location(ast.Constant(-number), node))
            return f"({OPERATORS[type(node.op)]}{self.value(node.operand)})"
        if isinstance(node, ast.BoolOp):
            return self.both(node, self.value)
        if isinstance(node, ast.Compare):
            return self.compare(node)
        if isinstance(node, ast.IfExp):
            return self.conditional(node)
        if isinstance(node, ast.Call):
            return call(self, node)
        if isinstance(node, (ast.Tuple, ast.List)):
            items = self.values(node.elts)
            return f"({', '.join(items)}{',' if len(items) == 1 else ''})"
        if isinstance(node, ast.Subscript):
            return self.subscript(node)
        self.fail(
            node,
            f"this {type(node).__name__} cannot be used in a behavior",
            "Behaviors are compiled to machine code, which knows numbers, vectors and entities.",
            "Write it with arithmetic, comparisons, calls, and loops over world.near(...) or constants.",
        )

    def literal(self, node: ast.Constant) -> str:
        """Text of a literal."""
        try:
            return constant(node.value)
        except NotConstant:
            self.fail(
                node,
                f"{node.value!r} cannot be used here",
                "Values in a behavior are numbers, vectors and entities.",
                "Use an enum.IntEnum for names of states; None only for a variable that holds an entity.",
            )

    def name(self, node: ast.Name) -> str:
        """Text of a variable or a captured value."""
        if node.id in (*self.own, self.world) or node.id in self.views or self.reference(node) is not None:
            what = (
                "the world" if node.id == self.world else "a message or link" if node.id in self.views else "an entity"
            )
            self.fail(
                node,
                f"{node.id!r} is {what}, and is used as a value",
                "An entity's row changes as entities move, so it cannot be stored, compared with a number or returned.",
                f"Store {node.id}.id, or use one of its fields."
                if node.id != self.world
                else "Call one of its functions.",
            )
        if node.id in self.flow.locals or node.id in self.renamed:
            return self.local(node.id)
        value = self.source.resolve(node.id)
        if value is UNBOUND:
            self.fail(
                node,
                f"{node.id!r} means nothing here",
                "It is neither set in the function nor outside it.",
                "Set it before, or import it.",
            )
        return self.captured(node, value)

    def attribute(self, node: ast.Attribute) -> str:
        """A field, a component, a word of the world, or a captured value."""
        if isinstance(node.value, ast.Name):
            array = array_field(self, node)
            if array is not None:
                refuse_whole(self, node, array)
            if node.value.id in self.own:
                own = self.own[node.value.id]
                if self.model.is_layer(own.type) and node.attr in BUILT_IN:
                    if node.value.id != self.me:
                        return read_built_in(self, own.type, node.attr, self.need("partner_row_"))
                    return own_built_in(self, node.attr)
                if node.attr == "id":
                    return self.need(self.own[node.value.id].id)
                return self.own_field(node, write=False)
            if node.value.id == self.world:
                return self.world_value(node)
            if node.value.id in self.views:
                return self.views[node.value.id](node)
            ref = self.reference(node.value)
            if ref is not None:
                return self.read_other(node, ref)
        refuse_column(self, node)
        value = self.outside(node)
        if value is not UNBOUND:
            return self.captured(node, value)
        word = self.world_word(node.value)
        if word == "at":
            assert isinstance(node.value, ast.Call)
            return self.read_other(node, cell_at(self, node.value))
        if word in MAYBE:
            self.fail(
                node,
                f"a field of world.{word}(...) is read at once",
                "It may be None, which has no fields.",
                f"Assign it first: best = world.{word}(...), then `if best:` and best.{node.attr}.",
            )
        if node.attr not in ("x", "y", "z") and not (
            node.attr in Wall._fields and (word == "wall" or self.model.sim.obstacles is not None)
        ):
            self.fail(
                node,
                f"{ast.unparse(node)} does not exist",
                "Values in a behavior are numbers and vectors; a vector has x, y and z.",
                "Read a field of the entity or of a neighbour.",
            )
        return f"{self.value(node.value)}.{node.attr}"

    def world_value(self, node: ast.Attribute) -> str:
        """`world.dt`, `tick`, `time`, `size`."""
        if node.attr == "dt":
            return repr(self.model.sim.dt)
        if node.attr == "tick":
            return self.need("tick_")
        if node.attr == "time":
            return f"({self.need('tick_')} * {self.model.sim.dt!r})"
        if node.attr == "size":
            return "size_"
        self.no_word(node)

    def operator(self, op: ast.operator, node: ast.AST) -> str:
        """Text of an operator."""
        if type(op) not in OPERATORS:
            self.fail(node, "this operator cannot be used", "Vectors have dot and cross.", "Use v.dot(w).")
        return OPERATORS[type(op)]

    def combine(self, left: str, operator: str, right: str) -> str:
        """Text of a binary operation; where numba's own differs from ours, a call."""
        if operator == "**" and right.startswith("(-") and _is_whole(right):
            return f"reciprocal({self.combine(left, operator, right.strip('(-)'))})"
        if operator in _CALLED and not (operator == "**" and _is_small(right) and not _is_whole(left)):
            return f"{_CALLED[operator]}({left}, {right})"
        if _is_whole(left) and _is_whole(right):  # or Python would fold it, without wrapping
            left = f"np.int64({left})"
        return f"({left} {operator} {right})"

    def check_power(self, op: ast.operator, left: ast.expr, right: ast.expr) -> None:
        """`int ** negative` has no int value; where only numba knows the base's type, `reciprocal` refuses it."""
        if isinstance(op, ast.Pow) and isinstance(right, ast.UnaryOp) and isinstance(right.op, ast.USub):
            if isinstance(right.operand, ast.Constant) and isinstance(right.operand.value, int) and self.whole(left):
                self.fail(
                    right,
                    f"an int to a power with the exponent {ast.unparse(right)} is asked for",
                    "An int to a negative power has no int value.",
                    f"Write {ast.unparse(right)}.0, or divide.",
                )

    def whole(self, node: ast.expr) -> bool:
        """Whether an expression is known to be an int before numba types it."""
        if isinstance(node, ast.UnaryOp):
            return self.whole(node.operand)
        if isinstance(node, ast.BinOp):
            return not isinstance(node.op, ast.Div) and self.whole(node.left) and self.whole(node.right)
        if isinstance(node, ast.Constant):
            return isinstance(node.value, int)
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            ref = self.reference(node.value)
            own = self.own.get(node.value.id)
            kinds = ref.types if ref is not None else (own.type,) if own is not None else ()
            fields = [self.model.fields_of(k).get(node.attr) for k in kinds]
            if fields:
                return all(f is not None and f.kind in ("int", "bool") for f in fields)
        value = self.outside(node)
        return value.integer if isinstance(value, Parameter) else isinstance(value, (int, np.integer))

    def compare(self, node: ast.Compare) -> str:
        """Comparisons, of entities too."""
        operands = [node.left, *node.comparators]
        if len(node.ops) == 1:
            same = self.compare_entities(node.left, node.ops[0], operands[1], node)
            if same is not None:
                return same
        for op in node.ops:
            if type(op) not in OPERATORS:
                self.fail(
                    node,
                    f"`{ast.unparse(node)}` cannot be used here",
                    "`is` compares entities and None; `in` needs a container.",
                    without_in(node),
                )
        if len(node.ops) == 1:
            squared = self.compare_length(node.left, OPERATORS[type(node.ops[0])], node.comparators[0])
            if squared is not None:
                return squared
        codes = self.values(operands)
        text = codes[0]
        for op, code in zip(node.ops, codes[1:], strict=True):
            text += f" {OPERATORS[type(op)]} {code}"
        return f"({text})"

    def compare_length(self, left: ast.expr, operator: str, right: ast.expr) -> str | None:
        """`v.length() < constant` without the root, exactly; None for anything else."""
        if not (isinstance(left, ast.Call) and isinstance(left.func, ast.Attribute) and left.func.attr == "length"):
            return None
        if operator not in ("<", "<=", ">", ">=") or left.args or self.outside(left.func) is not UNBOUND:
            return None
        try:
            limit = float(fold(self, right))
        except (NotConstant, TypeError, ZeroDivisionError):
            return None
        if not 0 < limit < 1e150:
            return None
        vector = self.temporary("v")
        self.emit(f"{vector} = {self.value(left.func.value)}")
        t8, t4 = (constant(squared_threshold(limit, operator, single)) for single in (False, True))
        return f"({vector}.length2() {operator} threshold({vector}, {t8}, {t4}))"

    def compare_entities(self, left: ast.expr, op: ast.cmpop, right: ast.expr, node: ast.AST) -> str | None:
        """`best is None`, `other == best`, `other is me`; None if no entity is compared."""
        if not isinstance(op, (ast.Is, ast.IsNot, ast.Eq, ast.NotEq)):
            return None
        yes = isinstance(op, (ast.Is, ast.Eq))
        if isinstance(left, ast.Constant) and left.value is None:
            left, right = right, left
        a = self.reference(left)
        if isinstance(right, ast.Constant) and right.value is None:
            if a is None:
                if self.world_word(left) in MAYBE:
                    return f"(not {self.test(left)})" if yes else self.test(left)
                return None
            known = "False" if a.loop else f"({a.row} < 0)"
            return known if yes else f"(not {known})"
        one, two = self.identity(left), self.identity(right)
        if one is None or two is None:
            return None
        return f"({one} {'==' if yes else '!='} {two})"

    def identity(self, node: ast.expr) -> str | None:
        """Text of the id of an entity expression; -1 stands for None."""
        if isinstance(node, ast.Name) and node.id in self.own:
            return self.need(self.own[node.id].id)
        ref = self.reference(node)
        if ref is None:
            return None
        code = self.read_other(ast.Attribute(node, "id"), ref)
        return code if ref.loop else f"({code} if {ref.row} >= 0 else -1)"

    def conditional(self, node: ast.IfExp) -> str:
        """`a if t else b`."""
        known = self.known(node.test)
        if known is not None:
            return self.value(node.body if known else node.orelse)
        before = self.narrowed
        yes, no = ({**before, **self.types_where(node.test, holds)} for holds in (True, False))
        held = self.temporary() if self.hoists(node.body) or self.hoists(node.orelse) else ""
        test, parts = self.test(node.test), []
        for head, narrowed, value in ((f"if {test}:", yes, node.body), ("else:", no, node.orelse)):
            self.narrowed = narrowed
            if held:
                self.emit(head)
                self.depth += 1
            parts.append(self.value(value))
            if held:
                self.emit(f"{held} = {parts[-1]}")
                self.depth -= 1
        self.narrowed = before
        return held or f"({parts[0]} if {test} else {parts[1]})"

    def subscript(self, node: ast.Subscript) -> str:
        """An element of a captured tuple or array, or of an array field."""
        array = array_field(self, node.value)
        if array is not None:
            return read_element(self, node, array)
        column = column_of(self, node.value)
        if column is not None:
            return read_cell(self, node, *column)
        base = self.value(node.value)
        index = node.slice
        items = index.elts if isinstance(index, ast.Tuple) else [index]
        if any(isinstance(i, ast.Slice) for i in items):
            self.fail(node, "a slice cannot be used in a behavior", "Constants are taken one by one.", "Use an index.")
        if self.outside(node.value) is not UNBOUND:
            held = self.temporary("values")
            self.emit(f"{held} = {base}")
            base = held
        for code in self.values(items):
            inside = code if _is_whole(code) else f"to_index({code}, len({base}), {self.need('status_')})"
            base = f"{base}[{inside}]"
        return base

    def instance_test(self, node: ast.Call) -> str:
        """`isinstance(other, Wolf)`: known when the text is made, or from the tag."""
        wanted = {self.model.kinds.index(k) for k in self.kinds_of(node.args[1]) if k in self.model.kinds}
        if isinstance(node.args[0], ast.Name) and node.args[0].id in self.own:
            return str(self.own[node.args[0].id].type in wanted)
        ref = self.reference(node.args[0])
        if ref is None:
            self.fail(node, "isinstance is asked of a value", "Only entities have types here.", "Pass an entity.")
        if len(ref.types) == 1:
            known = str(ref.types[0] in wanted)
            return known if ref.loop or known == "False" else f"({ref.row} >= 0)"
        if not wanted & set(ref.types):
            return "False"
        return f"({ref.row} >= 0 and ({' or '.join(f'{ref.tag} == {t}' for t in ref.types if t in wanted)}))"

    def helper_call(self, node: ast.expr) -> str | None:
        """Lower a call of a plain Python function; "" if it returns nothing, None if it is not such a call."""
        if not isinstance(node, ast.Call):
            return None
        function = self.outside(node.func)
        if not isinstance(function, types.FunctionType):
            return None
        if isinstance(node.func, ast.Name) and getattr(builtins, node.func.id, None) is function:
            return None  # Ray puts a Python function in the place of print
        return call_helper(self, node, function)
