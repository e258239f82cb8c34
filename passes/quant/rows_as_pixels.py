"""rows-as-pixels: matrices of several rows as images, products with weights as convolutions."""

from __future__ import annotations

from dataclasses import dataclass

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp, TensorType
from xdsl.ir import Operation, SSAValue
from xdsl.passes import ModulePass
from xdsl.pattern_rewriter import (
    GreedyRewritePatternApplier,
    PatternRewriter,
    PatternRewriteWalker,
    RewritePattern,
    op_type_rewrite_pattern,
)
from xdsl.rewriter import Rewriter

from ...dialects import graph, quant
from ...dialects.attributes import index_array
from ...dialects.graph_base import tensor_type, with_shape
from ...dialects.tiling import shape_of
from ..graph.constants import new_constant, symbol_of


@dataclass(frozen=True)
class RowsAsPixels(ModulePass):
    """Let what is made for images compute what works on a sequence.

    `quant.fully_connected` of one row stays: its kernels read each weight once. With more rows it
    is a 1x1 convolution over an image one pixel high: the same sums with the same requantization,
    but kernels keep weights for several pixels, the cores of a cluster share tiles of it, and an
    NPU may run it. Runs channels-last.

    What else works on a matrix of several rows, or on some of them (products of two activations,
    softmax, layer normalization, tables, sums, another order of the axes), gets an axis before
    them: the first one counts samples, and tiles do not cut those.
    """

    name = "rows-as-pixels"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        PatternRewriteWalker(
            GreedyRewritePatternApplier([Convolution(), LeadingAxis()])
        ).rewrite_module(op)


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


SEQUENCE_OPS = (
    quant.MatmulOp,
    quant.SoftmaxOp,
    quant.LayerNormOp,
    quant.TableOp,
    quant.AddOp,
    quant.MulOp,
    graph.TransposeOp,
)
"""What gets an axis before its rows."""


class LeadingAxis(RewritePattern):
    """op([m, n]) -> reshape(op(reshape([1, m, n])))"""

    def match_and_rewrite(self, op: Operation, rewriter: PatternRewriter, /) -> None:
        if not isinstance(op, SEQUENCE_OPS) or not has_rows_first(op):
            return
        shape = shape_of(op.result)
        images: dict[SSAValue, graph.ReshapeOp] = {
            value: graph.ReshapeOp(value, (1, *shape_of(value)))
            for value in op.operands
            if len(shape_of(value)) == len(shape)
        }
        new = op.clone({value: image.result for value, image in images.items()})
        if isinstance(new, graph.TransposeOp):
            new.perm = index_array((0, *(axis + 1 for axis in new.perm.get_values())))
        type = with_shape(tensor_type(op.result), (1, *shape))
        made = Rewriter.replace_value_with_new_type(new.results[0], type)
        back = graph.ReshapeOp(made, shape)
        for reshape in (*images.values(), back):
            reshape.location = op.location
        rewriter.replace(op, [*images.values(), new, back])


def has_rows_first(op: Operation) -> bool:
    """Whether the first axis of what `op` reads or makes is no single sample, and there is room for
    one more axis.
    """
    value = op.results[0]
    quantized = isinstance(tensor_type(value).element_type, quant.UniformQuantizedType)
    firsts = {shape_of(tensor)[0] for tensor in (op.operands[0], value)}
    return quantized and 2 <= len(shape_of(value)) <= 3 and firsts != {1}
