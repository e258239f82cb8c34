"""Make one op of a product and the constant that is added to it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import SSAValue
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
from .fold_batch_norm import Float, bias_or_zero

PASS = "fold-bias"


@dataclass(frozen=True)
class FoldBias(ModulePass):
    """matmul(x, w) -> gemm(x, w) for constant matrices, and product + constant -> its bias.

    The constant of the addition must hold one value per output channel (or one for all); the
    product of matrices may be reshaped in between. Ops in quantized form (between casts) are left
    alone: there the product has a scale of its own.
    """

    name = PASS

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        patterns = [MatmulIsGemm(), AddIntoConv(), AddAboveReshape(), AddIntoGemm()]
        PatternRewriteWalker(GreedyRewritePatternApplier(patterns)).rewrite_module(op)


class MatmulIsGemm(RewritePattern):
    """matmul(x, constant) -> gemm(x, constant) on matrices."""

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: graph.MatmulOp, rewriter: PatternRewriter, /):
        if len(shape_of(op.lhs)) != 2 or len(shape_of(op.rhs)) != 2:
            return
        if float_array(op.rhs) is None:
            return
        new = graph.GemmOp(op.lhs, op.rhs)
        new.location = op.location
        rewriter.replace(op, new)


def addition(op: graph.AddOp) -> tuple[SSAValue, Float] | None:
    """(the product, the constant as [1, channels, ...] or less) of an addition."""
    for value, other in ((op.lhs, op.rhs), (op.rhs, op.lhs)):
        array = float_array(other)
        if array is not None and value.has_one_use() and value.type == op.result.type:
            return value, array
    return None


def per_channel(array: Float, rank: int, channels: int) -> Float | None:
    """`array`, broadcast to [1, channels, 1...], as one value per channel; None if it has more."""
    shape = (1,) * (rank - array.ndim) + array.shape
    if any(extent != 1 for axis, extent in enumerate(shape) if axis != 1):
        return None
    return np.broadcast_to(array.reshape(-1), (channels,))


class AddIntoConv(RewritePattern):
    """add(conv(x, w, b), constant) -> conv(x, w, b + constant)."""

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: graph.AddOp, rewriter: PatternRewriter, /):
        found = addition(op)
        if found is None or not isinstance(conv := found[0].owner, graph.ConvOp):
            return
        shape = shape_of(conv.result)
        bias, more = bias_or_zero(conv.bias, shape[1]), per_channel(found[1], len(shape), shape[1])
        if bias is None or more is None:
            return
        constant = bias_constant(op, conv.weight, bias + more)
        new = graph.ConvOp(
            conv.input,
            conv.weight,
            constant.result,
            strides=ints(conv.strides),
            pads=ints(conv.pads),
            dilations=ints(conv.dilations),
            group=conv.group.value.data,
        )
        merge(op, conv, constant, new, rewriter)


class AddAboveReshape(RewritePattern):
    """add(reshape(gemm), row) -> reshape(add(gemm, row)), where rows stay rows."""

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: graph.AddOp, rewriter: PatternRewriter, /):
        found = addition(op)
        if found is None or not isinstance(moved := found[0].owner, graph.ReshapeOp):
            return
        shape, row = shape_of(moved.input), found[1]
        rows = row.size == 1 or row.shape[-1:] == (row.size,)
        gemm = moved.input.owner
        last = shape_of(op.result)[-1:]
        if not isinstance(gemm, graph.GemmOp) or last != shape[-1:] or not rows:
            return
        type = with_shape(tensor_type(op.result), (row.size,))
        constant = new_constant(op, "bias", row.reshape(-1), type)
        added = graph.AddOp(moved.input, constant.result)
        back = graph.ReshapeOp(added.result, shape_of(op.result))
        added.location, back.location = moved.location, takes_in(moved, op)
        rewriter.replace(op, [constant, added, back])
        rewriter.erase(moved)


class AddIntoGemm(RewritePattern):
    """add(gemm(x, w, b), constant) -> gemm(x, w, b + constant)."""

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: graph.AddOp, rewriter: PatternRewriter, /):
        found = addition(op)
        if found is None or not isinstance(gemm := found[0].owner, graph.GemmOp):
            return
        channels = shape_of(gemm.result)[1]
        bias, more = bias_or_zero(gemm.bias, channels), per_channel(found[1], 2, channels)
        if bias is None or more is None:
            return
        constant = bias_constant(op, gemm.rhs, bias * gemm.beta.value.data + more)
        new = graph.GemmOp(
            gemm.lhs,
            gemm.rhs,
            constant.result,
            alpha=gemm.alpha.value.data,
            trans_a=bool(gemm.trans_a.value.data),
            trans_b=bool(gemm.trans_b.value.data),
        )
        merge(op, gemm, constant, new, rewriter)


def bias_constant(op: graph.AddOp, weight: SSAValue, bias: Float) -> graph.ConstantOp:
    """The new bias, in the type of the product."""
    type = with_shape(tensor_type(op.result), bias.shape)
    return new_constant(op, f"{symbol_of(weight, 'weight')}_bias", bias, type)


def merge(
    op: graph.AddOp,
    product: graph.GraphOp,
    constant: graph.ConstantOp,
    new: graph.GraphOp,
    rewriter: PatternRewriter,
) -> None:
    """Replace the addition by the new product, which keeps the name of the old one."""
    new.location = takes_in(product, op)
    emit_remark("passed", PASS, op, f"folded into {describe(new)}")
    rewriter.replace(op, [constant, new])
    rewriter.erase(product)
