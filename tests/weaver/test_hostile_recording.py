"""Recordings that somebody, or some disk, has changed: each is refused with the name of the file, and stays as it is."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

import weaver as wv
from partitions.parts import DIGESTS, UNFINISHED, Parts
from weaver.recording import ColumnFacts, Facts, Recording, TableFacts

SCHEMA = pa.schema([pa.field("tick", pa.int64(), nullable=False), pa.field("x", pa.float64(), nullable=False)])
TABLES = ("Fox", "Hen")  # of one schema, so that their parts could be taken for each other's
LAST = 14


def written(folder: Path, seed: int) -> Path:
    """Ticks 0, 2, … 14 by two workers, in two parts each: what a run does, without one."""
    columns = {field.name: ColumnFacts(type=str(field.type)) for field in SCHEMA}
    tables = {name: TableFacts(kind="entity", columns=columns) for name in TABLES}
    facts = Facts(
        first=0, every=2, simulation="farm", identity="f", seed=seed, dt=0.1, low=[0.0, 0.0], high=[9.0, 9.0],
        area=None, tables=tables,
    )  # fmt: skip
    recording = Recording.create(folder, facts)
    rng = np.random.default_rng(seed)
    for worker in range(2):
        parts = Parts(folder, recording.facts.id, 0, [(name, SCHEMA) for name in TABLES], worker)
        for tick in range(0, LAST + 1, 2):
            rows = [pa.table([np.full(9, tick), rng.random(9)], SCHEMA) for _ in TABLES]
            a, b = (rng.integers(1 << 63, size=1, dtype=np.uint64) for _ in "ab")
            head = [np.array([tick]), np.array([worker], np.int32), np.array([2], np.int32)]
            parts.add(tick, [*rows, pa.table([*head, a, b], ["tick", "worker", "workers", "a", "b"])])
            if tick == 6:
                parts.finish()
        parts.finish()
    return folder


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return written(tmp_path_factory.mktemp("whole") / "farm", 1)


@pytest.fixture(scope="module")
def other(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of another run of the same app: every file of it has the same name."""
    return written(tmp_path_factory.mktemp("other") / "farm", 2)


@pytest.fixture
def copy(whole: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(whole, tmp_path / "copy"))


def files(folder: Path) -> dict[Path, bytes]:
    """All that a recording consists of."""
    return {path: path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def put_back(folder: Path, held: dict[Path, bytes]) -> None:
    for path in [path for path in folder.rglob("*") if path in held or not path.is_dir()]:
        if path.is_dir() and not path.is_symlink():
            path.rmdir()
        else:
            path.unlink()  # it may be a pipe
    for path, content in held.items():
        path.write_bytes(content)


USES: dict[str, Callable[[Recording], object]] = {
    "check": Recording.check,
    "join": lambda recording: recording.join(LAST),
}


def refused(folder: Path, names: tuple[str, ...]) -> None:
    """By everyone who must know, in three lines that name one of the files; and nothing is changed by who refuses."""
    before = files(folder)
    for name, use in USES.items():
        with pytest.raises(wv.RecordError) as caught:
            use(Recording(folder))
        lines = str(caught.value).splitlines()
        assert len(lines) == 3, name
        assert any(each in lines[0] for each in names), (name, names, lines[0])
    assert files(folder) == before


def test_it_is_whole_as_it_is(whole: Path, copy: Path, other: Path):
    recording = Recording(copy)
    recording.check()
    assert recording.ticks == tuple(range(0, LAST + 1, 2))
    assert len(files(copy)) == 1 + 3 * 4
    recording.join(LAST)
    assert {path.name for path in files(copy)} == {path.name for path in files(whole)}
    assert {path.relative_to(other) for path in files(other)} == {path.relative_to(whole) for path in files(whole)}


# ---- Bytes ----


def flip(content: bytes, rng: np.random.Generator) -> bytes:
    changed = bytearray(content)
    changed[int(rng.integers(len(content)))] ^= 1 << int(rng.integers(8))
    return bytes(changed)


def flip_in_footer(content: bytes, rng: np.random.Generator) -> bytes:
    changed = bytearray(content)
    changed[-1 - int(rng.integers(min(600, len(content))))] ^= 1 << int(rng.integers(8))
    return bytes(changed)


def truncate(content: bytes, rng: np.random.Generator) -> bytes:
    return content[: int(rng.integers(len(content)))]


def extend(content: bytes, rng: np.random.Generator) -> bytes:
    return content + rng.bytes(int(rng.integers(1, 100)))


def append_itself(content: bytes, rng: np.random.Generator) -> bytes:
    return content + content


def blank(content: bytes, rng: np.random.Generator) -> bytes:
    """A block that has not reached the disk."""
    at = int(rng.integers(len(content) - 1))
    return content[:at] + b"\0" * (len(content) - at)


def cut_out(content: bytes, rng: np.random.Generator) -> bytes:
    low, high = sorted(rng.integers(len(content), size=2))
    return content[:low] + content[high + 1 :]


def long(content: bytes, rng: np.random.Generator) -> bytes:
    """A length in the footer that is none: 2^31 - 1 rows, pages or bytes, as a variable-length number."""
    at = len(content) - 9 - int(rng.integers(min(500, len(content) - 20)))
    return content[:at] + b"\xfe\xff\xff\xff\x0f" + content[at + 5 :]


def long_footer(content: bytes, rng: np.random.Generator) -> bytes:
    return content[:-8] + int(rng.integers(len(content), 1 << 32)).to_bytes(4, "little") + b"PAR1"


CHANGES = (flip, flip, flip_in_footer, truncate, extend, append_itself, blank, cut_out, long, long_footer)


def test_changed_bytes_are_refused_by_name(copy: Path):
    held, rng = files(copy), np.random.default_rng(7)
    parts = [path for path in held if path.suffix == ".parquet"]
    for turn in range(240):
        path = parts[turn % len(parts)]
        change = CHANGES[int(rng.integers(len(CHANGES)))]
        changed = change(held[path], rng)
        if changed == held[path]:
            continue
        path.write_bytes(changed)
        refused(copy, (str(path),))
        path.write_bytes(held[path])
    Recording(copy).check()


def read_facts(folder: Path) -> Facts | None:
    """None: they are refused by name."""
    try:
        return Recording(folder).facts
    except wv.RecordError as error:
        if str(folder / "recording.json") in str(error):
            return None
        raise


def test_changed_facts_are_refused_or_read_the_same(copy: Path):
    path, rng = copy / "recording.json", np.random.default_rng(3)
    content, facts = path.read_bytes(), Recording(copy).facts
    same = 0
    for at in range(len(content)):
        changes = [
            content[:at] + bytes([content[at] ^ 1 << at % 8]) + content[at + 1 :],
            content[:at] + rng.bytes(1) + content[at:],
            content[:at] + content[at + 1 :],
        ]
        path.write_bytes(changes[at % 3])
        told = read_facts(copy)
        same += told is not None
        assert told in (None, facts)
    assert 0 < same < len(content)  # white space


@pytest.mark.parametrize(
    "change",
    [
        lambda told: told.update(every=1),
        lambda told: told.update(first=2),
        lambda told: told.update(epoch=1, kept=6),
        lambda told: told.update(id="0" * 32),
        lambda told: told["tables"].pop("Hen"),
        lambda told: told["tables"].update(Fox=told["tables"].pop("Fox")),
        lambda told: told["tables"]["Fox"]["columns"].update(y={"type": "double"}),
        lambda told: told["tables"]["Fox"]["columns"]["x"].update(type="float"),
        lambda told: told.update(kept=10**400),
        lambda told: told.update(high=[1e999]),
        lambda told: told.update(seed=None),
        lambda told: told.pop("sum"),
        lambda told: told.update(simulation=json.loads("[" * 500 + "]" * 500)),
    ],
)
def test_other_facts_are_refused(copy: Path, change: Callable[[dict[str, object]], object]):
    path = copy / "recording.json"
    told = json.loads(path.read_bytes())
    change(told)
    path.write_text(json.dumps(told), encoding="utf-8")
    refused(copy, (str(path),))


# ---- Places ----


def test_files_in_other_places_are_refused(copy: Path, other: Path):
    held, rng = files(copy), np.random.default_rng(5)
    parts = [path for path in held if path.suffix == ".parquet"]
    for path in parts:
        path.write_bytes((other / path.relative_to(copy)).read_bytes())
        refused(copy, (str(path),))
        path.write_bytes(held[path])
    for _ in range(40):
        one, two = (parts[at] for at in rng.choice(len(parts), 2, replace=False))
        one.write_bytes(held[two])
        two.write_bytes(held[one])
        refused(copy, (str(one), str(two)))
        put_back(copy, held)
    Recording(copy).check()


@pytest.mark.parametrize(
    "name", ["0-8-w0", "0-6-w2", "0-6-w0-1", "0-6-w0-0", "00-6-w0", "0-٦-w0", "0-6-w0.bak", "6-0-w0", "-1-6-w0"]
)
def test_renamed_parts_are_refused(copy: Path, name: str):
    held = files(copy)
    for table in (*TABLES, DIGESTS):
        path = copy / table / "0-6-w0.parquet"
        new = path.with_name(f"{name}.parquet")
        for put in (Path.rename, shutil.copy):
            put(path, new)
            refused(copy, (path.name, new.name))
            put_back(copy, held)


def test_no_file_at_the_place_of_a_file_is_refused(copy: Path, tmp_path: Path):
    held = files(copy)
    elsewhere = tmp_path / "elsewhere"
    for path, content in held.items():
        for kind in ("folder", "link", "link to nothing", "pipe", "empty"):
            path.unlink()
            elsewhere.write_bytes(content)
            match kind:
                case "folder":
                    path.mkdir()
                case "link" | "link to nothing":
                    path.symlink_to(elsewhere)
                    if kind == "link to nothing":
                        elsewhere.unlink()
                case "pipe":
                    os.mkfifo(path)
                case "empty":
                    path.touch()
            refused(copy, (str(path), path.name))
            put_back(copy, held)
    Recording(copy).check()


def test_a_part_that_is_missing_is_refused(copy: Path):
    held = files(copy)
    for table in TABLES:
        for path in (copy / table).iterdir():
            path.unlink()
            refused(copy, (str(path),))
            put_back(copy, held)
    for worker in range(2):
        (copy / DIGESTS / f"0-6-w{worker}.parquet").unlink()
        refused(copy, ("run-digests lacks tick 0, and holds tick 14", "it lacks tick 0"))
        put_back(copy, held)


@pytest.mark.parametrize("table", [*TABLES, DIGESTS])
def test_a_folder_that_is_a_link_is_refused(copy: Path, tmp_path: Path, table: str):
    (copy / table).rename(tmp_path / "elsewhere")
    (copy / table).symlink_to(tmp_path / "elsewhere")
    refused(copy, (str(copy / table),))
    (copy / table).unlink()
    refused(copy, (str(copy / table),))


def test_nothing_is_removed_where_a_link_leads(copy: Path, tmp_path: Path):
    thesis = tmp_path / "home" / "thesis.txt"
    thesis.parent.mkdir()
    thesis.touch()
    (copy / UNFINISHED).rmdir()
    (copy / UNFINISHED).symlink_to(thesis.parent)
    for use in (Recording.trim, USES["join"]):
        with pytest.raises(wv.RecordError, match=r"\.unfinished was to be read as a folder of a recording"):
            use(Recording(copy))
    assert thesis.exists()


@pytest.mark.parametrize("name", ["../Fox", "Fox/../Hen", "/etc", ".", "..", "", "run-digests", ".unfinished", "a\0b"])
def test_no_name_of_a_table_leads_elsewhere(copy: Path, name: str):
    recording = Recording(copy)
    tables = {name: recording.facts.tables["Fox"], **recording.facts.tables}
    facts = recording.facts.model_copy(update={"tables": tables}).sealed()
    (copy / "recording.json").write_text(facts.model_dump_json(), encoding="utf-8")
    refused(copy, (str(copy / "recording.json"),))


# ---- What was cut ----


def test_what_is_cut_is_sealed_again(copy: Path):
    Recording(copy).join(4)
    assert Recording(copy).ticks == (0, 2, 4)
    held = files(copy)
    for path in held:
        path.write_bytes(held[path][:-90] + b"~" + held[path][-89:])
        with pytest.raises(wv.RecordError, match=str(path)):
            Recording(copy).check()
        put_back(copy, held)
    Recording(copy).check()
