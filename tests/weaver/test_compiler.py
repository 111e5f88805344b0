"""The compiler's errors say what is wrong, where, and what to write; and its text is what the vectoriser needs."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import weaver as wv
from weaver.compiler import compile, write
from weaver.compiler.explain import explain
from weaver.compiler.source import FunctionSource
from weaver.compiler.thresholds import squared_threshold


class Bug(wv.Entity):
    v: wv.Vec2
    e: float
    k: int


def unknown_field(me: Bug, world: wv.World):
    me.sped = 1.0


def close_to_a_field(me: Bug, world: wv.World):
    me.e = me.idd


def write_to_another(me: Bug, world: wv.World):
    for other in world.near(me, Bug, radius=1.0):
        other.e = 3


def radius_of_the_entity(me: Bug, world: wv.World):
    for other in world.near(me, Bug, radius=me.e):
        me.e += other.e


def look_after_a_move(me: Bug, world: wv.World):
    me.position += me.v
    me.e = world.count(me, Bug, 1.0)


def look_in_the_second_turn(me: Bug, world: wv.World):
    for _ in range(2):
        me.e = world.count(me, Bug, 1.0)
        me.position += me.v


def move_it(me):
    me.position += me.v


def look_after_a_helper_moved(me: Bug, world: wv.World):
    move_it(me)
    me.e = world.count(me, Bug, 1.0)


def store_another(me: Bug, world: wv.World):
    for other in world.near(me, Bug, radius=1.0):
        me.k = other


def a_with_statement(me: Bug, world: wv.World):
    with me:
        pass


def possibly_unset(me: Bug, world: wv.World):
    if me.e > 3:
        x = 1
    me.e = x


def set_in_a_loop_only(me: Bug, world: wv.World):
    for k in range(3):
        x = k
    me.e = x


def component_of_a_vector(me: Bug, world: wv.World):
    me.v.x = 3


def negative_power(me: Bug, world: wv.World):
    me.e = 2**-1


def vector_plus_number(me: Bug, world: wv.World):
    me.e = 1.0
    me.v = me.v + 1


def confused(v):
    return v + 1


def vector_plus_number_in_a_helper(me: Bug, world: wv.World):
    me.v = confused(me.v)


def length_of_near(me: Bug, world: wv.World):
    me.e = len(world.near(me, Bug, 1.0))


def field_of_nearest(me: Bug, world: wv.World):
    me.e = world.nearest(me, Bug, 1.0) + 1


def misspelling(me: Bug, world: wv.World):
    world.spwan(Bug)


def unknown_name(me: Bug, world: wv.World):
    me.e = undefined_thing + 1  # noqa: F821


def write_the_id(me: Bug, world: wv.World):
    me.id = 4


def entity_or_number(me: Bug, world: wv.World):
    best = None
    for other in world.near(me, Bug, radius=1.0):
        best = other
    best = 3  # noqa: F841


def printing(me: Bug, world: wv.World):
    print(me.e)


def returning(me: Bug, world: wv.World):
    return me.e


def forever(x):
    return forever(x - 1)


def recursion(me: Bug, world: wv.World):
    me.e = forever(me.e)


def sometimes(x):
    if x > 1:
        return x


def value_on_some_paths(me: Bug, world: wv.World):
    me.e = sometimes(me.e)


def look_around_another(me: Bug, world: wv.World):
    for other in world.near(me, Bug, radius=1.0):
        me.e = world.count(other, Bug, 1.0)


def minimum_without_default(me: Bug, world: wv.World):
    me.e = min(o.e for o in world.near(me, Bug, 1.0))


CASES: list[tuple[Callable[..., Any], str, str]] = [
    (unknown_field, r"Bug has no field 'sped'; it has position, v, e, k, id", "^"),
    (close_to_a_field, r"(?s)Bug has no field 'idd'.*Write 'id'", "^"),
    (write_to_another, r"(?s)other\.e is written, but 'other' is another entity.*send.*meeting", "^^^^^^^"),
    (radius_of_the_entity, r"(?s)the radius 'me\.e' is not constant.*a parameter with high", "^^^^"),
    (look_after_a_move, r"(?s)world\.count is called after me\.position was written.*two behaviors", "^"),
    (look_in_the_second_turn, r"world\.count is called after me\.position was written", "^"),
    (look_after_a_helper_moved, r"world\.count is called after a helper wrote the position", "^"),
    (store_another, r"(?s)'other' is an entity, and is used as a value.*Store other\.id", "^^^^^"),
    (a_with_statement, r"a `with` statement cannot be used in a behavior", "^"),
    (possibly_unset, r"'x' is possibly unset here", "^"),
    (set_in_a_loop_only, r"'x' is possibly unset here", "^"),
    (component_of_a_vector, r"(?s)vectors do not change.*Write me\.v = wv\.Vec2\(value, me\.v\.y\)", "^^^^^^"),
    (negative_power, r"a power with the exponent -1 is asked for", "^^"),
    (vector_plus_number, r"this line does not fit together", "^"),
    (vector_plus_number_in_a_helper, r"(?s)this line does not fit together.*return v \+ 1", "^"),
    (length_of_near, r"(?s)len\(world\.near\(\.\.\.\)\) is asked for.*world\.count\(me, Bug, 1\.0\)", "^"),
    (field_of_nearest, r"(?s)world\.nearest\(\.\.\.\) is used within an expression.*if best", "^"),
    (misspelling, r"(?s)world\.spwan does not exist.*world\.spawn", "^"),
    (unknown_name, r"'undefined_thing' means nothing here", "^^^^"),
    (write_the_id, r"an id cannot be written", "^^^^^"),
    (entity_or_number, r"'best' holds an entity \(or None\) elsewhere, and a value here", "^"),
    (printing, r"print\(\.\.\.\) cannot be called in a behavior", "^"),
    (returning, r"a behavior returns nothing", "^"),
    (recursion, r"forever calls itself", "^"),
    (value_on_some_paths, r"sometimes returns a value on some paths only", "^"),
    (look_around_another, r"world\.count looks around 'other'", "^"),
    (minimum_without_default, r"(?s)min over neighbours has no default.*default=0\.0", "^"),
]


def simulation(behavior: Callable[..., Any], **options: Any) -> wv.Simulation:
    """Ten bugs with one behavior."""
    sim = wv.Simulation(wv.Box(10, 10, boundary="periodic"))
    sim.behavior(behavior, **options)
    sim.scatter(Bug, 10)
    return sim


@pytest.mark.parametrize(("behavior", "text", "caret"), CASES, ids=[c[0].__name__ for c in CASES])
def test_errors_name_line_and_fix(behavior: Callable[..., Any], text: str, caret: str) -> None:
    with pytest.raises(wv.BehaviorError, match=text) as caught:
        compile(simulation(behavior))
    error = caught.value
    assert error.path == __file__
    lines = str(error).splitlines()
    assert lines[0].startswith(f"{__file__}:{error.line}: ")
    with open(__file__) as source:
        assert source.read().splitlines()[error.line - 1].strip() == lines[1].strip()
    assert caret in lines[2]
    assert len(lines) == 5, "the place, the line, the caret, what would go wrong, and the fix"


def test_numbas_own_text_stays_attached() -> None:
    with pytest.raises(wv.BehaviorError) as caught:
        compile(simulation(vector_plus_number))
    assert "No implementation of function" in str(caught.value.__cause__)


def test_a_field_type_that_does_not_exist() -> None:
    with pytest.raises(wv.ModelError, match=r"Wrong\.x is declared as 'list', which is not a field type"):

        class Wrong(wv.Entity):
            x: list


def test_a_field_type_by_a_name_that_does_not_exist() -> None:
    with pytest.raises(wv.ModelError, match=r"Wrong\.x is declared as `wv\.Vec7`, which does not exist"):
        type("Wrong", (wv.Entity,), {"__annotations__": {"x": "wv.Vec7"}, "__module__": __name__})


def test_a_radius_parameter_needs_high() -> None:
    sim = wv.Simulation(wv.Box(10, 10))
    sight = sim.parameter("sight", 2.0)

    @sim.behavior
    def look(me: Bug, world: wv.World):
        me.e = world.count(me, Bug, sight)

    with pytest.raises(wv.BehaviorError, match=r"the radius is the parameter 'sight', which has no `high`"):
        compile(sim)


def test_a_parameter_out_of_range() -> None:
    sim = wv.Simulation(wv.Box(10, 10))
    with pytest.raises(wv.ModelError, match=r"parameter p=3 was asked for; allowed is 0 to 2"):
        sim.parameter("p", 3, low=0, high=2)


FIRST, SECOND = (lambda x: x + 1.0), (lambda x: x * 7.0)


def test_two_lambdas_on_one_line_are_told_apart() -> None:
    import ast

    assert ast.unparse(FunctionSource(FIRST).node) == "lambda x: x + 1.0"
    assert ast.unparse(FunctionSource(SECOND).node) == "lambda x: x * 7.0"


def test_string_annotations_work() -> None:
    sim = wv.Simulation(wv.Box(10, 10))

    @sim.behavior
    def grow(me: "Bug", world: "wv.World"):  # noqa: UP037
        me.e += 1

    sim.scatter(Bug, 3)
    with sim.start() as run:
        run.step(2)
        assert run.entities(Bug)["e"].to_pylist() == [2.0, 2.0, 2.0]


def test_explain_tells_phases_reads_writes_and_text() -> None:
    import apps.flocking

    text = explain(apps.flocking.sim)
    for part in (
        "80 x 80 blocks of 5 x 5",
        "looks for Bird; reads of others: position, Bird.velocity.x, Bird.velocity.y",
        "Bird writes velocity.x, velocity.y, position.x, position.y",
        "moves by 5 at most",
        "cells are half as wide as that",
        "Bird within 5: copied to a strip once per cell, as the loop only sums",
        "def flock__Bird(",
    ):
        assert part in text


def test_explain_tells_what_was_chosen_for_a_loop_whose_order_shows_and_for_small_cells() -> None:
    import apps.life
    import apps.schelling

    assert "Person within 2.9: row by row in the order of the language" in explain(apps.schelling.sim)
    assert "cells inside the world in vectors of uint8" in explain(apps.life.sim)


def test_generated_loops_are_unsigned_and_take_whole_vectors() -> None:
    import apps.flocking

    text = write(apps.flocking.sim).text
    assert "np.uintp(1)" in text
    assert "LANES8_" in text
    assert "length2() < threshold(" in text


@pytest.mark.parametrize("single", [False, True])
def test_squared_thresholds_agree_with_the_root_everywhere_near(single: bool) -> None:
    real: Any = np.float32 if single else np.float64
    rng = np.random.default_rng(3)
    for c in (1.0, 0.1, 5.0, math.sqrt(2), *rng.uniform(0, 1000, 50)):
        x = [real(c * c)]
        for towards in (0, np.inf):
            y = x[0]
            for _ in range(8):
                y = np.nextafter(y, real(towards))
                x.append(y)
        squares = np.array(x, real)
        roots = np.sqrt(squares).astype(np.float64)
        wide = squares.astype(np.float64)
        np.testing.assert_array_equal(roots < c, wide < squared_threshold(c, "<", single))
        np.testing.assert_array_equal(roots <= c, wide <= squared_threshold(c, "<=", single))
        np.testing.assert_array_equal(roots > c, wide > squared_threshold(c, ">", single))
        np.testing.assert_array_equal(roots >= c, wide >= squared_threshold(c, ">=", single))


def test_a_builtin_that_a_library_replaced_is_refused_like_the_builtin(monkeypatch: pytest.MonkeyPatch) -> None:
    def safe_print(*args: Any, **kwargs: Any) -> None:
        raise AssertionError("never called")

    monkeypatch.setattr("builtins.print", safe_print)
    with pytest.raises(wv.BehaviorError, match=r"print\(\.\.\.\) cannot be called in a behavior"):
        compile(simulation(printing))
