"""Exact integer arithmetic on NumPy arrays: what the quant ops and all kernels below compute.

Activations are channels-last here: [N, H, W, C]. All results fit the stored type by their clamp.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from ...dialects.quant_normalization import BIAS_BITS

IntArray = NDArray[Any]

EXACT_IN_F32 = 2**24
"""Sums of products below this bound are exact in f32, so that BLAS may compute them."""


def round_shift(product: NDArray[np.int64], shift: IntArray | int, rounding: str) -> IntArray:
    """`product / 2**shift` as an integer (i64), by the named rounding; `shift` broadcasts."""
    s = np.asarray(shift, np.int64)
    quotient = product >> s
    if rounding == "floor":
        return quotient
    half = np.where(s > 0, np.int64(1) << np.maximum(s - 1, 0), 0)
    if rounding == "single":
        return (product + half) >> s
    if rounding == "half_even":
        rest = product - (quotient << s)
        up = (rest > half) | ((rest == half) & (quotient & 1 == 1))
        return quotient + (up & (s > 0))
    if rounding == "double":
        return _double_rounding(product, s)
    raise ValueError(f"unknown rounding '{rounding}'")


def _double_rounding(product: NDArray[np.int64], shift: NDArray[np.int64]) -> IntArray:
    """TFLite: round(product / 2**31) half up, then / 2**(shift - 31) half away from zero.

    A shift below 31 (a multiplier of 1 or more) leaves the first rounding alone, at that shift.
    """
    high = round_shift(product, np.minimum(shift, 31), "single")
    rest = np.maximum(shift - 31, 0)
    half = np.where(rest > 0, np.int64(1) << np.maximum(rest - 1, 0), 0)
    magnitude = (np.abs(high) + half) >> rest
    return np.sign(high) * magnitude


def requantize(
    accumulator: IntArray,
    multipliers: IntArray,
    shifts: IntArray,
    rounding: str,
    zero_point: int,
    clamp: tuple[int, int],
) -> NDArray[np.int64]:
    """clamp(zero_point + round(accumulator * multiplier / 2**shift)); channels on the last axis."""
    product = accumulator.astype(np.int64) * multipliers.astype(np.int64)
    scaled = round_shift(product, shifts, rounding)
    return np.clip(scaled + zero_point, clamp[0], clamp[1])


def pad_window(x: NDArray[Any], pads: Sequence[int], value: int) -> NDArray[Any]:
    """Pad [N, H, W, C] by (top, left, bottom, right) with `value`."""
    top, left, bottom, right = pads
    if not any(pads):
        return x
    return np.pad(x, ((0, 0), (top, bottom), (left, right), (0, 0)), constant_values=value)


def windows(
    x: NDArray[Any],
    kernel: Sequence[int],
    strides: Sequence[int],
    dilations: Sequence[int] = (1, 1),
) -> NDArray[Any]:
    """A view [N, OH, OW, C, kh, kw] of all windows of a padded [N, H, W, C]."""
    extent = [d * (k - 1) + 1 for k, d in zip(kernel, dilations, strict=True)]
    view = sliding_window_view(x, extent, axis=(1, 2))
    return view[:, :: strides[0], :: strides[1], :, :: dilations[0], :: dilations[1]]


def unfold(
    x: NDArray[Any], kernel: Sequence[int], strides: Sequence[int], channels: int, fill: int
) -> NDArray[Any]:
    """All windows of a padded [N, H, W, C] as [N, OH, OW, channels], row after row, then `fill`."""
    view = windows(x, kernel, strides).transpose(0, 1, 2, 4, 5, 3)
    flat = view.reshape(*view.shape[:3], -1)
    behind = ((0, 0), (0, 0), (0, 0), (0, channels - flat.shape[-1]))
    return np.pad(flat, behind, constant_values=fill)


def matmul(a: IntArray, b: IntArray) -> NDArray[np.int64]:
    """[..., K] @ [K, M] of 8- or 16-bit integers, exact; BLAS, where a float holds the sums."""
    bound = a.shape[-1] * int(np.iinfo(a.dtype).max + 1) * int(np.abs(b).max(initial=0))
    dtype = np.float32 if bound < EXACT_IN_F32 else np.float64
    return (a.astype(dtype) @ b.astype(dtype)).astype(np.int64)


def activation_product(a: IntArray, b: IntArray, a_zero: int, b_zero: int) -> NDArray[np.int64]:
    """Accumulators of [..., M, K] @ [..., K, N], both with a zero point."""
    return matmul(a.astype(np.int32) - a_zero, b.astype(np.int32) - b_zero)


def conv2d(
    x: IntArray,
    weight: IntArray,
    bias: IntArray,
    *,
    pads: Sequence[int],
    strides: Sequence[int],
    dilations: Sequence[int],
    groups: int,
    pad_value: int,
) -> NDArray[np.int64]:
    """Accumulators [N, OH, OW, O] of x [N, H, W, C] and weight [O, kh, kw, C/groups]."""
    out, kh, kw, depth = weight.shape
    padded = pad_window(x, pads, pad_value)
    view = windows(padded, (kh, kw), strides, dilations)
    if groups == out and depth == 1 and x.shape[3] == out:
        sums = np.zeros((*view.shape[:3], out), np.int32)
        for i in range(kh):
            for j in range(kw):
                sums += view[..., i, j].astype(np.int32) * weight[:, i, j, 0].astype(np.int32)
        return sums.astype(np.int64) + bias
    results = []
    for group in range(groups):
        part = view[:, :, :, group * depth : (group + 1) * depth]
        patches = part.transpose(0, 1, 2, 4, 5, 3).reshape(*part.shape[:3], kh * kw * depth)
        rows = weight[group * (out // groups) : (group + 1) * (out // groups)]
        results.append(matmul(patches, rows.reshape(len(rows), -1).T))
    return np.concatenate(results, axis=3) + bias


def scaled_sum(
    a: IntArray, b: IntArray, of_a: int, of_b: int, bias: int, shift: int, low: int, high: int
) -> NDArray[np.int64]:
    """clamp((a * of_a + b * of_b + bias) >> shift)"""
    total = a.astype(np.int64) * of_a + b.astype(np.int64) * of_b + bias
    return np.clip(total >> shift, low, high)


def product(a: IntArray, b: IntArray, a_zero: int, b_zero: int) -> NDArray[np.int64]:
    """Accumulators of an elementwise product; `b` may broadcast."""
    return (a.astype(np.int64) - a_zero) * (b.astype(np.int64) - b_zero)


def lookup(x: IntArray, table: IntArray, result: np.dtype[Any]) -> IntArray:
    """The pointwise function that `table` has, of 8-bit or 16-bit `x`; see quant.table."""
    from_least = x.astype(np.int64) - int(np.iinfo(x.dtype).min)
    entries = table.astype(np.int64)
    if x.dtype.itemsize == 1:
        return entries[from_least]
    index, rest = from_least >> 7, from_least & 127
    fine = 128 * entries[index] + (entries[index + 1] - entries[index]) * rest
    return round_shift(fine, 7 if result.itemsize == 2 else 15, "single")


def softmax(
    x: IntArray, table: IntArray, result: np.dtype[Any], zero_point: int, clamp: tuple[int, int]
) -> IntArray:
    """Over the last axis, of 8-bit or 16-bit `x`; unsigned arithmetic. See quant.softmax."""
    wide = x.astype(np.int64)
    distance, entries = wide.max(-1, keepdims=True) - wide, table.astype(np.int64)
    if x.dtype.itemsize == 1:
        e = entries[distance]
    else:
        e = round_shift(entries[distance >> 8] * entries[256 + (distance & 255)], 30, "single")
    total = e.sum(-1, keepdims=True)
    if (x.dtype.itemsize, result.itemsize) == (1, 1):
        shares = (512 * e + total) // (2 * total)
    else:
        bits = 8 if result.itemsize == 1 else 15
        shares = round_shift(e * ((1 << 62) // total), 62 - bits, "single")
    return np.clip(shares + zero_point, clamp[0], clamp[1])


def layer_norm(
    x: IntArray, weight: IntArray, bias: IntArray, epsilon: int, shift: int, clamp: tuple[int, int]
) -> NDArray[np.int64]:
    """Over the last axis; see `dialects/quant_normalization.py`."""
    wide, count = x.astype(np.int64), x.shape[-1]
    total = wide.sum(-1, keepdims=True)
    sums = count * np.square(wide).sum(-1, keepdims=True) - np.square(total) + epsilon
    up = np.zeros_like(sums)
    for _ in range(30):
        low = sums < 1 << 60
        sums, up = np.where(low, sums << 2, sums), up + low
    reciprocal = (1 << 61) // square_root(sums)
    normalized = round_shift((count * wide - total) * reciprocal, 41 - up, "single")
    made = normalized * weight.astype(np.int64) + (bias.astype(np.int64) << (shift - BIAS_BITS))
    return np.clip(round_shift(made, shift, "single"), *clamp)


def square_root(v: NDArray[np.int64]) -> NDArray[np.int64]:
    """floor(sqrt(v)) of numbers below 2**62: that of f64 is at most 1 off."""
    root = np.sqrt(v.astype(np.float64)).astype(np.int64)
    root -= np.square(root) > v
    return root + (np.square(root + 1) <= v)


def quantize(
    x: NDArray[np.floating],
    scale: NDArray[np.float32],
    zero_point: IntArray,
    clamp: tuple[int, int],
    rounding: str = "half_even",
) -> NDArray[np.int64]:
    """ONNX QuantizeLinear: round, half to even, then saturate. In f32, and in f64 for f64 `x`."""
    real = x if x.dtype == np.float64 else x.astype(np.float32)
    steps = real / scale.astype(real.dtype)
    if rounding == "half_even":
        scaled = np.rint(steps)
    else:
        scaled = np.floor(steps if rounding == "floor" else steps + real.dtype.type(0.5))
    wide = np.clip(scaled.astype(np.float64) + zero_point, clamp[0], clamp[1])
    return wide.astype(np.int64)


def dequantize(
    x: IntArray, scale: NDArray[np.float32], zero_point: IntArray
) -> NDArray[np.float32]:
    """ONNX DequantizeLinear in f32."""
    return (x.astype(np.int64) - zero_point).astype(np.float32) * scale.astype(np.float32)
