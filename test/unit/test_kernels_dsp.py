"""The *_dsp.h kernels against NumPy: as plain C under sanitizers, and on an emulated Cortex-M4."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from kernel_harness import cases, dsp, shapes
from kernel_harness.checks import check_bytes, check_instructions
from kernel_harness.reference import Window
from kernel_harness.toolchain import CORTEX_M4, HOST, HOST_CHECKED, Machine

from runnel.lowering import kernels, kernels_dsp

KERNELS = [(1, 1), (3, 3), (1, 3), (3, 1), (2, 2), (5, 4)]


def conv(name: str, g: Window, seed: int = 0, **fields: int) -> cases.Case:
    packing, scratch = dsp.conv2d_packing(g), dsp.conv2d_scratch(g)
    return cases.conv_case(name, g, "rn_conv2d_s8_dsp", packing, scratch, seed, **fields)


def depthwise(name: str, g: Window, seed: int = 0, **fields: int) -> cases.Case:
    packing, scratch = dsp.depthwise_packing(), dsp.depthwise_scratch(g)
    return cases.conv_case(name, g, "rn_depthwise_conv2d_s8_dsp", packing, scratch, seed, **fields)


def fully_connected(rows: int, in_c: int, out_c: int, seed: int = 0, **fields: int) -> cases.Case:
    return cases.fully_connected_case(
        f"fc_{rows}_{in_c}_{out_c}", rows, in_c, out_c, "rn_fully_connected_s8_dsp",
        dsp.fully_connected_packing(), dsp.fully_connected_scratch(in_c), seed, None, **fields,
    )  # fmt: skip


def extreme_fully_connected(x: int, w: int) -> cases.Case:
    """The largest sums that the packed pairs of weights must keep apart."""
    name = f"fc_extreme_{x}_{w}".replace("-", "m")
    return cases.fully_connected_case(
        name, 1, 1000, 4, "rn_fully_connected_s8_dsp", dsp.fully_connected_packing(),
        dsp.fully_connected_scratch(1000), 0, (x, w),
    )  # fmt: skip


def conv_cases() -> list[cases.Case]:
    found: list[cases.Case] = []
    for seed in range(10):
        g = shapes.random_window(seed, [1, 2, 3, 5, 7], KERNELS)
        found.append(conv(f"conv_few_{seed}", g, seed, out_zero=seed - 5))
        g = shapes.random_window(100 + seed, [4, 8, 12, 20, 32], KERNELS)
        found.append(
            conv(f"conv_{seed}", replace(g, out_c=g.out_c - seed % 2), seed, out_zero=9 * seed - 40)
        )
    g = Window(5, 7, 8, 6, 3, 3, pad_top=1, pad_left=1, pad_bottom=1, pad_right=1, in_zero=-128)
    found.append(conv("conv_clamped", g, lo=-20, hi=63, out_zero=-20))
    found.append(conv("conv_long_row", replace(g, in_w=70), out_zero=127))
    found.append(conv("conv_deep", replace(g, in_c=144, in_w=9), out_zero=-128))
    found.append(conv("pointwise", Window(7, 9, 64, 10)))
    return found


def depthwise_cases() -> list[cases.Case]:
    found: list[cases.Case] = []
    for seed in range(12):
        g = shapes.random_window(200 + seed, [1], [(3, 3)], groups=4 * (1 + seed % 4))
        g = replace(g, stride_w=1 + seed % 2)
        found.append(depthwise(f"depthwise_{seed}", g, seed, out_zero=seed))
    same = {"pad_top": 1, "pad_left": 1, "pad_bottom": 1, "pad_right": 1}
    wide = Window(9, 100, 4, 4, 3, 3, groups=4, in_zero=-7, **same)
    found.append(depthwise("depthwise_bands", wide, lo=-100, hi=100))
    found.append(depthwise("depthwise_bands_s2", replace(wide, stride_h=2, stride_w=2)))
    found.append(cases.in_place(depthwise("depthwise_40x30", replace(wide, in_h=40, in_w=30))))
    found.append(cases.in_place(depthwise("depthwise_7x7", replace(wide, in_h=7, in_w=7))))
    found.append(depthwise("depthwise_no_padding", Window(8, 11, 8, 8, 3, 3, groups=8)))
    return found


def other_cases() -> list[cases.Case]:
    found = [
        fully_connected(*s, out_zero=-3)
        for s in ((1, 64, 12), (1, 1003, 2), (1, 7, 3), (3, 18, 5), (1, 33, 1), (2, 4, 9))
    ]
    found += [extreme_fully_connected(x, w) for x in (-128, 127) for w in (-128, 127)]
    for seed in range(6):
        g = shapes.random_window(300 + seed, [4, 8, 3], [(2, 2), (3, 3), (4, 1)])
        g = replace(g, out_c=g.in_c)
        found.append(
            cases.avg_pool_case(f"avg_pool_{seed}", g, "rn_avg_pool2d_s8_dsp", seed, out_zero=-seed)
        )
        limits = (-100, 100) if seed % 2 else (-128, 127)
        found.append(
            cases.max_pool_case(f"max_pool_{seed}", g, "rn_max_pool2d_s8_dsp", *limits, seed)
        )
    found.append(
        cases.avg_pool_case("avg_pool_16x16", Window(16, 16, 4, 4, 16, 16), "rn_avg_pool2d_s8_dsp")
    )
    found.append(
        cases.avg_pool_case("avg_pool_17x16", Window(17, 16, 4, 4, 17, 16), "rn_avg_pool2d_s8_dsp")
    )
    for n, scales, shift in (
        (33, (20000, -15000), 14),
        (64, (32767, -32768), 16),
        (7, (100000, 3), 12),
        (8, (1, 1), 0),
    ):
        found.append(cases.add_case(f"add_{n}", n, "rn_add_s8_dsp", scales, shift))
    found.append(cases.add_case("add_clamped", 30, "rn_add_s8_dsp", (300, 500), 9, -30, 90))
    return found


MACHINES = {"c-meaning-with-sanitizers": HOST_CHECKED, "cortex-m4": CORTEX_M4}
GROUPS = {"conv2d": conv_cases, "depthwise": depthwise_cases, "other": other_cases}


@pytest.mark.parametrize("group", GROUPS)
@pytest.mark.parametrize("machine", MACHINES)
def test_bytes_equal_numpy(machine: str, group: str, tmp_path: Path) -> None:
    where: Machine = MACHINES[machine]
    found = GROUPS[group]()
    check_bytes(where, found, tmp_path)


def test_scratch_sizes_agree(tmp_path: Path) -> None:
    """Header, kernel table and this test compute the same number of bytes."""
    found: list[cases.Case] = []
    for seed in range(15):
        g = shapes.random_window(seed, [1, 3, 4, 8, 64], KERNELS)
        g = replace(g, in_w=g.in_w + 7 * seed)
        size = kernels_dsp.conv2d_scratch(kernels.Problem("conv2d", shapes.table_window(g)))
        assert size == dsp.conv2d_scratch(g)
        found.append(cases.scratch_case(f"conv_{seed}", g, "rn_conv2d_s8_dsp", size))
        g = replace(shapes.random_window(seed, [1], [(3, 3)], groups=8), stride_w=1 + seed % 2)
        problem = kernels.Problem("depthwise_conv2d", shapes.table_window(g), groups=8)
        size = kernels_dsp.depthwise_scratch(problem)
        assert size == dsp.depthwise_scratch(g)
        found.append(cases.scratch_case(f"dw_{seed}", g, "rn_depthwise_conv2d_s8_dsp", size))
    check_bytes(HOST, found, tmp_path)


def limits() -> list[tuple[cases.Case, float]]:
    """Instructions per multiplication that a change must not exceed (gcc 12 plus 10 %)."""
    same = {"pad_top": 1, "pad_left": 1, "pad_bottom": 1, "pad_right": 1}
    return [
        (conv("conv_3x3_16", Window(8, 32, 16, 16, 3, 3, **same)), 0.94),
        (conv("conv_1x1_64", Window(25, 5, 64, 64)), 1.06),
        (conv("conv_3x3_rgb", Window(8, 32, 3, 16, 3, 3, **same)), 1.45),
        (depthwise("depthwise_64", Window(25, 5, 64, 64, 3, 3, groups=64, **same)), 2.5),
        (fully_connected(1, 640, 128), 1.09),
    ]


def test_instruction_counts(tmp_path: Path) -> None:
    found = limits()
    check_instructions(CORTEX_M4, found, tmp_path)
