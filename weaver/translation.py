"""A behavior's function as plain Python with Weaver's arithmetic, for the interpreter.

The source is parsed, every operator becomes a call of `weaver.arithmetic`, and every name from outside the function
gets the value it has now; a parameter becomes a look-up of its current value. Functions that it calls go the same way.
"""

from __future__ import annotations

import ast
import copy
import enum
import types
from collections.abc import Callable, Mapping
from typing import Any

from weaver.arithmetic import OPERATORS, function, to_int
from weaver.compiler.constants import NotConstant, constant
from weaver.compiler.flow import assigned_names, target_names
from weaver.compiler.source import UNBOUND, FunctionSource
from weaver.parameter import Parameter
from weaver.table import Table
from weaver.vector import Vec2, Vec2f, Vec3, Vec3f

# Names with a dot cannot be written by an author, so they hide nothing of his.
_CHAIN, _SAME, _PARAMETER, _CAPTURED = "weaver.chain", "weaver.same", "weaver.parameter", "weaver.captured."
_STATE = "weaver.state"
_CONSTANTS = {
    "Vec2": Vec2,
    "Vec3": Vec3,
    "Vec2f": Vec2f,
    "Vec3f": Vec3f,
    "__builtins__": {"True": True, "False": False},
}


class Translator:
    """Turns functions into interpreted ones.

    Args:
        parameters: name -> current value, looked up at every use.
        same: whether two values are the same object (`is`).
        is_kind: whether an entity is of a type (`isinstance`).
    """

    def __init__(
        self, parameters: Mapping[str, float], same: Callable[[Any, Any], bool], is_kind: Callable[[Any, Any], bool]
    ) -> None:
        self._is_kind = is_kind
        self._done: dict[Callable[..., Any], types.FunctionType] = {}
        self._base: dict[str, Any] = {f"weaver.{name}": op for name, op in OPERATORS.items()}
        self._base |= {_CHAIN: _chain, _SAME: same, _PARAMETER: parameters.__getitem__, _STATE: to_int}

    def function(self, original: Callable[..., Any]) -> types.FunctionType:
        """The interpreted twin of a function.

        Raises:
            BehaviorError: its source cannot be found.
        """
        if original in self._done:
            return self._done[original]
        source = FunctionSource(original)
        names: dict[str, Any] = dict(self._base)
        body = _Rewriter(source, names, self).visit(copy.deepcopy(source.node))
        if isinstance(body, ast.Lambda):
            returned = ast.copy_location(ast.Return(body.body), body)
            body = ast.copy_location(ast.FunctionDef("function", body.args, [returned], []), body)
        body.name, body.decorator_list, body.returns = "function", [], None
        for argument in (*body.args.posonlyargs, *body.args.args, *body.args.kwonlyargs):
            argument.annotation = None
        body.args.defaults = [ast.Constant(None) for _ in body.args.defaults]
        body.args.kw_defaults = [default and ast.Constant(None) for default in body.args.kw_defaults]
        tree = ast.fix_missing_locations(ast.Module([body], []))
        exec(compile(tree, source.path, "exec"), names)
        made: types.FunctionType = names.pop("function")
        # before the values are captured: functions may call each other in a circle
        self._done[original] = made
        made.__name__, made.__qualname__ = original.__name__, original.__qualname__
        made.__code__ = made.__code__.replace(co_name=original.__name__)  # a debugger shows it
        made.__defaults__ = original.__defaults__ and tuple(self.captured(d) for d in original.__defaults__)
        made.__kwdefaults__ = original.__kwdefaults__ and {
            name: self.captured(d) for name, d in original.__kwdefaults__.items()
        }
        for name in [n for n in names if n not in self._base]:
            names[name] = self.captured(names[name])
        return made

    def captured(self, value: Any) -> Any:
        """A value from outside, as a behavior sees it: constants as kernels hold them, functions interpreted."""
        if value is isinstance:
            return self._is_kind
        if isinstance(value, Table):
            return _Columns(value)
        if isinstance(value, types.FunctionType) and value.__module__ != "weaver.vector":
            return self.function(value)
        try:
            return eval(constant(value), {**_CONSTANTS, "np": _Special})  # the very text that kernels hold
        except NotConstant:
            return function(value)


class _Columns:
    """A table as a behavior reads it: its columns as tuples of numbers."""

    def __init__(self, table: Table) -> None:
        self._n = len(table)
        for name, column in table.columns.items():
            setattr(self, name, tuple(column.tolist()))

    def __len__(self) -> int:
        return self._n


class _Special:
    """The two numbers that have no literal."""

    nan, inf = float("nan"), float("inf")


def _chain(names: tuple[str, ...], first: Any, *rest: Callable[[], Any]) -> Any:
    """`first < a <= b`: each operand evaluated once, none after the first comparison that fails."""
    left, result = first, True
    for name, operand in zip(names, rest, strict=True):
        right = operand()
        result = OPERATORS[name](left, right)
        if not result:
            return result
        left = right
    return result


class _Rewriter(ast.NodeTransformer):
    """Replaces operators and outer names; fills `names` with the raw values of the latter."""

    def __init__(self, source: FunctionSource, names: dict[str, Any], translator: Translator) -> None:
        self.source, self.names, self.translator = source, names, translator
        node = source.node
        rest = (*node.args.kwonlyargs, *(a for a in (node.args.vararg, node.args.kwarg) if a))
        self.local = [{*source.arguments, *(a.arg for a in rest), *assigned_names(node)}]

    def _outer(self, name: str) -> Any:
        if any(name in scope for scope in self.local):
            return UNBOUND
        return self.source.resolve(name)

    # ---- Names ----

    def visit_Name(self, node: ast.Name) -> ast.expr:
        value = self._outer(node.id) if isinstance(node.ctx, ast.Load) else UNBOUND
        return node if value is UNBOUND else self._value(node, node.id, value)

    def visit_Attribute(self, node: ast.Attribute) -> ast.expr:
        path, root = [node.attr], node.value
        while isinstance(root, ast.Attribute):
            path.append(root.attr)
            root = root.value
        value = self._outer(root.id) if isinstance(root, ast.Name) else UNBOUND
        for name in reversed(path):
            if value is UNBOUND or isinstance(value, (Parameter, Table)) or not hasattr(value, name):
                return self.generic_visit(node)  # type: ignore[return-value]
            value = getattr(value, name)
        return self._value(node, _CAPTURED + ast.unparse(node), value)

    def visit_Call(self, node: ast.Call) -> ast.AST:
        value = self._outer(node.func.id) if isinstance(node.func, ast.Name) else UNBOUND
        if isinstance(value, type) and issubclass(value, enum.IntEnum) and len(node.args) == 1:
            return _call(node, _STATE, self.visit(node.args[0]))  # a state is its number
        return self.generic_visit(node)

    def _value(self, node: ast.expr, name: str, value: Any) -> ast.expr:
        if isinstance(value, Parameter):
            return _call(node, _PARAMETER, ast.Constant(value.name))
        self.names[name] = value
        return ast.copy_location(ast.Name(name, ast.Load()), node)

    # ---- Operators ----

    def visit_BinOp(self, node: ast.BinOp) -> ast.expr:
        return _call(node, _operator(node.op), self.visit(node.left), self.visit(node.right))

    def visit_UnaryOp(self, node: ast.UnaryOp) -> ast.expr:
        self.generic_visit(node)
        return node if isinstance(node.op, ast.Not) else _call(node, _operator(node.op), node.operand)

    def visit_Compare(self, node: ast.Compare) -> ast.expr:
        self.generic_visit(node)
        identity = isinstance(node.ops[0], (ast.Is, ast.IsNot))
        if len(node.ops) == 1 and identity:
            same = _call(node, _SAME, node.left, node.comparators[0])
            negated = isinstance(node.ops[0], ast.IsNot)
            return ast.copy_location(ast.UnaryOp(ast.Not(), same), node) if negated else same
        if any(isinstance(op, (ast.In, ast.NotIn, ast.Is, ast.IsNot)) for op in node.ops):
            return node
        if len(node.ops) == 1:
            return _call(node, _operator(node.ops[0]), node.left, node.comparators[0])
        names = ast.Tuple([ast.Constant(type(op).__name__) for op in node.ops], ast.Load())
        empty = ast.arguments([], [], None, [], [], None, [])
        return _call(node, _CHAIN, names, node.left, *(ast.Lambda(empty, operand) for operand in node.comparators))

    def visit_AugAssign(self, node: ast.AugAssign) -> ast.stmt | list[ast.stmt]:
        value, before, target = self.visit(node.value), [], node.target
        if isinstance(target, ast.Subscript):  # container and index are evaluated once
            parts = {"weaver.container": self.visit(target.value), "weaver.index": self.visit(target.slice)}
            before = [
                ast.copy_location(ast.Assign([ast.Name(name, ast.Store())], part), node) for name, part in parts.items()
            ]
            container, index = (ast.Name(name, ast.Load()) for name in parts)
            target = ast.Subscript(container, index, ast.Store())
        read = copy.deepcopy(target)
        read.ctx = ast.Load()
        result = _call(node, _operator(node.op), read, value)
        return [*before, ast.copy_location(ast.Assign([target], result), node)]

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.stmt:
        if node.value is None:
            return ast.copy_location(ast.Pass(), node)
        return ast.copy_location(ast.Assign([self.visit(node.target)], self.visit(node.value)), node)

    def visit_Subscript(self, node: ast.Subscript) -> ast.expr:
        self.generic_visit(node)
        result = node.value
        for index in node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]:  # t[i, j] is t[i][j]
            result = ast.copy_location(ast.Subscript(result, index, node.ctx), node)
        return result

    # ---- Scopes inside the function ----

    def visit_Lambda(self, node: ast.Lambda) -> ast.Lambda:
        return self._scoped(node, {a.arg for a in node.args.args})  # type: ignore[return-value]

    def _comprehension(self, node: Any) -> ast.AST:
        return self._scoped(node, {name for part in node.generators for name in target_names(part.target)})

    visit_GeneratorExp = visit_ListComp = visit_SetComp = visit_DictComp = _comprehension

    def _scoped(self, node: ast.AST, names: set[str]) -> ast.AST:
        self.local.append(names)
        self.generic_visit(node)
        self.local.pop()
        return node


def _operator(op: ast.AST) -> str:
    return f"weaver.{type(op).__name__}"


def _call(node: ast.AST, name: str, *arguments: ast.expr) -> ast.expr:
    call = ast.Call(ast.Name(name, ast.Load()), list(arguments), [])
    return ast.fix_missing_locations(ast.copy_location(call, node))
