"""LASSO in closed form, least squares, and masked channels that go without a trace."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from onnx import helper
from onnx_models import Array, model
from quant_networks import (
    Node,
    apply,
    calibration_file,
    images,
    network,
    outputs,
    small_network,
    sqnr,
)
from xdsl.dialects import func
from xdsl.dialects.builtin import ModuleOp

from runnel.dialects import graph
from runnel.dialects.diagnostics import RunnelError, source_name
from runnel.lowering.import_onnx import import_onnx
from runnel.passes.compress.budget import PruneBudget
from runnel.passes.compress.costs import macs, weights
from runnel.passes.compress.lasso import chosen, lasso
from runnel.passes.compress.moments import shares
from runnel.passes.compress.prune_channels import PruneChannels
from runnel.passes.compress.reconstruct import Solver
from runnel.passes.compress.winnow import Winnow
from runnel.passes.quant.layers import layers_of


def test_lasso_of_an_orthogonal_design_is_a_soft_threshold():
    """Z^T Z / N = diag(d): beta_j = sign(z_j) max(|z_j| - lambda, 0) / d_j."""
    random = np.random.default_rng(0)
    power, target = random.uniform(0.5, 2, 9), random.normal(size=9)
    for penalty in (0.0, 0.3, 1.0, 5.0):
        expected = np.sign(target) * np.maximum(np.abs(target) - penalty, 0) / power
        np.testing.assert_allclose(lasso(np.diag(power), target, penalty), expected, atol=1e-12)


def test_lasso_meets_its_optimality_conditions():
    """With r = z - G beta: r_j = lambda sign(beta_j) where beta_j is not 0, else |r_j| <= it."""
    random = np.random.default_rng(1)
    z = random.normal(size=(200, 12)) @ random.normal(size=(12, 12))
    y = z[:, :4].sum(1) + random.normal(size=200)
    gram, target = z.T @ z / 200, z.T @ y / 200
    for penalty in (0.1, 1.0, 3.0):
        beta = lasso(gram, target, penalty)
        rest = target - gram @ beta
        on = beta != 0
        assert 0 < on.sum() <= 12
        np.testing.assert_allclose(rest[on], penalty * np.sign(beta[on]), atol=1e-6)
        assert (np.abs(rest[~on]) <= penalty + 1e-6).all()


def test_the_columns_that_make_the_target_are_chosen():
    random = np.random.default_rng(2)
    z = random.normal(size=(500, 10))
    y = z[:, [1, 4, 7]] @ [3.0, -2.0, 1.0] + 0.01 * random.normal(size=500)
    kept = chosen(z.T @ z / 500, z.T @ y / 500, 3)
    assert np.flatnonzero(kept).tolist() == [1, 4, 7]
    assert chosen(np.eye(4), np.ones(4), 2).sum() == 2  # all leave at one lambda


def test_shares_are_products_of_what_channels_add():
    """G from the moments against Z made channel by channel."""
    random = np.random.default_rng(3)
    weight, x = random.normal(size=(5, 4, 3)), random.normal(size=(4 * 3, 300))
    parts = [weight[:, i] @ x.reshape(4, 3, -1)[i] for i in range(4)]
    parts = [part - part.mean(1, keepdims=True) for part in parts]
    expected = [[(a * b).sum() / 300 for b in parts] for a in parts]
    np.testing.assert_allclose(shares(weight, np.cov(x, bias=True)), expected, atol=1e-10)


def test_the_fit_is_least_squares():
    """Against NumPy's solver on the kept columns and a column of ones; the ridge is small."""
    random = np.random.default_rng(4)
    x, y = random.normal(size=(6, 400)) + 1, random.normal(size=(3, 400))
    use = np.array([True, True, False, True, False, True])
    weight = random.normal(size=(3, 6)) * use
    fitted, bias = Solver(weight, use).solve(x, y, 1e-3)
    design = np.vstack([x[use], np.ones(400)]).T
    expected = np.linalg.lstsq(design, y.T, rcond=None)[0].T
    np.testing.assert_allclose(fitted[:, use], expected[:, :-1], atol=3e-3)
    np.testing.assert_allclose(bias, expected[:, -1], atol=5e-3)
    assert not fitted[:, ~use].any()


def test_few_samples_do_not_take_the_weights_over():
    """30 noisy samples for 24 weights: the ridge that others decide on is better than the least."""
    random = np.random.default_rng(6)
    weight = random.normal(size=(4, 24))
    x = random.normal(size=(24, 2000))
    y = 0.9 * weight @ x + 3 * random.normal(size=(4, 2000))
    solver = Solver(weight, np.ones(24, bool))

    def error(ridge: float) -> float:
        fitted, bias = solver.solve(x[:, :30], y[:, :30], ridge)
        return float(((y - fitted @ x - bias[:, None]) ** 2).sum())

    assert error(solver.best_ridge(x[:, :30], y[:, :30])) < 0.7 * error(1e-3)


def residual_network() -> ModuleOp:
    """Everything that channels go through: a sum, batch norm, depthwise (two outputs per input),
    PReLU, a factor, padding, a slice, pooling, concatenation, a gate, transpose and flatten.
    Weights and inputs are -1, 0, 1 or powers of two: all sums are exact in f32, in any order.
    """
    random = np.random.default_rng(9)

    def integers(*shape: int) -> Array:
        return random.integers(-1, 2, shape).astype(np.float32)

    constants = {
        **{"a": integers(6, 2, 3, 3), "ab": integers(6), "b": integers(6, 6, 3, 3)},
        **{"s": 2.0 ** integers(6), "t": integers(6), "m": integers(6), "v": np.ones(6)},
        **{"d": integers(12, 1, 3, 3), "db": integers(12), "p": integers(12, 1, 1) / 2},
        **{"f": 2.0 ** integers(1, 12, 1, 1), "c": integers(4, 12, 1, 1), "g": integers(12, 6)},
        **{"l": integers(5, 16 * 4), "lb": integers(5), "low": np.zeros(()), "high": np.ones(())},
    }
    same = {"pads": [1, 1, 1, 1]}
    nodes: list[Node] = [
        ("Conv", ["x", "a", "ab"], ["1"], same),
        ("Relu", ["1"], ["2"], {}),
        ("Conv", ["2", "b"], ["3"], same),
        ("BatchNormalization", ["3", "s", "t", "m", "v"], ["4"], {"epsilon": 0.0}),
        ("Add", ["2", "4"], ["5"], {}),
        ("Conv", ["5", "d", "db"], ["6"], {"group": 6, **same}),
        ("PRelu", ["6", "p"], ["7"], {}),
        ("Mul", ["7", "f"], ["8"], {}),
        ("GlobalAveragePool", ["5"], ["g0"], {}),
        ("Flatten", ["g0"], ["g1"], {}),
        ("Gemm", ["g1", "g"], ["g2"], {"transB": 1}),
        ("Clip", ["g2", "low", "high"], ["gate"], {}),
        ("Reshape", ["gate", "shape"], ["g3"], {}),
        ("Mul", ["8", "g3"], ["9"], {}),
        ("Conv", ["9", "c"], ["10"], {}),
        ("Concat", ["10", "9"], ["11"], {"axis": 1}),
        ("MaxPool", ["11"], ["12"], {"kernel_shape": [2, 2], "strides": [2, 2]}),
        ("Transpose", ["12"], ["13"], {"perm": [0, 2, 3, 1]}),
        ("Flatten", ["13"], ["14"], {}),
        ("Gemm", ["14", "l", "lb"], ["y"], {"transB": 1}),
    ]
    made = [helper.make_node(op, i, o, o[0], **attributes) for op, i, o, attributes in nodes]
    floats = {key: np.asarray(array, np.float32) for key, array in constants.items()}
    shape = {"shape": np.array([1, 12, 1, 1], np.int64)}
    return import_onnx(model(made, {"x": [1, 2, 4, 4]}, ["y"], floats | shape))


def masked_network() -> ModuleOp:
    """That one with weight 0 for channels 1, 3 and 4 of the sum and 2 of the convolution `10`."""
    module = residual_network()
    doubled = [2, 3, 6, 7, 8, 9]  # of the depthwise layer
    joined = [2, *(4 + channel for channel in doubled)]
    columns = {"3": [1, 3, 4], "g2": [1, 3, 4], "10": doubled, "y": joined}
    for layer in layers_of(module):
        if (dropped := columns.get(source_name(layer.op) or "")) is not None:
            weight = layer.float_weight()
            assert weight is not None
            channels = np.arange(layer.inputs) % 16  # the last one reads positions, channels
            weight[:, :, np.isin(channels, dropped)] = 0
            layer.set_weight(weight)
    return module


def exact_inputs() -> Array:
    return np.random.default_rng(1).integers(-1, 2, (3, 2, 4, 4)).astype(np.float32)


def test_the_winnowed_network_equals_the_masked_one_exactly():
    module = masked_network()
    masked = outputs(module, exact_inputs())
    before = sum(map(weights, module.walk()))
    assert not np.array_equal(masked, outputs(residual_network(), exact_inputs()))
    remarks = apply(module, Winnow())
    assert np.array_equal(outputs(module, exact_inputs()), masked)
    assert sum(map(weights, module.walk())) < 0.5 * before
    text = "\n".join(remarks)
    assert "[1]: inputs 2 -> 2, outputs 6 -> 3" in text  # and so both sides of the sum
    assert "[3]: inputs 6 -> 3, outputs 6 -> 3" in text
    assert "[6]: inputs 6 -> 3, outputs 12 -> 6" in text  # two outputs per input
    assert "[10]: inputs 12 -> 6, outputs 4 -> 3" in text
    assert "[y]: inputs 64 -> 36, outputs 5 -> 5" in text
    shapes = {
        graph.shape_of(op.result)
        for op in module.walk()
        if isinstance(op, graph.BatchNormalizationOp | graph.PReluOp | graph.ConcatOp)
    }
    assert shapes == {(1, 3, 4, 4), (1, 6, 4, 4), (1, 9, 4, 4)}


@pytest.mark.parametrize("cost", [macs, weights])
@pytest.mark.parametrize("ratio", [0.34, 0.5, 0.9])
def test_the_budget_is_that_of_the_winnowed_network(cost, ratio: float):
    module = small_network(0)
    function = next(op for op in module.body.block.ops if isinstance(op, func.FuncOp))
    budget = PruneBudget(function, cost.__name__, 1)
    whole = budget.costs([1.0] * len(budget.units))
    expected = budget.costs([ratio] * len(budget.units))
    assert whole == [cost(layer.op) for layer in layers_of(module)]
    apply(module, PruneChannels(ratio), Winnow())
    assert [cost(layer.op) for layer in layers_of(module)] == expected
    assert sum(expected) < sum(whole)


def test_data_make_a_better_choice_and_fit(tmp_path: Path):
    data = calibration_file(tmp_path, 96)
    x = images(64, seed=7)
    before = outputs(small_network(1), x)

    def kept(entry: PruneChannels) -> float:
        module = small_network(1)
        apply(module, entry, Winnow())
        return sqnr(before, outputs(module, x))

    assert kept(PruneChannels(0.7, data=data)) > kept(PruneChannels(0.7)) + 3


def test_a_channel_that_repeats_another_goes_without_loss(tmp_path: Path):
    """Two channels are copies; the fit gives the weight of one to the other."""
    random = np.random.default_rng(5)
    first = random.normal(size=(4, 3, 3, 3))
    first[2] = 2 * first[0]
    constants = {"a": first, "b": random.normal(size=(5, 4, 3, 3))}
    nodes: list[Node] = [
        ("Conv", ["x", "a"], ["1"], {}),
        ("Relu", ["1"], ["2"], {}),
        ("Conv", ["2", "b"], ["y"], {}),
    ]
    module = network([1, 3, 8, 8], nodes, constants)
    data, x = calibration_file(tmp_path, 96), images(8, seed=3)
    before = outputs(module, x)
    apply(module, PruneChannels(0.75, data=data), Winnow())
    assert [layer.outputs for layer in layers_of(module)] == [3, 5]
    assert sqnr(before, outputs(module, x)) > 40


def branches(*, shared: bool) -> ModuleOp:
    """A convolution with weight 0 for channel 1; another layer reads that channel, if `shared`."""
    random = np.random.default_rng(6)
    read = random.normal(size=(2, 3, 1, 1))
    read[:, 1] = 0
    other = random.normal(size=(2, 3, 1, 1))
    other[:, 1] *= shared
    constants = {"a": random.normal(size=(3, 2, 1, 1)), "b": read, "c": other}
    nodes: list[Node] = [
        ("Conv", ["x", "a"], ["1"], {}),
        ("Conv", ["1", "b"], ["2"], {}),
        ("Conv", ["1", "c"], ["3"], {}),
        ("Add", ["2", "3"], ["y"], {}),
    ]
    return network([1, 2, 4, 4], nodes, constants)


def test_a_channel_that_another_layer_reads_stays():
    module = branches(shared=True)
    (remark,) = apply(module, Winnow())
    assert "missed: winnow [2]: 1 inputs have weight 0, but something else needs them" in remark
    assert next(layers_of(module)).outputs == 3
    module = branches(shared=False)
    assert "outputs 3 -> 2" in apply(module, Winnow())[0]


def test_results_inputs_and_softmax_keep_their_channels():
    random = np.random.default_rng(7)
    constants = {"a": random.normal(size=(4, 3, 1, 1)), "b": random.normal(size=(4, 4, 1, 1))}
    nodes: list[Node] = [
        ("Conv", ["x", "a"], ["1"], {}),
        ("Softmax", ["1"], ["2"], {"axis": 1}),
        ("Conv", ["2", "b"], ["y"], {}),
    ]
    module = network([1, 3, 4, 4], nodes, constants)
    remarks = apply(module, PruneChannels(0.5), Winnow())
    assert len([r for r in remarks if "missed: prune-channels" in r]) == 2
    assert [(layer.inputs, layer.outputs) for layer in layers_of(module)] == [(3, 4), (4, 4)]


def test_a_network_that_reads_nothing_keeps_one_channel():
    constants = {"a": np.ones((3, 2, 1, 1)), "b": np.zeros((2, 3, 1, 1))}
    nodes: list[Node] = [("Conv", ["x", "a"], ["1"], {}), ("Conv", ["1", "b"], ["y"], {})]
    module = network([1, 2, 4, 4], nodes, constants)
    apply(module, Winnow())
    assert [layer.outputs for layer in layers_of(module)] == [1, 2]


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        (PruneChannels(0.0), "ratio is above 0 and at most 1"),
        (PruneChannels(2.0), "ratio is above 0 and at most 1"),
        (PruneChannels(multiple=0), "multiple is at least 1"),
    ],
)
def test_wrong_options_are_refused(entry: PruneChannels, message: str):
    with pytest.raises(RunnelError, match=message):
        apply(small_network(0), entry)
