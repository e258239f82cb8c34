"""runnel kernels: the kernel table."""

from __future__ import annotations

import argparse
from pathlib import Path

DESCRIPTION = """\
Lists the kernels. For each op the first kernel is taken whose instructions the unit has and which
does not refuse the layer; `runnel compile --remarks missed` says why one was passed over. Your own
kernels come first: a TOML file with [[kernels]] entries (op, symbol, header, and optionally isa,
packing and scratch), with the signature of the kernel they replace; those of a cluster also say
unit = "cluster".
"""

EXAMPLES = """\
examples:
  runnel kernels
  runnel kernels --platform cortex-m55
  runnel kernels --table mine.toml
"""


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--platform", metavar="P", help="only kernels that this platform can run")
    parser.add_argument("--table", type=Path, metavar="TOML", help="your own kernels, first")


def run(args: argparse.Namespace) -> int:
    from ...lowering.kernel_table import all_kernels
    from ...lowering.user_kernels import read_kernels
    from ...runtime.platforms import load_platform
    from ..report.text_table import text_table

    own = () if args.table is None else read_kernels(args.table)
    features = None
    if args.platform is not None:
        features = [u.features for u in load_platform(args.platform).units if u.kind == "cpu"]
    ops = list(dict.fromkeys(kernel.op for kernel in (*own, *all_kernels())))
    rows = [
        (kernel.op, kernel.symbol, " ".join(sorted(kernel.isa)) or "any", kernel.include)
        for kernel in sorted((*own, *all_kernels()), key=lambda kernel: ops.index(kernel.op))
        if features is None or any(kernel.isa <= f for f in features)
    ]
    print(text_table(("op", "kernel", "needs", "header"), rows), end="")
    return 0
