"""Biases on the grid of the accumulator that they start: the scale of the input times the weight's.

There they are the integers that the integer program has, so that a graph with casts rounds what the
program rounds, and no reader rounds again.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from xdsl.ir import SSAValue

from ...dialects import graph, quant
from ..graph.constants import real_constant
from .placement import GRID_PRESERVING

Float = NDArray[np.float64]

BITS = 32
"""Of an accumulator."""


def grid_of(value: SSAValue) -> quant.UniformQuantizedType | None:
    """The quantized type that `value` stands on, also behind ops that only move data; None for what
    is not quantized, for one scale per channel, and for a concatenation of several grids.
    """
    if isinstance(cast := value.owner, quant.DequantizeCastOp):
        element = quant.quantized(cast.input)
        return None if element.per_axis else element
    if isinstance(value.owner, graph.ConcatOp):
        found = {grid_of(operand) for operand in value.owner.inputs}
        return found.pop() if len(found) == 1 else None
    if isinstance(value.owner, GRID_PRESERVING):
        return grid_of(value.owner.operands[0])
    return None


def accumulator_scales(
    source: quant.UniformQuantizedType, weight: quant.UniformQuantizedType
) -> Float:
    """What one step of the accumulators stands for, by output channel or one for all."""
    return source.scale * weight.scale_array()


def bias_type(
    source: quant.UniformQuantizedType, weight: quant.UniformQuantizedType, axis: int
) -> quant.UniformQuantizedType:
    """The type of a bias whose channels lie on `axis`; its scales are rounded to f32."""
    scales = accumulator_scales(source, weight)
    return quant.UniformQuantizedType.get(scales, bits=BITS, axis=axis if weight.per_axis else -1)


def bias_codes(
    bias: SSAValue, source: quant.UniformQuantizedType, weight: quant.UniformQuantizedType
) -> Float | None:
    """The constant `bias` in steps of the accumulator, flat: its integers where it lies on that
    grid, else the nearest ones of its reals, which may leave i32. None for what is no constant.
    """
    scales = accumulator_scales(source, weight)
    if isinstance(cast := bias.owner, quant.DequantizeCastOp):
        stored = graph.constant_array(cast.input)
        if stored is not None and on_grid(quant.quantized(cast.input), scales):
            return stored.reshape(-1).astype(np.float64)
    real = real_constant(bias)
    return None if real is None else np.rint(real.reshape(-1) / scales)


def on_grid(element: quant.UniformQuantizedType, scales: Float) -> bool:
    """Whether `element` has these scales, as f32, and no zero points."""
    have = element.scale_array()
    alike = have.size in (1, scales.size) and (have == scales.astype(np.float32)).all()
    return bool(alike) and not element.zero_point_array().any()
