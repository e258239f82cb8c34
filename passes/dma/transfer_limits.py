"""What a DMA engine can copy at once."""

from __future__ import annotations

from xdsl.ir import Operation

from ...dialects import dma
from ...dialects.diagnostics import refuse
from ...dialects.platform import PlatformAttr
from ...dialects.platform_records import Dma
from .byte_windows import ByteWindow


def check_transfer(
    op: Operation, source: ByteWindow, target: ByteWindow, platform: PlatformAttr | None
) -> None:
    """Refuse a copy between windows of two shapes, or one that no engine of the platform makes.

    A `dma.copy` is not scheduled yet: it may still be split.
    """
    if source.sizes != target.sizes:
        refuse(
            op,
            f"copies a window {list(source.sizes)} of {source.name} to one {list(target.sizes)} of "
            f"{target.name}; both ends must have one shape",
        )
    if platform is None or not source.bytes:
        return
    engine = platform.dma_between(source.memory, target.memory)
    if engine is None:
        refuse(
            op,
            f"no DMA engine of platform {platform.label} joins {source.memory} and "
            f"{target.memory}; go through a memory that is joined with both",
        )
    dims = joint_dimensions(source, target)
    if isinstance(op, dma.StartOp):
        _check_size(op, source, target, engine, dims)
    _check_alignment(op, source, target, engine, dims)


def _check_size(
    op: Operation,
    source: ByteWindow,
    target: ByteWindow,
    engine: Dma,
    dims: list[tuple[int, int, int]],
) -> None:
    if engine.max_bytes is not None and source.bytes > engine.max_bytes:
        refuse(
            op,
            f"copies {source.bytes} bytes ({source.name} to {target.name}), the length field of "
            f"engine {engine.name} takes {engine.max_bytes}; run split-transfers or choose smaller "
            "tiles",
        )
    if len(dims) > engine.dimensions:
        refuse(
            op,
            f"copies {source.name} to {target.name} in {len(dims)} dimensions, engine "
            f"{engine.name} has {engine.dimensions}; run split-transfers",
        )


def joint_dimensions(source: ByteWindow, target: ByteWindow) -> list[tuple[int, int, int]]:
    """(size, stride, stride) of each dimension that the copy needs, outermost first.

    Dimensions that follow one another without gaps at both ends are one; the last one is the run of
    neighbouring bytes, with strides of 1.
    """
    dims: list[tuple[int, int, int]] = []
    shape = (*source.sizes, source.item)
    strides = zip((*source.strides, 1), (*target.strides, 1), strict=True)
    for size, (near, far) in zip(shape, strides, strict=True):
        if dims and dims[-1][1:] == (near * size, far * size):
            dims[-1] = (dims[-1][0] * size, near, far)
        elif size > 1:
            dims.append((size, near, far))
    return dims or [(1, 1, 1)]


def _check_alignment(
    op: Operation,
    source: ByteWindow,
    target: ByteWindow,
    engine: Dma,
    dims: list[tuple[int, int, int]],
) -> None:
    unit = engine.alignment
    if unit == 1:
        return
    for window in (source, target):
        if window.start % unit:
            refuse(
                op,
                f"begins at byte {window.start} of {window.memory} ({window.name}), engine "
                f"{engine.name} needs a multiple of {unit}; choose other tiles",
            )
    for size, *strides in dims:
        length = size if strides == [1, 1] else 0
        if wrong := [n for n in (length, *strides) if n % unit and n != 1]:
            refuse(
                op,
                f"copies runs or steps of {wrong[0]} bytes ({source.name} to {target.name}), "
                f"engine {engine.name} needs multiples of {unit}; choose other tiles",
            )
