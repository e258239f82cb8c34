"""Convolutions and matrix products between casts: integer products with a folded bias."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod

import numpy as np
from xdsl.dialects.builtin import TensorType, i8, i32
from xdsl.ir import Operation, SSAValue

from ..dialects import graph, quant
from ..dialects.accumulators import accumulator_scales
from ..dialects.diagnostics import emit_remark
from ..passes.quant.biases import bias_codes
from ..passes.quant.integer_forms import is_product
from .fusion import (
    PASS,
    FusePattern,
    Fusion,
    add_constant,
    dequantized,
    name_of,
    requantization,
)


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
    integers = (stored.T if transpose else stored).astype(np.int8)
    out, x = integers.shape[0], quant.quantized(source)
    if bias is not None and not is_row(quant.shape_of(bias), out):
        emit_remark("missed", PASS, core, "the bias is not one number per output channel")
        return None
    codes = np.zeros(1) if bias is None else bias_codes(bias, x, element)
    if codes is None:
        emit_remark("missed", PASS, core, "the bias is no constant")
        return None
    rows = integers.reshape(out, -1).astype(np.int64)
    scales = np.broadcast_to(accumulator_scales(x, element), out)
    folded = codes - x.zero_point * rows.sum(1)
    if np.abs(folded).max() >= 2**31:
        emit_remark("missed", PASS, core, "the bias does not fit in i32 at the accumulator's scale")
        return None
    least, most = quant.accumulator_bounds(rows, folded, *x.bounds)
    if least.min() < -(2**31) or most.max() >= 2**31:
        emit_remark("missed", PASS, core, "the accumulator may leave i32")
        return None
    requant = requantization(
        scales / result.scale, pattern.rounding, clamp, np.maximum(-least, most)
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


def is_row(shape: Sequence[int], count: int) -> bool:
    """One number, or `count` along the last axis."""
    return prod(shape) in (1, count) and shape[-1:] in ((), (prod(shape),))


class FuseConv(FusePattern):
    """A convolution over two dimensions, NCHW as ONNX has it."""

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
    """A plain Gemm, or a MatMul of two matrices: one fully connected layer."""

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
