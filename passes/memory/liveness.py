"""When each buffer of a function holds data, and the memory that no placement can go below.

Time is counted in *steps*: the ops of the function's block that touch a buffer, in order. An op
with regions (a loop, a branch) is one step: what is touched inside is alive during all of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from xdsl.dialects import scf
from xdsl.dialects.builtin import AnyFloat, IndexType, IntegerType
from xdsl.dialects.func import FuncOp
from xdsl.dialects.memref import SubviewOp
from xdsl.ir import Block, Operation, SSAValue, Use
from xdsl.traits import IsTerminator

from ...dialects.diagnostics import refer_to, refuse
from ...dialects.dma import AsyncOp, BufferOp, ViewOp


@dataclass(frozen=True)
class Interval:
    """`size` bytes that hold data from step `start` to step `end`, both included."""

    name: str
    size: int
    start: int
    end: int
    offset: int | None = None
    """Bytes from the start of the arena, when the place is already fixed."""

    def meets(self, other: Interval) -> bool:
        """Whether both hold data at the same step."""
        return self.start <= other.end and other.start <= self.end


@dataclass(frozen=True)
class Bound:
    """The memory that no placement of the intervals can go below."""

    bytes: int
    """The liveness bound: the bytes that are alive together, at most."""
    aligned: int
    """The least end of an arena whose buffers all start at aligned offsets."""
    step: int
    """The first step at which `bytes` are alive."""


@dataclass(frozen=True)
class Liveness:
    """The lifetimes of all buffers of one function."""

    steps: list[Operation]
    intervals: dict[BufferOp, Interval]

    def memories(self) -> list[str]:
        """The names of the memories in use, sorted."""
        return sorted({buffer.memory for buffer in self.intervals})

    def buffers(self, memory: str) -> list[BufferOp]:
        """The buffers of one memory, in the order of the text."""
        return [buffer for buffer in self.intervals if buffer.memory == memory]

    def alive(self, step: int, memory: str) -> list[BufferOp]:
        """The buffers of `memory` that hold data at `step`, the largest first."""
        buffers = [
            buffer
            for buffer in self.buffers(memory)
            if self.intervals[buffer].start <= step <= self.intervals[buffer].end
        ]
        return sorted(buffers, key=lambda buffer: -buffer.size)


def liveness_bound(intervals: Sequence[Interval], alignment: int = 1) -> Bound:
    """The most bytes alive together, with and without the gaps that `alignment` (bytes) forces.

    Buffers stacked at aligned offsets take their rounded sizes, but for the topmost one: its
    rounding lies outside. Intervals whose offset is fixed reach at least to their end.
    """
    best, step, aligned = 0, 0, 0
    for now in sorted({interval.start for interval in intervals}):
        alive = [i.size for i in intervals if i.start <= now <= i.end]
        if sum(alive) > best:
            best, step = sum(alive), now
        padding = [-size % alignment for size in alive]
        aligned = max(aligned, sum(alive) + sum(padding) - max(padding, default=0))
    fixed = (i.offset + i.size for i in intervals if i.offset is not None)
    return Bound(best, max(aligned, *fixed, 0), step)


def buffer_liveness(func: FuncOp, *, keep_inputs: bool = False) -> Liveness:
    """The lifetimes of the `dma.buffer`s of `func`.

    A buffer is alive from the first to the last step that touches it, through views. A network
    input is alive from the first step on, and to the last one when `keep_inputs`; a network output
    is alive to the last step. A result that may hold on to a buffer (a memref, a token: all but
    plain numbers) keeps it alive, and so does a transfer until its token was waited for.
    """
    block = body_block(func)
    buffers = [op for op in func.walk() if isinstance(op, BufferOp)]
    touched = {buffer: list(_touching_ops(buffer, block)) for buffer in buffers}
    all_touching = {op for ops in touched.values() for op in ops}
    steps = [op for op in block.ops if op in all_touching]
    position = {op: index for index, op in enumerate(steps)}
    last = max(len(steps) - 1, 0)
    intervals: dict[BufferOp, Interval] = {}
    for buffer in buffers:
        times = [position[op] for op in touched[buffer]]
        role = "" if buffer.role is None else buffer.role.data
        if role == "input":
            times.append(0)
        if role == "output" or (role == "input" and keep_inputs):
            times.append(last)
        start, end = min(times, default=0), max(times, default=0)
        name = buffer_name(buffer, steps[start] if start < len(steps) else None)
        offset = None if buffer.offset is None else buffer.offset.value.data
        intervals[buffer] = Interval(name, buffer.size, start, end, offset)
    return Liveness(steps, intervals)


def body_block(func: FuncOp) -> Block:
    """The only block of `func`; a function with branches between blocks is refused."""
    if len(func.body.blocks) != 1:
        refuse(
            func,
            f"has {len(func.body.blocks)} blocks, memory is "
            "planned for straight-line code: use structured control flow (scf.for, scf.if)",
        )
    return func.body.block


def functions_with_buffers(ops: Iterable[Operation]) -> Iterator[FuncOp]:
    """The functions among `ops` that hold buffers."""
    for op in ops:
        if isinstance(op, FuncOp) and any(isinstance(inner, BufferOp) for inner in op.walk()):
            yield op


def buffer_name(buffer: BufferOp, first: Operation | None) -> str:
    """How messages name a buffer: by its role, or by the op that touches it `first`."""
    if buffer.role is not None and buffer.index is not None:
        return f"network {buffer.role.data} {buffer.index.value.data}"
    hint = buffer.result.name_hint
    name = "buffer" if hint is None else f"%{hint}"
    return name if first is None else f"{name} of {refer_to(first)}"


def _touching_ops(buffer: BufferOp, block: Block) -> Iterator[Operation]:
    """The ops of `block` that touch `buffer`, themselves or by an op inside."""
    for user in buffer_users(buffer.result):
        step = block.find_ancestor_op_in_block(user)
        assert step is not None, "a buffer is used inside its function"
        yield step


def buffer_users(buffer: SSAValue) -> Iterator[Operation]:
    """All ops that take `buffer`, a view of it or a result that may hold on to it; no views."""
    pending, seen = [buffer], {buffer}
    while pending:
        for use in pending.pop().uses:
            if not isinstance(use.operation, ViewOp | SubviewOp):
                yield use.operation
            for alias in _aliases_made_by(use):
                if alias not in seen and not isinstance(
                    alias.type, IntegerType | IndexType | AnyFloat
                ):
                    seen.add(alias)
                    pending.append(alias)


def _aliases_made_by(use: Use) -> Iterator[SSAValue]:
    """The values that hold on to what is used: results, tokens, what loops and branches hand on."""
    user, position = use.operation, use.index
    if isinstance(user, AsyncOp):
        yield user.started
    parent = user.parent_op()
    if isinstance(user, scf.ForOp):
        carried = position - (len(user.operands) - len(user.results))
        if carried >= 0:
            yield user.results[carried]
            yield user.body.block.args[1 + carried]
        return
    yield from user.results
    if user.has_trait(IsTerminator) and isinstance(parent, scf.ForOp | scf.IfOp):
        yield parent.results[position]
    elif user.has_trait(IsTerminator) and parent is not None:
        yield from parent.results
