"""The arithmetic of a window that moves along an axis, for every dialect that has such ops."""

from __future__ import annotations


def window_extent(
    size: int, before: int, after: int, kernel: int, stride: int, dilation: int
) -> int:
    """How many windows fit along one axis: the output extent of a convolution or pooling.

    `before` and `after` are pads, in elements as all others.
    """
    return (size + before + after - dilation * (kernel - 1) - 1) // stride + 1
