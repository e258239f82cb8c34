"""runnel quantize: search for a quantization that keeps the accuracy."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...dialects.diagnostics import RunnelError
from .common import (
    channels_last_data,
    data_layout,
    platform_option,
    progress_of,
    read_model,
    reading_options,
    remarks_shown,
    runtime_config_option,
    telling_options,
)

if TYPE_CHECKING:
    from xdsl.dialects.builtin import ModuleOp

    from ..artifact import Artifact
    from ..quantize import Attempt, Search
    from ..sensitivity import Sensitivity

SENSITIVITY_SAMPLES = 64

DESCRIPTION = """\
Quantizes a float model to int8: tries methods from the cheapest on (ranges of calibration,
equalization, bias correction, rounding), measures the integers that the program will compute, and
stops when they lose no more than the target. With --max-bytes, --max-cycles or --minimize weights
get 4 bits where that loses least (2 to 8 for an NPU), then activations 16 where they need it.
Writes the quantized module for `runnel compile`, or the same as ONNX with QuantizeLinear and
DequantizeLinear.

Quantizers stand where the platform has an integer kernel, on grids that it takes.
Without labels, lost points are samples for which another class comes out than in float.
"""

EXAMPLES = """\
examples:
  runnel quantize model.onnx --data images.npy -o model.mlir && \\
      runnel compile model.mlir --platform cortex-m4 -o out
  runnel quantize model.onnx --data calibration.npz --test x.npy --labels y.npy --target-drop 0.3
  runnel quantize model.onnx --data images.npy -o model_qdq.onnx
  runnel quantize model.onnx --data images.npy --platform cortex-m4 --max-bytes 60000 -o model.mlir
  runnel quantize model.onnx --data images.npy --all --report report.html
  runnel quantize model.onnx --data images.npy --encodings model.encodings -o model.mlir
  runnel quantize model.onnx --data images.npy --runtime-config runtime.json -o model.mlir
"""


def configure(parser: argparse.ArgumentParser) -> None:
    add, amount = parser.add_argument, whole_number("above 0", 1)
    add("model", type=Path, help=".onnx or .mlir with a float model")
    add("--data", type=Path, required=True, metavar="DATA", help="real inputs (.npz, .npy)")
    add(
        "--test", type=Path, metavar="DATA", help="inputs to measure with; default: those of --data"
    )
    add(
        "--hold-out",
        type=whole_number("from 2 on", 2),
        metavar="N",
        help="instead of --test: measure with each N-th input of --data, which no method sees then",
    )
    add("--labels", type=Path, metavar="NPY", help="classes of the inputs of --test, else --data")
    add("--count", type=int, default=500, metavar="N", help="measure with the first N (500)")
    platform_option(parser)
    add(
        "--on-target",
        type=whole_number("from 0 on", 0),
        default=20,
        metavar="N",
        help="run the chosen program on the platform with the first N inputs (20; 0: do not)",
    )
    runtime_config_option(parser)
    add(
        "--target-drop",
        type=points,
        default=0.5,
        metavar="P",
        help="points that the integers may lose against float (0.5)",
    )
    add(
        "--target-sqnr",
        type=float,
        default=30.0,
        metavar="DB",
        help="signal to noise that is enough where outputs are no classes (30)",
    )
    add(
        "--max-bytes",
        type=amount,
        metavar="N",
        help="parameters may take so many bytes on the platform: weights get fewer bits",
    )
    add("--max-cycles", type=amount, metavar="N", help="the same of modelled cycles (instructions)")
    add(
        "--minimize",
        choices=("bytes", "cycles"),
        help="go on to the cheapest that loses no more than the target",
    )
    add("--encodings", type=Path, metavar="FILE", help="take the grids of AIMET encodings")
    add(
        "--save-encodings",
        type=Path,
        metavar="FILE",
        help="write AIMET encodings, and beside them the float .onnx that they are for",
    )
    add(
        "--encodings-version",
        default="1.0.0",
        choices=("0.6.1", "1.0.0", "2.0.0"),
        help="of the encodings written (1.0.0)",
    )
    add(
        "--save-trainable",
        type=Path,
        metavar="ONNX",
        help="write the simulated network with float weights, for quantization-aware training",
    )
    add("--per-tensor", action="store_true", help="one scale for all channels of a weight")
    add("--all", action="store_true", help="try everything, also after the target is met")
    add("-o", "--output", type=Path, metavar="FILE", help="quantized .mlir, or QDQ .onnx")
    add("--report", type=Path, metavar="HTML", help="write a report with sensitivities and ranges")
    add("--sensitivity", action="store_true", help="measure each layer alone quantized")
    add(
        "--io",
        choices=("integer", "float"),
        default="integer",
        help="what the quantized .mlir takes and gives (integer)",
    )
    reading_options(parser)
    data_layout(parser)
    telling_options(parser)


def points(text: str) -> float:
    """A number of points from 0 to 100."""
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value <= 100:
        raise argparse.ArgumentTypeError(f"expected points from 0 to 100, not '{text}'")
    return value


def whole_number(wanted: str, least: int) -> Callable[[str], int]:
    """Reads a number that is not below `least`; `wanted` says so in words."""

    def read(text: str) -> int:
        if not text.isdecimal() or int(text) < least:
            raise argparse.ArgumentTypeError(f"expected a whole number {wanted}, not '{text}'")
        return int(text)

    return read


def run(args: argparse.Namespace) -> int:
    from .. import quantize
    from ..report.quantization_text import search_text, sensitivity_table

    check_output(args)
    model = read_model(args)
    data, test, labels, data_labels = read_data(args, model)
    limits = (args.max_bytes, args.max_cycles, args.minimize)
    goal = quantize.Goal(args.target_drop, args.target_sqnr, *limits)
    progress = progress_of(args)
    with remarks_shown(args):
        found = quantize.search(
            model,
            data,
            goal,
            test=test,
            labels=labels,
            data_labels=data_labels,
            every=args.all,
            per_channel=not args.per_tensor,
            encodings=args.encodings,
            platform=args.platform,
            runtime_config=args.runtime_config,
            progress=progress,
        )
        artifact = compiled(args, found.best.integer)
    print(search_text(found))
    kept = run_on_target(args, artifact, test, labels)
    layers = sensitivities(args, found, test)
    if args.sensitivity:
        print(sensitivity_table(layers))
    if args.output is not None:
        write(args, found.best)
    if args.save_encodings is not None:
        save_encodings(args, found.best)
    if args.save_trainable is not None:
        save_trainable(args.save_trainable, found.best)
    if args.report is not None:
        from ..report.quantization_report import report

        page = report(args.model.name, found, layers, test)
        args.report.write_text(page, encoding="utf-8")
    return 0 if found.best.met and kept else 1


def check_output(args: argparse.Namespace) -> None:
    """Refuse before the work is done what could not be written after it."""

    if args.output is not None and args.output.suffix not in (".mlir", ".onnx"):
        raise RunnelError(f"{args.output}: expected a name that ends in .mlir or .onnx")
    if args.save_encodings is not None and args.save_encodings.suffix == ".onnx":
        raise RunnelError(
            f"{args.save_encodings}: is the model's name; encodings end in .encodings or .json"
        )
    if args.save_encodings is not None and beside(args).resolve() == args.model.resolve():
        raise RunnelError(
            f"{args.save_encodings}: the model beside it would overwrite {args.model}; choose "
            "another name"
        )
    if args.save_trainable is not None and args.save_trainable.suffix != ".onnx":
        raise RunnelError(f"{args.save_trainable}: expected a name that ends in .onnx")
    for path in (args.output, args.report, args.save_encodings, args.save_trainable):
        if path is not None and not path.parent.is_dir():
            raise RunnelError(f"{path}: the folder does not exist")


def read_data(args: argparse.Namespace, model: ModuleOp) -> tuple[Any, Any, Any, Any]:
    """Calibration samples, samples to measure with, the labels of these and of those."""
    from ..samples import every_nth, first, is_nth, labels_of, read_samples
    from ..signature import signature_of

    inputs = signature_of(model).inputs
    last = channels_last_data(args)
    data = read_samples(args.data, inputs, channels_last=last)
    test = data if args.test is None else read_samples(args.test, inputs, channels_last=last)
    labels = None if args.labels is None else labels_of(args.labels, test, inputs)
    data_labels = labels if args.test is None else None
    if args.hold_out is not None:
        test, data = every_nth(data, inputs, args.hold_out)
        check_hold_out(args, test[inputs[0].name])
        if labels is not None:
            taken = is_nth(len(labels), args.hold_out)
            labels, data_labels = labels[taken], labels[~taken]
    if labels is not None:
        labels = labels[: args.count]
    return data, first(test, inputs, args.count), labels, data_labels


def check_hold_out(args: argparse.Namespace, taken: Any) -> None:
    if args.test is not None:
        raise RunnelError("--test and --hold-out both say what to measure with: give one of them")
    if len(taken) == 0:
        raise RunnelError(f"{args.data}: holds fewer than {args.hold_out} samples to hold out from")


def compiled(args: argparse.Namespace, integer: ModuleOp) -> Artifact:
    """The program for the platform: what it cannot run is told now."""
    from .. import api

    with progress_of(args).step(f"compile for {args.platform}"):
        return api.compile(integer.clone(), args.platform)


def run_on_target(args: argparse.Namespace, artifact: Artifact, test: Any, labels: Any) -> bool:
    """Print what the program gives on the platform; whether it keeps the bytes."""
    from ...runtime.runners import MissingTool
    from ..on_target import on_target
    from ..report.quantization_text import on_target_text
    from ..samples import first

    if args.on_target == 0:
        return True
    some = first(test, artifact.signature.inputs, args.on_target)
    right = None if labels is None else labels[: args.on_target]
    try:
        seen = on_target(artifact, some, right, progress_of(args))
    except MissingTool as error:
        print(f"not run on {args.platform}: {error}")
        return True
    print(on_target_text(seen))
    return seen.equal


def sensitivities(args: argparse.Namespace, found: Search, test: Any) -> list[Sensitivity]:
    """Of all layers, on some samples, if they are asked for."""
    from ..samples import first
    from ..sensitivity import sensitivity
    from ..signature import signature_of

    if not args.sensitivity and args.report is None:
        return []
    some = first(test, signature_of(found.best.casts).inputs, SENSITIVITY_SAMPLES)
    progress = progress_of(args)

    def tell(done: int, count: int) -> None:
        progress.detail(f"sensitivity: {done} of {count} layers")

    with progress.step("sensitivity"):
        return sensitivity(found.best.casts, some, tell)


def write(args: argparse.Namespace, best: Attempt) -> None:
    """The module as MLIR with its constants beside it, or as ONNX."""
    from ..pipeline import resolve_pipeline
    from ..registry import new_context
    from ..write_ir import write_module

    if args.output.suffix == ".onnx":
        from ...lowering.export_onnx import export_onnx

        args.output.write_bytes(export_onnx(best.casts).SerializeToString())
    else:
        module = best.integer.clone()
        if args.io == "integer":
            resolve_pipeline("integer-io,cleanup").run(new_context(), module)
        write_module(args.output, module)
    print(f"written to {args.output}")


def save_encodings(args: argparse.Namespace, best: Attempt) -> None:
    """Encodings, and the model that they are for: with folded batch norms and rounded weights."""
    from ...lowering.export_encodings import export_encodings

    model, text = export_encodings(best.casts, args.encodings_version)
    args.save_encodings.write_text(text, encoding="utf-8")
    beside(args).write_bytes(model.SerializeToString())
    print(f"written to {args.save_encodings} and {beside(args)}")


def save_trainable(path: Path, best: Attempt) -> None:
    """Simulated quantization as ONNX: float weights and biases, quantizers around them."""
    from ...lowering.export_onnx import export_onnx
    from ..pipeline import resolve_pipeline
    from ..registry import new_context

    module = best.casts.clone()
    resolve_pipeline("fake-quantize-weights,dce,remove-unused-globals").run(new_context(), module)
    path.write_bytes(export_onnx(module).SerializeToString())
    print(f"written to {path}")


def beside(args: argparse.Namespace) -> Path:
    """The model that saved encodings are for."""
    return args.save_encodings.with_suffix(".onnx")
