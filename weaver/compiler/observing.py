"""Observations as kernels: the value of each entity that counts; and `world.observed` as text."""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from partitions.program import Argument, Observed
from partitions.sums import Statistic
from weaver.compiler.helper import finish_returns, marked_return
from weaver.compiler.model import Model, Ref, column_name
from weaver.compiler.source import UNBOUND, FunctionSource
from weaver.errors import ModelError
from weaver.field import VECTORS
from weaver.observation import Observation
from weaver.vector import polar

if TYPE_CHECKING:
    from weaver.compiler.expression import Expressions

_TO_VECTORS = ("normalized", "clamped", "rotated")
_ANSWERS = ("sum", "mean")
_CLASSES = tuple(VECTORS)


def observed(low: Expressions, node: ast.Call) -> str:
    """Text of `world.observed("name")`: a slot behind the parameters, which all workers fill with the same sample."""
    values = [*node.args, *(k.value for k in node.keywords if k.arg == "name")]
    name = values[0].value if values and isinstance(values[0], ast.Constant) else None
    if len(values) == 1 and name is None and low.outside(values[0]) is not UNBOUND:
        name = low.outside(values[0])
    known = {one.name: one for one in low.model.sim.observations}
    if len(values) != 1 or name not in known:
        low.fail(
            node,
            f"{ast.unparse(node)} is asked for; it takes the name of an observation: {', '.join(known) or 'none is'}",
            "There is no sample of that name.",
            'Declare sim.observe("burning", Tree, "count", where=...) and write world.observed("burning").',
        )
    statistic = statistic_of(low.model, known[name])
    if statistic.how == "histogram":
        low.fail(
            node,
            f"the histogram {name!r} is read in a behavior",
            "Behaviors read numbers and vectors.",
            "Observe what you need of it as a count with where=….",
        )
    slots = slots_of(low.model, name, statistic)
    array = low.need("integers_" if statistic.whole else "reals_")
    texts = [f"{array}[{k}]" for k in slots]
    return f"Vec{statistic.size}({', '.join(texts)})" if statistic.vector else texts[0]


def slots_of(model: Model, name: str, statistic: Statistic) -> tuple[int, ...]:
    """Where kernels find a sample: behind the parameters of its kind, given out at the first use."""
    if name not in model.observed:
        parameters = model.integers if statistic.whole else model.reals
        taken = sum(len(slots) for whole, slots in model.observed.values() if whole == statistic.whole)
        first = len(parameters) + taken
        model.observed[name] = (statistic.whole, tuple(range(first, first + statistic.size)))
    return model.observed[name][1]


def statistic_of(model: Model, one: Observation) -> Statistic:
    """What an observation makes of its values.

    Raises:
        ModelError: it takes something else than the sum or mean of vectors, or an array as a whole.
    """
    type = model.kinds.index(one.type)
    if one.what is None or one.how == "count":
        return Statistic("count")
    if not isinstance(one.what, str):
        size = model.dim if _gives_vector(model, type, FunctionSource(one.what)) else 1
        return _checked(one, Statistic(one.how, size, size > 1, False, one.bins))
    if one.what == "id":
        return Statistic(one.how, integer=True, bins=one.bins)
    name, _, component = one.what.partition(".")
    f = model.fields[type].get(name)
    if f is None or (component and one.what not in f.columns):
        raise ModelError(
            f"observation {one.name!r} takes the {one.how} of {one.what!r}, which {one.type.__name__} does not have "
            f"in a field.\n"
            f"There is no value to take.\n"
            f"Write a function: lambda one: one.{one.what}."
        )
    if f.length and not component:
        raise ModelError(
            f"observation {one.name!r} takes the {one.how} of the array {one.what!r}; it takes one number of each.\n"
            f"Weaver would not know which of its {f.length} elements are meant.\n"
            f'Name one, "{one.what}.0", or write a function: lambda one: one.{one.what}[0] + one.{one.what}[1].'
        )
    size = len(f.columns) if f.vector is not None and not component else 1
    return _checked(one, Statistic(one.how, size, size > 1, f.kind in ("int", "bool") and size == 1, one.bins))


def _checked(one: Observation, statistic: Statistic) -> Statistic:
    if statistic.vector and one.how not in _ANSWERS:
        raise ModelError(
            f"observation {one.name!r} takes the {one.how} of vectors; of vectors there are {' and '.join(_ANSWERS)}.\n"
            f"Vectors have no order and no square.\n"
            f'Take it of a component ("velocity.x"), or of a number: lambda one: one.velocity.length().'
        )
    return statistic


def shared_names(model: Model) -> set[str]:
    """Observations that every worker must know: those that behaviors read, and those in conditions."""
    names = set(model.observed)
    for condition in model.sim.conditions:
        names |= {n.id for n in ast.walk(ast.parse(condition, mode="eval")) if isinstance(n, ast.Name)}
    return names


def write_observation(
    model: Model, one: Observation, shared: bool, known: Mapping[str, Argument], types: Callable[[Argument], str]
) -> tuple[Observed, list[str]]:
    """The kernel of an observation.

    Args:
        model: the program.
        one: the observation.
        shared: every worker must know it.
        known: every array that a kernel may take, by its generated name.
        types: numba's name of the type of an argument.

    Returns:
        What the runtime is told, and the text.
    """
    type, statistic, kernel = model.kinds.index(one.type), statistic_of(model, one), f"observe__{one.name}"
    ids = f"{model.name(type)}_ids_"
    arrays = {ids: Argument("ids", type)}
    lines: list[str] = []

    def call(function: Callable[..., Any], what: str) -> str:
        text, context = _function(model, one, type, function, f"{kernel}_{what}_")
        lines.extend([*text, "", ""])
        arrays.update({name: known[name] for name in context if name in known})
        return f"{kernel}_{what}_({', '.join([*context, 'row_'])})"

    stores: list[str] = []
    if statistic.how != "count":
        if isinstance(one.what, str):
            value = _field(model, type, one.what, arrays, known)
        else:
            assert one.what is not None
            value = call(one.what, "what")
        cast = "to_int(value_)" if statistic.integer else "np.float64(value_)"
        parts = [f"np.float64(value_.{a})" for a in "xyz"[: statistic.size]] if statistic.vector else [cast]
        stores = [f"value_ = {value}", *(f"out{k}_[n_] = {part}" for k, part in enumerate(parts))]
    body = [*stores, "n_ += ONE_"]
    if one.where is not None:
        body = [f"if {call(one.where, 'where')}:", *(f"    {line}" for line in body)]
    element = "int64" if statistic.integer else "float64"
    outs = [f"out{k}_" for k in range(statistic.size)]
    signature = ", ".join(
        ["uint32[::1]", "int64", "int64[::1]", "float64[::1]", "float64[::1]", "int64[::1]", "int64[::1]"]
        + [f"{element}[::1]" for _ in outs]
        + [types(argument) for argument in arrays.values()]
    )
    names = ["rows_", "tick_", "status_", "values_", "reals_", "integers_", "kept_", *outs, *arrays]
    lines += [
        f"# observation {one.name}",
        f"@strict_kernel_({f'void({signature})'!r})",
        f"def {kernel}({', '.join(names)}):",
        "    n_ = np.uintp(0)",
        "    for k_ in range(np.uintp(len(rows_))):",
        "        row_ = np.uintp(rows_[k_])",
        *(f"        {line}" for line in body),
        f"        keep_blame(status_, values_, {ids}[row_])",
        "    kept_[0] = n_",
    ]
    slots = model.observed[one.name][1] if one.name in model.observed else ()
    made = Observed(one.name, type, kernel, tuple(arrays.values()), one.every, statistic, shared, slots)
    return made, lines


def _field(model: Model, type: int, what: str, arrays: dict[str, Argument], known: Mapping[str, Argument]) -> str:
    name, _, component = what.partition(".")
    if name == "id":
        return f"{model.name(type)}_ids_[row_]"
    columns = [what] if component else list(model.fields[type][name].columns)
    for column in columns:
        generated = column_name(model.name(type), column)
        arrays[generated] = known[generated]
    return f"{column_name(model.name(type), what)}[row_]" if component else model.read(type, name, "row_")


def _function(
    model: Model, one: Observation, type: int, function: Callable[..., Any], name: str
) -> tuple[list[str], list[str]]:
    """The lines of a function of one entity, and the names that it needs of the kernel."""
    from weaver.compiler.lower import Lowering  # which knows the words, `observed` among them

    source = FunctionSource(function)
    if len(source.arguments) != 1:
        raise source.error(
            source.node,
            f"a function of observation {one.name!r} takes {len(source.arguments)} arguments; it takes one",
            "It is called with one entity at a time.",
            "Write lambda one: one.energy > 2.",
        )
    low = Lowering(model, source, None, None, {source.arguments[0]: Ref((type,), "row_", None, True)})
    low.function_return = marked_return
    low.body()
    if low.flow.falls_through or not low.returns:
        raise source.error(
            source.node, "this function returns nothing", "There is no value.", "Return one on every path."
        )
    model.sources[name] = source
    head = [
        f"# {Path(source.path).name}:{source.node.lineno}",
        "@both_inner_",
        f"def {name}({', '.join([*low.context, 'row_'])}):",
    ]
    return [*head, *finish_returns(low.out, [], True)], list(low.context)


def _gives_vector(model: Model, type: int, source: FunctionSource) -> bool:
    """Whether a function of one entity gives a vector, as far as its text tells: fields, arithmetic, Vec2(...)."""
    entity, node = source.arguments[0] if source.arguments else "", source.node
    assigned = {
        t.id: n.value for n in ast.walk(node) if isinstance(n, ast.Assign) for t in n.targets if isinstance(t, ast.Name)
    }

    def vector(at: ast.expr, depth: int = 0) -> bool:
        if isinstance(at, ast.Attribute) and isinstance(at.value, ast.Name) and at.value.id == entity:
            f = model.fields[type].get(at.attr)
            return at.attr == "position" or (f is not None and f.vector is not None)
        if isinstance(at, ast.BinOp):
            return vector(at.left, depth) or vector(at.right, depth)
        if isinstance(at, ast.UnaryOp):
            return vector(at.operand, depth)
        if isinstance(at, ast.IfExp):
            return vector(at.body, depth) or vector(at.orelse, depth)
        if isinstance(at, ast.Name) and at.id in assigned and depth < 50:
            return vector(assigned[at.id], depth + 1)
        if isinstance(at, ast.Call):
            called = source.resolve(at.func.id) if isinstance(at.func, ast.Name) else None
            if isinstance(at.func, ast.Attribute):
                base = source.resolve(at.func.value.id) if isinstance(at.func.value, ast.Name) else UNBOUND
                called = getattr(base, at.func.attr, None)
                if at.func.attr in _TO_VECTORS or (at.func.attr == "cross" and model.dim == 3):
                    return True
            return called is polar or any(called is one for one in _CLASSES)
        return False

    if isinstance(node, ast.Lambda):
        return vector(node.body)
    return any(vector(n.value) for n in ast.walk(node) if isinstance(n, ast.Return) and n.value is not None)
