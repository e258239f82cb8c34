"""Straight-line code as work for cores, NPU and DMA: pieces, and what must come before what."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from enum import Enum
from functools import cached_property
from typing import TypeGuard

from xdsl.ir import Operation, SSAValue

from ...dialects import cluster, dma, npu
from ..tile.costs import PROGRAM_CYCLES
from .bands import Band, Cut, cuts_of
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
    def cuts(self) -> list[Cut]:
        """How it can be cut into bands."""
        return cuts_of(self.op) if isinstance(self.op, dma.DestinationStyleOp) else []

    @cached_property
    def whole(self) -> Piece:
        """All of it."""
        return self._piece([t for v, w in self._operands() if (t := touch_of(v, w)) is not None])

    def _operands(self) -> Iterator[tuple[SSAValue, bool]]:
        """The buffers that it reads, or writes; those of a token are what is started on it."""
        if isinstance(self.op, dma.TokenOp):
            for use in self.op.result.uses:
                if isinstance(use.operation, dma.StartOp):
                    yield from operands_of(use.operation)
        elif isinstance(self.op, dma.DestinationStyleOp):
            yield from operands_of(self.op)

    @cached_property
    def _bands(self) -> dict[Band, Piece]:
        return {}

    def pieces(self, cut: Cut | None, count: int) -> list[Piece]:
        """At most `count` bands; the same ones each time."""
        bands = [] if cut is None else cut.bands(count)
        if cut is None or len(bands) < 2:
            return [self.whole]
        for band in bands:
            if band not in self._bands:
                self._bands[band] = self._piece(list(cut.touches(band)), (cut, band))
        return [self._bands[band] for band in bands]

    def _piece(self, found: list[Touch], part: tuple[Cut, Band] | None = None) -> Piece:
        op, costs = self.op, self.costs
        band = None if part is None else part[1]
        core, engine = 0.0, 0.0
        match op:
            case npu.Conv2DOp():
                core, engine = costs.launch, costs.job(op, band)
            case cluster.KernelOp():
                core = costs.kernel(op, band)
            case dma.StartOp():
                core, engine = PROGRAM_CYCLES, costs.transfer(op)
            case _:
                pass
        return Piece(self, part, core, engine, found)


@dataclass(eq=False)
class Piece:
    """A task, or a `part` of it: `core` are cycles of the cores (or core 0), `engine` those of
    the NPU or DMA.
    """

    task: Task
    part: tuple[Cut, Band] | None
    core: float
    engine: float
    touches: list[Touch]
    meetings: dict[Piece, bool] = field(default_factory=dict["Piece", bool])
    """For later pieces whether they must keep behind this one."""

    def __post_init__(self) -> None:
        self.role = self.task.role
        self.token = _token_of(self.task.op)

    @cached_property
    def by_buffer(self) -> dict[dma.BufferOp, list[Touch]]:
        found: dict[dma.BufferOp, list[Touch]] = defaultdict(list)
        for touch in self.touches:
            found[touch.buffer].append(touch)
        return dict(found)

    @cached_property
    def sizes(self) -> dict[str, list[tuple[dma.BufferOp, int]]]:
        """By memory the buffers that it touches, with their bytes."""
        found: dict[str, list[tuple[dma.BufferOp, int]]] = defaultdict(list)
        for buffer in self.by_buffer:
            found[buffer.memory].append((buffer, buffer.size))
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


def order_of(pieces: Sequence[Piece], *, in_turn: bool = True, work_in_turn: bool = False) -> Order:
    """The dependences between pieces, which come in the original order.

    What touches common bytes keeps its order, one of them writing. A job holds its bytes until it
    has ended, but for the next job of the queue; a transfer until its token is waited for. Starts
    and waits of transfers keep their order among themselves (`in_turn`), or only those of a token;
    kernels and jobs keep theirs if `work_in_turn`. An engine adds transfers to its last token: what
    starts on one from before these pieces comes before all new tokens, and behind the last of them
    if more will be started on that afterwards.
    """
    waits = {p.token: i for i, p in enumerate(pieces) if p.role is Role.WAIT}
    here = {piece.task.op for piece in pieces}
    touching: dict[dma.BufferOp, list[int]] = defaultdict(list)
    before: list[list[int]] = [[] for _ in pieces]
    ended: list[list[int]] = [[] for _ in pieces]
    tokens: dict[SSAValue, list[int]] = defaultdict(list)
    moved = worked = fence = -1
    fresh, carried = list[int](), list[int]()
    for i, piece in enumerate(pieces):
        earlier = {j for buffer in piece.by_buffer for j in touching[buffer]}
        for j in sorted(j for j in earlier if pieces[j].meets(piece)):
            other = pieces[j]
            if other.role is Role.JOB and piece.role is not Role.JOB:
                ended[i].append(j)
            elif other.role is Role.START:
                before[i].append(waits.get(other.token, j))
            else:
                before[i].append(j)
        for buffer in piece.by_buffer:
            touching[buffer].append(i)
        if fence >= 0:
            before[i].append(fence)
        if piece.role not in MOVES:
            before[i] += [worked] if work_in_turn and worked >= 0 else []
            worked = i
        if piece.token is not None:
            if piece.role is Role.TOKEN:
                before[i] += [*carried, *fresh] if _is_left_open(piece.token, here) else carried
                fresh.append(i)
            elif piece.role is Role.START and piece.token.owner not in here:
                carried.append(i)
            same = tokens[piece.token]
            before[i] += [moved] if in_turn and moved >= 0 else same
            same.append(i)
            moved = i
        if piece.role is Role.WAIT and not _started_in(piece, here):
            fence = i
    after: list[list[int]] = [[] for _ in pieces]
    for i in range(len(pieces)):
        for j in (*before[i], *ended[i]):
            after[j].append(i)
    return Order(list(pieces), before, ended, after)


def _token_of(op: Operation) -> SSAValue | None:
    """The token that an op makes, starts a transfer on, or waits for."""
    match op:
        case dma.TokenOp():
            return op.result
        case dma.StartOp():
            return op.started
        case dma.AwaitOp():
            return op.awaited
        case _:
            return None


def _started_in(wait: Piece, ops: set[Operation]) -> bool:
    """Whether all work that is waited for is started by some of `ops`."""
    token = wait.token
    assert token is not None
    starts = [use.operation for use in token.uses if use.operation is not wait.task.op]
    return token.owner in ops and all(op in ops for op in starts)


def _is_left_open(token: SSAValue, ops: set[Operation]) -> bool:
    """Whether others than `ops` start transfers on a token, too."""
    users = [use.operation for use in token.uses]
    return any(isinstance(op, dma.StartOp) and op not in ops for op in users)
