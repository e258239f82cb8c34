"""The *_rv32.h kernels against NumPy: on the host under sanitizers, and on an emulated core."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from kernel_harness import cases, shapes
from kernel_harness.checks import check_bytes, check_instructions
from kernel_harness.reference import Packing, Window
from kernel_harness.toolchain import HOST, HOST_CHECKED, RV32, Machine

from runnel.bench.networks import NETWORKS
from runnel.lowering import kernels, kernels_rv32
from runnel.lowering.kernel_table import all_kernels
from runnel.tools import api
from runnel.tools.validation import check_levels, check_program

KERNELS = [(1, 1), (3, 3), (1, 3), (3, 1), (2, 2), (5, 4)]
SAME = {"pad_top": 1, "pad_left": 1, "pad_bottom": 1, "pad_right": 1}
CONV_BYTES, DEPTHWISE_BYTES = 2048, 4096


def scratch(g: Window, budget: int) -> int:
    """Bytes of the most output rows whose padded input rows fit the budget, but of one at least."""
    wide = (g.out_w - 1) * g.stride_w + g.k_w
    high = (g.out_h - 1) * g.stride_h + g.k_h
    if (g.pad_top, g.pad_left) == (0, 0) and wide <= g.in_w and high <= g.in_h:
        return 0
    pitch = -(-wide * g.in_c // 4) * 4
    needed = [((rows - 1) * g.stride_h + g.k_h) * pitch for rows in range(1, g.out_h + 1)]
    return max([size for size in needed if size <= budget], default=needed[0])


def conv(name: str, g: Window, seed: int = 0, **fields: int) -> cases.Case:
    size = scratch(g, CONV_BYTES)
    return cases.conv_case(name, g, "rn_conv2d_s8_rv32", Packing(4, 1), size, seed, **fields)


def depthwise(name: str, g: Window, seed: int = 0, **fields: int) -> cases.Case:
    symbol, size = "rn_depthwise_conv2d_s8_rv32", scratch(g, DEPTHWISE_BYTES)
    return cases.conv_case(name, g, symbol, Packing(9, 1), size, seed, **fields)


def fully_connected(rows: int, in_c: int, out_c: int, **fields: int) -> cases.Case:
    name, packing = f"fc_{rows}_{in_c}_{out_c}", Packing(8 if out_c % 8 == 0 else 4, 1)
    symbol = "rn_fully_connected_s8_rv32"
    return cases.fully_connected_case(
        name, rows, in_c, out_c, symbol, packing, 0, 0, None, **fields
    )


def conv_cases() -> list[cases.Case]:
    found: list[cases.Case] = []
    for seed in range(16):
        g = shapes.random_window(seed, [1, 2, 3, 5, 7, 8, 16], KERNELS)
        found.append(conv(f"conv_{seed}", g, seed, out_zero=9 * seed - 60))
    g = Window(5, 7, 8, 6, 3, 3, in_zero=-128, **SAME)
    found.append(conv("conv_clamped", g, lo=-20, hi=63, out_zero=-20))
    found.append(conv("conv_bands", replace(g, in_w=70, in_h=9), out_zero=127))
    found.append(conv("conv_bands_stride", replace(g, in_w=90, in_h=12, stride_h=2)))
    found.append(conv("conv_skips_rows", replace(g, in_w=90, in_h=14, stride_h=4)))
    found.append(conv("conv_deep", replace(g, in_c=144, in_w=9), out_zero=-128))
    found.append(conv("conv_valid", Window(6, 9, 4, 8, 3, 3)))
    found.append(conv("pointwise", Window(7, 9, 64, 10)))
    found.append(conv("pointwise_stride", Window(8, 8, 16, 8, 1, 1, 2, 2)))
    return found


def depthwise_cases() -> list[cases.Case]:
    found: list[cases.Case] = []
    for seed in range(16):
        g = shapes.random_window(200 + seed, [1], [(3, 3)], groups=2 + seed % 7)
        g = replace(g, stride_w=1 + seed % 2)
        found.append(depthwise(f"depthwise_{seed}", g, seed, out_zero=seed))
    wide = Window(9, 100, 8, 8, 3, 3, groups=8, in_zero=-7, **SAME)
    found.append(depthwise("depthwise_bands", wide, lo=-100, hi=100))
    found.append(depthwise("depthwise_bands_s2", replace(wide, stride_h=2, stride_w=2)))
    found.append(cases.in_place(depthwise("depthwise_40x60", replace(wide, in_h=40, in_w=60))))
    found.append(cases.in_place(depthwise("depthwise_7x7", replace(wide, in_h=7, in_w=7))))
    found.append(depthwise("depthwise_no_padding", Window(8, 11, 8, 8, 3, 3, groups=8)))
    return found


def other_cases() -> list[cases.Case]:
    sizes = ((1, 64, 12), (1, 1003, 2), (1, 7, 3), (3, 18, 5), (1, 33, 1), (2, 5, 16), (1, 40, 8))
    found = [fully_connected(*size, out_zero=-3) for size in sizes]
    return [*found, fully_connected(1, 50, 24, lo=0, hi=100, out_zero=0)]


MACHINES = {"host-with-sanitizers": HOST_CHECKED, "rv32": RV32}
GROUPS = {"conv2d": conv_cases, "depthwise": depthwise_cases, "other": other_cases}


@pytest.mark.parametrize("group", GROUPS)
@pytest.mark.parametrize("machine", MACHINES)
def test_bytes_equal_numpy(machine: str, group: str, tmp_path: Path) -> None:
    where: Machine = MACHINES[machine]
    check_bytes(where, GROUPS[group](), tmp_path)


def test_scratch_sizes_agree(tmp_path: Path) -> None:
    """Header, kernel table and this test compute the same number of bytes."""
    found: list[cases.Case] = []
    for seed in range(25):
        g = shapes.random_window(seed, [1, 3, 4, 8, 64], KERNELS)
        g = replace(g, in_w=g.in_w + 7 * seed)
        size = scratch(g, CONV_BYTES)
        assert kernels_rv32.band_bytes(shapes.table_window(g), kernels_rv32.CONV2D_BYTES) == size
        found.append(cases.scratch_case(f"conv_{seed}", g, "rn_conv2d_s8_rv32", size))
        g = replace(shapes.random_window(seed, [1], [(3, 3)], groups=8), stride_w=1 + seed % 2)
        size = scratch(g, DEPTHWISE_BYTES)
        assert kernels_rv32.band_bytes(shapes.table_window(g), kernels_rv32.DEPTHWISE_BYTES) == size
        found.append(cases.scratch_case(f"dw_{seed}", g, "rn_depthwise_conv2d_s8_rv32", size))
    check_bytes(HOST, found, tmp_path)


@pytest.mark.parametrize(
    ("op", "window", "groups", "reason"),
    [
        ("conv2d", Window(8, 8, 4, 4, 3, 3, groups=2), 2, "one group, not 2"),
        ("conv2d", Window(8, 8, 4, 4, 3, 3, dil_w=2), 1, "no dilation"),
        ("depthwise_conv2d", Window(8, 8, 4, 4, 5, 5, groups=4), 4, "takes 3 x 3 kernels"),
        ("depthwise_conv2d", Window(8, 8, 4, 4, 3, 3, 3, 3, groups=4), 4, "strides up to 2"),
    ],
)
def test_what_a_kernel_refuses(op: str, window: Window, groups: int, reason: str) -> None:
    problem = kernels.Problem(op, shapes.table_window(window), groups)
    table = all_kernels()
    chosen, missed = kernels.choose_kernel(problem, frozenset({"rv32imc"}), table)
    assert chosen.symbol == f"rn_{op}_s8"
    assert [text for text in missed if reason in text] == missed != []


def limits() -> list[tuple[cases.Case, float]]:
    """Instructions per multiplication that a change must not exceed (gcc 12 plus 5 %)."""
    return [
        (conv("conv_3x3_16", Window(8, 32, 16, 16, 3, 3, **SAME)), 2.9),
        (conv("conv_1x1_64", Window(25, 5, 64, 64)), 3.0),
        (conv("conv_3x3_rgb", Window(8, 32, 3, 16, 3, 3, **SAME)), 4.2),
        (depthwise("depthwise_64", Window(25, 5, 64, 64, 3, 3, groups=64, **SAME)), 3.8),
        (fully_connected(1, 640, 128), 3.45),
    ]


def test_instruction_counts(tmp_path: Path) -> None:
    found = limits()
    check_instructions(RV32, found, tmp_path)


@pytest.mark.shared
@pytest.mark.parametrize("name", NETWORKS)
def test_networks_give_the_bytes_of_the_interpreter(name: str) -> None:
    if reason := RV32.missing():
        pytest.skip(reason)
    network = NETWORKS[name]
    data = network.inputs(network.tests[0])
    samples = {"input": np.ascontiguousarray(data[:: len(data) // 4][:4])}
    artifact = api.compile(api.load(network.path("qdq"), name=name), "rv32")
    expected, checks = check_levels(artifact, samples)
    checks.append(check_program(artifact, samples, expected, flags=["-Werror"]))
    assert [check for check in checks if not check.passed] == []
