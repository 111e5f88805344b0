"""What can be said of a function before it is lowered: names set at use, and searches after a move."""

from __future__ import annotations

import ast

from weaver.compiler.source import FunctionSource

SEARCHES = ("near", "nearest", "count", "pick", "neighbors", "free_sites")


class Flow:
    """Walks the paths of a function: which names are surely set, and whether `me.position` may have been written.

    Args:
        source: the function.
        me: name of the entity argument, or None.
        world: name of the world argument, or None.

    Raises:
        BehaviorError: a name is possibly unset at its use, or a search follows a write of the position.
    """

    def __init__(self, source: FunctionSource, me: str | None, world: str | None) -> None:
        self.source, self.me, self.world = source, me, world
        self.locals = set(source.arguments) | assigned_names(source.node)
        self.moved: ast.AST | None = None
        if isinstance(source.node, ast.FunctionDef):
            self.falls_through = self._block(source.node.body, set(source.arguments)) is not None
        else:
            self._use(source.node.body, set(source.arguments))
            self.falls_through = False

    def _block(self, body: list[ast.stmt], known: set[str]) -> set[str] | None:
        """Names surely set after the statements; None if their end is never reached."""
        now: set[str] | None = known
        for statement in body:
            if now is None:
                break  # unreachable code needs no names
            now = self._statement(statement, now)
        return now

    def _statement(self, node: ast.stmt, known: set[str]) -> set[str] | None:
        if isinstance(node, ast.If):
            self._use(node.test, known)
            return _meet(self._block(node.body, set(known)), self._block(node.orelse, set(known)))
        if isinstance(node, ast.While):
            self._use(node.test, known)
            self._block(node.body, set(known))
            self._block(node.body, set(known))  # again: what the first turn wrote, the second can meet
            endless = isinstance(node.test, ast.Constant) and bool(node.test.value)
            if endless and not any(isinstance(n, ast.Break) for n in ast.walk(node)):
                return None
            return self._block(node.orelse, set(known))
        if isinstance(node, ast.For):
            self._use(node.iter, known)
            inside = known | target_names(node.target)
            self._block(node.body, set(inside))
            self._block(node.body, set(inside))
            return self._block(node.orelse, set(known))
        if isinstance(node, (ast.Break, ast.Continue)):
            return None
        if isinstance(node, ast.Return):
            if node.value is not None:
                self._use(node.value, known)
            return None
        if isinstance(node, ast.Assign):
            self._use(node.value, known)
            for target in node.targets:
                self._target(target, known)
                known = known | target_names(target)
            return known
        if isinstance(node, ast.AugAssign):
            self._use(node.target, known)
            self._use(node.value, known)
            self._target(node.target, known)
            return known
        if isinstance(node, ast.AnnAssign):
            if node.value is None:
                return known
            self._use(node.value, known)
            self._target(node.target, known)
            return known | target_names(node.target)
        for child in ast.iter_child_nodes(node):
            self._use(child, known)
        return known

    def _target(self, node: ast.expr, known: set[str]) -> None:
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            if node.value.id == self.me and node.attr == "position":
                self.moved = node
        elif isinstance(node, (ast.Tuple, ast.List)):
            for element in node.elts:
                self._target(element, known)
        elif isinstance(node, ast.Subscript):
            self._use(node.slice, known)

    def _use(self, node: ast.AST, known: set[str]) -> None:
        if isinstance(node, ast.Name):
            if isinstance(node.ctx, ast.Load) and node.id in self.locals and node.id not in known:
                raise self.source.error(
                    node,
                    f"{node.id!r} is possibly unset here",
                    "On some path through the function nothing was assigned to it before this use.",
                    f"Give it a value first, for example `{node.id} = 0` (`{node.id} = None` if it holds an entity), "
                    f"before the branch or loop that sets it.",
                )
            return
        if isinstance(node, (ast.GeneratorExp, ast.ListComp, ast.SetComp)):
            for generator in node.generators:
                self._use(generator.iter, known)
                known = known | target_names(generator.target)
                for condition in generator.ifs:
                    self._use(condition, known)
            self._use(node.elt, known)
            return
        if isinstance(node, ast.Lambda):
            self._use(node.body, known | {a.arg for a in node.args.args})
            return
        if isinstance(node, ast.NamedExpr):
            raise self.source.error(
                node,
                "`:=` cannot be used in a behavior",
                "Within an expression it would not be sure to happen.",
                f"Assign on a line of its own before: {ast.unparse(node.target)} = {ast.unparse(node.value)}.",
            )
        if isinstance(node, ast.Call):
            self._search(node)
        for child in ast.iter_child_nodes(node):
            self._use(child, known)

    def _search(self, node: ast.Call) -> None:
        f = node.func
        if not (isinstance(f, ast.Attribute) and isinstance(f.value, ast.Name) and f.value.id == self.world):
            return
        if self.moved is not None and f.attr in SEARCHES:
            raise self.source.error(
                node,
                f"world.{f.attr} is called after {self.me}.position was written",
                "Neighbours are those of my position at the start of the behavior; looking from the new one would miss "
                "and double some.",
                "Make it two behaviors: one that moves, and after it one that looks.",
            )


def _meet(a: set[str] | None, b: set[str] | None) -> set[str] | None:
    if a is None:
        return b
    return a if b is None else a & b


def target_names(node: ast.AST) -> set[str]:
    """Names that an assignment target sets."""
    return {n.id for n in ast.walk(node) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}


def assigned_names(node: ast.FunctionDef | ast.Lambda) -> set[str]:
    """Names that a function sets anywhere, those of comprehensions and inner lambdas apart."""
    names: set[str] = set()

    def walk(at: ast.AST) -> None:
        if isinstance(at, (ast.GeneratorExp, ast.ListComp, ast.SetComp, ast.DictComp, ast.Lambda)) and at is not node:
            return
        if isinstance(at, ast.Name) and isinstance(at.ctx, ast.Store):
            names.add(at.id)
        for child in ast.iter_child_nodes(at):
            walk(child)

    for child in ast.iter_child_nodes(node):
        walk(child)
    return names
