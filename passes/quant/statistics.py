"""What calibration learns of a tensor, and how a range follows from it.

Statistics are mergeable: data streams through in batches, and only a histogram is kept.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

BINS = 2048


@dataclass
class RangeStatistics:
    """Exact least and greatest value, and a histogram that widens by merging neighbouring bins."""

    low: float = np.inf
    high: float = -np.inf
    edge: float = 0.0
    """The histogram covers [-edge, edge]."""
    counts: NDArray[np.int64] = field(default_factory=lambda: np.zeros(BINS, np.int64))

    def update(self, values: NDArray[np.floating]) -> None:
        """Take in one batch; values are finite."""
        low, high = float(values.min()), float(values.max())
        if not (np.isfinite(low) and np.isfinite(high)):
            raise ValueError("calibration saw a value that is not finite")
        self.low, self.high = min(self.low, low), max(self.high, high)
        reach = max(-low, high)
        if self.edge == 0.0 and reach > 0.0:
            self.edge = reach
        while reach > self.edge:
            self.widen()
        if self.edge > 0.0:
            self.counts += np.histogram(values, BINS, (-self.edge, self.edge))[0]

    def widen(self) -> None:
        """Double the covered range: pairs of bins become one, in the middle half."""
        merged = self.counts.reshape(-1, 2).sum(1)
        self.counts = np.zeros(BINS, np.int64)
        self.counts[BINS // 4 : 3 * BINS // 4] = merged
        self.edge *= 2

    def merge(self, other: RangeStatistics) -> None:
        """Take in what `other` has seen; edges are brought to the greater one."""
        if other.edge == 0.0:
            self.low, self.high = min(self.low, other.low), max(self.high, other.high)
            return
        if self.edge == 0.0:
            self.edge = other.edge
        while self.edge < other.edge:
            self.widen()
        centers, weights = other.bins()
        self.counts += np.histogram(centers, BINS, (-self.edge, self.edge), weights=weights)[
            0
        ].astype(np.int64)
        self.low, self.high = min(self.low, other.low), max(self.high, other.high)

    def bins(self) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
        """Centers and counts of the bins that are not empty."""
        edges = np.linspace(-self.edge, self.edge, BINS + 1)
        used = self.counts > 0
        return ((edges[:-1] + edges[1:]) / 2)[used], self.counts[used]


Calibrator = Callable[[RangeStatistics, int], tuple[float, float]]
"""(statistics, bits) to the range (low, high); it need not contain 0."""


def min_max(statistics: RangeStatistics, bits: int) -> tuple[float, float]:
    return statistics.low, statistics.high


def percentile(fraction: float) -> Calibrator:
    """The range that leaves out 1 - `fraction` of the values on each side."""

    def calibrate(statistics: RangeStatistics, bits: int) -> tuple[float, float]:
        centers, counts = statistics.bins()
        if len(centers) == 0:
            return statistics.low, statistics.high
        share = np.cumsum(counts) / counts.sum()
        half = statistics.edge / BINS
        first = int(np.searchsorted(share, 1 - fraction))
        last = min(int(np.searchsorted(share, fraction)), len(centers) - 1)
        low = max(statistics.low, float(centers[first]) - half)
        high = min(statistics.high, float(centers[last]) + half)
        return low, high

    return calibrate


def quantization_error(
    centers: NDArray[np.float64], counts: NDArray[np.int64], low: float, high: float, bits: int
) -> float:
    """Sum of squared errors of the histogram under an asymmetric grid on [low, high]."""
    scale, zero = grid(low, high, bits)
    stored = np.clip(np.rint(centers / scale) + zero, 0, 2**bits - 1)
    return float((counts * (centers - scale * (stored - zero)) ** 2).sum())


def mean_square(statistics: RangeStatistics, bits: int) -> tuple[float, float]:
    """The range with the least squared error: both sides shrunk in turn, two rounds.

    (White paper arXiv:2106.08295, section 3.1.)
    """
    centers, counts = statistics.bins()
    low, high = min(statistics.low, 0.0), max(statistics.high, 0.0)
    if len(centers) == 0:
        return low, high
    factors = np.linspace(0.2, 1.0, 81)
    for _ in range(2):
        costs = [quantization_error(centers, counts, low, high * f, bits) for f in factors]
        high *= float(factors[int(np.argmin(costs))])
        costs = [quantization_error(centers, counts, low * f, high, bits) for f in factors]
        low *= float(factors[int(np.argmin(costs))])
    return low, high


def grid(low: float, high: float, bits: int) -> tuple[float, int]:
    """(scale, zero point of the unsigned grid 0 .. 2**bits - 1); zero is representable."""
    low, high = min(low, 0.0), max(high, 0.0)
    steps = 2**bits - 1
    scale = float(np.float32(max((high - low) / steps, 2.0**-23)))
    return scale, int(np.clip(np.rint(-low / scale), 0, steps))


def calibrator(method: str, fraction: float) -> Calibrator:
    """The calibrator of a name: min-max, percentile or mse."""
    table = {"min-max": min_max, "percentile": percentile(fraction), "mse": mean_square}
    if method not in table:
        raise ValueError(f"unknown calibration '{method}', expected one of {', '.join(table)}")
    return table[method]
