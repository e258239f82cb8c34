"""verify-memory: whether a memory plan keeps every byte until its last reader has read it.

It shares no code with the planner and knows nothing of lifetimes: it walks the ops in order and
notes, for every byte of every memory, which write it holds. A read must find the data of its own
buffer.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from xdsl.context import Context
from xdsl.dialects.builtin import AnyFloat, IndexType, IntegerType, ModuleOp, NameLoc
from xdsl.dialects.func import FuncOp
from xdsl.dialects.memref import SubviewOp
from xdsl.ir import Block, BlockArgument, Operation, SSAValue
from xdsl.passes import ModulePass
from xdsl.traits import (
    IsTerminator,
    MemoryEffectKind,
    ReturnLike,
    is_side_effect_free,
    only_has_effect,
)

from ...dialects.cluster import ForkOp
from ...dialects.diagnostics import refer_to, refuse
from ...dialects.dma import BUFFER_ALIGNMENT, BufferOp, DestinationStyleOp, ViewOp, arenas_of
from .limits import space_for_buffers


@dataclass(frozen=True)
class VerifyMemory(ModulePass):
    """Refuse a plan with a missing, misaligned or outlying offset, or with bytes lost too early.

    Loops run twice, so that what one iteration destroys for the next is found. An op that says
    nothing about its buffers is taken to read and write all of them. A window stands for its whole
    buffer, a transfer that is started for one that has ended: verify-hazards tells them apart.
    """

    name = "verify-memory"

    alignment: int = BUFFER_ALIGNMENT
    """Bytes that every offset must be a multiple of."""
    keep_inputs: bool = False
    """Whether network inputs must hold their data at the end of the function."""

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        for func in op.body.block.ops:
            if isinstance(func, FuncOp) and func.body.blocks:
                self._verify(op, func)

    def _verify(self, module: ModuleOp, func: FuncOp) -> None:
        buffers = [op for op in func.walk() if isinstance(op, BufferOp)]
        problems = [
            (b, problem) for b in buffers for problem in _misplaced(module, func, b, self.alignment)
        ]
        if problems:
            buffer, problem = problems[0]
            more = f" (and {len(problems) - 1} more such problems)" if len(problems) > 1 else ""
            refuse(buffer, problem + more)
        if buffers:
            _Simulation(func, buffers).run(self.keep_inputs)


def _misplaced(module: ModuleOp, func: FuncOp, buffer: BufferOp, alignment: int) -> Iterator[str]:
    """What is wrong with the place of one buffer."""
    name = _name(buffer)
    if buffer.offset is None:
        yield f"{name}: has no offset in {buffer.memory}; run plan-memory first"
        return
    offset = buffer.offset.value.data
    if offset < 0 or offset % alignment:
        yield f"{name}: offset {offset} in {buffer.memory} is not a multiple of {alignment} B"
    space = space_for_buffers(module, buffer.memory)
    arena = arenas_of(func).get(buffer.memory)
    if space is not None and not space.writable:
        yield f"{name}: memory {buffer.memory} is flash, a buffer must be written"
    if space is not None and offset + buffer.size > space.bytes:
        yield (f"{name}: {_bytes(buffer)} lie beyond the end of the memory, which has {space}")
    if arena is not None and offset + buffer.size > arena.size.data:
        yield (
            f"{name}: {_bytes(buffer)} lie beyond the end of the arena, which dma.arenas gives "
            f"{arena.size.data} B"
        )


def _name(buffer: BufferOp) -> str:
    if buffer.role is not None and buffer.index is not None:
        return f"network {buffer.role.data} {buffer.index.value.data}"
    if isinstance(buffer.location, NameLoc):
        return f"buffer '{buffer.location.desc.data}'"
    hint = buffer.result.name_hint
    return "a buffer" if hint is None else f"buffer %{hint}"


def _range(buffer: BufferOp) -> tuple[int, int]:
    assert buffer.offset is not None
    offset = buffer.offset.value.data
    return offset, offset + buffer.size


def _bytes(buffer: BufferOp) -> str:
    start, end = _range(buffer)
    return f"bytes {start}..{end} of {buffer.memory}"


def _overlap(a: BufferOp, b: BufferOp) -> tuple[int, int] | None:
    """The bytes that two buffers share."""
    (a_start, a_end), (b_start, b_end) = _range(a), _range(b)
    start, end = max(a_start, b_start), min(a_end, b_end)
    return (start, end) if a.memory == b.memory and start < end else None


@dataclass(frozen=True)
class _Write:
    """One write: by `op`, or by the caller when it is None."""

    buffer: BufferOp
    op: Operation | None

    def __str__(self) -> str:
        return "the caller" if self.op is None else refer_to(self.op)


@dataclass
class _Bytes:
    """The bytes of one memory: the ranges between all buffer edges, each with its latest write."""

    edges: list[int]
    held: list[_Write | None] = field(default_factory=list["_Write | None"])

    def cells(self, buffer: BufferOp) -> range:
        start, end = _range(buffer)
        return range(bisect_left(self.edges, start), bisect_left(self.edges, end))


class _Simulation:
    """Walks a function and knows which data every byte holds."""

    def __init__(self, func: FuncOp, buffers: Sequence[BufferOp]):
        self.func = func
        self.buffers = buffers
        self.written: set[BufferOp] = set()
        self.memories: dict[str, _Bytes] = {}
        for name in {buffer.memory for buffer in buffers}:
            ranges = (_range(buffer) for buffer in buffers if buffer.memory == name)
            edges = sorted({edge for range_ in ranges for edge in range_})
            self.memories[name] = _Bytes(edges, [None] * len(edges))

    def run(self, keep_inputs: bool) -> None:
        inputs = [b for b in self.buffers if b.role is not None and b.role.data == "input"]
        for buffer in inputs:
            self.write(buffer, None)
        for buffer in inputs:
            self.read(buffer, self.func)
        self.run_block(self.func.body.block)
        for buffer in self.buffers:
            role = None if buffer.role is None else buffer.role.data
            if role == "output" or (role == "input" and keep_inputs):
                self.read(buffer, self.func)

    def run_block(self, block: Block) -> None:
        for op in block.ops:
            if isinstance(op, DestinationStyleOp):
                self.run_kernel(op)
            elif not isinstance(op, ViewOp):
                self.run_other(op)

    def run_other(self, op: Operation) -> None:
        """An op of which only its memory effects are known, if at all; and what is inside it."""
        buffers = dict.fromkeys(buffer for operand in op.operands for buffer in _roots(operand))
        reads_only = op.has_trait(ReturnLike) or only_has_effect(op, MemoryEffectKind.READ)
        if not is_side_effect_free(op):
            for buffer in buffers:
                if reads_only or buffer in self.written:
                    self.read(buffer, op)
                if not reads_only:
                    self.write(buffer, op)
        for _ in range(1 if isinstance(op, ForkOp) else 2):
            for region in op.regions:
                for block in region.blocks:
                    self.run_block(block)

    def run_kernel(self, op: DestinationStyleOp) -> None:
        """Reads of all inputs, then writes of all outputs and scratch, which must not collide."""
        ins, outs, scratch = (
            [_roots(value) for value in values] for values in (op.inputs, op.outputs, op.scratch)
        )
        for sources in ins:
            for buffer in sources:
                if len(sources) == 1 or buffer in self.written:
                    self.read(buffer, op)
        self.check_collisions(op, ins, outs, scratch)
        for targets in (*outs, *scratch):
            for buffer in targets:
                if len(targets) > 1 and buffer in self.written:
                    self.read(buffer, op)
                self.write(buffer, op)
        self.written.difference_update(buffer for targets in scratch for buffer in targets)

    def check_collisions(
        self,
        op: DestinationStyleOp,
        ins: list[list[BufferOp]],
        outs: list[list[BufferOp]],
        scratch: list[list[BufferOp]],
    ) -> None:
        """Refuse operands that share bytes, but for an input and an output that `op` allows to."""
        allowed = set(op.in_place)
        windowed = {
            buffer for value in op.operands if _is_window(value) for buffer in _roots(value)
        }
        named = [("input", i, b) for i, found in enumerate(ins) for b in found]
        for role, position, buffers in [
            *(("output", o, found) for o, found in enumerate(outs)),
            *(("scratch", s, found) for s, found in enumerate(scratch)),
        ]:
            for buffer in buffers:
                for other_role, other_position, other in named:
                    if other is buffer and buffer in windowed:
                        continue  # two windows of one buffer: verify-hazards compares their bytes
                    in_place = (
                        (role, other_role) == ("output", "input")
                        and (other_position, position) in allowed
                        and _range(buffer) == _range(other)
                    )
                    if not in_place:
                        self.refuse_overlap(op, (role, buffer), (other_role, other))
            named += [(role, position, buffer) for buffer in buffers]

    def refuse_overlap(
        self, op: Operation, one: tuple[str, BufferOp], two: tuple[str, BufferOp]
    ) -> None:
        shared = _overlap(one[1], two[1])
        if shared is None:
            return
        refuse(
            op,
            f"{one[0]} ({_name(one[1])}, {_bytes(one[1])}) overlaps {two[0]} "
            f"({_name(two[1])}, {_bytes(two[1])}) in bytes {shared[0]}..{shared[1]}; the op cannot "
            "work in place there",
        )

    def read(self, buffer: BufferOp, op: Operation) -> None:
        """Refuse a read of bytes that do not hold the data of `buffer`."""
        who = "the caller reads" if op is self.func else "reads"
        where = f"{who} {_name(buffer)} ({_bytes(buffer)})"
        if buffer not in self.written:
            refuse(op, f"{where}, which nothing has written")
        memory = self.memories[buffer.memory]
        for cell in memory.cells(buffer):
            held = memory.held[cell]
            if held is None or held.buffer is not buffer:
                start, end = memory.edges[cell], memory.edges[cell + 1]
                what = "nothing" if held is None else _name(held.buffer)
                refuse(
                    op, f"{where}, but bytes {start}..{end} were overwritten by {held} with {what}"
                )

    def write(self, buffer: BufferOp, op: Operation | None) -> None:
        memory = self.memories[buffer.memory]
        for cell in memory.cells(buffer):
            memory.held[cell] = _Write(buffer, op)
        self.written.add(buffer)


def _is_window(value: SSAValue) -> bool:
    """Whether `value` may be a part of its buffer only."""
    while isinstance(value.owner, ViewOp):
        value = value.owner.source
    return isinstance(value.owner, SubviewOp)


def _roots(value: SSAValue) -> list[BufferOp]:
    """The buffers that `value` may be, through views, casts, and in and out of regions."""
    found: dict[BufferOp, None] = {}
    pending, seen = [value], {value}
    while pending:
        value = pending.pop()
        owner = value.owner
        if isinstance(owner, BufferOp):
            found[owner] = None
            continue
        for source in _sources(value):
            if source not in seen and not isinstance(
                source.type, IntegerType | IndexType | AnyFloat
            ):
                seen.add(source)
                pending.append(source)
    return list(found)


def _sources(value: SSAValue) -> Iterator[SSAValue]:
    """The values that `value` may stand for or hold on to."""
    op = value.owner.parent_op() if isinstance(value, BlockArgument) else value.owner
    if not isinstance(op, Operation) or isinstance(op, FuncOp):
        return
    yield from op.operands
    for region in op.regions:
        for block in region.blocks:
            last = block.last_op
            if last is not None and last.has_trait(IsTerminator):
                yield from last.operands
