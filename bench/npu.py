"""The layers of the four MLPerf Tiny networks as jobs of the NPU: what it refuses, what it takes.

python bench/npu.py [--networks resnet8,dscnn] [--platform siracusa] [--scale-bits 8]

Cycles are those of a whole layer as one job, its operands in L1, without its configuration: the
model of `dialects/npu_job.py`, which test_npu_layers.py holds against the emulator. The rest of a
program (transfers, other units) is in `runnel run --platform siracusa --cycles`.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence

from xdsl.dialects.builtin import ModuleOp

from runnel.bench.networks import NETWORKS, Network
from runnel.bench.options import add_names
from runnel.dialects import quant
from runnel.dialects.diagnostics import source_name
from runnel.dialects.npu_job import cycles, macs
from runnel.dialects.platform_records import Unit
from runnel.passes.place.npu_model import MODEL, Layer, geometry_of, mode_of
from runnel.runtime.platforms import load_platform
from runnel.tools import api
from runnel.tools.pipeline import resolve_pipeline
from runnel.tools.registry import new_context
from runnel.tools.report.text_table import Cell, text_table
from runnel.tools.road import Options

HEADERS = ("layer", "kind", "input", "output", "MACs", "cycles", "MAC/cycle", "why not")


def layers(network: Network, platform: str, scale_bits: int) -> ModuleOp:
    """The integer network with requantization that fits the NPU."""
    stops = api.lower(api.load(network.path("qdq")), Options(), until="channels-last")
    module = stops["channels-last"].module.clone()
    bits = f"{{scale-bits={scale_bits}}}" if scale_bits else ""
    passes = f"set-platform{{platform={platform}}},unfold-windows,fit-requant{bits},fold-columns"
    resolve_pipeline(passes).run(new_context(), module)
    return module


def rows(module: ModuleOp, unit: Unit) -> Iterator[Sequence[Cell]]:
    for op in module.walk():
        if not isinstance(op, Layer):
            continue
        shapes = ["x".join(map(str, quant.shape_of(v))) for v in (op.input, op.result)]
        reason = MODEL.refuses(op, unit)
        if reason is not None:
            yield source_name(op), None, *shapes, None, None, None, reason
            continue
        mode, g = mode_of(op), geometry_of(op)
        wanted = macs(mode, g) * g.out_h * g.out_w // prod_of(mode.made(g.out_h, g.out_w))
        took = cycles(mode, g)
        name = mode.kind.name.lower()
        yield source_name(op), name, *shapes, wanted, took, f"{wanted / took:.1f}", None


def prod_of(size: tuple[int, int]) -> int:
    return size[0] * size[1]


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Layers as jobs of the NPU.")
    add = parser.add_argument
    add_names(parser, "--networks", NETWORKS)
    add("--platform", default="siracusa")
    add("--scale-bits", type=int, default=0, help="limit the multipliers (those of the unit)")
    args = parser.parse_args(argv)
    unit = next(unit for unit in load_platform(args.platform).units if unit.kind == "npu")
    for name in args.networks:
        found = list(rows(layers(NETWORKS[name], args.platform, args.scale_bits), unit))
        total = sum(int(str(row[5])) for row in found if row[5] is not None)
        print(f"{name}: {total:,} cycles")
        print(text_table(HEADERS, found))
    return 0


if __name__ == "__main__":
    sys.exit(main())
