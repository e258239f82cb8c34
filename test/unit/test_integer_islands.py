"""Networks that join, cut, pad and multiply activations compute in integers all the way."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from onnx import helper
from onnx_models import model
from quant_networks import Node, apply, calibration_file, images, outputs, sqnr
from test_emitted_c import SANITIZERS, WARNINGS
from xdsl.dialects.builtin import ModuleOp

from runnel.dialects import graph, quant
from runnel.lowering.graph_to_quant import ConvertGraphToQuant, is_float_compute
from runnel.lowering.import_onnx import import_onnx
from runnel.passes.quant.calibrate import Calibrate
from runnel.passes.quant.insert_casts import InsertQuantCasts
from runnel.tools import api
from runnel.tools.interpret import interpret
from runnel.tools.pipeline import resolve_pipeline
from runnel.tools.registry import new_context

RANDOM = np.random.default_rng(3)
PADDED = {"pads": [1, 1, 1, 1], "kernel_shape": [3, 3]}


def normal(*shape: int) -> np.ndarray:
    return (RANDOM.normal(size=shape) / 3).astype(np.float32)


CONSTANTS: dict[str, np.ndarray] = {
    "a": normal(8, 3, 3, 3),
    "e1": 20 * normal(8, 8, 1, 1),
    "e3": normal(8, 8, 3, 3),
    "token": normal(1, 16, 1, 8),
    "s1": normal(4, 16, 1, 1),
    "s2": normal(16, 4, 1, 1),
    "bias": normal(1, 16, 9, 8),
    "g": normal(10, 16 * 5 * 5),
    "starts": np.array([1, 2]),
    "ends": np.array([6, 6]),
    "axes": np.array([2, 3]),
    "pads": np.array([0, 0, 0, 0, 0, 0, 0, 1]),
}
FIRE: list[Node] = [
    ("Conv", ["x", "a"], ["c"], PADDED),
    ("Relu", ["c"], ["r"], {}),
    ("Conv", ["r", "e1"], ["p1"], {}),
    ("Conv", ["r", "e3"], ["p3"], PADDED),
    ("Concat", ["p1", "p3"], ["j"], {"axis": 1}),
    ("Relu", ["j"], ["q"], {}),
]
"""SqueezeNet: the activation comes behind the concatenation here."""
NODES: list[Node] = [
    *FIRE,
    ("Concat", ["token", "q"], ["t"], {"axis": 2}),
    ("HardSwish", ["t"], ["h"], {}),
    ("GlobalAveragePool", ["h"], ["m"], {}),
    ("Conv", ["m", "s1"], ["f1"], {}),
    ("Relu", ["f1"], ["f2"], {}),
    ("Conv", ["f2", "s2"], ["f3"], {}),
    ("HardSigmoid", ["f3"], ["f4"], {"alpha": 1 / 6}),
    ("Mul", ["f4", "h"], ["w"], {}),
    ("Sub", ["w", "bias"], ["v"], {}),
    ("Slice", ["v", "starts", "ends", "axes"], ["l"], {}),
    ("Pad", ["l", "pads"], ["o"], {}),
    ("Flatten", ["o"], ["flat"], {}),
    ("Gemm", ["flat", "g"], ["y"], {"transB": 1}),
]


def network(nodes: list[Node], result: str = "y") -> ModuleOp:
    made = [helper.make_node(op, i, o, o[0], **attributes) for op, i, o, attributes in nodes]
    read = {name for _, operands, _, _ in nodes for name in operands}
    used = {name: array for name, array in CONSTANTS.items() if name in read}
    found = import_onnx(model(made, {"x": [1, 3, 8, 8]}, [result], used, opset=14))
    resolve_pipeline("simplify").run(new_context(), found)
    return found


def quantized(module: ModuleOp, folder: Path) -> ModuleOp:
    copy = module.clone()
    apply(copy, Calibrate(calibration_file(folder), "min-max"), InsertQuantCasts())
    apply(copy, ConvertGraphToQuant("single"))
    resolve_pipeline("cleanup,remove-unused-globals").run(new_context(), copy)
    return copy


def test_nothing_computes_in_float(tmp_path: Path) -> None:
    module = network(NODES)
    integers = quantized(module, tmp_path)
    assert [op.name for op in integers.walk() if is_float_compute(op)] == []
    x = images(16, seed=8)
    assert sqnr(outputs(module, x), outputs(integers, x)) > 25


def test_what_is_joined_is_made_on_the_grid_of_the_result(tmp_path: Path) -> None:
    """No table between the convolutions and the concatenation; the activation is their clamp."""
    integers = quantized(network(FIRE, "q"), tmp_path)
    (joined,) = [op for op in integers.walk() if isinstance(op, graph.ConcatOp)]
    makers = [value.owner for value in joined.inputs]
    assert all(isinstance(maker, quant.Conv2DOp) for maker in makers)
    zero = quant.quantized(joined.result).zero_point
    lows = [m.requant.clamp[0] for m in makers if isinstance(m, quant.Conv2DOp)]
    assert lows == [zero, zero]


def test_an_operand_with_another_reader_keeps_its_grid(tmp_path: Path) -> None:
    """p1 is 20 times as large as p3: what else reads p3 sees all of its resolution."""
    nodes: list[Node] = [*FIRE[:5], ("Conv", ["p3", "e3"], ["z"], PADDED)]
    nodes.append(("Concat", ["j", "z"], ["y"], {"axis": 1}))
    integers = quantized(network(nodes), tmp_path)
    convs = [op for op in integers.walk() if isinstance(op, quant.Conv2DOp)]
    scales = {str(op.location): quant.quantized(op.result).scale for op in convs}
    own = next(scale for name, scale in scales.items() if '"p3"' in name)
    joined = next(scale for name, scale in scales.items() if '"p1"' in name)
    assert own < joined / 4
    assert any(isinstance(op, quant.TableOp) for op in integers.walk())


@pytest.mark.parametrize("flags", [WARNINGS, SANITIZERS], ids=["strict", "asan"])
def test_the_c_gives_the_bytes_of_all_levels(tmp_path: Path, flags: list[str]) -> None:
    artifact = api.compile(quantized(network(NODES), tmp_path), "host")
    info = artifact.signature.inputs[0]
    x = images(4, seed=9)
    if info.shape[1:] != x.shape[1:]:
        x = np.ascontiguousarray(x.transpose(0, 2, 3, 1))
    _, (found,) = artifact.run(artifact.build(tmp_path / "out", flags=flags), {info.name: x})
    for level in ("channels-last", "cortexm", "c"):
        (expected,) = interpret(artifact.road, level, {info.name: x}).values()
        assert found.tobytes() == expected.tobytes(), level
    assert len(np.unique(found)) > 4


def test_cores_of_a_cluster_give_the_same_bytes(tmp_path: Path) -> None:
    artifact = api.compile(quantized(network(NODES), tmp_path), "host-cluster")
    info = artifact.signature.inputs[0]
    x = images(3, seed=9)
    if info.shape[1:] != x.shape[1:]:
        x = np.ascontiguousarray(x.transpose(0, 2, 3, 1))
    _, (found,) = artifact.run(artifact.build(tmp_path / "out"), {info.name: x})
    for level in ("channels-last", "tile", "dma", "cluster"):
        (expected,) = interpret(artifact.road, level, {info.name: x}).values()
        assert found.tobytes() == expected.tobytes(), level
    ops = artifact.road["cluster"].module.walk()
    kernels = {op.properties["kernel"] for op in ops if "kernel" in op.properties}
    assert {'"rn_cluster_mul_s8"', '"rn_copy_box"', '"rn_pad_box"'} <= {str(k) for k in kernels}
