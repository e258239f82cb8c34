"""Ops cut into bands of rows of their results: which rows of its operands a band needs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from xdsl.dialects import arith, memref
from xdsl.dialects.builtin import IndexType, IntegerAttr
from xdsl.ir import Operation, SSAValue

from ...dialects import cluster, dma, npu
from ...dialects.npu_job import TILE
from ...dialects.tiling import Access, Interval, Numbers, identity, window
from ...dialects.types import memref_type
from .windows import Touch, number_of, operands_of, touch_of, window_of

ROWS = 1
"""The dimension that is cut of images [1, h, w, c]."""

Rows = tuple[int, int]
"""[first, stop)"""


@dataclass(frozen=True)
class Cut:
    """How the rows of an op's result follow from those of its images."""

    op: dma.DestinationStyleOp
    images: tuple[SSAValue, ...]
    """The inputs that are cut with the result."""
    output: SSAValue
    access: Access
    """Which rows of each image a row of the result needs."""
    granule: int
    """Rows that the unit makes at a time."""

    @property
    def height(self) -> int:
        return memref_type(self.output).get_shape()[ROWS]

    def bands(self, count: int) -> list[Rows]:
        """At most `count` bands of about one height, in whole granules."""
        granules = -(-self.height // self.granule)
        rows = self.granule * -(-granules // count)
        return [(at, min(at + rows, self.height)) for at in range(0, self.height, rows)]

    def needed(self, image: SSAValue, rows: Rows) -> tuple[Rows, int]:
        """The rows of an image that `rows` of the result need, and how many rows of padding are
        before them.
        """
        shape = memref_type(image).get_shape()[: ROWS + 1]
        tile = (Interval(0, 1), Interval(*rows))
        found = window((*identity(ROWS), self.access), shape, tile, Numbers())
        return (found.box[ROWS].start, found.box[ROWS].stop), found.before[ROWS]

    def rows_of(self, value: SSAValue, rows: Rows) -> Rows | None:
        """The rows of an operand that a band touches; None: all that the op does."""
        if value is self.output:
            return rows
        return self.needed(value, rows)[0] if value in self.images else None

    def touches(self, rows: Rows) -> Iterator[Touch]:
        """What a band reads and writes."""
        for value, writes in operands_of(self.op):
            touch, part = touch_of(value, writes), self.rows_of(value, rows)
            if touch is not None and part is not None:
                offsets, sizes, steps = _box(touch.window.sizes, part)
                touch = replace(touch, window=touch.window.part(offsets, sizes, steps))
            if touch is not None:
                yield touch

    def build(self, rows: Rows) -> list[Operation]:
        """The ops that compute a band; the last one is a copy of the op."""
        new, op = list[Operation](), self.op.clone()
        for index, value in enumerate(self.op.operands):
            part = self.rows_of(value, rows)
            if part is not None:
                view = _view(value, part)
                new.append(view)
                op.operands[index] = view.result
        pad = pad_top(self.op)
        if pad is not None:
            rows_before = self.needed(self.images[0], rows)[1]
            number = arith.ConstantOp(IntegerAttr(rows_before, IndexType()))
            new.append(number)
            op.operands[list(self.op.operands).index(pad)] = number.result
        return [*new, op]


def _box(shape: tuple[int, ...], rows: Rows) -> tuple[list[int], list[int], list[int]]:
    """Offsets, sizes and steps of some rows of an image."""
    offsets, sizes = [0] * len(shape), list(shape)
    offsets[ROWS], sizes[ROWS] = rows[0], rows[1] - rows[0]
    return offsets, sizes, [1] * len(shape)


def _view(value: SSAValue, rows: Rows) -> memref.SubviewOp:
    type = memref_type(value)
    box = _box(type.get_shape(), rows)
    return memref.SubviewOp.get(value, *box, memref.SubviewOp.infer_result_type(type, *box))


def pad_top(op: Operation) -> SSAValue | None:
    """The rows of padding before the window, if the op has such an operand."""
    if isinstance(op, npu.Conv2DOp):
        return op.pad_top
    return op.pads[0] if isinstance(op, cluster.KernelOp) and op.pads else None


def cut_of(op: dma.DestinationStyleOp) -> Cut | None:
    """How `op` can be cut into bands; None where it cannot."""
    match op:
        case npu.Conv2DOp():
            mode = op.mode
            made_at_once = (TILE - 1) // mode.gaps[0] + 1
            access = _sliding(op, mode.kind.kernel, mode.strides[0], 1)
            return _checked(op, (op.input,), op.output, access, made_at_once)
        case cluster.WindowOp():
            kernel, _, stride, _, dilation, _ = op.window.get_values()
            access = _sliding(op, kernel, stride, dilation)
            return _checked(op, tuple(op.ins), op.outs[0], access, 1)
        case cluster.AddOp() | cluster.CopyOp() | cluster.TableOp():
            return _checked(op, tuple(op.ins), op.outs[0], Access(ROWS), 1)
        case _:
            return None


def _sliding(op: Operation, kernel: int, stride: int, dilation: int) -> Access | None:
    pad = pad_top(op)
    before = None if pad is None else number_of(pad)
    if before is None:
        return None
    return Access(ROWS, stride, before, (kernel - 1) * dilation + 1)


def _checked(
    op: dma.DestinationStyleOp,
    images: tuple[SSAValue, ...],
    output: SSAValue,
    access: Access | None,
    granule: int,
) -> Cut | None:
    """None where a window is not known, no image, or would lie in the padding alone."""
    values = (*images, output)
    if access is None or any(len(memref_type(v).get_shape()) != 4 for v in values):
        return None
    if any(window_of(value) is None for value in values):
        return None
    cut = Cut(op, images, output, access, granule)
    starts_and_stops = (cut.needed(images[0], (row, row + 1))[0] for row in range(cut.height))
    return cut if all(start < stop for start, stop in starts_and_stops) else None
