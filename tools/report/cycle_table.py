"""What an emulator with timing has measured, as a table and as numbers for programs."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from ...runtime.emulator.cycles import CycleReport, Cycles
from ..artifact import Artifact
from ..cluster_layers import LayerPlan
from ..layers import Layer
from .text_table import Cell, byte_text, text_table

HEADERS = (
    *("", "node", "unit", "tile", "tiles", "home", "MACs", "model", "cycles", "MAC/cycle", "bound"),
    *("cores %", "DMA in", "DMA out", "hidden %", "wait DMA", "wait NPU", "wait barrier"),
)
"""What the columns mean is in the help of `runnel analyze`."""

NO_PLAN = LayerPlan("-", "-", 0, "-", None)


def cycle_text(artifact: Artifact, report: CycleReport) -> str:
    """Layers and totals of the last inference."""
    rows = [
        _row(str(number), _layer(artifact, number), _plan(artifact, number), cycles)
        for number, cycles in report.layers.items()
    ]
    return f"{text_table(HEADERS, rows)}\n{_totals(artifact, report)}"


def bound(cycles: Cycles) -> str:
    """DMA where its transfers took longer than the NPU's jobs and than all that core 0 did but wait
    for them. Else what was at work the longest: the NPU, several cores together, or core 0 alone
    (it starts transfers and jobs, and runs what is not shared).
    """
    if cycles.dma > max(cycles.npu, cycles.cycles - cycles.wait_dma):
        return "DMA"
    several = min(sorted(cycles.busy)[-2:])
    work = {
        "NPU": cycles.npu,
        "compute": several + cycles.wait_barrier,
        "core 0": cycles.busy[0] - several,
    }
    return max(work, key=lambda name: work[name])


def floor_bytes(artifact: Artifact) -> int:
    """The least that a DMA moves: constants and the network's inputs and outputs once."""
    signature = artifact.signature
    ends = (*signature.inputs, *signature.outputs)
    return artifact.constant_bytes + sum(info.bytes for info in ends)


def cycle_facts(artifact: Artifact, report: CycleReport) -> dict[str, Any]:
    """The numbers of the table; layers with node, MACs and bound."""
    facts = report.json()
    for number, cycles in report.layers.items():
        layer = _layer(artifact, number)
        named = {} if layer is None else {"node": layer.node, "macs": layer.macs}
        plan = asdict(_plan(artifact, number))
        facts["layers"][number] |= {**named, "bound": bound(cycles), "plan": plan}
    moved, least = report.total.bytes_in + report.total.bytes_out, floor_bytes(artifact)
    facts["dma"] = {"bytes": moved, "floor": least, "ratio": moved / least}
    return facts


def _plan(artifact: Artifact, number: int) -> LayerPlan:
    return artifact.plans[number] if number < len(artifact.plans) else NO_PLAN


def _layer(artifact: Artifact, number: int) -> Layer | None:
    return artifact.layers[number] if number < len(artifact.layers) else None


def _row(number: str, layer: Layer | None, plan: LayerPlan, c: Cycles) -> tuple[Cell, ...]:
    macs = None if layer is None else layer.macs
    return (
        *(number, "-" if layer is None else layer.node, plan.unit, plan.tile, plan.tiles),
        *(plan.home, macs, plan.cycles, c.cycles),
        f"{macs / c.cycles:.2f}" if macs and c.cycles else "-",
        bound(c),
        f"{100 * sum(c.busy) / max(1, c.cycles * len(c.busy)):.0f}",
        *(c.bytes_in, c.bytes_out, f"{100 * c.hidden_dma:.0f}" if c.dma else None),
        *(c.wait_dma, c.wait_npu, c.wait_barrier),
    )


def _totals(artifact: Artifact, report: CycleReport) -> str:
    total = report.total
    macs = sum(layer.macs for layer in artifact.layers)
    moved, least = total.bytes_in + total.bytes_out, floor_bytes(artifact)
    runs = ", ".join(f"{cycles:,}" for cycles in dict.fromkeys(report.inferences))
    rows = [
        ("cycles", f"{total.cycles:,}, {macs / max(1, total.cycles):.2f} MAC per cycle"),
        ("inferences", runs),
        ("instructions", f"{total.instructions:,}"),
        (
            "DMA",
            f"{byte_text(moved)} in {total.transfers:,} transfers, {moved / least:.2f} x floor "
            "(constants, inputs and outputs once)",
        ),
        ("DMA busy", f"{total.dma:,} cycles, {100 * total.hidden_dma:.1f} % hidden"),
        ("NPU busy", f"{total.npu:,} cycles, {total.npu_jobs:,} jobs"),
        *((f"stack of {s.name}", f"{s.used:,} of {s.size:,} B") for s in _deepest(report)),
    ]
    if not report.complete:
        rows.append(("incomplete", "the time line was too short: run fewer inferences"))
    return text_table((f"cycles: {report.source}", ""), rows).rstrip()


def _deepest(report: CycleReport) -> list[Any]:
    """The stack of main(), and the one of a core that was used most."""
    cores = [stack for stack in report.stacks if stack.name != "main"]
    main = [stack for stack in report.stacks if stack.name == "main"]
    return [*main, *sorted(cores, key=lambda stack: stack.used)[-1:]]
