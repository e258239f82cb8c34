"""Cycles by inference and layer, from the marks that the program leaves on the time line.

The test harness marks where an inference begins and ends; emitted code marks where a layer ends.
What is between inferences (files, printing) is counted nowhere. Time that core 0 waits for a job of
an earlier layer is that layer's.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .attribution import Job, Part, attribute
from .report import Kind, Report, StackReport

BEGIN, END = -1, -2
"""The marks around an inference (runtime/c/boards/common/rn_main.c)."""

BARRIER, DMA, NPU = 16, 8, 12
"""Numbers of the events that end a wait (event unit of the cluster)."""


@dataclass(frozen=True)
class Cycles:
    """What happened in a time of `cycles`.

    `busy[core]` are cycles in which a core was not asleep; the waits are those of core 0, by what
    ended them. `instructions` are those of all cores that left the same marks. Bytes are those of
    transfers that began here; `dma` and `npu` are cycles in which an engine was at work, and
    `exposed_dma` those of `dma` in which neither the NPU nor two cores were (a core that is alone
    counts as two).
    """

    cycles: int
    instructions: int
    busy: tuple[int, ...]
    wait_barrier: int
    wait_dma: int
    wait_npu: int
    bytes_in: int
    bytes_out: int
    transfers: int
    dma: int
    exposed_dma: int
    npu: int
    npu_jobs: int

    def plus(self, other: Cycles) -> Cycles:
        """Both times together."""
        busy = tuple(a + b for a, b in zip(self.busy, other.busy, strict=True))
        numbers: dict[str, Any] = {
            name: getattr(self, name) + getattr(other, name)
            for name in self.__dataclass_fields__
            if name != "busy"
        }
        return replace(self, busy=busy, **numbers)

    @property
    def hidden_dma(self) -> float:
        """The share of the DMA's time, from 0 to 1, that something else was going on."""
        return 1.0 - self.exposed_dma / self.dma if self.dma else 1.0


@dataclass(frozen=True)
class CycleReport:
    """All of a run; `layers` (by number) and `total` are those of the last inference."""

    source: str
    cores: int
    inferences: tuple[int, ...]
    total: Cycles
    layers: dict[int, Cycles]
    stacks: tuple[StackReport, ...]
    complete: bool
    """Whether the time line holds all; else what is counted from it is too little."""

    def json(self) -> dict[str, Any]:
        """What `json.dump` takes and `from_json` reads."""
        return asdict(self)

    @staticmethod
    def from_json(facts: dict[str, Any]) -> CycleReport:
        """The report that `json` has written."""
        return CycleReport(
            source=facts["source"],
            cores=facts["cores"],
            inferences=tuple(facts["inferences"]),
            total=_cycles(facts["total"]),
            layers={int(number): _cycles(layer) for number, layer in facts["layers"].items()},
            stacks=tuple(StackReport(**stack) for stack in facts["stacks"]),
            complete=facts["complete"],
        )


def _cycles(facts: dict[str, Any]) -> Cycles:
    fields: dict[str, Any] = {**facts, "busy": tuple(facts["busy"])}
    return Cycles(**fields)


def cycle_report(report: Report, source: str, limit: int) -> CycleReport:
    """The report of a run whose time line could hold `limit` entries."""
    marks = _Marks(report)
    begin, end = marks.inferences[-1] if marks.inferences else (0, report.cycles)
    timeline = _Timeline(report, begin, end)
    layers: dict[int, list[tuple[int, int, int]]] = {}
    parts = [Part(*layer) for layer in marks.layers(begin, end)]
    for part in attribute(parts, timeline.jobs(), timeline.job_waits()):
        layers.setdefault(part.number, []).append((part.start, part.end, part.instructions))
    found = {n: timeline.measure(parts) for n, parts in sorted(layers.items())}
    instructions = sum(layer.instructions for layer in found.values())
    return CycleReport(
        source=source,
        cores=len(report.harts) - 1,
        inferences=tuple(stop - start for start, stop in marks.inferences),
        total=timeline.measure([(begin, end, instructions)]),
        layers=found,
        stacks=report.stacks,
        complete=len(report.table) < limit,
    )


class _Marks:
    """The marks of the program by core."""

    def __init__(self, report: Report):
        marks = report.table[report.table["kind"] == Kind.LAYER]
        self.numbers = marks["a"].astype(np.int32)
        own = marks["unit"] == 0
        starts = marks["start"][own & (self.numbers == BEGIN)].tolist()
        ends = marks["start"][own & (self.numbers == END)].tolist()
        self.inferences: list[tuple[int, int]] = list(zip(starts, ends, strict=False))
        layers = self.numbers >= 0
        self.core_0 = marks[own]
        self.others = [
            marks["b"][layers & (marks["unit"] == core)] for core in range(1, len(report.harts) - 1)
        ]
        self.layer_count = int((own & layers).sum())

    def layers(self, begin: int, end: int) -> Iterator[tuple[int, int, int, int]]:
        """Number, start, end and instructions of what core 0 has marked in a time."""
        place, start, base = -1, 0, 0
        for mark in self.core_0:
            number, time = int(mark["a"].astype(np.int32)), int(mark["start"])
            place += number >= 0
            if number >= 0 and begin <= start and time <= end:
                own = (int(mark["b"]) - base) % (1 << 32)
                yield number, start, time, own + self._others_did(place)
            start, base = time, int(mark["b"])

    def _others_did(self, place: int) -> int:
        """Instructions of the cores that leave the same marks, up to the one at `place`."""
        total = 0
        for counts in self.others:
            if len(counts) == self.layer_count:
                before = int(counts[place - 1]) if place else 0
                total += (int(counts[place]) - before) % (1 << 32)
        return total


class _Timeline:
    """The events of a time, as arrays."""

    def __init__(self, report: Report, begin: int, end: int):
        table = report.table
        table = table[(table["start"] < end) & (table["end"] > begin)]
        self.cores = len(report.harts) - 1
        self.start, self.end = table["start"].astype(np.int64), table["end"].astype(np.int64)
        kind = table["kind"]
        self.is_in, self.is_out = kind == Kind.DMA_IN, kind == Kind.DMA_OUT
        self.is_npu, self.is_wait = kind == Kind.NPU, kind == Kind.WAIT
        self.unit, self.a = table["unit"].astype(np.int64), table["a"].astype(np.int64)
        self._sweep()

    def _sweep(self) -> None:
        """How many transfers, jobs and sleepers there are between any two steps."""
        dma = self.is_in | self.is_out
        chosen = dma | self.is_npu | self.is_wait
        times = np.concatenate([self.start[chosen], self.end[chosen]])
        order = np.argsort(times, kind="stable")
        self.times = times[order]

        def count(which: NDArray[np.bool_]) -> NDArray[np.int64]:
            steps = which[chosen].astype(np.int64)
            return np.cumsum(np.concatenate([steps, -steps])[order])

        self.in_dma, self.in_npu = count(dma) > 0, count(self.is_npu) > 0
        idle = count(self.is_wait) >= max(self.cores - 1, 1)
        self.exposed = self.in_dma & ~self.in_npu & idle

    def jobs(self) -> list[Job]:
        """The NPU's jobs in the order in which they ran."""
        chosen = self.is_npu
        columns = (self.start - self.unit, self.start, self.end)
        return [Job(*job) for job in zip(*(c[chosen].tolist() for c in columns), strict=True)]

    def job_waits(self) -> list[tuple[int, int]]:
        """When core 0 waited for the NPU."""
        chosen = self.is_wait & (self.unit == 0) & (self.a >> NPU & 1 == 1)
        return list(zip(self.start[chosen].tolist(), self.end[chosen].tolist(), strict=True))

    def measure(self, parts: list[tuple[int, int, int]]) -> Cycles:
        """The sum over intervals (start, end, instructions)."""
        total, *others = (self._measure(*part) for part in parts)
        for other in others:
            total = total.plus(other)
        return total

    def _measure(self, start: int, end: int, instructions: int) -> Cycles:
        inside = np.clip(np.minimum(self.end, end) - np.maximum(self.start, start), 0, None)
        begins = (self.start >= start) & (self.start < end)
        asleep = np.bincount(
            self.unit[self.is_wait], inside[self.is_wait], minlength=self.cores
        ).astype(np.int64)
        own = self.is_wait & (self.unit == 0)

        def waited(event: int) -> int:
            return int(inside[own & (self.a >> event & 1 == 1)].sum())

        return Cycles(
            cycles=end - start,
            instructions=instructions,
            busy=tuple(int(end - start - cycles) for cycles in asleep[: self.cores]),
            wait_barrier=waited(BARRIER),
            wait_dma=waited(DMA),
            wait_npu=waited(NPU),
            bytes_in=int(self.a[self.is_in & begins].sum()),
            bytes_out=int(self.a[self.is_out & begins].sum()),
            transfers=int(((self.is_in | self.is_out) & begins).sum()),
            dma=self._time(self.in_dma, start, end),
            exposed_dma=self._time(self.exposed, start, end),
            npu=self._time(self.in_npu, start, end),
            npu_jobs=int((self.is_npu & begins).sum()),
        )

    def _time(self, state: NDArray[np.bool_], start: int, end: int) -> int:
        """How long a state holds in an interval."""
        times = np.clip(self.times, start, end)
        return int((np.diff(times) * state[:-1]).sum()) if len(times) else 0
