"""Hostile files: whatever was done to a snapshot, by a disk or by somebody, it is refused by name or changes nothing."""

from __future__ import annotations

import copy
import hashlib
import json
import pickle
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

import weaver as wv
from partitions.digest import add_digests, format_digest
from partitions.folder import Memory
from partitions.moment import Piece, piece_digest
from tests.weaver.village import told, village
from weaver.compiler import compile

Files = dict[str, bytes]
HOSTILE: list[Any] = [
    None, True, -1, 0, 1, 1 << 31, (1 << 40) - 1, 1 << 40, 1 << 62, 1 << 63, 1 << 64, 1 << 70, -(1 << 70), 1e308, float("inf"),
    float("nan"), "", "../../../etc/passwd", "/dev/zero", "x\0y", "é" * 300, "9" * 5000, [], {}, [None], {"": None}, [[[[[[]]]]]],
]  # fmt: skip


class Copy:
    """A snapshot in memory, restored as often as wanted.

    Attributes:
        files: name -> content.
        other: those of a snapshot of a later tick.
        told: what the run said at its tick.
    """

    def __init__(self, folder: Path) -> None:
        self.sim = village()
        self.program = compile(self.sim)
        with self.sim.start(partitions=3) as run:
            run.step(6)
            run.add(self.sim.kinds[0], position=[(3.0, 4.0)], at=9)
            self.files = read(run.snapshot(folder / "one"))
            run.step(2)
            self.other = read(run.snapshot(folder / "two"))
        with self.sim.restore(folder / "one") as run:
            self.told = told(run)

    def restored(self, files: Files, ticks: int = 0) -> str | None:
        """Go on from these files: the error's text, or None. Anything else than a `WeaverError` is raised."""
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("weaver.stored.folder_at", lambda _: Memory(dict(files)))
            patch.setattr("weaver.run.compiled", lambda _: self.program)
            try:
                with self.sim.restore("here", partitions=2) as run:
                    run.step(ticks)
                    self.last = told(run)
            except wv.WeaverError as error:
                return str(error)
        return None


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Copy:
    return Copy(tmp_path_factory.mktemp("whole"))


def read(address: str) -> Files:
    return {file.name: file.read_bytes() for file in Path(address).iterdir()}


def body(files: Files) -> Any:
    return json.loads(files["manifest.json"])["manifest"]


def signed(files: Files, manifest: Any) -> Files:
    """The files with another manifest, and the checksum that goes with it."""
    text = json.dumps(manifest, sort_keys=True, separators=(",", ":"))
    content = json.dumps({"sha256": hashlib.sha256(text.encode()).hexdigest(), "manifest": manifest})
    return {**files, "manifest.json": content.encode()}


# ---- What disks do: no checksum is right any more ----


def torn(rng: random.Random, files: Files, other: Files) -> Files:
    """One file cut, flipped, lengthened, emptied, lost, or that of somewhere else."""
    name = rng.choice(sorted(files))
    content, at = bytearray(files[name]), rng.randrange(len(files[name]))
    how = rng.randrange(8)
    if how == 0:
        return {n: c for n, c in files.items() if n != name}
    if how == 1:
        del content[at:]
    elif how == 2:
        content[at:at] = rng.randbytes(rng.randint(1, 64))
    elif how == 3:
        content[at : at + 512] = bytes(len(content[at : at + 512]))
    elif how == 4:
        content = bytearray(other[name] if name in other else files[rng.choice(sorted(files))])
    elif how == 5:
        del content[at : at + rng.randint(1, 64)]
    else:
        content[at] ^= 1 << rng.randrange(8)
    return {**files, name: bytes(content)}


def test_torn_snapshots_are_refused_by_name(whole: Copy) -> None:
    rng, refused = random.Random(1), 0
    for k in range(500):
        files = torn(rng, whole.files, whole.other)
        error = whole.restored(files)
        if error is None:
            assert files == whole.files or whole.last == whole.told, k
            continue
        refused += 1
        changed = next(n for n in whole.files if files.get(n) != whole.files[n])
        if changed != "manifest.json":
            assert error.startswith(f"the driver's memory/{changed} cannot be used: "), (k, changed, error)
        elif changed not in files:
            assert "there is no snapshot in it" in error
        else:  # whole, but of other files
            assert " cannot be used: " in error, (k, error)
    assert refused > 450


# ---- What people do: checksums are right ----


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    if path:
        yield path
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        yield from places(inner, (*path, key))


def altered(rng: random.Random, manifest: Any) -> tuple[tuple[Any, ...], Any, Any]:
    made = copy.deepcopy(manifest)
    path = rng.choice(list(places(manifest)))
    at = made
    for key in path[:-1]:
        at = at[key]
    value = rng.choice(HOSTILE)
    if rng.random() < 0.15:
        del at[path[-1]]
    else:
        at[path[-1]] = value
    return path, value, made


def test_signed_manifests_are_refused_or_can_be_run(whole: Copy) -> None:
    rng, refused = random.Random(2), 0
    manifest = body(whole.files)
    for k in range(400):
        path, value, made = altered(rng, manifest)
        try:
            refused += whole.restored(signed(whole.files, made), ticks=1) is not None
        except Exception as error:
            raise AssertionError(f"{k}: {path} = {value!r:.60}: {error!r}") from error
    assert refused > 300


@pytest.mark.parametrize(
    "name", ["../one.arrow", "/etc/passwd", "a/b.arrow", "..arrow/x", "x.arrow\n", "x.pkl", "manifest.json"]
)
def test_no_file_outside_is_named(whole: Copy, name: str) -> None:
    manifest = body(whole.files)
    manifest["parts"][0]["file"] = name
    error = whole.restored(signed({**whole.files, name: whole.files["entity-Sheep-0.arrow"]}, manifest))
    assert error is not None and "manifest.json cannot be used: parts.0.file: " in error


@pytest.mark.parametrize("depth", [150, 250, 900, 990, 100_000])
def test_deep_json_is_refused(whole: Copy, depth: int) -> None:
    deep = "[" * depth + "]" * depth
    for text in (deep, '{"sha256": "", "manifest": {"format": 1, "x": ' + deep + "}}"):
        error = whole.restored({**whole.files, "manifest.json": text.encode()})
        assert error is not None and "manifest.json cannot be used: " in error
    if depth < 900:
        manifest = body(whole.files)
        manifest["driver"]["parent"] = {"path": json.loads(deep)}
        whole.restored(signed(whole.files, manifest), ticks=1)


def test_a_manifest_of_another_format_says_so(whole: Copy) -> None:
    manifest = {**body(whole.files), "format": 2}
    error = whole.restored(signed(whole.files, manifest))
    assert error is not None and "its format is 2; this Weaver reads 1" in error


# ---- Files of rows ----


def rows_of(files: Files, kind: str, name: str) -> tuple[list[dict[str, Any]], dict[str, np.ndarray]]:
    """What the manifest says of a kind of thing, and its columns, all files together."""
    parts = [part for part in body(files)["parts"] if (part["kind"], part["name"]) == (kind, name)]
    table = pa.concat_tables([pa.ipc.open_file(files[part["file"]]).read_all() for part in parts])
    columns = {c: np.array(table[c].to_numpy()) for c in table.column_names}
    return parts, {c: v.view(bool) if c == "tired" else v for c, v in columns.items()}


def forged(whole: Copy, kind: str, name: str, content: bytes, rows: int, state: dict[str, np.ndarray] | None) -> Files:
    """The files with one that was made by somebody who knows all checksums and digests."""
    manifest, types = body(whole.files), [spec.name for spec in whole.program.types]
    mine = [part for part in manifest["parts"] if (part["kind"], part["name"]) == (kind, name)]
    file = mine[0]["file"]
    part = {**mine[0], "rows": rows, "bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
    if state is not None:
        part["digest"] = format_digest(*piece_digest(types.index(name), Piece(kind, name, state)))  # type: ignore[arg-type]
    manifest["parts"] = [p for p in manifest["parts"] if p not in mine] + [part]
    digests = [p["digest"] for p in manifest["parts"] if p["digest"]]
    manifest["digest"] = format_digest(*add_digests([(int(d[:16], 16), int(d[16:], 16)) for d in digests]))
    return signed({**whole.files, file: content}, manifest)


def arrow(table: pa.Table, **options: Any) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_file(sink, table.schema, options=pa.ipc.IpcWriteOptions(**options)) as writer:
        writer.write_table(table)
    return sink.getvalue().to_pybytes()


def plain(columns: dict[str, np.ndarray]) -> pa.Table:
    return pa.table({c: v.view(np.uint8) if v.dtype == bool else v for c, v in columns.items()})


def put(column: str, value: Any, row: int = 3) -> Callable[[dict[str, np.ndarray]], None]:
    def change(columns: dict[str, np.ndarray]) -> None:
        columns[column][row] = value

    return change


def doubled(columns: dict[str, np.ndarray]) -> None:
    columns["id"][3] = columns["id"][4]


def on_one_site(columns: dict[str, np.ndarray]) -> None:
    for axis in "xy":
        columns[f"position.{axis}"][3] = columns[f"position.{axis}"][4]


FORGED = [
    ("entity", "Sheep", put("position.x", np.nan), "is at position.x = nan"),
    ("entity", "Sheep", put("position.x", 24.0), "the box goes from 0 to 24"),
    ("entity", "Sheep", put("position.y", -np.inf), "the box goes from 0 to 20"),
    ("entity", "Sheep", put("position.y", 1e-300), "in steps of"),
    ("entity", "Stone", put("position.x", 1e30), "is at position.x"),
    ("entity", "Sheep", put("tired", 7), "neither true nor false"),
    ("entity", "Sheep", put("id", -4), "its ids are not distinct whole numbers from 0"),
    ("entity", "Sheep", doubled, "its ids are not distinct"),
    ("entity", "Stone", on_one_site, "Stone"),
    ("layer", "Grass", put("id", 5), "it has not each of the 120 cells once"),
    ("layer", "Grass", put("id", -1), "it has not each of the 120 cells once"),
    ("layer", "Grass", put("id", 1 << 40), "it has not each of the 120 cells once"),
    ("message", "Cry", put("@type", 99), "@type is 99"),
    ("message", "Cry", put("@phase", -2), "@phase is -2"),
    ("message", "Cry", put("@tick", 1 << 50), "@tick is"),
    ("event", "Born", put("@type", 3 + (1 << 20)), "@type is"),
    ("births", "", put("block", 1 << 30), "it counts blocks"),
    ("births", "", put("block", -1), "it counts blocks"),
    ("births", "", put("count", 1 << 33), "it counts blocks"),
    ("samples", "", put("tick", -1), "one is of tick -1"),
    ("samples", "", put("number", 1), "values are of tick"),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "name", "change", "reason"), FORGED)
def test_forged_rows_are_refused(whole: Copy, kind: str, name: str, change: Any, reason: str) -> None:
    _, columns = rows_of(whole.files, kind, name)
    if name == "Sheep":
        columns["tired"] = columns["tired"].astype(np.uint8)
    change(columns)
    n = len(next(iter(columns.values())))
    state = (
        {c: v.astype(bool) if c == "tired" else v for c, v in columns.items()} if kind in ("entity", "layer") else None
    )
    error = whole.restored(forged(whole, kind, name, arrow(plain(columns)), n, state))
    assert error is not None and reason in error, error


def test_the_same_rows_in_another_order_and_form_are_the_same(whole: Copy) -> None:
    """Shows that what makes the forged files makes good ones."""
    _, columns = rows_of(whole.files, "entity", "Sheep")
    back = {c: v[::-1].copy() for c, v in columns.items()}
    n = len(back["id"])
    for content in (arrow(plain(back)), arrow(plain(back), compression="zstd")):
        assert whole.restored(forged(whole, "entity", "Sheep", content, n, back)) is None
        assert whole.last == whole.told


class Trap:
    """Whoever unpickles it is caught."""

    sprung = False

    def __reduce__(self) -> tuple[Any, ...]:
        return (setattr, (Trap, "sprung", True))


def test_tables_of_another_form_are_refused_and_nothing_is_unpickled(whole: Copy) -> None:
    _, columns = rows_of(whole.files, "entity", "Sheep")
    n, table = len(columns["id"]), plain(columns)
    ids = table.column("id")
    extension = {b"ARROW:extension:name": b"arrow.py_extension_type", b"ARROW:extension:metadata": pickle.dumps(Trap())}
    held = pa.array([None, *ids.to_pylist()[1:]])
    made: list[tuple[str, pa.Table, int]] = [
        ("holds", table.set_column(0, "id", ids.cast(pa.uint64())), n),
        ("holds", table.set_column(0, "id", held), n),
        ("holds", table.set_column(0, "id", ids.dictionary_encode()), n),
        ("holds", table.set_column(0, "id", pa.array([pickle.dumps(Trap())] * n)), n),
        ("has the columns", table.drop_columns(["energy"]), n),
        ("has the columns", table.append_column("more", ids), n),
        ("has the columns", table.select(["position.x", *[c for c in columns if c != "position.x"]]), n),
        ("rows; the manifest says", table, n + 1),
        ("rows; the manifest says", table.slice(1), n),
        ("rows; the manifest says", table, 1 << 61),
    ]
    for reason, one, rows in made:
        error = whole.restored(forged(whole, "entity", "Sheep", arrow(one), rows, None))
        assert error is not None and reason in error, (reason, error)
        assert "entity-Sheep-0.arrow cannot be used" in error
    field = pa.field("id", pa.int64(), metadata=extension)
    marked = table.set_column(0, field, ids)
    whole.restored(forged(whole, "entity", "Sheep", arrow(marked), n, columns))
    error = whole.restored(forged(whole, "entity", "Sheep", pickle.dumps(Trap()), n, None))
    assert error is not None and "it is no Arrow file" in error
    assert not Trap.sprung


def test_flipped_bits_in_signed_tables_never_crash(whole: Copy) -> None:
    rng, refused = random.Random(3), 0
    for k in range(200):
        kind, name = rng.choice(sorted({(p["kind"], p["name"]) for p in body(whole.files)["parts"]}))
        _, columns = rows_of(whole.files, kind, name)
        content = bytearray(arrow(plain(columns)))
        for _ in range(rng.randint(1, 4)):
            content[rng.randrange(len(content))] ^= 1 << rng.randrange(8)
        files = forged(whole, kind, name, bytes(content), len(next(iter(columns.values()))), None)
        try:
            refused += whole.restored(files, ticks=1) is not None
        except Exception as error:
            raise AssertionError(f"{k}: {kind} {name}: {error!r}") from error
    assert refused > 100


def test_pipes_and_devices_are_no_snapshots(whole: Copy, tmp_path: Path) -> None:
    import os

    for make in (lambda f: os.mkfifo(f), lambda f: f.symlink_to("/dev/zero"), lambda f: f.mkdir()):
        folder = tmp_path / str(len(list(tmp_path.iterdir())))
        folder.mkdir()
        make(folder / "manifest.json")
        with pytest.raises(wv.RunError, match="there is no snapshot in it"):
            whole.sim.restore(folder)
