"""What a run measured. All cycles are those of this model of the SoC."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class HartReport:
    """Counters of one hart, in the order of `hart_stats` in soc.h.

    `cycles` is its own time at the end; `wait_cycles` those asleep at barriers and for events;
    stalls are those beyond the one cycle of an L1 access; `contention_cycles` were lost to other
    cores at the L1's banks.
    """

    cycles: int
    instructions: int
    wait_cycles: int
    l1_accesses: int
    l2_accesses: int
    memory_stalls: int
    contention_cycles: int
    icache_misses: int
    icache_cycles: int
    branch_cycles: int
    barriers: int


@dataclass(frozen=True)
class Summary:
    """The rest, in the order of `soc_summary` in soc.c; bytes of the DMA by direction to L1."""

    exit_code: int
    fault: int
    fault_hart: int
    fault_pc: int
    fault_address: int
    fault_size: int
    dma_bytes_in: int
    dma_bytes_out: int
    dma_cycles: int
    dma_transfers: int
    npu_jobs: int
    npu_cycles: int
    npu_macs: int
    npu_overflows: int


class Kind(IntEnum):
    """`log_kind` of soc.h."""

    WAIT = 0
    DMA_IN = 1
    DMA_OUT = 2
    NPU = 3
    LAYER = 4


LOG = np.dtype(
    [("start", "<u8"), ("end", "<u8")]
    + [(name, "<u4") for name in ("kind", "unit", "a", "b")]  # `log_entry` of soc.h
)


class Event(NamedTuple):
    """One line of the time line, `log_entry` of soc.h; `a` and `b` depend on the kind. The `unit`
    of an NPU's job is how many cycles it was in the queue.
    """

    start: int
    end: int
    kind: int
    unit: int
    a: int
    b: int


@dataclass(frozen=True)
class StackReport:
    """How many of the bytes of a stack were used."""

    name: str
    size: int
    used: int


@dataclass(frozen=True)
class LayerReport:
    """What happened between two marks of core 0; `number` is the mark at its end.

    `busy[core]` are cycles in which the core was not asleep.
    """

    number: int
    start: int
    end: int
    busy: tuple[int, ...]
    dma_in: int
    dma_out: int
    dma_cycles: int
    npu_cycles: int

    @property
    def cycles(self) -> int:
        return self.end - self.start


@dataclass(frozen=True)
class Report:
    """One run; cores come first in `harts`, the controller is the last."""

    harts: tuple[HartReport, ...]
    summary: Summary
    log: bytes = field(repr=False)
    seconds: float = field(compare=False)
    stacks: tuple[StackReport, ...] = ()

    @cached_property
    def table(self) -> NDArray[Any]:
        """The time line as an array of `LOG` entries."""
        return np.frombuffer(self.log, LOG)

    @cached_property
    def events(self) -> tuple[Event, ...]:
        """The time line as tuples."""
        return tuple(map(Event._make, self.table.tolist()))

    @property
    def exit_code(self) -> int:
        return self.summary.exit_code

    @property
    def cycles(self) -> int:
        """When the last hart ended."""
        return max(hart.cycles for hart in self.harts)

    @property
    def instructions(self) -> int:
        return sum(hart.instructions for hart in self.harts)

    def of_kind(self, *kinds: Kind) -> list[Event]:
        return [event for event in self.events if event.kind in kinds]

    def layers(self) -> list[LayerReport]:
        """The intervals between marks of core 0; a negative mark only starts one."""
        found: list[LayerReport] = []
        start = 0
        for mark in (m for m in self.of_kind(Kind.LAYER) if m.unit == 0):
            number = signed(mark.a)
            if number >= 0:
                found.append(self._layer(number, start, mark.start))
            start = mark.start
        return found

    def _layer(self, number: int, start: int, end: int) -> LayerReport:
        asleep = [0] * (len(self.harts) - 1)
        for wait in self.of_kind(Kind.WAIT):
            asleep[wait.unit] += _overlap(wait, start, end)
        dma = [e for e in self.of_kind(Kind.DMA_IN, Kind.DMA_OUT) if start <= e.start < end]
        return LayerReport(
            number,
            start,
            end,
            tuple(end - start - cycles for cycles in asleep),
            sum(e.a for e in dma if e.kind == Kind.DMA_IN),
            sum(e.a for e in dma if e.kind == Kind.DMA_OUT),
            covered(self.of_kind(Kind.DMA_IN, Kind.DMA_OUT), start, end),
            covered(self.of_kind(Kind.NPU), start, end),
        )

    def hidden_dma(self) -> float:
        """The share of the DMA's time, from 0 to 1, in which the NPU or at least two cores were at
        work; one core may only be polling for the transfer.
        """
        steps: list[tuple[int, int, int]] = []  # time, which counter, by how much
        for event in self.events:
            if (counter := COUNTERS.get(event.kind)) is not None:
                steps += [(event.start, counter, 1), (event.end, counter, -1)]
        going = [0, 0, 0]
        total = exposed = reached = 0
        for time, counter, change in sorted(steps):
            transfers, waits, jobs = going
            if transfers:
                total += time - reached
                if not jobs and waits >= max(len(self.harts) - 2, 1):
                    exposed += time - reached
            reached = time
            going[counter] += change
        return 1.0 if total == 0 else 1.0 - exposed / total


COUNTERS: dict[int, int] = {Kind.DMA_IN: 0, Kind.DMA_OUT: 0, Kind.WAIT: 1, Kind.NPU: 2}


def signed(value: int) -> int:
    """A 32-bit word as a signed number."""
    return value - (1 << 32) if value >> 31 else value


def _overlap(event: Event, start: int, end: int) -> int:
    return max(0, min(event.end, end) - max(event.start, start))


def covered(events: list[Event], start: int, end: int) -> int:
    """Cycles of [start, end) in which at least one of the events was going on."""
    total, reached = 0, start
    for event in sorted(events, key=lambda e: e.start):
        begin, stop = max(event.start, reached), min(event.end, end)
        if stop > begin:
            total += stop - begin
            reached = stop
    return total
