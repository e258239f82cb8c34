"""The host: the program is a process of this machine."""

from __future__ import annotations

import signal
from dataclasses import replace
from pathlib import Path

from ...dialects.platform import PlatformAttr
from . import Emulation
from .plain import PlainRunner


class HostRunner(PlainRunner):
    """Needs only a C compiler; measures nothing, which makes it the runner for sanitizers."""

    counts_instructions = False
    bare_metal = False

    def command(self, platform: PlatformAttr, sources: Path, *, profile: bool) -> list[str]:
        return []

    def options(self, emulation: Emulation, folder: Path) -> list[str]:
        super().options(replace(emulation, poison=False), folder)
        return ["env", "RN_LATE=1"] if emulation.poison else []

    def explain(self, program: Path, platform: PlatformAttr, log: str, status: int) -> str:
        if status < 0:
            return f"{program.name} was stopped by {signal.Signals(-status).name}\n{log}".rstrip()
        return f"{program.name} ended with exit code {status}:\n{log}".rstrip()
