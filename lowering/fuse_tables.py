"""Pointwise functions and softmax between casts: a table of results at each stored integer."""

from __future__ import annotations

from math import log2
from typing import Any

import numpy as np
from numpy.typing import NDArray
from xdsl.dialects.builtin import TensorType, i8, i16, i32
from xdsl.ir import Operation, SSAValue

from ..dialects import graph, quant
from ..dialects.diagnostics import emit_remark
from ..passes.quant.placement import data_operands, is_pointwise
from ..runtime.interpreter.graph import MEANINGS
from .fusion import PASS, FusePattern, Fusion, RealFunction, add_constant, dequantized

UNARY: dict[type[Operation], RealFunction] = {
    graph.ReluOp: lambda x: np.maximum(x, 0),
    graph.SigmoidOp: lambda x: 1 / (1 + np.exp(-x)),
    graph.TanhOp: np.tanh,
    graph.ExpOp: np.exp,
    graph.AbsOp: np.abs,
    graph.NegOp: np.negative,
    graph.HardSwishOp: lambda x: x * np.clip(x / 6 + 0.5, 0, 1),
}
"""Functions without parameters that become tables."""


class RequantizeCast(FusePattern):
    """qcast(dcast(x)) -> x, or a table between two scales."""

    def fuse(self, fusion: Fusion) -> None:
        core = fusion.core
        if not isinstance(core, quant.DequantizeCastOp):
            return
        source = dequantized(core.result)
        if source is None:
            return
        element = fusion.element
        if quant.quantized(source) == element and fusion.clamp == element.bounds:
            fusion.rewriter.replace(fusion.cast, [], [source])
        else:
            self.table(fusion, source, lambda x: x)


class FusePointwise(FusePattern):
    """A function of one 8-bit tensor, also of several ops, becomes a table."""

    def fuse(self, fusion: Fusion) -> None:
        core = fusion.core
        function = UNARY.get(type(core))
        source = dequantized(core.operands[0]) if function else None
        if function is not None and source is not None:
            self.table(fusion, source, function)
        elif is_pointwise(core) and (source := source_of(core.results[0])) is not None:
            self.table(fusion, source, lambda x: chain_value(core.results[0], x))


def source_of(value: SSAValue) -> SSAValue | None:
    """The one 8-bit tensor that pointwise ops make `value` of, at the same place."""
    if (source := dequantized(value)) is not None:
        return source
    op = value.owner
    if not isinstance(op, Operation) or not is_pointwise(op):
        return None
    values = data_operands(op)
    found = {source_of(operand) for operand in values}
    alike = all(quant.shape_of(operand) == quant.shape_of(value) for operand in values)
    return found.pop() if len(found) == 1 and alike else None


def chain_value(value: SSAValue, x: NDArray[Any]) -> NDArray[Any]:
    """What pointwise ops make of the reals `x` of their source, in f32 as the interpreter does."""
    if dequantized(value) is not None:
        return x.astype(np.float32)
    array = graph.constant_array(value)
    if array is not None:
        return array.reshape(())
    assert isinstance(value.owner, Operation)
    arguments = [chain_value(operand, x) for operand in value.owner.operands]
    with np.errstate(all="ignore"):
        return np.asarray(MEANINGS[type(value.owner)](value.owner, *arguments))


class FuseSoftmax(FusePattern):
    """Softmax over the last axis, with a table of the exponentials of all differences."""

    def fuse(self, fusion: Fusion) -> None:
        core = fusion.core
        if not isinstance(core, graph.SoftmaxOp):
            return
        source = dequantized(core.input)
        rank = len(quant.shape_of(core.input))
        if source is None or core.axis.value.data not in (-1, rank - 1):
            return
        have, want = quant.quantized(source), fusion.element
        bits = have.storage.width.data
        if have.storage not in (i8, i16):
            emit_remark("missed", PASS, core, "an integer softmax takes 8 or 16 bits")
            return
        if fusion.clamp != fusion.element.bounds:
            emit_remark("missed", PASS, core, "an integer softmax takes no clamp")
            return
        if want.scale != quant.SOFTMAX_SCALES.get(want.storage.width.data):
            emit_remark("missed", PASS, core, "an integer softmax has an output scale of 1/256")
            return
        count = quant.shape_of(source)[-1]
        entries = (softmax_table if bits == 8 else wide_softmax_table)(have.scale, count)
        type = TensorType(i32, [quant.SOFTMAX_ENTRIES[bits]])
        constant = add_constant(self.module, "softmax_table", entries, type)
        new = quant.SoftmaxOp(source, constant.result, fusion.type)
        fusion.replace(constant, new)


def softmax_table(scale: float, count: int) -> NDArray[np.int32]:
    """exp(-scale * d) for d in 0..255 in fixed point: `512 e + sum e` and `2 sum e` fit in u32."""
    bits = int(log2((2**32 - 1) / max(512 + count, 2 * count)))
    return np.rint(np.exp(-scale * np.arange(256)) * 2**bits).astype(np.int32)


def wide_softmax_table(scale: float, count: int) -> NDArray[np.int32]:
    """exp(-scale * 256 d), such that the sum of `count` fits in u32, and exp(-scale * d) * 2**30,
    for d in 0..255.
    """
    steps, bits = -scale * np.arange(256), 31 - (count - 1).bit_length()
    parts = np.exp(256 * steps) * 2.0 ** min(bits, 30), np.exp(steps) * 2.0**30
    return np.rint(np.concatenate(parts)).astype(np.int32)
