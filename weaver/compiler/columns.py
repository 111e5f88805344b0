"""Tables in behaviors: `roads.speed[k]` and `len(roads)`, read from arrays that never change."""

from __future__ import annotations

import ast
import difflib
from typing import TYPE_CHECKING

from weaver.compiler.model import Model, static_name
from weaver.table import Table

if TYPE_CHECKING:
    from weaver.compiler.expression import Expressions
    from weaver.compiler.scope import Scope
    from weaver.compiler.source import FunctionSource


def table_of(low: Expressions, node: ast.expr) -> Table | None:
    """The table that an expression names; None if it is anything else."""
    value = low.outside(node) if isinstance(node, (ast.Name, ast.Attribute)) and not _is_column(low, node) else None
    return value if isinstance(value, Table) else None


def column_of(low: Expressions, node: ast.expr) -> tuple[Table, str] | None:
    """The table and column that `roads.speed` names; None if it is anything else.

    Raises:
        BehaviorError: the table has no such column, or is not one of the simulation's.
    """
    if not _is_column(low, node):
        return None
    assert isinstance(node, ast.Attribute)
    table = low.outside(node.value)
    assert isinstance(table, Table)
    if node.attr not in table.columns:
        close = difflib.get_close_matches(node.attr, table.columns, 1)
        low.fail(
            node,
            f"the table {table.name!r} has no column {node.attr!r}; it has {', '.join(table.columns)}",
            "There is no value to read.",
            f"Write {close[0]!r}." if close else "Name one of these.",
        )
    if low.model.sim.tables.get(table.name) is not table:
        low.fail(
            node,
            f"the table {table.name!r} belongs to another simulation",
            "Its columns are not among those that this one's workers get.",
            f"Declare it here: sim.table({table.name!r}, columns).",
        )
    return table, node.attr


def _is_column(low: Expressions, node: ast.expr) -> bool:
    if not isinstance(node, ast.Attribute):
        return False
    base = node.value
    if isinstance(base, ast.Attribute) and _is_column(low, base):
        return False
    return isinstance(base, (ast.Name, ast.Attribute)) and isinstance(low.outside(base), Table)


def read_cell(low: Expressions, node: ast.Subscript, table: Table, column: str) -> str:
    """Text of `roads.speed[k]`; an index outside is a fault."""
    if isinstance(node.slice, (ast.Slice, ast.Tuple)):
        low.fail(
            node,
            f"{ast.unparse(node)} is asked for",
            "Values of a table are taken one by one.",
            "Use one whole number as the index.",
        )
    array = low.need(static_name(table.name, column))
    at = f"{array}[to_index({low.value(node.slice)}, len({array}), {low.need('status_')})]"
    dtype = table.columns[column].dtype
    if dtype.str in ("<f8", "<i8", "|b1"):
        return at
    return f"np.{'float64' if dtype.kind == 'f' else 'int64'}({at})"


def length(low: Expressions, table: Table) -> str:
    """Text of `len(roads)`."""
    return f"len({low.need(static_name(table.name, next(iter(table.columns))))})"


def refuse_column(low: Expressions, node: ast.Attribute) -> None:
    """Refuse a column that is used as a whole."""
    if column_of(low, node) is not None:
        text = ast.unparse(node)
        low.fail(
            node,
            f"the column {text} is used as a whole",
            "Values of a table are taken one by one.",
            f"Write {text}[k]; len({ast.unparse(node.value)}) is the number of rows.",
        )


def refuse_tables(model: Model, low: Scope, source: FunctionSource) -> None:
    """Refuse tables in a function of a draw, which runs before the workers have them at hand."""
    if any(name in model.statics for name in low.context):
        raise source.error(
            source.node,
            "a function for initial values reads a table",
            "It draws numbers; tables are for behaviors.",
            "Compute the values with numpy, and give them to sim.add(...) as an array.",
        )
