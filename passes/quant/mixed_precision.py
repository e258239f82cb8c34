"""Choose which activations need 16 bits: noise of each 8-bit quantizer, and the cheapest set."""

from __future__ import annotations

from collections.abc import Container, Mapping
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from xdsl.context import Context
from xdsl.dialects import func
from xdsl.dialects.builtin import ArrayAttr, DictionaryAttr, IntegerAttr, ModuleOp, i64
from xdsl.interpreter import Interpreter
from xdsl.ir import BlockArgument, Operation, SSAValue
from xdsl.passes import ModulePass

from ...dialects import quant
from ...dialects.diagnostics import RunnelError, emit_remark, source_name
from ...dialects.graph_base import shape_of
from ...runtime.interpreter import input_names, load_functions
from .calibrate import argument_attributes, load_inputs
from .insert_casts import BITS, FIXED_GRIDS, REAL, InsertQuantCasts
from .observe import logits_of
from .real_parameters import named

PASS = "mixed-precision"
WIDE = 16
Array = NDArray[Any]


@dataclass(frozen=True)
class MixedPrecision(ModulePass):
    """Give as few activations as needed 16 bits, such that those of 8 bits keep `sqnr` dB.

    Comes after calibrate. With each 8-bit quantizer alone, `samples` samples of `data` tell its
    noise in the logits (or else the first result); weights are in float, as they are rounded later.
    Tensors get 16 bits in the order of noise per byte that this costs; how many, is found by
    bisection of that list, each time with all quantizers in place (arXiv:2302.05397, phases 1 and
    2, with bytes as cost). Remarks list the points that were measured, and the one chosen, which is
    noted as `quant.bits`. Nothing is done for an `sqnr` of 0.
    """

    name = PASS

    data: str
    sqnr: float = 30.0
    samples: int = 16

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        if self.sqnr <= 0:
            return
        function = next((f for f in op.body.block.ops if isinstance(f, func.FuncOp)), None)
        if function is None:
            raise RunnelError(f"{PASS}: the module has no function")
        trial = Trial.of(op, function, self.data, self.samples)
        reference = trial.result(())
        total = (reference**2).sum()
        order = sorted(
            trial.candidates,
            key=lambda cast: -((trial.result({cast}) - reference) ** 2).sum() / trial.cost(cast),
        )

        def measure(wide: int) -> float:
            noise = ((trial.result(frozenset(order[wide:])) - reference) ** 2).sum()
            quality = float(10 * np.log10(total / noise)) if noise else np.inf
            cost = sum(map(trial.cost, order[:wide]))
            text = f"{wide} of {len(order)} tensors in 16 bits, {cost} bytes more: {quality:.1f} dB"
            emit_remark("analysis", PASS, function, text)
            return quality

        least, most = 0, len(order)
        if not order or measure(0) >= self.sqnr:
            return
        while most - least > 1:
            middle = (least + most) // 2
            least, most = (least, middle) if measure(middle) >= self.sqnr else (middle, most)
        chosen = order[:most]
        for cast in chosen:
            trial.note(cast)
        names = ", ".join(trial.name_of(cast) for cast in chosen)
        emit_remark("passed", PASS, function, f"16 bits for {most} of {len(order)}: {names}")


@dataclass(frozen=True)
class Trial:
    """The graph with 8-bit casts, samples, and what each cast stands for in the real graph."""

    function: func.FuncOp
    """The function that is written to."""
    simulated: func.FuncOp
    interpreter: Interpreter
    inputs: Mapping[SSAValue, Array]
    last: Operation | None
    """Gives the logits, where the network ends in them or in their softmax."""
    makers: Mapping[quant.DequantizeCastOp, Operation | int]
    """By dcast of an activation: the op in `function` that makes it, or the index of an input."""

    @staticmethod
    def of(module: ModuleOp, function: func.FuncOp, data: str, samples: int) -> Trial:
        copy = module.clone()
        simulated = next(f for f in copy.body.block.ops if isinstance(f, func.FuncOp))
        pairs = zip(simulated.body.block.ops, function.body.block.ops, strict=True)
        originals = dict(pairs)
        logits = logits_of(function)
        last = next((op for op, original in originals.items() if original is logits), None)
        InsertQuantCasts().apply(Context(), copy)
        makers: dict[quant.DequantizeCastOp, Operation | int] = {}
        for op in simulated.body.block.ops:
            if not isinstance(op, quant.DequantizeCastOp):
                continue
            if not isinstance(op.input.owner, quant.QuantizeCastOp):
                continue
            real = op.input.owner.input
            if isinstance(real, BlockArgument):
                makers[op] = real.index
            elif isinstance(real.owner, Operation):
                makers[op] = originals[real.owner]
        interpreter = Interpreter(copy)
        for dialect in ("graph", "quant"):
            interpreter.register_implementations(load_functions(dialect, simulated))
        names, arguments = input_names(simulated), simulated.body.block.args
        stored = load_inputs(Path(data), names)
        inputs: dict[SSAValue, Array] = {
            argument: stored[name][: samples * shape_of(argument)[0]].astype(np.float32)
            for name, argument in zip(names, arguments, strict=True)
        }
        return Trial(function, simulated, interpreter, inputs, last, makers)

    @property
    def candidates(self) -> list[quant.DequantizeCastOp]:
        """Those whose grid may be finer."""
        return [op for op, maker in self.makers.items() if type(maker) not in FIXED_GRIDS]

    def cost(self, cast: quant.DequantizeCastOp) -> int:
        """Bytes that 16 bits take more."""
        return prod(shape_of(cast.result))

    def result(self, narrow: Container[Operation]) -> NDArray[np.float64]:
        """The logits (or else the first result) with these dcasts in 8 bits, all else in float."""
        values: dict[SSAValue, Array] = dict(self.inputs)
        for op in self.simulated.body.block.ops:
            if isinstance(op, func.ReturnOp):
                return values[op.operands[0]].astype(np.float64)
            if isinstance(op, quant.QuantizeCastOp):
                continue
            if isinstance(op, quant.DequantizeCastOp):
                values[op.result] = self.cast(op, values, op in narrow)
                continue
            arguments = tuple(values[value] for value in op.operands)
            values[op.results[0]] = self.interpreter.run_op(op, arguments)[0]
            if op is self.last:
                return values[op.results[0]].astype(np.float64)
        raise RunnelError(f"{PASS}: the function returns nothing")

    def cast(
        self, op: quant.DequantizeCastOp, values: Mapping[SSAValue, Array], narrow: bool
    ) -> Array:
        """What goes through a pair of casts, or passes it by; a weight is its float weight."""
        stored = op.input.owner
        if not isinstance(stored, quant.QuantizeCastOp):
            weight = named(op, op.attributes.get(REAL))
            assert weight is not None
            return weight
        real = values[stored.input]
        if not narrow:
            return real
        codes = self.interpreter.run_op(stored, (real,))
        return self.interpreter.run_op(op, codes)[0]

    def note(self, cast: quant.DequantizeCastOp) -> None:
        """Write 16 bits at what makes the tensor."""
        maker, bits = self.makers[cast], IntegerAttr(WIDE, i64)
        if isinstance(maker, Operation):
            maker.attributes[BITS] = bits
            return
        entries = [dict(old) for old in argument_attributes(self.function)]
        entries[maker][BITS] = bits
        self.function.arg_attrs = ArrayAttr(DictionaryAttr(entry) for entry in entries)

    def name_of(self, cast: quant.DequantizeCastOp) -> str:
        maker = self.makers[cast]
        if isinstance(maker, Operation):
            return source_name(maker) or maker.name
        return input_names(self.function)[maker]
