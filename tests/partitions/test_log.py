"""The input log: what was acknowledged is there again, to the bit; all else is refused by name, or is a torn end."""

from __future__ import annotations

import hashlib
import json
import os
import pickle
import random
import struct
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from partitions.command import Command, Letter, Rows
from partitions.folder import Disk, Folder, FolderError, Memory
from partitions.log import Entry, Log, LogError, Parameters, Promise, decode, encode, read_log

NOBODY = np.empty(0, np.int64)
BRIEF = {"next": 5, "letters": 2, "promised": 1, "pending": [0], "values": {"share": 0.1, "most": 9}, "called": -1}


def entry(number: int, tick: int | None = None) -> Entry:
    """One with an input of every kind."""
    ids = np.array([number, 7_000_000_000 + number])
    columns = {
        "position.x": np.array([0.1, -0.0]), "energy": np.array([np.nan, np.inf], np.float32),
        "calm": np.array([True, False]), "code": np.array([255, number % 256], np.uint8),
    }  # fmt: skip
    inputs = (
        Command(
            [Rows(0, ids, columns)], [Rows(1, ids[:1], {})], NOBODY, [Letter(0, ids, {"way": columns["energy"]}, 3, 8)]
        ),
        Parameters(np.array([0.5, 1e-310]), np.array([-(2**63)])),
        Command(removals=ids),
        Promise(number, 99, "add", "Ærø", ids, columns),
    )
    return Entry(number, number // 2 if tick is None else tick, inputs, BRIEF)


def bits(value: Any) -> Any:
    """A value in which arrays are their dtypes and bytes."""
    if isinstance(value, np.ndarray):
        return value.dtype.str, value.tobytes()
    if isinstance(value, dict):
        return {key: bits(one) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [bits(one) for one in value]
    if hasattr(value, "__dataclass_fields__"):
        return type(value).__name__, {name: bits(getattr(value, name)) for name in value.__dataclass_fields__}
    return value


def written(folder: Folder, entries: Sequence[Entry], turns: Sequence[int] = ()) -> Log:
    log = Log(folder)
    for one in entries:
        if one.number in turns:
            log.turn()
        log.append(one)
    log.close()
    return log


def numbers(folder: Folder, since: int = 0) -> list[int]:
    return [one.number for one in read_log(folder, since)]


@pytest.fixture(params=["disk", "memory"])
def folder(request: pytest.FixtureRequest, tmp_path: Path) -> Folder:
    return Disk(tmp_path / "log") if request.param == "disk" else Memory()


# ---- What goes in comes out ----


def test_an_entry_of_every_kind_of_input_comes_back_to_the_bit() -> None:
    assert bits(decode(encode(entry(3)), Memory())) == bits(entry(3))


@settings(max_examples=50, deadline=None)
@given(
    column=arrays.arrays(
        st.sampled_from(["<f8", "<f4", "<i8", "<i2", "|u1", "|b1"]).map(np.dtype), st.integers(0, 9), elements=None
    ),
    tick=st.integers(0, (1 << 40) - 1),
    name=st.text(max_size=9),
)
def test_any_columns_come_back_to_the_bit(column: np.ndarray, tick: int, name: str) -> None:
    ids = np.arange(len(column))
    one = Entry(0, tick, (Command([Rows(2, ids, {name: column})]), Promise(4, tick, "put", name, ids, {name: column})))
    assert bits(decode(encode(one), Memory())) == bits(one)


def test_entries_come_back_in_order_from_any_number_on(folder: Folder) -> None:
    entries = [entry(k) for k in range(9)]
    written(folder, entries, turns=(4, 7))
    assert bits(list(read_log(folder))) == bits(entries)
    for since in range(11):
        assert numbers(folder, since) == list(range(since, 9))


def test_an_empty_log_and_none_have_no_entries(folder: Folder) -> None:
    assert numbers(folder) == []
    Log(folder).close()
    assert numbers(folder) == []


def test_cutting_removes_what_comes_before_and_no_more(folder: Folder) -> None:
    log = written(folder, [entry(k) for k in range(9)], turns=(3, 6))
    log.cut(5)
    assert numbers(folder, 5) == [5, 6, 7, 8]
    log.cut(6)
    assert numbers(folder, 6) == [6, 7, 8]
    with pytest.raises(LogError, match=r"it begins with entry 6; those from 2 on are missing"):
        numbers(folder, 2)
    log.cut(9)
    assert numbers(folder, 8) == [8]  # the last segment stays: it says where the log goes on


def test_a_log_goes_on_in_a_new_segment(folder: Folder) -> None:
    written(folder, [entry(k) for k in range(3)])
    written(folder, [entry(k) for k in range(3, 5)])
    assert numbers(folder) == [0, 1, 2, 3, 4]
    assert len(folder.names()) == (2 if isinstance(folder, Disk) else 5)


def test_every_entry_is_synced_before_it_is_acknowledged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[int] = []
    sync = os.fsync
    monkeypatch.setattr(os, "fsync", lambda handle: (synced.append(os.fstat(handle).st_size), sync(handle)))
    log = Log(Disk(tmp_path))
    for k in range(3):
        log.append(entry(k))
        assert (tmp_path / f"{0:016d}.wlog").stat().st_size == synced[-1]
    before = len(synced)
    log.append(entry(3), sync=False)
    assert len(synced) == before
    log.turn()
    assert len(synced) == before + 1  # with the segment


# ---- What cannot be written ----


def test_an_entry_that_cannot_be_written_is_refused_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = Log(Disk(tmp_path))
    log.append(entry(0))
    size = (tmp_path / f"{0:016d}.wlog").stat().st_size

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(FolderError, match=r"was to take entry 1; that failed: No space left on device") as caught:
            log.append(entry(1))
    assert "What was asked for is not done" in str(caught.value)
    assert (tmp_path / f"{0:016d}.wlog").stat().st_size == size
    log.append(entry(1))
    log.close()
    assert numbers(Disk(tmp_path)) == [0, 1]


def test_a_log_that_was_removed_takes_nothing_until_its_next_segment(tmp_path: Path) -> None:
    log = Log(Disk(tmp_path))
    log.append(entry(0))
    (tmp_path / f"{0:016d}.wlog").unlink()
    with pytest.raises(FolderError, match="the file was removed"):
        log.append(entry(1))
    log.turn()
    log.append(entry(1))
    log.close()
    assert numbers(Disk(tmp_path), 1) == [1]


def test_entries_that_are_there_are_never_written_over(tmp_path: Path) -> None:
    written(Disk(tmp_path), [entry(0), entry(1)])
    log = Log(Disk(tmp_path))
    with pytest.raises(FolderError, match="holds other entries of these numbers"):
        log.append(entry(0))
    assert numbers(Disk(tmp_path)) == [0, 1]


# ---- What a crash leaves ----


def test_a_log_cut_at_any_byte_holds_the_entries_before(tmp_path: Path) -> None:
    contents = [encode(entry(k)) for k in range(3)]
    content = b"".join(contents)
    ends = [len(contents[0]), len(contents[0] + contents[1]), len(content)]
    for at in range(0, len(content), 7):
        assert numbers(Memory({f"{0:016d}.wlog": content[:at]})) == list(range(sum(end <= at for end in ends)))


def test_a_log_with_a_torn_end_goes_on_in_a_new_segment(tmp_path: Path) -> None:
    folder = Disk(tmp_path)
    written(folder, [entry(k) for k in range(3)])
    file = tmp_path / f"{0:016d}.wlog"
    file.write_bytes(file.read_bytes()[:-5])  # entry 2 was never acknowledged
    assert numbers(folder) == [0, 1]
    written(folder, [entry(2, tick=1), entry(3)])
    assert numbers(folder) == [0, 1, 2, 3]
    assert [one.tick for one in read_log(folder)] == [0, 0, 1, 1]


def test_a_segment_of_which_nothing_was_whole_gives_way(tmp_path: Path) -> None:
    folder = Disk(tmp_path)
    written(folder, [entry(0)])
    for torn in (b"", encode(entry(1))[:40], encode(entry(1))[:-1]):
        (tmp_path / f"{1:016d}.wlog").write_bytes(torn)
        assert numbers(folder) == [0]
        written(folder, [entry(1)])
        assert numbers(folder) == [0, 1]


# ---- What is refused ----


def test_a_missing_segment_is_an_error(folder: Folder) -> None:
    written(folder, [entry(k) for k in range(9)], turns=(3, 6))
    folder.remove(f"{3:016d}.wlog")
    following = 6 if isinstance(folder, Disk) else 4
    with pytest.raises(
        LogError, match=rf"{following:016d}.wlog cannot be used: it begins with entry {following}; 3 is next"
    ):
        numbers(folder)


def test_segments_in_each_others_place_are_an_error(folder: Folder) -> None:
    written(folder, [entry(0), entry(1)], turns=(1,))
    a, b = bytes(folder.read(f"{0:016d}.wlog")), bytes(folder.read(f"{1:016d}.wlog"))
    folder.write(f"{0:016d}.wlog", [b])
    folder.write(f"{1:016d}.wlog", [a])
    with pytest.raises(LogError, match="entry 1 stands where 0 should"):
        numbers(folder)


def test_time_that_runs_backwards_is_an_error(folder: Folder) -> None:
    written(folder, [entry(0, tick=5), entry(1, tick=4)])
    with pytest.raises(LogError, match="entry 1 is of tick 4, after one of 5"):
        numbers(folder)


@pytest.mark.parametrize("name", ["notes.txt", "x.wlog", "00.wlog", f"{'١' * 16}.wlog", f"{0:017d}.wlog"])
def test_a_file_of_another_name_is_an_error(folder: Folder, name: str) -> None:
    folder.write(name, [b""])
    with pytest.raises(LogError, match="it is no segment of a log"):
        numbers(folder)
    with pytest.raises(LogError, match="it is no segment of a log"):
        Log(folder)


def test_every_flipped_bit_is_noticed() -> None:
    """A flip in a size must not look like an end: two entries that were acknowledged would be dropped."""
    contents = [encode(entry(k)) for k in range(3)]
    content = b"".join(contents)
    rng = random.Random(4)
    heads = range(8 * (len(contents[0]) + 60)) if len(contents[0]) < 60 else range(8 * 60)
    for bit in [*heads, *(rng.randrange(8 * len(content)) for _ in range(400))]:
        flipped = bytearray(content)
        flipped[bit // 8] ^= 1 << bit % 8
        with pytest.raises(LogError, match=r"cannot be used: (at byte|the entry at byte) \d+"):
            numbers(Memory({f"{0:016d}.wlog": bytes(flipped)}))


def signed(head: Any, body: bytes = b"") -> bytes:
    """An entry as somebody makes it who knows the checksums."""
    text = head if isinstance(head, bytes) else json.dumps(head).encode()
    digest = hashlib.sha256(struct.pack("<IQ", len(text), len(body)) + text + body).digest()
    start = struct.pack("<4sIQ32s", b"WLG1", len(text), len(body), digest)
    return start + struct.pack("<I", zlib.crc32(start)) + text + body


def head(**changes: Any) -> dict[str, Any]:
    return {"number": 0, "tick": 0, "driver": BRIEF, "inputs": [], "arrays": [], **changes}


def test_what_is_signed_here_is_an_entry() -> None:
    assert numbers(Memory({f"{0:016d}.wlog": signed(head())})) == [0]


@pytest.mark.parametrize(
    "content",
    [
        signed(b"[" * 100_000 + b"]" * 100_000),
        signed(b"not json"),
        signed(b"\xff\xfe"),
        signed([]),
        signed("text"),
        signed({}),
        signed(head(number="0")),
        signed(head(number=True)),
        signed(head(tick=0.5)),
        signed(head(tick=None)),
        signed(head(driver=[])),
        signed(head(driver={"next": -1})),
        signed(head(driver={**BRIEF, "values": {"share": "0.5"}})),
        signed(head(driver={**BRIEF, "pending": "0"})),
        signed(head(inputs=[[]])),
        signed(head(inputs=[{}])),
        signed(head(inputs={"set": {}})),
        signed(head(inputs=[{"set": {"reals": 5, "integers": 6}}])),
        signed(head(inputs=[{"set": {"reals": -1, "integers": -1}}])),
        signed(head(inputs=[{"promise": {"number": 1}, "ids": {"": 0}, "of": {}}], arrays=[["<i8", 0]])),
        signed(head(inputs=[{"promise": {"number": 1, "evil": 2}, "ids": {"": 0}, "of": {}}], arrays=[["<i8", 0]])),
        signed(head(arrays=[["<i8", -1]])),
        signed(head(arrays=[["<i8", 1 << 70]])),
        signed(head(arrays=[["<i8", 1]])),
        signed(head(arrays=[["<i8", True]]), bytes(8)),
        signed(head(arrays=[["|O", 1]]), bytes(8)),
        signed(head(arrays=[["|V1000000000", 1]]), bytes(8)),
        signed(head(arrays=[["<U2", 1]]), bytes(8)),
        signed(head(arrays=[["no dtype", 1]]), bytes(8)),
        signed(head(arrays=[[["a", "|O"], 1]]), bytes(8)),
        signed(head(arrays=[["<i8"]]), bytes(8)),
        signed(head(arrays=5)),
        signed(head(), bytes(8)),
    ],
)  # fmt: skip
def test_signed_nonsense_is_refused(content: bytes) -> None:
    with pytest.raises(LogError, match=r"0{16}.wlog cannot be used: the entry at byte 0 has no sense"):
        numbers(Memory({f"{0:016d}.wlog": content}))
    with pytest.raises(LogError):
        decode(content, Memory())


def test_two_entries_are_not_one() -> None:
    for content in (b"", encode(entry(0)) * 2, encode(entry(0))[:-1], pickle.dumps(entry)):
        with pytest.raises(LogError):
            decode(content, Memory())


def test_a_thousand_mutated_logs_hold_a_prefix_or_are_refused() -> None:
    """One segment or several, cut, flipped, swapped, doubled, lost."""
    rng = random.Random(5)
    entries = [entry(k) for k in range(8)]
    whole = {}
    for first, last in ((0, 3), (3, 5), (5, 8)):
        whole[f"{first:016d}.wlog"] = b"".join(encode(one) for one in entries[first:last])
    names, refused, cut = sorted(whole), 0, 0
    want = [bits(one) for one in entries]
    for k in range(1000):
        files, name = dict(whole), rng.choice(names)
        content, at, how = bytearray(whole[name]), rng.randrange(len(whole[name])), rng.randrange(7)
        if how == 0:
            del files[name]
        elif how == 1:
            files[name] = bytes(content[:at])
        elif how == 2:
            files[name] = whole[rng.choice(names)]
        elif how == 3:
            files[name] = bytes(content[:at] + rng.randbytes(rng.randint(1, 99)) + content[at:])
        elif how == 4:
            files[name] = bytes(content[:at] + content[at + rng.randint(1, 99) :])
        elif how == 5:
            files[name] = bytes(content * 2)
        else:
            content[at] ^= 1 << rng.randrange(8)
            files[name] = bytes(content)
        error, found = None, []
        try:
            found = [bits(one) for one in read_log(Memory(files))]
        except LogError as caught:
            error = caught
        if error is not None:
            refused += 1
            assert any(name in str(error) for name in names), k
            continue
        assert found == want[: len(found)], k
        if found != want:
            cut += 1
            assert name == names[-1] and how in (0, 1, 4), k  # only the end of the last segment can be gone
    assert refused > 600 and cut > 20
