"""Canonicalization patterns of the graph dialect; the ops name them in their traits."""

from __future__ import annotations

from xdsl.dialects.builtin import AnyFloat
from xdsl.ir import SSAValue
from xdsl.pattern_rewriter import PatternRewriter, RewritePattern, op_type_rewrite_pattern

from .graph_base import GraphOp, ints, shape_of
from .graph_math import ClipOp, ReluOp, SigmoidOp, SoftmaxOp
from .graph_movement import ConcatOp, PadOp, ReshapeOp, SliceOp, TransposeOp
from .graph_windows import AveragePoolOp, ConvOp, MaxPoolOp, WindowOp


def replace(rewriter: PatternRewriter, op: GraphOp, new: GraphOp | SSAValue) -> None:
    """Put `new` in the place of `op`; a new op stands for the same source node."""
    if isinstance(new, SSAValue):
        rewriter.replace(op, [], [new])
        return
    new.location = op.location
    rewriter.replace(op, [new])


class ReluOfNonNegative(RewritePattern):
    """relu(x) -> x when x cannot be negative."""

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: ReluOp, rewriter: PatternRewriter, /):
        source = op.input.owner
        clipped = isinstance(source, ClipOp) and source.bounds()[0] >= 0
        if clipped or isinstance(source, ReluOp | SigmoidOp | SoftmaxOp):
            replace(rewriter, op, op.input)


class ClipWithoutBounds(RewritePattern):
    """clip(x, -inf, inf) -> x."""

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: ClipOp, rewriter: PatternRewriter, /):
        if op.bounds() == (-float("inf"), float("inf")):
            replace(rewriter, op, op.input)


class ClipIsRelu(RewritePattern):
    """clip(x, 0, inf) -> relu(x), of floats."""

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: ClipOp, rewriter: PatternRewriter, /):
        is_float = isinstance(op.result.type.element_type, AnyFloat)
        if is_float and op.bounds() == (0.0, float("inf")):
            replace(rewriter, op, ReluOp(op.input))


class ClipOfClip(RewritePattern):
    """clip(clip(x)) and clip(relu(x)) -> one clip with the bounds that remain."""

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: ClipOp, rewriter: PatternRewriter, /):
        source = op.input.owner
        if isinstance(source, ClipOp):
            inner = source.bounds()
        elif isinstance(source, ReluOp):
            inner = (0.0, float("inf"))
        else:
            return
        low, high = op.bounds()
        # min(max(., low), high) is monotonic: it maps the inner bounds to the outer ones.
        bounds = [min(max(bound, low), high) for bound in (min(inner), inner[1])]
        replace(rewriter, op, ClipOp(source.input, bounds[0], bounds[1]))


class IdentityReshape(RewritePattern):
    """reshape(x) -> x when the shape stays."""

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: ReshapeOp, rewriter: PatternRewriter, /):
        if op.input.type == op.result.type:
            replace(rewriter, op, op.input)


class ReshapeOfReshape(RewritePattern):
    """reshape(reshape(x)) -> reshape(x)."""

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: ReshapeOp, rewriter: PatternRewriter, /):
        if isinstance(source := op.input.owner, ReshapeOp):
            replace(rewriter, op, ReshapeOp(source.input, shape_of(op.result)))


class IdentityTranspose(RewritePattern):
    """transpose(x) -> x when every axis stays."""

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: TransposeOp, rewriter: PatternRewriter, /):
        perm = ints(op.perm)
        if perm == tuple(range(len(perm))):
            replace(rewriter, op, op.input)


class TransposeOfTranspose(RewritePattern):
    """transpose(transpose(x)) -> one transpose."""

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: TransposeOp, rewriter: PatternRewriter, /):
        if isinstance(source := op.input.owner, TransposeOp):
            inner = ints(source.perm)
            perm = [inner[axis] for axis in ints(op.perm)]
            replace(rewriter, op, TransposeOp(source.input, perm))


class TransposeIsReshape(RewritePattern):
    """transpose(x) -> reshape(x) when only axes of extent 1 move: no byte does."""

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: TransposeOp, rewriter: PatternRewriter, /):
        shape, perm = shape_of(op.input), ints(op.perm)
        moved = [axis for axis in perm if shape[axis] != 1]
        if moved == sorted(moved) and perm != tuple(range(len(perm))):
            replace(rewriter, op, ReshapeOp(op.input, shape_of(op.result)))


class IdentityPad(RewritePattern):
    """pad(x) by nothing -> x."""

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: PadOp, rewriter: PatternRewriter, /):
        if not any(ints(op.pads)):
            replace(rewriter, op, op.input)


class IdentitySlice(RewritePattern):
    """slice(x) of all of x -> x."""

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: SliceOp, rewriter: PatternRewriter, /):
        steps = zip(ints(op.sizes), ints(op.strides), strict=True)
        if op.input.type == op.result.type and all(n == 1 or step == 1 for n, step in steps):
            replace(rewriter, op, op.input)


class ConcatOfOne(RewritePattern):
    """concat(x) -> x."""

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: ConcatOp, rewriter: PatternRewriter, /):
        if len(op.inputs) == 1:
            replace(rewriter, op, op.inputs[0])


class PadIntoWindow(RewritePattern):
    """window(pad(x)) -> window(x) with larger pads, where they mean the same."""

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: WindowOp, rewriter: PatternRewriter, /):
        pad = op.input.owner
        if not isinstance(pad, PadOp) or pad.mode.data != "constant":
            return
        outside, spatial = pad.pad_pairs()[:2], pad.pad_pairs()[2:]
        if any(amount for pair in outside for amount in pair):
            return
        pairs = [
            (own[0] + more[0], own[1] + more[1])
            for own, more in zip(op.pad_pairs(), spatial, strict=True)
        ]
        if self.same_padding(op, pad.value.value.data, pairs):
            self.absorb(op, pad, pairs, rewriter)

    @staticmethod
    def same_padding(op: WindowOp, value: float, pairs: list[tuple[int, int]]) -> bool:
        """Does a pad of `value` compute what the window's own pads of `pairs` would?"""
        reach = zip(pairs, op.kernel(), ints(op.dilations), strict=True)
        inside = all(max(pair) <= step * (extent - 1) for pair, extent, step in reach)
        match op:
            case ConvOp():
                return value == 0
            case MaxPoolOp():
                return value == -float("inf") and inside
            case AveragePoolOp():
                counted = bool(op.count_include_pad.value.data) or not any(ints(op.pads))
                return value == 0 and inside and counted
            case _:
                return False

    @staticmethod
    def absorb(
        op: WindowOp, pad: PadOp, pairs: list[tuple[int, int]], rewriter: PatternRewriter
    ) -> None:
        """Replace `op` by itself on the operand of `pad`, with `pairs` as its pads."""
        pads = [begin for begin, _ in pairs] + [end for _, end in pairs]
        common = {"strides": ints(op.strides), "dilations": ints(op.dilations), "pads": pads}
        match op:
            case ConvOp():
                group = op.group.value.data
                new = ConvOp(pad.input, op.weight, op.bias, group=group, **common)
            case MaxPoolOp():
                new = MaxPoolOp(pad.input, kernel_shape=op.kernel(), **common)
            case _:
                new = AveragePoolOp(
                    pad.input, kernel_shape=op.kernel(), count_include_pad=True, **common
                )
        replace(rewriter, op, new)
