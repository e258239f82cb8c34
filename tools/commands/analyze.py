"""runnel analyze: what each layer costs."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from .common import (
    channels_last_data,
    compile_model,
    model_options,
    platform_option,
    progress_of,
    remarks_shown,
)

if TYPE_CHECKING:
    from ..artifact import Artifact
    from ..measure import Measurement

DESCRIPTION = """\
Compiles a model, runs it once on the emulated board and shows for each layer: op, kernel, shape,
multiplications (MACs), parameters, bytes of activations, and exact instruction counts. Totals of
flash, RAM and stack. On siracusa and its kin a second table says where each layer runs, in which
tiles, and what it takes there, as our emulator times it; elsewhere instructions are not cycles: the
emulator has no timing.
"""

EXAMPLES = """\
columns of the second table:
  unit      who computes the layer; core 0: alone, not tile by tile
  tile      rows x columns x channels of the result that are computed at once; `tiles`: how many
  home      the memory where the result lives
  model     the cycles that the search for tiles has expected; `cycles`: those on the emulator
  bound     DMA if its transfers took longer than all else; or what was at work the longest:
            compute (several cores), NPU, core 0 (it alone: start-up of transfers and jobs, ops
            that are not shared)
  cores %   of all cores' cycles, not asleep
  DMA in    bytes to the near memory of transfers that began here, also those for the next layer
  hidden %  of the time of transfers that other work was going on
  wait ...  cycles that core 0 slept. Those for an NPU job count for the layer of the job.

examples:
  runnel analyze quantized.onnx --platform cortex-m4
  runnel analyze model.onnx --calibrate data.npz --platform cortex-m55 --json layers.json
  runnel analyze quantized.onnx --platform cortex-m4 --memory-map map.svg
  runnel analyze quantized.onnx --platform siracusa --timeline line.svg --trace trace.json
"""


def configure(parser: argparse.ArgumentParser) -> None:
    model_options(parser)
    platform_option(parser)
    add = parser.add_argument
    add("--data", type=Path, metavar="DATA", help="measure on its first sample; default: zeros")
    add("--json", type=Path, metavar="FILE", help="write the numbers to FILE too")
    add("--memory-map", type=Path, metavar="SVG", help="draw what lies where in the arena, when")
    add("--timeline", type=Path, metavar="SVG", help="draw cores, DMA and NPU over time (siracusa)")
    add("--trace", type=Path, metavar="FILE", help="the same as a Chrome trace (ui.perfetto.dev)")


def run(args: argparse.Namespace) -> int:
    from ...runtime.runners import Emulation
    from ..measure import measure

    with remarks_shown(args), TemporaryDirectory(prefix="runnel-") as folder:
        artifact = compile_model(args, args.platform)
        samples = first_sample(artifact, args)
        trace: Path = args.trace or Path(folder) / "trace.json"
        emulation = Emulation(trace if args.trace or args.timeline else None)
        with progress_of(args).step(f"build and run on {artifact.platform.label}"):
            found = measure(artifact, Path(folder), samples, emulation)
        if args.timeline is not None:
            draw_timeline(artifact, found, trace, args.timeline)
    print(report(artifact, found))
    if args.json is not None:
        text = json.dumps(facts(artifact, found), indent=2) + "\n"
        args.json.write_text(text, encoding="utf-8")
    if args.memory_map is not None:
        draw_memory(artifact, args.memory_map)
    return 0


def first_sample(artifact: Artifact, args: argparse.Namespace) -> dict[str, Any] | None:
    from ..samples import first, read_samples

    signature = artifact.road.start.signature
    if args.data is None:
        return None
    every = read_samples(args.data, signature.inputs, channels_last=channels_last_data(args))
    return first(every, signature.inputs, 1)


def report(artifact: Artifact, found: Measurement) -> str:
    """The table of layers, and totals."""
    from ..report.text_table import text_table

    headers = (
        *("", "node", "op", "kernel", "shape", "MACs", "parameters", "activation bytes"),
        *("instructions", "per MAC"),
    )
    rows = [
        (
            *(layer.index, layer.node, layer.op, layer.kernel, layer.shape, layer.macs),
            *(layer.parameters, layer.activation_bytes, count, per_mac(count, layer.macs)),
        )
        for layer, count in zip(artifact.layers, found.per_layer, strict=True)
    ]
    text = f"{text_table(headers, rows)}\n{totals(artifact, found)}"
    if found.cycles is not None:
        from ..report.cycle_table import cycle_text

        text += f"\n\n{cycle_text(artifact, found.cycles)}"
    return text


def per_mac(instructions: int | None, macs: int) -> float | None:
    return instructions / macs if instructions is not None and macs else None


def totals(artifact: Artifact, found: Measurement) -> str:
    from ..report.text_table import byte_text, text_table

    macs = sum(layer.macs for layer in artifact.layers)
    rows = [
        ("MACs", f"{macs:,}"),
        ("parameters", f"{sum(layer.parameters for layer in artifact.layers):,}"),
        ("constants", byte_text(artifact.constant_bytes)),
        *(
            (f"arena in {a.memory}", f"{byte_text(a.size)}, {a.ratio:.2f} x the liveness bound")
            for a in artifact.arenas
        ),
        ("flash, network", byte_text(found.model_flash)),
        ("flash, all", byte_text(found.flash)),
        ("RAM, network", byte_text(found.model_ram)),
        ("stack", byte_text(found.stack)),
    ]
    if found.instructions is not None:
        share = f", {found.instructions / macs:.2f} per MAC" if macs else ""
        rows.append(("instructions", f"{found.instructions:,}{share}"))
    return text_table((f"{artifact.name} for {artifact.platform.label}", ""), rows).rstrip()


def facts(artifact: Artifact, found: Measurement) -> dict[str, Any]:
    """The numbers of the report for programs; None is what the platform cannot measure."""
    from dataclasses import asdict

    from ..manifest import layer_facts

    layers = [
        layer_facts(layer) | {"instructions": count}
        for layer, count in zip(artifact.layers, found.per_layer, strict=True)
    ]
    totals = asdict(found)
    del totals["per_layer"], totals["cycles"]
    timed: dict[str, Any] = {}
    if found.cycles is not None:
        from ..report.cycle_table import cycle_facts

        timed = {"cycles": cycle_facts(artifact, found.cycles)}
    return {
        "name": artifact.name,
        "platform": artifact.platform.label,
        "layers": layers,
        "totals": totals | {"constant_bytes": artifact.constant_bytes},
        "arenas": [asdict(arena) for arena in artifact.arenas],
        **timed,
    }


def draw_memory(artifact: Artifact, path: Path) -> None:
    """One SVG per memory; the first one takes the name that was given."""
    from ..report.memory_map import draw, memory_maps
    from ..signature import network_function

    maps = memory_maps(network_function(artifact.road.planned.module))
    for index, picture in enumerate(maps):
        target = path if index == 0 else path.with_stem(f"{path.stem}-{index}")
        target.write_text(draw(picture), encoding="utf-8")


def draw_timeline(artifact: Artifact, found: Measurement, trace: Path, path: Path) -> None:
    """The inference that was measured, as an SVG."""
    from ..report.timeline import draw, read_timeline

    assert found.cycles is not None
    title = f"{artifact.name}: {found.cycles.total.cycles:,} cycles, {found.cycles.source}"
    path.write_text(draw(read_timeline(trace), title), encoding="utf-8")
