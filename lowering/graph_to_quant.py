"""graph -> quant: float ops between casts become exact integer ops.

`qcast(op(dcast(a), dcast(w), ...))` is one integer op; an activation before the qcast is its clamp.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import log2, prod

import numpy as np
from numpy.typing import NDArray
from xdsl.context import Context
from xdsl.dialects.builtin import AnyFloat, ModuleOp, TensorType, i8, i32
from xdsl.ir import Operation, OpResult, SSAValue
from xdsl.passes import ModulePass
from xdsl.pattern_rewriter import (
    GreedyRewritePatternApplier,
    PatternRewriter,
    PatternRewriteWalker,
    RewritePattern,
    op_type_rewrite_pattern,
)

from ..dialects import graph, quant
from ..dialects.diagnostics import emit_remark
from ..dialects.quant_types import storage_bounds
from .fixed_point import can_tie, fixed_point

PASS = "convert-graph-to-quant"

UNARY: dict[type[Operation], Callable[[NDArray[np.float64]], NDArray[np.float64]]] = {
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
    accumulator can tie the two are the same, and single is taken.
    """

    name = PASS

    rounding: str = "half_even"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        patterns: list[RewritePattern] = [
            SinkDequantize(),
            SinkDequantizeBelowMaxPool(),
            RequantizeCast(op),
            FuseConv(op, self.rounding),
            FuseGemm(op, self.rounding),
            FuseAdd(op, self.rounding),
            FuseAveragePool(op, self.rounding),
            FuseSoftmax(op, self.rounding),
            FuseUnary(op, self.rounding),
        ]
        PatternRewriteWalker(GreedyRewritePatternApplier(patterns)).rewrite_module(op)
        for inner in op.walk():
            if is_float_compute(inner):
                emit_remark("missed", PASS, inner, f"{inner.name} stays in float")


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


# Helpers


def dequantized(value: SSAValue | None) -> SSAValue | None:
    """The per-tensor quantized value behind a dcast."""
    if value is None or not isinstance(value.owner, quant.DequantizeCastOp):
        return None
    source = value.owner.input
    return None if quant.quantized(source).per_axis else source


def real_constant(value: SSAValue) -> NDArray[np.float64] | None:
    """The real elements of a constant: float, or quantized behind a dcast."""
    if isinstance(value.owner, quant.DequantizeCastOp):
        stored = graph.constant_array(value.owner.input)
        if stored is None:
            return None
        scale, zero = parameters(quant.quantized(value.owner.input), stored.ndim)
        return (stored.astype(np.float64) - zero) * scale
    array = graph.constant_array(value)
    return None if array is None else array.astype(np.float64)


def parameters(
    element: quant.UniformQuantizedType, rank: int
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Scales and zero points that broadcast along the quantized axis of a rank-`rank` array."""
    scales, zeros = element.scale_array(), element.zero_point_array()
    if element.per_axis:
        shape = [1] * rank
        shape[element.axis.data] = -1
        return scales.reshape(shape), zeros.reshape(shape)
    return scales, zeros


def quantize_real(x: float, element: quant.UniformQuantizedType) -> int:
    """The stored integer of a real number, as QuantizeLinear computes it (f32, ties to even)."""
    low, high = element.bounds
    if not np.isfinite(x):
        return low if x < 0 else high
    scaled = float(np.rint(np.float32(x) / np.float32(element.scale)))
    return int(np.clip(scaled + element.zero_point, low, high))


def peel_activations(
    value: SSAValue, element: quant.UniformQuantizedType
) -> tuple[SSAValue, tuple[int, int]]:
    """What comes before the ReLUs and clips in front of a qcast, and the clamp that replaces them.

    Rounding is monotone, so clamping before and after it give the same integers.
    """
    low, high = element.bounds
    while isinstance(value.owner, graph.ReluOp | graph.ClipOp):
        bounds = (0.0, np.inf) if isinstance(value.owner, graph.ReluOp) else value.owner.bounds()
        low = max(low, quantize_real(bounds[0], element))
        high = min(high, quantize_real(bounds[1], element))
        value = value.owner.input
    return value, (min(low, high), high)


def requantization(
    real: NDArray[np.float64],
    rounding: str,
    clamp: tuple[int, int],
    bounds: NDArray[np.int64] | Sequence[int],
) -> quant.RequantAttr:
    """The fixed-point form of real multipliers, for accumulators up to |bound| of each channel."""
    multipliers, shifts = fixed_point(real)
    ties = any(map(can_tie, multipliers.tolist(), shifts.tolist(), map(int, bounds)))
    rule = rounding if ties or rounding not in ("single", "half_even") else "single"
    return quant.RequantAttr.get(multipliers, shifts, rule, clamp)


def add_constant(
    module: ModuleOp, name: str, array: NDArray[np.generic], type: TensorType
) -> graph.ConstantOp:
    symbol = graph.add_global(module, name, array, type).sym_name.data
    return graph.ConstantOp(symbol, type)


def name_of(value: SSAValue, default: str) -> str:
    """The symbol of a constant, also behind a dcast."""
    owner = value.owner
    if isinstance(owner, quant.DequantizeCastOp):
        owner = owner.input.owner
    return owner.global_name.string_value() if isinstance(owner, graph.ConstantOp) else default


def replace(rewriter: PatternRewriter, op: Operation, core: Operation, *new: Operation) -> None:
    """Put `new` in place of the qcast `op`; they keep the source node of `core`."""
    for created in new:
        created.location = core.location
    new[-1].results[0].name_hint = op.results[0].name_hint
    rewriter.replace(op, new)


# Patterns


class SinkDequantize(RewritePattern):
    """reshape(dcast(x)) -> dcast(reshape(x)): moving data commutes with dequantizing it."""

    @op_type_rewrite_pattern
    def match_and_rewrite(
        self, op: graph.ReshapeOp | graph.TransposeOp, rewriter: PatternRewriter
    ) -> None:
        source = dequantized(op.input)
        if source is None:
            return
        moved_type = TensorType(quant.quantized(source), quant.shape_of(op.result))
        moved = type(op).create(
            operands=[source], properties=dict(op.properties), result_types=[moved_type]
        )
        back = quant.DequantizeCastOp(moved.results[0], op.result.type)
        moved.location = back.location = op.location
        rewriter.replace(op, [moved, back])


class SinkDequantizeBelowMaxPool(RewritePattern):
    """max_pool(dcast(x)) -> dcast(max_pool(x)): dequantizing is monotone."""

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: graph.MaxPoolOp, rewriter: PatternRewriter) -> None:
        source = dequantized(op.input)
        if source is None or len(quant.shape_of(source)) != 4:
            return
        if set(op.dilations.get_values()) != {1}:
            return
        pooled = quant.MaxPool2DOp(
            source,
            TensorType(quant.quantized(source), quant.shape_of(op.result)),
            kernel=op.kernel(),
            strides=op.strides.get_values(),
            pads=op.pads.get_values(),
            layout="nchw",
        )
        back = quant.DequantizeCastOp(pooled.result, op.result.type)
        pooled.location = back.location = op.location
        rewriter.replace(op, [pooled, back])


@dataclass
class FusePattern(RewritePattern):
    """The root of a fusion is a qcast to one scale per tensor."""

    module: ModuleOp
    rounding: str = "single"

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: quant.QuantizeCastOp, rewriter: PatternRewriter) -> None:
        element = quant.quantized(op.result)
        if element.per_axis:
            return
        value, clamp = peel_activations(op.input, element)
        if isinstance(value, OpResult):
            self.fuse(op, value.op, clamp, rewriter)

    def fuse(
        self,
        op: quant.QuantizeCastOp,
        core: Operation,
        clamp: tuple[int, int],
        rewriter: PatternRewriter,
    ) -> None:
        """Replace `op` if `core`, the op before its activations, has an integer form."""
        raise NotImplementedError

    def table(
        self,
        op: quant.QuantizeCastOp,
        core: Operation,
        source: SSAValue,
        function: Callable[[NDArray[np.float64]], NDArray[np.float64]],
        clamp: tuple[int, int],
        rewriter: PatternRewriter,
    ) -> None:
        """Replace `op` by a table of `function` from the reals of `source` to those of `op`."""
        have, want = quant.quantized(source), quant.quantized(op.result)
        low, high = storage_bounds(have.storage)
        if high - low != 255:
            return
        real = (np.arange(low, high + 1) - have.zero_point) * have.scale
        scaled = np.rint(function(real) / want.scale) + want.zero_point
        entries = np.clip(scaled, *clamp).astype(np.int8)
        constant = add_constant(
            self.module, f"{core.name.split('.')[1]}_table", entries, TensorType(i8, [256])
        )
        new = quant.TableOp(source, constant.result, op.result.type)
        replace(rewriter, op, core, constant, new)


class RequantizeCast(FusePattern):
    """qcast(dcast(x)) -> x, or a table between two scales."""

    def fuse(
        self,
        op: quant.QuantizeCastOp,
        core: Operation,
        clamp: tuple[int, int],
        rewriter: PatternRewriter,
    ) -> None:
        if not isinstance(core, quant.DequantizeCastOp):
            return
        source = dequantized(core.result)
        if source is None:
            return
        element = quant.quantized(op.result)
        if quant.quantized(source) == element and clamp == element.bounds:
            rewriter.replace(op, [], [source])
        else:
            self.table(op, core, source, lambda x: x, clamp, rewriter)


class FuseUnary(FusePattern):
    """A function of one 8-bit value becomes a table."""

    def fuse(
        self,
        op: quant.QuantizeCastOp,
        core: Operation,
        clamp: tuple[int, int],
        rewriter: PatternRewriter,
    ) -> None:
        function = UNARY.get(type(core))
        source = dequantized(core.operands[0]) if function else None
        if function is not None and source is not None:
            self.table(op, core, source, function, clamp, rewriter)


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
    rows = integers.reshape(out, -1).astype(np.int64)
    x = quant.quantized(source)
    accumulator_scale = x.scale * np.broadcast_to(element.scale_array(), out)
    folded = np.rint(real_bias.reshape(-1) / accumulator_scale) - x.zero_point * rows.sum(1)
    if np.abs(folded).max() >= 2**31:
        emit_remark("missed", PASS, core, "the bias does not fit in i32 at the accumulator's scale")
        return None
    least, most = quant.accumulator_bounds(rows, folded, *x.bounds)
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
    def fuse(
        self,
        op: quant.QuantizeCastOp,
        core: Operation,
        clamp: tuple[int, int],
        rewriter: PatternRewriter,
    ) -> None:
        if not isinstance(core, graph.ConvOp) or len(quant.shape_of(core.input)) != 4:
            return
        source = dequantized(core.input)
        if source is None:
            return
        product = integer_product(
            self, core, source, core.weight, core.bias, quant.quantized(op.result), clamp
        )
        if product is None:
            return
        new = quant.Conv2DOp(
            source,
            product.weight.result,
            product.bias.result,
            op.result.type,
            strides=core.strides.get_values(),
            pads=core.pads.get_values(),
            dilations=core.dilations.get_values(),
            groups=core.group.value.data,
            layout="nchw",
            requant=product.requant,
        )
        replace(rewriter, op, core, product.weight, product.bias, new)


class FuseGemm(FusePattern):
    def fuse(
        self,
        op: quant.QuantizeCastOp,
        core: Operation,
        clamp: tuple[int, int],
        rewriter: PatternRewriter,
    ) -> None:
        if isinstance(core, graph.GemmOp):
            plain = core.alpha.value.data == core.beta.value.data == 1.0
            if not plain or core.trans_a.value.data:
                return
            bias, transposed = core.bias, bool(core.trans_b.value.data)
        elif isinstance(core, graph.MatmulOp) and len(quant.shape_of(core.lhs)) == 2:
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
            quant.quantized(op.result),
            clamp,
            transpose=not transposed,
        )
        if product is None:
            return
        new = quant.FullyConnectedOp(
            source, product.weight.result, product.bias.result, op.result.type, product.requant
        )
        replace(rewriter, op, core, product.weight, product.bias, new)


class FuseAdd(FusePattern):
    """The sum of two scales: raw integers times their multipliers, in i32.

    A model that comes in quantized is met with all the bits that fit. In a program of our own
    making multipliers have 15 bits (2**-7 of a step off at most): one SMLAD does both products.
    """

    def fuse(
        self,
        op: quant.QuantizeCastOp,
        core: Operation,
        clamp: tuple[int, int],
        rewriter: PatternRewriter,
    ) -> None:
        if not isinstance(core, graph.AddOp):
            return
        lhs, rhs = dequantized(core.lhs), dequantized(core.rhs)
        if lhs is None or rhs is None or quant.shape_of(lhs) != quant.shape_of(rhs):
            return
        bits = 15 if self.rounding == "single" else 31
        multipliers, bias, shift = add_parameters(
            quant.quantized(lhs), quant.quantized(rhs), quant.quantized(op.result), bits
        )
        new = quant.AddOp(
            lhs, rhs, op.result.type, multipliers=multipliers, bias=bias, shift=shift, clamp=clamp
        )
        replace(rewriter, op, core, new)


def add_parameters(
    a: quant.UniformQuantizedType,
    b: quant.UniformQuantizedType,
    y: quant.UniformQuantizedType,
    bits: int = 31,
) -> tuple[tuple[int, int], int, int]:
    """Multipliers below 2**bits, bias and the greatest shift; no partial sum leaves i32."""
    for shift in range(30, -1, -1):
        m_a, m_b = (round(x.scale / y.scale * 2**shift) for x in (a, b))
        bias = (y.zero_point << shift) + ((1 << shift) >> 1)
        bias -= a.zero_point * m_a + b.zero_point * m_b
        reach = sum(max(map(abs, x.bounds)) * m for x, m in ((a, m_a), (b, m_b)))
        if reach + abs(bias) < 2**31 and max(m_a, m_b) < 2**bits:
            return (m_a, m_b), bias, shift
    raise ValueError(f"scales {a.scale} and {b.scale} cannot be added at scale {y.scale} in i32")


class FuseAveragePool(FusePattern):
    def fuse(
        self,
        op: quant.QuantizeCastOp,
        core: Operation,
        clamp: tuple[int, int],
        rewriter: PatternRewriter,
    ) -> None:
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
        x, y = quant.quantized(source), quant.quantized(op.result)
        real = np.array([x.scale / (y.scale * prod(kernel))])
        low, high = x.bounds
        requant = requantization(real, self.rounding, clamp, [prod(kernel) * (high - low)])
        new = quant.AveragePool2DOp(
            source,
            op.result.type,
            kernel=kernel,
            strides=strides,
            pads=pads,
            layout="nchw",
            requant=requant,
        )
        replace(rewriter, op, core, new)


class FuseSoftmax(FusePattern):
    def fuse(
        self,
        op: quant.QuantizeCastOp,
        core: Operation,
        clamp: tuple[int, int],
        rewriter: PatternRewriter,
    ) -> None:
        if not isinstance(core, graph.SoftmaxOp):
            return
        source = dequantized(core.input)
        rank = len(quant.shape_of(core.input))
        if source is None or core.axis.value.data not in (-1, rank - 1):
            return
        if quant.quantized(op.result).scale != 1 / 256:
            emit_remark("missed", PASS, core, "an integer softmax has an output scale of 1/256")
            return
        entries = softmax_table(quant.quantized(source).scale, quant.shape_of(source)[-1])
        constant = add_constant(self.module, "softmax_table", entries, TensorType(i32, [256]))
        new = quant.SoftmaxOp(source, constant.result, op.result.type)
        replace(rewriter, op, core, constant, new)


def softmax_table(scale: float, count: int) -> NDArray[np.int32]:
    """exp(-scale * d) for d in 0..255 in fixed point, such that `512 e + sum e` fits in u32."""
    bits = int(log2((2**32 - 1) / (512 + count)))
    return np.rint(np.exp(-scale * np.arange(256)) * 2**bits).astype(np.int32)
