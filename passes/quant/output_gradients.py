"""How much noise on weights and activations reaches the output of a float network.

With J the Jacobian of the output with respect to a value, noise of variance v there gives the
output the energy v |J|^2 (the sum of the squares of all entries). For a random vector u of
independent N(0, 1) the mean of (J^T u)^2 is what that sums over the outputs: one run backwards
tells it for all values at once.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray
from xdsl.dialects import func
from xdsl.dialects.builtin import ModuleOp
from xdsl.interpreter import Interpreter
from xdsl.ir import Operation, SSAValue

from ...dialects import graph
from ...dialects.diagnostics import RunnelError
from ...dialects.graph_base import shape_of
from ...runtime.array_files import read_inputs
from ...runtime.interpreter import input_names, load_functions
from .layers import Float, layers_of
from .logits import is_row, logits_of
from .prefix import Prefix
from .tape import Tape

Array = NDArray[Any]
Key = TypeVar("Key")


@dataclass
class Gradients:
    """Sums over samples; see `gradients`."""

    activations: dict[SSAValue, Float] = field(default_factory=dict[SSAValue, Float])
    """|J|^2 per channel (axis 1), over all positions."""
    weights: dict[Operation, Float] = field(default_factory=dict[Operation, Float])
    """|J|^2 per weight of a layer, [groups, rows, inputs / group]: over all taps."""
    low: dict[SSAValue, Float] = field(default_factory=dict[SSAValue, Float])
    high: dict[SSAValue, Float] = field(default_factory=dict[SSAValue, Float])
    """The least and greatest value of each channel, and 0."""


def gradients(
    module: ModuleOp, function: func.FuncOp, data: Path, samples: int, seed: int = 0
) -> Gradients:
    """Of the logits (else the first result) on up to `samples` samples of `data`.

    What all logits have in common is no noise: it decides nothing. Each sample has its own probe.
    """
    tape = tape_of(module, function)
    layers = [layer for layer in layers_of(module) if layer.op in tape.ops]
    parameters: dict[SSAValue, Array] = {
        layer.weight: array
        for layer in layers
        if (array := graph.constant_array(layer.weight)) is not None
    }
    names, arguments = input_names(function), function.body.block.args
    stored = read_inputs(data, names)
    rows = shape_of(arguments[0])[0]
    count = min(samples, len(stored[names[0]]) // rows)
    random, found = np.random.default_rng(seed), Gradients()
    for index in range(count):
        inputs: dict[SSAValue, Array] = {
            value: stored[name][index * rows : (index + 1) * rows].astype(np.float32)
            for name, value in zip(names, arguments, strict=True)
        }
        values = tape.run(inputs, parameters)
        probe = random.standard_normal(values[tape.output].shape).astype(np.float32)
        if is_row(probe.shape):
            probe -= probe.mean(1, keepdims=True)
        slopes = tape.back(values, {tape.output: probe})
        for value, slope in slopes.items():
            if value in parameters or slope.ndim < 2:
                continue
            axes = (0, *range(2, slope.ndim))
            add(found.activations, value, np.square(slope).sum(axes, dtype=np.float64))
            x = values[value]
            least, most = x.min(axes).astype(float), x.max(axes).astype(float)
            found.low[value] = np.minimum(found.low.get(value, 0.0), least)
            found.high[value] = np.maximum(found.high.get(value, 0.0), most)
        for layer in layers:
            slope = slopes.get(layer.weight)
            if slope is not None:
                squares = layer.canonical(np.square(slope, dtype=np.float64)).sum(3)
                add(found.weights, layer.op, squares)
    return found


def tape_of(module: ModuleOp, function: func.FuncOp) -> Tape:
    """The float network up to its logits, else to its first result."""
    interpreter = Interpreter(module)
    for dialect in ("graph", "quant"):
        interpreter.register_implementations(load_functions(dialect, function))
    return Tape(Prefix(module, function, interpreter), output_of(function), casts=False)


def add(sums: dict[Key, Float], key: Key, part: Float) -> None:
    sums[key] = sums[key] + part if key in sums else part


def output_of(function: func.FuncOp) -> SSAValue:
    logits, last = logits_of(function), function.body.block.last_op
    if logits is not None:
        return logits.results[0]
    if not isinstance(last, func.ReturnOp) or not last.operands:
        raise RunnelError(f"@{function.sym_name.data} returns nothing")
    return last.operands[0]
