"""overlap-units: cores and NPU at the same time, where one reads what the other writes."""

from __future__ import annotations

from dataclasses import dataclass

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.dialects.func import FuncOp
from xdsl.passes import ModulePass

from ...dialects.diagnostics import emit_remark
from ...dialects.platform import platform_of
from ..memory.limits import space_for_buffers
from ..memory.liveness import Liveness, buffer_liveness, functions_with_buffers
from .costs import Costs
from .list_schedule import Room
from .search import best_schedule, written_schedule
from .segments import Segment, names, replace, segments_of


@dataclass(frozen=True)
class OverlapUnits(ModulePass):
    """Cut ops into bands of rows and order the bands so that cores and NPU wait the least."""

    name = "overlap-units"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        costs = Costs.of(platform_of(op))
        if costs is None:
            return
        for function in functions_with_buffers(op.body.block.ops):
            for segment in list(segments_of(function.body.block, costs)):
                if segment.mixed:
                    self._overlap(op, function, segment)

    def _overlap(self, module: ModuleOp, function: FuncOp, segment: Segment) -> None:
        room = _room(module, buffer_liveness(function), segment)
        written = written_schedule(segment.tasks)
        found = None if room is None else best_schedule(segment.tasks, room)
        who = ", ".join(names(segment.kernels))
        if found is None:
            emit_remark("missed", self.name, segment.kernels[0].op, f"{who}: no room in memory")
        elif found.cycles < written.cycles:
            text = f"{who}: {found.cycles:.0f} cycles instead of {written.cycles:.0f}"
            emit_remark("passed", self.name, segment.kernels[0].op, text)
            replace(segment, found)


def _room(module: ModuleOp, liveness: Liveness, segment: Segment) -> Room | None:
    """What the near memory has room for while a segment runs."""
    memory = next(
        buffer.memory for task in segment.kernels for buffer in task.piece(None).by_buffer
    )
    space = space_for_buffers(module, memory)
    position = {op: index for index, op in enumerate(liveness.steps)}
    inside = [position[task.op] for task in segment.tasks if task.op in position]
    first, last = min(inside), max(inside)
    intervals = {b: i for b, i in liveness.intervals.items() if b.memory == memory}
    opened = frozenset(b for b, i in intervals.items() if i.start < first <= i.end)
    kept = frozenset(b for b, i in intervals.items() if i.end > last)
    limit = float("inf") if space is None else space.bytes * 7 // 8
    return Room(limit, sum(b.size for b in opened), opened, kept, memory)
