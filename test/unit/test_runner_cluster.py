"""A hand-written model on all cores: built and run as emitted ones are, on emulator and threads."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from platform_files import platform_with
from pulp_programs import COMPILER

from runnel.dialects.diagnostics import RunnelError
from runnel.runtime.platforms import load_platform
from runnel.runtime.runners import Array, Emulation, Program, RunResult, Tensor, build, run
from runnel.runtime.runners.build_files import write_build_files

MODEL = Path(__file__).parent / "cluster_model"
BYTES = 4096
OUTPUTS = [Tensor(np.dtype(np.int8), (BYTES,))]
has_compiler = pytest.mark.skipif(shutil.which(COMPILER) is None, reason=f"needs {COMPILER}")
EMULATED = [
    pytest.param(name, marks=has_compiler)
    for name in ("siracusa", "siracusa-cores", "siracusa-rv32", "siracusa-ext", "pulp-4")
]


def program_in(folder: Path, platform: str, *flags: str) -> Program:
    for file in MODEL.iterdir():
        shutil.copy(file, folder)
    machine = load_platform(platform)
    write_build_files(folder, "spmd", machine, ["spmd.c", "spmd.h"])
    return build(folder, "spmd", machine, extra_flags=["-Werror", *flags])


def inputs_of(count: int) -> list[list[Array]]:
    rng = np.random.default_rng(count)
    return [[rng.integers(-128, 128, BYTES).astype(np.int8)] for _ in range(count)]


def is_right(result: RunResult, inputs: list[list[Array]]) -> bool:
    return all(
        np.array_equal(y, x * np.int8(2) + np.int8(1))
        for (y,), (x,) in zip(result.outputs, inputs, strict=True)
    )


@pytest.mark.parametrize("poison", [False, True])
@pytest.mark.parametrize("platform", ["host-cluster", "host-npu", *EMULATED])
def test_all_bytes(tmp_path: Path, platform: str, poison: bool) -> None:
    program = program_in(tmp_path, platform)
    inputs = inputs_of(3)
    assert is_right(run(program, inputs, OUTPUTS, emulation=Emulation(poison=poison)), inputs)


@pytest.mark.parametrize("platform", ["host-cluster", EMULATED[0]])
def test_poison_shows_a_missing_wait(tmp_path: Path, platform: str) -> None:
    program = program_in(tmp_path, platform, "-DSPMD_LATE_WAIT")
    inputs = inputs_of(1)
    assert not is_right(run(program, inputs, OUTPUTS, emulation=Emulation(poison=True)), inputs)


@pytest.mark.parametrize("platform", EMULATED)
def test_cycles_are_those_of_the_network(tmp_path: Path, platform: str) -> None:
    found = run(program_in(tmp_path, platform), inputs_of(2), OUTPUTS).cycles
    assert found is not None and found.complete
    assert found.source == f"runnel emulator of {platform}"
    assert len(found.inferences) == 2 and found.total.cycles == found.inferences[1]
    assert found.inferences[1] <= found.inferences[0], "the instruction cache is warm"
    assert list(found.layers) == [0, 1]
    layers = list(found.layers.values())
    parts = sum(layer.cycles for layer in layers)
    assert 0.9 * found.total.cycles < parts <= found.total.cycles
    for layer in (*layers, found.total):
        share = 2 if layer is found.total else 1
        assert layer.bytes_in == layer.bytes_out == BYTES * share
        assert layer.transfers == 8 * share
        assert BYTES * share / 8 * 2 <= layer.dma <= layer.cycles
        assert layer.exposed_dma > 0.9 * layer.dma, "nothing runs beside the transfers here"
        assert layer.wait_dma > 0 and layer.npu == layer.npu_jobs == 0
        assert len(layer.busy) == found.cores
        assert max(layer.busy[1:]) < layer.busy[0] + layer.wait_dma
        least = BYTES * share * 4
        assert least < layer.instructions < 10 * least


@has_compiler
def test_external_memory_is_slower(tmp_path: Path) -> None:
    program = program_in(tmp_path, "siracusa-ext")
    text = (tmp_path / "spmd.c").read_text()
    near = run(program, inputs_of(1), OUTPUTS).cycles
    far_away = '__attribute__((section(".bss.ext.x"))) static int8_t spmd_x['
    text = text.replace("static int8_t spmd_x[", far_away)
    (tmp_path / "spmd.c").write_text(text)
    inputs = inputs_of(1)
    again = build(tmp_path, "spmd", program.platform)
    result = run(again, inputs, OUTPUTS)
    assert is_right(result, inputs)
    far = result.cycles
    assert near is not None and far is not None
    slower = far.layers[0].dma - near.layers[0].dma
    expected = BYTES * (1 / 1.1 - 1 / 8) + 4 * (60 - 8)
    assert abs(slower - expected) < 0.05 * expected
    assert far.layers[1].dma == near.layers[1].dma


@has_compiler
def test_constants_can_be_in_external_memory(tmp_path: Path) -> None:
    """They are there when the program starts, and come through the DMA."""
    program = program_in(tmp_path, "siracusa-ext")
    text = (tmp_path / "spmd.c").read_text()
    values = ", ".join(str(i % 100) for i in range(BYTES))
    place = '__attribute__((section(".rodata.ext.c")))'
    constant = f"{place} static const int8_t spmd_c[] = {{{values}}};"
    text = text.replace("static void spmd_layer", f"{constant}\nstatic void spmd_layer")
    (tmp_path / "spmd.c").write_text(text.replace("core, spmd_x,", "core, spmd_c,"))
    result = run(build(tmp_path, "spmd", program.platform), inputs_of(1), OUTPUTS)
    assert is_right(result, [[(np.arange(BYTES) % 100).astype(np.int8)]])
    assert result.flash_bytes is not None and result.flash_bytes > BYTES


@has_compiler
def test_trace(tmp_path: Path) -> None:
    trace = tmp_path / "trace.json"
    run(program_in(tmp_path, "pulp-4"), inputs_of(1), OUTPUTS, emulation=Emulation(trace=trace))
    bars = [e for e in json.loads(trace.read_text())["traceEvents"] if e["ph"] == "X"]
    assert sum(bar["args"].get("bytes", 0) for bar in bars) == 4 * BYTES
    assert {"layer 0", "layer 1"} <= {bar["name"] for bar in bars}


def test_trace_needs_the_emulator(tmp_path: Path) -> None:
    program = program_in(tmp_path, "host-cluster")
    with pytest.raises(RunnelError, match="needs a platform that runs on the emulator"):
        run(program, inputs_of(1), OUTPUTS, emulation=Emulation(trace=tmp_path / "trace.json"))


@has_compiler
def test_stacks_are_measured_and_checked(tmp_path: Path) -> None:
    found = run(program_in(tmp_path, "siracusa", "-DSPMD_DEEP=400"), inputs_of(1), OUTPUTS).cycles
    assert found is not None
    used = {stack.name: stack.used for stack in found.stacks}
    assert all(400 <= used[f"core {core}"] < 0x280 for core in range(8))
    assert 0 < used["main"] < 4096
    deep = program_in(tmp_path, "siracusa", "-DSPMD_DEEP=1024")
    with pytest.raises(RunnelError, match=r"core \d: stack overflow.*in spmd_layer"):
        run(deep, inputs_of(1), OUTPUTS)


@has_compiler
def test_l1_has_room_for_what_the_compiler_was_told(tmp_path: Path) -> None:
    """All bytes beside the stacks can be used, and the linker refuses one row more."""
    platform = platform_with(tmp_path, "siracusa", l1=0x4000)
    left = 0x4000 - load_platform(platform).stack_bytes("l1")
    assert left == 0x4000 - 8 * 0x280
    fits = program_in(tmp_path, platform, f"-DSPMD_L1={left - 1024}")
    inputs = inputs_of(1)
    assert is_right(run(fits, inputs, OUTPUTS), inputs)
    with pytest.raises(RunnelError, match=r"region `l1' overflowed"):
        program_in(tmp_path, platform, f"-DSPMD_L1={left - 1024 + 16}")
