"""Activations of 16 bits: which are chosen, and what integer ops make of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from quant_networks import (
    Node,
    apply,
    calibration_file,
    images,
    network,
    outputs,
    small_network,
    sqnr,
)
from xdsl.dialects import func
from xdsl.dialects.builtin import ArrayAttr, DictionaryAttr, IntegerAttr, ModuleOp

from runnel.dialects import quant
from runnel.dialects.diagnostics import source_name
from runnel.lowering.graph_to_quant import ConvertGraphToQuant
from runnel.passes.quant.calibrate import Calibrate, argument_attributes
from runnel.passes.quant.insert_casts import BITS, InsertQuantCasts
from runnel.passes.quant.mixed_precision import MixedPrecision


def wide(module: ModuleOp) -> list[str | None]:
    """The nodes whose results were given 16 bits."""
    return [source_name(op) for op in module.walk() if BITS in op.attributes]


def function_of(module: ModuleOp) -> func.FuncOp:
    return next(op for op in module.walk() if isinstance(op, func.FuncOp))


def outlier_network() -> ModuleOp:
    """Between the layers one channel is 300 times as large as the others, which matter as much."""
    random = np.random.default_rng(0)
    scales = np.ones(8)
    scales[0] = 300
    constants = {
        "a": random.normal(size=(8, 3, 1, 1)) * scales[:, None, None, None],
        "b": random.normal(size=(8, 8, 1, 1)) / scales[:, None, None],
        "c": random.normal(size=(4, 8, 1, 1)),
    }
    nodes: list[Node] = [
        ("Conv", ["x", "a"], ["big"], {}),
        ("Conv", ["big", "b"], ["even"], {}),
        ("Relu", ["even"], ["r"], {}),
        ("Conv", ["r", "c"], ["y"], {}),
    ]
    return network([1, 3, 8, 8], nodes, constants)


def test_the_tensor_that_makes_the_noise_is_chosen(tmp_path: Path) -> None:
    data = calibration_file(tmp_path)
    module = outlier_network()
    remarks = apply(module, Calibrate(data, "min-max"), MixedPrecision(data, sqnr=25))
    assert wide(module) == ["big"]
    points = [text for text in remarks if "tensors in 16 bits" in text]
    assert "0 of 4 tensors in 16 bits, 0 bytes more" in points[0]
    assert any("1 of 4 tensors in 16 bits, 512 bytes more" in text for text in points)
    assert "16 bits for 1 of 4: big" in remarks[-1]


def test_bits_come_from_measured_noise(tmp_path: Path) -> None:
    """Wider where the target is higher; none where 8 bits are enough."""
    data = calibration_file(tmp_path)
    counts: list[int] = []
    for target in (1.0, 25.0, 45.0, 200.0):
        module = outlier_network()
        apply(module, Calibrate(data, "min-max"), MixedPrecision(data, sqnr=target))
        counts.append(len(wide(module)) + str(function_of(module).arg_attrs).count(BITS))
    assert counts == [0, 1, 4, 4]


@pytest.mark.parametrize("rounding", ["half_even", "single"])
def test_sixteen_bits_become_integer_ops(tmp_path: Path, rounding: str) -> None:
    """All activations in 16 bits: integers are as good as the weights let them be."""
    data = calibration_file(tmp_path)
    module = small_network(0)
    apply(module, Calibrate(data, "min-max"))
    for op in module.walk():
        if "quant.range" in op.attributes:
            op.attributes[BITS] = IntegerAttr(16, 64)
    apply(module, InsertQuantCasts())
    integers = module.clone()
    remarks = apply(integers, ConvertGraphToQuant(rounding))
    assert not [text for text in remarks if "stays in float" in text]
    kinds = {op.name for op in integers.walk()}
    assert {"quant.conv2d", "quant.avg_pool2d", "quant.fully_connected"} <= kinds
    for op in integers.walk():
        if isinstance(op, quant.Conv2DOp):
            assert quant.quantized(op.result).storage.width.data == 16
    x = images(50, seed=8)
    simulated, exact = outputs(module, x), outputs(integers, x)
    # One step of 16 bits is a 65536th of the range; layers add theirs.
    assert sqnr(simulated, exact) > 70
    reference = outputs(small_network(0), x)
    coarse = small_network(0)
    apply(coarse, Calibrate(data, "min-max"), InsertQuantCasts())
    assert sqnr(reference, exact) > sqnr(reference, outputs(coarse, x)) + 3


def test_an_accumulator_that_could_leave_i32_stays_in_float(tmp_path: Path) -> None:
    """600 weights of 127 times 32768 are more than 2**31."""
    constants: dict[str, Any] = {"w": np.ones((2, 600)), "b": np.zeros(2)}
    nodes: list[Node] = [("Gemm", ["x", "w", "b"], ["y"], {"transB": 1})]
    module = network([1, 600], nodes, constants)
    np.save(tmp_path / "x.npy", np.random.default_rng(0).normal(size=(4, 600)))
    apply(module, Calibrate(str(tmp_path / "x.npy"), cache=False))
    function = function_of(module)
    [entry] = argument_attributes(function)
    function.arg_attrs = ArrayAttr([DictionaryAttr({**entry, BITS: IntegerAttr(16, 64)})])
    apply(module, InsertQuantCasts())
    remarks = apply(module, ConvertGraphToQuant("single"))
    assert any("the accumulator may leave i32" in text for text in remarks)
    assert any(op.name == "graph.gemm" for op in module.walk())
