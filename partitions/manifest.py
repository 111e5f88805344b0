"""The manifest of a snapshot: the one file that says what the others are, written last.

A snapshot is there when its manifest is. The manifest holds the size and the SHA-256 of every other file, and its own.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Sequence
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, FiniteFloat, ValidationError, model_validator

from partitions.digest import add_digests, format_digest
from partitions.errors import KeepingFault
from partitions.folder import Folder
from partitions.moment import Kind

MANIFEST = "manifest.json"
FORMAT = 1
MOST_BYTES = 1 << 30
"""No manifest is larger: observations of a long run are the most of it."""

Count = Annotated[int, Field(ge=0, lt=1 << 62)]
Ticks = Annotated[int, Field(ge=0, lt=1 << 40)]
Int64 = Annotated[int, Field(ge=-(1 << 63), lt=1 << 63)]
Sample = Int64 | float | list[Int64 | float]
Hash = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{32}$")]
FileName = Annotated[str, Field(pattern=r"^[\w-]{1,200}\.arrow$")]
Dtype = Annotated[str, Field(pattern=r"^([<|])[biuf][1248]$")]


class SnapshotError(KeepingFault, ValueError):
    """A snapshot, or what belongs to it, is missing, torn or of something else; the message names file and reason."""


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Part(_Strict):
    """One file: the rows of a kind of thing that one worker held."""

    file: FileName
    kind: Kind
    name: str
    rows: Count
    bytes: Count
    sha256: Hash
    digest: Digest | None = None


class Schema(_Strict):
    """Columns of a kind of thing: name and dtype, in order."""

    kind: Kind
    name: str
    columns: list[tuple[str, Dtype]]


class Behavior(_Strict):
    """A behavior, meeting or diffusion of the program, and the hash of its source."""

    name: str
    sha256: Hash


class World(_Strict):
    """The space: lengths, origin, boundaries per axis."""

    lengths: list[float]
    origin: list[float]
    boundaries: list[str]


class Brief(BaseModel):
    """The part of what the driver keeps that inputs change; see `Driver.brief` of `partitions.points`."""

    model_config = ConfigDict(strict=True)

    next: Count
    letters: Count
    promised: Count
    pending: list[Count]
    values: dict[str, int | FiniteFloat]
    called: Annotated[int, Field(ge=-1, lt=1 << 40)]
    asked: Count = 0
    acted: Annotated[int, Field(ge=-1, lt=1 << 40)] = -1


class Driven(Brief):
    """What the driver keeps."""

    promises: list[str]
    initial: dict[str, int | FiniteFloat]
    observations: list[str]
    written: Annotated[FiniteFloat, Field(gt=-1e11, lt=1e11)]
    parent: dict[str, Any]
    changed: bool = False
    app_path: str = ""


class Manifest(_Strict):
    """What a snapshot is of.

    Attributes:
        format: of the files.
        app: name of the simulation.
        tick: ticks done.
        entry: inputs done before it, counted since the start; those of the log from this one on come after it.
        seed: of the run.
        dt: length of a tick.
        world: the space.
        identity: of the program; decides the bits.
        cpu: (name, features) that kernels were compiled for.
        versions: of what makes the bits.
        behaviors: in the order declared.
        schema_: columns of each kind of thing.
        parts: the files.
        cells: layer -> cells per axis.
        digest: of the state.
        tallies: counts since the start.
        reals, integers: parameters, then samples that behaviors read.
        ended: the condition that had ended the run.
        latest: samples that all workers know, by the observation's name.
        driver: what the driver keeps: parameters by name, next id, samples, history; see `weaver.keeping`.
    """

    format: Literal[1]
    app: str
    tick: Ticks
    entry: Count
    seed: Annotated[int, Field(ge=0, lt=1 << 64)]
    dt: float
    world: World
    identity: str
    cpu: tuple[str, str]
    versions: dict[str, str]
    behaviors: list[Behavior]
    schema_: list[Schema] = Field(alias="schema")
    parts: list[Part]
    cells: dict[str, list[Count]]
    digest: Digest
    tallies: dict[str, list[Int64]]
    reals: list[float]
    integers: list[Int64]
    ended: str | None
    latest: dict[str, Sample]
    driver: dict[str, Any]

    @model_validator(mode="after")
    def _whole(self) -> Manifest:
        kinds = {(one.kind, one.name) for one in self.schema_}
        if len(kinds) != len(self.schema_):
            raise ValueError("two schemas are of the same thing")
        for part in self.parts:
            if (part.kind, part.name) not in kinds:
                raise ValueError(f"{part.file} is of {part.kind} {part.name!r}, which has no schema")
        if len({part.file for part in self.parts}) != len(self.parts):
            raise ValueError("a file is listed twice")
        for part in self.parts:
            if (part.digest is None) == (part.kind in ("entity", "layer")):
                raise ValueError(f"{part.file} has {'no' if part.digest is None else 'a'} digest")
        if whole_digest(self.parts) != self.digest:
            raise ValueError("the digests of its files do not add up to its own")
        if self.driver:
            try:
                Driven.model_validate(self.driver)
            except ValidationError as error:
                raise ValueError(f"driver.{reason(error)}") from None
        return self

    def columns(self, kind: str, name: str) -> dict[str, str]:
        """Column -> dtype of a kind of thing; none where there is no such thing."""
        return next((dict(one.columns) for one in self.schema_ if (one.kind, one.name) == (kind, name)), {})

    def rows(self, kind: str, name: str) -> int:
        """Rows of a kind of thing, in all files."""
        return sum(part.rows for part in self.parts if (part.kind, part.name) == (kind, name))


def write_manifest(folder: Folder, manifest: Manifest) -> None:
    """Write it; from then on the snapshot is there.

    Raises:
        FolderError: it could not be written.
    """
    body = json.loads(json.dumps(manifest.model_dump(by_alias=True)))
    folder.write(MANIFEST, [json.dumps({"sha256": _hash(body), "manifest": body}, indent=1).encode()])


def read_manifest(folder: Folder) -> Manifest:
    """Read and check it.

    Raises:
        SnapshotError: there is none, or it is no manifest; says why.
        FolderError: it cannot be read.
    """
    size = folder.size(MANIFEST)
    if size is None:
        raise refused(folder, MANIFEST, "it is missing: there is no snapshot here, or it was never finished")
    if size > MOST_BYTES:
        raise refused(folder, MANIFEST, f"it has {size} bytes, more than any")
    try:
        content = json.loads(bytes(folder.read(MANIFEST)), parse_constant=float)
        body = content.get("manifest") if isinstance(content, dict) and set(content) == {"sha256", "manifest"} else None
        digest = _hash(body)
    except FileNotFoundError:
        raise refused(folder, MANIFEST, "it is missing") from None
    except (ValueError, RecursionError) as error:
        raise refused(folder, MANIFEST, f"it is no JSON ({error})") from error
    if not isinstance(body, dict):
        raise refused(folder, MANIFEST, "it has not the two entries sha256 and manifest")
    if body.get("format") != FORMAT:
        raise refused(folder, MANIFEST, f"its format is {body.get('format')!r}; this Weaver reads {FORMAT}")
    if content["sha256"] != digest:
        raise refused(folder, MANIFEST, "its content is not what was written: the checksum differs")
    try:
        return Manifest.model_validate_json(json.dumps(body))
    except ValidationError as error:
        raise refused(folder, MANIFEST, reason(error)) from error


def whole_digest(parts: Sequence[Part]) -> str:
    """The digest of the state, from those of the files."""
    pairs = [(int(p.digest[:16], 16), int(p.digest[16:], 16)) for p in parts if p.digest is not None]
    return format_digest(*add_digests(pairs))


def reason(error: Exception) -> str:
    """What an error says, in one line."""
    if isinstance(error, ValidationError):
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        return f"{place or 'it'}: {first['msg']}".partition("\n")[0]
    return str(error).partition("\n")[0] or type(error).__name__


def refused(folder: Folder, name: str, why: str) -> SnapshotError:
    """The error for a file that cannot be used."""
    return SnapshotError(
        f"{folder.address}/{name} cannot be used: {why}.\n"
        f"A run that went on from it would not be the one that was kept.\n"
        f"Use another snapshot; `weaver snapshot verify` tells which are whole."
    )


def _hash(body: Any) -> str:
    return hashlib.sha256(json.dumps(body, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


SNAPSHOT_NAME = re.compile(r"^tick-(\d{13})$")
"""Folders of snapshots in an archive: the tick, with leading zeros, so that their names are in order."""


def snapshot_name(tick: int) -> str:
    """The folder of a snapshot of this tick."""
    return f"tick-{tick:013d}"
