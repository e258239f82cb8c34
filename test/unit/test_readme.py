"""The README says what is true: its pass is the tutorial's and runs, its files exist."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
TUTORIAL = ROOT / "docs/tutorial"


def test_the_pass_in_the_readme_is_the_tutorial() -> None:
    assert (TUTORIAL / "my_passes.py").read_text().strip() in README


def test_the_pass_is_short() -> None:
    source = (TUTORIAL / "my_passes.py").read_text()
    lines = [
        line for line in source.splitlines() if line and not line.startswith(("from", "import"))
    ]
    assert len(lines) <= 30


def test_the_tutorial_pass_runs_from_its_own_package(tmp_path: Path) -> None:
    """Installed as pip would, found through the entry point, and its scales are powers of two."""
    info = tmp_path / "my_passes-0.1.dist-info"
    info.mkdir()
    (tmp_path / "my_passes.py").write_text((TUTORIAL / "my_passes.py").read_text())
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: my-passes\nVersion: 0.1\n")
    (info / "entry_points.txt").write_text("[xdsl.universe]\nmy_passes = my_passes:UNIVERSE\n")
    data = tmp_path / "cal.npy"
    np.save(data, np.load(ROOT / "demo/digits.npz")["train_images"][:32])
    pipeline = (
        f'simplify,calibrate{{data="{data}"}},power-of-two-ranges,'
        "insert-quant-casts,convert-graph-to-quant"
    )
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "runnel.tools.opt_tool",
            str(ROOT / "demo/digits.onnx"),
            "--remarks=passed",
            f"--pass-pipeline={pipeline}",
        ],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
    )
    assert done.returncode == 0, done.stderr
    assert "power-of-two-ranges" in done.stderr
    convolution = next(line for line in done.stdout.splitlines() if "quant.conv2d" in line)
    scales = re.findall(r"-> tensor<[^!]*!quant\.uniform<i8:f32, ([0-9.e-]+)", convolution)
    assert len(scales) == 1
    assert np.log2(float(scales[0])).is_integer()


@pytest.mark.parametrize(
    ("platform", "kernel"), [("host", "my_add_s8"), ("host-cluster", "my_cluster_add_s8")]
)
def test_the_tutorial_kernel_takes_the_place_of_ours(
    tmp_path: Path, platform: str, kernel: str
) -> None:
    """The emitted C calls it, and its bytes are those of every level."""
    data = tmp_path / "data.npy"
    np.save(data, np.load(ROOT / "demo/digits.npz")["train_images"][:32])
    common = [str(ROOT / "demo/digits.onnx"), "--calibrate", str(data), "--platform", platform]
    common += ["--kernels", str(TUTORIAL / "my_kernels.toml")]

    def runnel(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "runnel.tools.cli", *arguments]
        return subprocess.run(command, capture_output=True, text=True)

    compiled = runnel("compile", *common, "-o", str(tmp_path / "out"))
    assert compiled.returncode == 0, compiled.stderr
    assert f" {kernel}(" in (tmp_path / "out/digits.c").read_text()
    assert [path.name for path in (tmp_path / "out/kernels").glob("my_*")] == [f"{kernel}.h"]
    validated = runnel("validate", *common, "--data", str(data), "--count", "4")
    assert validated.returncode == 0, validated.stdout + validated.stderr


def test_linked_files_exist() -> None:
    for target in re.findall(r"\]\(([^)#:]+)[^):]*\)", README):
        assert (ROOT / target).exists(), target


def test_named_commands_exist() -> None:
    help_text = subprocess.run(
        [sys.executable, "-m", "runnel.tools.cli", "--help"], capture_output=True, text=True
    ).stdout
    for command in set(re.findall(r"^runnel (\w+)", README, re.MULTILINE)):
        assert command in help_text
    targets = re.findall(r"^(\w+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    for target in re.findall(r"^make (\w+)", README, re.MULTILINE):
        assert target in targets
