"""Debugging: one entity in one tick, in the interpreter, among its true neighbours."""

from __future__ import annotations

import bdb
import inspect
import pdb
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from partitions.folder import Folder
from partitions.manifest import Manifest
from weaver.errors import ModelError, RunError
from weaver.history import History
from weaver.interpreter import Interpreter
from weaver.parameter import Parameter
from weaver.played_acts import Outcome
from weaver.played_entities import row_of, rows_of
from weaver.played_rows import Rows
from weaver.simulation import Simulation
from weaver.stage import Scene
from weaver.surroundings import Surroundings
from weaver.turns import Behavior, Diffusion, Meeting, Turn
from weaver.witness import Witness

Say = Callable[[str], object]


@dataclass(frozen=True)
class Subject:
    """Who is looked at: an id, and the name of a type if several things can have it, as cells do."""

    id: int
    type: str | None = None

    @classmethod
    def read(cls, text: str) -> Subject:
        """`5`, or `Grass:5`.

        Raises:
            ModelError: it is neither.
        """
        name, colon, number = text.rpartition(":")
        if not number.isdecimal() or (colon and not name.isidentifier()):
            raise ModelError(
                f"entity {text!r} was asked for; allowed is an id, or the name of a type or layer, a colon and an id.\n"
                f"Nobody could be found.\n"
                f"Write --entity 5, or --entity Grass:5 for a cell."
            )
        return cls(int(number), name or None)

    def __str__(self) -> str:
        return f"{self.type or 'entity'} {self.id}"


class Debugger(Interpreter):
    """A tick in the interpreter, of which one entity is looked at.

    Args:
        sim: the simulation.
        folder: of the snapshot that the tick begins with.
        manifest: of it.
        subject: who is looked at.
        say: gets the lines that tell of it.
        stops: pdb stops where the subject's behavior begins.

    Raises:
        RunError: nobody has this id at this tick.
    """

    def __init__(
        self, sim: Simulation, folder: Folder, manifest: Manifest, subject: Subject, say: Say, stops: bool
    ) -> None:
        super().__init__(sim, (folder, manifest))
        self._subject, self._say, self._stops = subject, say, stops
        self._shown, self._alone, self._left = False, False, False
        self._acted: list[str] = []
        if self._place() is None:
            known = "; ".join(
                f"{kind.__name__} {rows.ids[0]} to {rows.ids[-1]}"
                for kind, rows in self._stage.rows.items()
                if len(rows.ids)
            )
            raise RunError(
                f"{subject} was asked for; there is none at tick {self.tick}. There are {len(self._ids())} entities: "
                f"{known}.\n"
                f"Nobody would act.\n"
                f"Choose one of them, or another tick."
            )

    def look(self, behavior: str | None) -> None:
        """Play the tick up to a behavior, and look at the subject in it; without one, in each.

        Raises:
            ModelError: there is no such behavior, or it has no turn in this tick.
            RunError: an entity broke a rule.
            BehaviorError: a behavior does what behaviors may not do.
        """
        due = [(k, t) for k, t in enumerate(self.sim.behaviors) if self.tick % t.every == t.at]
        names = [turn.name for _, turn in due]
        if behavior is not None and behavior not in names:
            every = [turn.name for turn in self.sim.behaviors]
            raise ModelError(
                f"behavior {behavior!r} was asked for at tick {self.tick}; "
                f"{'it has no turn in this tick' if behavior in every else 'there is no such behavior'}.\n"
                f"Nothing of it would be seen.\n"
                f"Those that take their turns then are {', '.join(names)}."
            )
        for number, turn in due:
            if behavior is None or turn.name == behavior:
                self._shown = True
                self._alone = turn.name == (behavior or names[-1]) and self._by_itself(turn)
                self._show(number, turn)
                if self._left or turn.name == behavior:
                    return
            else:
                self._shown = False
                self._take(number, turn)

    # ---- Looking ----

    def _show(self, number: int, turn: Turn) -> None:
        found = self._place()
        if found is None:
            self._say(f"tick {self.tick}, {turn.name}: {self._subject} is gone")
            return
        rows, row = found
        self._say(f"tick {self.tick}, {turn.name}, {rows.kind.__name__} {self._subject.id}")
        before = _values(rows, row)
        if rows.kind not in turn.types:
            self._line("has no turn", "")
        elif isinstance(turn, Diffusion):
            self._line("diffuses", "with all cells at once; there is no behavior to look into")
        else:
            for name, value in before.items():
                self._line(name, str(value))
        self._acted.clear()
        self._take(number, turn)
        if isinstance(turn, Meeting) and rows.kind in turn.types and not self._acted:
            self._line("met", "nobody")
        after = self._place()
        if after is None:
            self._line("then", "it is gone")
            return
        if after[0] is not rows:
            self._line("then", f"it is a {after[0].kind.__name__}")
        for name, value in _values(*after).items():
            if name not in before or str(value) != str(before[name]):
                self._line(name, f"{before.get(name)} -> {value}" if name in before else str(value))

    def _line(self, word: str, text: str) -> None:
        self._say(f"  {word:12} {text}".rstrip())

    def _by_itself(self, turn: Turn) -> bool:
        """Whether what becomes of the subject in a turn does not hang on what others do in it."""
        found = self._place()
        if found is None or not isinstance(turn, Behavior) or found[0].kind not in turn.types:
            return False
        kind = found[0].kind
        return "position" in found[0].fields and getattr(kind, "__sites__", None) is None

    def _actors(self, turn: Behavior) -> Iterator[Outcome]:
        return (one for one in super()._actors(turn) if not self._alone or self._is_subject(one))

    def _perform(self, function: Callable[..., Any], scene: Scene, outcome: Outcome, *others: Any) -> None:
        pair = (outcome.me, *others)
        if not self._shown or not any(self._is(rows_of(one), one.id) for one in pair):
            super()._perform(function, scene, outcome, *others)
            return
        self._acted.append(scene.turn.name)
        for one in pair if others else ():
            if not self._is(rows_of(one), one.id):
                self._line("met", f"{rows_of(one).kind.__name__} {one.id}: {_values(rows_of(one), row_of(one))}")
        world = Witness(outcome.me, scene, outcome.acts, self._line)
        if not self._stops:
            function(outcome.me, *others, world)
            return
        self._stops = False
        _name_parameters(function, scene.turn, self._parameters)
        quiet = Surroundings(outcome.me, scene, outcome.acts)
        try:
            pdb.Pdb().runcall(function, outcome.me, *others, quiet)
        except bdb.BdbQuit:
            self._left = True

    def _is_subject(self, outcome: Outcome) -> bool:
        return self._is(outcome.rows, outcome.me.id)

    def _is(self, rows: Rows, id: int) -> bool:
        name = self._subject.type
        entity = "position" in rows.fields
        return id == self._subject.id and (rows.kind.__name__ == name if name is not None else entity)

    def _place(self) -> tuple[Rows, int] | None:
        """Where the subject is; it may have become of another type."""
        for rows in self._stage.rows.values():
            layer, named = "position" not in rows.fields, rows.kind.__name__ == self._subject.type
            row = rows.row_of(self._subject.id)
            if row is not None and (named if layer else self._subject.type is None or named):
                return rows, row
        return None

    def _ids(self) -> list[int]:
        return [id for rows in self._stage.rows.values() if "position" in rows.fields for id in rows.ids.tolist()]


def _values(rows: Rows, row: int) -> dict[str, Any]:
    return {name: rows.values(name)[row] for name in rows.fields}


def _name_parameters(function: Any, turn: Turn, values: Any) -> None:
    """Let what is typed at pdb's prompt use the names of parameters, whose look-ups have no names any more."""
    if isinstance(turn, Diffusion):
        return
    known = inspect.getclosurevars(turn.function)
    for name, value in {**known.globals, **known.nonlocals}.items():
        if isinstance(value, Parameter):
            function.__globals__.setdefault(name, values[value.name])


def moment(
    simulation: Simulation, tick: int, past: History | None, changes: Mapping[str, float], threads: int = 1
) -> tuple[Folder, Manifest]:
    """The state with which a tick begins, computed by the compiled run: what comes from outside before it is done.

    Args:
        simulation: what runs.
        tick: which.
        past: of a run that was kept; None: of one that begins now.
        changes: parameters that are set then.
        threads: of the compiled run.

    Raises:
        RunError: that tick cannot be had, or the run ends before it.
    """
    from partitions.folder import Memory
    from weaver.keeping import Keeping
    from weaver.run import Run

    known, keeping = False, Keeping()
    if past is not None:
        known = tick <= past.last
        keeping = past.at(tick if known else past.last, acted=True)
    with Run(simulation, threads=threads, keeping=keeping) as run:
        if not known:
            run.step(tick - run.tick)
        if run.tick != tick:
            raise RunError(
                f"tick {tick} of {simulation.name} was asked for; the run ends at tick {run.tick}: "
                f"{run.ended}.\n"
                f"There is no such tick.\n"
                f"Choose one before that."
            )
        if not known:
            with run._told():
                run._betweens.call(tick)
        if changes:
            run.set(at=None, **changes)
        folder = Memory()
        return folder, run._written(folder)


__all__ = ["Debugger", "Subject", "moment"]
