"""Bias correction: take away the mean error that quantized weights leave in a layer's output."""

from __future__ import annotations

from collections.abc import Container
from contextlib import nullcontext
from dataclasses import dataclass

import numpy as np
from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import Operation
from xdsl.passes import ModulePass
from xdsl.utils.exceptions import PassFailedException

from ...dialects.diagnostics import emit_remark
from .chains import expected_mean
from .layers import Float, Layer, layers_of
from .prefix import start
from .real_parameters import real_weight, set_corrected_bias
from .verdict import told_if_worse
from .weight_rounding import integers_of, rows_of

PASS = "correct-bias"
METHODS = ("analytic", "data", "narrow", "off")
SEVEN_BITS = 64
"""The greatest code of 7 bits, as its amount."""


@dataclass(frozen=True)
class CorrectBias(ModulePass):
    """Subtract E[what xhat] - E[w x] from the bias of each layer with quantized weights.

    `analytic` needs no data: (what - w) E[x], where E[x] follows from the batch normalisation that
    was folded into the layer before and the ReLU or clip behind it (arXiv:1906.04721, section 4.2
    and appendix C). `data` compares the mean outputs of the float network and of the quantized one
    on up to `samples` samples of `data`, layer after layer, with all layers before corrected: this
    takes away what their activations' rounding does too. `narrow` does that (without data: what
    `analytic` does) for weights rounded to nearest of which half the channels use fewer than 8
    bits, because the weight has fewer or one scale for all channels: with 8 bits there is little to
    take away, and what rounds by the layer's output sees its mean. `off` leaves the module alone.
    Comes after insert-quant-casts and rounding. With `data`, whatever the method, a remark tells
    where the network keeps less than before.
    """

    name = PASS

    method: str = "data"
    data: str = ""
    samples: int = 128

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        if self.method not in METHODS or (self.method == "data" and not self.data):
            raise PassFailedException(
                f"{PASS}: method is one of {', '.join(METHODS)}, and method=data needs data"
            )
        if self.method == "off":
            return
        layers = {layer.op: layer for layer in layers_of(op)}
        if self.method == "narrow":
            layers = {inner: layer for inner, layer in layers.items() if is_narrow(layer)}
            if not layers:
                return
        with told_if_worse(PASS, op, self.data) if self.data else nullcontext():
            if self.data and self.method != "analytic":
                self.correct_by_data(op, layers)
                return
            for layer in layers.values():
                correct_analytically(layer)

    def correct_by_data(self, module: ModuleOp, layers: Container[Operation]) -> None:
        for visit in start(module, PASS, self.data, self.samples).visits():
            if visit.layer.op not in layers or not can_correct(visit.layer):
                continue
            wanted, found = visit.float_result(), visit.result()
            axes = (0, *range(2, wanted.ndim))
            error = found.mean(axes, dtype=np.float64) - wanted.mean(axes, dtype=np.float64)
            correct(visit.layer, error, wanted.std(axes, dtype=np.float64))


def is_narrow(layer: Layer) -> bool:
    """Whether codes of half the channels that have any take fewer than 8 bits, and are the nearest
    to the float weight.
    """
    integers, real = integers_of(layer), real_weight(layer)
    if integers is None or real is None:
        return False
    greatest = np.abs(integers.codes).max(-1)
    if not greatest.any() or np.median(greatest[greatest > 0]) > SEVEN_BITS:
        return False
    return np.array_equal(integers.codes, integers.nearest(rows_of(layer, real)))


def can_correct(layer: Layer) -> bool:
    if not layer.takes_bias:
        emit_remark("missed", PASS, layer.op, "a matmul has no bias; fold-bias makes it a gemm")
    return layer.takes_bias


def correct_analytically(layer: Layer) -> None:
    integers = integers_of(layer)
    real = real_weight(layer)
    if integers is None or real is None or not can_correct(layer):
        return
    mean = expected_mean(layer.input)
    if mean is None:
        emit_remark("missed", PASS, layer.op, "no batch normalisation tells the mean of its input")
        return
    difference = integers.scales * integers.codes - rows_of(layer, real)
    groups, rows, _ = difference.shape
    taps = difference.reshape(groups, rows, layer.inputs // groups, -1).sum(3)
    error = (taps * mean.reshape(groups, 1, -1)).sum(2).reshape(-1)
    correct(layer, error, None)


def correct(layer: Layer, error: Float, deviation: Float | None) -> None:
    """Take `error` off the bias."""
    set_corrected_bias(layer, layer.bias() - error)
    text = f"mean errors of up to {np.abs(error).max():.3g} taken away"
    if deviation is not None:
        share = np.abs(error / np.maximum(deviation, 1e-12)).mean()
        text += f", {share:.1%} of the output's deviation on average"
    emit_remark("passed", PASS, layer.op, text)
