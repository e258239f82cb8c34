"""runnel compress: a smaller float model, layer by layer, fitted to calibration data."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .common import (
    channels_last_data,
    data_layout,
    platform_option,
    positive,
    progress_of,
    read_model,
    reading_options,
    remarks_shown,
    telling_options,
)

if TYPE_CHECKING:
    from xdsl.dialects.builtin import ModuleOp

    from ..compress import Compression

METHODS = {
    "spatial-svd": "spatial-svd",
    "weight-svd": "weight-svd",
    "prune": "prune-channels",
}
"""What the command line calls a pass."""

DESCRIPTION = """\
Makes a float model cheaper, to a share of its multiplications or weights: splits layers in two of
low rank (spatial-svd, weight-svd) or removes channels (prune). Each layer alone is tried at nine
ratios and scored on the data; the ratios that keep one score in all layers are taken, and weights
are fitted to the data. Without training afterwards accuracy goes down: the table says by how much.
"""

EXAMPLES = """\
examples:
  runnel compress model.onnx --data images.npz --ratio 0.5 --method spatial-svd -o small.onnx
  runnel compress model.onnx --data images.npz --method prune --ratio 0.75 \\
      --test x.npy --labels y.npy --report report.html -o small.onnx
  runnel compress model.onnx --data images.npz --data-labels y.npy --score accuracy -o small.onnx
  runnel quantize small.onnx --data images.npz -o small.mlir && \\
      runnel compile small.mlir --platform cortex-m4 -o out
"""


def configure(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("model", type=Path, help=".onnx or .mlir with a float model")
    add("--data", type=Path, required=True, metavar="DATA", help="real inputs (.npz, .npy)")
    add("--data-labels", type=Path, metavar="NPY", help="classes of --data, for --score accuracy")
    add(
        "--test", type=Path, metavar="DATA", help="inputs to measure with; default: those of --data"
    )
    add("--labels", type=Path, metavar="NPY", help="classes of the inputs to measure with")
    add("--count", type=int, default=500, metavar="N", help="measure with the first N (500)")
    add("--method", choices=METHODS, default="spatial-svd", help="how (spatial-svd)")
    add("--ratio", type=share, default=0.5, metavar="R", help="what may stay of the cost (0.5)")
    add("--cost", choices=("macs", "weights"), default="macs", help="what is counted (macs)")
    add("--multiple", type=positive, default=1, metavar="N", help="ranks, channels: times N (1)")
    add(
        "--score",
        choices=("sqnr", "agreement", "accuracy"),
        default="sqnr",
        help="what layers are compared by (sqnr)",
    )
    add(
        "--samples",
        type=positive,
        default=128,
        metavar="N",
        help="samples to score and fit with (128)",
    )
    add("--uniform", action="store_true", help="the same ratio for all layers, without a search")
    platform_option(parser, default=None)
    add("-o", "--output", type=Path, metavar="FILE", help="the smaller model, .onnx or .mlir")
    add("--report", type=Path, metavar="HTML", help="write a report with pictures")
    reading_options(parser)
    data_layout(parser)
    telling_options(parser)


def share(text: str) -> float:
    """A number above 0 and below 1."""
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value < 1:
        raise argparse.ArgumentTypeError(f"expected a ratio between 0 and 1, not '{text}'")
    return value


def run(args: argparse.Namespace) -> int:
    from ..compress import Plan, compress

    check_output(args)
    model = read_model(args)
    data, data_labels, test, labels = read_data(args, model)
    plan = Plan(
        METHODS[args.method],
        args.ratio,
        args.cost,
        args.multiple,
        args.score,
        args.samples,
        not args.uniform,
    )
    with remarks_shown(args):
        done = compress(
            model,
            data,
            plan,
            data_labels=data_labels if args.score == "accuracy" else None,
            test=test,
            labels=labels,
            progress=progress_of(args),
        )
    print(text_of(done))
    if args.test is None:
        print("measured on the samples that weights were fitted to; --test gives others")
    if args.platform is not None:
        print(platform_table(args, model, done, data))
    if args.output is not None:
        write(args, done.module)
    if args.report is not None:
        from ..report.compression_report import report

        args.report.write_text(report(args.model.name, done), encoding="utf-8")
    return 0


def check_output(args: argparse.Namespace) -> None:
    """Refuse before the work is done what could not be written after it."""
    from ...dialects.diagnostics import RunnelError

    if args.output is not None and args.output.suffix not in (".mlir", ".onnx"):
        raise RunnelError(f"{args.output}: expected a name that ends in .mlir or .onnx")
    if args.score == "accuracy" and args.data_labels is None:
        raise RunnelError("--score accuracy needs the classes of --data: give --data-labels")
    for path in (args.output, args.report):
        if path is not None and not path.parent.is_dir():
            raise RunnelError(f"{path}: the folder does not exist")


def read_data(args: argparse.Namespace, model: ModuleOp) -> tuple[Any, Any, Any, Any]:
    """Samples to fit with and to measure with, each with labels or None."""
    from ..samples import first, labels_of, read_samples
    from ..signature import signature_of

    inputs = signature_of(model).inputs
    last = channels_last_data(args)
    data = read_samples(args.data, inputs, channels_last=last)
    test = data if args.test is None else read_samples(args.test, inputs, channels_last=last)
    data_labels = labels = None
    if args.data_labels is not None:
        data_labels = labels_of(args.data_labels, data, inputs)
    if args.labels is not None:
        labels = labels_of(args.labels, test, inputs)[: args.count]
    return data, data_labels, first(test, inputs, args.count), labels


def text_of(done: Compression) -> str:
    """The table of layers, and the whole network before and after."""
    from ..report.text_table import text_table

    headers = ("layer", "op", "weight", "ratio", "kept", *columns(done))
    rows = [
        (
            *(row.name, row.op, row.shape, row.ratio, row.kept, row.before, row.after),
            None if row.score is None else score_text(row.score, done.plan.score),
        )
        for row in done.rows
    ]
    return f"{text_table(headers, rows)}\n{totals_table(done)}\n{fidelity_text(done)}"


def columns(done: Compression) -> tuple[str, str, str]:
    unit = "MACs" if done.plan.cost == "macs" else "weights"
    return f"{unit} before", "after", f"{done.plan.score}, only it"


def score_text(score: float, kind: str) -> str:
    return f"{score:.2f} dB" if kind == "sqnr" else f"{100 * score:.2f} %"


def totals_table(done: Compression) -> str:
    from ..report.text_table import text_table

    a, b = done.before, done.after
    rows = [
        ("MACs", f"{a.macs:,}", f"{b.macs:,}", f"{b.macs / a.macs:.3f}"),
        ("weights", f"{a.weights:,}", f"{b.weights:,}", f"{b.weights / a.weights:.3f}"),
        (
            "most values in and out of a layer",
            f"{a.activations:,}",
            f"{b.activations:,}",
            f"{b.activations / a.activations:.3f}",
        ),
    ]
    if a.accuracy is not None and b.accuracy is not None:
        points = f"{100 * (b.accuracy - a.accuracy):+.2f} points"
        rows.append(("accuracy", percent(a.accuracy), percent(b.accuracy), points))
    return text_table(("network", "before", "after", ""), rows)


def percent(value: float) -> str:
    return f"{100 * value:.2f} %"


def fidelity_text(done: Compression) -> str:
    found = done.fidelity
    text = f"{found.samples} samples: SQNR {found.sqnr:.2f} dB"
    if found.top1 is not None and found.error is not None:
        text += f", agreement with the network as it came {percent(found.top1)} "
        text += f"+- {100 * found.error:.2f} (one standard error)"
    return text


def platform_table(
    args: argparse.Namespace, model: ModuleOp, done: Compression, data: dict[str, Any]
) -> str:
    """Memory of both networks as int8 programs for the platform."""
    from tempfile import TemporaryDirectory

    from .. import api, constants_file
    from ..report.text_table import byte_text, text_table

    with TemporaryDirectory(prefix="runnel-") as folder:
        path = Path(folder) / "data.npz"
        constants_file.save(path, data)
        with progress_of(args).step(f"quantize and compile for {args.platform}"):
            made = [
                api.compile(module.clone(), args.platform, calibrate=path)
                for module in (model, done.module)
            ]
    rows = [("constants", *(byte_text(artifact.constant_bytes) for artifact in made))]
    rows += [
        (f"arena in {a.memory}", byte_text(a.size), byte_text(b.size))
        for a, b in zip(made[0].arenas, made[1].arenas, strict=False)
    ]
    return text_table((f"int8 for {args.platform}", "before", "after"), rows)


def write(args: argparse.Namespace, module: ModuleOp) -> None:
    """The module as ONNX, or as MLIR with its constants beside it."""
    if args.output.suffix == ".onnx":
        from ...lowering.export_onnx import export_onnx

        args.output.write_bytes(export_onnx(module).SerializeToString())
    else:
        from ..write_ir import write_module

        write_module(args.output, module)
    print(f"written to {args.output}")
