"""The types that quantizers get: of activations by a scheme, of weights by their values."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from xdsl.ir import Operation

from ...dialects import graph, quant
from ...dialects.quantization import Rule
from ...dialects.types import dtype_of
from .scheme import Grid

Scales = NDArray[np.float64]


def grid_type(grid: Grid, bits: int) -> quant.UniformQuantizedType:
    """The type of an activation on `grid`, in 8 or 16 bits of storage."""
    bounds = grid.least, grid.most
    return quant.UniformQuantizedType.get([grid.scale], [grid.zero], bits=bits, bounds=bounds)


def weight_axis(op: Operation) -> int:
    """The axis of the weight of a layer that its outputs lie on."""
    stored = isinstance(op, graph.GemmOp) and bool(op.trans_b.value.data)
    return 0 if stored or isinstance(op, graph.ConvOp) else 1


def weight_bounds(bits: int, rule: Rule) -> tuple[int, int]:
    """The codes of weights: at 8 bits without the most negative one, as int8 kernels want it; with
    fewer bits where the platform has no more of them and wants that.
    """
    half = 1 << (bits - 1)
    strict = bits == 8 or (rule.weights == "strict" and bits == rule.weight_bits())
    return (1 - half if strict else -half), half - 1


def weight_type(
    array: NDArray[Any], axis: int, per_channel: bool, bits: int, rule: Rule, least: Scales
) -> quant.UniformQuantizedType:
    """Symmetric, with the least scales that clip nothing, but not below `least` per channel.

    Powers of two are the next ones up, or the ones below where clipping costs less than it gains.
    """
    bounds = weight_bounds(bits, rule)
    scales = np.maximum(weight_scales(array, axis, per_channel, bounds), least)
    if not per_channel:
        scales = np.full(scales.shape, scales.max())
    if rule.power_of_two:
        scales = nearest_powers(array, axis, per_channel, scales, bounds, least)
    return quant.UniformQuantizedType.get(
        scales if per_channel else scales[:1], axis=axis if per_channel else -1, bounds=bounds
    )


def bias_room(bits: int) -> float:
    """What a bias may be in units of the accumulator: far inside i32, further for narrow weights.

    Their sums are smaller, and fast kernels shift them up before they scale them.
    """
    return 2.0 ** (21 + bits)


def weight_scales(
    array: NDArray[Any], axis: int, per_channel: bool, bounds: tuple[int, int]
) -> Scales:
    """The least scale per channel along `axis` that clips nothing (the same for all, per tensor).

    A channel of zeros takes the greatest scale of the others: its bias stays exact. None is less
    than a 2**16th of that, which is below what outputs on one grid show: a dead channel would
    spread the shifts beyond what fast kernels take.
    """
    axes = tuple(i for i in range(array.ndim) if i != axis)
    values = array.astype(np.float64)
    scales = np.maximum(values.max(axes) / bounds[1], values.min(axes) / bounds[0])
    if not per_channel:
        scales = np.full(scales.shape, scales.max())
    scales = np.where(scales > 0, scales, scales.max() if scales.max() > 0 else 1.0)
    scales = np.maximum(scales, scales.max() * 2.0**-16)
    return np.asarray(scales, np.float32).astype(np.float64)


def nearest_powers(
    array: NDArray[Any],
    axis: int,
    per_channel: bool,
    scales: Scales,
    bounds: tuple[int, int],
    least: Scales,
) -> Scales:
    """The powers of two from `scales` up, halved where that makes less squared error."""
    above = 2.0 ** np.ceil(np.log2(scales))
    axes = tuple(i for i in range(array.ndim) if i != axis)
    shape = [1] * array.ndim
    shape[axis] = -1

    def errors(tried: Scales) -> Scales:
        s = tried.reshape(shape)
        return ((s * np.clip(np.rint(array / s), *bounds) - array) ** 2).sum(axes)

    gains = errors(above) - errors(above / 2)
    fits = above / 2 >= least
    if not per_channel:
        gains, fits = np.full(gains.shape, gains.sum()), np.full(fits.shape, fits.all())
    return np.where((gains > 0) & fits, above / 2, above)


def codes_of(array: NDArray[Any], element: quant.UniformQuantizedType) -> NDArray[Any]:
    """The nearest stored integers of `array`, as they lie in memory."""
    shape = [1] * array.ndim
    shape[element.axis.data if element.per_axis else 0] = -1
    scales, zeros = (
        part.reshape(shape) for part in (element.scale_array(), element.zero_point_array())
    )
    codes = np.clip(np.rint(array / scales) + zeros, *element.bounds)
    return codes.astype(dtype_of(element))
