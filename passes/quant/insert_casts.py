"""Put quantizers into a calibrated float graph: simulated quantization as qcast/dcast pairs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from xdsl.context import Context
from xdsl.dialects import func
from xdsl.dialects.builtin import IntegerAttr, ModuleOp, TensorType, f32
from xdsl.ir import Attribute, Block, Operation, SSAValue
from xdsl.passes import ModulePass

from ...dialects import graph, quant
from ...dialects.diagnostics import RunnelError, describe, emit_remark
from ...dialects.types import dtype_of
from .calibrate import argument_attributes, is_float, range_of
from .placement import (
    PAIRS,
    PRODUCTS,
    Placement,
    continues,
    is_integer_product,
    is_scalar,
    preserves_grid,
)
from .statistics import grid

REAL = "quant.real"
"""The attribute (on the cast of a weight) that names the float constant it stands for."""

TYPE = "quant.type"
"""The attribute (on an op, a function argument, the constant of a weight) that holds the quantized
type that a quantizer must have, whatever was calibrated."""

BITS = "quant.bits"
"""The attribute (on an op or a function argument) that holds the bits of an activation: 8, 16."""

FIXED_GRIDS = {
    graph.SoftmaxOp: (1 / 256, -128),
    graph.SigmoidOp: (1 / 256, -128),
    graph.TanhOp: (1 / 128, 0),
}
"""Functions whose range is known: (scale, zero point) of an 8-bit result. One of 16 bits reaches
from -1 to 1.
"""


@dataclass(frozen=True)
class InsertQuantCasts(ModulePass):
    """Quantize what integer ops make and read with calibrated ranges, and their weights.

    Products with constant weights are integer ops, and so are sums, average pooling, softmax and
    chains of pointwise functions of one tensor (tables) if what they read is quantized anyway. What
    lies between other ops stays in float (`everywhere=true`: is quantized too).

    Where a tensor has a `quant.type` (import-encodings), that is its type. Other activations are
    8-bit asymmetric, per tensor (16-bit symmetric with a `quant.bits` of 16); weights symmetric
    without the most negative code, per output channel (or per tensor). ReLU and clip share the
    quantizer of the op before them; data movement and max pooling keep the grid of their input.

    Weights of fewer than 8 bits (`weight-bits`, at least 2) use their most negative code too, and
    are stored in i8. The cast of a weight names the float constant it stands for (`quant.real`),
    which rounding and bias correction read.
    """

    name = "insert-quant-casts"

    per_channel: bool = True
    weight_bits: int = 8
    everywhere: bool = False

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        if not 2 <= self.weight_bits <= 8:
            raise RunnelError(f"weights have 2 to 8 bits, not {self.weight_bits}")
        problems: list[str] = []
        for function in op.body.block.ops:
            if isinstance(function, func.FuncOp):
                block = function.body.block
                inserter = Inserter(op, block, self.per_channel, self.weight_bits, problems)
                inserter.run(function, self.everywhere)
        if problems:
            raise RunnelError(*problems)


def activation_type(bounds: tuple[float, float]) -> quant.UniformQuantizedType:
    """Signed 8-bit, asymmetric, with an exact zero."""
    scale, zero = grid(*bounds, 8)
    return quant.UniformQuantizedType.get([scale], [zero - 128])


def wide_type(bounds: tuple[float, float]) -> quant.UniformQuantizedType:
    """Signed 16-bit with zero point 0, as kernels have it."""
    scale = max(bounds[1] / 32767, -bounds[0] / 32768, 2.0**-23)
    return quant.UniformQuantizedType.get([scale], bits=16)


@dataclass
class Inserter:
    """`types` is the quantized type that each float value stands on."""

    module: ModuleOp
    block: Block
    per_channel: bool
    weight_bits: int
    problems: list[str]
    types: dict[SSAValue, quant.UniformQuantizedType] = field(
        default_factory=dict[SSAValue, quant.UniformQuantizedType]
    )

    def run(self, function: func.FuncOp, everywhere: bool) -> None:
        ops = list(self.block.ops)
        attributes = argument_attributes(function)
        placement = self.placement(ops, attributes)
        chosen = self.chosen(ops, placement, everywhere)
        for argument, entry in zip(self.block.args, attributes, strict=True):
            if is_float(argument.type) and argument in chosen:
                element = given_type(entry) or self.range_type(function, entry)
                self.pair(argument, element, self.block.first_op)
        for op in ops:
            if isinstance(op, PRODUCTS) and (everywhere or is_integer_product(op)):
                self.quantize_weight(op)
            if isinstance(op, PAIRS) and (everywhere or op in placement.integer):
                self.quantize_constants(op)
            if len(op.results) != 1 or not is_float(op.results[0].type) or not op.operands:
                continue
            if preserves_grid(op):
                source = self.types.get(op.operands[0])
                if source is not None:
                    self.types[op.results[0]] = source
                self.check_unused(op, source, "keeps the grid of its input")
            elif continues(op):
                self.check_unused(op, None, "is quantized after its activation")
            elif op.results[0] in chosen:
                self.pair(op.results[0], self.result_type(op), op.next_op)

    def check_unused(
        self, op: Operation, element: quant.UniformQuantizedType | None, why: str
    ) -> None:
        """Tell that the type that was given for the result of `op` is not used."""
        given = given_type(op.attributes)
        if given is not None and given != element:
            emit_remark("missed", InsertQuantCasts.name, op, f"{why}: {given} is not used")

    def placement(
        self, ops: Sequence[Operation], attributes: Sequence[Mapping[str, Attribute]]
    ) -> Placement:
        """Where quantizers belong; types that were given have one in any case."""
        pairs = zip(self.block.args, attributes, strict=True)
        given: set[SSAValue] = {argument for argument, entry in pairs if given_type(entry)}
        given |= {op.results[0] for op in ops if given_type(op.attributes)}
        return Placement(self.block, frozenset(given))

    def chosen(
        self, ops: Sequence[Operation], placement: Placement, everywhere: bool
    ) -> set[SSAValue]:
        """The values that have a quantizer (before those are put in)."""
        made = [op.results[0] for op in ops if len(op.results) == 1]
        if everywhere:
            return {*self.block.args, *made}
        return {v for v in (*self.block.args, *made) if placement.needs_quantizer(v)}

    def result_type(self, op: Operation) -> quant.UniformQuantizedType:
        fixed, given = FIXED_GRIDS.get(type(op)), given_type(op.attributes)
        if given is not None and not isinstance(op, graph.SoftmaxOp):
            return given
        if fixed is not None:
            element = quant.UniformQuantizedType.get([fixed[0]], [fixed[1]])
            if is_wide(op.attributes):
                element = quant.UniformQuantizedType.get([1 / 32768], bits=16)
            self.check_unused(op, element, "has the grid of the integer softmax")
            return element
        return self.range_type(op, op.attributes)

    def range_type(
        self, op: Operation, attributes: Mapping[str, Attribute]
    ) -> quant.UniformQuantizedType:
        bounds = range_of(attributes)
        if bounds is None:
            self.problems.append(f"{describe(op)}: has no quant.range; run calibrate first")
            bounds = (-1.0, 1.0)
        if is_wide(attributes):
            return wide_type(bounds)
        return activation_type(bounds)

    def pair(
        self, value: SSAValue, element: quant.UniformQuantizedType, before: Operation | None
    ) -> None:
        """qcast and dcast behind `value`; all its readers read the dcast."""
        assert isinstance(value.type, TensorType) and before is not None
        there = quant.QuantizeCastOp(value, TensorType(element, value.type.get_shape()))
        back = quant.DequantizeCastOp(there.result, value.type)
        if isinstance(value.owner, Operation):
            there.location = back.location = value.owner.location
        value.replace_all_uses_with(back.result)
        there.operands[0] = value
        self.block.insert_ops_before([there, back], before)
        self.types[back.result] = element

    def quantize_constants(self, op: Operation) -> None:
        """Quantize the constant tensor that an integer op takes beside an activation."""
        for index, value in enumerate(op.operands):
            array = graph.constant_array(value)
            if array is None or is_scalar(value) or not isinstance(value.owner, graph.ConstantOp):
                continue
            bounds = (min(float(array.min()), 0.0), max(float(array.max()), 0.0))
            wide = is_wide(value.owner.attributes)
            element = wide_type(bounds) if wide else activation_type(bounds)
            there = quant.QuantizeCastOp(value, TensorType(element, array.shape))
            back = quant.DequantizeCastOp(there.result, TensorType(f32, array.shape))
            there.location = back.location = op.location
            self.block.insert_ops_before([there, back], op)
            op.operands[index] = back.result

    def quantize_weight(self, op: Operation) -> None:
        """Replace a constant float weight by its integers behind a dcast."""
        weight = op.operands[1]
        array = graph.constant_array(weight)
        if array is None or not isinstance(weight.owner, graph.ConstantOp):
            return
        element = given_type(weight.owner.attributes) or self.weight_type(op, array)
        stored = codes_of(array, element)
        type = TensorType(element, array.shape)
        name = weight.owner.global_name.string_value()
        symbol = graph.add_global(self.module, name, stored, type).sym_name.data
        constant = graph.ConstantOp(symbol, type)
        real = TensorType(f32, array.shape)
        back = quant.DequantizeCastOp(constant.result, real)
        constant.location = back.location = weight.owner.location
        back.attributes[REAL] = weight.owner.global_name
        self.block.insert_ops_before([constant, back], op)
        op.operands[1] = back.result

    def weight_type(self, op: Operation, array: NDArray[Any]) -> quant.UniformQuantizedType:
        """Symmetric, with the least scales that clip nothing."""
        axis, bounds = weight_axis(op), weight_bounds(self.weight_bits)
        scales = self.room_for_bias(op, weight_scales(array, axis, self.per_channel, bounds))
        return quant.UniformQuantizedType.get(
            scales if self.per_channel else scales[:1],
            axis=axis if self.per_channel else -1,
            bounds=bounds,
        )

    def room_for_bias(self, op: Operation, scales: NDArray[np.float64]) -> NDArray[np.float64]:
        """Scales great enough that the bias in accumulator units stays far inside i32."""
        bias = graph.constant_array(op.operands[2]) if len(op.operands) > 2 else None
        source = self.types.get(op.operands[0])
        if bias is None or source is None:
            return scales
        least = np.abs(bias.astype(np.float64)).reshape(-1) / (source.scale * 2.0**29)
        if not self.per_channel:
            least = np.full(scales.shape, least.max())
        return np.maximum(scales, least)


def is_wide(attributes: Mapping[str, Attribute]) -> bool:
    """Whether an activation has 16 bits."""
    bits = attributes.get(BITS)
    return isinstance(bits, IntegerAttr) and bits.value.data == 16


def given_type(attributes: Mapping[str, Attribute]) -> quant.UniformQuantizedType | None:
    """The type among `attributes` that a quantizer must have."""
    found = attributes.get(TYPE)
    return found if isinstance(found, quant.UniformQuantizedType) else None


def weight_axis(op: Operation) -> int:
    """The axis of the weight of a layer that its outputs lie on."""
    stored = isinstance(op, graph.GemmOp) and bool(op.trans_b.value.data)
    return 0 if stored or isinstance(op, graph.ConvOp) else 1


def codes_of(array: NDArray[Any], element: quant.UniformQuantizedType) -> NDArray[Any]:
    """The nearest stored integers of `array`, as they lie in memory."""
    shape = [1] * array.ndim
    shape[element.axis.data if element.per_axis else 0] = -1
    scales, zeros = (
        part.reshape(shape) for part in (element.scale_array(), element.zero_point_array())
    )
    codes = np.clip(np.rint(array / scales) + zeros, *element.bounds)
    return codes.astype(dtype_of(element))


def weight_bounds(bits: int) -> tuple[int, int]:
    """The codes of weights: at 8 bits without the most negative one, as int8 kernels want it."""
    return (-127, 127) if bits == 8 else (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1)


def weight_scales(
    array: NDArray[Any], axis: int, per_channel: bool, bounds: tuple[int, int]
) -> NDArray[np.float64]:
    """The least scale per channel along `axis` that clips nothing (the same for all, per tensor).

    A channel of zeros takes the greatest scale of the others: its bias stays exact.
    """
    axes = tuple(i for i in range(array.ndim) if i != axis)
    values = array.astype(np.float64)
    scales = np.maximum(values.max(axes) / bounds[1], values.min(axes) / bounds[0])
    if not per_channel:
        scales = np.full(scales.shape, scales.max())
    scales = np.where(scales > 0, scales, scales.max() if scales.max() > 0 else 1.0)
    return np.asarray(scales, np.float32).astype(np.float64)
