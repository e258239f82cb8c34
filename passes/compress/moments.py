"""Second moments of what layers read, streamed over samples: a channel's share of each output."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from xdsl.dialects import func
from xdsl.dialects.builtin import ModuleOp
from xdsl.interpreter import Interpreter, PythonValues
from xdsl.ir import Operation

from ...dialects.graph_base import shape_of
from ...runtime.array_files import read_inputs
from ...runtime.interpreter import input_names, run
from ..quant.layers import Layer
from ..quant.observe import batches, bounded_batch, sample_count
from ..quant.weight_rounding import columns

Array = NDArray[Any]
Float = NDArray[np.float64]
BATCH = 32


@dataclass
class Moments:
    """Sums over positions of the inputs x that meet one output: of x and of x x^T."""

    count: int
    total: Float
    square: Float

    def covariance(self) -> Float:
        mean = self.total / self.count
        return self.square / self.count - np.outer(mean, mean)


@dataclass
class InputMoments(Interpreter.Listener):
    """Moments of the inputs of layers without groups, at random positions of each batch."""

    layers: dict[Operation, Layer]
    positions: int
    """In each batch."""
    random: np.random.Generator
    found: dict[Operation, Moments] = field(default_factory=dict[Operation, Moments])

    def will_interpret_op(self, op: Operation, args: PythonValues) -> None:
        layer = self.layers.get(op)
        if layer is None:
            return
        x: Array = args[0]
        shape = shape_of(op.results[0])
        every = len(x) // shape_of(layer.input)[0] * shape[0] * int(np.prod(shape[2:]))
        count = min(every, self.positions)
        index = np.sort(self.random.choice(every, count, replace=False))
        part = columns(layer, x, index)[0].astype(np.float64)
        moments = self.found.setdefault(
            op, Moments(0, np.zeros(len(part)), np.zeros((len(part), len(part))))
        )
        moments.count += count
        moments.total += part.sum(1)
        moments.square += part @ part.T


def input_moments(
    module: ModuleOp,
    function: func.FuncOp,
    layers: list[Layer],
    data: str,
    samples: int,
    positions: int,
    seed: int,
) -> dict[Operation, Moments]:
    """Moments of the inputs of `layers` on the first samples of a data file."""
    names = input_names(function)
    rows = samples * shape_of(function.body.block.args[0])[0]
    inputs = {name: array[:rows] for name, array in read_inputs(Path(data), names).items()}
    step = bounded_batch(function, BATCH)
    each = max(1, positions * step // sample_count(inputs))
    random = np.random.default_rng(seed)
    listener = InputMoments({layer.op: layer for layer in layers}, each, random)
    for part in batches(inputs, step):
        arrays = {name: array.astype(np.float32) for name, array in part.items()}
        run(module, arrays, function.sym_name.data, listeners=[listener])
    return listener.found


def shares(weight: Float, covariance: Float) -> Float:
    """G[i, j] = E<Z_i, Z_j>, Z_i what input channel i adds to all outputs, less its mean.

    `weight` is [outputs, inputs, taps], `covariance` [inputs * taps, inputs * taps]. The target is
    the sum of all Z_i, so that <Z_i, y> is row i of G summed.
    """
    outputs, inputs, taps = weight.shape
    flat = weight.reshape(outputs, -1)
    product = (flat.T @ flat) * covariance
    return product.reshape(inputs, taps, inputs, taps).sum((1, 3))
