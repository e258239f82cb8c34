"""convert-graph-to-quant against rational arithmetic: what the integers must be, exactly.

A multiplier has 31 bits, so that a result is the rounding of a number that is off the exact one by
less than `SLACK`; where no tie is so close, or scales are powers of two, there is one right answer.
"""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from itertools import product
from math import exp, floor, tanh

import numpy as np
import pytest
from quant_programs import (
    Array,
    Element,
    Program,
    apply,
    names,
    per_tensor,
    random_int8,
    weights_of,
)
from xdsl.ir import SSAValue

from runnel.dialects import graph, quant
from runnel.lowering.fuse_arithmetic import add_parameters
from runnel.lowering.fuse_tables import softmax_table
from runnel.runtime.interpreter import run

SLACK = Fraction(1, 2**8)
"""In steps of the result: far more than 2**-31 of the greatest accumulator here."""


def real_scales(seed: int, count: int) -> list[float]:
    """f32 scales between 2**-7 and 2**-3."""
    exponents = np.random.default_rng(seed).uniform(-7, -3, count)
    return np.float32(2.0**exponents).astype(float).tolist()


def check(found: Array, exact: list[Fraction], zero: int, clamp: tuple[int, int], tie: str) -> None:
    """Each element is the rounding of `exact` (in steps), plus the zero point, clamped."""
    for value, ratio in zip(found.ravel().tolist(), exact, strict=True):
        right = {round(ratio)}
        distance = abs(ratio - floor(ratio) - Fraction(1, 2))
        if tie == "near" and distance < SLACK:
            right = {floor(ratio), floor(ratio) + 1}
        low, high = clamp
        assert value in {min(max(r + zero, low), high) for r in right}, float(ratio)


def output(program: Program, value: SSAValue, element: Element, x: Array, *more: Array) -> Array:
    """The result of the program after fusion, which leaves nothing in float."""
    module = apply(program.finish(value, element), "convert-graph-to-quant,dce")
    assert not [name for name in names(module) if name.startswith("graph.")]
    assert not [name for name in names(module) if name.endswith("cast")]
    return run(module, [x, *more])["output0"]


def convolve(
    x: Array, w: Array, zero: int, strides: int, pad: int, dilation: int, groups: int
) -> list[tuple[int, int]]:
    """(channel, sum of (x - zero) * w) of each result of a convolution, in NCHW order."""
    height, width = x.shape[2:]
    out, part, kh, kw = w.shape
    extent_h = (height + 2 * pad - dilation * (kh - 1) - 1) // strides + 1
    extent_w = (width + 2 * pad - dilation * (kw - 1) - 1) // strides + 1
    found: list[tuple[int, int]] = []
    for o, row, column in product(range(out), range(extent_h), range(extent_w)):
        total = 0
        for i, a, b in product(range(part), range(kh), range(kw)):
            y, z = row * strides + a * dilation - pad, column * strides + b * dilation - pad
            if 0 <= y < height and 0 <= z < width:
                channel = o // (out // groups) * part + i
                total += (int(x[0, channel, y, z]) - zero) * int(w[o, i, a, b])
        found.append((o, total))
    return found


CONVOLUTIONS = {
    "dense": (3, 4, 1, 3, 1, 1, 1),
    "strided": (2, 3, 1, 3, 2, 1, 1),
    "dilated": (2, 2, 1, 2, 1, 1, 2),
    "pointwise": (5, 3, 1, 1, 1, 0, 1),
    "grouped": (4, 6, 2, 3, 1, 1, 1),
    "depthwise": (4, 4, 4, 3, 1, 1, 1),
    "multiplier": (2, 4, 2, 3, 2, 0, 1),
}
"""channels in and out, groups, kernel, stride, pad, dilation"""


@pytest.mark.parametrize("tie", ["near", "exact"])
@pytest.mark.parametrize("kind", CONVOLUTIONS)
def test_convolution(kind: str, tie: str) -> None:
    depth, out, groups, k, stride, pad, dilation = CONVOLUTIONS[kind]
    random = np.random.default_rng(len(kind))
    x, w = random_int8(random, 1, depth, 6, 5), random_int8(random, out, depth // groups, k, k)
    sx, *sw = [2.0**-3] * (out + 1) if tie == "exact" else real_scales(7, out + 1)
    sy, zx, zy = 2.0 if tie == "exact" else 1.7, 11, -20
    bias = random.normal(0, 2, out).astype(np.float32)
    if tie == "exact":
        bias = np.rint(bias).astype(np.float32)
    program = Program()
    conv = graph.ConvOp(
        program.input(x.shape, per_tensor(sx, zx)),
        program.weight(w, weights_of(sw)),
        program.constant(bias),
        strides=[stride] * 2,
        pads=[pad] * 4,
        dilations=[dilation] * 2,
        group=groups,
    )
    relu = program.add(graph.ReluOp(program.add(conv)))
    found = output(program, relu, per_tensor(sy, zy), x)
    exact: list[Fraction] = []
    for channel, total in convolve(x, w, zx, stride, pad, dilation, groups):
        scale = Fraction(sx) * Fraction(sw[channel])
        whole = round(Fraction(float(bias[channel])) / scale)
        exact.append((total + whole) * scale / Fraction(float(np.float32(sy))))
    check(found, exact, zy, (zy, 127), tie)
    assert len(np.unique(found)) > 5


@pytest.mark.parametrize("tie", ["near", "exact"])
@pytest.mark.parametrize("form", ["gemm", "gemm_transposed", "matmul"])
def test_fully_connected(form: str, tie: str) -> None:
    random = np.random.default_rng(5)
    rows, depth, out = 2, 7, 5
    x, w = random_int8(random, rows, depth), random_int8(random, out, depth)
    sx, *sw = [2.0**-2] * 6 if tie == "exact" else real_scales(3, 6)
    sy, zx, zy = 4.0 if tie == "exact" else 2.3, -5, 9
    bias = np.rint(random.normal(0, 8, out)).astype(np.float32)
    program = Program()
    source = program.input(x.shape, per_tensor(sx, zx))
    if form == "gemm_transposed":
        weight = program.weight(w, weights_of(sw))
        core = graph.GemmOp(source, weight, program.constant(bias), trans_b=True)
    elif form == "gemm":
        weight = program.weight(np.ascontiguousarray(w.T), weights_of(sw, axis=1))
        core = graph.GemmOp(source, weight, program.constant(bias[None]))
    else:
        weight = program.weight(np.ascontiguousarray(w.T), weights_of(sw, axis=1))
        core, bias = graph.MatmulOp(source, weight), np.zeros(out)
    found = output(program, program.add(core), per_tensor(sy, zy), x)
    exact: list[Fraction] = []
    for row, channel in product(range(rows), range(out)):
        scale = Fraction(sx) * Fraction(sw[channel])
        total = sum((int(a) - zx) * int(b) for a, b in zip(x[row], w[channel], strict=True))
        total += round(Fraction(float(bias[channel])) / scale)
        exact.append(total * scale / Fraction(float(np.float32(sy))))
    check(found, exact, zy, (-128, 127), tie)


@pytest.mark.parametrize("tie", ["near", "exact"])
@pytest.mark.parametrize("form", ["window", "padded", "global"])
def test_average_pool(form: str, tie: str) -> None:
    x = random_int8(np.random.default_rng(2), 1, 2, 4, 8)
    sx, zx, zy = 0.5, 7, -3
    sy = 0.25 if tie == "exact" else 0.3
    program = Program()
    source = program.input(x.shape, per_tensor(sx, zx))
    kernel, stride, pad = ((4, 8), 1, 0) if form == "global" else ((2, 4), 2, 1)
    pad = pad if form == "padded" else 0
    core = (
        graph.GlobalAveragePoolOp(source)
        if form == "global"
        else graph.AveragePoolOp(
            source,
            kernel_shape=kernel,
            strides=[stride] * 2,
            pads=[pad] * 4,
            dilations=[1, 1],
            count_include_pad=True,
        )
    )
    found = output(program, program.add(core), per_tensor(sy, zy), x)
    exact: list[Fraction] = []
    padded = np.pad(x.astype(int) - zx, ((0, 0), (0, 0), (pad, pad), (pad, pad)))
    for c in range(2):
        for i in range(0, padded.shape[2] - kernel[0] + 1, stride):
            for j in range(0, padded.shape[3] - kernel[1] + 1, stride):
                total = int(padded[0, c, i : i + kernel[0], j : j + kernel[1]].sum())
                mean = Fraction(total, kernel[0] * kernel[1])
                exact.append(mean * Fraction(sx) / Fraction(float(np.float32(sy))))
    check(found, exact, zy, (-128, 127), tie)


PAIRS = np.array(list(product(range(-128, 128), repeat=2)))


@pytest.mark.parametrize("bits", [15, 31])
@pytest.mark.parametrize("seed", range(12))
def test_add_over_all_pairs(seed: int, bits: int) -> None:
    random = np.random.default_rng(seed)
    scales = np.float32(2.0 ** random.uniform(-3, 3, 3)).astype(float)
    zeros = random.choice([-128, -3, 0, 50, 127], 3)
    a, b, y = (per_tensor(float(s), int(z)) for s, z in zip(scales, zeros, strict=True))
    (m_a, m_b), bias, shift = add_parameters(a, b, y, bits)
    products = PAIRS * [m_a, m_b]
    partial = [products[:, 0], products[:, 1], products.sum(1), products.sum(1) + bias]
    assert max(np.abs(p).max() for p in [*partial, products[:, 0] + bias]) < 2**31
    assert max(m_a, m_b) < 2**bits
    real = ((PAIRS - [a.zero_point, b.zero_point]) * scales[:2]).sum(1) / scales[2] + y.zero_point
    found = np.clip((products.sum(1) + bias) >> shift, -128, 127)
    assert np.abs(found - np.clip(np.rint(real), -128, 127)).max() <= 1
    assert np.abs(found - np.clip(real, -128, 127)).max() <= 0.5 + 2.0**-4


def test_add_runs_with_its_parameters() -> None:
    random = np.random.default_rng(1)
    a, b = random_int8(random, 1, 300), random_int8(random, 1, 300)
    program = Program()
    lhs, rhs = (program.input(a.shape, e) for e in (per_tensor(0.5, 3), per_tensor(0.25, -9)))
    found = output(program, program.add(graph.AddOp(lhs, rhs)), per_tensor(0.75, 4), a, b)
    exact = [
        (Fraction(int(p) - 3, 2) + Fraction(int(q) + 9, 4)) / Fraction(3, 4)
        for p, q in zip(a.ravel(), b.ravel(), strict=True)
    ]
    check(found, exact, 4, (-128, 127), "near")


FUNCTIONS: dict[str, tuple[type, Callable[[float], float]]] = {
    "relu": (graph.ReluOp, lambda x: max(x, 0.0)),
    "sigmoid": (graph.SigmoidOp, lambda x: 1 / (1 + exp(-x))),
    "tanh": (graph.TanhOp, tanh),
    "exp": (graph.ExpOp, exp),
    "abs": (graph.AbsOp, abs),
    "neg": (graph.NegOp, lambda x: -x),
    "hard_swish": (graph.HardSwishOp, lambda x: x * min(max(x + 3, 0), 6) / 6),
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_table(name: str) -> None:
    kind, function = FUNCTIONS[name]
    x = np.arange(-128, 128, dtype=np.int8)[None]
    program = Program()
    value = program.add(kind(program.input(x.shape, per_tensor(0.03, -40))))
    found = output(program, value, per_tensor(0.011, 5), x)
    sx, sy = (Fraction(float(np.float32(s))) for s in (0.03, 0.011))
    exact = [Fraction(function(float((q + 40) * sx))) / sy for q in range(-128, 128)]
    check(found, exact, 5, (-128, 127), "near")


def test_requantization_of_a_value_is_a_table() -> None:
    x = np.arange(-128, 128, dtype=np.int8)[None]
    program = Program()
    found = output(program, program.input(x.shape, per_tensor(0.5, 2)), per_tensor(0.25, -7), x)
    check(found, [Fraction(2 * (q - 2)) for q in range(-128, 128)], -7, (-128, 127), "exact")


@pytest.mark.parametrize("count", [2, 10, 1000])
def test_softmax_within_a_step_of_the_real_one(count: int) -> None:
    random = np.random.default_rng(count)
    x = random_int8(random, 3, count)
    x[1] = 7  # all equal
    program = Program()
    scale = 0.11
    value = graph.SoftmaxOp(program.input(x.shape, per_tensor(scale, 3)), 1)
    found = output(program, program.add(value), per_tensor(1 / 256, -128), x)
    real = np.exp(np.float32(scale) * (x.astype(float) - x.max(1, keepdims=True)))
    real = 256 * real / real.sum(1, keepdims=True) - 128
    assert np.abs(found - np.clip(real, -128, 127)).max() <= 0.51


@pytest.mark.parametrize("count", [1, 511, 512, 1023, 1024, 1535, 5000])
def test_softmax_stays_in_u32(count: int) -> None:
    top = int(softmax_table(0.1, count).max())
    assert 512 * top + count * top < 2**32
    assert 2 * count * top < 2**32
    assert 2 * 2 * max(512 + count, 2 * count) * top >= 2**32  # no bit is given away


@pytest.mark.parametrize("order", ["relu_last", "clip_last"])
def test_the_outer_activation_has_the_last_word(order: str) -> None:
    x = np.arange(-128, 128, dtype=np.int8)[None]
    program = Program()
    value = program.input(x.shape, per_tensor(0.5))
    if order == "relu_last":
        value = program.add(graph.ReluOp(program.add(graph.ClipOp(value, -10.0, -5.0))))
        expected = np.zeros(256)
    else:
        value = program.add(graph.ClipOp(program.add(graph.ReluOp(value)), -10.0, -5.0))
        expected = np.full(256, -5.0)
    found = output(program, value, per_tensor(0.5, 10), x)
    assert found.tolist() == [(expected / 0.5 + 10).tolist()]


def stays(program: Program, value: SSAValue, element: Element) -> list[str]:
    """What is left in float by the fusion."""
    module = apply(program.finish(value, element), "convert-graph-to-quant,dce")
    return [name for name in names(module) if name.startswith("graph.")]


def test_a_bias_per_row_stays_in_float() -> None:
    program = Program()
    source = program.input((2, 3), per_tensor(0.5))
    weight = program.weight(np.ones((2, 3), np.int8), weights_of([0.5]))
    core = graph.GemmOp(source, weight, program.constant(np.ones((2, 1))), trans_b=True)
    assert stays(program, program.add(core), per_tensor(0.5)) == ["graph.gemm"]


def test_weights_with_a_zero_point_stay_in_float() -> None:
    program = Program()
    source = program.input((2, 3), per_tensor(0.5))
    weight = program.weight(np.ones((2, 3), np.int8), per_tensor(0.5, 1))
    core = graph.GemmOp(source, weight, trans_b=True)
    assert stays(program, program.add(core), per_tensor(0.5)) == ["graph.gemm"]


def test_16_bit_weights_stay_in_float() -> None:
    program = Program()
    source = program.input((2, 3), per_tensor(0.5))
    weight = program.weight(np.full((2, 3), 300, np.int16), Element.get([0.5], bits=16))
    core = graph.GemmOp(source, weight, trans_b=True)
    assert stays(program, program.add(core), per_tensor(0.5)) == ["graph.gemm"]


def test_a_16_bit_result_is_a_table_of_its_bytes() -> None:
    program = Program()
    value = program.add(graph.TanhOp(program.input((1, 256), per_tensor(0.01))))
    x = np.arange(-128, 128, dtype=np.int8)[None]
    found = output(program, value, Element.get([2.0**-15], bits=16), x)
    assert found.tolist() == np.rint(np.tanh(x * 0.01) * 2**15).tolist()


def test_a_16_bit_input_is_a_table() -> None:
    program = Program()
    value = program.add(graph.TanhOp(program.input((1, 3), Element.get([2.0**-12], bits=16))))
    assert stays(program, value, per_tensor(0.5)) == []


def test_a_clamped_softmax_stays_in_float() -> None:
    program = Program()
    value = program.add(graph.SoftmaxOp(program.input((1, 3), per_tensor(0.5)), 1))
    value = program.add(graph.ClipOp(value, 0.0, 0.5))
    assert "graph.softmax" in stays(program, value, per_tensor(1 / 256, -128))


def test_scales_too_far_apart_stay_in_float() -> None:
    program = Program()
    a, b = (program.input((1, 3), per_tensor(1e20)) for _ in range(2))
    assert stays(program, program.add(graph.AddOp(a, b)), per_tensor(1e-10)) == ["graph.add"]


def test_an_input_with_a_scale_per_channel_stays_in_float() -> None:
    program = Program()
    source = program.input((1, 2), quant.UniformQuantizedType.get([0.5, 0.25], axis=1))
    assert stays(program, program.add(graph.TanhOp(source)), per_tensor(0.5)) == ["graph.tanh"]
