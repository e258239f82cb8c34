"""What calibration learns of a tensor: exact extremes, a histogram, a moving range.

Statistics are mergeable: data streams through in batches, and what is kept does not grow with it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from math import gcd
from typing import Any

import numpy as np
from numpy.typing import NDArray

BINS = 2048
SAMPLED = 1 << 16
"""Values of one sample that enter the histogram at most; extremes come from all of them."""
MEMORY = 0.9
"""What one more batch leaves of a moving range."""

Values = NDArray[np.floating[Any]]


@dataclass
class RangeStatistics:
    """Exact least and greatest value, and a histogram that widens by merging neighbouring bins."""

    low: float = np.inf
    high: float = -np.inf
    edge: float = 0.0
    """The histogram covers [-edge, edge]."""
    counts: NDArray[np.int64] = field(default_factory=lambda: np.zeros(BINS, np.int64))
    moving: NDArray[np.float64] = field(default_factory=lambda: np.zeros(3))
    """Sums of the least and the greatest value of each batch, and of 1, in which each later batch
    leaves `MEMORY` of what was there: their quotients are the moving averages.
    """
    batches: int = 0

    def update(self, values: Values) -> None:
        """Take in one batch, samples on the first axis; raises ValueError if one is not finite."""
        low, high = float(values.min()), float(values.max())
        if not (np.isfinite(low) and np.isfinite(high)):
            raise ValueError("calibration saw a value that is not finite")
        self.low, self.high = min(self.low, low), max(self.high, high)
        self.moving = MEMORY * self.moving + (1 - MEMORY) * np.array([low, high, 1.0])
        self.batches += 1
        reach = max(-low, high)
        if self.edge == 0.0 and reach > 0.0:
            self.edge = reach
        while reach > self.edge:
            self.widen()
        if self.edge > 0.0:
            self.counts += histogram(sampled(values), self.edge)

    def widen(self) -> None:
        """Double the covered range: pairs of bins become one, in the middle half."""
        merged = self.counts.reshape(-1, 2).sum(1)
        self.counts = np.zeros(BINS, np.int64)
        self.counts[BINS // 4 : 3 * BINS // 4] = merged
        self.edge *= 2

    def merge(self, other: RangeStatistics) -> None:
        """Take in what `other` has seen, as if after what is here.

        Edges are brought to the greater one, which may move a value into the next bin.
        """
        self.low, self.high = min(self.low, other.low), max(self.high, other.high)
        self.moving = MEMORY**other.batches * self.moving + other.moving
        self.batches += other.batches
        if other.edge == 0.0:
            return
        if self.edge == 0.0:
            self.edge = other.edge
        while self.edge < other.edge:
            self.widen()
        centers, weights = other.bins()
        added, _ = np.histogram(centers, BINS, (-self.edge, self.edge), weights=weights)
        self.counts += added.astype(np.int64)

    @property
    def width(self) -> float:
        """The extent of one bin."""
        return 2 * self.edge / BINS

    def bins(self) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
        """Centers and counts of the bins that are not empty."""
        edges = np.linspace(-self.edge, self.edge, BINS + 1)
        used = self.counts > 0
        return ((edges[:-1] + edges[1:]) / 2)[used], self.counts[used]


def sampled(values: Values) -> Values:
    """At most `SAMPLED` values of each sample, evenly spread over rows and columns."""
    rows = values.reshape(len(values), -1) if values.ndim else values.reshape(1, 1)
    step = -(-rows.shape[1] // SAMPLED)
    while step > 1 and gcd(step, values.shape[-1]) > 1:
        step += 1
    return rows[:, ::step]


def histogram(values: Values, edge: float) -> NDArray[np.int64]:
    """Counts of `values`, which lie in [-edge, edge], in `BINS` equal bins."""
    place = (values.reshape(-1) / np.float64(edge).astype(values.dtype) + 1) * (BINS // 2)
    index = np.clip(place.astype(np.int32), 0, BINS - 1)
    return np.bincount(index, minlength=BINS).astype(np.int64)


def grid(low: float, high: float, bits: int) -> tuple[float, int]:
    """(scale, zero point of the unsigned grid 0 .. 2**bits - 1); zero is representable."""
    low, high = min(low, 0.0), max(high, 0.0)
    steps = 2**bits - 1
    scale = float(np.float32(max((high - low) / steps, 2.0**-23)))
    return scale, int(np.clip(np.rint(-low / scale), 0, steps))
