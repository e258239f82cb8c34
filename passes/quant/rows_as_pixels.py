"""rows-as-pixels: a matrix product of several rows becomes a convolution over as many pixels."""

from __future__ import annotations

from dataclasses import dataclass

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp, TensorType
from xdsl.passes import ModulePass
from xdsl.pattern_rewriter import (
    PatternRewriter,
    PatternRewriteWalker,
    RewritePattern,
    op_type_rewrite_pattern,
)

from ...dialects import graph, quant
from ...dialects.graph_base import tensor_type, with_shape
from ..graph.constants import new_constant, symbol_of


@dataclass(frozen=True)
class RowsAsPixels(ModulePass):
    """Let what is made for images compute the matrix products of a sequence.

    `quant.fully_connected` of one row stays: its kernels read each weight once. With more rows it
    is a 1x1 convolution over an image one pixel high: the same sums with the same requantization,
    but kernels keep weights for several pixels, the cores of a cluster share tiles of it, and an
    NPU may run it. Runs channels-last.
    """

    name = "rows-as-pixels"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        PatternRewriteWalker(Convolution()).rewrite_module(op)


class Convolution(RewritePattern):
    """fully_connected(x, w, b) -> reshape(conv2d(reshape(x), w, b))"""

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: quant.FullyConnectedOp, rewriter: PatternRewriter, /):
        (rows, depth), stored = quant.shape_of(op.input), graph.constant_array(op.weight)
        if rows == 1 or stored is None:
            return
        outputs = len(stored)
        type = TensorType(tensor_type(op.weight).element_type, (outputs, 1, 1, depth))
        taps = stored.reshape(outputs, 1, 1, depth)
        weight = new_constant(op, symbol_of(op.weight, "weight"), taps, type, op.weight)
        image = graph.ReshapeOp(op.input, (1, 1, rows, depth))
        conv = quant.Conv2DOp.pointwise(
            image.result,
            weight.result,
            op.bias,
            with_shape(tensor_type(op.result), (1, 1, rows, outputs)),
            requant=op.requant,
        )
        back = graph.ReshapeOp(conv.result, (rows, outputs))
        conv.attributes.update(op.attributes)
        conv.result.name_hint = op.result.name_hint
        for new in (image, conv, back):
            new.location = op.location
        rewriter.replace(op, [weight, image, conv, back])
