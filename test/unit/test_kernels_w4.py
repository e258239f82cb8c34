"""The kernels with 4-bit weights, two in a byte, against NumPy on weights that are not packed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from kernel_harness import cases, dsp, shapes
from kernel_harness.checks import check_bytes, check_instructions
from kernel_harness.reference import Packing, Window
from kernel_harness.toolchain import CORTEX_M4, HOST_CHECKED, Machine

KERNELS = [(1, 1), (3, 3), (1, 3), (2, 2)]
ROWS = Packing(cols=2, nibbles=True)
"""Row after row, each of whole bytes."""
EIGHT = [0, 1, 4, 5, 2, 3, 6, 7]


def portable_conv(name: str, g: Window, seed: int = 0, **fields: int) -> cases.Case:
    scratch = (g.k_h * g.k_w * g.in_c // g.groups + 1) // 2 * 2
    return cases.conv_case(name, g, "rn_conv2d_s8_w4", ROWS, scratch, seed, **fields)


def dsp_conv(name: str, g: Window, seed: int = 0, **fields: int) -> cases.Case:
    packing = Packing(2, 4, order=EIGHT, flip=[0, 1], column_first=g.in_c % 4 == 0, nibbles=True)
    scratch = dsp.conv2d_scratch(g)
    return cases.conv_case(name, g, "rn_conv2d_s8_w4_dsp", packing, scratch, seed, **fields)


def fully_connected(
    kernel: str, rows: int, in_c: int, out_c: int, values: tuple[int, int] | None = None
) -> cases.Case:
    order = [*EIGHT, *(8 + i for i in EIGHT)]
    fast = kernel.endswith("_dsp")
    packing = Packing(2, 8, order=order, flip=[0, 1], nibbles=True) if fast else ROWS
    scratch = dsp.fully_connected_scratch(in_c) if fast else 0
    name = f"{kernel}_{rows}_{in_c}_{out_c}" + ("" if values is None else f"_x{abs(values[0])}")
    return cases.fully_connected_case(
        name, rows, in_c, out_c, kernel, packing, scratch, in_c, values, out_zero=-3
    )


def portable_cases() -> list[cases.Case]:
    found: list[cases.Case] = []
    for seed in range(4):
        g = shapes.random_window(seed, [1, 2, 3, 5, 8], KERNELS, dilation=2)
        found.append(portable_conv(f"w4_{seed}", g, seed, rounding=seed % 3, out_zero=5 * seed))
        g = shapes.random_window(50 + seed, [1, 2, 3], KERNELS, groups=3, dilation=2)
        found.append(portable_conv(f"w4_grouped_{seed}", replace(g, out_c=g.out_c * 2), seed))
    shapes_of_products = ((3, 37, 11), (1, 64, 5), (2, 1, 1))
    return found + [fully_connected("rn_fully_connected_s8_w4", *s) for s in shapes_of_products]


def dsp_cases() -> list[cases.Case]:
    found: list[cases.Case] = []
    for seed in range(4):
        g = shapes.random_window(seed, [1, 2, 3, 5, 7], KERNELS)
        found.append(dsp_conv(f"w4_few_{seed}", g, seed, out_zero=seed - 5))
        g = shapes.random_window(100 + seed, [4, 8, 12, 20], KERNELS)
        found.append(dsp_conv(f"w4_{seed}", replace(g, out_c=g.out_c - seed % 2), seed))
    found.append(dsp_conv("w4_pointwise", Window(7, 9, 64, 10)))
    name = "rn_fully_connected_s8_w4_dsp"
    found += [
        fully_connected(name, *s) for s in ((1, 64, 12), (1, 1003, 2), (3, 18, 5), (1, 33, 1))
    ]
    return found + [fully_connected(name, 1, 1000, 4, (x, -8)) for x in (-128, 127)]


@pytest.mark.parametrize(
    ("machine", "group"),
    [(HOST_CHECKED, portable_cases), (HOST_CHECKED, dsp_cases), (CORTEX_M4, dsp_cases)],
    ids=["portable", "dsp-c-meaning-with-sanitizers", "dsp-cortex-m4"],
)
def test_bytes_equal_numpy(
    machine: Machine, group: Callable[[], list[cases.Case]], tmp_path: Path
) -> None:
    check_bytes(machine, group(), tmp_path)


def test_instruction_counts(tmp_path: Path) -> None:
    """Instructions per multiplication that a change must not exceed (gcc 12 plus 10 %)."""
    same = {"pad_top": 1, "pad_left": 1, "pad_bottom": 1, "pad_right": 1}
    limits = [
        (dsp_conv("w4_conv_3x3_16", Window(8, 32, 16, 16, 3, 3, **same)), 1.0),
        (dsp_conv("w4_conv_1x1_64", Window(25, 5, 64, 64)), 1.2),
        (fully_connected("rn_fully_connected_s8_w4_dsp", 1, 640, 128), 1.4),
    ]
    check_instructions(CORTEX_M4, limits, tmp_path)
