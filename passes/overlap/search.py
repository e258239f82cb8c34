"""Into how many bands each op of straight-line code is cut, by modelled cycles of schedules."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from .bands import Cut
from .list_schedule import Policy, Room, Schedule, as_written, list_schedule
from .work import Role, Task, order_of

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
    cuttable = [task for task in tasks if task.cuts]
    best: Choice | None = None
    for policy in POLICIES:
        for level in LEVELS:
            counts: Counts = {task: (task.cuts[0], level) for task in cuttable}
            best = _better(best, _choice(tasks, counts, policy, room))
    if best is None:
        return None
    effort = 0
    for task in sorted(cuttable, key=lambda task: task.role is Role.JOB):
        current = best.counts[task]
        for other in ((cut, level) for cut in task.cuts for level in LEVELS):
            if other != current and effort < EFFORT:
                effort += len(best.schedule.actions)
                counts = {**best.counts, task: other}
                best = _better(best, _choice(tasks, counts, best.policy, room)) or best
    return best.schedule


def _better(best: Choice | None, found: Choice | None) -> Choice | None:
    return found if best is None or (found is not None and found.beats(best)) else best


def _choice(tasks: Sequence[Task], counts: Counts, policy: Policy, room: Room) -> Choice | None:
    pieces = [p for task in tasks for p in task.pieces(*counts.get(task, (None, 1)))]
    order = order_of(pieces, in_turn=policy.in_turn)
    schedule = list_schedule(order, room, policy)
    return None if schedule is None else Choice(schedule, counts, policy)
