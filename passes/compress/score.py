"""How much a compressed network keeps of the one it came from, on samples."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from xdsl.dialects import func
from xdsl.dialects.builtin import ModuleOp
from xdsl.interpreter import Interpreter, PythonValues
from xdsl.ir import Operation

from ...runtime.interpreter import run
from ..quant.logits import before_softmax
from ..quant.observe import batches, bounded_batch

Array = NDArray[Any]

KINDS = ("sqnr", "agreement", "accuracy")
BATCH = 32
EXACT = 200.0
"""Decibels of a network whose results did not change."""


@dataclass
class Results(Interpreter.Listener):
    """What one op results in."""

    op: Operation | None
    found: list[Array] = field(default_factory=list[Array])

    def did_interpret_op(self, op: Operation, results: PythonValues) -> None:
        if op is self.op:
            self.found.append(results[0])


def logits(module: ModuleOp, function: func.FuncOp, inputs: Mapping[str, Array]) -> Array:
    """What `function` gives before a last softmax: [samples, values]."""
    value = before_softmax(function)
    results = Results(value.owner if isinstance(value.owner, Operation) else None)
    outputs: list[Array] = []
    for part in batches(inputs, bounded_batch(function, BATCH)):
        arrays = {name: array.astype(np.float32) for name, array in part.items()}
        found = run(module, arrays, function.sym_name.data, listeners=[results])
        outputs.append(next(iter(found.values())))
    rows = np.concatenate(results.found or outputs)
    return rows.reshape(len(rows), -1).astype(np.float64)


@dataclass(frozen=True)
class Scorer:
    """Compares logits with those of the network as it came (or with labels): more is better."""

    kind: str
    reference: Array
    labels: Array | None = None

    def score(self, found: Array) -> float:
        """Decibels of signal to noise, or a share of the samples."""
        if self.kind == "sqnr":
            noise = float(((found - self.reference) ** 2).sum())
            power = float((self.reference**2).sum())
            return min(float(10 * np.log10(power / noise)), EXACT) if noise and power else EXACT
        wanted = self.reference.argmax(1) if self.kind == "agreement" else self.labels
        return float((found.argmax(1) == wanted).mean())

    @property
    def unchanged(self) -> float:
        """What the network as it came scores."""
        return self.score(self.reference)
