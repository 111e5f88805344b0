"""Reaches and a grid for models that the compiler does not lower: from the radii that stand in the source."""

from __future__ import annotations

import ast
import math
from collections.abc import Iterator
from typing import Any

from partitions.grid import Grid, Search, make_grid, make_space
from weaver.called import called, evaluated
from weaver.compiler.source import UNBOUND, FunctionSource
from weaver.discovery import discover
from weaver.entity import Layer, fields_of
from weaver.parameter import Parameter
from weaver.simulation import Simulation
from weaver.turns import Behavior, Meeting, Turn, entity_types

_LOOKS = {"near": 2, "nearest": 2, "count": 2, "pick": 2, "free_sites": 1}
_ON_LAYERS = ("at", "gradient", "deposit", "around", "beside")


def rough_plan(sim: Simulation) -> tuple[Grid, list[tuple[float, float]]]:
    """The grid, and per turn (largest move, largest distance of what is looked at)."""
    discover(sim)
    kinds = list(sim.entity_types)
    radii: dict[Any, list[float]] = {k: [] for k in kinds}
    largest = [max(_radii(sim, turn, radii), default=0.0) for turn in sim.behaviors]
    reaches = []
    for turn, radius in zip(sim.behaviors, largest, strict=True):
        given = getattr(turn, "reach", None)
        look = given if given is not None else radius or max(largest, default=0.0) or math.inf
        reaches.append((math.inf if getattr(turn, "jumps", False) else look, look))
    single = any(fields_of(k, sim.box.dim)["position"].dtype == "<f4" for k in kinds)
    space = make_space(sim.box.lengths, sim.box.origin, sim.box.boundaries, single=single)
    finite = [look for _, look in reaches if math.isfinite(look)]
    rim = max(finite, default=0.0)
    counts = [sum(s.count for s in sim.sources if s.type is k) for k in kinds]
    searches = [
        Search(tuple(sorted(set(radii[k]))), max([*radii[k], rim]) if radii[k] else 0.0, n)
        for k, n in zip(kinds, counts, strict=True)
    ]
    return make_grid(space, searches, min([rim, *(a.length for a in space.axes)])), reaches


def _radii(sim: Simulation, turn: Turn, radii: dict[Any, list[float]]) -> Iterator[float]:
    """Every distance at which a turn looks, and resolutions of layers; notes them by type."""
    if isinstance(turn, Meeting):
        radius = turn.second.__resolution__ if issubclass(turn.second, Layer) else _number(turn.radius)
        for kind in turn.types:
            if kind in radii and not issubclass(turn.second, Layer):
                radii[kind].append(radius)
        yield radius
    elif isinstance(turn, Behavior):
        for kind in turn.types:
            sites = getattr(kind, "__sites__", None)
            if sites is not None:
                yield 2.0 * sites.spacing
            if issubclass(kind, Layer):
                yield kind.__resolution__
    for source, call in called(turn.function) if not hasattr(turn, "layer") else ():
        assert isinstance(call.func, ast.Attribute)
        word, named = call.func.attr, {k.arg: k.value for k in call.keywords}
        if word in _LOOKS:
            node = named.get("radius") or call.args[_LOOKS[word]]
            radius = _number(_value(source, node))
            of = named.get("kind") or (call.args[1] if word != "free_sites" else None)
            for each in entity_types(_value(source, of)) if of is not None else ():
                if each in radii:
                    radii[each].append(radius)
            yield radius
        if word in _ON_LAYERS:
            yield from (layer.__resolution__ for layer in sim.layers)


def _value(source: FunctionSource, node: ast.expr) -> Any:
    names = {}
    for part in ast.walk(node):
        if isinstance(part, ast.Name):
            names[part.id] = evaluated(source, part)
    values = {n: v for n, v in names.items() if v is not UNBOUND}
    return eval(compile(ast.Expression(node), source.path, "eval"), {}, values)  # the author's own expression


def _number(value: Any) -> float:
    if isinstance(value, Parameter):
        return float(value.high if value.high is not None else value.value)
    return float(value)
