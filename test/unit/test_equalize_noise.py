"""Channels by the noise at the output: gradients and noise against direct sums, and networks."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from onnx_models import Array
from quant_networks import (
    Node,
    apply,
    calibration_file,
    images,
    network,
    outputs,
    simulated,
    small_network,
    sqnr,
)
from xdsl.dialects import func
from xdsl.dialects.builtin import ModuleOp
from xdsl.utils.exceptions import PassFailedException

from runnel.passes.graph.decompose import Decompose
from runnel.passes.quant.equalize import Equalize
from runnel.passes.quant.equalize_noise import EqualizeNoise
from runnel.passes.quant.layers import layers_of
from runnel.passes.quant.least_noise import Tensor, Weight, least_noise
from runnel.passes.quant.output_gradients import gradients
from runnel.passes.quant.scale_classes import LayerClasses

WIDTH = 3


def chain(first: Array, second: Array) -> ModuleOp:
    """x [1, 3] -> first -> second -> y, matrices as rows."""
    nodes: list[Node] = [
        ("Gemm", ["x", "a"], ["h"], {"transB": 1}),
        ("Gemm", ["h", "b"], ["y"], {"transB": 1}),
    ]
    return network([1, WIDTH], nodes, {"a": first, "b": second})


def function_of(module: ModuleOp) -> func.FuncOp:
    return next(op for op in module.body.block.ops if isinstance(op, func.FuncOp))


def test_gradients_are_those_of_the_matrices(tmp_path: Path):
    """y = B A x less its mean: |J|^2 of h_c is |P B e_c|^2, of a_oi |P B e_o|^2 x_i^2."""
    random = np.random.default_rng(0)
    a, b = random.normal(size=(4, WIDTH)), random.normal(size=(5, 4))
    x = random.normal(size=(600, WIDTH)) * [1, 3, 0.2]
    np.save(tmp_path / "x.npy", x)
    module = chain(a, b)
    found = gradients(module, function_of(module), tmp_path / "x.npy", len(x))
    centred = b - b.mean(0)
    heard = (centred**2).sum(0)
    first, second = layers_of(module)
    assert found.activations[first.op.results[0]] == pytest.approx(heard * len(x), rel=0.2)
    hidden = x @ a.T
    assert found.high[first.op.results[0]] == pytest.approx(hidden.max(0), rel=1e-4)
    assert found.low[first.op.results[0]] == pytest.approx(hidden.min(0), rel=1e-4)
    expected = heard[:, None] * (x**2).sum(0)
    assert found.weights[first.op][0] == pytest.approx(expected, rel=0.3)
    spread = (len(b) - 1) / len(b) * (hidden**2).sum(0)
    assert found.weights[second.op][0] == pytest.approx(np.tile(spread, (len(b), 1)), rel=0.3)


def direct(log: Array, a: Array, b: Array, heard: list[Array], high: Array) -> float:
    """The noise of A / s, of h / s and of B s, with maxima as they are."""
    s = np.exp(log)
    first, second = np.abs(a / s[:, None]).max(), np.abs(b * s).max()
    noise = (first / 127) ** 2 * (heard[0] * s[:, None] ** 2).sum()
    noise += (second / 127) ** 2 * (heard[2] / s**2).sum()
    return noise + ((high / s).max() / 255) ** 2 * (heard[1] * s**2).sum()


def test_the_least_noise_is_that_of_a_search():
    random = np.random.default_rng(1)
    a = random.normal(size=(2, WIDTH)) * np.array([[1], [0.02]])
    b = random.normal(size=(4, 2)) * np.array([1, 5])
    heard = [random.random(a.shape) * 10, random.random(2), random.random(b.shape)]
    high = np.array([3.0, 0.05])
    module = chain(a, b)
    first, second = layers_of(module)
    labels = np.array([1, 2])

    around = [np.zeros(WIDTH, np.int64), np.zeros(4, np.int64)]
    parts = [
        Weight.of(LayerClasses(first, around[0], labels), heard[0][None], per_channel=False),
        Tensor(labels, np.zeros(2), high, heard[1]),
        Weight.of(LayerClasses(second, labels, around[1]), heard[2][None], per_channel=False),
    ]
    bound = np.full(3, 1e4)
    bound[0] = 1.0
    scales, share = least_noise(parts, 1 / bound, bound)
    ratios = np.linspace(-8, 8, 1601)
    searched = min(direct(np.array([0, r]), a, b, heard, high) for r in ratios)
    found = direct(np.log(scales[1:]), a, b, heard, high)
    assert found == pytest.approx(searched, rel=0.02)
    none = direct(np.zeros(2), a, b, heard, high)
    assert share == pytest.approx(found / none, rel=0.15) and share < 0.7


@pytest.mark.parametrize("per_channel", [False, True])
def test_results_stay_and_rounding_takes_less_away(tmp_path: Path, per_channel: bool):
    data, unseen = calibration_file(tmp_path), images(64, seed=9)
    module = small_network(3, imbalance=1.0)
    reference = outputs(module, unseen)
    kept: dict[str, float] = {}
    for name, step in {
        "none": Equalize("off"),
        "ranges": Equalize("bounded", data),
        "noise": EqualizeNoise(data, per_channel=per_channel),
    }.items():
        scaled = module.clone()
        apply(scaled, step)
        assert outputs(scaled, unseen) == pytest.approx(reference, abs=1e-3, rel=1e-3)
        coarse = simulated(scaled, data, per_channel=per_channel)
        kept[name] = sqnr(reference, outputs(coarse, unseen))
    assert kept["noise"] > kept["none"] + 3
    assert kept["noise"] > kept["ranges"] + 0.5


def test_an_unknown_gradient_leaves_the_channels_alone(tmp_path: Path):
    np.save(tmp_path / "x.npy", np.ones((4, 2, 4, 4)))
    nodes: list[Node] = [
        ("Conv", ["x", "w"], ["h"], {}),
        ("Resize", ["h", "", "s"], ["y"], {"mode": "nearest"}),
    ]
    constants = {"w": np.ones((2, 2, 1, 1)), "s": np.array([1, 1, 2, 2])}
    module = network([1, 2, 4, 4], nodes, constants)
    before = str(module)
    remarks = apply(module, EqualizeNoise(str(tmp_path / "x.npy")))
    assert str(module) == before
    assert any("the gradient of graph.resize is not known" in remark for remark in remarks)


def test_an_unknown_method_is_refused():
    with pytest.raises(PassFailedException, match="method=dta is none of"):
        apply(chain(np.eye(WIDTH), np.eye(WIDTH)), EqualizeNoise("", method="dta"))


def test_features_of_a_sequence_that_lie_on_another_axis_share_a_scale(tmp_path: Path):
    """Noise is known by channel (axis 1), which is where the steps are between the matrices."""
    random = np.random.default_rng(0)
    first = random.normal(size=(WIDTH, 6)) * np.array([1, 1, 1, 1, 0.01, 0.01])
    second = random.normal(size=(6, 2)) * np.array([[1], [1], [1], [1], [100], [100]])
    x = random.normal(size=(16, 4, WIDTH)).astype(np.float32)
    np.save(tmp_path / "x.npy", x)
    nodes: list[Node] = [
        ("MatMul", ["x", "a"], ["h"], {}),
        ("Relu", ["h"], ["r"], {}),
        ("MatMul", ["r", "b"], ["y"], {}),
    ]
    module = network([1, 4, WIDTH], nodes, {"a": first, "b": second})
    apply(module, Decompose())
    reference = outputs(module, x)
    apply(module, EqualizeNoise(str(tmp_path / "x.npy"), per_channel=False))
    assert outputs(module, x) == pytest.approx(reference, rel=1e-4, abs=1e-4)
    weight = next(iter(layers_of(module))).float_weight()
    assert weight is not None
    ratios = weight[0, :, :, 0] / first.T
    assert ratios == pytest.approx(np.full_like(ratios, ratios[0, 0]), rel=1e-4)


def test_without_a_channel_to_scale_nothing_is_measured():
    """A tanh between lets no scale through; no data is read."""
    nodes: list[Node] = [
        ("Gemm", ["x", "w"], ["h"], {}),
        ("Tanh", ["h"], ["t"], {}),
        ("Gemm", ["t", "w"], ["y"], {}),
    ]
    module = network([1, WIDTH], nodes, {"w": np.eye(WIDTH)})
    remarks = apply(module, EqualizeNoise("none.npy"))
    assert any("no channel can be scaled" in remark for remark in remarks)
