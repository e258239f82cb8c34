"""Resampling on a grid: the coordinate rules of ONNX Resize."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


def source_positions(source: int, target: int, scale: float, rule: str) -> NDArray[np.float64]:
    """Where each of `target` positions lies among `source` ones (ONNX Resize, coordinate rules)."""
    at = np.arange(target, dtype=np.float64)
    match rule:
        case "asymmetric":
            return at / scale
        case "align_corners":
            return at * (source - 1) / (target - 1) if target > 1 else at * 0
        case "pytorch_half_pixel" if target == 1:
            return at * 0
        case _:
            return (at + 0.5) / scale - 0.5


def nearest_index(positions: NDArray[np.float64], source: int, rule: str) -> NDArray[np.int64]:
    """The sample that stands for each position."""
    match rule:
        case "floor":
            chosen = np.floor(positions)
        case "ceil":
            chosen = np.ceil(positions)
        case "round_prefer_ceil":
            chosen = np.floor(positions + 0.5)
        case _:
            chosen = np.ceil(positions - 0.5)
    return np.clip(chosen, 0, source - 1).astype(np.int64)


def resample_axis(
    x: Array, axis: int, target: int, scale: float, *, mode: str, coordinates: str, nearest: str
) -> Array:
    """`x` with `target` samples along `axis`; outside of the grid the edge counts."""
    source = x.shape[axis]
    positions = source_positions(source, target, scale, coordinates)
    if mode == "nearest":
        return np.take(x, nearest_index(positions, source, nearest), axis=axis)
    positions = np.clip(positions, 0, source - 1)
    low = np.floor(positions).astype(np.int64)
    high = np.minimum(low + 1, source - 1)
    shape = [-1 if index == axis else 1 for index in range(x.ndim)]
    weight = (positions - low).astype(x.dtype).reshape(shape)
    return np.take(x, low, axis=axis) * (1 - weight) + np.take(x, high, axis=axis) * weight
