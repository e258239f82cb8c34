"""Windows of memories as exact sets of bytes: where they begin, how long their runs are."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

Runs = tuple[NDArray[Any], int]
"""The first bytes of all runs, ascending, and the bytes of each."""


@dataclass(frozen=True, eq=False)
class ByteWindow:
    """A window of a buffer.

    `place` is what it shares bytes with: a memory, or a buffer that has no address yet. `start` and
    `strides` are in bytes, `start` from the begin of the place.
    """

    place: Hashable
    memory: str
    name: str
    item: int
    """Bytes of an element."""
    start: int
    sizes: tuple[int, ...]
    strides: tuple[int, ...]
    number: int = 0
    """Of its buffer among all of them."""

    @staticmethod
    def dense(
        place: Hashable, memory: str, name: str, item: int, start: int, sizes: Sequence[int]
    ) -> ByteWindow:
        """All of a buffer, without gaps."""
        return ByteWindow(
            place, memory, name, item, start, tuple(sizes), dense_strides(sizes, item)
        )

    @cached_property
    def stop(self) -> int:
        """The byte behind the last one."""
        if 0 in self.sizes:
            return self.start
        reach = sum((n - 1) * s for n, s in zip(self.sizes, self.strides, strict=True))
        return self.start + reach + self.item

    @cached_property
    def bytes(self) -> int:
        """How many bytes it has, gaps left out."""
        total = self.item
        for size in self.sizes:
            total *= size
        return total

    @property
    def contiguous(self) -> bool:
        return self.stop - self.start == self.bytes

    def part(
        self, offsets: Sequence[int], sizes: Sequence[int], steps: Sequence[int]
    ) -> ByteWindow:
        """`sizes` elements from `offsets` on, every `steps`-th."""
        start = self.start
        for offset, stride in zip(offsets, self.strides, strict=True):
            start += offset * stride
        strides = tuple(n * s for n, s in zip(steps, self.strides, strict=True))
        return ByteWindow(
            self.place,
            self.memory,
            self.name,
            self.item,
            start,
            tuple(sizes),
            strides,
            self.number,
        )

    def reshaped(self, item: int, sizes: Sequence[int]) -> ByteWindow:
        """The same bytes under another shape; there must be no gaps."""
        return replace(self, item=item, sizes=tuple(sizes), strides=dense_strides(sizes, item))

    def overlap(self, other: ByteWindow) -> tuple[int, int] | None:
        """The first bytes [start, stop) that both have."""
        if self.place != other.place or self.stop <= other.start or other.stop <= self.start:
            return None
        if not self.bytes or not other.bytes:
            return None
        if self.contiguous and other.contiguous:
            return max(self.start, other.start), min(self.stop, other.stop)
        return _meeting(self._runs(), other._runs())

    def _runs(self) -> Runs:
        starts, length = relative_runs(self.item, self.sizes, self.strides)
        return starts + self.start, length


def dense_strides(sizes: Sequence[int], item: int) -> tuple[int, ...]:
    """The strides of an array without gaps, in bytes."""
    strides = [item]
    for size in reversed(sizes[1:]):
        strides.append(strides[-1] * size)
    return tuple(reversed(strides[: len(sizes)]))


@lru_cache(maxsize=4096)
def relative_runs(item: int, sizes: tuple[int, ...], strides: tuple[int, ...]) -> Runs:
    """The runs of a window that begins at 0."""
    length = item
    starts = np.zeros(1, np.int64)
    for size, stride in sorted(zip(sizes, strides, strict=True), key=lambda dim: dim[1]):
        if size == 1:
            continue
        if len(starts) == 1 and stride == length:
            length *= size
        else:
            starts = np.add.outer(np.arange(size) * stride, starts).ravel()
    return np.sort(starts), length


def _meeting(a: Runs, b: Runs) -> tuple[int, int] | None:
    """The first bytes that two sets of runs share."""
    starts, length = a
    others, other_length = b
    before = np.searchsorted(starts, others + other_length, side="left") - 1
    shared = (before >= 0) & (starts[np.maximum(before, 0)] + length > others)
    if not shared.any():
        return None
    found = int(np.argmax(shared))
    # the runs of `a` that meet this one follow one another: the first is the one of interest
    first = int(np.searchsorted(starts + length, others[found], side="right"))
    start, other = int(starts[first]), int(others[found])
    return max(start, other), min(start + length, other + other_length)
