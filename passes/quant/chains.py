"""What lies between two layers, and what is known without data of the values there."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import erf

import numpy as np
from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import Operation, SSAValue

from ...dialects import graph, quant
from ...dialects.graph_base import shape_of
from ..graph.output_statistics import OutputStatistics, output_statistics
from .layers import Float, Layer, layer_of, layers_of

_erf = np.vectorize(erf, otypes=[np.float64])


def normal_cdf(x: Float) -> Float:
    """The share of a standard normal distribution below x."""
    return 0.5 * (1 + _erf(x / np.sqrt(2)))


def normal_density(x: Float) -> Float:
    return np.exp(-0.5 * x**2) / np.sqrt(2 * np.pi)


def clipped_mean(statistics: OutputStatistics, low: float, high: float) -> Float:
    """The mean of clip(x, low, high) for x normal (arXiv:1906.04721, appendix C).

    With a = (low - mean) / deviation and b alike: deviation (phi(a) - phi(b)) + mean (Phi(b) -
    Phi(a)) + low Phi(a) + high (1 - Phi(b)); a deviation of 0 gives clip(mean).
    """
    mean, deviation = statistics.mean, np.maximum(statistics.deviation, 1e-30)
    a, b = ((bound - mean) / deviation for bound in (low, high))
    total = deviation * (normal_density(a) - normal_density(b))
    total += mean * (normal_cdf(b) - normal_cdf(a))
    if np.isfinite(low):
        total += low * normal_cdf(a)
    if np.isfinite(high):
        total += high * (1 - normal_cdf(b))
    return np.where(statistics.deviation > 0, total, np.clip(mean, low, high))


def through_casts(value: SSAValue) -> SSAValue:
    """The value that casts to a quantized type and back stand for."""
    while isinstance(value.owner, quant.CastOp):
        value = value.owner.operands[0]
    return value


def activation_bounds(op: Operation) -> tuple[float, float] | None:
    """ReLU and clip as bounds."""
    if isinstance(op, graph.ReluOp):
        return 0.0, np.inf
    return op.bounds() if isinstance(op, graph.ClipOp) else None


def expected_mean(value: SSAValue) -> Float | None:
    """The mean of `value` per channel as far as batch normalisation tells; None if unknown."""
    owner = through_casts(value).owner
    if not isinstance(owner, Operation):
        return None
    bounds = activation_bounds(owner)
    source = through_casts(owner.operands[0]).owner if bounds else owner
    if isinstance(source, Operation) and (known := output_statistics(source)) is not None:
        return clipped_mean(known, *(bounds or (-np.inf, np.inf)))
    if isinstance(owner, graph.AveragePoolOp | graph.GlobalAveragePoolOp):
        padded = isinstance(owner, graph.AveragePoolOp) and owner.count_include_pad.value.data
        return None if padded else expected_mean(owner.operands[0])
    if isinstance(owner, graph.AddOp):
        return sum_of_means(owner)
    return flattened_mean(owner)


def sum_of_means(owner: graph.AddOp) -> Float | None:
    """Means add, whether or not the operands depend on each other."""
    a, b = expected_mean(owner.lhs), expected_mean(owner.rhs)
    if a is None or b is None or shape_of(owner.lhs) != shape_of(owner.rhs):
        return None
    return a + b


def flattened_mean(owner: Operation) -> Float | None:
    """[1, C, ...] as [1, C * ...]: each channel's mean repeated."""
    if not isinstance(owner, graph.ReshapeOp):
        return None
    before, after = shape_of(owner.input), shape_of(owner.result)
    mean = expected_mean(owner.input) if len(before) > 2 else None
    if mean is None or len(after) != 2 or before[:1] != after[:1]:
        return None
    return np.repeat(mean, int(np.prod(before[2:])))


@dataclass(frozen=True)
class Pair:
    """Two layers, the second the only reader of the first, with at most a ReLU or clip between."""

    first: Layer
    second: Layer
    bounds: tuple[float, float]
    """The activation as a clip; infinite without one."""


def pairs_of(module: ModuleOp) -> Iterator[Pair]:
    """Pairs of layers in order."""
    for first in layers_of(module):
        value = first.op.result
        user = value.get_user_of_unique_use()
        bounds = None if user is None else activation_bounds(user)
        if user is not None and bounds is not None:
            value = user.results[0]
            user = value.get_user_of_unique_use()
        second = None if user is None else layer_of(user)
        if second is not None and second.input is value:
            yield Pair(first, second, bounds or (-np.inf, np.inf))
