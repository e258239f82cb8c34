"""Learning weights by the network's output, samples that batch norms describe, and gradients."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from onnx_models import Array
from quant_networks import (
    Node,
    apply,
    calibration_file,
    network,
    outputs,
    simulated,
    small_network,
    sqnr,
)
from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import SSAValue

from runnel.dialects import graph
from runnel.dialects.diagnostics import RunnelError
from runnel.passes.quant.distill import ITERATIONS, distill
from runnel.passes.quant.layers import layers_of
from runnel.passes.quant.learn_weights import LearnWeights
from runnel.passes.quant.prefix import Prefix, start
from runnel.passes.quant.real_parameters import real_parameters
from runnel.passes.quant.round_weights import RoundWeights
from runnel.passes.quant.tape import Tape
from runnel.passes.quant.verdict import kept
from runnel.passes.quant.weight_rounding import integers_of
from runnel.tools.pipeline import resolve_pipeline
from runnel.tools.registry import new_context

WIDTH = 12


def branched_network() -> ModuleOp:
    """Strided, padded and depthwise convolutions, a sum, clips, pooling and a matrix."""
    random = np.random.default_rng(1)
    constants = {
        "w1": random.normal(size=(4, 2, 3, 3)) / 3,
        "b1": random.normal(size=4) / 3,
        "dw": random.normal(size=(4, 1, 3, 3)) / 2,
        "db": random.normal(size=4) / 3,
        "w3": random.normal(size=(4, 2, 1, 1)),
        "w4": random.normal(size=(4, 3)),
        "b4": random.normal(size=3),
    }
    padded = {"pads": [1, 0, 1, 1], "kernel_shape": [3, 3], "strides": [2, 1]}
    nodes: list[Node] = [
        ("Conv", ["x", "w1", "b1"], ["c1"], padded),
        ("Relu", ["c1"], ["r1"], {}),
        ("Conv", ["r1", "dw", "db"], ["c2"], {"pads": [1, 1, 1, 1], "group": 4}),
        ("Add", ["c2", "r1"], ["s"], {}),
        ("Conv", ["s", "w3"], ["c3"], {"group": 2}),
        ("Relu", ["c3"], ["r3"], {}),
        ("GlobalAveragePool", ["r3"], ["p"], {}),
        ("Flatten", ["p"], ["f"], {}),
        ("Gemm", ["f", "w4", "b4"], ["y"], {}),
    ]
    return network([1, 2, 6, 5], nodes, constants)


def tape_of(
    module: ModuleOp, data: str, samples: int
) -> tuple[Prefix, Tape, dict[SSAValue, Array]]:
    """The float network, and what stands for its parameters."""
    prefix = start(module, "test", data, samples)
    last = prefix.function.body.block.last_op
    assert last is not None
    real = real_parameters(module)
    return prefix, Tape(prefix, last.operands[0], casts=False), real


def test_gradients_are_the_numeric_ones(tmp_path: Path):
    random = np.random.default_rng(2)
    data = tmp_path / "x.npy"
    np.save(data, random.normal(size=(3, 2, 6, 5)))
    module = simulated(branched_network(), str(data))
    prefix, tape, real = tape_of(module, str(data), 3)
    given = {v: a.astype(np.float64) for v, a in {**prefix.real, **real}.items()}
    weights = random.normal(size=(3, 3))

    def loss() -> float:
        return float((tape.run(given, {})[tape.output] * weights).sum())

    slopes = tape.back(tape.run(given, {}), {tape.output: weights})
    assert len(given) == 1 + 4 + 3  # the input, weights, biases
    for value, array in given.items():
        flat = array.reshape(-1)
        for place in random.choice(flat.size, min(6, flat.size), replace=False):
            kept = flat[place]
            found: list[float] = []
            for step in (1e-5, -1e-5):
                flat[place] = kept + step
                found.append(loss())
            flat[place] = kept
            numeric = (found[0] - found[1]) / 2e-5
            assert slopes[value].reshape(-1)[place] == pytest.approx(numeric, rel=1e-4, abs=1e-6)


@pytest.mark.parametrize("counted", [0, 1])
def test_the_gradient_of_average_pooling_is_the_numeric_one(tmp_path: Path, counted: int):
    """It is linear: the change by a step of any size."""
    random = np.random.default_rng(4)
    data = tmp_path / "x.npy"
    np.save(data, random.normal(size=(2, 2, 5, 5)))
    pool = {"kernel_shape": [3, 2], "strides": [2, 2], "pads": [1, 0, 1, 1]}
    nodes: list[Node] = [
        ("Conv", ["x", "w"], ["c"], {}),
        ("AveragePool", ["c"], ["y"], {**pool, "count_include_pad": counted}),
    ]
    module = network([1, 2, 5, 5], nodes, {"w": random.normal(size=(3, 2, 1, 1))})
    prefix, tape, real = tape_of(simulated(module, str(data)), str(data), 2)
    given = {v: a.astype(np.float64) for v, a in {**prefix.real, **real}.items()}
    (x,) = prefix.real
    values = tape.run(given, {})
    weights = random.normal(size=values[tape.output].shape)
    slope = tape.back(values, {tape.output: weights})[x]
    first = float((values[tape.output] * weights).sum())
    for place in random.choice(slope.size, 12, replace=False):
        moved = given[x].copy()
        moved.reshape(-1)[place] += 1
        now = float((tape.run({**given, x: moved}, {})[tape.output] * weights).sum())
        assert slope.reshape(-1)[place] == pytest.approx(now - first, rel=1e-9, abs=1e-9)


def test_an_unknown_gradient_is_refused_where_it_is(tmp_path: Path):
    data = tmp_path / "x.npy"
    np.save(data, np.random.default_rng(0).normal(size=(3, 2, 4, 4)))
    nodes: list[Node] = [
        ("Conv", ["x", "w"], ["h"], {}),
        ("Resize", ["h", "", "s"], ["y"], {"mode": "nearest"}),
    ]
    constants = {"w": np.ones((2, 2, 1, 1)), "s": np.array([1, 1, 2, 2])}
    module = simulated(network([1, 2, 4, 4], nodes, constants), str(data))
    with pytest.raises(RunnelError, match=r"the gradient of graph\.resize is not known"):
        apply(module, LearnWeights(str(data), iterations=1))


def dense_network(training: Array) -> ModuleOp:
    """Three layers of `WIDTH` with the batch norms that `training` would have given them."""
    random = np.random.default_rng(5)
    constants: dict[str, Array] = {}
    nodes: list[Node] = []
    value, x = "x", training
    for index in range(3):
        weight = random.normal(size=(WIDTH, WIDTH)) / np.sqrt(WIDTH)
        made = x @ weight.T
        named = {"w": weight, "m": made.mean(0), "v": made.var(0)}
        named |= {"g": random.uniform(0.5, 1.5, WIDTH), "b": random.normal(size=WIDTH)}
        constants |= {f"{key}{index}": array for key, array in named.items()}
        h, n, r = f"h{index}", f"n{index}", f"r{index}"
        nodes.append(("Gemm", [value, f"w{index}"], [h], {"transB": 1}))
        parameters = [f"{key}{index}" for key in "gbmv"]
        nodes.append(("BatchNormalization", [h, *parameters], [n], {"epsilon": 1e-9}))
        nodes.append(("Relu", [n], [r], {}))
        scaled = (made - named["m"]) / np.sqrt(named["v"]) * named["g"] + named["b"]
        value, x = r, np.maximum(scaled, 0)
    constants["last"] = random.normal(size=(WIDTH, WIDTH))
    nodes.append(("Gemm", [value, "last"], ["y"], {}))
    module = network([1, WIDTH], nodes, constants)
    resolve_pipeline("simplify").run(new_context(), module)
    return module


def two_conditions() -> tuple[Array, Array]:
    """Inputs of two kinds, and a few that are all of the first."""
    random = np.random.default_rng(8)
    mix = random.normal(size=(WIDTH, WIDTH)) / 2
    first = random.normal(size=(700, WIDTH)) @ mix
    second = random.normal(size=(300, WIDTH)) @ mix.T + 2 * random.normal(size=WIDTH)
    return np.concatenate([first, second]).astype(np.float32), first[:64].astype(np.float32)


def test_distilled_samples_have_the_statistics_of_training(tmp_path: Path):
    training, few = two_conditions()
    np.save(tmp_path / "few.npy", few)
    float_network = dense_network(training)
    module = simulated(float_network, str(tmp_path / "few.npy"), bits=4)
    prefix = start(module, "test", str(tmp_path / "few.npy"), 64)
    distill(prefix, 256, "test", 0)
    (value,) = prefix.real
    made = prefix.real[value]
    assert made.shape == (256, WIDTH)
    assert prefix.quantized[value] is made
    assert made.min() >= few.min() and made.max() <= few.max()

    def off(x: Array) -> list[float]:
        """Per layer: how far means and deviations are from those in training, by layer names."""
        found: list[float] = []
        for index in range(3):
            cut = float_network.clone()
            layer = list(layers_of(cut))[index]
            returned = next(op for op in cut.walk() if op.name == "func.return")
            returned.operands[0] = layer.op.results[0]
            here, there = outputs(cut, x), outputs(cut, training)
            deviation = there.std(0)
            mean = (here.mean(0) - there.mean(0)) / deviation
            found.append(float((mean**2 + (here.std(0) / deviation - 1) ** 2).mean()))
        return found

    before, after = off(few), off(made)
    assert all(b < 0.3 * a for a, b in zip(before, after, strict=True)), (before, after)


def test_distilled_samples_help_where_data_show_one_condition(tmp_path: Path):
    training, few = two_conditions()
    data = str(tmp_path / "few.npy")
    np.save(data, few)
    float_network = dense_network(training)
    unseen = training[700:]
    reference = outputs(float_network, unseen)
    found: list[float] = []
    for count in (0, 256):
        module = simulated(float_network, data, bits=4)
        remarks = apply(module, RoundWeights(data, distill=count))
        assert any("samples distilled" in remark for remark in remarks) == (count > 0)
        found.append(sqnr(reference, outputs(module, unseen)))
    assert found[1] > found[0] + 1


def test_distilling_needs_batch_norms(tmp_path: Path):
    data = calibration_file(tmp_path)
    module = simulated(small_network(0), data, bits=4)
    with pytest.raises(RunnelError, match="needs what batch normalisation knows"):
        apply(module, RoundWeights(data, distill=16))


def learned(module: ModuleOp, data: str, iterations: int = 400) -> list[str]:
    return apply(module, LearnWeights(data, iterations, batch=64))


def test_the_output_gains_on_other_inputs_and_becomes_integers(tmp_path: Path):
    training, _ = two_conditions()
    data = str(tmp_path / "x.npy")
    np.save(data, training[::2])
    float_network = dense_network(training)
    other = training[1::2]
    reference = outputs(float_network, other)
    module = simulated(float_network, data, bits=4)
    apply(module, RoundWeights(data))
    before = sqnr(reference, outputs(module, other))
    remarks = learned(module, data)
    assert "passed: learn-weights" in remarks[0] and "error of the output" in remarks[0]
    after = sqnr(reference, outputs(module, other))
    assert after > before + 1
    for layer in layers_of(module):
        integers = integers_of(layer)
        assert integers is not None
        assert integers.codes.min() >= -8 and integers.codes.max() <= 7
        assert (integers.codes == np.rint(integers.codes)).all()
    resolve_pipeline("convert-graph-to-quant,cleanup").run(new_context(), module)
    assert not any(isinstance(op, graph.GemmOp) for op in module.walk())
    assert sqnr(reference, outputs(module, other)) > after - 0.5


def test_a_classifier_learns_by_its_logits(tmp_path: Path):
    """A softmax behind the logits and its quantizers take no part."""
    random = np.random.default_rng(5)
    constants = {"w": random.normal(size=(16, 8)), "v": random.normal(size=(5, 16))}
    nodes: list[Node] = [
        ("Gemm", ["x", "w"], ["h"], {"transB": 1}),
        ("Relu", ["h"], ["r"], {}),
        ("Gemm", ["r", "v"], ["l"], {"transB": 1}),
        ("Softmax", ["l"], ["y"], {"axis": 1}),
    ]
    x = random.normal(size=(200, 8)).astype(np.float32)
    data = str(tmp_path / "x.npy")
    np.save(data, x)
    coarse = simulated(network([1, 8], nodes, constants), data, bits=4)
    before = kept(coarse, "test", data)
    (remark,) = learned(coarse, data, 200)
    assert "passed" in remark and "codes moved" in remark
    assert kept(coarse, "test", data) > before + 1


def test_what_makes_no_gain_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Steps so wide that everything is lost, and no steps at all."""
    training, few = two_conditions()
    data = str(tmp_path / "few.npy")
    np.save(data, few)
    module = simulated(dense_network(training), data, bits=4)
    text = str(module)
    assert learned(module, data, 0) == [] and str(module) == text
    monkeypatch.setattr("runnel.passes.quant.learn_weights.CODE_RATE", 20.0)
    (remark,) = learned(module, data, 2)
    assert "missed: learn-weights" in remark and "stay" in remark
    assert str(module) == text


def test_one_scale_per_tensor_stays_one(tmp_path: Path):
    training, few = two_conditions()
    data = str(tmp_path / "few.npy")
    np.save(data, few)
    module = simulated(dense_network(training), data, bits=4, per_channel=False)
    (remark,) = learned(module, data, 100)
    assert "passed" in remark
    for layer in layers_of(module):
        integers = integers_of(layer)
        assert integers is not None and len(np.unique(integers.scales)) == 1


def test_a_sample_may_be_several_rows(tmp_path: Path):
    """Four rows that are flattened into one: steps and errors are by the sample."""
    random = np.random.default_rng(3)
    constants = {"w": random.normal(size=(6, 8)), "v": random.normal(size=(5, 24))}
    nodes: list[Node] = [
        ("Gemm", ["x", "w"], ["h"], {"transB": 1}),
        ("Relu", ["h"], ["r"], {}),
        ("Flatten", ["r"], ["f"], {"axis": 0}),
        ("Gemm", ["f", "v"], ["y"], {"transB": 1}),
    ]
    module = network([4, 8], nodes, constants)
    x = random.normal(size=(4 * 130, 8)).astype(np.float32)
    data = str(tmp_path / "x.npy")
    np.save(data, x)
    reference = np.maximum(x @ constants["w"].T, 0).reshape(130, 24) @ constants["v"].T
    coarse = simulated(module, data, bits=4)
    np.testing.assert_allclose(outputs(module, x), reference, rtol=1e-4, atol=1e-4)
    before = sqnr(reference, outputs(coarse, x))
    (remark,) = apply(coarse, LearnWeights(data, 200, batch=32))
    assert "passed" in remark
    assert sqnr(reference, outputs(coarse, x)) > before + 1


def test_the_quantize_pipeline_takes_both(tmp_path: Path):
    training, few = two_conditions()
    data = str(tmp_path / "few.npy")
    np.save(data, few)
    float_network = dense_network(training)
    reference = outputs(float_network, training)
    found: list[float] = []
    for more in ("", f"distill={ITERATIONS} learn=200"):
        module = float_network.clone()
        text = f'quantize{{data="{data}" weight-bits=4 rounding=flips {more}}}'
        resolve_pipeline(text).run(new_context(), module)
        found.append(sqnr(reference, outputs(module, training)))
    assert found[1] > found[0] + 1
