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
        """Replace the qcast by a table of `function` from the reals of `source` to its own.

        That of a 16-bit source has its function between entries interpolated.
        """
        have, want = quant.quantized(source), fusion.element
        width = have.storage.width.data
        if width not in quant.TABLE_ENTRIES or want.storage not in (i8, i16):
            return
        count, least = quant.TABLE_ENTRIES[width], storage_bounds(have.storage)[0]
        step, stored = (1, want.storage) if width == 8 else (128, i16)
        fine = 256 if width == 16 and want.storage == i8 else 1
        real = (least + step * np.arange(count, dtype=np.float64) - have.zero_point) * have.scale
        scaled = np.rint(fine * (function(real) / want.scale + want.zero_point))
        low, high = fusion.clamp
        entries = np.clip(scaled, fine * low, fine * high).astype(dtype_of(stored))
        name = f"{fusion.core.name.split('.')[1]}_table"
        constant = add_constant(self.module, name, entries, TensorType(stored, [count]))
        new = quant.TableOp(source, constant.result, fusion.type)
        fusion.replace(constant, new)
