"""The NumPy meaning of memref and tensor ops: buffers and tensors are arrays."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from xdsl.dialects import memref, tensor
from xdsl.dialects.builtin import DYNAMIC_INDEX, DenseIntOrFPElementsAttr, MemRefType, TensorType
from xdsl.interpreter import Interpreter, InterpreterFunctions, impl, register_impls
from xdsl.ir import SSAValue
from xdsl.traits import SymbolTable

from ...dialects import graph
from ...dialects.types import dtype_of
from .dma import POISON

Values = tuple[Any, ...]


def new_array(value: SSAValue, sizes: Values = ()) -> NDArray[Any]:
    """An array for `value` that holds nothing of use; `sizes` are its dynamic extents."""
    type = value.type
    assert isinstance(type, MemRefType | TensorType)
    given = iter(sizes)
    shape = [extent if extent >= 0 else int(next(given)) for extent in type.get_shape()]
    dtype = dtype_of(type.element_type)
    count = int(np.prod(shape, dtype=np.int64)) * dtype.itemsize
    return np.frombuffer(bytearray([POISON]) * count, dtype).reshape(shape)


def at(array: NDArray[Any], indices: Values) -> tuple[int, ...]:
    """`indices` as a place in `array`; refuses one outside."""
    place = tuple(int(index) for index in indices)
    if any(not 0 <= i < n for i, n in zip(place, array.shape, strict=True)):
        raise ValueError(f"element {list(place)} is outside of an array {list(array.shape)}")
    return place


def window_slice(axis: int, offset: int, size: int, step: int, extent: int) -> slice:
    """`size` elements from `offset` on; refuses those outside of `extent`, which NumPy cuts off."""
    last = offset + (size - 1) * step
    if offset < 0 or size < 0 or (size > 0 and not 0 <= last < extent):
        raise ValueError(
            f"the window takes {offset}..{last} of dimension {axis}, which has {extent} elements"
        )
    return slice(offset, offset + size * step, step)


@register_impls
class MemrefFunctions(InterpreterFunctions):
    @impl(memref.AllocOp)
    def alloc(self, _: Interpreter, op: memref.AllocOp, args: Values) -> Values:
        return (new_array(op.memref, args),)

    @impl(memref.AllocaOp)
    def alloca(self, _: Interpreter, op: memref.AllocaOp, args: Values) -> Values:
        return (new_array(op.memref, args),)

    @impl(memref.DeallocOp)
    def dealloc(self, _: Interpreter, op: memref.DeallocOp, args: Values) -> Values:
        return ()

    @impl(memref.GetGlobalOp)
    def get_global(self, _: Interpreter, op: memref.GetGlobalOp, args: Values) -> Values:
        found = SymbolTable.lookup_symbol(op, op.name_)
        type = op.memref.type
        assert isinstance(type, MemRefType)
        match found:
            case graph.GlobalOp():
                array = found.array()
            case memref.GlobalOp() if isinstance(found.initial_value, DenseIntOrFPElementsAttr):
                data = found.initial_value.data.data
                array = np.frombuffer(data, dtype_of(found.type.element_type))
            case _:
                raise ValueError(f"no constant {op.name_} with data in the module")
        return (array.reshape(type.get_shape()),)

    @impl(memref.LoadOp)
    def load(self, _: Interpreter, op: memref.LoadOp, args: Values) -> Values:
        array, *indices = args
        return (array[at(array, tuple(indices))],)

    @impl(memref.StoreOp)
    def store(self, _: Interpreter, op: memref.StoreOp, args: Values) -> Values:
        value, array, *indices = args
        array[at(array, tuple(indices))] = value
        return ()

    @impl(memref.CopyOp)
    def copy(self, _: Interpreter, op: memref.CopyOp, args: Values) -> Values:
        source, destination = args
        destination[...] = source
        return ()

    @impl(memref.SubviewOp)
    def subview(self, _: Interpreter, op: memref.SubviewOp, args: Values) -> Values:
        source, *dynamic = args
        given = iter(dynamic)
        offsets, sizes, steps = (
            [int(next(given)) if n == DYNAMIC_INDEX else n for n in static.get_values()]
            for static in (op.static_offsets, op.static_sizes, op.static_strides)
        )
        parts = zip(offsets, sizes, steps, source.shape, strict=True)
        return (source[tuple(window_slice(axis, *part) for axis, part in enumerate(parts))],)

    @impl(memref.DimOp)
    def dim(self, _: Interpreter, op: memref.DimOp, args: Values) -> Values:
        array, axis = args
        return (array.shape[axis],)


@register_impls
class TensorFunctions(InterpreterFunctions):
    @impl(tensor.EmptyOp)
    def empty(self, _: Interpreter, op: tensor.EmptyOp, args: Values) -> Values:
        return (new_array(op.tensor, args),)

    @impl(tensor.ExtractOp)
    def extract(self, _: Interpreter, op: tensor.ExtractOp, args: Values) -> Values:
        array, *indices = args
        return (array[at(array, tuple(indices))],)

    @impl(tensor.InsertOp)
    def insert(self, _: Interpreter, op: tensor.InsertOp, args: Values) -> Values:
        value, array, *indices = args
        result = array.copy()
        result[at(array, tuple(indices))] = value
        return (result,)
