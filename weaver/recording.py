"""Recordings: a folder of Parquet files that workers write while a run goes on, and what the driver does with it.

The folder holds `recording.json` (what is recorded, and of which run), one folder per entity type and layer, which is
one table for every reader of Parquet, and the digests in `run-digests`; for the parts see `partitions/parts.py`.
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from partitions.digest import format_digest
from partitions.errors import RecordFault
from partitions.folder import plain
from weaver.errors import RecordError

if TYPE_CHECKING:
    from partitions.parts import PartName

__all__ = ["ColumnFacts", "Facts", "Recording", "TableFacts", "check_folder"]

Whole = Field(ge=0, lt=1 << 40)
MOST_BYTES = 64 << 20
"""No file of facts is larger."""


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class ColumnFacts(_Strict):
    """A column: its Arrow type, unit and meaning as far as the model says so, and the members of an enum."""

    type: str
    unit: str = ""
    description: str = ""
    members: dict[str, int] = {}


class TableFacts(_Strict):
    """A table: whether it holds entities or cells, and its columns in order."""

    kind: Literal["entity", "layer"]
    description: str = ""
    columns: dict[str, ColumnFacts]


class Facts(_Strict):
    """What `recording.json` says.

    Attributes:
        format: of the folder.
        id: of this recording, drawn once.
        epoch: how often it was joined; parts of earlier epochs count up to tick `kept`.
        kept: see `epoch`; -1 at first.
        first: the first recorded tick.
        every: ticks between two recorded ones.
        simulation, identity, seed, dt: of the run.
        low, high: corners of the world.
        area: corners of what is recorded; None: all.
        tables: by the name of the folder.
        sum: SHA-256 of all the rest, in the file.
    """

    format: Literal[1] = 1
    id: str = Field(default_factory=lambda: secrets.token_hex(16), pattern="^[0-9a-f]{32}$")
    epoch: int = Field(default=0, ge=0, lt=10**9)
    kept: int = Field(default=-1, ge=-1, lt=1 << 40)
    first: int = Whole
    every: int = Field(ge=1, lt=1 << 40)
    simulation: str
    identity: str
    seed: int = Field(ge=0, lt=1 << 64)
    dt: float
    low: list[float]
    high: list[float]
    area: list[list[float]] | None
    tables: dict[str, TableFacts]
    sum: str = ""

    def sealed(self) -> Facts:
        """The same with their sum."""
        text = json.dumps(self.model_dump(exclude={"sum"}))
        return self.model_copy(update={"sum": hashlib.sha256(text.encode()).hexdigest()})


class Recording:
    """A recording in a folder.

    Attributes:
        folder: where it is.
        facts: what is recorded.
    """

    def __init__(self, folder: str | Path) -> None:
        """Open one.

        Raises:
            RecordError: there is none, or its `recording.json` is damaged.
        """
        from partitions.parts import FACTS

        self.folder = Path(folder)
        path = self.folder / FACTS
        if path.is_symlink():
            raise _odd(path, "it is a link, and is read in its place only")
        try:
            with open(path, "rb", opener=plain) as file:
                told = file.read(MOST_BYTES + 1)
            self.facts = Facts.model_validate_json(told)
        except FileNotFoundError:
            raise RecordError(
                f"{folder} was to be read as a recording; it holds no {FACTS}.\n"
                f"There is nothing to read, or to go on with.\n"
                f"Give the folder that --record has made."
            ) from None
        except (OSError, ValidationError) as error:
            raise _odd(path, f"{error}" if isinstance(error, OSError) else _said(error)) from error
        odd = [name for name in self.facts.tables if not name.isidentifier()]
        if odd:
            raise _odd(path, f"{odd[0]!r} is no name of a type, and could lead out of the folder")
        if self.facts.sum != self.facts.sealed().sum:
            raise _odd(path, "it does not say what was written: its sum is another")

    @classmethod
    def create(cls, folder: str | Path, facts: Facts) -> Recording:
        """Make the folders of a new recording, and its facts.

        Raises:
            RecordError: there is something in the folder, or it cannot be made.
        """
        from partitions.parts import DIGESTS, UNFINISHED

        root = check_folder(folder)
        try:
            for name in (UNFINISHED, DIGESTS, *facts.tables):
                (root / name).mkdir(parents=True)
            _write_facts(root, facts.sealed())
        except OSError as error:
            raise RecordError(
                f"{root} was asked for, and a recording cannot be begun there ({error}).\n"
                f"Nothing could be recorded.\n"
                f"Choose a folder that this process can write to."
            ) from error
        return cls(root)

    # Reading

    def digests(self) -> dict[int, str]:
        """Recorded tick -> digest of the whole run, for the ticks of which all workers' parts are finished.

        Raises:
            RecordError: a part of the digests is damaged.
        """
        tick, _, workers, a, b = self._shares()
        at = np.flatnonzero(np.diff(tick, prepend=-1))
        if not len(at):
            return {}
        counts = np.diff([*at, len(tick)])
        sums = np.add.reduceat(a, at), np.add.reduceat(b, at)  # modulo 2^64
        whole = counts == workers[at]
        return {int(t): format_digest(int(x), int(y)) for t, x, y, ok in zip(tick[at], *sums, whole, strict=True) if ok}

    @property
    def ticks(self) -> tuple[int, ...]:
        """The ticks that all workers have recorded without a gap from the first."""
        return self._without_gap(self.digests())

    def _without_gap(self, found: Mapping[int, str]) -> tuple[int, ...]:
        n = 0
        while self.facts.first + n * self.facts.every in found:
            n += 1
        return tuple(range(self.facts.first, self.facts.first + n * self.facts.every, self.facts.every))

    def check(self) -> None:
        """Read everything.

        Raises:
            RecordError: a file is damaged, missing, or no part of the recording; names it.
        """
        from partitions.parts import DIGESTS

        with _telling():
            self._pairs()
            for table, columns in self._columns().items():
                for name in self._valid(table):
                    for _ in self._read(table, name, columns):
                        pass
        found = self.digests()
        gap = self.facts.first + len(self._without_gap(found)) * self.facts.every
        if max(found, default=gap) > gap:
            raise RecordError(
                f"{self.folder / DIGESTS} lacks tick {gap}, and holds tick {max(found)}.\n"
                f"Workers finish their parts in order: a part was taken away.\n"
                f"Put the file back, or go on from a tick before {gap}."
            )

    # Going on

    def join(self, tick: int) -> None:
        """Drop everything after a tick, so that a run that stands there can go on with the recording.

        What it held before that tick is checked to be whole. May be called again if it was interrupted. No worker of an
        earlier run can add to the recording afterwards.

        Raises:
            RecordError: a recorded tick up to this one is missing, or a file is damaged.
        """
        from partitions.parts import look_at_part

        with _telling():
            for table, columns in self._columns().items():
                for name in self._valid(table):
                    if name.first <= tick:
                        look_at_part(self.folder / table, name, columns, self.facts.id)
            self._pairs()
            have, wanted = set(self.digests()), range(self.facts.first, tick + 1, self.facts.every)
            missing = next((t for t in wanted if t not in have), None)
            if missing is not None:
                raise RecordError(
                    f"the recording in {self.folder} was to be joined at tick {tick}; it lacks tick {missing}.\n"
                    f"The recording would have a gap.\n"
                    f"Go on from a tick before {missing}, or record into another folder."
                )
            self._keep(tick)

    def trim(self) -> None:
        """Drop the ticks that not all workers have recorded, after a run that did not come to its end.

        Raises:
            RecordError: a file is damaged, or cannot be changed.
        """
        from partitions.parts import UNFINISHED

        with _telling():
            last = max(self.ticks, default=self.facts.first - 1)
            shares = self._shares()[0]
            odd = self._pairs() or any((self.folder / UNFINISHED).iterdir())
            if odd or (len(shares) and int(shares[-1]) > last):
                self._keep(last)

    def _keep(self, tick: int) -> None:
        self._clean()  # what an interrupted call has left
        kept = max(tick, -1)
        self.facts = self.facts.model_copy(update={"epoch": self.facts.epoch + 1, "kept": kept}).sealed()
        _write_facts(self.folder, self.facts)
        self._clean()

    def _clean(self) -> None:
        """Do what the facts say: of parts of earlier epochs nothing after `kept` is left, and nothing unfinished."""
        from partitions.parts import UNFINISHED, cut, refuse_link

        refuse_link(self.folder / UNFINISHED)
        for path in (self.folder / UNFINISHED).iterdir():
            path.unlink()
        for table, name in self._pairs():
            (self.folder / table / str(name)).unlink()
        last = self.facts.kept // self.facts.every * self.facts.every
        for table, columns in self._columns().items():
            for name in self._named(table):
                if self._stale(name):
                    cut(self.folder, table, name, last, columns, self.facts.id)

    # Parts

    def _columns(self) -> dict[str, dict[str, str]]:
        """Folder -> column -> Arrow type; the digests last."""
        from partitions.parts import DIGEST_SCHEMA, DIGESTS

        tables = {name: {c: f.type for c, f in table.columns.items()} for name, table in self.facts.tables.items()}
        return {**tables, DIGESTS: {field.name: str(field.type) for field in DIGEST_SCHEMA}}

    def _named(self, table: str) -> list[PartName]:
        """The parts that are there.

        Raises:
            RecordError: there is one that no run can have written by now.
        """
        from partitions.parts import FACTS, parts_in

        found = parts_in(self.folder / table)
        for name in found:
            if name.epoch > self.facts.epoch:
                raise RecordError(
                    f"{self.folder / table / str(name)} was to be read; by its name the recording was joined "
                    f"{name.epoch} times, by {FACTS} {self.facts.epoch} times.\n"
                    f"Its rows could be there twice.\n"
                    f"Open the recording again if a run goes on with it; else take the file away."
                )
        return found

    def _stale(self, name: PartName) -> bool:
        """Whether it is a part that `join` is to cut, or was when it was interrupted."""
        return name.epoch < self.facts.epoch and name.last > self.facts.kept

    def _valid(self, table: str) -> list[PartName]:
        """The parts that count, whether an interrupted `join` has cut them or not.

        Raises:
            RecordError: one is there twice.
        """
        least: dict[tuple[int, int, int], PartName] = {}
        for name in self._named(table):  # of those with the same key the shortest first
            if name.epoch == self.facts.epoch or name.first <= self.facts.kept:
                known = least.setdefault(name.key, name)
                if known != name and not self._stale(name):
                    raise RecordError(
                        f"{self.folder / table / str(name)} was to be read; {known} holds the same ticks.\n"
                        f"Its rows would count double.\n"
                        f"Take the file away that no run has written there."
                    )
        return list(least.values())

    def _read(self, table: str, name: PartName, columns: Mapping[str, str]) -> Iterator[Any]:
        """The rows of a part that count."""
        import pyarrow.compute as pc

        from partitions.parts import read_part

        stale = self._stale(name)
        for rows in read_part(self.folder / table, name, dict(columns), self.facts.id):
            yield rows.filter(pc.field("tick") <= self.facts.kept) if stale else rows

    def _pairs(self) -> list[tuple[str, PartName]]:
        """Parts without their digests, which were not finished.

        Raises:
            RecordError: a part is missing for which there are digests.
        """
        from partitions.parts import DIGESTS

        finished = {name.key: name for name in self._valid(DIGESTS)}
        odd = []
        for table in self.facts.tables:
            keys = set()
            for name in self._named(table):
                keys.add(name.key)
                if name.key not in finished:
                    odd.append((table, name))
            for key in finished.keys() - keys:
                raise RecordError(
                    f"{self.folder / table / str(finished[key])} is missing; its digests are there.\n"
                    f"The recording would have a gap.\n"
                    f"Put the file back, or go on from a tick before {finished[key].first}."
                )
        return odd

    def _shares(self) -> tuple[np.ndarray[Any, Any], ...]:
        """Columns of the digests, ordered by tick and worker.

        Raises:
            RecordError: a part is damaged, or a share is there twice.
        """
        from partitions.parts import DIGEST_SCHEMA, DIGESTS

        columns = self._columns()[DIGESTS]
        with _telling():
            tables = [rows for name in self._valid(DIGESTS) for rows in self._read(DIGESTS, name, columns)]
        shares = [
            np.concatenate(
                [np.empty(0, field.type.to_pandas_dtype()), *(rows[field.name].to_numpy() for rows in tables)]
            )
            for field in DIGEST_SCHEMA
        ]
        order = np.lexsort((shares[1], shares[0]))
        tick, worker, workers, a, b = (column[order] for column in shares)
        twice = np.flatnonzero((np.diff(tick) == 0) & (np.diff(worker) == 0))
        if len(twice):
            raise RecordError(
                f"{self.folder / DIGESTS} holds tick {tick[twice[0]]} of worker {worker[twice[0]]} twice.\n"
                f"Its rows would count double.\n"
                f"Take the part away that no run has written there."
            )
        return tick, worker, workers, a, b


def check_folder(folder: str | Path) -> Path:
    """A folder that a recording can be begun in: empty, or not there yet.

    Raises:
        RecordError: there is something in it, or its parent does not exist.
    """
    path = Path(folder).absolute()
    try:
        taken = path.exists() and (not path.is_dir() or any(path.iterdir()))
    except OSError as error:
        raise RecordError(
            f"{folder} was asked for, and cannot be looked at ({error}).\n"
            f"Nothing could be recorded.\n"
            f"Choose a folder that this process can write to."
        ) from error
    if taken:
        raise RecordError(
            f"{folder} was asked for; a recording is begun in an empty folder, or one that is not there yet.\n"
            f"It would be mixed up with what is there.\n"
            f"Choose another name, or empty it."
        )
    if not path.parent.is_dir():
        raise RecordError(
            f"{folder} was asked for; there is no folder {path.parent}.\n"
            f"Nothing could be recorded.\n"
            f"Make it, or choose another."
        )
    return path


def _write_facts(root: Path, facts: Facts) -> None:
    """Written aside, on the disk, then named."""
    from partitions.parts import FACTS, UNFINISHED, sync

    aside = root / UNFINISHED / FACTS
    with aside.open("w", encoding="utf-8") as file:
        file.write(json.dumps(facts.model_dump(), indent=2) + "\n")
        file.flush()
        os.fsync(file.fileno())
    aside.rename(root / FACTS)
    sync(root)  # before anything is removed for what they say


@contextmanager
def _telling() -> Iterator[None]:
    """Tell what `partitions` raises, and the disk, in the language's words."""
    try:
        yield
    except RecordFault as fault:
        raise RecordError(str(fault)) from fault
    except RecordError:
        raise
    except OSError as error:
        raise RecordError(
            f"a recording cannot be read or changed ({error}).\n"
            f"It stays as it is.\n"
            f"Let this process read and write the whole folder, and try again."
        ) from error


def _odd(path: Path, reason: str) -> RecordError:
    return RecordError(
        f"{path} was to be read as the facts of a recording; {reason}.\n"
        f"Nobody could tell which run it is of.\n"
        f"Put back the file that the run has written."
    )


def _said(error: ValidationError) -> str:
    first = error.errors()[0]
    where = ".".join(str(part) for part in first["loc"])
    return f"{where + ': ' if where else ''}{first['msg']}"
