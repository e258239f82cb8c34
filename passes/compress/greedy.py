"""Ratios for layers from the scores of each alone: one score that all must keep, by bisection."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

Float = NDArray[np.float64]

NEAR, WINDOW = 1e-3, 1e-4
"""The search ends this near to the target, or in a window of this share of all scores."""


def monotone(scores: Float) -> Float:
    """The nearest sequence that never falls (pool adjacent violators)."""
    blocks: list[tuple[float, int]] = []
    for score in scores.tolist():
        total, count = score, 1
        while blocks and blocks[-1][0] * count >= total * blocks[-1][1]:
            before = blocks.pop()
            total, count = total + before[0], count + before[1]
        blocks.append((total, count))
    return np.concatenate([np.full(count, total / count) for total, count in blocks])


def picks(table: Float, candidates: Sequence[float], threshold: float) -> list[float]:
    """Per row the least of the (rising) candidates that scores `threshold`; 1 where none does."""
    rows = [np.flatnonzero(row >= threshold) for row in table]
    return [candidates[good[0]] if len(good) else 1.0 for good in rows]


def choose(
    table: Float,
    candidates: Sequence[float],
    cost: Callable[[Sequence[float]], int],
    target: int,
) -> tuple[list[float], float] | None:
    """Ratios that cost at most `target`, and the score that each of them keeps alone.

    `table` is [layers, candidates], rising along candidates. The score is the greatest for which
    the cost is met. None if the strongest candidates cost more.
    """
    low, high = float(table.min()), float(table.max())
    window = WINDOW * (high - low)
    found, threshold = picks(table, candidates, low), low
    if cost(found) > target:
        return None
    if cost(strictest := picks(table, candidates, high)) <= target:
        return strictest, high
    while high - low > window and cost(found) < (1 - NEAR) * target:
        middle = (low + high) / 2
        tried = picks(table, candidates, middle)
        if cost(tried) <= target:
            found, threshold, low = tried, middle, middle
        else:
            high = middle
    return found, threshold
