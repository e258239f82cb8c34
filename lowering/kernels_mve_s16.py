"""The Helium (MVE) kernels for 16-bit activations: packing, scratch, limits; see their headers."""

from __future__ import annotations

from dataclasses import replace

from ..dialects.cortexm import PackingAttr
from .kernels import Kernel, Problem, rounds_elsewhere
from .kernels_mve import GREATEST_SHIFT, MVE_ISA, conv2d_refuses, conv2d_scratch, tail

TYPES = ("s8_s16", "s16_s8", "s16_s16")


def item_bytes(problem: Problem) -> int:
    """Of the input."""
    return 2 if problem.types.startswith("s16") else 1


def conv2d_packing(problem: Problem) -> PackingAttr:
    return PackingAttr.get(4, 16 // item_bytes(problem), column_first=True)


def conv2d_wide_scratch(problem: Problem) -> int:
    """The scratch of the int8 kernel for pixels of as many bytes."""
    window = problem.shape
    in_bytes = window._replace(in_c=item_bytes(problem) * window.in_c)
    return conv2d_scratch(replace(problem, window=in_bytes))


def rounds(problem: Problem) -> str | None:
    return rounds_elsewhere(problem, GREATEST_SHIFT)


MVE_S16: tuple[Kernel, ...] = (
    *(
        Kernel(
            "conv2d",
            f"rn_conv2d_{types}_mve",
            MVE_ISA,
            packing=conv2d_packing,
            scratch=conv2d_wide_scratch,
            refuses=conv2d_refuses,
            types=types,
            file="rn_conv2d_s16_mve.h",
            work=0.27,
        )
        for types in TYPES
    ),
    *(
        Kernel(
            "depthwise_conv2d",
            f"rn_depthwise_conv2d_{types}_mve",
            MVE_ISA,
            refuses=rounds,
            types=types,
            file="rn_depthwise_conv2d_s16_mve.h",
            work=2.2,
        )
        for types in TYPES
    ),
    *(
        Kernel(
            "fully_connected",
            f"rn_fully_connected_{types}_mve",
            MVE_ISA,
            packing=lambda p: PackingAttr.get(4, 16 // item_bytes(p)),
            scratch=lambda p: tail(item_bytes(p) * p.depth),
            refuses=rounds,
            types=types,
            file="rn_fully_connected_s16_mve.h",
            work=0.28,
        )
        for types in TYPES
    ),
    *(
        Kernel(
            op,
            f"rn_{op}_{types}_mve",
            MVE_ISA,
            refuses=rounds,
            types=types,
            file="rn_pointwise_s16_mve.h",
        )
        for op, types in (
            ("add", "s16_s16_s16"),
            ("mul", "s16_s16_s16"),
            ("avg_pool2d", "s16_s16"),
            ("max_pool2d", "s16_s16"),
        )
    ),
)
