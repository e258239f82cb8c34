"""The portable kernels against NumPy, compiled with the host's gcc under sanitizers."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
from kernel_harness import cases, shapes
from kernel_harness.cases import Case, c_array, c_struct
from kernel_harness.checks import check_bytes
from kernel_harness.reference import Packing, Window
from kernel_harness.toolchain import HOST, HOST_CHECKED, Machine

KERNELS = [(1, 1), (3, 3), (1, 3), (3, 2), (5, 4)]
ROW_MAJOR = Packing()


def run(found: list[Case], folder: Path, machine: Machine = HOST_CHECKED) -> None:
    check_bytes(machine, found, folder)


def conv(name: str, g: Window, seed: int = 0, **fields: int) -> Case:
    symbol = "rn_depthwise_conv2d_s8" if g.depthwise else "rn_conv2d_s8"
    return cases.conv_case(name, g, symbol, ROW_MAJOR, 0, seed, **fields)


def conv_cases() -> list[Case]:
    found: list[Case] = []
    for seed in range(8):
        g = shapes.random_window(seed, [1, 2, 3, 5, 8], KERNELS, dilation=2)
        found.append(conv(f"conv_{seed}", g, seed, rounding=seed % 3, out_zero=5 * seed))
        g = shapes.random_window(50 + seed, [1, 2, 3], KERNELS, groups=3, dilation=2)
        g = replace(g, out_c=g.out_c * 2)  # never depthwise
        found.append(conv(f"grouped_{seed}", g, seed, lo=-50, hi=90))
        g = shapes.random_window(90 + seed, [1], KERNELS, groups=2 + seed, dilation=3)
        found.append(conv(f"depthwise_{seed}", g, seed, out_zero=-seed))
    return found


def other_cases() -> list[Case]:
    found: list[Case] = []
    for rounding, out_zero in enumerate((3, -128, 127, 0)):
        case = cases.fully_connected_case(
            f"fc_{rounding}",
            *(3, 37, 11),
            "rn_fully_connected_s8",
            ROW_MAJOR,
            0,
            rounding,
            rounding=rounding,
            out_zero=out_zero,
        )
        found.append(case)
    for seed in range(5):
        g = shapes.random_window(300 + seed, [3, 4], [(2, 2), (3, 3), (4, 1)])
        g = replace(g, out_c=g.in_c)
        found.append(cases.avg_pool_case(f"avg_pool_{seed}", g, "rn_avg_pool2d_s8", seed))
        found.append(cases.max_pool_case(f"max_pool_{seed}", g, "rn_max_pool2d_s8", -90, 90, seed))
    found.append(cases.add_case("add", 33, "rn_add_s8", (1 << 20, -(1 << 19)), 19, -99, 99))
    return found


def test_sums_and_requantisation(tmp_path: Path) -> None:
    run(conv_cases() + other_cases(), tmp_path)


def test_optimised_build_gives_the_same_bytes(tmp_path: Path) -> None:
    run(conv_cases() + other_cases(), tmp_path, HOST)


def rounding_case(mode: int) -> Case:
    """Products that lie exactly on halves, just beside them, and on both sides of zero."""
    rng = np.random.default_rng(mode)
    shift = np.array([31, 32, 33, 40, 62, 31, 35, 47] * 4)
    multiplier = np.array([1 << 30, 1 << 30, 3 << 29, (1 << 31) - 1] * 8)
    x = rng.integers(-128, 128, (40, 1)).astype(np.int8)
    w = rng.integers(-3, 4, (32, 1)).astype(np.int8)
    q = cases.Requant(np.zeros(32, int), multiplier, shift, rounding=mode)
    definitions = [
        c_struct("rn_fully_connected_shape", "shape", [40, 1, 32]),
        *cases.requant_definitions(q),
        c_array("x", x),
        c_array("w", w),
    ]
    expected = cases.ref.requantize(x.astype(np.int64) @ w.T.astype(np.int64), q)
    call = "rn_fully_connected_s8(&shape, &requant, &channels, x, w, y, 0);"
    return Case(f"rounding_{mode}", "rn_fully_connected_s8", definitions, call, expected)


def test_ties_in_every_rounding_mode(tmp_path: Path) -> None:
    found = [rounding_case(mode) for mode in range(4)]
    assert len({case.expected.tobytes() for case in found}) == 4  # the modes do differ here
    run(found, tmp_path)


def test_table(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    table, x = (rng.integers(-128, 128, n).astype(np.int8) for n in (256, 500))
    x[:2] = -128, 127
    definitions = [c_array("table", table), c_array("x", x)]
    expected = table[x.astype(int) + 128]
    run(
        [Case("table", "rn_table_s8", definitions, "rn_table_s8(500, table, x, y);", expected)],
        tmp_path,
    )


def softmax_case(rows: int, n: int, zero: int) -> Case:
    x = np.random.default_rng(n).integers(-128, 128, (rows, n)).astype(np.int8)
    top = min((1 << 22) - 1, (1 << 31) // n - 1)
    table = np.floor(top * np.exp(-np.arange(256) * 0.05)).astype(np.int32)
    e = table[x.max(1, keepdims=True).astype(int) - x].astype(np.int64)
    total = e.sum(1, keepdims=True)
    assert (2 * total).max() < 2**32 and (512 * e + total).max() < 2**32
    expected = np.clip((512 * e + total) // (2 * total) + zero, -128, 127).astype(np.int8)
    call = f"rn_softmax_s8({rows}, {n}, table, {zero}, x, y);"
    return Case(
        f"softmax_{n}", "rn_softmax_s8", [c_array("table", table), c_array("x", x)], call, expected
    )


def test_softmax(tmp_path: Path) -> None:
    sizes = ((4, 10, -128), (1, 1, 0), (3, 16, 5), (2, 17, 0), (2, 300, -100))
    run([softmax_case(*size) for size in sizes], tmp_path)


def test_quantize_rounds_half_to_even_and_saturates(tmp_path: Path) -> None:
    scale = np.float32(0.25)
    x = np.concatenate([np.arange(-40, 40.125, 0.125), [3e30, -3e30]]).astype(np.float32)
    found: list[Case] = []
    for zero in (0, -128, 55):
        expected = np.clip(np.round(x / scale) + zero, -128, 127).astype(np.int8)
        call = f"rn_quantize_f32_s8({x.size}, 0.25f, {zero}, x, y);"
        found.append(
            Case(f"quantize_{zero}", "rn_quantize_f32_s8", [c_array("x", x)], call, expected)
        )
    special = 'static const float x[3] = {__builtin_inff(), -__builtin_inff(), __builtin_nanf("")};'
    expected = np.array([127, -128, -128], np.int8)
    call = "rn_quantize_f32_s8(3, 0.1f, 7, x, y);"
    found.append(Case("quantize_special", "rn_quantize_f32_s8", [special], call, expected))
    run(found, tmp_path)


def test_dequantize(tmp_path: Path) -> None:
    x = np.arange(-128, 128).astype(np.int8)
    scale = np.float32(0.0371)
    expected = (x.astype(np.float32) - np.float32(-9)) * scale
    call = f"rn_dequantize_s8_f32(256, {float(scale).hex()}f, -9, x, y);"
    run([Case("dequantize", "rn_dequantize_s8_f32", [c_array("x", x)], call, expected)], tmp_path)


def transpose_case(shape: tuple[int, ...], axes: tuple[int, ...], kind: str) -> Case:
    x = np.arange(int(np.prod(shape))).astype(kind).reshape(shape)
    strides = [int(np.prod(shape[axis + 1 :])) for axis in axes]
    dims = [shape[axis] for axis in axes]
    definition = (
        f"static const rn_transpose_shape shape = {{{len(axes)}, {x.itemsize}, "
        f"{{{', '.join(map(str, dims))}}}, {{{', '.join(map(str, strides))}}}}};"
    )
    name = f"transpose_{kind}_{'_'.join(map(str, axes))}"
    call = "rn_transpose(&shape, x, y);"
    expected = np.ascontiguousarray(x.transpose(axes))
    return Case(name, "rn_transpose", [definition, c_array("x", x)], call, expected)


def test_transpose(tmp_path: Path) -> None:
    run(
        [
            transpose_case((7,), (0,), "int8"),
            transpose_case((3, 5), (1, 0), "int8"),
            transpose_case((2, 3, 4), (2, 0, 1), "int16"),
            transpose_case((2, 3, 4, 5), (0, 3, 1, 2), "int32"),
            transpose_case((2, 1, 3, 2, 2, 3), (5, 3, 1, 0, 4, 2), "int8"),
        ],
        tmp_path,
    )


def test_copies(tmp_path: Path) -> None:
    x = np.arange(24).astype(np.int8)
    grid = np.full((4, 7), -1, np.int8)
    grid[:, 1:6] = x[:20].reshape(4, 5)
    expected = np.concatenate([x, grid.reshape(-1)])
    call = "rn_copy(24, x, y); rn_fill(28, -1, y + 24); rn_copy_rows(4, 5, 5, 7, x, y + 25);"
    run([Case("copies", "rn_copy", [c_array("x", x)], call, expected)], tmp_path)
