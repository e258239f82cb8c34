"""The NumPy meaning of arith, math and affine.apply: on numbers, and on arrays of them at once.

An index is a Python int (or an int64 array), every other number a NumPy scalar or array of its
type. Integers wrap around.
"""

from __future__ import annotations

import math as python_math
import operator
from collections.abc import Callable, Iterable
from typing import Any, ClassVar

import numpy as np
from xdsl.dialects import affine, arith, math
from xdsl.dialects.builtin import FloatAttr, IndexType, IntegerAttr
from xdsl.interpreter import Interpreter, InterpreterFunctions, impl, register_impls
from xdsl.ir import Attribute, Operation

from ...dialects.types import dtype_of

Values = tuple[Any, ...]
Meaning = Callable[..., Any]


def as_type(value: Any, type: Attribute) -> Any:
    """`value` as a number (or an array of numbers) of `type`; integers are cut off."""
    if isinstance(type, IndexType):
        return int(value) if np.ndim(value) == 0 else np.asarray(value, np.int64)
    return np.asarray(value).astype(dtype_of(type))[()]


class TableFunctions(InterpreterFunctions):
    """Ops whose result is a function of their operands, as in `TABLE`."""

    TABLE: ClassVar[dict[type[Operation], Meaning]] = {}
    INDEX_TABLE: ClassVar[dict[type[Operation], Meaning]] = {}
    """The same on Python's integers, for the many index computations of tiled code."""

    @classmethod
    def _impls(cls) -> Iterable[Any]:
        yield from super()._impls()
        for kind, meaning in cls.TABLE.items():
            yield kind, impl(kind)(_implementation(meaning, cls.INDEX_TABLE.get(kind)))


def _implementation(meaning: Meaning, on_indices: Meaning | None) -> Any:
    def run(_: Any, interpreter: Interpreter, op: Operation, args: Values) -> Values:
        if on_indices is not None and all(type(arg) is int for arg in args):
            return (on_indices(*args),)
        with np.errstate(all="ignore"):
            return (as_type(meaning(*args), op.results[0].type),)

    return run


def unsigned(meaning: Meaning) -> Meaning:
    """`meaning` on the operands' bits as unsigned integers."""

    def run(*args: Any) -> Any:
        def cast(arg: Any) -> Any:
            array = np.asarray(arg)
            if array.dtype.kind == "b":
                return array.astype(np.uint8)
            return array.view(f"u{array.dtype.itemsize}")

        return meaning(*map(cast, args))

    return run


def divide(a: Any, b: Any) -> Any:
    """The quotient rounded towards zero."""
    a, b = np.asarray(a), np.asarray(b)
    quotient = np.floor_divide(a, b)
    return quotient + ((quotient * b != a) & ((a < 0) != (b < 0)))


def remainder(a: Any, b: Any) -> Any:
    """What `divide` leaves; it has the sign of `a`."""
    return np.asarray(a) - divide(a, b) * np.asarray(b)


def nan_limit(choose: Meaning) -> Meaning:
    """The other operand where one is not a number."""
    return lambda a, b: np.where(np.isnan(a), b, np.where(np.isnan(b), a, choose(a, b)))


COMPARISONS = (
    np.equal, np.not_equal, np.less, np.less_equal, np.greater, np.greater_equal,
)  # fmt: skip
"""By the predicate of arith.cmpi; 6 to 9 are 2 to 5 on unsigned operands."""

ORDERED = {1: np.equal, 2: np.greater, 3: np.greater_equal, 4: np.less, 5: np.less_equal}
"""By the predicate of arith.cmpf; 8 to 12 (unordered or ...) follow from them."""


def compare_floats(predicate: int, a: Any, b: Any) -> Any:
    """arith.cmpf: predicates 1 to 7 are false, 8 to 14 are true when an operand is no number."""
    unordered = np.isnan(a) | np.isnan(b)
    if predicate in (0, 15):
        return np.broadcast_to(predicate == 15, np.shape(unordered))
    if predicate in (7, 14):
        return ~unordered if predicate == 7 else unordered
    base = predicate if predicate < 8 else predicate - 7
    holds = np.not_equal(a, b) if base == 6 else ORDERED[base](a, b)
    return holds & ~unordered if predicate < 8 else holds | unordered


@register_impls
class ArithFunctions(TableFunctions):
    TABLE: ClassVar[dict[type[Operation], Meaning]] = {
        arith.AddiOp: np.add,
        arith.SubiOp: np.subtract,
        arith.MuliOp: np.multiply,
        arith.DivSIOp: divide,
        arith.RemSIOp: remainder,
        arith.FloorDivSIOp: np.floor_divide,
        arith.DivUIOp: unsigned(np.floor_divide),
        arith.RemUIOp: unsigned(np.remainder),
        arith.AndIOp: np.bitwise_and,
        arith.OrIOp: np.bitwise_or,
        arith.XOrIOp: np.bitwise_xor,
        arith.ShLIOp: np.left_shift,
        arith.ShRSIOp: np.right_shift,
        arith.ShRUIOp: unsigned(np.right_shift),
        arith.MinSIOp: np.minimum,
        arith.MaxSIOp: np.maximum,
        arith.MinUIOp: unsigned(np.minimum),
        arith.MaxUIOp: unsigned(np.maximum),
        arith.AddfOp: np.add,
        arith.SubfOp: np.subtract,
        arith.MulfOp: np.multiply,
        arith.DivfOp: np.divide,
        arith.NegfOp: np.negative,
        arith.MinimumfOp: np.minimum,
        arith.MaximumfOp: np.maximum,
        arith.MinnumfOp: nan_limit(np.minimum),
        arith.MaxnumfOp: nan_limit(np.maximum),
        arith.IndexCastOp: lambda a: a,
        arith.ExtSIOp: lambda a: -a.astype(np.int8) if a.dtype == np.bool_ else a,
        arith.ExtUIOp: unsigned(lambda a: a),
        arith.TruncIOp: lambda a: a,
        arith.ExtFOp: lambda a: a,
        arith.TruncFOp: lambda a: a,
        arith.SIToFPOp: lambda a: a,
        arith.UIToFPOp: unsigned(lambda a: a),
        arith.FPToSIOp: np.trunc,
        arith.FPToUIOp: np.trunc,
    }

    INDEX_TABLE: ClassVar[dict[type[Operation], Meaning]] = {
        arith.AddiOp: operator.add,
        arith.SubiOp: operator.sub,
        arith.MuliOp: operator.mul,
        arith.MinSIOp: min,
        arith.MaxSIOp: max,
    }

    @impl(arith.SelectOp)
    def select(self, _: Interpreter, op: arith.SelectOp, args: Values) -> Values:
        condition, a, b = args
        if np.ndim(condition) == 0:
            return (a if condition else b,)
        return (as_type(np.where(condition, a, b), op.result.type),)

    @impl(arith.ConstantOp)
    def constant(self, _: Interpreter, op: arith.ConstantOp, args: Values) -> Values:
        if not isinstance(op.value, IntegerAttr | FloatAttr):
            raise ValueError(f"{op.value} is not one number")
        value = op.value.value.data
        if isinstance(op.value, IntegerAttr) and not isinstance(op.result.type, IndexType):
            return (as_type(np.asarray(value, np.int64), op.result.type),)
        return (as_type(value, op.result.type),)

    @impl(arith.CmpiOp)
    def compare(self, _: Interpreter, op: arith.CmpiOp, args: Values) -> Values:
        predicate = op.predicate.value.data
        if predicate < 6:
            return (COMPARISONS[predicate](*args),)
        return (unsigned(COMPARISONS[predicate - 4])(*args),)

    @impl(arith.CmpfOp)
    def compare_floats(self, _: Interpreter, op: arith.CmpfOp, args: Values) -> Values:
        return (compare_floats(op.predicate.value.data, *args),)


_erf = np.frompyfunc(python_math.erf, 1, 1)


def fused(a: Any, b: Any, c: Any) -> Any:
    """a * b + c rounded once; exact for f32, whose products fit a double."""
    return np.multiply(a, b, dtype=np.float64) + np.asarray(c, np.float64)


@register_impls
class MathFunctions(TableFunctions):
    TABLE: ClassVar[dict[type[Operation], Meaning]] = {
        math.AbsFOp: np.abs,
        math.AbsIOp: np.abs,
        math.ExpOp: np.exp,
        math.Exp2Op: np.exp2,
        math.ExpM1Op: np.expm1,
        math.LogOp: np.log,
        math.Log10Op: np.log10,
        math.Log1pOp: np.log1p,
        math.Log2Op: np.log2,
        math.SqrtOp: np.sqrt,
        math.CbrtOp: np.cbrt,
        math.TanhOp: np.tanh,
        math.SinhOp: np.sinh,
        math.CoshOp: np.cosh,
        math.SinOp: np.sin,
        math.CosOp: np.cos,
        math.TanOp: np.tan,
        math.AtanOp: np.arctan,
        math.Atan2Op: np.arctan2,
        math.ErfOp: lambda a: np.asarray(_erf(a), np.float64),
        math.PowFOp: np.power,
        math.FloorOp: np.floor,
        math.CeilOp: np.ceil,
        math.TruncOp: np.trunc,
        math.RoundOp: lambda a: np.copysign(np.floor(np.abs(a) + 0.5), a),
        math.RoundEvenOp: np.rint,
        math.CopySignOp: np.copysign,
        math.FmaOp: fused,
    }


@register_impls
class AffineFunctions(InterpreterFunctions):
    @impl(affine.ApplyOp)
    def apply(self, _: Interpreter, op: affine.ApplyOp, args: Values) -> Values:
        map = op.map.data
        return map.eval(list(args[: map.num_dims]), list(args[map.num_dims :]))
