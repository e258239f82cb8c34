"""The rn_cluster_*.h kernels against NumPy: by their C meaning on the host, core after core in both
orders, and on all cores of the emulated cluster."""

from __future__ import annotations

from dataclasses import replace
from itertools import permutations
from pathlib import Path

import numpy as np
import pytest
from kernel_harness import cases, cluster, shapes
from kernel_harness.checks import check_bytes
from kernel_harness.cluster import Gaps
from kernel_harness.reference import DOUBLE, FLOOR, HALF_EVEN, Packing, Window
from kernel_harness.toolchain import HOST, HOST_CHECKED, Machine
from test_kernels_attention import normalized
from test_kernels_rv32 import SAME
from test_kernels_xpulp import emulated

from runnel.bench import cluster_kernels
from runnel.lowering import kernels, kernels_cluster
from runnel.lowering.kernels_cluster import CLUSTER_KERNELS, conv2d_scratch, depthwise_scratch

KERNELS = [(1, 1), (3, 3), (1, 3), (3, 1), (2, 2), (5, 4)]
FLAVOURS = ("", "_rv32", "_xpulp")


def runs_bytes(g: Window) -> int:
    """Twenty bytes per tap."""
    return 20 * g.k_h * g.k_w


def conv(flavour: str, name: str, g: Window, seed: int = 0, **fields: int) -> cases.Case:
    """A convolution with gaps that follow from the seed."""
    packing = {"": Packing(), "_rv32": Packing(4, 1), "_xpulp": Packing(4, 4)}[flavour]
    window = -(-g.k_h * g.k_w * g.in_c // 4) * 4
    size = {
        "": 0,
        "_rv32": runs_bytes(g),
        "_xpulp": 4 * window + 4 if g.in_c % 4 else runs_bytes(g),
    }[flavour]
    symbol = f"rn_cluster_conv2d_s8{flavour}"
    gaps = gaps_of(seed)
    return cluster.conv_case(name, g, symbol, packing, size, seed, *gaps, **fields)


def gaps_of(seed: int) -> tuple[Gaps, Gaps]:
    """Of the input and of the output: none, of rows, of pixels; words and odd bytes."""
    choices = (Gaps(), Gaps(row=8), Gaps(pixel=4), Gaps(pixel=3, row=5), Gaps(pixel=8, row=16))
    return choices[seed % 5], choices[seed // 5 % 5]


def depthwise(flavour: str, name: str, g: Window, seed: int = 0, **fields: int) -> cases.Case:
    size = 16 * min((g.out_h - 1) * g.stride_h + 3, 27) if flavour == "_xpulp" else 0
    symbol, packing = f"rn_cluster_depthwise_conv2d_s8{flavour}", Packing(g.k_h * g.k_w, 1)
    return cluster.conv_case(name, g, symbol, packing, size, seed, *gaps_of(seed), **fields)


def conv_cases(flavour: str) -> list[cases.Case]:
    found: list[cases.Case] = []
    for seed in range(10):
        g = shapes.random_window(seed, [1, 2, 3, 5, 7], KERNELS)
        found.append(conv(flavour, f"few_{seed}", g, seed, out_zero=seed - 5))
        g = shapes.random_window(100 + seed, [4, 8, 12, 20, 32], KERNELS)
        g = replace(g, out_c=g.out_c - seed % 4)
        found.append(conv(flavour, f"many_{seed}", g, seed, out_zero=9 * seed - 70))
    g = Window(5, 7, 8, 6, 3, 3, in_zero=-128, **SAME)
    found.append(conv(flavour, "clamped", g, lo=-20, hi=63, out_zero=-20))
    found.append(conv(flavour, "row", Window(1, 112, 4, 8, 1, 3, pad_left=1, pad_right=1)))
    for height, width, channels in ((25, 5, 64), (1, 1, 256), (3, 3, 128), (4, 4, 64)):
        g = Window(height, width, 16, channels)
        found.append(conv(flavour, f"pointwise_{height}_{channels}", g, out_zero=-128))
    found.append(conv(flavour, "deep", Window(3, 3, 64, 20, 3, 3, in_zero=5, **SAME)))
    found.append(conv(flavour, "stride", Window(9, 9, 16, 12, 3, 3, 2, 2, **SAME)))
    for seed in range(16):
        edges = {f"pad_{side}": seed >> bit & 1 for bit, side in enumerate(SIDES)}
        g = Window(4, 6, 4, 4, 3, 3, in_zero=seed - 8, **edges)
        found.append(conv(flavour, f"padding_{seed}", g, seed))
    return cluster.one_instance(found, cluster.CONVOLUTION)


SIDES = ("top", "left", "bottom", "right")


def depthwise_cases(flavour: str) -> list[cases.Case]:
    found: list[cases.Case] = []
    for seed in range(12):
        groups = 4 * (1 + seed % 5) if flavour == "_xpulp" else 2 + seed % 9
        sizes = [(3, 3)] if flavour == "_xpulp" or seed % 2 else [(5, 5), (2, 3), (4, 1), (1, 1)]
        g = shapes.random_window(200 + seed, [1], sizes, groups=groups)
        found.append(depthwise(flavour, f"random_{seed}", g, seed, out_zero=seed))
    g = Window(40, 6, 8, 8, 3, 3, groups=8, in_zero=-7, **SAME)
    found.append(depthwise(flavour, "bands", g, lo=-100, hi=100))
    found.append(depthwise(flavour, "bands_s2", replace(g, stride_h=2, stride_w=2)))
    found.append(depthwise(flavour, "s2_s1", replace(g, stride_h=2)))
    for seed in range(16):
        edges = {f"pad_{side}": seed >> bit & 1 for bit, side in enumerate(SIDES)}
        g = Window(4, 5, 4, 4, 3, 3, 1, 1 + seed % 3 // 2, groups=4, in_zero=seed - 8, **edges)
        found.append(depthwise(flavour, f"padding_{seed}", g, seed))
    return cluster.one_instance(found, cluster.CONVOLUTION)


def fully_connected_cases(flavour: str) -> list[cases.Case]:
    packing = {"": Packing(), "_rv32": Packing(4, 1), "_xpulp": Packing(4, 4)}[flavour]
    symbol = f"rn_cluster_fully_connected_s8{flavour}"
    sizes = ((1, 64, 12), (1, 1003, 2), (1, 7, 3), (3, 18, 5), (1, 33, 1), (2, 4, 9), (1, 3, 128))
    return [
        cluster.fully_connected_case(f"fc_{rows}_{depth}", rows, depth, outputs, symbol, packing)
        for rows, depth, outputs in sizes
    ]


def pool_cases(flavour: str) -> list[cases.Case]:
    found: list[cases.Case] = []
    for seed in range(12):
        channels = [4, 8, 16] if flavour == "_xpulp" else [1, 3, 4, 7]
        g = shapes.random_window(300 + seed, channels, [(2, 2), (3, 3), (3, 2)])
        g, gaps = replace(g, out_c=g.in_c), gaps_of(seed)
        average, most = (f"rn_cluster_{op}_pool2d_s8{flavour}" for op in ("avg", "max"))
        found.append(cluster.avg_pool_case(f"avg_{seed}", g, average, seed, *gaps, out_zero=seed))
        found.append(cluster.max_pool_case(f"max_{seed}", g, most, -9 * seed, 90, seed, *gaps))
    g = Window(8, 8, 64, 64, 8, 8, in_zero=-128)
    symbol = f"rn_cluster_avg_pool2d_s8{flavour}"
    found.append(cluster.avg_pool_case("avg_global", g, symbol))
    for zero in (-128, 3):
        found.append(
            cluster.avg_pool_case(
                f"avg_ties_{zero}", replace(g, in_h=16), symbol, divisor=64, out_zero=zero,
                rounding=HALF_EVEN,
            )
        )  # fmt: skip
    even = replace(g, k_h=1, k_w=2, in_h=3, in_w=14, in_zero=0)
    for zero in (0, 5):
        found.append(
            cluster.avg_pool_case(
                f"avg_halves_{zero}", even, symbol, divisor=2, out_zero=zero, rounding=HALF_EVEN
            )
        )
    return found


def unfold_cases(flavour: str) -> list[cases.Case]:
    """Windows of whole words and of odd bytes, with nothing or up to a word of filling behind."""
    found: list[cases.Case] = []
    symbol = f"rn_cluster_unfold_s8{flavour}"
    for seed in range(20):
        g = shapes.random_window(600 + seed, [1, 2, 3, 4], [*KERNELS, (10, 4)])
        g = replace(g, out_c=g.k_h * g.k_w * g.in_c + seed % 5)
        found.append(cluster.unfold_case(f"unfold_{seed}", g, symbol, seed, *gaps_of(seed)))
    for seed in range(16):
        edges = {f"pad_{side}": seed >> bit & 1 for bit, side in enumerate(SIDES)}
        g = Window(4, 6, 3, 28, 3, 3, in_zero=seed - 8, **edges)
        found.append(cluster.unfold_case(f"padding_{seed}", g, symbol, seed))
    return found


def elementwise_cases(flavour: str) -> list[cases.Case]:
    found: list[cases.Case] = []
    for seed, shape in enumerate(
        [(1, 1, 1), (3, 5, 7), (4, 4, 16), (2, 9, 5), (1, 1, 97), (7, 3, 8)]
    ):
        for kind in range(3):
            gaps = (gaps_of(kind * seed)[0], gaps_of(kind)[0], gaps_of(seed * (kind > 0))[0])
            limits = (-128, 127) if seed % 2 else (-77, 100)
            found.append(
                cluster.add_case(
                    f"add_{seed}_{kind}",
                    shape,
                    f"rn_cluster_add_s8{flavour}",
                    (1 << 20, -(1 << 21) + seed),
                    21,
                    *limits,
                    seed,
                    gaps,
                )
            )  # fmt: skip
            if not flavour:
                found.append(
                    cluster.table_case(
                        f"table_{seed}_{kind}", shape, "rn_cluster_table_s8", seed, *gaps[:2]
                    )
                )
    return found


def copy_cases(flavour: str) -> list[cases.Case]:
    """One kernel, with hardware loops where there are any; rows and pixels with gaps or without."""
    shapes = [(3, 5, 7), (4, 4, 16), (2, 9, 5), (7, 3, 8), (12, 6, 4), (5, 12, 36), (1, 1, 64)]
    return [
        cluster.copy_case(f"copy_{i}_{seed}", shape, "rn_cluster_copy_s8", seed, *gaps_of(seed))
        for i, shape in enumerate(shapes)
        for seed in (0, 1, 2, 3, 4, 6, 24)
    ]


ELEMENTS = ((1, 1, 1), (3, 5, 7), (4, 4, 16), (2, 9, 5), (1, 1, 97), (7, 3, 8))


def portable_cases(flavour: str) -> list[cases.Case]:
    """What only the C99 flavour takes."""
    found: list[cases.Case] = []
    for seed in range(12):
        rounding = (DOUBLE, FLOOR, HALF_EVEN)[seed % 3]
        g = shapes.random_window(400 + seed, [1, 2, 3], KERNELS, groups=1 + seed % 4, dilation=3)
        found.append(conv(flavour, f"groups_{seed}", g, seed, rounding=rounding))
        g = shapes.random_window(500 + seed, [1], KERNELS, groups=2 + seed % 4, dilation=3)
        found.append(depthwise(flavour, f"depthwise_{seed}", g, seed, rounding=rounding))
    return found


def matmul_scratch(depth: int, rows: int) -> int:
    """Four columns in whole words, and a number for each row."""
    return 4 * (-(-depth // 4) * 4) + 4 * rows


def attention_cases(flavour: str) -> list[cases.Case]:
    """Products of two activations; with the C99 flavour what works on rows, too."""
    found: list[cases.Case] = []
    shapes = [
        (1, 99, 64, 99), (1, 99, 99, 64), (3, 5, 7, 6), (2, 1, 16, 1), (1, 2, 3, 4), (1, 3, 1, 2),
        (2, 4, 4, 4), (1, 7, 18, 13), (4, 6, 33, 3), (1, 1, 130, 31),
    ]  # fmt: skip
    zeros = [(0, 0, 0), (-128, 127, 5), (11, -6, 107), (127, -128, -3)]
    for seed, shape in enumerate(shapes):
        symbol, size = f"rn_cluster_matmul_s8{flavour}", matmul_scratch(shape[2], shape[1])
        gaps = (*gaps_of(7 * seed), gaps_of(seed)[0])
        found.append(
            cluster.matmul_case(f"matmul_{seed}", shape, symbol, size, seed, gaps, zeros[seed % 4])
        )
    if flavour:
        return found
    found.append(
        cluster.matmul_case("even", (1, 3, 5, 6), "rn_cluster_matmul_s8", rounding=HALF_EVEN)
    )
    rng = np.random.default_rng(1)
    for seed, shape in enumerate([(1, 99, 99), (3, 5, 7), (1, 1, 12), (2, 4, 64)]):
        gaps = gaps_of(seed + 1)
        name = "rn_cluster_softmax_s8"
        found.append(cluster.softmax_case(f"softmax_{seed}", shape, name, -128 + seed, *gaps))
        name = "rn_cluster_transpose_s8"
        for perm in permutations(range(3)):
            case = f"transpose_{seed}_{''.join(map(str, perm))}"
            found.append(cluster.transpose_case(case, shape, perm, name, *gaps))
        x = rng.integers(-128, 128, shape).astype(np.int8)
        weight = rng.integers(-(2**30), 2**30, shape[2]).astype(np.int32)
        bias = rng.integers(-(2**20), 2**20, shape[2]).astype(np.int32)
        y = normalized(x.reshape(-1, shape[2]), weight.tolist(), bias.tolist(), 7, 44, "int8")
        found.append(
            cluster.layer_norm_case(
                f"norm_{seed}", x, "rn_cluster_layer_norm_s8", weight, bias, y.reshape(shape), 44,
                *gaps,
            )
        )  # fmt: skip
    return found


GROUPS = {
    "conv2d": (conv_cases, FLAVOURS),
    "depthwise": (depthwise_cases, FLAVOURS),
    "fully_connected": (fully_connected_cases, FLAVOURS),
    "pool": (pool_cases, ("", "_xpulp")),
    "unfold": (unfold_cases, ("", "_xpulp")),
    "elementwise": (elementwise_cases, ("", "_xpulp")),
    "copy": (copy_cases, ("", "_xpulp")),
    "attention": (attention_cases, ("", "_xpulp")),
    "portable": (portable_cases, ("",)),
}
ALL = [(group, flavour) for group, (_, flavours) in GROUPS.items() for flavour in flavours]


def check(machine: Machine, group: str, flavour: str, folder: Path) -> None:
    check_bytes(machine, GROUPS[group][0](flavour), folder)


@pytest.mark.parametrize(("group", "flavour"), ALL)
def test_c_meaning_with_sanitizers(group: str, flavour: str, tmp_path: Path) -> None:
    check(HOST_CHECKED, group, flavour, tmp_path)


@pytest.mark.parametrize(("group", "flavour"), [pair for pair in ALL if pair[1]])
def test_eight_emulated_cores(group: str, flavour: str, tmp_path: Path) -> None:
    machine = emulated(tmp_path)
    if flavour == "_rv32":
        machine = replace(machine, flags=(*machine.flags, "-URN_XPULP"))
    check(machine, group, flavour, tmp_path)


def test_scratch_sizes_agree(tmp_path: Path) -> None:
    """Header and kernel table compute the same number of bytes."""
    found: list[cases.Case] = []
    for seed in range(25):
        g = shapes.random_window(seed, [1, 3, 4, 8, 64], KERNELS)
        size = conv2d_scratch(kernels.Problem("conv2d", shapes.table_window(g)))
        found.append(cases.scratch_case(f"conv_{seed}", g, "rn_cluster_conv2d_s8_xpulp", size))
        g = shapes.random_window(seed, [1], [(3, 3)], groups=8)
        size = depthwise_scratch(kernels.Problem("depthwise_conv2d", shapes.table_window(g)))
        symbol = "rn_cluster_depthwise_conv2d_s8_xpulp"
        found.append(cases.scratch_case(f"depthwise_{seed}", g, symbol, size))
    for rows, depth in ((1, 1), (99, 64), (7, 130), (16, 3)):
        shape = cases.c_struct("rn_matmul_shape", "shape", [1, rows, depth, 5, 0, 0])
        size = kernels_cluster.matmul_scratch(kernels.Problem("matmul", rows=rows, depth=depth))
        symbol = "rn_cluster_matmul_s8_xpulp"
        found.append(cases.scratch_of_shape(f"matmul_{rows}_{depth}", shape, symbol, size))
    check_bytes(HOST, found, tmp_path)


XPULP, PLAIN = frozenset({"rv32imc", "xpulp"}), frozenset({"rv32imc"})


def choice(
    symbol: str, isa: frozenset[str], op: str, k: int = 1, in_c: int = 8, groups: int = 1
) -> tuple[kernels.Problem, frozenset[str], str]:
    window = shapes.table_window(Window(8, 8, in_c, 8, k, k))
    return kernels.Problem(op, window, groups), isa, f"rn_cluster_{symbol}"


@pytest.mark.parametrize(
    ("problem", "isa", "symbol"),
    [
        choice("conv2d_s8_xpulp", XPULP, "conv2d", 3, 3),
        choice("conv2d_s8_rv32", PLAIN, "conv2d"),
        choice("conv2d_s8", XPULP, "conv2d", groups=2),
        choice("depthwise_conv2d_s8_xpulp", XPULP, "depthwise_conv2d", 3),
        choice("depthwise_conv2d_s8_rv32", XPULP, "depthwise_conv2d", 5),
        choice("depthwise_conv2d_s8_rv32", PLAIN, "depthwise_conv2d", 3),
        choice("fully_connected_s8", frozenset(), "fully_connected"),
        choice("add_s8_xpulp", XPULP, "add"),
        choice("table_s8", XPULP, "table"),
        choice("max_pool2d_s8", XPULP, "max_pool2d", in_c=6),
        choice("unfold_s8_xpulp", XPULP, "unfold", 3),
        choice("unfold_s8", PLAIN, "unfold", 3),
    ],
)
def test_the_table_prefers_the_fastest(
    problem: kernels.Problem, isa: frozenset[str], symbol: str
) -> None:
    assert kernels.choose_kernel(problem, isa, CLUSTER_KERNELS)[0].symbol == symbol


def test_packings_fall_into_channel_tiles() -> None:
    """The packed weights of four channels are a slice of those of all."""
    window = shapes.table_window(Window(8, 8, 8, 16, 3, 3))
    w = np.arange(16 * 72).reshape(16, 72).astype(np.int8)
    for kernel in CLUSTER_KERNELS:
        if kernel.op == "conv2d":
            packing = kernel.packing(kernels.Problem("conv2d", window))
            whole = packing.pack(w, (3, 3))
            assert np.array_equal(packing.pack(w[4:8], (3, 3)), whole[4 * 72 : 8 * 72])


LIMITS = {
    "ResNet8 3x3 32x32x3-16": 73_000,
    "ResNet8 3x3 32x32x16-16": 162_000,
    "ResNet8 3x3 8x8x64-64": 142_000,
    "ResNet8 add 32x32x16": 15_400,
    "DS-CNN 1x1 25x5x64-64": 44_500,
    "DS-CNN dw 25x5x64": 22_500,
    "VWW 1x1 3x3x256-256": 40_600,
    "AD fc 640-128": 7_200,
}
"""Cycles with a cold instruction cache that a change must not exceed (gcc 12 plus 5 %)."""


def test_cycles(tmp_path: Path) -> None:
    """Also: eight cores are at least 6.5 times as fast as one."""
    if reason := emulated(tmp_path).missing():
        pytest.skip(reason)
    layers = [layer for layer in cluster_kernels.LAYERS if layer.name in LIMITS]
    measured = cluster_kernels.measure(layers, "_xpulp", tmp_path)
    slow = {
        layer.name: (cycles, one / warm)
        for layer, (cycles, warm, _, one) in zip(layers, measured, strict=True)
        if cycles > LIMITS[layer.name] or one < 6.5 * warm
    }
    assert slow == {}
