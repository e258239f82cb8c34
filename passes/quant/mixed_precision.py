"""Choose which activations need 16 bits: noise of each 8-bit quantizer, and the cheapest set."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

import numpy as np
from xdsl.context import Context
from xdsl.dialects import func
from xdsl.dialects.builtin import IntegerAttr, ModuleOp, i64
from xdsl.passes import ModulePass

from ...dialects.diagnostics import RunnelError, emit_remark
from ...dialects.graph_base import shape_of
from .insert_casts import BITS
from .trial import Cast, Trial

PASS = "mixed-precision"
WIDE = 16


@dataclass(frozen=True)
class MixedPrecision(ModulePass):
    """Give as few activations as needed 16 bits, such that those of 8 bits keep `sqnr` dB.

    Comes after calibrate. With each 8-bit quantizer alone, `samples` samples of `data` tell its
    noise in the logits (or else the first result); weights are in float, as they are rounded later.
    Tensors get 16 bits in the order of noise per byte that this costs; how many, is found by
    bisection of that list, each time with all quantizers in place (arXiv:2302.05397, phases 1 and
    2, with bytes as cost). Remarks list the points that were measured, and the one chosen, which is
    noted as `quant.bits`. Nothing is done for an `sqnr` of 0.
    """

    name = PASS

    data: str
    sqnr: float = 30.0
    samples: int = 16

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        if self.sqnr <= 0:
            return
        function = next((f for f in op.body.block.ops if isinstance(f, func.FuncOp)), None)
        if function is None:
            raise RunnelError(f"{PASS}: the module has no function")
        trial = Trial.of(op, function, self.data, self.samples)
        reference = trial.result(())
        total = (reference**2).sum()
        order = sorted(
            trial.candidates,
            key=lambda cast: -((trial.result({cast}) - reference) ** 2).sum() / cost(cast),
        )

        def measure(wide: int) -> float:
            noise = ((trial.result(frozenset(order[wide:])) - reference) ** 2).sum()
            quality = float(10 * np.log10(total / noise)) if noise else np.inf
            more = sum(map(cost, order[:wide]))
            text = f"{wide} of {len(order)} tensors in 16 bits, {more} bytes more: {quality:.1f} dB"
            emit_remark("analysis", PASS, function, text)
            return quality

        least, most = 0, len(order)
        if not order or measure(0) >= self.sqnr:
            return
        while most - least > 1:
            middle = (least + most) // 2
            least, most = (least, middle) if measure(middle) >= self.sqnr else (middle, most)
        chosen = order[:most]
        for cast in chosen:
            trial.note(cast, BITS, IntegerAttr(WIDE, i64))
        names = ", ".join(trial.name_of(cast) for cast in chosen)
        emit_remark("passed", PASS, function, f"16 bits for {most} of {len(order)}: {names}")


def cost(cast: Cast) -> int:
    """Bytes that 16 bits take more."""
    return prod(shape_of(cast.result))
