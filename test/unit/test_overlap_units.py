"""overlap-units: the bytes of what it was given, and nothing that it orders may be left out."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from platform_files import platform_with
from pulp_programs import needs_compiler
from tile_networks import Builder, random_inputs
from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.dialects.func import FuncOp
from xdsl.utils.exceptions import PassFailedException

from runnel.dialects import cluster, dma, npu, quant
from runnel.lowering.print_c import print_c
from runnel.passes.dma.verify_hazards import VerifyHazards
from runnel.passes.memory.placement import Placement, place
from runnel.passes.overlap import overlap_units
from runnel.runtime.interpreter import run
from runnel.runtime.platforms import load_platform
from runnel.runtime.runners import Emulation, Tensor, build
from runnel.runtime.runners import run as run_program
from runnel.runtime.runners.build_files import write_build_files
from runnel.tools.pipeline import resolve_pipeline
from runnel.tools.registry import new_context

FIT = "set-platform{platform=siracusa},fit-requant"
TILES = "fold-columns,place-units,tile-network{solver=heuristic}"
WRITTEN = "convert-tile-to-dma,software-pipeline,split-transfers"
REST = "defer-waits,dce,cse,plan-memory,verify-memory,fork-cores,verify-hazards"


def lowered(module: ModuleOp, passes: str) -> ModuleOp:
    copy = module.clone()
    resolve_pipeline(passes).run(new_context(), copy)
    return copy


class NpuBuilder(Builder):
    """Layers that clamp to all of int8, which the NPU can."""

    def requant(self, channels: int, summed: int) -> quant.RequantAttr:
        found = super().requant(channels, summed)
        numbers = found.multiplier_array(), found.shift_array()
        return quant.RequantAttr.get(*numbers, "single", (-128, 127))


def residual_blocks() -> ModuleOp:
    """Two blocks of convolutions whose input is added to their result, the second with a stride,
    and an average over what is left.
    """
    b = NpuBuilder(np.random.default_rng(3))
    x = b.conv(b.input(1, 20, 18, 8), 32, (3, 3), pads=(1, 1, 1, 1))
    x = b.add(x, b.conv(x, 32, (3, 3), pads=(1, 1, 1, 1)))
    y = b.conv(x, 64, (3, 3), pads=(0, 0, 1, 1), strides=(2, 2))
    x = b.add(b.conv(y, 64, (3, 3), pads=(1, 1, 1, 1)), b.conv(x, 64, (1, 1), strides=(2, 2)))
    return lowered(b.finish(b.conv(x, 40, (3, 3), pads=(1, 1, 1, 1))), FIT)


@pytest.fixture(scope="module")
def network() -> ModuleOp:
    return residual_blocks()


@pytest.fixture(scope="module")
def overlapped(network: ModuleOp) -> ModuleOp:
    """The network at the end of the road."""
    return lowered(network, f"{TILES},{WRITTEN},overlap-units,{REST}")


def kinds(module: ModuleOp) -> list[str]:
    """J for each job, K for each kernel of the cores, in their order."""
    ops = (op for op in module.walk() if isinstance(op, npu.Conv2DOp | cluster.KernelOp))
    return ["J" if isinstance(op, npu.Conv2DOp) else "K" for op in ops]


def test_bands_take_turns_and_give_the_same_bytes(network: ModuleOp):
    inputs = random_inputs(network, 7)
    expected = list(run(network, inputs).values())
    written = lowered(network, f"{TILES},{WRITTEN}")
    found = lowered(written, "overlap-units")
    turns = ["".join(kinds(module)) for module in (written, found)]
    assert turns[1].count("KJ") > turns[0].count("KJ") + 2, turns
    for module in (found, lowered(found, REST)):
        for a, b in zip(run(module, inputs).values(), expected, strict=True):
            np.testing.assert_array_equal(a, b)


def test_no_wait_may_come_later(overlapped: ModuleOp):
    """Each wait stands where it is needed: behind the next kernel, transfer or job that touches
    bytes, at least one of them is refused, and never is it one that is simply left out.
    """
    waits = [op for op in overlapped.walk() if isinstance(op, npu.WaitOp)]
    refused = 0
    for index in range(len(waits)):
        module = overlapped.clone()
        wait = [op for op in module.walk() if isinstance(op, npu.WaitOp)][index]
        block, kernel = wait.parent_block(), wait.next_op
        while kernel is not None and not isinstance(kernel, cluster.KernelOp | dma.StartOp):
            kernel = kernel.next_op
        if kernel is None or block is None:
            continue
        wait.detach()
        block.insert_op_after(wait, kernel)
        try:
            VerifyHazards().apply(Context(), module)
        except PassFailedException as error:
            assert "may still be" in str(error)
            refused += 1
    assert refused >= 5


def test_a_dropped_wait_is_refused(overlapped: ModuleOp):
    for index in range(0, sum(isinstance(op, npu.WaitOp) for op in overlapped.walk()), 4):
        module = overlapped.clone()
        wait = [op for op in module.walk() if isinstance(op, npu.WaitOp)][index]
        wait.detach()
        with pytest.raises(PassFailedException, match=r"may still be|never waited for"):
            VerifyHazards().apply(Context(), module)


@pytest.mark.parametrize("kib", [24, 40])
def test_little_memory_is_not_exceeded(network: ModuleOp, tmp_path: Path, kib: int):
    """Memory can still be planned where L1 holds little more than what is alive anyway, and what
    is alive of it leaves an eighth, or is no more than before.
    """
    stacks = load_platform("siracusa").stack_bytes("l1")
    small = platform_with(tmp_path, "siracusa", l1=stacks + kib * 1024)
    tiles = lowered(network, f'set-platform{{platform="{small}"}},{TILES},{WRITTEN}')
    sizes: list[int] = []
    for passes in (REST, f"overlap-units,{REST}"):
        module = lowered(tiles, passes)
        (function,) = [op for op in module.walk() if isinstance(op, FuncOp)]
        sizes.append(dma.arenas_of(function)["l1"].bound.data)
    assert sizes[1] <= max(sizes[0], kib * 1024 * 7 // 8)


@pytest.mark.parametrize(("failures", "taken"), [(0, True), (1, True), (99, False)])
def test_an_order_whose_buffers_find_no_place_is_not_taken(
    network: ModuleOp, monkeypatch: pytest.MonkeyPatch, failures: int, taken: bool
):
    """Another one is tried that leaves more room for gaps, up to some."""
    written = lowered(network, f"{TILES},{WRITTEN}")
    tried: list[int] = []

    def place_later(*arguments: Any, **options: Any) -> Placement:
        found = place(*arguments, **options)
        tried.append(found.arena)
        return found if len(tried) > failures else replace(found, arena=1 << 30)

    monkeypatch.setattr(overlap_units, "place", place_later)
    assert (str(lowered(written, "overlap-units")) != str(written)) == taken
    assert len(tried) == min(failures + 1, len(overlap_units.SHARES))


@needs_compiler
@pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")
def test_the_program_gives_the_same_bytes_in_fewer_cycles(
    tmp_path: Path, network: ModuleOp, overlapped: ModuleOp
):
    """With freed memory filled and transfers as late as may be."""
    inputs = [x[:1] for x in random_inputs(network, 8)]
    expected = list(run(network, inputs).values())
    cycles: list[int] = []
    for name, module in (
        ("written", lowered(network, f"{TILES},{WRITTEN},{REST}")),
        ("overlapped", overlapped),
    ):
        folder = tmp_path / name
        folder.mkdir()
        files = print_c(lowered(module, "lower-to-c"))
        for file, text in files.items():
            (folder / file).write_text(text)
        platform = load_platform("siracusa")
        write_build_files(folder, "net", platform, list(files))
        tensors = [Tensor(y.dtype, y.shape) for y in expected]
        program = build(folder, "net", platform)
        result = run_program(program, [inputs, inputs], tensors, emulation=Emulation(poison=True))
        for outputs in result.outputs:
            for a, b in zip(outputs, expected, strict=True):
                np.testing.assert_array_equal(a, b)
        assert result.cycles is not None
        cycles.append(result.cycles.total.cycles)
    assert cycles[1] < 0.9 * cycles[0], cycles
