"""Real multipliers as integers: real = multiplier / 2**shift, with 31 significant bits."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

MAX_SHIFT = 53
"""Every kernel takes shifts up to here. An i32 accumulator times the error of a multiplier at this
shift is at most 2**31 * 2**-54: far below what rounding sees.
"""


class NoFixedPoint(ValueError):
    """Scales so far apart that no 31-bit multiplier and shift stand for their ratio."""


def fixed_point(
    real: NDArray[np.float64],
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """(multipliers below 2**31, shifts in [0, MAX_SHIFT]) of real multipliers in [0, 2**30).

    Multipliers are at least 2**30 unless they are so small that MAX_SHIFT takes low bits off.
    """
    real = np.asarray(real, np.float64)
    if not (np.isfinite(real) & (real >= 0) & (real < 2.0**30)).all():
        raise NoFixedPoint(f"a multiplier of {real.max():g} has no fixed-point form")
    _, exponent = np.frexp(real)
    shifts = np.minimum(31 - exponent.astype(np.int64), MAX_SHIFT)
    multipliers = np.rint(np.ldexp(real, shifts)).astype(np.int64)
    carry = multipliers == 2**31
    multipliers, shifts = np.where(carry, 2**30, multipliers), shifts - carry
    return multipliers, np.where(multipliers == 0, 0, shifts)


def can_tie(multiplier: int, shift: int, bound: int) -> bool:
    """Whether acc * multiplier / 2**shift can lie halfway between integers for |acc| <= bound.

    Halfway means acc * multiplier = 2**(shift - 1) modulo 2**shift, so that acc has at least
    shift - 1 - (trailing zeros of multiplier) trailing zeros; none does if that is negative.
    """
    if multiplier == 0 or shift == 0:
        return False
    trailing = (multiplier & -multiplier).bit_length() - 1
    return trailing < shift and bound >= 1 << (shift - 1 - trailing)
