"""A run of ops that are computed together, and the ways to cut its result."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import product
from math import prod

from xdsl.ir import Operation, SSAValue

from ...dialects.tiling import shape_of, tiling_of
from ...lowering.chain_windows import ChainWindows
from ...lowering.tile_buffers import GroupBuffers, chain_buffers
from ...lowering.units import UnitBackend
from .costs import Jobs, Machine, Work, work_of


@dataclass(frozen=True)
class Tiling:
    """How the result of a group is cut, and through how many buffers the tiles go."""

    sizes: tuple[int, ...]
    order: tuple[int, ...]
    buffers: int


@dataclass(frozen=True)
class Option:
    """A tiling with what it takes, for given homes of what it reads and makes."""

    tiling: Tiling
    bytes: int
    """Near memory of the group's own buffers."""
    cycles: float
    """The objective, where the first constants are fetched when the group begins."""
    early_bytes: int
    """Near memory of the buffers of constants."""
    early_cycles: float
    """What fetching the first constants takes."""
    slack: float
    """Cycles of the last round in which no transfer is in flight."""
    moved: int
    """Bytes through the engine."""
    bound: str
    """What takes the time: compute, DMA or start."""


@dataclass(frozen=True)
class Homes:
    """Which inputs are in the near memory already, and whether the result is to live there."""

    near: frozenset[SSAValue]
    result: bool


@dataclass
class Chain:
    """Ops that are computed together, on one unit."""

    ops: Sequence[Operation]
    inputs: Sequence[SSAValue]
    machine: Machine
    backend: UnitBackend
    capacity: int
    _costs: dict[tuple[Operation, object], int] = field(
        default_factory=dict[tuple[Operation, object], int]
    )

    @cached_property
    def works(self) -> list[Work | Jobs]:
        return [work_of(op, self.machine.unit) for op in self.ops]

    # What a unit says of a tile is asked for often.
    def refuses(self, op: Operation) -> str | None:
        return self.backend.refuses(op)

    def chunk_bytes(self, op: Operation, channels: int) -> int:
        key = (op, channels)
        if key not in self._costs:
            self._costs[key] = self.backend.chunk_bytes(op, channels)
        return self._costs[key]

    def scratch_bytes(self, op: Operation, tile: Sequence[int]) -> int:
        key = (op, tuple(tile))
        if key not in self._costs:
            self._costs[key] = self.backend.scratch_bytes(op, tile)
        return self._costs[key]

    def buffers(self, windows: ChainWindows, slots: int) -> GroupBuffers:
        """The buffers of a tiling whose inputs and result are all in the far memory."""
        return chain_buffers(windows, slots, self.inputs, True, self)

    def fits(self) -> bool:
        """Whether the near memory has room for a candidate."""
        return any(size <= self.capacity for size in self._bytes())

    def least_bytes(self) -> int:
        """The near memory that the smallest candidate takes."""
        return min(self._bytes())

    def _bytes(self) -> Iterator[int]:
        """The near memory that each candidate takes."""
        for sizes in (*self.tile_sizes(False), *self.tile_sizes(True)):
            yield self.buffers(ChainWindows(self.ops, sizes), 1).bytes

    def tile_sizes(self, columns: bool) -> Iterator[tuple[int, ...]]:
        """Candidates: those that cut columns, or those that do not."""
        last = self.ops[-1]
        tiling = tiling_of(last)
        assert tiling is not None
        shape, cuts = shape_of(last.results[0]), tiling.tileable(last)
        granule = max(self.backend.granule(op) for op in self.ops)
        channels = list(channel_sizes(shape[-1], granule)) if cuts[-1] else [shape[-1]]
        if len(shape) != 4:
            yield from ((*shape[:-1], c) for c in channels if not columns)
            return
        rows = list(parts(shape[1])) if cuts[1] else [shape[1]]
        if not columns:
            yield from ((shape[0], h, shape[2], c) for h, c in product(rows, channels))
        elif cuts[2]:
            # Columns are cut only where there are few rows: long rows move faster.
            narrow = [w for w in halves(shape[2]) if w < shape[2]]
            few = [h for h in rows if h <= 8]
            yield from ((shape[0], *sizes) for sizes in product(few, narrow, channels))


def parts(extent: int) -> Iterator[int]:
    """The sizes that cut `extent` in 1, 2, 3, 4, 6, 8, 12, ... nearly equal parts."""
    last = 0
    for count in sorted({n * 2**k for n in (2, 3) for k in range(12)} | {1}):
        size = -(-extent // count)
        if size != last:
            yield size
        last = size
        if size == 1:
            return


def halves(extent: int) -> Iterator[int]:
    """The sizes that cut `extent` in 1, 2, 4, 8, ... nearly equal parts."""
    last = 0
    for k in range(16):
        size = -(-extent // 2**k)
        if size != last:
            yield size
        last = size
        if size == 1:
            return


def channel_sizes(extent: int, granule: int) -> Iterator[int]:
    """The sizes that cut channels in 1, 2, 4, 8, ... parts, in multiples of a granule."""
    yield extent
    last = extent
    for size in halves(-(-extent // granule)):
        if (cut := size * granule) < last:
            yield cut
            last = cut


def orders(windows: ChainWindows) -> Iterator[tuple[int, ...]]:
    """Loop orders worth a look: with the channels innermost inputs stay, outermost weights do."""
    rank = len(windows.sizes)
    yield tuple(range(rank))
    if windows.counts[-1] > 1 and prod(windows.counts[:-1]) > 1:
        yield (0, rank - 1, *range(1, rank - 1))
