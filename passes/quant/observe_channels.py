"""The least and greatest value per channel that samples bring to an op of the float network."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from xdsl.dialects import func
from xdsl.dialects.builtin import ModuleOp
from xdsl.interpreter import Interpreter, PythonValues
from xdsl.ir import Operation

from ...runtime.array_files import read_inputs
from ...runtime.interpreter import input_names, run
from .layers import Float, Layer
from .observe import batches, bounded_batch

BATCH = 32
Bounds = tuple[Float, Float]


@dataclass
class ChannelObserver(Interpreter.Listener):
    """Notes the bounds per channel (axis 1) of the results of `ops`."""

    ops: frozenset[Operation]
    bounds: dict[Operation, Bounds] = field(default_factory=dict[Operation, Bounds])

    def did_interpret_op(self, op: Operation, results: PythonValues) -> None:
        if op not in self.ops:
            return
        x = results[0]
        axes = (0, *range(2, x.ndim))
        low, high = x.min(axes).astype(np.float64), x.max(axes).astype(np.float64)
        if op in self.bounds:
            low, high = np.minimum(low, self.bounds[op][0]), np.maximum(high, self.bounds[op][1])
        self.bounds[op] = low, high


def observe(
    module: ModuleOp, function: func.FuncOp, ops: frozenset[Operation], data: Path
) -> dict[Operation, Bounds]:
    """The bounds of the results of `ops` over all samples of a data file."""
    observer = ChannelObserver(ops)
    if not ops:
        return observer.bounds
    names = input_names(function)
    for part in batches(read_inputs(data, names), bounded_batch(function, BATCH)):
        arrays = {name: array.astype(np.float32) for name, array in part.items()}
        run(module, arrays, function.sym_name.data, listeners=[observer])
    return observer.bounds


def observed_bounds(module: ModuleOp, layer: Layer, data: Path) -> Bounds:
    """The bounds of the outputs of one layer, as the module stands now."""
    function = layer.op.parent_op()
    assert isinstance(function, func.FuncOp)
    return observe(module, function, frozenset({layer.op}), data)[layer.op]
