"""Vectors of two or three components, immutable, in plain Python.

`Vec2` and `Vec3` hold float64 components, `Vec2f` and `Vec3f` float32 ones. `weaver.vector_numba` teaches numba the
same four types with the same order of operations, so that a behavior gives the same bits in both modes wherever
IEEE 754 fixes the result. This file does not import numba: the command line reads it at every start.

The arithmetic, in both modes:

* The order of operations is part of the contract: `length2` is `x*x + y*y (+ z*z)` from left to right, `length` its
  square root, and so on; each method states its formula.
* Float32 vectors round after every operation, as float32 hardware does. A scalar is rounded to float32 first.
  `x`, `y`, `z` and the results of `dot`, `length`, `length2`, `cross` (2-D) and `angle` come out widened to float64.
* An operation between the two precisions widens the float32 vector first and gives a float64 vector.
* Division by zero gives inf or nan and nothing raises; a length whose square underflows counts as zero.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from ctypes import c_float
from numbers import Real
from operator import add, eq, neg, sub
from typing import Any, ClassVar, NoReturn, Self, overload

__all__ = ["Vec2", "Vec2f", "Vec3", "Vec3f", "polar"]


def _float32(value: float) -> float:
    """The float32 nearest to `value`, widened again.

    Rounding a float64 result of + - * / sqrt of float32 operands gives what float32 hardware gives, because
    53 >= 2 * 24 + 2 bits (Figueroa 1995).
    """
    return c_float(value).value


def _is_scalar(value: object) -> bool:
    return isinstance(value, (float, int, Real))  # Real covers numpy's scalars; text is no number here


def _divide(a: float, b: float) -> float:
    """IEEE 754 division, which never raises."""
    if b:
        return a / b
    return math.nan if a == 0 or a != a else math.copysign(math.inf, a) * math.copysign(1.0, b)


def _turn(angle: float, rounded: Callable[[float], float]) -> tuple[float, float]:
    """Cosine and sine in float64, then rounded; nan for an infinite angle, where the math module would raise."""
    if not math.isfinite(angle):
        return math.nan, math.nan
    return rounded(math.cos(angle)), rounded(math.sin(angle))


def _dot(a: Iterable[float], b: Iterable[float], rounded: Callable[[float], float]) -> float:
    """Products added from left to right, rounded after each operation."""
    first, *rest = (rounded(p * q) for p, q in zip(a, b, strict=True))
    for product in rest:
        first = rounded(first + product)
    return first


class _Vec:
    """What the four vector types share. The components live in one tuple, already rounded to the precision."""

    __slots__ = ("_parts",)
    __array_ufunc__ = None  # numpy scalars on the left then leave `s * v` to us

    ndim: ClassVar[int]
    single: ClassVar[bool] = False
    _parts: tuple[float, ...]

    def __init__(self, *components: Any) -> None:
        if not components:
            parts: tuple[Any, ...] = (0.0,) * self.ndim
        elif len(components) == 1 and isinstance(components[0], _Vec):
            parts = components[0]._parts
        else:
            parts = components
        if len(parts) != self.ndim or not all(map(_is_scalar, parts)):
            name, axes = type(self).__name__, "xyz"[: self.ndim]
            raise TypeError(
                f"{name}{components!r} was asked for; {name} takes {self.ndim} numbers, one vector of {self.ndim} "
                f"components, or nothing for zero.\n"
                f"Components would be missing or have no meaning.\n"
                f"Write {name}({', '.join(axes)}) with numbers for {' and '.join(axes)}."
            )
        object.__setattr__(self, "_parts", tuple(self._rounded(float(part)) for part in parts))

    @staticmethod
    def _rounded(value: float) -> float:
        """`value` in the precision of the class."""
        return value

    @classmethod
    def _of(cls, parts: Iterable[float]) -> Self:
        """A vector of float64 results, rounded to the precision of the class; skips the checks of `__init__`."""
        vector = object.__new__(cls)
        object.__setattr__(vector, "_parts", tuple(map(cls._rounded, parts)))
        return vector

    def _wider(self, other: _Vec) -> type[_Vec]:
        """The class of a result of both: float32 only if both are."""
        return type(other) if self.single else type(self)

    def _like(self, other: object, asked: str) -> _Vec:
        """`other` as a vector of our dimension, else an error."""
        if isinstance(other, _Vec) and other.ndim == self.ndim:
            return other
        name = type(self).__name__
        raise TypeError(
            f"{name}.{asked} was given {other!r}; it takes a vector of {self.ndim} components.\n"
            f"The result has no meaning for anything else.\n"
            f"Pass a {name}."
        )

    @property
    def x(self) -> float:
        """The first component."""
        return self._parts[0]

    @property
    def y(self) -> float:
        """The second component."""
        return self._parts[1]

    def __setattr__(self, name: str, value: object) -> NoReturn:
        cls, axes = type(self).__name__, "xyz"[: self.ndim]
        others = ", ".join(repr(value) if axis == name else f"v.{axis}" for axis in axes)
        raise AttributeError(
            f"'v.{name} = {value!r}' sets a part of {self!r}; a {cls} has {', '.join(axes)} and never changes.\n"
            f"Everything that holds this vector would change with it.\n"
            f"Write v = {cls}({others}) instead.",
            name=name,
            obj=self,
        )

    def __delattr__(self, name: str) -> NoReturn:
        raise AttributeError(f"a {type(self).__name__} never changes, so {name!r} stays", name=name, obj=self)

    def __iter__(self) -> Iterator[float]:
        """The components, for `x, y = v`; plain Python only, kernels write v.x and v.y."""
        return iter(self._parts)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(map(repr, self._parts))})"

    def __reduce__(self) -> tuple[type[Self], tuple[float, ...]]:
        return type(self), self._parts

    def __hash__(self) -> int:
        return hash(self._parts)

    def __bool__(self) -> NoReturn:
        cls = type(self).__name__
        raise TypeError(
            f"{self!r} was used as a condition; a {cls} is neither true nor false.\n"
            f"Plain Python and a kernel would disagree on it.\n"
            f"Write v != {cls}() or v.length() > 0."
        )

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, _Vec) or other.ndim != self.ndim:
            return NotImplemented
        return all(map(eq, self._parts, other._parts))

    def __add__(self, other: Self) -> Self:
        if not isinstance(other, _Vec) or other.ndim != self.ndim:
            return NotImplemented
        return self._wider(other)._of(map(add, self._parts, other._parts))  # type: ignore[return-value]

    def __sub__(self, other: Self) -> Self:
        if not isinstance(other, _Vec) or other.ndim != self.ndim:
            return NotImplemented
        return self._wider(other)._of(map(sub, self._parts, other._parts))  # type: ignore[return-value]

    def __neg__(self) -> Self:
        return self._of(map(neg, self._parts))

    def __mul__(self, scalar: float) -> Self:
        if not _is_scalar(scalar):
            return NotImplemented
        factor = self._rounded(float(scalar))
        return self._of(part * factor for part in self._parts)

    __rmul__ = __mul__

    def __truediv__(self, scalar: float) -> Self:
        if not _is_scalar(scalar):
            return NotImplemented
        divisor = self._rounded(float(scalar))
        return self._of(_divide(part, divisor) for part in self._parts)

    def dot(self, other: Self) -> float:
        """Scalar product, `x*x' + y*y' (+ z*z')` from left to right."""
        other = self._like(other, "dot")  # type: ignore[assignment]
        return _dot(self._parts, other._parts, self._wider(other)._rounded)

    def length2(self) -> float:
        """Square of the length, `x*x + y*y (+ z*z)` from left to right."""
        return _dot(self._parts, self._parts, self._rounded)

    def length(self) -> float:
        """Length, the square root of `length2()`."""
        return self._rounded(math.sqrt(self.length2()))

    def normalized(self) -> Self:
        """Vector of length 1 in this direction: each component divided by `length()`; zero stays zero."""
        length = self.length()
        return self._of(part / length for part in self._parts) if length != 0 else type(self)()

    def clamped(self, max_length: float) -> Self:
        """The vector itself, or, where `length() > max_length`, the vector times `max_length / length()`."""
        limit, length = self._rounded(float(max_length)), self.length()
        return self * _divide(limit, length) if length > limit else self


class _Plane(_Vec):
    """What the two vector types with two components share."""

    __slots__ = ()
    ndim = 2

    @overload
    def __init__(self, x: float, y: float, /) -> None: ...
    @overload
    def __init__(self, vector: _Plane, /) -> None: ...
    @overload
    def __init__(self) -> None: ...
    def __init__(self, *components: Any) -> None:
        super().__init__(*components)

    def cross(self, other: Self) -> float:
        """Third component of the vector product, `x*y' - y*x'`; above zero when `other` lies to the left."""
        other = self._like(other, "cross")  # type: ignore[assignment]
        rounded = self._wider(other)._rounded
        return rounded(rounded(self.x * other.y) - rounded(self.y * other.x))

    def angle(self) -> float:
        """Direction in radians, -pi to pi, counter-clockwise from the x axis: `atan2(y, x)`."""
        return self._rounded(math.atan2(self.y, self.x))

    def rotated(self, angle: float) -> Self:
        """The vector turned counter-clockwise by `angle` radians, `(c*x - s*y, s*x + c*y)` with c, s = cos, sin.

        Float32 vectors round c and s, not the angle, to float32.
        """
        rounded, (x, y) = self._rounded, self._parts
        c, s = _turn(float(angle), rounded)
        return self._of((rounded(c * x) - rounded(s * y), rounded(s * x) + rounded(c * y)))


class _Space(_Vec):
    """What the two vector types with three components share."""

    __slots__ = ()
    ndim = 3

    @overload
    def __init__(self, x: float, y: float, z: float, /) -> None: ...
    @overload
    def __init__(self, vector: _Space, /) -> None: ...
    @overload
    def __init__(self) -> None: ...
    def __init__(self, *components: Any) -> None:
        super().__init__(*components)

    @property
    def z(self) -> float:
        """The third component."""
        return self._parts[2]

    def cross(self, other: Self) -> Self:
        """Vector product, `(y*z' - z*y', z*x' - x*z', x*y' - y*x')`."""
        other = self._like(other, "cross")  # type: ignore[assignment]
        wider = self._wider(other)
        r, (x, y, z), (ox, oy, oz) = wider._rounded, self._parts, other._parts
        return wider._of(  # type: ignore[return-value]
            (r(y * oz) - r(z * oy), r(z * ox) - r(x * oz), r(x * oy) - r(y * ox))
        )

    def rotated(self, angle: float, axis: Self) -> Self:
        """The vector turned by `angle` radians about `axis`, counter-clockwise seen from the tip of `axis`.

        With k the normalized axis and c, s the cosine and sine, each component is `v*c + (k x v)*s + k*(k.v * (1 - c))`
        from left to right (Rodrigues 1840). An axis of length zero leaves the vector as it is.
        """
        axis = self._like(axis, "rotated")  # type: ignore[assignment]
        wider = self._wider(axis)
        vector, axis, r = wider(self), wider(axis), wider._rounded  # type: ignore[assignment]
        if axis.length() == 0:
            return vector  # type: ignore[return-value]
        c, s = _turn(float(angle), r)
        k = axis.normalized()
        along = r(k.dot(vector) * r(1.0 - c))  # type: ignore[arg-type]
        rows = zip(vector._parts, k.cross(vector)._parts, k._parts, strict=True)  # type: ignore[arg-type]
        return wider._of(  # type: ignore[return-value]
            r(r(v * c) + r(across * s)) + r(unit * along) for v, across, unit in rows
        )


class Vec2(_Plane):
    """Two float64 components: `Vec2()` is zero, `Vec2(x, y)`, or `Vec2(v)` of a Vec2f.

    >>> (Vec2(3, 4) / 2).length()
    2.5
    """

    __slots__ = ()


class Vec3(_Space):
    """Three float64 components: `Vec3()` is zero, `Vec3(x, y, z)`, or `Vec3(v)` of a Vec3f.

    >>> Vec3(1, 0, 0).cross(Vec3(0, 1, 0))
    Vec3(0.0, 0.0, 1.0)
    """

    __slots__ = ()


class Vec2f(_Plane):
    """Two float32 components, computed in float32.

    >>> Vec2f(0.5, 0.1)
    Vec2f(0.5, 0.10000000149011612)
    """

    __slots__ = ()
    single = True
    _rounded = staticmethod(_float32)


class Vec3f(_Space):
    """Three float32 components, computed in float32.

    >>> Vec3f(2, 3, 6).length()
    7.0
    """

    __slots__ = ()
    single = True
    _rounded = staticmethod(_float32)


def polar(angle: float, length: float = 1.0) -> Vec2:
    """The Vec2 `(length * cos(angle), length * sin(angle))`; `angle` in radians, counter-clockwise from the x axis."""
    c, s = _turn(float(angle), float)
    return Vec2(float(length) * c, float(length) * s)
