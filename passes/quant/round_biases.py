"""Round biases as the integer program does: simulated quantization then has its integers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp, TensorType, f32
from xdsl.passes import ModulePass

from ...dialects import graph, quant
from ...dialects.accumulators import accumulator_scales, grid_of, on_grid
from ...dialects.diagnostics import emit_remark
from ..graph.constants import erase_unused, new_constant
from .biases import bias_type
from .layers import Layer, layers_of
from .notes import FLOAT, REAL
from .real_parameters import float_constant

PASS = "round-biases"


@dataclass(frozen=True)
class RoundBiases(ModulePass):
    """A float bias becomes a cast of i32 on the grid of the accumulator, s_x s_w by channel.

    It is the bias of the integer program (and of QDQ ONNX), so that both round the same sums. Comes
    after all that moves scales, weights or biases; where such a pass comes later a second run is
    right too. Layers whose input or weight is in float keep their bias, and so do those whose bias
    would leave i32, which have no integer form either. The cast names the float constant that it
    stands for (`quant.real`).
    """

    name = PASS

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        for layer in layers_of(op):
            if len(layer.op.operands) > 2 and FLOAT not in layer.op.attributes:
                round_bias(layer)


def round_bias(layer: Layer) -> None:
    """Put the bias of `layer` on its grid, if it has one."""
    op, grids, old = layer.op, grids_of(layer), layer.op.operands[2]
    if grids is None:
        return
    scales = accumulator_scales(*grids)
    if isinstance(cast := old.owner, quant.DequantizeCastOp):
        if on_grid(quant.quantized(cast.input), scales) or (real := float_constant(cast)) is None:
            return
        op.operands[2] = real.result
    elif not isinstance(old.owner, graph.ConstantOp):
        return
    bias, element = layer.bias(), bias_type(*grids, axis=0)
    codes = np.rint(bias / scales)
    if np.abs(codes).max() > element.bounds[1]:
        emit_remark("missed", PASS, op, "the bias leaves i32 at the scale of the accumulator")
        return
    float_op = op.operands[2].owner
    assert isinstance(float_op, graph.ConstantOp) and op.parent is not None
    type = TensorType(element, codes.shape)
    constant = new_constant(op, float_op.global_name.string_value(), codes, type, float_op.result)
    back = quant.DequantizeCastOp(constant.result, TensorType(f32, codes.shape))
    back.attributes[REAL], back.location = float_op.global_name, constant.location
    op.parent.insert_ops_before([constant, back], op)
    op.operands[2] = back.result
    erase_unused(float_op.result)
    erase_unused(old)
    moved = np.abs(codes * scales - bias).max()
    emit_remark("passed", PASS, op, f"the bias moves by at most {moved:.3g}")


def grids_of(
    layer: Layer,
) -> tuple[quant.UniformQuantizedType, quant.UniformQuantizedType] | None:
    """The types of the input and of the symmetric weight of `layer`, if both are quantized."""
    source, weight = grid_of(layer.input), layer.weight.owner
    if source is None or not isinstance(weight, quant.DequantizeCastOp):
        return None
    element = quant.quantized(weight.input)
    along = not element.per_axis or element.axis.data == layer.axis
    return (source, element) if along and not element.zero_point_array().any() else None
