"""Cycles of the emulator beside those of the reference programs, and its speed.

python bench/emulator.py [--shared FOLDER] [--json FILE]

Builds the programs of `FOLDER/reference/pulp` (default: ../shared) for Siracusa and compares what
they print with the table of `FOLDER/reference/README.md`. Exit code 1 if a row is off by more than
15 % or the emulator runs fewer than 50 million instructions per second.
"""

from __future__ import annotations

import argparse
import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from runnel.runtime.emulator import Emulator, Report, machine_of
from runnel.runtime.platforms import load_platform
from runnel.tools.report.text_table import text_table

COMPILER = "riscv64-unknown-elf-gcc"
FLAGS = (
    *("-march=rv32imc", "-mabi=ilp32", "-O2", "-ffunction-sections", "-DPE_STACK=0x800"),
    *("-nostartfiles", "--specs=picolibc.specs", "-w", "-Wl,--no-warn-rwx-segments"),
)
LIMIT = 0.15
LEAST_MIPS = 50.0


@dataclass(frozen=True)
class Row:
    """A row of the table: where its number is in what `program` prints (`nth` match)."""

    name: str
    program: str
    pattern: str
    reference: float
    nth: int = 0
    divide: float = 1.0


ROWS = (
    Row("nop/addi/bnez loop", "main", r"warm (\d+)", 5, divide=1000),
    Row("8 cores, 1,000 loads from L1", "micro", r"distinct banks (\d+)", 1400),
    Row("8 cores, 1,000 loads from L2", "micro", r"L2 (\d+) cycles", 15400),
    Row("barrier, 8 cores", "micro", r"100 barriers x8 cores: (\d+)", 9.2, divide=100),
    *(
        Row(f"DMA to L1, {size} bytes", "micro", rf"dma in {size} B: (\d+)", cycles)
        for size, cycles in ((256, 54), (512, 82), (1024, 150), (2048, 274))
    ),
    Row("DMA to L1, 9216 bytes", "main", r"DMA L2->L1 9216 bytes: (\d+)", 1204),
    Row("DMA from L1, 256 bytes", "micro", r"dma out 256 B: (\d+)", 66),
    Row("DMA from L1, 2048 bytes", "micro", r"dma out 2048 B: (\d+)", 314),
    Row("DMA to L1, 32 rows of 32 bytes", "micro", r"dma 2D .*: (\d+) cyc OK", 187),
    Row("conv, C, single buffer", "main", r"C single +cycles=(\d+) .*OK", 14_890_823),
    Row("conv, C, double buffer", "main", r"C double +cycles=(\d+) .*OK", 14_879_742),
    Row("conv, Xpulp, single buffer", "main", r"xpulp single +cycles=(\d+) .*OK", 1_446_131),
    Row("conv, Xpulp, double buffer", "main", r"xpulp double +cycles=(\d+) .*OK", 1_434_965),
    Row("add, single buffer", "micro", r"single-buffer (\d+)", 157_589),
    Row("add, double buffer", "micro", r"double-buffer (\d+)", 134_169),
    Row("add, compute only", "micro", r"compute only (\d+)", 131_561),
    Row("NPU 1x1 conv", "npu", r"NEUREKA .*: (\d+) cycles.*mismatches 0", 2298),
    Row("NPU alone", "npu", r"alone: npu (\d+)", 2134),
    Row("8 cores alone", "npu", r"cores (\d+) dma16K", 2606),
    Row("DMA of 16 KiB alone", "npu", r"dma16K (\d+)", 2083),
    Row("conv row on one core, C", "row0", r"row0: cycles (\d+)", 2_283_740, nth=1),
    Row("conv row on one core, Xpulp", "row0", r"row0: cycles (\d+)", 229_497, nth=3),
)
"""The rows without contention of cores, DMA and NPU; `Row.nth` skips runs with a cold cache."""


@dataclass(frozen=True)
class Measured:
    row: Row
    cycles: float

    @property
    def error(self) -> float:
        return self.cycles / self.row.reference - 1.0


def build(reference: Path, folder: Path) -> None:
    """Compile the reference programs into `folder`; they include ../common/conv.h."""
    shutil.copytree(reference / "pulp", folder / "pulp")
    shutil.copytree(reference / "qemu/common", folder / "common")
    sources = folder / "pulp"
    for program in sorted({row.program for row in ROWS}):
        files = [sources / name for name in (f"{program}.c", "rt.c", "start.S")]
        script = ("-T", str(sources / "siracusa.ld"))
        subprocess.run(
            [COMPILER, *FLAGS, *script, *map(str, files), "-o", str(folder / f"{program}.elf")],
            check=True,
        )


def run(folder: Path, *, contention: bool) -> dict[str, tuple[str, Report]]:
    """What each program prints, and its report."""
    machine = machine_of(load_platform("siracusa"), contention=contention)
    results: dict[str, tuple[str, Report]] = {}
    for program in sorted({row.program for row in ROWS}):
        text: list[bytes] = []
        report = Emulator(machine, text.append).run(folder / f"{program}.elf")
        results[program] = b"".join(text).decode(), report
    return results


def measured(results: dict[str, tuple[str, Report]]) -> Iterator[Measured]:
    """The rows of the table; a row that a program did not print is an error."""
    for row in ROWS:
        found = re.findall(row.pattern, results[row.program][0])
        if len(found) <= row.nth:
            raise SystemExit(f"{row.program} did not print {row.name}")
        yield Measured(row, int(found[row.nth]) / row.divide)


def speed(results: dict[str, tuple[str, Report]]) -> float:
    """Million emulated instructions per second over all programs."""
    reports = [report for _, report in results.values()]
    return sum(r.instructions for r in reports) / sum(r.seconds for r in reports) / 1e6


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="The emulator beside the reference cycles.")
    add = parser.add_argument
    add("--shared", type=Path, default=Path(__file__).resolve().parents[2] / "shared")
    add("--json", type=Path, metavar="FILE", help="write the numbers to FILE too")
    args = parser.parse_args(argv)
    with TemporaryDirectory() as name:
        build(args.shared / "reference", Path(name))
        results = run(Path(name), contention=False)
        with_contention = list(measured(run(Path(name), contention=True)))
    rows = list(measured(results))
    lines = [
        (m.row.name, m.row.reference, m.cycles, f"{100 * m.error:+.1f} %", c.cycles)
        for m, c in zip(rows, with_contention, strict=True)
    ]
    header = ("what", "reference", "emulator", "off by", "with contention")
    print(text_table(header, lines), end="")
    mips = speed(results)
    print(f"{mips:.0f} million instructions per second")
    if args.json is not None:
        args.json.write_text(json.dumps([asdict(m) for m in rows], indent=2) + "\n")
    return 1 if mips < LEAST_MIPS or any(abs(m.error) > LIMIT for m in rows) else 0


if __name__ == "__main__":
    sys.exit(main())
