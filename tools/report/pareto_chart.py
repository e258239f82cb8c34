"""What mixed precision had to choose from, as curves: quality over bytes, and over cycles."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from html import escape

from ...passes.quant.pareto import BEST, Point
from .svg import BLUE, GREY, ORANGE, dot, line, svg, text

PARETO_NOTE = (
    "Each point is a choice of bits that none beats in quality, bytes and modelled cycles at once, "
    "measured on calibration data; orange is the one that was chosen."
)

LEFT, TOP, WIDTH, HEIGHT = 60, 20, 480, 200
"""The plot within the picture, in pixels."""


def pareto_charts(points: Sequence[Point]) -> str:
    """A curve for each cost that differs between the points; nothing for fewer than two points."""
    points = [point for point in points if point.sqnr < BEST]
    costs: list[tuple[str, Callable[[Point], float]]] = [
        ("bytes of parameters", lambda point: float(point.parameters)),
        ("bytes of activations", lambda point: float(point.activations)),
    ]
    if points:
        costs.append((points[0].model, lambda point: point.cycles))
    return "".join(curve(points, name, cost) for name, cost in costs if differ(points, cost))


def differ(points: Sequence[Point], cost: Callable[[Point], float]) -> bool:
    return len({cost(point) for point in points}) > 1


def curve(points: Sequence[Point], name: str, cost: Callable[[Point], float]) -> str:
    """SQNR over one cost, the points joined in the order of their cost."""
    low, high = min(p.sqnr for p in points) - 1, max(p.sqnr for p in points) + 1
    least, most = min(map(cost, points)), max(map(cost, points))

    def place(point: Point) -> tuple[float, float]:
        along = (cost(point) - least) / (most - least)
        return LEFT + WIDTH * along, TOP + HEIGHT * (high - point.sqnr) / (high - low)

    ordered = sorted(points, key=lambda point: (cost(point), point.sqnr))
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in map(place, ordered))
    parts = [f'<polyline points="{path}" fill="none" stroke="{GREY}"/>']
    for point in ordered:
        title = escape(f"{point.bits}: {point.sqnr:.1f} dB, {cost(point):,.0f}")
        color = ORANGE if point.chosen else BLUE
        parts.append(f"<g><title>{title}</title>{dot(*place(point), color)}</g>")
    bottom, right = TOP + HEIGHT, LEFT + WIDTH
    parts += [line(LEFT, TOP, LEFT, bottom), line(LEFT, bottom, right, bottom)]
    parts += [text(6, TOP + 6, f"{high:.0f} dB"), text(6, bottom + 4, f"{low:.0f} dB")]
    parts += [
        text(LEFT, bottom + 16, f"{least:,.0f}"),
        text(right - 40, bottom + 16, f"{most:,.0f}"),
    ]
    parts.append(text(LEFT + 120, bottom + 16, name))
    return svg(right + 60, bottom + 24, parts)
