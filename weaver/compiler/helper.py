"""Helper functions that behaviors call: lowered once for each choice of entity types, called with what they need."""

from __future__ import annotations

import ast
import types
from typing import TYPE_CHECKING, Any

from weaver.compiler.constants import NotConstant, constant
from weaver.compiler.model import Helper, Ref
from weaver.compiler.source import FunctionSource

if TYPE_CHECKING:
    from weaver.compiler.expression import Expressions

MARK = "\x00"
"""Encloses a return value in generated lines until it is known which fields of `me` go with it."""


def marked_return(value: str | None) -> str:
    """A return whose form is not known yet."""
    return f"return {MARK}{value if value is not None else ''}{MARK}"


def finish_returns(lines: list[str], fields: list[str], value: bool) -> list[str]:
    """Give every marked return its form: the value, then the written fields of `me`."""
    done = []
    for line in lines:
        if MARK in line:
            head, result, tail = line.split(MARK)
            parts = ([result] if value else []) + fields
            if value and not fields:
                text = result
            else:
                text = f"({', '.join(parts)}{',' if len(parts) == 1 else ''})" if parts else ""
            line = f"{head}{text}{tail}"
        done.append(line)
    return done


def call_helper(low: Expressions, node: ast.Call, function: types.FunctionType) -> str:
    """Lower the function if it is new, and emit or return its call; "" if it returns nothing.

    Raises:
        BehaviorError: it calls itself, or arguments do not fit.
    """
    model = low.model
    if function in model.active:
        low.fail(
            node,
            f"{function.__name__} calls itself",
            "A compiled behavior cannot know how deep that goes.",
            "Write a loop.",
        )
    source = FunctionSource(function)
    bound = _bind(low, node, source)
    me: tuple[str, int] | None = None
    world: str | None = None
    refs: dict[str, Ref] = {}
    key: list[Any] = [function]
    values: dict[str, ast.expr] = {}
    passed: dict[str, list[str]] = {}
    for name, argument in bound.items():
        if isinstance(argument, ast.Name) and argument.id == low.me:
            me = (name, low.me_type)
            key.append((name, "me", low.me_type))
        elif isinstance(argument, ast.Name) and argument.id == low.world and low.world is not None:
            world = name
            key.append((name, "world"))
        elif isinstance(argument, ast.expr) and low.reference(argument) is not None:
            ref = low.reference(argument)
            assert ref is not None
            tag = f"{name}_tag_" if ref.tag else None
            refs[name] = Ref(ref.types, f"{name}_row_", tag, ref.loop)
            passed[name] = [ref.row, *([ref.tag] if ref.tag else [])]
            key.append((name, ref.types, ref.loop))
        else:
            values[name] = argument
    if me is None and low.me is not None and world is not None:
        key.append(("draws of", low.me_type))
    known = tuple(key)
    if known not in model.helpers:
        model.helpers[known] = _lower(low, source, me, world, refs, [n for n in bound if n in values])
    helper, sub = model.helpers[known]
    codes = dict(zip(values, low.values(list(values.values())), strict=True))
    for name in helper.context:
        low.need(name)
    for name in sub.loaded:
        low.loaded.setdefault(name)
    for name in helper.writes:
        low.written.setdefault(name)
    low.reads.update(sub.reads)
    low.looked.update(sub.looked)
    low.cells.update(sub.cells)
    low.outlets.update(sub.outlets)
    low.sites.update(sub.sites)
    low.becomes += [n for n in sub.becomes if n not in low.becomes]
    low.removes |= sub.removes
    low.inboxes.update(sub.inboxes)
    low.far |= sub.far
    low.draws |= sub.draws
    low.moved_by_helper |= "position" in helper.writes
    arguments = [*helper.context, *(f"me_{f}_" for f in sub.loaded)]
    arguments += [p for n in bound if n in passed for p in passed[n]]
    arguments += [codes[n] for n in bound if n in codes]
    call = f"{helper.name}({', '.join(arguments)})"
    if not helper.writes:
        if not helper.returns:
            low.emit(call)
            return ""
        return call
    held = low.temporary()
    low.emit(f"{held} = {call}")
    for k, name in enumerate(helper.writes):
        low.emit(f"me_{name}_ = {held}[{k + helper.returns}]")
    return f"{held}[0]" if helper.returns else ""


def _bind(low: Expressions, node: ast.Call, source: FunctionSource) -> dict[str, ast.expr]:
    names = source.arguments
    arguments = source.node.args
    if arguments.vararg or arguments.kwarg or len(node.args) > len(names):
        low.fail(
            node,
            f"{source.name} is called with {len(node.args)} arguments",
            f"It takes ({', '.join(names)}).",
            "Pass these, without * and **.",
        )
    bound: dict[str, ast.expr] = dict(zip(names, node.args, strict=False))
    bound.update({k.arg: k.value for k in node.keywords if k.arg})
    defaults = dict(
        zip(reversed(names), reversed(source.function.__defaults__ or ()), strict=False),
        **(source.function.__kwdefaults__ or {}),
    )
    for name in [*names, *(a.arg for a in arguments.kwonlyargs)]:
        if name not in bound:
            if name not in defaults:
                low.fail(node, f"{source.name} lacks {name!r}", "It has no default.", f"Pass {name}.")
            try:
                constant(defaults[name])
            except NotConstant:
                low.fail(node, f"the default of {name!r} is no number or vector", "It cannot be compiled.", "Pass it.")
            bound[name] = ast.copy_location(ast.Constant(defaults[name]), node)
    return {n: bound[n] for n in [*names, *(a.arg for a in arguments.kwonlyargs)]}


def _lower(
    low: Expressions,
    source: FunctionSource,
    me: tuple[str, int] | None,
    world: str | None,
    refs: dict[str, Ref],
    values: list[str],
) -> tuple[Helper, Expressions]:
    from weaver.compiler.lower import Lowering  # a helper is lowered while its caller is

    model = low.model
    source.arguments = [*source.arguments, *(a.arg for a in source.node.args.kwonlyargs)]
    sub = Lowering(model, source, me, world, refs)
    sub.function_return = marked_return
    if me is None:
        sub.me_type = low.me_type
    model.active.append(source.function)
    sub.body()
    model.active.pop()
    if sub.returns and (sub.flow.falls_through or any(f"return {MARK}{MARK}" in line for line in sub.out)):
        raise source.error(
            source.node,
            f"{source.name} returns a value on some paths only",
            "A compiled function has one type of result.",
            "Return a value on every path.",
        )
    name = f"{source.name}{len(model.helpers)}_"
    parameters = [*sub.context, *(f"me_{f}_" for f in sub.loaded)]
    for n, ref in refs.items():
        parameters += [ref.row, *([ref.tag] if ref.tag else [])]
        assert n
    parameters += [sub.local(n) for n in values]
    lines = ["@helper_", f"def {name}({', '.join(parameters)}):"]
    model.sources[name] = source
    model.functions[name] = lines + finish_returns(sub.out, [f"me_{f}_" for f in sub.written], sub.returns)
    return Helper(name, tuple(sub.context), tuple(values), tuple(sub.written), sub.returns), sub
