"""What an emulator with timing has measured, as a table and as numbers for programs."""

from __future__ import annotations

from typing import Any

from ...runtime.emulator.cycles import CycleReport, Cycles
from ..artifact import Artifact
from ..layers import Layer
from .text_table import Cell, byte_text, text_table

HEADERS = (
    *("", "node", "MACs", "cycles", "MAC/cycle", "bound", "cores %", "instructions"),
    *("DMA in", "DMA out", "DMA busy", "hidden %", "NPU busy", "wait DMA", "wait NPU", "barriers"),
)
"""Busy and wait are cycles; waits are those of core 0."""

BUSY = 0.6
"""What works for this share of a layer's time is what bounds it."""


def cycle_text(artifact: Artifact, report: CycleReport) -> str:
    """Layers and totals of the last inference."""
    rows = [
        _row(str(number), _layer(artifact, number), cycles)
        for number, cycles in report.layers.items()
    ]
    return f"{text_table(HEADERS, rows)}\n{_totals(artifact, report)}"


def bound(cycles: Cycles) -> str:
    """What a time was spent on most: the NPU, the DMA, computing on several cores, what core 0 does
    alone; start-up if on nothing in particular.
    """
    at_work = (
        (cycles.npu, "NPU"),
        (cycles.dma, "DMA"),
        (sorted(cycles.busy)[-2:][0], "compute"),
        (cycles.busy[0], "core 0"),
    )
    most, name = max(at_work, key=lambda entry: entry[0])
    return name if most >= BUSY * cycles.cycles else "start-up"


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
        facts["layers"][number] |= {**named, "bound": bound(cycles)}
    moved, least = report.total.bytes_in + report.total.bytes_out, floor_bytes(artifact)
    facts["dma"] = {"bytes": moved, "floor": least, "ratio": moved / least}
    return facts


def _layer(artifact: Artifact, number: int) -> Layer | None:
    return artifact.layers[number] if number < len(artifact.layers) else None


def _row(number: str, layer: Layer | None, c: Cycles) -> tuple[Cell, ...]:
    macs = None if layer is None else layer.macs
    return (
        *(number, "-" if layer is None else layer.node, macs, c.cycles),
        f"{macs / c.cycles:.2f}" if macs and c.cycles else "-",
        bound(c),
        f"{100 * sum(c.busy) / max(1, c.cycles * len(c.busy)):.0f}",
        *(c.instructions, c.bytes_in, c.bytes_out, c.dma, f"{100 * c.hidden_dma:.0f}"),
        *(c.npu, c.wait_dma, c.wait_npu, c.wait_barrier),
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
            f"{byte_text(moved)} in {total.transfers:,} transfers, {moved / least:.2f} x floor",
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
