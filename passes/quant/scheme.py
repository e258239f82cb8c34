"""Quantization schemes: how the real numbers of a range are laid on integer codes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .statistics import grid

SCHEMES = (
    *("asymmetric", "symmetric", "strict"),
    *("power-of-two", "symmetric-power-of-two", "strict-power-of-two"),
)
BITS = (2, 3, 4, 5, 6, 7, 8, 16)


@dataclass(frozen=True)
class Grid:
    """The reals `scale * (code - zero)` for the codes `least` to `most`."""

    scale: float
    zero: int
    least: int
    most: int

    @property
    def low(self) -> float:
        return self.scale * (self.least - self.zero)

    @property
    def high(self) -> float:
        return self.scale * (self.most - self.zero)

    def simulate(self, x: NDArray[Any]) -> NDArray[np.float64]:
        """The nearest reals of the grid (ties to even codes); outside, its ends."""
        codes = np.clip(np.rint(np.asarray(x) / self.scale) + self.zero, self.least, self.most)
        return self.scale * (codes - self.zero)


@dataclass(frozen=True)
class Scheme:
    """How `bits`-bit codes are laid on a range.

    asymmetric: the codes cover the range, with a zero point; symmetric: zero point 0, all signed
    codes; strict: zero point 0, without the most negative code; power-of-two: asymmetric with the
    next scale up that is a power of two; symmetric-power-of-two and strict-power-of-two: the same
    of the others. `unsigned`: without a zero point, codes count from 0 where nothing is negative;
    stored with sign they count from the least code.
    """

    name: str = "asymmetric"
    bits: int = 8
    unsigned: bool = False

    def __post_init__(self) -> None:
        if self.name not in SCHEMES:
            raise ValueError(f"unknown scheme '{self.name}', expected one of {', '.join(SCHEMES)}")
        if self.bits not in BITS:
            raise ValueError(f"activations have 2 to 8 or 16 bits, not {self.bits}")

    @property
    def symmetric(self) -> bool:
        return self.name not in ("asymmetric", "power-of-two")

    @property
    def codes(self) -> tuple[int, int]:
        """The least and the greatest signed code."""
        half = 1 << (self.bits - 1)
        return (1 - half if self.name.startswith("strict") else -half), half - 1

    def least(self, zero: int) -> int:
        """The least code of a grid with this zero point: strict ones have no zero point."""
        return self.codes[0] if zero == 0 else -self.codes[1] - 1

    def grid(self, low: float, high: float) -> Grid:
        """The finest grid of this scheme that covers [low, high] and 0.

        The zero point is rounded, so an end may lie up to half a step outside of the grid.
        """
        low, high = min(low, 0.0), max(high, 0.0)
        least, most = self.codes
        if self.symmetric and self.unsigned and low == 0:
            zero = least = -most - 1
            scale = max(high / (most - least), 2.0**-23)
        elif self.symmetric:
            scale, zero = max(high / most, low / least, 2.0**-23), 0
        else:
            scale, unsigned = grid(low, high, self.bits)
            zero = unsigned + least
        if self.name.endswith("power-of-two"):
            scale = 2.0 ** float(np.ceil(np.log2(scale)))
            if not self.symmetric:
                zero = int(np.clip(np.rint(least - low / scale), least, most))
        return Grid(float(np.float32(scale)), zero, least, most)
