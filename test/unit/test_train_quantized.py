"""The worked example of quantization-aware training, where PyTorch is installed."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from runnel.tools import api
from runnel.tools.validation import check_levels, check_lowered

ROOT = Path(__file__).parents[2]


def test_training_restores_what_two_bits_lose(tmp_path: Path) -> None:
    pytest.importorskip("torch", reason="PyTorch is an extra: pip install -e '.[train]'")
    script = ROOT / "docs/tutorial/train_quantized.py"
    command = [sys.executable, str(script), "--epochs", "4", "-o", "trained.onnx"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, check=False)
    assert done.returncode == 0, done.stderr
    shares = [float(share) for share in re.findall(r": ([0-9.]+)%", done.stdout)]
    exact, rounded, trained = shares
    assert exact > 97
    assert rounded < 50
    assert trained > 80

    artifact = api.compile(api.load(tmp_path / "trained.onnx"), "cortex-m4")
    samples = {"image": np.load(ROOT / "demo/digits.npz")["test_images"][:20]}
    reference, checks = check_levels(artifact, samples)
    checks += check_lowered(artifact, samples, reference)
    assert len(checks) > 2
    assert all(check.equal for check in checks)
