"""python -m runnel.runtime.emulator [--platform NAME|FILE.toml] [--report] [--trace FILE] PROGRAM

--machine takes what a build has written beside its board code instead of a platform.

Runs a program on the emulated SoC; files that it opens are those of this folder. The exit code is
the program's; 98 if it could not be run to its end.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path

from ...dialects.diagnostics import RunnelError
from ..platforms import load_platform
from .cycles import cycle_report
from .elf import Elf
from .machine import FreeRange, Machine, machine_of, read_machine
from .report import Report
from .soc import Emulator
from .tables import report_text
from .trace import chrome_trace

NOT_RUN = 98
FREE = "what --poison fills after which layer: JSON, a list of [layer, address, bytes]"


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m runnel.runtime.emulator",
        description="Runs a program on the emulated SoC and times it.",
    )
    add = parser.add_argument
    add("program", type=Path, help="the ELF file")
    add("--platform", default="siracusa", metavar="NAME|FILE", help="what is emulated")
    add("--machine", type=Path, metavar="FILE", help="what is emulated, as JSON")
    add("--report", action="store_true", help="print what was measured to stderr")
    add("--json", type=Path, metavar="FILE", help="write what was measured")
    add("--trace", type=Path, metavar="FILE", help="write a Chrome trace")
    add("--poison", action="store_true", help="fill memory with rubbish, deliver transfers late")
    add("--free", type=Path, metavar="FILE", help=FREE)
    add("--no-contention", action="store_true", help="no cost for conflicts at the L1's banks")
    add("--limit", type=int, default=1 << 62, metavar="CYCLES", help="stop after so many cycles")
    args = parser.parse_args(argv)
    try:
        name, machine = _machine(args)
        machine = replace(machine, poison=int(args.poison), contention=int(not args.no_contention))
        if not (args.report or args.json or args.trace):
            machine = replace(machine, trace_limit=0)
        if args.free is not None:
            machine = replace(machine, free=_free_ranges(args.free, args.program))
        report = Emulator(machine).run(args.program, limit=args.limit)
    except RunnelError as error:
        sys.stdout.flush()
        print(f"error: {error}", file=sys.stderr)
        return NOT_RUN
    measured = cycle_report(report, f"runnel emulator of {name}", machine.trace_limit)
    if args.report:
        print(report_text(report), end="", file=sys.stderr)
    if args.trace is not None:
        args.trace.write_text(json.dumps(chrome_trace(report)))
    if args.json is not None:
        args.json.write_text(json.dumps(measured.json() | _facts(report), indent=2) + "\n")
    return report.exit_code & 0xFF


def _machine(args: argparse.Namespace) -> tuple[str, Machine]:
    """The platform's name, and what is emulated."""
    if args.machine is None:
        platform = load_platform(args.platform)
        return platform.label, machine_of(platform)
    try:
        facts = json.loads(args.machine.read_text())
        return facts.pop("platform"), read_machine(facts)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise RunnelError(f"{args.machine}: not a machine to emulate: {error!r}") from None


def _free_ranges(path: Path, program: Path) -> tuple[FreeRange, ...]:
    """The ranges of a file: an address may be `variable+offset` of the program."""
    objects = Elf.read(program).objects

    def address(text: object) -> int:
        if not isinstance(text, str):
            return int(str(text))
        name, _, offset = text.partition("+")
        return objects[name] + int(offset or 0)

    try:
        entries = json.loads(path.read_text())
        return tuple(FreeRange(int(n), address(at), int(size)) for n, at, size in entries)
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise RunnelError(f"{path}: not a list of [layer, address, bytes]: {error!r}") from None


def _facts(report: Report) -> dict[str, object]:
    return {
        "harts": [asdict(hart) for hart in report.harts],
        "summary": asdict(report.summary),
    }


if __name__ == "__main__":
    sys.exit(main())
