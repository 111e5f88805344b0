"""Folders: where what shall outlive a process is kept, on a disk, in an object store, or in the driver's memory.

A file is there whole or not at all. On a disk it is written beside its place, flushed and renamed; an object store
shows what was uploaded only when all of it has come.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import stat
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from partitions.errors import KeepingFault

Chunk = bytes | bytearray | memoryview


class FolderError(KeepingFault, OSError):
    """Something could not be written, read or removed; the message names it and says why."""


class Folder(ABC):
    """Part one: what an implementation provides. Part two: what everyone gets free.

    Names are relative, with `/` between parts. Folders pickle small, so that workers can be told where to write.

    Attributes:
        address: what people call it.
    """

    address: str

    # Part one

    @abstractmethod
    def write(self, name: str, chunks: Sequence[Chunk]) -> None:
        """Write a file, or replace it, whole; it is safe when this returns.

        Raises:
            FolderError: it could not be; what was there before is there still.
        """

    @abstractmethod
    def read(self, name: str) -> memoryview:
        """The content of a file.

        Raises:
            FileNotFoundError: there is none.
            FolderError: it cannot be read.
        """

    @abstractmethod
    def size(self, name: str) -> int | None:
        """Bytes of a file; None if there is none."""

    @abstractmethod
    def names(self, inside: str = "") -> list[str]:
        """The files and folders directly inside one, by name; none where it does not exist."""

    @abstractmethod
    def remove(self, name: str) -> None:
        """Remove a file, or a folder with all in it; nothing happens if there is none."""

    @abstractmethod
    def inside(self, name: str) -> Folder:
        """A folder in this one."""

    # Part two

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.address}>"


class Disk(Folder):
    """A folder of this machine, or of a file system that it shares with others."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        """Name the folder; it is made when something is written."""
        self.path = Path(path).absolute()
        self.address = str(self.path)

    def write(self, name: str, chunks: Sequence[Chunk]) -> None:
        """See `Folder.write`."""
        place = self.path / name
        aside = place.with_name(f".{place.name}.{secrets.token_hex(4)}")
        with self._telling("written", name):
            place.parent.mkdir(parents=True, exist_ok=True)
            try:
                with open(aside, "wb") as file:
                    for chunk in chunks:
                        file.write(chunk)
                    file.flush()
                    os.fsync(file.fileno())
                aside.replace(place)
            except BaseException:
                with contextlib.suppress(OSError):  # the reason that is told is the first
                    aside.unlink(missing_ok=True)
                raise
            sync_folder(place.parent)

    def read(self, name: str) -> memoryview:
        """See `Folder.read`."""
        with self._telling("read", name), open(self.path / name, "rb", opener=plain) as file:
            return memoryview(file.read())

    def size(self, name: str) -> int | None:
        """See `Folder.size`."""
        with self._telling("looked at", name):
            try:
                found = (self.path / name).stat()
            except (FileNotFoundError, NotADirectoryError):
                return None
            return found.st_size if stat.S_ISREG(found.st_mode) else None

    def names(self, inside: str = "") -> list[str]:
        """See `Folder.names`."""
        with self._telling("listed", inside):
            try:
                return sorted(entry for entry in os.listdir(self.path / inside) if not entry.startswith("."))
            except (FileNotFoundError, NotADirectoryError):
                return []

    def remove(self, name: str) -> None:
        """See `Folder.remove`."""
        place = self.path / name
        with self._telling("removed", name):
            if place.is_dir() and not place.is_symlink():
                shutil.rmtree(place)
            else:
                place.unlink(missing_ok=True)

    def inside(self, name: str) -> Disk:
        """See `Folder.inside`."""
        return Disk(self.path / name)

    @contextlib.contextmanager
    def _telling(self, what: str, name: str) -> Iterator[None]:
        try:
            yield
        except FileNotFoundError:
            if what == "read":
                raise
            raise _told(self.path / name, what, FileNotFoundError("the folder is gone")) from None
        except OSError as error:
            raise _told(self.path / name, what, error) from error


class Store(Folder):
    """A folder of a file system that `pyarrow.fs` or fsspec reaches, such as an object store."""

    def __init__(self, address: str) -> None:
        """Name the folder by its address, `s3://bucket/name`.

        Raises:
            FolderError: nothing here can reach such an address.
        """
        self.address = address.rstrip("/")
        self._connected: tuple[Any, str] | None = None
        self._fs()

    def write(self, name: str, chunks: Sequence[Chunk]) -> None:
        """See `Folder.write`."""
        fs, root = self._fs()
        with self._telling("written", name):
            # At once, because a stream that is closed by an error is an object all the same, of what came before it.
            content = chunks[0] if isinstance(chunks, list) and len(chunks) == 1 else b"".join(chunks)
            place = f"{root}/{name}"
            fs.create_dir(place.rpartition("/")[0], recursive=True)
            with fs.open_output_stream(place) as file:
                file.write(content)

    def read(self, name: str) -> memoryview:
        """See `Folder.read`."""
        fs, root = self._fs()
        with self._telling("read", name), fs.open_input_file(f"{root}/{name}") as file:
            return memoryview(file.read())

    def size(self, name: str) -> int | None:
        """See `Folder.size`."""
        fs, root = self._fs()
        with self._telling("looked at", name):
            (info,) = fs.get_file_info([f"{root}/{name}"])
            return None if not info.is_file else int(info.size)

    def names(self, inside: str = "") -> list[str]:
        """See `Folder.names`."""
        from pyarrow import fs as arrow

        fs, root = self._fs()
        with self._telling("listed", inside):
            place = f"{root}/{inside}".rstrip("/")
            found = fs.get_file_info(arrow.FileSelector(place, allow_not_found=True))
            return sorted(info.base_name for info in found)

    def remove(self, name: str) -> None:
        """See `Folder.remove`."""
        from pyarrow import fs as arrow

        fs, root = self._fs()
        with self._telling("removed", name):
            (info,) = fs.get_file_info([f"{root}/{name}"])
            if info.type == arrow.FileType.Directory:
                fs.delete_dir(f"{root}/{name}")
            elif info.is_file:
                fs.delete_file(f"{root}/{name}")

    def inside(self, name: str) -> Store:
        """See `Folder.inside`."""
        place, mark, options = self.address.partition("?")  # options come last: s3://bucket/name?region=…
        return Store(f"{place}/{name}{mark}{options}")

    def __reduce__(self) -> tuple[object, ...]:
        """By the address: connections do not travel."""
        return (Store, (self.address,))

    def _fs(self) -> tuple[Any, str]:
        """The file system, and the folder's path in it."""
        if self._connected is None:
            from pyarrow import fs as arrow

            try:
                fs, path = arrow.FileSystem.from_uri(self.address)
            except (ValueError, OSError, NotImplementedError) as first:
                try:
                    import fsspec
                except ImportError:
                    raise _told(self.address, "reached", first) from first
                try:
                    inner, path = fsspec.core.url_to_fs(self.address)
                except (ValueError, ImportError, OSError) as error:
                    raise _told(self.address, "reached", error) from error
                fs = arrow.PyFileSystem(arrow.FSSpecHandler(inner))
            self._connected = (fs, path.rstrip("/"))
        return self._connected

    @contextlib.contextmanager
    def _telling(self, what: str, name: str) -> Iterator[None]:
        try:
            yield
        except FileNotFoundError:
            raise
        except Exception as error:  # of whatever library reaches it
            raise _told(self.inside(name).address, what, error) from error


class Memory(Folder):
    """Files in the memory of this process; where no disk is shared, the driver keeps what workers give it."""

    def __init__(self, files: dict[str, bytes] | None = None, head: str = "") -> None:
        """Hold files by name, those whose names begin with `head`."""
        self.files, self._head = {} if files is None else files, head
        self.address = f"the driver's memory/{head}".rstrip("/")

    def write(self, name: str, chunks: Sequence[Chunk]) -> None:
        """See `Folder.write`."""
        self.files[self._head + name] = b"".join(chunks)

    def read(self, name: str) -> memoryview:
        """See `Folder.read`."""
        if self._head + name not in self.files:
            raise FileNotFoundError(name)
        return memoryview(self.files[self._head + name])

    def size(self, name: str) -> int | None:
        """See `Folder.size`."""
        return len(self.files[self._head + name]) if self._head + name in self.files else None

    def names(self, inside: str = "") -> list[str]:
        """See `Folder.names`."""
        head = self._head + (f"{inside}/" if inside else "")
        return sorted({name.removeprefix(head).partition("/")[0] for name in self.files if name.startswith(head)})

    def remove(self, name: str) -> None:
        """See `Folder.remove`."""
        place = self._head + name
        inside = f"{place}/" if name else place
        for known in [known for known in self.files if known == place or known.startswith(inside)]:
            del self.files[known]

    def inside(self, name: str) -> Memory:
        """See `Folder.inside`."""
        return Memory(self.files, f"{self._head}{name}/")

    def __reduce__(self) -> tuple[object, ...]:
        """Only this folder's files travel."""
        return (Memory, ({name: held for name, held in self.files.items() if name.startswith(self._head)}, self._head))


def folder_at(address: str | os.PathLike[str]) -> Folder:
    """The folder at a path, or at an address with `://`.

    Raises:
        FolderError: nothing here can reach such an address.
    """
    text = os.fspath(address)
    if text.startswith("file://"):
        text = text.removeprefix("file://")
    return Store(text) if "://" in text else Disk(text)


def plain(path: str, flags: int) -> int:
    """Open what is a file: whoever reads a pipe or a device may wait for ever."""
    handle = os.open(path, flags | os.O_NONBLOCK | os.O_NOCTTY)
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise OSError("it is no file")
    return handle


def sync_folder(path: Path) -> None:
    """Make names in a folder safe: after a loss of power they are as they are now."""
    handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _told(place: object, what: str, error: BaseException) -> FolderError:
    reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return FolderError(
        f"{place} was to be {what}; that failed: {reason}.\n"
        f"What had been written whole before is untouched.\n"
        f"Look at the place: its rights, its free space (df -h), and whether it is still there."
    )
