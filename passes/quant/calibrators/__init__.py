"""Calibrators: from the statistics of a tensor to the range that its codes cover.

One file per family; the table is here. A range need not contain 0: `Scheme.grid` sees to that.
"""

from __future__ import annotations

from collections.abc import Callable

from ..scheme import Scheme
from ..statistics import RangeStatistics
from .entropy import entropy
from .extremes import min_max, moving_average
from .percentile import Percentile
from .search import mean_square, sqnr_search

Calibrator = Callable[[RangeStatistics, Scheme], tuple[float, float]]

CALIBRATORS: dict[str, Calibrator] = {
    "mse": mean_square,
    "min-max": min_max,
    "moving-average": moving_average,
    "percentile": Percentile(0.9999),
    "sqnr": sqnr_search,
    "entropy": entropy,
}
"""Methods that look at one tensor's statistics."""

METHODS = (*CALIBRATORS, "cross-entropy", "batch-norm")
"""All methods: cross-entropy is mse, but for logits; batch-norm needs no data."""


def calibrator(method: str, percentile: float = 99.99) -> Calibrator:
    """The calibrator of a name; `percentile` (in %) is that of the method of that name."""
    if method == "percentile":
        return Percentile(percentile / 100)
    return CALIBRATORS.get(method, mean_square)
