"""The search for a quantization: what it tries, when it stops, what it writes, what it refuses."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from onnx import helper
from onnx_models import model
from small_networks import images, save_network
from xdsl.dialects.builtin import ModuleOp

from runnel.dialects.diagnostics import RunnelError
from runnel.tools import api, quantize
from runnel.tools.cli import main
from runnel.tools.fidelity import outputs_of
from runnel.tools.pipeline import resolve_pipeline
from runnel.tools.quantize import Goal, search
from runnel.tools.read_ir import read_mlir
from runnel.tools.recipes import ADDITIONS, CALIBRATIONS
from runnel.tools.registry import new_context
from runnel.tools.report.layer_ranges import layer_ranges
from runnel.tools.report.quantization_text import search_text
from runnel.tools.road import level_of
from runnel.tools.validation import run_level

Array = NDArray[Any]


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> ModuleOp:
    return api.load(save_network(tmp_path_factory.mktemp("network"), quantized=False))


@pytest.fixture(scope="module")
def labels(network: ModuleOp) -> Array:
    """What the float network itself chooses, but for one sample."""
    chosen = outputs_of(network, held_out()).result.argmax(1)
    chosen[0] = (chosen[0] + 1) % 4
    return chosen


def data() -> dict[str, Array]:
    return {"image": images(40, seed=2)}


def held_out() -> dict[str, Array]:
    return {"image": images(50, seed=3)}


def names(found: quantize.Search) -> list[str]:
    return [str(attempt.recipe) for attempt in found.attempts]


def test_it_stops_at_the_first_that_is_good_enough(network: ModuleOp) -> None:
    found = search(network, data(), Goal(drop=100.0))
    assert names(found) == ["min-max"]
    assert found.best.met and level_of(found.best.integer) == "quant"
    assert found.accuracy is None and found.attempts[0].simulated.accuracy is None


def test_everything_is_tried_for_a_target_out_of_reach(network: ModuleOp, labels: Array) -> None:
    goal = Goal(drop=-101.0)
    found = search(network, data(), goal, test=held_out(), labels=labels)
    assert len(found.attempts) == len(CALIBRATIONS) + len(ADDITIONS)
    assert names(found)[:3] == ["min-max", "mse", "percentile"]
    assert not found.best.met
    assert quantize.quality(found.best) == max(map(quantize.quality, found.attempts))


def test_measures_are_those_of_the_modules_it_returns(network: ModuleOp, labels: Array) -> None:
    found = search(network, data(), Goal(drop=100.0), test=held_out(), labels=labels)
    reference = outputs_of(network, held_out()).result
    outputs = outputs_of(found.best.integer, held_out()).result
    noise = ((outputs - reference) ** 2).sum(dtype=np.float64)
    sqnr = 10 * np.log10((reference**2).sum(dtype=np.float64) / noise)
    assert found.best.exact.fidelity.sqnr == pytest.approx(sqnr, abs=0.01)
    assert found.best.exact.fidelity.samples == 50
    assert found.accuracy == pytest.approx(49 / 50)
    accuracy = (outputs.argmax(1) == labels).mean()
    assert found.best.exact.accuracy == pytest.approx(accuracy)
    assert found.best.drop == pytest.approx(100 * (49 / 50 - accuracy))


def test_additions_build_on_the_best_before(network: ModuleOp) -> None:
    found = search(network, data(), Goal(drop=-101.0), test=held_out())
    best = max(found.attempts[:3], key=quantize.quality)
    added = [a.recipe for a in found.attempts[3:]]
    assert all(recipe.before or recipe.between or recipe.after for recipe in added)
    assert len(added) == 7 and added[0].method == best.recipe.method


def packed_bytes(integer: ModuleOp, platform: str) -> int:
    """Bytes of the constants of a compiled network, with multipliers and shifts (5 a channel)."""
    module = integer.clone()
    layers = api.compile(module, platform).layers
    products = [layer for layer in layers if layer.macs]
    return sum(layer.constant_bytes + 5 * layer.output[-1] for layer in products)


def test_a_limit_of_bytes_gives_weights_fewer_bits(network: ModuleOp) -> None:
    """As few as needed: half way between all in 8 bits and as little as 4 bits can be."""
    plain = search(network, data(), Goal(drop=100.0), platform="cortex-m4")
    most = plain.best.price.parameters
    assert most == packed_bytes(plain.best.integer, "cortex-m4")
    goal = Goal(drop=100.0, max_bytes=most - 40)
    found = search(network, data(), goal, platform="cortex-m4")
    assert names(found) == ["min-max", "min-max + mixed precision + rounding"]
    assert found.attempts[0].kept and not found.attempts[0].met and found.best.met
    spent = packed_bytes(found.best.integer, "cortex-m4")
    assert spent == found.best.price.parameters <= most - 40
    assert [point.parameters for point in found.pareto if point.chosen] == [spent]


def test_the_cheapest_that_keeps_the_target(network: ModuleOp) -> None:
    found = search(network, data(), Goal(drop=100.0, minimize="bytes"))
    first = found.attempts[0]
    assert first.met and found.best.met and found.best is not first
    assert found.best.price.parameters < first.price.parameters


def test_a_limit_that_nothing_fits(network: ModuleOp) -> None:
    found = search(network, data(), Goal(drop=100.0, max_bytes=1))
    assert not any(attempt.met for attempt in found.attempts)
    assert [attempt.recipe.narrow for attempt in found.attempts] == [False, True, True, True]


def test_a_network_without_classes_has_its_goal_in_decibels() -> None:
    """An image that comes out as it went in: no choice between classes."""
    node = helper.make_node("Relu", ["x"], ["y"])
    from runnel.lowering.import_onnx import import_onnx

    module = import_onnx(model([node], {"x": (1, 2, 4, 4)}, ["y"]))
    inputs = {"x": np.random.default_rng(0).normal(size=(9, 2, 4, 4)).astype(np.float32)}
    found = search(module, inputs, Goal(sqnr=20.0))
    assert found.best.drop is None and found.best.exact.fidelity.top1 is None
    assert found.best.met and found.best.exact.fidelity.sqnr > 20
    assert not search(module, inputs, Goal(sqnr=200.0)).best.met


@pytest.mark.parametrize("per_channel", [True, False])
def test_a_calibration_is_the_pipeline_of_the_same_options(
    tmp_path: Path, per_channel: bool
) -> None:
    """Its defaults, too: channels that leave bits unused have their biases corrected."""
    from runnel.lowering.import_onnx import import_onnx

    random = np.random.default_rng(0)
    weight = random.normal(size=(8, 3, 1, 1)) * np.logspace(0, -2, 8).reshape(8, 1, 1, 1)
    node = helper.make_node("Conv", ["x", "w"], ["y"])
    constants = {"w": weight.astype(np.float32)}
    module = import_onnx(model([node], {"x": (1, 3, 4, 4)}, ["y"], constants))
    inputs = random.uniform(1, 2, (20, 3, 4, 4)).astype(np.float32)
    np.save(tmp_path / "x.npy", inputs)
    found = search(module, {"x": inputs}, Goal(sqnr=200.0), per_channel=per_channel)
    attempt = next(a for a in found.attempts if a.recipe.plain and a.recipe.method == "mse")
    options = f"method=mse channels={str(per_channel).lower()}"
    text = f'set-platform{{platform=host}},quantize{{data="{tmp_path}/x.npy" {options}}}'
    resolve_pipeline(text).run(new_context(), module)
    expected = outputs_of(module, {"x": inputs}).result
    np.testing.assert_array_equal(outputs_of(attempt.integer, {"x": inputs}).result, expected)


def test_a_calibration_noisier_than_min_max_is_named() -> None:
    """Percentile takes two values of 32,000 for outliers, and they are what is measured with."""
    from runnel.lowering.import_onnx import import_onnx

    module = import_onnx(
        model([helper.make_node("Relu", ["x"], ["y"])], {"x": (1, 2, 4, 4)}, ["y"])
    )
    seen = np.random.default_rng(0).uniform(0, 1, (1000, 2, 4, 4)).astype(np.float32)
    seen[7, :, 0, 0] = 30
    found = search(module, {"x": seen}, Goal(sqnr=200.0), test={"x": seen[7:8]})
    (method, less), *more = found.noisier
    assert (method, more) == ("percentile", [])
    least = found.attempts[0].exact.fidelity.sqnr - 20 * np.log10(30 / 29)
    assert less == pytest.approx(least, abs=0.1)
    assert f"percentile has {less:.2f} dB less SQNR than min-max here" in search_text(found)


def test_a_quantized_network_is_refused(tmp_path: Path) -> None:
    module = api.load(save_network(tmp_path, quantized=True))
    with pytest.raises(RunnelError, match="quantized already"):
        search(module, data(), Goal())


@pytest.mark.parametrize("bad", [np.zeros(49, int), np.zeros((50, 4), int), np.zeros(50)])
def test_labels_are_one_integer_per_sample(network: ModuleOp, bad: Array) -> None:
    with pytest.raises(RunnelError, match=r"expected \[50\], got"):
        search(network, data(), Goal(), test=held_out(), labels=bad)


# The command


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    save_network(tmp_path, quantized=False)
    np.save(tmp_path / "x.npy", images(40, seed=2))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def runnel(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    code = main(list(arguments))
    captured = capsys.readouterr()
    return code, captured.out, captured.err


def test_the_command_writes_what_compile_takes(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["quantize", "real.onnx", "--data", "x.npy", "--target-drop", "100"]
    code, out, _ = runnel(capsys, *arguments, "-o", "q.mlir", "--platform", "cortex-m4")
    assert code == 0 and "chosen: min-max; it meets the target" in out
    code, out, _ = runnel(capsys, "compile", "q.mlir", "--no-build", "-o", "out")
    assert code == 0 and (folder / "out" / "manifest.json").is_file()


def test_the_command_writes_onnx(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["quantize", "real.onnx", "--data", "x.npy", "--target-drop", "100"]
    code, _, _ = runnel(capsys, *arguments, "-o", "q.onnx")
    kinds = {node.op_type for node in onnx.load(folder / "q.onnx").graph.node}
    assert code == 0 and {"QuantizeLinear", "DequantizeLinear", "Conv"} <= kinds


def test_the_command_writes_what_training_takes(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["quantize", "real.onnx", "--data", "x.npy", "--target-drop", "100"]
    code, out, _ = runnel(capsys, *arguments, "--save-trainable", "t.onnx")
    assert code == 0 and "written to t.onnx" in out
    floats = {t.name for t in onnx.load(folder / "t.onnx").graph.initializer if len(t.dims) > 1}
    own = {t.name for t in onnx.load(folder / "real.onnx").graph.initializer if len(t.dims) > 1}
    assert own and own == floats
    code, _, err = runnel(capsys, *arguments, "--save-trainable", "t.mlir")
    assert code == 1 and "t.mlir: expected a name that ends in .onnx" in err


def test_the_command_runs_the_program(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    arguments = ["quantize", "real.onnx", "--data", "x.npy", "--target-drop", "100"]
    code, out, _ = runnel(capsys, *arguments)
    assert code == 0 and "the same bytes as the integer program in the interpreter on 20" in out
    code, out, _ = runnel(capsys, *arguments, "--on-target", "0")
    assert code == 0 and "the interpreter on" not in out
    with monkeypatch.context() as patch:
        patch.setenv("PATH", "")
        code, out, _ = runnel(capsys, *arguments)
    assert code == 0 and "not run on host: " in out

    def broken(*_: Any, **__: Any) -> None:
        raise RunnelError("the program stopped")

    with monkeypatch.context() as patch:
        patch.setattr("runnel.tools.artifact.Artifact.run", broken)
        code, _, err = runnel(capsys, *arguments)
    assert code == 1 and "the program stopped" in err

    def other(*arguments: Any) -> list[Array]:
        return [array + 1 for array in run_level(*arguments)]

    monkeypatch.setattr("runnel.tools.on_target.run_level", other)
    code, out, _ = runnel(capsys, *arguments)
    assert code == 1 and "OTHER BYTES" in out


def test_the_command_says_so_when_the_target_is_missed(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    np.save(folder / "y.npy", np.zeros(40, np.int64))
    code, out, _ = runnel(
        capsys,
        *("quantize", "real.onnx", "--data", "x.npy", "--labels", "y.npy", "--count", "30"),
        *("--target-drop", "0", "--sensitivity", "--all"),
    )
    assert "float: " in out and "on 30 samples" in out and "all but it" in out
    assert code == ("misses the target" in out)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["-o", "q.c"], "ends in .mlir or .onnx"),
        (["-o", "none/q.mlir"], "the folder does not exist"),
        (["--labels", "x.npy"], "labels are one integer per sample"),
        (["--platform", "cortex-m99"], "cortex-m99"),
        (["--data", "none.npy"], "none.npy"),
        (["--hold-out", "4", "--test", "x.npy"], "give one of them"),
        (["--hold-out", "41"], "fewer than 41 samples"),
    ],
)
def test_what_cannot_be_is_one_line(
    folder: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], message: str
) -> None:
    code, _, err = runnel(
        capsys, "quantize", "real.onnx", "--data", "x.npy", "--target-drop", "100", *arguments
    )
    assert code == 1 and message in err and "Traceback" not in err


@pytest.fixture
def frames(folder: Path) -> Path:
    """As of speech networks that take frames without a batch: x [3, 4] -> classes [1, 2]."""
    random = np.random.default_rng(5)
    weight = random.normal(size=(12, 2)).astype(np.float32)
    nodes = [
        helper.make_node("Reshape", ["x", "shape"], ["row"], "row"),
        helper.make_node("MatMul", ["row", "w"], ["y"], "dense"),
    ]
    constants = {"shape": np.array([1, 12], np.int64), "w": weight}
    onnx.save(model(nodes, {"x": (3, 4)}, ["y"], constants), folder / "frames.onnx")
    x = random.normal(size=(60, 3, 4)).astype(np.float32)
    np.save(folder / "frames.npy", x.reshape(180, 4))
    np.save(folder / "classes.npy", (x.reshape(60, 12) @ weight).argmax(1))
    return folder


def test_a_sample_of_several_rows_has_one_label(
    frames: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, err = runnel(
        capsys,
        *("quantize", "frames.onnx", "--data", "frames.npy", "--labels", "classes.npy"),
        *("--count", "50", "--target-drop", "100", "--sensitivity", "--on-target", "7"),
    )
    assert (code, err) == (0, "")
    assert "float: 100.00 % on 50 samples" in out


def test_what_is_held_out_is_seen_by_no_method(
    frames: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[tuple[Any, dict[str, Any]]] = []

    def spied(*arguments: Any, **options: Any) -> quantize.Search:
        seen.append((arguments[1], options))
        return search(*arguments, **options)

    monkeypatch.setattr("runnel.tools.quantize.search", spied)
    given = ("quantize", "frames.onnx", "--data", "frames.npy", "--labels", "classes.npy")
    limits = ("--target-drop", "100", "--on-target", "0")
    code, out, _ = runnel(capsys, *given, *limits, "--hold-out", "4", "--count", "14")
    assert code == 0 and "float: 100.00 % on 14 samples" in out
    x, y = np.load("frames.npy").reshape(60, 3, 4), np.load("classes.npy")
    held = np.arange(3, 60, 4)
    data, options = seen[0]
    assert (data["x"].reshape(-1, 3, 4) == np.delete(x, held, 0)).all()
    assert (options["test"]["x"].reshape(-1, 3, 4) == x[held[:14]]).all()
    assert (options["labels"] == y[held[:14]]).all()
    assert (options["data_labels"] == np.delete(y, held)).all()


def test_points_are_a_number(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        runnel(capsys, "quantize", "real.onnx", "--data", "x.npy", "--target-drop", "much")
    assert "expected points from 0 to 100, not 'much'" in capsys.readouterr().err


# The report


def test_the_report_is_one_file_with_the_measured_numbers(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["quantize", "real.onnx", "--data", "x.npy", "--all", "--target-drop", "100"]
    code, out, _ = runnel(capsys, *arguments, "--report", "r.html")
    page = (folder / "r.html").read_text()
    assert code == 0
    for title in (
        "Attempts",
        "Sensitivity of layers",
        "Ranges",
        "Error of layers",
        "Worst samples",
    ):
        assert f"<h2>{title}</h2>" in page
    assert "http" not in page.replace("http://www.w3.org/2000/svg", "")
    assert "<script" not in page and "nan" not in page
    line = next(line for line in out.splitlines() if line.startswith("mse "))
    sqnr = next(part for part in line.split("  ") if part.endswith("dB")).strip()
    assert f"<td>{sqnr}</td>" in page
    parsed = ElementTree.fromstring(page.partition("\n")[2].replace(" class=chosen", ""))
    assert len(parsed.findall(".//svg") or parsed.findall(".//{*}svg")) == 4


def test_ranges_in_the_report_by_hand() -> None:
    """A ReLU on a grid from 0 to 25.5 that sees -1 and 60: 60 is clipped."""
    text = """
    func.func @net(%x: tensor<1x4xf32>) -> tensor<1x4xf32> {
      %0 = graph.relu %x : (tensor<1x4xf32>) -> tensor<1x4xf32> loc("act")
      %1 = quant.qcast %0 : tensor<1x4xf32> to tensor<1x4x!quant.uniform<i8:f32, 0.1:-128>>
      %2 = quant.dcast %1 : tensor<1x4x!quant.uniform<i8:f32, 0.1:-128>> to tensor<1x4xf32>
      func.return %2 : tensor<1x4xf32>
    }
    """
    module = read_mlir(new_context(), text, "net.mlir").module
    x = np.array([[-1, 60, 10.04, 2]], np.float32)
    (found,) = layer_ranges(module, {"input0": x})
    assert (found.low, found.high) == pytest.approx((0, 25.5))
    assert (found.seen_low, found.seen_high) == (0, 60)
    assert found.clipped == 0.25
    signal, noise = 60**2 + 10.04**2 + 4, 34.5**2 + 0.04**2
    assert found.sqnr == pytest.approx(10 * np.log10(signal / noise), abs=1e-3)


def test_the_command_shows_what_bits_cost(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["quantize", "real.onnx", "--data", "x.npy", "--target-drop", "100", "-q"]
    options = ["--minimize", "bytes", "--report", "r.html"]
    code, out, _ = runnel(capsys, *arguments, *options)
    assert code == 0 and "bytes of parameters" in out and "modelled cycles" in out
    (line,) = [line for line in out.splitlines() if line.rstrip().endswith("  chosen")]
    page = (folder / "r.html").read_text()
    pictures = [part.partition("</svg>")[0] for part in page.split("<svg")[1:]]
    curves = [part for part in pictures if "<polyline" in part]
    root = ElementTree.fromstring(f"<svg{curves[0]}</svg>")
    titles = [title.text or "" for title in root.iter() if title.tag.endswith("title")]
    bits = line.partition("  ")[0]
    assert len(titles) > 1 and any(title.startswith(f"{bits}: ") for title in titles)


def test_limits_are_whole_numbers(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        runnel(capsys, "quantize", "real.onnx", "--data", "x.npy", "--max-bytes", "60k")
    assert "expected a whole number above 0, not '60k'" in capsys.readouterr().err
