"""Ranges by the divergence of the quantized from the real distribution."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..scheme import Scheme
from ..statistics import BINS, RangeStatistics

WINDOWS = 128
"""Windows that are tried."""
SMOOTH = 1e-4

Float = NDArray[np.float64]


def entropy(statistics: RangeStatistics, scheme: Scheme) -> tuple[float, float]:
    """The window of bins whose distribution loses least (Kullback-Leibler) when it is merged into
    as many levels as there are steps.

    The window starts at the whole range and shrinks on the side that loses fewer values (both
    sides, for symmetric schemes), never past 0 and never below one bin a level.
    """
    used = np.flatnonzero(statistics.counts)
    levels = 2**scheme.bits - 1
    if len(used) == 0:
        return statistics.low, statistics.high
    first, last = min(int(used[0]), BINS // 2), max(int(used[-1]), BINS // 2 - 1)
    if scheme.symmetric:
        first = min(first, BINS - 1 - last)
        last = BINS - 1 - first
    counts = statistics.counts.astype(np.float64)
    windows = list(shrinking(counts, first, last, levels, scheme.symmetric))
    kept = windows[:: max(1, len(windows) // WINDOWS)]
    losses = [divergence(counts[first : last + 1], a - first, b - first, levels) for a, b in kept]
    start, stop = kept[int(np.argmin(losses))]
    low = max(statistics.low, start * statistics.width - statistics.edge)
    high = min(statistics.high, (stop + 1) * statistics.width - statistics.edge)
    return low, high


def shrinking(counts: Float, first: int, last: int, levels: int, both: bool):
    """Windows (first bin, last bin), each within the one before."""
    yield first, last
    while last - first + 1 > levels:
        can_first, can_last = first < BINS // 2, last >= BINS // 2
        if both and can_first and can_last:
            first, last = first + 1, last - 1
        elif can_first and (not can_last or counts[first] <= counts[last]):
            first += 1
        elif can_last:
            last -= 1
        else:
            return
        yield first, last


def divergence(counts: Float, start: int, stop: int, levels: int) -> float:
    """KL(P || Q): P the window with all outside of it added to its ends, Q the window alone,
    averaged over the bins in use of each level.
    """
    window = counts[start : stop + 1]
    reference = window.copy()
    reference[0] += counts[:start].sum()
    reference[-1] += counts[stop + 1 :].sum()
    level = np.minimum(np.arange(len(window)) * levels // len(window), levels - 1)
    used = (window > 0).astype(np.float64)
    totals = np.bincount(level, window, levels)
    members = np.bincount(level, used, levels)
    merged = np.where(used > 0, totals[level] / np.maximum(members[level], 1), 0.0)
    p, q = smoothed(reference), smoothed(merged)
    return float((p * np.log(p / q)).sum())


def smoothed(counts: Float) -> Float:
    """A distribution without zeros: each takes `SMOOTH`, the others give it."""
    share = counts / max(counts.sum(), 1.0)
    zero = share == 0
    if zero.all() or not zero.any():
        return np.maximum(share, SMOOTH / len(share))
    taken = SMOOTH * zero.sum() / (~zero).sum()
    return np.maximum(np.where(zero, SMOOTH, share - taken), SMOOTH * 1e-3)
