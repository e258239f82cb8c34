"""Fold batch normalisation into the convolution or matrix product next to it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import Operation, SSAValue
from xdsl.passes import ModulePass
from xdsl.pattern_rewriter import (
    GreedyRewritePatternApplier,
    PatternRewriter,
    PatternRewriteWalker,
    RewritePattern,
    op_type_rewrite_pattern,
)

from ...dialects import graph
from ...dialects.diagnostics import describe, emit_remark, takes_in
from ...dialects.graph_base import ints, shape_of, tensor_type, with_shape
from .constants import float_array, new_constant, symbol_of
from .output_statistics import OutputStatistics

PASS = "fold-batch-norm"
Float = NDArray[np.float64]
Parameters = tuple[Float, Float]
"""Weight and bias of a layer."""


@dataclass(frozen=True)
class FoldBatchNorm(ModulePass):
    """Fold each `graph.batch_normalization` into the op before it, else into the op after it.

    With factor = scale / sqrt(variance + epsilon) and shift = bias - mean * factor:
    bn(conv(x, w, b)) = conv(x, w * factor, b * factor + shift), and conv(bn(x), w, b) =
    conv(x, w * factor', b + sum w * shift'), the latter only without padding, as bn does not see
    the zeros around its input. The same holds for `graph.gemm`. Products are made in double
    precision and rounded once (Jacob et al., arXiv:1712.05877, section 3.2).

    A layer that takes the normalisation behind it in keeps what that knew: its output is about
    N(bias, scale**2) per channel (`quant.output_mean`, `quant.output_deviation`).
    """

    name = PASS

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        before = GreedyRewritePatternApplier([FoldIntoProducer()])
        PatternRewriteWalker(before).rewrite_module(op)
        after = GreedyRewritePatternApplier([FoldIntoConsumer()])
        PatternRewriteWalker(after).rewrite_module(op)
        for left in op.walk():
            if isinstance(left, graph.BatchNormalizationOp):
                emit_remark("missed", PASS, left, why_not(left))


def affine_of(op: graph.BatchNormalizationOp) -> tuple[Float, Float] | None:
    """(factor, shift) per channel, or None when a parameter is not a constant."""
    arrays = [float_array(value) for value in op.operands[1:]]
    scale, bias, mean, variance = arrays
    if scale is None or bias is None or mean is None or variance is None:
        return None
    factor = scale / np.sqrt(variance + op.epsilon.value.data)
    return factor, bias - mean * factor


def why_not(op: graph.BatchNormalizationOp) -> str:
    """Why a batch normalisation stays, for a remark."""
    if affine_of(op) is None:
        return "its parameters are not all constants"
    source = op.input.owner
    if isinstance(source, graph.ConvOp | graph.GemmOp):
        if not op.input.has_one_use():
            return f"{describe(source)} before it has other users"
        return f"the weight of {describe(source)} before it is not a constant"
    return "neither the op before it nor the one after it can take it"


def bias_or_zero(bias: SSAValue | None, channels: int) -> Float | None:
    """A constant bias as one value per channel (a missing one is zero)."""
    if bias is None:
        return np.zeros(channels)
    array = float_array(bias)
    if array is None or array.size not in (1, channels):
        return None
    return np.broadcast_to(array.reshape(-1), (channels,))


class FoldIntoProducer(RewritePattern):
    """bn(conv(x)) and bn(gemm(x)), where nothing else reads the product."""

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: graph.BatchNormalizationOp, rewriter: PatternRewriter, /):
        source, affine = op.input.owner, affine_of(op)
        if affine is None or not op.input.has_one_use():
            return
        if isinstance(source, graph.ConvOp):
            folded = conv_then(source, *affine)
            if folded is not None:
                replace_conv(op, source, source.input, *folded, rewriter)
        elif isinstance(source, graph.GemmOp):
            folded = gemm_then(source, *affine)
            if folded is not None:
                replace_gemm(op, source, source.lhs, *folded, rewriter)


class FoldIntoConsumer(RewritePattern):
    """conv(bn(x)) and gemm(bn(x)), where nothing else reads the normalised value."""

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: graph.BatchNormalizationOp, rewriter: PatternRewriter, /):
        affine, user = affine_of(op), op.result.get_user_of_unique_use()
        if affine is None:
            return
        if isinstance(user, graph.ConvOp) and user.input is op.result:
            folded = conv_of(user, *affine)
            if folded is not None:
                replace_conv(user, user, op.input, *folded, rewriter)
                rewriter.erase(op)
        elif isinstance(user, graph.GemmOp) and user.lhs is op.result:
            folded = gemm_of(user, *affine)
            if folded is not None:
                replace_gemm(user, user, op.input, *folded, rewriter)
                rewriter.erase(op)


def conv_then(conv: graph.ConvOp, factor: Float, shift: Float) -> Parameters | None:
    """factor * conv(x) + shift as a convolution; None where a parameter is not constant."""
    weight, bias = float_array(conv.weight), bias_or_zero(conv.bias, len(factor))
    if weight is None or bias is None:
        return None
    return weight * factor.reshape(-1, *(1 for _ in weight.shape[1:])), bias * factor + shift


def gemm_then(gemm: graph.GemmOp, factor: Float, shift: Float) -> Parameters | None:
    """factor * gemm(x) + shift as a product; None where a parameter is not constant."""
    weight, bias = float_array(gemm.rhs), bias_or_zero(gemm.bias, len(factor))
    if weight is None or bias is None:
        return None
    scaled = weight * (factor[:, None] if gemm.trans_b.value.data else factor)
    return scaled, bias * gemm.beta.value.data * factor + shift


def conv_of(conv: graph.ConvOp, factor: Float, shift: Float) -> Parameters | None:
    """conv(factor * x + shift) as a convolution of x; None where there is none."""
    weight = float_array(conv.weight)
    outputs = shape_of(conv.result)[1]
    bias = bias_or_zero(conv.bias, outputs)
    if weight is None or bias is None or (any(ints(conv.pads)) and shift.any()):
        return None
    groups = conv.group.value.data
    # [O, I / group, spatial...] seen as [group, O / group, I / group, positions]
    parts = weight.reshape(groups, outputs // groups, weight.shape[1], -1)
    scaled = parts * factor.reshape(groups, 1, -1, 1)
    more = (parts * shift.reshape(groups, 1, -1, 1)).sum(axis=(2, 3)).reshape(-1)
    return scaled.reshape(weight.shape), bias + more


def gemm_of(gemm: graph.GemmOp, factor: Float, shift: Float) -> Parameters | None:
    """gemm(factor * x + shift) as a product with x; None where there is none."""
    weight = float_array(gemm.rhs)
    bias = bias_or_zero(gemm.bias, shape_of(gemm.result)[1])
    if weight is None or bias is None or gemm.trans_a.value.data:
        return None
    transposed = bool(gemm.trans_b.value.data)
    scaled = weight * (factor if transposed else factor[:, None])
    product = weight @ shift if transposed else shift @ weight
    return scaled, bias * gemm.beta.value.data + gemm.alpha.value.data * product


def replace_conv(
    op: graph.GraphOp,
    conv: graph.ConvOp,
    data: SSAValue,
    weight: Float,
    bias: Float,
    rewriter: PatternRewriter,
) -> None:
    """Put `conv` on `data` with other parameters in the place of `op`."""
    weights, biases = new_parameters(conv, conv.weight, conv.bias, weight, bias)
    new = graph.ConvOp(
        data,
        weights.result,
        biases.result,
        strides=ints(conv.strides),
        pads=ints(conv.pads),
        dilations=ints(conv.dilations),
        group=conv.group.value.data,
    )
    finish(op, conv, [weights, biases, new], rewriter)


def replace_gemm(
    op: graph.GraphOp,
    gemm: graph.GemmOp,
    data: SSAValue,
    weight: Float,
    bias: Float,
    rewriter: PatternRewriter,
) -> None:
    """Put `gemm` on `data` with other parameters in the place of `op`; beta becomes 1."""
    weights, biases = new_parameters(gemm, gemm.rhs, gemm.bias, weight, bias)
    new = graph.GemmOp(
        data,
        weights.result,
        biases.result,
        alpha=gemm.alpha.value.data,
        trans_a=bool(gemm.trans_a.value.data),
        trans_b=bool(gemm.trans_b.value.data),
    )
    finish(op, gemm, [weights, biases, new], rewriter)


def new_parameters(
    op: graph.GraphOp, old_weight: SSAValue, old_bias: SSAValue | None, weight: Float, bias: Float
) -> tuple[graph.ConstantOp, graph.ConstantOp]:
    """Constants for the weight and bias of what replaces `op`, named after the old ones."""
    type = tensor_type(old_weight)
    name = symbol_of(old_weight, "weight")
    bias_name = f"{name}_bias" if old_bias is None else symbol_of(old_bias, f"{name}_bias")
    return (
        new_constant(op, name, weight, type, old_weight),
        new_constant(op, bias_name, bias, with_shape(type, bias.shape), old_bias),
    )


def finish(
    op: graph.GraphOp,
    product: graph.GraphOp,
    new_ops: list[graph.ConstantOp | graph.GraphOp],
    rewriter: PatternRewriter,
) -> None:
    """Replace `op`, and drop the old `product` if that is another op."""
    new_ops[-1].location = product.location if op is product else takes_in(product, op)
    if isinstance(op, graph.BatchNormalizationOp):
        attach_statistics(op, new_ops[-1])
    emit_remark("passed", PASS, op, f"folded into {describe(new_ops[-1])}")
    rewriter.replace(op, new_ops)
    if product is not op:
        rewriter.erase(product)


def attach_statistics(op: graph.BatchNormalizationOp, layer: Operation) -> None:
    """Note on `layer` the distribution that its output has, as `op` was trained to give it."""
    scale, bias = float_array(op.scale), float_array(op.bias)
    if scale is not None and bias is not None:
        OutputStatistics(bias, np.abs(scale)).attach(layer)
