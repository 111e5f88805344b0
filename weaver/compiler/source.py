"""The source of a function an author wrote: its syntax tree, its place in a file, and what its names mean."""

from __future__ import annotations

import ast
import builtins
import functools
import inspect
import linecache
import types
from collections.abc import Callable
from typing import Any

from weaver.errors import BehaviorError


class Unbound:
    """What `FunctionSource.resolve` returns for a name that means nothing."""


UNBOUND = Unbound()


class FunctionSource:
    """Where a function or lambda stands and what it says.

    Args:
        function: any Python function whose source file can be read.

    Attributes:
        node: its FunctionDef or Lambda, with the line numbers of the file.
        path: the file.
        lines: the file's lines.
        arguments: names of its positional arguments.

    Raises:
        BehaviorError: the source cannot be found, or it is not a plain function.
    """

    def __init__(self, function: Callable[..., Any]) -> None:
        if not isinstance(function, types.FunctionType):
            raise BehaviorError(
                f"{function!r} is used in a behavior, but it is not a function written in Python.\n"
                f"It cannot be compiled with the behavior.\n"
                f"Use a function declared with def, or one of the math module."
            )
        self.function = function
        self.path = inspect.getsourcefile(function) or function.__code__.co_filename
        self.lines = linecache.getlines(self.path, function.__globals__)
        if not self.lines:
            raise BehaviorError(
                f"the source of {function.__qualname__} was looked for in {self.path} and is not there.\n"
                f"Behaviors are compiled from their source.\n"
                f"Put the model in a .py file."
            )
        self.node = self._find(_tree("".join(self.lines)), function.__code__)
        self.arguments = [a.arg for a in (*self.node.args.posonlyargs, *self.node.args.args)]

    @property
    def name(self) -> str:
        """The function's name; "lambda" for one without."""
        return self.node.name if isinstance(self.node, ast.FunctionDef) else "lambda"

    def _find(self, tree: ast.Module, code: types.CodeType) -> ast.FunctionDef | ast.Lambda:
        lambdas = []
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef) and node.name == code.co_name:
                if min([node.lineno, *(d.lineno for d in node.decorator_list)]) == code.co_firstlineno:
                    return node
            if isinstance(node, ast.Lambda) and code.co_name == "<lambda>" and node.lineno == code.co_firstlineno:
                lambdas.append(node)
        if len(lambdas) > 1:  # several on one line: the one whose body the code's own positions lie in
            places = [
                (line, column)
                for line, end_line, column, end in code.co_positions()
                if line is not None and column is not None and (end_line, end) != (line, column)
            ]
            first = min(places)
            lambdas.sort(key=lambda n: _distance(n, first))
        if lambdas:
            return lambdas[0]
        raise BehaviorError(
            f"{code.co_name} was looked for at line {code.co_firstlineno} of {self.path} and is not there.\n"
            f"The file has changed since it was loaded, or the function was made in another way.\n"
            f"Load the file again."
        )

    def resolve(self, name: str) -> Any:
        """Value of a closure, global or builtin name now; UNBOUND if there is none."""
        function = self.function
        for free, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=True):
            if free == name:
                try:
                    return cell.cell_contents
                except ValueError:
                    return UNBOUND
        if name in function.__globals__:
            return function.__globals__[name]
        return getattr(builtins, name, UNBOUND)

    def error(self, node: ast.AST, what: str, why: str, fix: str) -> BehaviorError:
        """An error at a place of this source: file, line, the line with a caret, and three sentences."""
        line, column = getattr(node, "lineno", self.node.lineno), getattr(node, "col_offset", 0)
        text = self.lines[line - 1].rstrip("\n") if line <= len(self.lines) else ""
        indent = len(text) - len(text.lstrip())
        width = 1
        if getattr(node, "end_lineno", None) == line:
            width = max(1, (getattr(node, "end_col_offset", None) or column + 1) - column)
        caret = " " * max(0, column - indent) + "^" * min(width, max(1, len(text) - column))
        message = f"{self.path}:{line}: {what}\n    {text.strip()}\n    {caret}\n{why}\n{fix}"
        return BehaviorError(message, self.path, line)


def _distance(node: ast.Lambda, place: tuple[int, int]) -> tuple[int, int]:
    return (abs(node.body.lineno - place[0]), abs(node.body.col_offset - place[1]))


@functools.lru_cache(maxsize=16)
def _tree(text: str) -> ast.Module:
    return ast.parse(text)
