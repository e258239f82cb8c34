"""runnel compile: C for a platform in a directory."""

from __future__ import annotations

import argparse
import shutil
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from .common import (
    compile_model,
    model_options,
    platform_option,
    progress_of,
    remarks_shown,
)

if TYPE_CHECKING:
    from ...runtime.runners import Program
    from ..artifact import Artifact

DESCRIPTION = """\
Compiles a model to C. The directory holds the sources with their header, the weights, the kernels
that are used, start-up code, linker script and Makefile for the board, manifest.json (what it was
made of, sizes, layers) and a README.md that says how to call it. The same input gives the same
bytes.
"""

EXAMPLES = """\
examples:
  runnel compile quantized.onnx --platform cortex-m4 -o out && make -C out
  runnel compile model.onnx -o out                         a float model stays in float
  runnel compile model.onnx --calibrate data.npz --method percentile -o out
  runnel compile model.onnx --calibrate images.npy --data-layout channels-last -o out
  runnel compile quantized.onnx --kernels mine.toml --remarks missed -o out
"""


def configure(parser: argparse.ArgumentParser) -> None:
    model_options(parser)
    platform_option(parser)
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="DIR", help="where to")
    parser.add_argument(
        "--no-build", action="store_true", help="do not build to measure flash and RAM"
    )


def run(args: argparse.Namespace) -> int:
    with remarks_shown(args), TemporaryDirectory(prefix="runnel-") as folder:
        artifact = compile_model(args, args.platform)
        program = None if args.no_build else measure(artifact, Path(folder), args)
        artifact.write(args.output, program=program)
    print(summary(artifact, program, args.output))
    return 0


def measure(artifact: Artifact, folder: Path, args: argparse.Namespace) -> Program | None:
    """Build elsewhere, so that the output holds sources only; None without a C compiler."""
    toolchain = artifact.platform.toolchain
    if shutil.which(toolchain.prefix + toolchain.compiler) is None or shutil.which("make") is None:
        return None
    with progress_of(args).step("build to measure"):
        return artifact.build(folder)


def summary(artifact: Artifact, program: Program | None, output: Path) -> str:
    """One line, and a table of what it takes."""
    from ..report.text_table import text_table

    layers = artifact.layers
    line = (
        f"{artifact.name} for {artifact.platform.label}: {len(layers)} layers, "
        f"{sum(layer.macs for layer in layers):,} MACs, "
        f"{sum(layer.parameters for layer in layers):,} parameters"
    )
    if artifact.road.in_float:
        line += ", in float (--calibrate DATA makes it int8)"
    rows: list[tuple[str, int | None, str]] = [
        (
            f"arena in {arena.memory}",
            arena.size,
            f"{arena.ratio:.2f} x the liveness bound of {arena.bound:,}",
        )
        for arena in artifact.arenas
    ]
    rows.append(("constants", artifact.constant_bytes, "weights, biases and tables, as packed"))
    rows += size_rows(artifact, program)
    table = text_table(("", "bytes", ""), rows)
    return f"{line}\n\n{table}\nwritten to {output}: see README.md there; `make -C {output}` builds"


def size_rows(artifact: Artifact, program: Program | None) -> list[tuple[str, int | None, str]]:
    """Flash and RAM of the linked program, or why they are not known."""
    if program is None:
        packages = " ".join(artifact.platform.toolchain.packages)
        why = f"not measured: nothing was built (apt-get install {packages})"
        return [("flash, RAM", None, why)]
    sizes = program.sizes
    if sizes is None:
        return [("flash, RAM", None, "not measured: this platform has an operating system")]
    return [
        ("flash, network", sizes.model_flash, "code and constants"),
        ("flash, all", sizes.flash, "with test program and C library"),
        ("RAM, network", sizes.model_ram, "without the stack"),
    ]
