"""QEMU's bare-metal boards: semihosting for files, -icount for exact instruction counts."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

from ...dialects.platform import PlatformAttr
from .plain import PlainRunner

FAULT = re.compile(r"^HARD FAULT pc=0x([0-9a-f]+) lr=0x([0-9a-f]+).*", re.MULTILINE)


class QemuRunner(PlainRunner):
    """One process of qemu-system-arm runs all inferences."""

    counts_instructions = True
    bare_metal = True
    machine: tuple[str, ...] = ("qemu-system-arm",)
    """The emulator, and what it needs before the name of the machine."""

    def command(self, platform: PlatformAttr, sources: Path, *, profile: bool) -> list[str]:
        board = platform.board
        icount = ["-icount", f"shift={board.icount_shift}"] if profile else []
        return [
            *(*self.machine, "-M", str(board.machine)),
            *("-display", "none", "-monitor", "none", "-serial", "none"),
            *("-chardev", "stdio,id=console"),
            *("-semihosting-config", "enable=on,target=native,chardev=console"),
            *icount,
            "-kernel",
        ]

    def explain(self, program: Path, platform: PlatformAttr, log: str, status: int) -> str:
        if re.search("^STACK OVERFLOW", log, re.MULTILINE):
            return f"stack overflow: more than the {platform.board.stack} bytes of board.stack"
        fault = FAULT.search(log)
        if fault is None:
            return f"{program.name} ended with exit code {status}:\n{log}".rstrip()
        places = [
            f"{register} is in {_place(program, platform, address)}"
            for register, address in (("pc", fault[1]), ("lr", fault[2]))
        ]
        return "\n".join([fault[0], *places])


class QemuRiscvRunner(QemuRunner):
    """The same with qemu-system-riscv32 and no firmware below the program."""

    machine = ("qemu-system-riscv32", "-bios", "none")


def _place(program: Path, platform: PlatformAttr, address: str) -> str:
    """`function at file:line` of a code address, as far as the tools know."""
    tool = shutil.which(f"{platform.toolchain.prefix}addr2line")
    if tool is None:
        return f"0x{address}"
    found = subprocess.run(
        [tool, "-f", "-s", "-e", str(program), f"0x{address}"],
        capture_output=True,
        text=True,
        check=False,
    )
    return " at ".join(found.stdout.split("\n")[:2])
