"""Straight-line code as work for cores, NPU and DMA: pieces, and what must come before what."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Container, Sequence
from dataclasses import dataclass, field
from enum import Enum
from functools import cached_property
from typing import TypeGuard

from xdsl.ir import Operation

from ...dialects import cluster, dma, npu
from ..tile.costs import PROGRAM_CYCLES
from .bands import Cut, Rows, cut_of
from .costs import Costs
from .windows import Touch, operands_of, touch_of


class Role(Enum):
    """Who does a piece; core 0 asks for jobs and transfers and waits for them."""

    KERNEL = "kernel"
    JOB = "job"
    START = "start"
    WAIT = "wait"
    TOKEN = "token"


@dataclass(eq=False)
class Task:
    """An op at its position that takes part in the schedule."""

    op: Operation
    position: int
    costs: Costs
    wait: dma.AwaitOp | None = None
    """What waits for a job."""

    @cached_property
    def role(self) -> Role:
        match self.op:
            case dma.StartOp():
                return Role.START
            case dma.AsyncOp():
                return Role.JOB
            case dma.AwaitOp():
                return Role.WAIT
            case dma.TokenOp():
                return Role.TOKEN
            case _:
                return Role.KERNEL

    @cached_property
    def cut(self) -> Cut | None:
        """How it can be cut into bands."""
        return cut_of(self.op) if isinstance(self.op, dma.DestinationStyleOp) else None

    @cached_property
    def _pieces(self) -> dict[Rows | None, Piece]:
        return {}

    def piece(self, rows: Rows | None) -> Piece:
        """The band of these rows; None: all of it. The same one each time."""
        if rows not in self._pieces:
            self._pieces[rows] = self._piece(rows)
        return self._pieces[rows]

    def pieces(self, count: int) -> list[Piece]:
        """At most `count` bands."""
        if self.cut is None or count == 1:
            return [self.piece(None)]
        bands = self.cut.bands(count)
        return [self.piece(rows) for rows in bands] if len(bands) > 1 else [self.piece(None)]

    def _piece(self, rows: Rows | None) -> Piece:
        op, costs = self.op, self.costs
        found: list[Touch] = []
        if rows is not None and self.cut is not None:
            found = list(self.cut.touches(rows))
        elif isinstance(op, dma.DestinationStyleOp):
            found = [t for v, w in operands_of(op) if (t := touch_of(v, w)) is not None]
        core, engine = 0.0, 0.0
        match op:
            case npu.Conv2DOp():
                core, engine = costs.launch, costs.job(op, rows)
            case cluster.KernelOp():
                core = costs.kernel(op, rows)
            case dma.StartOp():
                core, engine = PROGRAM_CYCLES, costs.transfer(op)
            case _:
                pass
        return Piece(self, rows, core, engine, found)


@dataclass(eq=False)
class Piece:
    """A task, or a band of its rows: `core` are cycles of the cores (or core 0), `engine` those of
    the NPU or DMA.
    """

    task: Task
    rows: Rows | None
    core: float
    engine: float
    touches: list[Touch]
    meetings: dict[Piece, bool] = field(default_factory=dict["Piece", bool])
    """For later pieces whether they must keep behind this one."""

    @property
    def role(self) -> Role:
        return self.task.role

    @cached_property
    def by_buffer(self) -> dict[dma.BufferOp, list[Touch]]:
        found: dict[dma.BufferOp, list[Touch]] = defaultdict(list)
        for touch in self.touches:
            found[touch.buffer].append(touch)
        return dict(found)

    def meets(self, later: Piece) -> bool:
        """Whether both touch common bytes, one of them writing."""
        known = self.meetings.get(later)
        if known is None:
            known = any(
                touch.meets(other)
                for buffer, mine in self.by_buffer.items()
                for other in later.by_buffer.get(buffer, ())
                for touch in mine
            )
            self.meetings[later] = known
        return known


@dataclass
class Order:
    """What must come before what, by the places of pieces in the original order."""

    pieces: list[Piece]
    before: list[list[int]]
    """What must have begun: for kernels and waits that is also to have ended."""
    ended: list[list[int]]
    """The jobs that must have ended."""
    after: list[list[int]]
    """What waits for a piece in one of these ways."""


MOVES = (Role.START, Role.WAIT, Role.TOKEN)


def is_wait(op: Operation) -> TypeGuard[dma.AwaitOp]:
    return isinstance(op, dma.AwaitOp)


def order_of(pieces: Sequence[Piece]) -> Order:
    """The dependences between pieces, which come in the original order.

    What touches common bytes keeps its order, one of them writing. A job holds its bytes until it
    has ended, but for the next job of the queue; a transfer until its token is waited for. What
    concerns transfers keeps its order among itself.
    """
    waits = {p.task.op.awaited: i for i, p in enumerate(pieces) if is_wait(p.task.op)}
    here = {piece.task.op for piece in pieces}
    touching: dict[dma.BufferOp, list[int]] = defaultdict(list)
    before: list[list[int]] = [[] for _ in pieces]
    ended: list[list[int]] = [[] for _ in pieces]
    moved = fence = -1
    for i, piece in enumerate(pieces):
        earlier = {j for buffer in piece.by_buffer for j in touching[buffer]}
        for j in sorted(j for j in earlier if pieces[j].meets(piece)):
            other = pieces[j]
            if other.role is Role.JOB and piece.role is not Role.JOB:
                ended[i].append(j)
            elif isinstance(start := other.task.op, dma.StartOp):
                before[i].append(waits.get(start.started, j))
            else:
                before[i].append(j)
        for buffer in piece.by_buffer:
            touching[buffer].append(i)
        if fence >= 0:
            before[i].append(fence)
        if piece.role in MOVES:
            before[i] += [moved] if moved >= 0 else []
            moved = i
        if is_wait(op := piece.task.op) and not _started_in(op, here):
            fence = i
    after: list[list[int]] = [[] for _ in pieces]
    for i in range(len(pieces)):
        for j in (*before[i], *ended[i]):
            after[j].append(i)
    return Order(list(pieces), before, ended, after)


def _started_in(wait: dma.AwaitOp, ops: Container[Operation]) -> bool:
    """Whether all work that is waited for is started by some of `ops`."""
    token = wait.awaited
    starts = [use.operation for use in token.uses if use.operation is not wait]
    return token.owner in ops and all(op in ops for op in starts)
