"""Inspecting: snapshots as people read them."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from partitions.arrow import array_of
from partitions.folder import Folder, folder_at
from partitions.manifest import Manifest, read_manifest
from partitions.program import MOVED
from partitions.snapshot import Reader
from weaver.errors import RunError
from weaver.history import parent_of
from weaver.stored import is_snapshot, open_stored, snapshots_in

if TYPE_CHECKING:
    import pyarrow as pa


def listing(path: str | os.PathLike[str]) -> Iterator[str]:
    """A line for each snapshot: name, tick, when, how many, bytes, digest."""
    folder = folder_at(path)
    inside = (
        [(path, folder)] if is_snapshot(folder) else [(k.name, folder.inside(k.name)) for k in snapshots_in(folder)]
    )
    if not inside:
        open_stored(path)  # says what is missing
    for name, one in inside:
        manifest = read_manifest(one)
        size = sum(part.bytes for part in manifest.parts)
        rows = sum(part.rows for part in manifest.parts if part.kind == "entity")
        yield (
            f"{name}  tick {manifest.tick}  {_when(manifest)}  {rows} entities  {size / 1e6:.1f} MB  {manifest.digest}"
        )


def described(path: str | os.PathLike[str]) -> Iterator[str]:
    """What a snapshot holds, line by line."""
    stored = open_stored(path)
    manifest = stored.manifest
    yield f"{stored.folder.address}"
    yield f"app         {manifest.app}, seed {manifest.seed}, dt {manifest.dt:g}, identity {manifest.identity}"
    yield f"tick        {manifest.tick}, {_when(manifest)}, after {manifest.entry} inputs from outside"
    yield f"digest      {manifest.digest}"
    yield f"compiled    for {manifest.cpu[0]}; {', '.join(f'{k} {v}' for k, v in manifest.versions.items())}"
    values = manifest.driver.get("values", {})
    if values:
        yield f"parameters  {', '.join(f'{name}={value:g}' for name, value in values.items())}"
    parent = parent_of(manifest.driver)
    if parent:
        yield f"branch of   {parent}"
    for one in manifest.schema_:
        rows = manifest.rows(one.kind, one.name)
        if one.kind in ("entity", "layer") or rows:
            columns = ", ".join(f"{name} {dtype}" for name, dtype in one.columns)
            yield f"{one.kind:11} {one.name}: {rows} ({columns})"


def verified(path: str | os.PathLike[str]) -> tuple[list[str], list[str]]:
    """(what is wrong, what was found whole) in a snapshot, or in all of a run."""
    from partitions.errors import RuntimeFault
    from partitions.log import read_log

    folder = folder_at(path)
    wrong, whole = [], []
    if is_snapshot(folder):
        inside = [folder]
    else:
        names = [name for name in folder.names() if name.startswith(("tick-", "point-"))]
        inside = [folder.inside(name) for name in names if is_snapshot(folder.inside(name))]
        if not inside:
            open_stored(path)  # says what is missing
    for one in inside:
        found = _torn(one)
        wrong += found
        if not found:
            whole.append(f"{one.address}: whole")
    if not is_snapshot(folder):
        try:
            oldest = min((k.entry for k in snapshots_in(folder)), default=0)
            n = sum(1 for _ in read_log(folder.inside("log"), oldest))
            whole.append(f"{folder.address}/log: whole, {n} entries")
        except RuntimeFault as error:
            wrong.append(str(error).partition("\n")[0])
    return wrong, whole


def exported(path: str | os.PathLike[str], out: Path, format: str) -> Iterator[str]:
    """Write each type and layer as a table; a line for each file.

    Raises:
        RunError: a file cannot be written.
    """
    from pyarrow import csv, parquet

    stored = open_stored(path)
    try:
        out.mkdir(parents=True, exist_ok=True)
        for one in stored.manifest.schema_:
            if one.kind not in ("entity", "layer"):
                continue
            table = table_of(stored.folder, stored.manifest, one.kind, one.name)
            file = out / f"{one.name}.{format}"
            if format == "csv":
                csv.write_csv(table, file)
            else:
                parquet.write_table(table, file, compression="zstd")
            yield f"{file}: {table.num_rows} rows"
    except OSError as error:
        raise RunError(
            f"{out} was to take the tables of {stored.folder.address}; that failed: {error}.\n"
            f"What was written by then is whole.\n"
            f"Choose a folder that can be written."
        ) from error


def table_of(folder: Folder, manifest: Manifest, kind: str, name: str) -> pa.Table:
    """Entities or cells sorted by id, one column for each component."""
    import pyarrow as pa

    held = Reader(folder, manifest).whole(kind, name)
    order = np.argsort(held["id"], kind="stable")
    return pa.table({c: array_of(column[order]) for c, column in held.items() if c != MOVED})


def differences(a: str | os.PathLike[str], b: str | os.PathLike[str], most: int) -> list[str]:
    """In what two snapshots differ; empty where the states are the same bits."""
    one, two = open_stored(a), open_stored(b)
    lines = []
    if one.manifest.tick != two.manifest.tick:
        lines.append(f"tick: {one.manifest.tick} and {two.manifest.tick}")
    if one.manifest.identity != two.manifest.identity:
        lines.append(f"program: identity {one.manifest.identity} and {two.manifest.identity}")
    if one.manifest.digest == two.manifest.digest:
        return lines
    kinds = dict.fromkeys((s.kind, s.name) for m in (one.manifest, two.manifest) for s in m.schema_)
    for kind, name in kinds:
        if kind not in ("entity", "layer"):
            continue
        left, right = (Reader(s.folder, s.manifest).whole(kind, name) for s in (one, two))
        lines += rows_apart(name, left, right, most)
    return lines


def rows_apart(name: str, left: dict[str, np.ndarray], right: dict[str, np.ndarray], most: int) -> list[str]:
    """A line for each entity of a type that is not the same in two states, at most so many."""
    if not left or not right:
        return [f"{name}: only in {'B' if right else 'A'}"]
    lines = [f"{name}: field {c} only in {'A' if c in left else 'B'}" for c in sorted(set(left) ^ set(right))]
    first, second = (dict(zip(side["id"].tolist(), range(len(side["id"])), strict=True)) for side in (left, right))
    apart: list[str] = []
    n = 0
    common = [c for c in left if c in right and c not in ("id", MOVED)]
    both = np.intersect1d(left["id"], right["id"])
    at, to = np.array([first[i] for i in both.tolist()], int), np.array([second[i] for i in both.tolist()], int)
    unlike = np.zeros(len(both), np.bool_)
    for c in common:
        unlike |= _bits(left[c])[at] != _bits(right[c])[to]
    for k in np.flatnonzero(unlike).tolist():
        n += 1
        if len(apart) < most:
            fields = [
                f"{c} {left[c][at[k]]} and {right[c][to[k]]}"
                for c in common
                if _bits(left[c])[at[k]] != _bits(right[c])[to[k]]
            ]
            apart.append(f"{name} {both[k]}: {', '.join(fields)}")
    for side, ids, others in (("A", first, second), ("B", second, first)):
        for id in sorted(set(ids) - set(others)):
            n += 1
            if len(apart) < most:
                apart.append(f"{name} {id}: only in {side}")
    return lines + apart + ([f"{name}: {n} differ, {len(apart)} shown"] if n > len(apart) else [])


def _bits(column: np.ndarray) -> np.ndarray:
    """Floats as the whole numbers that their bits are, so that NaN equals NaN and 0.0 is not -0.0."""
    return column.view(f"u{column.dtype.itemsize}")


def _torn(folder: Folder) -> list[str]:
    from partitions.errors import RuntimeFault

    try:
        return Reader(folder, read_manifest(folder)).verify()
    except RuntimeFault as error:
        return [str(error).partition("\n")[0]]


def _when(manifest: Manifest) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(float(manifest.driver.get("written", 0.0))))
