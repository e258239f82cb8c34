"""Fidelity measures and layer sensitivities, on numbers that can be checked by hand."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from small_networks import images, save_network
from xdsl.dialects.builtin import ModuleOp, TensorType
from xdsl.rewriter import Rewriter

from runnel.dialects import quant
from runnel.tools import api
from runnel.tools.fidelity import fidelity, outputs_of
from runnel.tools.pipeline import resolve_pipeline
from runnel.tools.registry import new_context
from runnel.tools.sensitivity import layers_of, sensitivity, with_casts, worst
from runnel.tools.signature import network_function

Array = NDArray[Any]


def test_measures_by_hand() -> None:
    x = np.array([[3.0, 0.0, 4.0, 1.0], [0.0, 2.0, 1.0, -1.0]])
    y = x + np.array([[0.5, 0.0, 0.0, 0.0], [0.0, 0.0, 1.5, 0.0]])
    found = fidelity(x, y, classes=True)
    assert found.sqnr == pytest.approx(10 * math.log10(32 / 2.5))
    assert found.gain == pytest.approx((32 + 1.5 + 1.5) / 32)
    assert found.top1 == 0.5 and found.top3 == 1.0
    assert found.error == pytest.approx(math.sqrt(0.5 * 0.5 / 2))


def test_a_common_factor_is_compensated() -> None:
    x = np.random.default_rng(0).normal(size=(20, 10))
    found = fidelity(x, 0.9 * x, classes=True)
    assert found.gain == pytest.approx(0.9)
    assert found.sqnr == pytest.approx(20.0)
    assert found.compensated > 200
    assert found.top1 == 1.0


def test_the_third_choice_counts_for_top3_and_the_fourth_does_not() -> None:
    x = np.array([[4.0, 3.0, 2.0, 1.0]])
    assert fidelity(x, np.array([[2.0, 3.0, 4.0, 1.0]]), classes=True).top3 == 1.0
    assert fidelity(x, np.array([[1.0, 3.0, 4.0, 2.0]]), classes=True).top3 == 0.0


def test_equal_outputs_have_no_noise_and_no_classes_are_asked_for() -> None:
    x = np.ones((2, 3))
    found = fidelity(x, x)
    assert found.sqnr == math.inf and found.top1 is None and found.error is None


@pytest.fixture(scope="module")
def simulated(tmp_path_factory: pytest.TempPathFactory) -> ModuleOp:
    """The small network with casts; its depthwise weights are far coarser than the others."""
    folder = tmp_path_factory.mktemp("networks")
    np.save(folder / "x.npy", images(20))
    module = api.load(save_network(folder, quantized=False))
    steps = f'simplify,calibrate{{data="{folder}/x.npy"}},insert-quant-casts'
    resolve_pipeline(steps).run(new_context(), module)
    return module


def samples() -> dict[str, Array]:
    return {"image": images(20, seed=2)}


def test_layers_own_the_casts_of_weight_and_result(simulated: ModuleOp) -> None:
    layers = layers_of(simulated)
    assert [layer.op for layer in layers] == [
        *("input", "graph.conv", "graph.conv", "graph.add"),
        *("graph.average_pool", "graph.gemm"),
    ]
    assert [len(layer.casts) for layer in layers] == [1, 2, 2, 1, 1, 2]
    every = [cast for layer in layers for cast in layer.casts]
    casts = [op for op in simulated.walk() if op.name == "quant.dcast"]
    assert len(set(every)) == len(every) == len(casts)


def test_without_any_cast_it_is_the_float_network(simulated: ModuleOp, tmp_path: Path) -> None:
    runtime = pytest.importorskip("onnxruntime")
    session = runtime.InferenceSession(str(save_network(tmp_path, quantized=False)))
    expected = np.concatenate(
        [session.run(None, {"image": x[None]})[0] for x in samples()["image"]]
    )
    found = outputs_of(with_casts(simulated, lambda place: False), samples())
    np.testing.assert_allclose(found.result, expected, rtol=1e-4, atol=1e-4)
    everything = outputs_of(with_casts(simulated, lambda place: True), samples())
    assert np.abs(everything.result - expected).max() > 1e-3


def test_a_corrected_bias_goes_with_its_quantized_weight(
    simulated: ModuleOp, tmp_path: Path
) -> None:
    np.save(tmp_path / "x.npy", images(20))
    corrected = simulated.clone()
    resolve_pipeline(f'correct-bias{{data="{tmp_path}/x.npy"}}').run(new_context(), corrected)
    outputs = [
        outputs_of(with_casts(module, keep), samples()).result
        for module in (simulated, corrected)
        for keep in (lambda place: False, lambda place: True)
    ]
    np.testing.assert_array_equal(outputs[0], outputs[2])
    assert np.abs(outputs[1] - outputs[3]).max() > 0


def test_sensitivity_finds_the_layer_that_is_worst(simulated: ModuleOp) -> None:
    """One layer's result is made 100 times as coarse: it must come out as the worst."""
    broken = simulated.clone()
    layer = layers_of(broken)[2]
    back: Any = list(network_function(broken).body.block.ops)[max(layer.casts)]
    stored = back.input
    coarse = quant.UniformQuantizedType.get([100 * quant.quantized(stored).scale], [0])
    type = TensorType(coarse, stored.type.get_shape())
    Rewriter.replace_value_with_new_type(stored, type)
    told: list[tuple[int, int]] = []
    found = sensitivity(broken, samples(), lambda done, count: told.append((done, count)))
    assert worst(found, 1)[0].layer == layer
    assert max(found, key=lambda entry: entry.without).layer == layer
    assert told == [(i + 1, 6) for i in range(6)]
    before = sensitivity(simulated, samples())
    assert found[2].only < before[2].only - 10
    assert found[4].only == pytest.approx(before[4].only)
