"""Ops cut into bands of their results: which part of its operands a band needs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from xdsl.dialects import arith, memref
from xdsl.dialects.builtin import IndexType, IntegerAttr
from xdsl.ir import Operation, SSAValue

from ...dialects import cluster, dma, npu
from ...dialects.npu_job import TILE
from ...dialects.tiling import Access, Interval, Numbers, window
from ...dialects.types import memref_type
from .windows import Touch, number_of, operands_of, touch_of, window_of

ROWS, CHANNELS = 1, 3
"""The dimensions that are cut of images [1, h, w, c]."""


@dataclass(frozen=True)
class Band:
    """`[first, stop)` along a dimension."""

    axis: int
    first: int
    stop: int

    def box(self, shape: Sequence[int]) -> tuple[list[int], list[int], list[int]]:
        """Offsets, sizes and steps of the band in an image."""
        offsets, sizes = [0] * len(shape), list(shape)
        offsets[self.axis], sizes[self.axis] = self.first, self.stop - self.first
        return offsets, sizes, [1] * len(shape)

    def view(self, value: SSAValue) -> memref.SubviewOp:
        """The band of an image."""
        type = memref_type(value)
        box = self.box(type.get_shape())
        return memref.SubviewOp.get(value, *box, memref.SubviewOp.infer_result_type(type, *box))


@dataclass(frozen=True, eq=False)
class Cut:
    """How a part of an op's result follows from parts of its images."""

    op: dma.DestinationStyleOp
    images: tuple[SSAValue, ...]
    """The inputs that are cut with the result."""
    output: SSAValue
    access: Access
    """Which rows, or channels, of each image those of the result need."""
    granule: int
    """How many the unit makes at a time."""

    @property
    def axis(self) -> int:
        assert self.access.dim is not None
        return self.access.dim

    @cached_property
    def extent(self) -> int:
        return memref_type(self.output).get_shape()[self.axis]

    def bands(self, count: int) -> list[Band]:
        """At most `count` bands of about one size, in whole granules."""
        granules = -(-self.extent // self.granule)
        size = self.granule * -(-granules // count)
        starts = range(0, self.extent, size)
        return [Band(self.axis, at, min(at + size, self.extent)) for at in starts]

    def needed(self, image: SSAValue, band: Band) -> tuple[Band, int]:
        """The part of an image that a band of the result needs, and how much padding is before."""
        extent = memref_type(image).get_shape()[self.axis]
        tile = (*[Interval(0, 1)] * self.axis, Interval(band.first, band.stop))
        found = window((self.access,), (extent,), tile, Numbers())
        return Band(self.axis, found.box[0].start, found.box[0].stop), found.before[0]

    def part_of(self, value: SSAValue, band: Band) -> Band | None:
        """The part of an operand that a band touches; None: all that the op does."""
        if value is self.output:
            return band
        return self.needed(value, band)[0] if value in self.images else None

    def touches(self, band: Band) -> Iterator[Touch]:
        """What a band reads and writes."""
        for value, writes in operands_of(self.op):
            touch, part = touch_of(value, writes), self.part_of(value, band)
            if touch is not None and part is not None:
                touch = replace(touch, window=touch.window.part(*part.box(touch.window.sizes)))
            if touch is not None:
                yield touch

    def build(self, band: Band) -> list[Operation]:
        """The ops that compute a band; the last one is a copy of the op."""
        new, op = list[Operation](), self.op.clone()
        for index, value in enumerate(self.op.operands):
            part = self.part_of(value, band)
            if part is not None:
                view = part.view(value)
                new.append(view)
                op.operands[index] = view.result
        pad = pad_top(self.op)
        if pad is not None and self.axis == ROWS:
            before = self.needed(self.images[0], band)[1]
            number = arith.ConstantOp(IntegerAttr(before, IndexType()))
            new.append(number)
            op.operands[list(self.op.operands).index(pad)] = number.result
        return [*new, op]


def pad_top(op: Operation) -> SSAValue | None:
    """The rows of padding before the window, if the op has such an operand."""
    if isinstance(op, npu.Conv2DOp):
        return op.pad_top
    return op.pads[0] if isinstance(op, cluster.KernelOp) and op.pads else None


def cuts_of(op: dma.DestinationStyleOp) -> list[Cut]:
    """The ways in which `op` can be cut: by rows, or by channels where each is for itself."""
    found: list[Cut | None] = []
    match op:
        case npu.Conv2DOp():
            mode = op.mode
            made_at_once = (TILE - 1) // mode.gaps[0] + 1
            access = _sliding(op, mode.kind.kernel, mode.strides[0], 1)
            found = [_checked(op, (op.input,), op.output, access, made_at_once)]
        case cluster.WindowOp():
            kernel, _, stride, _, dilation, _ = op.window.get_values()
            access = _sliding(op, kernel, stride, dilation)
            found = [_checked(op, tuple(op.ins), op.outs[0], access)]
            if not isinstance(op, cluster.Conv2DOp | cluster.UnfoldOp):
                found.append(_checked(op, tuple(op.ins), op.outs[0], Access(CHANNELS), WORD))
        case cluster.AddOp() | cluster.CopyOp() | cluster.TableOp():
            ins, out = tuple(op.ins), op.outs[0]
            found = [_checked(op, ins, out, Access(ROWS))]
            found.append(_checked(op, ins, out, Access(CHANNELS), WORD))
        case _:
            pass
    return [cut for cut in found if cut is not None]


WORD = 4
"""Channels that kernels move at a time."""


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
    granule: int = 1,
) -> Cut | None:
    """None where a window is not known, no image, or would lie in the padding alone."""
    values = (*images, output)
    if access is None or any(len(memref_type(v).get_shape()) != 4 for v in values):
        return None
    if any(window_of(value) is None for value in values):
        return None
    cut = Cut(op, images, output, access, granule)
    least = (cut.needed(images[0], Band(cut.axis, i, i + 1))[0] for i in range(cut.extent))
    return cut if all(band.first < band.stop for band in least) else None
