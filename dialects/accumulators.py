"""The grids of a graph with casts: that of a value, and that of the accumulators of a layer."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from xdsl.ir import Operation, SSAValue

from . import graph, quant

Float = NDArray[np.float64]

GRID_PRESERVING = (
    graph.ReshapeOp,
    graph.TransposeOp,
    graph.SliceOp,
    graph.PadOp,
    graph.MaxPoolOp,
)
"""Their results lie on the grid of their input (of a pad with zeros): they need no quantizer."""


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


def on_grid(element: quant.UniformQuantizedType, scales: Float) -> bool:
    """Whether `element` has these scales, as f32, and no zero points."""
    have = element.scale_array()
    alike = have.size in (1, scales.size) and (have == scales.astype(np.float32)).all()
    return bool(alike) and not element.zero_point_array().any()


def bias_scales(cast: quant.DequantizeCastOp) -> Float:
    """The scales that `cast` reads its integers at. Of a bias they are products that the type has
    rounded to f32; here they are not.
    """
    element = quant.quantized(cast.input)
    for use in cast.result.uses:
        found = accumulators_of(use.operation) if use.index == 2 else None
        if found is not None and on_grid(element, found):
            return found
    return element.scale_array()


def accumulators_of(op: Operation) -> Float | None:
    """What a step of the accumulators of a layer stands for, by output channel or one for all."""
    source, weight = grid_of(op.operands[0]), op.operands[1].owner
    if source is None or not isinstance(weight, quant.DequantizeCastOp):
        return None
    return accumulator_scales(source, quant.quantized(weight.input))
