"""What each op passes back: from the gradient of its result (`slope`) those of its operands.

Rules see the arrays of the operands, of one sample or of a batch where the op computes each sample
on its own. Where a function has a kink, one of its sides is taken.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import pi
from typing import Any

import numpy as np
from numpy.typing import NDArray
from xdsl.ir import Operation

from ...dialects import graph, quant
from ...dialects.graph_base import ints, shape_of
from ...runtime.interpreter.graph import evaluate, sigmoid, softmax
from ...runtime.interpreter.windows import pad_spatial, taps

Array = NDArray[Any]
Arrays = Sequence[Array]
Rule = Callable[[Any, Arrays, Array], Sequence[Array | None]]
"""(op, operands, slope) to a slope for each operand; None for one that is no real number."""


def each(derivative: Callable[[Any, Array], Array]) -> Rule:
    """The rule of a function of each element: from (op, x) its derivative."""
    return lambda op, operands, slope: (slope * derivative(op, operands[0]),)


def both(derivatives: Callable[[Array, Array], tuple[Array | float, Array | float]]) -> Rule:
    """The rule of a function of two elements, with broadcasting: from (a, b) its derivatives."""

    def rule(op: graph.BinaryOp, operands: Arrays, slope: Array) -> Arrays:
        parts = zip(derivatives(*operands), operands, strict=True)
        return [narrow(slope * part, operand.shape) for part, operand in parts]

    return rule


def narrow(slope: Array, shape: Sequence[int]) -> Array:
    """The slope of an array of `shape` that was broadcast: what its copies have, together."""
    if slope.shape == tuple(shape):
        return slope
    added = slope.ndim - len(shape)
    spread = [i + added for i, n in enumerate(shape) if n == 1 and slope.shape[i + added] != 1]
    return slope.sum((*range(added), *spread), keepdims=True).reshape(shape)


def _clip(op: graph.ClipOp, x: Array) -> Array:
    low, high = op.bounds()
    return (x > low) & (x < high)


def _hard_sigmoid(op: graph.HardSigmoidOp, x: Array) -> Array:
    alpha, inner = op.alpha.value.data, evaluate(op, (x,))
    return alpha * ((inner > 0) & (inner < 1))


def _hard_swish(op: graph.HardSwishOp, x: Array) -> Array:
    return np.where(x > 3, 1, np.where(x > -3, x / 3 + 0.5, 0)).astype(x.dtype)


def _elu(op: graph.EluOp, x: Array) -> Array:
    return np.where(x >= 0, 1, op.alpha.value.data * np.exp(np.minimum(x, 0))).astype(x.dtype)


def _leaky_relu(op: graph.LeakyReluOp, x: Array) -> Array:
    return np.where(x >= 0, 1, op.alpha.value.data).astype(x.dtype)


def _erf(op: graph.ErfOp, x: Array) -> Array:
    return 2 / pi**0.5 * np.exp(-x * x)


def _pow(a: Array, b: Array) -> tuple[Array, Array]:
    positive = np.where(a > 0, a, 1)
    return b * np.power(a, b - 1), np.power(a, b) * np.log(positive)


def _prelu(op: graph.PReluOp, operands: Arrays, slope: Array) -> Arrays:
    x, alpha = operands
    below = x < 0
    return slope * np.where(below, alpha, 1), narrow(slope * x * below, alpha.shape)


def _softmax(op: graph.SoftmaxOp, operands: Arrays, slope: Array) -> Arrays:
    axis = op.axis.value.data
    y = softmax(operands[0], axis)
    return (y * (slope - (slope * y).sum(axis, keepdims=True)),)


def _gemm(op: graph.GemmOp, operands: Arrays, slope: Array) -> Arrays:
    """y = alpha l r + beta b, with l and r as they stand or transposed."""
    a, b, *bias = operands
    turned_a, turned_b = bool(op.trans_a.value.data), bool(op.trans_b.value.data)
    lhs, rhs = a.T if turned_a else a, b.T if turned_b else b
    scaled = slope * op.alpha.value.data
    of_lhs, of_rhs = scaled @ rhs.T, lhs.T @ scaled
    return (
        of_lhs.T if turned_a else of_lhs,
        of_rhs.T if turned_b else of_rhs,
        *(narrow(slope * op.beta.value.data, array.shape) for array in bias),
    )


def _matmul(op: graph.MatmulOp, operands: Arrays, slope: Array) -> Arrays:
    """NumPy's `matmul`: a vector is a row on the left and a column on the right."""
    a, b = operands
    lhs, rhs = a[None] if a.ndim == 1 else a, b[:, None] if b.ndim == 1 else b
    slope = np.expand_dims(slope, -1) if b.ndim == 1 else slope
    slope = np.expand_dims(slope, -2) if a.ndim == 1 else slope
    of_lhs, of_rhs = slope @ np.swapaxes(rhs, -1, -2), np.swapaxes(lhs, -1, -2) @ slope
    return narrow(of_lhs, lhs.shape).reshape(a.shape), narrow(of_rhs, rhs.shape).reshape(b.shape)


def _conv(op: graph.ConvOp, operands: Arrays, slope: Array) -> Arrays:
    """Tap by tap: each meets a view of the padded input."""
    x, weight, *bias = operands
    groups, pads = op.group.value.data, op.pad_pairs()
    count, spatial = len(x), slope.shape[2:]
    padded = pad_spatial(x, pads)
    back, turned = np.zeros_like(padded), np.zeros_like(weight)
    steps = op.kernel(), ints(op.strides), ints(op.dilations)
    grouped = slope.reshape(count, groups, -1, *spatial)
    for (place, view), (_, into) in zip(taps(padded, *steps), taps(back, *steps), strict=True):
        tap = weight[(slice(None), slice(None), *place)].reshape(groups, -1, weight.shape[1])
        seen = view.reshape(count, groups, -1, *spatial)
        into += np.einsum("ngo...,goi->ngi...", grouped, tap, optimize=True).reshape(view.shape)
        turned[(slice(None), slice(None), *place)] = np.einsum(
            "ngox,ngix->goi",
            grouped.reshape(*grouped.shape[:3], -1),
            seen.reshape(*seen.shape[:3], -1),
            optimize=True,
        ).reshape(weight.shape[:2])
    around = (0, *range(2, slope.ndim))
    return inside(back, x, pads), turned, *(slope.sum(around) for _ in bias)


def inside(padded: Array, x: Array, pads: Sequence[tuple[int, int]]) -> Array:
    """The part of `padded` that is no padding."""
    spatial = zip(pads, x.shape[2:], strict=True)
    return padded[(..., *(slice(low, low + n) for (low, _), n in spatial))]


def _max_pool(op: graph.MaxPoolOp, operands: Arrays, slope: Array) -> Arrays:
    """To the first of the greatest values of each window."""
    x, pads = operands[0], op.pad_pairs()
    steps = op.kernel(), ints(op.strides), ints(op.dilations)
    most, waiting = evaluate(op, (x,)), np.ones(slope.shape, bool)
    padded = pad_spatial(x, pads, -np.inf)
    back = np.zeros_like(padded)
    for (_, view), (_, into) in zip(taps(padded, *steps), taps(back, *steps), strict=True):
        found = waiting & (view == most)
        into += slope * found
        waiting &= ~found
    return (inside(back, x, pads),)


def _average_pool(op: graph.AveragePoolOp, operands: Arrays, slope: Array) -> Arrays:
    """Every value of a window has the same share; padding has one where it counts."""
    x, pads = operands[0], op.pad_pairs()
    steps = op.kernel(), ints(op.strides), ints(op.dilations)
    counts = op.count_include_pad.value.data
    share = pad_spatial(np.ones_like(x[:1, :1]), pads, 1.0 if counts else 0.0)
    shared = slope / sum(view for _, view in taps(share, *steps))
    back = pad_spatial(np.zeros_like(x), pads)
    for _, into in taps(back, *steps):
        into += shared
    return (inside(back, x, pads),)


def _global_average_pool(op: graph.GlobalAveragePoolOp, operands: Arrays, slope: Array) -> Arrays:
    shape = operands[0].shape
    return (np.broadcast_to(slope / np.prod(shape[2:]), shape),)


def kept(op: graph.ReduceOp, array: Array) -> Array:
    """A result with its reduced axes, of extent 1."""
    return array if op.keepdims.value.data else np.expand_dims(array, op.reduced())


def _reduce_sum(op: graph.ReduceSumOp, operands: Arrays, slope: Array) -> Arrays:
    return (np.broadcast_to(kept(op, slope), operands[0].shape),)


def _reduce_mean(op: graph.ReduceMeanOp, operands: Arrays, slope: Array) -> Arrays:
    x = operands[0]
    count = np.prod([x.shape[axis] for axis in op.reduced()])
    return (np.broadcast_to(kept(op, slope) / count, x.shape),)


def _reduce_max(op: graph.ReduceMaxOp, operands: Arrays, slope: Array) -> Arrays:
    """To all of the greatest values, in equal parts."""
    x, axes = operands[0], op.reduced()
    found = x == x.max(axes, keepdims=True)
    return (kept(op, slope) * found / found.sum(axes, keepdims=True, dtype=x.dtype),)


def _layer_normalization(op: graph.LayerNormalizationOp, operands: Arrays, slope: Array) -> Arrays:
    x, scale, _ = operands
    centred = x - x.mean(-1, keepdims=True)
    variance = np.square(centred).mean(-1, keepdims=True)
    deviation = np.sqrt(variance + op.epsilon.value.data)
    normal, scaled = centred / deviation, slope * scale
    common = scaled.mean(-1, keepdims=True) + normal * (scaled * normal).mean(-1, keepdims=True)
    of_scale, of_bias = narrow(slope * normal, scale.shape), narrow(slope, scale.shape)
    return (scaled - common) / deviation, of_scale, of_bias


def _reshape(op: graph.ReshapeOp, operands: Arrays, slope: Array) -> Arrays:
    return (slope.reshape(operands[0].shape),)


def _transpose(op: graph.TransposeOp, operands: Arrays, slope: Array) -> Arrays:
    return (slope.transpose(np.argsort(ints(op.perm))),)


def _concat(op: graph.ConcatOp, operands: Arrays, slope: Array) -> Arrays:
    axis = op.axis.value.data
    return np.split(slope, np.cumsum([x.shape[axis] for x in operands])[:-1], axis)


def _pad(op: graph.PadOp, operands: Arrays, slope: Array) -> Arrays:
    """To the element that each one is a copy of; constants are copies of none."""
    x = operands[0]
    places = np.arange(1, x.size + 1).reshape(x.shape)
    if op.mode.data == "constant":
        places = np.pad(places, op.pad_pairs())
    else:
        places = np.pad(places, op.pad_pairs(), "edge" if op.mode.data == "edge" else "reflect")
    sums = np.bincount(places.reshape(-1), slope.reshape(-1), x.size + 1)
    return (sums[1:].reshape(x.shape).astype(slope.dtype),)


def _slice(op: graph.SliceOp, operands: Arrays, slope: Array) -> Arrays:
    back = np.zeros_like(operands[0])
    taken = zip(ints(op.offsets), ints(op.sizes), ints(op.strides), strict=True)
    whole = [(0, n, 1) for n in shape_of(op.input)]
    places = [
        np.arange(extent) if (first, size, step) == every else first + step * np.arange(size)
        for extent, every, (first, size, step) in zip(back.shape, whole, taken, strict=True)
    ]
    back[np.ix_(*places)] = slope
    return (back,)


def _gather(op: graph.GatherOp, operands: Arrays, slope: Array) -> Sequence[Array | None]:
    x, indices = operands
    axis, back = op.axis.value.data % x.ndim, np.zeros_like(x)
    source = np.moveaxis(slope, range(axis, axis + indices.ndim), range(indices.ndim))
    np.add.at(np.moveaxis(back, axis, 0), indices, source)
    return back, None


def _qcast(op: quant.QuantizeCastOp, operands: Arrays, slope: Array) -> Arrays:
    """The identity between the ends of the range, beyond them a constant (straight-through, Bengio
    et al., arXiv:1308.3432); of activations, which have one scale.
    """
    element = quant.quantized(op.result)
    low, high = element.bounds
    zero = int(element.zero_point_array()[0])
    codes = operands[0] / np.float32(element.scale) + np.float32(zero)
    return (slope * ((codes >= low - 0.5) & (codes <= high + 0.5)),)


def _dcast(op: quant.CastOp, operands: Arrays, slope: Array) -> Arrays:
    """Slopes of codes are kept in real units."""
    return (slope,)


RULES: dict[type[Operation], Rule] = {
    graph.ReluOp: each(lambda op, x: x > 0),
    graph.LeakyReluOp: each(_leaky_relu),
    graph.EluOp: each(_elu),
    graph.ClipOp: each(_clip),
    graph.SigmoidOp: each(lambda op, x: sigmoid(x) * sigmoid(-x)),
    graph.HardSigmoidOp: each(_hard_sigmoid),
    graph.HardSwishOp: each(_hard_swish),
    graph.TanhOp: each(lambda op, x: 1 - np.square(np.tanh(x))),
    graph.ExpOp: each(lambda op, x: np.exp(x)),
    graph.LogOp: each(lambda op, x: 1 / x),
    graph.SqrtOp: each(lambda op, x: 0.5 / np.sqrt(x)),
    graph.ReciprocalOp: each(lambda op, x: -1 / np.square(x)),
    graph.ErfOp: each(_erf),
    graph.AbsOp: each(lambda op, x: np.sign(x)),
    graph.NegOp: each(lambda op, x: np.full_like(x, -1)),
    graph.AddOp: both(lambda a, b: (1, 1)),
    graph.SubOp: both(lambda a, b: (1, -1)),
    graph.MulOp: both(lambda a, b: (b, a)),
    graph.DivOp: both(lambda a, b: (1 / b, -a / np.square(b))),
    graph.PowOp: both(_pow),
    graph.MaximumOp: both(lambda a, b: (a >= b, a < b)),
    graph.MinimumOp: both(lambda a, b: (a <= b, a > b)),
    graph.PReluOp: _prelu,
    graph.SoftmaxOp: _softmax,
    graph.GemmOp: _gemm,
    graph.MatmulOp: _matmul,
    graph.ConvOp: _conv,
    graph.MaxPoolOp: _max_pool,
    graph.AveragePoolOp: _average_pool,
    graph.GlobalAveragePoolOp: _global_average_pool,
    graph.ReduceSumOp: _reduce_sum,
    graph.ReduceMeanOp: _reduce_mean,
    graph.ReduceMaxOp: _reduce_max,
    graph.LayerNormalizationOp: _layer_normalization,
    graph.ReshapeOp: _reshape,
    graph.TransposeOp: _transpose,
    graph.ConcatOp: _concat,
    graph.PadOp: _pad,
    graph.SliceOp: _slice,
    graph.GatherOp: _gather,
    quant.QuantizeCastOp: _qcast,
    quant.DequantizeCastOp: _dcast,
    quant.WidenOp: _dcast,
}
