"""runnel run: compute with a model."""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from ...dialects.diagnostics import RunnelError
from .common import (
    channels_last_data,
    compile_model,
    model_options,
    options_of,
    platform_option,
    poison_option,
    progress_of,
    read_model,
    remarks_shown,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ...runtime.emulator.cycles import CycleReport
    from ..artifact import Artifact
    from ..road import Stop
    from ..signature import Signature

LEVELS = (
    *("graph", "quant", "channels-last", "cortexm", "loops"),
    *("fit", "tile", "dma", "cluster", "c"),
)

DESCRIPTION = """\
Computes with a model: with NumPy at a level of the compiler (--at), or by the program that it is
compiled to, on the emulated board or on this machine (--platform). Inputs are samples in the
model's own shape, real or stored; outputs are as the program gives them, or reals in the model's
own shape with --real.
"""

EXAMPLES = """\
examples:
  runnel run model.onnx --input x.npy                     as it is
  runnel run quantized.onnx --input x.npy --at quant
  runnel run model.onnx --calibrate data.npz --input x.npz --platform cortex-m55 --output y.npz
  runnel run quantized.onnx --input x.npy --platform host --real
  runnel run quantized.onnx --input x.npy --platform siracusa --at tile
  runnel run quantized.onnx --input x.npy --platform siracusa --cycles --trace trace.json
"""


def configure(parser: argparse.ArgumentParser) -> None:
    model_options(parser)
    platform_option(parser, default=None)
    add = parser.add_argument
    add("--input", type=Path, required=True, metavar="DATA", help=".npz, or .npy for one input")
    add("--at", choices=LEVELS, help="compute with the IR at this level")
    add("--real", action="store_true", help="give reals in the model's order of axes")
    add("--cycles", action="store_true", help="print what the emulator has timed (siracusa)")
    add("--json", type=Path, metavar="FILE", help="write what the emulator has timed")
    add("--trace", type=Path, metavar="FILE", help="write a Chrome trace of the emulated SoC")
    poison_option(parser)
    add("--output", type=Path, metavar="FILE", help="write .npz, or .npy for one output")


def run(args: argparse.Namespace) -> int:
    from ..run_function import results_text, save_results

    with remarks_shown(args):
        if args.platform is not None and args.at in ("graph", "quant", "channels-last"):
            raise RunnelError(f"--at {args.at} knows no platform: leave out one of the two")
        timing = args.cycles or args.json or args.trace or args.poison
        if timing and (args.platform is None or args.at is not None):
            raise RunnelError("--cycles, --json, --trace and --poison need --platform, and no --at")
        on_board = args.platform is not None and args.at is None
        results = run_program(args) if on_board else run_level(args)
    if args.output is None:
        print(results_text(results), end="")
    else:
        save_results(args.output, results)
    return 0


def run_level(args: argparse.Namespace) -> dict[str, NDArray[Any]]:
    """The outputs of the IR."""
    from .. import api
    from ..interpret import interpret
    from ..road import level_of

    module = read_model(args)
    level = args.at or level_of(module)
    road = api.lower(
        module,
        options_of(args),
        calibrate=args.calibrate,
        channels_last_data=channels_last_data(args),
        until=level,
        progress=progress_of(args),
    )
    signature = road.signature
    inputs = signature.store(samples_for(args, road.start))
    with progress_of(args).step(f"compute at {level}"):
        outputs = interpret(road, level, inputs)
    return named(signature, list(outputs.values()), real=args.real)


def run_program(args: argparse.Namespace) -> dict[str, NDArray[Any]]:
    """The outputs of the program that the model is compiled to."""
    from ...runtime.runners import Emulation

    artifact = compile_model(args, args.platform)
    signature = artifact.signature
    inputs = signature.store(samples_for(args, artifact.road.start))
    emulation = Emulation(args.trace, args.poison)
    with TemporaryDirectory(prefix="runnel-") as folder:
        with progress_of(args).step("build"):
            program = artifact.build(Path(folder))
        with progress_of(args).step(f"run on {args.platform}"):
            result, outputs = artifact.run(program, inputs, emulation)
    if args.cycles or args.json is not None:
        show_cycles(artifact, result.cycles, args)
    return named(signature, outputs, real=args.real)


def show_cycles(artifact: Artifact, cycles: CycleReport | None, args: argparse.Namespace) -> None:
    from ..report.cycle_table import cycle_facts, cycle_text

    if cycles is None:
        raise RunnelError(
            f"platform {artifact.platform.label} has no timing: --cycles and --json need one that "
            "runs on our emulator (siracusa)"
        )
    if args.json is not None:
        text = json.dumps(cycle_facts(artifact, cycles), indent=2) + "\n"
        args.json.write_text(text, encoding="utf-8")
    if args.cycles:
        print(cycle_text(artifact, cycles))


def samples_for(args: argparse.Namespace, start: Stop) -> Mapping[str, NDArray[Any]]:
    """The input file as samples of what the model itself takes."""
    from ..samples import read_samples

    return read_samples(args.input, start.signature.inputs, channels_last=channels_last_data(args))


def named(
    signature: Signature, outputs: Sequence[NDArray[Any]], *, real: bool
) -> dict[str, NDArray[Any]]:
    return {
        info.name: info.real(array) if real else array
        for info, array in zip(signature.outputs, outputs, strict=True)
    }
