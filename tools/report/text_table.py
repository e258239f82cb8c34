"""Tables of text: numbers to the right, words to the left."""

from __future__ import annotations

from collections.abc import Sequence

Cell = str | int | float | None


def text_table(headers: Sequence[str], rows: Sequence[Sequence[Cell]]) -> str:
    """Headers, a line and one line per row; None is `-`. A column of numbers is right-aligned."""
    cells = [[cell_text(cell) for cell in row] for row in rows]
    widths = [max(len(row[i]) for row in [list(headers), *cells]) for i in range(len(headers))]
    right = [all(is_number(row[i]) for row in rows) for i in range(len(headers))]
    lines = [list(headers), ["-" * width for width in widths], *cells]
    return "".join(_line(line, widths, right) + "\n" for line in lines)


def cell_text(cell: Cell) -> str:
    """Integers with thousands apart, three places of a fraction."""
    if cell is None:
        return "-"
    if isinstance(cell, str):
        return cell
    return f"{cell:,}" if isinstance(cell, int) else f"{cell:.3f}"


def is_number(cell: Cell) -> bool:
    return cell is None or isinstance(cell, int | float)


def _line(cells: Sequence[str], widths: Sequence[int], right: Sequence[bool]) -> str:
    padded = [
        text.rjust(width) if to_right else text.ljust(width)
        for text, width, to_right in zip(cells, widths, right, strict=True)
    ]
    return "  ".join(padded).rstrip()


def byte_text(count: int | None) -> str:
    """`48.0 KiB (49,152 B)`; small counts in bytes alone."""
    if count is None:
        return "-"
    return f"{count:,} B" if count < 1024 else f"{count / 1024:.1f} KiB ({count:,} B)"
