"""The error that a grid makes on a histogram."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ..scheme import Grid, Scheme
from ..statistics import RangeStatistics


def quantization_costs(
    statistics: RangeStatistics, grids: Sequence[Grid], clipping: float = 1.0
) -> NDArray[np.float64]:
    """The squared error of all values under each grid; that of clipped values counts `clipping`
    times.

    Values stand for the centers of their bins; where a step is smaller than a bin, the error
    within the grid is that of uniform values, step**2 / 12.
    """
    centers, counts = statistics.bins()
    scale, low, high = (
        np.array([[getattr(g, name)] for g in grids], np.float64)
        for name in ("scale", "low", "high")
    )
    offset = np.clip(centers, low, high)
    rounded = (offset - scale * np.rint(offset / scale)) ** 2
    inside = np.where(scale < statistics.width, scale**2 / 12, rounded)
    # half a step beyond the last code is still rounding
    over = np.abs(centers - offset)
    outside = over > scale / 2
    error = np.where(outside, clipping * over**2, np.where(over > 0, over**2, inside))
    return (error * counts).sum(1)


def histogram_sqnr(statistics: RangeStatistics, low: float, high: float, scheme: Scheme) -> float:
    """Signal to quantization noise of the histogram in dB; infinite without noise."""
    centers, counts = statistics.bins()
    noise = float(quantization_costs(statistics, [scheme.grid(low, high)])[0])
    signal = float((counts * centers**2).sum())
    return float(10 * np.log10(signal / noise)) if noise > 0 and signal > 0 else np.inf
