"""Seals: a Parquet file holds a SHA-256 of its bytes and its place, so that it is known to be whole before it is read.

The sum stands in the file's own metadata, as `weaver.sum`; the file counts as it was before the sum was put in. Nothing
is decoded to find it: a decoder of Parquet may end the process over a file that is damaged.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import BinaryIO, NamedTuple

__all__ = ["UNSEALED", "check_seal", "seal"]

_KEY, _BLANK = "weaver.sum", "0" * 64
UNSEALED = {_KEY: _BLANK}
"""Metadata of a file that is to be sealed."""

_MAGIC = b"PAR1"
_MARK = b"\x18\x0a" + _KEY.encode() + b"\x18\x40"
"""What stands before the sum: two strings of Thrift's compact protocol, the first of 10 bytes, the second of 64."""
_MOST_FOOTER = 256 << 20
"""No footer is longer: a damaged length must not make a reader ask for all the memory."""
_CHUNK = 1 << 20


class _Sum(NamedTuple):
    """Where a sum stands, what it says, and what it should say."""

    at: int
    said: str
    counted: str


def seal(path: Path, place: str) -> None:
    """Put the sum into a file that was written with `UNSEALED` among its metadata; does not wait for the disk.

    Args:
        path: of the file.
        place: what the file is; only as such it is whole.

    Raises:
        OSError: it cannot be read or written.
        ValueError: it has no room for a sum.
    """
    with path.open("r+b") as file:
        found = _sum(file, place)
        file.seek(found.at)
        file.write(found.counted.encode())


def check_seal(file: BinaryIO, place: str) -> None:
    """Check that a file is what was sealed, and where that was put; leaves the file at its beginning.

    Raises:
        OSError: it cannot be read.
        ValueError: it is not.
    """
    found = _sum(file, place)
    if found.said != found.counted:
        raise ValueError("its bytes, or its place, are not those that were written: its sum is another")
    file.seek(0)


def _sum(file: BinaryIO, place: str) -> _Sum:
    size = file.seek(0, os.SEEK_END)
    file.seek(max(0, size - 8))
    end = file.read(8)
    footer = int.from_bytes(end[:4], "little") + 8
    if end[4:] != _MAGIC or footer > min(size, _MOST_FOOTER):
        raise ValueError("it does not end as it was written")
    file.seek(0)
    counted, left = hashlib.sha256(place.encode() + b"\0"), size - footer
    while left and (chunk := file.read(min(left, _CHUNK))):
        counted.update(chunk)
        left -= len(chunk)
    last = file.read(footer)
    if len(last) != footer:
        raise ValueError("it became shorter while it was read")
    before, mark, after = last.partition(_MARK)
    if len(after) < len(_BLANK) or _MARK in after:
        raise ValueError("it does not hold one sum of itself")
    for piece in (before, mark, _BLANK.encode(), after[len(_BLANK) :]):
        counted.update(piece)
    said = after[: len(_BLANK)].decode("ascii", "replace")
    return _Sum(size - len(after), said, counted.hexdigest())
