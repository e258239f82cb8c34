"""fork-cores: all cores run the network together, with as few barriers as its dependences need."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from xdsl.context import Context
from xdsl.dialects import func, scf
from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import Block, BlockArgument, Operation, OpResult, SSAValue
from xdsl.passes import ModulePass

from ...dialects import cluster, dma
from ...dialects.diagnostics import emit_remark
from ...dialects.platform import platform_of
from ..memory.liveness import functions_with_buffers


@dataclass(frozen=True)
class ForkCores(ModulePass):
    """Put the schedule of each function into `cluster.fork` and barriers where cores depend.

    Kernels are computed by all cores; core 0 drives DMA and NPU and runs single-core kernels. Two
    ops on common bytes, one of which writes, need a barrier in between unless core 0 alone does
    both. Bytes are those of the memory plan, so buffers that share an address depend too.
    """

    name = "fork-cores"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        platform = platform_of(op)
        cores = next(unit.cores for unit in platform.units if unit.kind == "cluster")
        for function in functions_with_buffers(op.body.block.ops):
            count = Barriers().insert(function.body.block)
            emit_remark("analysis", self.name, function, f"{count} barriers")
            _fork(function, cores)


def _fork(function: func.FuncOp, cores: int) -> None:
    outside = (dma.BufferOp, dma.ViewOp, dma.ConstantOp, func.ReturnOp)
    block, body = function.body.block, Block()
    for op in list(block.ops):
        if not isinstance(op, outside):
            op.detach()
            body.add_op(op)
    assert block.last_op is not None
    block.insert_op_before(cluster.ForkOp(cores, body), block.last_op)


@dataclass(frozen=True)
class Access:
    """Bytes [start, stop) of a memory that all cores, or core 0 alone, touch."""

    memory: str
    start: int
    stop: int
    writes: bool
    alone: bool

    def needs_barrier(self, other: Access) -> bool:
        """Whether two cores could touch the same bytes in the wrong order."""
        return (
            (self.writes or other.writes)
            and not (self.alone and other.alone)
            and self.memory == other.memory
            and self.start < other.stop
            and other.start < self.stop
        )


@dataclass
class Barriers:
    """Walks the ops with what was touched since the last barrier."""

    inserted: int = 0
    tokens: dict[SSAValue, set[Access]] = field(default_factory=dict[SSAValue, "set[Access]"])

    def insert(self, block: Block) -> int:
        """Insert barriers into a function's block; how many."""
        self._walk(block, set())
        return self.inserted

    def _walk(self, block: Block, pending: set[Access]) -> set[Access]:
        for op in list(block.ops):
            match op:
                case cluster.BarrierOp():
                    pending = set()
                case scf.ForOp():
                    pending = self._loop(op, pending)
                case scf.IfOp():
                    pending = pending | self._walk(op.true_region.block, set(pending))
                case _:
                    pending = self._step(op, pending)
        return pending

    def _loop(self, op: scf.ForOp, pending: set[Access]) -> set[Access]:
        """A round begins with what came before the loop, or with what the round before left."""
        left = self._walk(op.body.block, set(pending))
        while True:
            before = self.inserted
            left = self._walk(op.body.block, pending | left)
            if self.inserted == before:
                return left

    def _step(self, op: Operation, pending: set[Access]) -> set[Access]:
        touched = set(_issued(op))
        if any(a.needs_barrier(b) for a in touched for b in pending):
            block = op.parent_block()
            assert block is not None
            block.insert_op_before(cluster.BarrierOp(), op)
            self.inserted += 1
            pending = set()
        if isinstance(op, dma.AwaitOp):
            return pending | _done_by(op.awaited, set())
        return pending if isinstance(op, dma.AsyncOp) else pending | touched


def _issued(op: Operation) -> Iterator[Access]:
    """What an op touches, or what the transfer that it starts will."""
    if isinstance(op, dma.DestinationStyleOp):
        alone = not isinstance(op, cluster.KernelOp)
        yield from _accesses(op.inputs, writes=False, alone=alone)
        yield from _accesses((*op.outputs, *op.scratch), writes=True, alone=alone)


def _accesses(values: Sequence[SSAValue], *, writes: bool, alone: bool) -> Iterator[Access]:
    for value in values:
        buffer = dma.buffer_of(value)
        if buffer is not None and buffer.offset is not None:
            start = buffer.offset.value.data
            yield Access(buffer.memory, start, start + buffer.size, writes, alone)


def _done_by(token: SSAValue, seen: set[SSAValue]) -> set[Access]:
    """What the work of a token touches, wherever it was started."""
    if token in seen:
        return set()
    seen.add(token)
    found: set[Access] = set()
    for op in (token.owner, *(use.operation for use in token.uses)):
        if isinstance(op, dma.AsyncOp) and op.started is token:
            found.update(_issued(op))
    for origin in _origins(token):
        found |= _done_by(origin, seen)
    return found


def _origins(token: SSAValue) -> Iterator[SSAValue]:
    """The values that a token carried around a loop may be."""
    if isinstance(token, BlockArgument) and isinstance(loop := token.block.parent_op(), scf.ForOp):
        position = token.index - 1
        yield loop.iter_args[position]
        yield _yielded(loop, position)
    elif isinstance(token, OpResult) and isinstance(token.op, scf.ForOp):
        yield token.op.iter_args[token.index]
        yield _yielded(token.op, token.index)


def _yielded(loop: scf.ForOp, position: int) -> SSAValue:
    terminator = loop.body.block.last_op
    assert isinstance(terminator, scf.YieldOp)
    return terminator.operands[position]
