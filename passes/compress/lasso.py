"""LASSO by its moments, and the choice of a given number of columns by it.

min over beta of 1/2 beta^T G beta - z^T beta + lambda |beta|_1, where G = Z^T Z / N and
z = Z^T y / N for N samples: the squared error |y - Z beta|^2 / 2 N up to a constant.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Float = NDArray[np.float64]

SWEEPS, TOLERANCE = 500, 1e-9
"""Of coordinate descent: it ends when no entry moves by more than the share of the greatest."""
HALVINGS = 40


def lasso(gram: Float, target: Float, penalty: float, start: Float | None = None) -> Float:
    """The minimum by coordinate descent, from `start`; columns of no power get 0.

    beta_j = soft(z_j - sum over i != j of G_ji beta_i, lambda) / G_jj.
    """
    beta = np.zeros(len(target)) if start is None else start.copy()
    power = np.diagonal(gram)
    alive = np.flatnonzero(power > 0)
    beta[power <= 0] = 0.0
    rest = target - gram @ beta
    for _ in range(SWEEPS):
        moved = 0.0
        for j in alive:
            own = rest[j] + power[j] * beta[j]
            new = np.sign(own) * max(abs(own) - penalty, 0.0) / power[j]
            if new != beta[j]:
                rest -= gram[:, j] * (new - beta[j])
                moved = max(moved, abs(new - beta[j]))
                beta[j] = new
        if moved <= TOLERANCE * max(float(np.abs(beta).max(initial=0)), 1e-300):
            break
    return beta


def chosen(gram: Float, target: Float, count: int) -> NDArray[np.bool_]:
    """Which `count` columns the LASSO keeps: lambda is bisected until it keeps as many.

    Columns that leave at one lambda are told apart by their entries at the last one with more.
    """
    high, low = float(np.abs(target).max(initial=0)), 0.0
    more = lasso(gram, target, low)
    for _ in range(HALVINGS):
        if np.count_nonzero(more) <= count:
            break
        middle = (low + high) / 2
        beta = lasso(gram, target, middle, more)
        if np.count_nonzero(beta) < count:
            high = middle
        else:
            low, more = middle, beta
    weight = np.abs(more) * np.sqrt(np.maximum(np.diagonal(gram), 0))
    kept = np.zeros(len(target), bool)
    kept[np.argsort(-weight, kind="stable")[:count]] = True
    return kept
