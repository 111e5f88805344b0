"""One life of a run in `benchmarks.chaos`: resumes if there is something, gives commands, and writes what it was told.

Arguments: app, folder, workers, ticks, seed. With seed -1 it is the undisturbed run in this process: it gives the
acknowledged commands at the ticks at which they were acknowledged, and prints the digest and whether the recording of
the disturbed run, which went on through all its lives, is that of this one, row for row.
"""

from __future__ import annotations

import json
import random
import sys
import time
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.dataset as ds

from partitions.command import Command
from partitions.folder import Disk
from partitions.log import Parameters, Promise, read_log
from weaver.load import load_app
from weaver.recorded import RecordOptions
from weaver.recording import Recording
from weaver.run import Run
from weaver.space import Box
from weaver.start import restoring

SETTINGS = {
    "flocking": {},
    "wolf_sheep": {"size": 60},
    "slime": {},
}
PACE = 40.0
"""Ticks per second, so that a run lasts for its kills."""
RECORDED = 3
"""Ticks between two recorded ones: one is written or under way nearly always."""


def simulation(app: str) -> tuple[Any, Any]:
    """The app, its worlds small enough for many lives."""
    module, sim = load_app(app, parameters=SETTINGS.get(app))
    if app == "flocking":
        sim.box = Box(100, 100, boundary="periodic")
        sim.sources[0] = type(sim.sources[0])(**{**vars(sim.sources[0]), "count": 5000})
    return module, sim


def commands(sim: Any, rng: random.Random) -> dict[str, Any]:
    """A random command: what, and with which values."""
    kind = sim.entity_types[0]
    lengths = sim.box.lengths
    place = [
        [low + rng.random() * length for low, length in zip(sim.box.origin, lengths, strict=True)] for _ in range(3)
    ]
    free = [p for p in sim.parameters.values() if not p.fixed and p.low is not None and p.high is not None]
    what = rng.choice(["add", "add", "put", "later", "set" if free else "add"])
    if what == "set":
        parameter = rng.choice(free)
        value = rng.uniform(parameter.low, parameter.high)
        return {"what": "set", "name": parameter.name, "value": round(value) if parameter.integer else value}
    return {"what": what, "type": kind.__name__, "place": place, "id": 10_000_000 + rng.randrange(1 << 30)}


def give(run: Run, sim: Any, command: dict[str, Any], at: int | None = None) -> int:
    """Give one; returns the tick for which it was acknowledged."""
    if command["what"] == "set":
        return run.set(at=at, **{command["name"]: command["value"]})
    kind = next(k for k in sim.entity_types if k.__name__ == command["type"])
    ids = [command["id"] + k for k in range(3)]
    if command["what"] == "put":
        return run.put(kind, ids, position=command["place"], at=at)
    if command["what"] == "later":
        at = run.tick + 25 if at is None else at
    return run.add(kind, id=ids, position=command["place"], at=at).tick


def told(folder: Path) -> list[dict[str, Any]]:
    """The lines that were written: commands as they were asked, and as they were acknowledged; a torn one is none."""
    file = folder / "acknowledged.jsonl"
    lines = file.read_text().splitlines(keepends=True) if file.exists() else []
    return [json.loads(line) for line in lines if line.endswith("\n")]


def acknowledged(folder: Path) -> list[dict[str, Any]]:
    """The commands that were acknowledged, by the tick at which they act."""
    return sorted((line for line in told(folder) if "tick" in line), key=lambda line: int(line["tick"]))


def complete(folder: Path) -> None:
    """If the last life ended between the log and the acknowledgement, look up in the log what became of the command."""
    lines = told(folder)
    text = "".join(json.dumps(line) + "\n" for line in lines)  # without a torn end
    if lines and "tick" not in lines[-1] and (folder / "kept" / "log").is_dir():
        tick = found(folder, lines[-1])
        if tick is not None:
            text += json.dumps({**{k: v for k, v in lines[-1].items() if k != "asked"}, "tick": tick}) + "\n"
    (folder / "acknowledged.jsonl").write_text(text)


def found(folder: Path, command: dict[str, Any]) -> int | None:
    """The tick at which a command acts by the log; None if it is not there."""
    log = Disk(folder / "kept" / "log")
    first = min((int(name.partition(".")[0]) for name in log.names()), default=0)
    for entry in read_log(log, first):
        for one in entry.inputs:
            if command["what"] == "set":
                values = [*one.reals, *one.integers] if isinstance(one, Parameters) else []
                if command["value"] in values:
                    return entry.tick
            elif isinstance(one, Promise):
                if command["id"] in one.ids:
                    return one.tick
            elif isinstance(one, Command) and any(command["id"] in rows.ids for rows in (*one.inserts, *one.writes)):
                return entry.tick
    return None


def live(app: str, folder: Path, workers: int, ticks: int, seed: int) -> None:
    """Resume or start, run to the end, and give commands on the way."""
    _, sim = simulation(app)
    complete(folder)
    kept, record = folder / "kept", RecordOptions(folder / "recording", RECORDED)
    keeping = restoring(kept, kept, 97, "last=3", "durable", False, record, optional=True)
    rng = random.Random(seed)
    with Run(sim, workers=workers, keeping=keeping) as run:
        run.rate(PACE)
        run.resume(ticks)
        (folder / "up").touch()
        with open(folder / "acknowledged.jsonl", "ab", buffering=0) as file:
            while run.tick < ticks:
                time.sleep(rng.uniform(0.05, 0.6))
                command = commands(sim, rng)
                file.write(json.dumps({**command, "asked": True}).encode() + b"\n")
                tick = give(run, sim, command)
                file.write(json.dumps({**command, "tick": tick}).encode() + b"\n")
        run.pause()
        end_told = {"digest": run.digest(), "acknowledged": len(acknowledged(folder)), "lost": run.lost}
        (folder / "end.json").write_text(json.dumps(end_told))


def calm(app: str, folder: Path, ticks: int) -> None:
    """The run that nobody disturbs."""
    _, sim = simulation(app)
    given = acknowledged(folder)
    with sim.start(record=folder / "undisturbed", record_every=RECORDED) as run:
        for command in given:
            if command["tick"] <= ticks and not (command["what"] == "later" and command["tick"] == ticks):
                run.step(command["tick"] - run.tick)
                give(run, sim, {**command, "what": "add" if command["what"] == "later" else command["what"]})
        run.step(ticks - run.tick)
        digest = run.digest()
    print(json.dumps({"digest": digest, "acknowledged": len(given), "recorded": recorded_alike(folder, ticks)}))


def recorded_alike(folder: Path, ticks: int) -> bool:
    """Whether both recordings are whole, without gap or repeat, and hold the same digests and rows."""
    recordings = [Recording(folder / name) for name in ("recording", "undisturbed")]
    for recording in recordings:
        recording.check()
    disturbed, calm = recordings
    same = disturbed.ticks == calm.ticks == tuple(range(0, ticks + 1, RECORDED))
    same &= disturbed.digests() == calm.digests()
    for table in calm.facts.tables:
        one, other = (ordered(recording.folder / table) for recording in recordings)
        same &= one.equals(other)
    return same


def ordered(folder: Path) -> pa.Table:
    """The rows of a recorded table, as any reader of Parquet finds them, by tick and entity or cell."""
    rows = ds.dataset(folder).to_table()
    keys = [name for name in ("tick", "id", "x", "y", "z") if name in rows.column_names]
    return rows.sort_by([(name, "ascending") for name in keys]).combine_chunks()


if __name__ == "__main__":
    _app, _folder, _workers, _ticks, _seed = sys.argv[1:6]
    if _seed == "-1":
        calm(_app, Path(_folder), int(_ticks))
    else:
        live(_app, Path(_folder), int(_workers), int(_ticks), int(_seed))
