"""The forms of graph ops that kernels compute in integers, and what rules say of them."""

from __future__ import annotations

from collections.abc import Iterable
from math import prod

from xdsl.ir import Operation

from ...dialects import graph
from ...dialects.graph_base import ints, shape_of
from ...dialects.quantization import Rule

PRODUCTS = (graph.ConvOp, graph.GemmOp, graph.MatmulOp)


def form_problem(op: Operation) -> str | None:
    """Why no kernel computes `op` in integers, whatever the platform; None if one does.

    Pointwise ops are tables where they depend on one tensor only: not decided here.
    """
    if isinstance(op, PRODUCTS):
        return product_problem(op)
    match op:
        case graph.AddOp() if shape_of(op.lhs) != shape_of(op.rhs):
            return "has no integer form: its operands have different shapes"
        case graph.GlobalAveragePoolOp() if len(shape_of(op.input)) != 4:
            return "has no integer form: only images are pooled in integers"
        case graph.AveragePoolOp():
            counted = not any(ints(op.pads)) or bool(op.count_include_pad.value.data)
            plain = len(op.kernel()) == 2 and counted and set(ints(op.dilations)) == {1}
            return None if plain else "has no integer form: padding is not counted, or dilated"
        case graph.SoftmaxOp() if op.axis.value.data not in (-1, len(shape_of(op.input)) - 1):
            return "has no integer form: a softmax is over the last axis"
        case graph.AddOp() | graph.GlobalAveragePoolOp() | graph.SoftmaxOp():
            return None
        case graph.MaxPoolOp() | graph.ReshapeOp() | graph.TransposeOp():
            return None
        case _:
            return "has no integer form"


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
