"""Shapes of the pictures in reports, as SVG text."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

BLUE, ORANGE, GREY = "#2f6db5", "#d9822b", "#c6ced8"


def svg(width: float, height: float, parts: Sequence[str]) -> str:
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:.0f}" height="{height:.0f}" '
        f'role="img">{"".join(parts)}</svg>'
    )


def bar(x: float, y: float, width: float, height: float, color: str) -> str:
    return (
        f'<rect x="{x:.1f}" y="{y:.1f}" width="{max(width, 0.5):.1f}" height="{height}" '
        f'fill="{color}"/>'
    )


def line(x1: float, y1: float, x2: float, y2: float) -> str:
    ends = f'x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}"'
    return f'<line {ends} stroke="{GREY}"/>'


def text(x: float, y: float, content: str) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}">{escape(content[:60])}</text>'


def dot(x: float, y: float, color: str) -> str:
    return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4" fill="{color}"/>'
