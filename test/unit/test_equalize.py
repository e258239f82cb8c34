"""Cross-layer equalization: same results, equal ranges, and where it must not fire."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from onnx_models import Array
from quant_networks import (
    Node,
    agreement,
    apply,
    calibration_file,
    images,
    network,
    outputs,
    simulated,
    small_network,
    sqnr,
)
from xdsl.dialects.builtin import ModuleOp

from runnel.dialects import graph
from runnel.passes.graph.fold_batch_norm import FoldBatchNorm
from runnel.passes.graph.output_statistics import output_statistics
from runnel.passes.quant.equalize import Equalize
from runnel.passes.quant.layers import layers_of

EXACT = Equalize(tolerance=1e-9, sweeps=1000)


def peaks(module: ModuleOp) -> list[tuple[Array, Array]]:
    """For each layer the greatest |weight| of each output, and of each input channel."""
    found = []
    for layer in layers_of(module):
        weight = layer.float_weight()
        assert weight is not None
        high = np.abs(weight).max(3)
        found.append((high.max(2).reshape(-1), high.max(1).reshape(-1)))
    return found


def check_same(module: ModuleOp, x: Array, *passes: Equalize) -> list[str]:
    before = outputs(module, x)
    remarks = apply(module, *passes)
    after = outputs(module, x)
    assert np.abs(after - before).max() <= 1e-5 * np.abs(before).max()
    return remarks


@pytest.mark.parametrize("seed", range(3))
def test_random_networks_keep_results_and_get_equal_ranges(seed: int):
    module = small_network(seed, imbalance=1.5)
    check_same(module, images(4, seed), EXACT)
    ranges = peaks(module)
    for (made, _), (_, read) in pairwise(ranges[:3]):
        np.testing.assert_allclose(made, read, rtol=1e-6)
    # Behind pooling and flattening four columns of the matrix read one channel.
    np.testing.assert_allclose(ranges[2][0], ranges[3][1].reshape(-1, 4).max(1), rtol=1e-6)


def test_it_is_idempotent_at_the_fixed_point():
    module = small_network(0, imbalance=1.0)
    apply(module, EXACT)
    weights = [layer.float_weight() for layer in layers_of(module)]
    apply(module, Equalize(tolerance=1e-5))
    for before, layer in zip(weights, layers_of(module), strict=True):
        after = layer.float_weight()
        assert before is not None and after is not None
        np.testing.assert_allclose(after, before, rtol=1e-4)


def test_depthwise_triples_end_at_the_cube_root():
    """The closed form of a triple: all three ranges become (r1 r2 r3)^(1/3)."""
    random = np.random.default_rng(5)
    constants = {
        "a": random.normal(size=(6, 2, 1, 1)),
        "d": random.normal(size=(6, 1, 3, 3)),
        "b": random.normal(size=(3, 6, 1, 1)),
    }
    nodes: list[Node] = [
        ("Conv", ["x", "a"], ["1"], {}),
        ("Relu", ["1"], ["2"], {}),
        ("Conv", ["2", "d"], ["3"], {"group": 6}),
        ("LeakyRelu", ["3"], ["4"], {"alpha": 0.1}),
        ("Conv", ["4", "b"], ["y"], {}),
    ]
    module = network([1, 2, 5, 5], nodes, constants)
    (r1, _), (r2, _), (_, r3) = peaks(module)
    check_same(module, random.normal(size=(2, 2, 5, 5)).astype(np.float32), EXACT)
    (first, _), (middle, _), (_, last) = peaks(module)
    for found in (first, middle, last):
        np.testing.assert_allclose(found, np.cbrt(r1 * r2 * r3), rtol=1e-6)


def test_residual_sums_share_one_scale():
    random = np.random.default_rng(6)
    constants = {
        "a": random.normal(size=(4, 2, 1, 1)) * np.array([1, 10, 0.1, 3])[:, None, None, None],
        "b": random.normal(size=(4, 4, 3, 3)),
        "c": random.normal(size=(2, 4, 1, 1)),
        "s": np.array([0.5, 0.1, 0.2, 0.3]).reshape(4, 1, 1),
    }
    nodes: list[Node] = [
        ("Conv", ["x", "a"], ["1"], {}),
        ("PRelu", ["1", "s"], ["2"], {}),
        ("Conv", ["2", "b"], ["3"], {"pads": [1, 1, 1, 1]}),
        ("Add", ["2", "3"], ["4"], {}),
        ("MaxPool", ["4"], ["5"], {"kernel_shape": [2, 2]}),
        ("Conv", ["5", "c"], ["y"], {}),
    ]
    module = network([1, 2, 5, 5], nodes, constants)
    remarks = check_same(module, random.normal(size=(2, 2, 5, 5)).astype(np.float32), EXACT)
    assert len(remarks) == 3


def test_concatenated_channels_keep_their_own_scales():
    random = np.random.default_rng(8)
    constants = {
        "a": random.normal(size=(2, 2, 1, 1)) * 9,
        "b": random.normal(size=(3, 2, 1, 1)),
        "c": random.normal(size=(2, 5, 1, 1)),
    }
    nodes: list[Node] = [
        ("Conv", ["x", "a"], ["1"], {}),
        ("Conv", ["x", "b"], ["2"], {}),
        ("Concat", ["1", "2"], ["3"], {"axis": 1}),
        ("Conv", ["3", "c"], ["y"], {}),
    ]
    module = network([1, 2, 3, 3], nodes, constants)
    check_same(module, random.normal(size=(2, 2, 3, 3)).astype(np.float32), EXACT)
    (a, _), (b, _), (_, c) = peaks(module)
    np.testing.assert_allclose(np.concatenate([a, b]), c, rtol=1e-6)


@pytest.mark.parametrize("between", ["Sigmoid", "Tanh", "HardSwish", "Clip"])
def test_it_does_not_scale_across_other_functions(between: str):
    random = np.random.default_rng(7)
    constants = {"a": random.normal(size=(4, 2, 1, 1)), "b": random.normal(size=(2, 4, 1, 1)) * 9}
    inputs = ["1", "low", "high"] if between == "Clip" else ["1"]
    if between == "Clip":
        constants |= {"low": np.array(0.0), "high": np.array(1.0)}
    nodes: list[Node] = [
        ("Conv", ["x", "a"], ["1"], {}),
        (between, inputs, ["2"], {}),
        ("Conv", ["2", "b"], ["y"], {}),
    ]
    if between == "HardSwish":
        nodes = [
            nodes[0],
            ("HardSigmoid", ["1"], ["h"], {}),
            ("Mul", ["1", "h"], ["2"], {}),
            nodes[2],
        ]
    module = network([1, 2, 3, 3], nodes, constants)
    text = str(module)
    remarks = apply(module, EXACT)
    assert str(module) == text
    assert len(remarks) == (1 if between == "Clip" else 0)


def clipped(bias: Array) -> ModuleOp:
    """conv, batch norm, ReLU6, conv: channel outputs are about N(bias, 1)."""
    random = np.random.default_rng(9)
    count = len(bias)
    constants = {
        "a": random.normal(size=(count, 2, 1, 1)),
        "b": random.normal(size=(2, count, 1, 1)) * 9,
        "one": np.ones(count),
        "bias": bias,
        "mean": np.zeros(count),
        "low": np.array(0.0),
        "high": np.array(6.0),
    }
    nodes: list[Node] = [
        ("Conv", ["x", "a"], ["1"], {}),
        ("BatchNormalization", ["1", "one", "bias", "mean", "one"], ["2"], {}),
        ("Clip", ["2", "low", "high"], ["3"], {}),
        ("Conv", ["3", "b"], ["y"], {}),
    ]
    module = network([1, 2, 3, 3], nodes, constants)
    apply(module, FoldBatchNorm())
    return module


def test_bounded_clips_scale_only_channels_that_stay_below():
    module = clipped(np.array([0.0, -2.0, 5.0]))
    conv = next(op for op in module.walk() if isinstance(op, graph.ConvOp))
    mean = np.array([0.0, -2.0, 5.0])
    x = np.random.default_rng(1).uniform(-1, 1, size=(4, 2, 3, 3)).astype(np.float32)
    remarks = check_same(module, x, Equalize(clips="bounded", deviations=4))
    assert any("2 of 3 channels never reach 6" in remark for remark in remarks)
    known = output_statistics(conv)
    assert known is not None
    scale = 1 / known.deviation
    np.testing.assert_allclose(known.mean * scale, mean, rtol=1e-5)
    assert scale[2] == 1 and (scale[:2] != 1).all()
    # No channel may reach the clip once it is scaled.
    assert ((mean + 4) / scale <= 6 * (1 + 1e-6))[:2].all()


def test_bounds_of_clips_can_come_from_data(tmp_path: Path):
    module = clipped(np.array([0.0, 50.0]))
    x = np.random.default_rng(1).uniform(-1, 1, size=(8, 2, 3, 3)).astype(np.float32)
    np.save(tmp_path / "x.npy", x)
    remarks = check_same(module, x, Equalize(clips="bounded", data=str(tmp_path / "x.npy")))
    assert any("1 of 2 channels never reach 6" in remark for remark in remarks)


def test_a_clip_becomes_a_relu_on_request():
    module = clipped(np.array([0.0, 0.0]))
    x = np.random.default_rng(1).uniform(-1, 1, size=(4, 2, 3, 3)).astype(np.float32)
    check_same(module, x, Equalize(clips="relu"))
    names = [op.name for op in module.walk()]
    assert "graph.clip" not in names and "graph.relu" in names


def test_dead_channels_stay():
    module = small_network(2)
    layer = next(layers_of(module))
    weight = layer.float_weight()
    assert weight is not None
    weight[0, 3] = 0
    layer.set_weight(weight)
    check_same(module, images(2, 0), EXACT)
    assert np.isfinite(outputs(module, images(2, 0))).all()
    after = next(layers_of(module)).float_weight()
    assert after is not None and not after[0, 3].any()


def test_it_says_where_quantization_keeps_less(tmp_path: Path):
    """Two layers that cancel: the scale that evens out weights widens what lies between them."""
    data = calibration_file(tmp_path)
    remarks = apply(small_network(1, imbalance=2.0), Equalize(data=data, per_channel=False))
    assert not any("dB" in remark for remark in remarks)
    # The weights are even as they are, and activations too: a channel that is seldom active has
    # great weights, and gets a great range by equalization.
    random = np.random.default_rng(0)
    first = random.normal(size=(8, 3, 1, 1))
    first[:4] *= 100
    shift = np.where(np.arange(8) < 4, -np.abs(first).sum((1, 2, 3)) * 2.6, 0.5)
    constants = {"a": first, "b": shift, "c": random.normal(size=(4, 8, 1, 1))}
    nodes: list[Node] = [
        ("Conv", ["x", "a", "b"], ["1"], {}),
        ("Relu", ["1"], ["2"], {}),
        ("Conv", ["2", "c"], ["y"], {}),
    ]
    module = network([1, 3, 8, 8], nodes, constants)
    remarks = apply(module, Equalize(data=data))
    told = [remark for remark in remarks if "dB" in remark]
    assert len(told) == 1 and "missed" in told[0] and "per channel" in told[0]


def test_an_imbalanced_network_comes_back_from_chance(tmp_path: Path):
    data = calibration_file(tmp_path)
    module = small_network(1, imbalance=2.0)
    x = images(300, seed=7)
    reference = outputs(module, x)
    broken = outputs(simulated(module, data, per_channel=False), x)
    apply(module, Equalize())
    repaired = outputs(simulated(module, data, per_channel=False), x)
    balanced = small_network(1)
    best = outputs(simulated(balanced, data, per_channel=False), x)
    assert agreement(reference, broken) < 0.5
    assert agreement(reference, repaired) > 0.9
    assert sqnr(reference, repaired) > sqnr(outputs(balanced, x), best) - 2
