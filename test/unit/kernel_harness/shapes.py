"""Shapes that exercise edges: odd channels, strides, asymmetric padding, tiny images."""

from __future__ import annotations

import numpy as np

from runnel.dialects import cortexm

from .reference import Window


def padding(rng: np.random.Generator, kernel: int, dilation: int) -> tuple[int, int]:
    before, after = rng.integers(0, (kernel - 1) * dilation + 1, 2)
    return int(before), int(after)


def random_window(
    seed: int,
    channels: list[int],
    kernels: list[tuple[int, int]],
    groups: int = 1,
    dilation: int = 1,
) -> Window:
    """A convolution or pooling with at least one output; the kernel may exceed the image."""
    rng = np.random.default_rng(seed)
    k_h, k_w = kernels[rng.integers(len(kernels))]
    dil_h, dil_w = (int(d) for d in rng.integers(1, dilation + 1, 2))
    (top, bottom), (left, right) = padding(rng, k_h, dil_h), padding(rng, k_w, dil_w)
    least_h = max(1, (k_h - 1) * dil_h + 1 - top - bottom)
    least_w = max(1, (k_w - 1) * dil_w + 1 - left - right)
    in_c, out_c = (int(c) * groups for c in rng.choice(channels, 2))
    return Window(
        in_h=int(least_h + rng.integers(0, 9)),
        in_w=int(least_w + rng.integers(0, 20)),
        in_c=in_c,
        out_c=out_c,
        k_h=k_h,
        k_w=k_w,
        stride_h=int(rng.integers(1, 4)),
        stride_w=int(rng.integers(1, 4)),
        dil_h=dil_h,
        dil_w=dil_w,
        pad_top=top,
        pad_left=left,
        pad_bottom=bottom,
        pad_right=right,
        groups=groups,
        in_zero=int(rng.integers(-128, 128)),
    )


def table_window(g: Window) -> cortexm.Window:
    """The window as kernel tables see it."""
    return cortexm.Window(*(getattr(g, name) for name in cortexm.Window._fields))
