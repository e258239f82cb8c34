"""The NumPy meaning of buffers: views into one array of bytes per memory.

A planned buffer is a view at its offset, so that two buffers that overlap do so here as on the
target; memory that nothing has written holds `POISON`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from xdsl.dialects.builtin import MemRefType
from xdsl.interpreter import Interpreter, InterpreterFunctions, impl, register_impls

from ...dialects import dma
from ...dialects.types import dtype_of

POISON = 0xA5

Values = tuple[Any, ...]


class Memories:
    """The arenas of one run and the network's inputs and outputs in them."""

    def __init__(self) -> None:
        self.inputs: Sequence[NDArray[Any]] = ()
        self.outputs: dict[int, NDArray[Any]] = {}
        self._arenas: dict[str, bytearray] = {}

    def bytes_for(self, op: dma.BufferOp) -> tuple[bytearray, int]:
        """The bytes that hold the buffer, and where it starts in them."""
        if op.offset is None:
            return bytearray([POISON]) * op.size, 0
        if op.memory not in self._arenas:
            block = op.parent
            assert block is not None
            size = max(
                other.offset.value.data + other.size
                for other in block.walk()
                if isinstance(other, dma.BufferOp) and other.offset and other.memory == op.memory
            )
            self._arenas[op.memory] = bytearray([POISON]) * size
        return self._arenas[op.memory], op.offset.value.data


def memories(interpreter: Interpreter) -> Memories:
    """The memories of this run."""
    return interpreter.get_data(DmaFunctions, "memories", Memories)


@register_impls
class DmaFunctions(InterpreterFunctions):
    @impl(dma.BufferOp)
    def buffer(self, interpreter: Interpreter, op: dma.BufferOp, args: Values) -> Values:
        type = op.result.type
        assert isinstance(type, MemRefType)
        state = memories(interpreter)
        data, offset = state.bytes_for(op)
        dtype = dtype_of(type.element_type)
        view = np.frombuffer(data, dtype, op.size // dtype.itemsize, offset)
        view = view.reshape(type.get_shape())
        if op.role is not None and op.index is not None:
            if op.role.data == "input":
                view[...] = state.inputs[op.index.value.data]
            else:
                state.outputs[op.index.value.data] = view
        return (view,)

    @impl(dma.ViewOp)
    def view(self, _: Interpreter, op: dma.ViewOp, args: Values) -> Values:
        type = op.result.type
        assert isinstance(type, MemRefType)
        return (args[0].reshape(-1).view(dtype_of(type.element_type)).reshape(type.get_shape()),)
