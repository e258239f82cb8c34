"""What runners have in common that neither time the program nor disturb it."""

from __future__ import annotations

from pathlib import Path

from ...dialects.diagnostics import RunnelError
from ...dialects.platform import PlatformAttr
from ..emulator.cycles import CycleReport
from . import Emulation


class PlainRunner:
    """No trace, no cycles, no poison."""

    def files(self, platform: PlatformAttr) -> dict[str, str]:
        return {}

    def options(self, emulation: Emulation, folder: Path) -> list[str]:
        if emulation.trace is not None or emulation.poison:
            raise RunnelError(
                "a trace, or poison, needs a platform that runs on the emulator (siracusa)"
            )
        return []

    def cycles(self, folder: Path) -> CycleReport | None:
        return None
