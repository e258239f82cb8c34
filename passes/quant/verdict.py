"""What plain quantization keeps of a float network, to tell whether a rewrite of it helps."""

from __future__ import annotations

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

SAMPLES = 16
LOST = 0.1
"""Decibels from which a remark tells."""


def simulated_sqnr(module: ModuleOp, data: str, per_channel: bool) -> float:
    """SQNR in dB of the first result of `module` with 8-bit min-max quantizers, on the first
    samples of `data`, which also calibrate.
    """
    function = next(op for op in module.body.block.ops if isinstance(op, func.FuncOp))
    names = input_names(function)
    inputs = load_inputs(Path(data), names)
    some = {
        name: np.asarray(inputs[name][: SAMPLES * shape_of(argument)[0]], np.float32)
        for name, argument in zip(names, function.body.block.args, strict=True)
    }
    coarse = module.clone()
    Calibrate(data, "min-max").apply(Context(), coarse)
    InsertQuantCasts(per_channel).apply(Context(), coarse)
    reference, found = first_result(module, some), first_result(coarse, some)
    noise = ((reference - found) ** 2).sum()
    return float(10 * np.log10((reference**2).sum() / noise)) if noise else np.inf


def first_result(module: ModuleOp, inputs: dict[str, NDArray[Any]]) -> NDArray[np.float64]:
    return next(iter(run(module, inputs).values())).astype(np.float64)


def tell_if_worse(
    pass_name: str, before: ModuleOp, after: ModuleOp, data: str, per_channel: bool
) -> None:
    """A remark where quantization keeps less of `after`, a rewrite of the network `before`."""
    had, have = (simulated_sqnr(module, data, per_channel) for module in (before, after))
    if have < had - LOST:
        function = next(op for op in after.body.block.ops if isinstance(op, func.FuncOp))
        weights = "per channel" if per_channel else "per tensor"
        emit_remark(
            "missed",
            pass_name,
            function,
            f"8-bit quantization ({weights}) keeps {have:.1f} dB SQNR, {had:.1f} dB without this "
            "pass; measure with and without it",
        )
