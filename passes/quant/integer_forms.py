"""The forms of graph ops that kernels compute in integers, and what rules say of them."""

from __future__ import annotations

from collections.abc import Iterable
from math import prod

from xdsl.ir import Operation, SSAValue

from ...dialects import graph, quant
from ...dialects.graph_base import ints, shape_of
from ...dialects.quant_normalization import GREATEST_ROW
from ...dialects.quant_pointwise import broadcast_runs
from ...dialects.quantization import Rule

PRODUCTS = (graph.ConvOp, graph.GemmOp, graph.MatmulOp)
PAIRS = (graph.AddOp, graph.SubOp, graph.MulOp)
"""Integer ops of two tensors, either of which may be a constant."""


def is_product(op: Operation) -> bool:
    """A convolution or matrix product with weights."""
    return isinstance(op, PRODUCTS) and not multiplies_activations(op)


def multiplies_activations(op: Operation) -> bool:
    """A matrix product whose right operand is no constant: it has no weights."""
    if not isinstance(op, graph.MatmulOp):
        return False
    maker = op.rhs.owner
    if isinstance(maker, quant.DequantizeCastOp):
        maker = maker.input.owner
    return not isinstance(maker, graph.ConstantOp)


def form_problem(op: Operation) -> str | None:
    """Why no kernel computes `op` in integers, whatever the platform; None if one does.

    Pointwise ops are tables where they depend on one tensor only: not decided here.
    """
    if is_product(op):
        return product_problem(op)
    match op:
        case graph.MatmulOp():
            return matmul_problem(op)
        case graph.AddOp() | graph.SubOp() if shape_of(op.lhs) != shape_of(op.rhs):
            return "has no integer form: its operands have different shapes"
        case graph.GlobalAveragePoolOp() if len(shape_of(op.input)) != 4:
            return "has no integer form: only images are pooled in integers"
        case graph.AveragePoolOp():
            counted = not any(ints(op.pads)) or bool(op.count_include_pad.value.data)
            plain = len(op.kernel()) == 2 and counted and set(ints(op.dilations)) == {1}
            return None if plain else "has no integer form: padding is not counted, or dilated"
        case graph.SoftmaxOp() if op.axis.value.data not in (-1, len(shape_of(op.input)) - 1):
            return "has no integer form: a softmax is over the last axis"
        case graph.LayerNormalizationOp():
            return layer_norm_problem(op)
        case graph.MulOp() if factor_of(op) is None:
            return "has no integer form: an operand is broadcast along axes between its own"
        case graph.PadOp() if not pads_with_zero(op):
            return "has no integer form: it pads with more than zeros"
        case graph.AddOp() | graph.GlobalAveragePoolOp() | graph.SoftmaxOp():
            return None
        case graph.SubOp() | graph.MulOp():
            return None
        case graph.ConcatOp() | graph.SliceOp() | graph.PadOp():
            return None
        case graph.MaxPoolOp() | graph.ReshapeOp() | graph.TransposeOp():
            return None
        case _:
            return "has no integer form"


def pads_with_zero(op: graph.PadOp) -> bool:
    """Padding that every grid has."""
    return op.mode.data == "constant" and op.value.value.data == 0


def factor_of(op: graph.MulOp) -> tuple[SSAValue, SSAValue] | None:
    """The operand that has the shape of the result, and the other, which an integer op broadcasts;
    None where it cannot.
    """
    shape = shape_of(op.result)
    for value, factor in ((op.lhs, op.rhs), (op.rhs, op.lhs)):
        extents = (*[1] * (len(shape) - len(shape_of(factor))), *shape_of(factor))
        if shape_of(value) == shape and broadcast_runs(shape, extents) is not None:
            return value, factor
    return None


def matmul_problem(op: graph.MatmulOp) -> str | None:
    """The same of a matrix product of two activations."""
    lhs, rhs = shape_of(op.lhs), shape_of(op.rhs)
    if graph.constant_array(op.lhs) is not None:
        return "has no integer form: its left operand is a constant, its right one is not"
    if len(lhs) < 2 or len(lhs) != len(rhs) or lhs[:-2] != rhs[:-2]:
        return "has no integer form: a factor of a matrix product is broadcast"
    return None


def layer_norm_problem(op: graph.LayerNormalizationOp) -> str | None:
    """The same of a layer normalization."""
    if any(graph.constant_array(value) is None for value in op.operands[1:]):
        return "has no integer form: its scale and bias must be constants"
    if (count := shape_of(op.input)[-1]) > GREATEST_ROW:
        return f"has no integer form: {count} elements of a row, at most {GREATEST_ROW}"
    return None


def product_problem(op: Operation) -> str | None:
    """The same of a product."""
    if any(graph.constant_array(value) is None for value in op.operands[1:]):
        return "has no integer form: weights and bias must be constants"
    match op:
        case graph.ConvOp() if len(shape_of(op.input)) != 4:
            return "has no integer form: only images are convolved in integers"
        case graph.GemmOp():
            plain = op.alpha.value.data == op.beta.value.data == 1.0
            usual = plain and not op.trans_a.value.data
            return None if usual else "has no integer form: alpha, beta or transA"
        case graph.MatmulOp() if (len(shape_of(op.lhs)), len(shape_of(op.rhs))) != (2, 2):
            return "has no integer form: only matrices are multiplied in integers"
        case _:
            return None


def rule_problem(op: Operation, rules: Iterable[Rule], where: str) -> str | None:
    """What of `rules` (of `op`, then of those that read it) its integer form cannot keep."""
    rule, *readers = rules
    if isinstance(op, graph.SoftmaxOp):
        bound = [r.activations for r in (rule, *readers) if r.activations != "asymmetric"]
        if bound and not all(r.unsigned for r in (rule, *readers)):
            return f"its codes count from -128, {where} takes {bound[0]} activations"
    count = pooled(op)
    if rule.power_of_two and count & (count - 1):
        return f"1/{count} is no power of two, {where} requantizes by shifts"
    return None


def pooled(op: Operation) -> int:
    """How many elements `op` takes the mean of."""
    match op:
        case graph.GlobalAveragePoolOp():
            return prod(shape_of(op.input)[2:])
        case graph.AveragePoolOp():
            return prod(op.kernel())
        case _:
            return 1
