"""Our emulator of PULP clusters: semihosting for files, the same program as on the SoC."""

from __future__ import annotations

import sys
from pathlib import Path

from ...dialects.platform import Board, PlatformAttr


class EmulatorRunner:
    """One process runs all inferences. `board.machine` is what it emulates: the name of a platform,
    or the path of its TOML file.
    """

    counts_instructions = True
    bare_metal = True

    def command(self, board: Board, *, profile: bool) -> list[str]:
        return [
            *(sys.executable, "-m", "runnel.runtime.emulator"),
            *("--platform", str(board.machine), "--"),
        ]

    def explain(self, program: Path, platform: PlatformAttr, log: str, status: int) -> str:
        for line in log.splitlines():
            if line.startswith("error: "):
                return line.removeprefix("error: ")
        return f"{program.name} ended with exit code {status}:\n{log}".rstrip()
