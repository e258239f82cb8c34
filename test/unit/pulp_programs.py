"""Builds small programs of `test/unit/pulp` and `test/unit/cluster`: bare-metal ones that run on
the emulator, and the same with threads for cores.
"""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from runnel.dialects.platform import PlatformAttr
from runnel.runtime.emulator import Emulator, Report, machine_of
from runnel.runtime.platforms import board_folder, load_platform
from runnel.runtime.runners.build_files import defines, memory_script

HERE = Path(__file__).parent
SOURCES = HERE / "pulp"
COMPILER = "riscv64-unknown-elf-gcc"
SMALL = SOURCES / "small_cluster.toml"

needs_compiler = pytest.mark.skipif(
    shutil.which(COMPILER) is None, reason=f"{COMPILER} is not installed (see setup.sh)"
)


def build(name: str, folder: Path, platform: PlatformAttr, flags: Sequence[str] = ()) -> Path:
    """The program of `pulp/<name>.c`, or of another folder here (`cluster/hal`), with the board of
    the platform; all warnings are errors.
    """
    source = HERE / f"{name}.c" if "/" in name else SOURCES / f"{name}.c"
    folders = [board_folder("common"), *(board_folder(f) for f in platform.board.folders)]
    (folder / "memory.ld").write_text(memory_script(platform))
    sources = [path for f in folders[1:] for path in sorted(f.glob("*.c"))]
    scripts = [path for f in folders[1:] for path in f.glob("sections.ld")]
    program = folder / f"{source.stem}.elf"
    toolchain = platform.toolchain
    command = [
        *(toolchain.prefix + toolchain.compiler, *toolchain.cpu, *toolchain.optimize),
        *("-std=gnu99", "-Wall", "-Wextra", "-Werror", *defines(platform), *flags),
        *(f"-I{f}" for f in folders),
        *(["-L", str(folder), "-T", str(scripts[0])] if scripts else []),
        *(str(source), *map(str, sources), "-o", str(program), *toolchain.link),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return program


@dataclass(frozen=True)
class Run:
    """What a program printed and what was measured."""

    text: str
    report: Report


def run(
    name: str,
    folder: Path,
    flags: Sequence[str] = (),
    *,
    platform: str | Path = "siracusa",
    poison: bool = False,
    limit: int = 50_000_000,
) -> Run:
    """Build and run in one step."""
    description = load_platform(platform)
    program = build(name, folder, description, flags)
    text: list[bytes] = []
    emulator = Emulator(machine_of(description, poison=poison), text.append)
    report = emulator.run(program, limit=limit)
    return Run(b"".join(text).decode(), report)
