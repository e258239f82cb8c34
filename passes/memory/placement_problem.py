"""What is to be placed in one memory, as every placement algorithm sees it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from .liveness import Interval, liveness_bound


@dataclass(frozen=True)
class Problem:
    """Intervals to place, with what all algorithms need to know about them."""

    intervals: Sequence[Interval]
    alignment: int
    seed: int
    enough: int
    """Bytes within which every placement is as good as the best."""
    tries: int
    """Orders that a search places, at most."""

    @cached_property
    def bound(self) -> int:
        """The end in bytes below which no search goes on."""
        return max(self.enough, liveness_bound(self.intervals, self.alignment).aligned)

    @cached_property
    def neighbours(self) -> list[list[int]]:
        """For each interval those that are alive together with it."""
        everything = list(enumerate(self.intervals))
        return [
            [j for j, other in everything if i != j and interval.meets(other)]
            for i, interval in everything
        ]

    @cached_property
    def free(self) -> list[int]:
        """The intervals whose offset is not fixed."""
        return [i for i, interval in enumerate(self.intervals) if interval.offset is None]

    def arena(self, offsets: Sequence[int]) -> int:
        """The bytes that a placement reaches up to."""
        ends = (at + interval.size for at, interval in zip(offsets, self.intervals, strict=True))
        return max(ends, default=0)

    def round_up(self, offset: int) -> int:
        """The next aligned offset."""
        return offset + -offset % self.alignment
