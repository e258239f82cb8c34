"""Cross-layer equalization: give the weights of neighbouring layers equal ranges per channel."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from xdsl.context import Context
from xdsl.dialects import func
from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import Operation
from xdsl.passes import ModulePass
from xdsl.rewriter import Rewriter
from xdsl.utils.exceptions import PassFailedException

from ...dialects import graph
from ...dialects.diagnostics import choices, emit_remark, unheard
from ...dialects.graph_base import shape_of
from ..graph.element_classes import FIXED
from ..graph.output_statistics import OutputStatistics, output_statistics
from .observe_channels import observe
from .plain_quantization import plain_name, plain_noises
from .scale_classes import LayerClasses, ScaleClasses
from .verdict import clearly_more, decibels_of, function_of, tell

PASS = "equalize"
Float = NDArray[np.float64]

CLIPS = ("keep", "bounded", "relu", "off")
LIMITS = 1e-4, 1e4
"""Scales stay within these, so that f32 holds the weights as well as before."""
SAMPLES = 64
"""That strengths are compared on."""
DEAD = 1e-7
"""A channel whose weights are below this share of the layer's greatest is left alone: training has
switched it off, and no scale would make it one of the others."""


@dataclass(frozen=True)
class Equalize(ModulePass):
    """Divide channels by scales and multiply them back in the next layer, until ranges agree.

    For f(s x) = s f(x), s > 0: w2 f(w1 x + b1) = (w2 s) f((w1 / s) x + b1 / s). Per channel
    s = sqrt(r1 / r2), r1 and r2 the greatest |weight| that makes it and that reads it
    (Nagel et al., arXiv:1906.04721, section 4.1), again and again until no scale moves by more than
    `tolerance`, or `sweeps` times. Depthwise layers are both sides at once. Scales go through ReLU,
    leaky ReLU, PReLU, pooling, padding with zeros and data movement; tensors that are added,
    or read several times, share theirs. Results are unchanged up to rounding.

    `clips`: a clip such as ReLU6 is not homogeneous, and integer kernels have one clamp for all
    channels. `keep` scales nothing across it (with a remark). `bounded` scales the channels that
    never reach the clip, as far as they do not reach it then: by the greatest value that `data`
    (as for `calibrate`) shows, or without data by `deviations` standard deviations of the batch
    normalisation that was folded. `relu` makes it a ReLU, which changes the network. `off` leaves
    the whole module alone.

    Scales even out weights, and may make the ranges of activations worse. They are raised to a
    power from 0 to 1, the strength (as alpha in Xiao et al., arXiv:2211.10438, section 4): the
    first one of `strengths` with which plain 8-bit quantization (weights per channel, or per tensor
    with `per-channel=false`) makes no more noise on 64 samples of `data` than with the best one, up
    to a standard error; without data the first of all. A remark tells if the network then keeps
    less than without this pass.
    """

    name = PASS

    clips: str = "keep"
    data: str = ""
    deviations: float = 6.0
    tolerance: float = 1e-3
    sweeps: int = 100
    per_channel: bool = True
    strengths: tuple[float, ...] = (1.0,)

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        self.check_options()
        if self.clips == "off":
            return
        self.equalize_all(op, self.best_strength(op) if self.data else self.strengths[0])

    def check_options(self) -> None:
        if self.clips not in CLIPS:
            raise PassFailedException(
                f"{PASS}: clips={self.clips} is none of {choices(self.clips, CLIPS)}"
            )
        if not self.strengths or not all(0 <= strength <= 1 for strength in self.strengths):
            given = ",".join(f"{strength:g}" for strength in self.strengths) or "none at all"
            raise PassFailedException(f"{PASS}: strengths are from 0 to 1, not {given}")

    def best_strength(self, module: ModuleOp) -> float:
        """The first with no more noise than the least, give or take a standard error."""
        noise = {strength: self.noise(module, strength) for strength in (*self.strengths, 0.0)}
        least = min((noise[strength] for strength in self.strengths), key=np.sum)
        best = next(s for s in self.strengths if not clearly_more(noise[s], least))
        what, kept = plain_name(self.per_channel), {s: decibels_of(x) for s, x in noise.items()}
        if len(self.strengths) > 1:
            each = ", ".join(f"{decibels:.1f} dB with {s:g}" for s, decibels in kept.items())
            text = f"strength {best:g}: {what} keeps {each}"
            emit_remark("analysis", PASS, function_of(module), text)
        tell(PASS, module, what, kept[0.0], kept[best])
        return best

    def noise(self, module: ModuleOp, strength: float) -> Float:
        """What plain quantization adds to each sample with this strength."""
        with unheard():
            copy = module.clone()
            self.equalize_all(copy, strength)
            return plain_noises(copy, self.data, self.per_channel, SAMPLES)

    def equalize_all(self, module: ModuleOp, strength: float) -> None:
        for function in module.body.block.ops:
            if isinstance(function, func.FuncOp) and function.body.blocks:
                self.equalize(module, function, strength)

    def equalize(self, module: ModuleOp, function: func.FuncOp, strength: float) -> None:
        peaks = self.clip_peaks(module, function)
        classes = ScaleClasses(
            through_clip=None
            if self.clips == "keep"
            else lambda clip: peaks[clip] <= clip.bounds()[1]
        )
        classes.analyze(function)
        least = np.full(len(classes.parents), LIMITS[0])
        for clip, labels in classes.clips:
            np.maximum.at(least, labels, np.minimum(peaks[clip] / clip.bounds()[1], 1.0))
        balance = Balance(classes.layers, least)
        moved, count = np.inf, 0
        while moved > self.tolerance and count < self.sweeps:
            moved, count = balance.sweep(), count + 1
        if balance.steps and moved > self.tolerance:
            emit_remark("missed", PASS, function, f"scales still move by {moved:.1e} after {count}")
        scales = balance.scales**strength
        for entry in classes.layers:
            scale_layer(entry, scales, PASS, f", {count} sweeps")
        self.tell_about_clips(function, classes, scales)

    def clip_peaks(self, module: ModuleOp, function: func.FuncOp) -> dict[graph.ClipOp, Float]:
        """For each clip the greatest value per channel that comes to it, as far as known."""
        clips = [op for op in function.body.block.ops if isinstance(op, graph.ClipOp)]
        if self.clips == "relu":
            return {op: np.zeros(shape_of(op.input)[1:2]) for op in clips}
        if self.clips == "keep" or not self.data or not clips:
            return {op: normal_peaks(op, self.deviations) for op in clips}
        makers = {op: op.input.owner for op in clips if isinstance(op.input.owner, Operation)}
        bounds = observe(module, function, frozenset(makers.values()), Path(self.data))
        peaks = {op: np.maximum(bounds[maker][1], 0) for op, maker in makers.items()}
        return {op: np.full(shape_of(op.input)[1:2], np.inf) for op in clips} | peaks

    def tell_about_clips(self, function: func.FuncOp, classes: ScaleClasses, scales: Float) -> None:
        scaled = {op: int((scales[labels] != 1).sum()) for op, labels in classes.clips}
        for op in function.body.block.ops:
            if not isinstance(op, graph.ClipOp):
                continue
            high, count = op.bounds()[1], scaled.get(op, 0)
            if self.clips == "relu" and count:
                emit_remark("passed", PASS, op, f"a ReLU now: values above {high:g} pass")
                replace_by_relu(op)
            elif self.clips == "bounded" and count:
                text = f"{count} of {shape_of(op.input)[1]} channels never reach {high:g}: scaled"
                emit_remark("passed", PASS, op, text)
            else:
                text = "no scales across a clip; clips=bounded or clips=relu would allow some"
                emit_remark("missed", PASS, op, text)


def normal_peaks(clip: graph.ClipOp, deviations: float) -> Float:
    """mean + `deviations` * deviation of the layer before a clip; infinite where not known."""
    source = clip.input.owner
    statistics = output_statistics(source) if isinstance(source, Operation) else None
    if statistics is None:
        return np.full(shape_of(clip.input)[1:2], np.inf)
    return np.maximum(statistics.mean + deviations * statistics.deviation, 0)


@dataclass(eq=False)
class Side:
    """One layer's greatest |weight| per (group, output, input), and its classes."""

    peaks: Float
    inputs: NDArray[np.int64]
    """[groups, inputs / group]"""
    outputs: NDArray[np.int64]
    """[groups, outputs / group]"""

    def apply(self, factors: Float) -> None:
        """Divide the outputs by the factors of their classes, and multiply the inputs."""
        self.peaks *= factors[self.inputs][:, None, :] / factors[self.outputs][:, :, None]


@dataclass(frozen=True)
class Step:
    """Classes that are updated at once: those that one layer makes."""

    members: NDArray[np.int64]
    touching: list[Side]
    exponent: float
    """1/2; 1/4 where a layer both reads and makes a class, as both its sides move."""


class Balance:
    """The scale of each class, and the weights' peaks under these scales."""

    def __init__(self, layers: Iterable[LayerClasses], least: Float):
        """`least`: what the scale of each class may not be below."""
        self.scales: Float = np.ones(len(least))
        self.least = least
        self.sides = [side_of(entry) for entry in layers]
        self.alive = self.find_alive()
        self.steps = [step for side in self.sides if (step := self.step_of(side)) is not None]

    def step_of(self, side: Side) -> Step | None:
        members = np.setdiff1d(side.outputs, [FIXED])
        members = members[self.alive[members]]
        readers = [other for other in self.sides if np.isin(members, other.inputs).any()]
        makers = [other for other in self.sides if np.isin(members, other.outputs).any()]
        if not readers:
            return None
        both = any(other in makers for other in readers)
        touching = readers + [other for other in makers if other not in readers]
        return Step(members, touching, 0.25 if both else 0.5)

    def find_alive(self) -> NDArray[np.bool_]:
        """The classes that are made and read with weights that are finite and not (almost) 0."""
        made, read = np.zeros(len(self.scales)), np.zeros(len(self.scales))
        for side in self.sides:
            share = side.peaks / (side.peaks.max() or 1.0)
            np.maximum.at(made, side.outputs, share.max(2))
            np.maximum.at(read, side.inputs, share.max(1))
        return (made > DEAD) & (read > DEAD) & np.isfinite(made) & np.isfinite(read)

    def sweep(self) -> float:
        """Update every class once or more; returns the greatest |log scale| of the updates."""
        return max((self.update(step) for step in self.steps), default=0.0)

    def update(self, step: Step) -> float:
        made, read = np.zeros(len(self.scales)), np.zeros(len(self.scales))
        for side in step.touching:
            np.maximum.at(made, side.outputs, side.peaks.max(2))
            np.maximum.at(read, side.inputs, side.peaks.max(1))
        factors = np.ones(len(self.scales))
        factors[step.members] = (made[step.members] / read[step.members]) ** step.exponent
        factors = np.clip(self.scales * factors, self.least, LIMITS[1]) / self.scales
        self.scales *= factors
        for side in step.touching:
            side.apply(factors)
        return float(np.abs(np.log(factors)).max())


def side_of(entry: LayerClasses) -> Side:
    weight = entry.layer.float_weight()
    assert weight is not None
    groups = len(weight)
    return Side(
        np.abs(weight).max(3), entry.inputs.reshape(groups, -1), entry.outputs.reshape(groups, -1)
    )


def scale_layer(entry: LayerClasses, scales: Float, pass_name: str, note: str = "") -> None:
    """Write the scaled parameters (and the statistics of the output) of one layer."""
    layer, made, read = entry.layer, scales[entry.outputs], scales[entry.inputs]
    weight = layer.float_weight()
    if weight is None or ((made == 1).all() and (read == 1).all()):
        return
    groups = len(weight)
    rows, columns = made.reshape(groups, -1, 1, 1), read.reshape(groups, 1, -1, 1)
    layer.set_weight(weight * columns / rows)
    if len(layer.op.operands) > 2:
        layer.set_bias(layer.bias() / made)
    statistics = output_statistics(layer.op)
    if statistics is not None:
        OutputStatistics(statistics.mean / made, statistics.deviation / made).attach(layer.op)
    emit_remark(
        "passed",
        pass_name,
        layer.op,
        f"inputs times {text_range(read)}, outputs divided by {text_range(made)}{note}",
    )


def text_range(values: Float) -> str:
    low, high = values.min(), values.max()
    return f"{low:.4g}" if low == high else f"{low:.4g} to {high:.4g}"


def replace_by_relu(clip: graph.ClipOp) -> None:
    relu = graph.ReluOp(clip.input)
    relu.location = clip.location
    Rewriter.replace_op(clip, relu)
