"""The time line as a Chrome trace (chrome://tracing, ui.perfetto.dev); a cycle is a microsecond."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from .report import Event, Kind, Report, signed

CORES, ENGINES, LAYERS = 1, 2, 3
DMA, NPU = 0, 1


def chrome_trace(report: Report) -> dict[str, Any]:
    """What `json.dump` writes for the viewer: cores, DMA, NPU and layers as rows."""
    return {"traceEvents": [*_names(report), *_rows(report)], "displayTimeUnit": "ns"}


def _names(report: Report) -> Iterator[dict[str, Any]]:
    for process, name in ((CORES, "cluster"), (ENGINES, "engines"), (LAYERS, "layers")):
        yield {"ph": "M", "name": "process_name", "pid": process, "args": {"name": name}}
    rows = [(CORES, i, f"core {i}") for i in range(len(report.harts) - 1)]
    for process, row, name in (*rows, (ENGINES, DMA, "DMA"), (ENGINES, NPU, "NPU")):
        yield {
            **{"ph": "M", "name": "thread_name", "pid": process, "tid": row},
            "args": {"name": name},
        }


def _bar(name: str, process: int, row: int, start: int, end: int, **facts: int) -> dict[str, Any]:
    return {
        **{"ph": "X", "name": name, "pid": process, "tid": row, "ts": start, "dur": end - start},
        "args": facts,
    }


def _rows(report: Report) -> Iterator[dict[str, Any]]:
    for core in range(len(report.harts) - 1):
        yield from _core(report, core)
    for event in report.events:
        yield from _engine(event)
    for layer in report.layers():
        name = f"layer {layer.number}"
        yield _bar(name, LAYERS, 0, layer.start, layer.end, layer=layer.number)


def _core(report: Report, core: int) -> Iterator[dict[str, Any]]:
    """A core works whenever it does not wait."""
    reached = 0
    for wait in (w for w in report.of_kind(Kind.WAIT) if w.unit == core):
        if wait.start > reached:
            yield _bar("run", CORES, core, reached, wait.start)
        yield _bar("wait", CORES, core, wait.start, wait.end)
        reached = wait.end
    if report.harts[core].cycles > reached:
        yield _bar("run", CORES, core, reached, report.harts[core].cycles)


def _engine(event: Event) -> Iterator[dict[str, Any]]:
    if event.kind in (Kind.DMA_IN, Kind.DMA_OUT):
        name = "to L1" if event.kind == Kind.DMA_IN else "from L1"
        yield _bar(name, ENGINES, DMA, event.start, event.end, bytes=event.a, id=event.b)
    elif event.kind == Kind.NPU:
        facts = {"kmacs": event.b, "queued": event.start - event.unit}
        yield _bar(f"job {signed(event.a)}", ENGINES, NPU, event.start, event.end, **facts)
