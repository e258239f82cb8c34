"""The rv32 platform: programs on QEMU's riscv32 `virt` machine, and how failures read."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
from test_runners import OUTPUTS, check, inputs_of, program_in

from runnel.dialects.diagnostics import RunnelError
from runnel.runtime.platforms import load_platform
from runnel.runtime.runners import run

PLATFORM = "rv32"
TOOLS = ("qemu-system-riscv32", "riscv64-unknown-elf-gcc")
pytestmark = pytest.mark.skipif(
    any(shutil.which(tool) is None for tool in TOOLS),
    reason="needs qemu-system-misc, gcc-riscv64-unknown-elf, picolibc-riscv64-unknown-elf",
)


def test_many_inferences_in_one_process(tmp_path: Path) -> None:
    inputs = inputs_of(300)
    check(run(program_in(tmp_path, PLATFORM), inputs, OUTPUTS), inputs)


def test_instructions_are_exact(tmp_path: Path) -> None:
    """An empty layer counts 0, a thousand more iterations count exactly 3,000 more."""
    inputs = inputs_of(1)
    few = run(program_in(tmp_path, PLATFORM, profile=True), inputs, OUTPUTS)
    many = run(program_in(tmp_path, PLATFORM, "-DSMALL_LOOPS=2000u", profile=True), inputs, OUTPUTS)
    assert few.instructions_per_layer is not None and many.instructions_per_layer is not None
    assert few.total_instructions is not None
    assert few.instructions_per_layer[1] == many.instructions_per_layer[1] == 0
    assert many.instructions_per_layer[0] - few.instructions_per_layer[0] == 3000
    assert 3001 <= few.instructions_per_layer[0] <= 3020
    assert few.instructions_per_layer[2] == many.instructions_per_layer[2] > 0
    assert 0 < few.total_instructions - sum(few.instructions_per_layer) < 20


def test_a_long_layer_is_exact_too(tmp_path: Path) -> None:
    long = program_in(tmp_path, PLATFORM, "-DSMALL_LOOPS=20000000u", profile=True)
    layers = run(long, inputs_of(1), OUTPUTS).instructions_per_layer
    assert layers is not None and 60_000_001 <= layers[0] <= 60_000_030


def test_stack_and_sizes(tmp_path: Path) -> None:
    shallow = run(program_in(tmp_path, PLATFORM), inputs_of(1), OUTPUTS)
    deep = program_in(tmp_path, PLATFORM, "-DSMALL_DEEP=4000")
    result = run(deep, inputs_of(1), OUTPUTS)
    assert shallow.stack_bytes is not None and result.stack_bytes is not None
    assert 0 < shallow.stack_bytes < 100
    assert 4000 <= result.stack_bytes < 4100
    sizes = deep.sizes
    assert sizes is not None and 64 + 8 <= sizes.model_ram < 64 + 32
    assert 200 < sizes.model_flash < 1000 and 1000 < sizes.harness_flash < 3000


def test_linker_script_follows_the_platform(tmp_path: Path) -> None:
    machine = load_platform(PLATFORM)
    command = ["riscv64-unknown-elf-nm", program_in(tmp_path, PLATFORM).elf]
    table = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    address = {line.split()[2]: int(line.split()[0], 16) for line in table.splitlines()}
    data, code = machine.data_memory, machine.code_memory
    assert address["rn_reset"] == code.address
    assert address["rn_stack_limit"] == data.address
    assert address["rn_stack_top"] == data.address + machine.board.stack
    assert data.address <= address["small_arena"] < data.end
    assert code.address <= address["small_run"] < code.end


def test_a_fault_names_the_function(tmp_path: Path) -> None:
    with pytest.raises(RunnelError) as caught:
        run(program_in(tmp_path, PLATFORM, "-DSMALL_CRASH"), inputs_of(1), OUTPUTS)
    message = str(caught.value)
    assert f"small on {PLATFORM}: HARD FAULT pc=0x" in message
    assert "address=0xf0000000" in message
    assert "pc is in small_run at small.c:" in message


def test_a_stack_overflow_says_so(tmp_path: Path) -> None:
    program = program_in(tmp_path, PLATFORM, "-DSMALL_DEEP=16500")
    with pytest.raises(RunnelError, match="stack overflow: more than the 16384 bytes"):
        run(program, inputs_of(1), OUTPUTS)
