"""Run calibration data through the float graph and note the range of every tensor."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from xdsl.context import Context
from xdsl.dialects import func
from xdsl.dialects.builtin import (
    AnyFloat,
    ArrayAttr,
    DenseArrayBase,
    DictionaryAttr,
    ModuleOp,
    TensorType,
    f64,
)
from xdsl.interpreter import Interpreter, PythonValues
from xdsl.ir import Attribute, Operation
from xdsl.passes import ModulePass

from ...dialects.diagnostics import RunnelError
from ...runtime.interpreter import input_names, run
from .statistics import RangeStatistics, calibrator

RANGE = "quant.range"
"""The attribute (on an op, or on a function argument) that holds [low, high]."""

Array = NDArray[Any]


@dataclass(frozen=True)
class Calibrate(ModulePass):
    """Write the range that `method` finds for each float tensor on its op as `quant.range`.

    `data` is an .npz with one array per network input (samples on the first axis), or an .npy for a
    network with one input. Methods: min-max, percentile (of `percentile` %), mse. All ranges are
    widened by the factor `headroom`: more than 1 where inputs lie outside of what the data show, as
    for an anomaly detector that is calibrated on normal samples.
    """

    name = "calibrate"

    data: str
    method: str = "mse"
    percentile: float = 99.99
    headroom: float = 1.0
    bits: int = 8
    batch: int = 32

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        function = next(f for f in op.body.block.ops if isinstance(f, func.FuncOp))
        inputs = load_inputs(Path(self.data), input_names(function))
        statistics = collect(op, function, inputs, self.batch)
        try:
            find = calibrator(self.method, self.percentile / 100)
        except ValueError as error:
            raise RunnelError(str(error)) from error

        def note(seen: RangeStatistics) -> DenseArrayBase:
            low, high = find(seen, self.bits)
            return DenseArrayBase.from_list(f64, [low * self.headroom, high * self.headroom])

        for inner, seen in statistics.ops.items():
            inner.attributes[RANGE] = note(seen)
        function.arg_attrs = ArrayAttr(
            DictionaryAttr({**old, RANGE: note(seen)})
            for old, seen in zip(argument_attributes(function), statistics.arguments, strict=True)
        )


def argument_attributes(function: func.FuncOp) -> list[Mapping[str, Attribute]]:
    """The attributes of each argument, empty where there are none."""
    if function.arg_attrs is None:
        return [{} for _ in function.body.block.args]
    return [entry.data for entry in function.arg_attrs]


def range_of(attributes: Mapping[str, Attribute]) -> tuple[float, float] | None:
    """The calibrated range among `attributes`."""
    found = attributes.get(RANGE)
    if not isinstance(found, DenseArrayBase):
        return None
    low, high = found.get_values()
    return float(low), float(high)


def load_inputs(path: Path, names: list[str]) -> dict[str, Array]:
    """The arrays of a data file by input name; refuses what does not fit the names."""
    try:
        loaded = np.load(path)
    except (OSError, ValueError) as error:
        raise RunnelError(f"{path}: cannot be read as .npz or .npy: {error}") from error
    if isinstance(loaded, np.ndarray):
        arrays = {"": loaded}
    else:
        arrays = {name: loaded[name] for name in loaded.files}
    if len(names) == 1 and len(arrays) == 1:
        return {names[0]: next(iter(arrays.values()))}
    if set(arrays) != set(names):
        raise RunnelError(
            f"{path}: holds {', '.join(arrays) or 'nothing'}, the network takes {', '.join(names)}"
        )
    return arrays


@dataclass
class Observer(Interpreter.Listener):
    """Updates the statistics of every float tensor that an op makes."""

    arguments: list[RangeStatistics]
    ops: dict[Operation, RangeStatistics] = field(default_factory=dict[Operation, RangeStatistics])

    def did_interpret_op(self, op: Operation, results: PythonValues) -> None:
        if len(op.results) == 1 and is_float(op.results[0].type) and op.operands:
            self.ops.setdefault(op, RangeStatistics()).update(results[0])


def is_float(type: Attribute) -> bool:
    return isinstance(type, TensorType) and isinstance(type.element_type, AnyFloat)


def batches(inputs: Mapping[str, Array], size: int) -> Iterator[dict[str, Array]]:
    """Slices of `size` samples; all inputs have as many samples."""
    counts = {len(array) for array in inputs.values()}
    if len(counts) != 1:
        raise RunnelError(f"the inputs have different numbers of samples: {sorted(counts)}")
    count = counts.pop()
    for start in range(0, count, size):
        yield {name: array[start : start + size] for name, array in inputs.items()}


def collect(
    module: ModuleOp, function: func.FuncOp, inputs: Mapping[str, Array], batch: int
) -> Observer:
    """Statistics of all float tensors of `function` over the samples."""
    names = input_names(function)
    observer = Observer([RangeStatistics() for _ in names])
    for part in batches(inputs, batch):
        arrays = {name: array.astype(np.float32) for name, array in part.items()}
        for statistics, name in zip(observer.arguments, names, strict=True):
            statistics.update(arrays[name])
        try:
            run(module, arrays, function.sym_name.data, listeners=[observer])
        except ValueError as error:
            raise RunnelError(f"calibration failed: {error}") from error
    return observer
