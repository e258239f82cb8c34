"""What a platform asks of quantization: the `quantization` section of its description.

It restricts; which kernels there are, and for which widths, the kernel tables say
(`lowering/kernels*.py`), and quantization chooses within both.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from fnmatch import fnmatchcase
from typing import Annotated, Literal

from .records import Integer, Number

ActivationScheme = Literal["asymmetric", "symmetric", "strict"]
WeightScheme = Literal["symmetric", "strict"]
Rounding = Literal["single", "double", "half_even", "floor"]
Bits = Annotated[int, Integer(2, maximum=16)]
Real = Annotated[float, Number(signed=True)]


@dataclass(frozen=True)
class Rule:
    """The restrictions of one op.

    `integer`: some kernel computes it. `bits`: pairs of the width of activations and the greatest
    width of weights (none: all that kernels take). `activations` and `weights` have at most the
    freedom of that scheme: a zero point, none, none and no most negative code. With `unsigned`,
    grids without a zero point may count from 0 where nothing is negative. With `power_of_two` all
    scales are powers of two, so that requantization is a shift. `roundings`: those of
    requantization (none: all). `range` is that of the result, whatever was calibrated.
    """

    integer: bool = True
    bits: tuple[tuple[Bits, Bits], ...] = ()
    activations: ActivationScheme = "asymmetric"
    weights: WeightScheme = "symmetric"
    unsigned: bool = False
    per_channel: bool = True
    power_of_two: bool = False
    roundings: tuple[Rounding, ...] = ()
    range: tuple[Real, Real] | None = None

    @property
    def widths(self) -> tuple[int, ...]:
        """Those of activations; none: all that kernels take."""
        return tuple(activation for activation, _ in self.bits)

    def weight_bits(self, activation: int = 8) -> int:
        """The greatest width of weights beside activations of so many bits."""
        return max((w for a, w in self.bits if a == activation), default=8)


@dataclass(frozen=True)
class OpRule:
    """What is different for the ops that `op` matches (`quant.softmax`, `graph.*`); see `Rule`."""

    op: str
    integer: bool | None = None
    bits: tuple[tuple[Bits, Bits], ...] | None = None
    activations: ActivationScheme | None = None
    weights: WeightScheme | None = None
    unsigned: bool | None = None
    per_channel: bool | None = None
    power_of_two: bool | None = None
    roundings: tuple[Rounding, ...] | None = None
    range: tuple[Real, Real] | None = None


@dataclass(frozen=True)
class Quantization(Rule):
    """What holds for all ops (see `Rule`), and what is different for some: the first row of `ops`
    that matches.

    `inputs`: those of the network may be quantized. `outputs`: they are where an op can, also if
    its row says it is no integer op. `fused` are pairs of an op and the activation (`graph.relu`,
    `graph.clip`) that the same kernel computes: no quantizer stands between them.
    """

    inputs: bool = True
    outputs: bool = False
    fused: tuple[tuple[str, str], ...] = (("*", "graph.relu"), ("*", "graph.clip"))
    ops: tuple[OpRule, ...] = ()

    def rule(self, *names: str) -> Rule:
        """The restrictions of an op by its names, which the first row that matches one refines."""
        row = next((row for row in self.ops if any(fnmatchcase(n, row.op) for n in names)), None)
        own = {field.name: getattr(self, field.name) for field in fields(Rule)}
        if row is not None:
            told = {name: getattr(row, name) for name in own}
            own |= {name: value for name, value in told.items() if value is not None}
        return Rule(**own)

    def fuses(self, names: tuple[str, ...], activation: str) -> bool:
        """Whether one kernel computes an op of these names and the activation behind it."""
        return any(
            fnmatchcase(activation, after) and any(fnmatchcase(name, op) for name in names)
            for op, after in self.fused
        )


ANYTHING = Quantization()
"""No restrictions: quantization chooses among all that kernels take."""
