"""Random small networks at the quant level, channels-last, for tests of tilings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from xdsl.dialects import func
from xdsl.dialects.builtin import ModuleOp, TensorType, i8, i32
from xdsl.ir import Block, Operation, Region, SSAValue

from runnel.dialects import graph, quant
from runnel.dialects.tiling import shape_of

Array = NDArray[Any]
Element = quant.UniformQuantizedType


@dataclass
class Builder:
    """A function from one input, op after op, with random weights and zero points."""

    random: np.random.Generator
    module: ModuleOp = field(default_factory=lambda: ModuleOp([]))
    block: Block = field(default_factory=Block)

    def element(self) -> Element:
        return Element.get([0.1], [int(self.random.integers(-128, 128))])

    def input(self, *shape: int) -> SSAValue:
        return self.block.insert_arg(TensorType(self.element(), shape), len(self.block.args))

    def add_op(self, op: Operation) -> SSAValue:
        self.block.add_op(op)
        return op.results[0]

    def constant(self, array: Array, element: Any) -> SSAValue:
        type = TensorType(element, array.shape)
        symbol = graph.add_global(self.module, "c", array, type).sym_name.data
        return self.add_op(graph.ConstantOp(symbol, type))

    def weights(self, *shape: int) -> tuple[SSAValue, SSAValue]:
        """Weights and biases."""
        stored = self.random.integers(-128, 128, shape).astype(np.int8)
        bias = self.random.integers(-2000, 2000, shape[0]).astype(np.int32)
        return self.constant(stored, Element.get([0.1])), self.constant(bias, i32)

    def requant(self, channels: int, summed: int) -> quant.RequantAttr:
        """Outputs spread over about int8 where `summed` products are added up."""
        shift = 31 + int(np.log2(75 * np.sqrt(summed)))
        multipliers = self.random.integers(1 << 30, 1 << 31, channels)
        shifts = shift + self.random.integers(0, 2, channels)
        low = int(self.random.choice([-128, -20]))
        return quant.RequantAttr.get(multipliers, shifts, "single", (low, 127))

    def result(self, *shape: int) -> TensorType:
        return TensorType(self.element(), shape)

    def conv(
        self,
        x: SSAValue,
        channels: int | None,
        kernel: tuple[int, int],
        strides: tuple[int, int] = (1, 1),
        pads: Sequence[int] = (0, 0, 0, 0),
        dilations: tuple[int, int] = (1, 1),
    ) -> SSAValue:
        """A convolution; with `channels` None a depthwise one."""
        _, height, width, depth = shape_of(x)
        out, groups = (depth, depth) if channels is None else (channels, 1)
        h = quant.window_extent(height, pads[0], pads[2], kernel[0], strides[0], dilations[0])
        w = quant.window_extent(width, pads[1], pads[3], kernel[1], strides[1], dilations[1])
        weight, bias = self.weights(out, *kernel, depth // groups)
        requant = self.requant(out, kernel[0] * kernel[1] * depth // groups)
        return self.add_op(
            quant.Conv2DOp(
                x, weight, bias, self.result(1, h, w, out),
                strides=strides, pads=pads, dilations=dilations, groups=groups, layout="nhwc",
                requant=requant,
            )
        )  # fmt: skip

    def add(self, a: SSAValue, b: SSAValue) -> SSAValue:
        multipliers = (int(self.random.integers(1 << 18, 1 << 20)), 1 << 19)
        type = self.result(*shape_of(a))
        return self.add_op(
            quant.AddOp(
                a, b, type, multipliers=multipliers, bias=12345, shift=20, clamp=(-128, 127)
            )
        )

    def table(self, x: SSAValue) -> SSAValue:
        table = self.constant(self.random.integers(-128, 128, 256).astype(np.int8), i8)
        return self.add_op(quant.TableOp(x, table, self.result(*shape_of(x))))

    def pool(
        self,
        x: SSAValue,
        kernel: tuple[int, int],
        strides: tuple[int, int],
        pads: Sequence[int] = (0, 0, 0, 0),
    ) -> SSAValue:
        """Average or greatest, half of the time each."""
        _, height, width, channels = shape_of(x)
        h = quant.window_extent(height, pads[0], pads[2], kernel[0], strides[0], 1)
        w = quant.window_extent(width, pads[1], pads[3], kernel[1], strides[1], 1)
        shared = {"kernel": kernel, "strides": strides, "pads": pads, "layout": "nhwc"}
        if self.random.random() < 0.5:
            type = TensorType(quant.quantized(x), (1, h, w, channels))
            return self.add_op(quant.MaxPool2DOp(x, type, **shared))
        requant = quant.RequantAttr.get([1 << 30], [30 + kernel[0]], "single", (-128, 127))
        type = self.result(1, h, w, channels)
        return self.add_op(quant.AveragePool2DOp(x, type, requant=requant, **shared))

    def matmul(self, a: SSAValue, b: SSAValue) -> SSAValue:
        requant = self.requant(1, shape_of(a)[-1])
        type = self.result(*shape_of(a)[:-1], shape_of(b)[-1])
        return self.add_op(quant.MatmulOp(a, b, type, requant))

    def softmax(self, x: SSAValue) -> SSAValue:
        entries = (np.exp(-np.arange(256) / 20) * (1 << 20) / shape_of(x)[-1]).astype(np.int32)
        zero = int(self.random.integers(-128, 128))
        type = TensorType(Element.get([1 / 256], [zero]), shape_of(x))
        return self.add_op(quant.SoftmaxOp(x, self.constant(entries, i32), type))

    def layer_norm(self, x: SSAValue) -> SSAValue:
        n = shape_of(x)[-1]
        weight = self.constant(self.random.integers(-(2**29), 2**29, n).astype(np.int32), i32)
        bias = self.constant(self.random.integers(-(2**20), 2**20, n).astype(np.int32), i32)
        numbers = {"epsilon": 7, "shift": 43, "clamp": (-128, 127)}
        return self.add_op(quant.LayerNormOp(x, weight, bias, self.result(*shape_of(x)), **numbers))

    def transpose(self, x: SSAValue, *perm: int) -> SSAValue:
        """Another order of the axes; without one the last two change places."""
        axes = list(range(len(shape_of(x))))
        return self.add_op(graph.TransposeOp(x, perm or [*axes[:-2], axes[-1], axes[-2]]))

    def flatten(self, x: SSAValue) -> SSAValue:
        size = int(np.prod(shape_of(x)))
        return self.add_op(graph.ReshapeOp(x, (1, size)))

    def fully_connected(self, x: SSAValue, channels: int) -> SSAValue:
        depth = shape_of(x)[1]
        weight, bias = self.weights(channels, depth)
        requant = self.requant(channels, depth)
        type = self.result(1, channels)
        return self.add_op(quant.FullyConnectedOp(x, weight, bias, type, requant))

    def finish(self, *values: SSAValue) -> ModuleOp:
        self.block.add_op(func.ReturnOp(*values))
        types = ([a.type for a in self.block.args], [value.type for value in values])
        self.module.body.block.add_op(func.FuncOp("net", types, Region(self.block)))
        self.module.verify()
        return self.module


def random_network(seed: int) -> ModuleOp:
    """Two to six ops of all kinds on a small image, with residual sums and an end of vectors."""
    random = np.random.default_rng(seed)
    b = Builder(random)
    x = b.input(1, *(int(n) for n in random.integers(5, 14, 2)), int(random.choice([1, 3, 4, 8])))
    values = [x]
    for _ in range(random.integers(2, 6)):
        x = random_op(b, x, values)
        values.append(x)
    if np.prod(shape_of(x)) < 500 and random.random() < 0.7:
        x = b.fully_connected(b.flatten(x), int(random.integers(1, 12)))
    return b.finish(x)


def random_op(b: Builder, x: SSAValue, values: Sequence[SSAValue]) -> SSAValue:
    """One more op on `x`; a sum with one of the `values` where their shapes agree."""
    random, (_, height, width, channels) = b.random, shape_of(x)
    alike = [v for v in values if v is not x and shape_of(v) == shape_of(x)]
    if alike and random.random() < 0.5:
        return b.add(alike[random.integers(len(alike))], x)
    small = min(height, width) < 4
    match random.integers(6):
        case 0 | 1 if not small:
            kernel = (int(random.integers(1, 4)), int(random.integers(1, 4)))
            strides = (int(random.integers(1, 3)), int(random.integers(1, 3)))
            pads = [int(random.integers(0, k)) for k in (*kernel, *kernel)]
            return b.conv(x, int(random.integers(1, 20)), kernel, strides, pads)
        case 2 if channels > 1:
            return b.conv(x, None, (3, 3), (1, 1), (1, 1, 1, 1))
        case 3 if not small:
            return b.pool(x, (2, 3), (int(random.integers(1, 3)), 2))
        case 4:
            return b.table(x)
        case _:
            return b.conv(x, int(random.choice([channels, 5, 16])), (1, 1))


def random_layer(b: Builder, x: SSAValue) -> SSAValue:
    """Any layer that has tiles, on an image or a vector: all kernels, strides, pads and dilations
    that fit it.
    """
    random, shape = b.random, shape_of(x)
    if len(shape) == 2:
        return b.table(x) if random.random() < 0.3 else b.fully_connected(x, _few(random, 40))
    kind = random.choice(["conv", "depthwise", "pool", "add", "table", "vector"])
    slides = [_slide(random, n, dilated=kind != "pool") for n in shape[1:3]]
    (k_h, s_h, d_h, top, bottom), (k_w, s_w, d_w, left, right) = slides
    kernel, strides, pads = (k_h, k_w), (s_h, s_w), (top, left, bottom, right)
    match kind:
        case "conv":
            return b.conv(x, _few(random, 24), kernel, strides, pads, (d_h, d_w))
        case "depthwise" if shape[3] > 1:
            return b.conv(x, None, kernel, strides, pads, (d_h, d_w))
        case "pool":
            return b.pool(x, kernel, strides, pads)
        case "vector" if np.prod(shape) < 300:
            return b.fully_connected(b.flatten(x), _few(random, 24))
        case "table":
            return b.table(x)
        case _:
            return b.add(x, b.table(x) if random.random() < 0.5 else x)


def _few(random: np.random.Generator, most: int) -> int:
    return int(random.integers(1, most + 1))


def _slide(random: np.random.Generator, size: int, *, dilated: bool) -> tuple[int, ...]:
    """How a window slides over `size`: kernel, stride, dilation, padding before and after."""
    kernel, stride = _few(random, min(size, 4)), _few(random, 3)
    dilation = 2 if dilated and 2 * (kernel - 1) < size and random.random() < 0.3 else 1
    most = dilation * (kernel - 1)
    pads = [int(random.integers(0, most + 1)) if random.random() < 0.6 else 0 for _ in range(2)]
    return kernel, stride, dilation, *pads


def random_layers(b: Builder) -> SSAValue:
    """One to three layers on a new small input; what the last one makes."""
    x = b.input(1, *(_few(b.random, 11) for _ in range(2)), _few(b.random, 12))
    for _ in range(_few(b.random, 3)):
        x = random_layer(b, x)
    return x


def npu_layers(b: Builder) -> SSAValue:
    """One to three layers that an NPU may take, by channels around its own sizes, or a sum."""
    random, channels = b.random, (3, 8, 16, 28, 32, 33, 40)
    x = b.input(1, _few(random, 11), _few(random, 11), int(random.choice(channels)))
    for _ in range(_few(random, 3)):
        stride, depth = _few(random, 2), int(random.choice(channels))
        match random.integers(4):
            case 0:
                x = b.conv(x, depth, (1, 1), (stride, stride))
            case 1:
                x = b.conv(x, depth, (3, 3), (stride, stride), (1, 1, 1, 1))
            case 2:
                x = b.conv(x, None, (3, 3), (stride, stride), (1, 1, 1, 1))
            case _:
                x = b.add(x, x)
    return x


def attention_layers(b: Builder) -> SSAValue:
    """One to four layers of an attention on matrices of several rows, with heads or without."""
    random = b.random
    leading = (1,) if random.random() < 0.5 else (1, _few(random, 3))
    rows, depth, columns = _few(random, 21), _few(random, 19), _few(random, 22)
    if len(leading) == 2 and random.random() < 0.5:
        x = b.transpose(b.input(1, rows, leading[1], depth), 0, 2, 1, 3)
    else:
        x = b.input(*leading, rows, depth)
    if random.random() < 0.5:
        x = b.layer_norm(x)
    if random.random() < 0.5:
        x = b.matmul(x, b.transpose(b.input(*leading, columns, depth)))
    else:
        x = b.matmul(x, b.input(*leading, depth, columns))
    if random.random() < 0.7:
        x = b.softmax(x)
    if random.random() < 0.7:
        x = b.matmul(x, b.input(*leading, columns, _few(random, 13)))
    return x


def random_inputs(module: ModuleOp, seed: int) -> list[Array]:
    """Stored inputs of the function, two samples."""
    function = next(op for op in module.body.block.ops if isinstance(op, func.FuncOp))
    random = np.random.default_rng(seed)
    shapes = [shape_of(argument) for argument in function.body.block.args]
    return [random.integers(-128, 128, (2, *shape[1:])).astype(np.int8) for shape in shapes]
