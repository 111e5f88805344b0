"""What an author says of a field beside its declaration: the unit and a few words, for those who read recordings."""

from __future__ import annotations

import ast
import inspect
import re
import textwrap
from typing import NamedTuple

from weaver.field import Declared

__all__ = ["Description", "descriptions_of"]

_ONE = r"(?:[munkMGcdµ]?(?:mol|cd|Hz|Pa|eV|rad|m|g|s|A|K|N|J|W|C|V|L)|deg|min|h|day|year|%|1)(?:\^?-?\d|[²³])?"
_UNIT = re.compile(rf"{_ONE}(?:[·*/ ]{_ONE})*")


class Description(NamedTuple):
    """What is said of a field; either may be empty."""

    unit: str
    text: str


def descriptions_of(kind: type[Declared]) -> dict[str, Description]:
    """Field name -> what its class says of it.

    It is said by a comment behind the field, or by a string below it: `pace: float  # m/s, when nobody is in the way`.
    What stands before the first comma is the unit if it is written as one (m, m/s^2, 1/day, kg*m/s, %). Where the
    source cannot be had, as of a class that was made by exec, nothing is said of its fields.
    """
    said: dict[str, Description] = {}
    for base in reversed(kind.__mro__):
        if issubclass(base, Declared) and base.__module__.partition(".")[0] != "weaver":
            said.update(_declared(base))
    return {name: said[name] for name in kind.__fields__ if name in said}


def _declared(kind: type) -> dict[str, Description]:
    try:
        text = textwrap.dedent(inspect.getsource(kind))
        body = ast.parse(text).body[0]
    except (OSError, TypeError, SyntaxError):
        return {}
    if not isinstance(body, ast.ClassDef):
        return {}
    lines, found = text.splitlines(), {}
    for statement, after in zip(body.body, [*body.body[1:], None], strict=True):
        if not (isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name)):
            continue
        line = lines[(statement.end_lineno or 1) - 1].encode()[statement.end_col_offset :].decode()
        words = line.strip().removeprefix("#").strip() if line.strip().startswith("#") else ""
        if isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant) and isinstance(after.value.value, str):
            words = inspect.cleandoc(after.value.value)
        if words:
            found[statement.target.id] = _parsed(words)
    return found


def _parsed(words: str) -> Description:
    unit, _, rest = words.partition(",")
    if _UNIT.fullmatch(unit.strip()):
        return Description(unit.strip(), rest.strip())
    return Description("", words)
