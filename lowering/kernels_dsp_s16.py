"""The SMLAD kernels for 16-bit activations: packing, scratch, limits; see their headers."""

from __future__ import annotations

from ..dialects.cortexm import PackingAttr
from .kernels import Kernel, Problem, rounds_elsewhere
from .kernels_dsp import (
    DSP_ISA,
    GREATEST_SHIFT,
    conv2d_plan,
    conv2d_refuses,
    conv2d_scratch,
    depthwise_refuses,
    depthwise_scratch,
    fully_connected_packing,
    round_up,
)

TYPES = ("s8_s16", "s16_s8", "s16_s16")


def has_wide_input(problem: Problem) -> bool:
    return problem.types.startswith("s16")


def conv2d_packing(problem: Problem) -> PackingAttr:
    order = [0, 2, 1, 3, 4, 6, 5, 7] if has_wide_input(problem) else None
    return PackingAttr.get(2, 4, order=order, column_first=problem.shape.in_c % 4 == 0)


def conv2d_wide_scratch(problem: Problem) -> int:
    """rn_conv2d_s16_dsp_scratch of the header."""
    if not has_wide_input(problem):
        return conv2d_scratch(problem)
    plan = conv2d_plan(problem)
    windows = 0 if plan.flat and plan.sliding else 2 * ((plan.chunk - 1) * plan.pitch + plan.k)
    return 4 * plan.k + windows


def fully_connected_wide_packing(problem: Problem) -> PackingAttr:
    if not has_wide_input(problem):
        return fully_connected_packing(problem)
    return PackingAttr.get(2, 8, order=[0, 2, 1, 3, 8, 10, 9, 11, 4, 6, 5, 7, 12, 14, 13, 15])


def fully_connected_scratch(problem: Problem) -> int:
    """rn_fully_connected_s16_dsp_scratch of the header."""
    depth = round_up(problem.depth, 8)
    return 0 if has_wide_input(problem) and depth == problem.depth else 2 * depth


def pool_refuses(problem: Problem) -> str | None:
    if problem.shape.in_c % 2:
        return f"takes channels in pairs, not {problem.shape.in_c}"
    return rounds_elsewhere(problem, GREATEST_SHIFT)


DSP_S16: tuple[Kernel, ...] = (
    *(
        Kernel(
            "conv2d",
            f"rn_conv2d_{types}_dsp",
            DSP_ISA,
            packing=conv2d_packing,
            scratch=conv2d_wide_scratch,
            refuses=conv2d_refuses,
            types=types,
            file="rn_conv2d_s16_dsp.h",
            work=0.9,
        )
        for types in TYPES
    ),
    *(
        Kernel(
            "depthwise_conv2d",
            f"rn_depthwise_conv2d_{types}_dsp",
            DSP_ISA,
            packing=lambda _: PackingAttr.get(9, 1),
            scratch=depthwise_scratch,
            refuses=depthwise_refuses,
            types=types,
            file="rn_depthwise_conv2d_s16_dsp.h",
            work=2.3,
        )
        for types in TYPES
    ),
    *(
        Kernel(
            "fully_connected",
            f"rn_fully_connected_{types}_dsp",
            DSP_ISA,
            packing=fully_connected_wide_packing,
            scratch=fully_connected_scratch,
            refuses=lambda p: rounds_elsewhere(p, GREATEST_SHIFT),
            types=types,
            file="rn_fully_connected_s16_dsp.h",
            work=1.2,
        )
        for types in TYPES
    ),
    *(
        Kernel(
            "avg_pool2d",
            f"rn_avg_pool2d_{types}_dsp",
            DSP_ISA,
            refuses=pool_refuses,
            types=types,
            file="rn_pool2d_s16_dsp.h",
        )
        for types in ("s16_s8", "s16_s16")
    ),
    Kernel(
        "max_pool2d",
        "rn_max_pool2d_s16_s16_dsp",
        DSP_ISA,
        refuses=pool_refuses,
        types="s16_s16",
        file="rn_pool2d_s16_dsp.h",
    ),
    Kernel("add", "rn_add_s16_s16_s16_dsp", DSP_ISA, types="s16_s16_s16", file="rn_add_s16_dsp.h"),
)
