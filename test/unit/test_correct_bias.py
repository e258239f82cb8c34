"""Bias correction: against Monte Carlo, and against the means of the float network."""

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
from xdsl.dialects.builtin import ModuleOp
from xdsl.utils.exceptions import PassFailedException

from runnel.dialects import graph, quant
from runnel.dialects.diagnostics import RunnelError
from runnel.passes.graph.fold_batch_norm import FoldBatchNorm
from runnel.passes.graph.output_statistics import OutputStatistics, output_statistics
from runnel.passes.quant.chains import clipped_mean
from runnel.passes.quant.correct_bias import CorrectBias
from runnel.passes.quant.layers import layers_of
from runnel.passes.quant.prefix import start
from runnel.passes.quant.weight_rounding import integers_of


@pytest.mark.parametrize(("low", "high"), [(0.0, np.inf), (0.0, 6.0), (-np.inf, np.inf), (-1, 2)])
def test_means_of_clipped_normals_agree_with_monte_carlo(low: float, high: float):
    gamma, beta = np.array([1.0, -2.5, 0.0, 0.3]), np.array([0.5, -1.0, 3.0, 5.9])
    found = clipped_mean(OutputStatistics(beta, np.abs(gamma)), low, high)
    draws = np.random.default_rng(0).normal(size=(400_000, 1)) * gamma + beta
    np.testing.assert_allclose(found, np.clip(draws, low, high).mean(0), atol=1e-2)


def bias_network() -> tuple[ModuleOp, Array, Array]:
    """conv, batch norm (one gamma is negative), ReLU, conv; with gamma and beta."""
    random = np.random.default_rng(2)
    gamma, beta = np.array([1.0, -2.0, 0.5, 1.5]), np.array([0.3, 1.0, 2.0, -0.5])
    constants = {
        "a": random.normal(size=(4, 8, 1, 1)),
        "gamma": gamma,
        "beta": beta,
        "mean": np.zeros(4),
        "var": np.ones(4),
        "c": random.normal(size=(5, 4, 3, 3)),
    }
    nodes: list[Node] = [
        ("Conv", ["x", "a"], ["1"], {}),
        ("BatchNormalization", ["1", "gamma", "beta", "mean", "var"], ["2"], {"epsilon": 0.0}),
        ("Relu", ["2"], ["3"], {}),
        ("Conv", ["3", "c"], ["y"], {}),
    ]
    module = network([1, 8, 4, 4], nodes, constants)
    apply(module, FoldBatchNorm())
    return module, gamma, beta


def test_the_analytic_correction_is_the_mean_of_the_weight_error(tmp_path: Path):
    """E[(what - w) x] by Monte Carlo, x the ReLU of what batch norm was trained to give."""
    module, gamma, beta = bias_network()
    np.save(tmp_path / "x.npy", np.random.default_rng(0).normal(size=(32, 8, 4, 4)))
    coarse = simulated(module, str(tmp_path / "x.npy"), bits=4)
    visits = start(coarse, "test", str(tmp_path / "x.npy"), 8).visits()
    last = list(visits)[-1]
    cast = last.layer.weight.owner
    assert isinstance(cast, quant.DequantizeCastOp)
    integers = graph.constant_array(cast.input)
    assert integers is not None
    scales = quant.quantized(cast.input).scale_array().reshape(-1, 1, 1, 1)
    wrong = (scales * integers - last.real_weight).sum((2, 3))
    draws = np.random.default_rng(1).normal(size=(400_000, 4)) * gamma + beta
    expected = wrong @ np.maximum(draws, 0).mean(0)
    remarks = apply(coarse, CorrectBias("analytic"))
    assert [("passed" in remark) for remark in remarks] == [False, True]
    moved = -list(layers_of(coarse))[-1].bias()
    np.testing.assert_allclose(moved, expected, atol=1e-2 * np.abs(wrong).max())


def test_the_analytic_correction_says_where_it_lowers_the_quality(tmp_path: Path):
    """The batch norm tells of other data than these: what it corrects is no error here."""
    module, _, _ = bias_network()
    data = str(tmp_path / "x.npy")
    np.save(data, np.full((32, 8, 4, 4), 1e-3))
    coarse = simulated(module, data, bits=4)
    first = next(op for op in coarse.walk() if output_statistics(op) is not None)
    OutputStatistics(np.full(4, 50.0), np.full(4, 0.1)).attach(first)
    quiet = apply(coarse.clone(), CorrectBias("analytic"))
    assert not any("without this pass" in remark for remark in quiet)
    told = [r for r in apply(coarse, CorrectBias("analytic", data)) if "without this pass" in r]
    assert len(told) == 1 and "missed: correct-bias" in told[0]


@pytest.mark.parametrize("seed", range(2))
def test_data_drives_mean_errors_to_zero(tmp_path: Path, seed: int):
    data = calibration_file(tmp_path)
    module = simulated(small_network(seed), data, bits=4, per_channel=False)
    x = images(200, seed=9)
    reference = outputs(small_network(seed), x)
    before = sqnr(reference, outputs(module, x))
    assert len(apply(module, CorrectBias("data", data))) == 4
    for visit in start(module, "test", data, 64).visits():
        wanted, found = visit.float_result(), visit.result()
        axes = (0, *range(2, wanted.ndim))
        error = np.abs(found.mean(axes) - wanted.mean(axes))
        assert (error < 1e-3 * wanted.std(axes)).all()
    assert sqnr(reference, outputs(module, x)) > before + 1


def test_a_second_correction_changes_nothing(tmp_path: Path):
    """The float network keeps its own bias as the reference."""
    data = calibration_file(tmp_path)
    module = simulated(small_network(0), data, bits=4)
    apply(module, CorrectBias("data", data))
    once = [layer.bias() for layer in layers_of(module)]
    apply(module, CorrectBias("data", data))
    for before, layer in zip(once, layers_of(module), strict=True):
        np.testing.assert_allclose(layer.bias(), before, atol=1e-4)


def biases(module: ModuleOp) -> list[Array]:
    return [layer.bias() for layer in layers_of(module)]


def test_narrow_is_data_where_weights_are_narrow_and_nearest(tmp_path: Path):
    data = calibration_file(tmp_path)
    plain = simulated(small_network(0), data, bits=4)
    narrow, every = plain.clone(), plain.clone()
    apply(narrow, CorrectBias("narrow", data))
    apply(every, CorrectBias("data", data))
    for one, other, before in zip(*map(biases, (narrow, every, plain)), strict=True):
        np.testing.assert_array_equal(one, other)
        assert not np.array_equal(one, before)


def test_narrow_leaves_alone_what_has_8_bits_or_was_rounded_by_its_output(tmp_path: Path):
    data = calibration_file(tmp_path)
    wide = simulated(small_network(0), data, bits=8)
    before = biases(wide)
    assert apply(wide, CorrectBias("narrow", data)) == []
    for one, other in zip(biases(wide), before, strict=True):
        np.testing.assert_array_equal(one, other)
    # one code of the first layer is moved: its bias stays, those of the others do not
    moved = simulated(small_network(0), data, bits=4)
    first = next(layers_of(moved))
    integers = integers_of(first)
    assert integers is not None
    codes = integers.codes.copy()
    codes[0, 0, 0] += 1 if codes[0, 0, 0] < 7 else -1
    integers.write(codes)
    before = biases(moved)
    apply(moved, CorrectBias("narrow", data))
    same = [np.array_equal(*pair) for pair in zip(biases(moved), before, strict=True)]
    assert same == [True, *[False] * (len(before) - 1)]


@pytest.mark.parametrize(
    ("rows", "per_channel", "corrected"),
    [
        ((1.0, 0.4, 0.2, 0.1), False, True),  # one scale: codes to 127, 51, 25 and 13
        ((1.0, 0.4, 0.2, 0.1), True, False),
        ((1.0, 1.0, 0.9, 0.1), False, False),
        # Channels that training has switched off have no codes, and no say.
        ((1.0, 0.9, 1e-12, 1e-12), False, False),
    ],
)
def test_narrow_counts_the_bits_that_channels_use(
    tmp_path: Path, rows: tuple[float, ...], per_channel: bool, corrected: bool
):
    random = np.random.default_rng(4)
    weight = random.uniform(-1, 1, (4, 8, 1, 1))
    weight[:, 0] = 1  # the greatest
    weight *= np.reshape(rows, (4, 1, 1, 1))
    module = network([1, 8, 4, 4], [("Conv", ["x", "a"], ["y"], {})], {"a": weight})
    data = str(tmp_path / "x.npy")
    np.save(data, random.uniform(1, 2, (32, 8, 4, 4)))
    plain = simulated(module, data, per_channel=per_channel)
    narrow, every = plain.clone(), plain.clone()
    apply(narrow, CorrectBias("narrow", data))
    apply(every, CorrectBias("data", data))
    (found,), (moved,), (kept,) = map(biases, (narrow, every, plain))
    np.testing.assert_array_equal(found, moved if corrected else kept)
    assert not np.array_equal(moved, kept)


def test_narrow_without_data_is_analytic(tmp_path: Path):
    module, _, _ = bias_network()
    np.save(tmp_path / "x.npy", np.random.default_rng(0).normal(size=(32, 8, 4, 4)))
    coarse = simulated(module, str(tmp_path / "x.npy"), bits=4)
    other = coarse.clone()
    apply(coarse, CorrectBias("narrow"))
    apply(other, CorrectBias("analytic"))
    assert any(bias.any() for bias in biases(coarse))
    for one, two in zip(biases(coarse), biases(other), strict=True):
        np.testing.assert_array_equal(one, two)


def test_it_wants_quantized_weights(tmp_path: Path):
    data = calibration_file(tmp_path)
    with pytest.raises(RunnelError, match="run insert-quant-casts first"):
        apply(small_network(0), CorrectBias("data", data))
    with pytest.raises(PassFailedException, match="needs data"):
        apply(small_network(0), CorrectBias("data"))
