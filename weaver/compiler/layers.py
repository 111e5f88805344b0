"""Words on layers: `around`, `beside`, `at`, `gradient`, and what is read of a cell.

A row of a layer is the number of a cell in a partition's box and rim, so a neighbour is a row at a fixed distance.
"""

from __future__ import annotations

import ast
from collections.abc import Callable
from typing import TYPE_CHECKING

from weaver.compiler.constants import constant
from weaver.compiler.model import WHOLE, Ref, column_name
from weaver.entity import Layer

if TYPE_CHECKING:
    from weaver.compiler.expression import Expressions
    from weaver.compiler.scope import Scope

BUILT_IN = ("id", "position", "index")
"""What every cell has beside its fields."""


def own_built_in(low: Scope, name: str) -> str:
    """Text of `me.id`, `me.position` or `me.index` in a behavior of a layer."""
    if name == "id":
        return low.need("id_")
    parts = ", ".join(low.need(f"{'s' if name == 'position' else 'index'}{a}_") for a in low.model.axes)
    return f"Vec{low.model.dim}({parts})" if name == "position" else f"({parts})"


def read_built_in(low: Scope, type: int, name: str, row: str) -> str:
    """Text of the id, position or index of another cell."""
    model, t = low.model, low.model.name(type % WHOLE)
    geometry = low.need(f"{model.arrays_of(type)}_geometry_")
    if name == "id":
        shape = ", ".join(f"{t}_cells_{a}_" if a in model.axes else "1" for a in "xyz")
        return f"cell_id({row}, {geometry}, {shape})"
    numbers = [f"cell_along({row}, {k}, {geometry})" for k, _ in enumerate(model.axes)]
    if name == "index":
        return f"({', '.join(f'{number} % {t}_cells_{a}_' for number, a in zip(numbers, model.axes, strict=True))})"
    centres = [
        f"centre_of({number}, {low.need(f'{t}_edges_{a}_')}, length_{a}_)"
        for number, a in zip(numbers, model.axes, strict=True)
    ]
    return f"Vec{model.dim}({', '.join(centres)})"


def read_whole(low: Scope, type: int, node: ast.Attribute, row: str, element: int | None) -> str:
    """Text of a field of a cell in a worker's whole copy of a layer."""
    model, layer, t = low.model, type - WHOLE, low.model.name(type - WHOLE)
    if node.attr not in model.fields[layer]:
        low.unknown(node, layer)
    low.cells.setdefault((layer, "whole"))
    low.wholes.setdefault((layer, node.attr))
    at = f"np.uintp({read_built_in(low, type, 'id', row)})"
    code = model.read(layer, node.attr, at, element)
    for c in model.fields[layer][node.attr].columns:
        name = column_name(t, c)
        if f"{name}[" in code:
            code = code.replace(f"{name}[", f"{low.need(name + 'whole_')}[")
    return code


def layer_of(low: Scope, node: ast.Call, word: str) -> int:
    """Type index of the layer that a word names first.

    Raises:
        BehaviorError: it names none.
    """
    kind = node.args[0] if node.args else next((k.value for k in node.keywords if k.arg == "layer"), None)
    value = low.outside(kind) if kind is not None else None
    if not (isinstance(value, type) and issubclass(value, Layer)):
        low.fail(
            node,
            f"world.{word} names no layer first",
            "It gives to a cell of one layer." if word == "deposit" else "It reads a cell of one layer.",
            f"Write world.{word}(Grass, {low.me or 'me'}.position"
            + {"gradient": ', "level").', "deposit": ", level=1.0)."}.get(word, "), Grass being a class of wv.Layer."),
        )
    return low.model.kinds.index(low.kinds_of(kind)[0])  # type: ignore[arg-type]


def bind(low: Scope, node: ast.Call, word: str, names: tuple[str, ...]) -> dict[str, ast.expr]:
    """Arguments by name; all are needed.

    Raises:
        BehaviorError: one is missing or not known.
    """
    bound = dict(zip(names, node.args, strict=False))
    bound.update({k.arg: k.value for k in node.keywords if k.arg})
    if set(bound) != set(names) or len(node.args) + len(node.keywords) != len(names):
        low.fail(
            node,
            f"world.{word} is called with other arguments than it has",
            f"It takes ({', '.join(names)}), each once.",
            f"Write world.{word}({', '.join(names)}) with these.",
        )
    return bound


# ---- one cell ---------------------------------------------------------------------------------------------------


def cell_at(low: Expressions, node: ast.Call) -> Ref:
    """Emit what finds the cell of `world.at(Layer, place)`; a reference that is never None."""
    type = layer_of(low, node, "at")
    place = bind(low, node, "at", ("layer", "position"))["position"]
    seen = low.model.seen_at(type)
    low.cells.setdefault((type, "at" if seen == type else "whole"))
    return Ref((seen,), _row_at(low, seen, place), loop=True)


def _row_at(low: Expressions, type: int, place: ast.expr) -> str:
    """Emit the row of the cell of a layer that holds a place within reach; its name."""
    model, t, row = low.model, low.model.arrays_of(type), low.temporary("cell")
    if _is_start(low, place) and type == low.me_type:
        low.emit(f"{row} = np.uintp({low.need('row_')})")
        return row
    same = type < WHOLE and _is_start(low, place) and _alike(low, type)
    if not same:
        numbers_of(low, type, place, row)
    code = ""
    for a in reversed(model.axes):
        rim, e = low.need(f"{t}_rim_{a}_"), low.need(f"{t}_e{a}_")
        if same:
            local = f"{low.need(f'cell{a}_')} - {low.need(f'rim{a}_')} + np.uintp({rim})"
        else:
            local = f"np.uintp({row}{a}_ - {low.need(f'{t}_first_{a}_')} + {rim})"
        code = f"({code} * {e} + {local})" if code else f"({local})"
    low.emit(f"{row} = {code}")
    return row


def _alike(low: Expressions, type: int) -> bool:
    """Whether `me` is a cell of a layer whose cells are the same."""
    return low.model.is_layer(low.me_type) and low.model.resolution(type) == low.model.resolution(low.me_type)


def id_at(low: Expressions, type: int, place: ast.expr) -> tuple[str, str]:
    """Emit the id of the cell that holds a place within reach; (text, whether the place is lost, which may be "")."""
    if _is_start(low, place) and low.me is not None and _alike(low, type):
        return low.need("id_"), ""
    stem, model, t = low.temporary("cell"), low.model, low.model.name(type)
    lost = numbers_of(low, type, place, stem)
    code = ""
    for a, boundary in reversed(list(zip(model.axes, model.sim.box.boundaries, strict=True))):
        number = f"{stem}{a}_ % {t}_cells_{a}_" if boundary == "periodic" else f"{stem}{a}_"
        code = f"({code} * {t}_cells_{a}_ + {number})" if code else f"({number})"
    low.emit(f"{stem} = {code}")
    return stem, lost


def numbers_of(low: Expressions, type: int, place: ast.expr, stem: str) -> str:
    """Emit `<stem>x_`, ...: the numbers of the cell that holds a place, beyond a seam counted on.

    Returns:
        Text of whether the place lies beyond an absorbing end; "" if it cannot.
    """
    model, t, held = low.model, low.model.name(type % WHOLE), low.temporary("place")
    reach = "np.inf" if type >= WHOLE else low.need("reach_")
    still, lost = _is_start(low, place), []
    if not still:
        low.emit(f"{held} = {_place(low, place)}")
    for k, (a, boundary) in enumerate(zip(model.axes, model.sim.box.boundaries, strict=True)):
        s, p = low.need(f"s{a}_"), f"{held}{a}_"
        if still:
            low.emit(f"{p} = np.float64({s})")
        else:
            limits = f"low_{a}_, high_{a}_, length_{a}_, quantum8_, {reach}"
            low.emit(f"{p}, {p}far_ = place_{boundary}(np.float64({held}.{a}), np.float64({s}), {limits})")
            low.emit(f"if {p}far_ != 0:")
            blame = f"{low.need('status_')}, {low.need('values_')}, {p}far_, {s}, {held}.{a}, {reach}, {k}"
            low.emit(f"    blame({blame})")
            if boundary == "absorb":
                lost.append(f"is_beyond(np.float64({held}.{a}), low_{a}_, high_{a}_, quantum8_)")
        edges = low.need(f"{t}_edges_{a}_")
        if boundary == "periodic":
            number = f"cell_around({p}, low_{a}_, high_{a}_, length_{a}_, {t}_per_{a}_, {edges})"
        else:
            number = f"cell_of({p}, low_{a}_, {t}_per_{a}_, {edges})"
        low.emit(f"{stem}{a}_ = {number}")
    return " or ".join(lost)


def _place(low: Expressions, node: ast.expr) -> str:
    """Text of a place: a vector, or the position of an entity or cell."""
    if isinstance(node, ast.Name) and node.id == low.me:
        return low.value(ast.copy_location(ast.Attribute(node, "position", ast.Load()), node))
    ref = low.reference(node)
    if ref is not None:
        return low.read_other(ast.copy_location(ast.Attribute(node, "position", ast.Load()), node), ref)
    return low.value(node)


def _is_start(low: Expressions, node: ast.expr) -> bool:
    """Whether a place is surely where `me` stood when the behavior began, which lies in the box and within reach."""
    if isinstance(node, ast.Attribute) and node.attr == "position":
        node = node.value
    if not (isinstance(node, ast.Name) and node.id == low.me and low.is_behavior):
        return False
    if low.model.is_layer(low.me_type):
        return True
    for n in ast.walk(low.source.node):
        if isinstance(n, ast.Attribute) and n.attr == "position" and isinstance(n.ctx, ast.Store):
            return False
        if isinstance(n, ast.Call) and not low.world_word(n) and low.writes_me(n):
            return False  # a helper may move me
    return True


# ---- the cells around one ---------------------------------------------------------------------------------------


def walk_cells(low: Expressions, target: ast.expr, call: ast.Call, body: Callable[[], None], flag: str | None) -> None:
    """Emit the loops over the cells around one, `target` being the neighbour; `body` emits what is done with it.

    All loops go over 0, 1, 2 along an axis, less where the world ends. Where it does not, which the kernel knows of
    whole lines of cells, the bounds are constants, and the compiler unrolls the loops to rows at fixed distances.

    Args:
        low: where to.
        target: the author's name of the neighbour.
        call: the call of `around` or `beside`.
        body: called once, to emit at the right depth.
        flag: name that is True once the loops must end.
    """
    if not isinstance(target, ast.Name):
        low.fail(target, "a cell is unpacked", "It is one cell.", "Write `for cell in world.around(me):`.")
    word, name = low.world_word(call), target.id
    assert word is not None
    type, row, bounds = _centre(low, call, word)
    model, t = low.model, low.model.arrays_of(type)
    low.cells.setdefault((type, word) if type < WHOLE else (type - WHOLE, "whole"))
    depth, n = low.depth, low.temporary("")[:-1]
    steps = [f"{a}{n}_" for a in model.axes]
    for a, step in reversed(list(zip(model.axes, steps, strict=True))):
        low.emit(f"for {step} in range({bounds[a][0]}, {bounds[a][1]}):")
        low.depth += 1
    centre = " & ".join(f"({step} == ONE_)" for step in steps)
    if word == "around":
        low.emit(f"if {centre}:")
    else:
        sides = " + ".join(f"({step} != ONE_)" for step in steps)
        low.emit(f"if {sides} != 1:")
    low.emit("    continue")
    far, back = steps[-1], "ONE_"
    for a, step in reversed(list(zip(model.axes[:-1], steps[:-1], strict=True))):
        e = low.need(f"{t}_e{a}_")
        far, back = f"({far} * {e} + {step})", f"({back} * {e} + ONE_)"
    j = f"j{n}_"
    low.emit(f"{j} = {row} + {far} - {back}")
    before = low.refs.get(name)
    low.refs[name] = Ref((type,), j, loop=True)
    body()
    low.depth = depth + len(steps)
    low.refs.pop(name, None)
    if before is not None:
        low.refs[name] = before
    if flag is not None:
        for _ in steps[1:]:
            low.depth -= 1
            low.emit(f"if {flag}:")
            low.emit("    break")
    low.depth = depth


def _centre(low: Expressions, call: ast.Call, word: str) -> tuple[int, str, dict[str, tuple[str, str]]]:
    """(layer, row, per axis the bounds of the loop) of the cell whose neighbours are asked for."""
    node = bind(low, call, word, ("cell",))["cell"]
    model = low.model
    if isinstance(node, ast.Name) and node.id == low.me and model.is_layer(low.me_type):
        bounds = {}
        for a, boundary in zip(model.axes, model.sim.box.boundaries, strict=True):
            ends = ("ZERO_", "THREE_")
            bounds[a] = ends if boundary == "periodic" else (low.need(f"from{a}_"), low.need(f"to{a}_"))
        return low.me_type, low.need("row_"), bounds
    ref = cell_at(low, node) if isinstance(node, ast.Call) and low.world_word(node) == "at" else low.reference(node)
    if ref is None or not all(model.is_layer(t) for t in ref.types) or len(ref.types) > 1:
        low.fail(
            node,
            f"world.{word} is asked for what is around {ast.unparse(node)!r}",
            "Only a cell of a layer has cells around it.",
            f"Write world.{word}(world.at(Grass, {low.me or 'me'}.position)), or world.near(...) for entities.",
        )
    if isinstance(node, ast.Name) and node.id in low.refs:
        low.fail(
            node,
            f"world.{word} is asked for what is around {ast.unparse(node)!r}, itself a neighbour",
            "Partitions see one cell beyond those within reach.",
            f"Take a cell that world.at gave: world.{word}(world.at(Grass, place)), the place within reach.",
        )
    type = ref.types[0]
    row = low.temporary("centre")
    low.emit(f"{row} = np.uintp({low.row(ref)})")
    return type, row, ends_of(low, type, row)


def ends_of(low: Expressions, type: int, row: str) -> dict[str, tuple[str, str]]:
    """Emit, for each axis that ends, from where to where the neighbours of a row exist: 0 or 1, 2 or 3."""
    model, t = low.model, low.model.name(type % WHOLE)
    geometry = low.need(f"{model.arrays_of(type)}_geometry_")
    bounds = {}
    for k, (a, boundary) in enumerate(zip(model.axes, model.sim.box.boundaries, strict=True)):
        bounds[a] = ("ZERO_", "THREE_")
        if boundary != "periodic":
            bounds[a] = (f"{row}from{a}_", f"{row}to{a}_")
            low.emit(f"{row}{a}_ = cell_along({row}, {k}, {geometry})")
            low.emit(f"{row}from{a}_ = ONE_ if {row}{a}_ <= 0 else ZERO_")
            low.emit(f"{row}to{a}_ = TWO_ if {row}{a}_ >= {t}_cells_{a}_ - 1 else THREE_")
    return bounds


def gradient(low: Expressions, node: ast.Call) -> str:
    """`world.gradient(Layer, place, "field")` as a value."""
    type = layer_of(low, node, "gradient")
    bound = bind(low, node, "gradient", ("layer", "position", "field"))
    model, t = low.model, low.model.name(type)
    name = bound["field"].value if isinstance(bound["field"], ast.Constant) else None
    f = model.fields[type].get(name) if isinstance(name, str) else None
    if f is None or f.vector is not None or f.length:
        numbers = [n for n, g in model.fields[type].items() if g.vector is None and not g.length]
        low.fail(
            node,
            f"world.gradient is asked for {ast.unparse(bound['field'])} of {t}",
            f"It takes the name of a field of one number, written out: {', '.join(numbers) or 'there is none'}.",
            f'Write world.gradient({t}, {low.me or "me"}.position, "{numbers[0] if numbers else "level"}").',
        )
    seen = model.seen_at(type)
    low.cells.setdefault((type, "gradient" if seen == type else "whole"))
    row = _row_at(low, seen, bound["position"])
    parts, stride = [], "ONE_"
    ends = ends_of(low, seen, row)
    field = ast.copy_location(ast.Attribute(bound["layer"], str(name), ast.Load()), node)
    for a in model.axes:
        first, end = ends[a]
        resolution = constant(model.resolution(type))
        low.emit(f"{row}low{a}_ = {row} - {stride} * (ONE_ - {first})")
        low.emit(f"{row}high{a}_ = {row} + {stride} * ({end} - TWO_)")
        sides = f"np.int64({end} - {first} - ONE_)"
        low_value, high_value = (
            low.read_other(field, Ref((seen,), f"{row}{way}{a}_", loop=True)) for way in ("low", "high")
        )
        parts.append(f"slope({low_value}, {high_value}, {sides}, {resolution})")
        e = low.need(f"{model.arrays_of(seen)}_e{a}_")
        stride = f"{stride} * {e}" if stride != "ONE_" else e
    result = low.temporary("slope")
    low.emit(f"{result} = Vec{model.dim}({', '.join(parts)})")
    return result
