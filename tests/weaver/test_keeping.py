"""Keeping a run where the place is full, gone, not ours, or may not be written: the run goes on, and says so."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

import weaver as wv
from partitions.folder import Disk, FolderError
from partitions.manifest import read_manifest
from partitions.points import Points
from partitions.snapshot import Reader
from tests.weaver.pond import Call, Duck, pond

MANY = np.full((30_000, 2), 1.0)
"""Places whose command takes more than half a megabyte in the log."""


@contextlib.contextmanager
def mounted(place: Path, *options: str) -> Iterator[Path]:
    """Something mounted at a place; skips where this process may not."""
    place.mkdir(exist_ok=True)
    done = subprocess.run(["mount", *options, str(place)], capture_output=True, text=True)
    if done.returncode:
        pytest.skip(f"nothing can be mounted here: {done.stderr.strip()}")
    try:
        yield place
    finally:
        subprocess.run(["umount", "-l", str(place)], check=True)


def filled(place: Path) -> Path:
    """Take all the room that there is."""
    junk = place / "junk"
    with contextlib.suppress(OSError), open(junk, "wb", buffering=0) as file:
        while file.write(bytes(4096)) == 4096:
            pass
    return junk


def undisturbed(ticks: int) -> str:
    with pond().start() as run:
        run.step(ticks)
        return run.digest()


def whole(folder: Path) -> list[str]:
    """The snapshots in a folder; every one is whole, and nothing else is there."""
    names = sorted(name for name in os.listdir(folder) if name.startswith(("tick-", "point-")))
    for name in names:
        inside = Disk(folder / name)
        assert Reader(inside, read_manifest(inside)).verify() == [], name
    return names


# ---- Full ----


def test_a_full_disk_ends_no_run(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with mounted(tmp_path / "small", "-t", "tmpfs", "-o", "size=1m", "tmpfs") as small:
        folder = small / "run"
        with pond().start(snapshots=folder, snapshot_every=6) as run:
            run.step(3)
            junk, before = filled(small), whole(folder)
            run.step(5)
            run._surviving.settle()
            assert "tick-0000000000006" in caplog.text and "No space left on device. The run goes on" in caplog.text
            assert whole(folder) == before  # no half of one is left

            counts, digest = run.counts(), run.digest()
            with pytest.raises(wv.RunError, match="No space left on device"):
                run.snapshot(small / "mine")
            assert not (small / "mine").exists()
            with pytest.raises(
                wv.RunError, match=r"No space left on device.*\n.*What was asked for is not done"
            ) as caught:
                run.add(Duck, position=MANY)
            assert "log" in str(caught.value)
            assert (run.tick, run.counts(), run.digest()) == (8, counts, digest)

            junk.unlink()
            added = run.add(Duck, position=[(1.0, 1.0)])
            assert added.tolist() == [60]  # the ids that were refused are free
            run.snapshot(small / "mine")
            run.remove(added)
            run.step(4)
            run._surviving.settle()
            end = run.digest()
            assert "tick-0000000000012" in whole(folder)
        with pond().restore(folder, partitions=2) as run:
            assert (run.tick, run.digest()) == (12, end)
        with pond().restore(small / "mine") as run:
            assert run.tick == 8 and 60 in run.entities(Duck)["id"].to_pylist()


def test_a_place_that_is_full_from_the_first_is_refused(tmp_path: Path) -> None:
    with mounted(tmp_path / "small", "-t", "tmpfs", "-o", "size=64k", "tmpfs") as small:
        filled(small)
        with pytest.raises(wv.RunError, match=r"the first could not be written|No space left on device"):
            pond().start(snapshots=small / "run")


# ---- Not to be written ----


def test_a_place_that_may_not_be_written_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    for place in ("/proc/self/nowhere", tmp_path / "file", tmp_path / "file" / "in"):
        with pytest.raises(wv.RunError, match=r"snapshots were to be kept in .*; that failed: "):
            pond().start(snapshots=place)


def test_a_place_that_becomes_read_only_ends_no_run(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    place = tmp_path / "place"
    with pond().start(snapshots=place, snapshot_every=4) as run:
        run.step(2)
        with mounted(place, "-t", "tmpfs", "-o", "ro", "tmpfs"):  # over it
            run.step(3)
            run._surviving.settle()
            assert "Read-only file system. The run goes on" in caplog.text
            with pytest.raises(wv.RunError, match="Read-only file system"):
                run.add(Duck, position=[(1.0, 1.0)])
            with pytest.raises(wv.RunError, match="Read-only file system"):
                run.snapshot(place / "mine")
            assert run.counts()["Duck"] == run.entities(Duck).num_rows
        run.step(5)
        run._surviving.settle()
        assert whole(place)[-1] == "tick-0000000000008"
        assert run.digest() == undisturbed(10)


def test_a_place_that_is_deleted_ends_no_run(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    with pond().start(snapshots=folder, snapshot_every=4) as run:
        run.step(2)
        run.send(3, Call(0.5))
        shutil.rmtree(folder)
        with pytest.raises(wv.RunError, match="What was asked for is not done"):
            run.send(3, Call(0.5))
        run.step(4)
        run._surviving.settle()
        assert whole(folder) == ["tick-0000000000004"]  # the next is made as if nothing had happened
        run.step(1)
        run.send(4, Call(0.5))  # and from there on commands are safe
        run.step(2)
        end = run.digest()
        copy = shutil.copytree(folder, tmp_path / "copy")
    with pond().restore(copy, partitions=2) as run:
        run.step(9 - run.tick)
        assert run.digest() == end


def test_thinning_goes_on_when_somebody_has_removed_a_snapshot(tmp_path: Path) -> None:
    with pond().start(snapshots=tmp_path, snapshot_every=2, keep="last=2") as run:
        run.step(5)
        run._surviving.settle()
        shutil.rmtree(tmp_path / "tick-0000000000002")
        run.step(6)
        run._surviving.settle()
        assert [name for name in whole(tmp_path) if name.startswith("tick")] == [
            "tick-0000000000008",
            "tick-0000000000010",
        ]


def test_a_clock_that_is_set_back_does_no_harm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pond().start(snapshots=tmp_path, snapshot_every=3, keep="last=9,daily=9") as run:
        run.step(4)
        for now in (1e9, 5.0, -7e8):
            monkeypatch.setattr(time, "time", lambda now=now: now)
            run.send(3, Call(0.1))
            run.step(3)
        end = run.digest()
    monkeypatch.undo()
    assert [name for name in whole(tmp_path) if name.startswith("tick")] == [f"tick-{k:013d}" for k in (0, 3, 6, 9, 12)]
    with pond().restore(tmp_path) as run:
        assert (run.tick, run.digest()) == (13, end)


# ---- Whose it is ----


def test_a_folder_belongs_to_one_run_at_a_time(tmp_path: Path) -> None:
    with pond().start(snapshots=tmp_path) as run:
        run.step(1)
        with pytest.raises(wv.RunError, match="another run is keeping its own there now"):
            pond().restore(tmp_path)
        with pytest.raises(wv.RunError, match="another run is keeping its own there now"):
            pond().start(snapshots=tmp_path)
    with pytest.raises(wv.RunError, match=r"those of another run are there(.|\n)*--resume"):
        pond().start(snapshots=tmp_path)
    with pond().restore(tmp_path) as run:
        assert run.tick == 1


def test_a_snapshot_is_never_written_over_another(tmp_path: Path) -> None:
    with pond().start() as run:
        run.snapshot(tmp_path / "a")
        before = {file.name: file.stat().st_mtime_ns for file in (tmp_path / "a").iterdir()}
        run.step(1)
        with pytest.raises(wv.RunError, match="there is one"):
            run.snapshot(tmp_path / "a")
        assert {file.name: file.stat().st_mtime_ns for file in (tmp_path / "a").iterdir()} == before
        (tmp_path / "b").mkdir()
        (tmp_path / "b" / "notes.txt").write_text("mine")
        run.snapshot(tmp_path / "b")
        assert (tmp_path / "b" / "notes.txt").read_text() == "mine"


def test_a_failed_snapshot_leaves_what_was_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "notes.txt").write_text("mine")

    def full(*_: object) -> None:
        raise FolderError("the manifest was to be written; that failed.\nIt is a test.\nGo on.")

    with pond().start() as run:
        with monkeypatch.context() as patch:
            patch.setattr("partitions.points.write_manifest", full)
            for place in ("b", "c"):
                with pytest.raises(wv.RunError, match="the manifest was to be written"):
                    run.snapshot(tmp_path / place)
        assert sorted(file.name for file in tmp_path.rglob("*")) == ["b", "notes.txt"]
        run.step(2)
        assert run.digest() == undisturbed(2)


# ---- What a crash leaves ----


def test_what_a_crash_left_half_done_is_cleared_away(tmp_path: Path) -> None:
    with pond().start(snapshots=tmp_path, snapshot_every=3) as run:
        run.step(7)
        end = run.digest()
    names = whole(tmp_path)
    for half in ("point-0000000000009-0", "tick-0000000000009"):
        shutil.copytree(tmp_path / names[-1], tmp_path / half)
        (tmp_path / half / "manifest.json").unlink()
    with pond().restore(tmp_path) as run:
        assert (run.tick, run.digest()) == (7, end)
    assert whole(tmp_path) == names


def test_an_older_snapshot_is_used_where_the_newest_is_torn(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with pond().start(snapshots=tmp_path, snapshot_every=4) as run:
        run.step(6)
        run.send(5, Call(0.5))
        run.step(5)
        end = run.digest()
    newest = max(tmp_path.glob("point-*"))
    part = newest / "entity-Duck-0.arrow"
    part.write_bytes(part.read_bytes()[:-9])
    with pond().restore(tmp_path, partitions=2) as run:
        assert f"{part} cannot be used: it has" in caplog.text and "an older snapshot is used" in caplog.text
        assert run.tick == 8
        run.step(11 - run.tick)
        assert run.digest() == end
    assert len(whole(tmp_path)) >= 2
    for file in tmp_path.glob("*/entity-Duck-0.arrow"):
        file.write_bytes(b"")
    with pytest.raises(wv.RunError, match=r"No other snapshot of .* is whole"):
        pond().restore(tmp_path)


def test_a_place_without_a_snapshot_says_what_one_is(tmp_path: Path) -> None:
    for place in (tmp_path, tmp_path / "nowhere"):
        with pytest.raises(
            wv.RunError, match=r"was to be gone on from; there is no snapshot in it(.|\n)*manifest.json"
        ):
            pond().restore(place)


def test_a_torn_log_is_refused_by_name(tmp_path: Path) -> None:
    with pond().start(snapshots=tmp_path / "run", snapshot_every=100) as run:
        for _ in range(3):
            run.send(5, Call(0.5))
            run.step(1)
        run._surviving.settle()
        copy = shutil.copytree(tmp_path / "run", tmp_path / "copy")
    log = max((copy / "log").iterdir())
    content = bytearray(log.read_bytes())
    content[len(content) // 2] ^= 16
    log.write_bytes(content)
    with pytest.raises(wv.RunError, match=rf"{log} cannot be used: (the entry )?at byte \d+ "):
        pond().restore(copy)


# ---- One copy at a time ----


def test_snapshots_from_several_threads_are_each_of_one_tick(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    digests = {}
    with pond().start() as run:
        for tick in range(31):
            digests[tick] = run.digest()
            run.step(1)
    monkeypatch.setattr("partitions.points.LEAST_SECONDS", 0.0)
    monkeypatch.setattr("partitions.points.COST_SHARE", 1.0)
    with pond().start(snapshots=tmp_path / "run", snapshot_every=3) as run:
        run.resume(until=30)
        failed: list[BaseException] = []

        def some(name: str) -> None:
            try:
                for k in range(4):
                    run.snapshot(tmp_path / f"{name}{k}")
            except BaseException as error:
                failed.append(error)

        threads = [threading.Thread(target=some, args=(name,)) for name in "ab"]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert not failed
    folders = [*tmp_path.glob("[ab]?"), *(tmp_path / "run").glob("tick-*"), *(tmp_path / "run").glob("point-*")]
    assert len(folders) >= 9
    for folder in folders:
        manifest = read_manifest(Disk(folder))
        assert Reader(Disk(folder), manifest).verify() == []
        assert manifest.digest == digests[manifest.tick], folder


def test_points_hold_the_copy_until_it_is_written() -> None:
    """`Points.take` gives the copy back also where it could not be made."""

    class Broken:
        tick = 0

        def capture(self) -> None:
            raise FolderError("no copy")

    points = Points(Disk("nowhere"))
    for _ in range(2):
        with pytest.raises(FolderError):
            points.take(Broken(), 0, None)  # type: ignore[arg-type]
    assert not points.copying.locked()
