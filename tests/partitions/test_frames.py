"""The frame codec, and how the parts of several workers become one frame."""

import contextlib
import json
import struct

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from numpy.testing import assert_allclose, assert_array_equal

from partitions.frames import DTYPES, Block, Frame, FrameError, coordinates, decode, encode, merge

LOW, HIGH = (-1.0, 0.0, 0.0), (3.0, 400.0, 0.0)
bounds = st.floats(-1e6, 1e6)
words = st.text(max_size=8)
plain = st.none() | st.integers(-5, 5) | st.floats(-9, 9) | words


@st.composite
def blocks(draw):
    names = draw(st.lists(words, unique=True, max_size=3))
    kinds = st.sampled_from([kind for kind in DTYPES if kind != "f2"])
    return Block(
        draw(words),
        draw(st.dictionaries(words, plain | st.lists(plain, max_size=3), max_size=3)),
        {
            name: draw(arrays(f"<{draw(kinds)}", draw(array_shapes(max_dims=3, min_side=0, max_side=4))))
            for name in names
        },
    )


@st.composite
def frames(draw):
    parts = draw(st.integers(1, 5))
    return Frame(
        draw(st.integers(0, 2**40)),
        draw(st.integers(0, 2**31)),
        draw(st.tuples(bounds, bounds, bounds)),
        draw(st.tuples(bounds, bounds, bounds)),
        tuple(draw(st.lists(blocks(), max_size=3))),
        draw(st.integers(0, parts - 1)),
        parts,
        draw(st.floats(0, 10)),
    )


def test_one_bird_has_the_bytes_that_the_module_describes():
    bird = Block("points", {"type": 0}, {"positions": np.array([[1, 2, 3]], np.uint16), "ids": np.array([7])})
    data = encode(Frame(9, 4, (0.0, 0.0, 0.0), (1.0, 1.0, 1.0), (bird,)))
    magic, size = struct.unpack_from("<4sI", data)
    assert magic == b"WVF2" and (8 + size) % 8 == 0
    head = json.loads(data[8 : 8 + size])
    assert (head["tick"], head["interest"]) == (9, 4)
    assert head["blocks"][0]["arrays"] == [["positions", "u2", [1, 3]], ["ids", "i8", [1]]]
    assert data[8 + size :] == struct.pack("<HHH2xq", 1, 2, 3, 7)


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(frames())
def test_decode_gives_back_what_was_encoded(frame):
    got = decode(encode(frame))
    for name in ("tick", "interest", "low", "high", "part", "parts", "cost"):
        assert getattr(got, name) == getattr(frame, name)
    assert len(got.blocks) == len(frame.blocks)
    for a, b in zip(got.blocks, frame.blocks, strict=True):
        assert (a.kind, a.about, list(a.arrays)) == (b.kind, b.about, list(b.arrays))
        for name in a.arrays:
            assert a.arrays[name].dtype == b.arrays[name].dtype
            assert_array_equal(a.arrays[name], b.arrays[name])


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(frames(), st.data())
def test_broken_bytes_raise_frame_error_and_nothing_else(frame, data):
    whole = bytearray(encode(frame))
    cut = data.draw(st.integers(0, len(whole) - 1))
    with pytest.raises(FrameError, match="show what does not exist"):
        decode(whole[:cut])
    with pytest.raises(FrameError):
        decode(whole + b"\0")
    whole[data.draw(st.integers(0, len(whole) - 1))] ^= data.draw(st.integers(1, 255))
    with contextlib.suppress(FrameError):  # a changed number is still a frame
        decode(whole)


@given(st.binary(max_size=200), st.booleans())
def test_any_bytes_raise_frame_error(data, headed):
    with pytest.raises(FrameError):
        decode(b"WVF2" + struct.pack("<I", len(data)) + data if headed else data)


@pytest.mark.parametrize(
    "change",
    [
        {"blocks": [{"kind": "points", "about": {}, "arrays": [["a", "f4", [1 << 39, 1 << 39]]]}]},
        {"blocks": [{"kind": "points", "about": {}, "arrays": [["a", "f4", [-1]]]}]},
        {"blocks": [{"kind": "points", "about": {}, "arrays": [["a", "O", [1]]]}]},
        {"blocks": [{"kind": "points", "about": {}, "arrays": [["a", "u1", [0]], ["a", "u1", [0]]]}]},
        {"blocks": [{"kind": "points"}]},
        {"blocks": [3]},
        {"tick": -1},
        {"tick": "x"},
        {"low": [0, 0]},
        {"low": [0, 0, float("inf")]},
        {"part": 1},
    ],
)
def test_a_head_without_sense_is_refused(change):
    head = {"tick": 1, "interest": 1, "low": LOW, "high": HIGH, "part": 0, "parts": 1, "cost": 0, "blocks": []} | change
    text = json.dumps(head).encode()
    text += b" " * (-(8 + len(text)) % 8)
    with pytest.raises(FrameError):
        decode(b"WVF2" + struct.pack("<I", len(text)) + text)


def parted(*groups):
    """One frame per worker."""
    return [Frame(3, 1, LOW, HIGH, tuple(blocks), k, len(groups), 0.1 * k) for k, blocks in enumerate(groups)]


def points(ids, low, high, **more):
    arrays = {"positions": np.full((len(ids), 3), len(ids), np.uint16), "ids": np.array(ids, np.int64), **more}
    about = {"type": 0, "in_area": len(ids), "columns": [{"field": "energy", "low": low, "high": high}]}
    return Block("points", about, arrays)


def test_merged_points_hold_every_row_once_in_order_of_the_parts():
    parts = parted([points([5, 6], 1.0, 2.0)], [points([], None, None)], [points([7], 0.5, 0.5)])
    whole = merge(parts[::-1])
    block = whole.find("points", type=0)
    assert block.arrays["ids"].tolist() == [5, 6, 7]
    assert block.arrays["positions"][:, 0].tolist() == [2, 2, 1]
    assert block.about["in_area"] == 3
    assert block.about["columns"] == [{"field": "energy", "low": 0.5, "high": 2.0}]
    assert (whole.part, whole.parts, whole.tick, whole.cost) == (0, 1, 3, 0.2)


def test_merged_counts_add_up():
    def crowd(n):
        return Block("density", {"type": 1, "in_area": n}, {"counts": np.full((1, 2, 2), n, np.uint32)})

    def bars(n, low, high):
        about = {"type": 1, "field": "e", "low": 0.0, "high": 9.0, "n": n, "min": low, "max": high}
        return Block("histogram", about, {"counts": np.array([n, 0])})

    whole = merge(parted([crowd(1), bars(1, None, None)], [crowd(4), bars(4, 2.0, 3.0)]))
    assert whole.find("density").arrays["counts"].tolist() == [[[5, 5], [5, 5]]]
    assert whole.find("density").about["in_area"] == 5
    assert whole.find("histogram").about == {
        "type": 1, "field": "e", "low": 0.0, "high": 9.0, "n": 5, "min": 2.0, "max": 3.0,
    }  # fmt: skip
    assert whole.find("histogram").arrays["counts"].tolist() == [5, 0]


def test_a_layer_in_pieces_becomes_means_from_0_to_1():
    def piece(at, values):
        about = {
            "layer": 0, "field": "grass", "low": [0, 0, 0], "high": [6, 2, 0], "stride": 2, "shape": [1, 1, 3],
            "at": [0, 0, at], "codes": False, "weights": [[1], [2], [2, 2, 1]],
        }  # fmt: skip
        return Block("layer", about, {"values": np.array([[values]], np.float32)})

    block = merge(parted([piece(0, [4.0, 3.0])], [piece(1, [1.0, 10.0])])).find("layer", layer=0)
    assert block.about["range"] == [1.0, 5.0]  # sums 4, 4, 10 over 4, 4 and 2 cells
    assert block.arrays["values"].tolist() == [[[0.0, 0.0, 1.0]]]
    assert block.arrays["values"].dtype == np.float16
    assert "weights" not in block.about and "at" not in block.about


def test_rows_and_loads_follow_each_other():
    def told(k):
        return [
            Block("selected", {"rows": [{"id": k}]}, {}),
            Block("load", {"partitions": [{"number": k}], "workers": [{"worker": k}]}, {}),
        ]

    whole = merge(parted(told(0), told(1)))
    assert whole.find("selected").about["rows"] == [{"id": 0}, {"id": 1}]
    assert whole.find("load").about["workers"] == [{"worker": 0}, {"worker": 1}]


@pytest.mark.parametrize(
    "parts",
    [
        [],
        [Frame(0, 1, LOW, HIGH, (), 0, 2)],
        [Frame(0, 1, LOW, HIGH, (), 0, 2), Frame(0, 1, LOW, HIGH, (), 0, 2)],
        [Frame(0, 1, LOW, HIGH, (), 0, 2), Frame(1, 1, LOW, HIGH, (), 1, 2)],
        [Frame(0, 1, LOW, HIGH, (), 0, 2), Frame(0, 2, LOW, HIGH, (), 1, 2)],
        [Frame(0, 1, LOW, HIGH, (), 0, 2), Frame(0, 1, LOW, LOW, (), 1, 2)],
        [Frame(0, 1, LOW, HIGH, (Block("magic", {}, {}),), 0, 1)],
        [Frame(0, 1, LOW, HIGH, (Block("points", {"type": 0}, {}),), 0, 1)],
    ],
)
def test_parts_that_do_not_belong_together_are_refused(parts):
    with pytest.raises(FrameError, match="do not make one"):
        merge(parts)


@given(arrays(np.uint16, (20, 3)))
def test_coordinates_span_the_bounds(stored):
    frame = Frame(0, 1, LOW, HIGH, (Block("points", {}, {"positions": stored}),))
    places = coordinates(frame, frame.blocks[0])
    assert_allclose(places[:, 1], stored[:, 1] / 65535 * 400, atol=1e-9)
    assert_array_equal(places[:, 2], 0)
