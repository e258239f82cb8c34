"""verify-hazards: whether transfers, jobs and cores touch no byte in the wrong order.

It shares nothing with the passes that schedule: it executes the control flow and the index
arithmetic of each function with numbers, knows at every op which work is under way and what was
touched since the last barrier, and compares bytes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from xdsl.context import Context
from xdsl.dialects import memref
from xdsl.dialects.builtin import (
    DYNAMIC_INDEX,
    MemRefType,
    ModuleOp,
    StringAttr,
)
from xdsl.dialects.func import FuncOp
from xdsl.ir import Operation, SSAValue
from xdsl.passes import ModulePass
from xdsl.traits import is_side_effect_free

from ...dialects import cluster, dma
from ...dialects.platform import KEY, PlatformAttr, platform_of
from ...dialects.types import dtype_of
from ..memory.liveness import body_block, buffer_name
from .byte_windows import ByteWindow
from .hazards import Access, Hazards
from .index_program import IndexProgram, Step, refuse
from .transfer_limits import check_transfer

CHECKED = (dma.TransferOp, dma.AsyncOp, dma.AwaitOp, dma.TokenOp, cluster.ForkOp, cluster.KernelOp)


@dataclass(frozen=True)
class VerifyHazards(ModulePass):
    """Refuse accesses that nothing orders, windows outside, and transfers that no engine makes.

    Buffers with an offset share the bytes of their memory; others have bytes of their own. In
    `cluster.fork` a kernel of the cluster is computed by all cores, everything else by core 0.
    An op that says nothing about its buffers is taken to read and write all of them. Whether bytes
    hold the right data is checked by verify-memory.
    """

    name = "verify-hazards"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        platform = platform_of(op) if KEY in op.attributes else None
        for func in op.body.block.ops:
            if isinstance(func, FuncOp) and any(
                isinstance(inner, CHECKED) for inner in func.walk()
            ):
                _Checker(platform).run(func)


@dataclass
class _Checker:
    """What the ops of one function do to memories."""

    platform: PlatformAttr | None
    state: Hazards = field(default_factory=Hazards)

    def run(self, func: FuncOp) -> None:
        block = body_block(func)
        program = IndexProgram(self)
        for index, argument in enumerate(block.args):
            if isinstance(argument.type, MemRefType):
                window = _whole(argument, argument, f"argument {index}")
                program.values[program.slot(argument)] = window
        program.run(block)
        self.state.end()

    def step(self, op: Operation, program: IndexProgram) -> Step | None:
        match op:
            case dma.BufferOp():
                return self._buffer(op, program)
            case dma.ConstantOp():
                name = f"constant @{op.symbol.string_value()}"
                return _define(op, program, _whole(op.result, op.symbol, name))
            case memref.SubviewOp():
                return _subview(op, program)
            case dma.ViewOp():
                return _view(op, program)
            case dma.TokenOp():
                return self._token(op, program)
            case dma.AwaitOp():
                return self._wait(op, program)
            case dma.AsyncOp():
                return self._start(op, program)
            case dma.DestinationStyleOp():
                return self._touch(op, program)
            case cluster.ForkOp():
                return self._fork(op, program)
            case cluster.BarrierOp():
                return self.state.barrier
            case _:
                return self._other(op, program)

    def _buffer(self, op: dma.BufferOp, program: IndexProgram) -> Step | None:
        name = buffer_name(op, None)
        if op.offset is None:
            return _define(op, program, _whole(op.result, op, name))
        window = _whole(op.result, op.memory, name, op.offset.value.data)
        return _define(op, program, window)

    def _token(self, op: dma.TokenOp, program: IndexProgram) -> Step:
        values, result, state = program.values, program.slot(op.result), self.state
        engines = () if self.platform is None else self.platform.dma
        channels = sum(engine.channels for engine in engines) if engines else None

        def run() -> None:
            values[result] = state.new_token(op)
            pending = [token for token in state.tokens if isinstance(token.made_by, dma.TokenOp)]
            if channels is not None and len(pending) > channels:
                names = ", ".join(engine.name for engine in engines)
                refuse(
                    op,
                    f"{len(pending)} tokens are not waited for, engine {names} has {channels} "
                    "channels; wait for one before, or choose fewer buffers",
                )

        return run

    def _wait(self, op: dma.AwaitOp, program: IndexProgram) -> Step:
        values, token, state = program.values, program.number(op, op.awaited), self.state

        def run() -> None:
            state.wait(op, values[token])

        return run

    def _start(self, op: dma.AsyncOp, program: IndexProgram) -> Step:
        check, accesses = self._transfer_check(op, program), _accesses(op, program)
        own = op.started.owner is op
        token = program.slot(op.started) if own else program.number(op, op.started)
        values, state = program.values, self.state

        def run() -> None:
            check()
            if own:
                values[token] = state.new_token(op)
            state.start(values[token], accesses())

        return run

    def _touch(self, op: dma.DestinationStyleOp, program: IndexProgram) -> Step:
        check, accesses = self._transfer_check(op, program), _accesses(op, program)
        state, alone = self.state, not isinstance(op, cluster.KernelOp)

        def run() -> None:
            check()
            state.touch(accesses(), alone=alone)

        return run

    def _transfer_check(self, op: Operation, program: IndexProgram) -> Step:
        if not isinstance(op, dma.TransferOp):
            return lambda: None
        values, platform = program.values, self.platform
        source, target = _slots((op.source, op.target), op, program)
        return lambda: check_transfer(op, values[source], values[target], platform)

    def _fork(self, op: cluster.ForkOp, program: IndexProgram) -> Step:
        state, body = self.state, program.block(op.body.block)

        def run() -> None:
            state.forked = True
            state.barrier()
            body()
            state.barrier()
            state.forked = False

        return run

    def _other(self, op: Operation, program: IndexProgram) -> Step | None:
        """An op that says nothing: it reads and writes what it gets; a new memref is its own."""
        operands = [
            operand for inner in op.walk() for operand in inner.operands if operand in program.slots
        ]
        for result in op.results:
            if isinstance(result.type, MemRefType):
                if any(isinstance(operand.type, MemRefType) for operand in op.operands):
                    refuse(op, "makes a memref of another one in a way that is not known here")
                window = _whole(result, op, op.name)
                program.values[program.slot(result)] = window
        buffers = [value for value in operands if isinstance(value.type, MemRefType)]
        if not buffers or is_side_effect_free(op):
            return None
        values, state = program.values, self.state
        slots = _slots(buffers, op, program)

        def run() -> None:
            windows = [values[slot] for slot in slots]
            state.touch(
                [Access(op, window, writes) for writes in (False, True) for window in windows],
                alone=True,
            )

        return run


def _whole(value: SSAValue, place: object, name: str, start: int = 0) -> ByteWindow:
    """All bytes of a value with a static shape; `place` is what it shares them with."""
    type = value.type
    assert isinstance(type, MemRefType)
    space = type.memory_space
    memory = space.data if isinstance(space, StringAttr) else "memory"
    item = dtype_of(type.element_type).itemsize
    return ByteWindow.dense(place, memory, name, item, start, type.get_shape())


def _define(op: Operation, program: IndexProgram, window: ByteWindow) -> None:
    """The result of `op` is always this window."""
    program.values[program.slot(op.results[0])] = window


def _slots(values: Iterable[SSAValue], op: Operation, program: IndexProgram) -> list[int]:
    return [program.number(op, value) for value in values]


def _accesses(op: dma.DestinationStyleOp, program: IndexProgram) -> Callable[[], list[Access]]:
    """What `op` reads and writes, as a function of the values; outputs must not spoil inputs."""
    values = program.values
    reads = _slots(op.inputs, op, program)
    outputs = _slots(op.outputs, op, program)
    writes = outputs + _slots(op.scratch, op, program)
    allowed = set(op.in_place)

    def run() -> list[Access]:
        ins = [Access(op, values[slot], False) for slot in reads]
        outs = [Access(op, values[slot], True) for slot in writes]
        for position, out in enumerate(outs):
            for index, other in enumerate((*ins, *outs[:position])):
                shared = out.window.overlap(other.window)
                if shared is None or ((index, position) in allowed and _same(out, other)):
                    continue
                refuse(
                    op,
                    f"writes bytes {shared[0]}..{shared[1]} of {out.window.memory} "
                    f"({out.window.name}), which it also {other.verb} ({other.window.name}); it "
                    "cannot work in place there",
                )
        return ins + outs

    return run


def _same(a: Access, b: Access) -> bool:
    """Whether two windows are element by element the same bytes."""
    return (a.window.start, a.window.item, a.window.sizes, a.window.strides) == (
        b.window.start,
        b.window.item,
        b.window.sizes,
        b.window.strides,
    )


def _subview(op: memref.SubviewOp, program: IndexProgram) -> Step:
    values = program.values
    source, result = program.number(op, op.source), program.slot(op.result)
    parts = [
        list(_given(op, static, dynamic, program))
        for static, dynamic in (
            (op.static_offsets.get_values(), op.offsets),
            (op.static_sizes.get_values(), op.sizes),
            (op.static_strides.get_values(), op.strides),
        )
    ]

    def run() -> None:
        window: ByteWindow = values[source]
        offsets, sizes, steps = (
            [number if slot is None else values[slot] for number, slot in part] for part in parts
        )
        for axis, extent in enumerate(window.sizes):
            offset, size = offsets[axis], sizes[axis]
            if (
                offset < 0
                or size < 0
                or offset + max(size - 1, 0) * steps[axis] >= extent + (size == 0)
            ):
                refuse(
                    op,
                    f"the window takes {offset}..{offset + size * steps[axis]} of dimension {axis} "
                    f"of {window.name} in {window.memory}, which has {extent}; a window must lie "
                    "inside its buffer",
                )
        values[result] = window.part(offsets, sizes, steps)

    return run


def _given(
    op: memref.SubviewOp,
    static: Sequence[int],
    dynamic: Iterable[SSAValue],
    program: IndexProgram,
) -> Iterator[tuple[int, int | None]]:
    """Each number of a list, or the slot that it is in."""
    left = iter(dynamic)
    for number in static:
        yield number, program.number(op, next(left)) if number == DYNAMIC_INDEX else None


def _view(op: dma.ViewOp, program: IndexProgram) -> Step:
    values = program.values
    source, result = program.number(op, op.source), program.slot(op.result)
    type = op.result.type
    assert isinstance(type, MemRefType)
    item, sizes = dtype_of(type.element_type).itemsize, type.get_shape()

    def run() -> None:
        window: ByteWindow = values[source]
        if not window.contiguous:
            refuse(op, f"a window of {window.name} with gaps cannot be seen under another shape")
        values[result] = window.reshaped(item, sizes)

    return run
