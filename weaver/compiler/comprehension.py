"""`any`, `all`, `sum`, `min`, `max` over neighbours or constants, as loops."""

from __future__ import annotations

import ast
from collections.abc import Callable
from typing import TYPE_CHECKING

from weaver.compiler.search import Search
from weaver.compiler.walk import WALKS

if TYPE_CHECKING:
    from weaver.compiler.expression import Expressions


def reduce(low: Expressions, node: ast.Call) -> str:
    """Emit the loop of a reduction; the name that holds its result.

    Raises:
        BehaviorError: there are several loops in it, or min and max have no default for an empty one.
    """
    assert isinstance(node.func, ast.Name) and isinstance(node.args[0], (ast.GeneratorExp, ast.ListComp))
    word, generator = node.func.id, node.args[0]
    if len(generator.generators) != 1:
        low.fail(
            generator,
            f"{word} over several loops is asked for",
            "One expression loops over one neighbourhood.",
            "Write the loops as statements.",
        )
    options = {k.arg: k.value for k in node.keywords}
    default = options.get("default")
    constants = low.world_word(generator.generators[0].iter) is None
    if word in ("min", "max") and default is None and not constants:
        low.fail(
            node,
            f"{word} over neighbours has no default",
            "There may be none, and an empty loop has no least value.",
            f"Write {word}(..., default=0.0).",
        )
    result = low.temporary("all" if word == "all" else word)
    if word == "sum":
        start = node.args[1] if len(node.args) > 1 else options.get("start")
        low.emit(f"{result} = {low.value(start) if start is not None else '0'}")
    elif word in ("any", "all"):
        low.emit(f"{result} = {word == 'all'}")
    else:
        low.emit(f"{result} = {low.value(default) if default is not None else '0'}")
        low.emit(f"{result}seen_ = False")
    flag = f"{result}left_" if word in ("any", "all") else None
    if flag is not None:
        low.emit(f"{flag} = False")

    def element() -> None:
        if word in ("any", "all"):
            test = low.test(generator.elt)
            low.emit(f"if {test if word == 'any' else f'not {test}'}:")
            low.emit(f"    {result} = {word == 'any'}")
            low.emit(f"    {flag} = True")
            low.emit("    break")
            return
        code = low.value(generator.elt)
        if word == "sum":
            low.emit(f"{result} = {result} + {code}")
            return
        held = low.temporary()
        low.emit(f"{held} = {code}")
        low.emit(f"if not {result}seen_ or {held} {'<' if word == 'min' else '>'} {result}:")
        low.emit(f"    {result} = {held}")
        low.emit(f"    {result}seen_ = True")

    _loop(low, generator.generators[0], element, flag)
    return result


def _loop(low: Expressions, over: ast.comprehension, element: Callable[[], None], flag: str | None) -> None:
    def filtered() -> None:
        for condition in over.ifs:
            low.emit(f"if {low.test(condition)}:")
            low.depth += 1
        element()

    if low.world_word(over.iter) == "near":
        if not isinstance(over.target, ast.Name):
            low.fail(over.target, "a neighbour is unpacked", "It is one entity.", "Use one name.")
        Search(low, over.iter)._each(over.target.id, lambda row, type: filtered(), flag)
        return
    word = low.world_word(over.iter)
    if word in WALKS:
        assert isinstance(over.iter, ast.Call)
        depth = low.depth
        WALKS[word](low, over.target, over.iter, filtered, flag)
        low.depth = depth
        return
    names = [n.id for n in ast.walk(over.target) if isinstance(n, ast.Name)]
    before = {n: low.renamed.get(n) for n in names}
    for n in names:
        low.renamed[n] = low.temporary(n)[:-1] + "g"
    depth = low.depth
    low.emit(f"for {low.plain(over.target)} in {low.value(over.iter)}:")
    low.depth += 1
    filtered()
    low.depth = depth
    for n, name in before.items():
        if name is None:
            del low.renamed[n]
        else:
            low.renamed[n] = name
