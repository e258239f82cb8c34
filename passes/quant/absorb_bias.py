"""Move high biases into the next layer: the tensor between needs a smaller range."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.passes import ModulePass
from xdsl.utils.exceptions import PassFailedException

from ...dialects.diagnostics import emit_remark
from ..graph.output_statistics import OutputStatistics, output_statistics
from .chains import Pair, pairs_of
from .layers import Float
from .observe_channels import observed_bounds
from .plain_quantization import tell_if_worse

PASS = "absorb-high-bias"
METHODS = ("batch-norm", "data", "off")


@dataclass(frozen=True)
class AbsorbHighBias(ModulePass):
    """b1 - c and b2 + w2 c in place of b1 and b2, where relu(x - c) = relu(x) - c.

    That holds where x >= c: c is what (almost) every output of the first layer exceeds, and at
    least 0. `batch-norm` takes c = mean - `deviations` * deviation of the batch normalisation that
    was folded (arXiv:1906.04721, section 4.1); `data` the least value that samples show. Without an
    activation between the layers, c is the whole mean (or the middle of what samples show), and
    nothing changes. Only for a second layer without padding: zeros around its input would not move
    along. `off` leaves the module alone. With `data`, whatever the method, a remark tells where
    plain 8-bit quantization keeps less than before.
    """

    name = PASS

    method: str = "batch-norm"
    data: str = ""
    deviations: float = 3.0
    per_channel: bool = True
    """Whether the weights will have a scale per channel, for the remark."""

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        if self.method not in METHODS or (self.method == "data" and not self.data):
            raise PassFailedException(
                f"{PASS}: method is one of {', '.join(METHODS)}, and method=data needs data"
            )
        if self.method == "off":
            return
        before = op.clone() if self.data else None
        self.absorb_all(op)
        if before is not None:
            tell_if_worse(PASS, before, op, self.data, self.per_channel)

    def absorb_all(self, op: ModuleOp) -> None:
        for pair in pairs_of(op):
            reason = why_not(pair)
            if reason is not None:
                emit_remark("missed", PASS, pair.first.op, reason)
                continue
            shift = self.shift(op, pair)
            if shift is not None and shift.any():
                absorb(pair, shift)

    def shift(self, module: ModuleOp, pair: Pair) -> Float | None:
        """c for each output of the first layer."""
        linear = not np.isfinite(pair.bounds).any()
        if self.method == "data":
            low, high = observed_bounds(module, pair.first, Path(self.data))
            return (low + high) / 2 if linear else np.maximum(low, 0)
        known = output_statistics(pair.first.op)
        if known is None:
            emit_remark("missed", PASS, pair.first.op, "no batch normalisation tells its mean")
            return None
        if linear:
            return known.mean
        return np.maximum(known.mean - self.deviations * known.deviation, 0)


def why_not(pair: Pair) -> str | None:
    """Why the bias of the first layer cannot move on."""
    if pair.second.padded:
        return "the next layer pads its input with zeros, which would not move along"
    if not pair.first.takes_bias or not pair.second.takes_bias:
        return "a matmul has no bias; fold-bias makes it a gemm"
    if pair.bounds not in ((-np.inf, np.inf), (0.0, np.inf)):
        return f"a clip at {pair.bounds[1]:g} would not move along"
    if pair.first.float_weight() is None or pair.second.float_weight() is None:
        return "its weights are quantized already"
    return None


def absorb(pair: Pair, shift: Float) -> None:
    weight = pair.second.float_weight()
    assert weight is not None
    groups = len(weight)
    moved = (weight.sum(3) * shift.reshape(groups, 1, -1)).sum(2).reshape(-1)
    pair.first.set_bias(pair.first.bias() - shift)
    pair.second.set_bias(pair.second.bias() + moved)
    known = output_statistics(pair.first.op)
    if known is not None:
        OutputStatistics(known.mean - shift, known.deviation).attach(pair.first.op)
    count = int((shift != 0).sum())
    text = f"{count} of {len(shift)} biases moved on, by up to {np.abs(shift).max():.4g}"
    emit_remark("passed", PASS, pair.first.op, text)
