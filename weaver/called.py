"""Which words of the world a function calls, itself or in the functions that it calls."""

from __future__ import annotations

import ast
import types
from collections.abc import Callable, Iterator
from typing import Any

from weaver.compiler.source import UNBOUND, FunctionSource


def called(function: Any, seen: set[Callable[..., Any]] | None = None) -> Iterator[tuple[FunctionSource, ast.Call]]:
    """Every call `something.word(...)` in a function and in those it calls by name, with the source it stands in."""
    seen = set() if seen is None else seen
    if not isinstance(function, types.FunctionType) or function in seen or function.__module__ == "weaver.vector":
        return
    seen.add(function)
    source = FunctionSource(function)
    for node in ast.walk(source.node):
        if not isinstance(node, ast.Call):
            continue
        if isinstance(node.func, ast.Attribute):
            yield source, node
        value = evaluated(source, node.func)
        if isinstance(value, types.FunctionType):
            yield from called(value, seen)


def evaluated(source: FunctionSource, node: ast.expr) -> Any:
    """The value of a name or dotted name from outside; UNBOUND if it is none."""
    if isinstance(node, ast.Name):
        return UNBOUND if node.id in source.arguments else source.resolve(node.id)
    if isinstance(node, ast.Attribute):
        value = evaluated(source, node.value)
        return UNBOUND if value is UNBOUND else getattr(value, node.attr, UNBOUND)
    return UNBOUND


def classes_named(function: Any, word: str, base: type) -> list[type[Any]]:
    """The subclasses of `base` that calls of a word name as an argument."""
    found: dict[type, None] = {}
    for source, call in called(function):
        if isinstance(call.func, ast.Attribute) and call.func.attr == word:
            for argument in [*call.args, *(k.value for k in call.keywords)]:
                value = evaluated(source, argument)
                if isinstance(value, type) and issubclass(value, base):
                    found.setdefault(value)
    return list(found)
