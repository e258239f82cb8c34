"""List scheduling: an order of pieces in which cores, NPU and DMA wait the least for each other.

Core 0 does one thing after the other: its share of a kernel, asking for a job or a transfer,
waiting for one. Jobs run one after the other behind that, two may be on their way; so do transfers,
of which the engine's queue holds as many as it has channels: who asks for more stands still.
"""

from __future__ import annotations

from bisect import insort
from collections import Counter, deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from operator import itemgetter
from typing import NamedTuple

from xdsl.ir import SSAValue

from ...dialects import dma
from .forecast import Forecast
from .work import MOVES, Order, Piece, Role, Task

QUEUE = 2
"""Jobs that can be on their way: the NPU has as many sets of registers."""


@dataclass(frozen=True)
class Action:
    """`piece` begins, or if it is a job and `waits`, core 0 waits for its end."""

    piece: Piece
    waits: bool = False


class Span(NamedTuple):
    """When cores or NPU are at a piece."""

    piece: Piece
    start: float
    end: float


@dataclass(frozen=True)
class Schedule:
    """Actions in the order of the program, and the modelled cycles until all has ended."""

    actions: list[Action]
    cycles: float
    spans: list[Span]
    """Of kernels and jobs."""

    def beside(self) -> Iterator[tuple[Task, Task]]:
        """Which kernel runs at the same time as which job, each pair once."""
        kernels = [span for span in self.spans if span.piece.role is Role.KERNEL]
        jobs = [span for span in self.spans if span.piece.role is Role.JOB]
        pairs = {
            (kernel.piece.task, job.piece.task): None
            for kernel in kernels
            for job in jobs
            if job.start < kernel.end and kernel.start < job.end
        }
        yield from pairs


@dataclass
class Room:
    """The bytes of a memory that may be alive together while pieces run, and which buffers are."""

    limit: float
    before: int
    """Bytes that are alive when the first piece begins."""
    opened: frozenset[dma.BufferOp]
    """The buffers that are alive then."""
    kept: frozenset[dma.BufferOp]
    """Those that are needed afterwards."""
    memory: str
    channels: float
    """Tokens of transfers that may be waited for at a time."""
    queue: int
    """Transfers that the engine takes; who asks for one more stands still."""


@dataclass
class Clock:
    """The state of all units while an order is played through."""

    order: Order
    room: Room
    queue: int
    """Transfers that may be on their way; who asks for one more stands still."""
    forecast: Forecast | None = None
    """Of the near memory, where transfers may come early."""
    now: float = 0.0
    npu: float = 0.0
    dma: float = 0.0
    ends: dict[int, float] = field(default_factory=dict[int, float])
    """When each job ends, in their order."""
    transfers: dict[SSAValue | None, float] = field(default_factory=dict[SSAValue | None, float])
    """When all transfers of a token have ended."""
    waited: int = 0
    """How many of the jobs were waited for."""
    actions: list[Action] = field(default_factory=list[Action])
    spans: list[Span] = field(default_factory=list[Span])

    def __post_init__(self) -> None:
        self.jobs: list[int] = []
        self.moving = deque[float](maxlen=self.queue)
        """When the last transfers end, as many as the queue holds."""
        self.tokens = self.starting = 0
        starts = [piece.token for piece in self.order.pieces if piece.role is Role.START]
        self.starts = Counter(starts)
        """How many transfers are started on each token."""
        self.users: dict[dma.BufferOp, int] = {}
        for piece in self.order.pieces:
            for buffer, _ in self._buffers(piece):
                self.users[buffer] = self.users.get(buffer, 0) + 1
        self.alive, self.opened = self.room.before, set(self.room.opened)

    def _buffers(self, piece: Piece) -> Sequence[tuple[dma.BufferOp, int]]:
        return piece.sizes.get(self.room.memory, ())

    def start(self, i: int) -> float:
        """When a piece could begin."""
        piece, reached = self.order.pieces[i], self.now
        role = piece.role
        if role is Role.WAIT:
            return max(reached, self.transfers.get(piece.token, 0.0))
        if role is Role.START:
            reached = max(reached, self._room_in_queue(1))
        elif role is Role.TOKEN:
            reached = max(reached, self._room_in_queue(self.starts.get(piece.token, 0)))
        elif role is Role.JOB and len(self.jobs) >= QUEUE:
            reached = max(reached, self.ends[self.jobs[-QUEUE]])
        for job in self.order.ended[i]:
            reached = max(reached, self.ends[job])
        return reached

    def by_start(self, places: Iterable[int]) -> Iterator[int]:
        """What could begin first comes first; of that, what does in `places`."""
        later: list[tuple[float, int]] = []
        for i in places:
            start = self.start(i)
            if start > self.now:
                later.append((start, i))
            else:
                yield i
        later.sort(key=itemgetter(0))
        yield from (i for _, i in later)

    def _room_in_queue(self, transfers: int) -> float:
        """When so many transfers can be asked for."""
        ended = len(self.moving) + min(transfers, self.queue) - self.queue
        return self.moving[ended - 1] if ended > 0 else 0.0

    def fits(self, i: int, *, ahead: bool = True) -> bool:
        """Whether there is room for the buffers that a piece is the first to touch, and for its
        token; if it fetches `ahead`, also for what comes before their first use. A transfer goes to
        the last token (mchan), so there is no other one before all of its transfers are started.
        """
        is_token = self.order.pieces[i].role is Role.TOKEN
        if is_token and (self.starting or self.tokens >= self.room.channels):
            return False
        new = [(b, size) for b, size in self._buffers(self.order.pieces[i]) if b not in self.opened]
        more = sum(size for _, size in new)
        if more and self.alive + more > self.room.limit:
            return False
        if is_token and ahead and self.forecast is not None:
            most = max((self.forecast.most(buffer) for buffer, _ in new), default=0)
            return most + more <= self.room.limit
        return True

    def run(self, i: int) -> None:
        """Let a piece begin as soon as it can."""
        piece = self.order.pieces[i]
        start = self.start(i)
        if self.order.ended[i]:
            self.wait(max(self.order.ended[i], key=self.jobs.index))
        self.now = start + piece.core
        for buffer, size in self._buffers(piece):
            if buffer not in self.opened:
                self.opened.add(buffer)
                self.alive += size
                if self.forecast is not None and piece.role is Role.TOKEN:
                    self.forecast.fetch(buffer, size)
        if self.forecast is not None and piece.role not in MOVES:
            self.forecast.begin(i)
        self.actions.append(Action(piece))
        self.tokens += (piece.role is Role.TOKEN) - (piece.role is Role.WAIT)
        self.starting += self.starts.get(piece.token, 0) if piece.role is Role.TOKEN else 0
        if piece.role is Role.JOB:
            self.npu = max(self.npu, self.now) + piece.engine
            self.ends[i] = self.npu
            self.jobs.append(i)
            self.spans.append(Span(piece, self.npu - piece.engine, self.npu))
            return
        if piece.role is Role.KERNEL:
            self.spans.append(Span(piece, start, self.now))
        if piece.role is Role.START:
            self.starting = max(0, self.starting - 1)
            self.dma = max(self.dma, self.now) + piece.engine
            self.transfers[piece.token] = self.dma
            self.moving.append(self.dma)
        self._release(piece)

    def wait(self, job: int) -> None:
        """Core 0 waits for a job and all before it."""
        while self.waited <= self.jobs.index(job):
            self.wait_next()

    def wait_next(self) -> None:
        """Core 0 waits for the first job that it has not waited for."""
        job = self.jobs[self.waited]
        self.waited += 1
        self.now = max(self.now, self.ends[job])
        self.actions.append(Action(self.order.pieces[job], waits=True))
        self._release(self.order.pieces[job])

    def _release(self, piece: Piece) -> None:
        for buffer, size in self._buffers(piece):
            self.users[buffer] -= 1
            if not self.users[buffer] and buffer not in self.room.kept:
                self.alive -= size

    def finish(self) -> Schedule:
        """Wait for what is left."""
        while self.waited < len(self.jobs):
            self.wait_next()
        return Schedule(self.actions, max(self.now, self.npu, self.dma), self.spans)


def as_written(order: Order, room: Room) -> Schedule:
    """What the original order takes, where jobs are waited for as late as possible."""
    clock = Clock(order, room, room.queue)
    for i in range(len(order.pieces)):
        clock.run(i)
    return clock.finish()


@dataclass(frozen=True)
class Policy:
    """How transfers are chosen: in the order that they have, or early where there is room now, or
    (`ahead`) until they are needed. No more than `queue` are on their way: one that is needed soon
    stands behind them.
    """

    in_turn: bool
    ahead: bool
    queue: int


def list_schedule(order: Order, room: Room, policy: Policy) -> Schedule | None:
    """The order that begins what can begin first; of that, jobs, then transfers, then what most
    depends on. None where the memory has no room for any order that is found.
    """
    forecast = Forecast(order, room.memory, room.opened, room.kept) if policy.ahead else None
    clock = Clock(order, room, min(policy.queue, room.queue), forecast)
    keys = [
        (KINDS[piece.role], -rank, i)
        for i, (piece, rank) in enumerate(zip(order.pieces, _ranks(order), strict=True))
    ]
    missing = [len(b) + len(e) for b, e in zip(order.before, order.ended, strict=True)]
    ready = sorted(key for key, count in zip(keys, missing, strict=True) if count == 0)
    while ready:
        able = [i for *_, i in ready]
        if clock.starting:
            able = [i for i in able if order.pieces[i].role is Role.START] or able
        chosen = next((i for i in clock.by_start(able) if clock.fits(i)), None)
        if chosen is None:
            chosen = next((i for i in clock.by_start(able) if clock.fits(i, ahead=False)), None)
        if chosen is None:
            if clock.waited == len(clock.jobs):
                return None
            clock.wait_next()
            continue
        clock.run(chosen)
        ready.remove(keys[chosen])
        for j in order.after[chosen]:
            missing[j] -= 1
            if missing[j] == 0:
                insort(ready, keys[j])
    return clock.finish()


KINDS: Mapping[Role, int] = {Role.JOB: 0, **dict.fromkeys(MOVES, 1), Role.KERNEL: 2}
"""What comes first of what could begin at once."""


def _ranks(order: Order) -> Sequence[float]:
    """For each piece the modelled cycles of the longest way from its begin to the end."""
    rank = [0.0] * len(order.pieces)
    for i in reversed(range(len(rank))):
        piece = order.pieces[i]
        rank[i] = piece.core + piece.engine + max((rank[j] for j in order.after[i]), default=0.0)
    return rank
