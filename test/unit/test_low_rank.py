"""Layers in two: exact at full rank, counted right, better with data, and where it is refused."""

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
    small_network,
    sqnr,
)
from xdsl.dialects.builtin import ModuleOp

from runnel.dialects import graph
from runnel.dialects.diagnostics import RunnelError
from runnel.dialects.graph_base import shape_of
from runnel.passes.compress.low_rank import LowRank, Split, truncated
from runnel.passes.compress.ratios import RATIO, note
from runnel.passes.compress.spatial_svd import SpatialFactors, SpatialSVD
from runnel.passes.compress.weight_svd import WeightFactors, WeightSVD
from runnel.passes.quant.layers import layers_of

CONV = {
    "plain": {"pads": [1, 1, 1, 1]},
    "strides": {"strides": [2, 3], "pads": [0, 1, 2, 1]},
    "dilations": {"dilations": [2, 1], "pads": [2, 1, 2, 1]},
}
"""Attributes of a convolution of 3 x 5 on 9 x 11."""


def one_conv(attributes: dict[str, list[int]]) -> ModuleOp:
    random = np.random.default_rng(3)
    constants = {"w": random.normal(size=(6, 4, 3, 5)), "b": random.normal(size=6)}
    return network([1, 4, 9, 11], [("Conv", ["x", "w", "b"], ["y"], attributes)], constants)


def one_gemm() -> ModuleOp:
    random = np.random.default_rng(4)
    constants = {"w": random.normal(size=(6, 8)), "b": random.normal(size=6)}
    return network([2, 8], [("Gemm", ["x", "w", "b"], ["y"], {"transB": 1})], constants)


def inputs(module: ModuleOp) -> Array:
    layer = next(layers_of(module))
    return np.random.default_rng(5).normal(size=shape_of(layer.input)).astype(np.float32)


def counted(module: ModuleOp) -> int:
    """Products of all convolutions and matrices: one for each tap of each output, one by one."""
    total = 0
    for op in module.walk():
        if isinstance(op, graph.ConvOp):
            positions = product(*map(range, op.result.type.get_shape()))
            taps = list(product(*map(range, graph.shape_of(op.weight)[1:])))
            total += sum(1 for _ in positions for _ in taps)
        elif isinstance(op, graph.GemmOp):
            for _ in product(*map(range, op.result.type.get_shape())):
                total += graph.shape_of(op.lhs)[1]
    return total


CASES = [
    *((SpatialSVD, 12, lambda key=key: one_conv(CONV[key])) for key in CONV),
    *((WeightSVD, 4, lambda key=key: one_conv(CONV[key])) for key in CONV),
    (WeightSVD, 6, one_gemm),
]


@pytest.mark.parametrize(("kind", "full", "make"), CASES)
def test_full_rank_is_exact(kind: type[LowRank], full: int, make):
    module = make()
    x, before = inputs(module), outputs(module, inputs(module))
    apply(module, kind(rank=full))
    assert len(list(layers_of(module))) == 2
    np.testing.assert_allclose(outputs(module, x), before, atol=2e-5 * np.abs(before).max())


@pytest.mark.parametrize(("kind", "full", "make"), CASES)
def test_lower_ranks_lose_the_singular_values_left_out(kind: type[LowRank], full: int, make):
    """Eckart and Young: the weight that the two layers make is off by the rest of the spectrum."""
    module, copy = make(), make()
    factors = SpatialFactors() if kind is SpatialSVD else WeightFactors()
    matrix = factors.matrix(next(layers_of(module)))
    spectrum = np.linalg.svd(matrix, compute_uv=False)
    left, right = truncated(matrix, full - 2)
    np.testing.assert_allclose(
        np.linalg.norm(matrix - left @ right), np.linalg.norm(spectrum[full - 2 :]), rtol=1e-9
    )
    apply(copy, kind(rank=full - 2))
    error = outputs(copy, inputs(copy)) - outputs(module, inputs(module))
    assert np.abs(error).max() > 1e-3


@pytest.mark.parametrize(("kind", "full", "make"), CASES)
def test_cost_by_rank_is_what_is_counted(kind: type[LowRank], full: int, make):
    factors = SpatialFactors() if kind is SpatialSVD else WeightFactors()
    layer = next(layers_of(make()))
    macs, weights = factors.split(layer, "macs"), factors.split(layer, "weights")
    assert macs.full_rank == weights.full_rank == full
    assert macs.whole == counted(make())
    for rank in (1, 2, full):
        module = make()
        apply(module, kind(rank=rank))
        assert macs.cost(rank) == counted(module)
        assert weights.cost(rank) == sum(
            np.prod(graph.shape_of(layer.weight)) for layer in layers_of(module)
        )


@pytest.mark.parametrize("ratio", [0.01, 0.3, 0.5, 0.77, 1.0])
@pytest.mark.parametrize("multiple", [1, 4])
def test_the_rank_is_the_greatest_within_the_ratio(ratio: float, multiple: int):
    """Against trying all ranks from the greatest down."""
    split = Split(whole=1000, per_rank=37, full_rank=30)
    fits = [rank for rank in range(1, 31) if rank * 37 <= ratio * 1000] or [1]
    allowed = [*range(multiple, 30, multiple), 30]
    expected = min(rank for rank in allowed if rank >= max(fits))
    assert split.rank(ratio, multiple) == expected


def test_data_make_a_better_network(tmp_path: Path):
    data = calibration_file(tmp_path, 96)
    x = images(64, seed=7)
    before = outputs(small_network(1), x)

    def kept(*passes: LowRank) -> float:
        module = small_network(1)
        apply(module, *passes)
        return sqnr(before, outputs(module, x))

    for kind in (SpatialSVD, WeightSVD):
        assert kept(kind(0.6, data=data)) > kept(kind(0.6)) + 2


def test_a_fit_at_full_rank_changes_nothing(tmp_path: Path):
    data = calibration_file(tmp_path, 64)
    nodes: list[Node] = [("Conv", ["x", "w"], ["y"], {"pads": [1, 1, 1, 1]})]
    module = network([1, 3, 8, 8], nodes, {"w": np.random.default_rng(1).normal(size=(5, 3, 3, 3))})
    x = images(4, seed=2)
    before = outputs(module, x)
    apply(module, SpatialSVD(rank=9, data=data))
    np.testing.assert_allclose(outputs(module, x), before, atol=1e-4 * np.abs(before).max())


def test_the_last_layer_of_a_branch_repairs_the_sum(tmp_path: Path):
    """Both branches see the same windows: the second one takes up what the first one loses."""
    random = np.random.default_rng(8)
    constants = {"a": random.normal(size=(8, 3, 3, 3)), "b": random.normal(size=(8, 3, 3, 3))}
    nodes: list[Node] = [
        ("Conv", ["x", "a"], ["1"], {}),
        ("Conv", ["x", "b"], ["2"], {}),
        ("Add", ["1", "2"], ["y"], {}),
    ]
    data, x = calibration_file(tmp_path, 96), images(8, seed=3)

    def error(nodes: list[Node], ratios: list[float]) -> float:
        module = network([1, 3, 8, 8], nodes, constants)
        before = outputs(module, x)
        for layer, ratio in zip(layers_of(module), ratios, strict=True):
            note(layer.op, RATIO, ratio)
        apply(module, SpatialSVD(data=data))
        return float(((outputs(module, x) - before) ** 2).sum())

    alone = error([("Conv", ["x", "a"], ["y"], {})], [0.3])
    assert error(nodes, [0.3, 0.999]) < 0.5 * alone


def test_weighted_factors_are_better_where_inputs_are():
    """min |C^1/2 (M - A B)|: against the plain ones, by the error that it is about."""
    random = np.random.default_rng(8)
    matrix, mix = random.normal(size=(10, 7)), random.normal(size=(10, 10)) ** 3
    second = mix @ mix.T / 10

    def error(left: Array, right: Array) -> float:
        off = matrix - left @ right
        return float(np.trace(off.T @ second @ off))

    assert error(*truncated(matrix, 3, second)) < 0.9 * error(*truncated(matrix, 3))
    np.testing.assert_allclose(
        np.matmul(*truncated(matrix, 7, second)), matrix, atol=1e-8 * np.abs(matrix).max()
    )


def test_layers_that_cannot_be_split_stay():
    remarks = apply(small_network(0), SpatialSVD(0.5))
    text = "\n".join(remarks)
    assert "[c2]: it has 12 groups" in text
    assert "[c3]: its window is 1 x 1 already" in text
    assert "[y]: it has no window of two dimensions" in text
    assert "passed: spatial-svd [c1]: rank 3 of 9" in text


def test_a_rank_that_saves_nothing_stays():
    constants = {"w": np.random.default_rng(0).normal(size=(2, 1, 3, 3))}
    module = network([1, 1, 6, 6], [("Conv", ["x", "w"], ["y"], {})], constants)
    (remark,) = apply(module, SpatialSVD(0.9, multiple=3))
    assert "rank 3 would take 504 macs, it takes 288 now" in remark
    assert len(list(layers_of(module))) == 1


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        (SpatialSVD(0.0), "ratio is above 0 and at most 1"),
        (SpatialSVD(1.5), "ratio is above 0 and at most 1"),
        (SpatialSVD(cost="cycles"), "cost=cycles is none of macs, weights"),
        (WeightSVD(rank=-1), "rank is at least 1"),
        (WeightSVD(multiple=0), "multiple at least 1"),
        (SpatialSVD(rank=13), r"\(node 'y'\): rank 13 is above 12"),
    ],
)
def test_wrong_options_are_refused(entry: LowRank, message: str):
    with pytest.raises(RunnelError, match=message):
        apply(one_conv(CONV["plain"]), entry)
