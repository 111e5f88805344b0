"""Searches: `near`, `nearest`, `count`, `pick` as loops over ranges of rows."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable
from typing import TYPE_CHECKING

from weaver.compiler.model import Ref

if TYPE_CHECKING:
    from weaver.compiler.expression import Expressions
    from weaver.parameter import Parameter

_NAMES = ("me", "kind", "radius", "at", "when")


class Search:
    """One call of the near family, and the loops it becomes.

    A type's rows are ordered by cell, cells row-major, so every row of cells in reach is one contiguous range. Bounds
    and indices are unsigned: with signed ones numba adds wrap-around checks, and the loop is not vectorised.

    Raises:
        BehaviorError: an argument is missing or not what it must be.
    """

    def __init__(self, lowering: Expressions, call: ast.expr) -> None:
        assert isinstance(call, ast.Call)
        self.low, self.call = lowering, call
        self.word = lowering.world_word(call)
        arguments = self._bind()
        if lowering.moved_by_helper:
            lowering.fail(
                call,
                f"world.{self.word} is called after a helper wrote the position",
                "Neighbours are those of my position at the start of the behavior.",
                "Make it two behaviors: one that moves, and after it one that looks.",
            )
        self.kinds = [lowering.model.kinds.index(k) for k in lowering.kinds_of(arguments["kind"])]
        if any(lowering.model.is_layer(kind) for kind in self.kinds):
            lowering.fail(
                call,
                f"world.{self.word} looks for cells of a layer",
                "Cells have no place to be found at: they are there, one beside the other.",
                "Write world.at(Grass, place) for one cell, and world.around(cell) or world.beside(cell) for those at "
                "its sides.",
            )
        self.radius, self.parameter = lowering.radius(arguments["radius"])
        self.when = arguments.get("when")
        self.at = arguments.get("at")
        if self.at is None:
            self.centre = [lowering.need(f"s{a}_") for a in lowering.model.axes]
        else:
            self.centre = self._place(self.at)

    @classmethod
    def around(cls, lowering: Expressions, call: ast.Call, type: int, radius: tuple[float, Parameter | None]) -> Search:
        """A search around `me` that no call of the author's asks for; `call` is where it is blamed."""
        made = cls.__new__(cls)
        made.low, made.call, made.word, made.kinds, made.when, made.at = lowering, call, "near", [type], None, None
        made.radius, made.parameter = radius
        made.centre = [lowering.need(f"s{a}_") for a in lowering.model.axes]
        return made

    def _bind(self) -> dict[str, ast.expr]:
        call, low = self.call, self.low
        bound = dict(zip(_NAMES, call.args, strict=False))
        for k in call.keywords:
            if k.arg not in _NAMES or k.arg in bound or (k.arg == "when" and self.word == "near"):
                low.fail(
                    call,
                    f"world.{self.word} has no argument {k.arg!r} here",
                    "Its arguments are me, the type, radius, at=… and, except for near, when=….",
                    f"Write world.{self.word}({low.me}, Bird, radius=5.0).",
                )
            bound[k.arg] = k.value
        for name in ("me", "kind", "radius"):
            if name not in bound:
                low.fail(
                    call,
                    f"world.{self.word} lacks its argument {'the entity' if name == 'me' else name!r}",
                    "It must know who looks, for what, and how far.",
                    f"Write world.{self.word}({low.me or 'me'}, Bird, radius=5.0).",
                )
        me = bound["me"]
        if not (isinstance(me, ast.Name) and me.id == low.me and low.me is not None):
            low.fail(
                call,
                f"world.{self.word} looks around {ast.unparse(me)!r}",
                "Only the neighbourhood of the acting entity is sure to be here.",
                f"Look around {low.me or 'me'}, or around a place within reach: "
                f"world.{self.word}({low.me or 'me'}, ..., at=place).",
            )
        if isinstance(bound.get("at"), ast.Constant) and bound["at"].value is None:  # type: ignore[attr-defined]
            del bound["at"]
        if isinstance(bound.get("when"), ast.Constant) and bound["when"].value is None:  # type: ignore[attr-defined]
            del bound["when"]
        return bound

    def _place(self, node: ast.expr) -> list[str]:
        """Emit the image of a place that is nearest to me; a place beyond the reach is a fault."""
        low = self.low
        place, far = low.temporary("place"), low.temporary("far")
        ref = low.reference(node)
        code = low.read_other(ast.copy_location(ast.Attribute(node, "position"), node), ref) if ref else low.value(node)
        low.emit(f"{place} = {code}")
        names = []
        for a, boundary in zip(low.model.axes, low.model.sim.box.boundaries, strict=True):
            s, name = low.need(f"s{a}_"), f"{place}{a}_"
            image = f"nearest_image({place}.{a} - {s}, length_{a}_)" if boundary == "periodic" else f"{place}.{a} - {s}"
            low.emit(f"{name} = {s} + {image}")
            names.append(name)
        low.emit(f"{far} = False")
        for k, (n, a) in enumerate(zip(names, low.model.axes, strict=True)):
            low.emit(f"if not abs({n} - s{a}_) <= {low.need('reach_')}:")
            low.emit(f"    blame({low.need('status_')}, {low.need('values_')}, 4, s{a}_, {n}, reach_, {k})")
            low.emit(f"    {far} = True")
        low.emit(f"if {far}:")
        for name, a in zip(names, low.model.axes, strict=True):
            low.emit(f"    {name} = np.float64(s{a}_)")
        return names

    def scan(
        self,
        type: int,
        body: Callable[[str], None],
        flag: str | None,
        whole: bool,
        strip: bool = False,
        effort: int = 0,
    ) -> None:
        """Emit the loops over rows of a type within the radius; `body` emits what is done with a row.

        Rows of cells are short, tens of entities. Where the body is plain arithmetic, ranges are rounded up to whole
        vectors and the rows beyond masked, because a vector loop's scalar remainder would take most of the time.

        Args:
            type: index of the type looked for.
            body: called once with the row's name, to emit at the right depth.
            flag: name that is True once the loops must end.
            whole: take whole vectors.
            strip: the order does not matter, so rows of the own type may come from a strip (`weaver.compiler.strip`).
            effort: how long the body takes for a row, see `effort`.
        """
        low, model = self.low, self.low.model
        look = model.look(type, self.radius, self.parameter, self.at is not None)
        low.looked.setdefault(look, type)
        name, own = model.name(type), type == low.me_type
        single = model.single(type) and model.single(low.me_type) and self.at is None
        n = low.temporary("")[:-1]
        if strip and own and self.at is None:
            self._scan_strip(look, type, body, n, effort)
            return
        cells = self._cells(type, name, own, n)
        positions = [low.column(type, f"position.{a}") for a in model.axes]
        start = low.need(f"{name}_start_")
        depth = low.depth
        r2 = self._squared_radius(look, single, n)
        outer = 0
        row_of_cells = ""
        for a, cell in reversed(list(zip(model.axes, cells, strict=True))):
            k = f"{look}k{a}_"
            from_, to = f"{cell} - {k}", f"{cell} + {k} + ONE_"
            if self.at is not None:  # a place may lie in the rim, beyond which there are no cells, and nothing in reach
                from_, to = f"max({cell}, {k}) - {k}", f"min({to}, {low.need(f'{name}_e{a}_')})"
            if a == "x":
                line, j = f"line{n}_", f"j{n}_"
                low.emit(f"{line} = {row_of_cells} * {low.need(f'{name}_ex_')}")
                first, end = f"{start}[{line} + {from_}]", f"{start}[{line} + {to}]"
                if whole:
                    lanes = "16" if single else "8"
                    low.emit(f"first{n}_, end{n}_ = {first}, {end}")
                    first, end = (
                        f"first{n}_",
                        f"first{n}_ + (end{n}_ - first{n}_ + LAST{lanes}_) // LANES{lanes}_ * LANES{lanes}_",
                    )
                low.emit(f"for {j} in range({first}, {end}):")
                low.depth += 1
                break
            loop = f"{a}{n}_"
            low.emit(f"for {loop} in range({from_}, {to}):")
            low.depth += 1
            outer += 1
            row_of_cells = f"({row_of_cells} * {low.need(f'{name}_ey_')} + {loop})" if row_of_cells else loop
        differences = ", ".join(f"{p}[{j}] - {c}" for c, p in zip(self.centre, positions, strict=True))
        condition = f"within{model.dim}({differences}, {r2})"
        if own and self.at is None:
            condition += f" & ({j} != {low.need('row_')})"
        elif own:
            condition += f" & ({low.ids(type)}[{j}] != {low.need('id_')})"
        if whole:
            condition += f" & ({j} < end{n}_)"  # not `and`: a branch for each would cost a select for each sum
        low.emit(f"if {condition}:")
        low.depth += 1
        self.differences = differences
        body(j)
        low.depth = depth + outer
        if flag is not None:
            for _ in range(outer):
                low.emit(f"if {flag}:")
                low.emit("    break")
                low.depth -= 1
        low.depth = depth

    def _squared_radius(self, look: str, single: bool, n: str) -> str:
        """Name of the squared radius in the precision of the positions."""
        if self.parameter is None:
            return f"{look}r2{'f' if single else ''}_"
        r2, value = f"r2{n}_", self.low.captured(self.call, self.parameter)
        self.low.emit(f"{r2} = np.float{32 if single else 64}({value})")
        self.low.emit(f"{r2} = {r2} * {r2}")
        return r2

    def _scan_strip(self, look: str, type: int, body: Callable[[str], None], n: str, effort: int) -> None:
        """Emit one loop over the strip of the own type, or over who is near of it; see `scan`."""
        low, model = self.low, self.low.model
        name, single, depth, j = model.name(type), model.single(type), low.depth, f"j{n}_"
        r2 = self._squared_radius(look, single, n)
        first, end = (low.need(f"{look}{what}_") for what in ("first", "end"))
        lanes = "16" if single else "8"
        whole = f"{first}, {first} + ({end} - {first} + LAST{lanes}_) // LANES{lanes}_ * LANES{lanes}_"
        low.emit(f"for {j} in range({whole}):")
        low.depth += 1
        begin, context = len(low.out), dict(low.context)
        positions = [low.column(type, f"position.{a}") for a in model.axes]
        differences = ", ".join(f"{p}[{j}] - {c}" for c, p in zip(self.centre, positions, strict=True))
        low.emit(f"if within{model.dim}({differences}, {r2}):")
        test = len(low.out) - 1
        low.depth += 1
        body(j)
        low.depth = depth
        low.out[test:] = [_WAVE.sub(lambda m: _WAVES[m[1]] + "(", line) for line in low.out[test:]]
        # a row of the strip is no row of the table: every column that the body reads is the strip's
        read = re.compile(rf"\b({re.escape(name)}_\w+)\[{j}\]")
        columns = sorted({c for line in low.out[test:] for c in read.findall(line)})
        sifted = model.dim == 3 and effort - PUT_TOGETHER * len(columns) >= SIFTED
        part = f"{look}near_" if sifted else look
        low.out[test:] = [read.sub(rf"{part}\1[{j}]", line) for line in low.out[test:]]
        for c in columns:
            low.need(look + c)
            low.need(part + c)
            if c not in context:
                del low.context[c]
        self._read_first(test, j)
        if sifted:
            near = f"near{n}_"
            low.out[begin - 1] = low.out[begin - 1].replace(
                whole, f"ZERO_, ({near} + LAST{lanes}_) // LANES{lanes}_ * LANES{lanes}_"
            )
            lines = self._sift(look, positions, columns, r2, near, lanes)
            low.out[begin - 1 : begin - 1] = lines
            begin += len(lines)
        if single:
            self._count_narrow(begin, depth, n)

    def _sift(self, look: str, positions: list[str], columns: list[str], r2: str, near: str, lanes: str) -> list[str]:
        """Lines that bring together the columns of who is near, and behind them nobody."""
        low = self.low
        places, rows, row = ", ".join(look + p for p in positions), low.need(f"{look}rows_"), f"{near}row_"
        lines = [
            f"{near} = sift3({places}, {look}first_, {look}end_, {', '.join(self.centre)}, {r2}, {rows})",
            f"for k_ in range({near}):",
            f"    {row} = np.uintp({rows}[k_])",
            *(f"    {look}near_{c}[k_] = {look}{c}[{row}]" for c in columns),
            f"for k_ in range({near}, {near} + LANES{lanes}_):",
            f"    {look}near_{positions[0]}[k_] = np.inf",
        ]
        return ["    " * low.depth + line for line in lines]

    def _read_first(self, test: int, j: str) -> None:
        """Read what the body of a loop reads of row j before the test: a load that nothing guards needs no mask."""
        low = self.low
        lines = low.out[test:]
        indent = lines[0][: len(lines[0]) - len(lines[0].lstrip())]
        columns = sorted({c for line in lines for c in re.findall(rf"\b(\w+)\[{j}\]", line)})
        low.out[test:] = [
            *(f"{indent}{c}{j} = {c}[{j}]" for c in columns),
            *(re.sub(rf"\b(\w+)\[{j}\]", rf"\1{j}", line) for line in lines),
        ]

    def _count_narrow(self, begin: int, depth: int, n: str) -> None:
        """Count in 32 bits, as wide as the positions, what the loop's lines add constants to; nobody meets 2^31."""
        low = self.low
        counted = re.compile(r"^( *)(\w+) = \(\2 \+ 1\)")
        names = {m[2]: f"{m[2]}{n}_" for line in low.out[begin:] if (m := counted.match(line))}
        if not names:
            return
        low.out[begin:] = [
            counted.sub(lambda m: f"{m[1]}{names[m[2]]} = np.int32({names[m[2]]} + np.int32(1))", line)
            for line in low.out[begin:]
        ]
        head = low.out.pop(begin - 1)
        low.out[begin - 1 : begin - 1] = [
            *(f"{head[: len(head) - len(head.lstrip())]}{c} = np.int32(0)" for c in names.values()),
            head,
        ]
        for name, c in names.items():
            low.emit(f"{name} = {name} + np.int64({c})")

    def _cells(self, type: int, name: str, own: bool, n: str) -> list[str]:
        """Names of the local cell that the centre is in."""
        low, model = self.low, self.low.model
        if own and self.at is None:
            return [low.need(f"cell{a}_") for a in model.axes]
        cells = []
        for a, c, boundary in zip(model.axes, self.centre, model.sim.box.boundaries, strict=True):
            edges, first, rim = (low.need(f"{name}_{what}{a}_") for what in ("edges_", "first_", "rim_"))
            cell = f"cell{n}{a}_"
            if self.at is not None and boundary == "periodic":
                number = f"cell_around({c}, low_{a}_, high_{a}_, length_{a}_, {name}_per_{a}_, {edges})"
            else:
                number = f"cell_of(np.float64({c}), low_{a}_, {name}_per_{a}_, {edges})"
            low.emit(f"{cell} = np.uintp({number} - {first} + {rim})")
            cells.append(cell)
        return cells

    # ---- what the words do with the rows -------------------------------------------------------------------------

    def loop(self, node: ast.For) -> None:
        """`for other in world.near(...)`, its body once per type."""
        low = self.low
        if not isinstance(node.target, ast.Name):
            low.fail(
                node.target, "a neighbour is unpacked", "It is one entity.", "Write `for other in world.near(...)`."
            )
        flag = low.temporary("left") if leaves(node.body) else None
        if flag is not None:
            low.emit(f"{flag} = False")

        def body(row: str, type: int) -> None:
            low.breaks.append(flag)
            low.depth -= 1
            low.block(node.body)
            low.depth += 1
            low.breaks.pop()

        sums = low.is_behavior and not low.model.sim.strict and only_sums(node, low.source.node)
        self._each(node.target.id, body, flag, plain_arithmetic(node.body), sums, effort(node.body))
        if node.orelse:
            if flag is not None:
                low.emit(f"if not {flag}:")
                low.block(node.orelse)
            else:
                for statement in node.orelse:
                    low.statement(statement)

    def _each(
        self,
        name: str,
        body: Callable[[str, int], None],
        flag: str | None,
        whole: bool = False,
        strip: bool = False,
        effort: int = 0,
    ) -> None:
        """Scan every type, `name` being the neighbour."""
        low = self.low
        before = low.refs.get(name)
        for k, type in enumerate(self.kinds):
            depth = low.depth
            if k and flag is not None:
                low.emit(f"if not {flag}:")
                low.depth += 1

            def one(row: str, type: int = type) -> None:
                low.refs[name] = Ref((type,), row, loop=True)
                body(row, type)

            self.scan(type, one, flag, whole, strip, effort)
            low.depth = depth
        low.refs.pop(name, None)
        if before is not None:
            low.refs[name] = before

    def chosen(self, body: Callable[[str, int], None], flag: str | None = None, counts: bool = False) -> None:
        """Scan every type for the rows for which `when` holds; `counts`: the body does no more than count them."""
        low = self.low
        when, name = self.when, "candidate_"
        test: ast.expr | None = None
        if isinstance(when, ast.Lambda):
            if len(when.args.args) != 1:
                low.fail(when, "`when` takes one entity", "It is asked of each.", "Write when=lambda other: ….")
            name, test = when.args.args[0].arg, when.body
        elif when is not None:
            test = ast.copy_location(ast.Call(when, [ast.Name(name, ast.Load())], []), self.call)
            ast.fix_missing_locations(test)

        def filtered(row: str, type: int) -> None:
            if test is not None:
                low.emit(f"if {low.test(test)}:")
                low.depth += 1
            body(row, type)

        counts = counts and test is None
        self._each(name, filtered, flag, whole=counts, strip=counts and low.is_behavior)

    def count(self) -> str:
        """Emit a count; its name."""
        low = self.low
        total = low.temporary("count")
        low.emit(f"{total} = 0")
        self.chosen(lambda row, type: low.emit(f"{total} += 1"), counts=True)
        return total

    def one(self) -> Ref:
        """Emit the choice of one: the nearest, or a uniformly drawn one."""
        return self.nearest() if self.word == "nearest" else self.pick()

    def _result(self) -> tuple[str, str | None, Ref]:
        low = self.low
        row = low.temporary("found")
        tag = f"{row}tag_" if len(self.kinds) > 1 else None
        low.emit(f"{row} = np.int64(-1)")
        if tag:
            low.emit(f"{tag} = np.int64(0)")
        return row, tag, Ref(tuple(sorted(self.kinds)), row, tag)

    def nearest(self) -> Ref:
        """The row of least (squared distance, id)."""
        low = self.low
        found, tag, ref = self._result()
        least, name = f"{found}least_", f"{found}id_"
        low.emit(f"{least} = np.inf")
        low.emit(f"{name} = np.int64(0)")

        def body(row: str, type: int) -> None:
            d = f"{found}d_"
            ids = low.ids(type)
            low.emit(f"{d} = np.float64(distance2_{low.model.dim}({self.differences}))")
            low.emit(f"if {d} < {least} or ({d} == {least} and {ids}[{row}] < {name}):")
            low.emit(f"    {least} = {d}")
            low.emit(f"    {name} = {ids}[{row}]")
            low.emit(f"    {found} = np.int64({row})")
            if tag:
                low.emit(f"    {tag} = np.int64({type})")

        self.chosen(body)
        return ref

    def pick(self) -> Ref:
        """One of those found, each equally likely; drawn only if there is one."""
        from weaver.compiler.words import draw

        low = self.low
        total = self.count()
        found, tag, ref = self._result()
        left = f"{found}left_"
        flag = f"{found}done_"
        low.emit(f"if {total} > 0:")
        low.depth += 1
        low.emit(f"{flag} = False")
        low.emit(f"{left} = integer({draw(low)}, 0, {total})")

        def body(row: str, type: int) -> None:
            low.emit(f"if {left} == 0:")
            low.emit(f"    {found} = np.int64({row})")
            if tag:
                low.emit(f"    {tag} = np.int64({type})")
            low.emit(f"    {flag} = True")
            low.emit("    break")
            low.emit(f"{left} -= 1")

        self.chosen(body, flag)
        low.depth -= 1
        return ref


def leaves(body: list[ast.stmt]) -> bool:
    """Whether a loop's body has a `break` of that loop."""
    for node in body:
        if isinstance(node, ast.Break):
            return True
        if isinstance(node, ast.If) and (leaves(node.body) or leaves(node.orelse)):
            return True
        if isinstance(node, (ast.For, ast.While)) and leaves(node.orelse):
            return True
    return False


_PLAIN = (
    ast.Assign, ast.AugAssign, ast.If, ast.Pass, ast.Name, ast.Attribute, ast.Constant, ast.BinOp, ast.UnaryOp,
    ast.Compare, ast.BoolOp, ast.IfExp, ast.operator, ast.unaryop, ast.cmpop, ast.boolop, ast.expr_context, ast.Call,
    ast.Expr,
)  # fmt: skip
_PLAIN_CALLS = (
    "length",
    "length2",
    "dot",
    "cross",
    "normalized",
    "clamped",
    "abs",
    "min",
    "max",
    "sqrt",
    "Vec2",
    "Vec3",
)


_WAVE = re.compile(r"\b(?:math|np)\.(sin|cos)\(")
_WAVES = {"sin": "sine", "cos": "cosine"}


def plain_arithmetic(body: list[ast.stmt], waves: bool = False) -> bool:
    """Whether a loop's body is arithmetic on names and fields, which the vectoriser can turn into selects.

    Args:
        body: the statements.
        waves: sine and cosine count too, for which there are functions of our own.
    """
    for statement in body:
        for node in ast.walk(statement):
            if not isinstance(node, _PLAIN):
                return False
            if isinstance(node, ast.Call):
                f = node.func
                name = f.attr if isinstance(f, ast.Attribute) else f.id if isinstance(f, ast.Name) else ""
                if name not in _PLAIN_CALLS and not (waves and name in _WAVES):
                    return False
    return True


PUT_TOGETHER, SIFTED = 2, 5
"""To sift, each column takes as long as so many operations; and so many more a body must have to be worth it. Measured
with eight bodies of 5 to 29 operations and 3 to 8 columns."""

_LONG = {"length": 4, "normalized": 4, "clamped": 4, "sqrt": 4, "sin": 12, "cos": 12}
"""Words that take as long as so many operations."""


def effort(body: list[ast.stmt]) -> int:
    """How long a loop's body takes for one neighbour, in operations."""
    total = 0
    for node in (node for statement in body for node in ast.walk(statement)):
        if isinstance(node, (ast.BinOp, ast.AugAssign)):
            divisor = node.right if isinstance(node, ast.BinOp) else node.value
            long = isinstance(node.op, (ast.Div, ast.Pow)) and not isinstance(divisor, ast.Constant)
            total += 4 if long else 1
        elif isinstance(node, ast.Call):
            f = node.func
            total += _LONG.get(f.attr if isinstance(f, ast.Attribute) else f.id if isinstance(f, ast.Name) else "", 0)
    return total


def only_sums(loop: ast.For, function: ast.AST) -> bool:
    """Whether the order of a loop's neighbours can only show in how sums are rounded.

    So it is where the body is plain arithmetic, what it changes is only added to or subtracted from and not read, and
    every other name it sets is used nowhere else (and thus, being surely set where used, anew for each neighbour).
    """
    if not plain_arithmetic(loop.body, waves=True) or loop.orelse:
        return False
    other = loop.target.id if isinstance(loop.target, ast.Name) else ""
    inside = [node for statement in loop.body for node in ast.walk(statement)]
    sums, names = set(), set()
    for node in inside:
        if isinstance(node, ast.AugAssign):
            if not isinstance(node.op, (ast.Add, ast.Sub)):
                return False
            sums.add(ast.unparse(node.target))
        elif isinstance(node, ast.Assign):
            if not all(isinstance(target, ast.Name) for target in node.targets):
                return False
            names |= {ast.unparse(target) for target in node.targets}
    here = set(map(id, inside))
    fields = {id(node.value) for node in inside if isinstance(node, ast.Attribute)}
    for node in ast.walk(function):
        if id(node) not in here:
            if isinstance(node, ast.Name) and node.id in names:
                return False
        elif isinstance(node, (ast.Name, ast.Attribute)):
            if isinstance(node.ctx, ast.Load) and ast.unparse(node) in sums:
                return False
            if isinstance(node, ast.Name) and node.id == other and id(node) not in fields:
                return False
    return not sums & names
