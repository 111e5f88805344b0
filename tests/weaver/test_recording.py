"""Recordings: any reader reads them, a run can go on with one, and what is damaged is refused with its name."""

from __future__ import annotations

import enum
import os
import re
import resource
import runpy
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
import pytest
from typer.testing import CliRunner

import weaver as wv
from partitions import parts as parts_module
from partitions.seal import seal
from weaver import cli
from weaver.description import Description, descriptions_of
from weaver.recording import Recording
from weaver.run import Run

ROOT = Path(__file__).resolve().parents[2]


class Mood(enum.IntEnum):
    CALM = 1
    WILD = 4


class Fox(wv.Entity):
    """Eats hens."""

    velocity: wv.Vec2  # m/s, of the last tick
    strides: wv.Array[wv.float32, 3]
    mood: Mood = Mood.WILD
    tick: int = 3
    "rounds that it has made"
    shy: bool = True


class Hen(wv.Entity):
    position: wv.Vec2f


class Grass(wv.Layer, resolution=2.0):
    height: float = 1.0  # cm


def make() -> wv.Simulation:
    sim = wv.Simulation(wv.Box(20, 10, boundary="periodic"), seed=5, name="farm")
    fatal = sim.parameter("fatal", -1, low=-1)

    @sim.behavior
    def trot(fox: Fox, world: wv.World):
        fox.position += 0.5 * fox.velocity
        fox.tick += 1
        fox.strides[1] += 0.25
        if world.random() < 0.01:
            world.remove(fox)
        if world.tick == fatal:
            fox.position += fox.velocity / 0

    @sim.behavior
    def grow(grass: Grass, world: wv.World):
        grass.height += 0.5

    sim.layer(Grass, height=lambda cell: cell.position.x)
    sim.scatter(Fox, 40, velocity=lambda draw: draw.unit2())
    sim.scatter(Hen, 9)
    return sim


def ordered(table: pa.Table) -> pa.Table:
    keys = [name for name in ("tick", "id", "z", "y", "x") if name in table.column_names]
    return table.sort_by([(key, "ascending") for key in keys])


def read(folder: Path, name: str) -> pa.Table:
    return ordered(ds.dataset(folder / name).to_table())


def ticks_of(folder: Path, name: str = "Fox") -> list[int]:
    return sorted(set(read(folder, name)["tick"].to_pylist()))


@pytest.fixture
def run() -> Iterator[Run]:
    with make().start(partitions=2) as made:
        yield made


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Ticks 0, 4, … 40."""
    folder = tmp_path_factory.mktemp("whole") / "farm"
    make().run(41, record=folder, record_every=4)
    return folder


@pytest.fixture
def copy(whole: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(whole, tmp_path / "copy"))


# ---- Reading ----


def by_dataset(folder: Path, name: str, tick: int) -> pa.Table:
    return ds.dataset(folder / name).to_table(filter=pc.field("tick") == tick)


def by_pandas(folder: Path, name: str, tick: int) -> pa.Table:
    pandas = pytest.importorskip("pandas")
    frame = pandas.read_parquet(folder / name, filters=[("tick", "==", tick)])
    return pa.Table.from_pandas(frame, preserve_index=False)


def by_polars(folder: Path, name: str, tick: int) -> pa.Table:
    polars = pytest.importorskip("polars")
    return polars.scan_parquet(folder / name).filter(polars.col("tick") == tick).collect().to_arrow()


def by_duckdb(folder: Path, name: str, tick: int) -> pa.Table:
    duckdb = pytest.importorskip("duckdb")
    return duckdb.sql(f"SELECT * FROM '{folder / name}/*.parquet' WHERE tick = {tick}").to_arrow_table()


@pytest.mark.parametrize("reader", [by_dataset, by_pandas, by_polars, by_duckdb])
def test_every_reader_reads_while_the_run_goes_on(run: Run, tmp_path: Path, reader: Callable[..., pa.Table]):
    run.record(tmp_path / "out", every=3)
    run.step(6)
    run._runtime.flush()
    run.step(1)  # goes on
    foxes = ordered(reader(tmp_path / "out", "Fox", 6)).to_pydict()
    hens, cells = (ordered(reader(tmp_path / "out", name, 6)).to_pydict() for name in ("Hen", "Grass"))
    with make().start() as other:
        other.step(6)
        table = other.entities(Fox)
        assert table.num_rows > 20
        for name in ("id", "mood", "shy"):
            assert foxes[name] == table[name].to_pylist()
        assert [list(row) for row in foxes["strides"]] == table["strides"].to_pylist()
        assert foxes["Fox.tick"] == table["tick"].to_pylist()
        for field in ("position", "velocity"):
            assert list(zip(foxes[f"{field}.x"], foxes[f"{field}.y"], strict=True)) == [
                tuple(v) for v in table[field].to_pylist()
            ]
        assert list(zip(hens["position.x"], hens["position.y"], strict=True)) == [
            tuple(v) for v in other.entities(Hen)["position"].to_pylist()
        ]
        heights = np.zeros((5, 10))
        heights[cells["y"], cells["x"]] = cells["height"]
        assert heights.tolist() == other.layer(Grass).tolist()
    assert set(foxes["tick"]) == {6}


def test_the_example_of_the_guide_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (example,) = re.findall(r"```python\n(.*?)```", (ROOT / "docs" / "recording.md").read_text("utf-8"), re.DOTALL)
    (tmp_path / "guide.py").write_text(example, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    told = runpy.run_path("guide.py", run_name="__main__")
    assert told["last"].num_rows == 200
    assert len(told["all_of_it"]) == 11 * 200
    assert told["mean"].height == 11
    assert 0 < dict(told["west"])[100] < 200
    assert Recording("out").digests()[100] == told["run"].digest()


def test_columns_say_their_unit_and_what_they_mean(whole: Path):
    schema = ds.dataset(whole / "Fox").schema
    assert schema.names == [
        "tick", "id", "position.x", "position.y", "velocity.x", "velocity.y", "strides", "mood", "Fox.tick", "shy",
    ]  # fmt: skip
    assert schema.field("velocity.y").metadata == {b"unit": b"m/s", b"description": b"of the last tick"}
    assert schema.field("Fox.tick").metadata == {b"description": b"rounds that it has made"}
    assert schema.field("mood").metadata == {b"members": b'{"CALM": 1, "WILD": 4}'}
    assert schema.metadata == {b"description": b"Eats hens."}
    assert schema.field("strides").type == pa.list_(pa.field("element", pa.float32()), 3)
    facts = Recording(whole).facts
    assert facts.tables["Grass"].kind == "layer"
    assert facts.tables["Grass"].columns["height"].unit == "cm"
    assert (facts.simulation, facts.seed, facts.every, facts.high) == ("farm", 5, 4, [20.0, 10.0])


class Car(wv.Entity):
    speed: float  # m/s
    mass: float = 800.0  # 1000 kg, with the driver
    fuel: float
    """l, but not a unit of ours"""
    at: int  # s, since the start # of the day
    where: wv.Vec2 = wv.Vec2(1, 2)  # 1/day, rather odd
    plain: bool


def test_what_is_said_of_fields():
    assert descriptions_of(Car) == {
        "speed": Description("m/s", ""),
        "mass": Description("", "1000 kg, with the driver"),
        "fuel": Description("", "l, but not a unit of ours"),
        "at": Description("s", "since the start # of the day"),
        "where": Description("1/day", "rather odd"),
    }
    made: dict[str, Any] = {"wv": wv, "__name__": "made"}
    exec("class Ship(wv.Entity):\n    speed: float  # knots", made)
    assert descriptions_of(made["Ship"]) == {}


def test_the_digest_of_every_recorded_tick_is_kept(whole: Path):
    with make().start(partitions=5) as run:
        expected = {}
        for tick in range(0, 41, 4):
            run.step(tick - run.tick)
            expected[tick] = run.digest()
    recording = Recording(whole)
    assert recording.digests() == expected
    assert recording.ticks == tuple(expected)
    recording.check()


def test_partitions_do_not_change_what_is_recorded(whole: Path, tmp_path: Path):
    make().run(41, partitions=3, threads=2, record=tmp_path / "out", record_every=4)
    for name in ("Fox", "Hen", "Grass", "run-digests"):
        assert read(tmp_path / "out", name).equals(read(whole, name))


def test_some_fields_of_an_area(whole: Path, tmp_path: Path):
    options = {"record_fields": ["Fox.mood", "Fox.position", "Grass"], "record_area": ((3, 0), (9, 6.5))}
    make().run(41, partitions=3, record=tmp_path / "out", record_every=4, **options)
    assert {path.name for path in (tmp_path / "out").iterdir() if path.is_dir()} == {
        "Fox", "Grass", "run-digests", ".unfinished",
    }  # fmt: skip
    all_foxes, foxes = read(whole, "Fox"), read(tmp_path / "out", "Fox")
    inside = (pc.field("position.x") >= 3) & (pc.field("position.x") < 9) & (pc.field("position.y") < 6.5)
    assert foxes.equals(all_foxes.filter(inside).select(["tick", "id", "position.x", "position.y", "mood"]))
    cells = read(tmp_path / "out", "Grass")
    assert sorted({*zip(cells["x"].to_pylist(), cells["y"].to_pylist(), strict=True)}) == [
        (x, y) for x in (1, 2, 3) for y in (0, 1, 2)
    ]  # centres at 3, 5, 7 and 1, 3, 5
    assert Recording(tmp_path / "out").digests() == Recording(whole).digests()


def test_a_recording_that_begins_on_the_way(run: Run, tmp_path: Path):
    run.step(5)
    recording = run.record(tmp_path / "out", every=4, fields=["Hen"])
    run.step(8)
    run.stop()
    assert recording.ticks == (8, 12)
    assert ticks_of(tmp_path / "out", "Hen") == [8, 12]


# ---- Asking for one ----


@pytest.mark.parametrize(
    ("options", "error", "said"),
    [
        ({"every": 0}, wv.ModelError, "a recording of every 0 ticks was asked for"),
        ({"every": 1.5}, wv.ModelError, "a recording of every 1.5 ticks"),
        (
            {"fields": ["Wolf"]},
            wv.ModelError,
            r"a recording of 'Wolf' was asked for; there are Fox, Hen, Grass, and of",
        ),
        ({"fields": ["Fox.age"]}, wv.ModelError, r"'Fox.age' was asked for.*Fox\.position, Fox\.velocity"),
        ({"fields": []}, wv.ModelError, "no fields"),
        ({"area": ((0, 0, 0), (1, 1, 1))}, wv.ModelError, r"--area 0,0,9,9"),
        ({"area": ((0, 5), (1, 5))}, wv.ModelError, "each low one below the high one"),
        ({"area": ((0, 0), (1, float("inf")))}, wv.ModelError, "all finite"),
        ({"area": 7}, wv.ModelError, "a low and a high corner of 2 numbers"),
        ({"folder": "no/such/place"}, wv.RecordError, "there is no folder .*no/such"),
        ({"folder": "taken"}, wv.RecordError, "an empty folder, or one that is not there yet"),
        ({"folder": "file"}, wv.RecordError, "an empty folder, or one that is not there yet"),
    ],
)
def test_what_cannot_be_recorded_is_told(
    run: Run, tmp_path: Path, options: dict[str, Any], error: type[Exception], said: str
):
    (tmp_path / "taken").mkdir()
    (tmp_path / "taken" / "thesis.txt").touch()
    (tmp_path / "file").touch()
    with pytest.raises(error, match=said) as caught:
        run.record(tmp_path / options.pop("folder", "out"), **options)
    assert len(str(caught.value).splitlines()) == 3
    assert not (tmp_path / "out").exists()
    assert run.step() == 1  # it goes on without


def test_a_run_has_one_recording(run: Run, tmp_path: Path):
    run.record(tmp_path / "one")
    with pytest.raises(wv.RecordError, match=r"the run is recorded into .*one already"):
        run.record(tmp_path / "two")


def test_a_wrong_option_is_told_before_anything_is_compiled(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setattr("weaver.run.compiled", None)
    with pytest.raises(wv.ModelError, match="every 0 ticks"):
        make().start(record=tmp_path / "out", record_every=0)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--every", "3"], "without --record"),
        (["--fields", "Dot"], "without --record"),
        (["--area", "0,0,1,1"], "without --record"),
        (["--record", "OUT", "--every", "0"], "whole numbers from 1"),
        (["--record", "OUT", "--fields", "a,,b"], "--fields Bird.position,Bird.velocity,Grass"),
        (["--record", "OUT", "--area", "0,0,1"], "4 numbers in two dimensions"),
        (["--record", "OUT", "--area", "0,0,0,9"], "4 numbers in two dimensions"),
        (["--record", "OUT/no/such"], "there is no folder"),
    ],
)
def test_the_command_refuses_what_cannot_be_recorded(arguments: list[str], said: str, tmp_path: Path):
    told = CliRunner(env={"COLUMNS": "500", "NO_COLOR": "1"}).invoke(
        cli.app, ["run", "flocking", *(a.replace("OUT", str(tmp_path / "out")) for a in arguments)]
    )
    assert told.exit_code == 2
    assert said in told.output


def test_the_command_records(tmp_path: Path):
    app, out = tmp_path / "app.py", tmp_path / "out"
    app.write_text("from tests.weaver.test_recording import make\nsim = make()", encoding="utf-8")
    options = ["--record", str(out), "--every", "3", "--fields", "Fox.position,Grass", "--area", "0,0,15,1e6"]
    told = CliRunner().invoke(cli.app, ["run", str(app), "--ticks", "7", *options])
    assert told.exit_code == 0, told.output
    assert f"recording: {out}" in told.output
    assert Recording(out).ticks == (0, 3, 6)
    foxes = read(out, "Fox")
    assert foxes.column_names == ["tick", "id", "position.x", "position.y"]
    assert foxes.num_rows > 0 and pc.max(foxes["position.x"]).as_py() < 15
    assert read(out, "Grass").num_rows == 3 * 7 * 5  # centres at 1, 3, … 13


# ---- Going on ----


@pytest.mark.parametrize("tick", [40, 22, 4, 3, 0])
def test_what_is_joined_ends_at_the_tick_and_goes_on_without_gap_or_repeat(whole: Path, copy: Path, tick: int):
    with make().start(partitions=2) as run:
        run.step(tick)
        run._join_recording(copy, every=4)
        assert ticks_of(copy) == list(range(0, tick + 1, 4))
        run.step(41 - tick)
        recording = Recording(copy)
    recording.check()
    for name in ("Fox", "Hen", "Grass", "run-digests"):
        assert read(copy, name).equals(read(whole, name))


def test_a_run_that_goes_back_drops_what_it_repeats(whole: Path, copy: Path):
    with make().start() as run:
        run.step(30)
        run._join_recording(copy, every=4)
        run.step(5)
    with make().start(partitions=3) as run:
        run.step(10)
        run._join_recording(copy, every=4)
        run.step(31)
    for name in ("Fox", "Grass", "run-digests"):
        assert read(copy, name).equals(read(whole, name))


def test_before_its_first_tick_nothing_of_a_recording_is_kept(run: Run, tmp_path: Path):
    run.step(10)
    run.record(tmp_path / "out", every=4)
    run.step(10)
    run.stop()
    with make().start() as other:
        other.step(2)
        other._join_recording(tmp_path / "out", every=4)
        assert parts_module.parts_in(tmp_path / "out" / "Fox") == []
        other.step(15)
    assert Recording(tmp_path / "out").ticks == (12, 16)
    assert ticks_of(tmp_path / "out") == [12, 16]


def test_a_join_that_was_interrupted_reads_right_and_is_done_again(copy: Path, monkeypatch: pytest.MonkeyPatch):
    done, original = [], parts_module.cut

    def fail(root: Path, table: str, *rest: Any) -> None:
        if done:
            raise OSError("the power went")
        original(root, table, *rest)
        done.append(table)

    monkeypatch.setattr(parts_module, "cut", fail)
    with pytest.raises(wv.RecordError, match="the power went"):
        Recording(copy).join(22)
    assert done == ["Fox"]
    assert Recording(copy).ticks == tuple(range(0, 21, 4))
    monkeypatch.undo()
    recording = Recording(copy)
    recording.check()
    recording.join(15)
    for name in ("Fox", "Grass", "run-digests"):
        assert ticks_of(copy, name) == [0, 4, 8, 12]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"every": 2}, "its every is 4, and that of this run is 2"),
        ({"every": 4, "fields": ["Fox"]}, "its tables is"),
        ({"every": 4, "area": ((0, 0), (5, 5))}, "its area is None"),
    ],
)
def test_only_the_same_recording_can_be_gone_on_with(copy: Path, run: Run, options: dict[str, Any], said: str):
    with pytest.raises(wv.RecordError, match=said):
        run._join_recording(copy, **options)
    assert Recording(copy).facts.epoch == 0


def test_a_gap_is_refused(copy: Path):
    with pytest.raises(wv.RecordError, match="was to be joined at tick 50; it lacks tick 44"):
        Recording(copy).join(50)
    with pytest.raises(wv.RecordError, match=r"it holds no recording\.json"):
        Recording(copy.parent)


def resealed(path: Path) -> None:
    """As if a run had written it there."""
    seal(path, f"{Recording(path.parents[1]).facts.id}/{path.parent.name}/{path.name}")


def broken(copy: Path, how: str) -> None:
    part = copy / "Fox" / "0-40-w0.parquet"
    match how:
        case "missing":
            part.unlink()
        case "missing digests":
            (copy / "run-digests" / "0-40-w0.parquet").unlink()
        case "cut off":
            os.truncate(part, 1000)
        case "another table" | "another table, sealed":
            shutil.copy(copy / "Hen" / part.name, part)
            if how.endswith("sealed"):
                resealed(part)
        case "other ticks" | "other ticks, sealed":
            for table in ("Fox", "Hen", "Grass", "run-digests"):
                (copy / table / part.name).rename(copy / table / "0-36-w0.parquet")
                if how.endswith("sealed"):
                    resealed(copy / table / "0-36-w0.parquet")
        case "foreign file":
            (copy / "Grass" / "notes.txt").touch()
        case "a share twice":
            for table in ("Fox", "Hen", "Grass", "run-digests"):
                resealed(Path(shutil.copy(copy / table / part.name, copy / table / "0-41-w7.parquet")))
        case _:
            old, _, new = how.partition(" > ")
            facts = copy / "recording.json"
            text = facts.read_text(encoding="utf-8")
            assert old in text
            facts.write_text(text.replace(old, new, 1), encoding="utf-8")


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ("missing", r"Fox/0-40-w0\.parquet is missing; its digests are there"),
        ("missing digests", "it lacks tick 0"),
        ("cut off", r"Fox/0-40-w0\.parquet was to be read as a part of a recording"),
        ("another table", r"Fox/0-40-w0\.parquet .* its sum is another"),
        ("another table, sealed", r"Fox/0-40-w0\.parquet .* the columns tick, id, position\.x, position\.y\."),
        ("other ticks", r"0-36-w0\.parquet .* its sum is another"),
        ("other ticks, sealed", r"0-36-w0\.parquet .* it holds the ticks 0 to 40"),
        ("foreign file", r"Grass/notes\.txt .* its name is not that of a part"),
        ("a share twice", "run-digests holds tick 0 of worker 0 twice"),
        ('"every": 4 > "every": 0', "recording.json .* every: "),
        ('"first": 0 > "first": -1', "first: "),
        ('"every": 4 > "every": 2', r"recording\.json .* its sum is another"),
        ('"kept": -1 > "kept": 22', r"recording\.json .* its sum is another"),
        ('"unit": "m/s" > "unit": "km/s"', r"recording\.json .* its sum is another"),
        ('"seed": 5 > "seed": "5"', "seed: "),
        ('"epoch": 0, > "epoch": 0, "more": 1,', "more: "),
        ('"Hen": > "../Hen":', "'../Hen' is no name of a type"),
        ('"format": 1, > "format": 2,', "format: "),
        ("{ > [", "JSON"),
        ('"id": " > "id": "x', "id: "),
    ],
)
def test_what_is_damaged_is_refused_by_name(copy: Path, how: str, said: str):
    broken(copy, how)
    for use in (Recording.check, lambda recording: recording.join(22)):
        if how == "missing digests" and use is Recording.check:
            continue  # without them a part was not finished, which is no damage
        with pytest.raises(wv.RecordError, match=said) as caught:
            use(Recording(copy))
        assert len(str(caught.value).splitlines()) == 3


# ---- Ends ----


def test_a_fault_leaves_the_ticks_before_it(tmp_path: Path):
    def fail() -> None:
        with make().start(record=tmp_path / "out") as run:
            run.set(fatal=6)
            run.step(20)

    with pytest.raises(wv.RunError, match="at tick 6"):
        fail()
    assert Recording(tmp_path / "out").ticks == tuple(range(7))
    assert ticks_of(tmp_path / "out") == list(range(7))


def test_a_full_disk_ends_the_run_with_an_error_that_says_where(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(parts_module, "GROUP_BYTES", 1)
    run.record(tmp_path / "out")
    run.step(2)
    run._runtime.flush()
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, before[1]))
    try:
        with pytest.raises(
            wv.RecordError, match=rf"could not (write|finish) the recording in {tmp_path / 'out'}"
        ) as caught:
            run.step(1000)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert isinstance(caught.value, wv.RunError) and isinstance(caught.value, OSError)
    with pytest.raises(wv.RunError, match="the run failed: worker 0"):
        run.step()
    run.stop()
    recording = Recording(tmp_path / "out")
    recording.check()
    assert recording.ticks == (0, 1, 2)
    assert ticks_of(tmp_path / "out") == [0, 1, 2]


KILLED = """
import sys, partitions.parts as parts
sys.path.insert(0, {root!r})
parts.LEAST_SECONDS, parts.SHARE = 0.0, 0.0
from tests.weaver.test_recording import make
with make().start(record="out", record_every=2) as run:
    run.step(10**9)
"""


def test_a_crash_leaves_what_was_finished(tmp_path: Path, run: Run):
    command = [sys.executable, "-c", KILLED.format(root=str(ROOT))]
    with subprocess.Popen(command, cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(ROOT)}) as process:
        parts = tmp_path / "out" / "run-digests"
        while not (parts.is_dir() and len(list(parts.iterdir())) > 3):
            assert process.poll() is None
            threading.Event().wait(0.02)
        process.send_signal(signal.SIGKILL)
    found = Recording(tmp_path / "out")
    ticks = found.ticks
    assert len(ticks) > 3
    found.trim()
    found.check()
    assert ticks_of(tmp_path / "out") == list(ticks)
    run.step(6)
    assert found.digests()[6] == run.digest()


@pytest.mark.slow
def test_workers_on_ray_record_the_same_and_a_lost_one_leaves_neither_gap_nor_repeat(
    ray_cluster: str, whole: Path, tmp_path: Path
):
    with make().start(workers=2) as run:
        run.record(tmp_path / "out", every=4)
        run.step(41)
        run._runtime.flush()
        assert len(list((tmp_path / "out" / "Fox").iterdir())) == 4  # of tick 0, and of those since, by two workers
        for name in ("Fox", "Hen", "Grass"):
            assert read(tmp_path / "out", name).equals(read(whole, name))
        assert Recording(tmp_path / "out").digests() == Recording(whole).digests()
        run.resume(200)
        while run.tick < 60:
            threading.Event().wait(0.02)
        os.kill(run._runtime.inner.places[1].pid, signal.SIGKILL)  # type: ignore[attr-defined]
        while run.running:
            threading.Event().wait(0.05)
        assert run.pause() == 200
        assert run.lost == 1
        last = run.digest()
    recording = Recording(tmp_path / "out")
    recording.check()
    assert recording.ticks == tuple(range(0, 201, 4))
    assert ticks_of(tmp_path / "out") == list(recording.ticks)
    assert recording.digests()[200] == last
