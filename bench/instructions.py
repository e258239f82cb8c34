"""Instructions, flash, RAM and arena of the four MLPerf Tiny networks beside the best peer's.

python bench/instructions.py [--networks resnet8,dscnn] [--platforms cortex-m4] [--form float]
                             [--json FILE]

One inference of the QDQ model (or of the float model, quantized here), counted exactly by QEMU from
the first instruction of `<model>_run` to its last. Exit code 1 if a peer needs fewer instructions.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from runnel.bench.networks import NETWORKS, Network
from runnel.bench.options import add_names
from runnel.bench.peers import LEAST_FLASH_KB, PEERS
from runnel.tools import api
from runnel.tools.artifact import Artifact
from runnel.tools.measure import measure
from runnel.tools.progress import Progress
from runnel.tools.report.text_table import text_table

PLATFORMS = ("cortex-m4", "cortex-m55", "rv32")


@dataclass(frozen=True)
class Cost:
    """One network on one platform. Bytes; `flash` is the whole program with test harness and C
    library, `ram` that of the network, without the stack.
    """

    network: str
    platform: str
    form: str
    macs: int
    instructions: int
    flash: int
    ram: int
    stack: int
    arena: int
    bound: int
    peer: str
    peer_instructions: int

    @property
    def ratio(self) -> float:
        """Our share of the peer's instructions."""
        return self.instructions / self.peer_instructions


def artifact_of(network: Network, form: str, platform: str) -> Artifact:
    """The network compiled from its QDQ model, or quantized here."""
    model = api.load(network.path(form), name=network.name)
    if form == "qdq":
        return api.compile(model, platform)
    with TemporaryDirectory() as folder:
        data = Path(folder) / "calibration.npy"
        np.save(data, network.calibration_inputs())
        return api.compile(model, platform, calibrate=data)


def costs(
    names: Sequence[str], platforms: Sequence[str], form: str, *, quiet: bool = False
) -> Iterator[Cost]:
    progress = Progress(quiet=quiet)
    for name in names:
        network = NETWORKS[name]
        inputs = network.inputs(network.tests[0])[:1]
        first = artifact_of(network, form, platforms[0])
        for platform in platforms:
            with progress.step(f"{name} on {platform}"):
                target = first if platform == platforms[0] else api.retarget(first, platform)
                yield cost(network, form, target, inputs)


def cost(network: Network, form: str, artifact: Artifact, inputs: np.ndarray) -> Cost:
    """Build, run one inference and put the numbers together."""
    platform = artifact.platform.label
    with TemporaryDirectory() as folder:
        found = measure(artifact, Path(folder), {artifact.signature.inputs[0].name: inputs})
    peer = PEERS[network.name, platform]
    numbers = (found.instructions, found.flash, found.model_ram, found.stack)
    instructions, flash, ram, stack = (-1 if n is None else n for n in numbers)
    return Cost(
        network=network.name,
        platform=platform,
        form=form,
        macs=sum(layer.macs for layer in artifact.layers),
        instructions=instructions,
        flash=flash,
        ram=ram,
        stack=stack,
        arena=sum(arena.size for arena in artifact.arenas),
        bound=sum(arena.bound for arena in artifact.arenas),
        peer=peer.tool,
        peer_instructions=round(peer.instructions_m * 1e6),
    )


def table(found: Sequence[Cost]) -> str:
    headers = (
        *("network", "platform", "instructions", "per MAC", "peer", "peer's", "ours/peer's"),
        *("flash kB", "peer's", "least", "RAM kB", "peer's", "arena/bound", "stack B"),
    )
    return text_table(headers, [row(c) for c in found])


def row(c: Cost) -> tuple[str | int | float | None, ...]:
    peer = PEERS[c.network, c.platform]
    on_m4 = c.platform == "cortex-m4"
    least = f"{LEAST_FLASH_KB[c.network][1]:g} ({LEAST_FLASH_KB[c.network][0]})" if on_m4 else "-"
    return (
        *(c.network, c.platform, c.instructions, c.instructions / c.macs, c.peer),
        *(c.peer_instructions, f"{c.ratio:.2f}", f"{c.flash / 1000:.1f}"),
        *(peer.flash_kb and f"{peer.flash_kb:g}", least, f"{c.ram / 1000:.1f}"),
        *(peer.ram_kb and f"{peer.ram_kb:g}", f"{c.arena / c.bound:.2f}", c.stack),
    )


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Instructions and memory beside the peers'.")
    add = parser.add_argument
    add_names(parser, "--networks", NETWORKS)
    add_names(parser, "--platforms", PLATFORMS)
    add("--form", choices=("qdq", "float"), default="qdq", help="which model (qdq)")
    add("--json", type=Path, metavar="FILE", help="write the numbers to FILE too")
    args = parser.parse_args(argv)
    names, platforms = args.networks, args.platforms
    found = list(costs(names, platforms, args.form))
    print(table(found), end="")
    if args.json is not None:
        args.json.write_text(json.dumps([asdict(c) for c in found], indent=2) + "\n")
    return 1 if any(c.ratio >= 1 for c in found) else 0


if __name__ == "__main__":
    sys.exit(main())
