"""Points between quality and cost, and those of them that no other one beats."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from xdsl.dialects.builtin import (
    ArrayAttr,
    BoolAttr,
    DictionaryAttr,
    FloatAttr,
    IntegerAttr,
    StringAttr,
    f64,
    i64,
)
from xdsl.ir import Attribute, Operation

PARETO = "quant.pareto"
"""The attribute (on a function) that holds what mixed-precision had to choose from."""

BEST = 999.0
"""Decibels that stand for no noise at all."""


@dataclass(frozen=True)
class Point:
    """Bits for all quantizers: what they keep, and what they cost."""

    bits: str
    """In words."""
    sqnr: float
    """In dB."""
    drop: float | None
    """Points lost; None where results are no classes."""
    parameters: int
    """Bytes of weights as they are stored, and of what is beside them."""
    activations: int
    """Bytes of all tensors."""
    cycles: float
    model: str
    """Where the cycles come from."""
    chosen: bool = False

    def beats(self, other: Point) -> bool:
        """At least as good in all respects, and better in one."""
        mine, theirs = self._costs(), other._costs()
        return mine != theirs and all(a <= b for a, b in zip(mine, theirs, strict=True))

    def _costs(self) -> tuple[float, ...]:
        return -self.sqnr, self.parameters, self.activations, self.cycles

    def attribute(self) -> DictionaryAttr:
        """This point in the IR."""
        entries: dict[str, Attribute] = {
            "bits": StringAttr(self.bits),
            "sqnr": FloatAttr(min(self.sqnr, BEST), f64),
            "parameters": IntegerAttr(self.parameters, i64),
            "activations": IntegerAttr(self.activations, i64),
            "cycles": FloatAttr(self.cycles, f64),
            "model": StringAttr(self.model),
            "chosen": BoolAttr.from_bool(self.chosen),
        }
        if self.drop is not None:
            entries["drop"] = FloatAttr(self.drop, f64)
        return DictionaryAttr(entries)


def front(points: Sequence[Point], chosen: Point) -> list[Point]:
    """The points that none beats, and the chosen one, marked; the most bytes first."""
    kept = [p for p in points if p == chosen or not any(other.beats(p) for other in points)]
    found = [replace(p, chosen=p == chosen) for p in kept]
    return sorted(found, key=lambda p: (-p.parameters, -p.activations, -p.cycles, p.sqnr))


def points_of(function: Operation) -> list[Point]:
    """The points that are noted on a function; none if mixed-precision has not run."""
    noted = function.attributes.get(PARETO)
    if not isinstance(noted, ArrayAttr):
        return []
    return [point_of(entry) for entry in noted.data if isinstance(entry, DictionaryAttr)]


def point_of(entry: DictionaryAttr) -> Point:
    """The reverse of `Point.attribute`."""
    data = entry.data
    bits, model, chosen, drop = (data.get(key) for key in ("bits", "model", "chosen", "drop"))
    assert isinstance(bits, StringAttr) and isinstance(model, StringAttr)
    return Point(
        bits.data,
        number(data["sqnr"]),
        None if drop is None else number(drop),
        int(number(data["parameters"])),
        int(number(data["activations"])),
        number(data["cycles"]),
        model.data,
        chosen is not None and bool(number(chosen)),
    )


def number(attribute: Attribute) -> float:
    assert isinstance(attribute, FloatAttr | IntegerAttr)
    return float(attribute.value.data)
