"""Lowering: a function's statements as numba text. `world.…` and entities are rewritten, all else is left to numba."""

from __future__ import annotations

import ast
from collections.abc import Callable, Sequence

from weaver.compiler import births, footing, messages
from weaver.compiler.deposits import deposit
from weaver.compiler.elements import array_field, augment_element, refuse_whole, write_element
from weaver.compiler.expression import Expressions
from weaver.compiler.layers import cell_at
from weaver.compiler.model import MAYBE, convert
from weaver.compiler.references import pairs
from weaver.compiler.scope import DRAWS
from weaver.compiler.search import Search
from weaver.compiler.walk import WALKS, for_loop

LOOPS: dict[str, Callable[[Lowering, ast.For], None]] = {
    "near": lambda low, node: Search(low, node.iter).loop(node),
}
"""Words that are looped over: each emits the whole loop."""
EFFECTS: dict[str, Callable[[Lowering, ast.Call], None]] = {
    "spawn": births.spawn, "remove": births.remove, "become": births.become,
    "send": messages.send, "emit": messages.emit, "deposit": deposit, "jump_to_free": footing.jump,
}  # fmt: skip
"""Words that are called for what they do: each emits it."""


class Lowering(Expressions):
    """Lowers statements, and with them a whole function for one choice of entity types."""

    def block(self, body: Sequence[ast.stmt]) -> None:
        """Lower statements one level deeper."""
        self.depth += 1
        start = len(self.out)
        self.statements(body)
        if len(self.out) == start:
            self.emit("pass")
        self.depth -= 1

    def statements(self, body: Sequence[ast.stmt]) -> None:
        """Lower statements until one is sure to leave; behind `if not isinstance(o, Wolf): return`, o is a Wolf."""
        before = self.narrowed
        for k, node in enumerate(body):
            self.statement(node)
            if not isinstance(node, ast.If):
                continue
            known = self.known(node.test)
            if known is not None and _leaves(node.body if known else node.orelse):
                break
            if _leaves(node.body) and not node.orelse:
                types, later = self.types_where(node.test, False), assigned_in(body[k + 1 :])
                self.narrowed = {**self.narrowed, **{n: t for n, t in types.items() if n not in later}}
        self.narrowed = before

    def body(self) -> None:
        """Lower the whole function body."""
        node = self.source.node
        if isinstance(node, ast.Lambda):
            self.line = node.lineno
            self.returns = True
            self.emit(self.function_return(self.value(node.body)))
            return
        self.statements(node.body)
        self.line = 0
        if self.flow.falls_through:
            self.emit(self.function_return(None))

    def statement(self, node: ast.stmt) -> None:
        """Lower one statement."""
        self.line = node.lineno
        if isinstance(node, ast.Expr):
            if isinstance(node.value, ast.Constant):
                return  # a docstring
            self.expression_statement(node.value)
        elif isinstance(node, ast.Assign):
            self.assign(node)
        elif isinstance(node, ast.AnnAssign):
            if node.value is not None:
                self.assign(ast.copy_location(ast.Assign([node.target], node.value), node))
        elif isinstance(node, ast.AugAssign):
            self.augmented(node)
        elif isinstance(node, ast.If):
            self.branch(node)
        elif isinstance(node, ast.For):
            self.for_loop(node)
        elif isinstance(node, ast.While):
            self.while_loop(node)
        elif isinstance(node, ast.Return):
            self.return_(node)
        elif isinstance(node, ast.Break):
            flag = self.breaks[-1]
            if flag is not None:
                self.emit(f"{flag} = True")
            self.emit("break")
        elif isinstance(node, ast.Continue):
            self.emit("continue")
        elif isinstance(node, ast.Pass):
            self.emit("pass")
        else:
            kind = type(node).__name__.lower()
            self.fail(
                node,
                f"a `{kind}` statement cannot be used in a behavior",
                "Behaviors are compiled to machine code, which knows numbers, vectors and entities.",
                "Use assignments, if, for, while, break, continue and return, and put the rest in a helper function.",
            )

    def expression_statement(self, node: ast.expr) -> None:
        """A call for its effect: a helper that writes `me`, or a draw that is thrown away."""
        if isinstance(node, ast.Call):
            word = self.world_word(node)
            if word in DRAWS:
                self.emit(self.value(node))
                return
            if word in EFFECTS:
                EFFECTS[word](self, node)
                return
            if word is None and self.helper_call(node) is not None:
                return
            self.value(node)  # says what is wrong with the call, if something is
        self.fail(
            node,
            "this expression has no effect",
            "Its value is not used, and nothing else happens.",
            "Assign the value to a name or a field, or delete the line.",
        )

    def return_(self, node: ast.Return) -> None:
        """Leave the function."""
        if node.value is None or (isinstance(node.value, ast.Constant) and node.value.value is None):
            self.emit(self.function_return(None))
            return
        if self.me is not None and self.is_behavior:
            self.fail(
                node,
                "a behavior returns nothing",
                "What a behavior does is what it writes into its entity.",
                "Write `return` alone, and assign results to fields of the entity.",
            )
        self.returns = True
        self.emit(self.function_return(self.value(node.value)))

    def assign(self, node: ast.Assign) -> None:
        """Assign to names, fields of `me`, or tuples of names."""
        if len(node.targets) == 1 and isinstance(node.targets[0], ast.Name):
            name = node.targets[0].id
            if name in self.variables:
                self.assign_reference(name, node.value)
                return
        each = pairs(node)
        if any(isinstance(t, ast.Name) and t.id in self.variables for t, _ in each):
            self.assign_together(each)
            return
        code = self.value(node.value)
        if len(node.targets) > 1:
            held = self.temporary()
            self.emit(f"{held} = {code}")
            code = held
        for target in node.targets:
            self.store(target, code, node.value)

    def assign_together(self, each: list[tuple[ast.expr, ast.expr]]) -> None:
        """`distance, best = d, other`: all values first, then the targets."""
        kept: list[tuple[ast.expr, ast.expr, str]] = []
        for target, value in each:
            held = ""
            if isinstance(target, ast.Name) and target.id in self.variables:
                before = self.reference(value)
                if before is not None and not before.loop:
                    self.fail(
                        value,
                        "an entity variable is assigned from another within a tuple",
                        "It could change before it is read.",
                        "Write the assignments on lines of their own.",
                    )
            else:
                held = self.temporary()
                self.emit(f"{held} = {self.value(value)}")
            kept.append((target, value, held))
        for target, value, held in kept:
            if held:
                self.store(target, held, value)
            elif isinstance(target, ast.Name):
                self.assign_reference(target.id, value)

    def store(self, target: ast.expr, code: str, value: ast.expr) -> None:
        """Put a value into a target."""
        if isinstance(target, ast.Name):
            self.refuse_names(target)
            self.emit(f"{self.local(target.id)} = {code}")
        elif isinstance(target, ast.Attribute):
            array = array_field(self, target)
            if array is not None:
                refuse_whole(self, target, array)
            self.emit(f"{self.own_field(target, write=True)} = {convert(self.field_of(target), code)}")
        elif isinstance(target, ast.Subscript):
            write_element(self, target, code)
        elif isinstance(target, (ast.Tuple, ast.List)):
            held = (ast.Attribute, ast.Subscript)
            names = [self.temporary() if isinstance(t, held) else self.plain(t) for t in target.elts]
            self.emit(f"{', '.join(names)}{',' if len(names) == 1 else ''} = {code}")
            for t, name in zip(target.elts, names, strict=True):
                if isinstance(t, held):
                    self.store(t, name, value)
        else:
            self.fail(
                target,
                "this cannot be assigned to",
                "A behavior writes its own names and fields of its own entity.",
                "Assign to a name or to a field.",
            )

    def plain(self, target: ast.expr) -> str:
        """Text of a target that is a name, or a tuple of names."""
        if isinstance(target, ast.Name):
            self.refuse_names(target)
            return self.local(target.id)
        if isinstance(target, (ast.Tuple, ast.List)):
            return f"({', '.join(self.plain(t) for t in target.elts)},)"
        self.fail(
            target,
            "this cannot be unpacked into",
            "Only names and fields of the entity can.",
            "Unpack into names first.",
        )

    def refuse_names(self, node: ast.Name) -> None:
        """The entity and the world are not variables."""
        if node.id in (*self.own, self.world) or (node.id in self.refs and self.refs[node.id].loop):
            self.fail(
                node,
                f"{node.id!r} is assigned to, but it is the {'world' if node.id == self.world else 'entity'}",
                "The name would no longer mean it.",
                "Use another name.",
            )

    def augmented(self, node: ast.AugAssign) -> None:
        """`x += e`."""
        operator = self.operator(node.op, node)
        if isinstance(node.target, ast.Name):
            self.refuse_names(node.target)
            if node.target.id in self.variables:
                self.fail(node, f"{node.target.id!r} holds an entity", "Entities have no arithmetic.", "Use a field.")
            self.check_power(node.op, node.target, node.value)
            code = self.value(node.value)
            name = self.local(node.target.id)
            self.emit(f"{name} = {self.combine(name, operator, code)}")
        elif isinstance(node.target, ast.Attribute):
            array = array_field(self, node.target)
            if array is not None:
                refuse_whole(self, node.target, array)
            self.check_power(node.op, node.target, node.value)
            f = self.field_of(node.target)
            before = self.own_field(node.target, write=False)
            if self.hoists(node.value):
                held = self.temporary()
                self.emit(f"{held} = {before}")
                before = held
            code = self.value(node.value)
            name = self.own_field(node.target, write=True)
            self.emit(f"{name} = {convert(f, self.combine(before, operator, code))}")
        else:
            augment_element(self, node, operator)

    def branch(self, node: ast.If) -> None:
        """`if`, `elif`, `else`."""
        known = self.known(node.test)
        if known is not None:  # the other branch may name fields that this type does not have
            self.statements(node.body if known else node.orelse)
            return
        yes, no = (self.types_where(node.test, holds) for holds in (True, False))
        self.emit(f"if {self.test(node.test)}:")
        self.narrowed_block(node.body, yes)
        if node.orelse:
            self.line = 0
            self.emit("else:")
            self.narrowed_block(node.orelse, no)

    def narrowed_block(self, body: Sequence[ast.stmt], types: dict[str, tuple[int, ...]]) -> None:
        """Lower statements in which variables have the given types, unless they assign them."""
        before = self.narrowed
        assigned = assigned_in(body)
        self.narrowed = {k: t for k, t in {**before, **types}.items() if k not in assigned}
        self.block(body)
        self.narrowed = before

    def while_loop(self, node: ast.While) -> None:
        """`while`, its test computed anew each turn."""
        if self.hoists(node.test):
            if node.orelse:
                self.fail(
                    node,
                    "`else` of a `while` that looks for neighbours cannot be used",
                    "The test is computed inside the loop.",
                    "Use a variable that remembers whether the loop was left by `break`.",
                )
            self.emit("while True:")
            self.depth += 1
            self.emit(f"if not ({self.test(node.test)}):")
            self.emit("    break")
            self.depth -= 1
        else:
            self.emit(f"while {self.test(node.test)}:")
        self.breaks.append(None)
        self.block(node.body)
        self.breaks.pop()
        if node.orelse:
            self.emit("else:")
            self.block(node.orelse)

    def for_loop(self, node: ast.For) -> None:
        """`for` over neighbours, a range, or constants."""
        word = self.world_word(node.iter)
        if word in WALKS:
            for_loop(self, node, WALKS[word])
            return
        if word in LOOPS:
            LOOPS[word](self, node)
            return
        if word is not None:
            self.fail(
                node.iter,
                f"world.{word} is one value, not something to loop over",
                "A loop needs many.",
                "Loop over world.near(...).",
            )
        over = self.value(node.iter)
        self.emit(f"for {self.plain(node.target)} in {over}:")
        self.breaks.append(None)
        self.block(node.body)
        self.breaks.pop()
        if node.orelse:
            self.emit("else:")
            self.block(node.orelse)

    def assign_reference(self, name: str, node: ast.expr) -> None:
        """`best = other`, `best = None`, `best = world.nearest(...)`."""
        target = self.variables[name]
        if isinstance(node, ast.IfExp):
            self.emit(f"if {self.test(node.test)}:")
            self.depth += 1
            self.assign_reference(name, node.body)
            self.depth -= 1
            self.emit("else:")
            self.depth += 1
            self.assign_reference(name, node.orelse)
            self.depth -= 1
            return
        if isinstance(node, ast.Constant):  # None, or find_references had refused it
            row, tag = "-1", "0"
        elif self.world_word(node) in MAYBE:
            found = Search(self, node).one()
            row, tag = found.row, found.tag or str(found.types[0])
        elif self.world_word(node) == "at":
            assert isinstance(node, ast.Call)
            found = cell_at(self, node)
            row, tag = found.row, str(found.types[0])
        else:
            value = self.reference(node)
            assert value is not None
            if value.place is not None:
                self.fail(
                    node,
                    f"{ast.unparse(node)} is kept in a variable in `when` or `by`",
                    "It stands for one of the two only under its own name.",
                    f"Use {ast.unparse(node)} itself, or keep a field of it.",
                )
            row, tag = value.row, value.tag or str(value.types[0])
        self.emit(f"{target.row} = np.{'uintp' if target.loop else 'int64'}({row})")
        if target.tag is not None:
            self.emit(f"{target.tag} = np.int64({tag})")


def _leaves(body: Sequence[ast.stmt]) -> bool:
    return bool(body) and isinstance(body[-1], (ast.Return, ast.Break, ast.Continue))


def assigned_in(body: Sequence[ast.stmt]) -> set[str]:
    """Names that statements set."""
    return {n.id for s in body for n in ast.walk(s) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
