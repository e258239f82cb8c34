"""Inputs and outputs of a network as stored integers."""

from __future__ import annotations

from dataclasses import dataclass

from xdsl.context import Context
from xdsl.dialects import func
from xdsl.dialects.builtin import ModuleOp
from xdsl.passes import ModulePass
from xdsl.rewriter import Rewriter

from ...dialects import quant
from ...dialects.diagnostics import emit_remark


@dataclass(frozen=True)
class IntegerIO(ModulePass):
    """Take the casts at the border out: a function takes and gives quantized tensors.

    The scale and zero point of each are in its type. An input that anything but one qcast reads,
    and an output that no dcast makes, stay as they are.
    """

    name = "integer-io"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        for function in op.body.block.ops:
            if isinstance(function, func.FuncOp):
                strip_inputs(function)
                strip_outputs(function)
                function.update_function_type()


def strip_inputs(function: func.FuncOp) -> None:
    block = function.body.block
    for argument in tuple(block.args):
        users = [use.operation for use in argument.uses]
        casts = [user for user in users if isinstance(user, quant.QuantizeCastOp)]
        if len(casts) != len(users) or len({cast.result.type for cast in casts}) != 1:
            continue
        argument = Rewriter.replace_value_with_new_type(argument, casts[0].result.type)
        for cast in casts:
            cast.result.replace_all_uses_with(argument)
            block.erase_op(cast)
        emit_remark("passed", IntegerIO.name, function, f"input is {argument.type}")


def strip_outputs(function: func.FuncOp) -> None:
    terminator = function.body.block.last_op
    assert terminator is not None
    for index, value in enumerate(terminator.operands):
        cast = value.owner
        if isinstance(cast, quant.DequantizeCastOp):
            terminator.operands[index] = cast.input
            if not cast.result.first_use:
                cast.detach()
                cast.erase()
            emit_remark("passed", IntegerIO.name, function, f"output is {cast.input.type}")
