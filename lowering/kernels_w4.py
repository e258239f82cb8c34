"""Kernels for weights of 4 bits, two in a byte: plain C99, for every unit."""

from __future__ import annotations

from ..dialects.cortexm import PackingAttr
from .kernels import Kernel, Problem

PACKING = PackingAttr.get(1, 2, bits=4)
"""Row after row, each of whole bytes."""


def conv2d_scratch(problem: Problem) -> int:
    """rn_conv2d_s8_w4_scratch of the header: a row of weights, unpacked."""
    w = problem.shape
    return (w.k_h * w.k_w * (w.in_c // problem.groups) + 1) & ~1


W4 = (
    Kernel(
        "conv2d",
        "rn_conv2d_s8_w4",
        packing=lambda _: PACKING,
        scratch=conv2d_scratch,
        weight_bits=4,
        work=5.8,
    ),
    Kernel(
        "fully_connected",
        "rn_fully_connected_s8_w4",
        packing=lambda _: PACKING,
        weight_bits=4,
        work=5.6,
    ),
)
