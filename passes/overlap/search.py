"""How many bands each op of straight-line code is cut into, by the modelled cycles of the schedule."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from .list_schedule import Room, Schedule, as_written, list_schedule
from .work import Task, order_of

Counts = Mapping[Task, int]

LEVELS = (1, 2, 3, 4, 6, 8)
"""Numbers of bands that all ops are cut into at first."""


def written_schedule(tasks: Sequence[Task]) -> Schedule:
    """What the code takes as it stands."""
    return as_written(order_of([task.piece(None) for task in tasks]))


def best_schedule(tasks: Sequence[Task], room: Room) -> Schedule | None:
    """The fastest schedule that is found, with no more bands than it needs; None if there is no
    room for any.

    First all ops are cut alike; then op after op gets fewer bands, as long as that costs nothing.
    """
    cuttable = [task for task in tasks if task.cut is not None]
    best: tuple[Schedule, Counts] | None = None
    for level in LEVELS:
        counts = dict.fromkeys(cuttable, level)
        best = _better(best, _schedule(tasks, counts, room), counts)
    if best is None:
        return None
    for task in cuttable:
        fewer = best[1][task]
        while fewer > 1:
            fewer //= 2
            counts = {**best[1], task: fewer}
            best = _better(best, _schedule(tasks, counts, room), counts)
    return best[0]


def _better(
    best: tuple[Schedule, Counts] | None, found: Schedule | None, counts: Counts
) -> tuple[Schedule, Counts] | None:
    if found is None:
        return best
    if best is None or found.cycles < best[0].cycles:
        return found, counts
    fewer = sum(counts.values()) < sum(best[1].values())
    return (found, counts) if found.cycles == best[0].cycles and fewer else best


def _schedule(tasks: Sequence[Task], counts: Counts, room: Room) -> Schedule | None:
    pieces = [piece for task in tasks for piece in task.pieces(counts.get(task, 1))]
    return list_schedule(order_of(pieces), room)
