"""A pass of your own, in a package of your own: scales become powers of two."""

from dataclasses import dataclass

import numpy as np
from xdsl.context import Context
from xdsl.dialects.builtin import DenseArrayBase, ModuleOp, f64
from xdsl.passes import ModulePass
from xdsl.universe import Universe

from runnel.dialects.diagnostics import emit_remark
from runnel.passes.quant.calibrate import RANGE, range_of


@dataclass(frozen=True)
class PowerOfTwoRanges(ModulePass):
    """Widen calibrated ranges until 8-bit scales are powers of two (for shift-only hardware)."""

    name = "power-of-two-ranges"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        for inner in op.walk():
            if (bounds := range_of(inner.attributes)) is None:
                continue
            low, high = min(bounds[0], 0.0), max(bounds[1], 0.0)
            width = 255 * 2.0 ** np.ceil(np.log2((high - low) / 255))
            factor = float(width / (high - low))
            inner.attributes[RANGE] = DenseArrayBase.from_list(f64, [low * factor, high * factor])
            emit_remark("passed", self.name, inner, f"widened by {factor:.2f}")


UNIVERSE = Universe(all_passes={PowerOfTwoRanges.name: lambda: PowerOfTwoRanges})
