"""Run the float network and its quantized form side by side, layer by layer, on samples.

Methods that go through the layers in order see each layer's input in both networks, rewrite the
layer, and let both go on: the quantized one with what they wrote. Each op runs once per network,
and values are freed after their last use.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from xdsl.dialects import func
from xdsl.dialects.builtin import ModuleOp, TensorType
from xdsl.interpreter import Interpreter
from xdsl.ir import Operation, SSAValue

from ...dialects import graph, quant
from ...dialects.diagnostics import RunnelError, emit_remark, refuse
from ...dialects.graph_base import shape_of
from ...runtime.array_files import read_inputs
from ...runtime.interpreter import input_names, load_functions
from .layers import Layer, layer_of
from .notes import REAL
from .real_parameters import real_bias, real_weight

Array = NDArray[Any]

MEMORY = 256 << 20
"""Bytes that the greatest activation may take for all samples; fewer samples are used then."""


@dataclass
class Visit:
    """A layer with its input in the float network and in the quantized one."""

    layer: Layer
    real_weight: Array
    """The float weight, as stored."""
    real_input: Array
    input: Array
    network: Prefix

    def float_result(self) -> Array:
        """What the layer gives in the float network."""
        bias = real_bias(self.layer)
        arguments = [self.real_input, self.real_weight, *([] if bias is None else [bias])]
        return self.network.interpreter.run_op(self.layer.op, tuple(arguments))[0]

    def result(self) -> Array:
        """What the layer gives in the quantized network, before its output is quantized."""
        arguments = [self.input, *map(self.network.constant, self.layer.op.operands[1:])]
        return self.network.interpreter.run_op(self.layer.op, tuple(arguments))[0]


@dataclass
class Prefix:
    """Both networks, as far as they have run."""

    module: ModuleOp
    function: func.FuncOp
    interpreter: Interpreter
    real: dict[SSAValue, Array] = field(default_factory=dict[SSAValue, Array])
    quantized: dict[SSAValue, Array] = field(default_factory=dict[SSAValue, Array])
    wanted: frozenset[SSAValue] = frozenset()
    """Values that are still there when all has run."""

    def visits(self) -> Iterator[Visit]:
        """Each layer with quantized weights, before it runs; what is written then counts."""
        ops = list(self.function.body.block.ops)
        last = last_readers(ops)
        for op in ops:
            if is_constant(op) or isinstance(op, func.ReturnOp):
                continue
            layer = layer_of(op)
            weight = None if layer is None else real_weight(layer)
            result = None
            if layer is not None and weight is not None:
                inputs = self.real[layer.input], self.quantized[layer.input]
                visit = Visit(layer, weight, *inputs, self)
                result = visit.float_result()
                yield visit
            self.step(op, result)
            for value in last.get(op, ()):
                if value in self.wanted:
                    continue
                self.real.pop(value, None)
                self.quantized.pop(value, None)

    def step(self, op: Operation, result: Array | None) -> None:
        """Run `op` in both networks; `result` is what it gives in the float one, if known."""
        self.quantized[op.results[0]] = self.run(op, self.quantized)
        if result is not None:
            self.real[op.results[0]] = result
        elif isinstance(op, quant.CastOp):
            self.real[op.results[0]] = self.value(op.operands[0], self.real)
        else:
            self.real[op.results[0]] = self.run(op, self.real)

    def run(self, op: Operation, values: Mapping[SSAValue, Array]) -> Array:
        """What `op` gives in one of the networks."""
        arguments = tuple(self.value(operand, values) for operand in op.operands)
        return self.interpreter.run_op(op, arguments)[0]

    def value(self, value: SSAValue, values: Mapping[SSAValue, Array]) -> Array:
        """That of an activation in one of the networks, or of a constant."""
        return values[value] if value in values else self.constant(value)

    def constant(self, value: SSAValue) -> Array:
        """The value of a constant, or of a cast of one."""
        owner = value.owner
        if isinstance(owner, quant.DequantizeCastOp):
            return self.interpreter.run_op(owner, (self.constant(owner.input),))[0]
        array = graph.constant_array(value)
        if array is None:
            if isinstance(owner, Operation):
                refuse(owner, "expected a constant")
            raise RunnelError("expected a constant, not an argument")
        return array


def is_constant(op: Operation) -> bool:
    """A constant, or a cast of one."""
    if isinstance(op, quant.DequantizeCastOp):
        return isinstance(op.input.owner, graph.ConstantOp)
    return isinstance(op, graph.ConstantOp)


def last_readers(ops: list[Operation]) -> dict[Operation, list[SSAValue]]:
    """For each op the values that nothing after it reads."""
    last: dict[SSAValue, Operation] = {}
    for op in ops:
        last |= {value: op for value in op.operands}
    found: dict[Operation, list[SSAValue]] = {}
    for value, op in last.items():
        found.setdefault(op, []).append(value)
    return found


def start(module: ModuleOp, pass_name: str, data: str, samples: int) -> Prefix:
    """Both networks of the first function of `module`, fed with up to `samples` samples of `data`.

    Raises `RunnelError` when the module has no quantized weights whose floats are known.
    """
    function = next(f for f in module.body.block.ops if isinstance(f, func.FuncOp))
    if not any(REAL in op.attributes for op in function.body.block.ops):
        raise RunnelError(
            f"{pass_name}: @{function.sym_name.data} has no quantized weights that name their "
            "floats; run insert-quant-casts first"
        )
    interpreter = Interpreter(module)
    for dialect in ("graph", "quant"):
        interpreter.register_implementations(load_functions(dialect, function))
    inputs = read_inputs(Path(data), input_names(function))
    count, have = sample_count(function, inputs, samples), samples_in(function, inputs)
    if count < min(samples, have):
        emit_remark("analysis", pass_name, function, f"{count} samples, as memory is limited")
    prefix = Prefix(module, function, interpreter)
    for argument, name in zip(function.body.block.args, input_names(function), strict=True):
        array = inputs[name][: count * shape_of(argument)[0]].astype(np.float32)
        prefix.real[argument] = prefix.quantized[argument] = array
    return prefix


def sample_count(function: func.FuncOp, inputs: Mapping[str, Array], wanted: int) -> int:
    """How many samples to use, such that no activation takes more than `MEMORY`."""
    sizes = [
        int(np.prod(result.type.get_shape())) * 4
        for op in function.body.block.ops
        if not is_constant(op)
        for result in op.results
        if isinstance(result.type, TensorType)
    ]
    have = samples_in(function, inputs)
    return max(1, min(wanted, have, MEMORY // max(sizes, default=1)))


def samples_in(function: func.FuncOp, inputs: Mapping[str, Array]) -> int:
    """How many samples there are; a network may take several rows for one."""
    names = input_names(function)
    return len(inputs[names[0]]) // shape_of(function.body.block.args[0])[0]
