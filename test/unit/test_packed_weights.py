"""A network with 4-bit weights: half the bytes of them in C, and the same results at all levels."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from quant_networks import Node, apply, calibration_file, images, network, outputs
from quant_programs import compiled

from runnel.dialects import quant
from runnel.lowering.graph_to_quant import ConvertGraphToQuant
from runnel.passes.quant.calibrate import Calibrate
from runnel.passes.quant.insert_casts import InsertQuantCasts
from runnel.tools import api
from runnel.tools.interpret import interpret

PACKED = {
    "host": ["rn_conv2d_s8_w4", "rn_fully_connected_s8_w4"],
    "cortex-m4": ["rn_conv2d_s8_w4_dsp", "rn_fully_connected_s8_w4_dsp"],
}


@pytest.mark.parametrize("platform", PACKED)
def test_levels_and_binary_give_the_same_bytes(platform: str, tmp_path: Path) -> None:
    artifact = compiled(tmp_path, 1, platform=platform, weight_bits=4)
    kernels = [layer.kernel for layer in artifact.layers]
    assert [kernel for kernel in kernels if "_w4" in kernel] == PACKED[platform]
    info = artifact.signature.inputs[0]
    stored = np.random.default_rng(4).integers(-128, 128, (3, *info.shape[1:])).astype(np.int8)
    _, (found,) = artifact.run(artifact.build(tmp_path), {info.name: stored})
    for level in ("channels-last", "cortexm", "c"):
        (expected,) = interpret(artifact.road, level, {info.name: stored}).values()
        assert found.tobytes() == expected.tobytes(), level
    assert len(np.unique(found)) > 3


def test_weights_take_half_the_bytes(tmp_path: Path) -> None:
    """Of a 3 x 3 convolution of 3 channels (27 weights a row) and a product of depth 8; the
    depthwise layer has no such kernel.
    """
    narrow, wide = (compiled(tmp_path, 3, weight_bits=bits).layers for bits in (4, 8))
    saved = {w.op: w.constant_bytes - n.constant_bytes for n, w in zip(narrow, wide, strict=True)}
    assert saved["conv2d"] == 8 * (27 - 14)
    assert saved["fully_connected"] == 4 * (8 - 4)
    assert saved["depthwise_conv2d"] == 0


def test_a_dead_channel_does_not_keep_the_fast_kernel_away(tmp_path: Path) -> None:
    """Its weights are a billionth of the others'. 4-bit sums have to be shifted up for the fast
    kernel, all by the same, which a channel with the greatest shift does not stand.
    """
    random = np.random.default_rng(0)
    weights = random.normal(size=(8, 3, 1, 1))
    weights[0] *= 1e-9
    nodes: list[Node] = [("Conv", ["x", "w", "b"], ["c"], {}), ("Relu", ["c"], ["y"], {})]
    bias = np.array([1e-6, *[-4.0] * 7])
    module = network([1, 3, 8, 8], nodes, {"w": weights, "b": bias})
    data = calibration_file(tmp_path)
    apply(module, Calibrate(data, "min-max"), InsertQuantCasts(weight_bits=4))
    simulated = module.clone()
    apply(module, ConvertGraphToQuant("single"))
    artifact = api.compile(module, "cortex-m4")
    assert "rn_conv2d_s8_w4_dsp" in [layer.kernel for layer in artifact.layers]
    x = images(20, seed=1)
    (conv,) = [op for op in module.walk() if isinstance(op, quant.Conv2DOp)]
    step = quant.quantized(conv.result).scale
    assert np.abs(outputs(simulated, x) - outputs(module, x)).max() <= 1.01 * step
