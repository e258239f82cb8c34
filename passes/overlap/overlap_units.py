"""overlap-units: cores, NPU and DMA at the same time, where one reads what another writes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.dialects.func import FuncOp
from xdsl.passes import ModulePass

from ...dialects import dma
from ...dialects.diagnostics import emit_remark
from ...dialects.platform import platform_of
from ..memory.limits import space_for_buffers
from ..memory.liveness import (
    Interval,
    Liveness,
    buffer_liveness,
    functions_with_buffers,
    liveness_bound,
)
from ..memory.placement import place
from .costs import Costs
from .list_schedule import Room, Schedule
from .search import best_schedule, earlier_transfers, written_schedule
from .segments import Segment, overlaps, replace, segments_of
from .unroll import unroll

WORTH = 0.03
"""The share of a segment's cycles that bands must gain: the model is no more precise than that."""

SHARES = (7, 6, 5)
"""Eighths of a memory that buffers alive together may take: the rest is for gaps between them, and
there must be more gaps where no place is found for a buffer."""

TRIES = 200
"""Orders in which places for the buffers are looked for."""


@dataclass(frozen=True)
class OverlapUnits(ModulePass):
    """Cut ops into bands of rows and order the bands so that cores, NPU and DMA wait the least.

    What is straight-line code is scheduled anew as a whole; short loops of tiles are unrolled for
    that. Bands are made where cores and NPU both have a part in it; elsewhere only transfers begin
    earlier. There is no new buffer and nothing is computed twice: bands are windows of the buffers
    that there are, and one that needs rows of a later band waits for it. A wait for a job stands
    where the first op needs that the job has ended.

    How many bands, and whether at all, is what takes the fewest modelled cycles: each band costs
    what a kernel or a job costs to begin. Buffers that are alive together leave an eighth of the
    memory for gaps, or more where they would not find a place.
    """

    name = "overlap-units"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        costs = Costs.of(platform_of(op))
        if costs is None:
            return
        for function in list(functions_with_buffers(op.body.block.ops)):
            for share in SHARES:
                variant = _chosen(op, function, costs, share)
                if variant is None:
                    break
                if variant.has_places(op):
                    variant.put_in(op, function)
                    variant.tell(self.name)
                    break


def _chosen(module: ModuleOp, function: FuncOp, costs: Costs, share: int) -> _Variant | None:
    """The form of a function that gains the most within `share` eighths of its memories."""
    variants = list(_variants(module, function, costs, share))
    for variant in sorted(variants, key=lambda variant: -variant.gain):
        if variant.gain > 0:
            variant.schedule()
            if _fits(module, variant.function, function, share):
                return variant
    return None


def _variants(module: ModuleOp, function: FuncOp, costs: Costs, share: int) -> Iterator[_Variant]:
    """Copies of a function: one as it is, and one without short loops."""
    yield _Variant.of(module, function.clone(), costs, share)
    copy = function.clone()
    if unroll(copy):
        yield _Variant.of(module, copy, costs, share)


@dataclass
class _Plan:
    """A segment, what it takes as it is written, and how it takes less."""

    segment: Segment
    written: float
    found: Schedule | None
    """None: nothing gains enough, or the memory has no room."""
    has_room: bool

    @property
    def gain(self) -> float:
        return 0.0 if self.found is None else self.written - self.found.cycles


@dataclass
class _Variant:
    """A form of a function with plans for its segments."""

    function: FuncOp
    plans: list[_Plan]

    @staticmethod
    def of(module: ModuleOp, function: FuncOp, costs: Costs, share: int) -> _Variant:
        liveness = buffer_liveness(function)
        plans = [
            _plan(module, liveness, segment, share)
            for segment in segments_of(function.body.block, costs)
            if segment.kernels
        ]
        return _Variant(function, plans)

    @property
    def gain(self) -> float:
        return sum(plan.gain for plan in self.plans)

    def schedule(self) -> None:
        """Put the schedules in."""
        for plan in self.plans:
            if plan.found is not None:
                replace(plan.segment, plan.found)

    def has_places(self, module: ModuleOp) -> bool:
        """Whether places are found for all buffers, but for the memory that code lies in, too."""
        liveness = buffer_liveness(self.function)
        for memory in liveness.memories():
            space = space_for_buffers(module, memory)
            if space is None or space.holds_code:
                continue
            intervals = _intervals(liveness, memory)
            found = place(intervals, "hill_climb", enough=space.bytes, tries=TRIES)
            if found.arena > space.bytes:
                return False
        return True

    def put_in(self, module: ModuleOp, function: FuncOp) -> None:
        """Put the form in the place of `function`."""
        module.body.block.insert_op_before(self.function, function)
        module.body.block.erase_op(function)

    def tell(self, name: str) -> None:
        """Who works at the same time, and what the model says that it gains."""
        for plan in self.plans:
            if not plan.has_room:
                text = "the memory has no room for another order"
                emit_remark("missed", name, self.function, text)
            elif plan.found is not None:
                cycles = f"{plan.found.cycles:,.0f} cycles instead of {plan.written:,.0f}"
                who = overlaps(plan.found) or "transfers earlier"
                emit_remark("passed", name, self.function, f"{cycles}: {who}")


def _fits(module: ModuleOp, new: FuncOp, old: FuncOp, share: int) -> bool:
    """Whether the buffers alive together leave room for gaps, or are no more than they were."""
    found, before = buffer_liveness(new), buffer_liveness(old)
    return all(
        _bound(found, memory) <= max(_bound(before, memory), _limit(module, memory, share))
        for memory in found.memories()
    )


def _bound(liveness: Liveness, memory: str) -> int:
    return liveness_bound(_intervals(liveness, memory), dma.BUFFER_ALIGNMENT).aligned


def _intervals(liveness: Liveness, memory: str) -> list[Interval]:
    return [i for b, i in liveness.intervals.items() if b.memory == memory]


def _limit(module: ModuleOp, memory: str, share: int) -> float:
    """What of a memory buffers may take: `share` eighths."""
    space = space_for_buffers(module, memory)
    return float("inf") if space is None else space.bytes * share // 8


def _plan(module: ModuleOp, liveness: Liveness, segment: Segment, share: int) -> _Plan:
    room = _room(module, liveness, segment, share)
    written = written_schedule(segment.tasks, room).cycles
    bands = best_schedule(segment.tasks, room) if segment.mixed else None
    if bands is not None and bands.cycles < (1 - WORTH) * written:
        return _Plan(segment, written, bands, has_room=True)
    found = earlier_transfers(segment.tasks, room)
    has_room = bands is not None or found is not None
    gains = found is not None and found.cycles < written
    return _Plan(segment, written, found if gains else None, has_room)


def _room(module: ModuleOp, liveness: Liveness, segment: Segment, share: int) -> Room:
    """What near memory and DMA have room for while a segment runs."""
    memory = next(buffer.memory for task in segment.kernels for buffer in task.whole.by_buffer)
    position = {op: index for index, op in enumerate(liveness.steps)}
    inside = [position[task.op] for task in segment.tasks if task.op in position]
    intervals = {b: i for b, i in liveness.intervals.items() if b.memory == memory}
    opened = frozenset(b for b, i in intervals.items() if i.start < min(inside) <= i.end)
    kept = frozenset(b for b, i in intervals.items() if i.end > max(inside))
    limit = _limit(module, memory, share)
    engines = platform_of(module).dma
    channels = sum(engine.channels for engine in engines) - segment.open_tokens
    queue = max(engine.channels for engine in engines)
    return Room(limit, sum(b.size for b in opened), opened, kept, memory, channels, queue)
