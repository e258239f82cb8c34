"""An HTML page about a compression: one file, inline SVG, nothing from the network."""

from __future__ import annotations

from html import escape

from ..compress import Compression
from .quantization_report import LABEL, PLOT, ROW, STYLE, section, table
from .svg import BLUE, GREY, ORANGE, bar, svg, text


def report(name: str, done: Compression) -> str:
    """The page."""
    title = f"{escape(name)}, compressed"
    cost = "MACs" if done.plan.cost == "macs" else "weights"
    sections = [
        section("Network", network_table(done), NETWORK_NOTE),
        section(f"{cost} of layers", cost_chart(done), COST_NOTE),
        section("Layers alone", score_chart(done), SCORE_NOTE),
        section("Layers", layer_table(done, cost), LAYER_NOTE),
    ]
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"/><title>{title}</title>'
        f"<style>{STYLE}</style></head><body>\n<h1>{title}</h1>\n{''.join(sections)}</body></html>\n"
    )


NETWORK_NOTE = "Before and after; accuracy and SQNR on the test samples, without training again."
SCORE_NOTE = (
    "What the network keeps with only this layer compressed as it is here. Short bars cost most."
)
COST_NOTE = "Grey: before. Blue: what stays."
LAYER_NOTE = "The score is that of the network with only this layer compressed."


def network_table(done: Compression) -> str:
    a, b, found = done.before, done.after, done.fidelity
    rows: list[tuple[str | None, ...]] = [
        ("method", None, f"{done.plan.method}, ratio {done.plan.ratio:g} of {done.plan.cost}"),
        ("MACs", f"{a.macs:,}", f"{b.macs:,}"),
        ("weights", f"{a.weights:,}", f"{b.weights:,}"),
        ("most values in and out of a layer", f"{a.activations:,}", f"{b.activations:,}"),
        ("accuracy", percent(a.accuracy), percent(b.accuracy)),
        ("agreement", None, percent(found.top1)),
        ("SQNR", None, f"{found.sqnr:.2f} dB"),
    ]
    return table(("", "before", "after"), rows)


def percent(value: float | None) -> str | None:
    return None if value is None else f"{100 * value:.2f} %"


def cost_chart(done: Compression) -> str:
    """Two bars on each other for each layer."""
    most = max(row.before for row in done.rows)
    parts: list[str] = []
    for index, row in enumerate(done.rows):
        top = index * ROW
        parts.append(text(0, top + 12, row.name))
        parts.append(bar(LABEL, top + 3, PLOT * row.before / most, 11, GREY))
        parts.append(bar(LABEL, top + 3, PLOT * row.after / most, 11, BLUE))
        parts.append(text(LABEL + PLOT + 8, top + 12, f"{row.before:,} -> {row.after:,}"))
    return svg(LABEL + PLOT + 200, len(done.rows) * ROW, parts)


def score_chart(done: Compression) -> str:
    """A bar for each layer that has a score of its own."""
    scored = [(row.name, row.score) for row in done.rows if row.score is not None]
    most = max((score for _, score in scored), default=0.0)
    if most <= 0:
        return ""
    parts: list[str] = []
    for index, (name, score) in enumerate(scored):
        top = index * ROW
        parts.append(text(0, top + 12, name))
        parts.append(bar(LABEL, top + 3, PLOT * max(score, 0.0) / most, 11, ORANGE))
        parts.append(text(LABEL + PLOT + 8, top + 12, f"{score:.2f} {done.plan.score}"))
    return svg(LABEL + PLOT + 150, len(scored) * ROW, parts)


def layer_table(done: Compression, cost: str) -> str:
    rows = [
        (
            *(row.name, row.op, row.shape, None if row.ratio is None else f"{row.ratio:g}"),
            *(row.kept, f"{row.before:,}", f"{row.after:,}"),
            None if row.score is None else f"{row.score:.2f}",
        )
        for row in done.rows
    ]
    headers = ("layer", "op", "weight", "ratio", "kept", f"{cost} before", "after", done.plan.score)
    return table(headers, rows)
