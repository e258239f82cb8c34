"""What each kernel op of the cluster passes to its C kernel, in the order of its parameters."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import singledispatch

from xdsl.dialects import arith, memref
from xdsl.dialects.builtin import DYNAMIC_INDEX, IntegerAttr, IntegerType, MemRefType, i8, i32
from xdsl.ir import Operation, SSAValue
from xdsl.utils.exceptions import PassFailedException

from ..dialects import cluster, quant
from ..dialects.cluster_chunk import ChunkLayout
from ..dialects.diagnostics import refuse
from ..dialects.types import dtype_of
from .kernel_arguments import ROUNDINGS, Integer, Struct, layer_norm_shape

Size = int | SSAValue
"""A number, or a value of type index."""


@dataclass(frozen=True)
class Number:
    """A number by its value; `name` is that of the parameter where it is not constant."""

    name: str
    value: Size


@dataclass(frozen=True)
class Shape:
    """The address of a struct some of whose fields may not be constant."""

    type: str
    fields: Mapping[str, Size]


@dataclass(frozen=True)
class Pitch:
    """The pitches of a window, an `rn_pitch` by its value."""

    name: str
    row: int
    pixel: int


@dataclass(frozen=True)
class Pointer:
    """The address of a window."""

    name: str
    value: SSAValue
    const: bool


@dataclass(frozen=True)
class ChunkPart:
    """An address in the chunk of constants: that of the weights, or a table of `element`."""

    offset: int
    element: IntegerType = i8


@dataclass(frozen=True)
class Channels:
    """The address of an `rn_channels` that points into the chunk."""

    layout: ChunkLayout


@dataclass(frozen=True)
class Scratch:
    """The scratch of all cores, or NULL."""

    value: SSAValue | None


Argument = Integer | Number | Shape | Pitch | Pointer | ChunkPart | Channels | Scratch | Struct


def sizes_of(value: SSAValue) -> tuple[Size, ...]:
    """The sizes of a window."""
    type = value.type
    assert isinstance(type, MemRefType)
    if not isinstance(value.owner, memref.SubviewOp):
        return type.get_shape()
    dynamic = iter(value.owner.sizes)
    static = value.owner.static_sizes.get_values()
    return tuple(next(dynamic) if n == DYNAMIC_INDEX else n for n in static)


def strides_of(value: SSAValue) -> list[int]:
    """Bytes from element to element along each axis of a window."""
    type = value.type
    assert isinstance(type, MemRefType)
    strides = type.get_strides()
    if strides is None or None in strides or strides[-1] != 1:
        raise PassFailedException(f"{type} is no window with neighbouring channels")
    item = dtype_of(type.element_type).itemsize
    return [stride * item for stride in strides if stride is not None]


def pitch(name: str, value: SSAValue) -> Pitch:
    """Bytes from row to row and from pixel to pixel."""
    strides = strides_of(value)
    if len(strides) == 2:
        return Pitch(name, strides[0], strides[0])
    return Pitch(name, strides[-3], strides[-2])


@singledispatch
def arguments_of(op: Operation) -> list[Argument]:
    """The arguments of the kernel that `op` calls, but for the number of the core."""
    refuse(op, "has no kernel call")


def scratch(op: cluster.KernelOp) -> Scratch:
    return Scratch(op.scratches[0] if op.scratches else None)


def requant(
    op: cluster.ProductOp | cluster.ScaledOp,
) -> Struct:
    low, high = op.clamp.get_values()
    return Struct(
        "rn_requant",
        "requant",
        {
            "acc_shift": op.acc_shift.value.data,
            "out_zero": quant.quantized(op.outs[0]).zero_point,
            "lo": int(low),
            "hi": int(high),
            "rounding": ROUNDINGS[op.rounding.data],
        },
    )


def ends(op: cluster.KernelOp) -> list[Argument]:
    """The input and the output of an op with one of each."""
    return [Pointer("x", op.ins[0], True), Pointer("y", op.outs[0], False)]


def convolution(op: cluster.Conv2DOp | cluster.UnfoldOp, *, depthwise: bool) -> Shape:
    """The geometry of windows that have all channels of the input, or each one."""
    _, in_h, in_w, in_c = sizes_of(op.ins[0])
    _, out_h, out_w, out_c = sizes_of(op.outs[0])
    k_h, k_w, stride_h, stride_w, dil_h, dil_w = op.window.get_values()
    return Shape(
        "rn_conv2d_shape",
        {
            "in_h": in_h,
            "in_w": in_w,
            "in_c": in_c,
            "out_h": out_h,
            "out_w": out_w,
            "out_c": out_c,
            "k_h": k_h,
            "k_w": k_w,
            "stride_h": stride_h,
            "stride_w": stride_w,
            "dil_h": dil_h,
            "dil_w": dil_w,
            "pad_top": op.pads[0],
            "pad_left": op.pads[1],
            "groups": in_c if depthwise else 1,
            "in_zero": quant.quantized(op.ins[0]).zero_point,
        },
    )


@arguments_of.register
def conv2d(op: cluster.Conv2DOp) -> list[Argument]:
    layout = op.chunk.layout(depthwise=op.depthwise)
    x, y = ends(op)
    return [
        convolution(op, depthwise=op.depthwise),
        pitch("x_pitch", op.ins[0]),
        pitch("y_pitch", op.outs[0]),
        requant(op),
        Channels(layout),
        x,
        ChunkPart(layout.weights),
        y,
        scratch(op),
    ]


@arguments_of.register
def fully_connected(op: cluster.FullyConnectedOp) -> list[Argument]:
    rows, depth = sizes_of(op.ins[0])
    outputs = sizes_of(op.outs[0])[1]
    layout = op.chunk.layout(depthwise=False)
    x, y = ends(op)
    return [
        Shape("rn_fully_connected_shape", {"rows": rows, "in_c": depth, "out_c": outputs}),
        requant(op),
        Channels(layout),
        x,
        ChunkPart(layout.weights),
        y,
        scratch(op),
    ]


def box(value: SSAValue) -> list[Argument]:
    """Height, width and channels of a window."""
    sizes = (1, 1, *sizes_of(value)[1:])[-3:]
    return [Number(name, size) for name, size in zip("hwc", sizes, strict=True)]


@arguments_of.register
def add(op: cluster.AddOp) -> list[Argument]:
    return [
        *box(op.outs[0]),
        pitch("a_pitch", op.ins[0]),
        pitch("b_pitch", op.ins[1]),
        pitch("y_pitch", op.outs[0]),
        *(Integer(number) for number in op.numbers),
        Pointer("a", op.ins[0], True),
        Pointer("b", op.ins[1], True),
        Pointer("y", op.outs[0], False),
    ]


def factor_pitch(name: str, op: cluster.MulOp) -> Pitch:
    """That of the second operand: 0 along what it has one of."""
    found = pitch(name, op.ins[1])
    sizes = sizes_of(op.ins[1])
    if len(sizes) < 3:
        return found
    row, pixel = (
        0 if size == 1 else step
        for size, step in zip(sizes[-3:-1], (found.row, found.pixel), strict=True)
    )
    return Pitch(name, row, pixel)


@arguments_of.register
def mul(op: cluster.MulOp) -> list[Argument]:
    return [
        *box(op.outs[0]),
        pitch("a_pitch", op.ins[0]),
        factor_pitch("b_pitch", op),
        pitch("y_pitch", op.outs[0]),
        *(Integer(quant.quantized(value).zero_point) for value in op.ins),
        *requantized(op),
    ]


def requantized(op: cluster.MulOp | cluster.MatmulOp) -> list[Argument]:
    """What a product of two activations ends with."""
    return [
        requant(op),
        Integer(op.multiplier.value.data),
        Integer(op.shift.value.data),
        Pointer("a", op.ins[0], True),
        Pointer("b", op.ins[1], True),
        Pointer("y", op.outs[0], False),
    ]


@arguments_of.register
def matmul(op: cluster.MatmulOp) -> list[Argument]:
    batch, rows, depth = sizes_of(op.ins[0])[-3:]
    a_zero, b_zero = (quant.quantized(value).zero_point for value in op.ins)
    return [
        Shape(
            "rn_matmul_shape",
            {
                "batch": batch,
                "rows": rows,
                "depth": depth,
                "columns": sizes_of(op.outs[0])[-1],
                "a_zero": a_zero,
                "b_zero": b_zero,
            },
        ),
        pitch("a_pitch", op.ins[0]),
        pitch("b_pitch", op.ins[1]),
        pitch("y_pitch", op.outs[0]),
        *requantized(op),
        scratch(op),
    ]


@arguments_of.register
def table(op: cluster.TableOp) -> list[Argument]:
    return [
        *box(op.outs[0]),
        pitch("x_pitch", op.ins[0]),
        pitch("y_pitch", op.outs[0]),
        ChunkPart(0),
        *ends(op),
    ]


@arguments_of.register
def softmax(op: cluster.SoftmaxOp) -> list[Argument]:
    return [
        *box(op.outs[0]),
        pitch("x_pitch", op.ins[0]),
        pitch("y_pitch", op.outs[0]),
        ChunkPart(0, i32),
        Integer(quant.quantized(op.outs[0]).zero_point),
        *ends(op),
    ]


@arguments_of.register
def layer_norm(op: cluster.LayerNormOp) -> list[Argument]:
    height, width, _ = box(op.outs[0])
    return [
        height,
        width,
        pitch("x_pitch", op.ins[0]),
        pitch("y_pitch", op.outs[0]),
        layer_norm_shape(op, 1),
        ChunkPart(0, i32),
        *ends(op),
    ]


@arguments_of.register
def transpose(op: cluster.TransposeOp) -> list[Argument]:
    """The input's pitches are those along the axes of the output."""
    strides = strides_of(op.ins[0])
    row, pixel, channel = (0, *(strides[axis] for axis in op.perm.get_values()[1:]))[-3:]
    return [
        *box(op.outs[0]),
        Pitch("x_pitch", row, pixel),
        Integer(channel),
        pitch("y_pitch", op.outs[0]),
        *ends(op),
    ]


@arguments_of.register
def copy(op: cluster.CopyOp) -> list[Argument]:
    return [
        *box(op.outs[0]),
        pitch("x_pitch", op.ins[0]),
        pitch("y_pitch", op.outs[0]),
        *ends(op),
    ]


def pool(op: cluster.AveragePool2DOp | cluster.MaxPool2DOp) -> Shape:
    _, in_h, in_w, channels = sizes_of(op.ins[0])
    _, out_h, out_w, _ = sizes_of(op.outs[0])
    k_h, k_w, stride_h, stride_w, _, _ = op.window.get_values()
    return Shape(
        "rn_pool2d_shape",
        {
            "in_h": in_h,
            "in_w": in_w,
            "channels": channels,
            "out_h": out_h,
            "out_w": out_w,
            "k_h": k_h,
            "k_w": k_w,
            "stride_h": stride_h,
            "stride_w": stride_w,
            "pad_top": op.pads[0],
            "pad_left": op.pads[1],
            "in_zero": quant.quantized(op.ins[0]).zero_point,
        },
    )


@arguments_of.register
def avg_pool2d(op: cluster.AveragePool2DOp) -> list[Argument]:
    k_h, k_w, *_ = op.window.get_values()
    return [
        pool(op),
        pitch("x_pitch", op.ins[0]),
        pitch("y_pitch", op.outs[0]),
        requant(op),
        Integer(-k_h * k_w * quant.quantized(op.ins[0]).zero_point),
        Integer(op.multiplier.value.data),
        Integer(op.shift.value.data),
        *ends(op),
        scratch(op),
    ]


@arguments_of.register
def max_pool2d(op: cluster.MaxPool2DOp) -> list[Argument]:
    low, high = quant.quantized(op.outs[0]).bounds
    return [
        pool(op),
        pitch("x_pitch", op.ins[0]),
        pitch("y_pitch", op.outs[0]),
        Integer(low),
        Integer(high),
        *ends(op),
    ]


@arguments_of.register
def unfold(op: cluster.UnfoldOp) -> list[Argument]:
    return [
        convolution(op, depthwise=False),
        pitch("x_pitch", op.ins[0]),
        pitch("y_pitch", op.outs[0]),
        *ends(op),
    ]


def constant_size(value: Size) -> int | None:
    """The number that a size is, if that is known."""
    if isinstance(value, int):
        return value
    if isinstance(value.owner, arith.ConstantOp) and isinstance(value.owner.value, IntegerAttr):
        return value.owner.value.value.data
    return None
