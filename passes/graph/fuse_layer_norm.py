"""Find layer normalization where a model says it by means, squares and roots."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp, TensorType
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
from ...dialects.graph_base import shape_of, tensor_type
from .constants import float_array, new_constant, symbol_of
from .fold_batch_norm import Float

PASS = "fuse-layer-norm"


@dataclass(frozen=True)
class FuseLayerNorm(ModulePass):
    """Ops that together normalize over the last axis become one `graph.layer_normalization`.

    Two ways of saying it are known, with `c = x - mean(x)`, `v = mean(c * c)` and
    `r = 1 / sqrt(v + epsilon)`: `c / sqrt(v + epsilon) * scale + bias` (PyTorch; scale and bias may
    be missing) and `x * (r * scale) + (bias - mean(x) * (r * scale))` (TensorFlow). Where something
    else reads a part of them, that part stays too.
    """

    name = PASS

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        patterns = [NormalizedByQuotient(), NormalizedByProduct(), Factored(), Scaled(), Shifted()]
        PatternRewriteWalker(GreedyRewritePatternApplier(patterns)).rewrite_module(op)


def mean_of(value: SSAValue) -> SSAValue | None:
    """What `value` is the mean of, over the last axis, which stays."""
    op = value.owner
    if not isinstance(op, graph.ReduceMeanOp) or not op.keepdims.value.data:
        return None
    return op.input if op.reduced() == (len(shape_of(op.input)) - 1,) else None


def centered(value: SSAValue) -> SSAValue | None:
    """x, if `value` is x - mean(x)."""
    op = value.owner
    return op.lhs if isinstance(op, graph.SubOp) and mean_of(op.rhs) is op.lhs else None


def square_of(value: SSAValue) -> SSAValue | None:
    """What `value` is the square of."""
    op = value.owner
    if isinstance(op, graph.MulOp) and op.lhs is op.rhs:
        return op.lhs
    return op.lhs if isinstance(op, graph.PowOp) and number(op.rhs) == 2 else None


def number(value: SSAValue) -> float | None:
    """The only element of a constant."""
    array = float_array(value)
    return float(array.reshape(())) if array is not None and array.size == 1 else None


def deviation(value: SSAValue) -> tuple[SSAValue, float] | None:
    """x and epsilon, if `value` is sqrt(variance(x) + epsilon)."""
    op = value.owner
    if not isinstance(op, graph.SqrtOp) or not isinstance(op.input.owner, graph.AddOp):
        return None
    for variance, other in swapped(op.input.owner):
        epsilon, squares = number(other), mean_of(variance)
        part = None if squares is None else square_of(squares)
        source = None if part is None else centered(part)
        if source is not None and epsilon is not None:
            return source, epsilon
    return None


def inverse_deviation(value: SSAValue) -> tuple[SSAValue, float] | None:
    """x and epsilon, if `value` is 1 / sqrt(variance(x) + epsilon)."""
    op = value.owner
    if isinstance(op, graph.ReciprocalOp):
        return deviation(op.input)
    return deviation(op.rhs) if isinstance(op, graph.DivOp) and number(op.lhs) == 1 else None


def swapped(op: graph.AddOp | graph.MulOp) -> tuple[tuple[SSAValue, SSAValue], ...]:
    """The operands in both orders."""
    return (op.lhs, op.rhs), (op.rhs, op.lhs)


def per_element(value: SSAValue, count: int) -> Float | None:
    """A constant that is broadcast along all axes but the last, as [count]."""
    array = float_array(value)
    if array is None or array.shape[:-1] != (1,) * max(0, array.ndim - 1):
        return None
    return np.broadcast_to(array.reshape(-1), (count,)) if array.size in (1, count) else None


def row_of(value: SSAValue) -> int:
    """The extent of the last axis."""
    return (shape_of(value) or (1,))[-1]


def replace(
    rewriter: PatternRewriter,
    op: graph.BinaryOp,
    source: SSAValue,
    scale: Float,
    bias: Float,
    epsilon: float,
    names: tuple[str, str] = ("scale", "bias"),
) -> None:
    """Put the normalization of `source` in the place of `op`."""
    type = TensorType(tensor_type(source).element_type, [row_of(source)])
    factor = new_constant(op, names[0], scale, type)
    term = new_constant(op, names[1], bias, type)
    new = graph.LayerNormalizationOp(source, factor.result, term.result, epsilon)
    new.location = op.location
    rewriter.replace(op, [factor, term, new])


def plain(rewriter: PatternRewriter, op: graph.BinaryOp, source: SSAValue, epsilon: float) -> None:
    """The same without scale and bias."""
    ones = np.ones(row_of(source))
    replace(rewriter, op, source, ones, 0 * ones, epsilon)


class NormalizedByQuotient(RewritePattern):
    """c / sqrt(v + epsilon)"""

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: graph.DivOp, rewriter: PatternRewriter, /):
        found, source = deviation(op.rhs), centered(op.lhs)
        if found is not None and found[0] is source:
            plain(rewriter, op, *found)


class NormalizedByProduct(RewritePattern):
    """c * r"""

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: graph.MulOp, rewriter: PatternRewriter, /):
        for part, other in swapped(op):
            found, source = inverse_deviation(other), centered(part)
            if found is not None and found[0] is source:
                return plain(rewriter, op, *found)


class Factored(RewritePattern):
    """x * (r * scale) + (bias - mean(x) * (r * scale))"""

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: graph.AddOp, rewriter: PatternRewriter, /):
        for product, rest in swapped(op):
            if not isinstance(product.owner, graph.MulOp) or not isinstance(
                rest.owner, graph.SubOp
            ):
                continue
            constant, shifted = rest.owner.lhs, rest.owner.rhs
            if not isinstance(shifted.owner, graph.MulOp):
                continue
            for source, factor in swapped(product.owner):
                read = (
                    mean_of(value) is source for value, f in swapped(shifted.owner) if f is factor
                )
                if not any(read) or (found := scaled_inverse(factor, row_of(source))) is None:
                    continue
                (x, epsilon), scale, scale_name = found
                bias = per_element(constant, row_of(source))
                if x is source and bias is not None:
                    names = scale_name, symbol_of(constant, "bias")
                    return replace(rewriter, op, source, scale, bias, epsilon, names)


def scaled_inverse(value: SSAValue, count: int) -> tuple[tuple[SSAValue, float], Float, str] | None:
    """What `inverse_deviation` finds, the constant that it is multiplied by, and its name."""
    if (found := inverse_deviation(value)) is not None:
        return found, np.ones(count), "scale"
    if isinstance(value.owner, graph.MulOp):
        for part, constant in swapped(value.owner):
            found, scale = inverse_deviation(part), per_element(constant, count)
            if found is not None and scale is not None:
                return found, scale, symbol_of(constant, "scale")
    return None


class Scaled(RewritePattern):
    """layer_normalization(x) * constant"""

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: graph.MulOp, rewriter: PatternRewriter, /):
        for value, other in swapped(op):
            norm, factor = value.owner, per_element(other, row_of(op.result))
            if not isinstance(norm, graph.LayerNormalizationOp) or factor is None:
                continue
            scale, bias = float_array(norm.scale), float_array(norm.bias)
            if scale is None or bias is None:
                continue
            if value.has_one_use() and value.type == op.result.type:
                names = symbol_of(other, "scale"), symbol_of(norm.bias, "bias")
                epsilon = norm.epsilon.value.data
                return replace(
                    rewriter, op, norm.input, scale * factor, bias * factor, epsilon, names
                )


class Shifted(RewritePattern):
    """layer_normalization(x) + constant"""

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: graph.AddOp, rewriter: PatternRewriter, /):
        for value, other in swapped(op):
            norm, term = value.owner, per_element(other, row_of(op.result))
            if not isinstance(norm, graph.LayerNormalizationOp) or term is None:
                continue
            bias = float_array(norm.bias)
            if bias is not None and value.has_one_use() and value.type == op.result.type:
                type = tensor_type(norm.bias)
                total = new_constant(op, symbol_of(other, "bias"), bias + term, type)
                epsilon = norm.epsilon.value.data
                new = graph.LayerNormalizationOp(norm.input, norm.scale, total.result, epsilon)
                new.location = op.location
                return rewriter.replace(op, [total, new])
