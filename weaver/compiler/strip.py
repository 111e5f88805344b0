"""Strips: what the entities of a cell can see of their own type, copied to one piece before they look.

Rows are ordered by cell, cells row-major, so what a cell sees lies in three ranges (nine in 3-D, more where cells are
smaller than the radius). A loop over each of them ends in sums across vector lanes, one for every value summed, and in
a branch that is hard to predict; with a dozen rows per range that is half of the time. A strip holds the same rows
ordered by column of cells instead: x by x, and in each all (z, y) in reach. What a cell sees is then one range, and its
neighbour along x needs only one more column.

A loop takes whole vectors. Behind its range lies the next column of cells, which is out of reach, and behind that rows
at infinity, as is the entity that looks, while it does. So the distance is the only test, and no index is compared,
which would be of another width than single precision.

In space five sixths of a strip are too far. Where the body takes long, the rows near are put together first
(`weaver.sift`), and the loop goes over them.

Sums may be reassociated, and the order in a strip depends on the entities alone, so every decomposition adds in the
same order. Other loops see the order of the language and never use a strip (`weaver.compiler.search.only_sums`).
"""

from __future__ import annotations

from dataclasses import dataclass

from weaver.compiler.model import Model

LENGTH = 512
"""Rows after which a strip begins anew at the next cell, so that it stays in the first-level cache."""


@dataclass(frozen=True)
class Strip:
    """One look's strip.

    Attributes:
        look: name of the look, the prefix of all names of the strip.
        columns: name of a column -> numpy name of its dtype.
        sifted: those of them that are read of who is near only; empty where the loop goes over the strip itself.
    """

    look: str
    columns: dict[str, str]
    sifted: frozenset[str] = frozenset()

    def allocation(self, model: Model, type: str) -> list[str]:
        """Lines before all loops."""
        look = self.look
        widths = ", ".join(f"{look}k{a}_" if a in model.axes else "np.uintp(0)" for a in "xyz")
        widths = f"ONE_ + {widths}"  # along x one column more is filled than can be seen
        return [
            f"{look}room_ = strip_room({type}_start_, {widths}) + np.uintp({LENGTH})",
            *(f"{look}{c} = np.empty({look}room_, {dtype})" for c, dtype in self.columns.items()),
            *self._sieve(),
            f"{look}at_ = np.empty({type}_ex_ + ONE_, np.uint64)  # where each column of cells begins",
            f"{look}own_ = np.empty({type}_ex_ + ONE_, np.uint64)  # and in it the cell of this line",
        ]

    def _sieve(self) -> list[str]:
        """Lines that make room for those who are near, see `weaver.sift`."""
        look = self.look
        if not self.sifted:
            return []
        return [
            f"{look}rows_ = np.empty({look}room_, np.uint32)  # of who is near",
            *(f"{look}near_{c} = np.empty({look}room_, {self.columns[c]})" for c in sorted(self.sifted)),
        ]

    def line_begin(self) -> list[str]:
        """Lines at the begin of a line of cells."""
        return [f"{self.look}next_, {self.look}n_ = x0_ + rimx_ - {self.look}kx_, np.uintp(0)"]

    def fill(self, model: Model, type: str) -> list[str]:
        """Lines before the rows of a cell: add the columns of cells up to the last in reach, and one more.

        What was just written is slow to read in other pieces, so a column is written while the cell before is done.
        """
        look, start = self.look, f"{type}_start_"
        n, column = f"{look}n_", f"{look}next_"
        lines = [
            f"if {column} + {look}kx_ < cellx_ or {n} > np.uintp({LENGTH}):",
            f"    {column}, {n} = cellx_ - {look}kx_, np.uintp(0)",
            f"while {column} <= min(cellx_ + {look}kx_ + ONE_, {type}_ex_ - ONE_):",
            f"    {look}at_[{column}] = {n}",
        ]
        depth, row, here = "    ", "", ""
        for a in reversed(model.axes[1:]):
            lines.append(f"{depth}for {a}_ in range(cell{a}_ - {look}k{a}_, cell{a}_ + {look}k{a}_ + ONE_):")
            depth += "    "
            row = f"({row} * {type}_e{a}_ + {a}_)" if row else f"{a}_"
            here += f"{' and ' if here else ''}{a}_ == cell{a}_"
        lines += [
            f"{depth}if {here}:",
            f"{depth}    {look}own_[{column}] = {n}",
            f"{depth}seen_ = {row} * {type}_ex_ + {column}",
            f"{depth}from_, end_, to_ = {start}[seen_], {start}[seen_ + ONE_], {n}",
            f"{depth}{n} += end_ - from_",
            f"{depth}while from_ < end_:  # whole vectors: what is too much is overwritten by the next",
            *(f"{depth}    move8({c}, from_, {look}{c}, to_)" for c in self.columns),
            f"{depth}    from_ += LANES8_",
            f"{depth}    to_ += LANES8_",
            f"    {column} += ONE_",
            f"    {look}at_[{column}] = {n}",
            f"    for beyond_ in range({n}, {n} + LANES16_):",
            f"        {look}{self.place}[beyond_] = np.inf",
            f"{look}first_, {look}end_ = {look}at_[cellx_ - {look}kx_], {look}at_[cellx_ + {look}kx_ + ONE_]",
            f"{look}shift_ = {look}own_[cellx_] - begin_",
        ]
        return lines

    @property
    def place(self) -> str:
        """The column that a row is taken out of all sight by."""
        return next(c for c in self.columns if c.endswith("position_x_"))

    def hide(self) -> list[str]:
        """Lines at the begin of a row: where the entity itself is in the strip, it is out of its own sight."""
        return [f"{self.look}me_ = {self.look}shift_ + row_", f"{self.look}{self.place}[{self.look}me_] = np.inf"]

    def show(self) -> str:
        """Line after the behavior: there it is again."""
        return f"{self.look}{self.place}[{self.look}me_] = sx_"
