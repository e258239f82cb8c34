"""Put quantizers into a calibrated float graph: simulated quantization as qcast/dcast pairs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from xdsl.context import Context
from xdsl.dialects import func
from xdsl.dialects.builtin import ModuleOp, StringAttr, TensorType, f32
from xdsl.ir import Attribute, Operation, SSAValue, Use
from xdsl.passes import ModulePass

from ...dialects import graph, quant
from ...dialects.diagnostics import OpError, RunnelError, emit_remark
from ...dialects.graph_base import is_float
from .blocks import BLOCKS, Blocks, blocked
from .calibrate import argument_attributes, range_of
from .grids import bias_room, codes_of, grid_type, weight_axis, weight_type
from .integer_forms import PAIRS, form_problem, is_product
from .notes import FLOAT, REAL, given_bits, given_type, given_weight_bits
from .placement import Placement, is_scalar
from .rules import Rules, scheme_for
from .scheme import Grid, Scheme

FIXED_GRIDS: dict[type[Operation], Grid] = {
    graph.SoftmaxOp: Grid(1 / 256, -128, -128, 127),
    graph.SigmoidOp: Grid(1 / 256, -128, -128, 127),
    graph.TanhOp: Grid(1 / 128, 0, -128, 127),
}
"""Functions whose range is known: the grid of an 8-bit result."""


@dataclass(frozen=True)
class InsertQuantCasts(ModulePass):
    """Quantize what integer ops make and read with calibrated ranges, and their weights.

    Products with constant weights are integer ops, and so are sums, average pooling, softmax and
    chains of pointwise functions of one tensor (tables) if what they read is quantized anyway. What
    lies between other ops stays in float (`everywhere=true`: is quantized too). ReLU and clip share
    the quantizer of the op before them; data movement and max pooling keep the grid of their input.

    The platform of the module says which of these it computes in integers, and on which grids; a
    remark names what stays in float, and why. Without restrictions activations are asymmetric, per
    tensor (16-bit ones, with a `quant.bits` of 16, symmetric); weights symmetric without the most
    negative code, per output channel. `per-channel=false` is one scale per tensor. Where a tensor
    has a `quant.type` (import-encodings), that is its type.

    Weights of fewer than 8 bits (`weight-bits`, at least 2, or the `quant.weight_bits` of a layer)
    use their most negative code too, and are stored in i8. With a `block-size` so many weights of
    an output have a scale of their own: that of the output times an integer (`quant.blocks`), by
    which their codes are stored multiplied, in i8, for the same kernels. The cast of a weight names
    the float constant it stands for (`quant.real`), which rounding and bias correction read.
    """

    name = "insert-quant-casts"

    per_channel: bool = True
    weight_bits: int = 8
    everywhere: bool = False
    block_size: int = 0

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        if not 2 <= self.weight_bits <= 8:
            raise RunnelError(f"weights have 2 to 8 bits, not {self.weight_bits}")
        if self.block_size < 0:
            raise RunnelError(f"a block has at least one weight, not {self.block_size}")
        problems: list[tuple[Operation, str]] = []
        for function in op.body.block.ops:
            if isinstance(function, func.FuncOp):
                Inserter(op, function, self, problems).run()
        if problems:
            raise OpError(*problems)


class Inserter:
    """`types` is the quantized type that each float value stands on."""

    def __init__(
        self,
        module: ModuleOp,
        function: func.FuncOp,
        wanted: InsertQuantCasts,
        problems: list[tuple[Operation, str]],
    ):
        self.module, self.function, self.wanted = module, function, wanted
        self.problems = problems
        self.block = function.body.block
        self.rules = Rules.of(module)
        self.types: dict[SSAValue, quant.UniformQuantizedType] = {}
        self.real: set[Use] = set()  # what reads a value as it was before its quantizer
        self.notes: dict[SSAValue, Mapping[str, Attribute]] = dict(
            zip(self.block.args, argument_attributes(function), strict=True)
        )
        self.notes |= {
            op.results[0]: op.attributes for op in self.block.ops if len(op.results) == 1
        }
        given = {value for value, notes in self.notes.items() if given_type(notes)}
        self.placement = Placement(self.block, frozenset(given), self.rules)
        widths = {value: self.width(value, notes) for value, notes in self.notes.items()}
        if set(widths.values()) != {8}:
            self.placement = Placement(self.block, frozenset(given), self.rules, widths)

    def width(self, value: SSAValue, notes: Mapping[str, Attribute]) -> int:
        """The bits of an activation: those that are noted, if the platform has them here."""
        bits, given = given_bits(notes), given_type(notes) is not None
        if bits == 8 or given or self.placement.has_width(value, bits):
            return bits
        op = value.owner if isinstance(value.owner, Operation) else self.function
        why = f"{self.rules.where} has no {bits}-bit activations here"
        emit_remark("missed", InsertQuantCasts.name, op, f"{why}: 8 bits are taken")
        return 8

    def run(self) -> None:
        ops, placement = list(self.block.ops), self.placement
        chosen = self.chosen(ops)
        schemes = {value: placement.scheme(value) for value in chosen}
        ranges = {value: placement.range_of(value) for value in chosen}
        continued = {op for op in ops if len(op.results) == 1 and placement.continues(op)}
        kept = {op for op in ops if placement.preserves(op)}
        for argument in self.block.args:
            if is_float(argument.type) and argument in chosen:
                notes = self.notes[argument]
                element = given_type(notes) or self.range_type(
                    self.function, notes, schemes[argument]
                )
                self.pair(argument, element, self.block.first_op)
        for op in ops:
            if is_product(op) and self.is_integer(op):
                self.quantize_weight(op)
            if isinstance(op, PAIRS) and self.is_integer(op):
                self.quantize_constants(op)
            if len(op.results) != 1 or not is_float(op.results[0].type) or not op.operands:
                continue
            result = op.results[0]
            if op in kept:
                source = self.types.get(op.operands[0])
                if source is not None:
                    self.types[result] = source
                self.check_unused(op, source, "keeps the grid of its input")
            elif op in continued:
                self.check_unused(op, None, "is quantized after its activation")
            elif result in chosen:
                self.pair(result, self.result_type(op, schemes[result], ranges[result]), op.next_op)
        self.tell_what_stays(ops)

    def tell_what_stays(self, ops: Sequence[Operation]) -> None:
        """A remark for each op that stays in float, and a note where the platform is to blame."""
        for op, reason in self.placement.platform_refuses.items():
            op.attributes[FLOAT] = StringAttr(reason)
        for op in ops:
            reason = self.placement.reasons.get(op)
            blamed = op in self.placement.platform_refuses or not self.wanted.everywhere
            if reason is not None and blamed and op.operands and is_float(op.results[0].type):
                emit_remark("missed", InsertQuantCasts.name, op, f"stays in float: {reason}")

    def is_integer(self, op: Operation) -> bool:
        """A product or a pair whose constants are quantized."""
        everywhere = self.wanted.everywhere and form_problem(op) is None
        return everywhere or op in self.placement.integer

    def check_unused(
        self, op: Operation, element: quant.UniformQuantizedType | None, why: str
    ) -> None:
        """Tell that the type that was given for the result of `op` is not used."""
        given = given_type(op.attributes)
        if given is not None and given != element:
            emit_remark("missed", InsertQuantCasts.name, op, f"{why}: {given} is not used")

    def chosen(self, ops: Sequence[Operation]) -> set[SSAValue]:
        """The values that have a quantizer (before those are put in)."""
        made = [op.results[0] for op in ops if len(op.results) == 1]
        if self.wanted.everywhere:
            return {*self.block.args, *made}
        values: list[SSAValue] = [*self.block.args, *made]
        chosen = {value for value in values if self.placement.needs_quantizer(value)}
        uses = (use for value in chosen for use in value.uses)
        self.real = {use for use in uses if self.placement.reads_real(use)}
        return chosen

    def result_type(
        self, op: Operation, scheme: Scheme, asked: tuple[float, float] | None
    ) -> quant.UniformQuantizedType:
        """The type of the result of `op`, whose range may be `asked` for."""
        fixed, given = FIXED_GRIDS.get(type(op)), given_type(op.attributes)
        if isinstance(op, graph.SoftmaxOp):
            element = grid_type(FIXED_GRIDS[type(op)], 8)
            if scheme.bits == 16:
                element = quant.UniformQuantizedType.get([1 / 32768], bits=16)
            self.check_unused(op, element, "has the grid of the integer softmax")
            return element
        if given is not None:
            return given
        if asked is not None:
            return grid_type(scheme.grid(*asked), scheme.bits)
        if fixed is not None and scheme.bits == 8 and allows(scheme, fixed):
            return grid_type(replace(fixed, least=scheme.least(fixed.zero)), 8)
        return self.range_type(op, op.attributes, scheme)

    def range_type(
        self, op: Operation, attributes: Mapping[str, Attribute], scheme: Scheme
    ) -> quant.UniformQuantizedType:
        bounds = range_of(attributes)
        if bounds is None:
            self.problems.append((op, "has no quant.range; run calibrate first"))
            bounds = (-1.0, 1.0)
        return grid_type(scheme.grid(*bounds), scheme.bits)

    def pair(
        self, value: SSAValue, element: quant.UniformQuantizedType, before: Operation | None
    ) -> None:
        """qcast and dcast behind `value`; its readers read the dcast, but for those of `real`."""
        assert isinstance(value.type, TensorType) and before is not None
        there = quant.QuantizeCastOp(value, TensorType(element, value.type.get_shape()))
        back = quant.DequantizeCastOp(there.result, value.type)
        if isinstance(value.owner, Operation):
            there.location = back.location = value.owner.location
        value.replace_uses_with_if(back.result, lambda use: use not in self.real)
        there.operands[0] = value
        self.block.insert_ops_before([there, back], before)
        self.types[back.result] = element

    def quantize_constants(self, op: Operation) -> None:
        """Quantize the constant tensor that an integer op takes beside an activation."""
        rule, width = self.placement.rule_of(op), self.placement.width_of
        for index, value in enumerate(op.operands):
            array = graph.constant_array(value)
            if array is None or is_scalar(value):
                continue
            scheme = scheme_for([rule], width(value))
            bounds = min(float(array.min()), 0.0), max(float(array.max()), 0.0)
            element = grid_type(scheme.grid(*bounds), scheme.bits)
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
        given = given_type(weight.owner.attributes)
        axis = weight_axis(op)
        blocks = Blocks.of(weight.owner.attributes.get(BLOCKS), array.shape[axis])
        if given is None and self.has_blocks(op):
            blocks, given = self.blocked_weight(op, array)
        element = given or self.weight_type(op, array)
        if blocks is None:
            stored = codes_of(array, element)
        else:
            stored = blocks.stored(array, axis, element.scale_array())
        type = TensorType(element, array.shape)
        name = weight.owner.global_name.string_value()
        symbol = graph.add_global(self.module, name, stored, type).sym_name.data
        constant = graph.ConstantOp(symbol, type)
        real = TensorType(f32, array.shape)
        back = quant.DequantizeCastOp(constant.result, real)
        constant.location = back.location = weight.owner.location
        back.attributes[REAL] = weight.owner.global_name
        if blocks is not None:
            back.attributes[BLOCKS] = blocks.attribute()
        self.block.insert_ops_before([constant, back], op)
        op.operands[1] = back.result

    def weight_type(self, op: Operation, array: NDArray[Any]) -> quant.UniformQuantizedType:
        rule = self.rules.rule(op)
        source = self.types.get(op.operands[0])
        width = 8 if source is None else source.storage.width.data
        bits = min(self.weight_bits(op), rule.weight_bits(width))
        per_channel = self.wanted.per_channel and rule.per_channel
        least = self.room_for_bias(op, array.shape[weight_axis(op)], bits)
        return weight_type(array, weight_axis(op), per_channel, bits, rule, least)

    def has_blocks(self, op: Operation) -> bool:
        """Blocks are wanted, of fewer bits than the 8 that they are stored in and kernels take."""
        if not self.wanted.block_size:
            return False
        most, bits = self.rules.rule(op).weight_bits(), self.weight_bits(op)
        why = f"{self.rules.where} has weights of {most} bits" if most < 8 else None
        why = "8 bits leave no room for it" if bits == 8 else why
        if why is not None:
            emit_remark("missed", InsertQuantCasts.name, op, f"no scale per block: {why}")
        return why is None

    def weight_bits(self, op: Operation) -> int:
        """The bits that are wanted for the weight of `op`."""
        return given_weight_bits(op.attributes, self.wanted.weight_bits)

    def blocked_weight(
        self, op: Operation, array: NDArray[Any]
    ) -> tuple[Blocks, quant.UniformQuantizedType]:
        """Blocks and type of a weight."""
        axis, rule = weight_axis(op), self.rules.rule(op)
        per_channel = self.wanted.per_channel and rule.per_channel
        rows = np.moveaxis(array, axis, 0)
        flat = rows.reshape(len(rows), -1)
        least = self.room_for_bias(op, len(rows), 8)
        size, bits = self.wanted.block_size, self.weight_bits(op)
        blocks, scales = blocked(flat, size, bits, per_channel, rule.power_of_two, least)
        element = quant.UniformQuantizedType.get(
            scales if per_channel else scales[:1],
            axis=axis if per_channel else -1,
            bounds=blocks.stored_bounds,
        )
        return blocks, element

    def room_for_bias(self, op: Operation, channels: int, bits: int) -> NDArray[np.float64]:
        """Scales great enough that the bias in accumulator units stays far inside i32."""
        bias = graph.constant_array(op.operands[2]) if len(op.operands) > 2 else None
        source = self.types.get(op.operands[0])
        if bias is None or source is None:
            return np.zeros(channels)
        least = np.abs(bias.astype(np.float64)).reshape(-1) / (source.scale * bias_room(bits))
        return np.broadcast_to(least, channels)


def allows(scheme: Scheme, grid: Grid) -> bool:
    """Whether `grid` is one of `scheme`, apart from its least code."""
    return not scheme.symmetric or grid.zero == 0 or (scheme.unsigned and grid.zero == grid.least)
