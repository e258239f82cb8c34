"""Say ops by other ops, so that later steps need to know fewer."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

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
from xdsl.utils.exceptions import PassFailedException

from ...dialects import graph
from ...dialects.graph_base import ints, shape_of
from .constants import float_array

PASS = "decompose"


def replace(rewriter: PatternRewriter, op: graph.GraphOp, *new: graph.GraphOp) -> None:
    """Put a chain of new ops, which stand for the same source node, in the place of `op`."""
    for entry in new:
        entry.location = op.location
    rewriter.replace(op, list(new))


class GlobalAveragePool(RewritePattern):
    """global_average_pool(x) -> average_pool(x) with the window of all of x."""

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: graph.GlobalAveragePoolOp, rewriter: PatternRewriter, /):
        replace(rewriter, op, whole_average(op.input))


class SpatialMean(RewritePattern):
    """reduce_mean(x) over exactly the spatial axes of an image -> average_pool, reshape."""

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: graph.ReduceMeanOp, rewriter: PatternRewriter, /):
        rank = len(shape_of(op.input))
        if rank < 3 or op.reduced() != tuple(range(2, rank)):
            return
        pool = whole_average(op.input)
        if op.keepdims.value.data:
            replace(rewriter, op, pool)
        else:
            replace(rewriter, op, pool, graph.ReshapeOp(pool.result, shape_of(op.result)))


def whole_average(value: SSAValue) -> graph.AveragePoolOp:
    """The average over all spatial positions of `value`."""
    spatial = shape_of(value)[2:]
    ones = [1] * len(spatial)
    return graph.AveragePoolOp(
        value, kernel_shape=spatial, strides=ones, pads=[0] * (2 * len(ones)), dilations=ones
    )


class Sequence(RewritePattern):
    """Convolution and pooling of a sequence [N, C, L] -> of an image [N, C, 1, L]."""

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: graph.WindowOp, rewriter: PatternRewriter, /):
        shape = shape_of(op.input)
        if len(shape) != 3:
            return
        image = graph.ReshapeOp(op.input, [shape[0], shape[1], 1, shape[2]])
        begin, end = ints(op.pads)
        window = {
            "strides": [1, *ints(op.strides)],
            "pads": [0, begin, 0, end],
            "dilations": [1, *ints(op.dilations)],
        }
        ops: list[graph.GraphOp] = [image]
        match op:
            case graph.ConvOp():
                outputs, depth, extent = shape_of(op.weight)
                weight = graph.ReshapeOp(op.weight, [outputs, depth, 1, extent])
                group = op.group.value.data
                new = graph.ConvOp(image.result, weight.result, op.bias, group=group, **window)
                ops.append(weight)
            case graph.MaxPoolOp():
                new = graph.MaxPoolOp(image.result, kernel_shape=[1, *op.kernel()], **window)
            case graph.AveragePoolOp():
                new = graph.AveragePoolOp(
                    image.result,
                    kernel_shape=[1, *op.kernel()],
                    count_include_pad=bool(op.count_include_pad.value.data),
                    **window,
                )
            case _:
                return
        replace(rewriter, op, *ops, new, graph.ReshapeOp(new.result, shape_of(op.result)))


class UniformPRelu(RewritePattern):
    """prelu(x, slope) -> leaky_relu(x) when all slopes are one constant."""

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: graph.PReluOp, rewriter: PatternRewriter, /):
        slope = float_array(op.slope)
        if slope is not None and (slope == slope.flat[0]).all():
            replace(rewriter, op, graph.LeakyReluOp(op.input, float(slope.flat[0])))


class HardSwish(RewritePattern):
    """hard_swish(x) -> mul(x, hard_sigmoid(x)) with alpha 1/6 and beta 1/2."""

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: graph.HardSwishOp, rewriter: PatternRewriter, /):
        gate = graph.HardSigmoidOp(op.input, 1 / 6, 0.5)
        replace(rewriter, op, gate, graph.MulOp(op.input, gate.result))


class ProductOfMatrix(RewritePattern):
    """matmul(x, w) -> reshape(matmul(reshape(x), w)) for a matrix w: all rows of x are alike."""

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: graph.MatmulOp, rewriter: PatternRewriter, /):
        shape, other = shape_of(op.lhs), shape_of(op.rhs)
        if len(shape) < 3 or len(other) != 2 or float_array(op.rhs) is None:
            return
        rows = graph.ReshapeOp(op.lhs, [prod(shape[:-1]), shape[-1]])
        product = graph.MatmulOp(rows.result, op.rhs)
        replace(rewriter, op, rows, product, graph.ReshapeOp(product.result, shape_of(op.result)))


RULES: dict[str, type[RewritePattern]] = {
    "global-average-pool": GlobalAveragePool,
    "spatial-mean": SpatialMean,
    "sequence": Sequence,
    "prelu": UniformPRelu,
    "matrix": ProductOfMatrix,
    "hard-swish": HardSwish,
}
DEFAULT = ("global-average-pool", "spatial-mean", "sequence", "prelu", "matrix")


@dataclass(frozen=True)
class Decompose(ModulePass):
    """Rewrite ops by simpler ones; `rules` names which, by default all but `hard-swish`.

    - `global-average-pool`: an average_pool over everything;
    - `spatial-mean`: reduce_mean over the spatial axes is one, too;
    - `sequence`: 1-D convolution and pooling become 2-D;
    - `prelu`: with one slope for all it is a leaky_relu;
    - `matrix`: of more dimensions times a matrix is a product of two matrices;
    - `hard-swish`: x times a hard_sigmoid (quantized, one table is better).
    """

    name = PASS

    rules: tuple[str, ...] = DEFAULT

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        if unknown := [rule for rule in self.rules if rule not in RULES]:
            raise PassFailedException(
                f"{PASS}: unknown rule '{unknown[0]}', known are {', '.join(RULES)}"
            )
        patterns = [RULES[rule]() for rule in self.rules]
        PatternRewriteWalker(GreedyRewritePatternApplier(patterns)).rewrite_module(op)
