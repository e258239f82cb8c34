"""runnel bench: the networks of the shared model folder in numbers."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from ...dialects.diagnostics import RunnelError
from .common import positive

WHAT = ("instructions", "accuracy")

DESCRIPTION = """\
Measures the four MLPerf Tiny networks: instructions, flash, RAM and arena beside the best peer's
(instructions), and task accuracy of float, int8 and QDQ on all test inputs (accuracy). Models and
data are in the folder that RUNNEL_SHARED names, by default ../shared beside the repository.

Exit code 1 if a peer needs fewer instructions, or int8 loses more than a point.
"""

EXAMPLES = """\
examples:
  runnel bench --json bench.json
  runnel bench instructions --networks dscnn --platforms cortex-m55
  runnel bench accuracy --count 100
"""


def configure(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("what", nargs="*", metavar="WHAT", help=f"{' or '.join(WHAT)}; default: both")
    add("--networks", type=lambda text: text.split(","), metavar="A,B", help="default: all")
    add("--platforms", type=lambda text: text.split(","), metavar="A,B", help="for instructions")
    add("--form", choices=("qdq", "float"), default="qdq", help="model for instructions (qdq)")
    add("--count", type=positive, metavar="N", help="accuracy on the first N labelled samples only")
    add("--json", type=Path, metavar="FILE", help="write all numbers to FILE")
    add("-q", "--quiet", action="store_true", help="no progress")


def run(args: argparse.Namespace) -> int:
    check(args)
    results: dict[str, list[dict[str, Any]]] = {}
    good = True
    for what in args.what or WHAT:
        table, results[what], passed = MEASURE[what](args)
        print(table)
        good = good and passed
    if args.json is not None:
        args.json.write_text(json.dumps(results, indent=2) + "\n", encoding="utf-8")
    return 0 if good else 1


def check(args: argparse.Namespace) -> None:
    """Refuse unknown names before anything is measured."""
    from ...bench import instructions, networks
    from ..messages import suggestion

    folder = networks.models_folder()
    if not folder.is_dir():
        raise RunnelError(
            f"{folder}: no such folder; RUNNEL_SHARED names the one that holds models"
        )
    known = {
        "measurement": (args.what, WHAT),
        "network": (args.networks or (), networks.NETWORKS),
        "platform": (args.platforms or (), instructions.PLATFORMS),
    }
    for kind, (names, choices) in known.items():
        for name in names:
            if name not in choices:
                hint = suggestion(name, choices) or f"; there is {', '.join(choices)}"
                raise RunnelError(f"no {kind} '{name}' here{hint}")


def measure_instructions(args: argparse.Namespace) -> tuple[str, list[dict[str, Any]], bool]:
    from dataclasses import asdict

    from ...bench import instructions, networks

    names = args.networks or list(networks.NETWORKS)
    platforms = args.platforms or instructions.PLATFORMS
    found = list(instructions.costs(names, platforms, args.form, quiet=args.quiet))
    passed = all(cost.ratio < 1 for cost in found)
    return instructions.table(found), [asdict(cost) for cost in found], passed


def measure_accuracy(args: argparse.Namespace) -> tuple[str, list[dict[str, Any]], bool]:
    from dataclasses import asdict

    from ...bench import accuracy, networks

    names = args.networks or list(networks.NETWORKS)
    found = accuracy.measure_all(names, "mse", args.count, quiet=args.quiet)
    passed = all(a.loss < accuracy.LOSS for a in found)
    return accuracy.table(found), [asdict(a) for a in found], passed


MEASURE = {"instructions": measure_instructions, "accuracy": measure_accuracy}
