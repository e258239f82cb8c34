"""An HTML page about a quantization: one file, inline SVG, nothing from the network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..quantize import Attempt, Search
from ..sensitivity import Sensitivity
from .layer_ranges import LayerRange, layer_ranges
from .pareto_chart import PARETO_NOTE, pareto_charts
from .svg import BLUE, ORANGE, bar, dot, line, svg, text

Array = NDArray[Any]
Cell = str | None

STYLE = """
body { font: 15px/1.45 system-ui, sans-serif; max-width: 60em; margin: 2em auto; padding: 0 1em;
  color: #1c2430; background: #fff }
h1 { font-size: 1.5em } h2 { font-size: 1.15em; margin-top: 2em }
table { border-collapse: collapse; font-variant-numeric: tabular-nums }
th, td { padding: .2em .8em .2em 0; text-align: right; border-bottom: 1px solid #dde2e8 }
th:first-child, td:first-child { text-align: left }
tr.chosen { font-weight: 600 }
svg text { font: 12px system-ui, sans-serif; fill: #1c2430 }
.note { color: #5b6675 }
"""

ROW, LABEL, PLOT = 18, 190, 420
"""Heights and widths of charts in pixels."""


def report(
    name: str, found: Search, layers: Sequence[Sensitivity], samples: Mapping[str, Array]
) -> str:
    """The page. Sections without data are left out."""
    ranges = layer_ranges(found.best.casts, samples)
    sections = [
        section("Attempts", attempts_table(found), attempts_note(found)),
        section("Bits: quality and cost", pareto_charts(found.pareto), PARETO_NOTE),
        section("Accuracy and time", attempts_chart(found.attempts), TIME_NOTE),
        section("Sensitivity of layers", sensitivity_chart(layers), SENSITIVITY_NOTE),
        section("Ranges", range_chart(ranges), RANGE_NOTE),
        section("Error of layers", error_chart(ranges), ERROR_NOTE),
        section("Worst samples", worst_table(found), WORST_NOTE),
    ]
    title = f"{escape(name)}, quantized"
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"/><title>{title}</title>'
        f"<style>{STYLE}</style></head><body>\n<h1>{title}</h1>\n{''.join(sections)}</body></html>\n"
    )


TIME_NOTE = "Each point is one attempt: seconds it took, and SQNR of the logits."
SENSITIVITY_NOTE = (
    "SQNR of the logits in dB: blue with only this layer quantized, orange with all but this one. "
    "Short blue bars are the layers that cost most."
)
RANGE_NOTE = (
    "Blue: what the samples reach. Orange: the range that the codes cover. Each row has its own "
    "scale; clipped is the share of values outside."
)
ERROR_NOTE = "SQNR in dB of each result against the float network, with all errors before it."
WORST_NOTE = "The samples whose logits are furthest from those of the float network."


def section(title: str, body: str, note: str) -> str:
    """A heading, what it shows, and how to read it; nothing for an empty body."""
    if not body:
        return ""
    return f'<h2>{escape(title)}</h2>\n<p class="note">{escape(note)}</p>\n{body}\n'


def table(headers: Sequence[str], rows: Sequence[Sequence[Cell]], chosen: int | None = None) -> str:
    """Rows of cells; None is a dash."""
    head = "".join(f"<th>{escape(header)}</th>" for header in headers)
    lines = [
        f"<tr{' class=chosen' if index == chosen else ''}>"
        + "".join(f"<td>{escape(cell) if cell is not None else '-'}</td>" for cell in row)
        + "</tr>"
        for index, row in enumerate(rows)
    ]
    return f"<table><tr>{head}</tr>\n" + "\n".join(lines) + "</table>"


def attempts_note(found: Search) -> str:
    best = found.best
    met = "meets" if best.met else "misses"
    reference = "" if found.accuracy is None else f" Float has {100 * found.accuracy:.2f} %."
    samples = best.exact.fidelity.samples
    return f"Chosen: {best.recipe}, which {met} the target on {samples} samples.{reference}"


def attempts_table(found: Search) -> str:
    headers = ("recipe", "simulated", "integer", "lost", "agreement", "SQNR", "gain", "seconds")
    rows: list[Sequence[Cell]] = []
    for a in found.attempts:
        exact = a.exact.fidelity
        rows.append(
            (
                *(str(a.recipe), percent(a.simulated.accuracy), percent(a.exact.accuracy)),
                None if a.drop is None else f"{a.drop:+.2f}",
                *(percent(exact.top1), f"{exact.sqnr:.2f} dB", f"{exact.gain:.4f}"),
                f"{a.seconds:.1f}",
            )
        )
    return table(headers, rows, found.attempts.index(found.best))


def percent(value: float | None) -> Cell:
    return None if value is None else f"{100 * value:.2f} %"


def attempts_chart(attempts: Sequence[Attempt]) -> str:
    """SQNR over seconds, if there is more than one attempt."""
    points = [(a.seconds, a.exact.fidelity.sqnr, str(a.recipe)) for a in attempts]
    points = [point for point in points if np.isfinite(point[1])]
    if len(points) < 2:
        return ""
    right = max(seconds for seconds, _, _ in points)
    low = min(sqnr for _, sqnr, _ in points) - 1
    high = max(sqnr for _, sqnr, _ in points) + 1
    parts: list[str] = []
    for seconds, sqnr, label in points:
        x, y = 50 + 400 * seconds / right, 20 + 180 * (high - sqnr) / (high - low)
        parts.append(dot(x, y, BLUE))
        parts.append(text(x + 7, y + 4, label))
    parts.append(line(50, 20, 50, 200) + line(50, 200, 450, 200))
    parts.append(text(6, 26, f"{high:.0f} dB") + text(6, 204, f"{low:.0f} dB"))
    parts.append(text(420, 216, f"{right:.1f} s"))
    return svg(720, 222, parts)


def sensitivity_chart(layers: Sequence[Sensitivity]) -> str:
    """Two bars a layer."""
    values = [value for entry in layers for value in (entry.only, entry.without)]
    finite = [value for value in values if np.isfinite(value)]
    if not finite:
        return ""
    most = max(finite)
    parts: list[str] = []
    for index, entry in enumerate(layers):
        top = index * ROW
        parts.append(text(0, top + 12, entry.layer.name))
        parts.append(bar(LABEL, top + 2, PLOT * extent(entry.only, most), 6, BLUE))
        parts.append(bar(LABEL, top + 9, PLOT * extent(entry.without, most), 6, ORANGE))
        numbers = f"{decibels(entry.only)} / {decibels(entry.without)}"
        parts.append(text(LABEL + PLOT + 8, top + 12, numbers))
    return svg(LABEL + PLOT + 150, len(layers) * ROW, parts)


def extent(value: float, most: float) -> float:
    """The share of the plot that a bar takes."""
    return float(np.clip(value / most, 0, 1)) if np.isfinite(value) and most > 0 else 1.0


def decibels(value: float) -> str:
    return f"{value:.1f} dB" if np.isfinite(value) else "no error"


def range_chart(ranges: Sequence[LayerRange]) -> str:
    """Seen and covered ranges, a row a tensor."""
    parts: list[str] = []
    for index, entry in enumerate(ranges):
        top = index * ROW
        low, high = min(entry.low, entry.seen_low), max(entry.high, entry.seen_high)
        unit = PLOT / max(high - low, 1e-30)
        covered = LABEL + (entry.low - low) * unit
        seen = LABEL + (entry.seen_low - low) * unit
        parts.append(text(0, top + 12, entry.name))
        parts.append(bar(covered, top + 2, (entry.high - entry.low) * unit, 6, ORANGE))
        parts.append(bar(seen, top + 9, (entry.seen_high - entry.seen_low) * unit, 6, BLUE))
        zero = LABEL - low * unit
        parts.append(line(zero, top + 1, zero, top + 16))
        numbers = f"[{entry.low:.3g}, {entry.high:.3g}], {100 * entry.clipped:.2f} % clipped"
        parts.append(text(LABEL + PLOT + 8, top + 12, numbers))
    return svg(LABEL + PLOT + 240, len(ranges) * ROW, parts) if ranges else ""


def error_chart(ranges: Sequence[LayerRange]) -> str:
    """SQNR of each tensor."""
    finite = [entry.sqnr for entry in ranges if np.isfinite(entry.sqnr)]
    if not finite:
        return ""
    parts: list[str] = []
    for index, entry in enumerate(ranges):
        top = index * ROW
        parts.append(text(0, top + 12, entry.name))
        parts.append(bar(LABEL, top + 3, PLOT * extent(entry.sqnr, max(finite)), 11, BLUE))
        parts.append(text(LABEL + PLOT + 8, top + 12, decibels(entry.sqnr)))
    return svg(LABEL + PLOT + 100, len(ranges) * ROW, parts)


def worst_table(found: Search, count: int = 8) -> str:
    """Samples by their error; only where outputs are classes."""
    if not found.classes:
        return ""
    x = found.reference.reshape(len(found.reference), -1).astype(np.float64)
    y = found.best.logits.reshape(len(x), -1).astype(np.float64)
    noise = ((x - y) ** 2).sum(1)
    rows = [
        (str(i), f"{np.sqrt(noise[i]):.3g}", str(int(x[i].argmax())), str(int(y[i].argmax())))
        for i in np.argsort(-noise, kind="stable")[:count]
    ]
    return table(("sample", "distance of logits", "float class", "integer class"), rows)
