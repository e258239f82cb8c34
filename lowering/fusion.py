"""What the fusions of graph ops into integer ops share: the match, and the reals behind values."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from xdsl.dialects.builtin import ModuleOp, TensorType, i8, i16
from xdsl.ir import Operation, OpResult, SSAValue
from xdsl.pattern_rewriter import PatternRewriter, RewritePattern, op_type_rewrite_pattern

from ..dialects import graph, quant
from ..dialects.diagnostics import emit_remark
from ..dialects.quant_types import quantize_real, storage_bounds
from ..dialects.types import dtype_of
from ..passes.quant.notes import FLOAT
from .fixed_point import NoFixedPoint, can_tie, fixed_point

PASS = "convert-graph-to-quant"

RealFunction = Callable[[NDArray[np.float64]], NDArray[Any]]
"""A pointwise function of reals."""


def dequantized(value: SSAValue | None) -> SSAValue | None:
    """The per-tensor quantized value behind a dcast."""
    if value is None or not isinstance(value.owner, quant.DequantizeCastOp):
        return None
    source = value.owner.input
    return None if quant.quantized(source).per_axis else source


def real_constant(value: SSAValue) -> NDArray[np.float64] | None:
    """The real elements of a constant: float, or quantized behind a dcast."""
    if isinstance(value.owner, quant.DequantizeCastOp):
        stored = graph.constant_array(value.owner.input)
        if stored is None:
            return None
        scale, zero = parameters(quant.quantized(value.owner.input), stored.ndim)
        return (stored.astype(np.float64) - zero) * scale
    array = graph.constant_array(value)
    return None if array is None else array.astype(np.float64)


def parameters(
    element: quant.UniformQuantizedType, rank: int
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Scales and zero points that broadcast along the quantized axis of a rank-`rank` array."""
    scales, zeros = element.scale_array(), element.zero_point_array()
    if element.per_axis:
        shape = [1] * rank
        shape[element.axis.data] = -1
        return scales.reshape(shape), zeros.reshape(shape)
    return scales, zeros


def peel_activations(
    value: SSAValue, element: quant.UniformQuantizedType
) -> tuple[SSAValue, tuple[int, int]]:
    """What comes before the ReLUs and clips in front of a qcast, and the clamp that replaces them.

    Rounding is monotone, so clamping before and after it give the same integers.
    """
    low, high = element.bounds
    while isinstance(value.owner, graph.ReluOp | graph.ClipOp):
        bounds = (0.0, np.inf) if isinstance(value.owner, graph.ReluOp) else value.owner.bounds()
        # The outer activation has the last word: it also clamps the bounds of the inner one.
        inner = (min(max(quantize_real(bound, element), low), high) for bound in bounds)
        low, high = inner
        low, value = min(low, high), value.owner.input
    return value, (low, high)


def requantization(
    real: NDArray[np.float64],
    rounding: str,
    clamp: tuple[int, int],
    bounds: NDArray[np.int64] | Sequence[int],
) -> quant.RequantAttr:
    """The fixed-point form of real multipliers, for accumulators up to |bound| of each channel."""
    multipliers, shifts = fixed_point(real)
    ties = any(map(can_tie, multipliers.tolist(), shifts.tolist(), map(int, bounds)))
    rule = rounding if ties or rounding not in ("single", "half_even") else "single"
    return quant.RequantAttr.get(multipliers, shifts, rule, clamp)


def add_constant(
    module: ModuleOp, name: str, array: NDArray[np.generic], type: TensorType
) -> graph.ConstantOp:
    symbol = graph.add_global(module, name, array, type).sym_name.data
    return graph.ConstantOp(symbol, type)


def name_of(value: SSAValue, default: str) -> str:
    """The symbol of a constant, also behind a dcast."""
    owner = value.owner
    if isinstance(owner, quant.DequantizeCastOp):
        owner = owner.input.owner
    return owner.global_name.string_value() if isinstance(owner, graph.ConstantOp) else default


@dataclass(frozen=True)
class Fusion:
    """A qcast, the op that it quantizes, and the clamp that stands for activations between."""

    cast: quant.QuantizeCastOp
    core: Operation
    clamp: tuple[int, int]
    rewriter: PatternRewriter

    @property
    def element(self) -> quant.UniformQuantizedType:
        """The quantized type of the result."""
        return quant.quantized(self.cast.result)

    @property
    def type(self) -> TensorType:
        return self.cast.result.type

    def replace(self, *new: Operation) -> None:
        """Put `new` in place of the qcast; they keep the source node of the core."""
        for created in new:
            created.location = self.core.location
        new[-1].results[0].name_hint = self.cast.result.name_hint
        self.rewriter.replace(self.cast, new)


@dataclass
class FusePattern(RewritePattern):
    """The root of a fusion is a qcast to one scale per tensor."""

    module: ModuleOp
    rounding: str = "single"

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: quant.QuantizeCastOp, rewriter: PatternRewriter) -> None:
        element = quant.quantized(op.result)
        if element.per_axis:
            return
        value, clamp = peel_activations(op.input, element)
        if not isinstance(value, OpResult) or FLOAT in value.op.attributes:
            return
        try:
            self.fuse(Fusion(op, value.op, clamp, rewriter))
        except NoFixedPoint as error:
            emit_remark("missed", PASS, value.op, str(error))

    def fuse(self, fusion: Fusion) -> None:
        """Replace the qcast if the core has an integer form."""
        raise NotImplementedError

    def table(self, fusion: Fusion, source: SSAValue, function: RealFunction) -> None:
        """Replace the qcast by a table of `function` from the reals of `source` to its own."""
        have, want = quant.quantized(source), fusion.element
        low, high = storage_bounds(have.storage)
        if high - low != 255 or want.storage not in (i8, i16):
            return
        real = (np.arange(low, high + 1, dtype=np.float64) - have.zero_point) * have.scale
        scaled = np.rint(function(real) / want.scale) + want.zero_point
        entries = np.clip(scaled, *fusion.clamp).astype(dtype_of(want))
        name = f"{fusion.core.name.split('.')[1]}_table"
        constant = add_constant(self.module, name, entries, TensorType(want.storage, [256]))
        new = quant.TableOp(source, constant.result, fusion.type)
        fusion.replace(constant, new)
