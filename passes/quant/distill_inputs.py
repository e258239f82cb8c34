"""Make samples from what batch normalisation knew, where there are no data to calibrate on."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from xdsl.context import Context
from xdsl.dialects import func
from xdsl.dialects.builtin import ModuleOp
from xdsl.passes import ModulePass

from ...dialects.diagnostics import RunnelError, emit_remark
from ...dialects.graph_base import shape_of
from ...runtime.interpreter import input_names
from .distill import Array, distilled, mismatch, statistics_of
from .output_gradients import tape_of
from .tape import Tape

PASS = "distill-inputs"
SPREAD = 0.25
"""The deviation of the noise to start from, as a share of the range of inputs."""
COMMON = 0.8
"""The share of its variance that all channels have in common, as colours of photographs do."""


@dataclass(frozen=True)
class DistillInputs(ModulePass):
    """Write `count` samples to `file` (.npy, or .npz for several inputs), as data to calibrate on.

    They are moved until each layer's output has the mean and deviation per channel that folded
    batch norms knew (`distill`), between `input-low` and `input-high`. They start as noise that is
    like photographs in what batch norms say nothing about: neighbours are alike (amplitudes fall
    with frequency as 1 / f, Field 1987), and so are channels. The module stays as it is. Raises
    RunnelError where no batch norm was folded.
    """

    name = PASS

    file: str
    count: int = 24
    input_low: float = -1.0
    input_high: float = 1.0
    seed: int = 0

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        function = next((f for f in op.body.block.ops if isinstance(f, func.FuncOp)), None)
        if function is None or self.count < 1 or self.input_low >= self.input_high:
            raise RunnelError(f"{PASS}: a function, a count of 1, input-low below input-high")
        network, names = tape_of(op, function).network, input_names(function)
        if len(names) > 1 and not self.file.endswith(".npz"):
            raise RunnelError(f"{PASS}: a network of {len(names)} inputs takes an .npz")
        known = statistics_of(network)
        if not known:
            raise RunnelError(
                f"{PASS}: no batch normalisation was folded into this network, nothing is known of "
                "its inputs: calibrate with data"
            )
        random = np.random.default_rng(self.seed)
        for value in function.body.block.args:
            network.real[value] = self.noise(shape_of(value), random)
        tape = Tape(network, list(known)[-1], casts=False)
        had = mismatch(tape.run(network.real, {}), known)[0]
        made = distilled(tape, {}, known, self.count, random)
        have = mismatch(tape.run(made, {}), known)[0]
        text = f"{self.count} samples, {had:.3g} off the statistics of training as noise"
        emit_remark("analysis", PASS, function, f"{text}, {have:.3g} in the end")
        arrays = dict(zip(names, made.values(), strict=True))
        if self.file.endswith(".npz"):
            np.savez(Path(self.file), allow_pickle=False, **arrays)
        else:
            np.save(Path(self.file), arrays[names[0]])

    def noise(self, shape: tuple[int, ...], random: np.random.Generator) -> Array:
        """Samples of `shape` [rows, channels, spatial...] one after another."""
        low, high = self.input_low, self.input_high
        shape = (self.count * shape[0], *shape[1:])
        shared = smooth((shape[0], 1, *shape[2:]), random)
        mixed = np.sqrt(COMMON) * shared + np.sqrt(1 - COMMON) * smooth(shape, random)
        values = (low + high) / 2 + SPREAD * (high - low) * mixed
        return np.clip(values, low, high).astype(np.float32)


def smooth(shape: tuple[int, ...], random: np.random.Generator) -> Array:
    """Noise of deviation 1 whose amplitude falls as 1 / f along the axes from the third on."""
    white = random.standard_normal(shape)
    spatial = shape[2:]
    if not spatial or max(spatial) == 1:
        return white
    axes = tuple(range(2, len(shape)))
    squares = sum(
        np.fft.fftfreq(n).reshape(-1, *[1] * (len(spatial) - 1 - place)) ** 2
        for place, n in enumerate(spatial)
    )
    frequency = np.maximum(np.sqrt(squares), 1 / max(spatial))
    filtered = np.fft.ifftn(np.fft.fftn(white, axes=axes) / frequency, axes=axes).real
    return filtered / filtered.std()
