"""verify-hazards: whether transfers, jobs and cores touch no byte in the wrong order.

It shares nothing with the passes that schedule: it executes the control flow and the index
arithmetic of each function with numbers, knows at every op which work is under way and what was
touched since the last barrier, and compares bytes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace

from xdsl.context import Context
from xdsl.dialects import memref
from xdsl.dialects.builtin import MemRefType, ModuleOp
from xdsl.dialects.func import FuncOp
from xdsl.ir import Operation, SSAValue
from xdsl.passes import ModulePass
from xdsl.traits import is_side_effect_free

from ...dialects import cluster, dma
from ...dialects.diagnostics import refer_to, refuse
from ...dialects.platform import KEY, PlatformAttr, platform_of
from ..memory.liveness import body_block, buffer_name
from .byte_windows import ByteWindow
from .contents import Contents
from .hazards import Access, Hazards
from .index_program import IndexProgram, Step
from .transfer_limits import check_transfer
from .window_steps import define, subview, view, whole_buffer

CHECKED = (dma.TransferOp, dma.AsyncOp, dma.AwaitOp, dma.TokenOp, cluster.ForkOp, cluster.KernelOp)


@dataclass(frozen=True)
class VerifyHazards(ModulePass):
    """Refuse accesses that nothing orders, windows outside, and transfers that no engine makes.

    Buffers with an offset share the bytes of their memory; others have bytes of their own. In
    `cluster.fork` a kernel of the cluster is computed by all cores, everything else by core 0.
    An op that says nothing about its buffers is taken to read and write all of them. Bytes that are
    read must hold data of their own buffer.
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
    contents: Contents = field(default_factory=Contents)
    outputs: list[ByteWindow] = field(default_factory=list[ByteWindow])

    def run(self, func: FuncOp) -> None:
        block = body_block(func)
        program = IndexProgram(self)
        for index, argument in enumerate(block.args):
            if isinstance(argument.type, MemRefType):
                window = whole_buffer(argument, argument, f"argument {index}")
                program.values[program.slot(argument)] = window
        program.run(block)
        self.state.end()
        for window in self.outputs:
            self.contents.read(func, window, who="the caller ")

    def step(self, op: Operation, program: IndexProgram) -> Step | None:
        match op:
            case dma.BufferOp():
                return self._buffer(op, program)
            case dma.ConstantOp():
                name = f"constant @{op.symbol.string_value()}"
                return define(op, program, whole_buffer(op.result, op.symbol, name))
            case memref.SubviewOp():
                return subview(op, program)
            case dma.ViewOp():
                return view(op, program)
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
        place, start = (op, 0) if op.offset is None else (op.memory, op.offset.value.data)
        window = whole_buffer(op.result, place, buffer_name(op, None), start)
        role = None if op.role is None else op.role.data
        number = self.contents.add_buffer(window, written=role == "input")
        window = replace(window, number=number)
        if role == "output":
            self.outputs.append(window)
        return define(op, program, window)

    def _token(self, op: dma.TokenOp, program: IndexProgram) -> Step:
        values, result, state = program.values, program.slot(op.result), self.state
        engines = () if self.platform is None else self.platform.dma
        channels = sum(engine.channels for engine in engines) if engines else None

        def run() -> None:
            values[result] = state.last = state.new_token(op)
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
        hold = self._data(op)
        own = op.started.owner is op
        token = program.slot(op.started) if own else program.number(op, op.started)
        values, state = program.values, self.state
        engines = not own and self.platform is not None

        def run() -> None:
            check()
            if own:
                values[token] = state.new_token(op)
            elif engines and state.last is not values[token] and state.last is not None:
                refuse(
                    op,
                    f"its token is not the last one, that is {refer_to(state.last.made_by)}; an "
                    "engine adds transfers to its last token only",
                )
            found = accesses()
            state.start(values[token], found)
            hold(found)

        return run

    def _touch(self, op: dma.DestinationStyleOp, program: IndexProgram) -> Step:
        check, accesses = self._transfer_check(op, program), _accesses(op, program)
        hold = self._data(op)
        state, alone = self.state, not isinstance(op, cluster.KernelOp)

        def run() -> None:
            check()
            found = accesses()
            state.touch(found, alone=alone)
            hold(found)

        return run

    def _data(self, op: dma.DestinationStyleOp) -> Callable[[Sequence[Access]], None]:
        """Checks what the accesses of `op` read and notes what they write."""
        contents = self.contents
        scratch = len(op.inputs) + len(op.outputs)

        def run(accesses: Sequence[Access]) -> None:
            for position, access in enumerate(accesses):
                if access.writes:
                    contents.write(op, access.window, keep=position < scratch)
                else:
                    contents.read(op, access.window)

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
                window = whole_buffer(result, op, op.name)
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
            for window in windows:
                self.contents.write(op, window)

        return run


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
