"""A range for logits: what matters is the distribution that softmax makes of them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..scheme import Scheme
from .search import Range, shrink

ROWS = 1024
Rows = NDArray[np.floating[Any]]


@dataclass
class RowSample:
    """At most `ROWS` rows of all that were seen, evenly spread: every `step`-th one. Mergeable."""

    rows: list[Rows] = field(default_factory=list[Rows])
    step: int = 1
    seen: int = 0

    def update(self, values: Rows) -> None:
        """Take in [samples, classes]."""
        for row in values.reshape(-1, values.shape[-1]):
            if self.seen % self.step == 0:
                self.rows.append(row.copy())
            self.seen += 1
            if len(self.rows) > ROWS:
                self.rows, self.step = self.rows[::2], 2 * self.step

    def merge(self, other: RowSample) -> None:
        """Take in what `other` kept; both are brought to the greater step."""
        step = max(self.step, other.step)
        self.rows = self.rows[:: step // self.step] + other.rows[:: step // other.step]
        self.step, self.seen = step, self.seen + other.seen
        if len(self.rows) > ROWS:
            self.rows, self.step = self.rows[::2], 2 * self.step


def cross_entropy(sample: RowSample, scheme: Scheme) -> Range:
    """The range with the least mean H(softmax(v), softmax(quantized v)) over the rows.

    (arXiv:2106.08295, section 3.1.)
    """
    rows = np.stack(sample.rows).astype(np.float64)
    target = np.exp(log_softmax(rows))

    def costs(ranges: list[Range]) -> list[float]:
        grids = [scheme.grid(low, high) for low, high in ranges]
        return [float(-(target * log_softmax(g.simulate(rows))).sum(1).mean()) for g in grids]

    low, high = min(float(rows.min()), 0.0), max(float(rows.max()), 0.0)
    return shrink(low, high, costs, scheme.symmetric)


def log_softmax(rows: NDArray[np.float64]) -> NDArray[np.float64]:
    """Logarithms of softmax over the last axis, without overflow."""
    shifted = rows - rows.max(-1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(-1, keepdims=True))
