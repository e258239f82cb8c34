"""Ops that move stored integers as kernel calls: a box of a tensor to a box of another."""

from __future__ import annotations

from collections.abc import Sequence

from xdsl.dialects.builtin import AnyFloat, IntegerAttr, TensorType, i32
from xdsl.ir import Attribute, Operation, SSAValue

from ..dialects import cortexm, graph, quant
from ..dialects.attributes import index_array
from ..dialects.quant_types import quantize_real
from .kernel_bufferizer import KernelBufferizer
from .kernels import Problem

MOVEMENT: tuple[type[Operation], ...] = (
    graph.TransposeOp,
    graph.ReshapeOp,
    graph.ConcatOp,
    graph.SliceOp,
)
"""What moves elements of any type."""


def element_of(value: SSAValue) -> Attribute:
    assert isinstance(value.type, TensorType)
    return value.type.element_type


def pads_integers(op: Operation) -> bool:
    """A pad whose value is stored in a quantized type: others become loops."""
    return (
        isinstance(op, graph.PadOp)
        and op.mode.data == "constant"
        and not isinstance(element_of(op.input), AnyFloat)
    )


def concat(op: graph.ConcatOp, to: KernelBufferizer) -> None:
    """One copy per operand."""
    out = to.result(op.result)
    target = [0] * len(quant.shape_of(op.result))
    axis = op.axis.value.data % len(target)
    for value in op.inputs:
        shape = quant.shape_of(value)
        copy(op, to, value, out, shape, [0] * len(shape), [1] * len(shape), target)
        target[axis] += shape[axis]


def slice_(op: graph.SliceOp, to: KernelBufferizer) -> None:
    sizes, offsets, strides = (x.get_values() for x in (op.sizes, op.offsets, op.strides))
    out = to.result(op.result)
    copy(op, to, op.input, out, sizes, offsets, strides, [0] * len(sizes))


def copy(
    op: Operation,
    to: KernelBufferizer,
    value: SSAValue,
    out: SSAValue,
    sizes: Sequence[int],
    offsets: Sequence[int],
    strides: Sequence[int],
    target: Sequence[int],
) -> None:
    kernel = to.kernel_for(Problem("copy"), op)
    properties: dict[str, Attribute] = {
        "sizes": index_array(sizes),
        "offsets": index_array(offsets),
        "strides": index_array(strides),
        "target": index_array(target),
    }
    to.emit(to.kernel_op(cortexm.CopyOp, kernel, [to.operand(value)], out, None, properties), op)


def pad(op: graph.PadOp, to: KernelBufferizer) -> None:
    """Around quantized integers stands the stored one of the value, else the value itself."""
    element, value = element_of(op.input), op.value.value.data
    if isinstance(element, quant.UniformQuantizedType):
        stored = quantize_real(value, element)
    else:
        stored = int(value)
    kernel = to.kernel_for(Problem("pad"), op)
    properties: dict[str, Attribute] = {
        "before": index_array([first for first, _ in op.pad_pairs()]),
        "value": IntegerAttr(stored, i32),
    }
    source, out = to.operand(op.input), to.result(op.result)
    to.emit(to.kernel_op(cortexm.PadOp, kernel, [source], out, None, properties), op)
