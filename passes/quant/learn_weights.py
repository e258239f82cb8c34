"""Learn codes, scales and biases of all layers together, so that the network's output is kept."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from xdsl.context import Context
from xdsl.dialects import func
from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import SSAValue
from xdsl.passes import ModulePass

from ...dialects.diagnostics import RunnelError, emit_remark, refuse
from ...dialects.graph_base import shape_of
from .adam import Adam
from .distill import distill
from .layers import layers_of
from .logits import before_softmax
from .prefix import Prefix, start
from .real_parameters import real_parameters, real_weight, set_corrected_bias
from .rules import Rules
from .tape import Tape
from .verdict import told_if_worse
from .weight_rounding import Integers, integers_of, least_scales, rows_of

Array = NDArray[Any]

PASS = "learn-weights"
CODE_RATE, SCALE_RATE, BIAS_RATE = 3e-3, 1e-3, 1e-3
"""Of the first step: in codes; of a layer's mean scale; of the deviation of its output."""


@dataclass(frozen=True)
class LearnWeights(ModulePass):
    """Make E |f(x) - fhat(x)|^2 small, f the float network and fhat the quantized one: its output
    (the logits, where it ends in them or in their softmax), not that of each layer.

    So layers make up for each other's errors in both directions (Li et al., arXiv:2102.05426, for
    the unit of a whole network). Each weight has a real number beside its code, at first between
    the code and the float weight; Adam moves it for `iterations` batches of `batch` samples, with
    gradients straight through the rounding, and the code is the nearest integer; scales (Esser et
    al., arXiv:1902.08153) and biases move too. Steps shrink by half a cosine. What is found is kept
    only if the error on all samples is smaller. Samples are up to `samples` of `data`; with
    `distill` as many that batch norms describe, made from those, as `data` may not show all
    conditions. Comes after round-weights. Nothing is done for 0 iterations.
    """

    name = PASS

    data: str
    iterations: int = 1000
    samples: int = 1024
    distill: int = 0
    batch: int = 256
    seed: int = 0

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        if self.iterations <= 0:
            return
        with told_if_worse(PASS, op, self.data):
            self.learn(op)

    def learn(self, module: ModuleOp) -> None:
        network = start(module, PASS, self.data, self.samples)
        distill(network, self.distill, PASS, self.seed)
        task = Task.of(network, self.batch)
        learned = list(learned_of(module))
        biases = biases_of(learned, task)
        before = task.error(parameters(learned, biases))
        first = [entry.codes for entry in learned]
        self.descend(task, learned, biases, before)
        after = task.error(parameters(learned, biases))
        if not after < before:
            text = "no error less: codes, scales and biases stay"
            emit_remark("missed", PASS, network.function, text)
            return
        moved = sum(int((a != entry.codes).sum()) for a, entry in zip(first, learned, strict=True))
        size = sum(codes.size for codes in first)
        gain = 10 * np.log10(before / after) if after > 0 else np.inf
        text = f"{moved} of {size} codes moved, error of the output {gain:+.2f} dB less"
        emit_remark("passed", PASS, network.function, text)
        for entry in learned:
            entry.write(biases)

    def descend(
        self, task: Task, learned: Sequence[Learned], biases: Mapping[SSAValue, Bias], power: float
    ) -> None:
        random = np.random.default_rng(self.seed)
        batches = iter(task.batches(random))
        for step in range(self.iterations):
            share = (1 + np.cos(np.pi * step / self.iterations)) / 2
            inputs, wanted = task.picked(next(batches))
            values = task.tape.run(inputs, parameters(learned, biases))
            error = values[task.tape.output] - wanted
            scale = 2 * len(task.wanted) / (len(error) * max(power, 1e-30))
            slopes = task.tape.back(values, {task.tape.output: error * np.float32(scale)})
            for entry in learned:
                if entry.weight in slopes:
                    entry.step(slopes[entry.weight], share)
            for value, bias in biases.items():
                if value in slopes:
                    bias.step(slopes[value], share)


@dataclass
class Task:
    """The quantized network on samples, and what it should give."""

    tape: Tape
    inputs: Mapping[SSAValue, Array]
    wanted: Array
    deviations: Mapping[SSAValue, float]
    """Of the result of each layer, over a batch."""
    batch: int
    """Samples of a step."""

    @staticmethod
    def of(network: Prefix, batch: int) -> Task:
        function, module = network.function, network.module
        last = function.body.block.last_op
        if not isinstance(last, func.ReturnOp) or not last.operands:
            raise RunnelError(f"{PASS}: @{function.sym_name.data} returns nothing")
        output = before_softmax(function)
        inputs = dict(network.real)
        exact, real = Tape(network, output, casts=False), real_parameters(module)
        unknown = exact.unknown
        if unknown:
            refuse(unknown[0], f"{PASS}: the gradient of {unknown[0].name} is not known")
        wanted: list[Array] = []
        deviations: dict[SSAValue, float] = {}
        for part in parts(inputs, batch):
            values = exact.run(part, real)
            wanted.append(values[output])
            if not deviations:
                made = [layer.op.results[0] for layer in layers_of(module)]
                deviations = {v: float(values[v].std()) for v in made if v in values}
        quantized = Tape(network, output, casts=True)
        return Task(quantized, inputs, np.concatenate(wanted), deviations, batch)

    @property
    def count(self) -> int:
        """Of samples."""
        return len(self.wanted) // shape_of(self.tape.output)[0]

    def picked(self, samples: NDArray[np.int64]) -> tuple[dict[SSAValue, Array], Array]:
        """What some samples bring, and what they should give."""
        inputs = {v: rows_picked(v, array, samples) for v, array in self.inputs.items()}
        return inputs, rows_picked(self.tape.output, self.wanted, samples)

    def batches(self, random: np.random.Generator) -> Iterator[NDArray[np.int64]]:
        """Samples, without end; each is met once in a round."""
        while True:
            order = random.permutation(self.count)
            for low in range(0, self.count - self.batch + 1, self.batch) or (0,):
                yield order[low : low + self.batch]

    def error(self, now: Mapping[SSAValue, Array]) -> float:
        """The squared error of the output over all samples."""
        found = [self.tape.run(p, now)[self.tape.output] for p in parts(self.inputs, self.batch)]
        return float(((np.concatenate(found) - self.wanted).astype(np.float64) ** 2).sum())


def rows_picked(value: SSAValue, array: Array, samples: NDArray[np.int64]) -> Array:
    """The rows of `value` that some samples have: as many for each as its type says."""
    by_sample = array.reshape(-1, shape_of(value)[0], *array.shape[1:])
    return by_sample[samples].reshape(-1, *array.shape[1:])


def parts(inputs: Mapping[SSAValue, Array], batch: int) -> Iterator[dict[SSAValue, Array]]:
    """All samples in order, `batch` at a time."""
    count = min(len(array) // shape_of(value)[0] for value, array in inputs.items())
    for low in range(0, count, batch):
        samples = np.arange(low, min(low + batch, count))
        yield {value: rows_picked(value, array, samples) for value, array in inputs.items()}


class Bias:
    """A bias that is moved."""

    def __init__(self, values: Array, rate: float):
        self.values = values.astype(np.float32)
        self.adam = Adam(self.values, rate)

    def step(self, slope: Array, share: float) -> None:
        self.adam.step(slope.reshape(self.values.shape), share)


class Learned:
    """A quantized weight, with the real numbers `near` that its codes are rounded from."""

    def __init__(self, integers: Integers, real: Array, fixed: bool):
        self.integers, self.fixed = integers, fixed
        self.scales = integers.scales.astype(np.float32)
        self.least = least_scales(integers.layer, integers.bits).reshape(len(real), -1, 1)
        half = np.float32(0.49)
        away = np.clip((real / self.scales - integers.codes) / 2, -half, half)
        self.near = (integers.codes + away).astype(np.float32)
        self.adam = Adam(self.near, CODE_RATE)
        self.factors = np.ones_like(self.scales)
        self.stretch = Adam(self.factors, SCALE_RATE)

    @property
    def weight(self) -> SSAValue:
        return self.integers.layer.weight

    @property
    def codes(self) -> Array:
        return np.clip(np.rint(self.near), *self.integers.bounds)

    @property
    def stored(self) -> Array:
        """The weight as the layer reads it."""
        return self.integers.layer.stored(self.factors * self.scales * self.codes)

    def step(self, slope: Array, share: float) -> None:
        """`slope` is of the weight as stored."""
        turned = rows_of(self.integers.layer, slope).astype(np.float32)
        own = turned * self.scales
        if not self.fixed:
            stretched = (own * self.codes).sum(2, keepdims=True)
            if not self.integers.element.per_axis:
                stretched[:] = stretched.sum()
            self.stretch.step(stretched, share)
            np.maximum(self.factors, self.least / self.scales, out=self.factors)
        self.adam.step(own, share)
        low, high = self.integers.bounds
        np.clip(self.near, low - 0.5, high + 0.5, out=self.near)

    def write(self, biases: Mapping[SSAValue, Bias]) -> None:
        layer = self.integers.layer
        bias = biases[layer.op.operands[2]] if len(layer.op.operands) > 2 else None
        scales = None if self.fixed else (self.factors * self.scales).astype(np.float64)
        self.integers.write(self.codes.astype(np.float64), scales)
        if bias is not None:
            set_corrected_bias(layer, bias.values.astype(np.float64))


def learned_of(module: ModuleOp) -> Iterator[Learned]:
    """Each layer whose quantized weight is symmetric and names its floats."""
    rules = Rules.of(module)
    for layer in layers_of(module):
        real = real_weight(layer)
        if real is None:
            continue
        integers = integers_of(layer)
        if integers is None:
            emit_remark("missed", PASS, layer.op, "the weight is not symmetric")
            continue
        fixed = integers.blocks is not None or rules.rule(layer.op).power_of_two
        yield Learned(integers, rows_of(layer, real), fixed)


def biases_of(learned: Sequence[Learned], task: Task) -> dict[SSAValue, Bias]:
    """By constant; layers may share one."""
    found: dict[SSAValue, Bias] = {}
    for entry in learned:
        op = entry.integers.layer.op
        if len(op.operands) > 2:
            rate = BIAS_RATE * task.deviations.get(op.results[0], 0.0)
            found.setdefault(op.operands[2], Bias(entry.integers.layer.bias(), rate))
    return found


def parameters(
    learned: Sequence[Learned], biases: Mapping[SSAValue, Bias]
) -> dict[SSAValue, Array]:
    """What layers read now."""
    return {
        **{entry.weight: entry.stored for entry in learned},
        **{value: bias.values for value, bias in biases.items()},
    }
