"""The Helium (MVE) kernels on QEMU against NumPy: exact bytes, no access outside the buffers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import mve_qemu
import numpy as np
import pytest
from mve_qemu import Case, array

pytestmark = pytest.mark.skipif(mve_qemu.missing() is not None, reason=str(mve_qemu.missing()))

RANDOM = np.random.default_rng(20261121)
FULL = (-128, 127)


@dataclass
class Expected:
    """A case, what it must give, and how to name it when it does not."""

    name: str
    case: Case
    y: np.ndarray
    macs: int = 0


def check(
    expected: Sequence[Expected], headers: Sequence[str], folder: Path, flags: Sequence[str]
) -> list[int]:
    """Run all; instructions of each."""
    results = mve_qemu.run([e.case for e in expected], headers, folder, flags)
    for e, result in zip(expected, results, strict=True):
        wrong = np.flatnonzero(result.y != e.y.ravel())
        assert wrong.size == 0, f"{e.name}: {wrong.size} of {e.y.size} bytes, first at {wrong[0]}"
    return [result.instructions for result in results]


def int8(*shape: int, lo: int = -128) -> np.ndarray:
    return RANDOM.integers(lo, 128, shape).astype(np.int8)


def pack_4x16(matrix: np.ndarray) -> np.ndarray:
    """[O, K] in blocks of 4 rows x 16 columns, padded with zeros."""
    rows, columns = matrix.shape
    out: list[int] = []
    for o in range(0, rows, 4):
        for k in range(0, columns, 16):
            for r in range(o, o + 4):
                for i in range(k, k + 16):
                    out.append(int(matrix[r, i]) if r < rows and i < columns else 0)
    return np.array(out, np.int8)


@dataclass
class Requant:
    """Constants per channel, and what all channels share."""

    bias: np.ndarray
    multiplier: np.ndarray
    shift: np.ndarray
    zero: int
    clamp: tuple[int, int]
    acc_shift: int = 0

    @staticmethod
    def random(n: int, clamp: tuple[int, int] = FULL, acc_shift: int = 0) -> Requant:
        """Multipliers as they are after normalisation; shifts that fill the int8 range."""
        lo_shift, hi_shift = (37, 42) if acc_shift == 0 else (33 + acc_shift, 37 + acc_shift)
        return Requant(
            RANDOM.integers(-(2**14), 2**14, n).astype(np.int32),
            RANDOM.integers(2**30, 2**31, n).astype(np.int32),
            RANDOM.integers(lo_shift, hi_shift, n).astype(np.int8),
            int(RANDOM.integers(-128, 128)),
            clamp,
            acc_shift,
        )

    def __call__(self, acc: np.ndarray) -> np.ndarray:
        p = (acc + self.bias.astype(np.int64) << self.acc_shift) * self.multiplier
        rounded = (p + (np.int64(1) << (self.shift.astype(np.int64) - 1))) >> self.shift
        return np.clip(self.zero + rounded, *self.clamp).astype(np.int8)

    def c(self, i: int) -> str:
        """q<i> and c<i>."""
        lo, hi = self.clamp
        return (
            array(f"bias{i}", self.bias)
            + array(f"multiplier{i}", self.multiplier)
            + array(f"shift{i}", self.shift)
            + f"static const rn_channels c{i} = {{bias{i}, multiplier{i}, shift{i}}};\n"
            + f"static const rn_requant q{i} = "
            + f"{{{self.acc_shift}, {self.zero}, {lo}, {hi}, RN_SINGLE}};\n"
        )


@dataclass
class Window:
    """A layer with a sliding window; padding is (top, left), bottom and right follow."""

    h: int
    w: int
    c: int
    out_h: int
    out_w: int
    kernel: tuple[int, int]
    stride: tuple[int, int] = (1, 1)
    pad: tuple[int, int] = (0, 0)
    out_c: int = 0  # 0: depthwise
    dilation: tuple[int, int] = (1, 1)
    clamp: tuple[int, int] = FULL
    acc_shift: int = 0
    zero: int = -7

    def taps(self, x: np.ndarray) -> np.ndarray:
        """[out_h, out_w, k_h, k_w, C] in int64, padding included."""
        tall = (self.out_h - 1) * self.stride[0] + (self.kernel[0] - 1) * self.dilation[0] + 1
        wide = (self.out_w - 1) * self.stride[1] + (self.kernel[1] - 1) * self.dilation[1] + 1
        full = np.full((self.h + tall, self.w + wide, self.c), self.zero, np.int64)
        top, left = self.pad
        full[top : top + self.h, left : left + self.w] = x
        rows = np.arange(self.out_h)[:, None] * self.stride[0]
        rows = rows + np.arange(self.kernel[0]) * self.dilation[0]
        columns = np.arange(self.out_w)[:, None] * self.stride[1]
        columns = columns + np.arange(self.kernel[1]) * self.dilation[1]
        return full[rows[:, None, :, None], columns[None, :, None, :]]

    def c_shape(self, i: int) -> str:
        out_c, groups = (self.out_c, 1) if self.out_c else (self.c, self.c)
        fields = [self.h, self.w, self.c, self.out_h, self.out_w, out_c, *self.kernel]
        fields += [*self.stride, *self.dilation, *self.pad, groups, self.zero]
        return f"static const rn_conv2d_shape d{i} = {{{', '.join(map(str, fields))}}};\n"


def conv2d_scratch(s: Window) -> int:
    """Bytes, as the head of the kernel says."""
    k_h, k_w = s.kernel
    point = (
        (k_h, k_w, *s.pad) == (1, 1, 0, 0)
        and (s.out_h - 1) * s.stride[0] < s.h
        and (s.out_w - 1) * s.stride[1] < s.w
    )
    if point:
        return -(-s.c // 16) * 16 if s.c % 16 else 0
    columns = 4096 // (k_h * s.c)
    fit = (columns - k_w) // s.stride[1] + 1 if columns >= k_w else 0
    outputs = s.out_w if fit >= s.out_w else max(2, fit & ~1)
    return ((outputs - 1) * s.stride[1] + k_w) * k_h * s.c + 15


def conv2d(i: int, s: Window) -> Expected:
    x, w = int8(s.h, s.w, s.c), int8(s.out_c, *s.kernel, s.c)
    q = Requant.random(s.out_c, s.clamp, s.acc_shift)
    if s.acc_shift:
        w //= 16  # a layer that needs it has small sums
    y = q(np.einsum("yxhwi,ohwi->yxo", s.taps(x), w.astype(np.int64)))
    packed = pack_4x16(w.transpose(0, 2, 1, 3).reshape(s.out_c, -1))
    call = f"rn_conv2d_s8_mve(&d{i}, &q{i}, &c{i}, x, w, y, scratch);"
    case = Case(q.c(i) + s.c_shape(i), call, x, packed, y.size, conv2d_scratch(s))
    return Expected(f"conv2d {s}", case, y, y.size * w[0].size)


def depthwise_scratch(s: Window) -> int:
    (k_h, k_w), (sh, sw) = s.kernel, s.stride
    square = max(k_h, k_w) <= 3 and (sh, sw, *s.dilation) == (1, 1, 1, 1)
    square = square and min(s.out_h, s.out_w) >= 2
    channels = 16 if s.c % 16 == 0 else s.c
    high, wide = -(-k_h // 4), -(-k_w // 4)
    columns = -(-s.out_w // 4) * 4 * sw + (4 * wide - 1) * s.dilation[1]
    columns = s.out_w + 2 if square else columns
    groups = -(-s.out_h // 2) if square else s.out_h
    group = high * columns * channels * 4
    return 80 + max(1, min(4096 // group, groups)) * group


def depthwise(i: int, s: Window) -> Expected:
    x, w = int8(s.h, s.w, s.c), int8(*s.kernel, s.c)
    q = Requant.random(s.c, s.clamp, s.acc_shift)
    q.shift -= 3  # few taps, small sums
    if s.acc_shift:
        w //= 16
    y = q(np.einsum("yxhwc,hwc->yxc", s.taps(x), w.astype(np.int64)))
    call = f"rn_depthwise_conv2d_s8_mve(&d{i}, &q{i}, &c{i}, x, w, y, scratch);"
    packed = w.transpose(2, 0, 1)
    case = Case(q.c(i) + s.c_shape(i), call, x, packed, y.size, depthwise_scratch(s))
    return Expected(f"depthwise {s}", case, y, y.size * s.kernel[0] * s.kernel[1])


def fully_connected(i: int, rows: int, in_c: int, out_c: int) -> Expected:
    x, w = int8(rows, in_c), int8(out_c, in_c)
    q = Requant.random(out_c)
    y = q(x.astype(np.int64) @ w.T.astype(np.int64))
    shape = f"static const rn_fully_connected_shape d{i} = {{{rows}, {in_c}, {out_c}}};\n"
    call = f"rn_fully_connected_s8_mve(&d{i}, &q{i}, &c{i}, x, w, y, scratch);"
    scratch = -(-in_c // 16) * 16 if in_c % 16 else 0
    case = Case(q.c(i) + shape, call, x, pack_4x16(w), y.size, scratch)
    return Expected(f"fully_connected {rows} x {in_c} to {out_c}", case, y, y.size * in_c)


CONV2D = [
    Window(7, 6, 16, 7, 6, (3, 3), (1, 1), (1, 1), 16),
    Window(8, 8, 16, 4, 4, (3, 3), (2, 2), (0, 0), 32),  # SAME of an even image: asymmetric
    Window(5, 7, 20, 5, 7, (3, 3), (1, 1), (1, 1), 7, clamp=(-7, 90)),
    Window(9, 10, 1, 5, 5, (10, 4), (2, 2), (4, 1), 8),
    Window(11, 13, 3, 5, 6, (3, 3), (2, 2), (0, 1), 9),
    Window(6, 9, 5, 4, 4, (2, 3), (1, 2), (0, 1), 3, dilation=(2, 1)),
    Window(4, 70, 24, 3, 68, (2, 3), (1, 1), (0, 0), 4),  # more than one strip
    Window(2, 2, 9, 4, 5, (3, 3), (1, 1), (2, 2), 5),  # windows that see only padding
    Window(2, 2, 9, 7, 8, (2, 2), (1, 1), (3, 3), 5),  # and some beyond it
    Window(2, 2, 900, 6, 6, (2, 1), (1, 1), (2, 2), 5),  # whole strips of padding
    Window(3, 3, 130, 2, 2, (3, 3), (2, 2), (1, 1), 4),
    Window(5, 5, 64, 5, 5, (1, 1), out_c=12),
    Window(4, 4, 8, 4, 4, (1, 1), out_c=16),
    Window(5, 3, 17, 5, 3, (1, 1), out_c=5, acc_shift=2),
    Window(6, 6, 16, 3, 3, (1, 1), (2, 2), out_c=8),
    Window(6, 6, 5, 3, 3, (1, 1), (2, 2), out_c=8),
    Window(1, 1, 96, 1, 1, (1, 1), out_c=10),
    Window(3, 3, 4, 5, 5, (1, 1), (1, 1), (1, 1), 4),
]

DEPTHWISE = [
    Window(5, 5, 16, 5, 5, (3, 3), (1, 1), (1, 1)),
    Window(6, 6, 32, 6, 6, (3, 3), (1, 1), (1, 1)),
    Window(12, 48, 8, 12, 48, (3, 3), (1, 1), (1, 1)),
    Window(7, 4, 19, 5, 2, (3, 3), clamp=(-60, 127)),
    Window(8, 8, 16, 4, 4, (3, 3), (2, 2), (0, 0)),
    Window(6, 6, 48, 3, 3, (3, 3), (2, 2), (0, 0)),
    Window(9, 11, 5, 4, 6, (4, 2), (2, 2), (0, 1), acc_shift=3),
    Window(9, 11, 5, 6, 7, (2, 3), (1, 1), (0, 0), dilation=(2, 2)),
    Window(3, 3, 16, 1, 1, (3, 3)),
    Window(2, 2, 3, 4, 4, (3, 3), (1, 1), (2, 2)),
    Window(2, 2, 16, 6, 6, (2, 2), (1, 1), (3, 3)),
    Window(9, 10, 16, 9, 10, (5, 5), (1, 1), (2, 2)),
    Window(11, 13, 6, 5, 6, (7, 5), (2, 2), (2, 1)),
    Window(12, 14, 3, 5, 4, (8, 3), (1, 2), (0, 0), dilation=(1, 2)),
    Window(12, 17, 7, 11, 3, (2, 8), (1, 1), (0, 0), dilation=(1, 2)),
    Window(4, 4, 16, 4, 4, (1, 1)),
    Window(1, 2, 16, 2, 3, (1, 2), (1, 1), (0, 4)),
    Window(3, 3, 64, 3, 3, (2, 2), (1, 1), (1, 1)),
    Window(30, 20, 16, 30, 20, (3, 3), (1, 1), (1, 1)),
]


@pytest.mark.parametrize("flags", ["-O0", "-O2", "-O3", "-Os"])
def test_conv2d(tmp_path: Path, flags: str) -> None:
    expected = [conv2d(i, s) for i, s in enumerate(CONV2D)]
    check(expected, ["rn_conv2d_s8_mve.h"], tmp_path, [flags])


@pytest.mark.parametrize("flags", ["-O0", "-O2", "-O3", "-Os"])
def test_depthwise_conv2d(tmp_path: Path, flags: str) -> None:
    expected = [depthwise(i, s) for i, s in enumerate(DEPTHWISE)]
    check(expected, ["rn_depthwise_conv2d_s8_mve.h"], tmp_path, [flags])


def test_random_windows(tmp_path: Path) -> None:
    """Shapes that nobody chose."""
    expected: list[Expected] = []
    for i in range(20):
        n = [int(v) for v in RANDOM.integers(1, 4, 8)]
        h, w, c = (int(v) for v in RANDOM.integers((4, 4, 1), (12, 12, 40)))
        s = Window(h, w, c, 0, 0, (n[0], n[1]), (n[2], n[3]), (n[4] % n[0], n[5] % n[1]))
        s.out_h = (h + s.pad[0] + n[6] % 2 - n[0]) // n[2] + 1
        s.out_w = (w + s.pad[1] + n[7] % 2 - n[1]) // n[3] + 1
        if i % 2 == 0:
            s.out_c = int(RANDOM.integers(1, 20))
        expected.append(conv2d(i, s) if s.out_c else depthwise(i, s))
    headers = ["rn_conv2d_s8_mve.h", "rn_depthwise_conv2d_s8_mve.h"]
    check(expected, headers, tmp_path, ["-O2"])


def test_shared_instance(tmp_path: Path) -> None:
    """One instance for all layers, with the shapes unknown to the compiler."""
    (tmp_path / "shared.h").write_text("#define RN_INLINE static __attribute__((unused))\n")
    expected = [conv2d(i, s) for i, s in enumerate(CONV2D)]
    headers = [str(tmp_path / "shared.h"), "rn_conv2d_s8_mve.h"]
    check(expected, headers, tmp_path, ["-O2", "-fno-ipa-cp", "-fno-inline"])


def test_fully_connected(tmp_path: Path) -> None:
    shapes = [(1, 640, 128), (1, 128, 8), (1, 8, 128), (3, 50, 13), (5, 48, 13), (2, 16, 4)]
    expected = [fully_connected(i, *shape) for i, shape in enumerate(shapes)]
    check(expected, ["rn_fully_connected_s8_mve.h"], tmp_path, ["-O2"])
    check(expected, ["rn_fully_connected_s8_mve.h"], tmp_path, ["-O0"])


@pytest.mark.parametrize(("n", "clamp"), [(64, FULL), (67, (-77, 100)), (3, FULL)])
def test_add(tmp_path: Path, n: int, clamp: tuple[int, int]) -> None:
    a, b = int8(n), int8(n)
    ma, mb, bias, shift = 700_000, -523_456, -12_345_678, 20
    y = np.clip((a.astype(int) * ma + b.astype(int) * mb + bias) >> shift, *clamp)
    arguments = f"{n}, {ma}, {mb}, {bias}, {shift}, {clamp[0]}, {clamp[1]}"
    fresh = Case("", f"rn_add_s8_mve({arguments}, x, w, y);", a, b, n, 0)
    in_place = Case("", f"memcpy(y, x, {n}); rn_add_s8_mve({arguments}, y, w, y);", a, b, n, 0)
    expected = [Expected("add", fresh, y), Expected("add in place", in_place, y)]
    check(expected, ["rn_add_s8_mve.h"], tmp_path, ["-O2"])


def pool_shape(i: int, s: Window) -> str:
    fields = [s.h, s.w, s.c, s.out_h, s.out_w, *s.kernel, *s.stride, *s.pad, s.zero]
    return f"static const rn_pool2d_shape d{i} = {{{', '.join(map(str, fields))}}};\n"


POOL = [
    Window(8, 8, 64, 1, 1, (8, 8), (8, 8)),
    Window(6, 6, 19, 3, 3, (2, 2), (2, 2), clamp=(-100, 90)),
    Window(5, 7, 21, 5, 7, (3, 3), (1, 1), (1, 1)),
    Window(5, 5, 8, 2, 2, (3, 3), (2, 2), (0, 0)),
]


def test_avg_pool2d(tmp_path: Path) -> None:
    expected: list[Expected] = []
    for i, s in enumerate(POOL):
        x = int8(s.h, s.w, s.c)
        q = Requant.random(1, s.clamp)
        q.shift[:] = 36
        y = q(s.taps(x).sum(axis=(2, 3)))
        numbers = f"{q.bias[0]}, {q.multiplier[0]}, {q.shift[0]}"
        call = f"(void)c{i}; rn_avg_pool2d_s8_mve(&d{i}, &q{i}, {numbers}, x, y, scratch);"
        case = Case(q.c(i) + pool_shape(i, s), call, x, np.zeros(0, np.int8), y.size, 0)
        expected.append(Expected(f"avg_pool2d {s}", case, y))
    check(expected, ["rn_avg_pool2d_s8_mve.h"], tmp_path, ["-O2"])


def test_max_pool2d(tmp_path: Path) -> None:
    expected: list[Expected] = []
    for i, s in enumerate(POOL):
        x = int8(s.h, s.w, s.c)
        s.zero = -128  # padding never wins
        y = np.clip(s.taps(x).max(axis=(2, 3)), *s.clamp)
        call = f"rn_max_pool2d_s8_mve(&d{i}, {s.clamp[0]}, {s.clamp[1]}, x, y);"
        case = Case(pool_shape(i, s), call, x, np.zeros(0, np.int8), y.size, 0)
        expected.append(Expected(f"max_pool2d {s}", case, y))
    check(expected, ["rn_max_pool2d_s8_mve.h"], tmp_path, ["-O2"])


def test_table(tmp_path: Path) -> None:
    x, table = int8(100), int8(256)
    y = table[x.astype(int) + 128]
    fresh = Case("", "rn_table_s8_mve(100, w, x, y);", x, table, 100, 0)
    in_place = Case("", "memcpy(y, x, 100); rn_table_s8_mve(100, w, y, y);", x, table, 100, 0)
    expected = [Expected("table", fresh, y), Expected("table in place", in_place, y)]
    check(expected, ["rn_table_s8_mve.h"], tmp_path, ["-O2"])


def test_instructions(tmp_path: Path) -> None:
    """Instructions per MAC stay where they were measured (gcc 12, -O2), with 5 % of slack."""
    layers = [
        (0.156, conv2d(0, Window(32, 32, 16, 32, 32, (3, 3), (1, 1), (1, 1), 16))),
        (0.131, conv2d(1, Window(8, 8, 64, 8, 8, (3, 3), (1, 1), (1, 1), 64))),
        (0.174, conv2d(2, Window(25, 5, 64, 25, 5, (1, 1), out_c=64))),
        (0.57, depthwise(3, Window(48, 48, 8, 48, 48, (3, 3), (1, 1), (1, 1)))),
        (0.98, depthwise(4, Window(25, 5, 64, 25, 5, (3, 3), (1, 1), (1, 1)))),
        (0.155, fully_connected(5, 1, 640, 128)),
    ]
    headers = ["conv2d", "depthwise_conv2d", "fully_connected"]
    counts = check([e for _, e in layers], [f"rn_{h}_s8_mve.h" for h in headers], tmp_path, ["-O2"])
    for (limit, e), count in zip(layers, counts, strict=True):
        assert count <= limit * e.macs, f"{e.name}: {count / e.macs:.3f} per MAC"


def test_quantize(tmp_path: Path) -> None:
    """Ties, values far outside, infinities, NaN and tails; the bytes of QuantizeLinear."""
    scale, zero = np.float32(0.37), 11
    ties = (np.arange(-200, 200) + np.float32(0.5)) * scale
    rare = [np.inf, -np.inf, 1e30, -1e30, 0, -0.0, 1e-45, np.nan]
    x = np.concatenate([ties, rare, RANDOM.normal(0, 40, 215)]).astype(np.float32)
    y = np.clip(np.rint(x / scale), -128 - zero, 127 - zero) + zero
    y = np.where(np.isnan(y), -128, y).astype(np.int8)
    n = x.size
    assert n % 4 == 3
    call = f"rn_quantize_f32_s8_mve({n}, 0.37f, {zero}, (const float *)(const void *)x, y);"
    case = Case("", call, x.view(np.int8), np.zeros(0, np.int8), n, 0)
    check([Expected("quantize", case, y)], ["rn_quantize_f32_s8_mve.h"], tmp_path, ["-O2"])


def test_dequantize(tmp_path: Path) -> None:
    x = int8(103)
    y = ((x.astype(np.int32) - 11).astype(np.float32) * np.float32(0.37)).view(np.int8)
    call = "rn_dequantize_s8_f32_mve(103, 0.37f, 11, x, (float *)(void *)y);"
    case = Case("", call, x, np.zeros(0, np.int8), y.size, 0)
    check([Expected("dequantize", case, y)], ["rn_dequantize_s8_f32_mve.h"], tmp_path, ["-O2"])
