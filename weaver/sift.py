"""Sifting: the numbers of those rows that are near, eight rows at a time and without a branch.

In space a ball is a sixth of the cells that hold it. A loop that calculates for all whom the cells show, and keeps the
sums of those within the radius, spends five sixths of its time for nothing; a branch for each row is mispredicted as
often as somebody is near. Here eight distances give eight bits, and a table gives for each such pattern the numbers of
its ones, put together; all eight are stored, and the next eight go behind those that count.

Source: Polychroniou, Raghavan & Ross, "Rethinking SIMD Vectorization for In-Memory Databases", SIGMOD 2015 (selective
stores by a table of permutations).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from weaver.settle import strict

LANES = 8
ONES = np.array([sorted(range(LANES), key=lambda k: not bits >> k & 1) for bits in range(1 << LANES)], np.uint8)
"""(256, 8): the numbers of the ones of each pattern, and behind them those of its zeros."""


def _filled(builder: Any, value: Any) -> Any:
    """The vector whose lanes all hold the value."""
    vector, word = ir.VectorType(value.type, LANES), ir.IntType(32)
    first = builder.insert_element(ir.Constant(vector, ir.Undefined), value, word(0))
    return builder.shuffle_vector(first, first, ir.Constant(ir.VectorType(word, LANES), [0] * LANES))


def _place(context: Any, builder: Any, type: Any, array: Any, index: Any) -> tuple[Any, int]:
    """Pointer to the eight elements of a contiguous array from an index on, and its alignment in bytes."""
    element = context.get_data_type(type.dtype)
    data = context.make_array(type)(context, builder, array).data
    pointer = builder.bitcast(builder.gep(data, [index]), ir.VectorType(element, LANES).as_pointer())
    return pointer, context.get_abi_sizeof(element)


@intrinsic  # type: ignore[untyped-decorator]
def _near8(typing: Any, xs: Any, ys: Any, zs: Any, j: Any, x: Any, y: Any, z: Any, r2: Any) -> Any:
    """Bit k: whether row j + k is within the radius, by the arithmetic of `within3`."""

    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        squares = []
        for k in range(3):
            place, align = _place(context, builder, signature.args[k], values[k], values[3])
            offset = builder.fsub(builder.load(place, align=align), _filled(builder, values[4 + k]))
            squares.append(builder.fmul(offset, offset))
        distance2 = builder.fadd(builder.fadd(squares[0], squares[1]), squares[2])
        near = builder.fcmp_ordered("<=", distance2, _filled(builder, values[7]))
        return builder.zext(builder.bitcast(near, ir.IntType(LANES)), ir.IntType(64))

    return types.uint64(xs, ys, zs, types.uintp, x, y, z, r2), generate


@intrinsic  # type: ignore[untyped-decorator]
def _put8(typing: Any, rows: Any, n: Any, ones: Any, bits: Any, j: Any) -> Any:
    """rows[n : n + 8] = j + ones[8 * bits : 8 * bits + 8]; the number of ones."""

    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        word = ir.IntType(32)
        there, _ = _place(context, builder, signature.args[2], values[2], builder.shl(values[3], ir.IntType(64)(3)))
        numbers = builder.zext(builder.load(there, align=1), ir.VectorType(word, LANES))
        place, align = _place(context, builder, signature.args[0], values[0], values[1])
        builder.store(builder.add(numbers, _filled(builder, builder.trunc(values[4], word))), place, align=align)
        return builder.ctpop(values[3])

    return types.uint64(rows, types.uintp, ones, types.uint64, types.uintp), generate


_ONES = ONES.ravel()


@strict
def sift3(xs, ys, zs, first, end, x, y, z, r2, rows):  # type: ignore[no-untyped-def]
    """Find the rows within a radius of a place.

    Args:
        xs: (n,) float, coordinates of the rows; n >= end + 7, and what is behind the end is not near.
        ys: the same.
        zs: the same.
        first: row to begin at, np.uintp.
        end: row to end before, np.uintp.
        x: place, of the type of the coordinates.
        y: the same.
        z: the same.
        r2: square of the radius, of the same type.
        rows: uint32, takes the numbers of those near, ascending; as long as `xs`.

    Returns:
        How many they are, np.uintp.
    """
    n = np.uintp(0)
    for j in range(first, end, np.uintp(8)):
        n += np.uintp(_put8(rows, n, _ONES, _near8(xs, ys, zs, j, x, y, z, r2), j))
    return n
