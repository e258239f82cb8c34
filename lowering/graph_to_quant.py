"""graph -> quant: float ops between casts become exact integer ops.

`qcast(op(dcast(a), dcast(w), ...))` is one integer op; an activation before the qcast is its clamp.
"""

from __future__ import annotations

from dataclasses import dataclass

from xdsl.context import Context
from xdsl.dialects.builtin import AnyFloat, ModuleOp, StringAttr, TensorType
from xdsl.ir import Operation
from xdsl.passes import ModulePass
from xdsl.pattern_rewriter import GreedyRewritePatternApplier, PatternRewriteWalker, RewritePattern

from ..dialects import graph
from ..dialects.diagnostics import RunnelError, choices, emit_remark
from ..dialects.quant_types import ROUNDINGS
from ..passes.quant.notes import FLOAT
from ..passes.quant.round_results import forget_rounding
from ..passes.quant.rules import Rules
from .fuse_arithmetic import FuseAdd, FuseMul
from .fuse_attention import FuseLayerNorm, FuseMatmul
from .fuse_pools import FuseAveragePool, MaxPoolOfIntegers, SinkDequantizeBelowMaxPool
from .fuse_products import FuseConv, FuseGemm
from .fuse_tables import FusePointwise, FuseSoftmax, RequantizeCast
from .fusion import PASS
from .move_casts import (
    QuantizeConstant,
    RaiseActivation,
    RaiseQuantize,
    SinkDequantize,
    SinkDequantizeBelowConcat,
)


@dataclass(frozen=True)
class ConvertGraphToQuant(ModulePass):
    """Turn float ops between casts into integer ops; what has no integer form stays, with a remark.

    `rounding` is the rule for ties: half_even is the meaning of ONNX, single is cheaper. Where no
    accumulator can tie the two are the same, and single is taken. `platform` is the first one that
    the module's platform has, or single.
    """

    name = PASS

    rounding: str = "half_even"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        rounding = self.rounding
        if rounding == "platform":
            rounding = Rules.of(op).rounding
        if rounding not in ROUNDINGS:
            raise RunnelError(
                f"unknown rounding '{rounding}', expected one of {choices(rounding, ROUNDINGS)}"
            )
        forget_rounding(op)
        patterns: list[RewritePattern] = [
            SinkDequantize(),
            SinkDequantizeBelowConcat(),
            SinkDequantizeBelowMaxPool(),
            RaiseActivation(),
            RaiseQuantize(),
            QuantizeConstant(op),
            MaxPoolOfIntegers(),
            RequantizeCast(op),
            FuseConv(op, rounding),
            FuseGemm(op, rounding),
            FuseMatmul(op, rounding),
            FuseAdd(op, rounding),
            FuseMul(op, rounding),
            FuseAveragePool(op, rounding),
            FuseSoftmax(op, rounding),
            FuseLayerNorm(op, rounding),
            FusePointwise(op, rounding),
        ]
        PatternRewriteWalker(GreedyRewritePatternApplier(patterns)).rewrite_module(op)
        for inner in op.walk():
            if is_float_compute(inner):
                why = inner.attributes.get(FLOAT)
                reason = f": {why.data}" if isinstance(why, StringAttr) else ""
                emit_remark("missed", PASS, inner, f"{inner.name} stays in float{reason}")


def is_float_compute(op: Operation) -> bool:
    """An op of the graph dialect that computes with floats."""
    return (
        op.name.startswith("graph.")
        and not isinstance(op, graph.ConstantOp | graph.GlobalOp)
        and any(
            isinstance(result.type, TensorType) and isinstance(result.type.element_type, AnyFloat)
            for result in op.results
        )
    )
