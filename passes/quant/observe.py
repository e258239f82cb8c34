"""Run data through a float graph and keep statistics of every tensor; memory stays bounded."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray
from xdsl.dialects import func
from xdsl.dialects.builtin import ModuleOp, TensorType
from xdsl.interpreter import Interpreter, PythonValues
from xdsl.ir import Attribute, Operation

from ...dialects.diagnostics import RunnelError
from ...dialects.graph_base import is_float
from ...runtime.interpreter import input_names, run
from .calibrators.cross_entropy import RowSample
from .logits import logits_of
from .statistics import RangeStatistics

Array = NDArray[Any]

BATCH_BYTES = 32 << 20
"""The largest tensor of a batch takes no more than this: a network has a few of them at a time."""

_tell: ContextVar[Callable[[int, int], None] | None] = ContextVar("tell", default=None)


@contextmanager
def telling(tell: Callable[[int, int], None]) -> Iterator[None]:
    """Within this, `tell(done, count)` is called after each step: batch of samples, or layer."""
    token = _tell.set(tell)
    try:
        yield
    finally:
        _tell.reset(token)


def told(done: int, count: int) -> None:
    """Tell who listens how far the work is."""
    if (tell := _tell.get()) is not None:
        tell(done, count)


@dataclass
class Observer(Interpreter.Listener):
    """Updates the statistics of every float tensor that an op makes."""

    arguments: list[RangeStatistics]
    ops: dict[Operation, RangeStatistics] = field(default_factory=dict[Operation, RangeStatistics])
    logits: Operation | None = None
    rows: RowSample = field(default_factory=RowSample)
    """Rows of the result of `logits`, if the network has such."""

    def did_interpret_op(self, op: Operation, results: PythonValues) -> None:
        if observed(op):
            self.ops.setdefault(op, RangeStatistics()).update(results[0])
        if op is self.logits:
            self.rows.update(results[0].reshape(len(results[0]), -1))


def observed(op: Operation) -> bool:
    """Whether `op` computes a float tensor."""
    return len(op.results) == 1 and is_float(op.results[0].type) and bool(op.operands)


def batches(inputs: Mapping[str, Array], size: int) -> Iterator[dict[str, Array]]:
    """Slices of `size` samples; all inputs have as many samples."""
    count = sample_count(inputs)
    for start in range(0, count, size):
        yield {name: array[start : start + size] for name, array in inputs.items()}


def sample_count(inputs: Mapping[str, Array]) -> int:
    """How many rows all arrays have."""
    counts = {len(array) for array in inputs.values()}
    if len(counts) != 1:
        raise RunnelError(f"the inputs have different numbers of samples: {sorted(counts)}")
    return counts.pop()


def bounded_batch(function: func.FuncOp, batch: int) -> int:
    """At most `batch` rows, fewer where the largest tensor would take more than `BATCH_BYTES`.

    A multiple of the rows that the network takes at once.
    """
    ops = [op for op in function.body.block.ops if op.operands]
    least = max((s[0] for s in shapes(function.function_type.inputs) if s), default=1)
    results = shapes(result.type for op in ops for result in op.results)
    most = max((4 * prod(shape) for shape in results), default=1)
    return max(1, min(batch // least, BATCH_BYTES // max(most, 1))) * least


def shapes(types: Iterable[Attribute]) -> list[tuple[int, ...]]:
    """The shapes of those that are tensors."""
    return [type.get_shape() for type in types if isinstance(type, TensorType)]


def collect(
    module: ModuleOp,
    function: func.FuncOp,
    inputs: Mapping[str, Array],
    batch: int,
) -> Observer:
    """Statistics of all float tensors of `function` over the samples, and rows of its logits."""
    names = input_names(function)
    observer = Observer([RangeStatistics() for _ in names])
    observer.logits = logits_of(function)
    done, count = 0, sample_count(inputs)
    for part in batches(inputs, bounded_batch(function, batch)):
        arrays = {name: array.astype(np.float32, copy=False) for name, array in part.items()}
        try:
            for statistics, name in zip(observer.arguments, names, strict=True):
                statistics.update(arrays[name])
            run(module, arrays, function.sym_name.data, listeners=[observer])
        except ValueError as error:
            raise RunnelError(f"calibration failed: {error}") from error
        done += len(next(iter(arrays.values())))
        told(done, count)
    return observer
