"""Scale channels so that the noise of 8-bit rounding, at the network's output, is least."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from xdsl.context import Context
from xdsl.dialects import func
from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import Operation, SSAValue
from xdsl.passes import ModulePass
from xdsl.utils.exceptions import PassFailedException

from ...dialects import graph
from ...dialects.diagnostics import choices, emit_remark
from ...dialects.graph_base import is_float, shape_of
from ..graph.element_classes import FIXED
from ..graph.output_statistics import output_statistics
from .chains import activation_bounds
from .equalize import LIMITS, Equalize, scale_layer
from .layers import Float
from .least_noise import Tensor, Weight, least_noise
from .output_gradients import Gradients, gradients, tape_of
from .plain_quantization import tell_if_worse
from .scale_classes import ScaleClasses

PASS = "equalize-noise"
METHODS = ("data", "off")
DEVIATIONS = 6.0
"""How far from its mean a value is expected, in deviations that a folded batch norm knew."""


@dataclass(frozen=True)
class EqualizeNoise(ModulePass):
    """Divide channels by scales and multiply them back in the next layer, for the least noise.

    Scales go where those of `equalize{clips=bounded}` go, and results stay the same. But that one
    gives weights equal ranges, whatever this does to tensors between, and a channel that is never
    heard counts as much as one that decides. Here the noise that all quantizers of weights and
    activations give the output is modelled (`least_noise`): by the squared gradients of the output
    (the logits, where there are some) on up to `samples` samples of `data`, and by the ranges that
    these show (and folded batch norms: six deviations from the mean, as for `calibrate`); the
    scales with the least noise are found. With `per-channel=false` a weight has one step, which is
    where this counts most: in depthwise layers.

    Nothing is done for `method=off`, nor (with a remark) where the gradient of an op is not known.
    """

    name = PASS

    data: str
    method: str = "data"
    samples: int = 16
    per_channel: bool = True
    seed: int = 0

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        if self.method not in METHODS:
            raise PassFailedException(
                f"{PASS}: method={self.method} is none of {choices(self.method, METHODS)}"
            )
        function = next((f for f in op.body.block.ops if isinstance(f, func.FuncOp)), None)
        if self.method == "off" or function is None:
            return
        unknown = tape_of(op, function).unknown
        if unknown:
            text = f"channels stay: the gradient of {unknown[0].name} is not known"
            emit_remark("missed", PASS, unknown[0], text)
            return
        before = op.clone()
        if self.scale(op, function):
            tell_if_worse(PASS, before, op, self.data, self.per_channel)

    def scale(self, module: ModuleOp, function: func.FuncOp) -> bool:
        """Whether there was something to scale."""
        peaks = Equalize("bounded", self.data).clip_peaks(module, function)
        classes = ScaleClasses(through_clip=lambda clip: peaks[clip] <= clip.bounds()[1])
        classes.analyze(function)
        by_channel(classes, function)
        if all((entry.outputs == FIXED).all() for entry in classes.layers):
            emit_remark("missed", PASS, function, "no channel can be scaled")
            return False
        least, most = (np.full(len(classes.parents), limit) for limit in LIMITS)
        for clip, labels in classes.clips:
            np.maximum.at(least, labels, np.minimum(peaks[clip] / clip.bounds()[1], 1.0))
        least[FIXED] = most[FIXED] = 1.0
        known = gradients(module, function, Path(self.data), self.samples, self.seed)
        scales, share = least_noise([*self.parts(function, classes, known)], least, most)
        if share >= 1:
            emit_remark("missed", PASS, function, "no scales make less noise")
            return False
        for entry in classes.layers:
            scale_layer(entry, scales, PASS)
        text = f"noise at the output {-10 * np.log10(share):.2f} dB less, as modelled"
        emit_remark("passed", PASS, function, text)
        return True

    def parts(
        self, function: func.FuncOp, classes: ScaleClasses, known: Gradients
    ) -> Iterator[Weight | Tensor]:
        for entry in classes.layers:
            if entry.layer.op in known.weights:
                heard = known.weights[entry.layer.op]
                yield Weight.of(entry, heard, self.per_channel)
        for value in quantized_values(function):
            if value in known.activations and value in classes.labels:
                labels = classes.roots(classes.along(value, 1))
                ends = widened(value, known.low[value], known.high[value])
                yield Tensor(labels, *ends, known.activations[value])


def quantized_values(function: func.FuncOp) -> Iterator[SSAValue]:
    """Results that have a quantizer of their own: not those whose activation has it."""
    for op in function.body.block.ops:
        if len(op.results) != 1 or not op.operands or isinstance(op, graph.ReshapeOp):
            continue
        user = op.results[0].get_user_of_unique_use()
        if is_float(op.results[0].type) and (user is None or activation_bounds(user) is None):
            yield op.results[0]


def widened(value: SSAValue, low: Float, high: Float) -> tuple[Float, Float]:
    """The ends of each channel of `value`, beyond what was seen as far as a batch norm knew."""
    owner, bounds = value.owner, None
    if isinstance(owner, Operation) and (bounds := activation_bounds(owner)) is not None:
        owner = owner.operands[0].owner
    known = output_statistics(owner) if isinstance(owner, Operation) else None
    if known is None:
        return low, high
    reach = DEVIATIONS * known.deviation
    ends = known.mean - reach, known.mean + reach
    least, most = ends if bounds is None else (np.clip(end, *bounds) for end in ends)
    return np.minimum(low, least), np.maximum(high, most)


def by_channel(classes: ScaleClasses, function: func.FuncOp) -> None:
    """Make one class of what lies in one channel (axis 1) of a quantized value: where the features
    of a sequence lie on another axis, they share a scale, as noise is known by channel alone.
    """
    for value in quantized_values(function):
        if len(shape_of(value)) > 1:
            classes.along(value, 1)
    classes.settle()
