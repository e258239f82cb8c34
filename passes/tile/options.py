"""The ways to tile a run of ops, each with the near memory that it takes and its modelled cycles.

A group whose tiles go through n buffers takes

    first load + sum over rounds of max(compute, transfers in flight) + last store

where in flight are the load of a later tile and the store of an earlier one; with one buffer
nothing overlaps. Bytes that move cost `BYTE_CYCLES` each even where they are hidden: the engine
takes banks from the cores.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import product
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray
from xdsl.ir import Operation, SSAValue

from ...dialects.tiling import shape_of, tiling_of
from ...lowering.chain_windows import ChainWindows
from ...lowering.tile_buffers import GroupBuffers, chain_buffers
from ...lowering.units import UnitBackend
from .costs import (
    GROUP_CYCLES,
    PROGRAM_CYCLES,
    ROUND_CYCLES,
    FloatArray,
    Machine,
    Traffic,
    work_of,
)

TINY = 16
"""Tiles below this part of the near memory are not looked at, if larger ones fit."""

ROOMY = 6
"""Tiles that take less than this part of the near memory have at least two buffers."""

WORTH = 0.003
"""More bytes must save this part of the cycles."""

BYTE_CYCLES = 0.02
"""What moving a byte costs beside its time."""


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
    _costs: dict[tuple[Operation, object], int] = field(default_factory=dict[Any, int])

    @cached_property
    def works(self) -> list[Any]:
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

    def least_bytes(self) -> int:
        """The near memory that the smallest candidate takes."""
        sizes = (*self.tile_sizes(False), *self.tile_sizes(True))
        return min(self.buffers(ChainWindows(self.ops, each), 1).bytes for each in sizes)

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


@dataclass(frozen=True)
class Moves:
    """Transfers of one kind: the engine's cycles in each round, and what all rounds move."""

    cycles: FloatArray
    bytes: int
    starts: int
    """Transfers that core 0 programs."""


@dataclass
class Rounds:
    """The times of all rounds of a tiling, in the order of the loop."""

    windows: ChainWindows
    order: tuple[int, ...]
    chain: Chain

    def flat(self, array: NDArray[Any]) -> NDArray[Any]:
        """One entry for each round."""
        full = np.broadcast_to(array, self.windows.counts)
        return full.transpose(self.order).reshape(-1)

    def changes(self, dims: frozenset[int]) -> NDArray[np.bool_]:
        """In which rounds there is another window than before."""
        counts, period = self.windows.counts, 1
        for dim in reversed(self.order):
            if dim in dims and counts[dim] > 1:
                break
            period *= counts[dim]
        return np.arange(prod(counts)) % period == 0

    @cached_property
    def compute(self) -> FloatArray:
        total = np.zeros(self.windows.counts)
        for op, work in zip(self.chain.ops, self.chain.works, strict=True):
            total = total + work.cycles(self.windows.extents(op.results[0]))
        return self.flat(total) + ROUND_CYCLES

    @cached_property
    def busy(self) -> float:
        """What computing takes in all."""
        return float(self.compute.sum())

    def moves(self, traffic: Traffic, dims: frozenset[int]) -> Moves:
        """The transfers of windows that change along `dims`."""
        new = self.changes(dims)
        cycles, size, starts = (
            self.flat(a) * new for a in (traffic.cycles, traffic.bytes, traffic.starts)
        )
        return Moves(cycles, int(size.sum()), int(starts.sum()))

    @cached_property
    def loads(self) -> dict[SSAValue, Moves]:
        return {
            value: self.moves(
                self.chain.machine.window(value, self.windows),
                frozenset[int]().union(*self.windows.depends(value)),
            )
            for value in self.chain.inputs
        }

    @cached_property
    def store(self) -> Moves:
        result = self.windows.result
        return self.moves(self.chain.machine.window(result, self.windows), EVERY)

    @cached_property
    def constants(self) -> list[Moves]:
        items = self.chain.buffers(self.windows, 1).constants
        return [self.moves(self.chain.machine.chunk(item.chunk_bytes), item.dims) for item in items]

    @cached_property
    def even(self) -> bool:
        """Whether all rounds take about the same: a third buffer hides nothing more then."""
        moves = (*self.loads.values(), *self.constants)
        loads = sum((m.cycles for m in moves), np.zeros_like(self.compute))[1:]
        return bool(
            self.compute.max() < 1.2 * self.compute.min()
            and loads.max(initial=0) < 1.2 * loads.min(initial=np.inf)
        )


EVERY = frozenset(range(8))
"""All dimensions that a result may have."""


def options_of(chain: Chain, homes: Sequence[Homes]) -> dict[Homes, list[Option]]:
    """For each way to give homes the options that nothing beats in bytes and cycles, within the
    capacity of the near memory; by rising bytes.
    """
    found: dict[Homes, list[Option]] = {home: [] for home in homes}
    for columns in (False, True):
        _collect(chain, columns, found)
        least = min((option.bytes for options in found.values() for option in options), default=0)
        if 0 < least * ROOMY <= chain.capacity:
            break
    return {home: pareto(options) for home, options in found.items()}


def _collect(chain: Chain, columns: bool, found: dict[Homes, list[Option]]) -> None:
    """Add the options of all tilings that cut columns, or of those that do not."""
    tilings = [ChainWindows(chain.ops, sizes) for sizes in chain.tile_sizes(columns)]
    for windows in sorted(tilings, key=lambda windows: prod(windows.counts)):
        tiles = prod(windows.counts)
        if len(chain.ops) > 1 and (tiles == 1 or repeats(windows)):
            continue  # a group for each op is as good, or better
        one = chain.buffers(windows, 1)
        if one.bytes * TINY < chain.capacity and all(found.values()):
            continue
        buffers = {1: one} if tiles == 1 or one.bytes * ROOMY > chain.capacity else {}
        if tiles > 1:
            buffers |= {n: chain.buffers(windows, n) for n in (2, 3)}
        useful = [home for home in found if gains(chain, windows, home)]
        fits = [
            (home, n, size)
            for n, taken in buffers.items()
            for home in useful
            if (size := bytes_of(taken, windows, home)) <= chain.capacity
        ]
        for order in orders(windows) if fits else ():
            rounds = Rounds(windows, order, chain)
            for home, n, size in fits:
                if n < 3 or not rounds.even:
                    early = sum(item.bytes for item in buffers[n].constants)
                    found[home].append(evaluate(rounds, n, home, size, early))


def repeats(windows: ChainWindows) -> bool:
    """Whether an op computes the same again for each tile of channels."""
    return windows.counts[-1] > 1 and any(
        not windows.depends(op.results[0])[-1] for op in windows.ops
    )


def gains(chain: Chain, windows: ChainWindows, homes: Homes) -> bool:
    """Whether cutting rows or columns makes a buffer smaller: something moves, or flows between
    ops.
    """
    moves = not homes.result or any(value not in homes.near for value in chain.inputs)
    return moves or len(chain.ops) > 1 or prod(windows.counts[:-1]) == 1


def bytes_of(buffers: GroupBuffers, windows: ChainWindows, homes: Homes) -> int:
    """Of the buffers of a group whose inputs and result are all far, those that these homes ask
    for.
    """
    result = {windows.result} if homes.result else set[SSAValue]()
    in_place = homes.near | result
    return buffers.bytes - sum(item.bytes for item in buffers.windows if item.value in in_place)


def evaluate(rounds: Rounds, slots: int, homes: Homes, size: int, early_bytes: int) -> Option:
    """The option of a tiling; see the text of the module."""
    constants = rounds.constants
    loads = [m for value, m in rounds.loads.items() if value not in homes.near] + constants
    stores = [] if homes.result else [rounds.store]
    zero = np.zeros_like(rounds.compute)
    load = sum((m.cycles for m in loads), zero)
    store = sum((m.cycles for m in stores), zero)
    total, slack = schedule(rounds.compute, load, store, slots)
    moved = sum(m.bytes for m in (*loads, *stores))
    starts = sum(m.starts for m in (*loads, *stores))
    transfers = float(load.sum() + store.sum())
    overhead = GROUP_CYCLES + PROGRAM_CYCLES * starts
    exposed = float(load[0] + store[-1]) + overhead
    bound = "compute" if rounds.busy >= transfers else "DMA"
    if exposed > max(rounds.busy, transfers - exposed):
        bound = "start"
    return Option(
        Tiling(rounds.windows.sizes, rounds.order, slots),
        size,
        total + overhead + BYTE_CYCLES * moved,
        early_bytes,
        sum(float(m.cycles[0]) for m in constants),
        slack,
        moved,
        bound,
    )


def schedule(
    compute: FloatArray, load: FloatArray, store: FloatArray, slots: int
) -> tuple[float, float]:
    """The cycles from the first load to the end of the last store, and for how many of them the
    engine idles before that store: its transfers follow one another, and no more than `slots` tiles
    are on their way.
    """
    if slots == 1:
        return float(compute.sum() + load.sum() + store.sum()), float(compute[-1])
    if slots == 2:
        flight = np.append(load[1:], 0.0) + np.append(0.0, store[:-1])
        total = load[0] + np.maximum(compute, flight).sum() + store[-1]
        return float(total), max(0.0, float(compute[-1] - flight[-1]))
    rounds = len(compute)
    computing, loading, storing = compute.tolist(), load.tolist(), store.tolist()
    loaded: list[float] = []
    stored: list[float] = []
    engine = now = 0.0
    for t in range(min(slots - 1, rounds)):
        engine += loading[t]
        loaded.append(engine)
    for t in range(rounds):
        now = max(now, loaded[t], stored[t - slots] if t >= slots else 0.0)
        if t > 0:
            engine = max(engine, now) + storing[t - 1]
            stored.append(engine)
        if t + slots - 1 < rounds:
            engine = max(engine, now) + loading[t + slots - 1]
            loaded.append(engine)
        now += computing[t]
    return max(now, engine) + storing[-1], max(0.0, now - engine)


def pareto(options: Sequence[Option]) -> list[Option]:
    """The options that no other one beats in bytes and cycles, but for what is not `WORTH` it."""
    kept: list[Option] = []
    for option in sorted(options, key=lambda o: (o.bytes, o.cycles, o.early_bytes)):
        if not kept or option.cycles < kept[-1].cycles * (1 - WORTH):
            kept.append(option)
    return kept


Options = Mapping[Homes, list[Option]]
