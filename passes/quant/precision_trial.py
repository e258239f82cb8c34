"""What a choice of bits does to the results of a network: simulated on samples, without labels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from xdsl.context import Context
from xdsl.dialects import func
from xdsl.dialects.builtin import (
    ArrayAttr,
    DictionaryAttr,
    IntegerAttr,
    ModuleOp,
    SymbolRefAttr,
    i64,
)
from xdsl.interpreter import Interpreter
from xdsl.ir import Attribute, BlockArgument, Operation, SSAValue

from ...dialects import quant
from ...dialects.diagnostics import RunnelError, source_name, unheard
from ...dialects.graph_base import shape_of
from ...runtime.array_files import read_inputs
from ...runtime.interpreter import input_names, load_functions
from .calibrate import argument_attributes
from .insert_casts import FIXED_GRIDS, InsertQuantCasts
from .integer_forms import PRODUCTS
from .logits import logits_of
from .notes import BITS, REAL, WEIGHT_BITS
from .prefix import start
from .real_parameters import named
from .weight_rounding import Samples, flip, integers_of, moments, rows_of, sample

Array = NDArray[Any]

WIDE = 16
"""Bits of an activation that is not narrow."""
FULL = 8
"""Bits of a weight that is not narrow."""
POSITIONS = 2048
"""Of a layer's output, that its rounded weights are fitted to."""


@dataclass(frozen=True)
class Precision:
    """Bits for quantizers of the graph: activations are `WIDE` and weights `FULL` otherwise."""

    narrow: frozenset[Operation] = frozenset()
    """Casts of activations of 8 bits."""
    weights: Mapping[Operation, int] = field(default_factory=dict[Operation, int])
    """Casts of weights to their bits."""


@dataclass(frozen=True)
class Trial:
    """The graph with casts, samples, and what each cast stands for in the real graph.

    Activations that are not narrow and weights of 8 bits are in float here: what they lose is
    small, and rounding comes later. Narrower weights are rounded one layer after the other, by
    what that does to its output on float inputs (round-weights sees the errors before it, too).
    """

    function: func.FuncOp
    """The function that is written to."""
    simulated: func.FuncOp
    interpreter: Interpreter
    inputs: Mapping[SSAValue, Array]
    last: Operation | None
    """Gives the logits, where the network ends in them or in their softmax."""
    makers: Mapping[Operation, Operation | int]
    """By dcast of an activation: the op in `function` that makes it, or the index of an input."""
    layers: Mapping[Operation, Operation]
    """By dcast of a weight: the product in `function` that reads it."""
    rounded: Mapping[tuple[Operation, int], Array]
    """By dcast of a weight and bits: the reals of the rounded weight."""

    @staticmethod
    def of(
        module: ModuleOp,
        function: func.FuncOp,
        data: str,
        weight_bits: Sequence[int],
        per_channel: bool,
    ) -> Trial:
        copy = module.clone()
        simulated = next(f for f in copy.body.block.ops if isinstance(f, func.FuncOp))
        pairs = zip(simulated.body.block.ops, function.body.block.ops, strict=True)
        originals = dict(pairs)
        logits = logits_of(function)
        last = next((op for op, original in originals.items() if original is logits), None)
        with unheard():
            InsertQuantCasts(per_channel).apply(Context(), copy)
        makers, layers = casts_of(simulated, originals)
        rounded: dict[tuple[Operation, int], Array] = {}
        for bits in weight_bits:
            found = rounded_weights(module, data, bits, per_channel) if bits < FULL else {}
            products = [op for op in simulated.body.block.ops if isinstance(op, PRODUCTS)]
            for place, weight in found.items():
                cast = products[place].operands[1].owner
                assert isinstance(cast, Operation)
                rounded[cast, bits] = weight
        interpreter = Interpreter(copy)
        for dialect in ("graph", "quant"):
            interpreter.register_implementations(load_functions(dialect, simulated))
        names, arguments = input_names(simulated), simulated.body.block.args
        stored = read_inputs(Path(data), names)
        inputs: dict[SSAValue, Array] = {
            argument: stored[name].astype(np.float32)
            for name, argument in zip(names, arguments, strict=True)
        }
        return Trial(function, simulated, interpreter, inputs, last, makers, layers, rounded)

    @property
    def candidates(self) -> list[Operation]:
        """Casts of activations whose grid may be finer."""
        return [op for op, maker in self.makers.items() if type(maker) not in FIXED_GRIDS]

    def activation_bytes(self, cast: Operation) -> int:
        """Bytes that 16 bits take more."""
        return prod(shape_of(cast.results[0]))

    def result(self, precision: Precision, samples: int) -> NDArray[np.float64]:
        """The logits (or else the first result) of the first samples."""
        values: dict[SSAValue, Array] = {
            argument: array[: samples * shape_of(argument)[0]]
            for argument, array in self.inputs.items()
        }
        for op in self.simulated.body.block.ops:
            if isinstance(op, func.ReturnOp):
                return values[op.operands[0]].astype(np.float64)
            if isinstance(op, quant.QuantizeCastOp):
                continue
            if isinstance(op, quant.DequantizeCastOp):
                values[op.result] = self.cast(op, values, precision)
                continue
            arguments = tuple(values[value] for value in op.operands)
            values[op.results[0]] = self.interpreter.run_op(op, arguments)[0]
            if op is self.last:
                return values[op.results[0]].astype(np.float64)
        raise RunnelError("the function returns nothing")

    def cast(
        self, op: quant.DequantizeCastOp, values: Mapping[SSAValue, Array], precision: Precision
    ) -> Array:
        """What goes through a pair of casts, or passes it by; a weight as its bits have it."""
        stored = op.input.owner
        if not isinstance(stored, quant.QuantizeCastOp):
            bits = precision.weights.get(op, FULL)
            weight = named(op, op.attributes.get(REAL)) if bits == FULL else self.rounded[op, bits]
            assert weight is not None
            return weight
        real = values[stored.input]
        if op not in precision.narrow:
            return real
        codes = self.interpreter.run_op(stored, (real,))
        return self.interpreter.run_op(op, codes)[0]

    def write(self, precision: Precision) -> None:
        """Write the bits of the quantizers at what makes the tensors, and at the layers."""
        entries: list[dict[str, Attribute]] = [
            dict(old) for old in argument_attributes(self.function)
        ]
        for cast in self.candidates:
            maker = self.makers[cast]
            attributes = maker.attributes if isinstance(maker, Operation) else entries[maker]
            attributes.pop(BITS, None)
            if cast not in precision.narrow:
                attributes[BITS] = IntegerAttr(WIDE, i64)
        self.function.arg_attrs = ArrayAttr(DictionaryAttr(entry) for entry in entries)
        for cast, layer in self.layers.items():
            layer.attributes.pop(WEIGHT_BITS, None)
            if (bits := precision.weights.get(cast, FULL)) != FULL:
                layer.attributes[WEIGHT_BITS] = IntegerAttr(bits, i64)

    def name_of(self, cast: Operation) -> str:
        maker = self.layers[cast] if cast in self.layers else self.makers[cast]
        if isinstance(maker, Operation):
            return source_name(maker) or maker.name
        return input_names(self.function)[maker]


def casts_of(
    simulated: func.FuncOp, originals: Mapping[Operation, Operation]
) -> tuple[dict[Operation, Operation | int], dict[Operation, Operation]]:
    """What stands for casts of activations, and of weights, in the real graph."""
    makers: dict[Operation, Operation | int] = {}
    layers: dict[Operation, Operation] = {}
    for op in simulated.body.block.ops:
        if not isinstance(op, quant.DequantizeCastOp):
            continue
        if not isinstance(op.input.owner, quant.QuantizeCastOp):
            if isinstance(op.attributes.get(REAL), SymbolRefAttr):
                layers[op] = originals[next(iter(op.result.uses)).operation]
            continue
        real = op.input.owner.input
        if isinstance(real, BlockArgument):
            makers[op] = real.index
        elif isinstance(real.owner, Operation):
            makers[op] = originals[real.owner]
    return makers, layers


def rounded_weights(module: ModuleOp, data: str, bits: int, per_channel: bool) -> dict[int, Array]:
    """The reals of each weight that is rounded to `bits`, by its place among the products."""
    copy = module.clone()
    products = [op for op in copy.walk() if isinstance(op, PRODUCTS)]
    for op in products:
        op.attributes[WEIGHT_BITS] = IntegerAttr(bits, i64)
    found: dict[int, Array] = {}
    with unheard():
        InsertQuantCasts(per_channel).apply(Context(), copy)
        for visit in start(copy, "mixed-precision", data, 64).visits():
            integers = integers_of(visit.layer)
            if integers is None:
                continue
            place, weight = products.index(visit.layer.op), rows_of(visit.layer, visit.real_weight)
            real = sample(visit, POSITIONS, place).real
            second = moments(Samples(real, real)).quantized
            low, high = integers.neighbours(weight)
            codes = flip(integers.codes, low, high, integers.scales, weight, second)
            found[place] = visit.layer.stored(integers.scales * codes).astype(np.float32)
    return found
