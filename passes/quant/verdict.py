"""What quantization keeps of a network, to tell whether a rewrite of it helps."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from xdsl.context import Context
from xdsl.dialects import func
from xdsl.dialects.builtin import ModuleOp

from ...dialects.diagnostics import emit_remark
from ...dialects.graph_base import shape_of
from ...runtime.interpreter import input_names, run
from .calibrate import Calibrate, load_inputs
from .insert_casts import InsertQuantCasts
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


def tell_if_worse(
    pass_name: str, before: ModuleOp, after: ModuleOp, data: str, per_channel: bool
) -> None:
    """A remark where plain quantization keeps less of `after` than of `before`, float graphs."""
    had, have = (plainly_kept(module, data, per_channel) for module in (before, after))
    weights = "per channel" if per_channel else "per tensor"
    tell(pass_name, after, f"8-bit quantization ({weights})", had, have)


def tell(pass_name: str, module: ModuleOp, what: str, had: float, have: float) -> None:
    if have < had - LOST:
        text = f"{what} keeps {have:.1f} dB SQNR, {had:.1f} dB without this pass"
        advice = "measure with and without it"
        emit_remark("missed", pass_name, function_of(module), f"{text}; {advice}")


def function_of(module: ModuleOp) -> func.FuncOp:
    return next(op for op in module.body.block.ops if isinstance(op, func.FuncOp))


def kept(module: ModuleOp, pass_name: str, data: str) -> float:
    """SQNR in dB of the first result of a graph with casts, on the first samples of `data`."""
    network = start(module, pass_name, data, SAMPLES)
    for _ in network.visits():
        pass
    last = network.function.body.block.last_op
    assert last is not None
    result = last.operands[0]
    return sqnr(network.real[result], network.quantized[result])


def plainly_kept(module: ModuleOp, data: str, per_channel: bool) -> float:
    """The same of a float graph with 8-bit min-max quantizers, which `data` calibrate."""
    function = function_of(module)
    names = input_names(function)
    inputs = load_inputs(Path(data), names)
    some = {
        name: np.asarray(inputs[name][: SAMPLES * shape_of(argument)[0]], np.float32)
        for name, argument in zip(names, function.body.block.args, strict=True)
    }
    coarse = module.clone()
    Calibrate(data, "min-max").apply(Context(), coarse)
    InsertQuantCasts(per_channel).apply(Context(), coarse)
    reference, found = (next(iter(run(m, some).values())) for m in (module, coarse))
    return sqnr(reference, found)


def sqnr(reference: Array, found: Array) -> float:
    exact = reference.astype(np.float64)
    noise = ((exact - found) ** 2).sum()
    return float(10 * np.log10((exact**2).sum() / noise)) if noise else np.inf
