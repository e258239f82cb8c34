"""Search the range of each weight channel by what it does to the layer's output."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.passes import ModulePass

from ...dialects.diagnostics import emit_remark
from .layers import Float
from .prefix import start
from .rules import Rules
from .verdict import told_if_worse
from .weight_rounding import Integers, cost, integers_of, least_scales, moments, rows_of, sample

PASS = "seq-mse"


@dataclass(frozen=True)
class SeqMSE(ModulePass):
    """Per output channel, the scale k / `steps` of the present one with the least output error.

    The error is E |(what - w) xhat|^2 on up to `samples` samples of `data`, with the layers before
    quantized: e G e^T with G = E[xhat xhat^T]; one matrix product per candidate (k from `least` *
    steps on). Per tensor, the sum over channels counts. A smaller range clips, which shrinks a
    channel: `refit` multiplies the scale by the gain that makes up for it, (what G w) / (what G
    what), where that lowers the error. Weights are rounded to nearest; round-weights may follow.
    Where the platform wants powers of two, half the scale is the one candidate.
    """

    name = PASS

    data: str
    steps: int = 20
    least: float = 0.5
    samples: int = 128
    positions: int = 8192
    seed: int = 0
    refit: bool = True

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        with told_if_worse(PASS, op, self.data):
            self.rescale(op)

    def rescale(self, module: ModuleOp) -> None:
        rules = Rules.of(module)
        for index, visit in enumerate(start(module, PASS, self.data, self.samples).visits()):
            integers = integers_of(visit.layer)
            if integers is None:
                emit_remark("missed", PASS, visit.layer.op, "the weight is not symmetric")
                continue
            if integers.blocks is not None:
                emit_remark("missed", PASS, visit.layer.op, "the weight has a scale per block")
                continue
            weight = rows_of(visit.layer, visit.real_weight)
            second = moments(sample(visit, self.positions, self.seed + index)).quantized
            shifts = rules.rule(visit.layer.op).power_of_two
            self.search(integers, weight, second, shifts)

    def factors(self, shifts: bool) -> list[float]:
        """By which the present scale is multiplied."""
        steps = range(max(1, round(self.least * self.steps)), self.steps)
        return [0.5] if shifts else [k / self.steps for k in steps]

    def search(self, integers: Integers, weight: Float, second: Float, shifts: bool) -> None:
        floor = least_scales(integers.layer, integers.bits).reshape(integers.scales.shape)
        if not integers.element.per_axis:
            floor = np.full(floor.shape, floor.max())
        best = integers.scales
        codes = integers.nearest(weight)
        before = error = self.errors(integers, best * codes - weight, second)
        for factor in self.factors(shifts):
            scales = integers.scales * factor
            scales = np.where(scales < floor, integers.scales if shifts else floor, scales)
            tried = integers.nearest(weight, scales)
            best, codes, error = self.keep(
                integers, (best, codes, error), (scales, tried), weight, second
            )
        if self.refit and not shifts:
            gained = np.maximum(gain(codes, best, weight, second, integers) * best, floor)
            best, codes, error = self.keep(
                integers, (best, codes, error), (gained, codes), weight, second
            )
        changed = int((best != integers.scales).sum())
        integers.write(codes, best)
        total = 10 * np.log10(before.sum() / error.sum()) if error.sum() > 0 else 0.0
        text = f"{changed} of {best.size} scales changed, error {total:+.2f} dB less"
        emit_remark("passed", PASS, integers.layer.op, text)

    def keep(
        self,
        integers: Integers,
        best: tuple[Float, Float, Float],
        tried: tuple[Float, Float],
        weight: Float,
        second: Float,
    ) -> tuple[Float, Float, Float]:
        """(scales, codes, errors) with those of `tried` where they are better."""
        error = self.errors(integers, tried[0] * tried[1] - weight, second)
        better = (error < best[2])[..., None]
        return (
            np.where(better, tried[0], best[0]),
            np.where(better, tried[1], best[1]),
            np.where(better[..., 0], error, best[2]),
        )

    def errors(self, integers: Integers, difference: Float, second: Float) -> Float:
        """Per channel; for one scale per tensor, the same sum for each."""
        found = cost(difference, second)
        return found if integers.element.per_axis else np.full(found.shape, found.sum())


def gain(codes: Float, scales: Float, weight: Float, second: Float, integers: Integers) -> Float:
    """The factor on each channel (or on all) that brings it nearest to the float output."""
    rounded = scales * codes
    upper = ((rounded @ second) * weight).sum(2, keepdims=True)
    lower = ((rounded @ second) * rounded).sum(2, keepdims=True)
    if not integers.element.per_axis:
        upper, lower = (np.full(x.shape, x.sum()) for x in (upper, lower))
    return np.where(lower > 0, upper / np.where(lower > 0, lower, 1), 1)
