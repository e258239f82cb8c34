"""Simulated quantization rounds as the integers do: ties, and the multipliers of sums."""

from __future__ import annotations

from fractions import Fraction
from math import floor
from pathlib import Path

import numpy as np
import pytest
from onnx import ModelProto
from quant_networks import CHANNELS, SHAPE, Array, apply, calibration_file, images, network
from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import Operation

from runnel.dialects import graph, quant
from runnel.lowering.export_onnx import export_onnx
from runnel.lowering.graph_to_quant import ConvertGraphToQuant
from runnel.passes.graph.constants import float_array
from runnel.passes.quant.calibrate import Calibrate
from runnel.passes.quant.insert_casts import InsertQuantCasts
from runnel.passes.quant.round_biases import RoundBiases
from runnel.passes.quant.round_results import RoundResults
from runnel.runtime.interpreter import run
from runnel.tools.pipeline import resolve_pipeline
from runnel.tools.registry import new_context

SHIFTS = """base = "host"
name = "shifts"

[quantization]
bits = [[8, 8]]
activations = "strict"
weights = "strict"
per_channel = false
power_of_two = true
roundings = ["{}"]
"""


def residual_network() -> ModuleOp:
    """Convolutions with a sum and a difference around them, pooling and a matrix product."""
    random = np.random.default_rng(8)
    c = CHANNELS
    constants = {
        "w1": random.normal(size=(c, 3, 3, 3)) / 3,
        "b1": random.normal(size=c),
        "w2": random.normal(size=(c, c, 3, 3)) / 6,
        "b2": random.normal(size=c),
        "w3": random.normal(size=(10, c)),
        "b3": random.normal(size=10),
    }
    padded = {"pads": [1, 1, 1, 1], "kernel_shape": [3, 3]}
    nodes = [
        ("Conv", ["x", "w1", "b1"], ["c1"], padded),
        ("Relu", ["c1"], ["r1"], {}),
        ("Conv", ["r1", "w2", "b2"], ["c2"], padded),
        ("Add", ["r1", "c2"], ["s1"], {}),
        ("Relu", ["s1"], ["r2"], {}),
        ("Transpose", ["r1"], ["t1"], {"perm": [0, 1, 3, 2]}),
        ("Sub", ["r2", "t1"], ["s2"], {}),
        ("GlobalAveragePool", ["s2"], ["p"], {}),
        ("Flatten", ["p"], ["f"], {}),
        ("Gemm", ["f", "w3", "b3"], ["y"], {"transB": 1}),
    ]
    return network(list(SHAPE), nodes, constants)


def quantized(tmp_path: Path, platform: str = "host") -> ModuleOp:
    module = residual_network()
    resolve_pipeline(f"set-platform{{platform={platform}}}").run(new_context(), module)
    data = calibration_file(tmp_path)
    apply(module, Calibrate(data, "min-max"), InsertQuantCasts(), RoundBiases())
    return module


def result(module: ModuleOp, *, exact: bool = False) -> Array:
    (found,) = run(module, [images(200, seed=9)], exact=exact).values()
    return found.astype(np.float32)


def integers(module: ModuleOp) -> Array:
    copy = module.clone()
    apply(copy, ConvertGraphToQuant("platform"))
    kinds = {op.name for op in copy.walk()}
    assert {"quant.add", "quant.avg_pool2d", "quant.conv2d"} <= kinds
    assert "graph.add" not in kinds
    return result(copy)


@pytest.mark.parametrize("rounding", ["any", "single", "floor", "half_even"])
def test_the_simulated_network_gives_the_integers(tmp_path: Path, rounding: str) -> None:
    platform = "host"
    if rounding != "any":
        platform = str(tmp_path / "shifts.toml")
        Path(platform).write_text(SHIFTS.format(rounding))
    module = quantized(tmp_path, platform)
    expected, before = integers(module), result(module, exact=True)
    apply(module, RoundResults())
    module.verify()
    np.testing.assert_array_equal(result(module, exact=True), expected)
    np.testing.assert_array_equal(integers(module), expected)
    if rounding != "half_even":
        assert (before != expected).any(), "the pass has something to do"
    in_f32 = (result(module) != expected).mean()
    assert in_f32 == 0 if rounding != "any" else in_f32 < 0.01  # powers of two are exact in f32


def test_sums_have_multipliers_of_15_bits(tmp_path: Path) -> None:
    """In exact arithmetic: that many steps of the result's scale over a power of two."""
    module = quantized(tmp_path)
    apply(module, RoundResults())
    (total,) = [op for op in module.walk() if isinstance(op, graph.AddOp)]
    (taker,) = [use.operation for use in total.result.uses]
    (cast,) = [use.operation for use in taker.results[0].uses]
    assert isinstance(cast, quant.QuantizeCastOp)
    step = Fraction(quant.quantized(cast.result).scale)
    factors: list[int] = []
    for operand in total.operands:
        back = operand.owner
        assert isinstance(back, quant.DequantizeCastOp)
        wide = back.input.owner
        assert isinstance(wide, quant.WidenOp)
        fine = Fraction(quant.quantized(wide.result).scale)
        shift = (step / fine).numerator.bit_length() - 1
        assert step / fine == 2**shift
        ratio = Fraction(quant.quantized(wide.input).scale) / step
        factors.append(wide.multiplier.value.data)
        assert factors[-1] == floor(ratio * 2**shift + Fraction(1, 2))
    assert 2**14 <= max(factors) < 2**15


def test_a_second_run_changes_nothing(tmp_path: Path) -> None:
    module = quantized(tmp_path)
    apply(module, RoundResults())
    once = str(module)
    apply(module, RoundResults())
    assert str(module) == once


def test_other_formats_get_the_scales_of_quantizers(tmp_path: Path) -> None:
    module = quantized(tmp_path)
    plain = contents(export_onnx(module))
    apply(module, RoundResults())
    assert contents(export_onnx(module)) == plain
    assert any(isinstance(op, quant.WidenOp) for op in module.walk())


def contents(model: ModelProto) -> tuple[list[str], list[bytes]]:
    """What nodes and constants there are."""
    kinds = sorted(node.op_type for node in model.graph.node)
    return kinds, sorted(tensor.raw_data for tensor in model.graph.initializer)


def test_ops_in_float_are_rounded_as_before(tmp_path: Path) -> None:
    """An input, and a product whose weight is in float."""
    module = quantized(tmp_path)
    first = next(op for op in module.walk() if isinstance(op, graph.ConvOp))
    weight = first.weight.owner
    assert isinstance(weight, quant.DequantizeCastOp)
    resolve_pipeline("fake-quantize-weights").run(new_context(), module)
    assert float_array(first.operands[2]) is not None
    apply(module, RoundResults())
    told = {
        op.input.owner.name if isinstance(op.input.owner, Operation) else "input": op.rounding
        for op in module.walk()
        if isinstance(op, quant.QuantizeCastOp)
    }
    assert told["input"] is None and told["graph.gemm"] is None
    assert told["graph.sub"] is not None
