"""Ranges with the least quantization error on the histogram."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from ..scheme import Grid, Scheme
from ..statistics import RangeStatistics
from .cost import quantization_costs

CLIPPING = 3.0
"""How much the error of a clipped value counts in the SQNR search: clipping is not noise, it takes
the greatest values of a tensor down together (AIMET's "TF-enhanced" scheme).
"""

Range = tuple[float, float]


def mean_square(statistics: RangeStatistics, scheme: Scheme) -> Range:
    """The range with the least squared error: both sides shrunk in turn, two rounds.

    (White paper arXiv:2106.08295, section 3.1.)
    """

    def costs(ranges: list[Range]) -> list[float]:
        grids = [scheme.grid(low, high) for low, high in ranges]
        return quantization_costs(statistics, grids).tolist()

    return shrink(min(statistics.low, 0.0), max(statistics.high, 0.0), costs, scheme.symmetric)


def shrink(
    low: float, high: float, costs: Callable[[list[Range]], list[float]], together: bool
) -> Range:
    """The best of 81 factors from 0.2 to 1 on either side in turn, two rounds (or on both sides
    `together`). Never worse than the whole range: of equal costs the wider one is taken.
    """
    factors = np.linspace(1.0, 0.2, 81).tolist()
    if together:
        candidates = [(low * f, high * f) for f in factors]
        return candidates[int(np.argmin(costs(candidates)))]
    for _ in range(2):
        candidates = [(low, high * f) for f in factors]
        low, high = candidates[int(np.argmin(costs(candidates)))]
        candidates = [(low * f, high) for f in factors]
        low, high = candidates[int(np.argmin(costs(candidates)))]
    return low, high


def sqnr_search(statistics: RangeStatistics, scheme: Scheme) -> Range:
    """The grid of least error among 100 scales (symmetric), or 17 scales by 21 offsets, where
    clipped values count `CLIPPING` times. The whole range is among the candidates.
    """
    low, high = min(statistics.low, 0.0), max(statistics.high, 0.0)
    if low == high:
        return low, high
    ranges = [(low, high)]
    ranges += symmetric_ranges(low, high) if scheme.symmetric else shifted_ranges(low, high, scheme)
    grids: list[Grid] = [scheme.grid(*bounds) for bounds in ranges]
    return ranges[int(np.argmin(quantization_costs(statistics, grids, CLIPPING)))]


def symmetric_ranges(low: float, high: float) -> list[Range]:
    """[-r, r] for r from a hundredth of the greatest magnitude to a little above it."""
    reach = max(-low, high)
    return [(-reach * j / 100, reach * j / 100) for j in range(1, 102)]


def shifted_ranges(low: float, high: float, scheme: Scheme) -> Iterator[Range]:
    """Sixteenths of the range, at 21 places, cut where they leave it."""
    steps = 2**scheme.bits - 1
    for j in range(1, 18):
        scale = (high - low) / steps * j / 16
        for k in range(21):
            offset = -steps + round(k * steps / 20)
            left, right = scale * offset, scale * (offset + steps)
            if left < low and right > high:
                continue
            left, right = max(left, low), min(right, high)
            if right > left:
                yield left, right
