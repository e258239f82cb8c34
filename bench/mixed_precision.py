"""Weights of 8 bits, of 4, and chosen for each layer: accuracy of the integers, bytes, cycles.

python bench/mixed_precision.py [--networks resnet8,dscnn] [--platform cortex-m4] [--weights 4,8]
                                [--sqnr 22,26,30] [--minimize bytes] [--count N] [--json FILE]

Bits are chosen on the calibration set of the shared folder so that the logits keep `--sqnr` dB;
test sets only measure. Narrow weights are rounded (round-weights). Accuracy is that of all test
inputs at the quant level, the bytes of every program; `constants` are those of the compiled
network, `instructions` those of its inference (zeros), `cycles` on siracusa those of our emulator.
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
from xdsl.dialects.builtin import ModuleOp

from runnel.bench.accuracy import outputs_of
from runnel.bench.networks import NETWORKS, Array, DataSet, Network
from runnel.bench.options import add_names
from runnel.passes.quant.pareto import points_of
from runnel.tools import api
from runnel.tools.measure import measure
from runnel.tools.pipeline import resolve_pipeline
from runnel.tools.registry import new_context
from runnel.tools.report.text_table import text_table
from runnel.tools.signature import network_function, signature_of

TO_INTEGERS = "convert-graph-to-quant{rounding=platform},cleanup,remove-unused-globals"


@dataclass(frozen=True)
class Row:
    """One network with one choice of bits; `lost` in points, one for each test set."""

    network: str
    bits: str
    sqnr: float | None
    lost: tuple[float, ...]
    constants: int
    flash: int | None
    instructions: int | None
    cycles: int | None
    modelled: float | None
    """What mixed-precision expected, by its model."""


@dataclass(frozen=True)
class Test:
    """A test set, and what the float network gives for it."""

    data: DataSet
    inputs: Array
    labels: int
    reference: Array


def apply(module: ModuleOp, text: str, data: Path) -> None:
    resolve_pipeline(text.replace("$data", f'"{data}"')).run(new_context(), module)


def tests_of(network: Network, module: ModuleOp, count: int | None) -> Iterator[Test]:
    for data in network.tests:
        inputs, labels = network.inputs(data), len(network.labels(data))
        kept = labels if count is None else min(count, labels)
        inputs = inputs[: kept * (len(inputs) // labels)]
        yield Test(data, inputs, kept, outputs_of(module, signature_of(module), inputs))


def rows(name: str, args: argparse.Namespace) -> Iterator[Row]:
    network = NETWORKS[name]
    with TemporaryDirectory() as temporary:
        folder = Path(temporary)
        data = folder / "calibration.npy"
        np.save(data, network.calibration_inputs())
        module = api.load(network.path("float"), name=name)
        apply(module, f"set-platform{{platform={args.platform}}},simplify", data)
        tests = list(tests_of(network, module, args.count))
        apply(module, "calibrate{data=$data}", data)
        chosen = f"activation-bits=8 minimize={args.minimize} data=$data"
        narrow = min(int(bits) for bits in args.weights.split(","))
        choices = {
            "8": "",
            f"{narrow}": f"mixed-precision{{{chosen} weight-bits={narrow} sqnr=1}},",
        }
        for sqnr in args.sqnr.split(","):
            key = f"{args.weights} at {sqnr} dB"
            choices[key] = f"mixed-precision{{{chosen} weight-bits={args.weights} sqnr={sqnr}}},"
        for bits, choose in choices.items():
            yield row(name, bits, choose, module.clone(), tests, args.platform, data)


def row(
    name: str,
    bits: str,
    choose: str,
    module: ModuleOp,
    tests: Sequence[Test],
    platform: str,
    data: Path,
) -> Row:
    rounded = "round-weights{data=$data}," if choose else ""
    apply(module, f"{choose}insert-quant-casts,{rounded}{TO_INTEGERS}", data)
    point = next((p for p in points_of(network_function(module)) if p.chosen), None)
    network = NETWORKS[name]
    lost = tuple(
        100
        * (
            network.score(test.data, test.inputs, test.reference, test.labels)
            - network.score(
                test.data,
                test.inputs,
                outputs_of(module, signature_of(module), test.inputs),
                test.labels,
            )
        )
        for test in tests
    )
    apply(module, "integer-io,cleanup", data)
    artifact = api.compile(module, platform)
    with TemporaryDirectory() as folder:
        found = measure(artifact, Path(folder))
    return Row(
        name,
        bits if point is None or "," not in bits else f"{bits}: {point.bits.partition(', ')[2]}",
        None if point is None else point.sqnr,
        lost,
        artifact.constant_bytes,
        found.model_flash,
        found.instructions if found.cycles is None else None,
        None if found.cycles is None else found.cycles.total.cycles,
        None if point is None else point.cycles,
    )


def table(found: Sequence[Row]) -> str:
    headers = (
        *("network", "bits of weights", "SQNR", "points lost", "constants", "flash"),
        *("instructions", "cycles", "modelled"),
    )
    cells = [
        (
            *(r.network, r.bits, None if r.sqnr is None else f"{r.sqnr:.1f} dB"),
            " ".join(f"{lost:+.2f}" for lost in r.lost),
            *(r.constants, r.flash, r.instructions, r.cycles),
            None if r.modelled is None else round(r.modelled),
        )
        for r in found
    ]
    return text_table(headers, cells)


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Accuracy and cost of mixed precision.")
    add = parser.add_argument
    add_names(parser, "--networks", NETWORKS)
    add("--platform", default="cortex-m4", help="as runnel compile (cortex-m4)")
    add("--weights", default="4,8", help="bits to choose from (4,8)")
    add("--sqnr", default="22,26,30", help="what the logits keep, in dB (22,26,30)")
    add("--minimize", choices=("bytes", "cycles"), default="bytes", help="what to save (bytes)")
    add("--count", type=int, help="only the first labelled inputs of each set")
    add("--json", type=Path, metavar="FILE", help="write the numbers to FILE too")
    args = parser.parse_args(argv)
    found: list[Row] = []
    for name in args.networks:
        for entry in rows(name, args):
            found.append(entry)
            print(table([entry]).splitlines()[-1], file=sys.stderr, flush=True)
    print(table(found), end="")
    if args.json is not None:
        args.json.write_text(json.dumps([asdict(entry) for entry in found], indent=2) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
