"""Least squares: weights of a layer that make given outputs from given inputs.

He et al., arXiv:1707.06168, section 3.2: min E |y - W x - b|^2 over W and b, on the input columns
that are kept. Moments are centred, so that b has a closed form; a small ridge holds what the
samples do not determine where it was.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...dialects.graph_base import shape_of
from ..quant.layers import Layer
from ..quant.weight_rounding import columns

Array = NDArray[Any]
Float = NDArray[np.float64]

RIDGE = 1e-3
"""Share of the mean variance of the inputs."""


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
    fitted, bias = solve(rows, layer.bias(), use, inputs, outputs, with_bias=layer.takes_bias)
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


def solve(
    weight: Float,
    bias: Float,
    use: NDArray[np.bool_],
    x: Float,
    y: Float,
    *,
    with_bias: bool = True,
) -> tuple[Float, Float]:
    """Weight [outputs, K] and bias [outputs] that bring W x + b near to y.

    `weight` is 0 in the columns that are not in use. With D the moments of the error that `weight`
    leaves, W = weight + D (C + ridge)^-1.
    """
    mean_x = x.mean(1) if with_bias else np.zeros(len(x))
    mean_y = y.mean(1) if with_bias else bias
    centred = (x - mean_x[:, None])[use]
    left = y - mean_y[:, None] - weight[:, use] @ centred
    second = centred @ centred.T / x.shape[1]
    ridge = RIDGE * np.trace(second) / max(len(second), 1)
    second[np.diag_indices_from(second)] += ridge if ridge > 0 else 1.0
    fitted = weight.copy()
    fitted[:, use] += np.linalg.solve(second, centred @ left.T / x.shape[1]).T
    return fitted, mean_y - fitted @ mean_x


def squared(wanted: Float, found: Float) -> float:
    return float(((wanted - found) ** 2).sum())
