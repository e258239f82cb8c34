"""Samples from batch norms alone: like training in what these know, and good enough to round on."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from onnx_models import Array
from quant_networks import Node, apply, images, network, outputs, sqnr
from xdsl.dialects.builtin import ModuleOp

from runnel.dialects.diagnostics import RunnelError
from runnel.passes.quant.distill_inputs import DistillInputs, smooth
from runnel.passes.quant.layers import layers_of
from runnel.tools.pipeline import resolve_pipeline
from runnel.tools.registry import new_context

CHANNELS = 8


def trained(x: Array) -> ModuleOp:
    """Two convolutions, a depthwise one between, each with the batch norm that `x` gives it."""
    random = np.random.default_rng(2)
    shapes = (CHANNELS, 3, 1, 1), (CHANNELS, 1, 3, 3), (6, CHANNELS, 1, 1)
    constants: dict[str, Array] = {}
    nodes: list[Node] = []
    value = "x"
    for index, shape in enumerate(shapes):
        width, spread = shape[0], 10 ** random.uniform(-0.7, 0.7, shape[0])
        constants[f"w{index}"] = random.normal(size=shape) * spread[:, None, None, None]
        group = CHANNELS if shape[1] == 1 else 1
        product: Node = ("Conv", [value, f"w{index}"], [f"c{index}"], {"group": group})
        made = outputs(network([1, 3, 8, 8], [*nodes, product], constants, f"c{index}"), x)
        constants |= {f"m{index}": made.mean((0, 2, 3)), f"v{index}": made.var((0, 2, 3))}
        constants |= {f"g{index}": np.ones(width), f"b{index}": random.normal(size=width) / 2}
        norm = [f"c{index}", *(f"{key}{index}" for key in "gbmv")]
        nodes += [product, ("BatchNormalization", norm, [f"n{index}"], {})]
        nodes.append(("Relu", [f"n{index}"], [f"r{index}"], {}))
        value = f"r{index}"
    nodes.append(("GlobalAveragePool", [value], ["y"], {}))
    return network([1, 3, 8, 8], nodes, constants)


def test_samples_have_the_statistics_of_training_and_their_range(tmp_path: Path):
    training = np.clip(images(128, seed=1), -2, 2)
    module = trained(training)
    resolve_pipeline("simplify").run(new_context(), module)
    before = str(module)
    file = tmp_path / "made.npy"
    apply(module, DistillInputs(str(file), 32, -2.0, 2.0))
    assert str(module) == before
    made = np.load(file)
    assert made.shape == (32, 3, 8, 8) and np.abs(made).max() <= 2
    first = next(layers_of(module))
    w = first.float_weight()
    assert w is not None
    there, here = (np.einsum("goi,nihw->nohw", w[..., 0], x) for x in (training, made))
    deviation = there.std((0, 2, 3))
    assert np.abs(here.mean((0, 2, 3)) - there.mean((0, 2, 3))).max() < 0.3 * deviation.max()
    assert here.std((0, 2, 3)) == pytest.approx(deviation, rel=0.35)


def test_rounding_on_them_keeps_more_than_means_alone(tmp_path: Path):
    training, unseen = images(128, seed=1), images(64, seed=9)
    module = trained(training)
    reference = outputs(module, unseen)
    file, kept = tmp_path / "made.npy", dict[str, float]()
    for name, text in {
        "distilled": f'quantize-without-data{{file="{file}" low=-4.0 high=4.0 '
        "channels=false weight-bits=4}",
        "analytic": 'simplify,equalize,calibrate{data="" method=batch-norm input-low=-4.0 '
        "input-high=4.0},insert-quant-casts{per-channel=false weight-bits=4},"
        "correct-bias{method=analytic},convert-graph-to-quant",
    }.items():
        quantized = module.clone()
        resolve_pipeline(text).run(new_context(), quantized)
        kept[name] = sqnr(reference, outputs(quantized, unseen))
    assert kept["distilled"] > kept["analytic"] + 2


def test_noise_is_smooth_in_space_and_of_deviation_1():
    x = smooth((20, 2, 32, 32), np.random.default_rng(0))
    assert x.std() == pytest.approx(1)
    assert np.corrcoef(x[..., 1:].ravel(), x[..., :-1].ravel())[0, 1] > 0.6
    assert abs(np.corrcoef(x[:, 0].ravel(), x[:, 1].ravel())[0, 1]) < 0.2
    flat = smooth((2000, 3), np.random.default_rng(0))
    assert abs(np.corrcoef(flat[:, 0], flat[:, 1])[0, 1]) < 0.1


def test_without_batch_norms_there_is_nothing_to_distill(tmp_path: Path):
    module = network([1, 3], [("Gemm", ["x", "w"], ["y"], {})], {"w": np.eye(3)})
    with pytest.raises(RunnelError, match="no batch normalisation was folded"):
        apply(module, DistillInputs(str(tmp_path / "made.npy")))
    assert not (tmp_path / "made.npy").exists()
