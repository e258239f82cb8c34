"""Compiles cases with the host's gcc, or with a cross compiler for QEMU, and runs them."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from .cases import Case

HERE = Path(__file__).parent
KERNELS = HERE.parents[2] / "runtime" / "c" / "kernels"
BOARDS = KERNELS.parent / "boards"
WARNINGS = ["-std=c99", "-Wall", "-Wextra", "-Werror"]


@dataclass(frozen=True)
class Result:
    instructions: int
    """Zero on a host."""
    wrong: int
    """Bytes that differ."""
    detail: str


@dataclass(frozen=True)
class Machine:
    cc: str
    flags: tuple[str, ...]
    run: tuple[str, ...] = ()
    """The emulator's command line; the program is appended. Empty: run the program itself."""

    def missing(self) -> str | None:
        """Why this machine cannot be used here, or None."""
        for tool in (self.cc, *self.run[:1]):
            if shutil.which(tool) is None:
                return f"{tool} is not installed"
        return None

    def build(self, cases: Sequence[Case], folder: Path) -> Path:
        calls = " ".join(f"X({i})" for i in range(len(cases)))
        (folder / "cases.inc").write_text(f"#define CASES(X) {calls}\n")
        sources = [folder / f"case_{i}.c" for i in range(len(cases))]
        for index, (case, source) in enumerate(zip(cases, sources, strict=True)):
            source.write_text(case.text(index))
        program = folder / "cases.elf"
        includes = [f"-I{KERNELS}", f"-I{HERE}", f"-I{folder}"]
        command = [
            self.cc,
            *WARNINGS,
            *includes,
            *sources,
            HERE / "main.c",
            "-o",
            program,
            *self.flags,
        ]
        done = subprocess.run(command, capture_output=True, text=True, cwd=folder)
        assert done.returncode == 0, done.stderr
        return program

    def results(self, cases: Sequence[Case], folder: Path) -> dict[str, Result]:
        program = self.build(cases, folder)
        done = subprocess.run([*self.run, program], capture_output=True, text=True, timeout=600)
        text = done.stdout + done.stderr  # QEMU's semihosting console is stderr
        found: dict[str, Result] = {}
        for name, *numbers in re.findall(
            r"^(\S+) (-?\d+) (\d+) (\d+) (-?\d+) (-?\d+)$", text, re.M
        ):
            count, wrong, first, got, expected = map(int, numbers)
            found[name] = Result(
                count, wrong, f"{wrong} wrong, first [{first}] {got} not {expected}"
            )
        assert len(found) == len(cases), f"stopped early: {text[-3000:]}"
        return found


SANITIZE = ("-O1", "-g", "-fsanitize=address,undefined", "-fno-sanitize-recover=all")
HOST = Machine("gcc", ("-O2",))
HOST_CHECKED = Machine("gcc", SANITIZE)


def qemu(machine: str, *flags: str) -> Machine:
    run = ("qemu-system-arm", "-M", machine, "-nographic", "-monitor", "none", "-serial", "none")
    run += ("-semihosting-config", "enable=on,target=native", "-icount", "shift=6", "-kernel")
    link = (
        "-nostartfiles",
        "--specs=nano.specs",
        "-Wl,--no-warn-rwx-segments",
        f"-T{HERE / 'mps2.ld'}",
    )
    return Machine("arm-none-eabi-gcc", (*flags, "-DBARE", *link), run)


CORTEX_M4 = qemu(
    "mps2-an386", "-O2", "-mcpu=cortex-m4", "-mthumb", "-mfloat-abi=hard", "-mfpu=fpv4-sp-d16"
)


def qemu_riscv(*flags: str, cpu: str = "rv32") -> Machine:
    """QEMU's virt machine, started by the board code of the runtime; minstret counts."""
    run = (
        "qemu-system-riscv32",
        "-M",
        "virt",
        "-cpu",
        cpu,
        "-bios",
        "none",
        "-nographic",
        "-monitor",
        "none",
    )
    run += ("-serial", "none", "-semihosting-config", "enable=on,target=native")
    run += ("-icount", "shift=0", "-kernel")
    virt, semihosting = BOARDS / "virt", BOARDS / "semihosting"
    link = (
        *(f"-I{virt}", f"-I{semihosting}", str(virt / "rn_start.c"), "-nostartfiles"),
        *("--specs=picolibc.specs", f"-L{HERE / 'virt'}", f"-T{virt / 'sections.ld'}"),
    )
    return Machine("riscv64-unknown-elf-gcc", (*flags, "-DBARE", *link), run)


RV32 = qemu_riscv("-O2", "-fno-schedule-insns", "-march=rv32imc", "-mabi=ilp32", "-mcmodel=medany")
VECTORS = "rv32,v=true,vlen=128,vext_spec=v1.0"
RVV = qemu_riscv("-O2", "-march=rv32imc", "-mabi=ilp32", "-mcmodel=medany", "-DRN_RVV", cpu=VECTORS)
