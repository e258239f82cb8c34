"""The SMLAD kernels of the runtime (Cortex-M4, M7): packing, scratch, limits; see their headers."""

from __future__ import annotations

from ..dialects.cortexm import PackingAttr
from .kernels import Kernel, Problem, rounds_elsewhere

DSP_ISA = frozenset({"dsp"})
GREATEST_SHIFT = 54
DEPTHWISE_BYTES = 4096
"""RN_DEPTHWISE_DSP_BYTES"""


def conv2d_scratch(problem: Problem) -> int:
    """rn_conv2d_s8_dsp_scratch of the header."""
    w = problem.shape
    column = w.k_h * w.in_c
    pointwise = (w.k_h, w.k_w, w.stride_h, w.stride_w) == (1, 1, 1, 1) and (
        (w.out_h, w.out_w) == (w.in_h, w.in_w)
    )
    sliding = w.in_c % 4 == 0
    row = w.out_h * w.out_w if pointwise or not sliding else w.out_w
    k = (w.k_w * column + 3) & ~3
    pitch = min(w.stride_w, w.k_w) * column if sliding else k

    def size(chunk: int) -> int:
        return 4 * k + 2 * ((chunk - 1) * pitch + k) + (0 if sliding else k)

    def fit(available: int, most: int) -> int:
        pixels = int((available - size(1)) / (2 * pitch)) + 1
        return max(2, min(pixels, most)) & ~1

    chunk = max(fit(2048, 64), fit(6400, 16))
    chunks = -(-row // chunk)
    return size((-(-row // chunks) + 1) & ~1)


def conv2d_refuses(problem: Problem) -> str | None:
    if problem.groups != 1:
        return f"takes one group, not {problem.groups}"
    if (problem.shape.dil_h, problem.shape.dil_w) != (1, 1):
        return "takes no dilation"
    return rounds_elsewhere(problem, GREATEST_SHIFT)


def depthwise_scratch(problem: Problem) -> int:
    """rn_depthwise_conv2d_s8_dsp_scratch of the header."""
    w = problem.shape
    columns = ((w.out_w + 1) & ~1 if w.stride_w == 1 else w.stride_w * w.out_w) + 2
    fit = DEPTHWISE_BYTES // (8 * columns)
    band = max(1, min(int((fit - 3) / w.stride_h) + 1, w.out_h))
    return 8 * columns * ((band - 1) * w.stride_h + 3)


def depthwise_refuses(problem: Problem) -> str | None:
    w = problem.shape
    if (w.k_h, w.k_w, w.dil_h, w.dil_w) != (3, 3, 1, 1) or w.stride_w > 2:
        return "takes 3 x 3 kernels without dilation and strides up to 2"
    if w.in_c % 4:
        return f"takes channels in fours, not {w.in_c}"
    return rounds_elsewhere(problem, GREATEST_SHIFT)


def round_up(value: int, multiple: int) -> int:
    return -(-value // multiple) * multiple


EIGHT = (0, 1, 4, 5, 2, 3, 6, 7)
"""What the nibbles of a word hold: pairs of 16 bits come out of those at a distance of four."""

DSP = (
    Kernel(
        "conv2d",
        "rn_conv2d_s8_w4_dsp",
        DSP_ISA,
        packing=lambda p: PackingAttr.get(
            2, 4, order=EIGHT, flip=[0, 1], column_first=p.shape.in_c % 4 == 0, bits=4
        ),
        scratch=conv2d_scratch,
        refuses=conv2d_refuses,
        weight_bits=4,
        work=1.0,
    ),
    Kernel(
        "fully_connected",
        "rn_fully_connected_s8_w4_dsp",
        DSP_ISA,
        packing=lambda _: PackingAttr.get(
            2, 8, order=[*EIGHT, *(8 + i for i in EIGHT)], flip=[0, 1], bits=4
        ),
        scratch=lambda p: 2 * round_up(p.depth, 8),
        refuses=lambda p: rounds_elsewhere(p, GREATEST_SHIFT),
        weight_bits=4,
        work=1.25,
    ),
    Kernel(
        "conv2d",
        "rn_conv2d_s8_dsp",
        DSP_ISA,
        packing=lambda p: PackingAttr.get(2, 4, column_first=p.shape.in_c % 4 == 0),
        scratch=conv2d_scratch,
        refuses=conv2d_refuses,
        work=0.9,
    ),
    Kernel(
        "depthwise_conv2d",
        "rn_depthwise_conv2d_s8_dsp",
        DSP_ISA,
        packing=lambda _: PackingAttr.get(9, 1),
        scratch=depthwise_scratch,
        refuses=depthwise_refuses,
        work=2.3,
    ),
    Kernel(
        "fully_connected",
        "rn_fully_connected_s8_dsp",
        DSP_ISA,
        packing=lambda _: PackingAttr.get(
            2, 8, order=[0, 8, 2, 10, 1, 9, 3, 11, 4, 12, 6, 14, 5, 13, 7, 15], flip=[0]
        ),
        scratch=lambda p: 2 * round_up(p.depth, 8),
        refuses=lambda p: rounds_elsewhere(p, GREATEST_SHIFT),
        work=1.0,
    ),
    Kernel("add", "rn_add_s8_dsp", DSP_ISA, work=15.0),
    Kernel("avg_pool2d", "rn_avg_pool2d_s8_dsp", DSP_ISA, work=5.0),
    Kernel("max_pool2d", "rn_max_pool2d_s8_dsp", DSP_ISA),
)
