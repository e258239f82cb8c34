"""Ranges that leave out a share of the values."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..scheme import Scheme
from ..statistics import RangeStatistics


@dataclass(frozen=True)
class Percentile:
    """The range that leaves out 1 - `fraction` of the values on each side, to a bin's edge."""

    fraction: float

    def __call__(self, statistics: RangeStatistics, scheme: Scheme) -> tuple[float, float]:
        centers, counts = statistics.bins()
        if len(centers) == 0:
            return statistics.low, statistics.high
        share = np.cumsum(counts) / counts.sum()
        half = statistics.width / 2
        first = int(np.searchsorted(share, 1 - self.fraction))
        last = min(int(np.searchsorted(share, self.fraction)), len(centers) - 1)
        low = max(statistics.low, float(centers[first]) - half)
        high = min(statistics.high, float(centers[last]) + half)
        return low, high
