"""The calibrate pass: what it writes, what it says, what it refuses, and its cache."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from small_networks import images, save_network
from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.parser import Parser

from runnel.dialects.diagnostics import Remark, RunnelError, add_remark_handler
from runnel.passes.quant import calibration_cache, observe
from runnel.passes.quant.calibrate import Calibrate, range_of
from runnel.passes.quant.calibrators import CALIBRATORS
from runnel.runtime.interpreter import run
from runnel.tools import api
from runnel.tools.pipeline import resolve_pipeline

Array = NDArray[Any]


@pytest.fixture(autouse=True)
def cache_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "runnel" / "calibration"


@pytest.fixture
def module(tmp_path: Path, context: Context) -> ModuleOp:
    found = api.load(save_network(tmp_path, quantized=False))
    resolve_pipeline("simplify").run(context, found)
    return found


@pytest.fixture
def data(tmp_path: Path) -> Path:
    path = tmp_path / "images.npy"
    np.save(path, images(40))
    return path


@pytest.fixture
def remarks() -> Iterator[list[Remark]]:
    found: list[Remark] = []
    remove = add_remark_handler(found.append)
    yield found
    remove()


def calibrated(module: ModuleOp, data: Path, **options: Any) -> dict[str, tuple[float, float]]:
    """The ranges of a copy of `module`, by number of the op."""
    copy = module.clone()
    Calibrate(str(data), **options).apply(Context(), copy)
    found = {f"{i} {op.name}": range_of(op.attributes) for i, op in enumerate(copy.walk())}
    return {name: bounds for name, bounds in found.items() if bounds is not None}


@pytest.mark.parametrize("method", [*CALIBRATORS, "cross-entropy"])
def test_every_method_gives_ranges_within_what_was_seen(
    module: ModuleOp, data: Path, method: str
) -> None:
    whole = calibrated(module, data, method="min-max", deviations=0)
    found = calibrated(module, data, method=method, deviations=0)
    assert list(found) == list(whole) and len(found) >= 7
    for name, (low, high) in found.items():
        slack = 1e-6 + 0.02 * (whole[name][1] - whole[name][0])
        assert min(whole[name][0], 0.0) - slack <= low
        assert low <= high <= max(whole[name][1], 0.0) + slack


def test_min_max_is_that_of_onnxruntime(tmp_path: Path, module: ModuleOp, data: Path) -> None:
    """The network's output, from another implementation."""
    runtime = pytest.importorskip("onnxruntime")
    session = runtime.InferenceSession(str(tmp_path / "real.onnx"))
    outputs = np.concatenate([session.run(None, {"image": x[None]})[0] for x in images(40)])
    last = list(calibrated(module, data, method="min-max", deviations=0).values())[-1]
    assert last == pytest.approx((outputs.min(), outputs.max()), rel=1e-4)


@pytest.mark.parametrize("method", ["mse", "percentile", "cross-entropy"])
def test_the_top_of_logits_stays(module: ModuleOp, data: Path, method: str) -> None:
    """The least end is what the method finds, the greatest what the rows' choices ask for."""
    logits = next(iter(run(module, [images(40)]).values()))
    tops = logits.max(1).astype(np.float64)
    low, high = list(calibrated(module, data, method=method, percentile=90.0).values())[-1]
    assert high == pytest.approx(max(tops.max(), tops.mean() + 4 * tops.std()), rel=1e-5)
    method_alone = calibrated(module, data, method=method, percentile=90.0, deviations=0)
    assert list(method_alone.values())[-1][0] == low


POOLED = """
func.func @net(%x: tensor<1x3x2x2xf32>) -> tensor<1x3xf32> {
  %0 = graph.global_average_pool %x : (tensor<1x3x2x2xf32>) -> tensor<1x3x1x1xf32>
  %1 = graph.reshape %0 : (tensor<1x3x1x1xf32>) -> tensor<1x3xf32>
  func.return %1 : tensor<1x3xf32>
}
"""
COPY = """
func.func @net(%x: tensor<1x3xf32>) -> tensor<1x3xf32> {
  %0 = graph.neg %x : (tensor<1x3xf32>) -> tensor<1x3xf32>
  func.return %0 : tensor<1x3xf32>
}
"""


def test_pooled_images_are_logits_too_and_copies_of_an_input_are_none(
    context: Context, tmp_path: Path
) -> None:
    """One great value among many is what percentiles leave out."""
    samples = np.zeros((50, 3, 2, 2), np.float32)
    samples[:, 0] = 2.0
    samples[0, 1] = 10.0
    np.save(tmp_path / "x.npy", samples)
    pooled = calibrated(Parser(context, POOLED).parse_module(), tmp_path / "x.npy")
    tops = np.array([10.0, *[2.0] * 49])
    assert next(iter(pooled.values()))[1] == max(10.0, tops.mean() + 4 * tops.std())
    np.save(tmp_path / "x.npy", -samples[:, :, 0, 0])
    copied = calibrated(
        Parser(context, COPY).parse_module(), tmp_path / "x.npy", method="percentile", percentile=90
    )
    assert next(iter(copied.values()))[1] < 3.0


def test_size_of_batches_does_not_matter(module: ModuleOp, data: Path) -> None:
    every = calibrated(module, data, method="min-max", batch=40)
    single = calibrated(module, data, method="min-max", batch=1)
    assert list(every) == list(single)
    for name, bounds in every.items():
        assert bounds == pytest.approx(single[name], rel=1e-5)


def test_batches_are_small_where_tensors_are_large(
    module: ModuleOp, monkeypatch: pytest.MonkeyPatch
) -> None:
    function: Any = next(op for op in module.body.block.ops if op.name == "func.func")
    assert observe.bounded_batch(function, 32) == 32
    monkeypatch.setattr(observe, "BATCH_BYTES", 4 * 8 * 64 * 5)  # five samples of [8, 8, 8]
    assert observe.bounded_batch(function, 32) == 5
    monkeypatch.setattr(observe, "BATCH_BYTES", 1)
    assert observe.bounded_batch(function, 32) == 1


def test_progress_is_told(module: ModuleOp, data: Path) -> None:
    told: list[tuple[int, int]] = []
    with observe.telling(lambda done, count: told.append((done, count))):
        calibrated(module, data, batch=16, cache=False)
    assert told == [(16, 40), (32, 40), (40, 40)]


def test_a_method_that_is_worse_than_min_max_says_so(
    module: ModuleOp, data: Path, remarks: list[Remark]
) -> None:
    calibrated(module, data, method="percentile", percentile=80.0)
    missed = [remark.message for remark in remarks if remark.kind == "missed"]
    assert missed and all("dB less SQNR than min-max" in message for message in missed)
    remarks.clear()
    calibrated(module, data, method="mse")
    assert [remark for remark in remarks if remark.kind == "missed"] == []


def test_no_method_lowers_sqnr_unsaid(
    context: Context, tmp_path: Path, remarks: list[Remark]
) -> None:
    """Softmax sees the two logits near 0, not the one at -60: cross-entropy cuts that off, and
    says so, as does every method with less SQNR than min-max; the SQNR is computed here.
    """
    logits = np.random.default_rng(0).normal(0, 2, size=(200, 3))
    logits[:, 1] -= 60
    np.save(tmp_path / "x.npy", np.ones((200, 3, 2, 2), np.float32) * logits[..., None, None])
    module = Parser(context, POOLED).parse_module()

    def sqnr(method: str) -> float:
        low, high = next(iter(calibrated(module, tmp_path / "x.npy", method=method).values()))
        low, high = min(low, 0.0), max(high, 0.0)
        step = (high - low) / 255
        zero = np.rint(-low / step)
        codes = np.clip(np.rint(logits / step) + zero, 0, 255)
        return float(
            10 * np.log10((logits**2).mean() / (((codes - zero) * step - logits) ** 2).mean())
        )

    whole, lower = sqnr("min-max"), set[str]()
    for method in [*CALIBRATORS, "cross-entropy"]:
        remarks.clear()
        if sqnr(method) < whole - 0.2:
            lower.add(method)
            assert any(r.kind == "missed" and f"{method} has" in r.message for r in remarks), method
    assert "cross-entropy" in lower


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"method": "best"}, "unknown calibration 'best'"),
        ({"scheme": "affine"}, "unknown scheme 'affine'"),
        ({"bits": 12}, "2 to 8 or 16 bits, not 12"),
        ({"percentile": 0.0}, "percentile is in"),
        ({"headroom": -1.0}, "headroom above 0"),
        ({"deviations": -1.0}, "deviations at least 0"),
    ],
)
def test_options_that_mean_nothing_are_refused(
    module: ModuleOp, data: Path, options: dict[str, Any], message: str
) -> None:
    with pytest.raises(RunnelError, match=message):
        calibrated(module, data, **options)


def test_data_that_is_not_finite_is_refused(module: ModuleOp, tmp_path: Path) -> None:
    bad = images(4)
    bad[2, 0, 0, 0] = np.nan
    np.save(tmp_path / "bad.npy", bad)
    with pytest.raises(RunnelError, match="not finite"):
        calibrated(module, tmp_path / "bad.npy")


# The cache


def test_a_second_run_takes_its_statistics_from_the_cache(
    module: ModuleOp, data: Path, cache_folder: Path, remarks: list[Remark]
) -> None:
    first = calibrated(module, data)
    assert len(list(cache_folder.iterdir())) == 1
    assert not any("come from the cache" in remark.message for remark in remarks)
    assert calibrated(module, data) == first
    assert any("come from the cache" in remark.message for remark in remarks)
    # other methods look at the same statistics
    assert calibrated(module, data, method="min-max") == calibrated(
        module, data, method="min-max", cache=False
    )
    assert len(list(cache_folder.iterdir())) == 1


def test_rows_of_logits_are_kept_too(module: ModuleOp, data: Path, remarks: list[Remark]) -> None:
    first = calibrated(module, data, method="cross-entropy")
    assert calibrated(module, data, method="cross-entropy") == first
    assert any("come from the cache" in remark.message for remark in remarks)


def test_other_data_and_other_weights_are_not_found(
    module: ModuleOp, data: Path, cache_folder: Path
) -> None:
    first = calibrated(module, data)
    other = images(40)
    other[0, 0, 0, 0] += 1
    np.save(data, other)
    calibrated(module, data)
    assert len(list(cache_folder.iterdir())) == 2
    changed = module.clone()
    weight: Any = next(op for op in changed.walk() if op.name == "graph.global")
    raw = bytearray(weight.value.data.data)
    raw[3] ^= 0x80
    weight.value = type(weight.value)(weight.value.type, type(weight.value.data)(bytes(raw)))
    assert calibrated(changed, data) != first
    assert len(list(cache_folder.iterdir())) == 3


def test_a_broken_entry_is_passed_over(module: ModuleOp, data: Path, cache_folder: Path) -> None:
    first = calibrated(module, data)
    (entry,) = cache_folder.iterdir()
    entry.write_bytes(b"PK not an archive")
    assert calibrated(module, data) == first


def test_without_a_cache_nothing_is_written(
    module: ModuleOp, data: Path, cache_folder: Path
) -> None:
    calibrated(module, data, cache=False)
    assert not cache_folder.exists()


def test_a_folder_that_cannot_be_written_does_not_matter(
    module: ModuleOp, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("not a folder")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    assert calibrated(module, data)


def test_old_entries_make_room(cache_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(calibration_cache, "ENTRIES", 2)
    cache_folder.mkdir(parents=True)
    for age, name in enumerate(["a", "b", "c"]):
        (cache_folder / f"{name}.npz").write_bytes(b"")
        os.utime(cache_folder / f"{name}.npz", (1000 - age, 1000 - age))
    calibration_cache.prune(cache_folder)
    assert sorted(path.name for path in cache_folder.iterdir()) == ["a.npz", "b.npz"]
