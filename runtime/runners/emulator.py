"""Our emulator of PULP clusters: semihosting for files, the same program as on the SoC."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from pathlib import Path

from ...dialects.platform import PlatformAttr
from ..emulator.cycles import CycleReport
from ..emulator.machine import machine_of
from . import Emulation

MACHINE = "machine.json"
"""What is emulated, beside the board's code; it is made from the platform."""

CYCLES = "cycles.json"
"""What was measured, in the folder of a run."""


class EmulatorRunner:
    """One process runs all inferences, and times them."""

    counts_instructions = False
    bare_metal = True

    def files(self, platform: PlatformAttr) -> dict[str, str]:
        machine = {"platform": platform.label, **asdict(machine_of(platform))}
        return {MACHINE: json.dumps(machine, indent=2) + "\n"}

    def command(self, platform: PlatformAttr, sources: Path, *, profile: bool) -> list[str]:
        machine = str(sources / "board" / MACHINE)
        return [sys.executable, "-m", "runnel.runtime.emulator", "--machine", machine]

    def options(self, emulation: Emulation, folder: Path) -> list[str]:
        trace = [] if emulation.trace is None else ["--trace", str(emulation.trace.resolve())]
        poison = ["--poison"] if emulation.poison else []
        free = [] if emulation.free is None else ["--free", str(emulation.free.resolve())]
        return ["--json", str(folder / CYCLES), *trace, *poison, *free]

    def cycles(self, folder: Path) -> CycleReport | None:
        return CycleReport.from_json(json.loads((folder / CYCLES).read_text()))

    def explain(self, program: Path, platform: PlatformAttr, log: str, status: int) -> str:
        for line in log.splitlines():
            if line.startswith("error: "):
                return line.removeprefix("error: ")
        return f"{program.name} ended with exit code {status}:\n{log}".rstrip()
