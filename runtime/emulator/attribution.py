"""Which layer a time belongs to: that of the job which core 0 waits for, else that of the marks.

Waits for asynchronous jobs stand as late as they may, often behind the mark of a later layer.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from typing import NamedTuple


class Part(NamedTuple):
    """Cycles [start, end) of a layer, and what all cores executed in them."""

    number: int
    start: int
    end: int
    instructions: int


class Job(NamedTuple):
    """A job of the NPU: when it was queued, and the cycles [start, end) in which it ran."""

    queued: int
    start: int
    end: int


def attribute(
    parts: Sequence[Part], jobs: Sequence[Job], waits: Sequence[tuple[int, int]]
) -> Iterator[Part]:
    """The parts with what they waited for jobs of other layers given to those, without
    instructions. Parts, jobs and waits come in order and do not overlap among themselves.
    """
    owned = [(job, owner) for job in jobs if (owner := _owner(parts, job.queued)) is not None]
    for part in parts:
        reached, instructions = part.start, part.instructions
        for start, end, number in _foreign(part, owned, waits):
            if start > reached:
                yield Part(part.number, reached, start, instructions)
                instructions = 0
            yield Part(number, start, end, 0)
            reached = end
        if part.end > reached or instructions:
            yield Part(part.number, reached, part.end, instructions)


def _owner(parts: Sequence[Part], time: int) -> int | None:
    """The layer in whose part something was done that ended at `time`: the store that queues a job
    may be what a mark stands behind.
    """
    place = bisect_left(parts, time, key=lambda part: part.end)
    return parts[place].number if place < len(parts) and time > parts[place].start else None


def _foreign(
    part: Part, jobs: Sequence[tuple[Job, int]], waits: Sequence[tuple[int, int]]
) -> Iterator[tuple[int, int, int]]:
    """When in a part core 0 waits for a job of another layer, and which."""
    for start, end in waits:
        if end <= part.start or start >= part.end:
            continue
        for job, owner in jobs:
            first, last = max(start, job.start, part.start), min(end, job.end, part.end)
            if first < last and owner != part.number:
                yield first, last, owner
