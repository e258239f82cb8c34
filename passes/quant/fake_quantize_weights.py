"""Weights in float again, behind casts: the network that quantization-aware training trains."""

from __future__ import annotations

from dataclasses import dataclass

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp, TensorType
from xdsl.passes import ModulePass

from ...dialects import quant
from ...dialects.diagnostics import emit_remark
from ..graph.constants import erase_unused
from .biases import BITS
from .blocks import BLOCKS
from .notes import REAL
from .real_parameters import float_constant


@dataclass(frozen=True)
class FakeQuantizeWeights(ModulePass):
    """dcast(integers) -> dcast(qcast(w)), w being the float weight they stand for (`quant.real`).

    Undoes what rounding chose: codes are the nearest again, and rounded biases the floats they
    were. As ONNX, the module is one with QuantizeLinear and DequantizeLinear around float weights
    and with float biases, which a training framework reads as fake quantization (Jacob et al.,
    arXiv:1712.05877, section 3). The trained model comes in as any QDQ model does. Weights with a
    scale per block keep their integers.
    """

    name = "fake-quantize-weights"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        for cast in list(op.walk()):
            if isinstance(cast, quant.DequantizeCastOp):
                restore(cast)


def restore(cast: quant.DequantizeCastOp) -> None:
    """Let `cast` read a qcast of the float weight that it names, if it names one; the readers of a
    rounded bias read the float one.
    """
    block, bias = cast.parent, quant.quantized(cast.input).storage.width.data == BITS
    if BLOCKS in cast.attributes:
        emit_remark("missed", FakeQuantizeWeights.name, cast, "has a scale per block")
        return
    constant = float_constant(cast)
    if constant is None or block is None:
        return
    name = constant.global_name.string_value()
    emit_remark("passed", FakeQuantizeWeights.name, cast, f"reads @{name}")
    if bias:
        cast.result.replace_all_uses_with(constant.result)
        erase_unused(cast.result)
        return
    assert isinstance(cast.input.type, TensorType)
    there = quant.QuantizeCastOp(constant.result, cast.input.type)
    there.location = cast.location
    block.insert_op_before(there, cast)
    cast.operands[0] = there.result
    del cast.attributes[REAL]
