"""The NumPy meaning of buffers and transfers: views into one array of bytes per memory.

A planned buffer is a view at its offset, so that two buffers that overlap do so here as on the
target; memory that nothing has written holds `POISON`. A transfer is as late as it may be: from its
start on the target holds `POISON`, and the bytes move when its token is waited for. So a missing
wait, or a write to what is still being moved, gives wrong bytes here too.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from xdsl.dialects.builtin import MemRefType
from xdsl.dialects.func import FuncOp
from xdsl.interpreter import Interpreter, InterpreterFunctions, impl, register_impls
from xdsl.ir import Operation
from xdsl.traits import SymbolTable

from ...dialects import dma, graph
from ...dialects.types import dtype_of

POISON = 0xA5

Values = tuple[Any, ...]


class Memories:
    """The arenas of one run and the network's inputs and outputs in them."""

    def __init__(self) -> None:
        self.inputs: Sequence[NDArray[Any]] = ()
        self.outputs: dict[int, NDArray[Any]] = {}
        self.round = 0
        """Of the pipeline that runs."""
        self._arenas: dict[str, bytearray] = {}

    def bytes_for(self, op: dma.BufferOp) -> tuple[bytearray, int]:
        """The bytes that hold the buffer, and where it starts in them."""
        if op.offset is None:
            return bytearray([POISON]) * op.size, 0
        if op.memory not in self._arenas:
            size = max(
                other.offset.value.data + other.size
                for other in function_of(op).walk()
                if isinstance(other, dma.BufferOp)
                and other.offset is not None
                and other.memory == op.memory
            )
            self._arenas[op.memory] = bytearray([POISON]) * size
        return self._arenas[op.memory], op.offset.value.data


def function_of(op: Operation) -> Operation:
    """The function that `op` is in."""
    parent = op.parent_op()
    while parent is not None and not isinstance(parent, FuncOp):
        op, parent = parent, parent.parent_op()
    return op if parent is None else parent


@dataclass
class Token:
    """Copies (from, to) that were started and not waited for."""

    copies: list[tuple[NDArray[Any], NDArray[Any]]] = field(
        default_factory=list[tuple[NDArray[Any], NDArray[Any]]]
    )
    waited: bool = False

    def start(self, source: NDArray[Any], target: NDArray[Any]) -> None:
        """Begin a copy; nothing can be told of the target until `wait`."""
        if self.waited:
            raise ValueError("the token was already waited for")
        check_shapes(source, target)
        target[...] = np.frombuffer(bytes([POISON]) * target.itemsize, target.dtype)[0]
        self.copies.append((source, target))

    def wait(self) -> None:
        """End all copies."""
        if self.waited:
            raise ValueError("the token was already waited for")
        self.waited = True
        for source, target in self.copies:
            target[...] = source


def check_shapes(source: NDArray[Any], target: NDArray[Any]) -> None:
    """Refuse a copy between windows that differ in shape: NumPy would broadcast."""
    if source.shape != target.shape:
        raise ValueError(f"copies {list(source.shape)} to {list(target.shape)}")


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
        if not args[0].flags.c_contiguous:
            raise ValueError("a window with gaps cannot be seen under another shape")
        return (args[0].reshape(-1).view(dtype_of(type.element_type)).reshape(type.get_shape()),)

    @impl(dma.ConstantOp)
    def constant(self, _: Interpreter, op: dma.ConstantOp, args: Values) -> Values:
        found = SymbolTable.lookup_symbol(op, op.symbol)
        if not isinstance(found, graph.GlobalOp):
            raise ValueError(f"no constant @{op.symbol.string_value()} in the module")
        type = op.result.type
        flat = found.array().reshape(-1).view(dtype_of(type.element_type))
        return (flat.reshape(type.get_shape()),)

    @impl(dma.CopyOp)
    def copy(self, interpreter: Interpreter, op: dma.CopyOp, args: Values) -> Values:
        source, target = args
        check_shapes(source, target)
        if memories(interpreter).round % op.period == 0:
            target[...] = source
        return ()

    @impl(dma.TokenOp)
    def token(self, _: Interpreter, op: dma.TokenOp, args: Values) -> Values:
        return (Token(),)

    @impl(dma.StartOp)
    def start(self, _: Interpreter, op: dma.StartOp, args: Values) -> Values:
        source, target, token = args
        token.start(source, target)
        return ()

    @impl(dma.WaitOp)
    def wait(self, _: Interpreter, op: dma.WaitOp, args: Values) -> Values:
        args[0].wait()
        return ()

    @impl(dma.PipelineOp)
    def pipeline(self, interpreter: Interpreter, op: dma.PipelineOp, args: Values) -> Values:
        """Round after round, stage after stage."""
        state = memories(interpreter)
        stages = (op.constants, op.inputs, op.compute, op.store)
        for state.round in range(op.iterations.value.data):
            for stage in stages:
                interpreter.run_ssacfg_region(stage, (state.round,), "stage")
        state.round = 0
        return ()
