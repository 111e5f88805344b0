"""Apps are short: fewer lines than with any tool of the published comparison."""

from __future__ import annotations

import doctest

import pytest

from benchmarks import lines


@pytest.mark.parametrize("name", lines.PUBLISHED)
def test_an_app_has_fewer_lines_than_with_any_other_tool(name: str):
    ours = lines.count((lines.APPS / f"{name}.py").read_text(encoding="utf-8"))
    assert ours < min(lines.PUBLISHED[name])


def test_docstrings_and_blank_lines_do_not_count_and_comments_do():
    assert (
        lines.count('"""One.\n\nTwo."""\nimport x\n\n\ndef f():\n    """F."""\n    # why\n    return "no docstring"\n')
        == 4
    )
    assert doctest.testmod(lines).failed == 0


def test_the_table_names_every_app():
    assert all(f"| `{path.stem}` |" in lines.table() for path in lines.APPS.glob("*.py"))
