"""Unicorn as a second opinion: random rv32imc code gives the same registers and memory on both."""

from __future__ import annotations

import os
import random
import struct
from pathlib import Path

import pytest
from pulp_programs import build, needs_compiler

from runnel.runtime.emulator import Emulator, machine_of
from runnel.runtime.emulator.elf import Elf
from runnel.runtime.platforms import load_platform

unicorn = pytest.importorskip("unicorn", reason="unicorn is not installed (pip install .[test])")
pytestmark = needs_compiler

REGISTERS = range(5, 16)
THREE = (
    *("add", "sub", "sll", "slt", "sltu", "xor", "srl", "sra", "or", "and", "mul", "mulh"),
    *("mulhsu", "mulhu", "div", "divu", "rem", "remu"),
)
IMMEDIATE = ("addi", "slti", "sltiu", "xori", "ori", "andi")
SHIFTS = ("slli", "srli", "srai")
LOADS = {"lb": 1, "lh": 2, "lw": 4, "lbu": 1, "lhu": 2}
STORES = {"sb": 1, "sh": 2, "sw": 4}
BRANCHES = ("beq", "bne", "blt", "bge", "bltu", "bgeu")


def instructions(rng: random.Random, count: int) -> list[str]:
    """Random instructions; jumps only go forward."""

    def register() -> str:
        return f"x{rng.choice(REGISTERS)}"

    lines: list[str] = []
    for index in range(count):
        kind = rng.randrange(7)
        if kind <= 1:
            lines.append(f"{rng.choice(THREE)} {register()}, {register()}, {register()}")
        elif kind == 2:
            lines.append(
                f"{rng.choice(IMMEDIATE)} {register()}, {register()}, {rng.randint(-2048, 2047)}"
            )
        elif kind == 3:
            lines.append(f"{rng.choice(SHIFTS)} {register()}, {register()}, {rng.randrange(32)}")
        elif kind == 4:
            lines.append(f"lui {register()}, {rng.randrange(1 << 20)}")
        elif kind == 5:
            name, size = rng.choice(tuple((LOADS | STORES).items()))
            lines.append(f"{name} {register()}, {rng.randrange(64 // size) * size}(x2)")
        else:
            lines.append(f"{rng.choice(BRANCHES)} {register()}, {register()}, fuzz_{index}")
            lines.append(f"xori {register()}, {register()}, {rng.randint(-2048, 2047)}")
            lines.append(f"fuzz_{index}:")
    return [*lines, "nop"]


def on_unicorn(program: Path) -> bytes:
    """The same code on Unicorn's RISC-V: the registers x5 to x15, then the scratch memory."""
    from unicorn import riscv_const as names

    elf = Elf.read(program)
    symbols = {name: address for address, name in zip(*elf.functions, strict=True)}
    engine = unicorn.Uc(unicorn.UC_ARCH_RISCV, unicorn.UC_MODE_RISCV32)
    engine.mem_map(0x1C00_0000, 0x20_0000)
    for address, data in elf.segments:
        engine.mem_write(address, data)
    scratch = 0x1C10_0000
    engine.mem_write(
        scratch, struct.pack("<16I", *(i * 0x01234567 & 0xFFFFFFFF for i in range(16)))
    )
    state = struct.unpack("<32I", engine.mem_read(elf.objects["state"], 128))
    for number in REGISTERS:
        engine.reg_write(names.UC_RISCV_REG_X0 + number, state[number])
    engine.reg_write(names.UC_RISCV_REG_X0 + 2, scratch)
    engine.emu_start(symbols["fuzz_begin"], symbols["fuzz_end"])
    registers = [engine.reg_read(names.UC_RISCV_REG_X0 + number) for number in REGISTERS]
    return struct.pack("<11I", *registers) + bytes(engine.mem_read(scratch, 64))


@pytest.mark.parametrize("seed", range(6))
def test_random_code_gives_the_same(tmp_path: Path, seed: int) -> None:
    rng = random.Random(seed)
    (tmp_path / "fuzz.inc").write_text("\n".join(instructions(rng, 1500)) + "\n")
    special = (0, 1, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)
    values = [rng.choice((*special, rng.getrandbits(32))) for _ in range(32)]
    (tmp_path / "fuzz_state.inc").write_text(", ".join(f"{value}u" for value in values))
    platform = load_platform("siracusa")
    program = build("fuzz", tmp_path, platform, [f"-I{tmp_path}", f"-Wa,-I{tmp_path}"])
    here = Path.cwd()
    os.chdir(tmp_path)
    try:
        assert Emulator(machine_of(platform)).run(program).exit_code == 0
    finally:
        os.chdir(here)
    assert (tmp_path / "out.bin").read_bytes() == on_unicorn(program)
