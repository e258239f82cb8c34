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
from xdsl.utils.exceptions import PassFailedException

from runnel.dialects import graph
from runnel.passes.graph.fold_batch_norm import FoldBatchNorm
from runnel.passes.graph.output_statistics import output_statistics
from runnel.passes.quant.equalize import Equalize
from runnel.passes.quant.layers import layers_of
from runnel.passes.quant.verdict import clearly_more

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
    module = seldom_active()
    remarks = apply(module, Equalize(data=data))
    told = [remark for remark in remarks if "dB" in remark]
    assert len(told) == 1 and "missed" in told[0] and "per channel" in told[0]


def seldom_active() -> ModuleOp:
    """Two layers: half of the channels between them are seldom active, with great weights, and get
    a great range by equalization.
    """
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
    return network([1, 3, 8, 8], nodes, constants)


@pytest.mark.parametrize("strength", [0.0, 0.3, 1.0])
def test_strength_is_a_power_of_the_scales(strength: float):
    """Weights of the first layer are divided by sqrt(made / read) to that power."""
    before, module = seldom_active(), seldom_active()
    check_same(module, images(2, 0), Equalize(strengths=(strength,)))
    (made, _), (_, read) = peaks(before)
    expected = made / np.sqrt(made / read) ** strength
    np.testing.assert_allclose(peaks(module)[0][0], expected, rtol=1e-5)


@pytest.mark.parametrize(("per_channel", "best"), [(True, 0.5), (False, 1.0)])
def test_the_strength_that_keeps_the_most_is_taken(tmp_path: Path, per_channel: bool, best: float):
    """Weights with scales of their own need no equal ranges; those with one need nothing more."""
    data, x = calibration_file(tmp_path), images(200, seed=7)
    reference, kept = outputs(seldom_active(), x), dict[float, float]()
    for strength in (0.0, 0.5, 1.0):
        module = seldom_active()
        apply(module, Equalize(strengths=(strength,)))
        coarse = simulated(module, data, per_channel=per_channel)
        kept[strength] = sqnr(reference, outputs(coarse, x))
    assert best == max(kept, key=lambda strength: kept[strength])
    module = seldom_active()
    remarks = apply(module, Equalize(data=data, per_channel=per_channel, strengths=tuple(kept)))
    assert any(f"analysis: equalize [model]: strength {best:g}: 8-bit" in r for r in remarks)
    assert not any("without this pass" in remark for remark in remarks)


def test_of_equal_strengths_the_first_is_taken(tmp_path: Path):
    """All keep the same of two layers whose channels are equal: their scales are 1."""
    constants = {"a": np.eye(3).reshape(3, 3, 1, 1), "c": np.eye(3).reshape(3, 3, 1, 1)}
    nodes: list[Node] = [("Conv", ["x", "a"], ["1"], {}), ("Conv", ["1", "c"], ["y"], {})]
    module = network([1, 3, 8, 8], nodes, constants)
    data = calibration_file(tmp_path)
    remarks = apply(module, Equalize(data=data, strengths=(0.5, 1.0, 0.0)))
    assert any("strength 0.5:" in remark for remark in remarks)


@pytest.mark.parametrize(("share", "best"), [(1.05, 1.0), (1.6, 0.5)])
def test_a_stronger_one_is_taken_within_a_standard_error(
    share: float, best: float, monkeypatch: pytest.MonkeyPatch
):
    """Of 64 samples whose noise varies by half, totals 5 % apart are the same and 60 % are not."""
    random = np.random.default_rng(0)
    least = random.uniform(0.5, 1.5, 64)
    other = random.permutation(least) * share
    measured = iter([other, least, 3 * least])
    monkeypatch.setattr("runnel.passes.quant.equalize.plain_noises", lambda *_: next(measured))
    remarks = apply(seldom_active(), Equalize(data="x.npy", strengths=(1.0, 0.5)))
    assert any(f"strength {best:g}:" in remark for remark in remarks)


def test_more_noise_is_clear_beyond_a_standard_error():
    """Of the logarithm of the ratio: with totals A and B, d log(A / B) = dA / A - dB / B."""
    random = np.random.default_rng(0)
    noise = random.uniform(1, 3, 400)
    once = noise * random.uniform(0.5, 1.5, 400)
    draws = random.integers(0, 400, (2000, 400))
    spread = np.log(once[draws].sum(1) / noise[draws].sum(1)).std()
    ratio = once.sum() / noise.sum()
    for factor, clear in ((1.2, True), (0.8, False)):
        scaled = once / ratio * np.exp(factor * spread)
        assert clearly_more(scaled, noise) is clear
    assert not clearly_more(np.zeros(4), np.zeros(4))
    assert clearly_more(np.ones(4), np.zeros(4))


@pytest.mark.parametrize("strengths", [(), (1.5,), (-0.1, 1.0)])
def test_strengths_are_from_0_to_1(strengths: tuple[float, ...]):
    with pytest.raises(PassFailedException, match="strengths are from 0 to 1, not"):
        apply(small_network(0), Equalize(strengths=strengths))


def test_data_may_have_several_rows_for_a_sample(tmp_path: Path):
    """Samples of 5 rows, more of them than one batch holds."""
    random = np.random.default_rng(2)
    constants = {"w": random.normal(size=(8, 6)), "v": random.normal(size=(6, 3))}
    nodes: list[Node] = [
        ("MatMul", ["x", "w"], ["h"], {}),
        ("Clip", ["h", "low", "high"], ["c"], {}),
        ("MatMul", ["c", "v"], ["y"], {}),
    ]
    constants |= {"low": np.array(0.0), "high": np.array(1e3)}
    module = network([5, 8], nodes, constants)
    x = random.normal(size=(50, 8)).astype(np.float32)
    np.save(tmp_path / "x.npy", x)
    remarks = check_same(module, x, Equalize("bounded", str(tmp_path / "x.npy")))
    assert any("never reach 1000: scaled" in remark for remark in remarks)


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
