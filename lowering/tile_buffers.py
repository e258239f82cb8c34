"""The near buffers of a group: the search counts with them, the lowering makes them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import prod

from xdsl.dialects.builtin import TensorType
from xdsl.ir import Operation, SSAValue

from ..dialects import tile
from ..dialects.dma import BUFFER_ALIGNMENT
from ..dialects.tiling import extent, shape_of, tiling_of
from ..dialects.types import dtype_of
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
        type = self.value.type
        assert isinstance(type, TensorType)
        return aligned(self.slots * prod(self.shape) * dtype_of(type.element_type).itemsize)


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
        scratch = sum(map(aligned, self.scratch.values()))
        return sum(b.bytes for b in (*self.windows, *self.constants)) + scratch


def aligned(size: int) -> int:
    return -(-size // BUFFER_ALIGNMENT) * BUFFER_ALIGNMENT


def group_buffers(group: tile.GroupOp, backend: UnitBackend) -> GroupBuffers:
    """The buffers of `group` on its unit."""
    needs = window_needs(group)
    slots = group.buffers.value.data
    return GroupBuffers(
        list(_windows(group, needs, slots)),
        list(_constants(group, needs, slots, backend)),
        {
            op: size
            for op in group.ops
            if (size := backend.scratch_bytes(op, needs[op.results[0]][0])) > 0
        },
    )


def window_needs(group: tile.GroupOp) -> dict[SSAValue, tuple[tuple[int, ...], tuple[Dims, ...]]]:
    """The largest window of each value of the body, and what each of its dimensions depends on."""
    counts, sizes = group.counts(), group.tile_sizes()
    cut = tuple(frozenset({d}) if n > 1 else Dims() for d, n in enumerate(counts))
    found = {group.computed: (sizes, cut)}
    for op in reversed(group.ops):
        tiling = tiling_of(op)
        assert tiling is not None
        shape, dims = found[op.results[0]]
        for position, accesses in tiling.accesses(op).items():
            value = op.operands[position]
            whole = shape_of(value)
            given = zip(accesses, whole, strict=True)
            need = tuple(extent(0 if a.dim is None else shape[a.dim], a, n) for a, n in given)
            on = tuple(Dims() if a.dim is None else dims[a.dim] for a in accesses)
            old_need, old_on = found.get(value, ((0,) * len(need), (Dims(),) * len(on)))
            found[value] = (
                tuple(map(max, need, old_need)),
                tuple(a | b for a, b in zip(on, old_on, strict=True)),
            )
    return found


def _windows(
    group: tile.GroupOp,
    needs: dict[SSAValue, tuple[tuple[int, ...], tuple[Dims, ...]]],
    slots: int,
) -> Iterator[WindowBuffer]:
    for op in group.block.ops:
        value = op.results[0] if op.results else None
        if value not in needs or value is None:
            continue
        shape, on = needs[value]
        dims = Dims().union(*on)
        moves = isinstance(op, tile.LoadOp) or value is group.computed
        if value is group.computed and group.stored is None:
            continue
        yield WindowBuffer(value, shape, slots if moves and dims else 1, dims)


def _constants(
    group: tile.GroupOp,
    needs: dict[SSAValue, tuple[tuple[int, ...], tuple[Dims, ...]]],
    slots: int,
    backend: UnitBackend,
) -> Iterator[ConstantBuffer]:
    for op in group.ops:
        tiling = tiling_of(op)
        assert tiling is not None
        shape, on = needs[op.results[0]]
        by_channel = tiling.by_channel(op)
        channels = shape[-1] if by_channel else 0
        size = backend.chunk_bytes(op, channels)
        if size == 0:
            continue
        dims = on[-1] if by_channel else Dims()
        yield ConstantBuffer(op, channels, size, slots if dims else 1, dims)
