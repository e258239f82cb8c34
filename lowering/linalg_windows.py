"""Convolution and pooling as linalg.generic ops over a padded copy of the input."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

import numpy as np
from numpy.typing import NDArray
from xdsl.dialects.builtin import TensorType
from xdsl.ir import SSAValue
from xdsl.ir.affine import AffineExpr

from ..dialects import graph
from ..dialects.graph import ints, shape_of
from .bufferizer import Bufferizer
from .linalg_layer import Body, Layer, Scalars, dim, dims


def padded(layer: Layer, op: graph.WindowOp, value: float) -> SSAValue:
    """The input with `value` around its spatial axes: a copy if there is padding."""
    x, pairs = layer.input(op.input), op.pad_pairs()
    if not any(amount for pair in pairs for amount in pair):
        return x
    batch, channels, *spatial = shape_of(op.input)
    extents = [n + before + after for n, (before, after) in zip(spatial, pairs, strict=True)]
    assert isinstance(op.input.type, TensorType)
    shape = [batch, channels, *extents]
    buffer = layer.temporary(shape, op.input.type.element_type, "padded")
    layer.fill(buffer, value)
    begins = [0, 0, *(before for before, _ in pairs)]
    layer.copy(x, layer.part(buffer, begins, shape_of(op.input), [1] * len(shape)))
    return buffer


def positions(op: graph.WindowOp, outer: int, inner: int) -> list[AffineExpr]:
    """The spatial index into the padded input: loops from `outer` move the window, from `inner`
    on they run inside it.
    """
    steps = zip(ints(op.strides), ints(op.dilations), strict=True)
    return [dim(outer + i) * stride + dim(inner + i) * dilation
            for i, (stride, dilation) in enumerate(steps)]  # fmt: skip


def convolution(op: graph.ConvOp, to: Bufferizer) -> None:
    """Loops: batch, group, channel of the group, output position; input channel, kernel."""
    layer = Layer(to, op)
    x = padded(layer, op, 0)
    weight = layer.input(op.weight)
    bias = None if op.bias is None else layer.input(op.bias)
    y = layer.output()
    outputs, depth, *kernel = shape_of(op.weight)
    groups, rank = op.group.value.data, len(kernel)
    if bias is None:
        layer.fill(y, 0)
    else:
        layer.broadcast((bias, dims(1)), y)

    def accumulate(s: Scalars, *values: SSAValue) -> SSAValue:
        a, b, sum = values[-3:]
        return s.add(sum, s.mul(a, b))

    per_group = outputs // groups
    out = dims(*range(3, 3 + rank))
    channel, taps = dim(3 + rank), dims(*range(4 + rank, 4 + 2 * rank))
    place_in = positions(op, 3, 4 + rank)
    output_channel = dim(1) * per_group + dim(2)
    if groups == 1:
        output_channel = dim(2)
    elif per_group == 1:
        output_channel = dim(1)
    input_channel = channel if groups == 1 else dim(1) * depth + channel
    shape_only = layer.window((groups, per_group))
    layer.generic(
        (y, [dim(0), output_channel, *out]),
        [
            (shape_only, dims(1, 2)),
            (x, [dim(0), input_channel, *place_in]),
            (weight, [output_channel, channel, *taps]),
        ],
        4 + 2 * rank,
        accumulate,
        reduction=1 + rank,
    )
    layer.finish()


def pool(
    layer: Layer, op: graph.PoolOp, x: SSAValue, y: SSAValue, first: float, body: Body
) -> None:
    """`body` over each window, from `first` on."""
    kernel = op.kernel()
    rank = len(kernel)
    layer.fill(y, first)
    layer.generic(
        (y, dims(*range(2 + rank))),
        [
            (layer.window(kernel), dims(*range(2 + rank, 2 + 2 * rank))),
            (x, [dim(0), dim(1), *positions(op, 2, 2 + rank)]),
        ],
        2 + 2 * rank,
        body,
        reduction=rank,
    )


def max_pool(op: graph.MaxPoolOp, to: Bufferizer) -> None:
    layer = Layer(to, op)
    least = float("-inf")
    x = padded(layer, op, least)
    pool(layer, op, x, layer.output(), least, lambda s, _, a, top: s.at_least(a, top))
    layer.finish()


def average_pool(op: graph.AveragePoolOp, to: Bufferizer) -> None:
    layer = Layer(to, op)
    x, y = padded(layer, op, 0), layer.output()
    pool(layer, op, x, y, 0, lambda s, _, a, sum: s.add(sum, a))
    rank = len(op.kernel())
    all_axes = dims(*range(2 + rank))
    counts = window_counts(op)
    if (counts == counts.flat[0]).all():
        count = float(counts.flat[0])
        layer.generic((y, all_axes), [], 2 + rank, lambda s, sum: s.div(sum, count))
    else:
        assert isinstance(op.result.type, TensorType)
        table = layer.constant("window_counts", counts, op.result.type.element_type)
        layer.generic(
            (y, all_axes), [(table, all_axes[2:])], 2 + rank, lambda s, n, sum: s.div(sum, n)
        )
    layer.finish()


def window_counts(op: graph.AveragePoolOp) -> NDArray[np.float32]:
    """By how many elements the sum at each output position is divided."""
    kernel, extents = op.kernel(), op.output_extents()
    if op.count_include_pad.value.data:
        return np.full(extents, prod(kernel), np.float32)
    per_axis = [
        _inside(n, extent, k, stride, dilation, before)
        for n, extent, k, stride, dilation, (before, _) in zip(
            shape_of(op.input)[2:], extents, kernel,
            ints(op.strides), ints(op.dilations), op.pad_pairs(), strict=True,
        )
    ]  # fmt: skip
    counts = np.ones((), np.float32)
    for axis in per_axis:
        counts = np.multiply.outer(counts, axis)
    return counts.astype(np.float32)


def _inside(
    size: int, extent: int, kernel: int, stride: int, dilation: int, before: int
) -> Sequence[int]:
    """How many taps of each window lie inside an axis of `size` elements."""
    starts = np.arange(extent)[:, None] * stride - before
    taps = starts + np.arange(kernel)[None, :] * dilation
    return ((taps >= 0) & (taps < size)).sum(axis=1)
