"""How the two sides of a meeting are lowered: `when`, `by`, the body, and the steps of each side."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from weaver.compiler import footing
from weaver.compiler.constants import constant
from weaver.compiler.helper import finish_returns, marked_return
from weaver.compiler.kernel import INNER, Lowered, turns
from weaver.compiler.lower import Lowering
from weaver.compiler.model import Model, Own, Ref, column_name, convert
from weaver.compiler.outlet import COUNT
from weaver.compiler.search import Search
from weaver.compiler.source import FunctionSource
from weaver.errors import ModelError
from weaver.parameter import Parameter
from weaver.turns import Meeting

CHOICE, ROW, FREE = "meet.choice", "meet.row", "meet.free"
BOTH = "@both_inner_"
"""What stands above a body: compiled into the kernels of both sides, without fastmath."""


@dataclass(frozen=True, eq=False)
class Step(Lowered):
    """What one type does in one step of a meeting.

    Attributes:
        step: "choose", "match" or "meet".
        key: type name in the key of its ranks or random numbers.
        asks: scratch column -> types of which it is read of others.
        notes: scratch columns that it writes.
    """

    step: str
    key: str
    asks: Mapping[str, tuple[int, ...]]
    notes: tuple[str, ...]

    @property
    def name(self) -> str:
        """Name of the kernel."""
        return f"{self.behavior.name}__{self.lowering.model.name(self.type)}__{self.step}"

    @property
    def keyed(self) -> str:
        """The type's name, or that of both, in the key."""
        return self.key

    @property
    def changes(self) -> bool:
        """Whether the body does anything to this one."""
        return bool(self.lowering.written or self.lowering.removes or self.lowering.becomes)


@dataclass(frozen=True)
class Test:
    """A lowered `when` or `by`: its name, and the call for two rows."""

    lowering: Lowering
    name: str
    places: tuple[str, ...]

    def call(self, low: Lowering) -> str:
        """Text of the call with the pair at hand."""
        low.reads.update(self.lowering.reads)
        for name in self.lowering.context:
            low.need(name)
        return f"{self.name}({', '.join([*self.lowering.context, 'a_row_', 'b_row_', *self.places])})"


class Pairing:
    """A meeting being lowered.

    Raises:
        BehaviorError, ModelError: a function does not fit, or the radius has no bound.
    """

    def __init__(self, model: Model, meeting: Meeting) -> None:
        """Lower its functions."""
        self.model, self.meeting = model, meeting
        self.types = (model.kinds.index(meeting.first), model.kinds.index(meeting.second))
        self.source = FunctionSource(meeting.function)
        self.radius = _radius(meeting) if meeting.radius is not None else (0.0, None)
        self.when = self._test(meeting.when, "when") if meeting.when is not None else None
        self.by = self._test(meeting.by, "by") if meeting.by is not None else None
        self.body = self._body()

    def steps(self) -> Iterator[Step]:
        """All steps, each for every type that takes part."""
        sides = ((2, *self.types),) if len(set(self.types)) == 1 else ((0, *self.types), (1, *reversed(self.types)))
        for step in (self._choose, *([self._match] if self.meeting.rounds > 1 else [])):
            yield from (step(*side) for side in sides)
        ends = [(self._meet(*side), side[0]) for side in sides]
        yield from [end for end, role in ends if end.changes or (end.lowering.outlets and role != 1)] or [ends[0][0]]

    # ---- when, by, and the body ----------------------------------------------------------------------------------

    def _test(self, function: Callable[..., Any], what: str) -> Test:
        source = FunctionSource(function)
        names = source.arguments
        if len(names) != 2:
            a, b = self.source.arguments[:2]
            raise source.error(
                source.node,
                f"`{what}` of meeting {self.meeting.name!r} takes {len(names)} arguments; it takes two",
                "It is asked of each two who might meet.",
                f"Write {what}=lambda {a}, {b}: ….",
            )
        refs = {
            name: Ref((type,), f"{side}_row_", loop=True, place=None if self._is_cell(type) else f"{side}_place_")
            for name, type, side in zip(names, self.types, "ab", strict=True)
        }
        places = [ref.place for ref in refs.values() if ref.place is not None]
        low = Lowering(self.model, source, None, None, refs, meeting=True)
        low.function_return = marked_return
        self.model.active.append(function)
        low.body()
        self.model.active.pop()
        if low.flow.falls_through or not low.returns:
            raise source.error(
                source.node,
                f"`{what}` returns nothing on some path",
                "There is nothing to decide by.",
                "Return a condition on every path." if what == "when" else "Return a number on every path.",
            )
        name = f"{what}_{self.meeting.name}_"
        parameters = [*low.context, "a_row_", "b_row_", *places]
        self.model.sources[name] = source
        head = ["@both_", f"def {name}({', '.join(parameters)}):"]
        self.model.functions[name] = head + finish_returns(low.out, [], True)
        return Test(low, name, tuple(places))

    def _body(self) -> Lowering:
        model, source = self.model, self.source
        a, b, world = source.arguments
        low = Lowering(model, source, (a, self.types[0]), world, None, (b, self.types[1]), meeting=True)
        low.is_behavior = True
        low.function_return = marked_return
        model.active.append(self.meeting.function)
        low.body()
        model.active.pop()
        if "reflect" in model.sim.box.boundaries:
            for own in low.own.values():
                if "position" in own.written and turns(model, own.type):
                    own.loaded.setdefault("velocity")
                    own.written.setdefault("velocity")
        return low

    def _is_cell(self, type: int) -> bool:
        return self.model.is_layer(type)

    def _sides(self) -> tuple[Own, Own]:
        a, b = self.source.arguments[:2]
        return self.body.own[a], self.body.own[b]

    # ---- the steps -----------------------------------------------------------------------------------------------

    def _begin(self, type: int, name: str) -> Lowering:
        """A function of one entity, `row_`, still empty."""
        low = Lowering(self.model, self.source, (self.source.arguments[0], type), self.source.arguments[2])
        low.own = {name: low.own[self.source.arguments[0]]}
        low.meeting = True
        return low

    def _scratch(self, low: Lowering, type: int, column: str) -> str:
        return low.need(column_name(self.model.name(type), column))

    def _place(self, low: Lowering, role: int, other: int, row: str) -> None:
        """Emit `ax_`, … of a, which is where it is stored, and `bx_`, … of b, at the image nearest to a."""
        model = self.model
        for axis, boundary in zip(model.axes, model.sim.box.boundaries, strict=True):
            mine = f"np.float64({low.need(f's{axis}_')})"
            theirs = f"np.float64({low.column(other, f'position.{axis}')}[{row}])"
            low.reads.setdefault((other, "position"))
            a, b = by_role(role, mine, theirs), by_role(role, theirs, mine)
            if boundary == "periodic" and role:
                low.emit(f"shift_ = wrapped({theirs}, low_{axis}_, high_{axis}_, length_{axis}_) - {theirs}")
                shift = "shift_" if role == 1 else "(0.0 if as_a_ else shift_)"
                a, b = f"{a} + {shift}", f"{b} + {shift}"  # exact: all of it lies on the lattice
            low.emit(f"a{axis}_, b{axis}_ = {a}, {b}")
        for side, type in zip("ab", self.types, strict=True):
            vector = model.fields[type]["position"].vector
            assert vector is not None
            low.emit(f"{side}_place_ = {vector.__name__}({', '.join(f'{side}{axis}_' for axis in model.axes)})")

    def _choose(self, role: int, type: int, other: int) -> Step:
        low = self._begin(type, self.source.arguments[0])
        choice, row = (self._scratch(low, type, c) for c in (CHOICE, ROW))
        me, rounds = low.need("row_"), self.meeting.rounds
        notes: tuple[str, ...] = (CHOICE, ROW)
        if rounds > 1:
            low.emit(f"if {self._scratch(low, type, FREE)}[{me}] == 0:")
            low.emit("    return")
        low.emit("chosen_, chosen_row_ = np.int64(-1), np.int64(-1)")
        low.emit("least_ = np.uint64(0)" if self.by is None else "least_ = 0.0")
        call = ast.copy_location(ast.Call(ast.Name("meeting"), [], []), self.source.node)

        def candidate(j: str) -> None:
            if rounds > 1:
                low.emit(f"if {self._scratch(low, other, FREE)}[{j}] != 0:")
                low.depth += 1
            self._compare(low, role, other, j)

        Search.around(low, call, other, self.radius).scan(other, candidate, None, whole=False)
        low.emit(f"{choice}[{me}] = chosen_")
        low.emit(f"{row}[{me}] = chosen_row_")
        key = "|".join(self.model.name(t) for t in self.types)
        return self._finish(low, type, "choose", key, {FREE: (other,)} if rounds > 1 else {}, notes)

    def _compare(self, low: Lowering, role: int, other: int, j: str) -> None:
        """Emit what makes the candidate in row j the chosen one, if it is willing and better than the best so far."""
        ids, own, folded, me = low.ids(other), low.need("id_"), low.need("folded_"), low.need("row_")
        if self.when is not None or self.by is not None:
            if role == 2:
                low.emit(f"as_a_ = {own} < {ids}[{j}]")
            low.emit(f"a_row_, b_row_ = {by_role(role, me, j)}, {by_role(role, j, me)}")
            self._place(low, role, other, j)
        if self.when is not None:
            low.emit(f"if {self.when.call(low)}:")
            low.depth += 1
        low.emit(f"candidate_ = {ids}[{j}]")
        if self.by is None:
            low.emit(f"value_ = pair_rank({folded}, {own}, candidate_, {role})")
            better = "value_ < least_ or (value_ == least_ and candidate_ < chosen_)"
            low.emit(f"if chosen_ < 0 or {better}:")
        else:
            low.emit(f"value_ = np.float64({self.by.call(low)})")
            low.emit(f"if beats(value_, candidate_, least_, chosen_, {folded}, {own}, {role}):")
        low.emit(f"    chosen_, chosen_row_, least_ = candidate_, np.int64({j}), value_")

    def _match(self, role: int, type: int, other: int) -> Step:
        low = self._begin(type, self.source.arguments[0])
        me, own = low.need("row_"), low.need("id_")
        choice, row, theirs = (self._scratch(low, *c) for c in ((type, CHOICE), (type, ROW), (other, CHOICE)))
        # Who found nobody will not in later rounds: fewer are free then, and nobody can choose whom they did not find.
        low.emit(f"if {choice}[{me}] < 0 or {theirs}[np.uintp({row}[{me}])] == {own}:")
        low.emit(f"    {self._scratch(low, type, FREE)}[{me}] = 0")
        return self._finish(low, type, "match", self.model.name(type), {CHOICE: (other,)}, (FREE,))

    def _meet(self, role: int, type: int, other: int) -> Step:
        """The body, run by the owner of the one; what becomes of the other is left to the other's owner."""
        model, body, sides = self.model, self.body, self._sides()
        low = self._begin(type, self.source.arguments[0])
        mine = low.own[self.source.arguments[0]]
        acts = sides if role == 2 else sides[role : role + 1]
        for own in acts:
            mine.loaded.update(own.loaded)
            mine.written.update(own.written)
            low.becomes += own.becomes
        if any(own.prefix in body.removes for own in acts):
            low.removes.add("me")
        low.draws, low.far = body.draws, body.far
        low.cells.update(body.cells)
        becomes = [b for b in model.becomes if b.number in body.becomes]
        invented = {v: model.fields[b.type][f] for b in becomes for f, v in b.given.items()}
        left = {b.outlet.name for b in becomes if b.number in low.becomes}
        for name, made in body.outlets.items():
            if name in left or made.array(COUNT.name) in body.context:
                low.outlets[name] = made
        fields = mine.names(mine.written)
        leave = f"return ({', '.join(fields)},)" if fields else "return"
        own_id = low.need("id_")
        self._find(low, role, type, other, leave)
        if role == 2:
            low.emit(f"as_a_ = {own_id} < partner_")
        places = [f"s{axis}_" for axis in model.axes]
        if any("position" in own.loaded for own in sides) or any(p in body.context for p in places):
            self._place(low, role, other, "other_")
        others = sides if role == 2 else (sides[1 - role],)
        for f in dict.fromkeys(f for own in others for f in own.loaded):
            if f in invented:
                low.emit(f"you_{f}_ = {convert(invented[f], constant(invented[f].default))}")
                continue
            if f != "position":
                for c in model.fields[other][f].columns:
                    low.column(other, c)
                low.emit(f"you_{f}_ = {model.read(other, f, 'other_')}")
            low.reads.setdefault((other, f))
        given = {
            "id_": by_role(role, own_id, "partner_"),
            "partner_id_": by_role(role, "partner_", own_id),
            "partner_row_": by_role(role, "other_", low.need("row_")),
            "as_a_": ("True", "False", "as_a_")[role],
            **{f"s{axis}_": f"a{axis}_" for axis in model.axes},
        }
        arguments = [given.get(name) or low.need(name) for name in body.context]
        for k, (own, side) in enumerate(zip(sides, "ab", strict=True)):
            for f in own.loaded:
                mine_is, theirs_is = f"me_{f}_", f"you_{f}_"
                held = by_role(role, theirs_is, mine_is) if k else by_role(role, mine_is, theirs_is)
                arguments.append(f"{side}_place_" if f == "position" else held)
        arguments = [low.named(argument) for argument in arguments]
        results = [f"{side}_{f}_" for own, side in zip(sides, "ab", strict=True) for f in own.written]
        call = f"body_{self.meeting.name}_({', '.join(arguments)})"
        low.emit(f"({', '.join(results)},) = {call}" if results else call)
        for f in mine.written:
            ways = [f"{side}_{f}_" if f in own.written else f"me_{f}_" for own, side in zip(sides, "ab", strict=True)]
            low.emit(f"me_{f}_ = {by_role(role, *ways) if role != 1 else ways[1]}")
        low.emit(leave)
        return self._finish(low, type, "meet", model.name(self.types[0]), {CHOICE: (other,)}, ())

    def _find(self, low: Lowering, role: int, type: int, other: int, leave: str) -> None:
        """Emit `partner_` and `other_`, the id and row of whom I met, or leave."""
        me = low.need("row_")
        choice, row, theirs = (self._scratch(low, *c) for c in ((type, CHOICE), (type, ROW), (other, CHOICE)))
        low.emit(f"partner_ = {choice}[{me}]")
        low.emit("if partner_ < 0:")
        low.emit(f"    {leave}")
        low.emit(f"other_ = np.uintp({row}[{me}])")
        low.emit(f"if {theirs}[other_] != {low.need('id_')}:")
        low.emit(f"    {leave}")

    def _finish(
        self, low: Lowering, type: int, step: str, key: str, asks: Mapping[str, tuple[int, ...]], notes: tuple[str, ...]
    ) -> Step:
        if step == "meet":
            footing.claim(low)
        made = Step(self.meeting, type, low, [], step, key, asks, notes)
        self.model.sources[f"{made.name}_"] = self.source
        parameters = [*low.context, *(f"me_{f}_" for f in low.loaded)]
        where = f"# {Path(self.source.path).name}:{self.source.node.lineno}"
        made.lines.extend([where, INNER, f"def {made.name}_({', '.join(parameters)}):", *low.out])
        return made

    def function(self) -> list[str]:
        """The body as text."""
        name, sides = f"body_{self.meeting.name}_", self._sides()
        parameters = [*self.body.context, *(f for own in sides for f in own.names(own.loaded))]
        self.model.sources[name] = self.source
        results = [f for own in sides for f in own.names(own.written)]
        return [BOTH, f"def {name}({', '.join(parameters)}):", *finish_returns(self.body.out, results, False)]


def by_role(role: int, a: str, b: str) -> str:
    """The one of two texts that is meant where I am a (0), b (1), or either (2)."""
    return f"({a} if as_a_ else {b})" if role == 2 else (a, b)[role]


def _radius(meeting: Meeting) -> tuple[float, Parameter | None]:
    """The largest radius, and the parameter that it is, if it is one."""
    radius = meeting.radius
    if isinstance(radius, Parameter):
        if radius.high is None:
            raise ModelError(
                f"meeting {meeting.name!r} has as its radius the parameter {radius.name!r}, which has no `high`.\n"
                f"Cells are made for the largest radius that can be set.\n"
                f"Write sim.parameter({radius.name!r}, {radius.value:g}, high={radius.value:g})."
            )
        return float(radius.high), radius
    try:
        number = float(radius)
    except (TypeError, ValueError):
        number = -1.0
    if not 0 < number < float("inf"):
        raise ModelError(
            f"meeting {meeting.name!r} was declared with radius={radius!r}; a radius is a positive length.\n"
            f"Nobody could meet.\n"
            f"Write @sim.meeting(radius=1.0)."
        )
    return number, None
