"""Array fields: elements of `me.f` and `other.f`, read and written one by one.

My own array is a tuple in a local, so that a constant index costs nothing; a variable one is checked, counts from the
end if it is negative, and beyond the end is a fault.
"""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from weaver.compiler.model import convert_element
from weaver.field import Field

if TYPE_CHECKING:
    from weaver.compiler.expression import Expressions


def array_field(low: Expressions, node: ast.expr) -> Field | None:
    """The array field that an expression names, `me.f` or `other.f`; None if it is anything else.

    Raises:
        BehaviorError: types that the entity can have hold arrays of different lengths there.
    """
    if not (isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name)):
        return None
    ref = low.reference(node.value)
    if ref is None and node.value.id not in low.own:
        return None
    types = (low.own[node.value.id].type,) if ref is None else ref.types
    found = [low.model.fields_of(t).get(node.attr) for t in types]
    lengths = {f.length for f in found if f is not None}
    if len(lengths) > 1:
        low.fail(
            node,
            f"{ast.unparse(node)} has {' or '.join(map(str, sorted(lengths)))} elements, by the type of the entity",
            "One expression has one length.",
            "Ask `isinstance` first.",
        )
    return found[0] if lengths and lengths != {0} else None


def refuse_whole(low: Expressions, node: ast.Attribute, field: Field) -> None:
    """The error for an array that is used or assigned as a whole."""
    text = ast.unparse(node)
    low.fail(
        node,
        f"the array {text} is used as a whole",
        f"Its {field.length} elements are columns of their own, which are read and written one by one.",
        f"Write {text}[k], or a loop: `for k in range(len({text})):`.",
    )


def read_element(low: Expressions, node: ast.Subscript, field: Field) -> str:
    """Text of `me.f[k]` or `other.f[k]`."""
    assert isinstance(node.value, ast.Attribute) and isinstance(node.value.value, ast.Name)
    known = _known_index(low, node, field)
    ref = low.reference(node.value.value)
    index = str(known) if known is not None else _checked_index(low, node, field)
    if ref is None:
        return f"{low.own_field(node.value, write=False)}[{index}]"
    if known is not None:
        return low.read_other(node.value, ref, element=known)
    return f"{low.read_other(node.value, ref)}[{index}]"


def write_element(low: Expressions, target: ast.Subscript, code: str) -> None:
    """Emit `me.f[k] = code`."""
    field = _own_array(low, target)
    known = _known_index(low, target, field)
    if known is None and low.hoists(target.slice):  # Python computes the value first
        held = low.temporary()
        low.emit(f"{held} = {code}")
        code = held
    index = str(known) if known is not None else _checked_index(low, target, field)
    _store(low, target, field, index, code)


def augment_element(low: Expressions, node: ast.AugAssign, operator: str) -> None:
    """Emit `me.f[k] += value`: the index and the element before it are taken first."""
    target = node.target
    assert isinstance(target, ast.Subscript)
    field = _own_array(low, target)
    known = _known_index(low, target, field)
    index = str(known)
    if known is None:
        index = low.temporary("k")
        low.emit(f"{index} = {_checked_index(low, target, field)}")
    assert isinstance(target.value, ast.Attribute)
    before = f"{low.own_field(target.value, write=False)}[{index}]"
    if low.hoists(node.value):
        held = low.temporary()
        low.emit(f"{held} = {before}")
        before = held
    code = low.value(node.value)
    _store(low, target, field, index, low.combine(before, operator, code))


def _own_array(low: Expressions, target: ast.Subscript) -> Field:
    field = array_field(low, target.value)
    if field is None:
        low.fail(
            target,
            "this cannot be assigned to",
            "A behavior writes its own names and fields of its own entity, and elements of its own arrays.",
            "Assign to a name or to a field.",
        )
    return field


def _store(low: Expressions, target: ast.Subscript, field: Field, index: str, code: str) -> None:
    assert isinstance(target.value, ast.Attribute)
    name = low.own_field(target.value, write=True)
    value = convert_element(field, code)
    if index.isdigit():
        parts = [value if k == int(index) else f"{name}[{k}]" for k in range(field.length)]
        low.emit(f"{name} = ({', '.join(parts)},)")
    else:
        low.emit(f"{name} = with_element({name}, {index}, {value})")


def _known_index(low: Expressions, node: ast.Subscript, field: Field) -> int | None:
    """An index that is constant, counted from the front.

    Raises:
        BehaviorError: it is outside the array, or no whole number.
    """
    at, sign = node.slice, 1
    if isinstance(at, ast.UnaryOp) and isinstance(at.op, ast.USub):
        at, sign = at.operand, -1
    value = at.value if isinstance(at, ast.Constant) else low.outside(at)
    if isinstance(at, ast.Slice) or isinstance(value, (float, str)):
        low.fail(
            node,
            f"{ast.unparse(node)} is asked for",
            "Elements are taken one by one, by whole numbers.",
            "Use a whole number as the index.",
        )
    if not isinstance(value, int):
        return None
    k = sign * int(value)
    if not -field.length <= k < field.length:
        low.fail(
            node,
            f"{ast.unparse(node)} is asked for, and there are {field.length} elements",
            "There is no such element.",
            f"Use an index from 0 to {field.length - 1}, or declare a longer array.",
        )
    return k % field.length


def _checked_index(low: Expressions, node: ast.Subscript, field: Field) -> str:
    return f"to_index({low.value(node.slice)}, {field.length}, {low.need('status_')})"
