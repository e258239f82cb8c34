"""The RISC-V vector kernels (Zve32x): packing, scratch, limits; see their headers."""

from __future__ import annotations

from ..dialects.cortexm import PackingAttr
from .kernels import Kernel, Problem, rounds_elsewhere
from .kernels_rv32 import GREATEST_SHIFT, conv2d_refuses

RVV_ISA = frozenset({"rv32imc", "zve32x"})
CHANNELS = 16
"""RN_RVV_CHANNELS"""


def conv2d_scratch(problem: Problem) -> int:
    """rn_conv2d_s8_rvv_scratch of the header: four windows, none for pointwise convolutions."""
    w = problem.shape
    pointwise = (w.k_h, w.k_w, w.stride_h, w.stride_w) == (1, 1, 1, 1)
    flat = pointwise and (w.out_h, w.out_w) == (w.in_h, w.in_w)
    return 0 if flat else 4 * w.k_h * w.k_w * w.in_c


RVV = (
    Kernel(
        "conv2d",
        "rn_conv2d_s8_rvv",
        RVV_ISA,
        packing=lambda _: PackingAttr.get(CHANNELS, 1),
        scratch=conv2d_scratch,
        refuses=conv2d_refuses,
    ),
    Kernel(
        "fully_connected",
        "rn_fully_connected_s8_rvv",
        RVV_ISA,
        packing=lambda _: PackingAttr.get(CHANNELS, 1),
        refuses=lambda p: rounds_elsewhere(p, GREATEST_SHIFT),
    ),
)
