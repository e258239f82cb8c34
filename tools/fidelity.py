"""How near a network's outputs are to those of the float network: no labels needed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from xdsl.dialects.builtin import ModuleOp, TensorType
from xdsl.interpreter import Interpreter, PythonValues
from xdsl.ir import Operation, SSAValue

from ..dialects.quant_types import UniformQuantizedType
from ..passes.quant.logits import before_softmax
from ..passes.quant.observe import bounded_batch
from .signature import network_function, signature_of

Array = NDArray[Any]
BATCH = 32


@dataclass(frozen=True)
class Fidelity:
    """Outputs against those of the float network. dB are infinite where all are equal."""

    samples: int
    sqnr: float
    """Signal to noise in dB."""
    gain: float
    """<float, output> / <float, float>: a factor that all outputs have in common."""
    compensated: float
    """SQNR with that factor divided out."""
    top1: float | None
    """The share of samples with the same greatest output; None where outputs are no classes."""
    top3: float | None
    """The share for which the float choice is among the three greatest."""

    @property
    def error(self) -> float | None:
        """One standard error of `top1`."""
        if self.top1 is None:
            return None
        return float(np.sqrt(self.top1 * (1 - self.top1) / self.samples))


def fidelity(reference: Array, outputs: Array, *, classes: bool = False) -> Fidelity:
    """Compare outputs [samples, ...]; with `classes`, the greatest one of each sample too."""
    x = reference.reshape(len(reference), -1).astype(np.float64)
    y = outputs.reshape(len(outputs), -1).astype(np.float64)
    power = float((x * x).sum())
    gain = float((x * y).sum()) / power if power else 1.0
    top1 = top3 = None
    if classes:
        choice = x.argmax(1)
        top1 = float((y.argmax(1) == choice).mean())
        top3 = float((np.argsort(-y, 1, "stable")[:, :3] == choice[:, None]).any(1).mean())
    return Fidelity(len(x), decibels(x, y - x), gain, decibels(gain * x, y - gain * x), top1, top3)


def decibels(signal: Array, noise: Array) -> float:
    """10 log10 of the ratio of powers."""
    power, error = float((signal * signal).sum()), float((noise * noise).sum())
    if error == 0.0:
        return float("inf")
    return float(10 * np.log10(power / error)) if power else float("-inf")


@dataclass
class Capture(Interpreter.Listener):
    """Keeps what one op results in."""

    op: Operation | None
    found: list[Array]

    def did_interpret_op(self, op: Operation, results: PythonValues) -> None:
        if op is self.op:
            self.found.append(results[0])


@dataclass(frozen=True)
class Outputs:
    """What a network gives for some samples, as reals in the model's order."""

    result: Array
    """Its first result."""
    logits: Array
    """What a last softmax takes; the result where there is none."""


def outputs_of(module: ModuleOp, samples: Mapping[str, Array], *, exact: bool = False) -> Outputs:
    """Run `module`, on tensors at any level, on samples in the model's order, in small batches.

    `exact` is for a graph with casts (see `run`).
    """
    from ..runtime.interpreter import run

    signature = signature_of(module)
    source = before_softmax(network_function(module))
    capture = Capture(source.owner if isinstance(source.owner, Operation) else None, [])
    step = bounded_batch(network_function(module), BATCH)
    results: list[Array] = []
    for start in range(0, len(next(iter(samples.values()))), step):
        part = {name: array[start : start + step] for name, array in samples.items()}
        found = run(module, signature.store(part), listeners=[capture], exact=exact)
        results.append(signature.outputs[0].real(next(iter(found.values()))))
    result = np.concatenate(results)
    if capture.op is None:
        return Outputs(result, result)
    logits = real(source, np.concatenate(capture.found))
    return Outputs(result, logits if len(logits) == len(result) else result)


def real(value: SSAValue, array: Array) -> Array:
    """The reals that the stored elements of `value` stand for."""
    type = value.type
    element = type.element_type if isinstance(type, TensorType) else None
    if not isinstance(element, UniformQuantizedType):
        return array
    return (array.astype(np.float32) - np.float32(element.zero_point)) * np.float32(element.scale)
