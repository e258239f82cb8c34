"""The modelled cycles of a group.

A group whose tiles go through n buffers takes

    first load + sum over rounds of max(compute, transfers in flight) + last store

where in flight are the load of a later tile and the store of an earlier one; with one buffer
nothing overlaps. Bytes that move cost `BYTE_CYCLES` each even where they are hidden: the engine
takes banks from the cores.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray
from xdsl.ir import SSAValue

from ...lowering.chain_windows import ChainWindows
from .chain import Chain, Homes, Option, Tiling
from .costs import GROUP_CYCLES, PROGRAM_CYCLES, ROUND_CYCLES, FloatArray, Traffic

BYTE_CYCLES = 0.02
"""What moving a byte costs beside its time."""


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
        chunk = self.chain.machine.chunk
        return [self.moves(chunk(item.op, item.chunk_bytes), item.dims) for item in items]

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
