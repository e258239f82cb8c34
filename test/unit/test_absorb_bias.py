"""High-bias absorption: the same results where outputs exceed c, and where it must not fire."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from onnx_models import Array
from quant_networks import Node, apply, network, outputs
from xdsl.dialects.builtin import ModuleOp
from xdsl.utils.exceptions import PassFailedException

from runnel.passes.graph.fold_batch_norm import FoldBatchNorm
from runnel.passes.quant.absorb_bias import AbsorbHighBias
from runnel.passes.quant.layers import layers_of

X = np.random.default_rng(0).uniform(-1, 1, size=(32, 2, 4, 4)).astype(np.float32)
BIAS = np.array([9.0, -1.0, 4.0, 0.5])


def two_layers(
    between: str | None, *, group: int = 1, pads: int = 0, norm: bool = False
) -> ModuleOp:
    random = np.random.default_rng(3)
    constants: dict[str, Array] = {
        "a": random.uniform(-1, 1, size=(4, 2, 1, 1)),
        "b": BIAS,
        "c": random.normal(size=(4, 4 // group, 3, 3)),
        "scale": np.array([0.5, 0.5, -0.5, 0.5]),
        "mean": np.zeros(4),
        "var": np.ones(4),
    }
    inputs = ["x", "a"] if norm else ["x", "a", "b"]
    nodes: list[Node] = [("Conv", inputs, ["1"], {})]
    if norm:
        nodes.append(("BatchNormalization", ["1", "scale", "b", "mean", "var"], ["n"], {}))
    last = "n" if norm else "1"
    if between is not None:
        nodes.append((between, [last], ["2"], {}))
        last = "2"
    nodes.append(("Conv", [last, "c"], ["y"], {"pads": [pads] * 4, "group": group}))
    module = network([1, 2, 4, 4], nodes, constants)
    apply(module, FoldBatchNorm())
    return module


@pytest.mark.parametrize("group", [1, 2, 4])
def test_results_stay_with_bounds_from_data(tmp_path: Path, group: int):
    np.save(tmp_path / "x.npy", X)
    module = two_layers("Relu", group=group)
    before = outputs(module, X)
    remarks = apply(module, AbsorbHighBias("data", str(tmp_path / "x.npy")))
    np.testing.assert_allclose(outputs(module, X), before, rtol=1e-5, atol=1e-4)
    moved = BIAS - next(layers_of(module)).bias()
    assert moved[0] > 7 and moved[2] > 2 and moved[1] == 0
    assert any("biases moved on" in remark for remark in remarks)


def test_three_deviations_are_absorbed_without_data():
    """c = max(0, beta - 3 |gamma|), also for a negative gamma."""
    module = two_layers("Relu", norm=True)
    apply(module, AbsorbHighBias())
    moved = BIAS - next(layers_of(module)).bias()
    np.testing.assert_allclose(moved, np.maximum(BIAS - 1.5, 0), atol=1e-6)


def test_all_of_the_mean_moves_on_where_nothing_lies_between():
    module = two_layers(None, norm=True)
    before = outputs(module, X)
    apply(module, AbsorbHighBias())
    np.testing.assert_allclose(outputs(module, X), before, rtol=1e-5, atol=1e-4)
    np.testing.assert_allclose(next(layers_of(module)).bias(), 0, atol=1e-6)


@pytest.mark.parametrize(("between", "pads"), [("Relu", 1), ("Sigmoid", 0)])
def test_it_stays_where_it_would_not_be_exact(between: str, pads: int):
    module = two_layers(between, pads=pads, norm=True)
    text = str(module)
    remarks = apply(module, AbsorbHighBias())
    assert str(module) == text
    assert ("pads its input" in "".join(remarks)) == (pads == 1)


@pytest.mark.parametrize("method", ["data", "best"])
def test_it_says_what_is_missing(method: str):
    with pytest.raises(PassFailedException, match="method=data needs data"):
        apply(two_layers("Relu"), AbsorbHighBias(method))


def test_it_says_where_quantization_keeps_less(tmp_path: Path):
    """Two channels share a range that one of them needs anyway: a moved bias only makes the next
    layer's output greater, where it was small before.
    """
    np.save(tmp_path / "x.npy", X)
    data = str(tmp_path / "x.npy")
    quiet = apply(two_layers("Relu"), AbsorbHighBias("data", data))
    assert not any("dB" in remark for remark in quiet)

    constants = {
        "a": np.array([[[[0.01]], [[0.0]]], [[[0.0]], [[1.0]]]]),
        "b": np.array([-3.0, 0.0]),
        "c": np.array([[[[1.0]], [[0.01]]]]),
    }
    nodes: list[Node] = [("Conv", ["x", "a", "b"], ["1"], {}), ("Conv", ["1", "c"], ["y"], {})]
    nodes[1][1].append("d")
    constants["d"] = np.array([3.0])
    module = network([1, 2, 4, 4], nodes, constants)
    np.save(tmp_path / "far.npy", np.concatenate([X, X[:1] * 100]))
    before = outputs(module, X)
    remarks = apply(module, AbsorbHighBias("data", str(tmp_path / "far.npy")))
    np.testing.assert_allclose(outputs(module, X), before, rtol=1e-4, atol=1e-4)
    told = [remark for remark in remarks if "dB" in remark]
    assert len(told) == 1 and "missed" in told[0]
