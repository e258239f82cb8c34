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
from ..memory.liveness import buffer_liveness, functions_with_buffers


@dataclass(frozen=True)
class DeferWaits(ModulePass):
    """Move each wait for a job down its block to the first op that needs that it has ended.

    That is an op that touches what the job writes, or writes what it reads; but not the next job of
    the same queue, which is configured while this one runs and begins when it has ended. Runs
    before memory is planned: a buffer holds data until the wait. So a wait moves no further than
    where the bytes alive together stay below what they are anyway at most, or leave an eighth
    of the memory for gaps between buffers.
    """

    name = "defer-waits"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        for function in functions_with_buffers(op.body.block.ops):
            room = Room(op, function)
            waits = [inner for inner in function.walk() if isinstance(inner, dma.AwaitOp)]
            for wait in reversed(waits):
                if _defer(wait, room):
                    emit_remark("passed", self.name, wait, "other work goes on while the job runs")


class Room:
    """Which bytes are alive at each step of a function, and how many there may be."""

    def __init__(self, module: ModuleOp, function: FuncOp):
        self.block = function.body.block
        liveness = buffer_liveness(function)
        self.position = {op: index for index, op in enumerate(liveness.steps)}
        self.end = {buffer: found.end for buffer, found in liveness.intervals.items()}
        self.alive: dict[str, list[int]] = {}
        for buffer, found in liveness.intervals.items():
            alive = self.alive.setdefault(buffer.memory, [0] * (len(liveness.steps) + 1))
            for step in range(found.start, found.end + 1):
                alive[step] += buffer.size
        self.most = {memory: max(alive) for memory, alive in self.alive.items()}
        for memory in self.most:
            space = space_for_buffers(module, memory)
            if space is not None:
                self.most[memory] = max(self.most[memory], space.bytes * 7 // 8)

    def extend(self, buffers: set[dma.BufferOp], op: Operation) -> bool:
        """Let `buffers` hold data until `op`, if there is room for that; whether there is."""
        step = self.position.get(op)
        if step is None or op.parent_block() is not self.block:
            return True
        new = {b: range(self.end[b] + 1, step + 1) for b in buffers}
        more: dict[tuple[str, int], int] = {}
        for buffer, steps in new.items():
            for at in steps:
                key = buffer.memory, at
                more[key] = more.get(key, 0) + buffer.size
        if any(self.alive[m][at] + size > self.most[m] for (m, at), size in more.items()):
            return False
        for (memory, at), size in more.items():
            self.alive[memory][at] += size
        self.end |= {b: max(self.end[b], step) for b in buffers}
        return True


def _defer(wait: dma.AwaitOp, room: Room) -> bool:
    """Move `wait` down; whether it moved past anything that takes time."""
    job = wait.awaited.owner
    block = wait.parent_block()
    if not isinstance(job, dma.AsyncOp) or job.parent_block() is not block or block is None:
        return False
    buffers = set(_buffers((*job.inputs, *job.outputs, *job.scratch)))
    target, gained = wait.next_op, False
    while target is not None and not target.has_trait(IsTerminator) and not needs(target, job):
        if not room.extend(buffers, target):
            break
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
