"""Rounding: against exhaustive search and numeric gradients, on inputs that it has not seen."""

from __future__ import annotations

from itertools import product
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
from runnel.lowering.graph_to_quant import ConvertGraphToQuant
from runnel.passes.quant.adaround import WEIGHT, AdaRound, Soft, soft_inverse
from runnel.passes.quant.layers import layers_of
from runnel.passes.quant.prefix import start
from runnel.passes.quant.real_parameters import real_weight
from runnel.passes.quant.round_weights import RoundWeights
from runnel.passes.quant.seq_mse import SeqMSE
from runnel.passes.quant.weight_rounding import (
    Integers,
    Samples,
    cost,
    flip,
    integers_of,
    rows_of,
    sample,
)
from runnel.tools.pipeline import resolve_pipeline
from runnel.tools.registry import new_context

SEED = 0


def problem(rows: int, size: int, seed: int) -> tuple[Array, Array, Array]:
    """(weights, second moment of correlated inputs, scales), one group."""
    random = np.random.default_rng(seed)
    mix = random.normal(size=(size, size))
    x = mix @ random.normal(size=(size, 1000)) + 1
    weight = random.normal(size=(1, rows, size))
    return weight, (x @ x.T)[None] / 1000, np.abs(weight).max(2, keepdims=True) / 7


def test_flips_lower_the_cost_and_stay_beside_the_float_weight():
    weight, second, scales = problem(20, 30, 0)
    low, high = np.floor(weight / scales), np.ceil(weight / scales)
    nearest = np.rint(weight / scales)
    codes = flip(nearest, low, high, scales, weight, second)
    assert ((codes == low) | (codes == high)).all()
    before = cost(scales * nearest - weight, second)
    after = cost(scales * codes - weight, second)
    assert (after <= before).all() and after.sum() < 0.5 * before.sum()
    # No single change would help: it is a local optimum.
    for k in range(30):
        other = codes.copy()
        other[:, :, k] = low[:, :, k] + high[:, :, k] - codes[:, :, k]
        assert (cost(scales * other - weight, second) >= after * (1 - 1e-9)).all()


def test_flips_never_raise_the_cost_of_a_row_wherever_they_start():
    weight, second, scales = problem(6, 20, 1)
    low, high = np.floor(weight / scales), np.ceil(weight / scales)
    random = np.random.default_rng(3)
    for _ in range(20):
        codes = np.where(random.random(weight.shape) < 0.5, low, high)
        costs = [cost(scales * codes - weight, second)]
        for freed in range(0, 20, 5):  # ever more weights may move: each start is the last end
            held = np.arange(20) >= freed + 5
            bounds = np.where(held, codes, low), np.where(held, codes, high)
            codes = flip(codes, *bounds, scales, weight, second)
            costs.append(cost(scales * codes - weight, second))
        assert (np.diff(costs, axis=0) <= 1e-9 * costs[0]).all()
        assert (costs[-1] < costs[0]).all()


def test_flips_come_near_the_best_of_all_roundings():
    for seed in range(5):
        weight, second, scales = problem(1, 8, seed)
        low, high = np.floor(weight / scales), np.ceil(weight / scales)
        choices = np.array(list(product((0, 1), repeat=8)))
        every = low + choices[:, None] * (high - low)
        best = cost(scales * every - weight, second).min()
        nearest = np.rint(weight / scales)
        found = cost(
            scales * flip(nearest, low, high, scales, weight, second) - weight, second
        ).sum()
        assert best <= found * (1 + 1e-12)
        assert found <= cost(scales * nearest - weight, second).sum()
        assert found < 3 * best


def float_inputs(module: ModuleOp) -> list[Array]:
    """The integers of each layer's weight, as [groups, rows, K]."""
    found = [integers_of(layer) for layer in layers_of(module)]
    return [entry.codes for entry in found if entry is not None]


def in_floor_or_ceil(module: ModuleOp) -> bool:
    for layer in layers_of(module):
        integers, real = integers_of(layer), real_weight(layer)
        assert integers is not None and real is not None
        low, high = integers.neighbours(rows_of(layer, real))
        if not ((integers.codes == low) | (integers.codes == high)).all():
            return False
    return True


@pytest.mark.parametrize("method", ["flips", "adaround"])
def test_outputs_on_other_inputs_gain_two_decibels(tmp_path: Path, method: str):
    data = calibration_file(tmp_path)
    float_network = small_network(SEED)
    x = images(200, seed=9)
    reference = outputs(float_network, x)
    module = simulated(float_network, data, bits=4)
    before = sqnr(reference, outputs(module, x))
    remarks = apply(module, RoundWeights(data, method, iterations=600))
    assert len(remarks) == 4 and all("codes moved" in remark for remark in remarks)
    assert sqnr(reference, outputs(module, x)) > before + 2
    assert in_floor_or_ceil(module)


@pytest.mark.parametrize("method", ["flips", "adaround"])
def test_one_layer_gains_two_decibels_on_other_inputs(tmp_path: Path, method: str):
    """The first layer, whose input is the same in both networks."""
    data = calibration_file(tmp_path)
    module = simulated(small_network(SEED), data, bits=4)
    other = tmp_path / "other.npy"
    np.save(other, images(64, seed=11))

    def quality() -> float:
        visit = next(start(module, "test", str(other), 64).visits())
        return sqnr(visit.float_result(), visit.result())

    before = quality()
    apply(module, RoundWeights(data, method, iterations=600))
    assert quality() > before + 2


def test_rounded_weights_become_integer_ops(tmp_path: Path):
    """Simulation and integers differ by what requantization rounds: at most a step or two."""
    data = calibration_file(tmp_path)
    module = simulated(small_network(SEED), data, bits=4)
    apply(module, RoundWeights(data))
    integer = module.clone()
    apply(integer, ConvertGraphToQuant("single"))
    assert not any(isinstance(op, graph.ConvOp) for op in integer.walk())
    x = images(20, seed=3)
    step = max(
        quant.quantized(op.input).scale
        for op in module.walk()
        if isinstance(op, quant.DequantizeCastOp) and not quant.quantized(op.input).per_axis
    )
    assert np.abs(outputs(integer, x) - outputs(module, x)).max() <= 2.5 * step


def test_nearest_changes_nothing(tmp_path: Path):
    data = calibration_file(tmp_path)
    module = simulated(small_network(SEED), data, bits=4)
    text = str(module)
    apply(module, RoundWeights(data, "nearest"))
    assert str(module) == text


def test_freed_flips_may_go_further(tmp_path: Path):
    data = calibration_file(tmp_path)
    module = simulated(small_network(SEED), data, bits=3)
    apply(module, RoundWeights(data, free=True))
    assert not in_floor_or_ceil(module)


def test_gradients_of_adaround_are_the_numeric_ones():
    random = np.random.default_rng(4)
    weight = random.normal(size=(2, 3, 5))
    scales = np.full((2, 3, 1), 0.3)
    low = np.floor(weight / scales)
    bias = random.normal(size=(2, 3, 1))
    method = AdaRound(weight, scales, low, low + 1, bias, (0.0, 1.5))
    xhat = random.normal(size=(2, 5, 40))
    wanted = method.act(weight @ (xhat + 0.1 * random.normal(size=xhat.shape)) + bias)
    v = soft_inverse(random.uniform(0.1, 0.9, size=weight.shape))

    def loss(v: Array) -> float:
        return float(method.loss(low + Soft(method, v).h, [(xhat, wanted)]).sum())

    def penalty(v: Array) -> float:
        beta = 2 + 9 * (1 + np.cos(np.pi * 0.7))
        return float((1 - np.abs(2 * Soft(method, v).h - 1) ** beta).sum())

    soft = Soft(method, v)
    slope, pushed = soft.gradient(xhat, wanted, 1.0), soft.push(0.7) / WEIGHT
    for place in product(range(2), range(3), range(5)):
        step = np.zeros_like(v)
        step[place] = 1e-5
        numeric = (loss(v + step) - loss(v - step)) / 2e-5
        assert slope[place] == pytest.approx(numeric, rel=1e-3, abs=1e-4)
        numeric = (penalty(v + step) - penalty(v - step)) / 2e-5
        assert pushed[place] == pytest.approx(numeric, rel=1e-4, abs=1e-5)


def test_no_output_is_worse_than_where_adaround_starts():
    """And all better than nearest: in the error behind the activation, which flips do not see."""
    random = np.random.default_rng(6)
    xhat = np.maximum(random.normal(size=(1, 12, 600)) + 0.5, 0)
    x = xhat + 0.05 * random.normal(size=xhat.shape)
    weight = random.normal(size=(1, 8, 12))
    scales = np.abs(weight).max(2, keepdims=True) / 7
    low = np.floor(weight / scales)
    method = AdaRound(weight, scales, low, np.ceil(weight / scales), np.zeros((1, 8, 1)), (0, 3))
    wanted = np.clip(weight @ x, 0, 3)

    def error(codes: Array) -> Array:
        return ((np.clip(scales * codes @ xhat, 0, 3) - wanted) ** 2).sum(2)

    nearest = np.rint(weight / scales)
    for first in (nearest, low):
        codes = method.solve(Samples(x, xhat), first, 300, np.random.default_rng(0))
        assert (error(codes) <= (1 + 1e-5) * error(first)).all()
        assert error(codes).sum() < 0.8 * error(nearest).sum()
        assert ((codes == low) | (codes == np.ceil(weight / scales))).all()


def test_adaround_goes_on_from_its_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    data, state = calibration_file(tmp_path), tmp_path / "state.npz"
    whole, again = (simulated(small_network(SEED), data, bits=4) for _ in range(2))
    options = {"method": "adaround", "iterations": 200}
    apply(whole, RoundWeights(data, **options))
    solve, calls = AdaRound.solve, []

    def counted(
        self: AdaRound, samples: Samples, first: Array, count: int, random: np.random.Generator
    ) -> Array:
        if len(calls) == 2:
            calls.clear()
            raise KeyboardInterrupt
        calls.append(self)
        return solve(self, samples, first, count, random)

    monkeypatch.setattr(AdaRound, "solve", counted)
    with pytest.raises(KeyboardInterrupt):
        apply(again.clone(), RoundWeights(data, state=str(state), **options))
    apply(again, RoundWeights(data, state=str(state), **options))
    assert len(calls) == 2  # the other two of the four layers came from the file
    for first, second in zip(float_inputs(whole), float_inputs(again), strict=True):
        np.testing.assert_array_equal(first, second)


def test_seq_mse_never_has_a_greater_error_of_a_layer(tmp_path: Path):
    data = calibration_file(tmp_path)
    module = simulated(small_network(SEED), data, bits=4)
    coarse = module.clone()
    remarks = apply(module, SeqMSE(data))
    assert len(remarks) == 4
    before, after = (next(start(m, "test", data, 64).visits()) for m in (coarse, module))
    assert sqnr(after.float_result(), after.result()) > sqnr(before.float_result(), before.result())
    for layer in layers_of(module):
        integers = integers_of(layer)
        assert integers is not None
        assert np.abs(integers.codes).max() <= 8


def test_what_lowers_the_quality_of_the_network_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """A rounding to the wrong neighbour everywhere, and one that does nothing."""
    data = calibration_file(tmp_path)
    module = simulated(small_network(SEED), data, bits=4)

    def away(self: RoundWeights, integers: Integers, weight: Array, *_: Array) -> Array:
        low, high = integers.neighbours(weight)
        return low + high - integers.codes

    quiet = apply(module.clone(), RoundWeights(data))
    assert not any("without this pass" in remark for remark in quiet)
    monkeypatch.setattr(RoundWeights, "flips", away)
    told = [r for r in apply(module, RoundWeights(data)) if "without this pass" in r]
    assert len(told) == 1 and "missed: round-weights" in told[0]


def test_seq_mse_keeps_one_scale_per_tensor(tmp_path: Path):
    data = calibration_file(tmp_path)
    module = simulated(small_network(SEED), data, bits=4, per_channel=False)
    apply(module, SeqMSE(data))
    for layer in layers_of(module):
        integers = integers_of(layer)
        assert integers is not None and len(np.unique(integers.scales)) == 1


def test_columns_are_what_the_layer_multiplies(tmp_path: Path):
    """At every sampled position weight times column is the float result without bias."""
    data = calibration_file(tmp_path, count=3)
    module = simulated(small_network(SEED), data)
    for visit in start(module, "test", data, 3).visits():
        drawn = sample(visit, 10**6, 0)
        found = rows_of(visit.layer, visit.real_weight) @ drawn.real
        result = visit.float_result()
        expected = np.moveaxis(result, 1, 0).reshape(found.shape)
        bias = visit.layer.bias().reshape(*found.shape[:2], 1)
        np.testing.assert_allclose(found + bias, expected, rtol=1e-4, atol=1e-4)


def test_a_sample_may_be_several_rows(tmp_path: Path):
    """A network of 4 rows, whose result depends on all of them: 6 samples are 24 rows."""
    random = np.random.default_rng(2)
    constants = {"w": random.normal(size=(8, 5)), "v": random.normal(size=(5, 5))}
    nodes: list[Node] = [
        ("MatMul", ["x", "w"], ["h"], {}),
        ("ReduceMean", ["h"], ["m"], {"axes": [0]}),
        ("Sub", ["h", "m"], ["d"], {}),
        ("MatMul", ["d", "v"], ["y"], {}),
    ]
    module = network([4, 8], nodes, constants)
    np.save(tmp_path / "x.npy", random.normal(size=(24, 8)))
    coarse = simulated(module, str(tmp_path / "x.npy"), bits=4)
    *_, last = start(coarse, "test", str(tmp_path / "x.npy"), 6).visits()
    assert last.real_input.shape == (24, 5)
    centred = last.real_input.reshape(6, 4, 5)
    np.testing.assert_allclose(centred.mean(1), 0, atol=1e-5)
    remarks = apply(coarse, RoundWeights(str(tmp_path / "x.npy")))
    assert sum("codes moved" in remark for remark in remarks) == 2


def test_constants_between_activations_are_real_in_the_float_network(tmp_path: Path):
    """As the embedding of positions in attention: it is quantized as an activation is."""
    random = np.random.default_rng(2)
    place = random.normal(size=(1, 5))
    constants = {"w": random.normal(size=(8, 5)), "p": place, "v": random.normal(size=(5, 3))}
    nodes: list[Node] = [
        ("MatMul", ["x", "w"], ["h"], {}),
        ("Add", ["h", "p"], ["s"], {}),
        ("MatMul", ["s", "v"], ["y"], {}),
    ]
    data = str(tmp_path / "x.npy")
    x = random.normal(size=(24, 8)).astype(np.float32)
    np.save(data, x)
    coarse = simulated(network([1, 8], nodes, constants), data, bits=4)
    *_, last = start(coarse, "test", data, 24).visits()
    np.testing.assert_allclose(last.real_input, x @ constants["w"] + place, rtol=1e-5, atol=1e-5)
    error = np.abs(last.input - last.real_input).max()
    assert 1e-3 < error < 1
    remarks = apply(coarse, RoundWeights(data))
    assert sum("codes moved" in remark for remark in remarks) == 2


def test_it_says_what_is_wrong(tmp_path: Path):
    data = calibration_file(tmp_path)
    with pytest.raises(RunnelError, match="run insert-quant-casts first"):
        apply(small_network(0), RoundWeights(data))
    with pytest.raises(PassFailedException, match="method=best is none of"):
        apply(small_network(0), RoundWeights(data, "best"))


def test_the_quantize_pipeline_takes_all_of_it(tmp_path: Path):
    data = calibration_file(tmp_path)
    x, float_network = images(100, seed=3), small_network(SEED, imbalance=1.0)
    reference = outputs(float_network, x)
    options = "equalize=keep absorb=data rounding=flips bias-correction=data"
    found: list[float] = []
    for more in ("bias-correction=off", options):
        module = float_network.clone()
        text = f'quantize{{data="{data}" channels=false weight-bits=4 {more}}}'
        resolve_pipeline(text).run(new_context(), module)
        assert not any(op.name == "graph.conv" for op in module.walk())
        found.append(sqnr(reference, outputs(module, x)))
    assert found[1] > found[0] + 6


def test_biases_take_out_the_mean_error_and_codes_what_is_left(tmp_path: Path):
    data, unseen = calibration_file(tmp_path), images(64, seed=9)
    module = small_network(5)
    reference = outputs(module, unseen)
    kept: dict[bool, float] = {}
    for biases in (False, True):
        casts = simulated(module, data, bits=4, per_channel=False)
        apply(casts, RoundWeights(data, biases=biases, positions=1 << 20))
        kept[biases] = sqnr(reference, outputs(casts, unseen))
        if not biases:
            continue
        for visit in start(casts, "test", data, 64).visits():
            wanted, found = visit.float_result(), visit.result()
            axes = (0, *range(2, wanted.ndim))
            if visit.layer.groups == 1:  # all positions count
                assert found.mean(axes) == pytest.approx(wanted.mean(axes), abs=1e-4)
    assert kept[True] > kept[False] + 0.5


def test_what_a_clip_cuts_off_counts_little(tmp_path: Path):
    """Above 1 the output is cut off: codes and bias keep what lies below."""
    random = np.random.default_rng(3)
    x = np.concatenate([random.uniform(-1, 1, (400, 2, 1, 1)), np.full((400, 2, 1, 1), 9.0)])
    data = tmp_path / "x.npy"
    np.save(data, x)
    nodes: list[Node] = [
        ("Conv", ["x", "w", "b"], ["c"], {"group": 2}),
        ("Clip", ["c", "low", "high"], ["y"], {}),
    ]
    constants = {"w": [[[[1.0]]], [[[0.36]]]], "b": [0, 0], "low": 0, "high": 1}
    module = network([1, 2, 1, 1], nodes, {k: np.array(v) for k, v in constants.items()})
    casts = simulated(module, str(data), bits=2, per_channel=False)
    apply(casts, RoundWeights(str(data), biases=True))
    (layer,) = layers_of(casts)
    # Outputs of channel 1 are inside at (0, 1) and at 3.24 cut off: a bias that kept the mean of
    # all would be off by half of the error at 9.
    integers = integers_of(layer)
    assert integers is not None
    weight = (integers.scales * integers.codes).reshape(-1)[1]
    assert abs(layer.bias()[1]) < 0.25 * abs(4.5 * (weight - 0.36))
