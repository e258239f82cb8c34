"""QDQ ONNX out: onnxruntime computes what the integer program computes, and it comes back in."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from onnx import helper
from onnx_models import model
from small_networks import images, save_network
from xdsl.dialects.builtin import ModuleOp

from runnel.dialects import quant
from runnel.dialects.diagnostics import RunnelError
from runnel.dialects.quant import UniformQuantizedType, quantized
from runnel.lowering.export_onnx import export_onnx
from runnel.runtime.interpreter import run
from runnel.tools import api
from runnel.tools.fidelity import outputs_of
from runnel.tools.pipeline import resolve_pipeline
from runnel.tools.registry import new_context

Array = NDArray[Any]


def passes(module: ModuleOp, text: str) -> ModuleOp:
    """A rewritten copy."""
    copy = module.clone()
    resolve_pipeline(text).run(new_context(), copy)
    return copy


def onnxruntime(exported: onnx.ModelProto, inputs: dict[str, Array]) -> Array:
    """The first result, sample by sample."""
    runtime = pytest.importorskip("onnxruntime")
    onnx.checker.check_model(exported, full_check=True)
    session = runtime.InferenceSession(exported.SerializeToString())
    count = len(next(iter(inputs.values())))
    rows = [{name: x[i : i + 1] for name, x in inputs.items()} for i in range(count)]
    return np.concatenate([session.run(None, row)[0] for row in rows])


@pytest.mark.parametrize("channels", ["true", "false"])
def test_onnxruntime_computes_the_integers(tmp_path: Path, channels: str) -> None:
    np.save(tmp_path / "x.npy", images(20))
    simulated = passes(
        api.load(save_network(tmp_path, quantized=False)),
        f'simplify,calibrate{{data="{tmp_path}/x.npy"}},'
        f"insert-quant-casts{{per-channel={channels}}}",
    )
    exported = export_onnx(simulated)
    samples = {"image": images(20, seed=4)}
    found = onnxruntime(exported, samples)
    integer = passes(simulated, "convert-graph-to-quant{rounding=half_even},cleanup")
    expected = outputs_of(integer, samples).result
    assert len(np.unique(expected)) > 20
    np.testing.assert_array_equal(found, expected)


def test_it_comes_back_in_as_the_same_integers(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", images(20))
    steps = f'simplify,calibrate{{data="{tmp_path}/x.npy"}},insert-quant-casts'
    simulated = passes(api.load(save_network(tmp_path, quantized=False)), steps)
    onnx.save(export_onnx(simulated), tmp_path / "qdq.onnx")
    back = passes(api.load(tmp_path / "qdq.onnx"), "import-quantized")
    assert not [op.name for op in back.walk() if op.name in ("graph.conv", "graph.gemm")]
    samples = {"image": images(20, seed=4)}
    integer = passes(simulated, "convert-graph-to-quant{rounding=half_even},cleanup")
    expected = outputs_of(integer, samples).result
    np.testing.assert_array_equal(outputs_of(back, samples).result, expected)


@pytest.mark.parametrize("bits", [3, 8])
def test_what_training_gets_is_simulated_quantization_in_float(tmp_path: Path, bits: int) -> None:
    np.save(tmp_path / "x.npy", images(20))
    steps = (
        f'simplify,calibrate{{data="{tmp_path}/x.npy"}},insert-quant-casts{{weight-bits={bits}}}'
    )
    rounded = passes(api.load(save_network(tmp_path, quantized=False)), steps)
    exported = export_onnx(passes(rounded, "fake-quantize-weights,dce,remove-unused-globals"))
    stored = [t for t in exported.graph.initializer if t.data_type == onnx.TensorProto.INT8]
    assert all(len(t.dims) <= 1 for t in stored), "weights are float, and int8 only zero points"

    samples = {"image": images(20, seed=4)}
    simulated = onnxruntime(exported, samples)
    expected = outputs_of(passes(rounded, "cleanup"), samples).result
    step = np.diff(np.unique(expected)).min()
    np.testing.assert_allclose(simulated, expected, rtol=0, atol=1.01 * step)  # other float sums

    onnx.save(exported, tmp_path / "trained.onnx")
    back = passes(api.load(tmp_path / "trained.onnx"), "import-quantized")
    integer = passes(rounded, "convert-graph-to-quant{rounding=half_even},cleanup")
    expected = outputs_of(integer, samples).result
    assert len(np.unique(expected)) > 20
    np.testing.assert_array_equal(outputs_of(back, samples).result, expected)
    limits = {element.bounds for element in weight_elements(back)}
    assert limits == {(-4, 3) if bits == 3 else (-127, 127)}


def weight_elements(module: ModuleOp) -> list[UniformQuantizedType]:
    """The element types of the weights of layers in integers."""
    layers = (quant.Conv2DOp, quant.FullyConnectedOp)
    return [quantized(op.weight) for op in module.walk() if isinstance(op, layers)]


CASES: dict[str, tuple[list[onnx.NodeProto], dict[str, Any]]] = {
    "clip": (
        [helper.make_node("Clip", ["x", "low", "high"], ["y"])],
        {"low": np.float32(-0.5), "high": np.float32(1.0)},
    ),
    "pad": (
        [helper.make_node("Pad", ["x", "pads", "value"], ["y"])],
        {"pads": np.array([0, 0, 1, 0, 0, 0, 0, 2]), "value": np.float32(3.0)},
    ),
    "slice": (
        [helper.make_node("Slice", ["x", "starts", "ends", "axes", "steps"], ["y"])],
        {
            "starts": np.array([3, 1]),
            "ends": np.array([-(2**31), 4]),
            "axes": np.array([2, 3]),
            "steps": np.array([-1, 2]),
        },
    ),
    "reduce": (
        [
            helper.make_node("ReduceSum", ["x", "axes"], ["s"], keepdims=0),
            helper.make_node("ReduceMean", ["s"], ["y"], axes=[2], keepdims=1),
        ],
        {"axes": np.array([2])},
    ),
    "movement": (
        [
            helper.make_node("Transpose", ["x"], ["t"], perm=[0, 2, 3, 1]),
            helper.make_node("Reshape", ["t", "shape"], ["y"]),
        ],
        {"shape": np.array([1, 8, 4])},
    ),
    "pools": (
        [
            helper.make_node("MaxPool", ["x"], ["p"], kernel_shape=[2, 2], pads=[1, 0, 0, 1]),
            helper.make_node("AveragePool", ["p"], ["y"], kernel_shape=[2, 2], strides=[2, 2]),
        ],
        {},
    ),
    "functions": (
        [
            helper.make_node("HardSwish", ["x"], ["a"]),
            helper.make_node("LeakyRelu", ["a"], ["b"], alpha=0.2),
            helper.make_node("Softmax", ["b"], ["c"], axis=1),
            helper.make_node("Max", ["c", "x"], ["y"]),
        ],
        {},
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_operands_and_attributes_are_where_onnx_has_them(name: str) -> None:
    nodes, constants = CASES[name]
    module = api_module(model(nodes, {"x": (1, 2, 4, 4)}, ["y"], constants, opset=14))
    x = np.random.default_rng(1).normal(size=(1, 2, 4, 4)).astype(np.float32)
    (expected,) = run(module, [x]).values()
    found = onnxruntime(export_onnx(module), {"x": x})
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)


def api_module(proto: onnx.ModelProto) -> ModuleOp:
    from runnel.lowering.import_onnx import import_onnx

    return import_onnx(proto)


def test_integer_ops_have_no_onnx_form(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", images(4))
    module = api.load(save_network(tmp_path, quantized=False))
    integer = passes(module, f'quantize{{data="{tmp_path}/x.npy"}}')
    with pytest.raises(RunnelError, match=r"quant.conv2d .*: has no ONNX form here") as caught:
        export_onnx(integer)
    assert len(caught.value.messages) >= 4  # every op is named
