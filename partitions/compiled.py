"""Compiled modules on disk: each source text is compiled once per machine and user, whatever asks for it and how often.

A folder holds one finished module: its text and numba's index and machine code beside it. numba's own cache has no
lock, so a folder is built aside under a lock and renamed whole; readers of a finished folder take no lock.
"""

from __future__ import annotations

import contextlib
import fcntl
import gc
import hashlib
import importlib.util
import os
import platform
import shutil
import stat
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import llvmlite
import llvmlite.binding
import numba
import numpy as np
from numba.core import codegen, config

from partitions.errors import RuntimeFault

_IMPORTING = threading.RLock()  # an import writes sys.modules and reads numba's settings: one at a time in a process


KEPT_DAYS = 30
"""Compiled modules that are not used for so long are deleted when another is made."""


class CacheError(RuntimeFault, PermissionError):
    """The folder of compiled modules is not this user's alone."""


def load(name: str, source: str, depends: Sequence[Path] = ()) -> ModuleType:
    """Import the module `source`, compiling it only if no process of this user on this machine has done so before.

    Args:
        name: an identifier; the module's file is called `<name>.py`.
        source: module text; its functions are `@njit(signature, cache=True)`, so that the import compiles them all.
        depends: files whose code ends up in the machine code (numba does not see when they change).

    Returns:
        The module, kept in `sys.modules` under a name that holds the key.

    Raises:
        CacheError: somebody else owns the cache folder or may write to it; numba's index is a pickle, so whoever
            writes there runs code as this user.
    """
    key = _key(source, depends)
    unique = f"weaver_compiled_{name}_{key}"
    with _IMPORTING:
        if unique in sys.modules:
            return sys.modules[unique]
        root = _root()
        folder = root / key
        if not folder.is_dir():
            _build(root, folder, unique, name, source)
        _check_private(folder)
        os.utime(folder)  # used now, see `_prune`
        return _import(unique, folder / f"{name}.py")


def is_compiled(name: str, source: str, depends: Sequence[Path] = ()) -> bool:
    """Whether `load` of this text would find it compiled."""
    key = _key(source, depends)
    return f"weaver_compiled_{name}_{key}" in sys.modules or (_root() / key).is_dir()


def load_functions(name: str, source: str, depends: Sequence[Path] = ()) -> dict[str, Callable[..., Any]]:
    """`load`, then name -> compiled function; a `partial` of it is what a program calls in each worker."""
    return {key: value for key, value in vars(load(name, source, depends)).items() if callable(value)}


def cpu_target() -> tuple[str, str]:
    """(name, features) of the CPU that numba compiles for in this process."""
    return (
        config.CPU_NAME or llvmlite.binding.get_host_cpu_name(),
        config.CPU_FEATURES if config.CPU_FEATURES is not None else codegen.get_host_cpu_features(),
    )


def _key(source: str, depends: Sequence[Path]) -> str:
    parts = [source, platform.python_version(), numba.__version__, llvmlite.__version__, np.__version__, *cpu_target()]
    parts += [str(config.DISABLE_INTEL_SVML), str(config.OPT), str(config.BOUNDSCHECK), str(config.DISABLE_JIT)]
    digest = hashlib.sha256()
    for piece in [*(p.encode() for p in parts), *(path.read_bytes() for path in depends)]:
        digest.update(len(piece).to_bytes(8, "little"))
        digest.update(piece)
    return digest.hexdigest()[:24]


def _root() -> Path:
    chosen = os.environ.get("WEAVER_CACHE")
    root = Path(chosen) if chosen else Path.home() / ".cache" / "weaver"
    root.mkdir(mode=0o700, parents=True, exist_ok=True)
    _check_private(root)
    return root


def _check_private(folder: Path) -> None:
    found = folder.lstat()
    if stat.S_ISDIR(found.st_mode) and found.st_uid == os.geteuid() and not found.st_mode & 0o077:
        return
    raise CacheError(
        f"compiled modules were asked for from {folder}, which has owner {found.st_uid} and mode "
        f"{stat.S_IMODE(found.st_mode):o}; it must be a folder of user {os.geteuid()} with mode 700.\n"
        f"Whoever can write there could run code in this process.\n"
        f"Run chmod 700 {folder}, or set WEAVER_CACHE to a folder of your own."
    )


def _build(root: Path, folder: Path, unique: str, name: str, source: str) -> None:
    with _locked(root / f"{folder.name}.lock"):
        if folder.is_dir():
            return  # somebody built it while we waited
        for left in root.glob(f"{folder.name}.build-*"):
            shutil.rmtree(left)  # of a builder that was killed: we hold its lock
        aside = Path(tempfile.mkdtemp(prefix=f"{folder.name}.build-", dir=root))
        try:
            path = aside / f"{name}.py"
            path.write_text(source, encoding="utf-8")
            with _seldom_collecting():
                _import(unique, path)
            del sys.modules[unique]  # imported again from where it stays, so that tracebacks name a file that exists
            _prune(root)
            aside.rename(folder)  # keeps the time and size of the source, by which numba's index knows it
        except BaseException:
            shutil.rmtree(aside, ignore_errors=True)
            raise


def _prune(root: Path) -> None:
    """Delete modules that nobody has used for `KEPT_DAYS`; every edit of an app leaves one behind."""
    oldest = time.time() - KEPT_DAYS * 86_400
    for entry in root.iterdir():
        try:
            if entry.stat().st_mtime < oldest:
                shutil.rmtree(entry) if entry.is_dir() else entry.unlink()
        except FileNotFoundError:
            pass  # another process pruned it at the same time


@contextlib.contextmanager
def _seldom_collecting() -> Iterator[None]:
    """A compiler makes many objects and keeps most: to look through them every 700 takes a tenth of its time."""
    before = gc.get_threshold()
    gc.set_threshold(100_000, *before[1:])
    try:
        yield
    finally:
        gc.set_threshold(*before)


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[None]:
    with open(path, "w") as handle:
        os.chmod(path, 0o600)
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield  # closing the file gives the lock back, also when the process dies


def _import(unique: str, path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(unique, path)
    if spec is None or spec.loader is None:
        raise ImportError(f"no module can be made of {path}")
    module = importlib.util.module_from_spec(spec)
    sys.modules[unique] = module
    elsewhere, config.CACHE_DIR = config.CACHE_DIR, ""  # NUMBA_CACHE_DIR would put the machine code out of our folder
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[unique]
        raise
    finally:
        config.CACHE_DIR = elsewhere
    return module
