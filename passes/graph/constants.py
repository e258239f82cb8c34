"""Constants that graph passes read and make."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from xdsl.dialects.builtin import AnyFloat, ModuleOp, TensorType
from xdsl.ir import Operation, SSAValue

from ...dialects import graph, quant
from ...dialects.diagnostics import node_location
from ...dialects.graph_base import tensor_type
from ...dialects.types import dtype_of


def float_array(value: SSAValue | None) -> NDArray[np.float64] | None:
    """The elements of a constant of plain floats, in double precision; None for other values."""
    if value is None or not isinstance(tensor_type(value).element_type, AnyFloat):
        return None
    array = graph.constant_array(value)
    return None if array is None else array.astype(np.float64)


def real_constant(value: SSAValue) -> NDArray[np.float64] | None:
    """The real elements of a constant: float, or quantized behind a dcast."""
    if isinstance(value.owner, quant.DequantizeCastOp):
        stored = graph.constant_array(value.owner.input)
        if stored is None:
            return None
        scale, zero = parameters(quant.quantized(value.owner.input), stored.ndim)
        return (stored.astype(np.float64) - zero) * scale
    array = graph.constant_array(value)
    return None if array is None else array.astype(np.float64)


def parameters(
    element: quant.UniformQuantizedType, rank: int
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Scales and zero points that broadcast along the quantized axis of a rank-`rank` array."""
    scales, zeros = element.scale_array(), element.zero_point_array()
    if element.per_axis:
        shape = [1] * rank
        shape[element.axis.data] = -1
        return scales.reshape(shape), zeros.reshape(shape)
    return scales, zeros


def symbol_of(value: SSAValue, default: str) -> str:
    """The symbol that a constant reads, or `default`: a name for what replaces it."""
    owner = value.owner
    return owner.global_name.string_value() if isinstance(owner, graph.ConstantOp) else default


def module_of(op: Operation) -> ModuleOp:
    """The module that holds `op`."""
    parent = op.parent_op()
    while parent is not None and not isinstance(parent, ModuleOp):
        parent = parent.parent_op()
    assert parent is not None
    return parent


def new_constant(
    at: Operation,
    name: str,
    array: NDArray[Any],
    type: TensorType,
    replaced: SSAValue | None = None,
) -> graph.ConstantOp:
    """A constant op, not inserted yet, that reads a new symbol.

    It has the location of the constant that it stands for (`replaced`), else the node of `at`.
    """
    stored = np.asarray(array).astype(dtype_of(type.element_type))
    symbol = graph.add_global(module_of(at), name, stored, type)
    op = graph.ConstantOp(symbol.sym_name.data, type)
    old = None if replaced is None else replaced.owner
    op.location = old.location if isinstance(old, Operation) else node_location(at)
    op.result.name_hint = name if SSAValue.is_valid_name(name) else None
    return op


def erase_unused(value: SSAValue) -> None:
    """Erase the constant that `value` is, or the cast of one, where nothing reads it (any more)."""
    op = value.owner
    if not isinstance(op, graph.ConstantOp | quant.DequantizeCastOp) or op.parent is None:
        return
    if value.first_use is None:
        operands = op.operands
        op.detach()
        op.erase()
        for operand in operands:
            erase_unused(operand)
