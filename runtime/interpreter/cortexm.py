"""The NumPy meaning of the cortexm dialect: each kernel reads and writes views of the arenas."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from xdsl.interpreter import Interpreter, InterpreterFunctions, impl, register_impls

from ...dialects import cortexm, quant
from . import integer

Values = tuple[Any, ...]


def unpacked(op: cortexm.ProductOp) -> NDArray[np.int8]:
    """The weight matrix of `op` as rows and columns."""
    packed = cortexm.constant(op, op.weight).astype(np.int8)
    return op.packing.unpack(packed, op.matrix_shape(), op.kernel_size())


def requantize(
    op: cortexm.ProductOp | cortexm.AveragePool2DOp | cortexm.MulOp | cortexm.MatmulOp,
    accumulator: NDArray[np.int64],
) -> NDArray[np.int64]:
    return integer.requantize(
        accumulator << op.acc_shift.value.data,
        op.requant.multiplier_array(),
        op.requant.shift_array(),
        op.requant.rounding.data,
        quant.quantized(op.outs[0]).zero_point,
        op.requant.clamp,
    )


def convolve(
    op: cortexm.ConvolutionKernelOp, x: NDArray[np.int8], weight: NDArray[np.int8], groups: int
) -> NDArray[np.int64]:
    """The requantized convolution of x with weight [O, kh, kw, I / groups]."""
    g = op.geometry()
    accumulator = integer.conv2d(
        x,
        weight,
        cortexm.constant(op, op.bias).astype(np.int64),
        pads=op.pads.get_values(),
        strides=(g.stride_h, g.stride_w),
        dilations=(g.dil_h, g.dil_w),
        groups=groups,
        pad_value=g.in_zero,
    )
    return requantize(op, accumulator)


@register_impls
class CortexMFunctions(InterpreterFunctions):
    @impl(cortexm.Conv2DOp)
    def conv2d(self, _: Interpreter, op: cortexm.Conv2DOp, args: Values) -> Values:
        x, y = args[:2]
        g = op.geometry()
        weight = unpacked(op).reshape(g.out_c, g.k_h, g.k_w, -1)
        y[...] = convolve(op, x, weight, op.groups.value.data)
        return ()

    @impl(cortexm.DepthwiseConv2DOp)
    def depthwise(self, _: Interpreter, op: cortexm.DepthwiseConv2DOp, args: Values) -> Values:
        x, y = args[:2]
        g = op.geometry()
        weight = unpacked(op).T.reshape(g.out_c, g.k_h, g.k_w, 1)
        y[...] = convolve(op, x, weight, g.in_c)
        return ()

    @impl(cortexm.FullyConnectedOp)
    def fully_connected(self, _: Interpreter, op: cortexm.FullyConnectedOp, args: Values) -> Values:
        x, y = args[:2]
        y[...] = requantize(op, integer.matmul(x, unpacked(op).T) + cortexm.constant(op, op.bias))
        return ()

    @impl(cortexm.AddOp)
    def add(self, _: Interpreter, op: cortexm.AddOp, args: Values) -> Values:
        a, b, y = args
        y[...] = integer.scaled_sum(a, b, *op.numbers)
        return ()

    @impl(cortexm.MulOp)
    def mul(self, _: Interpreter, op: cortexm.MulOp, args: Values) -> Values:
        a, b, y = args
        zeros = [quant.quantized(value).zero_point for value in op.ins]
        runs = op.runs.get_values()
        accumulator = integer.product(a.reshape(runs), b.reshape(1, -1, 1), *zeros)
        y[...] = requantize(op, accumulator).reshape(y.shape)
        return ()

    @impl(cortexm.MatmulOp)
    def matmul(self, _: Interpreter, op: cortexm.MatmulOp, args: Values) -> Values:
        a, b, y = args
        zeros = [quant.quantized(value).zero_point for value in op.ins]
        y[...] = requantize(op, integer.activation_product(a, b, *zeros))
        return ()

    @impl(cortexm.AveragePool2DOp)
    def avg_pool2d(self, _: Interpreter, op: cortexm.AveragePool2DOp, args: Values) -> Values:
        x, y = args[:2]
        g = op.geometry()
        padded = integer.pad_window(x, op.pads.get_values(), g.in_zero)
        view = integer.windows(padded, (g.k_h, g.k_w), (g.stride_h, g.stride_w))
        y[...] = requantize(op, view.sum((4, 5), dtype=np.int64) - g.k_h * g.k_w * g.in_zero)
        return ()

    @impl(cortexm.MaxPool2DOp)
    def max_pool2d(self, _: Interpreter, op: cortexm.MaxPool2DOp, args: Values) -> Values:
        x, y = args[:2]
        g = op.geometry()
        least = quant.quantized(op.ins[0]).bounds[0]
        padded = integer.pad_window(x, op.pads.get_values(), least)
        y[...] = integer.windows(padded, (g.k_h, g.k_w), (g.stride_h, g.stride_w)).max((4, 5))
        return ()

    @impl(cortexm.TableOp)
    def table(self, _: Interpreter, op: cortexm.TableOp, args: Values) -> Values:
        x, y = args
        y[...] = integer.lookup(x, cortexm.constant(op, op.table), y.dtype)
        return ()

    @impl(cortexm.SoftmaxOp)
    def softmax(self, _: Interpreter, op: cortexm.SoftmaxOp, args: Values) -> Values:
        x, y = args[:2]
        element = quant.quantized(op.outs[0])
        table = cortexm.constant(op, op.table)
        y[...] = integer.softmax(x, table, y.dtype, element.zero_point, element.bounds)
        return ()

    @impl(cortexm.LayerNormOp)
    def layer_norm(self, _: Interpreter, op: cortexm.LayerNormOp, args: Values) -> Values:
        x, y = args
        weight, bias = (cortexm.constant(op, symbol) for symbol in (op.weight, op.bias))
        low, high = op.clamp.get_values()
        numbers = op.epsilon.value.data, op.shift.value.data, (low, high)
        y[...] = integer.layer_norm(x, weight, bias, *numbers)
        return ()

    @impl(cortexm.QuantizeOp)
    def quantize(self, _: Interpreter, op: cortexm.QuantizeOp, args: Values) -> Values:
        x, y = args
        element = quant.quantized(op.outs[0])
        scale, zero = np.float32(element.scale), np.int64(element.zero_point)
        y[...] = integer.quantize(x, np.asarray(scale), np.asarray(zero), element.bounds)
        return ()

    @impl(cortexm.DequantizeOp)
    def dequantize(self, _: Interpreter, op: cortexm.DequantizeOp, args: Values) -> Values:
        x, y = args
        element = quant.quantized(op.ins[0])
        scale, zero = np.float32(element.scale), np.int64(element.zero_point)
        y[...] = integer.dequantize(x, np.asarray(scale), np.asarray(zero))
        return ()

    @impl(cortexm.TransposeOp)
    def transpose(self, _: Interpreter, op: cortexm.TransposeOp, args: Values) -> Values:
        x, y = args
        y[...] = x.transpose(op.permutation.get_values())
        return ()

    @impl(cortexm.CopyOp)
    def copy(self, _: Interpreter, op: cortexm.CopyOp, args: Values) -> Values:
        x, y = args
        sizes, offsets, strides, target = op.numbers()
        taken = x
        for axis, (n, offset, stride) in enumerate(zip(sizes, offsets, strides, strict=True)):
            taken = taken.take([offset + i * stride for i in range(n)], axis)
        y[tuple(slice(at, at + n) for at, n in zip(target, sizes, strict=True))] = taken
        return ()

    @impl(cortexm.PadOp)
    def pad(self, _: Interpreter, op: cortexm.PadOp, args: Values) -> Values:
        x, y = args
        y[...] = op.value.value.data
        before = op.before.get_values()
        y[tuple(slice(at, at + n) for at, n in zip(before, x.shape, strict=True))] = x
        return ()
