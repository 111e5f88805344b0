"""The words of `world` that are expressions: draws, offset, wrap, count, wall, clear."""

from __future__ import annotations

import ast
from collections.abc import Callable
from typing import TYPE_CHECKING

from weaver.compiler import footing
from weaver.compiler.constants import constant
from weaver.compiler.layers import gradient
from weaver.compiler.model import MAYBE
from weaver.compiler.observing import observed
from weaver.compiler.scope import DRAWS
from weaver.compiler.search import Search
from weaver.obstacles import NAMES

if TYPE_CHECKING:
    from weaver.compiler.expression import Expressions

_SIGNATURES = {
    "random": (),
    "uniform": (("low", "0.0"), ("high", "1.0")),
    "normal": (("mean", "0.0"), ("std", "1.0")),
    "exponential": (("mean", "1.0"),),
    "integer": (("low", None), ("high", None)),
    "choice": (("values", None),),
    "unit2": (),
    "unit3": (),
}
_FUNCTIONS = {"random": "uniform", "uniform": "uniform_between"}


def draw(low: Expressions) -> str:
    """Text of the arguments that name one draw: key, id, tick, number."""
    low.draws = True
    return f"{low.need('key_')}, {low.need('id_')}, {low.need('tick_')}, next_draw({low.need('status_')})"


def world_call(low: Expressions, node: ast.Call, word: str) -> str:
    """Text of `world.word(...)` as a value.

    Raises:
        BehaviorError: the word does not exist, its arguments do not fit, or it is not a value.
    """
    if word == "near":
        low.fail(
            node,
            "world.near(...) is used as a value",
            "Neighbours are a loop, not a list: they are never stored.",
            "Write `for other in world.near(...):`, or any, all, sum, min or max over it; world.count(...) counts.",
        )
    if word == "count":
        return Search(low, node).count()
    if word in MAYBE:
        low.fail(
            node,
            f"world.{word}(...) is used within an expression",
            "It may be None, which has no fields.",
            f"Assign it first: best = world.{word}(...), then `if best:`.",
        )
    if word == "at":
        low.fail(
            node,
            "world.at(...) is used as a value",
            "It is a cell, and a cell's row is no number.",
            f"Read a field of it, {ast.unparse(node)}.level, or give it a name: cell = {ast.unparse(node)}.",
        )
    if word in VALUES:
        return VALUES[word](low, node)
    if word in DRAWS:
        return _draw(low, node, word)
    low.no_word(node.func)


def _arguments(low: Expressions, node: ast.Call, names: list[str]) -> dict[str, ast.expr]:
    bound = dict(zip(names, node.args, strict=False))
    extra = [k.arg for k in node.keywords if k.arg not in names or k.arg in bound]
    if len(node.args) > len(names) or extra:
        low.fail(
            node,
            f"{ast.unparse(node.func)} is called with arguments that it does not have",
            f"It takes ({', '.join(names)}).",
            "Leave the others out.",
        )
    bound.update({k.arg: k.value for k in node.keywords if k.arg})
    return bound


def _draw(low: Expressions, node: ast.Call, word: str) -> str:
    signature = _SIGNATURES[word]
    bound = _arguments(low, node, [n for n, _ in signature])
    missing = [n for n, default in signature if default is None and n not in bound]
    if missing:
        low.fail(
            node,
            f"{ast.unparse(node.func)} lacks {', '.join(missing)}",
            "There is no range to draw from.",
            f"Write {ast.unparse(node.func)}({', '.join(n for n, _ in signature)}).",
        )
    given = low.values([bound[n] for n, _ in signature if n in bound])
    codes = dict(zip([n for n, _ in signature if n in bound], given, strict=True))
    rest = [codes.get(n, default) for n, default in signature]
    if word == "choice":
        values = low.temporary("values")
        low.emit(f"{values} = {rest[0]}")
        return f"{values}[integer({draw(low)}, 0, len({values}))]"
    call = f"{_FUNCTIONS.get(word, word)}({', '.join([draw(low), *(str(r) for r in rest)])})"
    return f"{word}_vector({call})" if word in ("unit2", "unit3") else call


def _position(low: Expressions, node: ast.expr) -> str:
    """Emit the position of an entity or a place; its name."""
    held = low.temporary("p")
    if isinstance(node, ast.Name) and node.id in low.own:
        code = low.value(ast.copy_location(ast.Attribute(node, "position", ast.Load()), node))
    else:
        ref = low.reference(node)
        place = ast.copy_location(ast.Attribute(node, "position"), node)
        code = low.read_other(place, ref) if ref is not None else low.value(node)
    low.emit(f"{held} = {code}")
    return held


def _offset(low: Expressions, node: ast.Call) -> str:
    bound = _arguments(low, node, ["a", "b"])
    if len(bound) != 2:
        low.fail(node, "world.offset lacks an argument", "An offset has two ends.", "Write world.offset(a, b).")
    a, b = _position(low, bound["a"]), _position(low, bound["b"])
    parts = []
    for axis, boundary in zip(low.model.axes, low.model.sim.box.boundaries, strict=True):
        d = f"np.float64({b}.{axis}) - {a}.{axis}"
        parts.append(f"nearest_image({d}, length_{axis}_)" if boundary == "periodic" else d)
    return f"Vec{low.model.dim}({', '.join(parts)})"


def _wrap(low: Expressions, node: ast.Call) -> str:
    bound = _arguments(low, node, ["position"])
    if len(bound) != 1:
        low.fail(node, "world.wrap lacks its argument", "It wraps one place.", "Write world.wrap(position).")
    p = _position(low, bound["position"])
    parts = []
    for axis, boundary in zip(low.model.axes, low.model.sim.box.boundaries, strict=True):
        inside = f"wrapped({p}.{axis}, low_{axis}_, high_{axis}_, length_{axis}_)"
        parts.append(inside if boundary == "periodic" else f"{p}.{axis}")
    return f"Vec{low.model.dim}({', '.join(parts)})"


def _obstacles(low: Expressions, node: ast.Call, names: list[str], example: str) -> tuple[dict[str, ast.expr], str]:
    """The arguments of a word about geometry, and the text of the arrays that it looks into."""
    bound = _arguments(low, node, names)
    if len(bound) != len(names):
        low.fail(node, f"{ast.unparse(node.func)} lacks an argument", f"It takes ({', '.join(names)}).", example)
    if low.model.sim.obstacles is None:
        low.fail(
            node,
            f"{ast.unparse(node.func)} is used, but no geometry was declared",
            "There is nothing that could be in the way.",
            "Declare it before the run: sim.geometry(segments=[((0, 0), (0, 5))]).",
        )
    return bound, ", ".join(low.need(name) for name in NAMES)


def _parts_of(low: Expressions, node: ast.expr) -> str:
    place = _position(low, node)
    return ", ".join(f"np.float64({place}.{a})" for a in low.model.axes)


def _wall(low: Expressions, node: ast.Call) -> str:
    bound, arrays = _obstacles(low, node, ["position", "radius"], "Write world.wall(me.position, 2.0).")
    number, parameter = low.radius(bound["radius"])
    radius = constant(number) if parameter is None else f"np.float64({low.captured(bound['radius'], parameter)})"
    dim, held = low.model.dim, low.temporary("wall")
    low.emit(f"{held} = wall{dim}({_parts_of(low, bound['position'])}, {radius}, {arrays})")
    return f"Wall(Vec{dim}({', '.join(f'{held}[{k}]' for k in range(dim))}), {held}[{dim}])"


def _clear(low: Expressions, node: ast.Call) -> str:
    bound, arrays = _obstacles(low, node, ["a", "b"], "Write world.clear(me, other).")
    return f"clear{low.model.dim}({_parts_of(low, bound['a'])}, {_parts_of(low, bound['b'])}, {arrays})"


VALUES: dict[str, Callable[[Expressions, ast.Call], str]] = {
    "offset": _offset,
    "wrap": _wrap,
    "wall": _wall,
    "clear": _clear,
    "gradient": gradient,
    "free": footing.free,
    "moved": footing.moved,
    "observed": observed,
}
"""Words that are values: each returns their text."""
