"""Cycles, DMA and overlap of the four MLPerf Tiny networks and MobileNetV2 on the emulated cluster.

python bench/cluster.py [--networks resnet8,dscnn] [--platforms siracusa,siracusa-cores]
                        [--l1 64,256] [--inputs 2] [--one-core resnet8] [--solvers heuristic,cp_sat]
                        [--json FILE]

One inference of each network. Cycles are those of our emulator (runtime/emulator), which
bench/emulator.py holds against the reference programs; not those of another simulator or of
silicon. `DMA/floor` divides the bytes that moved by constants + network input + output. `hidden` is
the share of the engine's time in which cores or NPU were at work: in all layers, and in those that
cores or NPU bound. `equal` compares all outputs, twice in one memory, with the integer network in
the interpreter. Seconds are those of this machine, from the ONNX file to C text with what chooses
tiles; the C of the first solver runs.

Exit code 1 if bytes differ, or a network does not fit.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter

from runnel.bench.cluster_networks import (
    NAMES,
    Start,
    matrix_options,
    start,
    variant,
)
from runnel.bench.options import add_names
from runnel.bench.peers import CLUSTER_PEERS, ClusterPeer
from runnel.dialects.diagnostics import RunnelError
from runnel.passes.tile.tile_network import SOLVERS
from runnel.runtime.emulator.cycles import CycleReport
from runnel.runtime.platforms import load_platform
from runnel.tools import api
from runnel.tools.artifact import Artifact
from runnel.tools.progress import Progress
from runnel.tools.report.cycle_table import bound, floor_bytes
from runnel.tools.report.text_table import Cell, text_table
from runnel.tools.validation import check_program, run_level

PEER_L1_KIB = 64
NO_PEER = ClusterPeer(None, None, None)

Case = tuple[str, int, int | None]
"""Platform, KiB of L1, number of cores if not that of the platform."""


@dataclass(frozen=True)
class Result:
    """One network on one platform; shares from 0 to 1, `source` is what made the cycles."""

    network: str
    platform: str
    l1_kib: int
    cores: int
    macs: int
    cycles: int
    dma_bytes: int
    dma_floor: int
    hidden: float
    hidden_compute: float | None
    """None where the layers that computing bounds move nothing, or there are none."""
    equal: bool
    compile_seconds: dict[str, float]
    """By solver."""
    source: str

    @property
    def ratio(self) -> float:
        return self.dma_bytes / self.dma_floor


def measured(here: Start, base: str, platform: str, solvers: Sequence[str]) -> Result:
    """Compile for the TOML `platform`, run, and put the numbers together."""
    made = {solver: compiled(here, platform, solver) for solver in solvers}
    target = made[solvers[0]][0]
    level = "fit" if "fit" in target.road.stops else "quant"
    check = check_program(target, here.samples, run_level(target.road, level, here.samples))
    report = check.cycles
    assert report is not None and report.complete
    cluster = load_platform(platform).cluster
    assert cluster is not None
    return Result(
        network=here.name,
        platform=base,
        l1_kib=next(m.size for m in load_platform(platform).memories if m.name == "l1") // 1024,
        cores=cluster.cores,
        macs=sum(layer.macs for layer in target.layers),
        cycles=report.total.cycles,
        dma_bytes=report.total.bytes_in + report.total.bytes_out,
        dma_floor=floor_bytes(target),
        hidden=report.total.hidden_dma,
        hidden_compute=hidden_in_compute(report),
        equal=check.passed,
        compile_seconds={solver: seconds for solver, (_, seconds) in made.items()},
        source=report.source,
    )


def hidden_in_compute(report: CycleReport) -> float | None:
    """The hidden share of the transfer time in the layers that computing bounds."""
    layers = [c for c in report.layers.values() if bound(c) in ("compute", "NPU")]
    time = sum(c.dma for c in layers)
    return 1.0 - sum(c.exposed_dma for c in layers) / time if time else None


def compiled(here: Start, platform: str, solver: str) -> tuple[Artifact, float]:
    """The C for a platform, and the seconds from the ONNX file to it."""
    begin, road = perf_counter(), here.artifact.road
    road = replace(road, options=replace(road.options, solver=solver))
    target = api.retarget(Artifact(road), platform)
    assert target.c_files
    return target, here.seconds + perf_counter() - begin


def results(args: argparse.Namespace) -> Iterator[Result | None]:
    """All cases, and those with one core behind them; None for what does not fit."""
    progress = Progress(quiet=False)
    with TemporaryDirectory(prefix="runnel-") as name:
        folder = Path(name)
        for network in args.networks:
            here = start(network, args.inputs)
            cases: list[Case] = [(p, l1, None) for p in args.platforms for l1 in args.l1]
            if network in args.one_core:
                cases.append(("siracusa-cores", max(args.l1), 1))
            for base, l1, cores in cases:
                count = "" if cores is None else ", 1 core"
                try:
                    with progress.step(f"{network} on {base}, {l1} KiB{count}"):
                        platform = variant(folder, base, l1, cores=cores, external=here.external)
                        yield measured(here, base, platform, args.solvers)
                except RunnelError as error:
                    print(f"{network} on {base}, {l1} KiB: {error}", file=sys.stderr)
                    yield None


def table(found: Sequence[Result], solvers: Sequence[str]) -> str:
    headers = (
        *("network", "platform", "L1 KiB", "cores", "cycles", "MAC/cycle", "peer's", "ours/peer's"),
        *("DMA B", "DMA/floor", "peer's", "hidden %", "in compute %", "equal"),
        *(f"compile s, {solver}" for solver in solvers),
    )
    return text_table(headers, [row(r) for r in found])


def row(r: Result) -> list[Cell]:
    peer = CLUSTER_PEERS.get(r.network, NO_PEER)
    theirs = peer.npu_cycles if r.platform == "siracusa" else peer.cores_cycles
    if r.platform == "siracusa-rv32" or r.cores == 1:
        theirs = None
    theirs_moved = peer.dma_ratio if r.l1_kib == PEER_L1_KIB else None
    return [
        *(r.network, r.platform, r.l1_kib, r.cores, r.cycles, f"{r.macs / r.cycles:.2f}"),
        *(theirs, None if theirs is None else f"{r.cycles / theirs:.2f}"),
        *(r.dma_bytes, f"{r.ratio:.2f}"),
        None if theirs_moved is None else f"{theirs_moved:.1f}",
        f"{100 * r.hidden:.1f}",
        None if r.hidden_compute is None else f"{100 * r.hidden_compute:.1f}",
        "yes" if r.equal else "NO",
        *(f"{seconds:.1f}" for seconds in r.compile_seconds.values()),
    ]


def notes(found: Sequence[Result]) -> Iterator[str]:
    """What the table leaves open: who made the cycles, what cores bring."""
    sources = ", ".join(dict.fromkeys(r.source.partition(" of ")[0] for r in found))
    yield f"cycles: {sources}; peer: a model of GAP9, {PEER_L1_KIB} KiB, by its authors"
    for one in (r for r in found if r.cores == 1):
        all_cores = next(
            (
                r
                for r in found
                if (r.network, r.platform, r.l1_kib) == (one.network, one.platform, one.l1_kib)
                and r.cores > 1
            ),
            None,
        )
        if all_cores is not None:
            yield (
                f"{one.network} on {one.platform}, {one.l1_kib} KiB: {all_cores.cores} cores are "
                f"{one.cycles / all_cores.cycles:.2f} x as fast as one"
            )


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Cycles, DMA and overlap on the emulated cluster.")
    add = parser.add_argument
    matrix_options(parser)
    add("--inputs", type=int, default=2, metavar="N", help="inputs whose bytes are compared (2)")
    add_names(parser, "--one-core", NAMES, ("resnet8",), "networks to run on one core as well, ")
    what = "what chooses tiles; all are timed, the first one runs; "
    add_names(parser, "--solvers", SOLVERS, ("heuristic",), what)
    add("--json", type=Path, metavar="FILE", help="write the numbers to FILE too")
    args = parser.parse_args(argv)
    try:
        every = list(results(args))
    except RunnelError as error:
        raise SystemExit(f"error: {error}") from None
    found = [result for result in every if result is not None]
    print(table(found, args.solvers), end="")
    print("\n".join(notes(found)))
    if args.json is not None:
        facts = [asdict(r) | {"dma_ratio": r.ratio} for r in found]
        args.json.write_text(json.dumps(facts, indent=2) + "\n", encoding="utf-8")
    return 0 if all(r is not None and r.equal for r in every) else 1


if __name__ == "__main__":
    sys.exit(main())
