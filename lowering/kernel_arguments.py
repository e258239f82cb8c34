"""What each kernel op passes to its C kernel, in the order of the kernel's parameters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import singledispatch
from math import prod

import numpy as np
from numpy.typing import NDArray
from xdsl.dialects.builtin import SymbolRefAttr
from xdsl.ir import Operation, SSAValue

from ..dialects import cluster, cortexm, quant
from ..dialects.cortexm import memref_shape
from ..dialects.diagnostics import refuse
from ..dialects.types import dtype_of, memref_type

ROUNDINGS = {"single": 0, "half_even": 1, "floor": 2, "double": 3}
"""The values of RN_SINGLE, ... in rn_port.h."""

MAX_RANK = 6
"""RN_MAX_RANK in rn_transpose.h."""


@dataclass(frozen=True)
class Integer:
    value: int


@dataclass(frozen=True)
class Real:
    """A float; passed as f32."""

    value: float


@dataclass(frozen=True)
class Constant:
    """The address of a constant of the module."""

    symbol: SymbolRefAttr


@dataclass(frozen=True)
class Place:
    """The address of a buffer; `const` for what is only read, `untyped` for `void *`."""

    value: SSAValue
    const: bool
    untyped: bool = False


@dataclass(frozen=True)
class Scratch:
    """The scratch buffer, or NULL."""

    value: SSAValue | None


FieldValue = int | SymbolRefAttr | Sequence[int] | NDArray[np.integer]


@dataclass(frozen=True)
class Struct:
    """The address of a constant struct; a field with an array points to a constant of its own."""

    type: str
    name: str
    fields: Mapping[str, FieldValue]


Argument = Integer | Real | Constant | Place | Scratch | Struct


@singledispatch
def arguments_of(op: Operation) -> list[Argument]:
    """The arguments of the kernel that `op` calls."""
    refuse(op, "has no kernel call")


def buffers(op: cortexm.KernelOp, *, untyped: bool = False) -> list[Argument]:
    """Inputs, then the output."""
    return [
        *(Place(value, True, untyped) for value in op.ins),
        *(Place(value, False, untyped) for value in op.outs),
    ]


def scratch(op: cortexm.KernelOp) -> Scratch:
    return Scratch(op.scratches[0] if op.scratches else None)


def requant_struct(
    op: cortexm.ConvolutionKernelOp
    | cortexm.FullyConnectedOp
    | cortexm.AveragePool2DOp
    | cortexm.MulOp
    | cortexm.MatmulOp,
) -> Struct:
    low, high = op.requant.clamp
    return Struct(
        "rn_requant",
        "requant",
        {
            "acc_shift": op.acc_shift.value.data,
            "out_zero": quant.quantized(op.outs[0]).zero_point,
            "lo": low,
            "hi": high,
            "rounding": ROUNDINGS[op.requant.rounding.data],
        },
    )


def channels_struct(op: cortexm.ConvolutionKernelOp | cortexm.FullyConnectedOp) -> Struct:
    return Struct(
        "rn_channels",
        "channels",
        {
            "bias": op.bias,
            "multiplier": op.requant.multiplier_array(),
            "shift": op.requant.shift_array().astype(np.int8),
        },
    )


@arguments_of.register
def convolution(op: cortexm.Conv2DOp | cortexm.DepthwiseConv2DOp) -> list[Argument]:
    window = op.geometry()
    groups = op.groups.value.data if isinstance(op, cortexm.Conv2DOp) else window.in_c
    shape = {**window._asdict(), "groups": groups}
    source, target = buffers(op)
    return [
        Struct("rn_conv2d_shape", "shape", shape),
        requant_struct(op),
        channels_struct(op),
        source,
        Constant(op.weight),
        target,
        scratch(op),
    ]


@arguments_of.register
def fully_connected(op: cortexm.FullyConnectedOp) -> list[Argument]:
    rows, depth = memref_shape(op.ins[0])
    shape = {"rows": rows, "in_c": depth, "out_c": memref_shape(op.outs[0])[1]}
    source, target = buffers(op)
    return [
        Struct("rn_fully_connected_shape", "shape", shape),
        requant_struct(op),
        channels_struct(op),
        source,
        Constant(op.weight),
        target,
        scratch(op),
    ]


def pool_struct(op: cortexm.AveragePool2DOp | cortexm.MaxPool2DOp) -> Struct:
    fields = op.geometry()._asdict()
    fields["channels"] = fields.pop("in_c")
    for name in ("out_c", "dil_h", "dil_w"):
        del fields[name]
    return Struct("rn_pool2d_shape", "shape", fields)


@arguments_of.register
def avg_pool2d(op: cortexm.AveragePool2DOp) -> list[Argument]:
    g = op.geometry()
    return [
        pool_struct(op),
        requant_struct(op),
        Integer(-g.k_h * g.k_w * g.in_zero),
        Integer(int(op.requant.multiplier_array()[0])),
        Integer(int(op.requant.shift_array()[0])),
        *buffers(op),
        scratch(op),
    ]


@arguments_of.register
def max_pool2d(op: cortexm.MaxPool2DOp) -> list[Argument]:
    low, high = quant.quantized(op.outs[0]).bounds
    return [pool_struct(op), Integer(low), Integer(high), *buffers(op)]


def elements(op: cortexm.KernelOp) -> Integer:
    return Integer(prod(memref_shape(op.outs[0])))


@arguments_of.register
def add(op: cortexm.AddOp) -> list[Argument]:
    return [elements(op), *(Integer(number) for number in op.numbers), *buffers(op)]


@arguments_of.register
def mul(op: cortexm.MulOp) -> list[Argument]:
    runs = zip(("outer", "middle", "inner"), op.runs.get_values(), strict=True)
    return product(op, "rn_mul_shape", dict(runs))


@arguments_of.register
def matmul(op: cortexm.MatmulOp) -> list[Argument]:
    *leading, rows, depth = memref_shape(op.ins[0])
    columns = memref_shape(op.outs[0])[-1]
    shape = {"batch": prod(leading), "rows": rows, "depth": depth, "columns": columns}
    return product(op, "rn_matmul_shape", shape)


def product(
    op: cortexm.MulOp | cortexm.MatmulOp, struct: str, shape: dict[str, int]
) -> list[Argument]:
    """A product of two activations: its shape and their zero points, and one multiplier."""
    zeros = zip(("a_zero", "b_zero"), op.ins, strict=True)
    fields = shape | {name: quant.quantized(value).zero_point for name, value in zeros}
    return [
        Struct(struct, "shape", fields),
        requant_struct(op),
        Integer(int(op.requant.multiplier_array()[0])),
        Integer(int(op.requant.shift_array()[0])),
        *buffers(op),
    ]


@arguments_of.register
def table(op: cortexm.TableOp) -> list[Argument]:
    return [elements(op), Constant(op.table), *buffers(op)]


@arguments_of.register
def softmax(op: cortexm.SoftmaxOp) -> list[Argument]:
    shape = memref_shape(op.ins[0])
    return [
        Integer(prod(shape[:-1])),
        Integer(shape[-1]),
        Constant(op.table),
        Integer(quant.quantized(op.outs[0]).zero_point),
        *buffers(op),
    ]


@arguments_of.register
def layer_norm(op: cortexm.LayerNormOp) -> list[Argument]:
    shape = layer_norm_shape(op, prod(memref_shape(op.ins[0])[:-1]))
    return [shape, Constant(op.weight), Constant(op.bias), *buffers(op)]


def layer_norm_shape(op: cortexm.LayerNormOp | cluster.LayerNormOp, rows: int) -> Struct:
    """What a kernel of layer normalization takes beside tensors, for so many rows at a time."""
    columns = memref_shape(op.ins[0])[-1]
    low, high = op.clamp.get_values()
    fields: dict[str, FieldValue] = {
        "rows": rows,
        "n": columns,
        "shift": op.shift.value.data,
        "lo": low,
        "hi": high,
        "epsilon": op.epsilon.value.data,
    }
    return Struct("rn_layer_norm_shape", "shape", fields)


@arguments_of.register
def quantize(op: cortexm.QuantizeOp) -> list[Argument]:
    element = quant.quantized(op.outs[0])
    return [elements(op), Real(element.scale), Integer(element.zero_point), *buffers(op)]


@arguments_of.register
def dequantize(op: cortexm.DequantizeOp) -> list[Argument]:
    element = quant.quantized(op.ins[0])
    return [elements(op), Real(element.scale), Integer(element.zero_point), *buffers(op)]


@arguments_of.register
def transpose(op: cortexm.TransposeOp) -> list[Argument]:
    source, target = memref_shape(op.ins[0]), memref_shape(op.outs[0])
    if len(source) > MAX_RANK:
        refuse(op, f"has {len(source)} axes, at most {MAX_RANK}")
    steps = row_major(source)
    padding = [0] * (MAX_RANK - len(source))
    fields = {
        "rank": len(source),
        "item_bytes": dtype_of(memref_type(op.ins[0]).element_type).itemsize,
        "dims": [*target, *padding],
        "strides": [*(steps[axis] for axis in op.permutation.get_values()), *padding],
    }
    return [Struct("rn_transpose_shape", "shape", fields), *buffers(op, untyped=True)]


@arguments_of.register
def copy(op: cortexm.CopyOp) -> list[Argument]:
    return [box(op, *op.numbers()), *buffers(op, untyped=True)]


@arguments_of.register
def pad(op: cortexm.PadOp) -> list[Argument]:
    sizes = memref_shape(op.ins[0])
    shape = box(op, sizes, [0] * len(sizes), [1] * len(sizes), op.before.get_values())
    return [shape, elements(op), Integer(op.value.value.data), *buffers(op, untyped=True)]


def box(
    op: cortexm.CopyOp | cortexm.PadOp,
    sizes: Sequence[int],
    offsets: Sequence[int],
    strides: Sequence[int],
    target: Sequence[int],
) -> Struct:
    """The walk through the input and through the output, in items, over as few axes as it takes."""
    x_steps, y_steps = row_major(memref_shape(op.ins[0])), row_major(memref_shape(op.outs[0]))
    x_walk = [step * stride for step, stride in zip(x_steps, strides, strict=True)]
    dims, (x_walk, y_walk) = joined_axes(sizes, x_walk, y_steps)
    if len(dims) > MAX_RANK:
        refuse(op, f"has {len(dims)} axes, at most {MAX_RANK}")
    padding = [0] * (MAX_RANK - len(dims))
    fields: dict[str, FieldValue] = {
        "rank": len(dims),
        "item_bytes": dtype_of(memref_type(op.ins[0]).element_type).itemsize,
        "x_offset": sum(o * step for o, step in zip(offsets, x_steps, strict=True)),
        "y_offset": sum(o * step for o, step in zip(target, y_steps, strict=True)),
        "dims": [*dims, *padding],
        "x_strides": [*x_walk, *padding],
        "y_strides": [*y_walk, *padding],
    }
    return Struct("rn_box", "box", fields)


def row_major(shape: Sequence[int]) -> list[int]:
    """The distance between neighbours along each axis, in items."""
    return [prod(shape[axis + 1 :]) for axis in range(len(shape))]


def joined_axes(sizes: Sequence[int], *walks: Sequence[int]) -> tuple[list[int], list[list[int]]]:
    """The same walk over fewer axes: one of extent 1 goes, and two that every tensor passes through
    as one run become one. At least two axes are left.
    """
    extents: list[int] = []
    steps: list[list[int]] = []
    for axis, size in enumerate(sizes):
        here = [walk[axis] for walk in walks]
        if size == 1:
            continue
        if steps and steps[-1] == [step * size for step in here]:
            extents[-1] *= size
            steps[-1] = here
        else:
            extents.append(size)
            steps.append(here)
    while len(extents) < 2:
        extents.insert(0, 1)
        steps.insert(0, [1] * len(walks))
    return extents, [list(walk) for walk in zip(*steps, strict=True)]
