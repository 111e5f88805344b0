"""Meetings of entities with the cells of a layer."""

from __future__ import annotations

from collections.abc import Iterator

from weaver.compiler.layers import read_built_in
from weaver.compiler.lower import Lowering
from weaver.compiler.pairing import CHOICE, ROW, Pairing, Step


class CellPairing(Pairing):
    """A meeting with the cells of a layer: each cell chooses among those that stand on it, which have no other choice.

    All of that happens within one partition: blocks are made of whole cells.
    """

    def steps(self) -> Iterator[Step]:
        """The cells choose, then both act."""
        a, cell = self.types
        yield self._choose(1, cell, a)
        ends = [self._meet(0, a, cell), self._meet(1, cell, a)]
        yield from [end for end in ends if end.changes or (end.type == a and end.lowering.outlets)] or ends[:1]

    def _choose(self, role: int, type: int, other: int) -> Step:
        model, t, theirs = self.model, self.model.name(type), self.model.name(other)
        low = self._begin(type, self.source.arguments[1])
        choice, row = (self._scratch(low, type, c) for c in (CHOICE, ROW))
        me, start = low.need("row_"), low.need(f"{theirs}_start_")
        low.emit("chosen_, chosen_row_ = np.int64(-1), np.int64(-1)")
        low.emit("least_ = np.uint64(0)" if self.by is None else "least_ = 0.0")
        for axis in model.axes:  # which cells of a's type it overlaps; no place is between its last and its end
            edges, index = low.need(f"{t}_edges_{axis}_"), low.need(f"index{axis}_")
            parts = [low.need(f"{theirs}_{what}{axis}_") for what in ("edges_", "first_", "rim_")]
            for name, place in (("from", f"{edges}[np.uintp({index})]"), ("to", f"{edges}[np.uintp({index} + 1)] - ")):
                place += "quantum8_" if name == "to" else ""
                number = f"cell_of({place}, low_{axis}_, {theirs}_per_{axis}_, {parts[0]})"
                low.emit(f"{name}{axis}_ = np.uintp({number} - {parts[1]} + {parts[2]})")
        line, depth = "", low.depth
        for axis in reversed(model.axes[1:]):
            low.emit(f"for at{axis}_ in range(from{axis}_, to{axis}_ + ONE_):")
            low.depth += 1
            line = f"({line} * {low.need(f'{theirs}_e{axis}_')} + at{axis}_)" if line else f"at{axis}_"
        low.emit(f"line_ = {line} * {low.need(f'{theirs}_ex_')}")
        low.emit(f"for j_ in range({start}[line_ + fromx_], {start}[line_ + tox_ + ONE_]):")
        low.depth += 1
        inside = []
        for axis in model.axes:
            place = f"np.float64({low.column(other, f'position.{axis}')}[j_])"
            number = f"cell_of({place}, low_{axis}_, {t}_per_{axis}_, {t}_edges_{axis}_)"
            inside.append(f"{number} == index{axis}_")
        low.emit(f"if {' and '.join(inside)}:")
        low.depth += 1
        self._compare(low, role, other, "j_")
        low.depth = depth
        low.emit(f"{choice}[{me}] = chosen_")
        low.emit(f"{row}[{me}] = chosen_row_")
        low.cells.setdefault((type, "meet"))
        key = "|".join(self.model.name(k) for k in self.types)
        return self._finish(low, type, "choose", key, {}, (CHOICE, ROW))

    def _place(self, low: Lowering, role: int, other: int, row: str) -> None:
        """Emit `ax_`, …: a stands in the box, and so does its cell."""
        model, a = self.model, self.types[0]
        for axis in model.axes:
            if role == 0:
                low.emit(f"a{axis}_ = np.float64({low.need(f's{axis}_')})")
            else:
                low.emit(f"a{axis}_ = np.float64({low.column(a, f'position.{axis}')}[{row}])")
                low.reads.setdefault((a, "position"))
        vector = model.fields[a]["position"].vector
        assert vector is not None
        low.emit(f"a_place_ = {vector.__name__}({', '.join(f'a{axis}_' for axis in model.axes)})")

    def _find(self, low: Lowering, role: int, type: int, other: int, leave: str) -> None:
        model, me = self.model, low.need("row_")
        if role == 1:
            low.emit(f"partner_ = {self._scratch(low, type, CHOICE)}[{me}]")
            low.emit("if partner_ < 0:")
            low.emit(f"    {leave}")
            low.emit(f"other_ = np.uintp({self._scratch(low, type, ROW)}[{me}])")
            return
        t, code = model.name(other), ""
        for axis in reversed(model.axes):
            edges, first, rim, e = (low.need(f"{t}_{what}{axis}_") for what in ("edges_", "first_", "rim_", "e"))
            place = f"np.float64({low.need(f's{axis}_')})"
            number = f"cell_of({place}, low_{axis}_, {t}_per_{axis}_, {edges}) - {first} + {rim}"
            low.emit(f"at{axis}_ = np.uintp({number})")
            code = f"({code} * {e} + at{axis}_)" if code else f"at{axis}_"
        low.emit(f"other_ = {code}")
        low.emit(f"if {self._scratch(low, other, CHOICE)}[other_] != {low.need('id_')}:")
        low.emit(f"    {leave}")
        low.emit(f"partner_ = {read_built_in(low, other, 'id', 'other_')}")
        low.cells.setdefault((other, "meet"))
