"""Recording by workers: every row of every due tick once, whole parts only, and a disk that is slow or full."""

from __future__ import annotations

import dataclasses
import json
import re
import resource
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest

from partitions import parts as parts_module
from partitions.digest import add_digests
from partitions.errors import RecordFault
from partitions.local import Local
from partitions.parts import DIGESTS, FACTS, UNFINISHED, PartName, Parts, cut, parts_in, read_part
from partitions.record import Plan, Recorded, Recorder
from partitions.seal import UNSEALED, seal
from partitions.worker import Worker
from tests.partitions.gang import Gang
from tests.partitions.programs import BIRD, STONE, mingling

PROGRAM = mingling((10.0, 8.0), ("periodic", "clamp"), n=60, deaths=25)
ID = "5" * 32
PAIR = pa.list_(pa.field("element", pa.float64()), 2)
BIRDS = Recorded(
    BIRD,
    "Bird",
    pa.schema([("tick", "int64"), ("id", "int64"), ("position.x", "float64"), ("v", PAIR)]),
    (("position.x",), ("velocity.x", "velocity.y")),
)
STONES = Recorded(STONE, "Stone", pa.schema([("tick", "int64"), ("id", "int64"), ("val", "float64")]), (("val",),))


def plan(root: Path, every: int = 1, first: int = 0, **options) -> Plan:
    """A recording as a driver begins it."""
    for name in (UNFINISHED, DIGESTS, "Bird", "Stone"):
        (root / name).mkdir(parents=True, exist_ok=True)
    (root / FACTS).write_text(json.dumps({"id": ID, "epoch": 0}), encoding="utf-8")
    return Plan(str(root), ID, 0, first, every, (BIRDS, STONES), **options)


def rows(root: Path, table: str) -> pa.Table:
    return ds.dataset(root / table).to_table().sort_by([("tick", "ascending"), ("id", "ascending")])


def columns(table: Recorded) -> dict[str, str]:
    return {field.name: str(field.type) for field in table.schema}


@pytest.fixture
def local() -> Iterator[Local]:
    with Local(PROGRAM, 3) as made:
        yield made


@pytest.fixture
def small_files() -> Iterator[None]:
    """A disk on which no file grows beyond 3000 bytes, once `setrlimit` is told so."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.parametrize("workers", [1, 3])
def test_every_row_of_every_due_tick_is_recorded_once(tmp_path: Path, local: Local, workers: int):
    with Gang(PROGRAM, 3, workers) as gang:
        gang.done(Worker.populate)
        begun = plan(tmp_path, every=2)
        gang.done(lambda worker: worker.record(begun, True))
        gang.done(lambda worker: worker.advance(5))
        gang.done(Worker.flush)
    birds, stones = rows(tmp_path, "Bird"), rows(tmp_path, "Stone")
    shares = ds.dataset(tmp_path / DIGESTS).to_table().to_pylist()
    for tick in range(6):
        local.advance(tick)
        if tick % 2:
            continue
        ids, held = local.rows(BIRD)
        mine = birds.filter(pa.compute.field("tick") == tick)
        assert mine["id"].to_pylist() == ids.tolist()
        assert mine["position.x"].to_pylist() == held[0].tolist()
        assert mine["v"].to_pylist() == np.stack(held[2:4], axis=1).tolist()
        ids, held = local.rows(STONE)
        assert stones.filter(pa.compute.field("tick") == tick)["val"].to_pylist() == held[2].tolist()
        told = [share for share in shares if share["tick"] == tick]
        assert sorted(share["worker"] for share in told) == list(range(workers))
        assert {share["workers"] for share in told} == {workers}
        assert add_digests((share["a"], share["b"]) for share in told) == local.worker.digest()
    assert set(birds["tick"].to_pylist()) == {0, 2, 4}
    assert birds.num_rows < 3 * 60  # some have died


def test_an_area_holds_those_with_low_le_position_lt_high(tmp_path: Path, local: Local):
    area = ((2.0, 0.0, 0.0), (7.5, 6.0, 0.0))
    local.record(plan(tmp_path, area=area), now=True)
    local.advance(2)
    local.flush()
    ids, held = local.rows(BIRD)
    inside = (held[0] >= 2.0) & (held[0] < 7.5) & (held[1] >= 0.0) & (held[1] < 6.0)
    assert 0 < inside.sum() < len(ids)
    recorded = rows(tmp_path, "Bird").filter(pa.compute.field("tick") == 2)
    assert recorded["id"].to_pylist() == ids[inside].tolist()


class Block:
    """A layer of 4 x 3 x 2 cells, of which the two owned partitions are all with x >= 1."""

    dim, columns = 3, ()
    values = np.arange(24.0).reshape(2, 3, 4)

    def pieces(self, layer: int, names: list[str]) -> Iterator[tuple[list[np.ndarray], tuple[int, int, int]]]:
        assert (layer, names) == (0, ["heat"])
        yield [self.values[:, :, 1:2]], (1, 0, 0)
        yield [self.values[:, :, 2:]], (2, 0, 0)


@pytest.mark.parametrize("area", [None, ((0.0, 3.0, 0.0), (6.1, 9.0, 2.5))])
def test_cells_in_three_dimensions_know_where_they_are(tmp_path: Path, area: object):
    head = [("tick", "int64"), ("x", "int32"), ("y", "int32"), ("z", "int32"), ("heat", "float64")]
    asked = plan(tmp_path, area=area)
    asked = dataclasses.replace(asked, tables=(Recorded(0, "Bird", pa.schema(head), (("heat",),)),))
    edges = [np.arange(n + 1) * 2.0 for n in (4, 3, 2)]
    grid = SimpleNamespace(cells=[SimpleNamespace(edges=edges)])
    recorder = Recorder(asked, grid, Block(), lambda: (1, 2), 0, 1)  # type: ignore[arg-type]
    recorder.take(0)
    recorder.flush()
    recorder.close()
    told = {(x, y, z): heat for _, x, y, z, heat in zip(*rows_unsorted(tmp_path), strict=True)}
    inside = [(x, y, z) for x in (1, 2, 3) for y in range(3) for z in range(2)]
    if area is not None:  # centres at 1, 3, 5, …
        inside = [(x, y, z) for x, y, z in inside if x <= 2 and y >= 1 and z == 0]
    assert told == {(x, y, z): Block.values[z, y, x] for x, y, z in inside}


def rows_unsorted(root: Path) -> list[list[object]]:
    return [column.to_pylist() for column in ds.dataset(root / "Bird").to_table().columns]


def test_a_recording_may_begin_later_and_flushed_parts_end_at_the_tick(tmp_path: Path, local: Local):
    local.advance(3)
    local.record(plan(tmp_path, every=2, first=4), now=True)
    local.advance(5)
    local.flush()
    local.flush()  # there is nothing more to write
    local.advance(8)
    local.worker.stop_recording()
    assert [str(name) for name in parts_in(tmp_path / "Bird")] == ["4-4-w0.parquet", "6-8-w0.parquet"]
    assert parts_in(tmp_path / "Bird") == parts_in(tmp_path / DIGESTS)
    assert list((tmp_path / UNFINISHED).iterdir()) == []


def test_a_mark_ends_a_part_while_the_run_goes_on(tmp_path: Path, local: Local):
    local.record(plan(tmp_path), now=True)
    local.advance(3)
    recorder = local.worker.recorder
    assert recorder is not None
    mark = recorder.mark()
    local.advance(9)
    recorder.wait(mark)
    assert parts_in(tmp_path / "Bird")[0] == PartName(0, 3, 0, 0)
    local.flush()
    assert parts_in(tmp_path / "Bird") == [PartName(0, 3, 0, 0), PartName(4, 9, 0, 0)]


def test_parts_are_finished_when_they_are_large_or_old(tmp_path: Path, local: Local, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(parts_module, "PART_BYTES", 8_000)
    monkeypatch.setattr(parts_module, "GROUP_BYTES", 2_000)
    local.record(plan(tmp_path / "large"), now=True)
    local.advance(12)
    local.flush()
    assert 2 < len(parts_in(tmp_path / "large" / "Bird")) < 10
    monkeypatch.setattr(parts_module, "LEAST_SECONDS", 0.0)
    monkeypatch.setattr(parts_module, "SHARE", 0.0)
    local.record(plan(tmp_path / "old", first=13), now=True)
    local.advance(15)
    local.flush()
    assert [str(name) for name in parts_in(tmp_path / "old" / "Bird")] == [f"{t}-{t}-w0.parquet" for t in (13, 14, 15)]


def test_a_slow_disk_makes_the_run_wait(tmp_path: Path, local: Local, monkeypatch: pytest.MonkeyPatch):
    """The writer goes on only when the run waits for it; if the run never waited, this would not end."""
    waits, most = threading.Event(), []
    original = Parts.add

    def slow(self: Parts, tick: int, tables: list[pa.Table]) -> None:
        recorder = local.worker.recorder
        assert recorder is not None
        with recorder._changed:
            most.append(recorder._behind)
        if tick == 0:
            assert waits.wait(60)
        original(self, tick, tables)

    monkeypatch.setattr(Parts, "add", slow)
    local.record(plan(tmp_path), now=True)
    recorder = local.worker.recorder
    assert recorder is not None
    wait_for = recorder._changed.wait_for

    def watched(claim, timeout=None):
        if threading.current_thread() is threading.main_thread() and not claim():
            waits.set()
        return wait_for(claim, timeout)

    monkeypatch.setattr(recorder._changed, "wait_for", watched)
    local.advance(10)
    assert waits.is_set()
    local.flush()
    assert max(most) <= 2
    assert sorted(set(rows(tmp_path, "Bird")["tick"].to_pylist())) == list(range(11))


def test_a_full_disk_ends_the_run_and_what_was_finished_stays(
    tmp_path: Path, local: Local, monkeypatch: pytest.MonkeyPatch, small_files: None
):
    monkeypatch.setattr(parts_module, "GROUP_BYTES", 1)
    local.record(plan(tmp_path), now=True)
    local.advance(1)
    local.flush()
    resource.setrlimit(resource.RLIMIT_FSIZE, (3_000, resource.getrlimit(resource.RLIMIT_FSIZE)[1]))
    with pytest.raises(RecordFault, match=rf"worker 0 on .* could not (write|finish) the recording in {tmp_path}"):
        local.advance(100)
    with pytest.raises(RecordFault, match="Up to tick 1 it is whole"):
        local.flush()
    assert set(rows(tmp_path, "Bird")["tick"].to_pylist()) == {0, 1}
    assert list((tmp_path / UNFINISHED).iterdir()) == []


def test_a_folder_that_is_not_there_is_told_before_the_first_tick(tmp_path: Path, local: Local):
    made = plan(tmp_path / "elsewhere")
    shutil.rmtree(tmp_path / "elsewhere")
    with pytest.raises(RecordFault, match="several nodes need a folder that all share"):
        local.record(made, now=True)
    made = plan(tmp_path / "odd")
    (tmp_path / "odd" / FACTS).write_text("{}", encoding="utf-8")
    with pytest.raises(RecordFault, match="KeyError"):
        local.record(made, now=True)


def test_a_folder_that_goes_away_ends_the_run(tmp_path: Path, local: Local, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(parts_module, "LEAST_SECONDS", 0.0)
    monkeypatch.setattr(parts_module, "SHARE", 0.0)
    local.record(plan(tmp_path / "run"), now=True)
    (tmp_path / "run").rename(tmp_path / "gone")
    with pytest.raises(RecordFault, match=r"could not (write|finish)"):
        local.advance(1_000_000)  # far: it ends by the fault


def test_a_worker_of_an_earlier_epoch_adds_nothing(tmp_path: Path, local: Local):
    local.record(plan(tmp_path), now=True)
    local.advance(2)
    (tmp_path / FACTS).write_text(json.dumps({"id": ID, "epoch": 1}), encoding="utf-8")
    with pytest.raises(RecordFault, match="another run has begun or joined a recording in this folder"):
        local.flush()
    assert parts_in(tmp_path / "Bird") == []


@pytest.fixture(scope="module")
def part(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, PartName]:
    root = tmp_path_factory.mktemp("recorded")
    with Local(PROGRAM) as local:
        local.record(plan(root), now=True)
        local.advance(6)
        local.flush()
    return root, PartName(0, 6, 0, 0)


def copied(part: tuple[Path, PartName], to: Path) -> Path:
    shutil.copytree(part[0], to, dirs_exist_ok=True)
    return to


def test_a_part_is_cut_after_a_tick(part: tuple[Path, PartName], tmp_path: Path):
    root = copied(part, tmp_path / "cut")
    cut(root, "Bird", part[1], 4, columns(BIRDS), ID)
    assert parts_in(root / "Bird") == [PartName(0, 4, 0, 0)]
    assert rows(root, "Bird").equals(rows(part[0], "Bird").filter(pa.compute.field("tick") <= 4))
    cut(root, "Bird", PartName(0, 4, 0, 0), 4, columns(BIRDS), ID)
    assert parts_in(root / "Bird") == [PartName(0, 4, 0, 0)]
    cut(root, "Bird", PartName(0, 4, 0, 0), -1, columns(BIRDS), ID)
    assert parts_in(root / "Bird") == []


def test_a_damaged_part_is_not_cut(part: tuple[Path, PartName], tmp_path: Path):
    root = copied(part, tmp_path / "cut")
    path = root / "Bird" / str(part[1])
    path.write_bytes(path.read_bytes()[:-100] + b"~" + path.read_bytes()[-99:])
    before = path.read_bytes()
    with pytest.raises(RecordFault, match=r"Bird/0-6-w0\.parquet .* its sum is another"):
        cut(root, "Bird", part[1], 4, columns(BIRDS), ID)
    assert path.read_bytes() == before
    assert list((root / UNFINISHED).iterdir()) == []


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("0-6-w0.parquet", PartName(0, 6, 0, 0)),
        ("12-345-w67-8.parquet", PartName(12, 345, 67, 8)),
        ("6-0-w0.parquet", None),
        ("0-6-w0.parquet.tmp", None),
        ("-1-6-w0.parquet", None),
        ("00-6-w0.parquet", None),
        ("0-6-w0-0.parquet", None),
        ("0-٦-w0.parquet", None),
        (f"0-{10**14}-w0.parquet", None),
    ],
)
def test_names_of_parts(name: str, told: PartName | None):
    assert PartName.read(name) == told
    if told is not None:
        assert str(told) == name


def test_what_is_no_part_is_refused(part: tuple[Path, PartName], tmp_path: Path):
    (copied(part, tmp_path / "odd") / "Bird" / "notes.txt").write_text("mine")
    with pytest.raises(RecordFault, match=r"notes\.txt was to be read as a part of a recording; its name"):
        parts_in(tmp_path / "odd" / "Bird")


def test_a_link_is_refused(part: tuple[Path, PartName], tmp_path: Path):
    root = copied(part, tmp_path / "odd")
    path = root / "Bird" / str(part[1])
    path.rename(tmp_path / "elsewhere")
    path.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(RecordFault, match=r"Bird/0-6-w0\.parquet .* no file, but a link, a folder or a device"):
        parts_in(root / "Bird")
    shutil.move(root / "Stone", tmp_path / "stones")
    (root / "Stone").symlink_to(tmp_path / "stones")
    with pytest.raises(RecordFault, match="Stone was to be read as a folder of a recording"):
        parts_in(root / "Stone")


def test_a_part_with_other_ticks_columns_or_without_values_is_refused(part: tuple[Path, PartName], tmp_path: Path):
    name = part[1]
    folder = copied(part, tmp_path / "odd") / "Bird"
    with pytest.raises(RecordFault, match=r"it has the columns tick, id, position\.x, v"):
        list(read_part(folder, name, columns(STONES), ID))
    other = name._replace(last=5)
    (folder / str(name)).rename(folder / str(other))
    seal(folder / str(other), f"{ID}/Bird/{other}")
    with pytest.raises(RecordFault, match="it holds the ticks 0 to 6"):
        list(read_part(folder, other, columns(BIRDS), ID))
    whole = pq.read_table(part[0] / "Bird" / str(name))
    hollow = whole.schema.set(0, pa.field("tick", pa.int64()))
    with pq.ParquetWriter(folder / str(name), hollow) as writer:
        writer.write_table(whole.set_column(0, hollow[0], pa.nulls(len(whole), pa.int64())))
        writer.add_key_value_metadata(UNSEALED)
    seal(folder / str(name), f"{ID}/Bird/{name}")
    with pytest.raises(RecordFault, match="it lacks values"):
        list(read_part(folder, name, columns(BIRDS), ID))


def test_a_part_is_read_by_arrow_itself(part: tuple[Path, PartName], monkeypatch: pytest.MonkeyPatch):
    # Bytes of Python's that a thread of Arrow's lets go of while the process ends abort it.
    sources, opened = [], pq.ParquetFile
    monkeypatch.setattr(pq, "ParquetFile", lambda source: sources.append(source) or opened(source))
    assert sum(map(len, read_part(part[0] / "Bird", part[1], columns(BIRDS), ID))) == len(rows(part[0], "Bird"))
    assert [type(source) for source in sources] == [pa.OSFile]


def test_a_damaged_part_is_refused(part: tuple[Path, PartName], tmp_path: Path):
    name = part[1]
    path = copied(part, tmp_path / "damaged") / "Bird" / str(name)
    whole = path.read_bytes()
    rng = np.random.default_rng(11)
    for turn in range(150):
        bytes_ = bytearray(whole)
        at = int(rng.integers(len(whole)))
        if turn % 10 == 0:
            del bytes_[at:]
        else:
            bytes_[at] ^= 1 << int(rng.integers(8))
        path.write_bytes(bytes_)
        with pytest.raises(RecordFault, match=re.escape(str(path))):
            list(read_part(path.parent, name, columns(BIRDS), ID))
