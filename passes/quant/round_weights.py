"""Choose for every weight the code below or above it, so that the layer's output is kept."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.passes import ModulePass
from xdsl.utils.exceptions import PassFailedException

from ...dialects.diagnostics import emit_remark
from .adaround import AdaRound, State, bias_of, following
from .distill import distill
from .layers import Float, Layer
from .prefix import Visit, start
from .real_parameters import real_bias, set_corrected_bias
from .verdict import told_if_worse
from .weight_rounding import Integers, Samples, cost, flip, integers_of, moments, rows_of, sample

PASS = "round-weights"
METHODS = ("nearest", "flips", "adaround")
CUT = 0.05
"""How much a position counts whose output the activation behind the layer cuts off."""


@dataclass(frozen=True)
class RoundWeights(ModulePass):
    """Round each quantized weight down or up, by what it does to the layer's output on `data`.

    Layers go in order; each sees the float input x and the input xhat that the quantized network
    gives, whose layers before are rounded already: E |w x - what xhat|^2 is made small, so a layer
    repairs errors of those before it. Methods:

    - `nearest`: leave what insert-quant-casts chose;
    - `flips`: coordinate descent over the integers: per output the one code moves that helps most,
      until none does (deterministic; no parameters);
    - `adaround`: from there on a soft rounding per weight, by Adam on mini-batches, with the
      activation behind the layer (arXiv:2004.10568); `iterations` at most, fewer when they no
      longer help.
      With `state=FILE.npz` finished layers are kept there, and a second run goes on.

    Codes stay the ones below and above the float weight; `free=true` lets flips go further. Scales
    stay. With `biases` (unless said otherwise, with flips) each bias takes out the mean error,
    whatever the codes, and codes are chosen by the error around it (for behind a ReLU inputs have
    great means, which would decide most of the codes); in a depthwise layer, positions that the
    ReLU or clip behind it cuts off count little then. `samples` limits the samples and `positions`
    the positions of a layer's output that are looked at (at least 8 for each weight of an output);
    `seed` chooses them. With `distill` samples are as many that batch norms describe, made from
    those of `data`, which may not show all conditions.
    """

    name = PASS

    data: str
    method: str = "flips"
    samples: int = 256
    positions: int = 8192
    seed: int = 0
    free: bool = False
    biases: bool | None = None
    distill: int = 0
    iterations: int = 400
    state: str = ""

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        if self.method not in METHODS:
            raise PassFailedException(
                f"{PASS}: method={self.method} is none of {', '.join(METHODS)}"
            )
        if self.method == "nearest":
            return
        with told_if_worse(PASS, op, self.data):
            self.round_all(op)

    @property
    def moves_biases(self) -> bool:
        return self.method == "flips" if self.biases is None else self.biases

    def round_all(self, module: ModuleOp) -> None:
        state = State(Path(self.state)) if self.state else None
        network = start(module, PASS, self.data, self.samples)
        distill(network, self.distill, PASS, self.seed)
        for index, visit in enumerate(network.visits()):
            integers = integers_of(visit.layer)
            if integers is None:
                emit_remark("missed", PASS, visit.layer.op, "the weight is not symmetric")
                continue
            self.round(visit, integers, self.seed + index, state)

    def round(self, visit: Visit, integers: Integers, seed: int, state: State | None) -> None:
        weight = rows_of(visit.layer, visit.real_weight)
        drawn = sample(visit, self.positions, seed)
        if self.moves_biases:
            drawn = heard(visit, weight, drawn)
        second = moments(drawn, self.moves_biases)
        target = second.target(weight)
        codes = self.flips(integers, weight, target, second.quantized)
        if self.method == "adaround":
            codes = self.adaround(visit, integers, weight, drawn, codes, seed, state)
        before = cost(integers.scales * integers.codes - target, second.quantized).sum()
        after = cost(integers.scales * codes - target, second.quantized).sum()
        moved = int((codes != integers.codes).sum())
        integers.write(codes)
        if self.moves_biases:
            move_bias(visit.layer, weight, integers.scales * codes, drawn)
        gain = 10 * np.log10(before / after) if after > 0 else 0.0
        text = f"{moved} of {codes.size} codes moved, error {gain:+.2f} dB less"
        emit_remark("passed", PASS, visit.layer.op, text)

    def flips(self, integers: Integers, weight: Float, target: Float, second: Float) -> Float:
        low, high = integers.neighbours(weight)
        if self.free and self.method == "flips":
            low, high = (np.full(weight.shape, float(bound)) for bound in integers.bounds)
        first = np.clip(integers.codes, low, high)
        return flip(first, low, high, integers.scales, target, second)

    def adaround(
        self,
        visit: Visit,
        integers: Integers,
        weight: Float,
        drawn: Samples,
        first: Float,
        seed: int,
        state: State | None,
    ) -> Float:
        low, high = integers.neighbours(weight)
        method = AdaRound(
            weight, integers.scales, low, high, bias_of(visit), following(visit.layer.op)
        )
        random = np.random.default_rng(seed)
        solve = partial(method.solve, drawn, first, self.iterations, random)
        if state is None:
            return solve()
        return state.of(method.key(self.iterations, seed, drawn, first), solve)


def heard(visit: Visit, weight: Float, samples: Samples) -> Samples:
    """With less weight on positions that the ReLU or clip behind the layer cuts off.

    Only where each output has inputs of its own: others share their second moments.
    """
    low, high = following(visit.layer.op)
    if weight.shape[1] != 1 or not np.isfinite([low, high]).any():
        return samples
    bias = real_bias(visit.layer)
    out = (weight.astype(np.float32) @ samples.real)[:, 0]
    out += np.float32(0) if bias is None else bias.reshape(-1, 1)
    inside = (out > low) & (out < high)
    weights = np.where(inside, np.float32(1), np.float32(CUT))
    return replace(samples, weights=weights)


def move_bias(layer: Layer, weight: Float, quantized: Float, samples: Samples) -> None:
    """Let the mean output over samples be that of the float network."""
    if not layer.takes_bias:
        return
    wanted, found = (
        (w @ samples.mean(x)).reshape(-1)
        for w, x in ((weight, samples.real), (quantized, samples.quantized))
    )
    real = real_bias(layer)
    set_corrected_bias(layer, wanted - found + (0.0 if real is None else real.reshape(-1)))
