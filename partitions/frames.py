"""Frames: what a viewer gets of one tick, as bytes.

A *part* is what one worker shows of one interest at one tick; the hub merges the parts of all workers into one *frame*.
Both are the same bytes, little-endian, so that a browser hands the arrays to WebGL without parsing them:

    magic "WVF2" | u32 size of the head | head | arrays
    head     JSON, padded with spaces so that the arrays begin at a multiple of 8 bytes:
             {"tick", "interest", "low", "high", "part", "parts", "cost", "blocks": [{"kind", "about", "arrays"}]}
    arrays   each padded with zeros to a multiple of 8 bytes; the head names them in order as [name, dtype, shape]

Kinds of blocks, `about` and arrays (n entities; rasters are [z, y, x], nz is 1 in two dimensions, row 0 is at low y):

    points     type, in_area, columns    positions u2[n, 3] (0 is low, 65535 is high), ids i8[n], heading i1[n, 3]
                                         (unit direction times 127), column0, column1 ... f4[n]
    density    type, in_area             counts u4[nz, ny, nx] over the frame's bounds
    layer      layer, field, low, high,  values f2[nz, ny, nx], 0 to 1 of `range`; codes u1 where range is null
               range, stride
    selected   rows                      none
    histogram  type, field, low, high,   counts i8[bins]
               n, min, max
    load       partitions, workers       none
"""

from __future__ import annotations

import json
import math
import struct
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["Block", "Frame", "FrameError", "coordinates", "decode", "encode", "merge"]

MAGIC = b"WVF2"
LEVELS = 65535
DTYPES = ("u1", "i1", "u2", "u4", "i8", "f2", "f4", "f8")
LARGEST_HEAD = 1 << 24
_START = struct.Struct("<4sI")
_ALIGNED = 8
Array = NDArray[Any]
Corner = tuple[float, float, float]


class FrameError(ValueError):
    """Bytes that are not a frame, or parts that do not belong together."""


@dataclass(frozen=True, eq=False)
class Block:
    """One thing that a frame shows; the module's docstring lists the kinds.

    Attributes:
        kind: what it is.
        about: JSON-able.
        arrays: name -> array, in the order in which they are sent.
    """

    kind: str
    about: Mapping[str, Any]
    arrays: Mapping[str, Array]


@dataclass(frozen=True, eq=False)
class Frame:
    """One tick as a viewer sees it, or one worker's part of it (`parts` > 1).

    Attributes:
        tick: the finished tick.
        interest: number of the interest that it answers.
        low: low corner of what positions and grids cover, in the world's unit of length.
        high: high corner.
        blocks: what it shows.
        part: which part this is, 0 <= part < parts.
        parts: how many parts make the whole frame.
        cost: seconds that the worker spent on it; of a merged frame, the most.
    """

    tick: int
    interest: int
    low: Corner
    high: Corner
    blocks: tuple[Block, ...]
    part: int = 0
    parts: int = 1
    cost: float = 0.0

    def find(self, kind: str, **about: Any) -> Block | None:
        """The first block of a kind whose `about` holds these values."""
        for block in self.blocks:
            if block.kind == kind and all(block.about.get(key) == value for key, value in about.items()):
                return block
        return None


def coordinates(frame: Frame, block: Block) -> NDArray[np.float64]:
    """Positions of a points block, (n, 3) float64, exact to (high - low) / 131070."""
    low, high = np.array(frame.low), np.array(frame.high)
    places: NDArray[np.float64] = low + block.arrays["positions"] * ((high - low) / LEVELS)
    return places


def encode(frame: Frame) -> bytes:
    """Bytes of a frame or part; `decode` gives it back exactly."""
    listed: list[dict[str, Any]] = []
    chunks: list[Array | bytes] = []
    for block in frame.blocks:
        arrays = []
        for name, values in block.arrays.items():
            kind = values.dtype.str[1:]
            if kind not in DTYPES:
                raise TypeError(f"{block.kind}.{name} has dtype {values.dtype}; a frame holds {', '.join(DTYPES)}")
            arrays.append([name, kind, list(values.shape)])
            chunks.append(np.ascontiguousarray(values, f"<{kind}"))  # joined below as bytes, copied once
            chunks.append(b"\0" * (-values.nbytes % _ALIGNED))
        listed.append({"kind": block.kind, "about": dict(block.about), "arrays": arrays})
    head = json.dumps(
        {
            "tick": frame.tick,
            "interest": frame.interest,
            "low": frame.low,
            "high": frame.high,
            "part": frame.part,
            "parts": frame.parts,
            "cost": frame.cost,
            "blocks": listed,
        },
        allow_nan=False,  # JSON has none, and a browser would refuse the whole frame
    ).encode()
    head += b" " * (-(len(head) + _START.size) % _ALIGNED)
    return b"".join([_START.pack(MAGIC, len(head)), head, *chunks])


def decode(data: bytes | bytearray | memoryview) -> Frame:
    """Read a frame or part.

    Returns:
        A Frame whose arrays look into `data` (no copy).

    Raises:
        FrameError: the bytes are cut, too long, of another version, or contradict themselves.
    """
    head, at = _head(data)
    try:
        blocks = []
        for listed in head["blocks"]:
            arrays: dict[str, Array] = {}
            for name, kind, shape in listed["arrays"]:
                if kind not in DTYPES or not all(type(n) is int and 0 <= n < 1 << 40 for n in shape) or name in arrays:
                    raise FrameError(_broken(f"array {name!r} of {kind!r} with shape {shape!r}"))
                dtype, count = np.dtype(f"<{kind}"), math.prod(shape)
                size = dtype.itemsize * count
                if at + size + (-size % _ALIGNED) > len(data):
                    raise FrameError(_broken(f"cut inside array {name!r} of {count} numbers"))
                arrays[str(name)] = np.frombuffer(data, dtype, count, at).reshape(shape)
                at += size + (-size % _ALIGNED)
            blocks.append(Block(str(listed["kind"]), dict(listed["about"]), arrays))
        tick, interest, part, parts = (int(head[key]) for key in ("tick", "interest", "part", "parts"))
        low, high = _corner(head["low"]), _corner(head["high"])
        cost = float(head["cost"])
    except (KeyError, TypeError, ValueError, OverflowError, AttributeError) as error:
        if isinstance(error, FrameError):
            raise
        raise FrameError(_broken(f"a head without sense: {type(error).__name__}: {error}")) from error
    if at != len(data):
        raise FrameError(_broken(f"{len(data) - at} bytes too many"))
    if not 0 <= part < parts or tick < 0:
        raise FrameError(_broken(f"part {part} of {parts}, tick {tick}"))
    return Frame(tick, interest, low, high, tuple(blocks), part, parts, cost)


def _head(data: bytes | bytearray | memoryview) -> tuple[dict[str, Any], int]:
    """The head, and where the arrays begin."""
    if len(data) < _START.size:
        raise FrameError(_broken(f"{len(data)} bytes, the start alone has {_START.size}"))
    magic, size = _START.unpack_from(data)
    if magic != MAGIC:
        raise FrameError(_broken(f"they start with {magic!r}, this version reads {MAGIC!r}"))
    end = _START.size + size
    if size > LARGEST_HEAD or end > len(data) or end % _ALIGNED:
        raise FrameError(_broken(f"a head of {size} bytes in {len(data)}"))
    try:
        head = json.loads(bytes(data[_START.size : end]))
    except (ValueError, RecursionError) as error:
        raise FrameError(_broken(f"a head that is no JSON: {error}")) from error
    if not isinstance(head, dict):
        raise FrameError(_broken("a head that is no object"))
    return head, end


def _corner(values: Any) -> Corner:
    x, y, z = (float(v) for v in values)
    if not (math.isfinite(x) and math.isfinite(y) and math.isfinite(z)):
        raise FrameError(_broken(f"bounds {values}"))
    return x, y, z


def merge(parts: Iterable[Frame]) -> Frame:
    """Join the parts of one tick and interest to the whole frame; a single part is finished too.

    Points follow each other in order of the parts, counts add up, rasters of layers are put together and scaled.

    Raises:
        FrameError: no part, parts of different ticks, interests or bounds, one missing or double.
    """
    ordered = sorted(parts, key=lambda frame: frame.part)
    if not ordered:
        raise FrameError(_broken("no part at all"))
    first = ordered[0]
    if [frame.part for frame in ordered] != list(range(first.parts)):
        raise FrameError(_broken(f"parts {[frame.part for frame in ordered]} of {first.parts}"))
    if len({(frame.tick, frame.interest, frame.low, frame.high, frame.parts) for frame in ordered}) > 1:
        raise FrameError(_broken(f"parts of ticks {sorted({frame.tick for frame in ordered})} or of unequal bounds"))
    groups: dict[tuple[str, Any, Any], list[Block]] = {}
    for frame in ordered:
        for block in frame.blocks:
            what = block.about.get("type", block.about.get("layer"))
            groups.setdefault((block.kind, what, block.about.get("field")), []).append(block)
    try:
        blocks = tuple(_JOIN[kind](group) for (kind, _, _), group in groups.items())
    except (KeyError, TypeError, ValueError, IndexError) as error:
        raise FrameError(_broken(f"parts that do not fit together: {type(error).__name__}: {error}")) from error
    return Frame(
        first.tick, first.interest, first.low, first.high, blocks, cost=max(frame.cost for frame in ordered)
    )  # fmt: skip


def _joined_points(group: Sequence[Block]) -> Block:
    filled = [block for block in group if len(block.arrays["positions"])] or list(group[:1])
    if len({tuple(block.arrays) for block in filled}) > 1:
        raise FrameError(_broken("points with different columns"))
    columns = [
        {"field": one["field"], **_range([block.about["columns"][k] for block in filled])}
        for k, one in enumerate(filled[0].about["columns"])
    ]
    about = {**filled[0].about, "in_area": _total(group), "columns": columns}
    return Block("points", about, {n: np.concatenate([b.arrays[n] for b in filled]) for n in filled[0].arrays})


def _range(columns: Sequence[Mapping[str, Any]]) -> dict[str, float | None]:
    known = [column for column in columns if column["low"] is not None]
    if not known:
        return {"low": None, "high": None}
    return {"low": min(c["low"] for c in known), "high": max(c["high"] for c in known)}


def _total(group: Sequence[Block]) -> int:
    return sum(block.about["in_area"] for block in group)


def _joined_density(group: Sequence[Block]) -> Block:
    counts = group[0].arrays["counts"].copy()
    for block in group[1:]:
        counts += block.arrays["counts"]
    return Block("density", {**group[0].about, "in_area": _total(group)}, {"counts": counts})


def _joined_layer(group: Sequence[Block]) -> Block:
    """Put the pieces, each a sum (or codes) at its own place in the raster, together; then means, then 0 to 1."""
    about = dict(group[0].about)
    shape, places, codes = tuple(about.pop("shape")), [b.about["at"] for b in group], about.pop("codes")
    about.pop("at")
    if "weights" in about:
        weights = [np.array(w, np.float32) for w in about.pop("weights")]
    whole = np.zeros(shape, np.uint8 if codes else np.float32)
    for block, (z, y, x) in zip(group, places, strict=True):
        values = block.arrays["values"]
        nz, ny, nx = values.shape
        piece = whole[z : z + nz, y : y + ny, x : x + nx]
        if codes:
            np.maximum(piece, values, out=piece)
        else:
            piece += values
    if codes:
        return Block("layer", {**about, "range": None}, {"values": whole})
    for axis, weight in enumerate(weights):
        whole /= weight.reshape([-1 if k == axis else 1 for k in range(3)])
    finite = whole[np.isfinite(whole)]
    low, high = (float(finite.min()), float(finite.max())) if finite.size else (0.0, 0.0)
    values = ((whole - low) / ((high - low) or 1.0)).astype(np.float16)
    return Block("layer", {**about, "range": [low, high]}, {"values": values})


def _joined_selected(group: Sequence[Block]) -> Block:
    return Block("selected", {"rows": [row for block in group for row in block.about["rows"]]}, {})


def _joined_histogram(group: Sequence[Block]) -> Block:
    counts = sum((block.arrays["counts"] for block in group[1:]), group[0].arrays["counts"])
    known = [block.about for block in group if block.about["min"] is not None]
    about = {
        **group[0].about,
        "n": sum(block.about["n"] for block in group),
        "min": min((a["min"] for a in known), default=None),
        "max": max((a["max"] for a in known), default=None),
    }
    return Block("histogram", about, {"counts": np.asarray(counts)})


def _joined_load(group: Sequence[Block]) -> Block:
    return Block("load", {k: [row for b in group for row in b.about[k]] for k in ("partitions", "workers")}, {})


_JOIN: dict[str, Callable[[Sequence[Block]], Block]] = {
    "points": _joined_points,
    "density": _joined_density,
    "layer": _joined_layer,
    "selected": _joined_selected,
    "histogram": _joined_histogram,
    "load": _joined_load,
}


def _broken(found: str) -> str:
    return (
        f"A frame was expected, but the bytes do not make one: {found}.\n"
        "Drawn as they are they would show what does not exist.\n"
        "Use the same version of Weaver on both ends, and pass each message whole."
    )
