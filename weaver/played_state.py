"""Played state: what a snapshot holds becomes the state of an interpreted world."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from partitions.folder import Folder
from partitions.manifest import Manifest
from partitions.program import MOVED, Program
from partitions.snapshot import Reader
from weaver.message import Event
from weaver.played_layers import CellRows
from weaver.played_messages import Letter
from weaver.played_rows import read, vector

if TYPE_CHECKING:
    from weaver.stage import Stage


def take_up(stage: Stage, folder: Folder, manifest: Manifest, program: Program) -> None:
    """Give a stage the entities, cells, letters, counters and samples of a snapshot.

    Samples that no behavior and no condition reads, and events that nobody has asked for, are left out.

    Args:
        stage: nobody is on it yet.
        folder: where the snapshot lies.
        manifest: of it.
        program: that wrote it, and that the stage plays.

    Raises:
        SnapshotError: a file is missing or torn.
    """
    reader = Reader(folder, manifest)
    for kind, rows in stage.rows.items():
        held = reader.whole("layer" if isinstance(rows, CellRows) else "entity", kind.__name__)
        order = np.argsort(held["id"], kind="stable")
        rows.ids = held["id"][order]
        rows.columns = {name: held[name][order] for name in rows.columns}
        if MOVED in held:
            stage.moved.update(zip(rows.ids.tolist(), held[MOVED][order].astype(bool).tolist(), strict=True))
    for message in stage.sim.messages:
        if not issubclass(message, Event):
            _letters(stage, reader, message)
    births = reader.whole("births", "")
    stage.births.update(dict(zip(births["block"].tolist(), births["count"].tolist(), strict=True)))
    names = [spec.name for spec in program.types]
    for name, counter in (("births", stage.born), ("deaths", stage.dead), ("lost", stage.lost)):
        counter.update(dict(zip(names, manifest.tallies[name], strict=True)))
    for one in program.observations:
        if one.name in manifest.latest:
            value: Any = manifest.latest[one.name]
            stage.samples[one.name] = vector(value) if one.statistic.vector else value
    stage.changed()


def _letters(stage: Stage, reader: Reader, message: Any) -> None:
    held = reader.whole("message", message.__name__)
    values = {f.name: read(f, [held[c] for c in f.columns]) for f in message.__fields__.values()}
    heads = (held[name].tolist() for name in ("@to", "@tick", "@type", "@id", "@phase", "@seq"))
    for k, (to, tick, type, id, phase, sequence) in enumerate(zip(*heads, strict=True)):
        given = {name: column[k] for name, column in values.items()}
        stage.mailbox.put_back(to, Letter(tick, type, id, phase, sequence, message, given))
