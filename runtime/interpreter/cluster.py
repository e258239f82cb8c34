"""The NumPy meaning of the cluster dialect: what all cores compute together, as one core would.

Operands are views of the arenas, with the shapes that this tile has. Padding before the input comes
as operands, padding behind it follows from the output's shape.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from xdsl.interpreter import Interpreter, InterpreterFunctions, impl, register_impls

from ...dialects import cluster, quant
from ...dialects.quant_types import storage_bounds
from . import integer

Values = tuple[Any, ...]


@dataclass(frozen=True)
class Channels:
    """The constants of the output channels that a kernel computes."""

    weights: NDArray[np.int8]
    """[channels, depth]"""
    bias: NDArray[np.int64]
    multipliers: NDArray[np.int64]
    shifts: NDArray[np.int64]


def unpack_chunk(
    op: cluster.ProductOp, chunk: NDArray[Any], count: int, kernel: tuple[int, int]
) -> Channels:
    """The first `count` channels of a chunk of bytes; `kernel` is (kh, kw)."""
    layout = op.chunk.layout(depthwise=op.depthwise)
    channels, depth = op.chunk.channels.data, op.chunk.depth.data
    if count > channels:
        raise ValueError(f"{count} output channels, but the chunk holds {channels}")
    data = np.ascontiguousarray(chunk).reshape(-1).view(np.int8)
    shape = (depth, channels) if op.depthwise else (channels, depth)
    size = op.chunk.packing.packed_size(*shape)
    matrix = op.chunk.packing.unpack(data[layout.weights :][:size], shape, kernel)

    def words(start: int) -> NDArray[np.int64]:
        return data[start : start + 4 * channels].view("<i4")[:count].astype(np.int64)

    return Channels(
        (matrix.T if op.depthwise else matrix)[:count],
        words(layout.bias),
        words(layout.multiplier),
        data[layout.shift :][:count].astype(np.int64),
    )


def words(chunk: NDArray[Any]) -> NDArray[np.int32]:
    """A chunk of four-byte integers."""
    return np.ascontiguousarray(chunk).reshape(-1).view(np.int8).view("<i4")


def requantize(
    op: cluster.ProductOp | cluster.ScaledOp,
    accumulator: NDArray[np.int64],
    multipliers: NDArray[np.int64],
    shifts: NDArray[np.int64],
) -> NDArray[np.int64]:
    low, high = op.clamp.get_values()
    return integer.requantize(
        accumulator << op.acc_shift.value.data,
        multipliers,
        shifts,
        op.rounding.data,
        quant.quantized(op.outs[0]).zero_point,
        (low, high),
    )


def padded(
    op: cluster.WindowOp, x: NDArray[Any], out: Sequence[int], pads: Sequence[int], value: int
) -> NDArray[Any]:
    """The input [1, h, w, c] as an output of `out` rows and columns needs it: padded or cut off."""
    numbers = op.window.get_values()
    behind: list[int] = []
    for axis in range(2):
        kernel, stride, dilation = numbers[axis], numbers[2 + axis], numbers[4 + axis]
        needed = (out[axis] - 1) * stride + (kernel - 1) * dilation + 1
        behind.append(needed - pads[axis] - x.shape[1 + axis])
    rows, columns = (size + min(more, 0) for size, more in zip(x.shape[1:3], behind, strict=True))
    if rows < 0 or columns < 0 or min(pads) < 0:
        raise ValueError(f"an output of {list(out)} lies in the padding {list(pads)} alone")
    return integer.pad_window(
        x[:, :rows, :columns], (*pads, max(behind[0], 0), max(behind[1], 0)), value
    )


def check_channels(x: NDArray[Any], y: NDArray[Any]) -> None:
    """Refuse a window that does not have the channels of the output."""
    if x.shape[-1] != y.shape[-1]:
        raise ValueError(f"{x.shape[-1]} input channels for {y.shape[-1]} output channels")


def pooled(op: cluster.WindowOp, args: Values, value: int) -> NDArray[Any]:
    """All windows of the padded input as a view [1, oh, ow, c, kh, kw]."""
    x, y, pads = args[0], args[1], args[-2:]
    check_channels(x, y)
    kh, kw, *strides = op.window.get_values()[:4]
    dilations = op.window.get_values()[4:]
    return integer.windows(padded(op, x, y.shape[1:3], pads, value), (kh, kw), strides, dilations)


def multiply(
    op: cluster.ScaledOp, args: Values, product: Callable[..., NDArray[np.int64]]
) -> Values:
    """A product of two activations with their zero points, into the third operand."""
    zeros = [quant.quantized(value).zero_point for value in op.ins]
    multiplier, shift = (np.array([n.value.data]) for n in (op.multiplier, op.shift))
    args[2][...] = requantize(op, product(args[0], args[1], *zeros), multiplier, shift)
    return ()


@register_impls
class ClusterFunctions(InterpreterFunctions):
    @impl(cluster.Conv2DOp)
    def conv2d(self, _: Interpreter, op: cluster.Conv2DOp, args: Values) -> Values:
        x, chunk, y = args[:3]
        kh, kw, *strides = op.window.get_values()[:4]
        zero = quant.quantized(op.ins[0]).zero_point
        channels = unpack_chunk(op, chunk, y.shape[3], (kh, kw))
        if op.depthwise:
            check_channels(x, y)
        accumulator = integer.conv2d(
            padded(op, x, y.shape[1:3], args[-2:], zero),
            channels.weights.reshape(y.shape[3], kh, kw, -1),
            channels.bias,
            pads=(0, 0, 0, 0),
            strides=strides,
            dilations=op.window.get_values()[4:],
            groups=y.shape[3] if op.depthwise else 1,
            pad_value=zero,
        )
        y[...] = requantize(op, accumulator, channels.multipliers, channels.shifts)
        return ()

    @impl(cluster.FullyConnectedOp)
    def fully_connected(self, _: Interpreter, op: cluster.FullyConnectedOp, args: Values) -> Values:
        x, chunk, y = args[:3]
        channels = unpack_chunk(op, chunk, y.shape[1], (1, 1))
        accumulator = integer.matmul(x, channels.weights.T) + channels.bias
        y[...] = requantize(op, accumulator, channels.multipliers, channels.shifts)
        return ()

    @impl(cluster.AddOp)
    def add(self, _: Interpreter, op: cluster.AddOp, args: Values) -> Values:
        a, b, y = args[:3]
        y[...] = integer.scaled_sum(a, b, *op.numbers)
        return ()

    @impl(cluster.MulOp)
    def mul(self, _: Interpreter, op: cluster.MulOp, args: Values) -> Values:
        return multiply(op, args, integer.product)

    @impl(cluster.MatmulOp)
    def matmul(self, _: Interpreter, op: cluster.MatmulOp, args: Values) -> Values:
        return multiply(op, args, integer.activation_product)

    @impl(cluster.AveragePool2DOp)
    def avg_pool2d(self, _: Interpreter, op: cluster.AveragePool2DOp, args: Values) -> Values:
        zero = quant.quantized(op.ins[0]).zero_point
        view = pooled(op, args, zero)
        accumulator = view.sum((4, 5), dtype=np.int64) - zero * view.shape[4] * view.shape[5]
        multiplier, shift = (np.array([n.value.data]) for n in (op.multiplier, op.shift))
        args[1][...] = requantize(op, accumulator, multiplier, shift)
        return ()

    @impl(cluster.MaxPool2DOp)
    def max_pool2d(self, _: Interpreter, op: cluster.MaxPool2DOp, args: Values) -> Values:
        least = quant.quantized(op.ins[0]).bounds[0]
        args[1][...] = pooled(op, args, least).max((4, 5))
        return ()

    @impl(cluster.UnfoldOp)
    def unfold(self, _: Interpreter, op: cluster.UnfoldOp, args: Values) -> Values:
        x, y, pads = args[0], args[1], args[-2:]
        kh, kw, *strides = op.window.get_values()[:4]
        zero = quant.quantized(op.ins[0]).zero_point
        image = padded(op, x, y.shape[1:3], pads, zero)
        y[...] = integer.unfold(image, (kh, kw), strides, y.shape[3], zero)
        return ()

    @impl(cluster.TransposeOp)
    def transpose(self, _: Interpreter, op: cluster.TransposeOp, args: Values) -> Values:
        x, y = args
        y[...] = x.transpose(op.perm.get_values())
        return ()

    @impl(cluster.CopyOp)
    def copy(self, _: Interpreter, op: cluster.CopyOp, args: Values) -> Values:
        x, y = args
        y[...] = x
        return ()

    @impl(cluster.TableOp)
    def table(self, _: Interpreter, op: cluster.TableOp, args: Values) -> Values:
        x, table, y = args[:3]
        least = storage_bounds(quant.quantized(op.ins[0]).storage)[0]
        y[...] = table.reshape(-1)[x.astype(np.int64) - least]
        return ()

    @impl(cluster.SoftmaxOp)
    def softmax(self, _: Interpreter, op: cluster.SoftmaxOp, args: Values) -> Values:
        x, chunk, y = args
        element = quant.quantized(op.outs[0])
        y[...] = integer.softmax(x, words(chunk), y.dtype, element.zero_point, element.bounds)
        return ()

    @impl(cluster.LayerNormOp)
    def layer_norm(self, _: Interpreter, op: cluster.LayerNormOp, args: Values) -> Values:
        x, chunk, y = args
        low, high = op.clamp.get_values()
        numbers = op.epsilon.value.data, op.shift.value.data, (low, high)
        weight, bias = words(chunk).reshape(2, -1)
        y[...] = integer.layer_norm(x, weight, bias, *numbers)
        return ()

    @impl(cluster.ForkOp)
    def fork(self, interpreter: Interpreter, op: cluster.ForkOp, args: Values) -> Values:
        return interpreter.run_ssacfg_region(op.body, (), "fork")

    @impl(cluster.BarrierOp)
    def barrier(self, _: Interpreter, op: cluster.BarrierOp, args: Values) -> Values:
        return ()
