"""Calls in expressions: of the world, of a vector's method, of functions of Python, math and numpy, of helpers."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, NoReturn

import numpy as np

from weaver.compiler.advice import INSTEAD
from weaver.compiler.columns import length, table_of
from weaver.compiler.comprehension import reduce
from weaver.compiler.elements import array_field
from weaver.compiler.source import UNBOUND
from weaver.compiler.words import world_call
from weaver.field import VECTORS
from weaver.vector import polar

if TYPE_CHECKING:
    from weaver.compiler.expression import Expressions

VECTOR_METHODS = ("length", "length2", "dot", "cross", "normalized", "clamped", "rotated", "angle")
MATH = (
    "acos", "acosh", "asin", "asinh", "atan", "atan2", "atanh", "ceil", "copysign", "cos", "cosh", "degrees",
    "erf", "erfc", "exp", "expm1", "fabs", "floor", "gamma", "hypot", "isfinite", "isinf", "isnan", "lgamma",
    "log", "log10", "log1p", "log2", "pow", "radians", "sin", "sinh", "sqrt", "tan", "tanh", "trunc",
)  # fmt: skip
NUMPY = (
    "abs", "arccos", "arcsin", "arctan", "arctan2", "ceil", "cos", "cosh", "exp", "exp2", "expm1", "floor",
    "hypot", "log", "log10", "log1p", "log2", "sign", "sin", "sinh", "sqrt", "tan", "tanh", "isnan", "isfinite",
)  # fmt: skip
BUILTINS = ("abs", "min", "max", "int", "float", "bool", "round", "range", "len", "pow", "divmod")

_WHOLE = {"floor": "floor", "ceil": "ceiling", "trunc": "truncate"}


def call(low: Expressions, node: ast.Call) -> str:
    """A call: of the world, a vector's method, a known function, or a helper."""
    word = low.world_word(node)
    if word is not None:
        return world_call(low, node, word)
    if any(isinstance(a, ast.Starred) for a in node.args) or any(k.arg is None for k in node.keywords):
        low.fail(node, "* and ** cannot be used in a call", "The arguments must be plain.", "Write them out.")
    if isinstance(node.func, ast.Name) and node.func.id in ("any", "all", "sum", "min", "max"):
        if node.args and isinstance(node.args[0], (ast.GeneratorExp, ast.ListComp)):
            return reduce(low, node)
    function = low.outside(node.func)
    if function is UNBOUND:
        if isinstance(node.func, ast.Attribute) and node.func.attr in VECTOR_METHODS:
            base, *arguments = low.values([node.func.value, *node.args, *(k.value for k in node.keywords)])
            return f"{base}.{node.func.attr}({', '.join(arguments)})"
        _not_callable(low, node)
    if (isinstance(function, type) and function in VECTORS) or function is polar:
        codes = low.values([*node.args, *(k.value for k in node.keywords)])
        names = ["" for _ in node.args] + [f"{k.arg}=" for k in node.keywords]
        name = function.__name__
        return f"{name}({', '.join(n + c for n, c in zip(names, codes, strict=True))})"
    if function is isinstance:
        return low.instance_test(node)
    module = getattr(function, "__module__", None)
    name = getattr(function, "__name__", "")
    if module == "math" and name in _WHOLE:
        return f"{_WHOLE[name]}({', '.join(low.values(node.args))})"
    if module == "math" and name in MATH:
        return f"math.{name}({', '.join(low.values(node.args))})"
    if name in NUMPY and function is getattr(np, name):
        return f"np.{name}({', '.join(low.values(node.args))})"
    if module == "builtins" and name in BUILTINS:
        return _builtin(low, node, name)
    code = low.helper_call(node)
    if code is None:
        _not_callable(low, node)
    if code == "":
        low.fail(
            node,
            f"{ast.unparse(node.func)}(...) is used as a value, but it returns nothing",
            "There is no value to use.",
            "Return one from it, or call it on a line of its own.",
        )
    return code


def _not_callable(low: Expressions, node: ast.Call) -> NoReturn:
    """The error for a call that cannot be compiled."""
    name = ast.unparse(node.func)
    base, _, last = name.rpartition(".")
    if isinstance(node.func, ast.Attribute) and base == low.me and last not in INSTEAD:
        kind = low.model.kinds[low.me_type]
        if hasattr(kind, last):
            low.fail(
                node,
                f"{name}(...) cannot be called in a behavior",
                "Entities have fields; functions take them as an argument.",
                f"Write {kind.__name__}.{last}({', '.join([base, *map(ast.unparse, node.args)])}).",
            )
    random = "random" in base.split(".")
    low.fail(
        node,
        f"{name}(...) cannot be called in a behavior",
        "It would give other numbers in every process."
        if random
        else "It is neither a word of the world, a function of math, nor a plain Python function.",
        "Use world.random(), world.uniform(low, high), world.normal(mean, std), world.integer(low, high)."
        if random
        else INSTEAD.get(last, "Write it as a function with def, or use math."),
    )


def _builtin(low: Expressions, node: ast.Call, name: str) -> str:
    """abs, min, max, int, float, bool, round, range and len."""
    if name == "len" and node.args and low.world_word(node.args[0]) == "near":
        low.fail(
            node,
            "len(world.near(...)) is asked for",
            "Neighbours are a loop, not a list.",
            f"Write world.count({ast.unparse(node.args[0]).split('(', 1)[1]}.",
        )
    array = array_field(low, node.args[0]) if name == "len" and node.args else None
    if array is not None:
        return str(array.length)
    table = table_of(low, node.args[0]) if name == "len" and node.args else None
    if table is not None:
        return length(low, table)
    if node.keywords:
        low.fail(node, f"{name} takes no keywords here", "Only plain values.", "Leave them out.")
    if name in ("bool",):
        return f"bool({low.test(node.args[0])})" if node.args else "False"
    codes = low.values(node.args)
    if name == "int":
        return f"to_int({', '.join(codes)})" if codes else "0"
    if name == "round" and len(codes) == 1:
        return f"round_even({codes[0]})"
    if name == "pow" and len(codes) == 2:
        return f"power({codes[0]}, {codes[1]})"
    if name == "float":
        return f"np.float64({', '.join(codes)})" if codes else "0.0"
    return f"{name}({', '.join(codes)})"
