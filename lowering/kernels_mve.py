"""The Helium (MVE) kernels of the runtime: packing, scratch and limits; see their headers."""

from __future__ import annotations

from ..dialects.cortexm import PackingAttr, Window
from .kernels import Kernel, Problem, rounds_elsewhere

MVE_ISA = frozenset({"mve"})
GREATEST_SHIFT = 53
SCRATCH_BYTES = 4096
"""What a kernel aims at; a smaller cut than one row group or two columns does not exist."""


def ceil_to(value: int, multiple: int) -> int:
    return -(-value // multiple) * multiple


def point(w: Window) -> bool:
    """A 1x1 kernel that never reads padding: its pixels are runs of the input."""
    return (
        (w.k_h, w.k_w, w.pad_top, w.pad_left) == (1, 1, 0, 0)
        and (w.out_h - 1) * w.stride_h < w.in_h
        and (w.out_w - 1) * w.stride_w < w.in_w
    )


def tail(depth: int) -> int:
    """A copy of the last pixel, where whole vectors would read beyond it."""
    return 0 if depth % 16 == 0 else ceil_to(depth, 16)


def conv2d_scratch(problem: Problem) -> int:
    w = problem.shape
    if point(w):
        return tail(w.in_c)
    columns = SCRATCH_BYTES // (w.k_h * w.in_c)
    fit = (columns - w.k_w) // w.stride_w + 1 if columns >= w.k_w else 0
    strip = w.out_w if fit >= w.out_w else max(2, fit & ~1)
    return ((strip - 1) * w.stride_w + w.k_w) * w.k_h * w.in_c + 15


def conv2d_refuses(problem: Problem) -> str | None:
    if problem.groups != 1:
        return f"takes one group, not {problem.groups}"
    if problem.shape.dil_w != 1:
        return "takes no horizontal dilation"
    return rounds_elsewhere(problem, GREATEST_SHIFT)


def depthwise_scratch(problem: Problem) -> int:
    w = problem.shape
    square = (
        max(w.k_h, w.k_w) <= 3
        and (w.stride_h, w.stride_w, w.dil_h, w.dil_w) == (1, 1, 1, 1)
        and min(w.out_h, w.out_w) >= 2
    )
    channels = 16 if w.in_c % 16 == 0 else w.in_c
    high, wide = -(-w.k_h // 4), -(-w.k_w // 4)
    if square:
        columns, groups = w.out_w + 2, -(-w.out_h // 2)
    else:
        columns = ceil_to(w.out_w, 4) * w.stride_w + (4 * wide - 1) * w.dil_w
        groups = w.out_h
    group = high * columns * channels * 4
    return 80 + max(1, min(SCRATCH_BYTES // group, groups)) * group


def depthwise_refuses(problem: Problem) -> str | None:
    if max(problem.shape.k_h, problem.shape.k_w) > 8:
        return "takes kernels up to 8 x 8"
    return rounds_elsewhere(problem, GREATEST_SHIFT)


def pool_refuses(problem: Problem) -> str | None:
    if problem.shape.k_h * problem.shape.k_w > 255:
        return "takes windows of up to 255 elements"
    return rounds_elsewhere(problem, GREATEST_SHIFT)


MVE = (
    Kernel(
        "conv2d",
        "rn_conv2d_s8_mve",
        MVE_ISA,
        packing=lambda _: PackingAttr.get(4, 16, column_first=True),
        scratch=conv2d_scratch,
        refuses=conv2d_refuses,
        work=0.14,
    ),
    Kernel(
        "depthwise_conv2d",
        "rn_depthwise_conv2d_s8_mve",
        MVE_ISA,
        packing=lambda p: PackingAttr.get(p.shape.k_h * p.shape.k_w, 1),
        scratch=depthwise_scratch,
        refuses=depthwise_refuses,
        work=0.87,
    ),
    Kernel(
        "fully_connected",
        "rn_fully_connected_s8_mve",
        MVE_ISA,
        packing=lambda _: PackingAttr.get(4, 16),
        scratch=lambda p: tail(p.depth),
        refuses=lambda p: rounds_elsewhere(p, GREATEST_SHIFT),
        work=0.17,
    ),
    Kernel("add", "rn_add_s8_mve", MVE_ISA, work=2.5),
    Kernel("avg_pool2d", "rn_avg_pool2d_s8_mve", MVE_ISA, refuses=pool_refuses),
    Kernel("max_pool2d", "rn_max_pool2d_s8_mve", MVE_ISA),
    Kernel("table", "rn_table_s8_mve", MVE_ISA),
    Kernel("quantize", "rn_quantize_f32_s8_mve", MVE_ISA),
    Kernel("dequantize", "rn_dequantize_s8_f32_mve", MVE_ISA),
)
