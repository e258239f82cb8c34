"""Biases on the grid of the accumulator that they start: the scale of the input times the weight's.

There they are the integers that the integer program has, so that a graph with casts rounds what the
program rounds, and no reader rounds again.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from xdsl.ir import SSAValue

from ...dialects import graph, quant
from ...dialects.accumulators import accumulator_scales, on_grid
from ..graph.constants import real_constant
from .notes import REAL

Float = NDArray[np.float64]

BITS = 32
"""Of an accumulator."""


def bias_type(
    source: quant.UniformQuantizedType, weight: quant.UniformQuantizedType, axis: int
) -> quant.UniformQuantizedType:
    """The type of a bias whose channels lie on `axis`; its scales are rounded to f32."""
    scales = accumulator_scales(source, weight)
    return quant.UniformQuantizedType.get(scales, bits=BITS, axis=axis if weight.per_axis else -1)


def bias_codes(
    bias: SSAValue, source: quant.UniformQuantizedType, weight: quant.UniformQuantizedType
) -> Float | None:
    """The constant `bias` in steps of the accumulator, flat: the integers of round-biases, else the
    nearest ones of its reals, which may leave i32. None for what is no constant.
    """
    scales = accumulator_scales(source, weight)
    if isinstance(cast := bias.owner, quant.DequantizeCastOp) and REAL in cast.attributes:
        stored = graph.constant_array(cast.input)
        if stored is not None and on_grid(quant.quantized(cast.input), scales):
            return stored.reshape(-1).astype(np.float64)
    real = real_constant(bias)
    return None if real is None else np.rint(real.reshape(-1) / scales)
