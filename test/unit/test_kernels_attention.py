"""Kernels of attention: products of two activations, layer normalization; bytes against NumPy."""

from __future__ import annotations

from itertools import product
from math import isqrt
from pathlib import Path

import numpy as np
import pytest
from kernel_harness import reference as ref
from kernel_harness.cases import Case, c_array, c_struct
from kernel_harness.checks import check_bytes
from kernel_harness.toolchain import CORTEX_M4, HOST_CHECKED

Array = np.ndarray
MACHINES = {"host": HOST_CHECKED, "cortex-m4": CORTEX_M4}
BITS = {"int8": "s8", "int16": "s16"}


def named(op: str, types: tuple[str, ...]) -> tuple[str, str]:
    """Symbol and header of a kernel."""
    if set(types) == {"int8"}:
        return f"rn_{op}_s8", f"rn_{op}_s8"
    return f"rn_{op}_{'_'.join(BITS[t] for t in types)}", f"rn_{op}_s16"


def numbers(rng: np.random.Generator, shape: tuple[int, ...], kind: str) -> Array:
    """All of a type, its ends too."""
    info = np.iinfo(kind)
    found = rng.integers(info.min, info.max + 1, shape).astype(kind)
    found.flat[0], found.flat[-1] = info.min, info.max
    return found


def matmul_case(
    name: str,
    shape: tuple[int, int, int, int],
    types: tuple[str, str, str] = ("int8", "int8", "int8"),
    zeros: tuple[int, int, int] = (0, 0, 0),
    rounding: int = 0,
) -> Case:
    """[batch, rows, depth] by [batch, depth, columns]."""
    batch, rows, depth, columns = shape
    rng = np.random.default_rng(sum(shape))
    a = numbers(rng, (batch, rows, depth), types[0])
    b = numbers(rng, (batch, depth, columns), types[1])
    sums = (a.astype(np.int64) - zeros[0]) @ (b.astype(np.int64) - zeros[1])
    info, shift = np.iinfo(types[2]), 31
    multiplier = int(2.0**shift * info.max / np.abs(sums).max() * 1.2) or 1
    scaled = ref.divide_pow2(sums * multiplier, np.asarray(shift), rounding)
    y = np.clip(scaled + zeros[2], info.min, info.max).astype(types[2])
    definitions = [
        c_struct("rn_matmul_shape", "shape", [*shape, *zeros[:2]]),
        c_struct("rn_requant", "requant", [0, zeros[2], info.min, info.max, rounding]),
        c_array("a", a),
        c_array("b", b),
    ]
    symbol, header = named("matmul", types)
    call = f"{symbol}(&shape, &requant, {multiplier}, {shift}, a, b, y);"
    return Case(name, header, definitions, call, y)


@pytest.mark.parametrize("machine", MACHINES)
def test_products_of_activations(machine: str, tmp_path: Path) -> None:
    found = [
        matmul_case("whole", (1, 5, 7, 8), zeros=(-3, 5, 7)),
        matmul_case("batched", (3, 4, 9, 6), zeros=(127, -128, 1)),
        matmul_case("column", (2, 3, 5, 1), zeros=(-128, 127, 0), rounding=1),
        matmul_case("one", (1, 1, 1, 3), rounding=2),
    ]
    for a, b, y in product(BITS, repeat=3):
        if "int16" in (a, b, y) and (a, b) != ("int16", "int16"):
            found.append(matmul_case(f"{a}_{b}_{y}", (2, 3, 6, 5), (a, b, y)))
    check_bytes(MACHINES[machine], found, tmp_path)


def normalized(
    x: Array, weight: list[int], bias: list[int], epsilon: int, shift: int, kind: str
) -> Array:
    """The text of `dialects/quant_normalization.py` in whole numbers of Python, row by row."""
    info, rows = np.iinfo(kind), []
    for row in x.tolist():
        n, s = len(row), sum(row)
        t, m = n * sum(v * v for v in row) - s * s + epsilon, 0
        while t < 2**60:
            t, m = 4 * t, m + 1
        r = 2**61 // isqrt(t)
        made = []
        for v, w, b in zip(row, weight, bias, strict=True):
            u = ((n * v - s) * r + 2 ** (40 - m)) >> (41 - m)
            y = (u * w + b * 2 ** (shift - 14) + 2 ** (shift - 1)) >> shift
            made.append(min(max(y, info.min), info.max))
        rows.append(made)
    return np.array(rows, kind)


def norm_case(
    name: str,
    x: Array,
    kind: str = "int8",
    *,
    epsilon: int = 7,
    shift: int = 44,
    weights: int = 2**30,
) -> Case:
    rng = np.random.default_rng(x.size)
    n = x.shape[1]
    weight = rng.integers(-weights, weights, n).astype(np.int32)
    bias = rng.integers(-(2**20), 2**20, n).astype(np.int32)
    y = normalized(x, weight.tolist(), bias.tolist(), epsilon, shift, kind)
    info = np.iinfo(kind)
    fields = [len(x), n, shift, info.min, info.max, epsilon]
    definitions = [
        c_struct("rn_layer_norm_shape", "shape", fields),
        c_array("weight", weight),
        c_array("bias", bias),
        c_array("x", x),
    ]
    symbol, header = named("layer_norm", (str(x.dtype), kind))
    return Case(name, header, definitions, f"{symbol}(&shape, weight, bias, x, y);", y)


def ends(n: int, kind: str) -> Array:
    """Rows with the greatest variance, with the greatest single deviation, and without any."""
    info = np.iinfo(kind)
    rows = [
        [info.min if i % 2 else info.max for i in range(n)],
        [info.min] * (n - 1) + [info.max],
        [info.min] * n,
        [info.max] * n,
    ]
    return np.array(rows, kind)


@pytest.mark.parametrize("machine", MACHINES)
def test_layer_normalization(machine: str, tmp_path: Path) -> None:
    rng = np.random.default_rng(5)
    found = [norm_case("one", np.array([[5], [-128]], np.int8), epsilon=1)]
    for x_kind, y_kind in product(BITS, repeat=2):
        name = f"{x_kind}_{y_kind}"
        small = rng.integers(-3, 4, (6, 17)).astype(x_kind)
        shift = 44 if y_kind == "int8" else 36
        found.append(norm_case(f"{name}_any", numbers(rng, (5, 64), x_kind), y_kind, shift=shift))
        found.append(norm_case(f"{name}_small", small, y_kind, shift=shift, epsilon=1))
        found.append(norm_case(f"{name}_ends", ends(10, x_kind), y_kind, shift=shift))
    found.append(norm_case("epsilon", ends(4, "int16"), "int16", epsilon=2**61 - 1))
    found.append(norm_case("weights", ends(6, "int8"), shift=14, weights=2**31 - 1))
    if machine == "host":
        found.append(norm_case("long", ends(2**15, "int16"), "int16", epsilon=2**61 - 1))
    check_bytes(MACHINES[machine], found, tmp_path)
