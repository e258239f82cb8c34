"""Move the ends of activation ranges to where the network's output suffers least."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from xdsl.context import Context
from xdsl.dialects import func
from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import SSAValue
from xdsl.passes import ModulePass

from ...dialects.diagnostics import RunnelError, emit_remark
from .calibrate import RANGE, note, range_of
from .logits import is_row
from .trial import Array, Cast, Exact, Trial

PASS = "tune-ranges"
STEPS = (0.5, 0.8, 1.25)
"""Factors on an end of a range; each is tried again as long as it helps."""
HELPS = 0.995
"""The share of the noise below which a step is worth taking: less may be chance."""

Range = tuple[float, float]


@dataclass(frozen=True)
class TuneRanges(ModulePass):
    """Per tensor, the range with the least squared error of the logits (or else first result).

    Comes after calibrate, whose ranges keep most of a tensor's own energy. But rare values may
    mean little to the network (the silence in a spectrogram) or much, and what a function flattens
    (the negative side of a hard swish) means nothing. First each 8-bit quantizer alone tells its
    noise; those with at least the share `least` of all noise then have their ends moved in order,
    with all quantizers in place: by factors, while that lowers the error on `samples` samples of
    `data`. So the error never rises there. Weights are in float. Nothing is done for 0 samples.
    """

    name = PASS

    data: str
    samples: int = 32
    least: float = 0.01

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        if self.samples <= 0:
            return
        function = next((f for f in op.body.block.ops if isinstance(f, func.FuncOp)), None)
        if function is None:
            raise RunnelError(f"{PASS}: the module has no function")
        trial = Trial.of(op, function, self.data, self.samples)
        reference = trial.result(())
        chosen = self.noisy(trial, reference)
        sweep = Sweep(trial, reference)
        had = sweep.noise()
        for cast, bounds in sweep.run(chosen, had):
            trial.note(cast, RANGE, note(bounds))
        have = sweep.noise()
        if 0 < have < had:
            gain = 10 * np.log10(had / have)
            text = f"ranges of {len(chosen)} of {len(sweep.every)} tensors looked at, error "
            emit_remark("passed", PASS, function, f"{text}{gain:.2f} dB less")

    def noisy(self, trial: Trial, reference: Exact) -> set[Cast]:
        """The quantizers that make most noise, each alone."""
        values, alone = dict(trial.inputs), dict[Cast, float]()
        for place, op in enumerate(trial.ops):
            if isinstance(op, Cast) and op in trial.makers and trial.is_free(op):
                alone[op] = error(trial.go_on(dict(values), place, {op}), reference)
            trial.step(op, values, ())
        floor = self.least * sum(alone.values())
        return {cast for cast, noise in alone.items() if noise > floor}


@dataclass
class Sweep:
    """One pass through the network, in which each chosen tensor's range is tuned when it is met."""

    trial: Trial
    reference: Exact

    def __post_init__(self) -> None:
        self.every = set(self.trial.makers)

    def noise(self) -> float:
        """With all quantizers in place, as they are now."""
        return error(self.trial.result(self.every), self.reference)

    def run(self, chosen: set[Cast], noise: float) -> Iterator[tuple[Cast, Range]]:
        """Casts whose range changes, with the new one; `noise` is what there is before."""
        values = dict(self.trial.inputs)
        for place, op in enumerate(self.trial.ops):
            if isinstance(op, Cast) and op in chosen:
                old = range_of(self.trial.attributes(op))
                assert old is not None
                new, noise = self.tune(op, place, values, old, noise)
                if new != old:
                    text = f"[{old[0]:.4g}, {old[1]:.4g}] to [{new[0]:.4g}, {new[1]:.4g}]"
                    name = self.trial.name_of(op)
                    emit_remark("analysis", PASS, self.trial.function, f"{name}: from {text}")
                    yield op, new
            self.trial.step(op, values, self.every)

    def tune(
        self, cast: Cast, place: int, values: dict[SSAValue, Array], best: Range, noise: float
    ) -> tuple[Range, float]:
        """The best range that steps from `best` on lead to, and its noise."""
        for side in (0, 1):
            for step in STEPS:
                while (tried := moved(best, side, step)) != best:
                    self.trial.grids[cast] = self.trial.schemes[cast].grid(*tried)
                    result = self.trial.go_on(dict(values), place, self.every)
                    found = error(result, self.reference)
                    if found >= HELPS * noise:
                        break
                    best, noise = tried, found
        self.trial.grids[cast] = self.trial.schemes[cast].grid(*best)
        return best, noise


def error(found: Exact, reference: Exact) -> float:
    """The squared error; what all values of a row have in common, no choice of a class sees."""
    difference = found - reference
    if is_row(difference.shape):
        difference -= difference.mean(1, keepdims=True)
    return float((difference**2).sum())


def moved(bounds: Range, side: int, factor: float) -> Range:
    """`bounds` with one end moved; ends beyond 0 stay."""
    low, high = bounds
    if side == 0:
        return (low * factor if low < 0 else low), high
    return low, (high * factor if high > 0 else high)
