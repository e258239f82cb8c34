"""The time line of an inference on the emulated SoC: names for its Chrome trace, and a picture."""

from __future__ import annotations

import json
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape
from itertools import pairwise
from pathlib import Path
from typing import Any, cast

from ...runtime.emulator.trace import CORES, DMA, ENGINES, LAYERS, NPU

Event = dict[str, Any]

LEFT, WIDTH, TOP, ROW, CORE_ROW, GAP = 80, 1100, 52, 22, 12, 8
COLORS = (
    *("#4477aa", "#ee6677", "#228833", "#ccbb44", "#66ccee", "#aa3377"),
    *("#dd8833", "#7766bb", "#448877", "#bb5555"),
)
DMA_COLORS = {"to L1": "#555555", "from L1": "#b08d57"}


@dataclass(frozen=True)
class Bar:
    """Something between two cycles."""

    start: float
    end: float
    name: str
    layer: int = -1


@dataclass(frozen=True)
class Timeline:
    """The bars of the last inference, by row; `layers` are in the order of time."""

    layers: list[Bar]
    cores: list[list[Bar]]
    dma: list[Bar]
    npu: list[Bar]

    @property
    def start(self) -> float:
        return self.layers[0].start

    @property
    def end(self) -> float:
        return self.layers[-1].end


def name_layers(path: Path, names: Sequence[str]) -> None:
    """Give the layers of a trace, and the jobs that they queued, the names of their nodes."""
    trace = cast(dict[str, Any], json.loads(path.read_text(encoding="utf-8")))
    events: list[Event] = trace["traceEvents"]
    layers = [e for e in events if "dur" in e and e["pid"] == LAYERS]
    ends = [e["ts"] + e["dur"] for e in layers]
    for event in layers:
        if (number := event["args"]["layer"]) < len(names):
            event["name"] = names[number]
    for event in events:
        if "dur" in event and (event["pid"], event["tid"]) == (ENGINES, NPU):
            place = bisect_left(ends, event["args"]["queued"])
            if place < len(layers):
                event["name"] = layers[place]["name"]
                event["args"]["layer"] = layers[place]["args"]["layer"]
    path.write_text(json.dumps(trace), encoding="utf-8")


def read_timeline(path: Path) -> Timeline:
    """The last inference of a trace with names: layers follow one another inside of one."""
    trace = cast(dict[str, Any], json.loads(path.read_text(encoding="utf-8")))
    events: list[Event] = [e for e in trace["traceEvents"] if "dur" in e]
    layers = [_bar(e) for e in events if e["pid"] == LAYERS]
    gaps = [i + 1 for i, (a, b) in enumerate(pairwise(layers)) if a.end < b.start]
    layers = layers[max(gaps, default=0) :]
    start, end = layers[0].start, layers[-1].end
    inside = [e for e in events if e["ts"] < end and e["ts"] + e["dur"] > start]

    def row(process: int, number: int) -> list[Bar]:
        chosen = [e for e in inside if (e["pid"], e["tid"]) == (process, number)]
        return [_bar(e) for e in chosen if e["name"] != "wait"]

    count = 1 + max(e["tid"] for e in events if e["pid"] == CORES)
    cores = [row(CORES, core) for core in range(count)]
    return Timeline(layers, cores, row(ENGINES, DMA), row(ENGINES, NPU))


def _bar(event: Event) -> Bar:
    layer = event["args"].get("layer", -1)
    return Bar(event["ts"], event["ts"] + event["dur"], event["name"], layer)


def draw(line: Timeline, title: str) -> str:
    """The time line as an SVG document; hovering a bar names its layer and cycles."""
    rows: list[tuple[str, int, list[Bar]]] = [("layer", ROW, line.layers)]
    rows += [
        (f"core {i}", CORE_ROW, list(_by_layer(line, bars))) for i, bars in enumerate(line.cores)
    ]
    rows.append(("DMA", ROW, line.dma))
    if line.npu:
        rows.append(("NPU", ROW, line.npu))
    lines, y = list[str](), TOP
    for name, height, bars in rows:
        y += GAP if height == ROW else 1
        lines.append(f'<text x="{LEFT - 8}" y="{y + height - 2}" text-anchor="end">{name}</text>')
        lines.append(f'<rect x="{LEFT}" y="{y}" width="{WIDTH}" height="{height}" fill="#f0f0f0"/>')
        for bar in merged(bars, (line.end - line.start) / WIDTH / 2):
            lines += _draw_bar(line, bar, y, height, labelled=height == ROW)
        y += height
    total = y + 34
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {LEFT + WIDTH + 20} {total}" '
        'font-family="sans-serif" font-size="11">\n'
        f'<rect width="{LEFT + WIDTH + 20}" height="{total}" fill="white"/>\n'
        f'<text x="{LEFT}" y="22" font-size="14">{escape(title)}</text>\n'
        f'<text x="{LEFT}" y="40" fill="#555">{_legend()}</text>\n'
        + "\n".join([*lines, *_axis(line, y)])
        + "\n</svg>\n"
    )


def _legend() -> str:
    return (
        "Colour: the layer whose code core 0 is in; grey: asleep. "
        f'<tspan fill="{DMA_COLORS["to L1"]}">&#9632;</tspan> to L1 '
        f'<tspan fill="{DMA_COLORS["from L1"]}">&#9632;</tspan> from L1. '
        "A bar in the NPU's row has the colour of the layer that queued the job."
    )


def _by_layer(line: Timeline, bars: Sequence[Bar]) -> Iterator[Bar]:
    """What a core did, cut where layers end."""
    for bar in bars:
        for layer in line.layers:
            start, end = max(bar.start, layer.start), min(bar.end, layer.end)
            if start < end:
                yield Bar(start, end, layer.name, layer.layer)


def merged(bars: Sequence[Bar], gap: float) -> Iterator[Bar]:
    """Bars of one layer that nobody could tell apart become one."""
    last: Bar | None = None
    for bar in sorted(bars, key=lambda bar: bar.start):
        if last and (last.layer, last.name) == (bar.layer, bar.name) and bar.start - last.end < gap:
            last = Bar(last.start, max(last.end, bar.end), bar.name, bar.layer)
            continue
        if last is not None:
            yield last
        last = bar
    if last is not None:
        yield last


def _draw_bar(line: Timeline, bar: Bar, y: int, height: int, *, labelled: bool) -> Iterator[str]:
    scale = WIDTH / (line.end - line.start)
    start, end = max(bar.start, line.start), min(bar.end, line.end)
    x, width = LEFT + (start - line.start) * scale, max((end - start) * scale, 0.3)
    color = DMA_COLORS.get(bar.name) or COLORS[bar.layer % len(COLORS)]
    span = f"{bar.name}: {bar.end - bar.start:,.0f} cycles from {bar.start - line.start:,.0f}"
    yield (
        f'<rect x="{x:.1f}" y="{y}" width="{width:.1f}" height="{height}" fill="{color}">'
        f"<title>{escape(span)}</title></rect>"
    )
    if labelled and width > 6.2 * len(bar.name) + 4 and bar.name not in DMA_COLORS:
        middle = x + width / 2
        yield (
            f'<text x="{middle:.1f}" y="{y + 15}" text-anchor="middle" fill="white" '
            f'pointer-events="none">{escape(bar.name)}</text>'
        )


def _axis(line: Timeline, y: int) -> Iterator[str]:
    total = line.end - line.start
    for part in range(9):
        x = LEFT + WIDTH * part / 8
        yield f'<line x1="{x}" x2="{x}" y1="{TOP + GAP}" y2="{y + 4}" stroke="#00000022"/>'
        yield f'<text x="{x}" y="{y + 18}" text-anchor="middle">{total * part / 8:,.0f}</text>'
    yield f'<text x="{LEFT - 8}" y="{y + 18}" text-anchor="end">cycles</text>'
