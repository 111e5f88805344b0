"""Captured values as text: what a behavior's free names were when the run started."""

from __future__ import annotations

import enum
import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from weaver.field import VECTORS
from weaver.vector import Vec2, Vec2f, Vec3, Vec3f

LARGEST_ARRAY = 4096
"""Captured arrays become constants of the kernel; larger ones do not belong there."""


class NotConstant(Exception):
    """The value cannot be captured; the message says why."""


def constant(value: Any) -> str:
    """Source text of a captured value.

    Numbers, booleans, IntEnum members, vectors, and tuples, lists and small numpy arrays of them; an IntEnum is the
    tuple of its members. In a table of rows
    the numbers of one column get one type, so that rows can be taken by a variable index.

    Raises:
        NotConstant: it is something else.
    """
    if isinstance(value, (bool, np.bool_)):
        return str(bool(value))
    if isinstance(value, (enum.IntEnum, int, np.integer)):
        number = int(value)
        if not -(1 << 63) <= number < 1 << 63:
            raise NotConstant(f"{number} does not fit in 64 bits")
        return f"({number})" if number < 0 else str(number)
    if isinstance(value, (float, np.floating)):
        real = float(value)
        if math.isnan(real):
            return "np.nan"
        if math.isinf(real):
            return "np.inf" if real > 0 else "(-np.inf)"
        return f"({real!r})" if math.copysign(1, real) < 0 else repr(real)
    if isinstance(value, tuple(VECTORS)):
        return f"{type(value).__name__}({', '.join(constant(float(c)) for c in components(value))})"
    if isinstance(value, np.ndarray):
        if value.size > LARGEST_ARRAY or value.dtype.kind not in "biuf":
            raise NotConstant(f"an array of {value.size} {value.dtype} values")
        return constant(value.tolist())
    if isinstance(value, type) and issubclass(value, enum.IntEnum):
        value = tuple(value)
    if isinstance(value, (tuple, list)):
        items = _columns_of_one_type(value)
        return f"({', '.join(constant(v) for v in items)}{',' if len(items) == 1 else ''})"
    raise NotConstant(f"a {type(value).__name__}")


def components(vector: Any) -> tuple[float, ...]:
    """The components of a vector, in order."""
    if isinstance(vector, (Vec2, Vec2f)):
        return (vector.x, vector.y)
    assert isinstance(vector, (Vec3, Vec3f))
    return (vector.x, vector.y, vector.z)


def _columns_of_one_type(rows: Sequence[Any]) -> list[Any]:
    if all(_is_number(v) for v in rows):
        mixed = len({isinstance(v, (float, np.floating)) for v in rows}) > 1
        return [float(v) for v in rows] if mixed else list(rows)
    widths = {len(r) for r in rows if isinstance(r, (tuple, list))}
    if len(widths) == 1 and all(isinstance(r, (tuple, list)) and all(_is_number(v) for v in r) for r in rows):
        floats = [any(isinstance(v, (float, np.floating)) for v in column) for column in zip(*rows, strict=True)]
        mixed = len(set(floats)) > 1
        return [tuple(float(v) if f or mixed else v for v, f in zip(r, floats, strict=True)) for r in rows]
    return list(rows)


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float, np.integer, np.floating)) and not isinstance(value, (bool, enum.IntEnum))
