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
from ..memory.liveness import Liveness, buffer_liveness, functions_with_buffers, liveness_bound
from .costs import Costs
from .list_schedule import Room, Schedule
from .search import best_schedule, earlier_transfers, written_schedule
from .segments import Segment, overlaps, replace, segments_of
from .unroll import unroll

WORTH = 0.03
"""The share of a segment's cycles that bands must gain: the model is no more precise than that."""


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
    memory for gaps.
    """

    name = "overlap-units"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        costs = Costs.of(platform_of(op))
        if costs is None:
            return
        for function in list(functions_with_buffers(op.body.block.ops)):
            variants = list(_variants(op, function, costs))
            for variant in sorted(variants, key=lambda variant: -variant.gain):
                if variant.gain > 0 and variant.apply(op, function):
                    variant.tell(self.name)
                    break


def _variants(module: ModuleOp, function: FuncOp, costs: Costs) -> Iterator[_Variant]:
    """Copies of a function: one as it is, and one without short loops."""
    yield _Variant.of(module, function.clone(), costs)
    copy = function.clone()
    if unroll(copy):
        yield _Variant.of(module, copy, costs)


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
    def of(module: ModuleOp, function: FuncOp, costs: Costs) -> _Variant:
        liveness = buffer_liveness(function)
        plans = [
            _plan(module, liveness, segment)
            for segment in segments_of(function.body.block, costs)
            if segment.kernels
        ]
        return _Variant(function, plans)

    @property
    def gain(self) -> float:
        return sum(plan.gain for plan in self.plans)

    def apply(self, module: ModuleOp, function: FuncOp) -> bool:
        """Put the schedules in, and the form in the place of `function`; False where memory has no
        room for its buffers then.
        """
        for plan in self.plans:
            if plan.found is not None:
                replace(plan.segment, plan.found)
        if not _fits(module, self.function, function):
            return False
        module.body.block.insert_op_before(self.function, function)
        module.body.block.erase_op(function)
        return True

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


def _fits(module: ModuleOp, new: FuncOp, old: FuncOp) -> bool:
    """Whether the buffers alive together leave room for gaps, or are no more than they were."""
    found, before = buffer_liveness(new), buffer_liveness(old)
    return all(
        _bound(found, memory) <= max(_bound(before, memory), _limit(module, memory))
        for memory in found.memories()
    )


def _bound(liveness: Liveness, memory: str) -> int:
    intervals = [i for b, i in liveness.intervals.items() if b.memory == memory]
    return liveness_bound(intervals, dma.BUFFER_ALIGNMENT).aligned


def _limit(module: ModuleOp, memory: str) -> float:
    """What of a memory buffers may take: an eighth is left for gaps between them."""
    space = space_for_buffers(module, memory)
    return float("inf") if space is None else space.bytes * 7 // 8


def _plan(module: ModuleOp, liveness: Liveness, segment: Segment) -> _Plan:
    room = _room(module, liveness, segment)
    written = written_schedule(segment.tasks, room).cycles
    bands = best_schedule(segment.tasks, room) if segment.mixed else None
    if bands is not None and bands.cycles < (1 - WORTH) * written:
        return _Plan(segment, written, bands, has_room=True)
    found = earlier_transfers(segment.tasks, room)
    has_room = bands is not None or found is not None
    gains = found is not None and found.cycles < written
    return _Plan(segment, written, found if gains else None, has_room)


def _room(module: ModuleOp, liveness: Liveness, segment: Segment) -> Room:
    """What near memory and DMA have room for while a segment runs."""
    memory = next(buffer.memory for task in segment.kernels for buffer in task.whole.by_buffer)
    position = {op: index for index, op in enumerate(liveness.steps)}
    inside = [position[task.op] for task in segment.tasks if task.op in position]
    intervals = {b: i for b, i in liveness.intervals.items() if b.memory == memory}
    opened = frozenset(b for b, i in intervals.items() if i.start < min(inside) <= i.end)
    kept = frozenset(b for b, i in intervals.items() if i.end > max(inside))
    limit = _limit(module, memory)
    engines = platform_of(module).dma
    channels = sum(engine.channels for engine in engines) - segment.open_tokens
    queue = max(engine.channels for engine in engines)
    return Room(limit, sum(b.size for b in opened), opened, kept, memory, channels, queue)
