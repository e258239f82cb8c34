"""runnel validate: every level and the program against each other and onnxruntime."""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .common import (
    channels_last_data,
    compile_module,
    model_options,
    platform_option,
    poison_option,
    positive,
    progress_of,
    read_model,
    remarks_shown,
)

if TYPE_CHECKING:
    from xdsl.dialects.builtin import ModuleOp

    from ..artifact import Artifact
    from ..layer_errors import LayerErrors
    from ..validation import Check

GRAPH_TOLERANCE = 1e-4
"""What a float network may be off onnxruntime, as a share of the range of its outputs: sums in
another order.
"""

DESCRIPTION = """\
Computes the same inferences at every level of the compiler and with the built program, and compares
the bytes; a second run in the same memory must give the same again. (A network in float is compared
with a tolerance instead: another C library rounds otherwise.) Each layer is compared with
onnxruntime as well, both given onnxruntime's own inputs, so that errors do not add up. A model that
came quantized must be within 1 LSB on at most --ppm of the outputs of each layer; for a model that
was quantized here the table shows what quantization costs.

Exit code 1 when something differs.
"""

EXAMPLES = """\
examples:
  runnel validate quantized.onnx --platform cortex-m4 --data x.npy
  runnel validate quantized.onnx --platform cortex-m4,cortex-m55,host --data x.npz --count 100
  runnel validate model.onnx --calibrate data.npz --data x.npz --json report.json
"""


def configure(parser: argparse.ArgumentParser) -> None:
    model_options(parser)
    platform_option(parser)
    add = parser.add_argument
    add("--data", type=Path, required=True, metavar="DATA", help="inputs: .npz, or .npy for one")
    add("--count", type=positive, default=20, metavar="N", help="inferences (20)")
    add("--ppm", type=float, default=50.0, help="outputs of a layer that may be off by 1 LSB (50)")
    poison_option(parser)
    add("--no-oracle", action="store_true", help="do not compare with onnxruntime")
    add("--layers", action="store_true", help="show all layers, not only the worst")
    add("--json", type=Path, metavar="FILE", help="write the results to FILE too")


def run(args: argparse.Namespace) -> int:
    from ..samples import first, read_samples
    from ..signature import signature_of

    with remarks_shown(args):
        module = read_model(args)
        inputs = signature_of(module).inputs
        every = read_samples(args.data, inputs, channels_last=channels_last_data(args))
        samples = first(every, inputs, args.count)
        checks, artifact = check_platforms(module, samples, args)
        errors = deviation = None
        if not args.no_oracle and args.model.suffix != ".mlir":
            deviation, errors = compare_with_oracle(artifact, samples, args)
    passed = all(check.passed for check in checks)
    print(check_table(checks))
    strict = came_quantized(module)
    if deviation is not None:
        passed = passed and (strict or deviation <= GRAPH_TOLERANCE)
        print(f"graph level against onnxruntime: outputs differ by {deviation:.2g} of their range")
    if errors is not None:
        passed = passed and not (strict and too_far(errors, args.ppm))
        print(error_table(errors, strict=strict, ppm=args.ppm, everything=args.layers))
    if args.json is not None:
        write_json(args.json, checks, errors, passed)
    print("all equal" if passed else "there are differences")
    return 0 if passed else 1


def check_platforms(
    module: ModuleOp, samples: Mapping[str, Any], args: argparse.Namespace
) -> tuple[list[Check], Artifact]:
    """The checks of all platforms, and the artifact of the first; what they share is done once."""
    from ...runtime.runners import Emulation
    from .. import api
    from ..validation import check_fit, check_lowered, check_portable, check_program

    progress = progress_of(args)
    platforms = args.platform.split(",")
    artifact = compile_module(args, module, platforms[0])
    reference, checks = check_portable(artifact, samples, progress)
    for platform in platforms:
        same = platform == platforms[0]
        target = artifact if same else api.retarget(artifact, platform, progress=progress)
        expected, fitted = check_fit(target, samples, reference, progress)
        checks += [*fitted, *check_lowered(target, samples, expected, progress)]
        emulation = Emulation(poison=args.poison)
        checks.append(
            check_program(target, samples, expected, emulation=emulation, progress=progress)
        )
    return checks, artifact


def compare_with_oracle(
    artifact: Artifact, samples: Mapping[str, Any], args: argparse.Namespace
) -> tuple[float, LayerErrors | None]:
    """How far the graph level is off at the outputs, and each layer of the quant level."""
    from ..layer_errors import layer_errors, output_deviation
    from ..oracle import Oracle
    from ..samples import sample_count

    inputs = artifact.road.start.signature.inputs
    oracle = Oracle(args.model, samples, sample_count(samples, inputs))
    with progress_of(args).step("compare layers with onnxruntime"):
        deviation = output_deviation(artifact.road, samples, oracle)
        if artifact.road.in_float:
            return deviation, None
        return deviation, layer_errors(artifact.road["quant"], samples, oracle)


def came_quantized(module: ModuleOp) -> bool:
    from ..road import is_quantized

    return is_quantized(module)


def too_far(errors: LayerErrors, ppm: float) -> bool:
    """More than 1 LSB somewhere, or too many outputs of a layer off, or a layer not compared."""
    return bool(errors.unmatched) or any(e.worst > 1 or e.ppm > ppm for e in errors.layers)


def verdict(check: Check) -> str:
    """Whether a check passed, and what it found."""
    if check.deviation is not None:
        return f"{'within' if check.equal else 'NO,'} {check.deviation:.1e} of the range"
    return "yes" if check.equal else f"NO ({check.differing:,} elements)"


def check_table(checks: Sequence[Check]) -> str:
    from ..report.text_table import text_table

    second = {None: "-", True: "yes", False: "NO"}
    rows = [
        (
            check.where,
            check.how,
            check.inferences,
            verdict(check),
            second[check.second],
            None if check.cycles is None else check.cycles.total.cycles,
        )
        for check in checks
    ]
    headers = ("where", "how", "inferences", "equal bytes", "second run equal", "cycles")
    timed = any(check.cycles is not None for check in checks)
    return text_table(headers, rows) if timed else text_table(headers[:-1], [r[:-1] for r in rows])


def error_table(errors: LayerErrors, *, strict: bool, ppm: float, everything: bool) -> str:
    from ..report.text_table import text_table

    shown = errors.layers if everything else errors.worst(5)
    headers = ["layer", "op", "outputs", "off", "ppm", "worst LSB", "SQNR dB"]
    rows = [(e.node, e.op, e.outputs, e.off, e.ppm, e.worst, e.sqnr) for e in shown]
    worst = max((e.worst for e in errors.layers), default=0.0)
    most = max((e.ppm for e in errors.layers), default=0.0)
    limit = f" (allowed: 1 LSB, {ppm:g} ppm)" if strict else ""
    lines = [
        f"against onnxruntime, {len(errors.layers)} layers: at most {worst:.3g} LSB, "
        f"{most:.3g} ppm off{limit}",
        "" if everything else "worst layers:",
        text_table(headers, rows),
    ]
    if errors.unmatched:
        lines.append(f"not compared, no tensor in the model: {', '.join(errors.unmatched)}\n")
    return "\n".join(line for line in lines if line)


def write_json(
    path: Path, checks: Sequence[Check], errors: LayerErrors | None, passed: bool
) -> None:
    facts: dict[str, Any] = {"passed": passed, "checks": [asdict(check) for check in checks]}
    if errors is not None:
        facts["layers"] = [asdict(e) | {"ppm": e.ppm} for e in errors.layers]
        facts["not_compared"] = errors.unmatched
    path.write_text(json.dumps(facts, indent=2) + "\n", encoding="utf-8")
