"""Folders: a file is there whole or not at all, on a disk, in an object store, and in memory."""

from __future__ import annotations

import os
import pickle
import shutil
import socket
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from partitions.folder import Disk, Folder, FolderError, Memory, Store, folder_at


@pytest.fixture(params=["disk", "memory", "fsspec", "arrow"])
def folder(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Folder]:
    if request.param == "disk":
        yield Disk(tmp_path / "kept")
    elif request.param == "memory":
        yield Memory()
    elif request.param == "arrow":
        yield Store(f"file://{tmp_path}/kept")
    else:
        pytest.importorskip("fsspec")
        place = Store(f"memory://{uuid.uuid4().hex}/kept")
        yield place
        place.remove("")


def check_folder(folder: Folder) -> None:
    """What every folder does."""
    assert folder.names() == [] and folder.size("a") is None and folder.names("nowhere") == []
    with pytest.raises(FileNotFoundError):
        folder.read("a")
    folder.write("a", [b"one", bytearray(b"two"), memoryview(b"three")])
    assert bytes(folder.read("a")) == b"onetwothree" and folder.size("a") == 11
    folder.write("a", [b"new"])
    assert bytes(folder.read("a")) == b"new"
    folder.write("empty", [])
    assert folder.size("empty") == 0 and bytes(folder.read("empty")) == b""
    inside = folder.inside("in").inside("deep")
    inside.write("b", [b"x" * 100_000])
    assert folder.size("in/deep/b") == 100_000 and folder.size("in") is None
    assert folder.names() == ["a", "empty", "in"] and folder.names("in") == ["deep"] and inside.names() == ["b"]
    other = pickle.loads(pickle.dumps(inside))
    assert bytes(other.read("b")) == b"x" * 100_000 and other.address == inside.address
    folder.remove("in")
    assert folder.names() == ["a", "empty"] and inside.size("b") is None
    folder.remove("a"), folder.remove("a"), folder.remove("nowhere")
    assert folder.names() == ["empty"]
    assert folder.address in repr(folder)
    folder.remove("")
    assert folder.names() == []


def test_every_folder_does_the_same(folder: Folder) -> None:
    check_folder(folder)


def test_addresses() -> None:
    assert isinstance(folder_at("some/where"), Disk) and isinstance(folder_at(Path("x")), Disk)
    assert isinstance(folder_at("file:///tmp/x"), Disk) and folder_at("file:///tmp/x").address == "/tmp/x"
    with pytest.raises(FolderError, match="nosuch://there was to be reached; that failed"):
        folder_at("nosuch://there")


# ---- Object stores ----


@pytest.fixture(scope="module")
def bucket() -> Iterator[str]:
    """The address of an empty folder of an S3 server in this process.

    Its name is new every time: all servers of a process share what they hold.
    """
    server = pytest.importorskip("moto.server", reason="moto[server] is not installed")
    from pyarrow import fs

    if not hasattr(fs, "S3FileSystem"):
        pytest.skip("this pyarrow has no S3")
    here = server.ThreadedMotoServer("127.0.0.1", port=0, verbose=False)
    here.start()
    _, port = here.get_host_and_port()
    with pytest.MonkeyPatch.context() as patch:
        for name, value in (
            ("AWS_ACCESS_KEY_ID", "nobody"), ("AWS_SECRET_ACCESS_KEY", "nothing"), ("AWS_DEFAULT_REGION", "us-east-1"),
            ("AWS_EC2_METADATA_DISABLED", "true"),
        ):  # fmt: skip
            patch.setenv(name, value)
        where = f"scheme=http&endpoint_override=127.0.0.1%3A{port}&allow_bucket_creation=true"
        fs.FileSystem.from_uri(f"s3://kept?{where}")[0].create_dir("kept")
        yield f"s3://kept/{uuid.uuid4().hex}?{where}"
    here.stop()


def test_an_s3_server_keeps_files(bucket: str) -> None:
    check_folder(Store(bucket))


def test_an_object_that_was_not_sent_whole_is_not_there(bucket: str) -> None:
    store = Store(bucket)
    store.write("a", [b"old"])

    def broken() -> Iterator[bytes]:
        yield b"x" * 1000
        raise ValueError("the sender fell")

    with pytest.raises(FolderError, match="the sender fell"):
        store.write("a", broken())  # type: ignore[arg-type]
    assert bytes(store.read("a")) == b"old"


@pytest.mark.slow
def test_a_server_that_is_not_there_is_an_error_and_no_hang(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        where = f"s3://kept/run?scheme=http&endpoint_override=127.0.0.1%3A{taken.getsockname()[1]}"
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "nobody")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "nothing")
        monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
        with pytest.raises(FolderError, match="kept/run"):
            Store(where + "&region=us-east-1").write("a", [b"x"])


# ---- Disks ----


@pytest.mark.parametrize("step", ["fsync", "replace"])
@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), KeyboardInterrupt()], ids=["full", "killed"])
def test_what_was_there_stays_until_the_new_is_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str, error: BaseException
) -> None:
    disk = Disk(tmp_path)
    disk.write("a", [b"old"])

    def fails(*_: object) -> None:
        raise error

    with monkeypatch.context() as patch:
        patch.setattr(*((os, "fsync") if step == "fsync" else (Path, "replace")), fails)
        with pytest.raises(FolderError if isinstance(error, OSError) else KeyboardInterrupt) as caught:
            disk.write("a", [b"new"])
    if isinstance(error, OSError):
        assert str(caught.value).startswith(f"{tmp_path}/a was to be written; that failed: No space left on device.\n")
    assert bytes(disk.read("a")) == b"old"
    assert os.listdir(tmp_path) == ["a"]


def test_content_is_synced_then_named_then_the_folder_is_synced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[str] = []
    sync, replace = os.fsync, Path.replace

    def synced(handle: int) -> None:
        path = os.readlink(f"/proc/self/fd/{handle}")
        done.append("folder" if os.path.isdir(path) else f"file of {os.fstat(handle).st_size}")
        sync(handle)

    def replaced(self: Path, target: Path) -> Path:
        done.append(f"named {target.name}")
        return replace(self, target)

    monkeypatch.setattr(os, "fsync", synced)
    monkeypatch.setattr(Path, "replace", replaced)
    Disk(tmp_path).write("a", [b"12", b"345"])
    assert done == ["file of 5", "named a", "folder"]


def test_what_a_kill_leaves_aside_is_not_seen(tmp_path: Path) -> None:
    (tmp_path / ".a.0123abcd").write_bytes(b"half")
    assert Disk(tmp_path).names() == []


def test_errors_name_the_place_and_the_reason(tmp_path: Path) -> None:
    disk = Disk(tmp_path)
    (tmp_path / "file").write_bytes(b"")
    (tmp_path / "folder").mkdir()
    with pytest.raises(FolderError, match=r"file/x was to be written; that failed: (Not a directory|File exists)"):
        disk.write("file/x", [b""])
    with pytest.raises(FolderError, match=r"folder was to be written; that failed: Is a directory"):
        disk.write("folder", [b""])
    with pytest.raises(FolderError, match=r"folder was to be read; that failed: "):
        disk.read("folder")
    assert disk.size("file/x") is None and disk.names("file") == []


def test_pipes_and_devices_are_no_files(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "zero").symlink_to("/dev/zero")
    disk = Disk(tmp_path)
    for name in ("pipe", "zero"):
        assert disk.size(name) is None
        with pytest.raises(FolderError, match=f"{name} was to be read; that failed: it is no file"):
            disk.read(name)


def test_a_link_is_removed_and_what_it_leads_to_stays(tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    (tmp_path / "there" / "a").write_bytes(b"x")
    (tmp_path / "link").symlink_to(tmp_path / "there")
    Disk(tmp_path).remove("link")
    assert (tmp_path / "there" / "a").read_bytes() == b"x" and not (tmp_path / "link").is_symlink()


def test_a_folder_that_was_deleted_is_made_again(tmp_path: Path) -> None:
    disk = Disk(tmp_path / "kept")
    disk.write("a", [b"1"])
    shutil.rmtree(tmp_path / "kept")
    assert disk.names() == []
    disk.write("a", [b"2"])
    assert bytes(disk.read("a")) == b"2"


def test_only_what_a_memory_folder_holds_travels() -> None:
    whole = Memory()
    whole.write("a", [b"1"])
    whole.inside("in").write("b", [b"2"])
    assert pickle.loads(pickle.dumps(whole.inside("in"))).files == {"in/b": b"2"}
