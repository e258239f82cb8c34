"""How much of a layer may stay: `compress.ratio` on its op, which passes here write and read.

1 leaves the layer alone; below 1 is the share of its cost (low rank) or of its input channels
(pruning) that stays. `compress.score` beside it is what the network scored with only that layer
compressed.
"""

from __future__ import annotations

from xdsl.dialects.builtin import FloatAttr, f64
from xdsl.ir import Operation

from ...dialects.diagnostics import RunnelError, blaming

RATIO, SCORE = "compress.ratio", "compress.score"


def checked(ratio: float, where: str) -> float:
    """`ratio` if it is in (0, 1]; raises `RunnelError` at `where`."""
    if not 0 < ratio <= 1:
        raise RunnelError(
            f"{where}: a ratio is above 0 and at most 1 (all of the layer), not {ratio:g}"
        )
    return ratio


def number_on(op: Operation, name: str) -> float | None:
    """The number that attribute `name` of `op` holds."""
    found = op.attributes.get(name)
    return float(found.value.data) if isinstance(found, FloatAttr) else None


def ratio_of(op: Operation, default: float) -> float:
    """The ratio that is written on `op`, else `default`."""
    found = number_on(op, RATIO)
    if found is None:
        return default
    with blaming(op):
        return checked(found, RATIO)


def note(op: Operation, name: str, number: float) -> None:
    """Write a number on `op`."""
    op.attributes[name] = FloatAttr(number, f64)


def forget(op: Operation) -> None:
    """Take both attributes off `op`: it is as small as it was to be."""
    op.attributes.pop(RATIO, None)
    op.attributes.pop(SCORE, None)
