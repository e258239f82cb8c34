"""Ranges from the least and the greatest value."""

from __future__ import annotations

from ..scheme import Scheme
from ..statistics import RangeStatistics


def min_max(statistics: RangeStatistics, scheme: Scheme) -> tuple[float, float]:
    """All that was seen."""
    return statistics.low, statistics.high


def moving_average(statistics: RangeStatistics, scheme: Scheme) -> tuple[float, float]:
    """The mean extremes of a batch, in which later batches weigh more (0.9 old + 0.1 new)."""
    low, high, weight = statistics.moving
    return float(low / weight), float(high / weight)
