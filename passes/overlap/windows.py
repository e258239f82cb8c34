"""Which bytes the ops of straight-line code touch, where offsets and sizes are numbers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from xdsl.dialects import arith, memref
from xdsl.dialects.builtin import DYNAMIC_INDEX, IntegerAttr
from xdsl.ir import SSAValue

from ...dialects import dma
from ...dialects.types import dtype_of, memref_type
from ..dma.byte_windows import ByteWindow
from ..dma.window_steps import whole_buffer


@dataclass(frozen=True)
class Touch:
    """Bytes of a buffer that an op reads or writes."""

    buffer: dma.BufferOp
    window: ByteWindow
    writes: bool

    def meets(self, other: Touch) -> bool:
        """Whether the order of the two matters."""
        if self.buffer is not other.buffer or not (self.writes or other.writes):
            return False
        return self.window.overlap(other.window) is not None


def number_of(value: SSAValue) -> int | None:
    """The number that an index is, if that is known."""
    owner = value.owner
    if isinstance(owner, arith.ConstantOp) and isinstance(owner.value, IntegerAttr):
        return owner.value.value.data
    return None


def window_of(value: SSAValue) -> ByteWindow | None:
    """The bytes of a value in its buffer; None if they are not known, or a constant's."""
    owner = value.owner
    match owner:
        case dma.BufferOp():
            return whole_buffer(value, owner, "buffer")
        case dma.ViewOp():
            return _reshaped(window_of(owner.source), value)
        case memref.SubviewOp():
            return _part(window_of(owner.source), owner)
        case _:
            return None


def _reshaped(window: ByteWindow | None, value: SSAValue) -> ByteWindow | None:
    if window is None or not window.contiguous:
        return None
    type = memref_type(value)
    return window.reshaped(dtype_of(type.element_type).itemsize, type.get_shape())


def _part(window: ByteWindow | None, op: memref.SubviewOp) -> ByteWindow | None:
    parts = [
        _numbers(static, dynamic)
        for static, dynamic in (
            (op.static_offsets.get_values(), op.offsets),
            (op.static_sizes.get_values(), op.sizes),
            (op.static_strides.get_values(), op.strides),
        )
    ]
    offsets, sizes, steps = parts
    if window is None or offsets is None or sizes is None or steps is None:
        return None
    return window.part(offsets, sizes, steps)


def _numbers(static: Sequence[int], dynamic: Sequence[SSAValue]) -> list[int] | None:
    left = iter(dynamic)
    found = [number_of(next(left)) if n == DYNAMIC_INDEX else n for n in static]
    known = [n for n in found if n is not None]
    return known if len(known) == len(found) else None


def touch_of(value: SSAValue, writes: bool) -> Touch | None:
    """What an op touches of an operand: all of its buffer where it is not known which part; None
    for constants, which nobody writes.
    """
    buffer = dma.buffer_of(value)
    if buffer is None:
        return None
    window = window_of(value) or whole_buffer(buffer.result, buffer, "buffer")
    return Touch(buffer, window, writes)


def operands_of(op: dma.DestinationStyleOp) -> Iterator[tuple[SSAValue, bool]]:
    """The buffers of an op, and whether it writes them."""
    yield from ((value, True) for value in (*op.outputs, *op.scratch))
    yield from ((value, False) for value in op.inputs)
