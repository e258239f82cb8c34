"""Steps of gradient descent: Adam (Kingma and Ba, arXiv:1412.6980, algorithm 1)."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]

DECAY, SMALL = (0.9, 0.999), 1e-8


class Adam:
    """Moves `v` in place. Arrays are made once: a new one costs more than what is done to it."""

    def __init__(self, v: Array, rate: float):
        self.v, self.rate, self.count = v, rate, 0
        self.mean, self.square = np.zeros_like(v), np.zeros_like(v)
        self.work = np.empty_like(v)

    def step(self, slope: Array, share: float = 1.0) -> None:
        """By `share` of the rate. Takes `slope` over."""
        first, second = DECAY
        self.count += 1
        self.mean *= first
        self.mean += np.multiply(slope, 1 - first, out=self.work)
        slope *= slope
        slope *= 1 - second
        self.square *= second
        self.square += slope
        root = np.sqrt(self.square, out=slope)
        root *= 1 / np.sqrt(1 - second**self.count)
        root += SMALL
        np.divide(self.mean, root, out=root)
        root *= share * self.rate / (1 - first**self.count)
        self.v -= root
