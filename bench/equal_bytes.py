"""Do all levels of the cluster's road, and the program, give the bytes of the integer network?

python bench/equal_bytes.py [--networks resnet8,mobilenet_v2] [--platforms siracusa,siracusa-rv32]
                            [--l1 16,256] [--inputs 20] [--ways tile,dma,elf] [--sanitize]
                            [--chunk 20] [--json FILE]

All inputs run twice in one memory (`--chunk` of them, then the same again), and both runs are
compared with `quant`, with an NPU with `fit`, in the interpreter. The ways: `tile`, `dma`,
`cluster` in the interpreter; `elf` on the emulator, and with `--poison`; with `--sanitize` the same
C as threads of this machine under TSan and under ASan with UBSan (`-late`: transfers and jobs are
as late as they may be).

With --json what was found is kept in FILE after every chunk, and a later run goes on from there,
for the same text only: the integer network and the level in the interpreter; or all sources that
the program is built from. A change of interpreter, emulator or C compiler is not seen: take a new
FILE.

Exit code 1 if bytes differ, or something did not run.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Any

from xdsl.dialects.builtin import ModuleOp

from runnel.bench.cluster_networks import (
    Start,
    matrix_options,
    on_threads,
    start,
    variant,
)
from runnel.bench.notes import Notes
from runnel.bench.options import add_names
from runnel.dialects.diagnostics import RunnelError
from runnel.runtime.runners import Emulation, Program
from runnel.tools import api
from runnel.tools.artifact import Artifact
from runnel.tools.progress import Progress
from runnel.tools.report.text_table import Cell, text_table
from runnel.tools.validation import Check, check_built, check_level, run_level
from runnel.tools.write_ir import PrintStyle, module_text

LEVELS = ("tile", "dma", "cluster")
ELF = ("elf", "elf-poison")
"""The program on the emulator."""

SANITIZERS = {
    "tsan": ("-O1", "-fsanitize=thread"),
    "asan": ("-O1", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"),
}
"""At -O1: kernels for one layer each are much code, which takes long to compile with checks."""

THREADS = tuple(f"{name}{late}" for name in SANITIZERS for late in ("", "-late"))
"""Programs of the same C on this machine."""


@dataclass(frozen=True)
class Found:
    """What one way gave for the first `inputs` inputs, of a text with this digest."""

    network: str
    platform: str
    l1_kib: int
    way: str
    digest: str
    inputs: int = 0
    equal: bool = True
    second: bool = True
    seconds: float = 0.0

    @property
    def key(self) -> tuple[str, str, int, str]:
        return (self.network, self.platform, self.l1_kib, self.way)

    @property
    def passed(self) -> bool:
        return self.equal and self.second

    def and_then(self, check: Check, seconds: float) -> Found:
        return replace(
            self,
            inputs=self.inputs + check.inferences,
            equal=self.equal and check.equal,
            second=self.second and check.second is True,
            seconds=round(self.seconds + seconds, 1),
        )


@dataclass
class Case:
    """A network on a platform with an L1."""

    here: Start
    base: str
    l1_kib: int
    folder: Path
    chunk: int
    progress: Progress
    programs: dict[str, Program] = field(default_factory=dict[str, Program])

    @property
    def name(self) -> str:
        return f"{self.here.name} on {self.base}, {self.l1_kib} KiB"

    @cached_property
    def emulated(self) -> Artifact:
        file = variant(self.folder, self.base, self.l1_kib, external=self.here.external)
        with self.progress.step(f"{self.name}: compile"):
            return api.retarget(self.here.artifact, file)

    @cached_property
    def threaded(self) -> Artifact:
        return on_threads(self.emulated, self.folder)

    @cached_property
    def level(self) -> str:
        """The level that the others are compared with."""
        return "fit" if "fit" in self.emulated.road.stops else "quant"

    def digest(self, way: str) -> str:
        """Of what is compared: the integer network, and what is run."""
        parts = [ir_bytes(self.emulated.road[self.level].module)]
        if way in LEVELS:
            parts.append(ir_bytes(self.emulated.road[way].module))
        else:
            artifact = self.threaded if way in THREADS else self.emulated
            folder = self.folder / "sources"
            names = [n for n in artifact.write_sources(folder) if n != "Makefile"]
            parts += [name.encode() + (folder / name).read_bytes() for name in names]
        return sha256(b"".join(sha256(part).digest() for part in parts)).hexdigest()[:16]

    def run(self, way: str, notes: Notes[Found]) -> Found:
        """All inputs that are not known."""
        count = len(next(iter(self.here.samples.values())))
        new = Found(self.here.name, self.base, self.l1_kib, way, self.digest(way))
        known = notes.get(new.key, new.digest)
        found = known if known is not None and known.passed else new
        if found.inputs >= count:
            return found
        while found.inputs < count and found.passed:
            stop = min(found.inputs + self.chunk, count)
            samples = self.here.first(stop - found.inputs, found.inputs)
            begin = perf_counter()
            with self.progress.step(f"{self.name}: {way}, inputs to {stop} of {count}"):
                found = found.and_then(self.check(way, samples), perf_counter() - begin)
            notes.note(found)
        return found

    def check(self, way: str, samples: dict[str, Any]) -> Check:
        expected = run_level(self.emulated.road, self.level, samples)
        if way in LEVELS:
            return check_level(self.emulated, way, samples, expected)
        artifact = self.threaded if way in THREADS else self.emulated
        emulation = Emulation(poison=way.endswith(("-poison", "-late")))
        return check_built(artifact, self.built(way, artifact), samples, expected, emulation)

    def built(self, way: str, artifact: Artifact) -> Program:
        """The program, which is the same with poison."""
        kind = way.partition("-")[0]
        if kind not in self.programs:
            flags = ("-Werror", *SANITIZERS.get(kind, ()))
            with self.progress.step(f"{self.name}: build for {kind}"):
                self.programs[kind] = artifact.build(self.folder / kind, flags=flags)
        return self.programs[kind]


def ir_bytes(module: ModuleOp) -> bytes:
    """All of a module that computes: its text and its constants, without the platform on it."""
    computing = module.clone()
    computing.attributes.clear()
    text, data = module_text(computing, PrintStyle())
    return b"".join([text.encode(), *(data[name].tobytes() for name in sorted(data))])


def results(args: argparse.Namespace, notes: Notes[Found]) -> Iterator[Found | None]:
    """All cells of the matrix; None for what does not run."""
    progress = Progress(quiet=False)
    for network in args.networks:
        with progress.step(f"{network}: integers"):
            here = start(network, args.inputs)
        for base in args.platforms:
            for l1 in args.l1:
                with TemporaryDirectory(prefix="runnel-") as name:
                    case = Case(here, base, l1, Path(name), args.chunk, progress)
                    for way in args.ways:
                        try:
                            yield case.run(way, notes)
                        except RunnelError as error:
                            print(f"{case.name}, {way}: {error}", file=sys.stderr)
                            yield None


def table(notes: Notes[Found], ways: Sequence[str]) -> str:
    """All that is known: for each way the number of inputs whose bytes were equal, twice."""
    rows: list[list[Cell]] = []
    for case in sorted({key[:3] for key in notes.found}):
        cells = [notes.found.get((*case, way)) for way in ways]
        rows.append([*case, *(None if found is None else cell(found) for found in cells)])
    return text_table(("network", "platform", "L1 KiB", *ways), rows)


def cell(found: Found) -> str:
    if found.passed:
        return str(found.inputs)
    return "NO" if found.second else "NO, not the second time"


def main(argv: Sequence[str] | None = None) -> int:
    every = (*LEVELS, *ELF, *THREADS)
    parser = argparse.ArgumentParser(description="Equal bytes on all levels of a cluster.")
    add = parser.add_argument
    matrix_options(parser)
    add("--inputs", type=int, default=20, metavar="N", help="inputs whose bytes are compared (20)")
    add_names(parser, "--ways", every, (*LEVELS, *ELF))
    add("--sanitize", action="store_true", help="threads under sanitizers as well")
    add("--chunk", type=int, default=20, metavar="N", help="inputs of one process (20)")
    add("--json", type=Path, metavar="FILE", help="keep what was found in FILE, and go on from it")
    args = parser.parse_args(argv)
    if args.sanitize:
        args.ways += [way for way in THREADS if way not in args.ways]
    notes = Notes.of(args.json, Found)
    try:
        found = list(results(args, notes))
    except RunnelError as error:
        raise SystemExit(f"error: {error}") from None
    print(table(notes, [way for way in every if any(key[3] == way for key in notes.found)]), end="")
    return 0 if all(f is not None and f.passed for f in found) else 1


if __name__ == "__main__":
    sys.exit(main())
