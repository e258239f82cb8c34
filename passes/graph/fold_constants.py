"""Compute at compile time what depends on constants alone."""

from __future__ import annotations

from dataclasses import dataclass

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.passes import ModulePass
from xdsl.pattern_rewriter import (
    GreedyRewritePatternApplier,
    PatternRewriter,
    PatternRewriteWalker,
    RewritePattern,
    op_type_rewrite_pattern,
)

from ...dialects import graph
from ...dialects.diagnostics import emit_remark, source_name
from ...dialects.graph_base import tensor_type
from ...dialects.quant_types import UniformQuantizedType
from ...dialects.types import QuantizedType, byte_size, storage_type
from ...runtime.interpreter.graph import MEANINGS, evaluate
from .constants import new_constant, symbol_of

PASS = "fold-constants"


@dataclass(frozen=True)
class FoldConstants(ModulePass):
    """Replace graph ops whose operands are all constants by their results, as the interpreter says.

    Of quantized tensors, those that only move integers are computed. A result that is more than
    `growth` times as large as what it is computed from stays an op.
    `graph.dequantize_linear` stays too: behind it are the integers that a quantized network keeps.
    """

    name = PASS

    growth: int = 4

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        pattern = GreedyRewritePatternApplier([FoldConstantOperands(self.growth)])
        PatternRewriteWalker(pattern).rewrite_module(op)


MOVEMENT = (graph.ReshapeOp, graph.TransposeOp, graph.SliceOp, graph.ConcatOp)


def moves_stored_integers(op: graph.GraphOp) -> bool:
    """`op` moves integers that have one scale: no type counts the axes of its tensor."""
    elements = [tensor_type(value).element_type for value in (*op.operands, op.result)]
    return isinstance(op, MOVEMENT) and not any(
        isinstance(element, UniformQuantizedType) and element.per_axis for element in elements
    )


@dataclass
class FoldConstantOperands(RewritePattern):
    """op(constants...) -> constant."""

    growth: int

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: graph.GraphOp, rewriter: PatternRewriter, /):
        if isinstance(op, graph.DequantizeLinearOp) or type(op) not in MEANINGS:
            return
        types = [tensor_type(value) for value in (*op.operands, op.result)]
        quantized = any(isinstance(type.element_type, QuantizedType) for type in types)
        if quantized and not moves_stored_integers(op):
            return
        arrays = [graph.constant_array(value) for value in op.operands]
        if not arrays or any(array is None for array in arrays):
            return
        *read, made = (byte_size(storage_type(type)) for type in types)
        if made > max(self.growth * sum(read), 1024):
            emit_remark(
                "missed", PASS, op, f"the result of {made} bytes is much larger than its operands"
            )
            return
        result = evaluate(op, tuple(arrays))
        name = symbol_of(op.operands[0], source_name(op) or "folded")
        constant = new_constant(op, name, result, types[-1])
        constant.location = op.location
        emit_remark("passed", PASS, op, "computed at compile time")
        rewriter.replace(op, constant)
