"""Convolution and pooling on float arrays [N, C, spatial...], fast enough to run data sets."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import product
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

Array = NDArray[Any]
Pairs = Sequence[tuple[int, int]]

_COLUMN_BYTES = 32 << 20
"""Patches are copied for as many samples at once as fit in this."""
_CACHE_BYTES = 128 << 10
"""Samples that a depthwise convolution takes at once: the accumulator stays in the cache."""
_NARROW = 16
"""Rows that are shorter have their channels side by side: NumPy is slow for short inner loops."""


def pad_spatial(x: Array, pads: Pairs, value: float = 0) -> Array:
    """`x` [N, C, spatial...] with `value` around its spatial axes."""
    if not any(amount for pair in pads for amount in pair):
        return x
    return np.pad(x, [(0, 0), (0, 0), *pads], constant_values=value)


def taps(
    x: Array,
    kernel: Sequence[int],
    strides: Sequence[int],
    dilations: Sequence[int],
) -> Iterator[tuple[tuple[int, ...], Array]]:
    """For each kernel position: the view of the padded `x` that it meets, [N, C, out...]."""
    spatial = x.shape[2:]
    extents = [
        (n - d * (k - 1) - 1) // s + 1
        for n, k, s, d in zip(spatial, kernel, strides, dilations, strict=True)
    ]
    for position in product(*(range(k) for k in kernel)):
        window = tuple(
            slice(p * d, p * d + (e - 1) * s + 1, s)
            for p, d, e, s in zip(position, dilations, extents, strides, strict=True)
        )
        yield position, x[(slice(None), slice(None), *window)]


def convolution(
    x: Array,
    weight: Array,
    bias: Array | None,
    *,
    strides: Sequence[int],
    pads: Pairs,
    dilations: Sequence[int],
    group: int,
) -> Array:
    """Cross-correlation of `x` [N, C, spatial...] with `weight` [O, C / group, spatial...]."""
    kernel = weight.shape[2:]
    x = pad_spatial(x, pads)
    if weight.shape[1] == 1 and group == x.shape[1]:
        result = _depthwise(x, weight, strides, dilations)
    else:
        result = _grouped(x, weight, strides, dilations, group)
    if bias is not None:
        result += bias.reshape(1, -1, *(1 for _ in kernel))
    return result


def _depthwise(x: Array, weight: Array, strides: Sequence[int], dilations: Sequence[int]) -> Array:
    """One filter per output channel; output channels o * m .. o * m + m - 1 read channel o."""
    kernel = weight.shape[2:]
    multiplier = weight.shape[0] // x.shape[1]
    narrow = x.shape[-1] < min(_NARROW, len(weight))
    samples: list[Array] = []
    size = max(_CACHE_BYTES // max(x[:1].nbytes * multiplier, 1), 1)
    for low in range(0, len(x), size):
        source = x[low : low + size]
        if narrow:
            source = np.moveaxis(np.repeat(np.moveaxis(source, 1, -1), multiplier, axis=-1), -1, 1)
        elif multiplier > 1:
            source = np.repeat(source, multiplier, axis=1)
        total: Array | None = None
        for position, view in taps(source, kernel, strides, dilations):
            factor = weight[(slice(None), 0, *position)].reshape(1, -1, *(1 for _ in kernel))
            if total is None:
                total = view * factor
            else:
                total += view * factor
        assert total is not None
        samples.append(total)
    return np.ascontiguousarray(np.concatenate(samples))


def _grouped(
    x: Array, weight: Array, strides: Sequence[int], dilations: Sequence[int], group: int
) -> Array:
    """Patches as columns of a matrix, then one matrix product per sample and group."""
    kernel, outputs = weight.shape[2:], weight.shape[0]
    rank, count = len(kernel), len(x)
    reach = [d * (k - 1) + 1 for k, d in zip(kernel, dilations, strict=True)]
    windows = sliding_window_view(x, reach, axis=tuple(range(2, 2 + rank)))
    every = slice(None)
    windows = windows[
        (
            every,
            every,
            *(slice(None, None, s) for s in strides),
            *(slice(None, None, d) for d in dilations),
        )
    ]
    extents = windows.shape[2 : 2 + rank]
    # [N, C, out..., kernel...] -> [N, C, kernel..., out...]
    order = [0, 1, *range(2 + rank, 2 + 2 * rank), *range(2, 2 + rank)]
    columns = windows.transpose(order)
    matrix = weight.reshape(group, outputs // group, -1)
    depth, positions = matrix.shape[2], int(np.prod(extents))
    result = np.empty((count, group, outputs // group, positions), np.result_type(x, weight))
    step = max(1, _COLUMN_BYTES // max(1, group * depth * positions * x.itemsize))
    for start in range(0, count, step):
        block = columns[start : start + step].reshape(-1, group, depth, positions)
        np.matmul(matrix, block, out=result[start : start + step])
    return result.reshape(count, outputs, *extents)


def max_pool(
    x: Array,
    *,
    kernel: Sequence[int],
    strides: Sequence[int],
    pads: Pairs,
    dilations: Sequence[int],
) -> Array:
    """The largest element of each window; padding holds the smallest value of the type."""
    lowest = -np.inf if np.issubdtype(x.dtype, np.floating) else np.iinfo(x.dtype).min
    result: Array | None = None
    for _, view in taps(pad_spatial(x, pads, lowest), kernel, strides, dilations):
        result = view.copy() if result is None else np.maximum(result, view, out=result)
    assert result is not None
    return result


def average_pool(
    x: Array,
    *,
    kernel: Sequence[int],
    strides: Sequence[int],
    pads: Pairs,
    dilations: Sequence[int],
    count_include_pad: bool,
) -> Array:
    """The mean of each window over its real elements, or over all of its positions."""
    total = _window_sum(pad_spatial(x, pads), kernel, strides, dilations)
    if count_include_pad or not any(amount for pair in pads for amount in pair):
        return total / x.dtype.type(np.prod(kernel))
    ones = pad_spatial(np.ones((1, 1, *x.shape[2:]), x.dtype), pads)
    return total / _window_sum(ones, kernel, strides, dilations)


def _window_sum(
    x: Array, kernel: Sequence[int], strides: Sequence[int], dilations: Sequence[int]
) -> Array:
    if tuple(kernel) == x.shape[2:]:
        return x.sum(axis=tuple(range(2, x.ndim)), keepdims=True)
    total: Array | None = None
    for _, view in taps(x, kernel, strides, dilations):
        total = view.copy() if total is None else np.add(total, view, out=total)
    assert total is not None
    return total
