"""The rv32imc kernels of the runtime (no SIMD): packing, scratch, limits; see their headers."""

from __future__ import annotations

from ..dialects.cortexm import PackingAttr, Window
from .kernels import Kernel, Problem, rounds_elsewhere

RV32_ISA = frozenset({"rv32imc"})
GREATEST_SHIFT = 54
CONV2D_BYTES = 2048
"""RN_CONV2D_RV32_BYTES"""
DEPTHWISE_BYTES = 4096
"""RN_DEPTHWISE_RV32_BYTES"""


def band_bytes(w: Window, budget: int) -> int:
    """rn_rv32_scratch of rn_rv32.h: a band of padded rows, nothing where there is no padding."""
    columns = (w.out_w - 1) * w.stride_w + w.k_w
    rows = (w.out_h - 1) * w.stride_h + w.k_h
    if w.pad_top == w.pad_left == 0 and columns <= w.in_w and rows <= w.in_h:
        return 0
    pitch = (columns * w.in_c + 3) & ~3
    band = max(1, min(int((budget // pitch - w.k_h) / w.stride_h) + 1, w.out_h))
    return ((band - 1) * w.stride_h + w.k_h) * pitch


def conv2d_refuses(problem: Problem) -> str | None:
    if problem.groups != 1:
        return f"takes one group, not {problem.groups}"
    if (problem.shape.dil_h, problem.shape.dil_w) != (1, 1):
        return "takes no dilation"
    return rounds_elsewhere(problem, GREATEST_SHIFT)


def depthwise_refuses(problem: Problem) -> str | None:
    w = problem.shape
    if (w.k_h, w.k_w, w.dil_h, w.dil_w) != (3, 3, 1, 1) or w.stride_w > 2:
        return "takes 3 x 3 kernels without dilation and strides up to 2"
    return rounds_elsewhere(problem, GREATEST_SHIFT)


RV32 = (
    Kernel(
        "conv2d",
        "rn_conv2d_s8_rv32",
        RV32_ISA,
        packing=lambda _: PackingAttr.get(4, 1),
        scratch=lambda p: band_bytes(p.shape, CONV2D_BYTES),
        refuses=conv2d_refuses,
        work=2.7,
    ),
    Kernel(
        "depthwise_conv2d",
        "rn_depthwise_conv2d_s8_rv32",
        RV32_ISA,
        packing=lambda _: PackingAttr.get(9, 1),
        scratch=lambda p: band_bytes(p.shape, DEPTHWISE_BYTES),
        refuses=depthwise_refuses,
        work=3.6,
    ),
    Kernel(
        "fully_connected",
        "rn_fully_connected_s8_rv32",
        RV32_ISA,
        packing=lambda p: PackingAttr.get(8 if p.outputs % 8 == 0 else 4, 1),
        refuses=lambda p: rounds_elsewhere(p, GREATEST_SHIFT),
        work=3.4,
    ),
)
