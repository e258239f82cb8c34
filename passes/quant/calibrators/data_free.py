"""Ranges without data: moments of each channel from folded batch norms, carried through the graph.

A layer's output is N(mean, deviation**2) per channel where batch norm said so; other layers sum
their inputs as if these were independent. Activations cut the normal distribution
(arXiv:1906.04721, section 5 and appendix C).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from xdsl.dialects import func
from xdsl.ir import Operation, SSAValue

from ....dialects import graph
from ....dialects.diagnostics import refuse
from ....dialects.graph_base import shape_of
from ...graph.output_statistics import output_statistics
from ..layers import Layer, layer_of

Float = NDArray[np.float64]
Range = tuple[float, float]
_erf = np.vectorize(math.erf, otypes=[np.float64])

KEEP = (graph.AveragePoolOp, graph.GlobalAveragePoolOp, graph.MaxPoolOp)
"""Their results are taken to be distributed as their inputs."""
KNOWN: dict[type[Operation], Range] = {
    graph.SoftmaxOp: (0.0, 1.0),
    graph.SigmoidOp: (0.0, 1.0),
    graph.TanhOp: (-1.0, 1.0),
}


@dataclass(frozen=True)
class Moments:
    """Of each channel (axis 1), and bounds that no value leaves."""

    mean: Float
    deviation: Float
    low: float = -np.inf
    high: float = np.inf

    def range(self, deviations: float) -> Range:
        reach = deviations * self.deviation
        low, high = float((self.mean - reach).min()), float((self.mean + reach).max())
        return max(low, self.low), min(high, self.high)

    def clipped(self, low: float, high: float) -> Moments:
        """The moments of clip(x, low, high) for normal x."""
        deviation = np.maximum(self.deviation, 1e-12)
        a, b = (low - self.mean) / deviation, (high - self.mean) / deviation
        inside, below, above = cdf(b) - cdf(a), cdf(a), 1 - cdf(b)
        ends = [(0.0, 0.0) if np.isinf(e) else (e, e * e) for e in (low, high)]
        first = self.mean * inside + deviation * (pdf(a) - pdf(b))
        mean = first + ends[0][0] * below + ends[1][0] * above
        tails = np.where(np.isinf(a), 0.0, a) * pdf(a) - np.where(np.isinf(b), 0.0, b) * pdf(b)
        square = (
            (self.mean**2 + deviation**2) * inside
            + 2 * self.mean * deviation * (pdf(a) - pdf(b))
            + deviation**2 * tails
            + ends[0][1] * below
            + ends[1][1] * above
        )
        spread = np.sqrt(np.maximum(square - mean**2, 0.0))
        return Moments(mean, spread, max(self.low, low), min(self.high, high))


def pdf(x: Float) -> Float:
    return np.exp(-(x**2) / 2) / math.sqrt(2 * math.pi)


def cdf(x: Float) -> Float:
    return (1 + _erf(x / math.sqrt(2))) / 2


def data_free_ranges(
    function: func.FuncOp, inputs: Range, deviations: float
) -> dict[SSAValue, Range]:
    """The range of every float value; `inputs` is that of the network's inputs, which are taken to
    be spread over it evenly. Raises `RunnelError` for ops that nothing is known of.
    """
    values: dict[SSAValue, Moments] = {}
    ranges: dict[SSAValue, Range] = {}
    normal: dict[SSAValue, Moments] = {}
    low, high = inputs
    for argument in function.body.block.args:
        channels = np.ones(shape_of(argument)[1] if len(shape_of(argument)) > 1 else 1)
        values[argument] = Moments(
            channels * (low + high) / 2, channels * (high - low) / math.sqrt(12), low, high
        )
        ranges[argument] = inputs
    for op in function.body.block.ops:
        if not op.results or not op.operands:
            continue
        result = op.results[0]
        if isinstance(op, graph.ReluOp | graph.ClipOp):
            bounds = (0.0, np.inf) if isinstance(op, graph.ReluOp) else op.bounds()
            before = normal.get(op.input, values[op.input])
            values[result] = before.clipped(*bounds)
            found = before.range(deviations)
            ranges[result] = max(found[0], bounds[0]), min(found[1], bounds[1])
            continue
        values[result] = normal[result] = after(op, values)
        ranges[result] = KNOWN.get(type(op), values[result].range(deviations))
    return ranges


def after(op: Operation, values: dict[SSAValue, Moments]) -> Moments:
    """The moments of the result of `op`."""
    layer = layer_of(op)
    if layer is not None:
        return after_layer(layer, values[layer.input])
    source = values.get(op.operands[0])
    if isinstance(op, graph.AddOp) and all(operand in values for operand in op.operands):
        a, b = (values[operand] for operand in op.operands)
        return Moments(a.mean + b.mean, np.hypot(a.deviation, b.deviation))
    if source is not None and isinstance(op, KEEP):
        return source
    if source is not None and type(op) in KNOWN:
        low, high = KNOWN[type(op)]
        middle = np.full(source.mean.shape, (low + high) / 2)
        return Moments(middle, 0 * middle + (high - low) / 2, low, high)
    if source is not None and isinstance(op, graph.ReshapeOp):
        shape = shape_of(op.result)
        count = shape[1] if len(shape) > 1 else 1
        if count % len(source.mean) == 0:
            repeat = count // len(source.mean)
            spread = [np.repeat(moment, repeat) for moment in (source.mean, source.deviation)]
            return Moments(spread[0], spread[1], source.low, source.high)
    refuse(op, "has no range without data; calibrate with some")


def after_layer(layer: Layer, source: Moments) -> Moments:
    """What batch norm said, else sums over the inputs as if they were independent."""
    known = output_statistics(layer.op)
    if known is not None:
        return Moments(known.mean, known.deviation)
    taps = layer.float_weight()
    if taps is None:
        refuse(layer.op, "its weight is no constant of floats")
    mean = source.mean.reshape(layer.groups, 1, -1)
    variance = (source.deviation**2).reshape(layer.groups, 1, -1)
    total = (taps.sum(3) * mean).sum(2).reshape(-1) + layer.bias()
    return Moments(total, np.sqrt(((taps**2).sum(3) * variance).sum(2)).reshape(-1))
