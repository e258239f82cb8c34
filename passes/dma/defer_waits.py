"""defer-waits: what can go on while a job runs goes on."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from xdsl.context import Context
from xdsl.dialects import memref
from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import Operation, SSAValue
from xdsl.passes import ModulePass
from xdsl.traits import IsTerminator

from ...dialects import dma
from ...dialects.diagnostics import emit_remark
from ..memory.liveness import functions_with_buffers


@dataclass(frozen=True)
class DeferWaits(ModulePass):
    """Move each wait for a job down its block to the first op that needs that it has ended.

    That is an op that touches what the job writes, or writes what it reads; but not the next job of
    the same queue, which is configured while this one runs and begins when it has ended. Runs
    before memory is planned: a buffer holds data until the wait.
    """

    name = "defer-waits"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        for function in functions_with_buffers(op.body.block.ops):
            waits = [inner for inner in function.walk() if isinstance(inner, dma.AwaitOp)]
            for wait in reversed(waits):
                if _defer(wait):
                    emit_remark("passed", self.name, wait, "other work goes on while the job runs")


def _defer(wait: dma.AwaitOp) -> bool:
    """Move `wait` down; whether it moved past anything that takes time."""
    job = wait.awaited.owner
    block = wait.parent_block()
    if not isinstance(job, dma.AsyncOp) or job.parent_block() is not block or block is None:
        return False
    target, gained = wait.next_op, False
    while target is not None and not target.has_trait(IsTerminator) and not needs(target, job):
        gained = gained or isinstance(target, dma.DestinationStyleOp | dma.AwaitOp)
        target = target.next_op
    if not gained or target is None:
        return False
    wait.detach()
    block.insert_op_before(wait, target)
    return True


def needs(op: Operation, job: dma.AsyncOp) -> bool:
    """Whether `op`, or one inside it, may only run when the job has ended."""
    return any(_touches(inner, job) for inner in op.walk())


def _touches(op: Operation, job: dma.AsyncOp) -> bool:
    if isinstance(op, dma.AsyncOp) and op.queue is not None and op.queue == job.queue:
        return False
    if isinstance(op, dma.AwaitOp):
        other = op.awaited.owner
        return isinstance(other, dma.AsyncOp) and other.queue == job.queue
    written = set(_buffers((*job.outputs, *job.scratch)))
    read = set(_buffers(job.inputs))
    if isinstance(op, dma.DestinationStyleOp):
        writes = set(_buffers((*op.outputs, *op.scratch)))
        return bool(writes & (written | read) or set(_buffers(op.inputs)) & written)
    if isinstance(op, dma.ViewOp | memref.SubviewOp):
        return False
    return bool(set(_buffers(op.operands)) & (written | read))


def _buffers(values: Iterable[SSAValue]) -> Iterator[dma.BufferOp]:
    for value in values:
        if (buffer := dma.buffer_of(value)) is not None:
            yield buffer
