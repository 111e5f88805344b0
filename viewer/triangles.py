"""Models as bytes: the triangles of a shape that entities are drawn with.

Laid out like a frame (see `partitions.frames`): magic "WVM1" | u32 size of the head | head, JSON, padded with spaces so
that the arrays begin at a multiple of 8 bytes | positions f4[t, 3] | normals f4[t, 3]. The head is {"model": name,
"arrays": [["positions", "f4", [t, 3]], ["normals", "f4", [t, 3]]]}; three rows make a triangle. A model points along
+x, is 1 long, and has its centre at the origin.
"""

from __future__ import annotations

import json
import struct
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["TriangleError", "decode_triangles", "encode_triangles"]

MAGIC = b"WVM1"
LARGEST_HEAD = 1 << 16
_START = struct.Struct("<4sI")
_ALIGNED = 8
Triangles = tuple[NDArray[np.float32], NDArray[np.float32]]


class TriangleError(ValueError):
    """Bytes or arrays that are no model."""


def encode_triangles(name: str, positions: NDArray[Any], normals: NDArray[Any]) -> bytes:
    """Bytes of a model; positions and normals are (t, 3), t a multiple of 3.

    Raises:
        TriangleError: they are not.
    """
    arrays = [np.ascontiguousarray(values, "<f4") for values in (positions, normals)]
    if any(a.ndim != 2 or a.shape[1] != 3 or a.shape[0] % 3 or a.shape != arrays[0].shape for a in arrays):
        raise TriangleError(_broken(f"shapes {positions.shape} and {normals.shape}"))
    listed = [[key, "f4", list(a.shape)] for key, a in zip(("positions", "normals"), arrays, strict=True)]
    head = json.dumps({"model": name, "arrays": listed}).encode()
    head += b" " * (-(len(head) + _START.size) % _ALIGNED)
    chunks = [_START.pack(MAGIC, len(head)), head]
    for array in arrays:
        chunks += [array.tobytes(), b"\0" * (-array.nbytes % _ALIGNED)]
    return b"".join(chunks)


def decode_triangles(data: bytes) -> tuple[str, NDArray[np.float32], NDArray[np.float32]]:
    """Name, positions and normals of a model.

    Raises:
        TriangleError: the bytes are not one.
    """
    if len(data) < _START.size:
        raise TriangleError(_broken(f"{len(data)} bytes"))
    magic, size = _START.unpack_from(data)
    at = _START.size + size
    if magic != MAGIC or size > LARGEST_HEAD or at > len(data):
        raise TriangleError(_broken(f"magic {magic!r}, head of {size} bytes"))
    try:
        head = json.loads(data[_START.size : at])
        name, rows = str(head["model"]), {int(shape[0]) for _, _, shape in head["arrays"]}
        (n,) = rows
        if n < 0 or n % 3:
            raise ValueError(f"{n} corners")
        arrays = []
        for _ in head["arrays"]:
            arrays.append(np.frombuffer(data, "<f4", 3 * n, at).reshape(n, 3))
            at += 12 * n + (-12 * n % _ALIGNED)
        positions, normals = arrays
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise TriangleError(_broken(f"{type(error).__name__}: {error}")) from error
    if at != len(data):
        raise TriangleError(_broken(f"{len(data)} bytes for {n} corners"))
    return name, positions, normals


def _broken(found: str) -> str:
    return (
        f"A model was expected, but this does not make one: {found}.\n"
        "Entities drawn with it would be torn to pieces.\n"
        "Give positions and normals of equal shape (t, 3), three rows per triangle."
    )
