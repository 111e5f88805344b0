"""Words on sites: `free`, `free_sites`, `neighbors`, `jump_to_free`, `moved`; claims of those who go to another site.

The cells of a type that stands on sites are the sites, the same for all types of a lattice: a site is free if no type
has a row in its cell.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from partitions.grid import Search as Cells
from partitions.program import MOVED, Column
from partitions.program import Outlet as Spec
from weaver.compiler.outlet import Outlet, outlet
from weaver.compiler.search import Search
from weaver.errors import ModelError

if TYPE_CHECKING:
    from weaver.compiler.expression import Expressions
    from weaver.compiler.lower import Lowering
    from weaver.compiler.model import Model
    from weaver.compiler.scope import Scope

ROW, SITE = Column("@row", "<u4"), Column("@site", "<i8")
JUMP = "status_[11]"
"""1 + the number of the free site that the entity jumps to; 0: it does not."""
NOWHERE = 1 << 62
"""In place of it when there is no free site."""


# ---- which lattice, which cells -------------------------------------------------------------------------------------


def lattice_of(low: Scope, node: ast.AST, word: str) -> int:
    """The lattice that a word is about: that of the acting type, or the only one.

    Raises:
        BehaviorError: there is none, or there are several.
    """
    model = low.model
    own, n = model.lattice(low.me_type), len(model.lattices)
    if own >= 0 or n == 1:
        return max(own, 0)
    low.fail(
        node,
        f"world.{word} is used by {model.name(low.me_type)}, which stands on no sites, and there "
        f"{'are several lattices' if n else 'is no lattice'}",
        "It is about sites, and it is not said which.",
        f"Declare `class {model.name(low.me_type)}(wv.Entity, sites=GRID)` with GRID = wv.Sites(1.0).",
    )


def own_lattice(low: Scope, node: ast.AST, word: str) -> int:
    """The lattice on which the acting type stands.

    Raises:
        BehaviorError: it stands on none.
    """
    number = low.model.lattice(low.me_type)
    if number < 0:
        low.fail(
            node,
            f"world.{word} is used by {low.model.name(low.me_type)}, which stands on no sites",
            "It is about the site on which the acting entity stands.",
            f"Declare `class {low.model.name(low.me_type)}(wv.Entity, sites=GRID)` with GRID = wv.Sites(1.0).",
        )
    return number


def _only_me(low: Scope, node: ast.Call, word: str) -> None:
    """Check that `me` is the one argument."""
    given = [*node.args, *(k.value for k in node.keywords)]
    if len(given) != 1 or not (isinstance(given[0], ast.Name) and given[0].id == low.me and low.me is not None):
        low.fail(
            node,
            f"world.{word} is called with {', '.join(map(ast.unparse, given)) or 'nothing'}",
            "It is about the acting entity alone.",
            f"Write world.{word}({low.me or 'me'}).",
        )


def site_number(low: Scope, type: int, coordinates: Sequence[str]) -> str:
    """Text of the number of the site that holds a place in the box."""
    model, t, number = low.model, low.model.name(type), ""
    lattice = model.lattice(type)
    for a, p in reversed(list(zip(model.axes, coordinates, strict=True))):
        cell = f"cell_of(np.float64({p}), low_{a}_, {t}_per_{a}_, {low.need(f'{t}_edges_{a}_')})"
        number = f"({number} * sites{lattice}{a}_ + {cell})" if number else cell
    return number


def _name(model: Model, lattice: int) -> str:
    """Prefix of the generated names that describe the cells of a lattice: those of its first type."""
    return model.name(model.group(lattice)[0])


def _home(low: Expressions, lattice: int) -> list[str]:
    """Names of the local cell, int64, of the site where I stand."""
    model, n = low.model, low.temporary("")[:-1]
    t, cells = _name(model, lattice), []
    for a in model.axes:
        home = f"home{n}{a}_"
        if model.lattice(low.me_type) == lattice:
            code = low.need(f"cell{a}_")
        else:
            edges, first, rim = (low.need(f"{t}_{what}{a}_") for what in ("edges_", "first_", "rim_"))
            code = f"cell_of(np.float64({low.need(f's{a}_')}), low_{a}_, {t}_per_{a}_, {edges}) - {first} + {rim}"
        low.emit(f"{home} = np.int64({code})")
        cells.append(home)
    return cells


def _empty(low: Expressions, lattice: int, cells: Sequence[str]) -> str:
    """Text of whether nobody stands on the site of a local cell."""
    model, t, cell = low.model, _name(low.model, lattice), low.temporary("site")
    code = ""
    for a, c in reversed(list(zip(model.axes, cells, strict=True))):
        code = f"({code}) * np.int64({low.need(f'{t}_e{a}_')}) + {c}" if code else c
    low.emit(f"{cell} = np.uintp({code})")
    low.sites.setdefault((lattice, "seen"))
    starts = [low.need(f"{model.name(k)}_start_") for k in model.group(lattice)]
    return " and ".join(f"{s}[{cell}] == {s}[{cell} + ONE_]" for s in starts)


# ---- free ------------------------------------------------------------------------------------------------------------


def free(low: Expressions, node: ast.Call) -> str:
    """`world.free(place)` as a value."""
    given = [*node.args, *(k.value for k in node.keywords if k.arg == "position")]
    if len(given) != 1 or len(node.args) + len(node.keywords) != 1:
        low.fail(node, "world.free takes one place", "It is about one site.", "Write world.free(place).")
    lattice, model = lattice_of(low, node, "free"), low.model
    low.sites.setdefault((lattice, "free"))
    t, place = _name(model, lattice), low.temporary("place")
    ref = low.reference(given[0])
    target = ast.copy_location(ast.Attribute(given[0], "position", ast.Load()), node)
    low.emit(f"{place} = {low.read_other(target, ref) if ref is not None else low.value(given[0])}")
    home = _home(low, lattice)
    left, far = f"{place}left_", f"{place}far_"
    low.emit(f"{left} = False")
    low.emit(f"{far} = False")
    cells = []
    for k, (a, boundary) in enumerate(zip(model.axes, model.sim.box.boundaries, strict=True)):
        q, fault, s, p = f"{place}{a}_", f"{place}fault_", low.need(f"s{a}_"), f"np.float64({place}.{a})"
        extra = {"reflect": ", _", "absorb": f", {q}left_"}.get(boundary, "")
        limits = f"low_{a}_, high_{a}_, length_{a}_, {quantum(model, lattice)}, {low.need('reach_')}"
        low.emit(f"{q}, {fault}{extra} = settle_{boundary}({p}, np.float64({s}), {limits})")
        low.emit(f"if {fault} != 0:")
        blame = f"{low.need('status_')}, {low.need('values_')}, 3 if {fault} == 3 else 4, {s}, {p}, reach_, {k}"
        low.emit(f"    blame({blame})")
        low.emit(f"    {far} = True")
        if boundary == "absorb":
            low.emit(f"{left} = {left} or {q}left_")
        edges, first, rim = (low.need(f"{t}_{what}{a}_") for what in ("edges_", "first_", "rim_"))
        step, cell = f"{q}step_", f"{q}cell_"
        low.emit(f"{step} = cell_of({q}, low_{a}_, {t}_per_{a}_, {edges}) - ({home[k]} - {rim} + {first})")
        if boundary == "periodic":
            low.emit(f"{step} = nearest_step({step}, sites{lattice}{a}_)")
        low.emit(f"{cell} = {home[k]} + {step}")
        cells.append(cell)
    low.emit(f"if {far} or {left}:")
    for cell, h in zip(cells, home, strict=True):
        low.emit(f"    {cell} = {h}")
    empty = _empty(low, lattice, cells)
    return f"({left} or ({empty}))"


def quantum(model: Model, lattice: int) -> str:
    """Name of the step of the position lattice of those who stand on a lattice of sites."""
    return "quantum4_" if any(model.single(t) for t in model.group(lattice)) else "quantum8_"


# ---- loops -----------------------------------------------------------------------------------------------------------


class Beside(Search):
    """`world.neighbors(me, T, 8)`: what stands on the sites around mine, row by row of the lattice."""

    def __init__(self, lowering: Expressions, call: ast.expr) -> None:
        assert isinstance(call, ast.Call)
        low = lowering
        self.low, self.call, self.word = low, call, "neighbors"
        self.lattice = own_lattice(low, call, "neighbors")
        bound = dict(zip(("me", "kind", "number"), call.args, strict=False))
        bound.update({k.arg: k.value for k in call.keywords if k.arg})
        me, number = bound.get("me"), bound.get("number")
        if len(call.args) + len(call.keywords) != len(bound) or not {"me", "kind"} <= set(bound) <= {
            "me", "kind", "number"
        } or not (isinstance(me, ast.Name) and me.id == low.me):  # fmt: skip
            low.fail(
                call,
                f"world.neighbors is called with ({', '.join(map(ast.unparse, [*call.args, *call.keywords]))})",
                "It takes the acting entity, a type, and how many sites there are around one.",
                f"Write world.neighbors({low.me or 'me'}, Chip, 8).",
            )
        if low.moved_by_helper:
            low.fail(
                call,
                "world.neighbors is called after a helper wrote the position",
                "Neighbours are those of my position at the start of the behavior.",
                "Make it two behaviors: one that moves, and after it one that looks.",
            )
        self.kinds = [low.model.kinds.index(k) for k in low.kinds_of(bound["kind"])]
        for t in self.kinds:
            if low.model.lattice(t) != self.lattice:
                low.fail(
                    bound["kind"],
                    f"world.neighbors looks for {low.model.name(t)}, which does not stand on the sites of "
                    f"{low.model.name(low.me_type)}",
                    "Only who shares the lattice stands on the sites around mine.",
                    f"Declare {low.model.name(t)} with the same sites=GRID, or use world.near.",
                )
        value = 0 if number is None else low.outside(number)
        if isinstance(number, ast.Constant):
            value = number.value
        hexagonal, dim = low.model.lattices[self.lattice].shape == "hex", low.model.dim
        allowed = (6,) if hexagonal else (8, 4) if dim == 2 else (26, 6)
        if value not in (0, *allowed) or not isinstance(value, int):
            low.fail(
                number or call,
                f"{ast.unparse(number) if number else ''} neighbours are asked for; a site of this lattice has "
                f"{' or '.join(map(str, allowed))}",
                "It is not said which they would be.",
                f"Write world.neighbors({low.me}, {ast.unparse(bound['kind'])}, {allowed[0]}).",
            )
        self.number = value or allowed[0]
        self.when = None

    def scan(
        self,
        type: int,
        body: Callable[[str], None],
        flag: str | None,
        whole: bool,
        strip: bool = False,
        effort: int = 0,
    ) -> None:
        """Emit the loops over lines of sites and the rows that stand on each; see `Search.scan`."""
        low, model = self.low, self.low.model
        name, n, depth = model.name(type), low.temporary("")[:-1], low.depth
        start, ex = low.need(f"{name}_start_"), low.need(f"{name}_ex_")
        low.sites.setdefault((self.lattice, "beside"))
        low.sites.setdefault((self.lattice, "seen"))
        x, y = low.need("cellx_"), low.need("celly_")
        back, ahead, outer = "ONE_", "ONE_", 1
        line, j, v = f"line{n}_", f"j{n}_", f"y{n}_"
        if model.dim == 3:
            w, z, ey = f"z{n}_", low.need("cellz_"), low.need(f"{name}_ey_")
            low.emit(f"for {w} in range({z} - ONE_, {z} + ONE_ + ONE_):")
            low.depth += 1
            outer += 1
            k = "ONE_"
            if self.number == 6:
                k = f"k{n}_"
                low.emit(f"{k} = np.uintp({w} == {z})")
            low.emit(f"for {v} in range({y} - {k}, {y} + {k} + ONE_):")
            low.depth += 1
            low.emit(f"{line} = ({w} * {ey} + {v}) * {ex} + {x}")
            level = f"({v} == {y}) & ({w} == {z})"
        else:
            low.emit(f"for {v} in range({y} - ONE_, {y} + ONE_ + ONE_):")
            low.depth += 1
            low.emit(f"{line} = {v} * {ex} + {x}")
            level = f"{v} == {y}"
        if self.number in (4, 6) and model.lattices[self.lattice].shape == "square":
            back = ahead = f"side{n}_"
            low.emit(f"{back} = np.uintp({level})")
        elif self.number == 6:
            odd, back, ahead = f"odd{n}_", f"back{n}_", f"ahead{n}_"
            first, rim = low.need(f"{name}_first_y_"), low.need(f"{name}_rim_y_")
            low.emit(f"{odd} = (np.int64({y}) - {rim} + {first}) % 2 != 0")
            low.emit(f"{back} = np.uintp({level} or not {odd})")
            low.emit(f"{ahead} = np.uintp({level} or {odd})")
        low.emit(f"for {j} in range({start}[{line} - {back}], {start}[{line} + {ahead} + ONE_]):")
        low.depth += 1
        if type == low.me_type:
            low.emit(f"if {j} != {low.need('row_')}:")
            low.depth += 1
        body(j)
        low.depth = depth + outer
        if flag is not None:
            for _ in range(outer):
                low.emit(f"if {flag}:")
                low.emit("    break")
                low.depth -= 1
        low.depth = depth


class FreeSites(Search):
    """`world.free_sites(me, r)`: the places of the free sites around, row-major."""

    def __init__(self, lowering: Expressions, call: ast.expr) -> None:
        assert isinstance(call, ast.Call)
        low = lowering
        self.low, self.call, self.word, self.at, self.when = low, call, "free_sites", None, None
        self.lattice = lattice_of(low, call, "free_sites")
        bound = dict(zip(("me", "radius"), call.args, strict=False))
        bound.update({k.arg: k.value for k in call.keywords if k.arg})
        me = bound.get("me")
        if set(bound) != {"me", "radius"} or not (isinstance(me, ast.Name) and me.id == low.me):
            low.fail(
                call,
                f"world.free_sites is called with ({', '.join(map(ast.unparse, [*call.args, *call.keywords]))})",
                "It takes the acting entity and a radius.",
                f"Write world.free_sites({low.me or 'me'}, 1.5).",
            )
        if low.moved_by_helper:
            low.fail(
                call,
                "world.free_sites is called after a helper wrote the position",
                "The sites are those around my position at the start of the behavior.",
                "Make it two behaviors: one that moves, and after it one that looks.",
            )
        self.radius, self.parameter = low.radius(bound["radius"])

    def places(self, body: Callable[[str], None], flag: str | None) -> None:
        """Emit the loops; `body` emits what is done with a place, given by name."""
        low, model = self.low, self.low.model
        first_type = model.group(self.lattice)[0]
        look = model.look(first_type, self.radius, self.parameter, False)
        low.looked.setdefault(look, first_type)
        t, n, depth = model.name(first_type), low.temporary("")[:-1], low.depth
        home = _home(low, self.lattice)
        r2 = self._squared_radius(look, False, n)
        cells, numbers = {}, {}
        for k, a in reversed(list(enumerate(model.axes))):
            cell, number = f"{a}{n}_", f"{a}{n}site_"
            first, rim = low.need(f"{t}_first_{a}_"), low.need(f"{t}_rim_{a}_")
            width = f"np.int64({look}k{a}_)"
            low.emit(f"for {cell} in range({home[k]} - {width}, {home[k]} + {width} + 1):")
            low.depth += 1
            low.emit(f"{number} = {cell} - {rim} + {first}")
            if model.sim.box.boundaries[k] != "periodic":
                low.emit(f"if {number} < 0 or {number} >= sites{self.lattice}{a}_:")
                low.emit("    continue")
            cells[a], numbers[a] = cell, number
        empty = _empty(low, self.lattice, [cells[a] for a in model.axes])
        low.emit(f"if {empty}:")
        low.depth += 1
        places = []
        for k, a in enumerate(model.axes):
            rows = 2 if model.lattices[self.lattice].shape == "hex" and k == 0 else 1
            centres = low.need(f"sites{self.lattice}{a}_centres_")
            place = f"{a}{n}place_"
            low.emit(
                f"{place} = site_coordinate({numbers[a]}, {numbers['y']}, sites{self.lattice}{a}_, {rows}, {centres}, "
                f"length_{a}_)"
            )
            places.append(place)
        differences = ", ".join(
            f"{p} - np.float64({low.need(f's{a}_')})" for p, a in zip(places, model.axes, strict=True)
        )
        low.emit(f"if within{model.dim}({differences}, {r2}):")
        low.depth += 1
        held = f"place{n}_"
        low.emit(f"{held} = Vec{model.dim}({', '.join(places)})")
        body(held)
        low.depth = depth + model.dim - 1
        if flag is not None:
            for _ in range(model.dim - 1):
                low.emit(f"if {flag}:")
                low.emit("    break")
                low.depth -= 1
        low.depth = depth


def walk_neighbors(
    low: Expressions, target: ast.expr, call: ast.Call, body: Callable[[], None], flag: str | None
) -> None:
    """`for other in world.neighbors(...)`; see `weaver.compiler.walk`."""
    if not isinstance(target, ast.Name):
        low.fail(target, "a neighbour is unpacked", "It is one entity.", "Write `for other in world.neighbors(...):`.")
    Beside(low, call)._each(target.id, lambda row, type: body(), flag)


def walk_free_sites(
    low: Expressions, target: ast.expr, call: ast.Call, body: Callable[[], None], flag: str | None
) -> None:
    """`for place in world.free_sites(...)`; see `weaver.compiler.walk`."""

    def one(place: str) -> None:
        low.emit(f"{low.plain(target)} = {place}")
        body()

    FreeSites(low, call).places(one, flag)


# ---- moves -----------------------------------------------------------------------------------------------------------


def jump(low: Lowering, node: ast.Call) -> None:
    """`world.jump_to_free(me)`."""
    from weaver.compiler.words import draw  # which knows the words of this module

    _only_me(low, node, "jump_to_free")
    lattice = own_lattice(low, node, "jump_to_free")
    low.sites.setdefault((lattice, "jump"))
    vacant = low.need(f"vacant{lattice}_")
    low.need("status_")
    low.emit(f"if {vacant}[0] > 0:")
    low.emit(f"    {JUMP} = 1 + integer({draw(low)}, 0, {vacant}[0])")
    low.emit("else:")
    low.emit(f"    {JUMP} = {NOWHERE}")
    if "position" in low.written:
        f = low.model.fields[low.me_type]["position"]
        assert f.vector is not None
        low.emit(f"me_position_ = {f.vector.__name__}({', '.join(low.need(f's{a}_') for a in low.model.axes)})")


def moved(low: Expressions, node: ast.Call) -> str:
    """`world.moved(me)` as a value."""
    _only_me(low, node, "moved")
    own_lattice(low, node, "moved")
    low.loaded.setdefault(MOVED)
    return f"me_{MOVED}_"


def claim(low: Scope) -> Outlet | None:
    """Note that a behavior puts out claims, if it moves those who stand on sites.

    Raises:
        BehaviorError: it also lets them become of another type.
    """
    lattice = low.model.lattice(low.me_type)
    if lattice < 0 or ("position" not in low.written and (lattice, "jump") not in low.sites):
        return None
    if low.becomes:
        low.fail(
            low.source.node,
            f"{low.source.name} moves {low.model.name(low.me_type)} and lets it become of another type",
            "Whether it wins the site is not known before the behavior has ended.",
            "Make it two behaviors: one that moves, and one that lets it become.",
        )
    if "position" in low.written:
        for a in low.model.axes:
            low.need(f"{low.model.name(low.me_type)}_edges_{a}_")
    return outlet(low, f"claim_{low.model.name(low.me_type)}", "claim", low.me_type, (ROW, SITE))


def claim_lines(low: Scope, made: Outlet, absorbed: bool) -> list[str]:
    """Text that puts out a claim when the entity wants to go to another site, behind that which settles a move."""
    model, t = low.model, low.model.name(low.me_type)
    lattice, home = model.lattice(low.me_type), ""
    jumps = (lattice, "jump") in low.sites
    for k, a in reversed(list(enumerate(model.axes))):
        cell = f"(np.int64(cell{a}_) - np.int64(rim{a}_) + {t}_geometry_[{10 + k}])"
        home = f"({home} * sites{lattice}{a}_ + {cell})" if home else cell
    append = made.append(low, {ROW.name: "np.uint32(row_)", SITE.name: "site_"}, need=False)
    lines = []
    if "position" in low.written:
        lines.append(f"site_ = {site_number(low, low.me_type, [f'settled{a}_' for a in model.axes])}")
        if jumps:
            lines += [f"if {JUMP} != 0:", f"    site_ = -{JUMP}", *(["    left_ = False"] if absorbed else [])]
        stays = f"site_ == {home}{' or left_' if absorbed else ''}"
        return [*lines, f"if not ({stays}):", *(f"    {line}" for line in append)]
    return [f"if {JUMP} != 0:", f"    site_ = -{JUMP}", *(f"    {line}" for line in append)]


# ---- what a program needs --------------------------------------------------------------------------------------------


def spacing(low: Scope) -> float:
    """The largest spacing of the lattices that a behavior touches: how far it reaches if nothing else is said."""
    model = low.model
    touched = {model.lattice(low.me_type), *(lattice for lattice, _ in low.sites)}
    touched |= {model.lattice(m.spec.target) for m in low.outlets.values() if m.spec.kind == "birth"}
    return max((model.lattices[lattice].spacing for lattice in touched if lattice >= 0), default=0.0)


def jumps(low: Scope) -> bool:
    """Whether a behavior lets entities jump anywhere."""
    return any(what == "jump" for _, what in low.sites)


def widen(model: Model, searches: list[Cells], acts: Sequence[tuple[Scope, float]]) -> None:
    """Give all types of a lattice the same cells, its sites, and a rim for all that is asked about them."""
    for number, lattice in enumerate(model.laid):
        group = model.group(number)
        rims = [searches[t].rim for t in group]
        rims += [reach for low, reach in acts if (number, "free") in low.sites]
        asked = any(lattice == number for low, _ in acts for lattice, _ in low.sites)
        for t in group:
            searches[t] = replace(searches[t], rim=max(rims), shape=lattice.shape, border=int(asked))


def keyed(model: Model, spec: Spec, behavior: str) -> Spec:
    """An outlet with the key of its claims."""
    if spec.kind not in ("claim", "birth") or model.lattice(spec.target) < 0:
        return spec
    return replace(spec, key=int(model.key(model.name(spec.target), behavior)))


def check_lattices(model: Model, behaviors: Sequence[tuple[str, Scope]]) -> None:
    """Refuse neighbours that would be seen twice.

    Raises:
        ModelError: a periodic axis is fewer than three sites long.
    """
    for name, low in behaviors:
        for lattice, what in low.sites:
            for a, boundary, n in zip(
                model.axes, model.sim.box.boundaries, model.laid[lattice].shape, strict=True
            ):  # fmt: skip
                if what == "beside" and boundary == "periodic" and n < 3:
                    raise ModelError(
                        f"behavior {name!r} looks at neighbours on sites, but the periodic axis {a} has {n}; allowed "
                        f"are 3 or more.\n"
                        f"A site would be its own neighbour, or a neighbour twice.\n"
                        f"Write another boundary for {a}, for example "
                        f"boundary=({', '.join(repr('clamp' if b == a else 'periodic') for b in model.axes)})."
                    )
