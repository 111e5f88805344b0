"""Conditions that viewers type, as trees that the workers evaluate: `energy < 3 and kind == predator`.

    condition   any ("or" any) ...; all = part ("and" part) ...; part = "not" part | comparison
    comparison  sum (("<" | "<=" | ">" | ">=" | "==" | "!=") sum) ...     chained as in Python: 1 < a < 3
    sum         product (("+" | "-") product) ...
    product     factor (("*" | "/" | "%") factor) ...
    factor      ("-" | "+") factor | atom
    atom        number | "true" | "false" | "(" any ")" | "abs" "(" sum ")" | "length" "(" vector field ")"
                | field | vector field "." ("x" | "y" | "z") | enum member | enum field "." enum member

The text is read here, by a parser that knows nothing else; it never becomes Python. Words and precedence are Python's.
`partitions.interest` says what the trees look like.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Tree = list[Any]

LONGEST = 500
DEEPEST = 50
_TOKEN = re.compile(
    r"\s*(?:(?P<number>(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)|(?P<name>[^\W\d]\w*)|(?P<sign><=|>=|==|!=|[<>+\-*/%().]))"
)
_COMPARISONS = ("<", "<=", ">", ">=", "==", "!=")
_AXES = "xyz"


class ExpressionError(ValueError):
    """A text that is no condition.

    Attributes:
        column: where it goes wrong, counted from 1.
    """

    def __init__(self, message: str, column: int) -> None:
        """`message`: what is wrong there, without the place."""
        super().__init__(f"{message} (column {column})")
        self.column = column


@dataclass(frozen=True)
class _Token:
    kind: str  # "number", "name", "sign" or "end"
    text: str
    column: int


@dataclass(frozen=True)
class _Part:
    """A piece of the tree: as a number, as a condition, or as both (a field of truth values)."""

    column: int
    depth: int
    number: Tree | None = None
    condition: Tree | None = None


Rule = Callable[[], _Part]


def parse(text: str, fields: Sequence[Mapping[str, Any]], dim: int = 3) -> Tree | None:
    """Read a condition.

    Args:
        text: the condition; empty means that all entities are wanted.
        fields: {"name", "kind", "labels": {value: name} of an enum} of the entity type, as in the world's description;
            `position` is known besides.
        dim: components of a vector.

    Returns:
        The tree, or None for an empty text.

    Raises:
        ExpressionError: it is no condition on these fields.
    """
    if len(text) > LONGEST:
        raise ExpressionError(f"a condition has at most {LONGEST} characters; this one has {len(text)}", LONGEST + 1)
    if not text.strip():
        return None
    return _Parser(_tokens(text), fields, dim).whole()


def _tokens(text: str) -> list[_Token]:
    tokens, at, end = [], 0, len(text.rstrip())
    while at < end:
        found = _TOKEN.match(text, at)
        if found is None:
            column = at + len(text[at:]) - len(text[at:].lstrip())
            sign = text[column]
            hint = {"=": "; write == to compare", "&": "; write and", "|": "; write or", "!": "; write not"}
            raise ExpressionError(f"{sign!r} means nothing here{hint.get(sign, '')}", column + 1)
        kind = found.lastgroup or ""
        tokens.append(_Token(kind, found[kind], found.start(kind) + 1))
        at = found.end()
    return [*tokens, _Token("end", "the end", end + 1)]


class _Parser:
    def __init__(self, tokens: list[_Token], fields: Sequence[Mapping[str, Any]], dim: int) -> None:
        self.tokens, self.at, self.nested, self.dim = tokens, 0, 0, dim
        self.fields: dict[str, Mapping[str, Any]] = {"position": {"name": "position", "kind": "vector"}} | {
            f["name"]: f for f in fields
        }
        self.members: dict[str, set[int]] = {}
        for field in fields:
            for value, name in (field.get("labels") or {}).items():
                self.members.setdefault(name, set()).add(int(value))

    # The text, token by token

    @property
    def token(self) -> _Token:
        return self.tokens[self.at]

    def take(self, *texts: str) -> _Token | None:
        """The next token if it is one of these."""
        token = self.token
        if token.text not in texts or token.kind in ("number", "end"):
            return None
        self.at += 1
        return token

    def expect(self, text: str) -> None:
        if self.take(text) is None:
            raise ExpressionError(f"{text!r} is missing before {self.token.text!r}", self.token.column)

    # What the pieces may be used for

    def made(self, column: int, *parts: _Part, number: Tree | None = None, condition: Tree | None = None) -> _Part:
        depth = 1 + max((part.depth for part in parts), default=0)
        if depth > DEEPEST:
            raise ExpressionError(f"this is nested more than {DEEPEST} deep", column)
        return _Part(column, depth, number, condition)

    def number(self, part: _Part) -> Tree:
        if part.number is None:
            raise ExpressionError("a number is needed here, and this is a condition", part.column)
        return part.number

    def condition(self, part: _Part) -> Tree:
        if part.condition is None:
            raise ExpressionError("a condition is needed here, and this is a number; compare it with one", part.column)
        return part.condition

    # The grammar

    def whole(self) -> Tree:
        part = self.any()
        if self.token.kind != "end":
            raise ExpressionError(f"{self.token.text!r} was not expected here", self.token.column)
        return self.condition(part)

    def any(self) -> _Part:
        return self.several("or", self.all)

    def all(self) -> _Part:
        return self.several("and", self.negation)

    def several(self, word: str, rule: Rule) -> _Part:
        parts = [rule()]
        while self.take(word):
            parts.append(rule())
        for part in parts if len(parts) > 1 else ():
            self.condition(part)
        # As a balanced tree, so that a long list is not a deep one.
        while len(parts) > 1:
            pairs = [
                self.made(a.column, a, b, condition=[word, a.condition, b.condition])
                for a, b in zip(parts[::2], parts[1::2], strict=False)
            ]
            parts = pairs + parts[len(parts) & ~1 :]
        return parts[0]

    def negation(self) -> _Part:
        sign = self.take("not")
        if sign is None:
            return self.comparison()
        part = self.deeper(self.negation)
        return self.made(sign.column, part, condition=["not", self.condition(part)])

    def comparison(self) -> _Part:
        parts, signs = [self.sum()], []
        while sign := self.take(*_COMPARISONS):
            signs.append(sign.text)
            parts.append(self.sum())
        if not signs:
            return parts[0]
        numbers = [self.number(part) for part in parts]
        compared = [
            self.made(a.column, a, b, condition=[sign, numbers[k], numbers[k + 1]])
            for k, (sign, a, b) in enumerate(zip(signs, parts, parts[1:], strict=False))
        ]
        joined = compared[0]
        for each in compared[1:]:
            joined = self.made(joined.column, joined, each, condition=["and", joined.condition, each.condition])
        return joined

    def sum(self) -> _Part:
        return self.chain(("+", "-"), self.product)

    def product(self) -> _Part:
        return self.chain(("*", "/", "%"), self.factor)

    def chain(self, signs: tuple[str, ...], rule: Rule) -> _Part:
        part = rule()
        while sign := self.take(*signs):
            other = rule()
            tree = [sign.text, self.number(part), self.number(other)]
            part = self.made(part.column, part, other, number=tree)
        return part

    def factor(self) -> _Part:
        sign = self.take("-", "+")
        if sign is None:
            return self.atom()
        part = self.deeper(self.factor)
        tree = self.number(part)
        return self.made(sign.column, part, number=["neg", tree] if sign.text == "-" else tree)

    def atom(self) -> _Part:
        token = self.token
        if token.kind == "end":
            raise ExpressionError("something is missing at the end", token.column)
        self.at += 1
        if token.kind == "number":
            value = float(token.text)
            if not math.isfinite(value):
                raise ExpressionError(f"{token.text} is too large", token.column)
            return self.made(token.column, number=["number", value])
        if token.text == "(":
            part = self.deeper(self.any)
            self.expect(")")
            return part
        if token.kind == "sign" or token.text in ("and", "or", "not"):
            raise ExpressionError(f"a field or a number is missing before {token.text!r}", token.column)
        if token.text in ("true", "false"):
            return self.made(token.column, number=["number", float(token.text == "true")], condition=[token.text])
        if token.text in ("abs", "length") and token.text not in self.fields:
            self.expect("(")
            part = self.deeper(self.any) if token.text == "abs" else self.vector()
            tree = [token.text, self.number(part)]
            self.expect(")")
            return self.made(token.column, part, number=tree)
        return self.name(token)

    def deeper(self, rule: Rule) -> _Part:
        """A rule inside itself: bounded, or a text of brackets would exhaust the stack."""
        self.nested += 1
        if self.nested > DEEPEST:
            raise ExpressionError(f"this is nested more than {DEEPEST} deep", self.token.column)
        part = rule()
        self.nested -= 1
        return part

    def vector(self) -> _Part:
        token = self.token
        field = self.fields.get(token.text)
        if token.kind != "name" or field is None or field["kind"] != "vector":
            raise ExpressionError("length(...) takes a vector field, such as position", token.column)
        self.at += 1
        return self.made(token.column, number=["field", token.text])

    def name(self, token: _Token) -> _Part:
        field = self.fields.get(token.text)
        if field is None:
            return self.member(token)
        kind, name = field["kind"], token.text
        dotted = self.take(".")
        word = self.token
        if dotted is not None:
            self.at += 1
        if kind == "vector":
            axes = _AXES[: self.dim]
            if dotted is None:
                raise ExpressionError(f"{name} is a vector; write {name}.x or length({name})", token.column)
            if word.kind != "name" or len(word.text) != 1 or word.text not in axes:
                raise ExpressionError(f"{name} has the components {', '.join(axes)}", word.column)
            return self.made(token.column, number=["component", name, axes.index(word.text)])
        if kind == "enum" and dotted is not None:
            for value, label in (field.get("labels") or {}).items():
                if word.kind == "name" and label == word.text:
                    return self.made(token.column, number=["number", float(value)])
            raise ExpressionError(f"{name} is never {word.text!r}", word.column)
        if dotted is not None:
            raise ExpressionError(f"{name} is a number and has no parts", word.column)
        tree = ["field", name]
        # A field of truth values may stand for a condition; its numbers are 0 and 1.
        condition = ["!=", tree, ["number", 0.0]] if kind == "bool" else None
        return self.made(token.column, number=tree, condition=condition)

    def member(self, token: _Token) -> _Part:
        values = self.members.get(token.text, set())
        if len(values) > 1:
            raise ExpressionError(f"several fields know {token.text!r}; write field.{token.text}", token.column)
        if not values:
            known = ", ".join(self.fields)
            raise ExpressionError(f"there is no field {token.text!r}; there are {known}", token.column)
        return self.made(token.column, number=["number", float(next(iter(values)))])
