"""quant ops as the problems that a kernel table answers: shapes, types, requantization."""

from __future__ import annotations

from functools import singledispatch
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray
from xdsl.dialects.builtin import TensorType
from xdsl.ir import Operation, SSAValue

from ..dialects import cortexm, graph, quant
from ..dialects.diagnostics import refuse
from .fixed_point import MAX_SHIFT
from .kernels import Problem

HIGH_WORD = 33
"""The least shift with which the fast kernels round in the high word of the product."""

NARROW = 4
"""The bits of weights that kernels read two in a byte."""

NAMES = {"quant.qcast": "quantize", "quant.dcast": "dequantize"}
"""What a kernel is called that is not called as its op."""


@singledispatch
def problem_of(op: Operation) -> Problem:
    """What a kernel for `op` must solve. Raises `RunnelError` for weights that are no constants."""
    name = NAMES.get(op.name) or op.name.partition(".")[2]
    return Problem(name, outputs=prod(quant.shape_of(op.results[0])), types=types_of(op))


@problem_of.register
def _(op: quant.Conv2DOp) -> Problem:
    weight = constant_operand(op, op.weight)
    requant, acc_shift = product_requant(op)
    return Problem(
        "depthwise_conv2d" if op.depthwise else "conv2d",
        conv_window(op),
        op.groups.value.data,
        outputs=len(weight),
        requant=requant,
        acc_shift=acc_shift,
        types=types_of(op),
        weight_bits=weight_bits(op),
    )


@problem_of.register
def _(op: quant.FullyConnectedOp) -> Problem:
    rows, depth = quant.shape_of(op.input)
    requant, acc_shift = product_requant(op)
    return Problem(
        "fully_connected",
        rows=rows,
        depth=depth,
        outputs=len(constant_operand(op, op.weight)),
        requant=requant,
        acc_shift=acc_shift,
        types=types_of(op),
        weight_bits=weight_bits(op),
    )


@problem_of.register
def _(op: quant.AveragePool2DOp) -> Problem:
    low, high = quant.quantized(op.input).bounds
    requant, acc_shift = high_word_form(op.requant, 1, prod(op.kernel_size()) * (high - low))
    return Problem(
        "avg_pool2d", pool_window(op), requant=requant, acc_shift=acc_shift, types=types_of(op)
    )


@problem_of.register
def _(op: quant.MaxPool2DOp) -> Problem:
    return Problem("max_pool2d", pool_window(op), types=types_of(op))


@problem_of.register
def _(op: quant.UnfoldOp) -> Problem:
    window = pool_window(op)._replace(out_c=quant.shape_of(op.result)[-1])
    return Problem("unfold", window, types=types_of(op))


@problem_of.register
def _(op: quant.MulOp) -> Problem:
    a, b = (quant.quantized(value) for value in op.operands)
    requant, acc_shift = high_word_form(op.requant, 1, quant.greatest_product(a, b))
    return Problem(
        "mul",
        outputs=prod(quant.shape_of(op.result)),
        requant=requant,
        acc_shift=acc_shift,
        types=types_of(op),
    )


@problem_of.register
def _(op: quant.MatmulOp) -> Problem:
    a, b = (quant.quantized(value) for value in op.operands)
    *_, rows, depth = quant.shape_of(op.lhs)
    requant, acc_shift = high_word_form(op.requant, 1, quant.greatest_sum(a, b, depth))
    return Problem(
        "matmul",
        rows=rows,
        depth=depth,
        outputs=quant.shape_of(op.result)[-1],
        requant=requant,
        acc_shift=acc_shift,
        types=types_of(op),
    )


def weight_bits(op: quant.Conv2DOp | quant.FullyConnectedOp) -> int:
    """4 where the type of the weights says that all of them fit, else 8."""
    low, high = quant.quantized(op.weight).bounds
    limit = 1 << (NARROW - 1)
    return NARROW if -limit <= low and high < limit else 8


def constant_operand(op: Operation, value: SSAValue) -> NDArray[Any]:
    array = graph.constant_array(value)
    if array is None:
        refuse(op, "weights and bias must be constants to be packed")
    return array


def product_requant(
    op: quant.Conv2DOp | quant.FullyConnectedOp,
) -> tuple[quant.RequantAttr, int]:
    """The requantization of a product in its high-word form."""
    weight, bias = constant_operand(op, op.weight), constant_operand(op, op.bias)
    return high_word_form(op.requant, len(weight), accumulator_bound(weight, bias, op.input))


def high_word_form(
    requant: quant.RequantAttr, channels: int, bound: int
) -> tuple[quant.RequantAttr, int]:
    """The same requantization per channel, with all shifts at HIGH_WORD or above.

    Multipliers that leave room are doubled, and the shift grows with them. What still lacks is
    made up by `acc_shift`, which is 0 where the accumulator, at most |`bound`|, could overflow.
    """
    multipliers = np.broadcast_to(requant.multiplier_array(), channels)
    shifts = np.broadcast_to(requant.shift_array(), channels)
    rounding = requant.rounding.data
    if rounding == "double":  # its first rounding is at bit 31 of the product
        return quant.RequantAttr.get(multipliers, shifts, rounding, requant.clamp), 0
    multipliers, shifts = _grown(multipliers, shifts)
    live = shifts[multipliers > 0]
    lack = max(0, HIGH_WORD - int(live.min(initial=HIGH_WORD)))
    if bound << lack >= 2**31 or int(live.max(initial=0)) + lack > MAX_SHIFT:
        lack = 0
    shifts = np.where(multipliers > 0, shifts + lack, HIGH_WORD)
    return quant.RequantAttr.get(multipliers, shifts, rounding, requant.clamp), lack


def _grown(
    multipliers: NDArray[np.int32], shifts: NDArray[np.int32]
) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """Multipliers and shifts of the same ratios whose shifts are as near to HIGH_WORD as 31 bits
    allow.
    """
    bits = np.frexp(np.maximum(multipliers, 1).astype(np.float64))[1]
    by = np.clip(HIGH_WORD - shifts, 0, 31 - bits)
    return multipliers << by, shifts + by


def accumulator_bound(weights: NDArray[Any], bias: NDArray[Any], input: SSAValue) -> int:
    """The greatest |accumulator| of a matrix product with rows of `weights`."""
    low, high = quant.quantized(input).bounds
    least, most = quant.accumulator_bounds(weights.reshape(len(weights), -1), bias, low, high)
    return int(max(-least.min(), most.max()))


def conv_window(op: quant.Conv2DOp) -> cortexm.Window:
    """The geometry of a whole channels-last convolution."""
    if op.layout.data != "nhwc":
        refuse(op, "kernels are channels-last; run channels-last first")
    pads, strides, dilations = op.pads.get_values(), op.strides.get_values(), op.dilation()
    _, in_h, in_w, in_c = quant.shape_of(op.input)
    _, out_h, out_w, out_c = quant.shape_of(op.result)
    k_h, k_w = op.kernel_size()
    return cortexm.Window(
        in_h, in_w, in_c, out_h, out_w, out_c, k_h, k_w, strides[0], strides[1],
        dilations[0], dilations[1], pads[0], pads[1], quant.quantized(op.input).zero_point,
    )  # fmt: skip


def pool_window(
    op: quant.AveragePool2DOp | quant.MaxPool2DOp | quant.UnfoldOp,
) -> cortexm.Window:
    if op.layout.data != "nhwc":
        refuse(op, "kernels are channels-last; run channels-last first")
    _, in_h, in_w, channels = quant.shape_of(op.input)
    _, out_h, out_w, _ = quant.shape_of(op.result)
    pads, strides = op.pads.get_values(), op.strides.get_values()
    k_h, k_w = op.kernel_size()
    return cortexm.Window(
        in_h, in_w, channels, out_h, out_w, channels, k_h, k_w,
        strides[0], strides[1], 1, 1, pads[0], pads[1], quant.quantized(op.input).zero_point,
    )  # fmt: skip


def parameters(op: Operation) -> list[SSAValue]:
    """The weights, biases and tables of `op`."""
    named = (getattr(op, name, None) for name in ("weight", "bias", "table"))
    return [value for value in named if isinstance(value, SSAValue)]


def streams(op: Operation) -> list[SSAValue]:
    """The operands of `op` that kernels read from buffers."""
    fixed = parameters(op)
    return [value for value in op.operands if value not in fixed]


def types_of(op: Operation) -> str:
    """The types of the quantized tensors of `op` as kernels are named: `s8`, `s8_s16`, ..."""
    widths = [
        value.type.element_type.storage.width.data
        for value in (*streams(op), *op.results)
        if isinstance(value.type, TensorType)
        and isinstance(value.type.element_type, quant.UniformQuantizedType)
    ]
    return "s8" if set(widths) <= {8} else "_".join(f"s{width}" for width in widths)
