"""Kernels that copy boxes and multiply activations: bytes against NumPy."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import mve_qemu
import numpy as np
import pytest
from kernel_harness import reference as ref
from kernel_harness.cases import Case, c_array, c_struct
from kernel_harness.checks import check_bytes
from kernel_harness.toolchain import CORTEX_M4, HOST_CHECKED

Array = np.ndarray


@dataclass(frozen=True)
class Box:
    """`sizes` elements from `offsets`, `strides` apart, to `target` in an output of `whole`."""

    shape: tuple[int, ...]
    sizes: tuple[int, ...]
    offsets: tuple[int, ...]
    strides: tuple[int, ...]
    whole: tuple[int, ...]
    target: tuple[int, ...]

    def taken(self, x: Array) -> Array:
        grid = [
            offset + stride * np.arange(n)
            for n, offset, stride in zip(self.sizes, self.offsets, self.strides, strict=True)
        ]
        return x[np.ix_(*grid)]

    def put(self, y: Array, values: Array) -> None:
        y[tuple(slice(t, t + n) for t, n in zip(self.target, self.sizes, strict=True))] = values

    def struct(self, itemsize: int) -> str:
        def steps(shape: Sequence[int]) -> list[int]:
            return [int(np.prod(shape[axis + 1 :])) for axis in range(len(shape))]

        def text(numbers: Sequence[int]) -> str:
            return "{" + ", ".join(map(str, numbers)) + "}"

        x_steps, y_steps = steps(self.shape), steps(self.whole)
        x_offset, y_offset = (
            int(np.dot(a, b)) for a, b in ((self.offsets, x_steps), (self.target, y_steps))
        )
        walk = [a * b for a, b in zip(x_steps, self.strides, strict=True)]
        return (
            f"static const rn_box box = {{{len(self.sizes)}, {itemsize}, {x_offset}, {y_offset}, "
            f"{text(self.sizes)}, {text(walk)}, {text(y_steps)}}};"
        )


BOXES = {
    "rows": Box((4, 6), (4, 6), (0, 0), (1, 1), (4, 9), (0, 3)),
    "backwards": Box((5, 7), (3, 3), (4, 6), (-2, -3), (3, 3), (0, 0)),
    "inner": Box(
        (3, 4, 5, 2), (2, 2, 3, 2), (1, 0, 2, 0), (1, 2, 1, 1), (4, 3, 3, 2), (2, 1, 0, 0)
    ),
    "six_axes": Box(
        (2, 1, 3, 2, 2, 3),
        (1, 1, 2, 2, 1, 3),
        (1, 0, 1, 0, 1, 0),
        (1,) * 6,
        (1, 1, 2, 2, 1, 3),
        (0,) * 6,
    ),
}


def copy_case(name: str, box: Box, kind: str, pad: int | None = None) -> Case:
    x = np.random.default_rng(1).integers(-100, 100, box.shape).astype(kind)
    expected = np.full(box.whole, 0 if pad is None else pad, kind)
    box.put(expected, box.taken(x))
    call = "rn_copy_box(&box, x, y);"
    if pad is not None:
        call = f"rn_pad_box(&box, {expected.size}, {pad}, x, y);"
    definitions = [box.struct(x.itemsize), c_array("x", x)]
    return Case(
        f"{name}_{kind}_{pad}".replace("-", "m"), "rn_copy_box", definitions, call, expected
    )


def test_boxes(tmp_path: Path) -> None:
    found = [
        copy_case(name, box, kind) for name, box in BOXES.items() for kind in ("int8", "int32")
    ]
    found += [copy_case("inner", BOXES["inner"], kind, pad) for kind, pad in PADS]
    check_bytes(HOST_CHECKED, found, tmp_path)


PADS = (("int8", -128), ("int8", 5), ("int16", -300), ("int16", 0))


@dataclass(frozen=True)
class Product:
    """[outer, middle, inner] elements by [middle] factors."""

    runs: tuple[int, int, int]
    types: tuple[str, str, str] = ("int8", "int8", "int8")
    zeros: tuple[int, int, int] = (0, 0, 0)
    limits: tuple[int, int] | None = None
    rounding: int = 0
    shift: int = 39

    def numbers(self, seed: int) -> tuple[Array, Array, Array, list[int]]:
        """a, b, y and the fields of rn_requant."""
        rng = np.random.default_rng(seed)
        a, b = (
            rng.integers(np.iinfo(t).min, np.iinfo(t).max + 1, size).astype(t)
            for t, size in zip(self.types, (self.runs, self.runs[1]), strict=False)
        )
        info = np.iinfo(self.types[2])
        low, high = self.limits or (info.min, info.max)
        products = (a.astype(np.int64) - self.zeros[0]) * (
            b.astype(np.int64).reshape(1, -1, 1) - self.zeros[1]
        )
        scaled = ref.divide_pow2(products * self.multiplier, np.asarray(self.shift), self.rounding)
        y = np.clip(scaled + self.zeros[2], low, high).astype(self.types[2])
        return a, b, y, [0, self.zeros[2], low, high, self.rounding]

    @property
    def multiplier(self) -> int:
        """Such that the products reach a little beyond the type of y."""
        bits = [np.iinfo(t).bits for t in self.types]
        wanted = 2.0 ** (self.shift + bits[2] - bits[0] - bits[1] + 1.4)
        return int(min(wanted, 2**31 - 1))


def mul_case(name: str, symbol: str, header: str, product: Product, seed: int) -> Case:
    a, b, y, requant = product.numbers(seed)
    definitions = [
        c_struct("rn_mul_shape", "shape", [*product.runs, *product.zeros[:2]]),
        c_struct("rn_requant", "requant", requant),
        c_array("a", a),
        c_array("b", b),
    ]
    call = f"{symbol}(&shape, &requant, {product.multiplier}, {product.shift}, a, b, y);"
    return Case(name, header, definitions, call, y, y.size)


PRODUCTS = [
    Product((6, 10, 1), zeros=(-3, 5, 7)),
    Product((1, 37, 1), zeros=(-128, 127, -128), limits=(-128, 60)),
    Product((1, 3, 9), zeros=(1, -2, 3), shift=47),
    Product((2, 3, 5), zeros=(9, -9, 0), shift=33),
]


@pytest.mark.parametrize("machine", ["host", "cortex-m4"])
def test_products_on_one_core(machine: str, tmp_path: Path) -> None:
    found: list[Case] = []
    for index, product in enumerate(PRODUCTS):
        symbol = "rn_mul_s8_dsp"
        found.append(mul_case(f"dsp_{index}", symbol, symbol, product, index))
    if machine == "host":
        for index, rounding in enumerate((0, 1, 2, 3)):
            product = Product((4, 6, 2), zeros=(3, 4, 5), rounding=rounding, shift=35)
            found.append(mul_case(f"portable_{index}", "rn_mul_s8", "rn_mul_s8", product, index))
        for a in (8, 16):
            for b in (8, 16):
                for y in (8, 16):
                    if 16 in (a, b, y):
                        symbol = f"rn_mul_s{a}_s{b}_s{y}"
                        types = (f"int{a}", f"int{b}", f"int{y}")
                        product = Product((3, 7, 2), types, zeros=(0, 0, 0 if y == 16 else -7))
                        found.append(mul_case(symbol, symbol, "rn_mul_s16", product, a + b))
    check_bytes({"host": HOST_CHECKED, "cortex-m4": CORTEX_M4}[machine], found, tmp_path)


@pytest.mark.skipif(mve_qemu.missing() is not None, reason=str(mve_qemu.missing()))
def test_products_on_mve(tmp_path: Path) -> None:
    found: list[mve_qemu.Case] = []
    expected: list[Array] = []
    for index, product in enumerate(PRODUCTS):
        a, b, y, requant = product.numbers(index)
        fields = ", ".join(map(str, [*product.runs, *product.zeros[:2]]))
        prelude = (
            f"static const rn_mul_shape shape{index} = {{{fields}}};\n"
            f"static const rn_requant requant{index} = {{{', '.join(map(str, requant))}}};\n"
        )
        call = (
            f"rn_mul_s8_mve(&shape{index}, &requant{index}, {product.multiplier}, {product.shift}, "
            "x, w, y);"
        )
        found.append(mve_qemu.Case(prelude, call, a, b, y.size, 0))
        expected.append(y)
    for flags in (["-O2"], ["-O0"]):
        results = mve_qemu.run(found, ["rn_mul_s8_mve.h"], tmp_path, flags)
        for y, result in zip(expected, results, strict=True):
            np.testing.assert_array_equal(result.y, y.reshape(-1))
