"""Kernels over the cells of a layer: behaviors, diffusion, initial values."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from partitions.program import Act, Argument, Filled, Phase
from weaver.compiler.births import parts, stored
from weaver.compiler.columns import refuse_tables
from weaver.compiler.constants import constant
from weaver.compiler.helper import finish_returns, marked_return
from weaver.compiler.lower import Lowering
from weaver.compiler.model import STREAMS, Model, column_name, convert
from weaver.compiler.source import FunctionSource
from weaver.field import Field
from weaver.parameter import Parameter
from weaver.random import DRAWS
from weaver.turns import Diffusion


def cell_head(model: Model, type: int, geometry: str) -> list[str]:
    """Lines that say which cell `row_` is: its id, centre and index; what a behavior does not use costs nothing."""
    t = model.name(type)
    lines = []
    for k, a in enumerate(model.axes):
        lines.append(f"index{a}_ = np.int64(cell{a}_ - rim{a}_) + {geometry}[{10 + k}]")
        edges = f"{t}_edges_{a}_"
        lines.append(f"s{a}_ = 0.5 * ({edges}[np.uintp(index{a}_)] + {edges}[np.uintp(index{a}_ + 1)])")
    number = f"index{model.axes[-1]}_"
    for a in reversed(model.axes[:-1]):
        number = f"({number} * {t}_cells_{a}_ + index{a}_)"
    return [*lines, f"id_ = {number}"]


def cell_loops(
    model: Model, type: int, geometry: str, body: list[str], ends: bool, resumed: bool = False,
    inside_body: list[str] | None = None,
) -> list[str]:  # fmt: skip
    """The loops over the own cells [first_, last_).

    Args:
        model: the program.
        type: index of the layer.
        geometry: name of the array.
        body: what is done with a cell.
        ends: the body asks where neighbours end (`fromx_`, `tox_`, ...), for the axes that are not periodic. It stands
            twice then: for cells inside the world, where these are constants, and for those at its ends.
        resumed: the kernel may end before all are done and be called again, so cells are taken in their order.
        inside_body: another text of the same for cells inside the world (`weaver.compiler.narrow`).
    """
    t = model.name(type)
    open_axes = [a for a, b in zip(model.axes, model.sim.box.boundaries, strict=True) if b != "periodic"]
    line = "(cellz_ * {t}_ey_ + celly_)" if model.dim == 3 else "celly_"
    lines = [
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
        "    x0_, x1_ = x0_ + rimx_, x1_ + rimx_",
    ]
    if model.dim == 3:
        lines += ["    layer_ = line_ // owny_", "    celly_, cellz_ = line_ - layer_ * owny_ + rimy_, layer_ + rimz_"]
    else:
        lines.append("    celly_ = line_ + rimy_")
    lines.append(f"    base_ = {line.format(t=t)} * {t}_ex_")

    def over(first: str, end: str, constants: bool, depth: str) -> list[str]:
        head = [f"for cellx_ in range({first}, {end}):", "    row_ = base_ + cellx_", "    here_ = row_"]
        for a in open_axes if ends else ():
            if constants:
                head.append(f"    from{a}_, to{a}_ = ZERO_, THREE_")
            elif a == "x":
                head += [f"    {row}" for row in _ends(t, geometry, 0, "x")]
        lines = inside_body if constants and inside_body is not None else body
        return [f"{depth}{row}" for row in [*head, *(f"    {row}" for row in lines)]]

    if not ends or not open_axes:
        return [*lines, *over("x0_", "x1_", True, "    ")]
    inside = []
    for k, a in enumerate(model.axes[1:], start=1):
        if a in open_axes:
            lines += [f"    {row}" for row in _ends(t, geometry, k, a)]
            inside.append(f"from{a}_ == ZERO_ and to{a}_ == THREE_")
    if resumed:
        return [*lines, *over("x0_", "x1_", False, "    ")]
    lines.append("    in0_, in1_ = x0_, x1_")
    if "x" in open_axes:  # the first and last cell of the world's line
        last = f"{t}_cells_x_ - 1 - {geometry}[10]"
        lines += [
            f"    if {geometry}[10] == 0 and in0_ == rimx_:",
            "        in0_ += ONE_",
            f"    if np.int64(x1_ - rimx_) > {last}:",
            "        in1_ -= ONE_",
            "    in1_ = max(in0_, in1_)",
        ]
    if inside:
        lines += [f"    if not ({' and '.join(inside)}):", "        in0_ = in1_ = x1_"]
    lines += over("in0_", "in1_", True, "    ")
    y_ends = [row for k, a in enumerate(model.axes[1:], start=1) if a in open_axes for row in _ends(t, geometry, k, a)]
    lines += ["    for side_ in range(2):", *(f"        {row}" for row in y_ends)]
    lines += ["        a_, b_ = (x0_, in0_) if side_ == 0 else (in1_, x1_)", *over("a_", "b_", False, "        ")]
    return lines


def _ends(t: str, geometry: str, k: int, a: str) -> list[str]:
    """Lines that find where the neighbours of a cell begin and end along an axis: at 0 or 1, and 2 or 3."""
    number = f"np.int64(cell{a}_ - rim{a}_) + {geometry}[{10 + k}]"
    return [
        f"from{a}_ = ONE_ if {number} == 0 else ZERO_",
        f"to{a}_ = TWO_ if {number} == {t}_cells_{a}_ - 1 else THREE_",
    ]


# ---- diffusion --------------------------------------------------------------------------------------------------


def diffusion_phase(model: Model, turn: Diffusion) -> tuple[Phase, str, list[str]]:
    """A diffusion as a phase: (phase, name of its kernel, text)."""
    type = model.kinds.index(turn.layer)
    t, f = model.name(type), model.fields[type][turn.field]
    old, new, geometry = column_name(t, turn.field), column_name(t, turn.field) + "out_", f"{t}_geometry_"
    name = f"diffuse__{t}_{turn.field}"
    arguments = (
        Argument("geometry", type),
        Argument("column", type, turn.field),
        Argument("out", type, turn.field),
    )
    element = {"<f8": "float64", "<f4": "float32"}[f.dtype]
    types = ["uint64", "uint64", "int64", "int64[::1]", "float64[::1]", "float64[::1]", "int64[::1]", "int64[::1]"]
    signature = f"void({', '.join([*types, f'{element}[::1]', f'{element}[::1]'])})"
    dt, resolution = constant(model.sim.dt), constant(turn.layer.__resolution__)
    rate, decay = (
        model.parameter(v) if isinstance(v, Parameter) else constant(float(v)) for v in (turn.rate, turn.decay)
    )
    clean = "clean4" if element == "float32" else "clean8"
    periodic = [b == "periodic" for b in model.sim.box.boundaries]
    prologue = [
        f"{t}_ex_, {t}_ey_ = np.uintp({geometry}[1]), np.uintp({geometry}[2])",
        f"c_ = {rate} * {dt} / ({resolution} * {resolution})",
        f"d_ = math.exp(-{decay} * {dt})",
    ]
    strides = [("x", "ONE_"), ("y", f"{t}_ex_"), ("z", f"{t}_ex_ * {t}_ey_")][: model.dim]
    before: list[str] = []
    after: list[str] = []
    for (a, stride), around in zip(strides, periodic, strict=True):
        low, high = f"row_ - {stride}", f"row_ + {stride}"
        if not around:  # a neighbour that does not exist is the cell itself, from which nothing flows
            low, high = f"row_ - {stride} * (ONE_ - from{a}_)", f"row_ + {stride} * (to{a}_ - TWO_)"
        before.insert(0, f"s_ += np.float64({old}[{low}]) - f_")
        after.append(f"s_ += np.float64({old}[{high}]) - f_")
    body = [
        f"f_ = np.float64({old}[row_])",
        "s_ = 0.0",
        *before,
        *after,
        f"{new}[row_] = {clean}((f_ + c_ * s_) * d_)",
    ]
    head = ["first_", "last_", "tick_", "status_", "values_", "reals_", "integers_", geometry, old, new]
    text = [
        f"# diffusion of {t}.{turn.field}; strict: its sums have the order of the language in every mode",
        f"@strict_kernel_({signature!r})",
        f"def {name}({', '.join(head)}):",
        *(f"    {row}" for row in [*prologue, *cell_loops(model, type, geometry, body, ends=True)]),
    ]
    act = Act(type, name, arguments, (turn.field,), (turn.field,), False, False)
    phase = Phase(turn.name, turn.every, turn.at, (act,), {type: (turn.field,)}, (type,), 0.0)
    return phase, name, text


# ---- initial values ---------------------------------------------------------------------------------------------


def write_fill(model: Model, type: int) -> tuple[Filled, list[str]]:
    """The initial values of a layer, and the text of the kernel that computes them."""
    layer = model.kinds[type]
    t, name = model.name(type), f"fill__{model.name(type)}"
    given: dict[str, Any] = {}
    for raster in model.sim.rasters:
        if raster.layer is layer:
            given.update(raster.fields)
    arrays: dict[str, np.ndarray[Any, Any]] = {}
    functions: list[str] = []
    body, columns = ["tick_ = np.int64(0)"], []
    for f in model.fields[type].values():
        value = given.get(f.name)
        if value is not None and not callable(value) and np.ndim(value) >= model.dim:
            arrays.update(_flat(f, np.asarray(value), model.dim))
            continue
        columns += [(f, c) for c in f.columns]
        if callable(value):
            function = f"{name}_{f.name}_"
            text, arguments = _cell_function(model, type, f, value, function)
            functions += text
            body += [
                f"key_ = {model.stream(t, f'layer.{f.name}')}",
                "status_[2] = 0",
                f"value_ = {convert(f, f'{function}({arguments})')}",
            ]
            if "status_" in arguments:
                body += ["keep_blame(status_, values_, id_)", f"if status_[2] > {DRAWS}:"]
                body += ["    record(status_, values_, np.int64(5), id_, sx_, sy_, 0.0, X_)"]
            codes = parts(f, "value_")
        else:
            flat = np.ravel(_components(f) if value is None else value)
            codes = [constant(v.item()) for v in flat]
        for c, code in zip(f.columns, codes, strict=True):
            body.append(f"{column_name(t, c)}[row_] = {stored(f, code)}")
    geometry = f"{t}_geometry_"
    edges = [f"{t}_edges_{a}_" for a in model.axes]
    from weaver.compiler.kernel import TYPES, array_type

    types = ["uint64", "uint64", "int64", "int64[::1]", "float64[::1]", "float64[::1]", "int64[::1]", "int64[::1]"]
    types += ["float64[::1]" for _ in edges] + [f"{TYPES[f.dtype]}[::1]" for f, _ in columns]
    streams = Argument("static", 0, STREAMS)
    types.append(array_type(model, streams))
    signature = f"void({', '.join(types)})"
    names = ["first_", "last_", "tick_", "status_", "values_", "reals_", "integers_", geometry, *edges]
    names += [*(column_name(t, c) for _, c in columns), streams.name]
    prologue = [f"{t}_ex_, {t}_ey_ = np.uintp({geometry}[1]), np.uintp({geometry}[2])"]
    cells = cell_loops(model, type, geometry, [*cell_head(model, type, geometry), *body], ends=False)
    lines = [
        *functions,
        f"@kernel_({signature!r})",
        f"def {name}({', '.join(names)}):",
        *(f"    {row}" for row in [*prologue, *cells]),
    ]
    return Filled(type, name, tuple(c for _, c in columns), arrays, (streams.name,)), lines


def _components(f: Field) -> list[Any]:
    return [f.default] if f.vector is None and not f.length else list(f.default)


def _flat(f: Field, value: np.ndarray[Any, Any], dim: int) -> Mapping[str, np.ndarray[Any, Any]]:
    """Columns of a whole-world array, (cells,) each."""
    cells = math.prod(value.shape[:dim])
    flat = value.reshape(cells, -1)
    result = {}
    for k, c in enumerate(f.columns):
        column = np.ascontiguousarray(flat[:, k], f.dtype)
        if column.dtype.kind == "f" and np.isnan(column).any():
            column = np.where(np.isnan(column), np.array(np.nan, column.dtype), column)
        result[c] = column
    return result


def _cell_function(model: Model, type: int, f: Field, given: Callable[..., Any], name: str) -> tuple[list[str], str]:
    """Text of a function of the cell, and of its arguments."""
    from weaver.compiler.kernel import INNER

    source, t = FunctionSource(given), model.name(type)
    if len(source.arguments) != 1:
        raise source.error(
            source.node,
            f"the function for {t}.{f.name} takes {len(source.arguments)} arguments; it takes one",
            "It is called with one cell.",
            "Write lambda cell: cell.position.x.",
        )
    cell = source.arguments[0]
    low = Lowering(model, source, (cell, type), cell)
    low.function_return = marked_return
    low.body()
    if low.flow.falls_through or not low.returns:
        raise source.error(
            source.node, "this function returns nothing", "There is no value.", "Return one on every path."
        )
    if low.loaded or low.looked or low.cells:
        raise source.error(
            source.node,
            f"the function for {t}.{f.name} asks for more than the cell and its random numbers",
            "It is called before there are values or entities.",
            "Use cell.position, cell.index, cell.id and words like cell.random(), cell.uniform(low, high).",
        )
    refuse_tables(model, low, source)
    model.sources[name] = source
    arguments = ", ".join(low.context)
    return [INNER, f"def {name}({arguments}):", *finish_returns(low.out, [], True)], arguments
