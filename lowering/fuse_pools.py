"""Pooling between casts: the greatest and the mean of stored integers."""

from __future__ import annotations

from math import prod

import numpy as np
from xdsl.dialects.builtin import TensorType
from xdsl.ir import SSAValue
from xdsl.pattern_rewriter import PatternRewriter, RewritePattern, op_type_rewrite_pattern

from ..dialects import graph, quant
from ..dialects.diagnostics import emit_remark
from ..passes.quant.notes import FLOAT
from .fusion import PASS, FusePattern, Fusion, dequantized, requantization


class SinkDequantizeBelowMaxPool(RewritePattern):
    """max_pool(dcast(x)) -> dcast(max_pool(x)): dequantizing is monotone."""

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: graph.MaxPoolOp, rewriter: PatternRewriter) -> None:
        source = dequantized(op.input)
        pooled = None if source is None else integer_max_pool(op, source)
        if pooled is None or FLOAT in op.attributes:
            return
        back = quant.DequantizeCastOp(pooled.result, op.result.type)
        pooled.location = back.location = op.location
        rewriter.replace(op, [pooled, back])


class MaxPoolOfIntegers(RewritePattern):
    """A max_pool between a quantize and a dequantize, as QOperator models have it."""

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: graph.MaxPoolOp, rewriter: PatternRewriter) -> None:
        element = op.result.type.element_type
        if not isinstance(element, quant.UniformQuantizedType) or element.per_axis:
            return
        pooled = integer_max_pool(op, op.input)
        if pooled is not None:
            pooled.location = op.location
            rewriter.replace(op, pooled)


def integer_max_pool(op: graph.MaxPoolOp, source: SSAValue) -> quant.MaxPool2DOp | None:
    """The pooling `op` of stored integers, if it has a 2-D window without dilation."""
    if len(quant.shape_of(source)) != 4 or set(op.dilations.get_values()) != {1}:
        return None
    return quant.MaxPool2DOp(
        source,
        TensorType(quant.quantized(source), quant.shape_of(op.result)),
        kernel=op.kernel(),
        strides=op.strides.get_values(),
        pads=op.pads.get_values(),
        layout="nchw",
    )


class FuseAveragePool(FusePattern):
    """The mean over a window or the whole image: a sum whose scale takes in the division."""

    def fuse(self, fusion: Fusion) -> None:
        core = fusion.core
        if isinstance(core, graph.GlobalAveragePoolOp):
            kernel = quant.shape_of(core.input)[2:]
            strides, pads = kernel, [0] * 2 * len(kernel)
        elif isinstance(core, graph.AveragePoolOp):
            kernel, strides = core.kernel(), core.strides.get_values()
            pads = core.pads.get_values()
            if (any(pads) and not core.count_include_pad.value.data) or set(
                core.dilations.get_values()
            ) != {1}:
                emit_remark("missed", PASS, core, "padding is left out of the mean, or dilated")
                return
        else:
            return
        source = dequantized(core.input)
        if source is None or len(kernel) != 2:
            return
        x, y = quant.quantized(source), fusion.element
        real = np.array([x.scale / (y.scale * prod(kernel))])
        low, high = x.bounds
        if prod(kernel) * (high - low + 1) >= 2**31:
            emit_remark("missed", PASS, core, "the sum of a window may leave i32")
            return
        requant = requantization(real, self.rounding, fusion.clamp, [prod(kernel) * (high - low)])
        new = quant.AveragePool2DOp(
            source,
            fusion.type,
            kernel=kernel,
            strides=strides,
            pads=pads,
            layout="nchw",
            requant=requant,
        )
        fusion.replace(new)
