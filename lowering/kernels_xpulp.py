"""The Xpulp kernels of the runtime (RI5CY): packing, scratch, limits; see their headers.

Depthwise convolutions run the rv32 kernel: it uses what Xpulp has for it.
"""

from __future__ import annotations

from ..dialects.cortexm import PackingAttr
from .kernels import Kernel, Problem, rounds_elsewhere
from .kernels_rv32 import GREATEST_SHIFT, band_bytes, conv2d_refuses

XPULP_ISA = frozenset({"rv32imc", "xpulp"})
CONV2D_BYTES = 2048
"""RN_CONV2D_XPULP_BYTES"""


def conv2d_scratch(problem: Problem) -> int:
    """rn_conv2d_s8_xpulp_scratch of the header."""
    w = problem.shape
    window = (w.k_h * w.k_w * w.in_c + 3) & ~3
    return band_bytes(w, CONV2D_BYTES) + (0 if w.in_c % 4 == 0 else 2 * window)


XPULP = (
    Kernel(
        "conv2d",
        "rn_conv2d_s8_xpulp",
        XPULP_ISA,
        packing=lambda _: PackingAttr.get(4, 4),
        scratch=conv2d_scratch,
        refuses=conv2d_refuses,
    ),
    Kernel(
        "fully_connected",
        "rn_fully_connected_s8_xpulp",
        XPULP_ISA,
        packing=lambda _: PackingAttr.get(4, 4),
        refuses=lambda p: rounds_elsewhere(p, GREATEST_SHIFT),
    ),
)
