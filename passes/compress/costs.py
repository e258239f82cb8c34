"""What layers cost before any hardware is known: products per inference, or weights."""

from __future__ import annotations

from collections.abc import Callable
from math import prod

from xdsl.ir import Operation

from ...dialects import graph
from ...dialects.diagnostics import RunnelError, choices
from ...dialects.graph_base import shape_of


def macs(op: Operation) -> int:
    """Products of two numbers in one run of a convolution or matrix product; 0 for other ops."""
    if isinstance(op, graph.ConvOp):
        return prod(shape_of(op.result)) * prod(shape_of(op.weight)[1:])
    if isinstance(op, graph.GemmOp):
        depth = shape_of(op.lhs)[0 if op.trans_a.value.data else 1]
        return prod(shape_of(op.result)) * depth
    if isinstance(op, graph.MatmulOp):
        return prod(shape_of(op.result)) * shape_of(op.lhs)[-1]
    return 0


def weights(op: Operation) -> int:
    """Numbers in the constant weight of a convolution or matrix product, without the bias."""
    if not isinstance(op, graph.ConvOp | graph.GemmOp | graph.MatmulOp):
        return 0
    weight = op.operands[1]
    return prod(shape_of(weight)) if isinstance(weight.owner, graph.ConstantOp) else 0


COSTS: dict[str, Callable[[Operation], int]] = {"macs": macs, "weights": weights}


def cost_named(name: str, pass_name: str) -> Callable[[Operation], int]:
    """The cost of that name; raises `RunnelError`."""
    if name not in COSTS:
        raise RunnelError(f"{pass_name}: cost={name} is none of {choices(name, COSTS)}")
    return COSTS[name]
