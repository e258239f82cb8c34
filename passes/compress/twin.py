"""A network as it came and as it is now, side by side on samples, layer by layer.

Passes that go through the layers in order see what each layer is to give (as the network came) and
what it gets (from what they made of the layers before), and may put others in its place. Each op
runs once per network, and values are freed after their last use.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from xdsl.dialects import func
from xdsl.dialects.builtin import ModuleOp
from xdsl.interpreter import Interpreter
from xdsl.ir import Operation, SSAValue

from ...dialects import graph
from ...dialects.diagnostics import RunnelError, emit_remark, refuse
from ...dialects.graph_base import shape_of
from ...runtime.array_files import read_inputs
from ...runtime.interpreter import input_names, load_functions
from ..quant.layers import Layer, layer_of
from ..quant.prefix import sample_count, samples_in

Array = NDArray[Any]


@dataclass
class Visit:
    """A layer before it runs in the network as it is now."""

    layer: Layer
    wanted: Array
    """What the layer is to give: as the network came, and what a sum behind it needs besides."""
    twin: Twin
    ops: list[Operation]
    """What stands for the layer now, in order; the last one makes its result."""

    @property
    def input(self) -> Array:
        """What the layer gets in the network as it is now."""
        return self.value(self.layer.input)

    def replace(self, old: Operation, new: Sequence[Operation]) -> None:
        """Tell that `new` stands for `old`; all but its last op run now."""
        assert self.ops == [old]
        self.ops = list(new)
        for op in self.ops[:-1]:
            self.twin.step(op)

    def value(self, value: SSAValue) -> Array:
        """A value in the network as it is now."""
        return self.twin.now[value]


@dataclass
class Twin:
    """Both networks, as far as they have run."""

    function: func.FuncOp
    interpreter: Interpreter
    came: dict[SSAValue, Array] = field(default_factory=dict[SSAValue, Array])
    now: dict[SSAValue, Array] = field(default_factory=dict[SSAValue, Array])
    done: set[Operation] = field(default_factory=set[Operation])

    def visits(self) -> Iterator[Visit]:
        """Each layer before it runs; what is done to it then counts."""
        for op in list(self.function.body.block.ops):
            if isinstance(op, graph.ConstantOp | func.ReturnOp):
                continue
            came, stands, operands = self.run(op, self.came), [op], tuple(op.operands)
            if (layer := layer_of(op)) is not None:
                visit = Visit(layer, self.repaired(op, came), self, stands)
                yield visit
                stands = visit.ops
            last = stands[-1]
            if last is op and operands == tuple(op.operands) and self.same(op):
                self.now[op.results[0]] = came
                self.done.add(op)
            else:
                self.step(last)
            self.came[last.results[0]] = came
            for stand in stands:
                self.free(stand)

    def repaired(self, op: Operation, came: Array) -> Array:
        """What `op` is to give so that a sum that alone reads it comes out as it came.

        He et al., arXiv:1707.06168, section 3.4: the last layer of a branch is fitted to its output
        and to the error of the other branch, if that has run.
        """
        user = op.results[0].get_user_of_unique_use()
        if not isinstance(user, graph.AddOp):
            return came
        other = user.rhs if user.lhs is op.results[0] else user.lhs
        fits = other in self.now and self.now[other].shape == came.shape
        return came + self.came[other] - self.now[other] if fits else came

    def same(self, op: Operation) -> bool:
        """Whether `op` reads the same in both networks: they need not both run up to a change."""
        return all(self.now.get(value) is self.came.get(value) for value in op.operands)

    def step(self, op: Operation) -> None:
        """Run `op` in the network as it is now."""
        self.now[op.results[0]] = self.run(op, self.now)
        self.done.add(op)

    def free(self, op: Operation) -> None:
        """Forget what nothing after `op` reads."""
        for value in op.operands:
            if all(use.operation in self.done for use in value.uses):
                self.came.pop(value, None)
                self.now.pop(value, None)

    def run(self, op: Operation, values: dict[SSAValue, Array]) -> Array:
        """What `op` gives in one of the networks."""
        arguments = [values[v] if v in values else constant(v) for v in op.operands]
        return self.interpreter.run_op(op, tuple(arguments))[0]


def constant(value: SSAValue) -> Array:
    array = graph.constant_array(value)
    if array is None:
        reason = "expected constants and ops of a float graph; compress before quantizing"
        if isinstance(value.owner, Operation):
            refuse(value.owner, reason)
        raise RunnelError(reason)
    return array


def start(module: ModuleOp, function: func.FuncOp, pass_name: str, data: str, samples: int) -> Twin:
    """Both networks of `function`, fed with up to `samples` samples of `data`."""
    interpreter = Interpreter(module)
    interpreter.register_implementations(load_functions("graph", function))
    inputs = read_inputs(Path(data), input_names(function))
    count, have = sample_count(function, inputs, samples), samples_in(function, inputs)
    if count < min(samples, have):
        emit_remark("analysis", pass_name, function, f"{count} samples, as memory is limited")
    twin = Twin(function, interpreter)
    for argument, name in zip(function.body.block.args, input_names(function), strict=True):
        array = inputs[name][: count * shape_of(argument)[0]].astype(np.float32)
        twin.came[argument] = twin.now[argument] = array
    return twin
