"""What plain 8-bit quantization keeps of a float graph, to tell whether a rewrite of it helps."""

from __future__ import annotations

import numpy as np
from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp

from ...dialects.diagnostics import unheard
from .calibrate import Calibrate
from .correct_bias import CorrectBias
from .insert_casts import InsertQuantCasts
from .notes import REAL
from .verdict import SAMPLES, Array, decibels_of, noises, tell


def plain_noises(module: ModuleOp, data: str, per_channel: bool, samples: int) -> Array:
    """`noises` on `samples` of `data`, which calibrate, with what `quantize` does by default:
    ranges of least error, and the biases of narrow weights corrected.
    """
    with unheard():
        coarse = module.clone()
        Calibrate(data).apply(Context(), coarse)
        InsertQuantCasts(per_channel).apply(Context(), coarse)
        if not any(REAL in op.attributes for op in coarse.walk()):
            return np.zeros(1)
        CorrectBias("narrow", data).apply(Context(), coarse)
        return noises(coarse, InsertQuantCasts.name, data, samples)


def tell_if_worse(
    pass_name: str, before: ModuleOp, after: ModuleOp, data: str, per_channel: bool
) -> None:
    """A remark where plain quantization keeps less of `after` than of `before`, float graphs."""
    had, have = (
        decibels_of(plain_noises(module, data, per_channel, SAMPLES)) for module in (before, after)
    )
    tell(pass_name, after, plain_name(per_channel), had, have)


def plain_name(per_channel: bool) -> str:
    weights = "per channel" if per_channel else "per tensor"
    return f"8-bit quantization ({weights})"
