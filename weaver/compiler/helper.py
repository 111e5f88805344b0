"""Helper functions that behaviors call: lowered once for each choice of entity types, called with what they need."""

from __future__ import annotations

import ast
import types
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from weaver.compiler.constants import NotConstant, constant
from weaver.compiler.layers import cell_at
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
    partner: tuple[str, int] | None = None
    world: str | None = None
    refs: dict[str, Ref] = {}
    key: list[Any] = [function, low.meeting]
    values: dict[str, ast.expr] = {}
    passed: dict[str, list[str]] = {}
    for name, argument in bound.items():
        if isinstance(argument, ast.Name) and argument.id == low.me:
            me = (name, low.me_type)
            key.append((name, "me", low.me_type))
        elif isinstance(argument, ast.Name) and argument.id in low.own:
            partner = (name, low.own[argument.id].type)
            key.append((name, "partner", partner[1]))
        elif isinstance(argument, ast.Name) and argument.id == low.world and low.world is not None:
            world = name
            key.append((name, "world"))
        elif (ref := _entity(low, argument)) is not None:
            tag = f"{name}_tag_" if ref.tag else None
            place = f"{name}_place_" if ref.place else None
            refs[name] = replace(ref, row=f"{name}_row_", tag=tag, place=place)
            passed[name] = [part for part in (ref.row, ref.tag, ref.place) if part]
            key.append((name, ref.types, ref.loop, ref.prefix, ref.place is not None))
        else:
            values[name] = argument
    if me is None and low.me is not None and world is not None:
        key.append(("draws of", low.me_type))
    known = tuple(key)
    if known not in model.helpers:
        model.helpers[known] = _lower(low, source, me, partner, world, refs, [n for n in bound if n in values])
    helper, sub = model.helpers[known]
    codes = dict(zip(values, low.values(list(values.values())), strict=True))
    for name, code in codes.items():
        if " if " in code:  # which numba cannot read among more than thirty arguments
            codes[name] = low.temporary()
            low.emit(f"{codes[name]} = {code}")
    for name in helper.context:
        low.need(name)
    theirs = {own.prefix: own for own in low.own.values()}
    for own in sub.own.values():
        theirs[own.prefix].loaded.update(own.loaded)
        theirs[own.prefix].written.update(own.written)
        theirs[own.prefix].becomes.update(own.becomes)
    low.reads.update(sub.reads)
    low.tied.update(sub.tied)
    low.ties.update(sub.ties)
    low.looked.update(sub.looked)
    low.cells.update(sub.cells)
    low.wholes.update(sub.wholes)
    low.outlets.update(sub.outlets)
    low.sites.update(sub.sites)
    low.becomes += [n for n in sub.becomes if n not in low.becomes]
    low.removes |= sub.removes
    low.inboxes.update(sub.inboxes)
    low.far |= sub.far
    low.draws |= sub.draws
    low.moved_by_helper |= "position" in sub.written or sub.moved_by_helper
    arguments = [*helper.context, *(name for own in sub.own.values() for name in own.names(own.loaded))]
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
        low.emit(f"{name} = {held}[{k + helper.returns}]")
    return f"{held}[0]" if helper.returns else ""


def _entity(low: Expressions, argument: ast.expr) -> Ref | None:
    """The entity or cell that an argument is, if it is one."""
    if isinstance(argument, ast.Call) and low.world_word(argument) == "at":
        return cell_at(low, argument)
    return low.reference(argument)


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
    partner: tuple[str, int] | None,
    world: str | None,
    refs: dict[str, Ref],
    values: list[str],
) -> tuple[Helper, Expressions]:
    from weaver.compiler.lower import Lowering  # a helper is lowered while its caller is

    model = low.model
    source.arguments = [*source.arguments, *(a.arg for a in source.node.args.kwonlyargs)]
    sub = Lowering(model, source, me, world, refs, partner, low.meeting)
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
    parameters = [*sub.context, *(held for own in sub.own.values() for held in own.names(own.loaded))]
    for ref in refs.values():
        parameters += [part for part in (ref.row, ref.tag, ref.place) if part]
    parameters += [sub.local(n) for n in values]
    lines = [f"@{'both' if low.meeting else 'helper'}_", f"def {name}({', '.join(parameters)}):"]
    model.sources[name] = source
    writes = [held for own in sub.own.values() for held in own.names(own.written)]
    model.functions[name] = lines + finish_returns(sub.out, writes, sub.returns)
    return Helper(name, tuple(sub.context), tuple(values), tuple(writes), sub.returns), sub
