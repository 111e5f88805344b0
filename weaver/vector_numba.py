"""The vector types of `weaver.vector` inside numba's nopython functions.

Generated kernels import this module; importing it registers `Vec2`, `Vec2f`, `Vec3`, `Vec3f` and `polar` with numba.

Every operation is written straight into the caller's function as LLVM instructions, not as an overload: an overload
is compiled once per process with the flags of whoever came first, whereas these instructions carry the floating-point
flags of the kernel they stand in. The order of operations is that of `weaver.vector`, line by line. A vector is a
struct of its components, so LLVM splits it into scalars and nothing of it is left in the machine code.
"""

# mypy: disable-error-code="no-untyped-call, untyped-decorator"
from __future__ import annotations

import inspect
import math
import operator
from collections.abc import Callable, Sequence
from typing import Any

from llvmlite import ir
from numba.core import types
from numba.core.extending import (
    NativeValue,
    box,
    lower_builtin,
    models,
    overload,
    register_model,
    typeof_impl,
    unbox,
)
from numba.core.imputils import lower_cast, lower_constant, lower_getattr
from numba.core.typeconv import Conversion
from numba.core.typing.templates import (
    AbstractTemplate,
    AttributeTemplate,
    bound_function,
    infer_getattr,
    infer_global,
    signature,
)

from weaver.vector import Vec2, Vec2f, Vec3, Vec3f, polar

__all__ = ["VectorType", "vec2", "vec2f", "vec3", "vec3f"]

Parts = list[Any]  # the LLVM values of the components


class VectorType(types.Type):
    """Numba's type of one of the four vector classes; use the instances `vec2`, `vec2f`, `vec3`, `vec3f`."""

    def __init__(self, cls: type[Vec2] | type[Vec2f] | type[Vec3] | type[Vec3f]) -> None:
        """Args: cls: the Python class."""
        self.cls = cls
        self.ndim = cls.ndim
        self.single = cls.single
        self.component = types.float32 if cls.single else types.float64
        super().__init__(name=cls.__name__)

    def can_convert_to(self, typingctx: Any, other: Any) -> Any:
        """A float32 vector widens to the float64 one of its size."""
        if isinstance(other, VectorType) and other.ndim == self.ndim and self.single and not other.single:
            return Conversion.promote
        return None

    def unify(self, typingctx: Any, other: Any) -> Any:
        """A variable that holds both precisions holds float64."""
        if isinstance(other, VectorType) and other.ndim == self.ndim:
            return other if self.single else self
        return None


vec2, vec2f, vec3, vec3f = VectorType(Vec2), VectorType(Vec2f), VectorType(Vec3), VectorType(Vec3f)
ALL = (vec2, vec2f, vec3, vec3f)


# ---- Values: layout, constants, to and from Python ----


@register_model(VectorType)
class VectorModel(models.StructModel):
    """A struct of the components."""

    def __init__(self, manager: Any, typ: VectorType) -> None:
        super().__init__(manager, typ, [(axis, typ.component) for axis in "xyz"[: typ.ndim]])


def _register_typeof(typ: VectorType) -> None:
    typeof_impl.register(typ.cls)(lambda value, context: typ)


for _typ in ALL:
    _register_typeof(_typ)


def _unpack(builder: Any, value: Any, typ: VectorType, wanted: VectorType) -> Parts:
    """The components of `value`, in the precision of `wanted`, which is at least that of `typ`."""
    parts = [builder.extract_value(value, i) for i in range(typ.ndim)]
    return [builder.fpext(p, ir.DoubleType()) for p in parts] if typ.single and not wanted.single else parts


def _pack(context: Any, builder: Any, typ: VectorType, parts: Sequence[Any]) -> Any:
    value = ir.Constant(context.get_value_type(typ), ir.Undefined)
    for i, part in enumerate(parts):
        value = builder.insert_value(value, part, i)
    return value


def _rounded(builder: Any, value: Any, typ: VectorType) -> Any:
    """A float64 value in the precision of `typ`."""
    return builder.fptrunc(value, ir.FloatType()) if typ.single else value


def _widened(builder: Any, value: Any, typ: VectorType) -> Any:
    """A value in the precision of `typ` as float64."""
    return builder.fpext(value, ir.DoubleType()) if typ.single else value


@lower_cast(vec2f, vec2)
@lower_cast(vec3f, vec3)
def _widen(context: Any, builder: Any, typ: VectorType, wanted: VectorType, value: Any) -> Any:
    return _pack(context, builder, wanted, _unpack(builder, value, typ, wanted))


@lower_constant(VectorType)
def _constant(context: Any, builder: Any, typ: VectorType, value: Any) -> Any:
    return ir.Constant.literal_struct([ir.Constant(context.get_value_type(typ.component), part) for part in value])


@unbox(VectorType)
def _unbox(typ: VectorType, obj: Any, c: Any) -> Any:
    parts = []
    for axis in "xyz"[: typ.ndim]:
        component = c.pyapi.object_getattr_string(obj, axis)
        parts.append(_rounded(c.builder, c.pyapi.float_as_double(component), typ))
        c.pyapi.decref(component)
    return NativeValue(_pack(c.context, c.builder, typ, parts))


@box(VectorType)
def _box(typ: VectorType, value: Any, c: Any) -> Any:
    cls = c.pyapi.unserialize(c.pyapi.serialize_object(typ.cls))
    parts = [c.builder.extract_value(value, i) for i in range(typ.ndim)]
    components = [c.pyapi.float_from_double(_widened(c.builder, part, typ)) for part in parts]
    vector = c.pyapi.call_function_objargs(cls, components)
    for obj in (cls, *components):
        c.pyapi.decref(obj)
    return vector


# ---- Typing: which operands go together. Scalars are cast to float64 by numba, then rounded by the operation ----


def _is_scalar(typ: Any) -> bool:
    return isinstance(typ, (types.Integer, types.Float, types.Boolean))


def _is_pair(args: Sequence[Any]) -> bool:
    return len(args) == 2 and all(isinstance(a, VectorType) for a in args) and args[0].ndim == args[1].ndim


def _wider(a: VectorType, b: VectorType) -> VectorType:
    """The type of a result of both: float32 only if both are."""
    return b if a.single else a


class _VectorAndVector(AbstractTemplate):
    def generic(self, args: Any, kws: Any) -> Any:
        return signature(_wider(*args), *args) if _is_pair(args) else None


class _Equality(AbstractTemplate):
    def generic(self, args: Any, kws: Any) -> Any:
        return signature(types.boolean, *args) if _is_pair(args) else None


class _Negation(AbstractTemplate):
    def generic(self, args: Any, kws: Any) -> Any:
        return signature(args[0], args[0]) if isinstance(args[0], VectorType) else None


class _VectorAndScalar(AbstractTemplate):
    def generic(self, args: Any, kws: Any) -> Any:
        if len(args) == 2 and isinstance(args[0], VectorType) and _is_scalar(args[1]):
            return signature(args[0], args[0], types.float64)
        return None


class _Product(AbstractTemplate):
    def generic(self, args: Any, kws: Any) -> Any:
        if len(args) == 2 and isinstance(args[0], VectorType) and _is_scalar(args[1]):
            return signature(args[0], args[0], types.float64)
        if len(args) == 2 and isinstance(args[1], VectorType) and _is_scalar(args[0]):
            return signature(args[1], types.float64, args[1])
        return None


def _register_operators() -> None:
    for template, operators in (
        (_VectorAndVector, (operator.add, operator.iadd, operator.sub, operator.isub)),
        (_Equality, (operator.eq, operator.ne)),
        (_Negation, (operator.neg,)),
        (_VectorAndScalar, (operator.truediv, operator.itruediv)),
        (_Product, (operator.mul, operator.imul)),
    ):
        for op in operators:
            infer_global(op)(type(template.__name__, (template,), {}))


_register_operators()


def _register_constructor(typ: VectorType) -> None:
    """Type and lower `Vec2()`, `Vec2(x, y)` and `Vec2(v)` for one of the classes."""

    class Constructor(AbstractTemplate):
        def generic(self, args: Any, kws: Any) -> Any:
            if kws:
                return None
            if len(args) == 1 and isinstance(args[0], VectorType) and args[0].ndim == typ.ndim:
                return signature(typ, args[0])
            if len(args) in (0, typ.ndim) and all(map(_is_scalar, args)):
                return signature(typ, *[types.float64] * len(args))
            return None

    infer_global(typ.cls)(Constructor)

    @lower_builtin(typ.cls)
    def zero(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return context.get_constant_null(typ)

    @lower_builtin(typ.cls, *[types.float64] * typ.ndim)
    def from_components(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return _pack(context, builder, typ, [_rounded(builder, arg, typ) for arg in args])

    @lower_builtin(typ.cls, VectorType)
    def from_vector(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        parts = _unpack(builder, args[0], sig.args[0], typ)
        if typ.single and not sig.args[0].single:
            parts = [_rounded(builder, part, typ) for part in parts]
        return _pack(context, builder, typ, parts)


for _typ in ALL:
    _register_constructor(_typ)


@infer_global(polar)
class _Polar(AbstractTemplate):
    def generic(self, args: Any, kws: Any) -> Any:
        return _bind(polar, vec2, [types.float64, types.float64], args, kws)


def _bind(function: Callable[..., Any], result: Any, formal: Sequence[Any], args: Any, kws: Any) -> Any:
    """The signature of a call with positional and named arguments, or None where they do not fit `formal`.

    Numba casts each argument to the formal type; parameters with a default that the call omits are left out.
    """
    parameters = [p for p in inspect.signature(function).parameters.values() if p.name != "self"]
    pysig = inspect.Signature(parameters)
    try:
        given = pysig.bind(*args, **kws)
    except TypeError:
        return None
    used = len(given.args)
    for typ, wanted in zip(given.args, formal, strict=False):
        if not (typ == wanted or (wanted is types.float64 and _is_scalar(typ))):
            return None
    return signature(result, *formal[:used]).replace(pysig=pysig.replace(parameters=parameters[:used]))


@infer_getattr
class _Attributes(AttributeTemplate):
    """Types of the components and methods; the named functions below are their lowering."""

    key = VectorType

    def resolve_x(self, typ: VectorType) -> Any:
        return types.float64

    def resolve_y(self, typ: VectorType) -> Any:
        return types.float64

    def resolve_z(self, typ: VectorType) -> Any:
        return types.float64 if typ.ndim == 3 else None

    @bound_function("weaver.length")
    def resolve_length(self, typ: VectorType, args: Any, kws: Any) -> Any:
        return None if args or kws else signature(types.float64)

    @bound_function("weaver.length2")
    def resolve_length2(self, typ: VectorType, args: Any, kws: Any) -> Any:
        return None if args or kws else signature(types.float64)

    @bound_function("weaver.normalized")
    def resolve_normalized(self, typ: VectorType, args: Any, kws: Any) -> Any:
        return None if args or kws else signature(typ)

    @bound_function("weaver.clamped")
    def resolve_clamped(self, typ: VectorType, args: Any, kws: Any) -> Any:
        return _bind(typ.cls.clamped, typ, [types.float64], args, kws)

    @bound_function("weaver.dot")
    def resolve_dot(self, typ: VectorType, args: Any, kws: Any) -> Any:
        other: Any = next(iter([*args, *kws.values()]), None)
        return _bind(typ.cls.dot, types.float64, [other], args, kws) if _is_pair((typ, other)) else None

    @bound_function("weaver.cross")
    def resolve_cross(self, typ: VectorType, args: Any, kws: Any) -> Any:
        other: Any = next(iter([*args, *kws.values()]), None)
        if not _is_pair((typ, other)):
            return None
        return _bind(typ.cls.cross, types.float64 if typ.ndim == 2 else _wider(typ, other), [other], args, kws)

    @bound_function("weaver.rotated")
    def resolve_rotated(self, typ: VectorType, args: Any, kws: Any) -> Any:
        if typ.ndim == 2:
            return _bind(typ.cls.rotated, typ, [types.float64], args, kws)
        axis: Any = kws["axis"] if "axis" in kws else args[1] if len(args) > 1 else None
        if not _is_pair((typ, axis)):
            return None
        return _bind(typ.cls.rotated, _wider(typ, axis), [types.float64, axis], args, kws)

    def resolve_angle(self, typ: VectorType) -> Any:
        return _resolve_angle(self, typ) if typ.ndim == 2 else None


@bound_function("weaver.angle")
def _resolve_angle(self: Any, typ: VectorType, args: Any, kws: Any) -> Any:
    return None if args or kws else signature(types.float64)


# ---- Lowering: the same formulas as weaver.vector ----


def _dot(builder: Any, a: Parts, b: Parts) -> Any:
    """Products added from left to right."""
    first, *rest = [builder.fmul(p, q) for p, q in zip(a, b, strict=True)]
    for product in rest:
        first = builder.fadd(first, product)
    return first


def _square_root(builder: Any, value: Any) -> Any:
    return builder.call(builder.module.declare_intrinsic("llvm.sqrt", [value.type]), [value])


def _length(builder: Any, parts: Parts) -> Any:
    return _square_root(builder, _dot(builder, parts, parts))


def _is_zero(builder: Any, length: Any) -> Any:
    return builder.fcmp_ordered("==", length, ir.Constant(length.type, 0.0))


def _cross(builder: Any, a: Parts, b: Parts) -> Parts:
    """`x*y' - y*x'`, and in three dimensions the other two components before it."""

    def minor(i: int, j: int) -> Any:
        return builder.fsub(builder.fmul(a[i], b[j]), builder.fmul(a[j], b[i]))

    return [minor(0, 1)] if len(a) == 2 else [minor(1, 2), minor(2, 0), minor(0, 1)]


def _turn(context: Any, builder: Any, angle: Any, typ: VectorType) -> tuple[Any, Any]:
    """Cosine and sine in float64, then in the precision of `typ`."""
    sig = signature(types.float64, types.float64)
    cosine, sine = (context.get_function(f, sig)(builder, (angle,)) for f in (math.cos, math.sin))
    return _rounded(builder, cosine, typ), _rounded(builder, sine, typ)


def _lower_pairwise(instruction: str, *operators: Any) -> None:
    def pairwise(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        a, b = (_unpack(builder, arg, typ, sig.return_type) for arg, typ in zip(args, sig.args, strict=True))
        emit = getattr(builder, instruction)
        return _pack(context, builder, sig.return_type, [emit(p, q) for p, q in zip(a, b, strict=True)])

    for op in operators:
        lower_builtin(op, VectorType, VectorType)(pairwise)


_lower_pairwise("fadd", operator.add, operator.iadd)
_lower_pairwise("fsub", operator.sub, operator.isub)


@lower_builtin(operator.neg, VectorType)
def _negate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
    parts = _unpack(builder, args[0], sig.args[0], sig.return_type)
    return _pack(context, builder, sig.return_type, [builder.fneg(part) for part in parts])


def _lower_scaling(instruction: str, *operators: Any) -> None:
    def scaling(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        scalar = _rounded(builder, args[1], sig.return_type)
        parts = _unpack(builder, args[0], sig.args[0], sig.return_type)
        return _pack(context, builder, sig.return_type, [getattr(builder, instruction)(p, scalar) for p in parts])

    for op in operators:
        lower_builtin(op, VectorType, types.Float)(scaling)


_lower_scaling("fmul", operator.mul, operator.imul)
_lower_scaling("fdiv", operator.truediv, operator.itruediv)


@lower_builtin(operator.imul, types.Float, VectorType)
@lower_builtin(operator.mul, types.Float, VectorType)
def _scale_from_left(context: Any, builder: Any, sig: Any, args: Any) -> Any:
    scalar = _rounded(builder, args[0], sig.return_type)
    parts = _unpack(builder, args[1], sig.args[1], sig.return_type)
    return _pack(context, builder, sig.return_type, [builder.fmul(part, scalar) for part in parts])


@lower_builtin(operator.eq, VectorType, VectorType)
def _equal(context: Any, builder: Any, sig: Any, args: Any) -> Any:
    wider = _wider(*sig.args)
    a, b = (_unpack(builder, arg, typ, wider) for arg, typ in zip(args, sig.args, strict=True))
    first, *rest = [builder.fcmp_ordered("==", p, q) for p, q in zip(a, b, strict=True)]
    for same in rest:
        first = builder.and_(first, same)
    return first


@lower_builtin(operator.ne, VectorType, VectorType)
def _unequal(context: Any, builder: Any, sig: Any, args: Any) -> Any:
    return builder.not_(_equal(context, builder, sig, args))


def _lower_component(axis: str, index: int) -> None:
    @lower_getattr(VectorType, axis)
    def component(context: Any, builder: Any, typ: VectorType, value: Any) -> Any:
        return _widened(builder, builder.extract_value(value, index), typ)


for _index, _axis in enumerate("xyz"):
    _lower_component(_axis, _index)


@lower_builtin("weaver.dot", VectorType, VectorType)
def _lower_dot(context: Any, builder: Any, sig: Any, args: Any) -> Any:
    wider = _wider(*sig.args)
    a, b = (_unpack(builder, arg, typ, wider) for arg, typ in zip(args, sig.args, strict=True))
    return _widened(builder, _dot(builder, a, b), wider)


@lower_builtin("weaver.cross", VectorType, VectorType)
def _lower_cross(context: Any, builder: Any, sig: Any, args: Any) -> Any:
    wider = _wider(*sig.args)
    a, b = (_unpack(builder, arg, typ, wider) for arg, typ in zip(args, sig.args, strict=True))
    parts = _cross(builder, a, b)
    return _widened(builder, parts[0], wider) if wider.ndim == 2 else _pack(context, builder, wider, parts)


@lower_builtin("weaver.length2", VectorType)
def _lower_length2(context: Any, builder: Any, sig: Any, args: Any) -> Any:
    (typ,) = sig.args
    parts = _unpack(builder, args[0], typ, typ)
    return _widened(builder, _dot(builder, parts, parts), typ)


@lower_builtin("weaver.length", VectorType)
def _lower_length(context: Any, builder: Any, sig: Any, args: Any) -> Any:
    (typ,) = sig.args
    return _widened(builder, _length(builder, _unpack(builder, args[0], typ, typ)), typ)


def _normalized(builder: Any, parts: Parts) -> Parts:
    """Branchless, so that a loop around it vectorises; only a length of exactly zero gives zero, nan stays nan."""
    length = _length(builder, parts)
    zero, empty = ir.Constant(length.type, 0.0), _is_zero(builder, length)
    return [builder.select(empty, zero, builder.fdiv(part, length)) for part in parts]


@lower_builtin("weaver.normalized", VectorType)
def _lower_normalized(context: Any, builder: Any, sig: Any, args: Any) -> Any:
    (typ,) = sig.args
    return _pack(context, builder, typ, _normalized(builder, _unpack(builder, args[0], typ, typ)))


@lower_builtin("weaver.clamped", VectorType, types.Float)
def _lower_clamped(context: Any, builder: Any, sig: Any, args: Any) -> Any:
    typ = sig.return_type
    parts, limit = _unpack(builder, args[0], typ, typ), _rounded(builder, args[1], typ)
    length = _length(builder, parts)
    longer, factor = builder.fcmp_ordered(">", length, limit), builder.fdiv(limit, length)
    return _pack(context, builder, typ, [builder.select(longer, builder.fmul(p, factor), p) for p in parts])


@lower_builtin("weaver.angle", VectorType)
def _lower_angle(context: Any, builder: Any, sig: Any, args: Any) -> Any:
    (typ,) = sig.args
    x, y = _unpack(builder, args[0], typ, vec2)
    atan2 = context.get_function(math.atan2, signature(types.float64, types.float64, types.float64))
    return _widened(builder, _rounded(builder, atan2(builder, (y, x)), typ), typ)


@lower_builtin("weaver.rotated", VectorType, types.Float)
def _lower_rotated_plane(context: Any, builder: Any, sig: Any, args: Any) -> Any:
    typ = sig.return_type
    x, y = _unpack(builder, args[0], typ, typ)
    c, s = _turn(context, builder, args[1], typ)
    turned_x = builder.fsub(builder.fmul(c, x), builder.fmul(s, y))
    turned_y = builder.fadd(builder.fmul(s, x), builder.fmul(c, y))
    return _pack(context, builder, typ, [turned_x, turned_y])


@lower_builtin("weaver.rotated", VectorType, types.Float, VectorType)
def _lower_rotated_space(context: Any, builder: Any, sig: Any, args: Any) -> Any:
    typ = sig.return_type
    vector = _unpack(builder, args[0], sig.args[0], typ)
    axis = _unpack(builder, args[2], sig.args[2], typ)
    no_axis = _is_zero(builder, _length(builder, axis))
    c, s = _turn(context, builder, args[1], typ)
    k = _normalized(builder, axis)
    along = builder.fmul(_dot(builder, k, vector), builder.fsub(ir.Constant(c.type, 1.0), c))
    turned = []
    for v, across, unit in zip(vector, _cross(builder, k, vector), k, strict=True):
        in_plane = builder.fadd(builder.fmul(v, c), builder.fmul(across, s))
        turned.append(builder.select(no_axis, v, builder.fadd(in_plane, builder.fmul(unit, along))))
    return _pack(context, builder, typ, turned)


@lower_builtin(polar, types.Float)
@lower_builtin(polar, types.Float, types.Float)
def _lower_polar(context: Any, builder: Any, sig: Any, args: Any) -> Any:
    parts: Parts = list(_turn(context, builder, args[0], vec2))
    if len(args) == 2:
        parts = [builder.fmul(args[1], part) for part in parts]
    return _pack(context, builder, vec2, parts)


# ---- Choices by type ----


def threshold(vector: Vec2 | Vec2f | Vec3 | Vec3f, double: float, single: float) -> float:
    """The second or third argument, by the precision of the vector."""
    return single if vector.single else double


@overload(threshold)
def _threshold(vector, double, single):  # type: ignore[no-untyped-def]  # numba compares the bare names
    if vector.single:
        return lambda vector, double, single: single
    return lambda vector, double, single: double
