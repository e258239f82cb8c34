"""defer-waits: what can go on while a job runs goes on."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from xdsl.context import Context
from xdsl.dialects import memref
from xdsl.dialects.builtin import ModuleOp
from xdsl.dialects.func import FuncOp
from xdsl.ir import Operation, SSAValue
from xdsl.passes import ModulePass
from xdsl.traits import IsTerminator

from ...dialects import dma
from ...dialects.diagnostics import emit_remark
from ..memory.limits import space_for_buffers
from ..memory.liveness import buffer_liveness, functions_with_buffers, liveness_bound


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
            waits.reverse()
            places = {wait: wait.next_op for wait in waits}
            moved = [wait for wait in waits if _defer(wait)]
            if not _fits(op, function):
                for wait in moved:
                    _move(wait, places[wait])
                moved = [wait for wait in moved if _defer_within(op, function, wait)]
            for wait in moved:
                emit_remark("passed", self.name, wait, "other work goes on while the job runs")


def _fits(module: ModuleOp, function: FuncOp) -> bool:
    """Whether what is alive together leaves room in every memory."""
    liveness = buffer_liveness(function)
    for memory in liveness.memories():
        space = space_for_buffers(module, memory)
        intervals = [liveness.intervals[buffer] for buffer in liveness.buffers(memory)]
        bound = liveness_bound(intervals, dma.BUFFER_ALIGNMENT)
        if space is not None and bound.aligned > space.bytes:
            return False
    return True


def _defer_within(module: ModuleOp, function: FuncOp, wait: dma.AwaitOp) -> bool:
    """Move one wait down unless that takes more memory than there is."""
    place = wait.next_op
    if not _defer(wait):
        return False
    if _fits(module, function):
        return True
    _move(wait, place)
    emit_remark("missed", DeferWaits.name, wait, "waits at once: no room for buffers that live on")
    return False


def _move(wait: dma.AwaitOp, before: Operation | None) -> None:
    block = wait.parent_block()
    assert block is not None and before is not None
    wait.detach()
    block.insert_op_before(wait, before)


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
