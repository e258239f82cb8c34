"""Tables and softmax of 16-bit activations: their definition, and how near they come."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
from kernel_harness.cases import Case, c_array
from kernel_harness.checks import check_bytes
from kernel_harness.toolchain import HOST_CHECKED
from quant_networks import Node, apply, network, outputs, sqnr
from test_emitted_c import WARNINGS
from xdsl.dialects.builtin import IntegerAttr, ModuleOp

from runnel.dialects import graph, quant
from runnel.lowering.graph_to_quant import ConvertGraphToQuant, is_float_compute
from runnel.passes.quant.calibrate import RANGE, Calibrate
from runnel.passes.quant.insert_casts import InsertQuantCasts
from runnel.passes.quant.notes import BITS
from runnel.tools import api
from runnel.tools.interpret import interpret
from runnel.tools.pipeline import resolve_pipeline
from runnel.tools.registry import new_context

RANDOM = np.random.default_rng(1)
EDGES = np.array([-32768, -32767, -32641, -32640, -1, 0, 1, 127, 128, 32639, 32640, 32767])
X = np.concatenate([EDGES, RANDOM.integers(-32768, 32768, 300)]).astype(np.int16)


def half_up(value: Fraction) -> int:
    return (2 * value.numerator + value.denominator) // (2 * value.denominator)


def interpolated(x: int, table: np.ndarray, fine: int) -> int:
    """On the line between the two entries around `x`, rounded half up."""
    index, rest = divmod(x + 32768, 128)
    a, b = int(table[index]), int(table[index + 1]) if rest else 0
    exact = Fraction(a) if rest == 0 else Fraction(a * (128 - rest) + b * rest, 128)
    return half_up(exact / fine)


def table_case(bits: int) -> Case:
    table = RANDOM.integers(-32768, 32513, 513).astype(np.int16)
    fine = 256 if bits == 8 else 1
    y = np.array([interpolated(int(x), table, fine) for x in X]).astype(f"int{bits}")
    symbol = f"rn_table_s16_s{bits}"
    call = f"{symbol}({X.size}, table, x, y);"
    return Case(symbol, "rn_table_s16", [c_array("table", table), c_array("x", X)], call, y)


def softmax_case(x_bits: int, y_bits: int) -> Case:
    """The definition in Python's whole numbers."""
    rows, n, zero = 5, 12, -128 if y_bits == 8 else 0
    limit = 1 << (x_bits - 1)
    x = RANDOM.integers(-limit, limit, (rows, n))
    x[0] = limit - 1
    x[1], x[1, 3] = -limit, limit - 1
    steps = np.exp(-np.arange(256) * (0.05 if x_bits == 8 else 3e-4))
    table = np.rint(steps * 2**22).astype(np.int32)
    if x_bits == 16:
        high = np.rint(np.exp(-np.arange(256) * 256 * 3e-4) * 2**27)
        table = np.concatenate([high, np.rint(steps * 2**30)]).astype(np.int32)

    def e(d: int) -> int:
        if x_bits == 8:
            return int(table[d])
        return half_up(Fraction(int(table[d >> 8]) * int(table[256 + (d & 255)]), 2**30))

    y: list[int] = []
    for row in x.tolist():
        exps = [e(max(row) - value) for value in row]
        reciprocal = 2**62 // sum(exps)
        for each in exps:
            share = half_up(Fraction(each * reciprocal, 2 ** (62 - (8 if y_bits == 8 else 15))))
            y.append(min(share + zero, (1 << (y_bits - 1)) - 1))
    symbol = f"rn_softmax_s{x_bits}_s{y_bits}"
    call = f"{symbol}({rows}, {n}, table, {zero}, x, y);"
    definitions = [c_array("table", table), c_array("x", x.astype(f"int{x_bits}"))]
    return Case(symbol, "rn_softmax_s16", definitions, call, np.array(y).astype(f"int{y_bits}"))


def test_kernels(tmp_path: Path) -> None:
    found = [table_case(8), table_case(16)]
    found += [softmax_case(*bits) for bits in ((8, 16), (16, 8), (16, 16))]
    check_bytes(HOST_CHECKED, found, tmp_path)


ROWS = RANDOM.normal(size=(64, 1, 8)).astype(np.float32)
NODES: list[Node] = [
    ("MatMul", ["x", "w"], ["h"], {}),
    ("Mul", ["h", "c"], ["m"], {}),
    ("Tanh", ["m"], ["t"], {}),
    ("MatMul", ["t", "v"], ["z"], {}),
    ("Softmax", ["z"], ["y"], {"axis": 1}),
]


def quantized(folder: Path, bits: int) -> tuple[ModuleOp, ModuleOp]:
    """The float network and its integers, activations of `bits`."""
    random = np.random.default_rng(2)
    constants = {"w": random.normal(size=(8, 8)), "v": random.normal(size=(8, 6)), "c": 0.8}
    module = network([1, 8], NODES, constants)
    resolve_pipeline("simplify").run(new_context(), module)
    np.save(folder / "rows.npy", ROWS.reshape(64, 8))
    integers = module.clone()
    apply(integers, Calibrate(str(folder / "rows.npy"), "min-max"))
    for op in integers.walk():
        if RANGE in op.attributes:
            op.attributes[BITS] = IntegerAttr(bits, 64)
    apply(integers, InsertQuantCasts(), ConvertGraphToQuant("single"))
    resolve_pipeline("cleanup,remove-unused-globals").run(new_context(), integers)
    return module, integers


def test_a_network_of_16_bits_is_integer_and_exact(tmp_path: Path) -> None:
    module, wide = quantized(tmp_path, 16)
    assert [op.name for op in wide.walk() if is_float_compute(op)] == []
    (softmax,) = [op for op in wide.walk() if isinstance(op, quant.SoftmaxOp)]
    assert quant.quantized(softmax.result).scale == 2.0**-15
    x = ROWS.reshape(64, 8)
    reference = outputs(module, x)
    _, narrow = quantized(tmp_path, 8)
    # The input and the weights have 8 bits in both.
    assert sqnr(reference, outputs(wide, x)) > sqnr(reference, outputs(narrow, x)) + 3
    artifact = api.compile(wide, "host")
    name = artifact.signature.inputs[0].name
    samples = {name: x[:8]}
    _, (found,) = artifact.run(artifact.build(tmp_path / "out", flags=WARNINGS), samples)
    for level in ("channels-last", "cortexm", "c"):
        (expected,) = interpret(artifact.road, level, samples).values()
        assert found.tobytes() == expected.tobytes(), level


def test_a_wide_table_follows_its_function(tmp_path: Path) -> None:
    """Between entries a smooth function is a line but for a fraction of a step."""
    _, wide = quantized(tmp_path, 16)
    (op,) = [op for op in wide.walk() if isinstance(op, quant.TableOp)]
    have, want = quant.quantized(op.input), quant.quantized(op.result)
    table = graph.constant_array(op.table)
    assert table is not None
    y = np.array([interpolated(int(x), table, 1) for x in X])
    real = np.tanh(0.8 * X.astype(np.float64) * have.scale) / want.scale
    assert np.abs(y - real).max() < 4
