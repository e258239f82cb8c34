"""The `runnel` command on a small network: what it writes, computes and says."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from small_networks import CLASSES, SHAPE, images, save_network

from runnel.passes.tile import tile_network
from runnel.tools import api
from runnel.tools.cli import COMMANDS, main

KERNELS = Path(api.__file__).parent.parent / "runtime/c/kernels"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Holds both forms of the network, inputs and calibration data."""
    path = tmp_path_factory.mktemp("cli")
    save_network(path, quantized=True)
    save_network(path, quantized=False)
    np.save(path / "x.npy", images(5))
    np.save(path / "calibration.npy", images(40, seed=2))
    return path


@pytest.fixture(autouse=True)
def in_folder(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)


def runnel(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str, str]:
    """Exit code, stdout and stderr of one command."""
    try:
        code = main([str(a) for a in arguments])
    except SystemExit as exit:
        code = int(exit.code or 0)
    captured = capsys.readouterr()
    return code, captured.out, captured.err


def manifest(directory: Path) -> dict[str, Any]:
    return json.loads((directory / "manifest.json").read_text())


# The command itself


def test_help_imports_neither_numpy_nor_xdsl() -> None:
    program = (
        "import sys\nfrom runnel.tools.cli import main\n"
        "try:\n    main(['--help'])\nexcept SystemExit:\n    pass\n"
        "assert not {'numpy', 'xdsl', 'onnx'} & set(sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert "examples:" in done.stdout


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_teaches_by_examples(
    command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, _ = runnel(capsys, command, "--help")
    assert code == 0
    assert f"examples:\n  runnel {command}" in out


def test_version_names_what_takes_part(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = runnel(capsys, "--version")
    assert code == 0
    assert re.fullmatch(r"runnel \S+ \(xdsl \S+, numpy \S+, onnx \S+, Python \S+\)\n", out)


def test_without_a_command_it_says_what_there_is(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = runnel(capsys)
    assert code == 0
    assert all(command in out for command in COMMANDS)


MISTAKES: dict[str, tuple[list[str], str]] = {
    "command": (["complie"], "did you mean compile?"),
    "option": (
        ["compile", "quantized.onnx", "-o", "out", "--platfrm", "host"],
        "unknown option --platfrm, did you mean --platform?",
    ),
    "no-file": (["compile", "missing.onnx", "-o", "out"], "missing.onnx: No such file"),
    "kind-of-file": (["compile", "x.npy", "-o", "out"], "x.npy: unknown kind of file '.npy'"),
    "platform": (
        ["compile", "quantized.onnx", "--platform", "cortex-m5", "-o", "out"],
        'no platform "cortex-m5" (did you mean "cortex-m55"?)',
    ),
    "dimension": (["run", "quantized.onnx", "--input", "x.npy", "--dim", "N"], "NAME=SIZE"),
    "name": (["compile", "quantized.onnx", "--name", "1st", "-o", "o"], "'1st' is no name in C"),
    "not-calibrated": (
        ["run", "real.onnx", "--input", "x.npy", "--at", "quant"],
        "give --calibrate DATA",
    ),
    "headroom": (["compile", "real.onnx", "-o", "o", "--headroom", "0.5"], "from 1 to 1000"),
    "no-data": (
        ["compile", "real.onnx", "--calibrate", "nowhere.npz", "-o", "out"],
        "nowhere.npz: No such file",
    ),
    "no-array": (["run", "quantized.onnx", "--input", "quantized.onnx"], "not a readable .npy"),
    "level-and-platform": (
        ["run", "quantized.onnx", "--input", "x.npy", "--at", "quant", "--platform", "host"],
        "--at quant knows no platform",
    ),
    "kernel-table": (
        ["compile", "quantized.onnx", "--kernels", "absent.toml", "-o", "out"],
        "absent.toml: not a kernel table",
    ),
    "described-platform": (["platforms", "mine.toml"], "mine.toml: cannot read the platform"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_one_message_and_exit_code_1(
    mistake: str, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments, message = MISTAKES[mistake]
    code, out, err = runnel(capsys, *arguments)
    assert (code, out) == (1, "")
    assert message in err
    assert "Traceback" not in err
    assert err.count("error:") == 1


def test_debug_shows_the_traceback(capsys: pytest.CaptureFixture[str]) -> None:
    code, _, err = runnel(capsys, "compile", "missing.onnx", "-o", "out", "--debug")
    assert code == 1
    assert "Traceback" in err


@pytest.mark.parametrize(
    ("shape", "hint"),
    [
        ((5, 8, 8, 3), "if it is channels-last, give --data-layout channels-last"),
        ((5, 3, 8, 9), "has shape [5, 3, 8, 9], input 'image' needs [samples, 3, 8, 8]"),
    ],
)
def test_data_of_another_shape_is_refused(
    shape: tuple[int, ...], hint: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    np.save(tmp_path / "wrong.npy", np.zeros(shape, np.float32))
    code, _, err = runnel(capsys, "run", "quantized.onnx", "--input", tmp_path / "wrong.npy")
    assert code == 1
    assert hint in err


# compile


def compiled(capsys: pytest.CaptureFixture[str], output: Path, *extra: object) -> tuple[str, str]:
    """Compile the QDQ network to `output`; stdout and stderr."""
    code, out, err = runnel(capsys, "compile", "quantized.onnx", "-o", output, *extra)
    assert code == 0, err
    return out, err


def test_compile_leaves_all_that_is_needed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out, _ = compiled(capsys, tmp_path / "out")
    assert out.startswith("quantized for host: 5 layers, ")
    assert "1.00 x the liveness bound" in out
    assert f"written to {tmp_path / 'out'}" in out
    names = {path.name for path in (tmp_path / "out").iterdir()}
    assert {"quantized.c", "quantized.h", "quantized_weights.c", "Makefile", "README.md"} <= names
    facts = manifest(tmp_path / "out")
    assert [layer["op"] for layer in facts["layers"]] == [
        *("conv2d", "depthwise_conv2d", "add", "avg_pool2d", "fully_connected"),
    ]
    assert facts["inputs"][0]["shape"] == [1, 8, 8, 3]
    assert facts["inputs"][0]["zero_point"] == 3
    model = Path("quantized.onnx").read_bytes()
    assert facts["sources"]["model"] == {
        "file": "quantized.onnx",
        "sha256": sha256(model).hexdigest(),
    }


def test_manifest_hashes_every_other_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    compiled(capsys, tmp_path / "out", "--no-build")
    found = {
        str(path.relative_to(tmp_path / "out")): sha256(path.read_bytes()).hexdigest()
        for path in (tmp_path / "out").rglob("*")
        if path.is_file() and path.name not in ("manifest.json", "README.md")
    }
    assert manifest(tmp_path / "out")["files"] == found


@pytest.mark.parametrize("model", ["quantized.onnx", "real.onnx"])
def test_output_is_the_same_from_run_to_run(
    model: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """In other folders, by another process with another hash seed."""
    extra = ["--calibrate", "calibration.npy"] if model == "real.onnx" else []
    first, second = tmp_path / "a", tmp_path / "somewhere" / "b"
    arguments = ["compile", model, "--platform", "host", *extra, "-o"]
    assert runnel(capsys, *arguments, first)[0] == 0
    done = subprocess.run(
        [sys.executable, "-m", "runnel.tools.cli", *arguments, str(second)],
        capture_output=True,
        env={"PYTHONHASHSEED": "7", "PATH": "/usr/bin:/bin", "HOME": str(tmp_path)},
    )
    assert done.returncode == 0, done.stderr
    contents = [
        {path.relative_to(root): path.read_bytes() for path in root.rglob("*") if path.is_file()}
        for root in (first, second)
    ]
    assert contents[0] == contents[1]
    assert str(tmp_path).encode() not in b"".join(contents[0].values())


def test_compile_replaces_an_earlier_output_only(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    compiled(capsys, tmp_path / "out", "--no-build", "--name", "first")
    (tmp_path / "out" / "notes.txt").write_text("mine")
    compiled(capsys, tmp_path / "out", "--no-build", "--name", "second")
    assert not (tmp_path / "out" / "first.c").exists()
    assert (tmp_path / "out" / "second.c").exists()
    assert (tmp_path / "out" / "notes.txt").read_text() == "mine"
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "thesis.tex").write_text("precious")
    code, _, err = runnel(capsys, "compile", "quantized.onnx", "-o", tmp_path / "other")
    assert code == 1
    assert "is not empty and holds no manifest.json" in err


def test_the_makefile_builds_and_runs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    compiled(capsys, tmp_path / "out", "--no-build")
    artifact = api.compile(api.load("quantized.onnx"))
    info = artifact.signature.inputs[0]
    (tmp_path / "out" / "input.bin").write_bytes(info.store(images(5)).tobytes())
    done = subprocess.run(
        ["make", "-C", tmp_path / "out", "run", "EXTRA_CFLAGS=-Werror"],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    got = np.fromfile(tmp_path / "out" / "output.bin", np.int8).reshape(5, CLASSES)
    code, _, _ = runnel(
        capsys,
        *("run", "quantized.onnx", "--input", "x.npy", "--at", "quant"),
        *("--output", tmp_path / "y.npy"),
    )
    assert code == 0
    assert np.array_equal(got, np.load(tmp_path / "y.npy"))


def test_the_readme_calls_it_right(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    compiled(capsys, tmp_path / "out", "--no-build")
    text = (tmp_path / "out" / "README.md").read_text()
    (code,) = re.findall(r"```c\n(.*?)```", text, re.DOTALL)
    (tmp_path / "call.c").write_text(code)
    command = ["gcc", "-std=c99", "-Wall", "-Wextra", "-Werror", "-c", "call.c", "-Iout"]
    assert subprocess.run(command, cwd=tmp_path, capture_output=True).returncode == 0


def test_two_models_live_in_one_program(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Called in turns, each gives what it gives alone."""
    compiled(capsys, tmp_path / "a", "--no-build", "--name", "net_a")
    extra = ["--calibrate", "calibration.npy", "--name", "net_b", "--no-build"]
    assert runnel(capsys, "compile", "real.onnx", "-o", tmp_path / "b", *extra)[0] == 0
    x = images(1)
    expected: list[bytes] = []
    for name, model, data in (
        ("a", "quantized.onnx", None),
        ("b", "real.onnx", "calibration.npy"),
    ):
        artifact = api.compile(api.load(model), calibrate=data)
        stored = artifact.signature.store({"image": x})
        (tmp_path / f"{name}.bin").write_bytes(stored["image"].tobytes())
        expected.append(run_alone(artifact, stored, tmp_path / f"alone_{name}"))
    (tmp_path / "main.c").write_text(TWO_MODELS)
    sources = [tmp_path / d / f"net_{d}{s}.c" for d in "ab" for s in ("", "_weights")]
    includes = [f"-I{tmp_path / d / k}" for d in "ab" for k in (".", "kernels", "board")]
    command = ["gcc", "-std=c99", "-Werror", *includes, "main.c", *sources, "-lm", "-o", "both"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    done = subprocess.run(["./both"], cwd=tmp_path, capture_output=True)
    assert done.stdout == b"".join(expected)


def run_alone(artifact: Any, stored: dict[str, Any], directory: Path) -> bytes:
    _, (output,) = artifact.run(artifact.build(directory), stored)
    return output.tobytes()


TWO_MODELS = """
#include <stdio.h>
#include "net_a.h"
#include "net_b.h"
static int fill(const char *name, void *to, size_t size)
{
    FILE *file = fopen(name, "rb");
    return file != NULL && fread(to, 1, size, file) == size && fclose(file) == 0;
}
int main(void)
{
    net_a_init();
    net_b_init();
    if (!fill("a.bin", net_a_input(0), NET_A_INPUT_0_BYTES)) return 1;
    if (!fill("b.bin", net_b_input(0), NET_B_INPUT_0_BYTES)) return 1;
    if (net_a_run() != 0 || net_b_run() != 0) return 1;
    fwrite(net_a_output(0), 1, NET_A_OUTPUT_0_BYTES, stdout);
    fwrite(net_b_output(0), 1, NET_B_OUTPUT_0_BYTES, stdout);
    return 0;
}
"""


# run


def test_all_levels_give_the_same_bytes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    outputs: list[np.ndarray] = []
    for where in (["--at", "quant"], ["--at", "cortexm"], ["--at", "c"], ["--platform", "host"]):
        target = tmp_path / f"{len(outputs)}.npz"
        code, out, err = runnel(
            capsys, "run", "quantized.onnx", "--input", "x.npy", *where, "--output", target
        )
        assert (code, out) == (0, ""), err
        outputs.append(np.load(target)["scores"])
    assert outputs[0].dtype == np.int8
    assert outputs[0].shape == (5, CLASSES)
    assert all(np.array_equal(outputs[0], other) for other in outputs[1:])
    assert len(np.unique(outputs[0])) > 4


def test_real_outputs_are_near_those_of_the_model(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    results: list[np.ndarray] = []
    for extra in (["--at", "graph"], ["--platform", "host", "--real"]):
        target = tmp_path / f"{len(results)}.npy"
        code, _, err = runnel(
            capsys, "run", "quantized.onnx", "--input", "x.npy", *extra, "--output", target
        )
        assert code == 0, err
        results.append(np.load(target))
    assert np.abs(results[0] - results[1]).max() <= 0.11  # 1 LSB of the scores


def test_results_are_printed(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = runnel(capsys, "run", "quantized.onnx", "--input", "x.npy")
    assert code == 0
    assert out.startswith("scores : 5x4 float32\n")


def test_channels_last_data_is_put_in_order(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    np.save(tmp_path / "last.npy", images(5).transpose(0, 2, 3, 1))
    _, expected, _ = runnel(capsys, "run", "quantized.onnx", "--input", "x.npy")
    _, found, _ = runnel(
        capsys,
        *("run", "quantized.onnx", "--input", tmp_path / "last.npy"),
        *("--data-layout", "channels-last"),
    )
    assert found == expected


def test_the_solver_of_tiles_is_the_one_asked_for(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where ortools is not there only who asks for it hears of it."""
    monkeypatch.setattr(tile_network, "has_cp_sat", lambda: False)
    command = ("compile", "quantized.onnx", "--platform", "siracusa", "--no-build")
    code, _, err = runnel(capsys, *command, "--solver", "cp_sat", "-o", tmp_path / "out")
    assert code == 1 and "solver cp_sat needs ortools" in err
    code, _, err = runnel(capsys, *command, "-o", tmp_path / "out")
    assert code == 0, err
    assert manifest(tmp_path / "out")["options"]["solver"] == "auto"


@pytest.mark.parametrize("io", [["--io", "float"], ["--io-layout", "keep"]])
def test_other_interfaces_compute_the_same(
    io: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """On tensors, at C and by the program: the same reals as with the usual interface."""
    results: list[np.ndarray] = []
    for extra in ([], io, [*io, "--at", "quant"], [*io, "--at", "c"]):
        target = tmp_path / f"{len(results)}.npy"
        code, _, err = runnel(
            capsys,
            *("run", "quantized.onnx", "--input", "x.npy", "--real", "--output", target, *extra),
            *([] if "--at" in extra else ["--platform", "host"]),
        )
        assert code == 0, err
        results.append(np.load(target))
    assert all(np.array_equal(results[0], other) for other in results[1:])


def test_a_module_in_text_goes_on_from_its_level(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """quantized.onnx lowered to quant by opt-tool compiles to the same C."""
    from runnel.tools.opt_tool import main as opt_tool

    text = tmp_path / "quantized.mlir"
    passes = ["-p", "import-quantized,integer-io", "--print-debuginfo"]
    assert opt_tool(["quantized.onnx", *passes, "-o", str(text)]) == 0
    assert runnel(capsys, "compile", text, "--no-build", "-o", tmp_path / "a")[0] == 0
    compiled(capsys, tmp_path / "b", "--no-build")
    for name in ("quantized.c", "quantized_weights.c", "quantized.h"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


# validate


def test_validate_finds_all_equal(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("onnxruntime")
    code, out, err = runnel(
        capsys,
        *("validate", "quantized.onnx", "--data", "x.npy", "--layers"),
        *("--json", tmp_path / "report.json"),
    )
    assert code == 0, out + err
    assert "all equal" in out
    facts = json.loads((tmp_path / "report.json").read_text())
    assert facts["passed"] is True
    assert [check["where"] for check in facts["checks"]][-1] == "host"
    assert all(check["second"] for check in facts["checks"][2:])
    assert len(facts["layers"]) == 5
    assert facts["not_compared"] == []


def test_validate_fails_when_a_kernel_is_wrong(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A drop-in kernel with another meaning: the program differs, the interpreter does not."""
    table = drop_in(tmp_path, "my_add", "rn_add_s8", ("sum >> shift", "(sum >> shift) + 1"))
    code, out, _ = runnel(
        capsys,
        *("validate", "quantized.onnx", "--data", "x.npy", "--kernels", table, "--no-oracle"),
    )
    assert code == 1
    assert re.search(r"^host +binary, host +5 +NO \(\d+ elements\)", out, re.MULTILINE)
    assert "there are differences" in out


def drop_in(folder: Path, symbol: str, original: str, change: tuple[str, str]) -> Path:
    """A kernel table with a copy of a kernel under another name and with a changed text."""
    text = (KERNELS / f"{original}.h").read_text()
    changed = re.sub(rf"\b{original}\b", symbol, text).replace(*change)
    changed = re.sub(r"\b[A-Z0-9_]+_H\b", f"{symbol.upper()}_H", changed)
    (folder / f"{symbol}.h").write_text(changed)
    table = folder / "mine.toml"
    op = original.removeprefix("rn_").removesuffix("_s8")
    table.write_text(f'[[kernels]]\nop = "{op}"\nsymbol = "{symbol}"\nheader = "{symbol}.h"\n')
    return table


def test_a_drop_in_kernel_takes_the_place_of_ours(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table = drop_in(tmp_path, "my_add", "rn_add_s8", ("", ""))
    compiled(capsys, tmp_path / "out", "--kernels", table)
    assert "my_add" in [layer["kernel"] for layer in manifest(tmp_path / "out")["layers"]]
    assert (tmp_path / "out" / "kernels" / "my_add.h").exists()
    assert not (tmp_path / "out" / "kernels" / "rn_add_s8.h").exists()
    arguments = ["validate", "quantized.onnx", "--data", "x.npy", "--kernels", table, "--no-oracle"]
    assert runnel(capsys, *arguments)[0] == 0


# A model without calibration data stays in float


def test_a_float_model_compiles_without_calibration(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, err = runnel(capsys, "compile", "real.onnx", "-o", tmp_path / "out")
    assert code == 0, err
    assert out.startswith("real for host: ")
    facts = manifest(tmp_path / "out")
    assert {layer["kernel"] for layer in facts["layers"]} == {"loops"}
    assert facts["inputs"][0]["element"] == "float32"
    pixels = SHAPE[2] * SHAPE[3]
    macs = [layer["macs"] for layer in facts["layers"] if layer["macs"]]
    assert macs == [pixels * 216, pixels * 72, 32]


def test_a_float_program_computes_what_the_graph_does(
    capsys: pytest.CaptureFixture[str],
) -> None:
    pytest.importorskip("onnxruntime")
    code, out, err = runnel(capsys, "validate", "real.onnx", "--data", "x.npy")
    assert code == 0, out + err
    assert re.search(r"^host +binary, host +5 +within \S+ of the range +yes$", out, re.MULTILINE)
    assert "graph level against onnxruntime" in out


# analyze, platforms, kernels


def test_analyze_shows_each_layer(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = runnel(
        capsys,
        *("analyze", "quantized.onnx", "--json", tmp_path / "layers.json"),
        *("--memory-map", tmp_path / "map.svg"),
    )
    assert code == 0, err
    assert "8x8x3 -> 8x8x8" in out
    facts = json.loads((tmp_path / "layers.json").read_text())
    pixels = SHAPE[2] * SHAPE[3]
    assert [layer["macs"] for layer in facts["layers"]] == [pixels * 216, pixels * 72, 0, 0, 32]
    assert [layer["parameters"] for layer in facts["layers"]] == [224, 80, 0, 0, 36]
    assert facts["arenas"][0]["size"] == facts["arenas"][0]["bound"]
    assert (tmp_path / "map.svg").read_text().startswith("<svg")


@pytest.mark.skipif(
    shutil.which("qemu-system-arm") is None or shutil.which("arm-none-eabi-gcc") is None,
    reason="needs qemu-system-arm and arm-none-eabi-gcc",
)
def test_analyze_counts_instructions(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    target = tmp_path / "layers.json"
    arguments = ["analyze", "quantized.onnx", "--platform", "cortex-m4", "--json", target]
    code, out, err = runnel(capsys, *arguments, "--data", "x.npy")
    assert code == 0, err
    facts = json.loads(target.read_text())
    counts = [layer["instructions"] for layer in facts["layers"]]
    assert min(counts) > 0
    assert 0 <= facts["totals"]["instructions"] - sum(counts) < 1000
    assert facts["totals"]["flash"] > facts["totals"]["model_flash"] > 0
    assert facts["totals"]["stack"] > 0
    assert "instructions" in out


def test_platforms_are_listed_and_described(capsys: pytest.CaptureFixture[str]) -> None:
    _, out, _ = runnel(capsys, "platforms")
    assert {"cortex-m4", "cortex-m55", "cortex-m7", "host"} <= set(out.split())
    code, out, _ = runnel(capsys, "platforms", "cortex-m4")
    assert code == 0
    assert "arm-none-eabi-gcc -mcpu=cortex-m4" in out
    assert "flash" in out


def test_kernels_are_listed_by_what_they_need(capsys: pytest.CaptureFixture[str]) -> None:
    _, every, _ = runnel(capsys, "kernels")
    _, plain, _ = runnel(capsys, "kernels", "--platform", "host")
    assert "rn_conv2d_s8_dsp" in every
    assert "rn_conv2d_s8_dsp" not in plain
    assert "rn_conv2d_s8 " in plain
