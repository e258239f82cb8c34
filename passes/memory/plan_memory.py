"""plan-memory: every buffer gets its offset in the arena of its memory."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NoReturn

from xdsl.context import Context
from xdsl.dialects.builtin import ArrayAttr, IntegerAttr, ModuleOp, i64
from xdsl.dialects.func import FuncOp
from xdsl.passes import ModulePass

from ...dialects.diagnostics import RunnelError, blaming, emit_remark, refer_to, refuse
from ...dialects.dma import ARENAS, ArenaAttr, arenas_of
from .limits import Space, space_for_buffers
from .liveness import Bound, Liveness, buffer_liveness, functions_with_buffers, liveness_bound
from .placement import DEFAULT_ALIGNMENT, Placement, check_algorithm, place


@dataclass(frozen=True)
class PlanMemory(ModulePass):
    """Place the buffers of every function, one arena per memory.

    Buffers that are alive together never share a byte; buffers with an offset stay where they are.
    The arena's size and the liveness bound are recorded on the function as `dma.arenas`. A memory
    of the module's platform that is too small is an error.
    """

    name = "plan-memory"

    algorithm: str = "auto"
    """auto, linear, first_fit, best_fit, greedy_by_size, greedy_by_breadth, hill_climb, cp_sat."""
    memory: str | None = None
    """The memory to plan; all when it is not given."""
    alignment: int = DEFAULT_ALIGNMENT
    """Bytes that every offset is a multiple of."""
    keep_inputs: bool = False
    """Whether network inputs survive the call; without it their bytes are used again."""
    stop_at_fit: bool = False
    """Whether the search ends when an arena fits its memory; without it, and where the code lies
    in that memory too, at the smallest found.
    """

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        if self.alignment < 1 or self.alignment % DEFAULT_ALIGNMENT:
            raise RunnelError(
                f"plan-memory: alignment {self.alignment} is not a multiple of {DEFAULT_ALIGNMENT}"
            )
        check_algorithm(self.algorithm)
        for func in functions_with_buffers(op.body.block.ops):
            self._plan(op, func)

    def _plan(self, module: ModuleOp, func: FuncOp) -> None:
        liveness = buffer_liveness(func, keep_inputs=self.keep_inputs)
        arenas = arenas_of(func)
        for memory in liveness.memories():
            if self.memory is None or memory == self.memory:
                arenas[memory] = self._plan_memory(module, func, liveness, memory)
        if arenas:
            func.attributes[ARENAS] = ArrayAttr([arenas[memory] for memory in sorted(arenas)])

    def _plan_memory(
        self, module: ModuleOp, func: FuncOp, liveness: Liveness, memory: str
    ) -> ArenaAttr:
        buffers = liveness.buffers(memory)
        intervals = [liveness.intervals[buffer] for buffer in buffers]
        bound = liveness_bound(intervals, self.alignment)
        with blaming(buffers[0]):
            space = space_for_buffers(module, memory)
        enough = space.certain if space is not None and self.stop_at_fit else 0
        with blaming(func):
            placement = place(intervals, self.algorithm, alignment=self.alignment, enough=enough)
        if space is not None and placement.arena > space.bytes:
            _refuse(space, func, liveness, memory, bound, placement)
        for buffer, offset in zip(buffers, placement.offsets, strict=True):
            buffer.offset = IntegerAttr(offset, i64)
        emit_remark("analysis", self.name, func, f"{memory}: {summary(placement, bound)}")
        return ArenaAttr(memory, placement.arena, bound.bytes)


def summary(placement: Placement, bound: Bound) -> str:
    """`arena 49152 B, liveness bound 49152 B (1.00x), algorithm first_fit`."""
    ratio = placement.arena / max(bound.bytes, 1)
    rounding = bound.aligned - bound.bytes
    aligned = f", alignment adds {rounding} B" if rounding else ""
    return (
        f"arena {placement.arena} B, liveness bound {bound.bytes} B ({ratio:.2f}x){aligned}, "
        f"algorithm {placement.algorithm}"
    )


def _refuse(
    space: Space,
    func: FuncOp,
    liveness: Liveness,
    memory: str,
    bound: Bound,
    placement: Placement,
) -> NoReturn:
    """Refuse an arena that is larger than its memory, and say what fills it."""
    alive = liveness.alive(bound.step, memory)
    largest = [f"{liveness.intervals[b].name} ({b.size} B)" for b in alive[:3]]
    more = f" and {len(alive) - 3} more" if len(alive) > 3 else ""
    at = refer_to(liveness.steps[bound.step]) if liveness.steps else "the call"
    message = (
        f"memory {memory} has {space}, the buffers need "
        f"{placement.arena} B (liveness bound {bound.bytes} B, algorithm {placement.algorithm}). "
        f"Alive at the peak, at {at}: {', '.join(largest)}{more}. {_way_out(bound, space.bytes)}"
    )
    refuse(func, message)


def _way_out(bound: Bound, space: int) -> str:
    if bound.aligned <= space:
        return "A placement that fits may exist: try algorithm=cp_sat"
    return (
        "No placement fits: lower the peak (schedule-for-memory, reuse-in-place, a smaller input) "
        "or choose a platform with a larger memory"
    )
