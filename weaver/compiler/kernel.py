"""Kernels: the loop over a partition's cells around a lowered behavior, and the loop that draws initial entities."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from partitions.program import Argument
from weaver.compiler import footing, links, messages
from weaver.compiler.births import Become, parts, stored
from weaver.compiler.columns import refuse_tables
from weaver.compiler.constants import NotConstant, constant
from weaver.compiler.helper import finish_returns, marked_return
from weaver.compiler.lower import Lowering
from weaver.compiler.model import SCRATCH, STREAMS, Model, column_name, convert
from weaver.compiler.narrow import narrow_cell
from weaver.compiler.outlet import COUNT, ID
from weaver.compiler.raster import cell_head, cell_loops
from weaver.compiler.seating import seat_drawn
from weaver.compiler.source import FunctionSource
from weaver.compiler.strip import Strip
from weaver.errors import ModelError
from weaver.field import Field
from weaver.random import DRAWS
from weaver.sources import Scatter
from weaver.turns import Behavior, Meeting
from weaver.vector import Vec2, Vec2f, Vec3, Vec3f

TYPES = {
    "<f8": "float64", "<f4": "float32", "|b1": "boolean", "|i1": "int8", "<i2": "int16", "<i4": "int32", "<i8": "int64",
    "|u1": "uint8", "<u2": "uint16", "<u4": "uint32", "<u8": "uint64",
}  # fmt: skip
"""numpy dtype string -> numba type name."""

INNER = "@inner_"
"""What stands above a function that is compiled into a kernel: it borrows the kernel's arrays. Counting references to
them, which numba would do for each entity, takes as long as several neighbours."""


@dataclass(frozen=True)
class Made:
    """A kernel as text, with the arrays it takes."""

    name: str
    lines: list[str]
    arguments: tuple[Argument, ...]


@dataclass(frozen=True, eq=False)
class Lowered:
    """A behavior lowered for one of its types, before its kernel is written."""

    behavior: Behavior | Meeting
    type: int
    lowering: Lowering
    lines: list[str]

    @property
    def keyed(self) -> str:
        """The type's name in the key of its random numbers."""
        return self.lowering.model.name(self.type)

    @property
    def name(self) -> str:
        """Name of the kernel; the per-entity function has an underscore more."""
        return f"{self.behavior.name}__{self.lowering.model.name(self.type)}"

    @property
    def moves(self) -> bool:
        """Whether positions are written."""
        return "position" in self.lowering.written

    @property
    def reaches(self) -> bool:
        """Whether it does something at a distance that the exchange must know: a move or a birth."""
        return self.moves or any(made.spec.kind in ("birth", "claim") for made in self.lowering.outlets.values())


def lower_behavior(model: Model, behavior: Behavior, type: int) -> Lowered:
    """Lower a behavior for one entity type."""
    source = FunctionSource(behavior.function)
    me, world = source.arguments
    low = Lowering(model, source, (me, type), world)
    low.is_behavior = True
    low.function_return = marked_return
    model.active.append(behavior.function)
    low.body()
    model.active.pop()
    if "position" in low.written and "reflect" in model.sim.box.boundaries and turns(model, type):
        low.loaded.setdefault("velocity")
        low.written.setdefault("velocity")
    footing.claim(low)
    name = f"{behavior.name}__{model.name(type)}_"
    parameters = [*low.context, *(f"me_{f}_" for f in low.loaded)]
    model.sources[name] = source
    head = [f"# {Path(source.path).name}:{source.node.lineno}", INNER, f"def {name}({', '.join(parameters)}):"]
    body = finish_returns(low.out, [f"me_{f}_" for f in low.written], False)
    return Lowered(behavior, type, low, head + body)


def turns(model: Model, type: int) -> bool:
    """Whether a type has a velocity that mirrors turn."""
    velocity = model.fields[type].get("velocity")
    return velocity is not None and velocity.vector is not None and model.size(type, "velocity") == model.dim


def write_kernel(model: Model, lowered: Lowered, buffered: tuple[str, ...], reach: float, look_reach: float) -> Made:
    """Write the kernel of a lowered behavior.

    Args:
        model: the program.
        lowered: the behavior and type.
        buffered: columns whose new values go to a second buffer.
        reach: the largest move, maybe infinite.
        look_reach: how far `at=` may lie.
    """
    low, type = lowered.lowering, lowered.type
    t = model.name(type)
    moves = lowered.moves
    absorbed = moves and "absorb" in model.sim.box.boundaries
    mortal = absorbed or low.removes or bool(low.becomes)
    arrays: dict[str, Argument] = {}

    def array(name: str, argument: Argument) -> str:
        arrays.setdefault(name, argument)
        return name

    geometry = array(f"{t}_geometry_", Argument("geometry", type))
    if model.is_layer(type):
        for k, a in enumerate(model.axes):
            array(f"{t}_edges_{a}_", Argument("edges", type, str(k)))
        head = cell_head(model, type, geometry)
    else:
        ids = array(f"{t}_ids_", Argument("ids", type))
        start = array(f"{t}_start_", Argument("start", type))
        places = [array(column_name(t, f"position.{a}"), Argument("column", type, f"position.{a}")) for a in model.axes]
        head = [f"id_ = {ids}[row_]", *(f"s{a}_ = {p}[row_]" for a, p in zip(model.axes, places, strict=True))]
    known = known_arrays(model)
    known.update(messages.arrays(model))
    for k, made in enumerate(low.outlets.values()):
        known.update(made.arrays(k))
    prologue: list[str] = []
    strips = strips_of(model, lowered, known)
    for name in [*low.context, *(c for strip in strips for c in strip.columns)]:
        if name in known:
            array(name, known[name])
        elif name == "key_":
            array(STREAMS, Argument("static", 0, STREAMS))
            prologue.append(f"key_ = {model.stream(lowered.keyed, lowered.behavior.name)}")
        elif name == "folded_":
            array(STREAMS, Argument("static", 0, STREAMS))
            prologue.append(f"folded_ = fold({model.stream(lowered.keyed, lowered.behavior.name)}, tick_)")
        elif name == "reach_":
            prologue.append(f"reach_ = {constant(look_reach)}")
        elif name == "limit_":
            prologue.append(f"limit_ = {constant(reach)}")
    geometries = [(k, model.name(k), "geometry") for k in range(len(model.kinds))]
    geometries += [(k, f"{name}_whole", "whole_geometry") for k, name, _ in geometries if model.is_layer(k)]
    for k, name, shape in geometries:
        for what, index, cast in (("e", 1, "np.uintp"), ("rim_", 4, "np.int64"), ("first_", 10, "np.int64")):
            for j, a in enumerate("xyz"):
                word = f"{name}_{what}{a}_"
                if word in low.context or (name == t and what == "e"):
                    array(f"{name}_geometry_", Argument(shape, k))
                    prologue.append(f"{word} = {cast}({name}_geometry_[{index + j}])")
    body = [f"{', '.join(f'me_{f}_' for f in low.written)}, = " if low.written else ""]
    call = f"{lowered.name}_({', '.join([*low.context, *(f'me_{f}_' for f in low.loaded)])})"
    body = [f"{'(' + body[0][:-3] + ') = ' if low.written else ''}{call}"]
    loads = []
    becomes = [b for b in model.becomes if b.number in low.becomes]
    invented = {v: model.fields[b.type][f] for b in becomes for f, v in b.given.items()}
    for f in low.loaded:
        if f in invented:
            loads.append(f"me_{f}_ = {convert(invented[f], constant(invented[f].default))}")
            continue
        for c in model.fields[type][f].columns:
            array(column_name(t, c), Argument("column", type, c))
        loads.append(f"me_{f}_ = {model.read(type, f, 'row_')}")
    settle = _settle(model, type, reach, lowered, absorbed) if moves else []
    claims = [made for made in low.outlets.values() if made.spec.kind == "claim"]
    settle += [line for made in claims for line in footing.claim_lines(low, made, absorbed)]
    stores = []
    for f in low.written:
        if f in invented or (f == "position" and claims):
            continue
        spec = model.fields[type][f]
        for c, part in zip(spec.columns, parts(spec, f"me_{f}_"), strict=True):
            if f == "position":
                part = f"settled{c[-1]}_"
            out = array(column_name(t, c) + "out_", Argument("out", type, c))
            stores.append(f"{out}[row_] = {stored(spec, part)}")
    for one in becomes:
        settle += _become(lowered, one, absorbed, array)
    gone = ["status_[8] != 0"] if low.removes else []
    gone += ["left_"] if absorbed else []
    gone += ["status_[9] != 0"] if becomes else []
    if mortal:
        dead = array(f"{t}_dead_", Argument("dead", type))
        stores = [f"if {' or '.join(gone)}:", f"    {dead}[row_] = 1", "    continue", *stores]
    entity = head
    if footing.jumps(low):
        entity.append(f"{footing.JUMP} = 0")
    if low.draws:
        entity.append("status_[2] = 0")
    if low.removes:
        entity.append("status_[8] = 0")
        settle = ["if status_[8] == 0:", *(f"    {line}" for line in settle)] if settle else []
        settle = ["left_ = False", *settle] if absorbed else settle
    if becomes:
        entity.append("status_[9] = 0")
    counts = [made.array(COUNT.name) for made in low.outlets.values()]
    if counts:
        entity += ["status_[4] = 0", *(f"before{k}_ = {count}[0]" for k, count in enumerate(counts))]
        for k, (count, made) in enumerate(zip(counts, low.outlets.values(), strict=True)):
            for name, argument in made.arrays(k).items():
                array(name, argument)
            room = f"len({made.array(ID.name)})"
            settle += [f"if {count}[0] > {room}:", "    status_[6] = 1"]
        settle += ["if status_[6] != 0:", *(f"    {count}[0] = before{k}_" for k, count in enumerate(counts))]
        line = "((cellz_ - rimz_) * owny_ + celly_ - rimy_)" if model.dim == 3 else "(celly_ - rimy_)"
        settle += ["    status_[5] = row_", f"    status_[7] = {line} * ownx_ + cellx_ - rimx_", "    return"]
    entity += loads + body + [strip.show() for strip in strips]
    if "status_" in low.context:
        entity.append("keep_blame(status_, values_, id_)")
    if low.draws:
        entity += [f"if status_[2] > {DRAWS}:", "    record(status_, values_, np.int64(5), id_, sx_, sy_, 0.0, X_)"]
    entity += settle + stores
    lines = [f"# {lowered.behavior.name} of {t}: every row of the cells first_ .. last_ - 1 of this partition"]
    argument_names = ["first_", "last_", "tick_", "status_", "values_", "reals_", "integers_", *arrays]
    lines += [f"@kernel_({_signature(model, lowered, arrays)!r})", f"def {lowered.name}({', '.join(argument_names)}):"]
    prologue += [line for strip in strips for line in strip.allocation(model, t)]
    if model.is_layer(type):
        ends = any(f"from{a}_" in low.context for a in model.axes)
        loops = cell_loops(model, type, geometry, entity, ends, bool(counts), narrow_cell(lowered))
    else:
        loops = _cells(model, t, geometry, start, strips, entity, bool(counts))
    lines += [f"    {line}" for line in [*prologue, *loops]]
    return Made(lowered.name, lines, tuple(arrays.values()))


def _cells(
    model: Model, t: str, geometry: str, start: str, strips: list[Strip], entity: list[str], resumed: bool
) -> list[str]:
    """The loops over lines of cells, the cells of a line, and the rows of a cell."""
    row_of_cells = f"(cellz_ * {t}_ey_ + celly_)" if model.dim == 3 else "celly_"
    layers = ["    layer_ = line_ // owny_", "    celly_, cellz_ = line_ - layer_ * owny_ + rimy_, layer_ + rimz_"]
    return [
        *(
            f"own{a}_, rim{a}_ = np.uintp({geometry}[{7 + k}]), np.uintp({geometry}[{4 + k}])"
            for k, a in enumerate("xyz")
        ),
        "cell_ = first_",
        "while cell_ < last_:",
        "    line_ = cell_ // ownx_",
        "    x0_ = cell_ - line_ * ownx_",
        "    x1_ = min(ownx_, x0_ + last_ - cell_)",
        "    cell_ += x1_ - x0_",
        *(layers if model.dim == 3 else ["    celly_ = line_ + rimy_"]),
        *(f"    {line}" for strip in strips for line in strip.line_begin()),
        "    for cellx_ in range(x0_ + rimx_, x1_ + rimx_):",
        f"        here_ = {row_of_cells} * {t}_ex_ + cellx_",
        f"        begin_, stop_ = {start}[here_], {start}[here_ + ONE_]",
        *(["        from_row_ = max(begin_, np.uintp(status_[5]))  # in a cell too"] if resumed else []),
        "        if from_row_ >= stop_:" if resumed else "        if begin_ == stop_:",
        "            continue",
        *(f"        {line}" for strip in strips for line in strip.fill(model, t)),
        f"        for row_ in range({'from_row_' if resumed else 'begin_'}, stop_):",
        *(f"            {line}" for line in [*(line for strip in strips for line in strip.hide()), *entity]),
    ]


def strips_of(model: Model, lowered: Lowered, known: dict[str, Argument]) -> list[Strip]:
    """The strips that the behavior's loops use."""
    low = lowered.lowering
    strips = []
    for look in low.looked:
        columns = {}
        sifted = {name.removeprefix(f"{look}near_") for name in low.context if name.startswith(f"{look}near_")}
        for name in low.context:
            argument = known.get(name.removeprefix(look)) if name.startswith(look) else None
            if argument is not None:
                element = element_type(model, argument)
                columns[name.removeprefix(look)] = f"np.{'bool_' if element == 'boolean' else element}"
        if columns:
            strips.append(Strip(look, columns, frozenset(sifted)))
    return strips


def known_arrays(model: Model) -> dict[str, Argument]:
    """Every array that a kernel may take, by its generated name."""
    known = {}
    for k in range(len(model.kinds)):
        t = model.name(k)
        for f in model.fields[k].values():
            for c in f.columns:
                known[column_name(t, c)] = Argument("column", k, c)
        known.update({column_name(t, c): Argument("column", k, c) for c in SCRATCH})
        if model.is_layer(k):
            known[f"{t}_whole_geometry_"] = Argument("whole_geometry", k)
            columns = [c for f in model.fields[k].values() for c in f.columns]
            known.update({column_name(t, c) + "whole_": Argument("whole", k, c) for c in columns})
        for kind in ("geometry",) if model.is_layer(k) else ("ids", "start", "geometry"):
            known[f"{t}_{kind}_"] = Argument(kind, k)
        for j, a in enumerate(model.axes):
            known[f"{t}_edges_{a}_"] = Argument("edges", k, str(j))
    known.update({name: Argument("static", 0, name) for name in model.statics})
    known.update({f"vacant{k}_": Argument("vacant", k) for k in range(len(model.lattices))})
    known.update(links.arrays(model))
    return known


def _become(lowered: Lowered, one: Become, absorbed: bool, array: Callable[[str, Argument], str]) -> list[str]:
    """Put the entity out as of its new type: named fields, then its own last values, then defaults."""
    low, model, own = lowered.lowering, lowered.lowering.model, lowered.lowering.model.fields[lowered.type]
    lines, values = [], {}
    for f in model.fields[one.type].values():
        code = f"turned_{f.name}_"
        if f.name in one.given:
            value = f"me_{one.given[f.name]}_"
        elif f.name in low.loaded or f.name in low.written:
            value = convert(f, f"me_{f.name}_")
        elif f.name in own and (own[f.name].vector is None) == (f.vector is None) and own[f.name].length == f.length:
            for c in own[f.name].columns:
                array(column_name(model.name(lowered.type), c), Argument("column", lowered.type, c))
            value = convert(f, model.read(lowered.type, f.name, "row_"))
        else:
            value = convert(f, constant(f.default))
        codes = parts(f, code)
        if f.name == "position" and lowered.moves:
            codes = [f"settled{a}_" for a in model.axes]
        else:
            lines.append(f"{code} = {value}")
        values.update({c: stored(f, part) for c, part in zip(f.columns, codes, strict=True)})
    lines += one.outlet.append(low, values, need=False)
    left = " and not left_" if absorbed else ""
    return [f"if status_[9] == {one.number}{left}:", *(f"    {line}" for line in lines)]


def _settle(model: Model, type: int, reach: float, lowered: Lowered, mortal: bool) -> list[str]:
    lines = ["left_ = False"] if mortal else []
    velocity = "velocity" in lowered.lowering.written and turns(model, type)
    quantum = "quantum4_" if model.single(type) else "quantum8_"
    for a, boundary in zip(model.axes, model.sim.box.boundaries, strict=True):
        extra = {"reflect": f", turns{a}_", "absorb": f", left{a}_"}.get(boundary, "")
        lines += [
            f"settled{a}_, fault_{extra} = settle_{boundary}(np.float64(me_position_.{a}), np.float64(s{a}_), "
            f"low_{a}_, high_{a}_, length_{a}_, {quantum}, {constant(reach)})",
            "if fault_ != 0:",
            f"    record(status_, values_, fault_, id_, s{a}_, me_position_.{a}, {constant(reach)}, {a.upper()}_)",
        ]
        if boundary == "absorb":
            lines.append(f"left_ = left_ or left{a}_")
        if boundary == "reflect" and velocity:
            vector = model.fields[type]["velocity"].vector
            assert vector is not None
            parts = [f"-me_velocity_.{b}" if b == a else f"me_velocity_.{b}" for b in model.axes]
            lines += [f"if turns{a}_:", f"    me_velocity_ = {vector.__name__}({', '.join(parts)})"]
    return lines


def _signature(model: Model, lowered: Lowered, arrays: dict[str, Argument]) -> str:
    outlets = [made.spec for made in lowered.lowering.outlets.values()]
    types = ["uint64", "uint64", "int64", "int64[::1]", "float64[::1]", "float64[::1]", "int64[::1]"]
    for argument in arrays.values():
        if argument.kind == "record":
            dtypes = {c.name: c.dtype for c in (COUNT, *outlets[argument.type].columns)}
            types.append(f"{TYPES[dtypes[argument.name]]}[::1]")
            continue
        if argument.kind == "inbox":
            types.append(f"{TYPES[messages.element(model, argument)]}[::1]")
            continue
        types.append(array_type(model, argument))
    return f"void({', '.join(types)})"


def array_type(model: Model, argument: Argument) -> str:
    """numba's name of the type of an array that a kernel takes."""
    element = element_type(model, argument)
    return f"Array({element}, 1, 'C', readonly=True)" if argument.kind == "static" else f"{element}[::1]"


def element_type(model: Model, argument: Argument) -> str:
    """numba's name of the type of an array's elements."""
    if argument.name in SCRATCH:
        return TYPES[SCRATCH[argument.name]]
    if argument.kind in ("column", "out", "tied", "whole") and argument.name != "@id":
        field = model.fields[argument.type][argument.name.split(".")[0]]
        return TYPES[field.dtype]
    if argument.kind == "static":
        return TYPES[model.statics[argument.name].dtype.str]
    return {"start": "uint64", "dead": "uint8", "edges": "float64"}.get(argument.kind, "int64")


# ---- initial entities -------------------------------------------------------------------------------------------


def write_scatter(model: Model, scatter: Scatter, first_id: int) -> Made:
    """Write the kernel that draws entities `first_ .. last_ - 1` of a scatter into rows from 0."""
    type = model.kinds.index(scatter.type)
    t, fields = model.name(type), model.fields[type]
    name = f"scatter{scatter.index}__{t}"
    functions: list[str] = []
    body = [f"id_ = np.int64({first_id}) + np.int64(k_)", "ids_[row_] = id_", "tick_ = np.int64(0)"]
    columns = [c for f in fields.values() for c in f.columns]
    seated, statics = seat_drawn(model, type, scatter) if model.lattice(type) >= 0 else ([], ())
    statics = (*statics, Argument("static", 0, STREAMS))
    for f in fields.values():
        given = scatter.fields.get(f.name)
        result = f"me_{f.name}_"
        stream = f"key_ = {model.stream(t, f'scatter.{scatter.index}.{f.name}')}"
        if callable(given):
            function = f"{name}_{f.name}_"
            text, arguments = _draw_function(model, scatter, f, given, function)
            functions += text
            body += [
                stream,
                "status_[2] = 0",
                f"{result} = {function}({arguments})",
                *([f"{', '.join(f'part{k}_' for k in range(f.length))}, = {result}"] if f.length else []),
                f"{result} = {convert(f, result)}",
            ]
            if "status_" in arguments:  # an element that does not exist
                body += ["if status_[3] != 0:", "    record(status_, values_, status_[3], id_, 0.0, 0.0, 0.0, X_)"]
                body += ["    status_[3] = 0"]
        elif given is not None:
            body.append(f"{result} = {convert(f, _given(scatter, f, given))}")
        elif f.name == "position" and seated:
            body += seated
        elif f.name == "position":
            each = [f"low_{a}_ + length_{a}_ * uniform(key_, id_, tick_, {a.upper()}_)" for a in model.axes]
            assert f.vector is not None
            body += [
                stream,
                f"{result} = {convert(f, f'Vec{model.dim}({chr(44).join(each)})')}",
            ]
        else:
            body.append(f"{result} = {convert(f, constant(f.default))}")
        if f.name == "position" and not (seated and given is None):
            body += [*_placed(model, type, default=given is None), *seated]
        for c, part in zip(f.columns, parts(f, result), strict=True):
            code = f"settled{c[-1]}_" if f.name == "position" else part
            body.append(f"{column_name(t, c)}[row_] = {stored(f, code)}")
    elements = [TYPES[f.dtype] for f in fields.values() for _ in f.columns]
    signature = ", ".join(
        ["uint64", "uint64", "int64[::1]", "float64[::1]", "float64[::1]", "int64[::1]", "int64[::1]"]
        + [*(f"{e}[::1]" for e in elements), *(array_type(model, s) for s in statics)]
    )
    names = ["first_", "last_", "status_", "values_", "reals_", "integers_", "ids_"]
    names += [*(column_name(t, c) for c in columns), *(s.name for s in statics)]
    lines = functions + [
        f"@kernel_({f'void({signature})'!r})",
        f"def {name}({', '.join(names)}):",
        "    for k_ in range(first_, last_):",
        "        row_ = k_ - first_",
        *(f"        {line}" for line in body),
    ]
    return Made(name, lines, statics)


def _placed(model: Model, type: int, default: bool) -> list[str]:
    lines = []
    quantum = "quantum4_" if model.single(type) else "quantum8_"
    for a, boundary in zip(model.axes, model.sim.box.boundaries, strict=True):
        p = f"at_edge(np.float64(me_position_.{a}), low_{a}_, high_{a}_, edge_{a}_)"
        if default and boundary != "periodic":  # rounding may put the last draw on the far edge, never beyond
            p = f"min({p}, high_{a}_)"
        settle = "periodic" if boundary == "periodic" else "strict"
        lines += [
            f"settled{a}_, fault_ = "
            f"settle_{settle}({p}, low_{a}_, low_{a}_, high_{a}_, length_{a}_, {quantum}, np.inf)",
            "if fault_ != 0:",
            f"    record(status_, values_, 7 if fault_ == 3 else fault_, id_, low_{a}_, {p}, high_{a}_, {a.upper()}_)",
        ]
    return lines


def _draw_function(
    model: Model, scatter: Scatter, f: Field, given: Callable[..., Any], name: str
) -> tuple[list[str], str]:
    source = FunctionSource(given)
    if len(source.arguments) != 1:
        raise source.error(
            source.node,
            f"the function for {scatter.type.__name__}.{f.name} takes {len(source.arguments)} arguments; it takes one",
            "It is called with the draw of one entity.",
            "Write lambda rng: rng.uniform(0, 1).",
        )
    low = Lowering(model, source, None, source.arguments[0])
    low.function_return = marked_return
    low.body()
    if low.flow.falls_through or not low.returns:
        raise source.error(
            source.node, "this function returns nothing", "There is no value.", "Return one on every path."
        )
    refuse_tables(model, low, source)
    model.sources[name] = source
    lines = finish_returns(low.out, [], True)
    arguments = ", ".join(low.context)
    return [INNER, f"def {name}({arguments}):", *lines], arguments


def _given(scatter: Scatter, f: Field, given: Any) -> str:
    vectors = {2: (Vec2, Vec2f), 3: (Vec3, Vec3f)}
    if f.length:
        given = (given,) * f.length if np.ndim(given) == 0 else tuple(given)
        if len(given) != f.length:
            raise ModelError(
                f"scatter({scatter.type.__name__}, {f.name}=...) was given {len(given)} values; {f.name} has "
                f"{f.length} elements.\n"
                f"Some would have no value.\n"
                f"Give {f.length} values, one value for all of them, or a function of the draw."
            )
        return constant(given)
    if f.vector is not None and isinstance(given, (tuple, list, np.ndarray)):
        given = f.vector(*given)
    try:
        code = constant(given)
    except NotConstant as cause:
        raise ModelError(
            f"scatter({scatter.type.__name__}, {f.name}={given!r}) was asked for; that is {cause}.\n"
            f"A field of drawn entities is a constant or a function of the draw.\n"
            f"Write {f.name}=lambda rng: rng.uniform(0, 1), or use sim.add for arrays."
        ) from None
    is_vector = isinstance(given, tuple(v for pair in vectors.values() for v in pair))
    if is_vector != (f.vector is not None) or (is_vector and not isinstance(given, vectors[len(f.columns)])):
        raise ModelError(
            f"scatter({scatter.type.__name__}, {f.name}={given!r}) was asked for; the field is "
            f"{f.vector.__name__ if f.vector else f.kind}.\n"
            f"The value does not fit it.\n"
            f"Give {f.name} a value of that type."
        )
    return code
