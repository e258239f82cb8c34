"""Kernel calls as C: each case is one file with its own data and expected bytes."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from . import reference as ref
from .reference import Array, Packing, Requant, Window

C_TYPES = {"int8": "int8_t", "int16": "int16_t", "int32": "int32_t", "float32": "float"}


def c_array(name: str, values: Array, const: bool = True) -> str:
    """A definition of exactly that many elements, so that a sanitizer sees every overrun."""
    flat = values.reshape(-1)
    kind = C_TYPES[str(flat.dtype)]
    texts = [float(v).hex() + "f" if kind == "float" else str(v) for v in flat.tolist()]
    head = f"static {'const ' if const else ''}{kind} {name}[{flat.size}] ALIGNED"
    return f"{head} = {{{','.join(texts)}}};"


def c_struct(kind: str, name: str, values: list[int]) -> str:
    return f"static const {kind} {name} = {{{', '.join(map(str, values))}}};"


@dataclass
class Case:
    """`call` writes the array `y`, which has the size of `expected`."""

    name: str
    header: str
    definitions: list[str]
    call: str
    expected: Array
    macs: int = 0
    """Or outputs: what the instructions are divided by."""

    def text(self, index: int) -> str:
        output = [
            c_array("expected", self.expected),
            c_array("y", np.zeros_like(self.expected), False),
        ]
        lines = [f'#include "{self.header}.h"', '#include "harness.h"', *self.definitions, *output]
        lines += [
            f"void run_{index}(void);",
            f"__attribute__((noinline)) void run_{index}(void) {{ {self.call} }}",
            f"int check_{index}(void);",
            f"int check_{index}(void) {{",
            "    const uint32_t start = ticks();",
            f"    run_{index}();",
            "    const uint32_t elapsed = ticks() - start;",
            f'    return report("{self.name}", elapsed, sizeof y, y, expected);',
            "}",
        ]
        return "\n".join([*lines, ""])


def requant_definitions(q: Requant) -> list[str]:
    return [
        c_struct("rn_requant", "requant", [q.acc_shift, q.out_zero, q.lo, q.hi, q.rounding]),
        c_array("bias", q.bias.astype(np.int32)),
        c_array("multiplier", q.multiplier.astype(np.int32)),
        c_array("shift", q.shift.astype(np.int8)),
        "static const rn_channels channels = {bias, multiplier, shift};",
    ]


def scratch_definition(size: int) -> str:
    """An array with no byte to spare, or a null pointer."""
    if size == 0:
        return "static void *const scratch = 0;"
    return f"static int8_t scratch[{size}] ALIGNED;"


Types = tuple[str, str]
"""Of x and y."""
NARROW: Types = ("int8", "int8")


def random_values(rng: np.random.Generator, kind: str, shape: tuple[int, ...]) -> Array:
    """Over the whole range of `kind`."""
    info = np.iinfo(kind)
    return rng.integers(info.min, info.max + 1, shape).astype(kind)


def random_requant(
    rng: np.random.Generator, acc: Array, kind: str = "int8", **fields: int
) -> Requant:
    """Multipliers that spread `acc` [..., channels] (before the bias) over more than `kind`."""
    channels, info = acc.shape[-1], np.iinfo(kind)
    limits = {"lo": int(info.min), "hi": int(info.max), **fields}
    spread = np.abs(acc.reshape(-1, channels)).max(0).astype(float) + 1.0
    real = rng.uniform(100, 200, channels) / spread * (int(info.max) + 1) / 128
    acc_shift = max(0, int(np.ceil(np.log2(real.max()))) + 2)
    exponent = (
        np.floor(np.log2(real)).astype(int) + 1
    )  # real = mantissa * 2**exponent, mantissa < 1
    multiplier = np.minimum(np.round(np.ldexp(real, 31 - exponent)), 2**31 - 1).astype(np.int64)
    # `multiplier / 2**shift` with acc shifted up first by acc_shift
    shift = 31 - exponent + acc_shift
    bias = rng.integers(-1 - spread // 4, 1 + spread // 4)
    return Requant(bias, multiplier, shift, acc_shift=acc_shift, kind=kind, **limits)


def conv_shape(g: Window) -> str:
    sizes = [g.in_h, g.in_w, g.in_c, g.out_h, g.out_w, g.out_c]
    steps = [g.k_h, g.k_w, g.stride_h, g.stride_w, g.dil_h, g.dil_w, g.pad_top, g.pad_left]
    return c_struct("rn_conv2d_shape", "shape", [*sizes, *steps, g.groups, g.in_zero])


def scratch_case(name: str, g: Window, symbol: str, size: int) -> Case:
    """The kernel's own idea of its scratch size."""
    return scratch_of_shape(name, conv_shape(g), symbol, size)


def scratch_of_shape(name: str, shape: str, symbol: str, size: int) -> Case:
    """The same for any definition of `shape`."""
    call = f"y[0] = {symbol}_scratch(&shape);"
    return Case(name, symbol, [shape], call, np.array([size], np.int32))


def conv_case(
    name: str, g: Window, symbol: str, packing: Packing, scratch: int, seed: int = 0,
    types: Types = NARROW, header: str = "", /, **fields: int,
) -> Case:  # fmt: skip
    """Random data for a dense, grouped or depthwise convolution."""
    rng = np.random.default_rng(seed)
    x = random_values(rng, types[0], (g.in_h, g.in_w, g.in_c))
    taps = g.k_h * g.k_w
    matrix = (taps, g.in_c) if g.depthwise else (g.out_c, taps * g.in_c // g.groups)
    limit = 8 if packing.nibbles else 128
    w = rng.integers(-limit, limit, matrix).astype(np.int8)
    weights = w if g.depthwise else w.reshape(g.out_c, g.k_h, g.k_w, -1)
    acc = ref.conv2d_accumulators(x, weights, g)
    q = random_requant(rng, acc, types[1], **fields)
    if packing.column_first:
        w = np.ascontiguousarray(weights.swapaxes(1, 2)).reshape(g.out_c, -1)
    definitions = [
        conv_shape(g),
        *requant_definitions(q),
        c_array("x", x),
        c_array("w", ref.pack(w, packing)),
        scratch_definition(scratch),
    ]
    call = f"{symbol}(&shape, &requant, &channels, x, w, y, scratch);"
    expected = ref.requantize(acc + q.bias, q)
    return Case(name, header or symbol, definitions, call, expected, g.macs)


def fully_connected_case(
    name: str, rows: int, in_c: int, out_c: int, symbol: str, packing: Packing, scratch: int,
    seed: int = 0, values: tuple[int, int] | None = None, types: Types = NARROW,
    header: str = "", /, **fields: int,
) -> Case:  # fmt: skip
    """Random data, or all inputs and all weights equal to `values`."""
    rng = np.random.default_rng(seed)
    x = random_values(rng, types[0], (rows, in_c))
    limit = 8 if packing.nibbles else 128
    w = rng.integers(-limit, limit, (out_c, in_c)).astype(np.int8)
    if values is not None:
        x[:], w[:] = values
    acc = x.astype(np.int64) @ w.astype(np.int64).T
    q = random_requant(rng, acc, types[1], **fields)
    definitions = [
        c_struct("rn_fully_connected_shape", "shape", [rows, in_c, out_c]),
        *requant_definitions(q),
        c_array("x", x),
        c_array("w", ref.pack(w, packing)),
        scratch_definition(scratch),
    ]
    call = f"{symbol}(&shape, &requant, &channels, x, w, y, scratch);"
    expected = ref.requantize(acc + q.bias, q)
    return Case(name, header or symbol, definitions, call, expected, rows * in_c * out_c)


def pool_shape(g: Window) -> str:
    values = [g.in_h, g.in_w, g.in_c, g.out_h, g.out_w, g.k_h, g.k_w, g.stride_h, g.stride_w]
    return c_struct("rn_pool2d_shape", "shape", [*values, g.pad_top, g.pad_left, g.in_zero])


def avg_pool_case(
    name: str, g: Window, symbol: str, seed: int = 0, types: Types = NARROW, header: str = "",
    **fields: int,
) -> Case:  # fmt: skip
    rng = np.random.default_rng(seed)
    x = random_values(rng, types[0], (g.in_h, g.in_w, g.in_c))
    area = g.k_h * g.k_w
    acc = ref.patches(x, g, g.in_zero).sum((2, 3))
    q = random_requant(rng, acc.reshape(-1, 1), types[1], **fields)
    q.bias[:] = -area * g.in_zero
    numbers = f"{q.bias[0]}, {q.multiplier[0]}, {q.shift[0]}"
    definitions = [pool_shape(g), *requant_definitions(q), c_array("x", x)]
    call = f"(void)channels; {symbol}(&shape, &requant, {numbers}, x, y, 0);"
    outputs = ref.requantize((acc + q.bias[0])[..., None], q)[..., 0]
    return Case(name, header or symbol, definitions, call, outputs, outputs.size)


def max_pool_case(
    name: str, g: Window, symbol: str, lo: int = -128, hi: int = 127, seed: int = 0,
    kind: str = "int8", header: str = "",
) -> Case:  # fmt: skip
    x = random_values(np.random.default_rng(seed), kind, (g.in_h, g.in_w, g.in_c))
    call = f"{symbol}(&shape, {lo}, {hi}, x, y);"
    expected = ref.max_pool2d(x, g, lo, hi)
    return Case(
        name, header or symbol, [pool_shape(g), c_array("x", x)], call, expected, expected.size
    )


def add_case(
    name: str, n: int, symbol: str, multipliers: tuple[int, int], shift: int,
    lo: int = -128, hi: int = 127, seed: int = 0, kind: str = "int8", header: str = "",
) -> Case:  # fmt: skip
    rng = np.random.default_rng(seed)
    a, b = random_values(rng, kind, (2, n))
    bias = int(rng.integers(-(1 << shift), 1 << shift)) + (1 << (shift - 1) if shift else 0)
    total = a.astype(np.int64) * multipliers[0] + b.astype(np.int64) * multipliers[1] + bias
    assert np.abs(total).max() < 2**31
    expected = np.clip(total >> shift, lo, hi).astype(kind)
    call = (
        f"{symbol}({n}, {multipliers[0]}, {multipliers[1]}, {bias}, {shift}, {lo}, {hi}, a, b, y);"
    )
    definitions = [c_array("a", a), c_array("b", b)]
    return Case(name, header or symbol, definitions, call, expected, n)


def in_place(case: Case) -> Case:
    """The same call with the input in the output buffer."""
    call = "memcpy(y, x, sizeof y); " + case.call.replace(" x, w,", " y, w,")
    assert call.count("y") > case.call.count("y") + 2
    return replace(case, name=f"{case.name}_in_place", call=call)
