"""graph -> quant: float ops between casts become exact integer ops.

`qcast(op(dcast(a), dcast(w), ...))` is one integer op; an activation before the qcast is its clamp.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import log2, prod
from typing import Any

import numpy as np
from numpy.typing import NDArray
from xdsl.context import Context
from xdsl.dialects.builtin import AnyFloat, ModuleOp, StringAttr, TensorType, i8, i16, i32
from xdsl.ir import Operation, SSAValue
from xdsl.passes import ModulePass
from xdsl.pattern_rewriter import (
    GreedyRewritePatternApplier,
    PatternRewriter,
    PatternRewriteWalker,
    RewritePattern,
    op_type_rewrite_pattern,
)

from ..dialects import graph, quant
from ..dialects.diagnostics import RunnelError, emit_remark
from ..dialects.quant_types import ROUNDINGS
from ..passes.quant.integer_forms import factor_of, is_product
from ..passes.quant.notes import FLOAT
from ..passes.quant.placement import data_operands, is_pointwise
from ..passes.quant.rules import Rules
from ..runtime.interpreter.graph import MEANINGS
from .attention_to_quant import FuseLayerNorm, FuseMatmul
from .fixed_point import NoFixedPoint
from .fusion import (
    PASS,
    FusePattern,
    Fusion,
    RealFunction,
    add_constant,
    dequantized,
    name_of,
    real_constant,
    requantization,
)
from .move_casts import (
    QuantizeConstant,
    RaiseActivation,
    RaiseQuantize,
    SinkDequantize,
    SinkDequantizeBelowConcat,
)

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
            rounding = next(iter(Rules.of(op).asked.roundings), "single")
        if rounding not in ROUNDINGS:
            raise RunnelError(
                f"unknown rounding '{rounding}', expected one of {', '.join(ROUNDINGS)}"
            )
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


class SinkDequantizeBelowMaxPool(RewritePattern):
    """max_pool(dcast(x)) -> dcast(max_pool(x)): dequantizing is monotone."""

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: graph.MaxPoolOp, rewriter: PatternRewriter) -> None:
        source = dequantized(op.input)
        pooled = None if source is None else integer_max_pool(op, source)
        if pooled is None or FLOAT in op.attributes:
            return
        back = quant.DequantizeCastOp(pooled.result, op.result.type)
        pooled.location = back.location = op.location
        rewriter.replace(op, [pooled, back])


class MaxPoolOfIntegers(RewritePattern):
    """A max_pool between a quantize and a dequantize, as QOperator models have it."""

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: graph.MaxPoolOp, rewriter: PatternRewriter) -> None:
        element = op.result.type.element_type
        if not isinstance(element, quant.UniformQuantizedType) or element.per_axis:
            return
        pooled = integer_max_pool(op, op.input)
        if pooled is not None:
            pooled.location = op.location
            rewriter.replace(op, pooled)


def integer_max_pool(op: graph.MaxPoolOp, source: SSAValue) -> quant.MaxPool2DOp | None:
    """The pooling `op` of stored integers, if it has a 2-D window without dilation."""
    if len(quant.shape_of(source)) != 4 or set(op.dilations.get_values()) != {1}:
        return None
    return quant.MaxPool2DOp(
        source,
        TensorType(quant.quantized(source), quant.shape_of(op.result)),
        kernel=op.kernel(),
        strides=op.strides.get_values(),
        pads=op.pads.get_values(),
        layout="nchw",
    )


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


@dataclass
class Product:
    """A matrix product in integers: what convolution and fully connected layers share."""

    weight: graph.ConstantOp
    bias: graph.ConstantOp
    requant: quant.RequantAttr


def integer_product(
    pattern: FusePattern,
    core: Operation,
    source: SSAValue,
    weight: SSAValue,
    bias: SSAValue | None,
    result: quant.UniformQuantizedType,
    clamp: tuple[int, int],
    transpose: bool = False,
) -> Product | None:
    """Integer weights [O, ...], the bias with the zero point's term folded in, the multipliers.

    None (with a remark) when the weights are no symmetric quantized constant.
    """
    owner = weight.owner
    stored = (
        graph.constant_array(owner.input) if isinstance(owner, quant.DequantizeCastOp) else None
    )
    if stored is None or not isinstance(owner, quant.DequantizeCastOp):
        emit_remark("missed", PASS, core, "the weights are no quantized constant")
        return None
    element = quant.quantized(owner.input)
    if element.zero_point_array().any():
        emit_remark("missed", PASS, core, "the weights have a zero point; they must be symmetric")
        return None
    if element.storage != i8:
        emit_remark("missed", PASS, core, f"the weights are {element.storage}; products take i8")
        return None
    channel_axis = 1 if transpose else 0
    if element.per_axis and element.axis.data != channel_axis:
        emit_remark("missed", PASS, core, "the weights are quantized along an input axis")
        return None
    real_bias = np.zeros(1) if bias is None else real_constant(bias)
    if real_bias is None:
        emit_remark("missed", PASS, core, "the bias is no constant")
        return None
    integers = (stored.T if transpose else stored).astype(np.int8)
    out = integers.shape[0]
    if real_bias.size not in (1, out) or real_bias.shape[-1:] not in ((), (real_bias.size,)):
        emit_remark("missed", PASS, core, "the bias is not one number per output channel")
        return None
    rows = integers.reshape(out, -1).astype(np.int64)
    x = quant.quantized(source)
    accumulator_scale = x.scale * np.broadcast_to(element.scale_array(), out)
    folded = np.rint(real_bias.reshape(-1) / accumulator_scale) - x.zero_point * rows.sum(1)
    if np.abs(folded).max() >= 2**31:
        emit_remark("missed", PASS, core, "the bias does not fit in i32 at the accumulator's scale")
        return None
    least, most = quant.accumulator_bounds(rows, folded, *x.bounds)
    if least.min() < -(2**31) or most.max() >= 2**31:
        emit_remark("missed", PASS, core, "the accumulator may leave i32")
        return None
    requant = requantization(
        accumulator_scale / result.scale, pattern.rounding, clamp, np.maximum(-least, most)
    )
    name = name_of(weight, "weight")
    low, high = element.bounds
    weight_type = quant.UniformQuantizedType.get(
        element.scale_array(),
        bits=element.storage.width.data,
        axis=0 if element.per_axis else -1,
        bounds=(low, high),
    )
    return Product(
        add_constant(
            pattern.module, f"{name}_q", integers, TensorType(weight_type, integers.shape)
        ),
        add_constant(
            pattern.module, f"{name}_bias", folded.astype(np.int32), TensorType(i32, [out])
        ),
        requant,
    )


class FuseConv(FusePattern):
    def fuse(self, fusion: Fusion) -> None:
        core = fusion.core
        if not isinstance(core, graph.ConvOp) or len(quant.shape_of(core.input)) != 4:
            return
        source = dequantized(core.input)
        if source is None:
            return
        product = integer_product(
            self, core, source, core.weight, core.bias, fusion.element, fusion.clamp
        )
        if product is None:
            return
        new = quant.Conv2DOp(
            source,
            product.weight.result,
            product.bias.result,
            fusion.type,
            strides=core.strides.get_values(),
            pads=core.pads.get_values(),
            dilations=core.dilations.get_values(),
            groups=core.group.value.data,
            layout="nchw",
            requant=product.requant,
        )
        fusion.replace(product.weight, product.bias, new)


class FuseGemm(FusePattern):
    def fuse(self, fusion: Fusion) -> None:
        core = fusion.core
        if isinstance(core, graph.GemmOp):
            plain = core.alpha.value.data == core.beta.value.data == 1.0
            if not plain or core.trans_a.value.data:
                return
            bias, transposed = core.bias, bool(core.trans_b.value.data)
        elif isinstance(core, graph.MatmulOp) and is_product(core):
            if len(quant.shape_of(core.lhs)) != 2:
                return
            bias, transposed = None, False
        else:
            return
        source = dequantized(core.lhs)
        if source is None or len(quant.shape_of(core.rhs)) != 2:
            return
        product = integer_product(
            self,
            core,
            source,
            core.rhs,
            bias,
            fusion.element,
            fusion.clamp,
            transpose=not transposed,
        )
        if product is None:
            return
        new = quant.FullyConnectedOp(
            source, product.weight.result, product.bias.result, fusion.type, product.requant
        )
        fusion.replace(product.weight, product.bias, new)


class FuseAdd(FusePattern):
    """The sum (or difference) of two scales: raw integers times their multipliers, in i32.

    A model that comes in quantized is met with all the bits that fit. In a program of our own
    making multipliers have 15 bits (2**-7 of a step off at most): one SMLAD does both products.
    """

    def fuse(self, fusion: Fusion) -> None:
        core = fusion.core
        if not isinstance(core, graph.AddOp | graph.SubOp):
            return
        lhs, rhs = dequantized(core.lhs), dequantized(core.rhs)
        if lhs is None or rhs is None or quant.shape_of(lhs) != quant.shape_of(rhs):
            return
        bits = 15 if self.rounding == "single" else 31
        sign = -1 if isinstance(core, graph.SubOp) else 1
        multipliers, bias, shift = add_parameters(
            quant.quantized(lhs),
            quant.quantized(rhs),
            fusion.element,
            bits,
            self.rounding,
            sign,
        )
        new = quant.AddOp(
            lhs,
            rhs,
            fusion.type,
            multipliers=multipliers,
            bias=bias,
            shift=shift,
            clamp=fusion.clamp,
        )
        fusion.replace(new)


def add_parameters(
    a: quant.UniformQuantizedType,
    b: quant.UniformQuantizedType,
    y: quant.UniformQuantizedType,
    bits: int = 31,
    rounding: str = "single",
    sign: int = 1,
) -> tuple[tuple[int, int], int, int]:
    """Multipliers below 2**bits, bias and the greatest shift; no partial sum leaves i32.

    Sums are rounded half up, or down where the rounding is floor. With `sign` -1 the second one is
    subtracted.
    """
    for shift in range(30, -1, -1):
        m_a, m_b = (round(x.scale / y.scale * 2**shift) for x in (a, b))
        half = 0 if rounding == "floor" else (1 << shift) >> 1
        bias = (y.zero_point << shift) + half
        bias -= a.zero_point * m_a + b.zero_point * sign * m_b
        reach = sum(max(map(abs, x.bounds)) * m for x, m in ((a, m_a), (b, m_b)))
        if reach + abs(bias) < 2**31 and max(m_a, m_b) < 2**bits:
            return (m_a, sign * m_b), bias, shift
    raise NoFixedPoint(
        f"scales {a.scale:g} and {b.scale:g} cannot be added at scale {y.scale:g} in i32"
    )


class FuseMul(FusePattern):
    """The product of two tensors, the second maybe broadcast."""

    def fuse(self, fusion: Fusion) -> None:
        core = fusion.core
        found = factor_of(core) if isinstance(core, graph.MulOp) else None
        if found is None:
            return
        value, factor = (dequantized(operand) for operand in found)
        if value is None or factor is None:
            return
        a, b, shape = quant.quantized(value), quant.quantized(factor), quant.shape_of(factor)
        if (reach := quant.greatest_product(a, b)) >= 2**31:
            emit_remark("missed", PASS, core, f"a product may reach {reach}, beyond i32")
            return
        real = np.array([a.scale * b.scale / fusion.element.scale])
        requant = requantization(real, self.rounding, fusion.clamp, [reach])
        missing = len(quant.shape_of(value)) - len(shape)
        aligned = [graph.ReshapeOp(factor, [*[1] * missing, *shape])] if missing else []
        factor = aligned[0].result if aligned else factor
        fusion.replace(*aligned, quant.MulOp(value, factor, fusion.type, requant))


class FuseAveragePool(FusePattern):
    def fuse(self, fusion: Fusion) -> None:
        core = fusion.core
        if isinstance(core, graph.GlobalAveragePoolOp):
            kernel = quant.shape_of(core.input)[2:]
            strides, pads = kernel, [0] * 2 * len(kernel)
        elif isinstance(core, graph.AveragePoolOp):
            kernel, strides = core.kernel(), core.strides.get_values()
            pads = core.pads.get_values()
            if (any(pads) and not core.count_include_pad.value.data) or set(
                core.dilations.get_values()
            ) != {1}:
                emit_remark("missed", PASS, core, "padding is left out of the mean, or dilated")
                return
        else:
            return
        source = dequantized(core.input)
        if source is None or len(kernel) != 2:
            return
        x, y = quant.quantized(source), fusion.element
        real = np.array([x.scale / (y.scale * prod(kernel))])
        low, high = x.bounds
        if prod(kernel) * (high - low + 1) >= 2**31:
            emit_remark("missed", PASS, core, "the sum of a window may leave i32")
            return
        requant = requantization(real, self.rounding, fusion.clamp, [prod(kernel) * (high - low)])
        new = quant.AveragePool2DOp(
            source,
            fusion.type,
            kernel=kernel,
            strides=strides,
            pads=pads,
            layout="nchw",
            requant=requant,
        )
        fusion.replace(new)


class FuseSoftmax(FusePattern):
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
