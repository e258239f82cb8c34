"""A memory plan as a picture: one box per buffer, steps to the right, addresses upwards.

`python -m runnel.tools.report.memory_map planned.mlir -o map.svg` draws a planned module.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path

from xdsl.dialects.builtin import NameLoc
from xdsl.dialects.func import FuncOp
from xdsl.ir import Operation
from xdsl.utils.exceptions import DiagnosticException

from ...dialects.diagnostics import RunnelError
from ...passes.memory.liveness import (
    Interval,
    buffer_liveness,
    functions_with_buffers,
    liveness_bound,
)
from ..read_ir import read_mlir
from ..registry import new_context

COLORS = ("#4e79a7", "#f28e2b", "#59a14f", "#b07aa1", "#76b7b2", "#edc948", "#9c755f", "#ff9da7")
INPUT_COLOR, OUTPUT_COLOR = "#bab0ac", "#e15759"
WIDTH, HEIGHT, LEFT, TOP, BELOW = 900, 420, 80, 44, 150
"""Pixels: the plot, and the room left of, above and below it."""


@dataclass(frozen=True)
class MemoryMap:
    """One arena of one function, ready to be drawn."""

    title: str
    intervals: Sequence[Interval]
    """Placed: every offset is set."""
    steps: Sequence[str]

    @property
    def arena(self) -> int:
        """Bytes that the buffers reach up to."""
        return max((offset_of(i) + i.size for i in self.intervals), default=0)

    @property
    def bound(self) -> int:
        """Bytes alive together, at most."""
        return liveness_bound(self.intervals).bytes


def offset_of(interval: Interval) -> int:
    """The place of a placed interval."""
    if interval.offset is None:
        raise RunnelError(f"{interval.name} has no offset: run plan-memory first")
    return interval.offset


def memory_maps(func: FuncOp) -> list[MemoryMap]:
    """The maps of all memories of a planned function."""
    liveness = buffer_liveness(func)
    steps = [_step_name(op) for op in liveness.steps]
    return [
        MemoryMap(
            f"@{func.sym_name.data}, {memory}",
            [liveness.intervals[buffer] for buffer in liveness.buffers(memory)],
            steps,
        )
        for memory in liveness.memories()
    ]


def _step_name(op: Operation) -> str:
    """The source node, which the place in a text is not."""
    return op.location.desc.data if isinstance(op.location, NameLoc) else op.name


def draw(picture: MemoryMap) -> str:
    """The map as an SVG document; hovering a box names its buffer, bytes and steps."""
    total_width, total_height = LEFT + WIDTH + 20, TOP + HEIGHT + BELOW
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {total_width} {total_height}" '
        'font-family="sans-serif" font-size="11">',
        f'<rect width="{total_width}" height="{total_height}" fill="white"/>',
        *_header(picture),
        *_axes(picture),
        *(
            line
            for i, interval in enumerate(picture.intervals)
            for line in _box(picture, interval, i)
        ),
        *_bound_line(picture),
        "</svg>",
    ]
    return "\n".join(lines) + "\n"


def _x(picture: MemoryMap, step: int) -> float:
    return LEFT + WIDTH * step / max(len(picture.steps), 1)


def _y(picture: MemoryMap, address: int) -> float:
    return TOP + HEIGHT * (1 - address / max(picture.arena, 1))


def _header(picture: MemoryMap) -> Iterator[str]:
    ratio = picture.arena / max(picture.bound, 1)
    text = f"arena {picture.arena} B, liveness bound {picture.bound} B ({ratio:.2f}x)"
    yield f'<text x="{LEFT}" y="18" font-size="14">{escape(picture.title)}: {text}</text>'


def _axes(picture: MemoryMap) -> Iterator[str]:
    for part in range(5):
        address = picture.arena * part // 4
        y = _y(picture, address)
        yield f'<line x1="{LEFT}" x2="{LEFT + WIDTH}" y1="{y:.1f}" y2="{y:.1f}" stroke="#ddd"/>'
        yield f'<text x="{LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{address}</text>'
    every = max(1, len(picture.steps) // 40)
    for step in range(0, len(picture.steps), every):
        x, y = _x(picture, step) + WIDTH / len(picture.steps) / 2, TOP + HEIGHT + 12
        name = escape(picture.steps[step][-28:])
        yield (
            f'<text x="{x:.1f}" y="{y}" text-anchor="end" '
            f'transform="rotate(-60 {x:.1f} {y})">{name}</text>'
        )


def _box(picture: MemoryMap, interval: Interval, number: int) -> Iterator[str]:
    left, right = _x(picture, interval.start), _x(picture, interval.end + 1)
    bottom, top = (
        _y(picture, offset_of(interval)),
        _y(picture, offset_of(interval) + interval.size),
    )
    place = f'x="{left:.1f}" y="{top:.1f}" width="{right - left:.1f}" height="{bottom - top:.1f}"'
    span = f"bytes {offset_of(interval)}..{offset_of(interval) + interval.size}"
    title = f"{interval.name}: {interval.size} B, {span}, steps {interval.start}..{interval.end}"
    yield (
        f'<rect {place} fill="{_color(interval, number)}" fill-opacity="0.8" stroke="white">'
        f"<title>{escape(title)}</title></rect>"
    )
    label = str(interval.size)
    if bottom - top > 14 and right - left > 7 * len(label) + 4:
        x, y = (left + right) / 2, (bottom + top) / 2 + 4
        yield f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="middle" fill="white">{label}</text>'


def _color(interval: Interval, number: int) -> str:
    if interval.name.startswith("network input"):
        return INPUT_COLOR
    if interval.name.startswith("network output"):
        return OUTPUT_COLOR
    return COLORS[number % len(COLORS)]


def _bound_line(picture: MemoryMap) -> Iterator[str]:
    y = _y(picture, picture.bound)
    yield (
        f'<line x1="{LEFT}" x2="{LEFT + WIDTH}" y1="{y:.1f}" y2="{y:.1f}" stroke="black" '
        'stroke-dasharray="6 4"><title>liveness bound</title></line>'
    )


def main(argv: Sequence[str] | None = None) -> int:
    """Draw the arenas of a planned module; one file per function and memory."""
    parser = argparse.ArgumentParser(prog="memory_map", description=main.__doc__)
    parser.add_argument("file", type=Path, help="MLIR text after plan-memory")
    parser.add_argument("-o", dest="output", type=Path, required=True, help="an .svg file")
    args = parser.parse_args(argv)
    try:
        pictures = _read(args.file)
        for number, picture in enumerate(pictures):
            output: Path = args.output
            path = output if number == 0 else output.with_stem(f"{output.stem}_{number}")
            path.write_text(draw(picture))
            print(f"{path}: {picture.title}")
    except (DiagnosticException, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


def _read(path: Path) -> list[MemoryMap]:
    program = read_mlir(new_context(), path.read_text(), str(path))
    functions = functions_with_buffers(program.module.body.block.ops)
    pictures = [picture for func in functions for picture in memory_maps(func)]
    if not pictures:
        raise RunnelError(f"{path}: no function with buffers")
    return pictures


if __name__ == "__main__":
    sys.exit(main())
