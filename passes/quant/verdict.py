"""What quantizers that are in place keep of a network, to tell whether a rewrite of it helps."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray
from xdsl.dialects import func
from xdsl.dialects.builtin import ModuleOp

from ...dialects.diagnostics import emit_remark
from .logits import before_softmax, is_choice
from .prefix import start

SAMPLES = 16
LOST = 0.1
"""Decibels from which a remark tells."""

Array = NDArray[Any]


@contextmanager
def told_if_worse(pass_name: str, module: ModuleOp, data: str) -> Iterator[None]:
    """A remark if what is done within lowers the SQNR of `module`, which has casts, on samples."""
    had = kept(module, pass_name, data)
    yield
    tell(pass_name, module, "quantization", had, kept(module, pass_name, data))


def tell(pass_name: str, module: ModuleOp, what: str, had: float, have: float) -> None:
    if have < had - LOST:
        text = f"{what} keeps {have:.1f} dB SQNR, {had:.1f} dB without this pass"
        advice = "measure with and without it"
        emit_remark("missed", pass_name, function_of(module), f"{text}; {advice}")


def function_of(module: ModuleOp) -> func.FuncOp:
    return next(op for op in module.body.block.ops if isinstance(op, func.FuncOp))


def kept(module: ModuleOp, pass_name: str, data: str) -> float:
    """SQNR in dB of the first result of a graph with casts, on the first samples of `data`."""
    return decibels_of(noises(module, pass_name, data, SAMPLES))


def noises(module: ModuleOp, pass_name: str, data: str, samples: int) -> Array:
    """For each of the first `samples` of `data` the noise of the first result of a graph with
    casts, as a share of the signal in all.

    Of a choice between classes, that of the logits, with the factor divided out that they have in
    common: it decides nothing, and softmax makes much of it.
    """
    network = start(module, pass_name, data, samples)
    value = before_softmax(network.function)
    network.wanted = frozenset([value])
    for _ in network.visits():
        pass
    real, found = (values[value].astype(np.float64) for values in (network.real, network.quantized))
    if is_choice(network.function, value):
        real = real * ((real * found).sum() / max((real * real).sum(), np.finfo(np.float64).tiny))
    error = ((real - found) ** 2).reshape(len(real), -1).sum(1)
    return error / max(float((real * real).sum()), np.finfo(np.float64).tiny)


def decibels_of(noise: Array) -> float:
    """SQNR from the shares that samples have in the noise."""
    total = float(noise.sum())
    return float(-10 * np.log10(total)) if total else np.inf


def clearly_more(noise: Array, other: Array) -> bool:
    """Whether one total of noise is more than another of the same samples, by more than a standard
    error of the logarithm of their ratio (to first order).
    """
    if not noise.any() or not other.any():
        return bool(noise.any())
    scatter = noise / noise.mean() - other / other.mean()
    return bool(np.log(noise.sum() / other.sum()) > scatter.std() / np.sqrt(len(noise)))
