"""What a function being lowered knows: its names, its entities, what it needs of its kernel, and the text so far.

Generated names end with an underscore. A name of the author that does so gets another one.
"""

from __future__ import annotations

import ast
import builtins
import difflib
import inspect
import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any, NoReturn

from weaver import (
    arithmetic_numba,
    barrier,
    cells,
    lattice_numba,
    pairs,
    permutation,
    random,
    settle,
    vector,
    vector_numba,
)  # fmt: skip
from weaver.compiler.constants import NotConstant, constant
from weaver.compiler.flow import Flow
from weaver.compiler.layers import BUILT_IN, read_built_in, read_whole
from weaver.compiler.model import WHOLE, Model, Own, Ref, column_name, stored_fields
from weaver.compiler.outlet import Outlet
from weaver.compiler.references import find_references
from weaver.compiler.source import UNBOUND, FunctionSource
from weaver.entity import Entity
from weaver.message import Link
from weaver.parameter import Parameter
from weaver.turns import entity_types
from weaver.world import World

DRAWS = ("random", "uniform", "normal", "exponential", "integer", "choice", "unit2", "unit3")
SEARCHES = ("near", "nearest", "count", "pick")
"""Words that look for entities around `me`."""
ALONE = (
    *SEARCHES, "at", "around", "beside", "gradient", "free", "free_sites", "neighbors", "jump_to_free", "moved",
    "links", "inbox",
)  # fmt: skip
"""Words about the surroundings or letters of one entity, which a meeting does not have."""


RESERVED = frozenset({"np", "math", "njit"}).union(
    *(
        dir(module)
        for module in (
            barrier,
            builtins,
            arithmetic_numba,
            cells,
            lattice_numba,
            pairs,
            permutation,
            random,
            settle,
            vector,
            vector_numba,
        )
    )
)
"""Names that generated text uses; an author's variable of such a name gets another there."""


class Scope:
    """One function for one choice of entity types.

    Args:
        model: the program so far.
        source: the function.
        me: (argument name, type index), or None.
        world: name of the world (or draw) argument, or None.
        refs: arguments that are other entities.
        partner: (argument name, type index) of the other one in a meeting, which is written too.
        meeting: it belongs to a meeting: it looks around nobody, and is compiled strictly, since both sides compute it.

    Attributes:
        out: generated lines.
        context: generated names that the function takes from its kernel, in order of first use.
        loaded: fields of `me` that are used; written: those that are stored.
        reads: (type, field) read of others; tied: the same along links, which are `ties`.
        looked: (look name, type) of every search.
        cells: (layer, word) of every word about cells of a layer; wholes: (layer, field) read of whole copies.
        outlets: what it puts out, by name; becomes: numbers of the calls of `become`; removes: prefixes
            of the own entities whose life it can end.
        inboxes: message -> order in which it is read; far: it concerns entities anywhere.
        views: loop variables that are neither values nor entities -> how their fields are read.
        own: the entities that may be written, by the author's name.
        narrowed: types that a variable has here, by an `isinstance` that holds.
        sites: (lattice, what) of all that is asked of sites: "free", "beside", "jump", "seen".
    """

    def __init__(
        self,
        model: Model,
        source: FunctionSource,
        me: tuple[str, int] | None,
        world: str | None,
        refs: dict[str, Ref] | None = None,
        partner: tuple[str, int] | None = None,
        meeting: bool = False,
    ) -> None:
        self.model, self.source, self.world = model, source, world
        self.me: str | None = me[0] if me is not None else None
        self.me_type = me[1] if me is not None else -1
        self.is_behavior = False
        self.flow = Flow(source, self.me, world)
        self.refs: dict[str, Ref] = dict(refs or {})
        self.narrowed: dict[str, tuple[int, ...]] = {}
        self.out: list[str] = []
        self.depth = 1
        self.context: dict[str, None] = {}
        self.loaded: dict[str, None] = {}
        self.written: dict[str, None] = {}
        self.meeting = meeting
        self.own: dict[str, Own] = {}
        if me is not None:
            self.own[me[0]] = Own(me[1], "me", "id_", self.loaded, self.written)
        if partner is not None:
            self.own[partner[0]] = Own(partner[1], "you", "partner_id_", {}, {})
        self.reads: dict[tuple[int, str], None] = {}
        self.tied: dict[tuple[int, str], None] = {}
        self.ties: dict[type[Link], None] = {}
        self.looked: dict[str, int] = {}
        self.cells: dict[tuple[int, str], None] = {}
        self.wholes: dict[tuple[int, str], None] = {}
        self.outlets: dict[str, Outlet] = {}
        self.sites: dict[tuple[int, str], None] = {}
        self.becomes: list[int] = []
        self.removes: set[str] = set()
        self.inboxes: dict[int, str] = {}
        self.views: dict[str, Callable[[ast.Attribute], str]] = {}
        self.far = False
        self.draws = self.moved_by_helper = self.returns = False
        self.temporaries = 0
        self.line = 0
        self.breaks: list[str | None] = []
        self.renamed: dict[str, str] = {}
        self.function_return: Callable[[str | None], str] = lambda value: "return"
        self.variables = find_references(self)

    def emit(self, text: str) -> None:
        """Add a line, marked with the author's line number."""
        self.out.append(f"{'    ' * self.depth}{text}  # {self.line}" if self.line else f"{'    ' * self.depth}{text}")

    def temporary(self, stem: str = "t") -> str:
        """A fresh generated name."""
        self.temporaries += 1
        return f"{stem}{self.temporaries}_"

    def named(self, code: str) -> str:
        """The value under a name if its text branches, which numba cannot read among more than thirty arguments."""
        if not any(word in code for word in (" if ", " and ", " or ")):
            return code
        name = self.temporary()
        self.emit(f"{name} = {code}")
        return name

    def need(self, name: str) -> str:
        """Use a name that the kernel provides."""
        self.context.setdefault(name)
        return name

    def local(self, name: str) -> str:
        """The author's variable in the generated text."""
        name = self.renamed.get(name, name)
        return name + "_v_" if name.endswith("_") or name in RESERVED else name

    def fail(self, node: ast.AST, what: str, why: str, fix: str) -> NoReturn:
        """Raise a BehaviorError at a place of the author's source."""
        raise self.source.error(node, what, why, fix)

    def reference(self, node: ast.expr) -> Ref | None:
        """The entity that an expression names, if it names one other than `me`."""
        if isinstance(node, ast.Name):
            ref = self.refs.get(node.id) or self.variables.get(node.id)
            types = self.narrowed.get(node.id)
            if ref is not None and types is not None:
                return replace(ref, types=types, tag=ref.tag if len(types) > 1 else None)
            return ref
        return None

    def row(self, ref: Ref) -> str:
        """Text of a row to read at: checked where the reference may be None."""
        return ref.row if ref.loop else f"to_row({ref.row}, {self.need('status_')})"

    def read_other(self, node: ast.Attribute, ref: Ref, element: int | None = None) -> str:
        """A field of another entity, or one element of an array, in the state S."""
        parts = []
        for t in ref.types:
            if node.attr == "position" and ref.place is not None:
                parts.append(ref.place)
                continue
            if self.model.is_layer(t) and node.attr in BUILT_IN:
                parts.append(read_built_in(self, t, node.attr, self.row(ref)))
                continue
            if t >= WHOLE:
                parts.append(read_whole(self, t, node, self.row(ref), element))
                continue
            if node.attr == "id":
                parts.append(f"{self.need(f'{ref.prefix}{self.model.name(t)}_ids_')}[{self.row(ref)}]")
                continue
            if node.attr not in self.model.fields[t]:
                self.unknown(node, t)
            columns = self.model.fields[t][node.attr].columns
            for c in columns if element is None else columns[element : element + 1]:
                self.need(ref.prefix + column_name(self.model.name(t), c))
            (self.tied if ref.prefix else self.reads).setdefault((t, node.attr))
            parts.append(self.model.read(t, node.attr, self.row(ref), element, ref.prefix))
        code = parts[-1]
        for t, part in zip(reversed(ref.types[:-1]), reversed(parts[:-1]), strict=True):
            code = f"({part} if {ref.tag} == {t} else {code})"
        return code

    def column(self, type: int, column: str) -> str:
        """Need a column of a type."""
        return self.need(column_name(self.model.name(type), column))

    def ids(self, type: int) -> str:
        """Need the ids of a type."""
        return self.need(f"{self.model.name(type)}_ids_")

    def unknown(self, node: ast.Attribute, type: int) -> NoReturn:
        """The error for a field that does not exist."""
        known = [*(f for f in self.model.fields[type] if not f.startswith("_")), "id"]
        kind = self.model.kinds[type]
        inherited = inspect.getattr_static(kind, node.attr, None)
        if inherited is not None:
            constant = not isinstance(inherited, property) and not callable(inherited)
            self.fail(
                node,
                f"{node.attr!r} is no field of {kind.__name__}, but "
                f"{'a constant' if constant else 'a property or function'} of its class",
                "Only fields, which have a type after a colon, belong to each entity.",
                f"Write {kind.__name__}.{node.attr}."
                if constant
                else f"Write it as a function outside the class and call {node.attr}({ast.unparse(node.value)}).",
            )
        close = difflib.get_close_matches(node.attr, known, 1)
        self.fail(
            node,
            f"{self.model.name(type)} has no field {node.attr!r}; it has {', '.join(known)}",
            "There is no value to read or write.",
            f"Write {close[0]!r}." if close else f"Declare `{node.attr}: float` in class {self.model.name(type)}.",
        )

    def field_of(self, node: ast.Attribute) -> Any:
        """The Field that an attribute of `me` names."""
        self.own_field(node, write=False)
        return self.model.fields[self.own[ast.unparse(node.value)].type][node.attr]

    def own_field(self, node: ast.Attribute, *, write: bool) -> str:
        """Text of a field of `me`."""
        base = node.value
        if isinstance(base, ast.Attribute) and node.attr in ("x", "y", "z"):
            whole = ast.unparse(base)
            parts = ["value" if a == node.attr else f"{whole}.{a}" for a in self.model.axes]
            self.fail(
                node,
                f"{ast.unparse(node)} is assigned to, but vectors do not change",
                "The change would be lost, or would reach other places that hold the same vector.",
                f"Write {whole} = wv.Vec{self.model.dim}({', '.join(parts)}).",
            )
        if not isinstance(base, ast.Name) or base.id not in self.own:
            if isinstance(base, ast.Name) and self.reference(base) is not None and self.meeting:
                self.fail(
                    node,
                    f"{ast.unparse(node)} is written in `when` or `by`",
                    "These compare those who might meet; every candidate is asked, and nothing has happened yet.",
                    "Return a value, and write in the meeting itself.",
                )
            if isinstance(base, ast.Name) and self.reference(base) is not None:
                self.fail(
                    node,
                    f"{ast.unparse(node)} is written, but {base.id!r} is another entity",
                    "Every entity writes only itself, so that the order in which entities act cannot matter.",
                    "Let it act itself: send(...) it a message, or declare a meeting (@sim.meeting) that writes both.",
                )
            self.fail(
                node,
                f"{ast.unparse(node)} cannot be assigned to",
                "A behavior writes its own names and fields of its own entity.",
                "Assign to a field of the entity.",
            )
        if self.model.is_layer(self.me_type) and node.attr in BUILT_IN:
            self.fail(
                node,
                f"{ast.unparse(node)} is written, but a cell stays where it is",
                "It would no longer be that cell.",
                "Write its fields, or let an entity move.",
            )
        if node.attr == "id":
            self.fail(node, "an id cannot be written", "It names the entity for good.", "Add a field of your own.")
        own = self.own[base.id]
        if node.attr not in self.model.fields[own.type]:
            self.unknown(node, own.type)
        own.loaded.setdefault(node.attr)
        if write:
            own.written.setdefault(node.attr)
            if node.attr == "position" and self.model.lattice(own.type) >= 0:
                self.emit(f"{self.need('status_')}[11] = 0")  # of a jump and a move the later one counts
        return f"{own.prefix}_{node.attr}_"

    def captured(self, node: ast.expr, value: Any) -> str:
        """Text of a value from outside the function."""
        if isinstance(value, Parameter):
            if self.model.sim.parameters.get(value.name) is not value:
                self.fail(
                    node,
                    f"the parameter {value.name!r} belongs to another simulation",
                    "Its value would never change here.",
                    f"Declare it here: sim.parameter({value.name!r}, {value.value!r}).",
                )
            self.need("integers_" if value.integer else "reals_")
            return self.model.parameter(value)
        try:
            return constant(value)
        except NotConstant as cause:
            raise self.source.error(
                node,
                f"{ast.unparse(node)!r} is {cause}, which a behavior cannot capture",
                "Behaviors capture numbers, vectors, enums, small arrays and tuples of them, and functions.",
                "Turn it into one of these, or declare a parameter with sim.parameter(...).",
            ) from None

    def outside(self, node: ast.expr) -> Any:
        """Value of a dotted name that starts outside the function; UNBOUND if it does not."""
        if isinstance(node, ast.Name):
            if (
                node.id in self.flow.locals
                or node.id in self.views
                or node.id in self.renamed
                or node.id in (*self.own, self.world)
            ):
                return UNBOUND
            return UNBOUND if node.id in self.refs else self.source.resolve(node.id)
        if isinstance(node, ast.Attribute):
            base = self.outside(node.value)
            if base is UNBOUND:
                return UNBOUND
            try:
                return getattr(base, node.attr)
            except AttributeError:
                self.fail(
                    node,
                    f"{ast.unparse(node)} does not exist",
                    "There is no value to use.",
                    "Check the spelling.",
                )
        return UNBOUND

    def world_word(self, node: ast.AST) -> str | None:
        """The word of a call `world.word(...)`."""
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            if isinstance(node.func.value, ast.Name) and node.func.value.id == self.world:
                if self.meeting and node.func.attr in ALONE:
                    self.fail(
                        node,
                        f"world.{node.func.attr} is called in a meeting",
                        "Both owners run a meeting, and either one sees all of the two, but not what surrounds both.",
                        "Call it in a behavior before, and keep what the meeting needs of it in a field.",
                    )
                return node.func.attr
        return None

    def no_word(self, node: ast.expr) -> NoReturn:
        """The error for a word that `world` does not have."""
        word = node.attr if isinstance(node, ast.Attribute) else ast.unparse(node)
        known = [*World.__annotations__, *(w for w in dir(World) if not w.startswith("_"))]
        close = difflib.get_close_matches(word, known, 1)
        self.fail(
            node,
            f"world.{word} {'cannot be used here' if word in known else 'does not exist'}",
            f"The world has {', '.join(known)}.",
            f"Write world.{close[0]}." if close and close[0] != word else "Use one of these.",
        )

    def kinds_of(self, node: ast.expr) -> tuple[type[Entity], ...]:
        """The entity types that an expression names: `Wolf`, `Wolf | Sheep`, `(Wolf, Sheep)`."""
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr):
            return self.kinds_of(node.left) + self.kinds_of(node.right)
        if isinstance(node, ast.Tuple):
            return tuple(k for n in node.elts for k in self.kinds_of(n))
        value = self.outside(node)
        kinds = tuple(value) if isinstance(value, tuple) else entity_types(value)
        if not kinds:
            self.fail(
                node,
                f"{ast.unparse(node)} is not an entity type",
                "Weaver would not know what to look for.",
                "Name a subclass of wv.Entity, or several joined by |.",
            )
        for k in kinds:
            if k not in self.model.kinds:
                self.model.sim._register(k)
                self.model.kinds.append(k)
                self.model.fields.append(stored_fields(k, self.model.dim))
        return kinds

    def radius(self, node: ast.expr) -> tuple[float, Parameter | None]:
        """A radius: a constant, or a parameter with `high`."""
        value = self.outside(node)
        if isinstance(value, Parameter):
            if value.high is None:
                self.fail(
                    node,
                    f"the radius is the parameter {value.name!r}, which has no `high`",
                    "Cells are made for the largest radius that can be set.",
                    f"Write sim.parameter({value.name!r}, {value.value:g}, high={value.value:g}).",
                )
            return float(value.high), value
        try:
            number = float(fold(self, node))
        except (NotConstant, TypeError, ZeroDivisionError):
            self.fail(
                node,
                f"the radius {ast.unparse(node)!r} is not constant",
                "Cells and exchange are planned for one radius before the run.",
                "Use a number, or a parameter with high=…, and test the distance in the loop for a smaller one.",
            )
        if not (math.isfinite(number) and number > 0):
            self.fail(
                node,
                f"a radius of {number:g} is asked for; it must be positive",
                "Nobody could be found.",
                "Give a positive length.",
            )
        return number, None


def fold(scope: Scope, node: ast.expr) -> float:
    """Value of an expression of constants.

    Raises:
        NotConstant: it holds something else.
    """
    if isinstance(node, ast.BinOp):
        left, right = fold(scope, node.left), fold(scope, node.right)
        operations: dict[type[ast.AST], Callable[[float, float], float]] = {
            ast.Add: lambda a, b: a + b,
            ast.Sub: lambda a, b: a - b,
            ast.Mult: lambda a, b: a * b,
            ast.Div: lambda a, b: a / b,
            ast.Pow: lambda a, b: a**b,
        }
        if type(node.op) not in operations:
            raise NotConstant("an operator")
        return operations[type(node.op)](left, right)
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        return -fold(scope, node.operand)
    if isinstance(node, ast.Constant) and isinstance(node.value, (int, float)):
        return node.value
    value = scope.outside(node)
    if isinstance(value, (int, float)) or hasattr(value, "dtype"):
        return float(value)
    raise NotConstant("not a number")
