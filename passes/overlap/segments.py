"""Straight-line code between what cannot be scheduled, and the code of a schedule in its place."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from xdsl.ir import Block, Operation
from xdsl.traits import is_side_effect_free

from ...dialects import cluster, dma, npu
from ...dialects.diagnostics import layer_name
from ...dialects.npu import TokenType
from .costs import Costs
from .list_schedule import Schedule
from .work import Piece, Role, Task, is_wait


@dataclass
class Segment:
    """Tasks in the order of the text, the definitions between them, and the op behind them."""

    end: Operation
    tasks: list[Task] = field(default_factory=list[Task])
    definitions: list[Operation] = field(default_factory=list[Operation])

    @property
    def kernels(self) -> list[Task]:
        return [task for task in self.tasks if task.role in (Role.JOB, Role.KERNEL)]

    @property
    def mixed(self) -> bool:
        """Whether both cores and NPU have something to do."""
        return {task.role for task in self.kernels} == {Role.JOB, Role.KERNEL}

    @property
    def open_tokens(self) -> int:
        """How many tokens of transfers are waited for here, but were made before."""
        here = {task.op for task in self.tasks}
        waits = [task.op for task in self.tasks if isinstance(task.op, dma.WaitOp)]
        return sum(wait.token.owner not in here for wait in waits)


def segments_of(block: Block, costs: Costs) -> Iterator[Segment]:
    """The segments of a block, in order."""
    tasks, definitions, waits = list[Task](), list[Operation](), dict[Operation, dma.AwaitOp]()
    for position, op in enumerate(list(block.ops)):
        if is_wait(op) and isinstance(op.awaited.type, TokenType):
            waits[op] = op
            continue
        if isinstance(op, dma.BufferOp) or is_side_effect_free(op):
            definitions.append(op)
        elif _is_task(op):
            tasks.append(Task(op, position, costs))
        else:
            yield from _segment(tasks, definitions, waits, op)
            tasks, definitions, waits = [], [], {}


def _is_task(op: Operation) -> bool:
    kinds = (cluster.KernelOp, npu.Conv2DOp, dma.StartOp, dma.WaitOp, dma.TokenOp)
    return isinstance(op, kinds)


def _segment(
    tasks: list[Task],
    definitions: list[Operation],
    waits: dict[Operation, dma.AwaitOp],
    end: Operation,
) -> Iterator[Segment]:
    """Nothing where a job is waited for elsewhere, or the platform has no NPU for it."""
    for task in tasks:
        if isinstance(task.op, npu.Conv2DOp):
            if task.costs.npu is None:
                return
            (use,) = task.op.token.uses
            task.wait = waits.pop(use.operation, None)
            if task.wait is None:
                return
    if tasks and not waits:
        yield Segment(end, tasks, definitions)


def replace(segment: Segment, schedule: Schedule) -> None:
    """Put a schedule in the place of the code that it was made of."""
    _Writer(segment).write(schedule)


class _Writer:
    def __init__(self, segment: Segment):
        self.segment = segment
        block = segment.end.parent_block()
        assert block is not None
        self.block = block
        self.pending = dict.fromkeys(segment.definitions)
        self.tokens: dict[Piece, Operation] = {}

    def write(self, schedule: Schedule) -> None:
        whole = {a.piece.task.op for a in schedule.actions if a.piece.part is None}
        for op in self.segment.definitions:
            op.detach()
        for task in self.segment.tasks:
            task.op.detach()
            if task.wait is not None:
                task.wait.detach()
        for action in schedule.actions:
            if action.waits:
                self._wait(action.piece)
            else:
                self._begin(action.piece)
        for op in list(self.pending):
            self._put(op)
        for task in self.segment.tasks:
            if task.wait is not None:
                task.wait.erase()
            if task.op not in whole:
                task.op.erase()

    def _begin(self, piece: Piece) -> None:
        new = [piece.task.op]
        if piece.part is not None:
            cut, band = piece.part
            new = cut.build(band)
        for each in new:
            self._put(each)
        self.tokens[piece] = new[-1]

    def _wait(self, piece: Piece) -> None:
        job, was = self.tokens[piece], piece.task.wait
        assert isinstance(job, npu.Conv2DOp) and was is not None
        wait = npu.WaitOp(job.token)
        wait.location = was.location
        self._put(wait)

    def _put(self, op: Operation) -> None:
        """Add an op behind the definitions that it needs."""
        self.pending.pop(op, None)
        for operand in op.operands:
            if operand.owner in self.pending:
                assert isinstance(operand.owner, Operation)
                self._put(operand.owner)
        self.block.insert_op_before(op, self.segment.end)


def overlaps(schedule: Schedule) -> str:
    """Which layers of the cores run beside which of the NPU, by their source nodes."""
    found: dict[str, dict[str, None]] = {}
    for kernel, job in schedule.beside():
        if (name := _node(kernel)) != (other := _node(job)):
            found.setdefault(name, {})[other] = None
    return "; ".join(f"{name} beside {', '.join(others)}" for name, others in found.items())


def _node(task: Task) -> str:
    return layer_name(task.op)
