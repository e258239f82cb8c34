"""Choose the bits of weights and activations: from what each costs, and what it does to results."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from xdsl.context import Context
from xdsl.dialects import func
from xdsl.dialects.builtin import ArrayAttr, ModuleOp
from xdsl.passes import ModulePass

from ...dialects.diagnostics import RunnelError, emit_remark
from ...runtime.array_files import read_labels
from .pareto import PARETO, front
from .precision_trial import FULL, WIDE, Trial
from .precision_walk import PASS, Walk


@dataclass(frozen=True)
class MixedPrecision(ModulePass):
    """Choose bits for each weight and activation, such that a limit is kept, and note them.

    Comes after calibrate. Candidates are `weight-bits` (2 to 8) and `activation-bits` (8, 16). The
    walk begins with the most bits everywhere; each step takes bits from one quantizer. Its noise is
    that of the logits (or else the first result) with this step alone, on `samples` samples of
    `data`; what it saves are bytes (of parameters as they are stored, and of activations) or
    modelled cycles, as `minimize` says. Steps are in the order of noise per saving
    (arXiv:2302.05397, phases 1 and 2, with the real costs for bit operations).

    The point that is chosen is the cheapest one of the walk that keeps `sqnr` dB (30, where no
    other limit is given) and loses at most `target-drop` points: of accuracy with `labels` of the
    data, else of agreement with float. With `max-bytes` (of parameters) or `max-cycles` it is the
    first one that is cheap enough. Quality is measured on `check` samples with all quantizers in
    place: at `points` points of the walk, and where bisection asks. All that is not dominated is
    noted on the function as `quant.pareto` and told as remarks. Nothing is done for an `sqnr` of 0.
    """

    name = PASS

    data: str
    sqnr: float | None = None
    samples: int = 16
    weight_bits: tuple[int, ...] = (FULL,)
    activation_bits: tuple[int, ...] = (8, WIDE)
    target_drop: float | None = None
    max_bytes: int | None = None
    max_cycles: float | None = None
    minimize: str = "bytes"
    labels: str = ""
    check: int = 128
    points: int = 0
    per_channel: bool = True

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        if self.sqnr is not None and self.sqnr <= 0:
            return
        self.check_options()
        function = next((f for f in op.body.block.ops if isinstance(f, func.FuncOp)), None)
        if function is None:
            raise RunnelError(f"{PASS}: the module has no function")
        trial = Trial.of(op, function, self.data, self.weight_bits, self.per_channel)
        labels = None if not self.labels else read_labels(Path(self.labels))
        walk = Walk(trial, op, self, labels)
        chosen = walk.choose()
        for index in np.linspace(0, len(walk.steps), self.points).round():
            walk.measure(int(index))
        trial.write(walk.precision(chosen))
        points = front(list(walk.measured.values()), walk.measure(chosen))
        function.attributes[PARETO] = ArrayAttr([point.attribute() for point in points])
        emit_remark("passed", PASS, function, f"chosen: {walk.names(chosen)}")

    def check_options(self) -> None:
        """Refuse what does not go together."""
        if not self.weight_bits or not all(2 <= bits <= FULL for bits in self.weight_bits):
            raise RunnelError(f"{PASS}: weight-bits are from 2 to {FULL}, not {self.weight_bits}")
        if not self.activation_bits or not set(self.activation_bits) <= {8, WIDE}:
            raise RunnelError(f"{PASS}: activation-bits are 8 and 16, not {self.activation_bits}")
        if self.minimize not in ("bytes", "cycles"):
            raise RunnelError(f"{PASS}: minimize bytes or cycles, not '{self.minimize}'")
        if min(self.samples, self.check) < 1:
            raise RunnelError(f"{PASS}: samples and check are at least 1")
