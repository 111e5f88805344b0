"""Loops over what a word of the world gives one by one, as a `for` statement or within a reduction."""

from __future__ import annotations

import ast
from collections.abc import Callable
from typing import TYPE_CHECKING

from weaver.compiler import footing, links, messages
from weaver.compiler.layers import walk_cells
from weaver.compiler.search import leaves

if TYPE_CHECKING:
    from weaver.compiler.expression import Expressions
    from weaver.compiler.lower import Lowering

Walk = Callable[["Expressions", ast.expr, ast.Call, Callable[[], None], "str | None"], None]
"""`walk(low, target, call, body, flag)` emits the loops around `body`, which emits what is done with one; once the name
`flag`, if there is one, is True and a `break` has left the innermost loop, the others must end too."""

WALKS: dict[str, Walk] = {
    "inbox": messages.walk,
    "around": walk_cells,
    "beside": walk_cells,
    "links": links.walk,
    "neighbors": footing.walk_neighbors,
    "free_sites": footing.walk_free_sites,
}


def for_loop(low: Lowering, node: ast.For, walk: Walk) -> None:
    """`for target in world.word(...)`, with `break`, `continue` and `else`."""
    assert isinstance(node.iter, ast.Call)
    flag = low.temporary("left") if leaves(node.body) else None
    if flag is not None:
        low.emit(f"{flag} = False")

    def body() -> None:
        low.breaks.append(flag)
        low.depth -= 1
        low.block(node.body)
        low.depth += 1
        low.breaks.pop()

    walk(low, node.target, node.iter, body, flag)
    if node.orelse:
        if flag is not None:
            low.emit(f"if not {flag}:")
            low.block(node.orelse)
        else:
            for statement in node.orelse:
                low.statement(statement)
