"""unfold-windows: the same bytes over unfolded windows, in tiles too, only where that gains."""

from __future__ import annotations

import numpy as np
import pytest
from quant_programs import apply
from tile_networks import Builder
from xdsl.dialects.builtin import ModuleOp

from runnel.dialects import quant
from runnel.passes.place.unfold_windows import can_unfold, unfold
from runnel.runtime.interpreter import run
from runnel.tools.pipeline import resolve_pipeline
from runnel.tools.registry import new_context

TILES = (
    "set-platform{{platform=host-cluster}},schedule-for-memory,place-units,"
    "tile-network{{random={seed}}},spill-homes,lower-to-dma,fork-cores,verify-hazards"
)


def network(
    seed: int, size: tuple[int, int, int], channels: int, kernel: tuple[int, int], pad: int
) -> ModuleOp:
    """Two convolutions: one of a window, with a stride, and one of 1x1 kernels."""
    b = Builder(np.random.default_rng(seed))
    x = b.conv(b.input(1, *size), channels, kernel, (2, 1 + seed % 2), (pad, 1, pad, 0))
    return b.finish(b.conv(x, 5, (1, 1)))


def layers(module: ModuleOp) -> list[str]:
    return [op.name for op in module.walk() if op.name.startswith("quant.")]


@pytest.mark.parametrize("seed", range(6))
def test_the_bytes_stay(seed: int):
    kernel = [(3, 3), (10, 4), (1, 3), (5, 5), (2, 2), (7, 1)][seed]
    module = network(seed, (14, 9, 1 + seed % 3), 6, kernel, kernel[0] // 2)
    after = module.clone()
    first = next(op for op in after.walk() if isinstance(op, quant.Conv2DOp))
    assert can_unfold(first)
    unfold(first)
    after.verify()
    assert layers(after) == ["quant.unfold", "quant.conv2d", "quant.conv2d"]
    x = np.random.default_rng(seed).integers(-128, 128, (1, 14, 9, 1 + seed % 3)).astype(np.int8)
    expected = run(module, [x])["output0"]
    np.testing.assert_array_equal(run(after, [x])["output0"], expected)
    resolve_pipeline(TILES.format(seed=seed)).run(new_context(), after)
    np.testing.assert_array_equal(run(after, [x])["output0"], expected)


def choice(module: ModuleOp, platform: str) -> bool:
    return "quant.unfold" in layers(
        apply(module, f"set-platform{{platform={platform}}},unfold-windows")
    )


def test_what_the_npu_gains_is_unfolded():
    assert choice(network(0, (49, 10, 1), 64, (10, 4), 4), "siracusa")


def test_cores_gain_where_a_first_layer_waits_for_many_constants():
    """Windows of one channel, many outputs: gathering and waiting cost more than unfolding."""
    assert choice(network(0, (49, 10, 1), 64, (10, 4), 4), "siracusa-cores")
    assert not choice(network(0, (32, 32, 3), 16, (3, 3), 1), "siracusa-cores")


def test_cores_that_read_windows_in_place_unfold_nothing():
    module = network(0, (49, 10, 4), 64, (10, 4), 4)
    assert not choice(module, "siracusa-cores")
    assert not choice(network(0, (49, 10, 1), 64, (10, 4), 4), "siracusa-rv32")


def test_dilated_and_grouped_windows_stay():
    b = Builder(np.random.default_rng(0))
    x = b.conv(b.input(1, 12, 12, 4), None, (5, 5))
    module = b.finish(b.conv(x, 64, (5, 3), dilations=(1, 2)))
    assert not choice(module, "siracusa")
