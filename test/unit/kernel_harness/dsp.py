"""What the DSP kernels ask of their caller, restated from their headers."""

from __future__ import annotations

from .reference import Packing, Window


def conv2d_packing(g: Window) -> Packing:
    return Packing(rows=2, cols=4, column_first=g.in_c % 4 == 0)


def conv2d_scratch(g: Window) -> int:
    same = (g.out_h, g.out_w) == (g.in_h, g.in_w)
    pointwise = (g.k_h, g.k_w, g.stride_h, g.stride_w) == (1, 1, 1, 1) and same
    sliding = g.in_c % 4 == 0
    row = g.out_h * g.out_w if pointwise or not sliding else g.out_w
    k = -(-g.k_h * g.k_w * g.in_c // 4) * 4
    pitch = min(g.stride_w, g.k_w) * g.k_h * g.in_c if sliding else k

    def size(pixels: int) -> int:
        return 4 * k + 2 * ((pixels - 1) * pitch + k) + (0 if sliding else k)

    def fit(limit: int, most: int) -> int:
        return max((n for n in range(2, most + 1, 2) if size(n) <= limit), default=2)

    chunk = max(fit(2048, 64), fit(6400, 16))
    chunks = -(-row // chunk)
    return size((-(-row // chunks) + 1) // 2 * 2)


def depthwise_packing() -> Packing:
    return Packing(rows=9, cols=1)


def depthwise_scratch(g: Window) -> int:
    columns = (g.out_w + 1) // 2 * 2 + 2 if g.stride_w == 1 else 2 * g.out_w + 2
    fit = 4096 // (8 * columns)
    band = min(max((fit - 3) // g.stride_h + 1, 1), g.out_h)
    return 8 * columns * ((band - 1) * g.stride_h + 3)


def fully_connected_packing() -> Packing:
    """Words of two rows by two columns; columns pair up as SXTB16 pairs bytes."""
    pairs = ((0, 2), (1, 3), (4, 6), (5, 7))
    order = [row * 8 + column for pair in pairs for column in pair for row in (0, 1)]
    return Packing(rows=2, cols=8, order=order, flip=[0])


def fully_connected_scratch(in_c: int) -> int:
    return 2 * ((in_c + 7) // 8 * 8)
