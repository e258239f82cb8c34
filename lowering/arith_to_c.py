"""arith, math and affine.apply as C expressions.

Integers wrap around where MLIR says so: C does it for unsigned types only, so that is where such
sums are computed. Values of type index do not overflow.
"""

from __future__ import annotations

from functools import singledispatch

from xdsl.dialects import affine, arith, math
from xdsl.dialects.builtin import FloatAttr, IndexType, IntegerAttr, IntegerType, i1
from xdsl.ir import Operation, SSAValue
from xdsl.ir.affine import (
    AffineBinaryOpExpr,
    AffineBinaryOpKind,
    AffineConstantExpr,
    AffineDimExpr,
    AffineExpr,
)
from xdsl.utils.exceptions import PassFailedException

from ..dialects import c
from ..dialects.diagnostics import refuse
from .c_builder import Builder, c_type, unsigned

Values = tuple[SSAValue, ...]

FLOAT = {arith.AddfOp: "+", arith.SubfOp: "-", arith.MulfOp: "*", arith.DivfOp: "/"}
WRAPPING = {arith.AddiOp: "+", arith.SubiOp: "-", arith.MuliOp: "*", arith.ShLIOp: "<<"}
SIGNED = {
    arith.DivSIOp: "/", arith.RemSIOp: "%", arith.ShRSIOp: ">>",
    arith.AndIOp: "&", arith.OrIOp: "|", arith.XOrIOp: "^",
}  # fmt: skip
UNSIGNED = {arith.DivUIOp: "/", arith.RemUIOp: "%", arith.ShRUIOp: ">>"}
LIMITS = {
    arith.MinSIOp: "<", arith.MaxSIOp: ">", arith.MinUIOp: "<", arith.MaxUIOp: ">",
}  # fmt: skip
NUMBER_LIMITS = {arith.MinnumfOp: "fmin", arith.MaxnumfOp: "fmax"}
"""The other operand when one is not a number."""
CASTS = (
    arith.IndexCastOp, arith.FPToSIOp, arith.SIToFPOp, arith.ExtFOp, arith.TruncFOp, arith.TruncIOp,
)  # fmt: skip
UNSIGNED_CASTS = (arith.ExtUIOp, arith.UIToFPOp)
INTEGER_PREDICATES = ("==", "!=", "<", "<=", ">", ">=", "<", "<=", ">", ">=")
"""By the number of the predicate of arith.cmpi; the last four compare unsigned."""
ORDERED = {1: "==", 2: ">", 3: ">=", 4: "<", 5: "<=", 13: "!="}
"""The predicates of arith.cmpf that C has."""
NOT_ORDERED = {8: 6, 9: 5, 10: 4, 11: 3, 12: 2, 14: 7}
"""Predicate to the one that it denies: `ugt` is `not ole`."""
MATH = {
    math.ExpOp: "exp", math.Exp2Op: "exp2", math.ExpM1Op: "expm1", math.LogOp: "log",
    math.Log10Op: "log10", math.Log1pOp: "log1p", math.Log2Op: "log2", math.SqrtOp: "sqrt",
    math.TanhOp: "tanh", math.SinhOp: "sinh", math.CoshOp: "cosh", math.SinOp: "sin",
    math.CosOp: "cos", math.TanOp: "tan", math.AtanOp: "atan", math.Atan2Op: "atan2",
    math.ErfOp: "erf", math.AbsFOp: "fabs", math.PowFOp: "pow", math.FloorOp: "floor",
    math.CeilOp: "ceil", math.TruncOp: "trunc", math.RoundOp: "round", math.RoundEvenOp: "rint",
    math.CbrtOp: "cbrt", math.CopySignOp: "copysign", math.FmaOp: "fma",
}  # fmt: skip
"""Op to its function in <math.h>; `rint` rounds half to even in C's default rounding mode."""


@singledispatch
def lower_expression(op: Operation, values: Values, to: Builder) -> SSAValue:
    """The value of `op`, computed by `to` from the C values of its operands."""
    kind = type(op)
    if kind in FLOAT:
        return to.binary(FLOAT[kind], *values)
    if kind in WRAPPING:
        return _wrapping(WRAPPING[kind], op, values, to)
    if kind in SIGNED:
        return _widened(SIGNED[kind], values, to)
    if kind in UNSIGNED:
        type_ = values[0].type
        computed = _widened(UNSIGNED[kind], _as_unsigned(values, to), to)
        return to.cast(computed, type_)
    if kind in LIMITS:
        compared = _as_unsigned(values, to) if kind in (arith.MinUIOp, arith.MaxUIOp) else values
        return to.choose(to.binary(LIMITS[kind], *compared), *values)
    if kind in NUMBER_LIMITS:
        return to.math(NUMBER_LIMITS[kind], *values)
    if kind in MATH:
        return to.math(MATH[kind], *values)
    if isinstance(op, CASTS):
        return to.cast(values[0], c_type(op.results[0].type))
    if isinstance(op, UNSIGNED_CASTS):
        value = values[0] if values[0].type == i1 else _as_unsigned(values, to)[0]
        return to.cast(value, c_type(op.results[0].type))
    refuse(op, "has no form in C here")


def _as_unsigned(values: Values, to: Builder) -> Values:
    return tuple(to.cast(value, unsigned(value.type)) for value in values)


def _widened(operator: str, values: Values, to: Builder) -> SSAValue:
    """Arithmetic in at least 32 bits, cut back to the type of the operands."""
    type = values[0].type
    if isinstance(type, IntegerType) and 1 < type.width.data < 32:
        wide = IntegerType(32, type.signedness.data)
        values = tuple(to.cast(value, wide) for value in values)
    return to.cast(to.binary(operator, *values), type)


def _wrapping(operator: str, op: Operation, values: Values, to: Builder) -> SSAValue:
    """A sum, difference, product or left shift modulo 2^width; of indices a plain one."""
    type = values[0].type
    if isinstance(op.results[0].type, IndexType):
        return to.binary(operator, *values)
    return to.cast(_widened(operator, _as_unsigned(values, to), to), type)


@lower_expression.register
def constant(op: arith.ConstantOp, values: Values, to: Builder) -> SSAValue:
    match op.value:
        case IntegerAttr() | FloatAttr():
            return to.literal(op.value.value.data, c_type(op.result.type))
        case _:
            refuse(op, f"{op.value} is not one number")


@lower_expression.register
def extend(op: arith.ExtSIOp, values: Values, to: Builder) -> SSAValue:
    wide = to.cast(values[0], c_type(op.result.type))
    return to.add(c.UnaryOp("-", wide)) if values[0].type == i1 else wide


@lower_expression.register
def negate(op: arith.NegfOp, values: Values, to: Builder) -> SSAValue:
    return to.add(c.UnaryOp("-", values[0]))


@lower_expression.register
def select(op: arith.SelectOp, values: Values, to: Builder) -> SSAValue:
    return to.choose(*values)


@lower_expression.register
def compare_integers(op: arith.CmpiOp, values: Values, to: Builder) -> SSAValue:
    predicate = op.predicate.value.data
    compared = _as_unsigned(values, to) if predicate >= 6 else values
    return to.binary(INTEGER_PREDICATES[predicate], *compared)


@lower_expression.register
def compare_floats(op: arith.CmpfOp, values: Values, to: Builder) -> SSAValue:
    return _compare_floats(op.predicate.value.data, values, to)


def _compare_floats(predicate: int, values: Values, to: Builder) -> SSAValue:
    a, b = values
    if predicate in ORDERED:
        return to.binary(ORDERED[predicate], a, b)
    if predicate in NOT_ORDERED:
        return to.negate(_compare_floats(NOT_ORDERED[predicate], values, to))
    if predicate == 6:
        return to.binary("||", to.binary("<", a, b), to.binary(">", a, b))
    if predicate == 7:
        return to.binary("&&", to.binary("==", a, a), to.binary("==", b, b))
    return to.literal(predicate == 15, i1)


@lower_expression.register(arith.MaximumfOp)
@lower_expression.register(arith.MinimumfOp)
def limit(op: arith.MaximumfOp | arith.MinimumfOp, values: Values, to: Builder) -> SSAValue:
    """Not-a-number wins; the zeros are not told apart."""
    a, b = values
    beyond = to.binary(">" if isinstance(op, arith.MaximumfOp) else "<", a, b)
    return to.choose(to.binary("||", beyond, to.binary("!=", a, a)), a, b)


@lower_expression.register
def floor_divide(op: arith.FloorDivSIOp, values: Values, to: Builder) -> SSAValue:
    return _floor_divide(values[0], values[1], to)


def _floor_divide(a: SSAValue, b: SSAValue, to: Builder) -> SSAValue:
    """C rounds towards zero: one less where the signs differ and a remainder is left."""
    zero = to.literal(0, a.type)
    quotient, rest = to.binary("/", a, b), to.binary("%", a, b)
    differ = to.binary("<", to.binary("^", a, b), zero)
    rounded_up = to.binary("&&", to.binary("!=", rest, zero), differ)
    return to.choose(rounded_up, to.binary("-", quotient, to.literal(1, a.type)), quotient)


@lower_expression.register
def apply(op: affine.ApplyOp, values: Values, to: Builder) -> SSAValue:
    return index_expression(op.map.data.results[0], values, to)


def index_expression(expression: AffineExpr, dims: Values, to: Builder) -> SSAValue:
    """An affine expression over `dims` in int32_t."""
    match expression:
        case AffineConstantExpr():
            return to.literal(expression.value)
        case AffineDimExpr():
            return dims[expression.position]
        case AffineBinaryOpExpr():
            a = index_expression(expression.lhs, dims, to)
            b = index_expression(expression.rhs, dims, to)
            return _index_binary(expression.kind, a, b, to)
        case _:
            raise PassFailedException(f"affine.apply: {expression} has a symbol")


def _index_binary(kind: AffineBinaryOpKind, a: SSAValue, b: SSAValue, to: Builder) -> SSAValue:
    match kind:
        case AffineBinaryOpKind.Add:
            return to.binary("+", a, b)
        case AffineBinaryOpKind.Mul:
            return to.binary("*", a, b)
        case AffineBinaryOpKind.FloorDiv:
            return _floor_divide(a, b, to)
        case AffineBinaryOpKind.CeilDiv:
            negated = to.binary("*", a, to.literal(-1))
            return to.binary("*", _floor_divide(negated, b, to), to.literal(-1))
        case AffineBinaryOpKind.Mod:
            whole = to.binary("*", _floor_divide(a, b, to), b)
            return to.binary("-", a, whole)
