"""The *_xpulp.h kernels against NumPy: by their C meaning on the host, and on an emulated core."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import pytest
from kernel_harness import cases, shapes
from kernel_harness.checks import check_bytes, check_instructions
from kernel_harness.reference import Packing, Window
from kernel_harness.toolchain import BOARDS, HOST, HOST_CHECKED, Machine
from test_kernels_rv32 import KERNELS, SAME, depthwise, depthwise_cases, scratch

from runnel.lowering import kernels, kernels_xpulp
from runnel.lowering.kernel_table import all_kernels
from runnel.runtime.platforms import load_platform
from runnel.runtime.runners.build_files import defines, memory_script

CONV_BYTES = 2048


def conv_scratch(g: Window) -> int:
    """The band, and two windows where these have to be gathered."""
    window = -(-g.k_h * g.k_w * g.in_c // 4) * 4
    return scratch(g, CONV_BYTES) + (2 * window if g.in_c % 4 else 0)


def conv(name: str, g: Window, seed: int = 0, **fields: int) -> cases.Case:
    size, packing = conv_scratch(g), Packing(4, 4)
    return cases.conv_case(name, g, "rn_conv2d_s8_xpulp", packing, size, seed, **fields)


def fully_connected(rows: int, in_c: int, out_c: int, **fields: int) -> cases.Case:
    name, symbol = f"fc_{rows}_{in_c}_{out_c}", "rn_fully_connected_s8_xpulp"
    return cases.fully_connected_case(
        name, rows, in_c, out_c, symbol, Packing(4, 4), 0, 0, None, **fields
    )


def conv_cases() -> list[cases.Case]:
    found: list[cases.Case] = []
    for seed in range(10):
        g = shapes.random_window(seed, [1, 2, 3, 5, 7], KERNELS)
        found.append(conv(f"conv_few_{seed}", g, seed, out_zero=seed - 5))
        g = shapes.random_window(100 + seed, [4, 8, 12, 20, 32], KERNELS)
        g = replace(g, out_c=g.out_c - seed % 4)
        found.append(conv(f"conv_{seed}", g, seed, out_zero=9 * seed - 40))
    g = Window(5, 7, 8, 6, 3, 3, in_zero=-128, **SAME)
    found.append(conv("conv_clamped", g, lo=-20, hi=63, out_zero=-20))
    found.append(conv("conv_bands", replace(g, in_w=70, in_h=9), out_zero=127))
    found.append(conv("conv_deep", replace(g, in_c=144, in_w=9), out_zero=-128))
    found.append(conv("pointwise", Window(7, 9, 64, 10)))
    found.append(conv("pointwise_odd", Window(5, 3, 3, 8)))
    return found


def other_cases() -> list[cases.Case]:
    sizes = ((1, 64, 12), (1, 1003, 2), (1, 7, 3), (3, 18, 5), (1, 33, 1), (2, 4, 9), (1, 3, 4))
    return [fully_connected(*size, out_zero=-3) for size in sizes]


GROUPS = {"conv2d": conv_cases, "depthwise": depthwise_cases, "other": other_cases}


def emulated(folder: Path) -> Machine:
    """Core 0 of the emulated cluster; in `folder` the linker looks for the memories."""
    platform = load_platform("siracusa")
    (folder / "memory.ld").write_text(memory_script(platform))
    boards = [BOARDS / name for name in platform.board.folders]
    sources = [str(path) for board in boards for path in sorted(board.glob("rn_start.c"))]
    includes = [f"-I{board}" for board in boards]
    toolchain = platform.toolchain
    flags = [*toolchain.cpu, *toolchain.optimize, "-DBARE", *defines(platform), *includes]
    flags += sources
    link = [f"-L{folder}", f"-T{BOARDS / 'pulp' / 'sections.ld'}", *toolchain.link]
    run = (sys.executable, "-m", "runnel.runtime.emulator", "--platform", "siracusa")
    return Machine(toolchain.prefix + toolchain.compiler, (*flags, *link), run)


@pytest.mark.parametrize("group", GROUPS)
@pytest.mark.parametrize("where", ["c-meaning-with-sanitizers", "emulator"])
def test_bytes_equal_numpy(where: str, group: str, tmp_path: Path) -> None:
    machine = HOST_CHECKED if where != "emulator" else emulated(tmp_path)
    check_bytes(machine, GROUPS[group](), tmp_path)


def test_scratch_sizes_agree(tmp_path: Path) -> None:
    """Header, kernel table and this test compute the same number of bytes."""
    found: list[cases.Case] = []
    for seed in range(25):
        g = shapes.random_window(seed, [1, 3, 4, 8, 64], KERNELS)
        g = replace(g, in_w=g.in_w + 7 * seed)
        size = kernels_xpulp.conv2d_scratch(kernels.Problem("conv2d", shapes.table_window(g)))
        assert size == conv_scratch(g)
        found.append(cases.scratch_case(f"conv_{seed}", g, "rn_conv2d_s8_xpulp", size))
    check_bytes(HOST, found, tmp_path)


def test_the_table_prefers_them() -> None:
    features = frozenset({"rv32imc", "xpulp"})
    table = all_kernels()
    window = shapes.table_window(Window(8, 8, 4, 4, 3, 3))
    for problem, symbol in (
        (kernels.Problem("conv2d", window), "rn_conv2d_s8_xpulp"),
        (kernels.Problem("depthwise_conv2d", window, groups=4), "rn_depthwise_conv2d_s8_rv32"),
        (kernels.Problem("fully_connected", outputs=8), "rn_fully_connected_s8_xpulp"),
    ):
        assert kernels.choose_kernel(problem, features, table)[0].symbol == symbol


def limits() -> list[tuple[cases.Case, float]]:
    """Instructions per multiplication that a change must not exceed (gcc 12 plus 5 %)."""
    return [
        (conv("conv_3x3_16", Window(8, 32, 16, 16, 3, 3, **SAME)), 0.59),
        (conv("conv_1x1_64", Window(25, 5, 64, 64)), 0.65),
        (conv("conv_3x3_rgb", Window(8, 32, 3, 16, 3, 3, **SAME)), 1.65),
        (depthwise("depthwise_64", Window(25, 5, 64, 64, 3, 3, groups=64, **SAME)), 2.65),
        (fully_connected(1, 640, 128), 0.65),
    ]


def test_instruction_counts(tmp_path: Path) -> None:
    machine = emulated(tmp_path)
    found = limits()
    check_instructions(machine, found, tmp_path)
