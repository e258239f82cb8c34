"""The *_s16_mve.h kernels on QEMU against NumPy: exact values, no access outside the buffers."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import mve_qemu
import numpy as np
import pytest
from kernel_harness import reference as ref
from kernel_harness import shapes
from kernel_harness.cases import Types, random_requant, random_values
from kernel_harness.reference import Window
from mve_qemu import Case, array

pytestmark = pytest.mark.skipif(mve_qemu.missing() is not None, reason=str(mve_qemu.missing()))

TYPES: tuple[Types, ...] = (("int8", "int16"), ("int16", "int8"), ("int16", "int16"))
SHORT = {"int8": "s8", "int16": "s16"}
SAME = {"pad_top": 1, "pad_left": 1, "pad_bottom": 1, "pad_right": 1}
C_TYPES = {"int8": "int8_t", "int16": "int16_t"}


@dataclass
class Expected:
    """A case, what it must give, and how to name it when it does not."""

    name: str
    case: Case
    y: np.ndarray
    macs: int


def check(expected: list[Expected], header: str, folder: Path, flags: list[str]) -> list[float]:
    """Run all; instructions per product of each."""
    results = mve_qemu.run([e.case for e in expected], [header], folder, flags)
    for e, result in zip(expected, results, strict=True):
        found = result.y.view(e.y.dtype)
        wrong = np.flatnonzero(found != e.y.ravel())
        assert wrong.size == 0, f"{e.name}: {wrong.size} of {e.y.size}, first at {wrong[0]}"
    return [r.instructions / e.macs for r, e in zip(results, expected, strict=True)]


def constants(i: int, q: ref.Requant) -> str:
    """q<i> and c<i>."""
    return (
        array(f"bias{i}", q.bias.astype(np.int32))
        + array(f"multiplier{i}", q.multiplier.astype(np.int32))
        + array(f"shift{i}", q.shift.astype(np.int8))
        + f"static const rn_channels c{i} = {{bias{i}, multiplier{i}, shift{i}}};\n"
        + f"static const rn_requant q{i} = {{{q.acc_shift}, {q.out_zero}, {q.lo}, {q.hi}, 0}};\n"
    )


def call(symbol: str, types: Types, i: int) -> str:
    """A call of a kernel with weights; the harness has bytes."""
    x, y = (C_TYPES[kind] for kind in types)
    places = f"(const {x} *)(const void *)x, w, ({y} *)(void *)y, scratch"
    return f"{symbol}(&d{i}, &q{i}, &c{i}, {places});"


def conv_fields(g: Window) -> str:
    fields = [g.in_h, g.in_w, g.in_c, g.out_h, g.out_w, g.out_c, g.k_h, g.k_w]
    fields += [g.stride_h, g.stride_w, g.dil_h, g.dil_w, g.pad_top, g.pad_left, g.groups, g.in_zero]
    return "{" + ", ".join(map(str, fields)) + "}"


def conv_scratch(g: Window, pixel: int) -> int:
    """Of the int8 kernel, whose pixels have `pixel` bytes."""
    point = (g.k_h, g.k_w, g.pad_top, g.pad_left) == (1, 1, 0, 0)
    inside = (g.out_h - 1) * g.stride_h < g.in_h and (g.out_w - 1) * g.stride_w < g.in_w
    if point and inside:
        return -(-pixel // 16) * 16 if pixel % 16 else 0
    columns = 4096 // (g.k_h * pixel)
    fit = (columns - g.k_w) // g.stride_w + 1 if columns >= g.k_w else 0
    outputs = g.out_w if fit >= g.out_w else max(2, fit & ~1)
    return ((outputs - 1) * g.stride_w + g.k_w) * g.k_h * pixel + 15


def conv(i: int, g: Window, types: Types, **fields: int) -> Expected:
    rng = np.random.default_rng(i)
    x = random_values(rng, types[0], (g.in_h, g.in_w, g.in_c))
    op, item = "depthwise_conv2d" if g.depthwise else "conv2d", np.dtype(types[0]).itemsize
    shape = (g.k_h * g.k_w, g.in_c) if g.depthwise else (g.out_c, g.k_h, g.k_w, g.in_c)
    w = random_values(rng, "int8", shape)
    acc = ref.conv2d_accumulators(x, w, g)
    q = random_requant(rng, acc, types[1], **fields)
    y, packed, scratch = ref.requantize(acc + q.bias, q), w, 0
    if not g.depthwise:
        matrix = w.transpose(0, 2, 1, 3).reshape(g.out_c, -1)
        packed = ref.pack(matrix, ref.Packing(rows=4, cols=16 // item))
        scratch = conv_scratch(g, item * g.in_c)
    prelude = constants(i, q) + f"static const rn_conv2d_shape d{i} = {conv_fields(g)};\n"
    symbol = f"rn_{op}_{SHORT[types[0]]}_{SHORT[types[1]]}_mve"
    case = Case(prelude, call(symbol, types, i), x.view(np.int8), packed, y.nbytes, scratch)
    return Expected(f"{symbol} {g}", case, y, g.macs)


def fully_connected(i: int, rows: int, in_c: int, out_c: int, types: Types) -> Expected:
    rng, item = np.random.default_rng(i), np.dtype(types[0]).itemsize
    x, w = random_values(rng, types[0], (rows, in_c)), random_values(rng, "int8", (out_c, in_c))
    acc = x.astype(np.int64) @ w.astype(np.int64).T
    q = random_requant(rng, acc, types[1])
    y = ref.requantize(acc + q.bias, q)
    prelude = constants(i, q)
    prelude += f"static const rn_fully_connected_shape d{i} = {{{rows}, {in_c}, {out_c}}};\n"
    packed = ref.pack(w, ref.Packing(rows=4, cols=16 // item))
    scratch = -(-item * in_c // 16) * 16 if item * in_c % 16 else 0
    symbol = f"rn_fully_connected_{SHORT[types[0]]}_{SHORT[types[1]]}_mve"
    case = Case(prelude, call(symbol, types, i), x.view(np.int8), packed, y.nbytes, scratch)
    return Expected(f"{symbol} {rows} x {in_c} to {out_c}", case, y, y.size * in_c)


CONV2D = [
    Window(7, 6, 16, 16, 3, 3, **SAME),
    Window(5, 7, 20, 7, 3, 3, in_zero=-7, **SAME),
    Window(9, 10, 1, 8, 5, 4, 2, 2, pad_top=2, pad_left=1),
    Window(11, 13, 3, 9, 3, 3, 2, 2, in_zero=300, **SAME),
    Window(4, 70, 24, 4, 2, 3),
    Window(5, 5, 64, 12),
    Window(5, 3, 17, 5),
    Window(6, 6, 8, 8, stride_h=2, stride_w=2),
    Window(3, 3, 4, 4, **SAME),
]


@pytest.mark.parametrize("types", TYPES, ids=["s8_s16", "s16_s8", "s16_s16"])
def test_conv2d(tmp_path: Path, types: Types) -> None:
    shaped = [replace(g, in_zero=g.in_zero % 100) for g in CONV2D]
    expected = [conv(i, g, types, out_zero=i % 3) for i, g in enumerate(shaped)]
    expected.append(conv(99, CONV2D[0], types, lo=-20, hi=90))
    check(expected, "rn_conv2d_s16_mve.h", tmp_path, ["-O2"])
    check(expected[:3], "rn_conv2d_s16_mve.h", tmp_path, ["-O0"])


@pytest.mark.parametrize("types", TYPES, ids=["s8_s16", "s16_s8", "s16_s16"])
def test_depthwise_conv2d(tmp_path: Path, types: Types) -> None:
    windows = [
        replace(shapes.random_window(seed, [1], [(3, 3), (2, 3), (5, 1)], groups=n), in_zero=seed)
        for seed, n in enumerate((3, 4, 8, 10))
    ]
    windows.append(Window(2, 2, 5, 5, 2, 2, 1, 1, 1, 1, 3, 3, 3, 3, groups=5, in_zero=9))
    expected = [conv(i, g, types) for i, g in enumerate(windows)]
    check(expected, "rn_depthwise_conv2d_s16_mve.h", tmp_path, ["-O2"])


@pytest.mark.parametrize("types", TYPES, ids=["s8_s16", "s16_s8", "s16_s16"])
def test_fully_connected(tmp_path: Path, types: Types) -> None:
    sizes = [(1, 128, 8), (1, 8, 128), (3, 50, 13), (5, 48, 13), (2, 16, 4)]
    expected = [fully_connected(i, *size, types) for i, size in enumerate(sizes)]
    for flags in (["-O2"], ["-O0"]):
        check(expected, "rn_fully_connected_s16_mve.h", tmp_path, flags)


def pool_fields(g: Window) -> str:
    fields = [g.in_h, g.in_w, g.in_c, g.out_h, g.out_w, g.k_h, g.k_w]
    fields += [g.stride_h, g.stride_w, g.pad_top, g.pad_left, g.in_zero]
    return "{" + ", ".join(map(str, fields)) + "}"


XY = "(const int16_t *)(const void *)x, (int16_t *)(void *)y"
NONE = np.zeros(0, np.int8)


def test_pooling(tmp_path: Path) -> None:
    expected: list[Expected] = []
    for i in range(6):
        rng = np.random.default_rng(i)
        g = shapes.random_window(300 + i, [4, 8, 11], [(2, 2), (3, 3), (4, 1)])
        g = replace(g, out_c=g.in_c, in_zero=i)
        x = random_values(rng, "int16", (g.in_h, g.in_w, g.in_c))
        shape = f"static const rn_pool2d_shape d{i} = {pool_fields(g)};\n"
        if i % 2:
            lo, hi = (-32768, 32767) if i == 1 else (-500, 20000)
            y = ref.max_pool2d(x, g, lo, hi)
            text = f"rn_max_pool2d_s16_s16_mve(&d{i}, {lo}, {hi}, {XY});"
        else:
            acc = ref.patches(x, g, g.in_zero).sum((2, 3))
            q = random_requant(rng, acc.reshape(-1, 1), "int16", out_zero=i)
            q.bias[:] = -g.k_h * g.k_w * g.in_zero
            y = ref.requantize((acc + q.bias[0])[..., None], q)[..., 0]
            shape += constants(i, q)
            numbers = f"{q.bias[0]}, {q.multiplier[0]}, {q.shift[0]}"
            text = f"(void)c{i}; rn_avg_pool2d_s16_s16_mve(&d{i}, &q{i}, {numbers}, {XY}, scratch);"
        case = Case(shape, text, x.view(np.int8), NONE, y.nbytes, 0)
        expected.append(Expected(text, case, y, y.size))
    check(expected, "rn_pointwise_s16_mve.h", tmp_path, ["-O2"])


def test_sums_and_products(tmp_path: Path) -> None:
    expected: list[Expected] = []
    rng = np.random.default_rng(5)
    for n, clamp in ((64, (-32768, 32767)), (67, (-777, 10000)), (3, (-32768, 32767))):
        a, b = random_values(rng, "int16", (2, n))
        total = a.astype(np.int64) * 21000 - b.astype(np.int64) * 15000 - 123456
        y = np.clip(total >> 15, *clamp).astype(np.int16)
        text = (
            f"rn_add_s16_s16_s16_mve({n}, 21000, -15000, -123456, 15, {clamp[0]}, {clamp[1]}, "
            "(const int16_t *)(const void *)x, (const int16_t *)(const void *)w, "
            "(int16_t *)(void *)y);"
        )
        case = Case("", text, a.view(np.int8), b.view(np.int8), y.nbytes, 0)
        expected.append(Expected("add", case, y, n))
    for i, (outer, middle, inner) in enumerate(((3, 10, 1), (1, 7, 9), (1, 29, 1))):
        a = random_values(rng, "int16", (outer, middle, inner))
        b = random_values(rng, "int16", (middle,))
        products = a.astype(np.int64) * b.astype(np.int64).reshape(1, -1, 1)
        scaled = (products * 1500000000 + (1 << 45)) >> 46
        y = np.clip(scaled + 3, -9000, 32767).astype(np.int16)
        prelude = (
            f"static const rn_mul_shape r{i} = {{{outer}, {middle}, {inner}, 0, 0}};\n"
            f"static const rn_requant m{i} = {{0, 3, -9000, 32767, 0}};\n"
        )
        text = (
            f"rn_mul_s16_s16_s16_mve(&r{i}, &m{i}, 1500000000, 46, "
            "(const int16_t *)(const void *)x, (const int16_t *)(const void *)w, "
            "(int16_t *)(void *)y);"
        )
        case = Case(prelude, text, a.view(np.int8), b.view(np.int8), y.nbytes, 0)
        expected.append(Expected("mul", case, y, y.size))
    check(expected, "rn_pointwise_s16_mve.h", tmp_path, ["-O2"])


def test_instructions(tmp_path: Path) -> None:
    """Instructions per product stay where they were measured (gcc 12, -O2), with 5 % of slack."""
    both = TYPES[2]
    layers = [
        (0.275, "conv2d", conv(0, Window(32, 32, 16, 16, 3, 3, **SAME), both)),
        (0.287, "conv2d", conv(1, Window(25, 5, 64, 64), both)),
        (2.28, "depthwise_conv2d", conv(2, Window(25, 5, 64, 64, 3, 3, groups=64, **SAME), both)),
        (0.297, "fully_connected", fully_connected(3, 1, 640, 128, both)),
    ]
    for limit, header, e in layers:
        (measured,) = check([e], f"rn_{header}_s16_mve.h", tmp_path, ["-O2"])
        assert measured <= limit, f"{e.name}: {measured:.3f} per product"
