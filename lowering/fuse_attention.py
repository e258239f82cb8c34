"""Products of two activations and layer normalization between casts: what transformers have."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from xdsl.dialects.builtin import TensorType, i32

from ..dialects import graph, quant
from ..dialects.diagnostics import emit_remark
from ..dialects.quant_normalization import BIAS_BITS, EPSILON_LIMIT, NORMALIZED_BITS, SHIFTS
from ..passes.graph.constants import real_constant
from ..passes.quant.integer_forms import (
    layer_norm_problem,
    matmul_problem,
    multiplies_activations,
)
from .fusion import (
    PASS,
    FusePattern,
    Fusion,
    add_constant,
    dequantized,
    name_of,
    requantization,
)


class FuseMatmul(FusePattern):
    """The matrix product of two activations."""

    def fuse(self, fusion: Fusion) -> None:
        core = fusion.core
        if not isinstance(core, graph.MatmulOp) or not multiplies_activations(core):
            return
        lhs, rhs = dequantized(core.lhs), dequantized(core.rhs)
        if lhs is None or rhs is None or matmul_problem(core) is not None:
            return
        a, b, depth = quant.quantized(lhs), quant.quantized(rhs), quant.shape_of(lhs)[-1]
        if (reach := quant.greatest_sum(a, b, depth)) >= 2**31:
            emit_remark("missed", PASS, core, f"a sum of products may reach {reach}, beyond i32")
            return
        real = np.array([a.scale * b.scale / fusion.element.scale])
        requant = requantization(real, self.rounding, fusion.clamp, [reach])
        fusion.replace(quant.MatmulOp(lhs, rhs, fusion.type, requant))


class FuseLayerNorm(FusePattern):
    """Layer normalization; its scale and bias bring normalized elements to the result's grid."""

    def fuse(self, fusion: Fusion) -> None:
        core = fusion.core
        if not isinstance(core, graph.LayerNormalizationOp) or layer_norm_problem(core) is not None:
            return
        source, scale, bias = dequantized(core.input), *map(real_constant, core.operands[1:])
        if source is None or scale is None or bias is None:
            return
        x, y = quant.quantized(source), fusion.element
        count = quant.shape_of(source)[-1]
        epsilon = max(1, round(core.epsilon.value.data * (count / x.scale) ** 2))
        if epsilon >= EPSILON_LIMIT:
            emit_remark("missed", PASS, core, f"epsilon is {epsilon:g} squared steps, beyond i64")
            return
        found = affine_parameters(scale / y.scale, bias / y.scale + y.zero_point)
        if found is None:
            emit_remark("missed", PASS, core, "its scale or bias does not fit in i32 steps")
            return
        weights, biases, shift = found
        type = TensorType(i32, [count])
        names = name_of(core.scale, "scale"), name_of(core.bias, "bias")
        weight = add_constant(self.module, f"{names[0]}_q", weights, type)
        constant = add_constant(self.module, f"{names[1]}_q", biases, type)
        new = quant.LayerNormOp(
            source,
            weight.result,
            constant.result,
            fusion.type,
            epsilon=epsilon,
            shift=shift,
            clamp=fusion.clamp,
        )
        fusion.replace(weight, constant, new)


def affine_parameters(
    scale: NDArray[np.float64], bias: NDArray[np.float64]
) -> tuple[NDArray[np.int32], NDArray[np.int32], int] | None:
    """Weights, biases and the greatest shift of a `quant.layer_norm`, from what an element is
    multiplied by and what is added, in steps of the result; None if they do not fit in i32.
    """
    biases = np.rint(bias * 2.0**BIAS_BITS)
    if np.abs(biases).max() >= 2**31:
        return None
    for shift in range(SHIFTS[1], SHIFTS[0] - 1, -1):
        weights = np.rint(scale * 2.0 ** (shift - NORMALIZED_BITS))
        if np.abs(weights).max() < 2**31:
            return weights.astype(np.int32), biases.astype(np.int32), shift
    return None
