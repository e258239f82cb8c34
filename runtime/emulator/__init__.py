"""The emulator of RISC-V clusters with DMA and NPU: runs the cross-compiled program and times it.

`machine_of(platform)` says what is emulated, `Emulator(machine).run(elf)` runs a program and gives
a `Report`; `python -m runnel.runtime.emulator` does both. The inner loops are C (`native/`).
"""

from .machine import Machine, machine_of
from .report import Report
from .soc import Emulator

__all__ = ["Emulator", "Machine", "Report", "machine_of"]
