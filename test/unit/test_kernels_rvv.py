"""The *_rvv.h kernels against NumPy: by their C meaning on the host, and on QEMU with vectors."""

from __future__ import annotations

from pathlib import Path

import pytest
from kernel_harness import cases, shapes
from kernel_harness.checks import check_bytes, check_instructions
from kernel_harness.reference import Packing, Window
from kernel_harness.toolchain import HOST, HOST_CHECKED, RVV, Machine
from test_kernels_rv32 import KERNELS, SAME

from runnel.lowering import kernels, kernels_rvv
from runnel.lowering.kernel_table import all_kernels

PACKING = Packing(16, 1)


def scratch(g: Window) -> int:
    """Four windows, but for convolutions of single pixels."""
    flat = (g.k_h, g.k_w, g.stride_h, g.stride_w, g.out_w) == (1, 1, 1, 1, g.in_w)
    return 0 if flat and g.out_h == g.in_h else 4 * g.k_h * g.k_w * g.in_c


def conv(name: str, g: Window, seed: int = 0, **fields: int) -> cases.Case:
    return cases.conv_case(name, g, "rn_conv2d_s8_rvv", PACKING, scratch(g), seed, **fields)


def fully_connected(rows: int, in_c: int, out_c: int) -> cases.Case:
    name, symbol = f"fc_{rows}_{in_c}_{out_c}", "rn_fully_connected_s8_rvv"
    return cases.fully_connected_case(name, rows, in_c, out_c, symbol, PACKING, 0, out_zero=-3)


def all_cases() -> list[cases.Case]:
    found: list[cases.Case] = []
    for seed in range(20):
        g = shapes.random_window(seed, [1, 3, 4, 8, 20, 33], KERNELS)
        found.append(conv(f"conv_{seed}", g, seed, out_zero=seed - 9))
    g = Window(5, 7, 8, 40, 3, 3, in_zero=-128, **SAME)
    found.append(conv("clamped", g, lo=-20, hi=63, out_zero=-20))
    found.append(conv("pointwise", Window(3, 3, 64, 16)))
    sizes = ((1, 64, 12), (1, 103, 2), (5, 18, 35), (4, 7, 16), (1, 1, 1))
    return [*found, *(fully_connected(*size) for size in sizes)]


@pytest.mark.parametrize("machine", [HOST_CHECKED, RVV], ids=["c-meaning-with-sanitizers", "qemu"])
def test_bytes_equal_numpy(machine: Machine, tmp_path: Path) -> None:
    check_bytes(machine, all_cases(), tmp_path)


def test_scratch_sizes_agree(tmp_path: Path) -> None:
    """Header, kernel table and this test compute the same number of bytes."""
    found: list[cases.Case] = []
    for seed in range(20):
        g = shapes.random_window(seed, [1, 3, 4, 8, 64], KERNELS)
        size = kernels_rvv.conv2d_scratch(kernels.Problem("conv2d", shapes.table_window(g)))
        assert size == scratch(g)
        found.append(cases.scratch_case(f"conv_{seed}", g, "rn_conv2d_s8_rvv", size))
    check_bytes(HOST, found, tmp_path)


def test_the_table_prefers_them() -> None:
    window = shapes.table_window(Window(8, 8, 4, 4, 3, 3))
    for op in ("conv2d", "fully_connected"):
        problem = kernels.Problem(op, window, outputs=8)
        chosen, _ = kernels.choose_kernel(problem, kernels_rvv.RVV_ISA, all_kernels())
        assert chosen.symbol == f"rn_{op}_s8_rvv"


def test_instruction_counts(tmp_path: Path) -> None:
    """Instructions per product that a change must not exceed (gcc 12 plus 5 %)."""
    limits = [
        (conv("conv_3x3_16", Window(8, 32, 16, 16, 3, 3, **SAME)), 0.4),
        (conv("conv_1x1_64", Window(25, 5, 64, 64)), 0.3),
        (fully_connected(1, 640, 128), 1.1),
    ]
    check_instructions(RVV, limits, tmp_path)
