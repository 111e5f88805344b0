"""When numba refuses generated text: the author's line, in the author's terms."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from weaver.errors import BehaviorError

if TYPE_CHECKING:
    from weaver.compiler.build import Written


def blame(written: Written, cause: Exception) -> BehaviorError:
    """Turn numba's error into one that names the author's line; numba's text stays attached as the cause."""
    text = str(cause)
    lines = written.text.splitlines()
    places = [int(n) for n in re.findall(r"program\.py\D{1,12}(\d+)", text)]
    for place in places:  # the innermost comes first
        if not 0 < place <= len(lines):
            continue
        match = re.search(r"  # (\d+)$", lines[place - 1])
        if match is None:
            continue
        number = int(match[1])
        path, source = _source(written, lines, place)
        line = source[number - 1].rstrip("\n") if source and number <= len(source) else lines[place - 1].strip()
        why, fix = _reason(text, line)
        return BehaviorError(
            f"{path}:{number}: this line does not fit together\n    {line.strip()}\n    ^\n{why}\n{fix}", path, number
        )
    return BehaviorError(
        f"the behaviors of {written.plan.model.sim.name} could not be compiled: {text.partition(chr(10))[0]}\n"
        f"The generated text is shown by `weaver explain`.\n"
        f"Check which values are numbers, vectors and entities; a variable keeps one type."
    )


def _reason(text: str, line: str) -> tuple[str, str]:
    """Why numba refused, and what helps, in the author's words."""
    check = "Check which are numbers, vectors and entities; a variable keeps one type."
    if "failed to unpack Vec" in text:
        return "A vector is not unpacked.", "Write x, y = v.x, v.y."
    call = re.search(r">>> (\w+)\((.*)\)", text)
    if call is not None:
        types = [_type_words(t) for t in _split(call[2])]
        if call[1] == "reciprocal":
            return "An int to a negative power has no int value.", "Write a negative float, like -2.0, or divide."
        symbol = _SYMBOLS.get(call[1], call[1])
        if call[1] in ("bool", "truth") and types and "Vec" in types[0]:
            return "A vector is neither true nor false.", "Write v != wv.Vec2() or v.length() > 0."
        if symbol == "[ ]" and types and "Vec" in types[0]:
            return "A vector is not indexed.", "Write v.x, v.y or v.z."
        if call[1] == "abs" and "Vec" in call[2]:
            return "A vector has no absolute value.", "Write v.length()."
        if any(t == "a tuple" for t in types):
            check = "Write wv.Vec2(x, y) or wv.Vec3(x, y, z) where a vector is meant; a tuple has no arithmetic."
        elif call[1] == "add" and "sum(" in line:
            check = "A sum begins with the number 0: write sum((... for ...), wv.Vec2()) to add vectors."
        elif sum("Vec" in t for t in types) == 1 and len(types) == 2:
            check = "Write v.length() or v.x for a number of it, or make the other value a vector too."
        elif sum("Vec" in t for t in types) == 2:
            check = "Write v.dot(w) or v.cross(w) for products; both must have the same number of components."
        return f"`{symbol}` is not defined for {' and '.join(types) or 'these values'}.", check
    unify = re.search(r"Cannot unify (.+?) and (.+?) for '(\w+?)(?:_v_)?(?:\.\d+)?'", text)
    if unify is not None:
        first, second = _type_words(unify[1]), _type_words(unify[2])
        name = re.sub(r"^me_(\w+)_$", r"\1", unify[3])
        return f"{name!r} is {first} on one path and {second} on another.", f"Start {name!r} with a value of one type."
    attribute = re.search(r"Unknown attribute '(\w+)' of type (\S+)", text)
    if attribute is not None:
        return f"{_type_words(attribute[2]).capitalize()} has no .{attribute[1]}.", check
    return "Its values have types that cannot be combined here.", check


_SYMBOLS = {
    "add": "+", "iadd": "+", "sub": "-", "isub": "-", "mul": "*", "imul": "*", "truediv": "/", "itruediv": "/",
    "mod": "%", "pow": "**", "power": "**", "floordiv": "//", "floor_divide": "//", "lt": "<", "le": "<=", "gt": ">",
    "ge": ">=", "eq": "==", "ne": "!=", "getitem": "[ ]", "static_getitem": "[ ]", "neg": "-", "and_": "&", "or_": "|",
    "xor": "^", "lshift": "<<", "shift_left": "<<", "rshift": ">>", "shift_right": ">>", "to_int": "int",
}  # fmt: skip


def _split(arguments: str) -> list[str]:
    """The types of a signature: split at commas that stand in no brackets."""
    parts, depth = [""], 0
    for c in arguments:
        depth += (c in "([{") - (c in ")]}")
        if c == "," and depth == 0:
            parts.append("")
        else:
            parts[-1] += c
    return [p for p in parts if p.strip()]


def _type_words(name: str) -> str:
    """`float64` as "a number"."""
    name = name.strip().strip("'\"")
    if name.startswith("Vec"):
        return f"a {name}"
    if "Tuple" in name:
        return "a tuple"
    if name.startswith(("bool", "Literal[bool]")):
        return "a bool"
    return "a number" if re.match(r"(u?int|float|Literal\[(int|float))", name) else f"a {name}"


def _source(written: Written, lines: list[str], place: int) -> tuple[str, list[str]]:
    """File and lines of the function that a generated line belongs to."""
    for line in reversed(lines[:place]):
        match = re.match(r"def (\w+)\(", line)
        source = written.plan.model.sources.get(match[1]) if match else None
        if source is not None:
            return source.path, source.lines
    return "", []
