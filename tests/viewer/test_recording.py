"""Recordings: what is written is read again, and what was not finished is ignored."""

import json

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from partitions.frames import Block, Frame, encode
from tests.viewer.pretend import birds, until, world
from viewer import recording
from viewer.recording import Recorder, Recording, RecordingError


def frame(tick, n=3):
    arrays = {"positions": np.full((n, 3), tick, np.uint16), "ids": np.arange(n)}
    block = Block("points", {"type": 0, "in_area": n, "columns": []}, arrays)
    return Frame(tick, 1, (0.0, 0.0, 0.0), (400.0, 400.0, 0.0), (block,))


def recorded(folder, ticks, **options):
    with Recorder(folder, world(), **options) as recorder:
        for tick in ticks:
            recorder.write(tick, encode(frame(tick)))
    return folder


def test_frames_come_back_by_tick(tmp_path):
    read = Recording(recorded(tmp_path / "new" / "run", [0, 4, 9]))
    assert read.ticks == (0, 4, 9)
    assert read.meta == world() | {"live": False, "first": 0, "last": 9}
    assert encode(read.frame(4)) == encode(frame(4))
    assert [read.frame(tick).tick for tick in (-5, 0, 3, 8, 9, 100)] == [0, 0, 0, 4, 9, 9]


def test_models_come_back(tmp_path):
    corners = np.arange(18, dtype=np.float32).reshape(6, 3)
    read = Recording(recorded(tmp_path / "run", [1], models={"fish.glb": (corners, -corners)}))
    assert_array_equal(read.models["fish.glb"][1], -corners)


def test_a_new_file_begins_when_one_is_full(tmp_path, monkeypatch):
    monkeypatch.setattr(recording, "FILE_BYTES", 1000)
    folder = recorded(tmp_path / "run", range(10))
    files = sorted(folder.glob("frames-*.wvf"))
    assert len(files) > 2
    assert all(file.stat().st_size <= 1000 for file in files)
    read = Recording(folder)
    assert [read.frame(tick).tick for tick in read.ticks] == list(range(10))


def test_frames_stand_behind_their_lengths(tmp_path):
    data = (recorded(tmp_path / "run", [2]) / "frames-000000.wvf").read_bytes()
    assert int.from_bytes(data[:8], "little") == len(data) - 8
    assert data[8:] == encode(frame(2))


def test_only_every_so_many_ticks_are_kept(tmp_path):
    assert Recording(recorded(tmp_path / "run", range(20), every=5)).ticks == (0, 5, 10, 15)


def test_a_frame_that_is_shown_again_replaces_the_first(tmp_path):
    with Recorder(tmp_path / "run", world(), every=0) as recorder:
        for n in (3, 5):
            recorder.write(7, encode(frame(7, n)))
    read = Recording(tmp_path / "run")
    assert read.ticks == (7,)
    assert read.frame(7).blocks[0].about["in_area"] == 5


def test_wherever_a_recording_is_torn_what_was_whole_can_be_read(tmp_path):
    folder = recorded(tmp_path / "run", range(3))
    index, frames = folder / "index.jsonl", folder / "frames-000000.wvf"
    lines, data = index.read_bytes(), frames.read_bytes()
    ends = [k + 1 for k, byte in enumerate(lines) if byte == ord("\n")]
    for size in range(ends[0], len(lines)):
        index.write_bytes(lines[:size])
        assert len(Recording(folder).ticks) == sum(end <= size for end in ends)
    index.write_bytes(lines)
    for size in range(len(data) // 3, len(data), 17):
        frames.write_bytes(data[:size])
        read = Recording(folder)
        assert [read.frame(tick).tick for tick in read.ticks] == list(range(3))[: len(read.ticks)]
        assert len(read.ticks) == size * 3 // len(data)


def test_a_folder_that_is_not_empty_is_not_written_to(tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(RecordingError, match=r"(?s)allowed is an empty folder.*mixed up.*another folder"):
        Recorder(tmp_path, world())
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]


@pytest.mark.parametrize("spoil", ["absent", "empty", "no frames", "meta", "index", "types"])
def test_a_folder_without_a_recording_is_an_error(tmp_path, spoil):
    folder = tmp_path / "run"
    if spoil != "absent":
        folder.mkdir()
    if spoil not in ("absent", "empty"):
        Recorder(folder / "x", world()).close()
        folder = recorded(folder / "y", [] if spoil == "no frames" else [1])
    if spoil == "meta":
        (folder / "meta.json").write_text("{")
    if spoil == "index":
        (folder / "index.jsonl").write_text("nonsense\n")
    if spoil == "types":
        (folder / "index.jsonl").write_text(json.dumps({"tick": "x", "file": 1, "offset": [], "size": 0}) + "\n")
    with pytest.raises(RecordingError, match=r"(?s)A recording in .*nothing that could be shown.*--record-frames"):
        Recording(folder)


def test_a_hub_records_the_whole_world_while_nobody_watches(start, tmp_path):
    meta = world(grass=True)
    corners = np.zeros((3, 3), np.float32)
    hub, (publisher,) = start(meta, record=tmp_path / "run", models={"a.glb": (corners, corners)})
    until(lambda: publisher.interests)
    (interest,) = publisher.interests
    assert interest.area is None
    assert interest.types[0].fields == ("velocity", "energy", "mood")
    assert interest.layers == ((0, "height", False),)
    assert hub.viewers == 0
    index = tmp_path / "run" / "index.jsonl"
    for tick in range(1, 4):
        publisher.publish(tick, birds([(1, 2), (3, 4)], energy=[5, 6], grass=np.eye(4)), force=True)
        until(lambda tick=tick: index.read_text().count("\n") == tick)
    hub.close()
    read = Recording(tmp_path / "run")
    assert read.ticks == (1, 2, 3)
    assert read.models.keys() == {"a.glb"}
    shown = read.frame(2)
    assert shown.find("points").arrays["column1"].tolist() == [5, 6]
    assert shown.find("layer").arrays["values"].shape == (1, 4, 4)


def test_a_hub_that_cannot_record_does_not_start(tmp_path, capfd):
    from viewer.hub import Hub, HubError

    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(HubError):
        Hub.start(world(), record=tmp_path)
    assert "allowed is an empty folder" in capfd.readouterr().err
