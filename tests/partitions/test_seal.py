"""Seals: whatever byte is another one, and wherever a file is put, it is found out; other readers see none of it."""

from __future__ import annotations

import io
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from partitions.seal import UNSEALED, check_seal, seal

TABLE = pa.table(
    {"tick": [0, 0, 2], "x": [0.5, 1.5, 2.5]}, pa.schema([("tick", "int64"), ("x", "float64")], {"a": "b"})
)


@pytest.fixture(scope="module")
def sealed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("sealed") / "part.parquet"
    with pq.ParquetWriter(path, TABLE.schema) as writer:
        writer.write_table(TABLE)
        writer.add_key_value_metadata(UNSEALED)
    seal(path, "here")
    return path


def test_what_was_sealed_is_whole_and_reads_as_before(sealed: Path):
    with sealed.open("rb") as file:
        check_seal(file, "here")
        assert pq.read_table(file).equals(TABLE)
    said = pq.read_metadata(sealed).metadata[b"weaver.sum"]
    assert len(said) == 64 and said != b"0" * 64
    assert pq.read_schema(sealed).metadata == {b"a": b"b"}


def test_it_is_whole_in_its_place_only(sealed: Path):
    with sealed.open("rb") as file, pytest.raises(ValueError, match="or its place"):
        check_seal(file, "there")


def test_every_byte_counts(sealed: Path):
    whole = sealed.read_bytes()
    for at in range(len(whole)):
        changed = bytearray(whole)
        changed[at] ^= 1 << at % 8
        with pytest.raises(ValueError, match=r"its sum is another|one sum of itself|does not end"):
            check_seal(io.BytesIO(changed), "here")


def test_no_other_length_is_whole(sealed: Path):
    whole = sealed.read_bytes()
    for size in range(len(whole)):
        for rest in (whole[:size], whole[size + 1 :], whole + whole[size:]):
            with pytest.raises(ValueError, match=r"its sum is another|one sum of itself|does not end"):
                check_seal(io.BytesIO(rest), "here")


def test_a_file_without_room_for_a_sum_is_not_sealed(tmp_path: Path):
    pq.write_table(TABLE, tmp_path / "plain.parquet")
    with pytest.raises(ValueError, match="one sum of itself"):
        seal(tmp_path / "plain.parquet", "here")
    odd = TABLE.schema.with_metadata({"note": "\x18\nweaver.sum\x18@" + "0" * 64})  # it could be either
    with pq.ParquetWriter(tmp_path / "two.parquet", odd) as writer:
        writer.add_key_value_metadata(UNSEALED)
    with pytest.raises(ValueError, match="one sum of itself"):
        seal(tmp_path / "two.parquet", "here")
