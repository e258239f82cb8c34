"""spill-constants: constants move to a farther memory where theirs is too small for all."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from xdsl.context import Context
from xdsl.dialects.builtin import MemRefType, ModuleOp, StringAttr
from xdsl.dialects.func import FuncOp
from xdsl.ir import SSAValue
from xdsl.passes import ModulePass
from xdsl.rewriter import Rewriter

from ...dialects import dma
from ...dialects.diagnostics import emit_remark, refuse
from ...dialects.platform import PlatformAttr, platform_of
from ...dialects.platform_records import Memory
from ...dialects.types import byte_size, memref_type
from .limits import CODE_BYTES, space_for_buffers
from .liveness import buffer_liveness, functions_with_buffers, liveness_bound


@dataclass(frozen=True)
class SpillConstants(ModulePass):
    """Keep in the memory of code what fits beside the code and the activations there.

    Each constant that moves goes to the fastest farther memory with room that a DMA engine joins
    with its reader. First move those that are fetched the least often for their size.
    """

    name = "spill-constants"

    code: int = CODE_BYTES
    """Bytes that are left for code and for constants that are no `dma.constant`."""

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        platform = platform_of(op)
        home = platform.code_memory
        for function in functions_with_buffers(op.body.block.ops):
            constants = [c for c in function.walk() if isinstance(c, dma.ConstantOp)]
            room = _room(op, function, home) - self.code
            lack = sum(map(_size, constants)) - room
            if lack > 0:
                self._spill(platform, home, constants, lack)

    def _spill(
        self, platform: PlatformAttr, home: Memory, constants: Sequence[dma.ConstantOp], lack: int
    ) -> None:
        taken: dict[str, int] = {}
        for constant in sorted(constants, key=lambda c: (_traffic(c) / _size(c), -_size(c))):
            if lack <= 0:
                return
            size = _size(constant)
            for memory in platform.farther(home.name, _readers(constant)):
                if taken.get(memory.name, 0) + size <= memory.size:
                    taken[memory.name] = taken.get(memory.name, 0) + size
                    lack -= size
                    _move(constant, memory.name)
                    message = f"{size} B of constants move from {home.name} to {memory.name}"
                    emit_remark("passed", self.name, constant, message)
                    break
        if lack > 0:
            first = constants[0]
            message = (
                f"the constants take {lack} B more than {home.name} has beside "
                f"{self.code} B of code and the activations, and platform {platform.label} has no "
                "farther memory with room that a DMA engine joins with the near one"
            )
            refuse(first, message)


def _room(module: ModuleOp, function: FuncOp, home: Memory) -> int:
    """Bytes of `home` beside the activations that live there."""
    space = space_for_buffers(module, home.name)
    assert space is not None
    liveness = buffer_liveness(function)
    intervals = [liveness.intervals[buffer] for buffer in liveness.buffers(home.name)]
    return space.bytes - liveness_bound(intervals, dma.BUFFER_ALIGNMENT).aligned


def _size(constant: dma.ConstantOp) -> int:
    assert isinstance(constant.result.type, MemRefType)
    return byte_size(constant.result.type)


def _copies(constant: dma.ConstantOp) -> Iterator[dma.CopyOp]:
    """The copies that fetch (parts of) a constant."""
    pending: list[SSAValue] = [constant.result]
    while pending:
        for use in pending.pop().uses:
            if isinstance(use.operation, dma.CopyOp):
                yield use.operation
            elif use.operation.results:
                pending.append(use.operation.results[0])


def _traffic(constant: dma.ConstantOp) -> int:
    """Bytes that an inference fetches of a constant."""
    total = 0
    for copy in _copies(constant):
        stages = copy.parent_op()
        rounds = stages.iterations.value.data if isinstance(stages, dma.PipelineOp) else 1
        shape = memref_type(copy.target).get_shape()
        total += -(-rounds // copy.period) * shape[-1]
    return total


def _readers(constant: dma.ConstantOp) -> set[str]:
    """The memories that (parts of) a constant are copied to."""
    spaces = {memref_type(copy.target).memory_space for copy in _copies(constant)}
    return {space.data for space in spaces if isinstance(space, StringAttr)}


def _move(constant: dma.ConstantOp, memory: str) -> None:
    """Give a constant, and all windows of it, another memory."""
    pending: list[SSAValue] = [constant.result]
    while pending:
        value = pending.pop()
        type = value.type
        assert isinstance(type, MemRefType)
        moved = MemRefType(type.element_type, type.shape, type.layout, StringAttr(memory))
        new = Rewriter.replace_value_with_new_type(value, moved)
        for use in new.uses:
            pending += [r for r in use.operation.results if isinstance(r.type, MemRefType)]
