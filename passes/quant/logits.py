"""Which value of a network chooses between classes: what its last softmax takes, or would."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

from xdsl.dialects import func
from xdsl.ir import Operation, SSAValue

from ...dialects import graph, quant
from ...dialects.graph_base import is_float, shape_of

MOVED = graph.ReshapeOp | quant.CastOp
"""Keep the values that they get."""
SOFTMAX = graph.SoftmaxOp | quant.SoftmaxOp


def before_softmax(function: func.FuncOp) -> SSAValue:
    """What the softmax before the first result takes; that result where there is none."""
    source = result = first_result(function)
    while isinstance(source.owner, MOVED):
        source = source.owner.operands[0]
    return source.owner.operands[0] if isinstance(source.owner, SOFTMAX) else result


def first_result(function: func.FuncOp) -> SSAValue:
    last = function.body.block.last_op
    assert last is not None
    return last.operands[0]


def logits_of(function: func.FuncOp) -> Operation | None:
    """The op of a float network whose rows a softmax turns into the only result, or would:
    [N, classes], or [N, classes, 1, 1]. None where that is a copy of an input's shape: no choice
    between classes.
    """
    if len(function.function_type.outputs) != 1:
        return None
    value = before_softmax(function)
    while isinstance(value.owner, graph.ReshapeOp):
        value = value.owner.operands[0]
    op = value.owner
    return op if isinstance(op, Operation) and is_choice(function, value) else None


def is_choice(function: func.FuncOp, value: SSAValue) -> bool:
    """Whether `value` is made of rows of reals, one for each class, and no copy of an input."""
    copies = any(argument.type == value.type for argument in function.body.block.args)
    return is_float(value.type) and is_row(shape_of(value)) and not copies


def is_row(shape: Sequence[int]) -> bool:
    """[N, classes], whatever axes of one element follow."""
    return len(shape) > 1 and shape[1] > 1 and prod(shape[2:]) == 1
