"""Channels before depthwise layers: the same results, like ranges, and more after rounding."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from onnx_models import Array
from quant_networks import Node, apply, calibration_file, images, network, outputs, sqnr
from xdsl.dialects.builtin import ModuleOp
from xdsl.utils.exceptions import PassFailedException

from runnel.dialects import graph
from runnel.passes.graph.output_statistics import OutputStatistics
from runnel.passes.quant.calibrate import Calibrate
from runnel.passes.quant.equalize_depthwise import EqualizeDepthwise
from runnel.passes.quant.insert_casts import InsertQuantCasts
from runnel.passes.quant.layers import layers_of

CHANNELS = 6
REACH = np.array([1.0, 0.08, 0.1, 3.0, 0.06, 0.5])


def gated(group: int = CHANNELS, between: str = "HardSwish") -> ModuleOp:
    """A layer whose channels differ in range, a gate, and a layer that undoes the differences."""
    random = np.random.default_rng(1)
    first = random.normal(size=(CHANNELS, 3, 1, 1)) * 4 * REACH[:, None, None, None]
    second = random.normal(size=(CHANNELS, CHANNELS // group, 3, 3))
    second /= REACH[:, None, None, None] if group > 1 else 1
    constants: dict[str, Array] = {
        "a": first,
        "b": random.normal(size=CHANNELS) * REACH,
        "c": second,
        "d": random.normal(size=(4, CHANNELS, 1, 1)),
        "low": np.array(0),
        "high": np.array(100),
    }
    nodes: list[Node] = [
        ("Conv", ["x", "a", "b"], ["1"], {}),
        (between, ["1", "low", "high"] if between == "Clip" else ["1"], ["2"], {}),
        ("Conv", ["2", "c"], ["3"], {"group": group, "pads": [1] * 4}),
        ("Conv", ["3", "d"], ["y"], {}),
    ]
    return network([1, 3, 8, 8], nodes, constants)


def kept(module: ModuleOp, data: str, reference: Array) -> float:
    """dB after plain 8-bit quantization, on inputs that are not the calibration's."""
    coarse = module.clone()
    apply(coarse, Calibrate(data, "min-max", cache=False), InsertQuantCasts())
    return sqnr(reference, outputs(coarse, images(16, seed=9)))


@pytest.mark.parametrize("between", ["HardSwish", "Relu", "Clip", "Identity"])
def test_results_stay_and_rounding_takes_less_away(tmp_path: Path, between: str):
    data = calibration_file(tmp_path)
    module = gated(between=between)
    reference = outputs(module, images(16, seed=9))
    had = kept(module, data, reference)
    remarks = apply(module, EqualizeDepthwise(data))
    after = outputs(module, images(16, seed=9))
    np.testing.assert_allclose(after, reference, rtol=1e-4, atol=1e-4 * np.abs(reference).max())
    assert kept(module, data, reference) > had + 3
    assert any("channels times 1 to" in remark for remark in remarks)
    products = sum(isinstance(op, graph.MulOp) for op in module.walk())
    assert products == (2 if between == "HardSwish" else 0)
    assert not any("dB" in remark for remark in remarks)


def test_a_channel_is_scaled_to_the_greatest_but_its_flat_side_stays_below_half(tmp_path: Path):
    data = calibration_file(tmp_path)
    module = gated()
    first, *_ = layers_of(module)
    old = first.float_weight()
    loaded = np.load(data)
    weight, bias = first.op.operands[1:]
    stored = graph.constant_array(weight), graph.constant_array(bias)
    assert stored[0] is not None and stored[1] is not None and old is not None
    made = np.einsum("nchw,oc->nohw", loaded, stored[0][:, :, 0, 0])
    high = (made + stored[1][:, None, None]).max((0, 2, 3))
    apply(module, EqualizeDepthwise(data))
    new = next(layers_of(module)).float_weight()
    assert new is not None
    expected = np.minimum(high.max() / high, max(1.0, high.max() / 6))
    np.testing.assert_allclose((new / old)[0, :, :, 0].mean(1), expected, rtol=1e-4)
    (clip,) = (op for op in module.walk() if isinstance(op, graph.ClipOp))
    assert clip.bounds()[0] == pytest.approx(-3 * expected.max())


def test_without_a_depthwise_reader_only_codes_are_spared(tmp_path: Path):
    data = calibration_file(tmp_path)
    module = gated(group=1)
    reference = outputs(module, images(4, seed=9))
    apply(module, EqualizeDepthwise(data))
    assert not any(isinstance(op, graph.MulOp) for op in module.walk())
    (clip,) = (op for op in module.walk() if isinstance(op, graph.ClipOp))
    assert clip.bounds() == (-3.0, np.inf)
    np.testing.assert_array_equal(outputs(module, images(4, seed=9)), reference)


def test_a_relu_lets_every_channel_reach_the_top(tmp_path: Path):
    data = calibration_file(tmp_path)
    module = gated(between="Relu")
    apply(module, EqualizeDepthwise(data))
    first, *_ = layers_of(module)
    weight = graph.constant_array(first.op.operands[1])
    assert weight is not None
    made = np.einsum("nchw,oc->nohw", np.load(data), weight[:, :, 0, 0])
    high = (made + first.bias()[:, None, None]).max((0, 2, 3))
    np.testing.assert_allclose(high, high.max(), rtol=1e-4)


def test_other_functions_and_off_are_left_alone(tmp_path: Path):
    data = calibration_file(tmp_path)
    for module, method in ((gated(between="Sigmoid"), "data"), (gated(), "off")):
        before = str(module)
        apply(module, EqualizeDepthwise(data, method))
        assert str(module) == before
    with pytest.raises(PassFailedException, match="data, off"):
        apply(gated(), EqualizeDepthwise(data, method="on"))


def test_silent_channels_and_those_that_a_batch_norm_knows_better_stay(tmp_path: Path):
    """Channel 2 is below 0 in all data; channel 4 is small there, but was trained to be great."""
    data = calibration_file(tmp_path)
    module = gated(between="Relu")
    first, *_ = layers_of(module)
    bias = first.bias()
    bias[2] = -1e3
    first.set_bias(bias)
    mean, deviation = np.full(CHANNELS, -100.0), np.ones(CHANNELS)
    mean[4], deviation[4] = 0.0, 1e3
    OutputStatistics(mean, deviation).attach(first.op)
    old = graph.constant_array(first.op.operands[1])
    apply(module, EqualizeDepthwise(data))
    new = graph.constant_array(next(layers_of(module)).op.operands[1])
    assert old is not None and new is not None
    scales = (new / old).mean((1, 2, 3))
    np.testing.assert_allclose(scales[[2, 4]], 1)
    assert 1 < scales[1] <= 64
