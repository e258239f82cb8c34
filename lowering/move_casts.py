"""Casts move through ops that only move data, so that these move stored integers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from xdsl.dialects.builtin import ModuleOp, TensorType
from xdsl.ir import Operation, SSAValue
from xdsl.pattern_rewriter import PatternRewriter, RewritePattern, op_type_rewrite_pattern

from ..dialects import graph, quant
from ..dialects.quant_types import quantize_real
from ..dialects.types import dtype_of
from ..passes.quant.notes import FLOAT
from ..runtime.interpreter import integer
from .fusion import add_constant, dequantized, name_of

Moved = graph.ReshapeOp | graph.TransposeOp | graph.SliceOp | graph.PadOp


class SinkDequantize(RewritePattern):
    """reshape(dcast(x)) -> dcast(reshape(x)): moving data commutes with dequantizing it.

    Padding does where the grid has its value.
    """

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: Moved, rewriter: PatternRewriter) -> None:
        source = None if FLOAT in op.attributes else dequantized(op.input)
        if source is None or (isinstance(op, graph.PadOp) and not is_on_grid(op, source)):
            return
        moved_type = TensorType(quant.quantized(source), quant.shape_of(op.result))
        moved = type(op).create(
            operands=[source], properties=dict(op.properties), result_types=[moved_type]
        )
        back = quant.DequantizeCastOp(moved.results[0], op.result.type)
        moved.location = back.location = op.location
        rewriter.replace(op, [moved, back])


def is_on_grid(op: graph.PadOp, source: SSAValue) -> bool:
    """Whether some stored integer of `source` stands for just the value that `op` pads with."""
    element, value = quant.quantized(source), op.value.value.data
    stored = quantize_real(value, element)
    real = np.float32(stored - element.zero_point) * np.float32(element.scale)
    return bool(real == np.float32(value))


class SinkDequantizeBelowConcat(RewritePattern):
    """concat(dcast(x), dcast(y)) -> dcast(concat(x, y)), for one grid."""

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: graph.ConcatOp, rewriter: PatternRewriter) -> None:
        if FLOAT in op.attributes:
            return
        found = [dequantized(value) for value in op.inputs]
        sources = [source for source in found if source is not None]
        if len(sources) < len(found) or len({quant.quantized(s) for s in sources}) > 1:
            return
        moved = graph.ConcatOp(sources, op.axis.value.data)
        back = quant.DequantizeCastOp(moved.result, op.result.type)
        moved.location = back.location = op.location
        rewriter.replace(op, [moved, back])


class RaiseActivation(RewritePattern):
    """relu(concat(x, y)) -> concat(relu(x), relu(y)): it is the clamp of what makes x and y."""

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: graph.ReluOp | graph.ClipOp, rewriter: PatternRewriter) -> None:
        joined = op.input.owner
        if not isinstance(joined, graph.ConcatOp) or not op.input.has_one_use():
            return
        parts = [
            type(op).create(
                operands=[value, *op.operands[1:]],
                properties=dict(op.properties),
                result_types=[value.type],
            )
            for value in joined.inputs
        ]
        new = graph.ConcatOp([part.results[0] for part in parts], joined.axis.value.data)
        for created in (*parts, new):
            created.location = joined.location
        rewriter.replace(op, [*parts, new])
        rewriter.erase(joined)


class RaiseQuantize(RewritePattern):
    """qcast(concat(x, y)) -> concat(qcast(x), qcast(y)): each operand is made on the grid of the
    result, or goes through a table from its own.
    """

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: quant.QuantizeCastOp, rewriter: PatternRewriter) -> None:
        joined, element = op.input.owner, quant.quantized(op.result)
        if not isinstance(joined, graph.ConcatOp) or element.per_axis or FLOAT in joined.attributes:
            return
        parts = [
            quant.QuantizeCastOp(value, TensorType(element, quant.shape_of(value)))
            for value in joined.inputs
        ]
        new = graph.ConcatOp([part.result for part in parts], joined.axis.value.data)
        for part, value in zip(parts, joined.inputs, strict=True):
            maker = value.owner if isinstance(value.owner, Operation) else joined
            part.location = maker.location
        new.location = joined.location
        new.result.name_hint = op.result.name_hint
        rewriter.replace(op, [*parts, new])


@dataclass
class QuantizeConstant(RewritePattern):
    """qcast of a constant -> its stored integers."""

    module: ModuleOp

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: quant.QuantizeCastOp, rewriter: PatternRewriter) -> None:
        array, element = graph.constant_array(op.input), quant.quantized(op.result)
        if array is None or element.per_axis:
            return
        scale, zero = np.asarray(np.float32(element.scale)), np.asarray(element.zero_point)
        stored = integer.quantize(array, scale, zero, element.bounds).astype(dtype_of(element))
        name = f"{name_of(op.input, 'constant')}_q"
        constant = add_constant(self.module, name, stored, op.result.type)
        constant.location = op.location
        rewriter.replace(op, constant)
