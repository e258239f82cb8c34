"""The graph ops that compute each element by itself, as the body of a linalg.generic."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from xdsl.dialects import arith, math
from xdsl.dialects.builtin import FloatAttr, IntegerType, TensorType
from xdsl.ir import Attribute, Operation, SSAValue

from ..dialects import graph
from ..dialects.types import dtype_of
from .linalg_layer import Scalars

Function = Callable[..., SSAValue]
"""(op, scalars, an element of each operand) to the element of the result."""


def real(attribute: FloatAttr) -> float:
    return attribute.value.data


def relu(_: Operation, s: Scalars, x: SSAValue) -> SSAValue:
    return s.at_least(x, 0)


def sigmoid(_: Operation, s: Scalars, x: SSAValue) -> SSAValue:
    decay = s.exp(s.unary(arith.NegfOp, x))
    return s.div(s.number(1), s.add(decay, 1))


def hard_swish(_: Operation, s: Scalars, x: SSAValue) -> SSAValue:
    gate = s.add(s.div(x, 6), 0.5)
    return s.mul(x, s.at_most(s.at_least(gate, 0), 1))


def leaky_relu(op: graph.LeakyReluOp, s: Scalars, x: SSAValue) -> SSAValue:
    return s.select(s.less(x, 0), s.mul(x, real(op.alpha)), x)


def elu(op: graph.EluOp, s: Scalars, x: SSAValue) -> SSAValue:
    return s.select(s.less(x, 0), s.mul(s.unary(math.ExpM1Op, x), real(op.alpha)), x)


def hard_sigmoid(op: graph.HardSigmoidOp, s: Scalars, x: SSAValue) -> SSAValue:
    line = s.add(s.mul(x, real(op.alpha)), real(op.beta))
    return s.at_most(s.at_least(line, 0), 1)


def clip(op: graph.ClipOp, s: Scalars, x: SSAValue) -> SSAValue:
    if op.min is not None:
        x = s.at_least(x, real(op.min))
    return x if op.max is None else s.at_most(x, real(op.max))


def prelu(_: Operation, s: Scalars, x: SSAValue, slope: SSAValue) -> SSAValue:
    return s.select(s.less(x, 0), s.mul(x, slope), x)


def batch_normalization(
    op: graph.BatchNormalizationOp, s: Scalars, x: SSAValue, *parameters: SSAValue
) -> SSAValue:
    scale, bias, mean, variance = parameters
    deviation = s.unary(math.SqrtOp, s.add(variance, real(op.epsilon)))
    return s.add(s.mul(s.sub(x, mean), s.div(scale, deviation)), bias)


def cast(op: graph.CastOp, s: Scalars, x: SSAValue) -> SSAValue:
    assert isinstance(op.result.type, TensorType)
    return convert(s, x, op.result.type.element_type)


def convert(s: Scalars, x: SSAValue, target: Attribute) -> SSAValue:
    """`x` as a number of another type; booleans are 0 and 1."""
    source = x.type
    if source == target:
        return x
    match source, target:
        case IntegerType(), IntegerType():
            narrow = source.width.data > target.width.data
            one_bit = source.width.data == 1
            kind = arith.TruncIOp if narrow else arith.ExtUIOp if one_bit else arith.ExtSIOp
        case IntegerType(), _:
            kind = arith.UIToFPOp if source.width.data == 1 else arith.SIToFPOp
        case _, IntegerType():
            kind = arith.FPToSIOp
        case _:
            narrow = dtype_of(source).itemsize > dtype_of(target).itemsize
            kind = arith.TruncFOp if narrow else arith.ExtFOp
    if isinstance(target, IntegerType) and target.width.data == 1:
        return truth(s, x)
    return s.add_op(kind(x, target))  # pyright: ignore[reportArgumentType]


def truth(s: Scalars, x: SSAValue) -> SSAValue:
    """Whether `x` is not zero."""
    zero = s.number(0, x.type)
    if isinstance(x.type, IntegerType):
        return s.add_op(arith.CmpiOp(x, zero, "ne"))
    return s.add_op(arith.CmpfOp(x, zero, "une"))


def unary(kind: Callable[[SSAValue], Operation]) -> Function:
    return lambda op, s, x: s.unary(kind, x)


ELEMENTWISE: dict[type[Operation], Any] = {
    graph.ReluOp: relu,
    graph.SigmoidOp: sigmoid,
    graph.TanhOp: unary(math.TanhOp),
    graph.ExpOp: unary(math.ExpOp),
    graph.LogOp: unary(math.LogOp),
    graph.SqrtOp: unary(math.SqrtOp),
    graph.ErfOp: unary(math.ErfOp),
    graph.AbsOp: unary(math.AbsFOp),
    graph.NegOp: unary(arith.NegfOp),
    graph.ReciprocalOp: lambda op, s, x: s.div(s.number(1), x),
    graph.HardSwishOp: hard_swish,
    graph.LeakyReluOp: leaky_relu,
    graph.EluOp: elu,
    graph.HardSigmoidOp: hard_sigmoid,
    graph.ClipOp: clip,
    graph.PReluOp: prelu,
    graph.AddOp: lambda op, s, a, b: s.add(a, b),
    graph.SubOp: lambda op, s, a, b: s.sub(a, b),
    graph.MulOp: lambda op, s, a, b: s.mul(a, b),
    graph.DivOp: lambda op, s, a, b: s.div(a, b),
    graph.PowOp: lambda op, s, a, b: s.binary(math.PowFOp, a, b),
    graph.MaximumOp: lambda op, s, a, b: s.at_least(a, b),
    graph.MinimumOp: lambda op, s, a, b: s.at_most(a, b),
    graph.BatchNormalizationOp: batch_normalization,
    graph.CastOp: cast,
}
"""The function of each op; operands are broadcast to the result."""
