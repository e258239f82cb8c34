"""Windows of buffers as steps of an `IndexProgram`; one outside of its buffer is refused."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator, Sequence

from xdsl.dialects import memref
from xdsl.dialects.builtin import DYNAMIC_INDEX, MemRefType, StringAttr
from xdsl.ir import Operation, SSAValue

from ...dialects import dma
from ...dialects.diagnostics import refuse
from ...dialects.types import dtype_of
from .byte_windows import ByteWindow
from .index_program import IndexProgram, Step


def whole_buffer(value: SSAValue, place: Hashable, name: str, start: int = 0) -> ByteWindow:
    """All bytes of a value with a static shape; `place` is what it shares them with."""
    type = value.type
    assert isinstance(type, MemRefType)
    space = type.memory_space
    memory = space.data if isinstance(space, StringAttr) else "memory"
    item = dtype_of(type.element_type).itemsize
    return ByteWindow.dense(place, memory, name, item, start, type.get_shape())


def define(op: Operation, program: IndexProgram, window: ByteWindow) -> None:
    """The result of `op` is always this window."""
    program.values[program.slot(op.results[0])] = window


def subview(op: memref.SubviewOp, program: IndexProgram) -> Step:
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


def view(op: dma.ViewOp, program: IndexProgram) -> Step:
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
