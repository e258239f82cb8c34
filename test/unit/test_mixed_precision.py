"""Activations of 16 bits: which are chosen, and what integer ops make of them."""

from __future__ import annotations

import re
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
from runnel.dialects.diagnostics import RunnelError, source_name
from runnel.lowering.graph_to_quant import ConvertGraphToQuant
from runnel.passes.quant.calibrate import Calibrate, argument_attributes
from runnel.passes.quant.insert_casts import InsertQuantCasts
from runnel.passes.quant.mixed_precision import MixedPrecision
from runnel.passes.quant.notes import BITS, WEIGHT_BITS
from runnel.passes.quant.pareto import points_of
from runnel.tools import api
from runnel.tools.pipeline import resolve_pipeline
from runnel.tools.registry import new_context


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
    bytes_of = {
        text.partition("model]: ")[2][:26]: int(re.findall(r"(\d+) of activations", text)[0])
        for text in remarks
        if "tensors in 16 bits" in text
    }
    one, none = (bytes_of[f"{n} of 4 tensors in 16 bits:"] for n in (1, 0))
    assert one - none == 8 * 64  # a byte more for each element
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


def two_layers() -> ModuleOp:
    """The weights of "exact" are a scale times integers of 4 bits in each row; those of "fine" have
    one that is great, and many others that matter.
    """
    random = np.random.default_rng(5)
    codes = random.integers(-7, 8, (12, 3, 3, 3))
    codes[:, 0, 0, 0] = 7
    fine = random.normal(size=(10, 12, 1, 1)) / 20
    fine[:, 0] = 1.0
    constants = {"a": codes * random.uniform(0.02, 0.1, 12)[:, None, None, None], "b": fine}
    nodes: list[Node] = [
        ("Conv", ["x", "a"], ["exact"], {"pads": [1, 1, 1, 1]}),
        ("Relu", ["exact"], ["r"], {}),
        ("Conv", ["r", "b"], ["fine"], {}),
        ("GlobalAveragePool", ["fine"], ["p"], {}),
        ("Flatten", ["p"], ["y"], {}),
    ]
    return network([1, 3, 8, 8], nodes, constants)


def narrow(module: ModuleOp) -> dict[str | None, int]:
    """The layers whose weights were given fewer bits."""
    found: dict[str | None, int] = {}
    for op in module.walk():
        bits = op.attributes.get(WEIGHT_BITS)
        if isinstance(bits, IntegerAttr):
            found[source_name(op)] = bits.value.data
    return found


EXACT, FINE = 12 * 27, 10 * 12
"""Weights of the two layers."""


def test_the_layer_that_loses_nothing_gets_fewer_bits_first(tmp_path: Path) -> None:
    """Allowed is what all take at 8 bits, with 9 bytes of a channel, but for half of the first."""
    data = calibration_file(tmp_path)
    allowed = EXACT + FINE + 9 * 22 - EXACT // 2
    options: dict[str, Any] = {"weight_bits": (4, 8), "activation_bits": (8,)}
    module = two_layers()
    apply(module, Calibrate(data, "min-max"), MixedPrecision(data, max_bytes=allowed, **options))
    assert narrow(module) == {"exact": 4}
    module = two_layers()
    less = MixedPrecision(data, max_bytes=allowed - 1, **options)
    apply(module, Calibrate(data, "min-max"), less)
    assert narrow(module) == {"exact": 4, "fine": 4}


def test_bits_of_weights_between_four_and_eight(tmp_path: Path) -> None:
    """Each candidate is tried; the lower the target, the fewer bits."""
    data = calibration_file(tmp_path)
    found: list[int] = []
    for target in (15.0, 25.0, 35.0, 200.0):
        module = two_layers()
        options: dict[str, Any] = {"weight_bits": (3, 4, 6, 8), "activation_bits": (16,)}
        apply(module, Calibrate(data, "min-max"), MixedPrecision(data, sqnr=target, **options))
        found.append(narrow(module).get("fine", 8))
    assert found == sorted(found) and found[0] < found[2] and found[-1] == 8


def test_points_cost_what_the_compiled_network_has(tmp_path: Path) -> None:
    """Bytes of the chosen point against the constants in C; 5 bytes a channel are in structs."""
    data = calibration_file(tmp_path)
    module = two_layers()
    resolve_pipeline("set-platform{platform=cortex-m4}").run(new_context(), module)
    mixed = MixedPrecision(data, max_bytes=500, weight_bits=(4, 8), activation_bits=(8,), points=3)
    apply(module, Calibrate(data, "min-max"), mixed)
    points = points_of(function_of(module))
    (chosen,) = [point for point in points if point.chosen]
    assert "instructions by the kernel table for cortex-m4" in chosen.model
    apply(module, InsertQuantCasts(), ConvertGraphToQuant("single"))
    artifact = api.compile(module, "cortex-m4")
    assert [layer.kernel for layer in artifact.layers if "_w4" in layer.kernel]
    assert chosen.parameters == sum(layer.constant_bytes for layer in artifact.layers) + 5 * 22
    for point in points:
        assert not any(other.beats(point) for other in points)


def test_lost_points_are_those_of_the_labels(tmp_path: Path) -> None:
    """With labels that the float network never gives nothing can be lost; without, agreement is."""
    data = calibration_file(tmp_path)
    x = np.load(data)
    float_classes = outputs(two_layers(), x).argmax(1)
    np.save(tmp_path / "wrong.npy", (float_classes + 5) % 10)
    np.save(tmp_path / "right.npy", float_classes)
    drops: list[float | None] = []
    for labels in ("wrong", "right", None):
        module = two_layers()
        path = "" if labels is None else str(tmp_path / f"{labels}.npy")
        mixed = MixedPrecision(data, max_bytes=0, weight_bits=(2, 8), labels=path)
        remarks = apply(module, Calibrate(data, "min-max"), mixed)
        assert any("take more than was allowed" in text for text in remarks)
        drops.append(points_of(function_of(module))[-1].drop)
    assert drops[0] is not None and drops[1] is not None
    assert drops[0] <= 0 < drops[1] and drops[1] == drops[2]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"weight_bits": (1, 8)}, "weight-bits are from 2 to 8"),
        ({"activation_bits": (4,)}, "activation-bits are 8 and 16"),
        ({"minimize": "joules"}, "minimize bytes or cycles, not 'joules'"),
        ({"labels": "no.npy"}, "no.npy: No such file"),
    ],
)
def test_options_that_do_not_fit(options: dict[str, Any], message: str, tmp_path: Path) -> None:
    data = calibration_file(tmp_path)
    module = two_layers()
    with pytest.raises(RunnelError, match=message):
        apply(module, Calibrate(data, "min-max"), MixedPrecision(data, **options))
