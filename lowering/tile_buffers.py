"""The near buffers of a group: the search counts with them, the lowering makes them."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from math import prod
from typing import Protocol

from xdsl.dialects.builtin import TensorType
from xdsl.ir import Operation, SSAValue

from ..dialects import tile
from ..dialects.dma import BUFFER_ALIGNMENT
from ..dialects.tiling import tiling_of
from ..dialects.types import dtype_of
from .chain_windows import ChainWindows
from .units import UnitBackend

Dims = frozenset[int]
"""Dimensions of a group's result along which it is cut and on whose position something depends."""


@dataclass(frozen=True)
class WindowBuffer:
    """Holds the window of `value`, at most `shape`; it changes with the position along `dims`."""

    value: SSAValue
    shape: tuple[int, ...]
    slots: int
    dims: Dims

    @property
    def bytes(self) -> int:
        return aligned(self.slots * prod(self.shape) * item_size(self.value))


@dataclass(frozen=True)
class ConstantBuffer:
    """Holds the constants of `op`, for tiles of `channels` channels."""

    op: Operation
    channels: int
    chunk_bytes: int
    slots: int
    dims: Dims

    @property
    def bytes(self) -> int:
        return aligned(self.slots * self.chunk_bytes)


@dataclass(frozen=True)
class GroupBuffers:
    """All buffers of a group in its near memory but for the result that lives there."""

    windows: Sequence[WindowBuffer]
    constants: Sequence[ConstantBuffer]
    scratch: dict[Operation, int]

    @property
    def bytes(self) -> int:
        return sum(self.sizes)

    @property
    def sizes(self) -> list[int]:
        """The bytes of each buffer."""
        moved = [b.bytes for b in (*self.windows, *self.constants)]
        return moved + [aligned(size) for size in self.scratch.values()]


def aligned(size: int) -> int:
    return -(-size // BUFFER_ALIGNMENT) * BUFFER_ALIGNMENT


def item_size(value: SSAValue) -> int:
    """Bytes of an element."""
    assert isinstance(value.type, TensorType)
    return dtype_of(value.type.element_type).itemsize


def group_buffers(group: tile.GroupOp, backend: UnitBackend) -> GroupBuffers:
    """The buffers of `group` on its unit."""
    loaded = {op.result for op in group.block.ops if isinstance(op, tile.LoadOp)}
    return chain_buffers(
        ChainWindows(group.ops, group.tile_sizes()),
        group.buffers.value.data,
        loaded,
        group.stored is not None,
        backend,
    )


class Takes(Protocol):
    """What a tile takes beside its windows: the part of a unit's backend that counts here."""

    def chunk_bytes(self, op: Operation, channels: int) -> int: ...
    def scratch_bytes(self, op: Operation, tile: Sequence[int]) -> int: ...


def chain_buffers(
    windows: ChainWindows,
    slots: int,
    loaded: Collection[SSAValue],
    stored: bool,
    backend: Takes,
) -> GroupBuffers:
    """The buffers of ops that are computed in tiles: for what is `loaded`, for what flows between
    them, for the result if it is `stored`, for constants and scratch.

    What moves has `slots` slots, but one only where it is the same for all tiles.
    """
    made = {op.results[0] for op in windows.ops}
    return GroupBuffers(
        [
            _window(windows, value, slots if value in loaded or value is windows.result else 1)
            for value in windows.windows
            if value in loaded or (value in made and (stored or value is not windows.result))
        ],
        list(_constants(windows, slots, backend)),
        {
            op: size
            for op in windows.ops
            if (size := backend.scratch_bytes(op, windows.largest(op.results[0]))) > 0
        },
    )


def _window(windows: ChainWindows, value: SSAValue, slots: int) -> WindowBuffer:
    dims = Dims().union(*windows.depends(value))
    return WindowBuffer(value, windows.largest(value), slots if dims else 1, dims)


def _constants(windows: ChainWindows, slots: int, backend: Takes) -> Iterator[ConstantBuffer]:
    for op in windows.ops:
        tiling, made = tiling_of(op), op.results[0]
        by_channel = tiling is not None and tiling.by_channel(op)
        channels = windows.largest(made)[-1] if by_channel else 0
        size = backend.chunk_bytes(op, channels)
        if size == 0:
            continue
        dims = windows.depends(made)[-1] if by_channel else Dims()
        yield ConstantBuffer(op, channels, size, slots if dims else 1, dims)
