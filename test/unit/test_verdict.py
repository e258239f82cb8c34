"""What remarks tell of a rewrite: the SQNR of what decides."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from xdsl.context import Context
from xdsl.parser import Parser

from runnel.passes.quant.verdict import kept

TYPE = "!quant.uniform<i8<-127:127>:f32, 0.5>"
CLASSIFIER = f"""
graph.global @real : tensor<3x2xf32> = dense<[[2.0, 0.0], [0.0, 4.0], [-2.0, 6.0]]>
graph.global @w : tensor<3x2x{TYPE}> = dense<[[2, 0], [0, 4], [-2, 6]]>
func.func @net(%x: tensor<1x2xf32>) -> tensor<1x3xf32> {{
  %w = graph.constant @w : tensor<3x2x{TYPE}>
  %f = quant.dcast %w {{quant.real = @real}} : tensor<3x2x{TYPE}> to tensor<3x2xf32>
  %0 = graph.gemm %x, %f {{trans_b = true}}
       : (tensor<1x2xf32>, tensor<3x2xf32>) -> tensor<1x3xf32>
  %1 = graph.softmax %0 {{axis = -1 : i64}} : (tensor<1x3xf32>) -> tensor<1x3xf32>
  func.return %1 : tensor<1x3xf32>
}}
"""


@pytest.fixture
def data(tmp_path: Path) -> str:
    path = tmp_path / "x.npy"
    np.save(path, np.random.default_rng(0).normal(size=(16, 2)).astype(np.float32))
    return str(path)


def test_a_factor_of_all_logits_is_no_noise(context: Context, data: str) -> None:
    """Quantized weights are half of the real ones: every choice is as before."""
    module = Parser(context, CLASSIFIER).parse_module()
    assert kept(module, "test", data) > 100


def test_what_changes_choices_is_noise(context: Context, data: str) -> None:
    module = Parser(context, CLASSIFIER.replace("[[2, 0],", "[[2, 4],")).parse_module()
    x = np.load(data).astype(np.float64)
    real = x @ np.array([[2.0, 0.0], [0.0, 4.0], [-2.0, 6.0]]).T
    found = x @ np.array([[1.0, 2.0], [0.0, 2.0], [-1.0, 3.0]]).T
    fit = (real * found).sum() / (real**2).sum() * real
    expected = 10 * np.log10((fit**2).sum() / ((fit - found) ** 2).sum())
    assert kept(module, "test", data) == pytest.approx(expected, abs=1e-3)


def test_what_is_no_choice_keeps_its_factor(context: Context, data: str) -> None:
    """The result is a copy of the input: half of it is 6 dB."""
    text = CLASSIFIER.replace("[[2.0, 0.0], [0.0, 4.0], [-2.0, 6.0]]", "[[2.0, 0.0], [0.0, 4.0]]")
    text = text.replace("[[2, 0], [0, 4], [-2, 6]]", "[[2, 0], [0, 4]]")
    text = text.replace("3x2x", "2x2x").replace("1x3x", "1x2x")
    module = Parser(context, text).parse_module()
    assert kept(module, "test", data) == pytest.approx(20 * np.log10(2), abs=1e-4)
