"""How far each layer is from onnxruntime, when both are given the same inputs.

The quant level runs op by op; what onnxruntime has for a result takes its place for the ops that
follow, so that errors do not add up along the network.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from xdsl.dialects import func
from xdsl.interpreter import Interpreter
from xdsl.ir import Operation, SSAValue

from ..dialects.diagnostics import source_name
from ..dialects.quant_types import UniformQuantizedType
from .interpret import interpret
from .oracle import Oracle
from .road import Road, Stop
from .signature import network_function

Array = NDArray[Any]
MOVES = ("quant.qcast", "quant.dcast")


@dataclass(frozen=True)
class LayerError:
    """One layer against onnxruntime. `off` counts outputs that differ by more than a half LSB where
    onnxruntime has floats, at all where it has integers; errors are in LSB of the layer's output.
    """

    node: str
    op: str
    outputs: int
    off: int
    worst: float
    sqnr: float | None
    """Signal to error in dB; None where all are equal."""

    @property
    def ppm(self) -> float:
        return 1e6 * self.off / max(self.outputs, 1)


@dataclass(frozen=True)
class LayerErrors:
    """All layers that onnxruntime has a tensor for, and the nodes of those that it has none for."""

    layers: list[LayerError]
    unmatched: list[str]

    def worst(self, count: int = 3) -> list[LayerError]:
        return sorted(self.layers, key=lambda layer: (-layer.worst, -layer.ppm))[:count]


def layer_errors(stop: Stop, samples: Mapping[str, Array], oracle: Oracle) -> LayerErrors:
    """Compare the ops of a module at the quant level (in the model's layout) with onnxruntime."""
    function = network_function(stop.module)
    names = teacher_names(function, oracle)
    oracle.tensors([name for name in names.values() if name is not None])
    values: dict[SSAValue, Any] = dict(
        zip(function.body.block.args, stop.signature.store(samples).values(), strict=True)
    )
    found = LayerErrors([], [])
    for op, result in run_ops(stop, function, values):
        if op not in names:
            continue
        name = names[op]
        expected = None if name is None else on_grid(oracle.tensors([name])[name], op, result)
        if expected is None:
            found.unmatched.append(source_name(op) or op.name)
        else:
            real, stored = expected
            found.layers.append(layer_error(op, result, real))
            values[op.results[0]] = stored
    return found


def output_deviation(road: Road, samples: Mapping[str, Array], oracle: Oracle) -> float:
    """The greatest difference of an output of the graph level, as a share of that output's range
    in onnxruntime.
    """
    worst = 0.0
    found = interpret(road, "graph", road["graph"].signature.store(samples))
    for ours, theirs in zip(found.values(), oracle.outputs().values(), strict=True):
        spread = float(np.ptp(theirs)) or 1.0
        worst = max(worst, float(np.abs(ours - theirs).max()) / spread)
    return worst


def teacher_names(function: func.FuncOp, oracle: Oracle) -> dict[Operation, str | None]:
    """The tensor of onnxruntime for the result of each integer op."""
    return {
        op: oracle.result_name(source_name(op) or "")
        for op in function.body.block.ops
        if op.name.startswith("quant.") and op.name not in MOVES
    }


def run_ops(
    stop: Stop, function: func.FuncOp, values: dict[SSAValue, Any]
) -> Iterator[tuple[Operation, Array]]:
    """Run op after op on `values`, where the reader may change a result once it is given out."""
    from ..runtime.interpreter import load_functions

    interpreter = Interpreter(stop.module)
    for dialect in sorted({op.name.partition(".")[0] for op in function.body.block.ops}):
        interpreter.register_implementations(load_functions(dialect, function))
    for op in function.body.block.ops:
        if isinstance(op, func.ReturnOp):
            return
        results = interpreter.run_op(op, tuple(values[operand] for operand in op.operands))
        values.update(zip(op.results, results, strict=True))
        yield op, results[0]


def on_grid(teacher: Array, op: Operation, result: Array) -> tuple[Array, Array] | None:
    """What onnxruntime has in LSB of the op's type, exact and as stored integers.

    None if it cannot be compared: another shape, or a result that is not quantized.
    """
    element = getattr(op.results[0].type, "element_type", None)
    if teacher.shape != result.shape or not isinstance(element, UniformQuantizedType):
        return None
    if teacher.dtype.kind == "u":
        exact = teacher.astype(np.float64) - (1 << (8 * teacher.dtype.itemsize - 1))
    elif teacher.dtype.kind == "i":
        exact = teacher.astype(np.float64)
    else:
        exact = teacher.astype(np.float64) / element.scale + element.zero_point
    exact = np.clip(exact, *element.bounds)
    return exact, np.rint(exact).astype(result.dtype)


def layer_error(op: Operation, result: Array, exact: Array) -> LayerError:
    """Measure `result` (stored integers) against `exact`, in LSB."""
    element = getattr(op.results[0].type, "element_type", None)
    assert isinstance(element, UniformQuantizedType)
    error = np.abs(result.astype(np.float64) - exact)
    signal = float(((exact - element.zero_point) ** 2).sum())
    noise = float((error**2).sum())
    return LayerError(
        node=source_name(op) or op.name,
        op=op.name.partition(".")[2],
        outputs=error.size,
        off=int((error > 0.5).sum()),
        worst=float(error.max(initial=0.0)),
        sqnr=float(10 * np.log10(signal / noise)) if noise and signal else None,
    )
