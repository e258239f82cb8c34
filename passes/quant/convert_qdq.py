"""QuantizeLinear and DequantizeLinear become casts whose parameters live in the type."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray
from xdsl.context import Context
from xdsl.dialects import func
from xdsl.dialects.builtin import FloatAttr, ModuleOp, TensorType, f32
from xdsl.ir import Attribute, Operation, SSAValue
from xdsl.passes import ModulePass
from xdsl.rewriter import Rewriter

from ...dialects import graph, quant
from ...dialects.diagnostics import OpError, emit_remark, refuse
from ...dialects.graph_base import GraphOp
from ...dialects.types import dtype_of


@dataclass(frozen=True)
class ConvertQDQ(ModulePass):
    """Turn quantize_linear / dequantize_linear into quant.qcast / quant.dcast.

    Scales and zero points must be constants. Unsigned 8-bit tensors become signed ones with a zero
    point that is 128 less: the reals are the same, and kernels know one signedness. A clip of the
    stored integers, as PyTorch and Brevitas export fewer bits, becomes the bounds of the type.
    """

    name = "convert-qdq"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        problems: list[tuple[Operation, str]] = []
        for inner in list(op.walk()):
            try:
                if isinstance(inner, graph.QuantizeLinearOp):
                    convert_quantize(inner)
                elif isinstance(inner, graph.DequantizeLinearOp):
                    convert_dequantize(op, inner)
            except OpError as error:
                problems += error.problems
        for inner in op.walk():
            if isinstance(inner, graph.ConcatOp) and len(set(elements_of(inner))) > 1:
                problems.append((inner, "joins tensors of different scales; dequantize them first"))
            elif isinstance(inner, func.FuncOp):
                inner.update_function_type()
        if problems:
            raise OpError(*problems)


def quantized_type(
    op: graph.QuantizeLinearOp | graph.DequantizeLinearOp, dtype: np.dtype[np.generic], rank: int
) -> quant.UniformQuantizedType:
    """The type that the op's scale and zero point stand for, signed."""
    scale = graph.constant_array(op.scale)
    zero = None if op.zero_point is None else graph.constant_array(op.zero_point)
    if scale is None or (op.zero_point is not None and zero is None):
        refuse(
            op,
            "scale and zero point must be constants; dynamic quantization has no integer form here",
        )
    if op.block_size is not None:
        refuse(op, "blocked quantization has no integer form here")
    scales = scale.astype(np.float64).reshape(-1)
    if dtype.kind not in "iu" or not (np.isfinite(scales) & (scales > 0)).all():
        refuse(
            op,
            f"needs integer elements and positive scales, got {dtype} and a least "
            f"scale of {scales.min()}",
        )
    zeros = np.zeros(scales.size, np.int64) if zero is None else zero.astype(np.int64).reshape(-1)
    axis = op.axis.value.data if scales.size > 1 else -1
    if scales.size > 1 and axis < 0:
        axis += rank
    return quant.UniformQuantizedType.get(
        scales,
        np.broadcast_to(zeros - unsigned_offset(dtype), scales.shape),
        bits=8 * dtype.itemsize,
        axis=axis,
    )


def convert_quantize(op: graph.QuantizeLinearOp) -> None:
    dtype = dtype_of(op.result.type.element_type)
    element = quantized_type(op, dtype, len(op.result.type.get_shape()))
    for use in list(op.result.uses):
        if isinstance(use.operation, graph.ClipOp):
            replace_by_cast(op, use.operation, narrowed(use.operation, element, dtype))
    replace_by_cast(op, op, element)


def narrowed(
    clip: graph.ClipOp, element: quant.UniformQuantizedType, dtype: np.dtype[np.generic]
) -> quant.UniformQuantizedType:
    """`element` with the bounds that a clip of its integers, stored as `dtype`, leaves."""
    low, high = (bound - unsigned_offset(dtype) for bound in clip.bounds())
    least, most = element.bounds
    bounds = max(low, least), min(high, most)
    if bounds[0] >= bounds[1] or any(bound != int(bound) for bound in bounds):
        refuse(clip, f"bounds of quantized integers are whole and in order, not {bounds}")
    return element.within(int(bounds[0]), int(bounds[1]))


def unsigned_offset(dtype: np.dtype[np.generic]) -> int:
    """What stored integers of `dtype` are less here, where all are signed."""
    return 1 << (8 * dtype.itemsize - 1) if dtype.kind == "u" else 0


def replace_by_cast(
    op: graph.QuantizeLinearOp,
    old: graph.QuantizeLinearOp | graph.ClipOp,
    element: quant.UniformQuantizedType,
) -> None:
    """A cast of what `op` reads in the place of `old`."""
    new = quant.QuantizeCastOp(op.input, TensorType(element, op.result.type.get_shape()))
    new.location = op.location
    block = old.parent
    assert block is not None
    block.insert_op_before(new, old)
    old.result.replace_all_uses_with(new.result)
    new.result.name_hint = old.result.name_hint
    block.erase_op(old)
    for use in list(new.result.uses):
        if isinstance(use.operation, GraphOp):
            retype(use.operation, element)


MOVEMENT = (
    graph.ReshapeOp,
    graph.TransposeOp,
    graph.SliceOp,
    graph.GatherOp,
    graph.PadOp,
    graph.ConcatOp,
    graph.ResizeOp,
    graph.MaxPoolOp,
)
"""Their results are stored integers of their operand, on the same grid."""


def retype(op: GraphOp, element: quant.UniformQuantizedType) -> None:
    """Data movement between a quantize and a dequantize keeps the quantized element type."""
    if isinstance(op, graph.DequantizeLinearOp):
        return
    if not isinstance(op, MOVEMENT) or element.per_axis:
        axis = " of one scale per channel" if element.per_axis else ""
        refuse(op, f"computes with quantized integers{axis}; dequantize them first")
    if isinstance(op, graph.ConcatOp) and any(e != element for e in elements_of(op)):
        return  # the quantizers of the other operands follow
    if isinstance(op, graph.PadOp):
        op.value = FloatAttr(real_value(op, element), f32)
    type = TensorType(element, op.result.type.get_shape())
    result = Rewriter.replace_value_with_new_type(op.result, type)
    for use in list(result.uses):
        if isinstance(use.operation, GraphOp):
            retype(use.operation, element)


def elements_of(op: graph.ConcatOp) -> list[Attribute]:
    """The element types of the operands."""
    return [cast(TensorType, operand.type).element_type for operand in op.inputs]


def real_value(op: graph.PadOp, element: quant.UniformQuantizedType) -> float:
    """The real number that the padding of an integer tensor stands for."""
    offset = unsigned_offset(dtype_of(op.result.type.element_type))
    return (op.value.value.data - offset - element.zero_point) * element.scale


def convert_dequantize(module: ModuleOp, op: graph.DequantizeLinearOp) -> None:
    clip = op.input.owner if isinstance(op.input.owner, graph.ClipOp) else None
    source = op.input if clip is None else clip.input
    stored = graph.constant_array(source)
    shape = op.result.type.get_shape()
    block = op.parent
    assert block is not None
    if stored is not None:
        element = quantized_type(op, stored.dtype, len(shape))
        if clip is not None:
            element = narrowed(clip, element, stored.dtype)
        constant = quantized_constant(module, source, stored, TensorType(element, shape))
        block.insert_op_before(constant, op)
        source = constant.result
    else:
        have = source.type.element_type if isinstance(source.type, TensorType) else None
        if not isinstance(have, quant.UniformQuantizedType):
            refuse(
                op,
                f"its input {source.type} does not come from a QuantizeLinear; "
                "integer network inputs need a QuantizeLinear in the model",
            )
        zero = None if op.zero_point is None else graph.constant_array(op.zero_point)
        element = quantized_type(op, dtype_of(have) if zero is None else zero.dtype, len(shape))
        if have.within(*element.bounds) != element:
            refuse(op, f"dequantizes {have} with other parameters, {element}")
    new = quant.DequantizeCastOp(source, op.result.type)
    new.location = op.location
    block.insert_op_before(new, op)
    op.result.replace_all_uses_with(new.result)
    block.erase_op(op)
    if clip is not None and not clip.result.first_use:
        block.erase_op(clip)


def quantized_constant(
    module: ModuleOp, source: SSAValue, stored: NDArray[Any], type: TensorType
) -> graph.ConstantOp:
    """A constant like `source`, within the bounds of the quantized type."""
    assert isinstance(source.owner, graph.ConstantOp)
    name = source.owner.global_name.string_value()
    if stored.dtype.kind == "u":
        emit_remark("analysis", ConvertQDQ.name, source.owner, f"@{name} is stored signed")
    signed = stored.astype(np.int64) - unsigned_offset(stored.dtype)
    within = np.clip(signed, *quant.quantized(type).bounds)
    constant = graph.ConstantOp(graph.add_global(module, name, within, type).sym_name.data, type)
    constant.location = source.owner.location
    return constant
