"""Ratios by one score, against trying everything; and `runnel compress`, then quantize, then C."""

from __future__ import annotations

from itertools import product
from pathlib import Path

import numpy as np
import onnx
import pytest
import small_networks
from onnx_models import Array
from quant_networks import apply, calibration_file, images, outputs, small_network
from xdsl.dialects import func

from runnel.dialects.diagnostics import RunnelError
from runnel.lowering.export_onnx import export_onnx
from runnel.lowering.import_onnx import import_onnx
from runnel.passes.compress import score_cache
from runnel.passes.compress.budget import budget_of
from runnel.passes.compress.greedy import choose, monotone
from runnel.passes.compress.ratios import RATIO, SCORE, number_on
from runnel.passes.compress.score import Scorer
from runnel.passes.compress.select_ratios import SelectRatios
from runnel.passes.compress.spatial_svd import SpatialSVD
from runnel.passes.compress.weight_svd import WeightSVD
from runnel.passes.quant.layers import layers_of
from runnel.tools import cli

RATIOS = (0.25, 0.5, 0.75)


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def test_monotone_is_the_nearest_rising_sequence():
    """Against all rising sequences on a grid."""
    grid = np.linspace(0, 4, 17)
    for seed in range(5):
        scores = np.random.default_rng(seed).integers(0, 5, 4).astype(float)
        found = monotone(scores)
        assert (np.diff(found) >= 0).all()
        best = min(
            sum((a - b) ** 2 for a, b in zip(rising, scores, strict=True))
            for rising in product(grid, repeat=4)
            if list(rising) == sorted(rising)
        )
        assert ((found - scores) ** 2).sum() <= best + 1e-9


@pytest.mark.parametrize("seed", range(6))
def test_the_chosen_score_is_the_greatest_that_is_affordable(seed: int):
    """Against a walk over every score in the table, from the greatest down."""
    random = np.random.default_rng(seed)
    table = np.sort(random.uniform(0, 40, (5, 3)), 1)
    wholes = random.integers(100, 1000, 5)

    def cost(ratios) -> int:
        return int(sum(r * whole for r, whole in zip(ratios, wholes, strict=True)))

    def at(score: float) -> list[float]:
        return [
            next((r for r, s in zip(RATIOS, row, strict=True) if s >= score), 1.0) for row in table
        ]

    target = int(0.6 * wholes.sum())
    found = choose(table, RATIOS, cost, target)
    assert found is not None and cost(found[0]) <= target
    best = next(s for s in sorted(table.reshape(-1), reverse=True) if cost(at(s)) <= target)
    # The search ends within a thousandth of the cost, or a 1e-4 of the range of scores.
    assert found[0] == at(best) or cost(found[0]) >= 0.999 * target
    assert choose(table, RATIOS, cost, int(0.2 * wholes.sum())) is None


def test_scores_are_what_they_are_called():
    reference = np.array([[1.0, 0.0], [0.0, 2.0], [3.0, 0.0], [0.0, 1.0]])
    found = reference[[0, 1, 2, 2]]
    assert Scorer("agreement", reference).score(found) == 0.75
    assert Scorer("accuracy", reference, np.array([0, 0, 0, 0])).score(found) == 0.75
    assert Scorer("sqnr", reference).score(found) == pytest.approx(10 * np.log10(15 / 10))
    assert Scorer("sqnr", reference).unchanged == 200


def test_samples_that_nothing_is_fitted_to_are_scored():
    entry = SelectRatios("x.npy", samples=100)
    cases = {250: (100, 200), 130: (100, 130), 100: (0, 100), 40: (0, 40)}
    for count, (start, stop) in cases.items():
        assert entry.scored(count) == slice(start, stop)


@pytest.mark.parametrize("method", ["spatial-svd", "weight-svd", "prune-channels"])
def test_ratios_are_written_and_meet_the_target(method: str, tmp_path: Path):
    data = calibration_file(tmp_path, 48)
    module = small_network(2)
    function = next(op for op in module.body.block.ops if isinstance(op, func.FuncOp))
    budget = budget_of(function, method, "weights")
    whole = sum(budget.costs([1.0] * len(budget.units)))
    target = {"spatial-svd": 0.95, "weight-svd": 0.7, "prune-channels": 0.6}[method]
    entry = SelectRatios(data, method, target, "weights", candidates=RATIOS)
    remarks = apply(module, entry)
    noted = [number_on(unit.ops[0], RATIO) for unit in budget.units]
    ratios = [ratio for ratio in noted if ratio is not None]
    assert len(ratios) == len(noted)
    assert all(ratio in (*RATIOS, 1.0) for ratio in ratios) and min(ratios) < 1
    assert sum(budget.costs(ratios)) <= target * whole
    assert sum("analysis: select-ratios" in remark for remark in remarks) == 1


def test_a_score_is_that_of_the_network_with_one_layer_compressed(tmp_path: Path):
    data = calibration_file(tmp_path, 48)
    x = np.load(data)
    module = small_network(2)
    apply(module, SelectRatios(data, "weight-svd", 0.8, "weights", candidates=(0.5, 0.75)))
    chosen = {i: layer for i, layer in enumerate(layers_of(module)) if SCORE in layer.op.attributes}
    assert chosen
    for index, layer in chosen.items():
        alone = small_network(2)
        for other, entry in enumerate(layers_of(alone)):
            ratio = layer.op.attributes[RATIO] if other == index else None
            if ratio is not None:
                entry.op.attributes[RATIO] = ratio
        apply(alone, WeightSVD(1.0, cost="weights", data=data))
        before, after = outputs(small_network(2), x), outputs(alone, x)
        expected = 10 * np.log10((before**2).sum() / ((before - after) ** 2).sum())
        assert number_on(layer.op, SCORE) == pytest.approx(expected, abs=0.01)


def test_layers_with_a_ratio_are_compressed_by_it_and_forget_it():
    module = small_network(0)
    c1, _, c3, y = layers_of(module)
    apply(module, SpatialSVD(1.0))
    assert len(list(layers_of(module))) == 4
    from runnel.passes.compress.ratios import note

    note(c1.op, RATIO, 1.0)
    note(c3.op, RATIO, 0.25)
    note(y.op, RATIO, 0.3)
    apply(module, WeightSVD(0.9, cost="weights"))
    counts = [layer.outputs for layer in layers_of(module)]
    assert counts == [12, 12, 1, 12, 2, 10]  # 0.25 * 144 / 24, 0.3 * 480 / 58
    assert not any(RATIO in layer.op.attributes for layer in layers_of(module))


def test_scores_are_kept_on_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    data = calibration_file(tmp_path, 16)
    entry = SelectRatios(data, "weight-svd", 0.8, "weights", candidates=(0.4, 0.8))
    first = small_network(0)
    apply(first, entry)
    assert len(list(score_cache.folder().glob("*.npy"))) == 1

    def refuse(*arguments: object) -> Array:
        raise AssertionError("scored again")

    monkeypatch.setattr(SelectRatios, "trial", refuse)
    again = small_network(0)
    apply(again, entry)
    assert str(again) == str(first)
    with pytest.raises(AssertionError, match="scored again"):
        apply(small_network(1), entry)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"ratio": 0.0}, "ratio is above 0"),
        ({"candidates": (0.5, 1.2)}, "not 1.2"),
        ({"candidates": (0.5, 0.3)}, "candidates rise"),
        ({"method": "tucker"}, "method=tucker is none of spatial-svd, weight-svd, prune-channels"),
        ({"score": "loss"}, "score=loss is none of sqnr, agreement, accuracy"),
        ({"score": "accuracy"}, "score=accuracy takes labels"),
        ({"ratio": 0.1}, r"of all layers to 0.5 still takes 0.\d+ of the macs, not 0.1"),
    ],
)
def test_wrong_options_are_refused(options, message: str, tmp_path: Path):
    data = calibration_file(tmp_path, 4)
    with pytest.raises(RunnelError, match=message):
        apply(small_network(0), SelectRatios(data, **{"candidates": (0.5,), **options}))


def test_compress_then_quantize_then_c(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    """On a small network: fewer products in the file, an int8 program, the same bytes as its IR."""
    source, small = tmp_path / "real.onnx", tmp_path / "small.onnx"
    module = small_network(0)
    source.write_bytes(export_onnx(module).SerializeToString())
    data = calibration_file(tmp_path, 48)
    np.save(tmp_path / "y.npy", outputs(module, np.load(data)).argmax(1))
    common = ["--data", data, "-q"]
    options = ["--ratio", "0.8", "--method", "weight-svd", "--labels", str(tmp_path / "y.npy")]
    options += ["-o", str(small), "--report", str(tmp_path / "report.html"), "--platform", "host"]
    assert cli.main(["compress", str(source), *common, *options]) == 0
    text = capsys.readouterr().out
    assert "rank" in text and "accuracy" in text and "arena in" in text
    before, after = (
        sum(np.prod(w.dims) for w in onnx.load(path).graph.initializer if len(w.dims) > 1)
        for path in (source, small)
    )
    assert after < before
    assert len(list(layers_of(import_onnx(small)))) > 4
    page = (tmp_path / "report.html").read_text()
    assert "<svg" in page and "weight-svd" in page
    quantized = tmp_path / "small.mlir"
    assert (
        cli.main(["quantize", str(small), *common, "--target-drop", "60", "-o", str(quantized)])
        == 0
    )
    np.save(tmp_path / "x.npy", images(2, seed=3))
    check = ["--platform", "host", "--data", str(tmp_path / "x.npy"), "-q"]
    assert cli.main(["validate", str(quantized), *check]) == 0


def test_the_command_refuses_what_it_cannot_do(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    data = calibration_file(tmp_path, 4)
    quantized = small_networks.save_network(tmp_path, quantized=True)
    assert cli.main(["compress", str(quantized), "--data", data, "-q"]) == 1
    assert "compress it in float, then quantize" in capsys.readouterr().err
    arguments = ["compress", str(quantized), "--data", data, "--score", "accuracy"]
    assert cli.main(arguments) == 1
    assert "give --data-labels" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        cli.main(["compress", str(quantized), "--data", data, "--ratio", "1.5"])
    assert "expected a ratio between 0 and 1, not '1.5'" in capsys.readouterr().err
