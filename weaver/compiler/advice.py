"""What to write in place of Python that people try first."""

from __future__ import annotations

import ast

INSTEAD = {
    "print": "Leave it out, and look at fields with run.entities(...).",
    "append": "Compute what you need within the loop: a sum, a count, the best so far.",
    "list": "Loop over it, or use any, all, sum, min or max; world.count(...) counts.",
    "sorted": "Keep the best so far in a variable, or use world.nearest(...).",
    "enumerate": "Count in a variable, or loop over `range(len(values))` and take values[k].",
    "zip": "Put the values together outside: `for a, b in ((1, 2.0), (3, 4.0)):`.",
    "clip": "Write min(max(x, low), high).",
    "maximum": "Write max(a, b).",
    "minimum": "Write min(a, b).",
    "norm": "Write v.length().",
    "distance": "Write world.offset(a, b).length().",
    "dist": "Write world.offset(a, b).length().",
    "where": "Write a if condition else b.",
    "array": "Write wv.Vec2(x, y) or wv.Vec3(x, y, z).",
    "normalize": "Write v.normalized().",
}
"""Last name of a call -> advice."""


def without_in(node: ast.Compare) -> str:
    """`x in (1, 2)` as comparisons."""
    values = node.comparators[0]
    if (
        len(node.ops) == 1
        and isinstance(node.ops[0], (ast.In, ast.NotIn))
        and isinstance(values, (ast.Tuple, ast.List))
    ):
        inside = isinstance(node.ops[0], ast.In)
        parts = [f"{ast.unparse(node.left)} {'==' if inside else '!='} {ast.unparse(v)}" for v in values.elts]
        return f"Write {(' or ' if inside else ' and ').join(parts)}."
    return "Write it with ==, !=, <, <=, >, >= joined by `or`, or as any(x == k for k in values)."
