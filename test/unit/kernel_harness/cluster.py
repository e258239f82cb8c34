"""Calls of the cluster kernels: strided windows; cores one after the other, or all if bare."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from . import reference as ref
from .cases import (
    Case,
    c_array,
    c_struct,
    conv_shape,
    pool_shape,
    random_requant,
    requant_definitions,
    scratch_definition,
)
from .reference import Array, Packing, Window

CORES = (8, 1, 2, 3, 4)
UNTOUCHED = 0x55

RUNNER = """
#include <string.h>
static int32_t cores;
static void kernel(int32_t core);
#ifdef BARE
#include "rn_cluster.h"
static void work(int32_t core) {
    if (core < cores) kernel(core);
}
static void all(int backwards) { (void)backwards; rn_cluster_run(work); }
#else
static void all(int backwards) {
    for (int32_t i = 0; i < cores; i++) kernel(backwards ? cores - 1 - i : i);
}
#endif
"""
"""Each core writes its share; on a host in both orders, so that no share needs another."""


@dataclass(frozen=True)
class Gaps:
    """Bytes between pixels, and between rows."""

    pixel: int = 0
    row: int = 0


def pitch_of(width: int, channels: int, gaps: Gaps) -> tuple[int, int]:
    """(row, pixel) in bytes"""
    pixel = channels + gaps.pixel
    return width * pixel + gaps.row, pixel


def places(shape: tuple[int, int, int], gaps: Gaps) -> Array:
    """The offset of each element of a window [h, w, c]."""
    height, width, channels = shape
    row, pixel = pitch_of(width, channels, gaps)
    steps = np.arange(height)[:, None, None] * row + np.arange(width)[None, :, None] * pixel
    return steps + np.arange(channels)[None, None, :]


def strided(values: Array, gaps: Gaps, rng: np.random.Generator) -> Array:
    """The window's values with anything between them; it ends with the last value."""
    at = places(values.shape, gaps)
    flat = rng.integers(-128, 128, int(at.max()) + 1).astype(np.int8)
    flat[at] = values
    return flat


def untouched(values: Array, gaps: Gaps, margin: int) -> Array:
    """What the output must be: the window's values, and `margin` bytes before and behind it."""
    at = places(values.shape, gaps) + margin
    flat = np.full(int(at.max()) + 1 + margin, UNTOUCHED, np.int8)
    flat[at] = values
    return flat


def pitch_text(width: int, channels: int, gaps: Gaps) -> str:
    row, pixel = pitch_of(width, channels, gaps)
    return f"(rn_pitch){{{row}, {pixel}}}"


def spmd(
    name: str, symbol: str, definitions: list[str], call: str, expected: Array, macs: int,
    scratch: int = 0,
) -> Case:  # fmt: skip
    """`call` is what one core does; it may name `core` and `cores`."""
    counts = ", ".join(map(str, CORES))
    function = f"static void kernel(int32_t core) {{ {call} }}"
    text = (
        f"static const int32_t counts[] = {{{counts}}};"
        f"for (int i = 0; i < {2 * len(CORES)}; i++) {{"
        f"cores = counts[i / 2]; memset(y, {UNTOUCHED}, sizeof y);"
        + (f"memset(scratch, 0x7f, {scratch * max(CORES)});" if scratch else "")
        + "all(i % 2); if (memcmp(y, expected, sizeof y) != 0) break; }"
    )
    memory = scratch_definition(scratch * max(CORES))
    head = [*definitions, memory, RUNNER, f"static int8_t y[{expected.size}];"]
    return Case(name, symbol, [*head, function], text, expected, macs)


CONVOLUTION = (
    *("const rn_conv2d_shape *s", "rn_pitch xp", "rn_pitch yp", "const rn_requant *q"),
    *("const rn_channels *c", "const int8_t *x", "const int8_t *w", "int8_t *y"),
    *("void *scratch", "int32_t core", "int32_t cores"),
)
"""The parameters of the convolutions, dense and depthwise."""


def one_instance(cases: Sequence[Case], parameters: Sequence[str]) -> list[Case]:
    """The cases with one kernel for all shapes, as if nothing were known when it is compiled: every
    sixth case still has a kernel of its own, with all of its shape in literals.
    """
    symbol, signature = cases[0].header, ", ".join(parameters)
    arguments = ", ".join(parameter.split()[-1].lstrip("*") for parameter in parameters)
    head = f"void shared_{symbol}({signature});"
    body = f"void shared_{symbol}({signature}) {{ {symbol}({arguments}); }}"
    first = replace(cases[0], definitions=[head, body, *cases[0].definitions])
    found = [first]
    for index, case in enumerate(cases[1:], 1):
        if index % 6:
            definitions = [text.replace(symbol, f"shared_{symbol}") for text in case.definitions]
            case = replace(case, header="rn_cluster_part", definitions=[head, *definitions])
        found.append(case)
    return found


def conv_case(
    name: str, g: Window, symbol: str, packing: Packing, scratch: int, seed: int = 0,
    x_gaps: Gaps = Gaps(), y_gaps: Gaps = Gaps(), **fields: int,
) -> Case:  # fmt: skip
    """Random data for a dense, grouped or depthwise convolution; `scratch` in bytes per core."""
    rng = np.random.default_rng(seed)
    x = rng.integers(-128, 128, (g.in_h, g.in_w, g.in_c)).astype(np.int8)
    taps = g.k_h * g.k_w
    matrix = (taps, g.in_c) if g.depthwise else (g.out_c, taps * g.in_c // g.groups)
    w = rng.integers(-128, 128, matrix).astype(np.int8)
    weights = w if g.depthwise else w.reshape(g.out_c, g.k_h, g.k_w, -1)
    acc = ref.conv2d_accumulators(x, weights, g)
    q = random_requant(rng, acc, "int8", **fields)
    expected = untouched(ref.requantize(acc + q.bias, q), y_gaps, 8)
    definitions = [
        conv_shape(g),
        *requant_definitions(q),
        c_array("x", strided(x, x_gaps, rng)),
        c_array("w", ref.pack(w, packing)),
    ]
    pitches = f"{pitch_text(g.in_w, g.in_c, x_gaps)}, {pitch_text(g.out_w, g.out_c, y_gaps)}"
    call = f"{symbol}(&shape, {pitches}, &requant, &channels, x, w, y + 8, scratch, core, cores);"
    return spmd(name, symbol, definitions, call, expected, g.macs, scratch)


def fully_connected_case(
    name: str, rows: int, in_c: int, out_c: int, symbol: str, packing: Packing, seed: int = 0,
    **fields: int,
) -> Case:  # fmt: skip
    rng = np.random.default_rng(seed)
    x = rng.integers(-128, 128, (rows, in_c)).astype(np.int8)
    w = rng.integers(-128, 128, (out_c, in_c)).astype(np.int8)
    acc = x.astype(np.int64) @ w.astype(np.int64).T
    q = random_requant(rng, acc, "int8", **fields)
    definitions = [
        c_struct("rn_fully_connected_shape", "shape", [rows, in_c, out_c]),
        *requant_definitions(q),
        c_array("x", x),
        c_array("w", ref.pack(w, packing)),
    ]
    expected = untouched(ref.requantize(acc + q.bias, q)[None], Gaps(), 8)
    call = f"{symbol}(&shape, &requant, &channels, x, w, y + 8, scratch, core, cores);"
    return spmd(name, symbol, definitions, call, expected, rows * in_c * out_c)


def avg_pool_case(
    name: str, g: Window, symbol: str, seed: int = 0, x_gaps: Gaps = Gaps(),
    y_gaps: Gaps = Gaps(), divisor: int | None = None, **fields: int,
) -> Case:  # fmt: skip
    """The mean of each window, or its sum over a `divisor` of two: one in so many is a tie."""
    rng = np.random.default_rng(seed)
    x = rng.integers(-128, 128, (g.in_h, g.in_w, g.in_c)).astype(np.int8)
    acc = ref.patches(x, g, g.in_zero).sum((2, 3))
    q = random_requant(rng, acc.reshape(-1, 1), "int8", **fields)
    if divisor is not None:
        q.multiplier[:], q.shift[:], q.acc_shift = 2**30, 33 + int(np.log2(divisor)), 3
    q.bias[:] = -g.k_h * g.k_w * g.in_zero
    outputs = ref.requantize((acc + q.bias[0])[..., None], q)[..., 0]
    numbers = f"{q.bias[0]}, {q.multiplier[0]}, {q.shift[0]}"
    definitions = [pool_shape(g), *requant_definitions(q), c_array("x", strided(x, x_gaps, rng))]
    pitches = f"{pitch_text(g.in_w, g.in_c, x_gaps)}, {pitch_text(g.out_w, g.in_c, y_gaps)}"
    call = (
        f"(void)channels; {symbol}(&shape, {pitches}, &requant, {numbers}, x, y + 8, scratch, "
        "core, cores);"
    )
    return spmd(name, symbol, definitions, call, untouched(outputs, y_gaps, 8), outputs.size)


def max_pool_case(
    name: str, g: Window, symbol: str, lo: int = -128, hi: int = 127, seed: int = 0,
    x_gaps: Gaps = Gaps(), y_gaps: Gaps = Gaps(),
) -> Case:  # fmt: skip
    rng = np.random.default_rng(seed)
    x = rng.integers(-128, 128, (g.in_h, g.in_w, g.in_c)).astype(np.int8)
    outputs = ref.max_pool2d(x, g, lo, hi)
    pitches = f"{pitch_text(g.in_w, g.in_c, x_gaps)}, {pitch_text(g.out_w, g.in_c, y_gaps)}"
    call = f"(void)scratch; {symbol}(&shape, {pitches}, {lo}, {hi}, x, y + 8, core, cores);"
    definitions = [pool_shape(g), c_array("x", strided(x, x_gaps, rng))]
    return spmd(name, symbol, definitions, call, untouched(outputs, y_gaps, 8), outputs.size)


def unfold_case(
    name: str, g: Window, symbol: str, seed: int = 0, x_gaps: Gaps = Gaps(), y_gaps: Gaps = Gaps(),
) -> Case:  # fmt: skip
    """`g.out_c` are the channels of the result: those of a window and what fills the rest."""
    rng = np.random.default_rng(seed)
    x = rng.integers(-128, 128, (g.in_h, g.in_w, g.in_c)).astype(np.int8)
    windows = ref.patches(x, g, g.in_zero).reshape(g.out_h, g.out_w, -1)
    outputs = np.full((g.out_h, g.out_w, g.out_c), g.in_zero, np.int8)
    outputs[..., : windows.shape[2]] = windows
    pitches = f"{pitch_text(g.in_w, g.in_c, x_gaps)}, {pitch_text(g.out_w, g.out_c, y_gaps)}"
    call = f"(void)scratch; {symbol}(&shape, {pitches}, x, y + 8, core, cores);"
    definitions = [conv_shape(g), c_array("x", strided(x, x_gaps, rng))]
    return spmd(name, symbol, definitions, call, untouched(outputs, y_gaps, 8), outputs.size)


def add_case(
    name: str, shape: tuple[int, int, int], symbol: str, multipliers: tuple[int, int], shift: int,
    lo: int = -128, hi: int = 127, seed: int = 0,
    gaps: tuple[Gaps, Gaps, Gaps] = (Gaps(), Gaps(), Gaps()),
) -> Case:  # fmt: skip
    """`gaps` of a, b and y."""
    rng = np.random.default_rng(seed)
    a, b = rng.integers(-128, 128, (2, *shape)).astype(np.int8)
    bias = int(rng.integers(-(1 << shift), 1 << shift)) + (1 << (shift - 1) if shift else 0)
    total = a.astype(np.int64) * multipliers[0] + b.astype(np.int64) * multipliers[1] + bias
    assert np.abs(total).max() < 2**31
    outputs = np.clip(total >> shift, lo, hi).astype(np.int8)
    definitions = [
        c_array("a", strided(a, gaps[0], rng)),
        c_array("b", strided(b, gaps[1], rng)),
    ]
    pitches = ", ".join(pitch_text(shape[1], shape[2], gap) for gap in gaps)
    numbers = f"{multipliers[0]}, {multipliers[1]}, {bias}, {shift}, {lo}, {hi}"
    call = (
        f"(void)scratch; {symbol}({shape[0]}, {shape[1]}, {shape[2]}, {pitches}, {numbers}, a, b, "
        "y + 8, core, cores);"
    )
    return spmd(name, symbol, definitions, call, untouched(outputs, gaps[2], 8), outputs.size)


def matmul_case(
    name: str, shape: tuple[int, int, int, int], symbol: str, scratch: int = 0, seed: int = 0,
    gaps: tuple[Gaps, Gaps, Gaps] = (Gaps(), Gaps(), Gaps()),
    zeros: tuple[int, int, int] = (0, 0, 0), rounding: int = 0,
) -> Case:  # fmt: skip
    """[batch, rows, depth] by [batch, depth, columns]; `gaps` and `zeros` of a, b and y."""
    batch, rows, depth, columns = shape
    rng = np.random.default_rng(seed)
    a = rng.integers(-128, 128, (batch, rows, depth)).astype(np.int8)
    b = rng.integers(-128, 128, (batch, depth, columns)).astype(np.int8)
    sums = (a.astype(np.int64) - zeros[0]) @ (b.astype(np.int64) - zeros[1])
    shift = 38 if np.abs(sums).max() > 255 else 33
    multiplier = min(int(2.0**shift * 150 / max(int(np.abs(sums).max()), 1)), 2**31 - 1)
    scaled = ref.divide_pow2(sums * multiplier, np.asarray(shift), rounding)
    outputs = np.clip(scaled + zeros[2], -128, 127).astype(np.int8)
    definitions = [
        c_struct("rn_matmul_shape", "shape", [*shape, *zeros[:2]]),
        c_struct("rn_requant", "requant", [0, zeros[2], -128, 127, rounding]),
        c_array("a", strided(a, gaps[0], rng)),
        c_array("b", strided(b, gaps[1], rng)),
    ]
    widths = ((rows, depth), (depth, columns), (rows, columns))
    pitches = ", ".join(pitch_text(*w, gap) for w, gap in zip(widths, gaps, strict=True))
    call = (
        f"{symbol}(&shape, {pitches}, &requant, {multiplier}, {shift}, a, b, y + 8, scratch, "
        "core, cores);"
    )
    return spmd(
        name, symbol, definitions, call, untouched(outputs, gaps[2], 8), outputs.size * depth,
        scratch,
    )  # fmt: skip


def softmax_case(
    name: str, shape: tuple[int, int, int], symbol: str, zero: int, x_gaps: Gaps, y_gaps: Gaps,
) -> Case:  # fmt: skip
    """Rows of the last axis of [h, w, n]."""
    rng = np.random.default_rng(sum(shape))
    x = rng.integers(-128, 128, shape).astype(np.int8)
    table = (np.exp(-np.arange(256) / 20) * (1 << 20) / shape[2]).astype(np.int32)
    e = table[x.max(-1, keepdims=True).astype(int) - x].astype(np.int64)
    total = e.sum(-1, keepdims=True)
    outputs = np.clip((512 * e + total) // (2 * total) + zero, -128, 127).astype(np.int8)
    definitions = [c_array("table", table), c_array("x", strided(x, x_gaps, rng))]
    return _mapped(name, symbol, definitions, f"table, {zero}, x", outputs, x_gaps, y_gaps)


def layer_norm_case(
    name: str, x: Array, symbol: str, weight: Array, bias: Array, outputs: Array, shift: int,
    x_gaps: Gaps, y_gaps: Gaps,
) -> Case:  # fmt: skip
    """Rows of the last axis of x [h, w, n]; epsilon is 7."""
    height, width, n = x.shape
    definitions = [
        c_struct("rn_layer_norm_shape", "shape", [1, n, shift, -128, 127, 7]),
        c_array("constants", np.concatenate([weight, bias])),
        c_array("x", strided(x, x_gaps, np.random.default_rng(n))),
    ]
    pitches = f"{pitch_text(width, n, x_gaps)}, {pitch_text(width, n, y_gaps)}"
    call = (
        f"(void)scratch; {symbol}({height}, {width}, {pitches}, &shape, constants, x, y + 8, core, "
        "cores);"
    )
    return spmd(name, symbol, definitions, call, untouched(outputs, y_gaps, 8), outputs.size)


def table_case(
    name: str, shape: tuple[int, int, int], symbol: str, seed: int = 0, x_gaps: Gaps = Gaps(),
    y_gaps: Gaps = Gaps(),
) -> Case:  # fmt: skip
    rng = np.random.default_rng(seed)
    x = rng.integers(-128, 128, shape).astype(np.int8)
    table = rng.integers(-128, 128, 256).astype(np.int8)
    outputs = table[x.astype(np.int64) + 128]
    definitions = [c_array("table", table), c_array("x", strided(x, x_gaps, rng))]
    return _mapped(name, symbol, definitions, "table, x", outputs, x_gaps, y_gaps)


def copy_case(
    name: str, shape: tuple[int, int, int], symbol: str, seed: int = 0, x_gaps: Gaps = Gaps(),
    y_gaps: Gaps = Gaps(),
) -> Case:  # fmt: skip
    rng = np.random.default_rng(seed)
    x = rng.integers(-128, 128, shape).astype(np.int8)
    definitions = [c_array("x", strided(x, x_gaps, rng))]
    return _mapped(name, symbol, definitions, "x", x, x_gaps, y_gaps)


def transpose_case(
    name: str, shape: tuple[int, int, int], perm: tuple[int, ...], symbol: str, x_gaps: Gaps,
    y_gaps: Gaps,
) -> Case:  # fmt: skip
    rng = np.random.default_rng(sum(shape))
    x = rng.integers(-128, 128, shape).astype(np.int8)
    y = x.transpose(perm)
    steps = (*pitch_of(shape[1], shape[2], x_gaps), 1)
    row, pixel, channel = (steps[axis] for axis in perm)
    y_pitch = pitch_text(y.shape[1], y.shape[2], y_gaps)
    pitches = f"(rn_pitch){{{row}, {pixel}}}, {channel}, {y_pitch}"
    box = ", ".join(map(str, y.shape))
    call = f"(void)scratch; {symbol}({box}, {pitches}, x, y + 8, core, cores);"
    definitions = [c_array("x", strided(x, x_gaps, rng))]
    return spmd(name, symbol, definitions, call, untouched(y, y_gaps, 8), y.size)


def _mapped(
    name: str, symbol: str, definitions: list[str], inputs: str, outputs: Array, x_gaps: Gaps,
    y_gaps: Gaps,
) -> Case:  # fmt: skip
    """A kernel that makes each element of one of the input."""
    h, w, channels = outputs.shape
    pitches = f"{pitch_text(w, channels, x_gaps)}, {pitch_text(w, channels, y_gaps)}"
    call = (
        f"(void)scratch; {symbol}({h}, {w}, {channels}, {pitches}, {inputs}, y + 8, core, cores);"
    )
    return spmd(name, symbol, definitions, call, untouched(outputs, y_gaps, 8), outputs.size)
