"""Inputs that look to a network like those it was trained on (Cai et al., arXiv:2001.00281, 3.1).

Batch normalisation knows the mean and deviation that each channel had in training. A few samples
may have seen less: operating conditions are missing, and with them the values that units have
there. Samples are moved, all together, until the channels have the statistics of training: Adam on

    sum over layers of the mean over channels of  m^2 + (d - 1)^2

with m and d the mean and deviation over all samples of (output - trained mean) / trained deviation.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from xdsl.ir import SSAValue

from ...dialects.diagnostics import RunnelError, emit_remark
from ...dialects.graph_base import shape_of
from ..graph.output_statistics import OutputStatistics, output_statistics
from .adam import Adam
from .layers import layers_of
from .prefix import Prefix
from .real_parameters import real_parameters
from .tape import Tape

Array = NDArray[Any]

ITERATIONS = 150
RATE = 0.02
"""Of the deviation of an input, for its first step; later ones are smaller by half a cosine."""
NOISE = 0.1
"""Of the deviation of an input, on the samples to start from: they may be repeated."""


def distill(network: Prefix, count: int, pass_name: str, seed: int) -> None:
    """Let `network` see `count` samples that are distilled from its own, in place of these.

    (With them the conditions that they show would count more than in training.)
    """
    if count <= 0:
        return
    known = statistics_of(network)
    if not known:
        raise RunnelError(
            f"{pass_name}: distill needs what batch normalisation knows, and none was folded into "
            "this network: leave distill away, or give data that show all conditions"
        )
    tape = Tape(network, list(known)[-1], casts=False)
    weights = real_parameters(network.module)
    had = mismatch(tape.run(network.real, weights), known)[0]
    made = distilled(tape, weights, known, count, np.random.default_rng(seed))
    have = mismatch(tape.run(made, weights), known)[0]
    text = f"{count} samples distilled: {had:.3g} off the statistics of training before, {have:.3g}"
    emit_remark("analysis", pass_name, network.function, f"{text} after")
    for value, array in made.items():
        network.real[value] = network.quantized[value] = array


def statistics_of(network: Prefix) -> dict[SSAValue, OutputStatistics]:
    """By result of a layer, in order."""
    found = ((layer.op, output_statistics(layer.op)) for layer in layers_of(network.module))
    return {
        op.results[0]: known
        for op, known in found
        if known is not None and op.parent_block() is network.function.body.block
    }


def distilled(
    tape: Tape,
    weights: Mapping[SSAValue, Array],
    known: Mapping[SSAValue, OutputStatistics],
    count: int,
    random: np.random.Generator,
) -> dict[SSAValue, Array]:
    """By input, `count` samples, no value beyond what the network's samples have."""
    inputs, limits, steps = dict[SSAValue, Array](), dict[SSAValue, tuple[float, float]](), {}
    for value, array in tape.network.real.items():
        samples = array.reshape(-1, *shape_of(value))
        picked = samples[np.linspace(0, len(samples) - 1, count).round().astype(int)]
        noise = NOISE * array.std() * random.standard_normal(picked.shape)
        inputs[value] = (picked + noise).astype(np.float32).reshape(-1, *array.shape[1:])
        limits[value] = float(array.min()), float(array.max())
        steps[value] = Adam(inputs[value], RATE * float(array.std()))
    for step in range(ITERATIONS):
        values = tape.run(inputs, weights)
        slopes = tape.back(values, mismatch(values, known)[1])
        for value, array in inputs.items():
            if value in slopes:
                steps[value].step(slopes[value], (1 + np.cos(np.pi * step / ITERATIONS)) / 2)
            np.clip(array, *limits[value], out=array)
    return inputs


def mismatch(
    values: Mapping[SSAValue, Array], known: Mapping[SSAValue, OutputStatistics]
) -> tuple[float, dict[SSAValue, Array]]:
    """The sum that is made small, and the slope of so many times it as there are samples, with
    respect to each layer's output.
    """
    total, slopes = 0.0, dict[SSAValue, Array]()
    for value, trained in known.items():
        output = values[value]
        axes = (0, *range(2, output.ndim))
        alive = trained.deviation > 0
        mean, unit = (
            np.asarray(part, np.float32).reshape(1, -1, *(1 for _ in axes[1:]))
            for part in (trained.mean, np.where(alive, trained.deviation, np.inf))
        )
        z = (output - mean) / unit
        m, d = z.mean(axes, keepdims=True), z.std(axes, keepdims=True) + 1e-6
        off = np.where(alive.reshape(m.shape), d - 1, 0).astype(np.float32)
        total += float((m**2 + off**2).sum()) / alive.size
        size = alive.size * z[0].size / m.size
        slopes[value] = 2 * (m + off * (z - m) / d) / (unit * np.float32(size))
    return total, slopes
