"""Least squares: weights of a layer that make given outputs from given inputs.

He et al., arXiv:1707.06168, section 3.2: min E |y - W x - b|^2 over W and b, on the input columns
that are kept. Moments are centred, so that b has a closed form. A ridge holds what the samples do
not determine at the weight it had; how strong, the last quarter of the samples decides.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...dialects.graph_base import shape_of
from ..quant.layers import Layer
from ..quant.weight_rounding import columns

Array = NDArray[Any]
Float = NDArray[np.float64]

RIDGES = 1e-3, 1e-2, 1e-1, 1.0, 10.0
"""Shares of the mean variance of the inputs."""
HELD_OUT = 4
"""One sample of as many decides on the ridge."""


def fit(
    layer: Layer,
    x: Array,
    wanted: Array,
    positions: int,
    seed: int,
    kept: NDArray[np.bool_] | None = None,
) -> float:
    """Fit weight and bias of a layer without groups; returns by how many dB the error went down.

    `x` are its inputs and `wanted` its outputs to be, [samples, channels, ...]; up to `positions`
    (at least 8 for each weight of an output) are drawn. Input channels that are not `kept` get
    weight 0, before the error that is compared with is measured.
    """
    weight = layer.float_weight()
    assert weight is not None and layer.groups == 1
    shape = weight.shape
    if kept is not None:
        weight = weight * kept[None, None, :, None]
    rows = weight.reshape(layer.outputs, -1)
    use = np.ones(rows.shape[1], bool) if kept is None else np.repeat(kept, shape[3])
    inputs, outputs = drawn(layer, x, wanted, positions, seed)
    solver = Solver(rows, use, layer.takes_bias)
    ridge = solver.best_ridge(inputs, outputs)
    fitted, bias = solver.solve(inputs, outputs, ridge)
    before = squared(outputs, rows @ inputs + layer.bias()[:, None])
    after = squared(outputs, fitted @ inputs + bias[:, None])
    layer.set_weight(fitted.reshape(shape))
    if layer.takes_bias:
        layer.set_bias(bias)
    return float(10 * np.log10(before / after)) if after > 0 and before > 0 else 0.0


def drawn(layer: Layer, x: Array, wanted: Array, positions: int, seed: int) -> tuple[Float, Float]:
    """Inputs [K, n] and outputs [outputs, n] of a layer at random positions of the samples."""
    size = int(np.prod(shape_of(layer.weight))) // layer.outputs
    every = np.moveaxis(wanted, 1, 0).reshape(layer.outputs, -1)
    index = positions_of(every.shape[1], max(positions, 8 * size), seed)
    return columns(layer, x, index)[0].astype(np.float64), every[:, index].astype(np.float64)


def input_moment(layer: Layer, x: Array, positions: int, seed: int, *, centred: bool) -> Float:
    """The second moment of what meets one output of a layer, at random positions: [K, K].

    With `centred` the covariance: for a layer whose bias takes up the mean.
    """
    shape = shape_of(layer.op.result)
    every = len(x) // shape_of(layer.input)[0] * shape[0] * int(np.prod(shape[2:]))
    size = int(np.prod(shape_of(layer.weight))) // layer.outputs
    index = positions_of(every, max(positions, 8 * size), seed)
    part = columns(layer, x, index)[0].astype(np.float64)
    if centred:
        part -= part.mean(1, keepdims=True)
    return part @ part.T / part.shape[1]


def positions_of(every: int, wanted: int, seed: int) -> NDArray[np.int64]:
    """Up to `wanted` of `every` positions, in order."""
    index = np.random.default_rng(seed).choice(every, min(every, wanted), replace=False)
    return np.sort(index)


@dataclass(frozen=True)
class Solver:
    """Weight [outputs, K], 0 in columns that are not in use, to be moved towards W x + b = y."""

    weight: Float
    use: NDArray[np.bool_]
    with_bias: bool = True

    def solve(self, x: Float, y: Float, ridge: float) -> tuple[Float, Float]:
        """W and b; with D the moments of the error that `weight` leaves, W = weight + D (C + r)^-1.

        The ridge r is a share of the mean variance.
        """
        mean_x = x.mean(1) if self.with_bias else np.zeros(len(x))
        mean_y = y.mean(1) if self.with_bias else np.zeros(len(y))
        centred = (x - mean_x[:, None])[self.use]
        left = y - mean_y[:, None] - self.weight[:, self.use] @ centred
        second = centred @ centred.T / x.shape[1]
        added = ridge * np.trace(second) / max(len(second), 1)
        second[np.diag_indices_from(second)] += added if added > 0 else 1.0
        fitted = self.weight.copy()
        fitted[:, self.use] += np.linalg.solve(second, centred @ left.T / x.shape[1]).T
        return fitted, mean_y - fitted @ mean_x

    def best_ridge(self, x: Float, y: Float) -> float:
        """The one that, fitted to the first positions, has the least error at the last ones."""
        count = x.shape[1] - x.shape[1] // HELD_OUT

        def error(ridge: float) -> float:
            weight, bias = self.solve(x[:, :count], y[:, :count], ridge)
            return squared(y[:, count:], weight @ x[:, count:] + bias[:, None])

        return min(RIDGES, key=error)


def squared(wanted: Float, found: Float) -> float:
    return float(((wanted - found) ** 2).sum())
