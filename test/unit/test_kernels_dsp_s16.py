"""The *_s16_dsp.h kernels against NumPy: as plain C under sanitizers, and on a Cortex-M4."""

from __future__ import annotations

from dataclasses import replace
from itertools import product
from pathlib import Path

import pytest
from kernel_harness import cases, dsp, shapes
from kernel_harness.checks import check_bytes, check_instructions
from kernel_harness.reference import Packing, Window
from kernel_harness.toolchain import CORTEX_M4, HOST, HOST_CHECKED, Machine

from runnel.dialects import cortexm
from runnel.lowering import kernels, kernels_dsp_s16

SHORT = {"int8": "s8", "int16": "s16"}
TYPES: tuple[cases.Types, ...] = (("int8", "int16"), ("int16", "int8"), ("int16", "int16"))
KERNELS = [(1, 1), (3, 3), (1, 3), (2, 2)]
SAME = {"pad_top": 1, "pad_left": 1, "pad_bottom": 1, "pad_right": 1}


def symbol(op: str, types: cases.Types) -> str:
    return f"rn_{op}_{SHORT[types[0]]}_{SHORT[types[1]]}_dsp"


def conv_scratch(g: Window, types: cases.Types) -> int:
    """Weights, and the windows of a chunk unless they are the pixels of the input."""
    if types[0] == "int8":
        return dsp.conv2d_scratch(g)
    k = -(-g.k_h * g.k_w * g.in_c // 4) * 4
    window = (g.k_h, g.k_w, g.stride_h, g.stride_w) == (1, 1, 1, 1)
    if window and (g.out_h, g.out_w) == (g.in_h, g.in_w) and g.in_c % 4 == 0:
        return 4 * k
    return dsp.conv2d_scratch(g) - (0 if g.in_c % 4 == 0 else k)


def conv(name: str, g: Window, types: cases.Types, seed: int = 0, **fields: int) -> cases.Case:
    order = [0, 2, 1, 3] if types[0] == "int16" else []
    packing = Packing(rows=2, cols=4, order=order, column_first=g.in_c % 4 == 0)
    return cases.conv_case(
        name, g, symbol("conv2d", types), packing, conv_scratch(g, types), seed, types,
        "rn_conv2d_s16_dsp", **fields,
    )  # fmt: skip


def depthwise(name: str, g: Window, types: cases.Types, seed: int = 0, **fields: int) -> cases.Case:
    return cases.conv_case(
        name, g, symbol("depthwise_conv2d", types), dsp.depthwise_packing(),
        dsp.depthwise_scratch(g), seed, types, "rn_depthwise_conv2d_s16_dsp", **fields,
    )  # fmt: skip


def fully_connected(
    rows: int, in_c: int, out_c: int, types: cases.Types, **fields: int
) -> cases.Case:
    packing, scratch = dsp.fully_connected_packing(), dsp.fully_connected_scratch(in_c)
    if types[0] == "int16":
        rows_of_words = ((0, 0), (1, 0), (0, 4), (1, 4))
        order = [8 * r + first + i for r, first in rows_of_words for i in (0, 2, 1, 3)]
        packing, scratch = Packing(rows=2, cols=8, order=order), scratch if in_c % 8 else 0
    return cases.fully_connected_case(
        f"fc_{rows}_{in_c}_{out_c}_{types[1]}", rows, in_c, out_c, symbol("fully_connected", types),
        packing, scratch, 0, None, types, "rn_fully_connected_s16_dsp", **fields,
    )  # fmt: skip


def product_cases(types: cases.Types) -> list[cases.Case]:
    found: list[cases.Case] = []
    for seed in range(5):
        few = shapes.random_window(seed, [1, 2, 3, 5, 7], KERNELS)
        many = shapes.random_window(100 + seed, [4, 8, 12, 20], KERNELS)
        many = replace(many, out_c=many.out_c - seed % 2)
        found.append(conv(f"conv_few_{seed}", few, types, seed, out_zero=3 * seed))
        found.append(conv(f"conv_{seed}", many, types, seed, out_zero=seed - 2))
        group = shapes.random_window(200 + seed, [1], [(3, 3)], groups=4 * (1 + seed % 3))
        group = replace(group, stride_w=1 + seed % 2)
        found.append(depthwise(f"depthwise_{seed}", group, types, seed, out_zero=seed % 2))
    g = Window(5, 7, 8, 6, 3, 3, in_zero=-128, **SAME)
    found.append(conv("conv_clamped", g, types, lo=-20, hi=63, out_zero=-20))
    found.append(conv("pointwise", Window(7, 9, 32, 10), types))
    wide = Window(9, 60, 4, 4, 3, 3, groups=4, in_zero=-7, **SAME)
    found.append(depthwise("depthwise_bands", wide, types, lo=-100, hi=100))
    found.append(depthwise("depthwise_bands_s2", replace(wide, stride_h=2, stride_w=2), types))
    found += [
        fully_connected(*s, types, out_zero=-3)
        for s in ((1, 64, 12), (1, 203, 2), (1, 7, 3), (3, 18, 5), (2, 48, 9))
    ]
    return found


def other_cases() -> list[cases.Case]:
    found: list[cases.Case] = []
    for seed, types in product(range(4), TYPES[1:]):
        g = shapes.random_window(300 + seed, [2, 4, 6], [(2, 2), (3, 3), (4, 1)])
        g = replace(g, out_c=g.in_c)
        name, header = f"avg_pool_{seed}_{types[1]}", "rn_pool2d_s16_dsp"
        found.append(
            cases.avg_pool_case(
                name, g, symbol("avg_pool2d", types), seed, types, header, out_zero=-seed
            )
        )
        lo, hi = (-100, 20000) if seed % 2 else (-32768, 32767)
        name = f"max_pool_{seed}_{types[1]}"
        found.append(
            cases.max_pool_case(name, g, "rn_max_pool2d_s16_s16_dsp", lo, hi, seed, "int16", header)
        )
    for n, scales, shift, limits in (
        (33, (20000, -15000), 15, (-32768, 32767)),
        (8, (100, 31000), 14, (-2000, 900)),
        (5, (40000, 3), 12, (-32768, 32767)),
    ):
        found.append(
            cases.add_case(
                f"add_{n}", n, "rn_add_s16_s16_s16_dsp", scales, shift, *limits, kind="int16",
                header="rn_add_s16_dsp",
            )
        )  # fmt: skip
    return found


MACHINES = {"c-meaning-with-sanitizers": HOST_CHECKED, "cortex-m4": CORTEX_M4}


@pytest.mark.parametrize("machine", MACHINES)
def test_bytes_equal_numpy(machine: str, tmp_path: Path) -> None:
    where: Machine = MACHINES[machine]
    found = other_cases()
    for types in TYPES:
        suffix = "_".join(types)
        found += [replace(c, name=f"{c.name}_{suffix}") for c in product_cases(types)]
    check_bytes(where, found, tmp_path)


def test_scratch_sizes_agree(tmp_path: Path) -> None:
    """Header, kernel table and this test compute the same number of bytes."""
    found: list[cases.Case] = []
    for seed in range(12):
        g = shapes.random_window(seed, [1, 3, 4, 8, 64], KERNELS)
        g = replace(g, in_w=g.in_w + 7 * seed)
        window = cortexm.Window(*(getattr(g, name) for name in cortexm.Window._fields))
        problem = kernels.Problem("conv2d", window, types="s16_s16")
        size = kernels_dsp_s16.conv2d_wide_scratch(problem)
        assert size == conv_scratch(g, TYPES[2])
        case = cases.scratch_case(f"conv_{seed}", g, "rn_conv2d_s16_dsp", size)
        found.append(case)
    check_bytes(HOST, found, tmp_path)


def limits() -> list[tuple[cases.Case, float]]:
    """Instructions per multiplication that a change must not exceed (gcc 12 plus 10 %)."""
    both = TYPES[2]
    wide = Window(25, 5, 64, 64, 3, 3, groups=64, **SAME)
    return [
        (conv("conv_3x3_16", Window(8, 32, 16, 16, 3, 3, **SAME), both), 0.95),
        (conv("conv_1x1_64", Window(25, 5, 64, 64), both), 0.98),
        (conv("conv_3x3_rgb", Window(8, 32, 3, 16, 3, 3, **SAME), both), 1.76),
        (depthwise("depthwise_64", wide, both), 2.5),
        (fully_connected(1, 640, 128, both), 1.31),
    ]


def test_instruction_counts(tmp_path: Path) -> None:
    found = limits()
    check_instructions(CORTEX_M4, found, tmp_path)
