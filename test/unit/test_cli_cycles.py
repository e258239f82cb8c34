"""`runnel run`, `validate` and `analyze` on the emulated cluster: what it says of cycles."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from pulp_programs import COMPILER
from small_networks import images, save_network

from runnel.tools.cli import main

pytestmark = pytest.mark.skipif(shutil.which(COMPILER) is None, reason=f"needs {COMPILER}")
LAYERS = 5


@pytest.fixture(autouse=True)
def in_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save_network(tmp_path, quantized=True)
    np.save(tmp_path / "x.npy", images(2))
    monkeypatch.chdir(tmp_path)


def test_run_times_the_network(capsys: pytest.CaptureFixture[str]) -> None:
    command = ["run", "quantized.onnx", "--input", "x.npy", "--platform", "siracusa-cores"]
    timed = ["--cycles", "--json", "cycles.json", "--trace", "trace.json"]
    assert main([*command, *timed, "--output", "y.npy"]) == 0
    out = capsys.readouterr().out
    assert "cycles: runnel emulator of siracusa-cores" in out
    facts = json.loads(Path("cycles.json").read_text())
    assert facts["source"] == "runnel emulator of siracusa-cores" and facts["cores"] == 8
    assert list(facts["layers"]) == [str(i) for i in range(LAYERS)]
    total = facts["total"]["cycles"]
    assert len(facts["inferences"]) == 2 and facts["inferences"][1] == total
    assert 0.95 * total < sum(c["cycles"] for c in facts["layers"].values()) <= total
    assert f"{total:,}" in out
    assert all(c["node"] and c["bound"] for c in facts["layers"].values())
    bars = [e for e in json.loads(Path("trace.json").read_text())["traceEvents"] if "dur" in e]
    assert sum("layer" in bar["args"] for bar in bars) == 2 * LAYERS
    assert main([*command, "--poison", "--output", "poisoned.npy"]) == 0
    assert np.array_equal(np.load("y.npy"), np.load("poisoned.npy"))


def test_what_has_no_timing_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    command = ["run", "quantized.onnx", "--input", "x.npy"]
    for more, message in (
        (["--platform", "host", "--cycles"], "platform host has no timing"),
        (["--platform", "host", "--trace", "t.json"], "needs a platform that runs on the emulator"),
        (["--cycles"], "need --platform, and no --at"),
    ):
        assert main([*command, *more]) != 0
        assert message in capsys.readouterr().err


def test_validate_and_analyze_show_cycles(capsys: pytest.CaptureFixture[str]) -> None:
    command = ["validate", "quantized.onnx", "--data", "x.npy", "--platform", "siracusa-cores"]
    assert main([*command, "--no-oracle", "--poison", "--json", "checks.json"]) == 0
    out = capsys.readouterr().out
    assert "binary, emulator with poison" in out and "all equal" in out
    check = json.loads(Path("checks.json").read_text())["checks"][-1]
    assert check["cycles"]["total"]["cycles"] > 0 and len(check["cycles"]["inferences"]) == 4
    command = [
        "analyze",
        "quantized.onnx",
        "--platform",
        "siracusa-cores",
        "--json",
        "analyzed.json",
    ]
    assert main(command) == 0
    facts = json.loads(Path("analyzed.json").read_text())
    counts = [layer["instructions"] for layer in facts["layers"]]
    timed = list(facts["cycles"]["layers"].values())
    assert counts == [c["instructions"] for c in timed]
    assert all(count <= 8 * c["cycles"] for count, c in zip(counts, timed, strict=True))


def test_analyze_says_where_layers_run_and_draws_it(capsys: pytest.CaptureFixture[str]) -> None:
    """Each convolution has a unit, a tile and a model; the picture has a row for each unit."""
    command = ["analyze", "quantized.onnx", "--platform", "siracusa", "--timeline", "line.svg"]
    assert main([*command, "--trace", "trace.json", "--json", "facts.json"]) == 0
    facts = json.loads(Path("facts.json").read_text())
    layers = list(facts["cycles"]["layers"].values())
    assert sum(layer["cycles"] for layer in layers) <= facts["cycles"]["total"]["cycles"]
    for layer in (layer for layer in layers if layer["macs"]):
        assert layer["plan"]["unit"] in ("npu", "cluster") and layer["plan"]["cycles"] > 0
        assert layer["bound"] in ("compute", "NPU", "DMA", "core 0")
    nodes = [layer["node"] for layer in layers]
    bars = [e for e in json.loads(Path("trace.json").read_text())["traceEvents"] if "dur" in e]
    assert [bar["name"] for bar in bars if bar["pid"] == 3] == nodes
    jobs = [bar["name"] for bar in bars if (bar["pid"], bar["tid"]) == (2, 1)]
    assert jobs and set(jobs) <= {n for n, la in zip(nodes, layers, strict=True) if la["macs"]}
    picture = Path("line.svg").read_text()
    assert all(f">{row}</text>" in picture for row in ("core 7", "DMA", "NPU"))
    assert all(f"<title>{node}: " in picture for node in nodes)


HALVES = """
graph.global @w : tensor<1x1x1x1x!quant.uniform<i8:f32, 0.5>> = dense<1>
graph.global @b : tensor<1xi32> = dense<0>
func.func @f(%x : tensor<1x4x4x1x!quant.uniform<i8:f32, 1.0>>)
    -> tensor<1x4x4x1x!quant.uniform<i8:f32, 1.0>> {
  %w = graph.constant @w : tensor<1x1x1x1x!quant.uniform<i8:f32, 0.5>>
  %b = graph.constant @b : tensor<1xi32>
  %y = quant.conv2d %x, %w, %b {strides = array<i64: 1, 1>, pads = array<i64: 0, 0, 0, 0>,
    dilations = array<i64: 1, 1>, groups = 1 : i64, layout = "nhwc",
    requant = #quant.requant<[1073741824], [31], half_even, [-128, 127]>}
    : (tensor<1x4x4x1x!quant.uniform<i8:f32, 1.0>>, tensor<1x1x1x1x!quant.uniform<i8:f32, 0.5>>,
       tensor<1xi32>) -> tensor<1x4x4x1x!quant.uniform<i8:f32, 1.0>>
  func.return %y : tensor<1x4x4x1x!quant.uniform<i8:f32, 1.0>>
}
"""
"""The halves of numbers, rounded to even ones: an NPU rounds them up."""


def test_platforms_without_npu_are_not_compared_with_what_one_gives(
    capsys: pytest.CaptureFixture[str],
) -> None:
    Path("halves.mlir").write_text(HALVES)
    np.save("odd.npy", np.arange(-8, 8, dtype=np.float32).reshape(1, 4, 4, 1))
    command = ["run", "halves.mlir", "--input", "odd.npy"]
    assert main([*command, "--at", "quant", "--output", "quant.npy"]) == 0
    fit = ["--at", "fit", "--platform", "siracusa", "--output", "fit.npy"]
    assert main([*command, *fit]) == 0
    assert not np.array_equal(np.load("quant.npy"), np.load("fit.npy"))
    command = ["validate", "halves.mlir", "--data", "odd.npy", "--platform"]
    assert main([*command, "siracusa,siracusa-cores"]) == 0
    assert "all equal" in capsys.readouterr().out


@pytest.mark.parametrize("level", ["fit", "tile", "dma", "cluster"])
def test_run_computes_at_the_levels_of_a_cluster(level: str) -> None:
    command = ["run", "quantized.onnx", "--input", "x.npy", "--platform", "siracusa"]
    assert main([*command, "--output", "board.npy"]) == 0
    assert main([*command, "--at", level, "--output", "level.npy"]) == 0
    assert np.array_equal(np.load("board.npy"), np.load("level.npy"))
