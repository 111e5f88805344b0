"""Changed apps: whether a snapshot of an earlier version of an app can be gone on from, and what is made of it."""

from __future__ import annotations

import logging
from typing import Any

import numpy as np

from partitions.manifest import MANIFEST, Manifest, refused
from partitions.moment import schema
from partitions.points import versions
from partitions.program import MOVED, Program
from partitions.resume import Resumption
from weaver.entity import fields_of
from weaver.errors import RunError
from weaver.simulation import Simulation
from weaver.stored import Stored

_LOGGER = logging.getLogger("weaver")


def resumption(simulation: Simulation, program: Program, stored: Stored, allow_changed: bool) -> Resumption:
    """What workers go on from.

    A field that is new gets its default; one that is gone is dropped, with a warning; so are types.

    Raises:
        RunError: the snapshot is of another app, world or seed; or behaviors have changed and that is not allowed.
    """
    manifest = stored.manifest
    _refuse_others(program, stored)
    _refuse_unfit(program, stored)
    if manifest.identity != program.identity:
        changes = _changes(program, manifest)
        if changes and not allow_changed:
            raise RunError(
                f"{stored.address} is of another version of {program.name}: {'; '.join(changes)}.\n"
                f"The run would not be the one that was kept.\n"
                f"Take the app as it was, or write --allow-changed (allow_changed=True) to go on with the new one."
            )
        for change in changes:
            _LOGGER.warning("%s: %s", program.name, change)
    defaults = _defaults(simulation, program, manifest)
    reals, integers = _parameters(simulation, program, manifest)
    return Resumption(stored.folder, manifest, defaults, reals, integers)


def _refuse_others(program: Program, stored: Stored) -> None:
    manifest, space = stored.manifest, program.grid.space
    world = manifest.world
    for what, then, now in (
        ("app", manifest.app, program.name),
        ("seed", manifest.seed, program.seed),
        ("dt", manifest.dt, float(program.dt)),
        ("lengths of the box", world.lengths, [float(axis.length) for axis in space.axes]),
        ("origin of the box", world.origin, [float(axis.low) for axis in space.axes]),
        ("boundaries", world.boundaries, [str(axis.boundary) for axis in space.axes]),
    ):
        if then != now:
            raise RunError(
                f"{stored.address} was to be gone on from by {program.name}; its {what} is {then!r:.80}, the app's "
                f"{now!r:.80}.\n"
                f"The entities of one would stand in another world.\n"
                f"Use the app and the seed that made it."
            )
    shapes = {s.name: list(program.grid.cells[t].shape) for t, s in enumerate(program.types) if s.raster}
    for name, cells in manifest.cells.items():
        if name in shapes and shapes[name] != cells:
            raise RunError(
                f"{stored.address} holds layer {name} with {cells} cells; the app has {shapes[name]}.\n"
                f"Cells would not be where they were.\n"
                f"Give {name} the resolution that it had."
            )


def _refuse_unfit(program: Program, stored: Stored) -> None:
    """Refuse what no version of the app can have written.

    Raises:
        SnapshotError: the manifest is not what it says.
    """
    manifest, now = stored.manifest, schema(program)
    then = {(one.kind, one.name): dict(one.columns) for one in manifest.schema_}
    if manifest.identity == program.identity and then != now:
        raise refused(stored.folder, MANIFEST, "its columns are not those of the program that it names")
    for (kind, name), columns in then.items():
        needed = [c for c in now.get((kind, name), {}) if c in ("id", "block", "count") or c.startswith("@")]
        if (kind, name) in now and kind in ("entity", "layer"):
            needed += [c for c in now[kind, name] if c.startswith("position.") and kind == "entity"]
        if kind == "samples":
            needed = list(now[kind, name])
        for column in needed:
            if column not in columns and column != MOVED:
                raise refused(stored.folder, MANIFEST, f"{kind} {name or 'table'} has no column {column}")
    for one in program.observations:
        if one.name in manifest.latest and one.slots:
            value = manifest.latest[one.name]
            if np.size(value) != len(one.slots) or (one.statistic.whole and np.asarray(value).dtype.kind != "i"):
                raise refused(stored.folder, MANIFEST, f"latest.{one.name} is {value!r:.60}")


def _changes(program: Program, manifest: Manifest) -> list[str]:
    """What has changed beside fields."""
    then = {one.name: one.sha256 for one in manifest.behaviors}
    now = dict(program.turns)
    changes = [f"behavior {name!r} is new" for name in now if name not in then]
    changes += [f"behavior {name!r} is gone" for name in then if name not in now]
    changes += [f"behavior {name!r} has changed" for name in now if name in then and then[name] != now[name]]
    order = [name for name in now if name in then]
    if order != [name for name in then if name in now]:
        changes.append("behaviors take their turns in another order")
    for name, version in versions().items():
        if manifest.versions.get(name) != version:
            changes.append(f"{name} was {manifest.versions.get(name)} and is {version}")
    if manifest.cpu != program.cpu:
        changes.append(f"kernels were compiled for {manifest.cpu[0]} and are for {program.cpu[0]}, or other features")
    fields_changed = {(one.kind, one.name): dict(one.columns) for one in manifest.schema_} != schema(program)
    if not changes and not fields_changed:
        changes.append("a constant, helper function or parameter has changed")
    return changes


def _defaults(simulation: Simulation, program: Program, manifest: Manifest) -> dict[tuple[str, str], dict[str, Any]]:
    dim = program.grid.space.dim
    made: dict[tuple[str, str], dict[str, Any]] = {}
    declared: dict[tuple[str, str], Any] = {
        ("layer" if kind in simulation.layers else "entity", kind.__name__): kind for kind in simulation.kinds
    }
    declared |= {("message", kind.__name__): kind for kind in simulation.messages}
    known = schema(program)
    for key, columns in known.items():
        then = manifest.columns(*key)
        if not then:
            if key in declared:
                _LOGGER.warning("%s: there was no %s %s; it begins with nothing", program.name, *key)
            continue
        changed = [c for c in columns if c in then and then[c] != columns[c]]
        if changed:
            raise RunError(
                f"{key[1]}.{changed[0]} was stored as {then[changed[0]]}; the app declares {columns[changed[0]]}.\n"
                f"Values could not be carried over as they are.\n"
                f"Give the field the type that it had, or another name."
            )
        if key in declared:
            of = {c: (f, k) for f in fields_of(declared[key], dim).values() for k, c in enumerate(f.columns)}
            made[key] = {
                c: (of[c][0].default if len(of[c][0].columns) == 1 else tuple(of[c][0].default)[of[c][1]])
                for c in columns
                if c not in then and c in of
            }
        for name in sorted({c.split(".")[0] for c in then if c not in columns}):
            _LOGGER.warning("%s: field %s.%s is gone; its values are dropped", program.name, key[1], name)
    for one in manifest.schema_:
        if (one.kind, one.name) not in known and manifest.rows(one.kind, one.name):
            _LOGGER.warning("%s: %s %s is gone; what there was of it is dropped", program.name, one.kind, one.name)
    return made


def _parameters(simulation: Simulation, program: Program, manifest: Manifest) -> tuple[Any, Any]:
    """The parameters' values, and the samples behind them, in the program's order."""
    values = manifest.driver.get("values", {})
    reals, integers = program.reals.copy(), program.integers.copy()
    for array, whole in ((reals, False), (integers, True)):
        names = [name for name, p in simulation.parameters.items() if p.integer == whole]
        for k, name in enumerate(names):
            array[k] = values.get(name, array[k])
    for one in program.observations:
        if one.slots and one.name in manifest.latest:
            array = integers if one.statistic.whole else reals
            array[list(one.slots)] = np.asarray(manifest.latest[one.name], array.dtype)
    return reals, integers
