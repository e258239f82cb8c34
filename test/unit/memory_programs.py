"""Programs on buffers for tests: kernels of their own, and running them on the bytes of a plan."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from xdsl.builder import Builder
from xdsl.context import Context
from xdsl.dialects.builtin import MemRefType, ModuleOp, StringAttr, i8
from xdsl.dialects.func import FuncOp, ReturnOp
from xdsl.ir import SSAValue
from xdsl.irdl import (
    AttrSizedOperandSegments,
    IRDLOperation,
    irdl_op_definition,
    var_operand_def,
)
from xdsl.passes import ModulePass
from xdsl.rewriter import InsertPoint

from runnel.dialects.diagnostics import add_remark_handler
from runnel.dialects.dma import BufferOp, DestinationStyleOp, buffer_of


class KernelBase(IRDLOperation, DestinationStyleOp):
    """Reads all `ins`, writes all `outs`, spoils all `scratches`."""

    ins = var_operand_def(MemRefType)
    outs = var_operand_def(MemRefType)
    scratches = var_operand_def(MemRefType)

    irdl_options = (AttrSizedOperandSegments(as_property=True),)

    def __init__(
        self,
        ins: Sequence[SSAValue],
        outs: Sequence[SSAValue],
        scratches: Sequence[SSAValue] = (),
    ):
        super().__init__(operands=[ins, outs, scratches])

    @property
    def inputs(self) -> Sequence[SSAValue]:
        return self.ins

    @property
    def outputs(self) -> Sequence[SSAValue]:
        return self.outs

    @property
    def scratch(self) -> Sequence[SSAValue]:
        return self.scratches


@irdl_op_definition
class KernelOp(KernelBase):
    """A kernel that must not work in place."""

    name = "mem.kernel"


@irdl_op_definition
class MapOp(KernelBase):
    """A kernel whose output may be any of its inputs."""

    name = "mem.map"

    @property
    def in_place(self) -> Sequence[tuple[int, int]]:
        return tuple((i, 0) for i in range(len(self.ins)))


class Program:
    """Builds one function `@net` on buffers in memory `sram`."""

    def __init__(self):
        self.func = FuncOp("net", ((), ()))
        self.module = ModuleOp([self.func])
        self.builder = Builder(InsertPoint.at_end(self.func.body.block))
        self.buffers: list[BufferOp] = []

    def buffer(
        self, size: int, role: str | None = None, index: int = 0, memory: str = "sram"
    ) -> SSAValue:
        type = MemRefType(i8, [size], memory_space=StringAttr(memory))
        if role == "input" or role == "output":
            op = BufferOp(type, role=role, index=index)
        else:
            op = BufferOp(type)
        self.buffers.append(self.builder.insert(op))
        return op.result

    def kernel(self, ins: Sequence[SSAValue], out: SSAValue, *scratch: SSAValue) -> KernelOp:
        return self.builder.insert(KernelOp(ins, [out], scratch))

    def map(self, ins: Sequence[SSAValue], out: SSAValue) -> MapOp:
        return self.builder.insert(MapOp(ins, [out]))

    def finish(self) -> ModuleOp:
        self.builder.insert(ReturnOp())
        self.module.verify()
        return self.module


def apply(module: ModuleOp, *passes: ModulePass) -> list[str]:
    """Run passes; the remarks that they made."""
    remarks: list[str] = []
    stop = add_remark_handler(lambda remark: remarks.append(str(remark)))
    try:
        for one in passes:
            one.apply(Context(), module)
            module.verify()
    finally:
        stop()
    return remarks


def offsets(module: ModuleOp) -> list[int | None]:
    """The offsets of all buffers, in the order of the text."""
    buffers = [op for op in module.walk() if isinstance(op, BufferOp)]
    return [None if op.offset is None else op.offset.value.data for op in buffers]


class Machine:
    """Runs a program: on one arena when the buffers have offsets, else with an array per buffer."""

    def __init__(self, module: ModuleOp):
        buffers = [op for op in module.walk() if isinstance(op, BufferOp)]
        self.module = module
        self.arrays: dict[BufferOp, NDArray[np.uint8]] = {}
        ends = [op.offset.value.data + op.size for op in buffers if op.offset is not None]
        arena = np.zeros(max(ends, default=0), np.uint8)
        for op in buffers:
            start = None if op.offset is None else op.offset.value.data
            place = np.zeros(op.size, np.uint8) if start is None else arena[start : start + op.size]
            self.arrays[op] = place

    def run(self) -> list[bytes]:
        """The bytes of all network outputs; inputs hold fixed numbers."""
        for buffer, array in self.arrays.items():
            if buffer.role is not None and buffer.role.data == "input" and buffer.index is not None:
                array[:] = np.arange(len(array)) * 7 + buffer.index.value.data
        number = 0
        for op in self.module.walk():
            if isinstance(op, KernelBase):
                number += 1
                self.run_kernel(op, number)
        outputs = [b for b in self.arrays if b.role is not None and b.role.data == "output"]
        by_index = sorted(outputs, key=lambda b: 0 if b.index is None else b.index.value.data)
        return [self.arrays[buffer].tobytes() for buffer in by_index]

    def run_kernel(self, op: KernelBase, number: int) -> None:
        for value in op.scratch:
            self.array(value)[:] = 0xA5
        ins = [self.array(value).copy() for value in op.inputs]
        for value in op.outputs:
            out = self.array(value)
            result = np.arange(len(out)) + 101 * number
            for i, array in enumerate(ins):
                result += (2 * i + 3) * np.resize(array, len(out)).astype(np.int64)
            out[:] = result.astype(np.uint8)
        for value in op.scratch:
            self.array(value)[:] = 0x5A

    def array(self, value: SSAValue) -> NDArray[np.uint8]:
        buffer = buffer_of(value)
        assert buffer is not None
        return self.arrays[buffer]
