"""Real multipliers as integers: real = multiplier / 2**shift, with 31 significant bits."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

MAX_SHIFT = 62


def fixed_point(
    real: NDArray[np.float64],
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """(multipliers in [2**30, 2**31), shifts in [0, 62]) of real multipliers in (0, 2**31).

    A multiplier below 2**-32 needs a greater shift: it loses low bits instead, down to 0.
    """
    real = np.asarray(real, np.float64)
    if not (np.isfinite(real) & (real >= 0) & (real < 2.0**30)).all():
        raise ValueError(f"a multiplier of {real.max()} has no fixed-point form")
    mantissa, exponent = np.frexp(real)
    multipliers = np.rint(mantissa * 2.0**31).astype(np.int64)
    carry = multipliers == 2**31
    multipliers[carry] >>= 1
    shifts = 31 - (exponent.astype(np.int64) + carry)
    excess = np.maximum(shifts - MAX_SHIFT, 0)
    multipliers = np.where(excess > 31, 0, multipliers >> np.minimum(excess, 31))
    return multipliers, np.where(multipliers == 0, 0, shifts - excess)


def can_tie(multiplier: int, shift: int, bound: int) -> bool:
    """Whether acc * multiplier / 2**shift can lie halfway between integers for |acc| <= bound.

    Halfway means acc * multiplier = 2**(shift - 1) modulo 2**shift, so that acc has at least
    shift - 1 - (trailing zeros of multiplier) trailing zeros.
    """
    if multiplier == 0 or shift == 0:
        return False
    trailing = (multiplier & -multiplier).bit_length() - 1
    return bound >= 1 << max(shift - 1 - trailing, 0)
