"""The NumPy meaning of the quant dialect."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from xdsl.dialects.builtin import i32
from xdsl.interpreter import Interpreter, InterpreterFunctions, impl, register_impls
from xdsl.ir import SSAValue

from ...dialects import quant
from ...dialects.accumulators import bias_scales
from ...dialects.types import dtype_of
from . import integer
from .batch import per_sample

Values = tuple[Any, ...]


def stored(value: SSAValue, array: NDArray[Any]) -> NDArray[Any]:
    """`array` in the dtype that stores the elements of `value`."""
    return array.astype(dtype_of(quant.quantized(value)))


def channels_last(x: NDArray[Any], layout: str) -> NDArray[Any]:
    return x if layout == "nhwc" else x.transpose(0, 2, 3, 1)


def from_channels_last(x: NDArray[Any], layout: str) -> NDArray[Any]:
    return x if layout == "nhwc" else x.transpose(0, 3, 1, 2)


def apply_requant(
    accumulator: NDArray[np.int64], requant: quant.RequantAttr, result: SSAValue
) -> NDArray[np.int64]:
    """Requantize with channels on the last axis."""
    return integer.requantize(
        accumulator,
        requant.multiplier_array(),
        requant.shift_array(),
        requant.rounding.data,
        quant.quantized(result).zero_point,
        requant.clamp,
    )


def broadcast_parameters(
    element: quant.UniformQuantizedType, rank: int
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Scales (f32) and zero points, shaped to broadcast along the quantized axis."""
    scales = element.scale_array().astype(np.float32)
    zeros = element.zero_point_array()
    if not element.per_axis:
        return scales[0], zeros[0]
    shape = [1] * rank
    shape[element.axis.data] = -1
    return scales.reshape(shape), zeros.reshape(shape)


@register_impls
class QuantFunctions(InterpreterFunctions):
    @impl(quant.Conv2DOp)
    def conv2d(self, _: Interpreter, op: quant.Conv2DOp, args: Values) -> Values:
        x, weight, bias = args
        layout = op.layout.data
        accumulator = integer.conv2d(
            channels_last(x, layout),
            channels_last(weight, layout),
            bias,
            pads=op.pads.get_values(),
            strides=op.strides.get_values(),
            dilations=op.dilations.get_values(),
            groups=op.groups.value.data,
            pad_value=quant.quantized(op.input).zero_point,
        )
        y = apply_requant(accumulator, op.requant, op.result)
        return (stored(op.result, from_channels_last(y, layout)),)

    @impl(quant.FullyConnectedOp)
    def fully_connected(self, _: Interpreter, op: quant.FullyConnectedOp, args: Values) -> Values:
        x, weight, bias = args
        accumulator = integer.matmul(x, weight.T) + bias
        return (stored(op.result, apply_requant(accumulator, op.requant, op.result)),)

    @impl(quant.AddOp)
    def add(self, _: Interpreter, op: quant.AddOp, args: Values) -> Values:
        a, b = args
        return (stored(op.result, integer.scaled_sum(a, b, *op.numbers)),)

    @impl(quant.MulOp)
    def mul(self, _: Interpreter, op: quant.MulOp, args: Values) -> Values:
        zeros = [quant.quantized(value).zero_point for value in op.operands]
        y = apply_requant(integer.product(*args, *zeros), op.requant, op.result)
        return (stored(op.result, y),)

    @impl(quant.MatmulOp)
    def matmul(self, _: Interpreter, op: quant.MatmulOp, args: Values) -> Values:
        zeros = [quant.quantized(value).zero_point for value in op.operands]

        def product(a: NDArray[Any], b: NDArray[Any]) -> NDArray[Any]:
            sums = integer.activation_product(a, b, *zeros)
            return stored(op.result, apply_requant(sums, op.requant, op.result))

        return (per_sample(product, op.operands, args),)

    @impl(quant.AveragePool2DOp)
    def avg_pool2d(self, _: Interpreter, op: quant.AveragePool2DOp, args: Values) -> Values:
        layout, zero = op.layout.data, quant.quantized(op.input).zero_point
        x = integer.pad_window(channels_last(args[0], layout), op.pads.get_values(), zero)
        view = integer.windows(x, op.kernel_size(), op.strides.get_values())
        accumulator = view.sum((4, 5), dtype=np.int64) - zero * int(np.prod(op.kernel_size()))
        y = apply_requant(accumulator, op.requant, op.result)
        return (stored(op.result, from_channels_last(y, layout)),)

    @impl(quant.MaxPool2DOp)
    def max_pool2d(self, _: Interpreter, op: quant.MaxPool2DOp, args: Values) -> Values:
        layout, least = op.layout.data, quant.quantized(op.input).bounds[0]
        x = integer.pad_window(channels_last(args[0], layout), op.pads.get_values(), least)
        view = integer.windows(x, op.kernel_size(), op.strides.get_values())
        return (from_channels_last(view.max((4, 5)), layout),)

    @impl(quant.UnfoldOp)
    def unfold(self, _: Interpreter, op: quant.UnfoldOp, args: Values) -> Values:
        zero, channels = quant.quantized(op.input).zero_point, quant.shape_of(op.result)[-1]
        x = integer.pad_window(args[0], op.pads.get_values(), zero)
        kernel, strides = op.kernel_size(), op.strides.get_values()
        return (integer.unfold(x, kernel, strides, channels, zero),)

    @impl(quant.TableOp)
    def table(self, _: Interpreter, op: quant.TableOp, args: Values) -> Values:
        x, table = args
        result = dtype_of(quant.quantized(op.result))
        return (integer.lookup(x, table, result).astype(result),)

    @impl(quant.SoftmaxOp)
    def softmax(self, _: Interpreter, op: quant.SoftmaxOp, args: Values) -> Values:
        x, table = args
        element = quant.quantized(op.result)
        y = integer.softmax(x, table, dtype_of(element), element.zero_point, element.bounds)
        return (stored(op.result, y),)

    @impl(quant.LayerNormOp)
    def layer_norm(self, _: Interpreter, op: quant.LayerNormOp, args: Values) -> Values:
        x, weight, bias = args
        low, high = op.clamp.get_values()
        numbers = op.epsilon.value.data, op.shift.value.data, (low, high)
        return (stored(op.result, integer.layer_norm(x, weight, bias, *numbers)),)

    @impl(quant.QuantizeCastOp)
    def qcast(self, _: Interpreter, op: quant.QuantizeCastOp, args: Values) -> Values:
        element = quant.quantized(op.result)
        scale, zero = broadcast_parameters(element, args[0].ndim)
        rounding = "half_even" if op.rounding is None else op.rounding.data
        codes = integer.quantize(args[0], scale, zero, element.bounds, rounding)
        return (stored(op.result, codes),)

    @impl(quant.DequantizeCastOp)
    def dcast(self, _: Interpreter, op: quant.DequantizeCastOp, args: Values) -> Values:
        scale, zero = broadcast_parameters(quant.quantized(op.input), args[0].ndim)
        return (integer.dequantize(args[0], scale, zero),)

    @impl(quant.WidenOp)
    def widen(self, _: Interpreter, op: quant.WidenOp, args: Values) -> Values:
        return (args[0].astype(np.int32) * np.int32(op.multiplier.value.data),)


@register_impls
class ExactCasts(InterpreterFunctions):
    """Reals in f64: sums of products of small integers times their scales are exact enough that all
    roundings are those of the integers.
    """

    @impl(quant.DequantizeCastOp)
    def dcast(self, _: Interpreter, op: quant.DequantizeCastOp, args: Values) -> Values:
        element = quant.quantized(op.input)
        scale, zero = broadcast_parameters(element, args[0].ndim)
        if element.storage == i32:
            scale = bias_scales(op).reshape(scale.shape)
        return ((args[0].astype(np.int64) - zero) * scale.astype(np.float64),)
