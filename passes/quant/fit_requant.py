"""Requantization with multipliers so small that the NPU's 32-bit products cannot overflow."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp, TensorType
from xdsl.passes import ModulePass
from xdsl.rewriter import InsertPoint, Rewriter
from xdsl.utils.exceptions import PassFailedException

from ...dialects import quant
from ...dialects.diagnostics import emit_remark
from ...dialects.platform import platform_of
from ...dialects.platform_records import Unit
from ..graph.constants import new_constant, symbol_of
from ..place.npu_model import (
    Layer,
    Scaling,
    Wide,
    biases,
    fits,
    products,
    scaling_of,
    shape_refusal,
)

PASS = "fit-requant"
COMMON = 1 / 8
"""By how much (in units of the output, before rounding) outputs may move for a common shift: a job
without a shift per channel is shorter, and its constants are fewer.
"""


@dataclass(frozen=True)
class FitRequant(ModulePass):
    """Give every op that the platform's NPU could run the nearest requantization it does exactly.

    Each channel gets the multiplier, shift and bias nearest to those it has for which no
    accumulator (by its weights and the bounds of its input), times the multiplier, plus the bias,
    leaves the NPU's accumulator; one shift for all channels where that is near enough. Rounding is
    half up. Outputs move by at most one, rarely. From here on this is what the network computes, on
    whatever unit an op runs. A remark says how far the multipliers of an op are off, or why it
    stays as it is.

    `scale-bits` (default: those of the unit) limits the multipliers further: with 8 a job is
    shorter, and less exact. Without an NPU on the platform nothing happens.
    """

    name = PASS

    scale_bits: int = 0

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        unit = next((unit for unit in platform_of(op).units if unit.kind == "npu"), None)
        if unit is None:
            return
        bits = self.scale_bits or int(unit.fact("scale_bits"))
        if not 1 <= bits <= int(unit.fact("scale_bits")):
            raise PassFailedException(
                f'{PASS}: unit "{unit.name}" has scales of up to {unit.fact("scale_bits")} bits, '
                f"not {bits}"
            )
        for layer in op.walk():
            if isinstance(layer, Layer):
                fit(layer, unit, bits)


def fit(op: Layer, unit: Unit, scale_bits: int) -> None:
    """Change the requantization of `op`, or say why not."""
    if (reason := shape_refusal(op, unit)) is not None:
        emit_remark("missed", PASS, op, reason)
        return
    old = scaling_of(op)
    ratios = np.ldexp(old.multipliers.astype(np.float64), -old.shifts)
    found = nearest(op, ratios, unit, scale_bits)
    new, moves = found.scaling, found.moves
    if (moves >= 1).any():
        c = int(np.flatnonzero(moves >= 1)[0])
        emit_remark("missed", PASS, op, f"channel {c}: no multiplier is near {ratios[c]:.3g}")
        return
    op.requant = quant.RequantAttr.get(new.multipliers, new.shifts, new.rounding, op.requant.clamp)
    set_bias(op, new.biases)
    least, most = products(op)
    live = (least < most) & (new.multipliers > 0)
    relative = np.ldexp(new.multipliers[live], -new.shifts[live]) / ratios[live] - 1
    emit_remark(
        "passed",
        PASS,
        op,
        f"multipliers are off by at most {100 * np.abs(relative).max(initial=0):.2g} %, "
        f"outputs before rounding by {moves.max():.2g}",
    )


@dataclass(frozen=True)
class Fit:
    """A scaling, and by how much an output of each channel that does not saturate can move before
    it is rounded (infinite: a product may leave the accumulator).
    """

    scaling: Scaling
    moves: NDArray[np.float64]

    def better(self, other: Fit) -> Fit:
        """For each channel what moves less."""
        take = other.moves < self.moves
        a, b = self.scaling, other.scaling
        return Fit(
            Scaling(
                np.where(take, b.biases, a.biases),
                np.where(take, b.multipliers, a.multipliers),
                np.where(take, b.shifts, a.shifts),
                "single",
            ),
            np.where(take, other.moves, self.moves),
        )


def nearest(op: Layer, ratios: NDArray[np.float64], unit: Unit, scale_bits: int) -> Fit:
    """The best scaling with one shift for all channels if that moves outputs by COMMON at most;
    else the best one. Of equally good ones that with the least shift.
    """
    best: Fit | None = None
    common: Fit | None = None
    for kept, near in candidates(op, ratios, unit, scale_bits):
        found = kept.better(near)
        best = found if best is None else best.better(found)
        if common is None or found.moves.max() < common.moves.max():
            common = found
    assert best is not None and common is not None
    return common if common.moves.max() <= max(COMMON, best.moves.max()) else best


def candidates(
    op: Layer, ratios: NDArray[np.float64], unit: Unit, scale_bits: int
) -> Iterator[tuple[Fit, Fit]]:
    """For each shift the nearest multipliers, with the biases that the op has and with those that
    are nearest then: a channel without weights may have any multiplier.
    """

    def fit_of(scaling: Scaling, moves: NDArray[np.float64]) -> Fit:
        return Fit(scaling, np.where(fits(least_most, scaling, zero_point, unit), moves, np.inf))

    kept, least_most = biases(op), products(op)
    zero_point = quant.quantized(op.result).zero_point
    low, high = op.requant.clamp
    limit = min(1 << scale_bits, 1 << 31)
    widest = np.divide(high - low + 1, ratios, where=ratios > 0, out=np.full(len(ratios), np.inf))
    # The greatest |sum| with and without the bias whose output does not saturate for sure.
    total = np.minimum(np.maximum(*(np.abs(bound + kept) for bound in least_most)), widest)
    alone = np.minimum(np.maximum(*np.abs(least_most)), widest + np.abs(kept))
    for shift in range(int(unit.fact("shift")) + 1):
        m = np.rint(np.ldexp(ratios, shift)).clip(0, limit - 1).astype(np.int64)
        m = np.where(ratios > 0, np.maximum(m, 1), 0)
        shifts = np.full(len(m), shift)
        off = np.abs(np.ldexp(m.astype(np.float64), -shift) - ratios)
        wanted = np.ldexp(kept * ratios, shift)
        near = np.rint(wanted / np.maximum(m, 1)).clip(-(2**31), 2**31 - 1).astype(np.int64)
        rest = np.ldexp(np.abs(near * m - wanted), -shift)
        yield (
            fit_of(Scaling(kept, m, shifts, "single"), total * off),
            fit_of(Scaling(near, m, shifts, "single"), alone * off + rest),
        )


def set_bias(op: Layer, values: Wide) -> None:
    """Let `op` read a new bias."""
    if (values == biases(op)).all():
        return
    assert isinstance(op.bias.type, TensorType)
    name = symbol_of(op.bias, "bias")
    constant = new_constant(op, name, values.astype(np.int32), op.bias.type)
    Rewriter.insert_op(constant, InsertPoint.before(op))
    op.operands[2] = constant.result
