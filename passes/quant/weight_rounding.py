"""Rounding as a least squares problem over integers: samples of a layer's input, and a solver.

A layer's weight is [groups, rows, K] here: K = inputs / groups * taps products make one output.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from xdsl.dialects.builtin import TensorType

from ...dialects import graph, quant
from ...dialects.accumulators import grid_of
from ...dialects.graph_base import ints, shape_of
from ...runtime.interpreter.windows import pad_spatial
from ..graph.constants import erase_unused, new_constant
from .blocks import BLOCKS, Blocks
from .grids import bias_room
from .layers import Float, Layer
from .prefix import Visit

Array = NDArray[Any]

DAMPING = 0.01
"""Share of the mean diagonal that is added to a second moment: against too few samples."""


@dataclass
class Integers:
    """The quantized weight of a layer: scales * codes[g, o, k], codes within `bounds`."""

    layer: Layer
    element: quant.UniformQuantizedType
    codes: Float
    scales: Float
    """[groups, rows, 1]; with blocks [groups, rows, K]"""
    blocks: Blocks | None = None

    @property
    def bounds(self) -> tuple[int, int]:
        return self.element.bounds if self.blocks is None else self.blocks.bounds

    @property
    def bits(self) -> int:
        """Of the codes; they are stored in whole bytes."""
        low, high = self.bounds
        return max(high.bit_length(), (-1 - low).bit_length()) + 1

    def nearest(self, weight: Float, scales: Float | None = None) -> Float:
        """The nearest codes of a float weight."""
        return np.clip(np.rint(weight / (self.scales if scales is None else scales)), *self.bounds)

    def neighbours(self, weight: Float) -> tuple[Float, Float]:
        """The codes below and above (or at) each float weight."""
        low = np.clip(np.floor(weight / self.scales), *self.bounds)
        return low, np.clip(np.ceil(weight / self.scales), *self.bounds)

    def write(self, codes: Float, scales: Float | None = None) -> None:
        """Let the layer read these codes; with `scales` [groups, rows, 1] under new scales."""
        element = self.element
        if scales is not None:
            flat = scales.reshape(-1)
            element = quant.UniformQuantizedType.get(
                flat if element.per_axis else flat[:1],
                bits=element.storage.width.data,
                axis=element.axis.data,
                bounds=element.bounds,
            )
        op, old = self.layer.op, self.layer.weight.owner
        assert isinstance(old, quant.DequantizeCastOp)
        constant_op, block = old.input.owner, op.parent_block()
        assert isinstance(constant_op, graph.ConstantOp) and block is not None
        shape = shape_of(old.result)
        if self.blocks is not None:
            codes = codes * self.blocks.each(codes.shape[2]).reshape(codes.shape)
        stored = self.layer.stored(codes)
        name = constant_op.global_name.string_value()
        constant = new_constant(op, name, stored, TensorType(element, shape), constant_op.result)
        cast = quant.DequantizeCastOp(constant.result, old.result.type)
        cast.attributes |= old.attributes
        cast.location = old.location
        block.insert_ops_before([constant, cast], op)
        op.operands[1] = cast.result
        erase_unused(old.result)


def integers_of(layer: Layer) -> Integers | None:
    """The symmetric quantized weight of `layer`."""
    cast = layer.weight.owner
    if not isinstance(cast, quant.DequantizeCastOp):
        return None
    stored, element = graph.constant_array(cast.input), quant.quantized(cast.input)
    wrong_axis = element.per_axis and element.axis.data != layer.axis
    if stored is None or wrong_axis or element.zero_point_array().any():
        return None
    codes = rows_of(layer, stored)
    scales = np.broadcast_to(element.scale_array(), layer.outputs)
    scales = scales.reshape(len(codes), -1, 1).copy()
    blocks = Blocks.of(cast.attributes.get(BLOCKS), layer.outputs)
    if blocks is None:
        return Integers(layer, element, codes, scales)
    steps = blocks.each(codes.shape[2]).reshape(codes.shape)
    return Integers(layer, element, codes / steps, scales * steps, blocks)


def least_scales(layer: Layer, bits: int) -> Float:
    """Scales [outputs] below which the bias would not have room beside weights of so many bits."""
    source = grid_of(layer.input)
    if source is None:
        return np.zeros(layer.outputs)
    return np.abs(layer.bias()) / (source.scale * bias_room(bits))


def rows_of(layer: Layer, stored: Array) -> Float:
    """A stored weight as [groups, rows, K]."""
    canonical = layer.canonical(stored).astype(np.float64)
    return canonical.reshape(*canonical.shape[:2], -1)


@dataclass
class Samples:
    """Columns of a layer's input at sampled positions, [groups, K, n], in both networks."""

    real: Array
    quantized: Array
    weights: Array | None = None
    """How much each position counts, [groups, n]; all the same if None."""

    def mean(self, array: Array) -> Float:
        """Over positions: [groups, K, 1]."""
        if self.weights is None:
            return array.mean(2, keepdims=True, dtype=np.float64)
        total = self.weights.sum(1, dtype=np.float64)[:, None, None]
        return (array @ self.weights[:, :, None]) / total


def sample(visit: Visit, positions: int, seed: int) -> Samples:
    """Up to `positions` (at least 8 K) positions of all samples, the same in both networks."""
    layer, x = visit.layer, visit.input
    size = int(np.prod(shape_of(layer.weight))) // layer.outputs
    out = shape_of(layer.op.result)
    count = len(x) * int(np.prod(out[2:])) // shape_of(layer.input)[0]
    wanted = min(count, max(positions, 8 * size))
    index = np.random.default_rng(seed).choice(count, wanted, replace=False)
    index.sort()
    return Samples(columns(layer, visit.real_input, index), columns(layer, x, index))


def columns(layer: Layer, x: Array, index: NDArray[np.int64]) -> Array:
    """The inputs that meet the weights of one output, at the positions `index`: [groups, K, n]."""
    op, groups = layer.op, layer.groups
    if not isinstance(op, graph.ConvOp):
        return np.ascontiguousarray(x[index].T)[None]
    padded = pad_spatial(x, op.pad_pairs())
    samples, *places = np.unravel_index(index, (len(x), *shape_of(op.result)[2:]))
    steps, dilations = ints(op.strides), ints(op.dilations)
    picked: list[Array] = []
    for tap in np.ndindex(*op.kernel()):
        ats = zip(places, steps, tap, dilations, strict=True)
        picked.append(padded[(samples, slice(None), *(p * s + t * d for p, s, t, d in ats))].T)
    stacked = np.stack(picked, 1)  # [C, taps, n]
    return stacked.reshape(groups, -1, len(index))


@dataclass
class Moments:
    """Second moments over samples: G = E[xhat xhat^T] (damped), and E[x xhat^T], [groups, K, K]."""

    quantized: Float
    mixed: Float
    damping: Float
    """[groups, 1, 1]"""

    def target(self, weight: Float) -> Float:
        """The real weight that, on the quantized inputs, is nearest to `weight` on the float ones.

        w* = (w E[x xhat^T] + damping w) G^-1, so that E|w x - v xhat|^2 + damping |w - v|^2 is
        (v - w*) G (v - w*)^T and a constant.
        """
        right = weight @ self.mixed + self.damping * weight
        solved = np.linalg.solve(self.quantized, right.transpose(0, 2, 1))
        return solved.transpose(0, 2, 1).astype(np.float64)


def moments(samples: Samples, centred: bool = False) -> Moments:
    """Around the means with `centred`: what a bias that may move leaves."""
    x, xhat = samples.real, samples.quantized
    count: Any = x.shape[2]
    if centred:
        x, xhat = (part - samples.mean(part).astype(part.dtype) for part in (x, xhat))
    back = xhat.transpose(0, 2, 1)
    if samples.weights is not None:
        back = back * samples.weights[:, :, None]
        count = samples.weights.sum(1, dtype=np.float64)[:, None, None]
    second = (xhat @ back).astype(np.float64) / count
    mixed = (x @ back).astype(np.float64) / count
    mean = np.trace(second, axis1=1, axis2=2) / second.shape[1]
    damping = np.where(mean > 0, DAMPING * mean, 1.0)[:, None, None]
    return Moments(second + damping * np.eye(second.shape[1]), mixed, damping)


def cost(difference: Float, second: Float) -> Float:
    """d G d^T for every row: [groups, rows]."""
    return ((difference @ second) * difference).sum(2)


def flip(
    codes: Float, low: Float, high: Float, scales: Float, target: Float, second: Float
) -> Float:
    """Codes in [low, high] with a lower cost of scales * codes - target: coordinate descent.

    In every row the one code moves by 1 that lowers (v - w*) G (v - w*)^T most, until none does;
    the cost never rises. All arrays are [groups, rows, K] but `second` [groups, K, K] and `scales`.
    """
    groups, rows, size = codes.shape
    shape = (groups * rows, size)
    owner = np.repeat(np.arange(groups), rows)
    z, low, high = (array.reshape(shape).copy() for array in (codes, low, high))
    s = np.broadcast_to(scales, codes.shape).reshape(shape)
    slope = ((scales * codes - target) @ second).reshape(shape)
    own = np.diagonal(second, axis1=1, axis2=2)[owner] * (s * s)
    live = np.arange(len(z))
    for _ in range(20 * size):
        down = slope[live] > 0
        free = np.where(down, z[live] > low[live], z[live] < high[live])
        change = own[live] - 2 * s[live] * np.abs(slope[live])
        change[~free] = 0
        best = change.argmin(1)
        rank = np.arange(len(live))
        better = change[rank, best] < -1e-9 * own[live, best]
        live, best, down = live[better], best[better], down[rank, best][better]
        if not len(live):
            break
        step = np.where(down, -1.0, 1.0)
        z[live, best] += step
        slope[live] += (step * s[live, best])[:, None] * second[owner[live], best]
    return z.reshape(codes.shape)
