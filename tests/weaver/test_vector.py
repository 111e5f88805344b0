"""The vector types: the arithmetic, and the same bits in plain Python and in kernels."""

from __future__ import annotations

import copy
import math
import os
import pickle
import platform
import re
import struct
import subprocess
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numba
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numba.core.errors import TypingError

import weaver.vector
from weaver.vector import Vec2, Vec2f, Vec3, Vec3f, polar
from weaver.vector_numba import VectorType, vec2, vec2f, vec3, vec3f

FAST = {"reassoc", "nsz", "contract", "arcp"}
PLANE, SPACE = (Vec2, Vec2f), (Vec3, Vec3f)
ROOT = Path(weaver.vector.__file__).parents[1]
GRAVITY, GRAVITY_F = Vec3(0.0, 0.0, -9.81), Vec3f(0.0, 0.0, -9.81)

strict = numba.njit(error_model="numpy")
floats = st.floats(width=64)
scalars = st.one_of(floats, st.integers(-(2**63), 2**63 - 1), st.booleans())


def vectors(cls: Any) -> st.SearchStrategy[Any]:
    return st.builds(cls, *[floats] * cls.ndim)


def bits(value: Any) -> Any:
    """A value as something that compares bit for bit; NaN has one pattern, since its sign and payload are free."""
    if isinstance(value, tuple):
        return tuple(map(bits, value))
    if isinstance(value, float):
        return "nan" if math.isnan(value) else struct.pack("d", value)
    if isinstance(value, Vec2 | Vec2f | Vec3 | Vec3f):
        return type(value).__name__, tuple(map(bits, value))
    return value


def python(code: str, **environment: str) -> str:
    """What a fresh interpreter prints."""
    env = {**os.environ, "PYTHONPATH": str(ROOT), **environment}
    done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


# ---- The smallest cases, by hand ----


def test_arithmetic_by_hand() -> None:
    v, w = Vec2(1, 2), Vec2(3.0, -4.0)
    assert v + w == Vec2(4, -2)
    assert v - w == Vec2(-2, 6)
    assert -v == Vec2(-1, -2)
    assert v * 2 == 2 * v == np.float64(2) * v == Vec2(2, 4)
    assert w / 2 == Vec2(1.5, -2)
    assert v != w
    assert (w.length(), w.length2(), v.dot(w), v.cross(w)) == (5.0, 25.0, -5.0, -10.0)
    assert Vec3(1, 2, 3).cross(Vec3(4, 5, 6)) == Vec3(-3, 6, -3)
    assert repr(v) == "Vec2(1.0, 2.0)"
    assert tuple(Vec3(1, 2, 3)) == (1.0, 2.0, 3.0)


@pytest.mark.parametrize("cls", [*PLANE, *SPACE])
def test_zero_has_no_direction(cls: Any) -> None:
    assert cls() == cls(*[0.0] * cls.ndim)
    assert cls().normalized() == cls()
    assert cls().clamped(1.0) == cls()


def test_normalized_keeps_nan_and_clamped_keeps_short_vectors() -> None:
    assert all(map(math.isnan, Vec2(math.nan, 1.0).normalized()))
    assert Vec2(3, 4).normalized() == Vec2(0.6, 0.8)
    assert Vec2(3, 4).clamped(10) == Vec2(3, 4)
    assert Vec2(30, 40).clamped(5) == Vec2(3, 4)


def test_rotation_is_counter_clockwise() -> None:
    quarter = math.pi / 2
    assert (Vec2(1, 0).rotated(quarter) - Vec2(0, 1)).length() < 1e-15
    assert (Vec3(1, 0, 0).rotated(quarter, Vec3(0, 0, 5)) - Vec3(0, 1, 0)).length() < 1e-15
    assert Vec3(1, 2, 3).rotated(1.0, Vec3()) == Vec3(1, 2, 3)
    assert (polar(quarter, 2.0) - Vec2(0, 2)).length() < 1e-15
    assert polar(0.5).angle() == pytest.approx(0.5)
    assert not hasattr(Vec3(), "angle")


def test_division_by_zero_never_raises() -> None:
    x, y = Vec2(1, -1) / 0
    assert (x, y) == (math.inf, -math.inf)
    x, y = Vec2(1, 0) / -0.0
    assert x == -math.inf and math.isnan(y)
    assert all(map(math.isnan, Vec2(1, 1).rotated(math.inf)))


def test_mixed_precision_widens_first() -> None:
    single, double = Vec2f(0.1, 0.2), Vec2(0.1, 0.2)
    assert type(single + double) is type(double + single) is Vec2
    assert single + double == Vec2(single) + double
    assert single != double and single == Vec2(single) and hash(single) == hash(Vec2(single))
    assert single.dot(double) == Vec2(single).dot(double)
    assert Vec2f(double) == single and type(single * 0.5) is Vec2f


@settings(max_examples=200)
@given(a=vectors(Vec3f), b=vectors(Vec3f), s=st.floats(width=32))
def test_float32_vectors_equal_numpy_float32(a: Vec3f, b: Vec3f, s: float) -> None:
    with np.errstate(all="ignore"):
        p, q, t = np.array([*a], "f4"), np.array([*b], "f4"), np.float32(s)
        square = (p[0] * p[0] + p[1] * p[1]) + p[2] * p[2]
        expected = [*(p + q), *(p - q), *(p * t), *(p / t), square, np.sqrt(square), p[0] * q[1] - p[1] * q[0]]
    got = [*(a + b), *(a - b), *(a * s), *(a / s), a.length2(), a.length(), a.cross(b).z]
    assert [bits(float(e)) for e in expected] == [bits(g) for g in got]


# ---- What a vector is not ----


def test_a_vector_never_changes() -> None:
    v: Any = Vec2(1, 2)
    with pytest.raises(AttributeError, match=r"never changes.\n.*\nWrite v = Vec2\(5, v\.y\) instead"):
        v.x = 5
    with pytest.raises(AttributeError, match=r"Vec3f\(v\.x, v\.y, 1\.5\)"):
        Vec3f(1, 2, 3).z = 1.5  # type: ignore[misc]
    with pytest.raises(AttributeError, match="never changes"):
        del v.x
    with pytest.raises(AttributeError):
        v.speed = 1
    assert v == Vec2(1, 2)


@pytest.mark.parametrize("components", [(1,), (1, 2, 3), ("1", "2"), (Vec3(),), (Vec2(), 1), (None, 1), (1j, 1)])
def test_wrong_components_are_an_error_that_shows_the_right_ones(components: Any) -> None:
    with pytest.raises(TypeError, match=r"takes 2 numbers.*\n.*\nWrite Vec2\(x, y\)"):
        Vec2(*components)


def test_meaningless_operations_are_errors() -> None:
    v: Any = Vec2(1, 2)
    operations: list[Callable[[], object]] = [
        lambda: v < v,
        lambda: len(v),
        lambda: v[0],
        lambda: v + Vec3(),
        lambda: v + 1,
        lambda: v * v,
        lambda: 1 / v,
        lambda: v * "2",
        lambda: np.ones(2) * v,
        lambda: v.dot(Vec3()),
        lambda: v.cross(1),
        lambda: bool(v),
    ]
    for operation in operations:
        with pytest.raises(TypeError):
            operation()
    assert v != Vec3(1, 2, 0) and v != (1, 2) and v is not None


@pytest.mark.parametrize("v", [Vec2(1, 2), Vec2f(0.1, 2), Vec3(1, 2, 3), Vec3f(1, 2, math.inf)])
def test_vectors_and_their_types_survive_pickle_and_copy(v: Any) -> None:
    for twin in (pickle.loads(pickle.dumps(v)), copy.copy(v), copy.deepcopy(v)):
        assert type(twin) is type(v) and twin == v and hash(twin) == hash(v)
    typ = numba.typeof(v)
    assert isinstance(typ, VectorType) and str(typ) == type(v).__name__
    assert pickle.loads(pickle.dumps(typ)) == typ


def test_importing_the_vectors_does_not_import_numba() -> None:
    assert python("import sys, weaver.vector; print('numba' in sys.modules)") == "False"


# ---- Twins: plain Python and kernels give the same bits ----


def any_dimension(a, b, s):  # type: ignore[no-untyped-def]
    c = a
    c += b
    c -= a * s
    d = a
    d *= s
    e = a
    e /= s
    sums = (a + b, a - b, -a, a * s, s * a, a / s, c, d, e)
    scalars = (a.x, a.y, a.dot(b), a.dot(other=b), a.length(), a.length2())
    return sums, scalars, (a.normalized(), a.clamped(s), a.clamped(max_length=s)), (a == b, a != b, a == a, a != a)


def plane(a, b, s):  # type: ignore[no-untyped-def]
    return a.cross(b), a.cross(a), Vec2(a), Vec2f(a), Vec2(s, a.x), Vec2f(s, a.x), Vec2(), Vec2f()


def space(a, b, s):  # type: ignore[no-untyped-def]
    return a.z, a.cross(b), a.cross(a), Vec3(a), Vec3f(a), Vec3(s, 1, True), Vec3f(s, a.x, 2), Vec3(), Vec3f()


kernels = {function: strict(function) for function in (any_dimension, plane, space)}


@pytest.mark.parametrize("other", [0, 1])
@pytest.mark.parametrize("cls", [*PLANE, *SPACE])
def test_kernels_give_the_bits_of_plain_python(cls: Any, other: int) -> None:
    precisions = PLANE if cls.ndim == 2 else SPACE

    @settings(max_examples=60, deadline=None)
    @given(a=vectors(cls), b=vectors(precisions[other]), s=scalars)
    def check(a: Any, b: Any, s: Any) -> None:
        for function in (any_dimension, plane if cls.ndim == 2 else space):
            assert bits(kernels[function](a, b, s)) == bits(function(a, b, s))

    check()


def turns_plane(a, angle):  # type: ignore[no-untyped-def]
    return a.rotated(angle), a.rotated(angle=angle), Vec2(a.angle(), 0.0), polar(angle), polar(angle, length=a.x)


def turns_space(a, angle):  # type: ignore[no-untyped-def]
    up = GRAVITY
    return a.rotated(angle, a), a.rotated(angle, up), a.rotated(axis=Vec3f(1, 2, 3), angle=angle), a.rotated(1, Vec3())


turning = {function: strict(function) for function in (turns_plane, turns_space)}


def close(a: Iterable[float], b: Iterable[float], ulp: float) -> bool:
    """Within 4 units in the last place of the largest component (a turn mixes the components)."""
    pairs = list(zip(a, b, strict=True))
    largest = max(abs(q) for _, q in pairs)
    return all(abs(p - q) <= 4 * ulp * largest for p, q in pairs)


@settings(max_examples=100, deadline=None)
@given(x=st.floats(-1e6, 1e6), y=st.floats(-1e6, 1e6), z=st.floats(-1e6, 1e6), angle=st.floats(-100, 100))
def test_turns_agree_within_4_ulp(x: float, y: float, z: float, angle: float) -> None:
    for function, a in (
        (turns_plane, Vec2(x, y)),
        (turns_plane, Vec2f(x, y)),
        (turns_space, Vec3(x, y, z)),
        (turns_space, Vec3f(x, y, z)),
    ):
        for got, expected in zip(turning[function](a, angle), function(a, angle), strict=True):
            assert type(got) is type(expected)
            assert close(got, expected, 2.0**-23 if expected.single else 2.0**-52), (function, a, got, expected)


def test_a_captured_vector_is_a_constant_of_the_kernel() -> None:
    @strict
    def fall(v: Any, dt: float) -> Any:
        return v + GRAVITY * dt, GRAVITY_F

    assert fall(Vec3(1, 2, 3), 0.5) == (Vec3(1, 2, 3 - 4.905), GRAVITY_F)


def test_explicit_signatures_take_the_exported_types() -> None:
    for typ, v in ((vec2, Vec2(1, 2)), (vec2f, Vec2f(1, 2)), (vec3, Vec3(1, 2, 3)), (vec3f, Vec3f(1, 2, 3))):
        double = numba.njit(typ(typ))(lambda v: v + v)
        assert double(v) == v + v and type(double(v)) is type(v)


@pytest.mark.parametrize(
    "wrong",
    [
        lambda v: v < v,
        lambda v: len(v),
        lambda v: v[0],
        lambda v: v + 1,
        lambda v: v * v,
        lambda v: 1 / v,
        lambda v: v + Vec3(),
        lambda v: v.z,
        lambda v: Vec2(1.0),
        lambda v: Vec3().angle(),
        lambda v: v.clamped(v),
        lambda v: v.dot(1.0),
    ],
)
def test_kernels_refuse_what_plain_python_refuses(wrong: Any) -> None:
    with pytest.raises((AttributeError, TypeError)):
        wrong(Vec2(1, 2))
    with pytest.raises(TypingError):
        strict(wrong)(Vec2(1, 2))


# ---- The machine code ----


def centre(x, y):  # type: ignore[no-untyped-def]
    total = Vec2()
    for i in range(np.uintp(len(x))):
        total += Vec2(x[i], y[i])
    return total


def test_instructions_carry_the_flags_of_the_kernel_they_stand_in() -> None:
    columns = np.arange(9.0), np.ones(9)
    loose, exact = numba.njit(fastmath=FAST, error_model="numpy")(centre), strict(centre)
    assert loose(*columns) == exact(*columns) == Vec2(36, 9)
    for kernel, flagged in ((loose, True), (exact, False)):
        additions = re.findall(r"= fadd .*", kernel.inspect_llvm(kernel.signatures[0]))
        assert additions
        assert all(("reassoc" in line) is flagged for line in additions)


@pytest.mark.skipif(platform.machine() not in ("x86_64", "AMD64"), reason="reads x86 assembly")
def test_a_sum_of_vectors_becomes_packed_instructions() -> None:
    kernel = numba.njit(fastmath=FAST, error_model="numpy")(centre)
    kernel(np.ones(9), np.ones(9))
    assembly = kernel.inspect_asm(kernel.signatures[0])
    assert re.search(r"\bv?addpd\b.*[xyz]mm", assembly)


@pytest.mark.skipif(platform.machine() not in ("x86_64", "AMD64"), reason="reads x86 assembly")
def test_normalizing_columns_becomes_packed_instructions() -> None:
    @numba.njit(fastmath=FAST, error_model="numpy")
    def normalize(x: Any, y: Any, out_x: Any, out_y: Any) -> None:
        for i in range(np.uintp(len(x))):
            direction = Vec2f(x[i], y[i]).normalized()
            out_x[i], out_y[i] = direction.x, direction.y

    columns = [np.full(9, value, np.float32) for value in (3, 4, 0, 0)]
    normalize(*columns)
    assert columns[2] == pytest.approx(0.6) and columns[3] == pytest.approx(0.8)
    assert re.search(r"\bv?(sqrtps|rsqrtps|rsqrt14ps)\b.*[xyz]mm", normalize.inspect_asm(normalize.signatures[0]))


CACHED = """
import numba
from weaver import vector_numba
from weaver.vector import Vec2, Vec3f

WIND = Vec2(0.5, 0.25)

@numba.njit(cache=True, error_model="numpy")
def drift(v, dt):
    return Vec2(v + WIND * dt), Vec3f(1, 2, 3).length()
"""


def test_a_second_process_loads_the_compiled_kernel(tmp_path: Path) -> None:
    (tmp_path / "drifting.py").write_text(CACHED)
    code = f"""
import sys
sys.path.insert(0, {str(tmp_path)!r})
from drifting import Vec2, drift
result = drift(Vec2(1, 2), 2)
print(result, sum(drift.stats.cache_hits.values()), sum(drift.stats.cache_misses.values()))
"""
    cache = str(tmp_path / "cache")
    answer = (Vec2(2.0, 2.5), Vec3f(1, 2, 3).length())
    assert python(code, NUMBA_CACHE_DIR=cache) == f"{answer} 0 1"
    assert python(code, NUMBA_CACHE_DIR=cache) == f"{answer} 1 0"
