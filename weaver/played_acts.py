"""What interpreted entities do beside writing fields, and how it all takes effect when a behavior ends."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from weaver.arithmetic import add
from weaver.entity import Entity, Layer
from weaver.errors import RunError
from weaver.message import Event, Message
from weaver.played_entities import Me, row_of, rows_of, written_by
from weaver.played_layers import CellRows
from weaver.played_messages import Letter
from weaver.played_rows import Rows, default, held, kept
from weaver.played_sites import Claim, Occupancy
from weaver.stage import Scene, Settled

BORN, COUNTER_BITS, BLOCK_BITS = 1 << 62, 32, 30
"""A birth's id is `BORN | block << COUNTER_BITS | counter`."""


@dataclass(frozen=True, eq=False)
class Birth:
    """One to be born: the fields, and where; `lost` if that is beyond an absorbing end."""

    sequence: int
    kind: type[Entity]
    values: dict[str, Any]
    lost: bool


@dataclass(frozen=True, eq=False)
class Deposit:
    """Amounts for fields of one cell."""

    sequence: int
    layer: type[Layer]
    cell: int
    amounts: dict[str, Any]


@dataclass(eq=False)
class Acts:
    """What one entity did in one turn; everything has a number, counted from 0 over all kinds."""

    births: list[Birth] = field(default_factory=list)
    deposits: list[Deposit] = field(default_factory=list)
    letters: list[tuple[int, Letter]] = field(default_factory=list)
    events: list[tuple[int, type[Event], dict[str, Any]]] = field(default_factory=list)
    count: int = 0

    def next(self) -> int:
        """Number of the next record."""
        self.count += 1
        return self.count - 1


@dataclass(eq=False)
class Outcome:
    """One entity at the end of its turn: what it wrote, and what it did."""

    me: Me
    acts: Acts
    place: Settled | None = None
    claim: int | None = None

    @property
    def rows(self) -> Rows:
        """Those of its type."""
        return rows_of(self.me)

    @property
    def order(self) -> tuple[int, int]:
        """Type number and id."""
        return self.rows.index, self.me.id

    @property
    def dies(self) -> bool:
        """Whether it is gone before the next behavior."""
        return self.me._removed or (self.place is not None and self.place.left)


class Conclusion:
    """The end of a behavior: everything that its entities did takes effect at once.

    Args:
        scene: the turn.
        outcomes: of all that acted.
    """

    def __init__(self, scene: Scene, outcomes: Iterable[Outcome]) -> None:
        self.scene, self.stage = scene, scene.stage
        self.outcomes = sorted(outcomes, key=lambda o: o.order)

    def come_to_rest(self, outcome: Outcome) -> None:
        """Apply lattice, boundaries and sites to a written position; a removed one's is let alone.

        Raises:
            Fault: it moved too far, to no place, or out of a strict box.
        """
        me, rows, stage = outcome.me, outcome.rows, self.stage
        written = written_by(me)
        occupancy = stage.sites.get(getattr(rows.kind, "__sites__", None))
        if occupancy is not None and me._jumped is not None and not me._removed:
            outcome.claim = me._jumped
            if me._jumped >= 0:
                written["position"] = rows.fields["position"].vector(*occupancy.centre(me._jumped))  # type: ignore[misc]
            return
        if "position" not in written or me._removed:
            return
        before = rows.place(row_of(me))
        outcome.place = rest = stage.settle(before, me.position, stage.quantum(rows), self.scene.reach)
        vectors: dict[str, Any] = {name: f.vector for name, f in rows.fields.items()}
        if any(rest.mirrored) and vectors.get("velocity") is not None:
            velocity = list(getattr(me, "velocity"))  # noqa: B009
            turned = [-v if k < len(rest.mirrored) and rest.mirrored[k] else v for k, v in enumerate(velocity)]
            written["velocity"] = vectors["velocity"](*turned)
        place: Any = rest.place
        if occupancy is not None:
            site = occupancy.lattice.number(occupancy.site_of(place))
            if site != occupancy.lattice.number(occupancy.site_of(before)) and not rest.left:
                outcome.claim = site
            place = occupancy.centre(site)
        written["position"] = vectors["position"](*place)

    def _occupancy(self, kind: Any) -> Occupancy | None:
        return self.stage.sites.get(getattr(kind, "__sites__", None))

    # ---- All at once ----

    def take_effect(self) -> None:
        """Moves and writes, deaths, becoming, births, deposits, messages, events, in this order."""
        born = self._numbered()
        self._claim(born)
        becomes = [o for o in self.outcomes if o.me._turned is not None and not o.dies]
        turned = [(o, self._turned(o)) for o in becomes]
        for kind, rows in self.stage.rows.items():
            mine = [o for o in self.outcomes if o.rows is rows]
            if mine:
                rows.write([(row_of(o.me), written_by(o.me)) for o in mine])
            gone = [o for o in mine if o.dies or o.me._turned is not None]
            self.stage.dead[kind.__name__] += sum(o.dies for o in gone)
            if gone:
                chosen = np.ones(len(rows.ids), np.bool_)
                chosen[[row_of(o.me) for o in gone]] = False
                rows.keep(chosen)
        for outcome, (target, values) in turned:
            target.insert([outcome.me.id], {name: [value] for name, value in values.items()})
        for id, birth in born:
            self._insert(birth.kind, id, birth.values)
        self._deposit()
        self._mail([o.me.id for o in self.outcomes if o.dies], [(o.me.id, t.kind) for o, (t, _) in turned])
        for occupancy in self.stage.sites.values():
            occupancy.changed()
        self._tell()

    def _insert(self, kind: type[Entity], id: int, values: Mapping[str, Any]) -> None:
        self.stage.rows[kind].insert([id], {name: [value] for name, value in values.items()})
        self.stage.born[kind.__name__] += 1

    def _numbered(self) -> list[tuple[int, Birth]]:
        """Births with their ids: per block by (parent's type, parent's id, sequence)."""
        result = []
        for outcome in self.outcomes:
            for birth in outcome.acts.births:
                if birth.lost:
                    self.stage.lost[birth.kind.__name__] += 1
                    continue
                block = self.stage.block(outcome.rows.place(row_of(outcome.me)))
                counter = self.stage.births[block]
                if block >= 1 << BLOCK_BITS or counter >= 1 << COUNTER_BITS:
                    raise RunError("a block has had more than 2^32 births.")
                self.stage.births[block] += 1
                result.append((BORN | block << COUNTER_BITS | counter, birth))
        return result

    def _claim(self, born: list[tuple[int, Birth]]) -> None:
        """Let those who claim sites win or lose; losers stay, or are not born."""
        for occupancy in self.stage.sites.values():
            claims = [
                (Claim(o.claim, o.rows, o.me.id), o)
                for o in self.outcomes
                if o.claim is not None and self._occupancy(o.rows.kind) is occupancy
            ]
            newborn = [
                (Claim(self._site(occupancy, birth), self.stage.rows[birth.kind], id), (id, birth))
                for id, birth in born
                if self._occupancy(birth.kind) is occupancy
            ]
            if not claims and not newborn:
                continue
            every = [claim for claim, _ in claims] + [claim for claim, _ in newborn]
            won = occupancy.winners(self.stage.sim, self.scene.turn.name, self.scene.tick, every)
            for claim, outcome in claims:
                self.stage.moved[claim.id] = claim.id in won
                if claim.id not in won and claim.site >= 0:
                    written_by(outcome.me)["position"] = outcome.rows.values("position")[row_of(outcome.me)]
            for claim, (id, birth) in newborn:
                if id in won:
                    birth.values["position"] = type(birth.values["position"])(*occupancy.centre(claim.site))
                else:
                    born.remove((id, birth))
                    self.stage.lost[birth.kind.__name__] += 1

    def _site(self, occupancy: Occupancy, birth: Birth) -> int:
        return occupancy.lattice.number(occupancy.site_of(birth.values["position"]))

    def _turned(self, outcome: Outcome) -> tuple[Rows, dict[str, Any]]:
        """The new type's rows and values of one that becomes another: its final values where names are the same."""
        assert outcome.me._turned is not None
        kind, given = outcome.me._turned
        target, values = self.stage.rows[kind], {}
        for name, f in target.fields.items():
            if name in given:
                values[name] = given[name]
            elif name in outcome.rows.fields:
                value = getattr(outcome.me, name)
                if name == "position" and name not in written_by(outcome.me):  # not the image that somebody met
                    value = outcome.rows.values(name)[row_of(outcome.me)]
                values[name] = converted(f, value)
            else:
                values[name] = default(f)
        return target, values

    def _deposit(self) -> None:
        """Add deposits cell by cell, in the order of depositors, each strictly, and round once."""
        sums: dict[tuple[CellRows, int], dict[str, Any]] = {}
        for outcome in self.outcomes:
            for deposit in outcome.acts.deposits:
                cells = self.stage.cells(deposit.layer)
                total = sums.setdefault((cells, deposit.cell), {})
                for name, amount in deposit.amounts.items():
                    before = total[name] if name in total else cells.values(name)[deposit.cell]
                    total[name] = wide(before, amount)
        for (cells, cell), total in sums.items():
            values = {n: cells.fields[n].vector(*v) if isinstance(v, tuple) else v for n, v in total.items()}  # type: ignore[misc]
            cells.write([(cell, values)])

    def _mail(self, buried: Sequence[int], turned: Sequence[tuple[int, type]]) -> None:
        """What was read is gone, what the dead and the changed had is dropped, what was sent arrives."""
        mailbox, stage = self.stage.mailbox, self.stage
        kinds: dict[type, list[int]] = {}
        for outcome in self.outcomes:
            kinds.setdefault(outcome.rows.kind, []).append(outcome.me.id)
        mailbox.consume(self.scene.turn, kinds.items())
        for id in buried:
            mailbox.bury(id)
        for id, kind in turned:
            mailbox.turn(id, kind)
        if not any(outcome.acts.letters for outcome in self.outcomes):
            return
        where = {
            int(id): rows.kind for rows in stage.rows.values() if not isinstance(rows, CellRows) for id in rows.ids
        }
        for outcome in self.outcomes:
            for to, letter in outcome.acts.letters:
                mailbox.deliver(to, where.get(to), letter)

    def _tell(self) -> None:
        """Note events in order."""
        for outcome in self.outcomes:
            for _, kind, values in outcome.acts.events:
                self.stage.events.append(
                    {
                        "event": kind,
                        "tick": self.scene.tick,
                        "time": self.scene.tick * self.stage.sim.dt,
                        "type": outcome.rows.kind.__name__,
                        "id": outcome.me.id,
                        **values,
                    }
                )


def wide(before: Any, amount: Any) -> Any:
    """The sum of a field and an amount in float64, or in int64; vectors as tuples of components."""
    if isinstance(before, (int, float)):
        return add(before, amount)
    return tuple(float(p) + float(q) for p, q in zip(before, amount, strict=True))


def converted(f: Any, value: Any) -> Any:
    """A value of one field as another of the same name takes it."""
    if f.length:
        return held(f, tuple(value))
    return held(f, value)


def message_values(message: Message) -> dict[str, Any]:
    """The fields of a message or event as they are read back."""
    return {name: kept(f, message.values[name]) for name, f in type(message).__fields__.items()}
