"""Fingerprints of what was declared: whether a behavior says the same as when a snapshot was taken."""

from __future__ import annotations

import ast
import hashlib
from dataclasses import fields
from types import FunctionType
from typing import Any

from weaver.compiler.source import FunctionSource
from weaver.parameter import Parameter
from weaver.simulation import Simulation
from weaver.turns import Turn


def fingerprints(sim: Simulation) -> tuple[tuple[str, str], ...]:
    """(name, SHA-256) of each turn, in order: of its functions' syntax trees and its options, not of their layout."""
    return tuple((turn.name, _hash(turn)) for turn in sim.behaviors)


def _hash(turn: Turn) -> str:
    parts = [type(turn).__name__, *(f"{f.name}={_said(getattr(turn, f.name))}" for f in fields(turn))]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def _said(value: Any) -> str:
    """What a field of a turn says, without addresses of objects."""
    if isinstance(value, FunctionType):
        node = FunctionSource(value).node
        body = node.body if isinstance(node.body, list) else [node.body]
        return ast.dump(node.args) + "".join(ast.dump(statement) for statement in body)
    if isinstance(value, type):
        return value.__name__
    if isinstance(value, tuple):
        return "(" + ", ".join(map(_said, value)) + ")"
    return value.name if isinstance(value, Parameter) else repr(value)
