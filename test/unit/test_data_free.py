"""Ranges without data: moments against a simulation of the same normal distributions."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from xdsl.context import Context

from runnel.dialects.diagnostics import RunnelError
from runnel.passes.quant.calibrate import Calibrate, range_of
from runnel.passes.quant.calibrators.data_free import Moments
from runnel.tools.read_ir import read_mlir
from runnel.tools.registry import new_context

NET = """
graph.global @w : tensor<2x2xf32> = dense<[[1.0, 0.0], [0.0, 0.5]]>
graph.global @v : tensor<2x2xf32> = dense<[[1.0, -2.0], [0.5, 3.0]]>
graph.global @b : tensor<2xf32> = dense<[10.0, -1.0]>
func.func @net(%x: tensor<1x2xf32>) -> tensor<1x2xf32> {
  %w = graph.constant @w : tensor<2x2xf32>
  %v = graph.constant @v : tensor<2x2xf32>
  %b = graph.constant @b : tensor<2xf32>
  %0 = graph.gemm %x, %w, %b {quant.output_mean = array<f32: 1.0, -5.0>,
    quant.output_deviation = array<f32: 2.0, 0.5>}
    : (tensor<1x2xf32>, tensor<2x2xf32>, tensor<2xf32>) -> tensor<1x2xf32>
  %1 = graph.relu %0 : (tensor<1x2xf32>) -> tensor<1x2xf32>
  %2 = graph.gemm %1, %v, %b
    : (tensor<1x2xf32>, tensor<2x2xf32>, tensor<2xf32>) -> tensor<1x2xf32>
  func.return LAST : tensor<1x2xf32>
}
"""


def calibrated(last: str = "%2", **options: Any) -> dict[str, tuple[float, float]]:
    text = NET.replace("LAST", last)
    if last == "%3":
        exp = "  %3 = graph.exp %2 : (tensor<1x2xf32>) -> tensor<1x2xf32>"
        text = text.replace("  func.return", f"{exp}\n  func.return")
    module = read_mlir(new_context(), text, "net.mlir").module
    Calibrate("", method="batch-norm", **options).apply(Context(), module)
    found = {f"{i} {op.name}": range_of(op.attributes) for i, op in enumerate(module.walk())}
    return {name: bounds for name, bounds in found.items() if bounds is not None}


@pytest.mark.parametrize(("low", "high"), [(0.0, np.inf), (0.0, 6.0), (-1.0, 1.0), (-np.inf, 2.0)])
def test_moments_behind_a_clip_are_those_of_samples(low: float, high: float) -> None:
    mean, deviation = np.array([-2.0, 0.0, 0.3, 7.0]), np.array([1.0, 2.0, 0.01, 3.0])
    found = Moments(mean, deviation).clipped(low, high)
    drawn = np.random.default_rng(0).normal(mean, deviation, size=(400_000, 4)).clip(low, high)
    np.testing.assert_allclose(found.mean, drawn.mean(0), atol=0.02)
    np.testing.assert_allclose(found.deviation, drawn.std(0), atol=0.02)


def test_ranges_by_hand_and_by_simulation() -> None:
    first, activation, last = calibrated().values()
    assert first == pytest.approx((-11, 13))
    assert activation == pytest.approx((0, 13))
    random = np.random.default_rng(1)
    hidden = np.maximum(random.normal([1.0, -5.0], [2.0, 0.5], size=(300_000, 2)), 0)
    outputs = hidden @ np.array([[1.0, -2.0], [0.5, 3.0]]) + [10.0, -1.0]
    reach = 6 * outputs.std(0)
    expected = (outputs.mean(0) - reach).min(), (outputs.mean(0) + reach).max()
    assert last == pytest.approx(expected, abs=0.2)


@pytest.mark.parametrize(
    "options", [{"input_low": 2.0}, {"deviations": 0.0}, {"input_low": 1.0, "input_high": 1.0}]
)
def test_options_that_mean_nothing_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(RunnelError, match="batch-norm takes no data"):
        calibrated(**options)


def test_an_op_that_nothing_is_known_of_is_named() -> None:
    with pytest.raises(RunnelError, match=r"graph.exp.*has no range without data"):
        calibrated("%3")
