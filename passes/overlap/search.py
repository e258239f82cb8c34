"""Into how many bands each op of straight-line code is cut, by modelled cycles of schedules."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import chain

from .bands import Cut
from .list_schedule import Policy, Room, Schedule, as_written, list_schedule
from .work import Piece, Role, Task, order_of

LEVELS = (1, 2, 3, 4, 6, 8)
"""Numbers of bands that all ops are cut into at first."""

EFFORT = 50_000
"""Pieces that are scheduled at most while ops are cut one by one: some seconds."""

Counts = Mapping[Task, tuple[Cut | None, int]]
"""How an op is cut, and into how many bands."""


POLICIES = (
    Policy(in_turn=True, ahead=False, queue=16),
    *(Policy(in_turn=False, ahead=True, queue=queue) for queue in (2, 4, 8, 16)),
)


@dataclass(frozen=True)
class Choice:
    """A schedule, and what it was made with."""

    schedule: Schedule
    counts: Counts
    policy: Policy

    def beats(self, other: Choice) -> bool:
        """Whether it is faster, or as fast with fewer bands."""
        return (self.schedule.cycles, self.bands) < (other.schedule.cycles, other.bands)

    @property
    def bands(self) -> int:
        return sum(count for _, count in self.counts.values())


def written_schedule(tasks: Sequence[Task], room: Room) -> Schedule:
    """What the code takes as it stands."""
    return as_written(order_of([task.whole for task in tasks]), room)


def earlier_transfers(tasks: Sequence[Task], room: Room) -> Schedule | None:
    """The fastest schedule in which kernels and jobs stay as they are and transfers begin earlier;
    None if there is no room for any.
    """
    order = order_of([task.whole for task in tasks], in_turn=False, work_in_turn=True)
    found = [list_schedule(order, room, policy) for policy in POLICIES if policy.ahead]
    return min((s for s in found if s is not None), key=lambda s: s.cycles, default=None)


def best_schedule(tasks: Sequence[Task], room: Room) -> Schedule | None:
    """The fastest schedule that is found, with no more bands than it needs; None if there is no
    room for any.

    First all ops are cut into rows alike. Then op after op is cut otherwise, what the cores do
    first, or less, as long as that costs nothing, until `EFFORT` is spent.
    """
    search = _Search(tasks, room)
    cuttable = [task for task in tasks if task.cuts]
    for policy in POLICIES:
        for level in LEVELS:
            search.consider({task: (task.cuts[0], level) for task in cuttable}, policy)
    if search.best is None:
        return None
    effort = 0
    for task in sorted(cuttable, key=lambda task: task.role is Role.JOB):
        current = search.best.counts[task]
        for other in ((cut, level) for cut in task.cuts for level in LEVELS):
            if other != current and effort < EFFORT:
                effort += len(search.best.schedule.actions)
                search.consider({**search.best.counts, task: other}, search.best.policy)
    return search.best.schedule


class _Search:
    """The best choice so far. Other counts may give the same bands: these are scheduled once."""

    def __init__(self, tasks: Sequence[Task], room: Room):
        self.tasks, self.room = tasks, room
        self.best: Choice | None = None
        self._pieces = cache(Task.pieces)
        self._order = cache(order_of)
        self._schedule = cache(self._scheduled)

    def consider(self, counts: Counts, policy: Policy) -> None:
        """Take these counts and this policy if they are better."""
        cuts = ((task, *counts.get(task, (None, 1))) for task in self.tasks)
        pieces = tuple(chain.from_iterable(self._pieces(*cut) for cut in cuts))
        schedule = self._schedule(pieces, policy)
        if schedule is not None:
            found = Choice(schedule, counts, policy)
            if self.best is None or found.beats(self.best):
                self.best = found

    def _scheduled(self, pieces: tuple[Piece, ...], policy: Policy) -> Schedule | None:
        return list_schedule(self._order(pieces, in_turn=policy.in_turn), self.room, policy)
