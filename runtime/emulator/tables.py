"""Reports as text."""

from __future__ import annotations

from collections.abc import Iterator

from .report import LayerReport, Report


def report_text(report: Report) -> str:
    """All that was measured, for a terminal. Cycles are those of the model."""
    return "\n".join([*_harts(report), *_engines(report), *_layers(report)]) + "\n"


def _harts(report: Report) -> Iterator[str]:
    yield (
        f"{'hart':<12}{'cycles':>12}{'instructions':>14}{'waits':>10}{'memory':>10}"
        f"{'contention':>12}{'icache':>10}"
    )
    for index, hart in enumerate(report.harts):
        name = f"core {index}" if index < len(report.harts) - 1 else "controller"
        yield (
            f"{name:<12}{hart.cycles:>12}{hart.instructions:>14}{hart.wait_cycles:>10}"
            f"{hart.memory_stalls:>10}{hart.contention_cycles:>12}{hart.icache_cycles:>10}"
        )


def _engines(report: Report) -> Iterator[str]:
    summary = report.summary
    yield (
        f"DMA: {summary.dma_transfers} transfers, {summary.dma_bytes_in} bytes to L1, "
        f"{summary.dma_bytes_out} bytes from L1, busy {summary.dma_cycles} cycles, "
        f"{100 * report.hidden_dma():.1f} % behind work"
    )
    if summary.npu_jobs:
        yield (
            f"NPU: {summary.npu_jobs} jobs, busy {summary.npu_cycles} cycles, "
            f"{summary.npu_macs / summary.npu_cycles:.1f} MAC/cycle, "
            f"{summary.npu_overflows} values beyond 32 bits"
        )


def _layers(report: Report) -> Iterator[str]:
    layers = report.layers()
    if not layers:
        return
    yield (
        f"{'layer':<8}{'cycles':>12}{'core 0':>10}{'all cores':>11}{'DMA in':>10}{'DMA out':>10}"
        f"{'DMA busy':>10}{'NPU busy':>10}"
    )
    for layer in layers:
        yield _layer(layer)


def _layer(layer: LayerReport) -> str:
    share = sum(layer.busy) / max(1, len(layer.busy) * layer.cycles)
    return (
        f"{layer.number:<8}{layer.cycles:>12}{layer.busy[0]:>10}{100 * share:>10.1f}%"
        f"{layer.dma_in:>10}{layer.dma_out:>10}{layer.dma_cycles:>10}{layer.npu_cycles:>10}"
    )
