"""A float graph with activation quantizers that can be switched and moved, run on samples.

With it, the choice of ranges measures what a quantizer does to the network's output.
Weights are in float: they are rounded later.
"""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from xdsl.context import Context
from xdsl.dialects import func
from xdsl.dialects.builtin import ArrayAttr, DictionaryAttr, ModuleOp
from xdsl.interpreter import Interpreter
from xdsl.ir import Attribute, BlockArgument, Operation, SSAValue

from ...dialects import graph, quant
from ...dialects.diagnostics import RunnelError, source_name, unheard
from ...dialects.graph_base import shape_of
from ...runtime.array_files import read_inputs
from ...runtime.interpreter import input_names, load_functions
from .calibrate import RANGE, argument_attributes
from .insert_casts import FIXED_GRIDS, Inserter, InsertQuantCasts
from .logits import logits_of
from .notes import BITS, REAL, TYPE
from .prefix import sample_count
from .real_parameters import named
from .scheme import Grid, Scheme

Array = NDArray[Any]
Exact = NDArray[np.float64]
Cast = quant.DequantizeCastOp


@dataclass(frozen=True)
class Trial:
    """The graph with casts, samples, and what each cast stands for in the real graph."""

    function: func.FuncOp
    """The function that is written to."""
    ops: Sequence[Operation]
    """Those of the graph with casts, up to the one that gives the output."""
    output: SSAValue
    """The logits, where the network ends in them or in their softmax; else the first result."""
    interpreter: Interpreter
    inputs: Mapping[SSAValue, Array]
    makers: Mapping[Cast, Operation | int]
    """By dcast of an activation: the op in `function` that makes it, or the index of an input."""
    schemes: Mapping[Cast, Scheme]
    """How codes are laid on a range there, where the platform does not ask for a range."""
    readers: Mapping[Operation, Sequence[SSAValue]]
    """For each op the values that nothing after it reads."""
    grids: dict[Cast, Grid] = field(default_factory=dict[Cast, Grid])
    """Grids that take the place of those in the graph."""

    @staticmethod
    def of(module: ModuleOp, function: func.FuncOp, data: str, samples: int) -> Trial:
        """With 8-bit casts by the ranges of `module`, and the first samples of `data`."""
        copy = module.clone()
        simulated = next(f for f in copy.body.block.ops if isinstance(f, func.FuncOp))
        block = simulated.body.block
        originals = dict(zip(block.ops, function.body.block.ops, strict=True))
        logits = logits_of(function)
        last = next((op for op, original in originals.items() if original is logits), None)
        with unheard():
            placement = Inserter(copy, simulated, InsertQuantCasts(), []).placement
            values: list[SSAValue] = [
                *block.args,
                *(op.results[0] for op in block.ops if op.results),
            ]
            free = {v: placement.scheme(v) for v in values if placement.range_of(v) is None}
            InsertQuantCasts().apply(Context(), copy)
        makers: dict[Cast, Operation | int] = {}
        schemes: dict[Cast, Scheme] = {}
        for op in block.ops:
            if isinstance(op, Cast) and isinstance(op.input.owner, quant.QuantizeCastOp):
                real = op.input.owner.input
                if real in free:
                    schemes[op] = free[real]
                if isinstance(real, BlockArgument):
                    makers[op] = real.index
                elif isinstance(real.owner, Operation):
                    makers[op] = originals[real.owner]
        interpreter = Interpreter(copy)
        for dialect in ("graph", "quant"):
            interpreter.register_implementations(load_functions(dialect, simulated))
        stored = read_inputs(Path(data), input_names(simulated))
        count = sample_count(function, stored, samples)
        inputs: dict[SSAValue, Array] = {
            argument: stored[name][: count * shape_of(argument)[0]].astype(np.float32)
            for name, argument in zip(input_names(simulated), block.args, strict=True)
        }
        returned = block.last_op
        if not isinstance(returned, func.ReturnOp) or not returned.operands:
            raise RunnelError("the function returns nothing")
        output = last.results[0] if last is not None else returned.operands[0]
        every = [op for op in block.ops if op.results]
        ops = every[: every.index(output.owner) + 1] if isinstance(output.owner, Operation) else []
        readers = last_readers(ops, output)
        return Trial(function, ops, output, interpreter, inputs, makers, schemes, readers)

    def is_free(self, cast: Cast) -> bool:
        """The grid of `cast` follows from a calibrated range, in 8 bits."""
        if cast not in self.schemes or type(self.makers[cast]) in FIXED_GRIDS:
            return False
        known = self.attributes(cast)
        return RANGE in known and TYPE not in known and BITS not in known

    def attributes(self, cast: Cast) -> Mapping[str, Attribute]:
        """Those of what makes the tensor."""
        maker = self.makers[cast]
        if isinstance(maker, Operation):
            return maker.attributes
        return argument_attributes(self.function)[maker]

    def note(self, cast: Cast, name: str, value: Attribute) -> None:
        """Write an attribute at what makes the tensor."""
        maker = self.makers[cast]
        if isinstance(maker, Operation):
            maker.attributes[name] = value
            return
        entries = [dict(old) for old in argument_attributes(self.function)]
        entries[maker][name] = value
        self.function.arg_attrs = ArrayAttr(DictionaryAttr(entry) for entry in entries)

    def name_of(self, cast: Cast) -> str:
        maker = self.makers[cast]
        if isinstance(maker, Operation):
            return source_name(maker) or maker.name
        return input_names(self.function)[maker]

    def result(self, narrow: Container[Operation]) -> Exact:
        """The output with these dcasts in place, all else in float."""
        return self.go_on(dict(self.inputs), 0, narrow)

    def go_on(
        self, values: dict[SSAValue, Array], start: int, narrow: Container[Operation]
    ) -> Exact:
        """The output from the values before op `start` on; takes `values` over."""
        for op in self.ops[start:]:
            self.step(op, values, narrow)
        return values[self.output].astype(np.float64)

    def step(
        self, op: Operation, values: dict[SSAValue, Array], narrow: Container[Operation]
    ) -> None:
        """Run one op, and forget what nothing reads from here on."""
        if isinstance(op, Cast):
            values[op.result] = self.cast(op, values, op in narrow)
        elif not isinstance(op, quant.QuantizeCastOp):
            arguments = tuple(values[value] for value in op.operands)
            values[op.results[0]] = self.interpreter.run_op(op, arguments)[0]
        for value in self.readers.get(op, ()):
            values.pop(value, None)

    def cast(self, op: Cast, values: Mapping[SSAValue, Array], narrow: bool) -> Array:
        """What goes through a pair of casts, or passes it by; a weight is its float weight."""
        stored = op.input.owner
        if not isinstance(stored, quant.QuantizeCastOp):
            weight = named(op, op.attributes.get(REAL))
            assert weight is not None
            return weight
        real = values[stored.input]
        if not narrow:
            return real
        if op in self.grids:
            return self.grids[op].simulate(real).astype(np.float32)
        codes = self.interpreter.run_op(stored, (real,))
        return self.interpreter.run_op(op, codes)[0]


def last_readers(ops: Sequence[Operation], output: SSAValue) -> dict[Operation, list[SSAValue]]:
    """For each op the values that nothing after it reads; a dcast reads what its qcast does."""
    last: dict[SSAValue, Operation] = {}
    for op in ops:
        for value in op.operands:
            last[value] = op
            if isinstance(op, Cast) and isinstance(value.owner, quant.QuantizeCastOp):
                last[value.owner.input] = op
    found: dict[Operation, list[SSAValue]] = {}
    for value, op in last.items():
        made = isinstance(value.owner, graph.ConstantOp)
        if value is not output and not made:
            found.setdefault(op, []).append(value)
    return found
