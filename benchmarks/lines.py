"""Lines of the apps beside those of other tools: `python -m benchmarks.lines`.

Counted are the lines of a file that are neither blank nor part of a docstring (a string that stands alone at the start
of a module, class or function); comments count. The numbers of other tools are those published with the comparison by
the makers of Agents.jl (Datseris et al., Simulation 100, 2022), in which each tool's makers or users wrote the model.
"""

from __future__ import annotations

import ast
from pathlib import Path

APPS = Path(__file__).resolve().parents[1] / "apps"
TOOLS = ("Agents.jl", "Mesa", "NetLogo", "MASON")
PUBLISHED = {"wolf_sheep": (73, 118, 137, 202), "flocking": (42, 94, 82, 159), "schelling": (26, 33, 54, 129)}
"""App -> lines with each of TOOLS."""


def count(source: str) -> int:
    """Lines of a Python file, docstrings and blank lines out.

    >>> count('\"\"\"What it is.\"\"\"\\n\\nx = 1  # one\\n# why\\n')
    2
    """
    documented = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    out: set[int] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, documented) and ast.get_docstring(node, clean=False) is not None:
            out.update(range(node.body[0].lineno, (node.body[0].end_lineno or 0) + 1))
    return sum(bool(line.strip()) and number not in out for number, line in enumerate(source.splitlines(), 1))


def table() -> str:
    """A row for each app, in Markdown; others' lines where they are published."""
    rows = [f"| App | Weaver | {' | '.join(TOOLS)} |", "|---" * (2 + len(TOOLS)) + "|"]
    for path in sorted(APPS.glob("*.py")):
        others = PUBLISHED.get(path.stem, ("",) * len(TOOLS))
        rows.append(f"| `{path.stem}` | {count(path.read_text(encoding='utf-8'))} | {' | '.join(map(str, others))} |")
    return "\n".join(rows)


if __name__ == "__main__":
    print(table())
