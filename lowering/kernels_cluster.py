"""The kernels of a cluster of RISC-V cores: Xpulp, plain rv32imc, and C99; see their headers.

They take windows of tensors in L1 by their pitches, the number of the core and that of all cores.
`scratch` is in bytes per core, for the largest tile of the problem. All packings can be cut into
contiguous slices of a multiple of 4 output channels.
"""

from __future__ import annotations

from ..dialects.cortexm import PackingAttr
from .kernels import Kernel, Problem, rounds_elsewhere
from .kernels_rv32 import GREATEST_SHIFT, RV32_ISA, conv2d_refuses
from .kernels_xpulp import XPULP_ISA

RUN_BYTES = 20
"""sizeof(rn_tap_run)"""
AVERAGES = ("single", "half_even")
"""How the fast average rounds."""
GATHER_CYCLES = 24
"""RN_GATHER_CYCLES"""
STRIP_ROWS = 27
"""RN_CLUSTER_STRIP_ROWS"""


def runs_bytes(problem: Problem) -> int:
    """rn_cluster_runs_bytes of rn_cluster_runs.h."""
    return problem.shape.k_h * problem.shape.k_w * RUN_BYTES


def conv2d_scratch(problem: Problem) -> int:
    """rn_cluster_conv2d_s8_xpulp_scratch of the header: four windows where they are gathered."""
    w = problem.shape
    window = (w.k_h * w.k_w * w.in_c + 3) & ~3
    return runs_bytes(problem) if w.in_c % 4 == 0 else 4 * window + 4


def conv2d_gather(problem: Problem) -> int:
    """What a window takes that rn_cluster_conv2d_s8_xpulp cannot read in place."""
    return 0 if problem.shape.in_c % 4 == 0 else GATHER_CYCLES * problem.shape.k_h


def depthwise_scratch(problem: Problem) -> int:
    """rn_cluster_depthwise_conv2d_s8_xpulp_scratch of the header: rows of 4 x 4 bytes."""
    w = problem.shape
    return 16 * min((w.out_h - 1) * w.stride_h + 3, STRIP_ROWS)


def matmul_scratch(problem: Problem) -> int:
    """rn_cluster_matmul_s8_xpulp_scratch of the header: a block of columns, a sum for each row."""
    return 4 * ((problem.depth + 3) & ~3) + 4 * problem.rows


def taps_of_a_channel(problem: Problem) -> PackingAttr:
    return PackingAttr.get(problem.shape.k_h * problem.shape.k_w, 1)


def has_odd_channels(problem: Problem) -> str | None:
    channels = problem.shape.in_c
    return None if channels % 4 == 0 else f"takes multiples of 4 channels, not {channels}"


def depthwise_refuses(problem: Problem) -> str | None:
    if (problem.shape.dil_h, problem.shape.dil_w) != (1, 1):
        return "takes no dilation"
    return rounds_elsewhere(problem, GREATEST_SHIFT)


def strips_refuse(problem: Problem) -> str | None:
    if (problem.shape.k_h, problem.shape.k_w) != (3, 3):
        return f"takes 3 x 3 kernels, not {problem.shape.k_h} x {problem.shape.k_w}"
    return has_odd_channels(problem) or depthwise_refuses(problem)


XPULP = (
    Kernel(
        "conv2d",
        "rn_cluster_conv2d_s8_xpulp",
        XPULP_ISA,
        packing=lambda _: PackingAttr.get(4, 4),
        scratch=conv2d_scratch,
        gather=conv2d_gather,
        refuses=conv2d_refuses,
    ),
    Kernel(
        "depthwise_conv2d",
        "rn_cluster_depthwise_conv2d_s8_xpulp",
        XPULP_ISA,
        packing=taps_of_a_channel,
        scratch=depthwise_scratch,
        refuses=strips_refuse,
    ),
    Kernel(
        "fully_connected",
        "rn_cluster_fully_connected_s8_xpulp",
        XPULP_ISA,
        packing=lambda _: PackingAttr.get(4, 4),
        refuses=lambda p: rounds_elsewhere(p, GREATEST_SHIFT),
    ),
    Kernel(
        "matmul",
        "rn_cluster_matmul_s8_xpulp",
        XPULP_ISA,
        scratch=matmul_scratch,
        refuses=lambda p: rounds_elsewhere(p, GREATEST_SHIFT),
    ),
    Kernel("add", "rn_cluster_add_s8_xpulp", XPULP_ISA),
    Kernel(
        "avg_pool2d",
        "rn_cluster_avg_pool2d_s8_xpulp",
        XPULP_ISA,
        refuses=lambda p: has_odd_channels(p) or rounds_elsewhere(p, GREATEST_SHIFT, AVERAGES),
    ),
    Kernel("max_pool2d", "rn_cluster_max_pool2d_s8_xpulp", XPULP_ISA, refuses=has_odd_channels),
    Kernel("unfold", "rn_cluster_unfold_s8_xpulp", XPULP_ISA),
)

RV32 = (
    Kernel(
        "conv2d",
        "rn_cluster_conv2d_s8_rv32",
        RV32_ISA,
        packing=lambda _: PackingAttr.get(4, 1),
        scratch=runs_bytes,
        refuses=conv2d_refuses,
    ),
    Kernel(
        "depthwise_conv2d",
        "rn_cluster_depthwise_conv2d_s8_rv32",
        RV32_ISA,
        packing=taps_of_a_channel,
        refuses=depthwise_refuses,
    ),
    Kernel(
        "fully_connected",
        "rn_cluster_fully_connected_s8_rv32",
        RV32_ISA,
        packing=lambda _: PackingAttr.get(4, 1),
        refuses=lambda p: rounds_elsewhere(p, GREATEST_SHIFT),
    ),
    Kernel(
        "mul",
        "rn_cluster_mul_s8_rv32",
        RV32_ISA,
        refuses=lambda p: rounds_elsewhere(p, GREATEST_SHIFT),
        file="rn_cluster_mul_s8.h",
    ),
)

PORTABLE = (
    Kernel("conv2d", "rn_cluster_conv2d_s8"),
    Kernel("depthwise_conv2d", "rn_cluster_depthwise_conv2d_s8", packing=taps_of_a_channel),
    Kernel("fully_connected", "rn_cluster_fully_connected_s8"),
    Kernel("add", "rn_cluster_add_s8"),
    Kernel("mul", "rn_cluster_mul_s8"),
    Kernel("matmul", "rn_cluster_matmul_s8"),
    Kernel("avg_pool2d", "rn_cluster_avg_pool2d_s8"),
    Kernel("max_pool2d", "rn_cluster_max_pool2d_s8"),
    Kernel("unfold", "rn_cluster_unfold_s8"),
    Kernel("table", "rn_cluster_table_s8"),
    Kernel("softmax", "rn_cluster_softmax_s8"),
    Kernel("layer_norm", "rn_cluster_layer_norm_s8"),
    Kernel("transpose", "rn_cluster_transpose_s8"),
)
"""Plain C99: they run everything, everywhere."""

CLUSTER_KERNELS: tuple[Kernel, ...] = (*XPULP, *RV32, *PORTABLE)
"""The most specific flavours first: the first that takes a problem runs it."""
