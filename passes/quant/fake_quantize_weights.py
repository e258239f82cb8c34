"""Weights in float again, behind casts: the network that quantization-aware training trains."""

from __future__ import annotations

from dataclasses import dataclass

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp, SymbolRefAttr, TensorType
from xdsl.passes import ModulePass
from xdsl.traits import SymbolTable

from ...dialects import graph, quant
from ...dialects.diagnostics import emit_remark
from .blocks import BLOCKS
from .notes import REAL


@dataclass(frozen=True)
class FakeQuantizeWeights(ModulePass):
    """dcast(integers) -> dcast(qcast(w)), w being the float weight they stand for (`quant.real`).

    Undoes what rounding chose: codes are the nearest again. As ONNX, the module is one with
    QuantizeLinear and DequantizeLinear around float weights and with float biases, which a training
    framework reads as fake quantization (Jacob et al., arXiv:1712.05877, section 3). The trained
    model comes in as any QDQ model does. Weights with a scale per block keep their integers.
    """

    name = "fake-quantize-weights"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        for cast in list(op.walk()):
            if isinstance(cast, quant.DequantizeCastOp):
                restore(cast)


def restore(cast: quant.DequantizeCastOp) -> None:
    """Let `cast` read a qcast of the float weight that it names, if it names one."""
    symbol, block = cast.attributes.get(REAL), cast.parent
    if not isinstance(symbol, SymbolRefAttr) or block is None:
        return
    if BLOCKS in cast.attributes:
        emit_remark("missed", FakeQuantizeWeights.name, cast, "has a scale per block")
        return
    real = SymbolTable.lookup_symbol(cast, symbol)
    assert isinstance(real, graph.GlobalOp) and isinstance(cast.input.type, TensorType)
    constant = graph.ConstantOp(symbol.string_value(), cast.result.type)
    there = quant.QuantizeCastOp(constant.result, cast.input.type)
    constant.location = there.location = cast.location
    constant.result.name_hint = symbol.string_value()
    block.insert_ops_before([constant, there], cast)
    cast.operands[0] = there.result
    del cast.attributes[REAL]
    emit_remark("passed", FakeQuantizeWeights.name, cast, f"reads @{symbol.string_value()}")
