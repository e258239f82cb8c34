"""What a network costs with each layer at some ratio: before any weight is changed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from xdsl.dialects import func
from xdsl.ir import Operation

from ...dialects.diagnostics import RunnelError, choices
from ..graph.element_classes import FIXED
from ..quant.layers import Layer, layer_of
from .channel_groups import Group, analyzed
from .costs import cost_named, weights
from .low_rank import Factors
from .spatial_svd import SpatialFactors
from .weight_svd import WeightFactors

STAYS = "as it is"
"""What a ratio means that changes nothing."""
METHODS = ("spatial-svd", "weight-svd", "prune-channels")


@dataclass(frozen=True)
class Unit:
    """Layers that have one ratio, and what it means for them: `rank 3 of 9`."""

    ops: tuple[Operation, ...]
    text: Callable[[float], str]


class Budget(Protocol):
    """The layers of a function, what may be compressed, and what that saves."""

    ops: list[Operation]
    """All that cost something, in order."""
    units: list[Unit]

    def costs(self, ratios: Sequence[float]) -> list[int]:
        """What each of `ops` costs with these ratios, one per unit."""
        ...


def budget_of(function: func.FuncOp, method: str, cost: str, multiple: int = 1) -> Budget:
    """The budget of one of `METHODS`; raises `RunnelError`."""
    cost_named(cost, method)
    match method:
        case "spatial-svd":
            return SplitBudget(function, SpatialFactors(), cost, multiple)
        case "weight-svd":
            return SplitBudget(function, WeightFactors(), cost, multiple)
        case "prune-channels":
            return PruneBudget(function, cost, multiple)
        case _:
            raise RunnelError(f"method={method} is none of {choices(method, METHODS)}")


def products(function: func.FuncOp) -> list[Operation]:
    """The ops with weights, in order."""
    return [op for op in function.body.block.ops if weights(op)]


@dataclass
class SplitBudget:
    """Layers in two: each is a unit, and the cost of one does not depend on others."""

    function: func.FuncOp
    factors: Factors
    cost: str
    multiple: int
    ops: list[Operation] = field(init=False)
    units: list[Unit] = field(init=False)
    layers: dict[Operation, Layer] = field(init=False)

    def __post_init__(self) -> None:
        self.ops = products(self.function)
        layers = [layer for op in self.ops if (layer := layer_of(op)) is not None]
        self.layers = {layer.op: layer for layer in layers if self.factors.why_not(layer) is None}
        self.units = [Unit((op,), self.text(layer)) for op, layer in self.layers.items()]

    def text(self, layer: Layer) -> Callable[[float], str]:
        split = self.factors.split(layer, self.cost)

        def rank(ratio: float) -> str:
            found = split.rank(ratio, self.multiple)
            stays = ratio == 1 or split.cost(found) >= split.whole
            return STAYS if stays else f"rank {found} of {split.full_rank}"

        return rank

    def costs(self, ratios: Sequence[float]) -> list[int]:
        cost = cost_named(self.cost, "budget")
        chosen = dict(zip(self.layers, ratios, strict=True))
        return [self.split_cost(op, chosen.get(op, 1.0), cost(op)) for op in self.ops]

    def split_cost(self, op: Operation, ratio: float, whole: int) -> int:
        if ratio == 1:
            return whole
        split = self.factors.split(self.layers[op], self.cost)
        return min(whole, split.cost(split.rank(ratio, self.multiple)))


@dataclass
class PruneBudget:
    """Channels that go together: a unit is a group, and layers save by inputs and by outputs."""

    function: func.FuncOp
    cost: str
    multiple: int
    ops: list[Operation] = field(init=False)
    units: list[Unit] = field(init=False)
    groups: list[Group] = field(init=False)

    def __post_init__(self) -> None:
        self.ops = products(self.function)
        self.classes, self.groups = analyzed(self.function)
        self.units = [
            Unit(tuple(reader.layer.op for reader in group.readers), self.text(group))
            for group in self.groups
        ]

    def text(self, group: Group) -> Callable[[float], str]:
        def channels(ratio: float) -> str:
            count, size = group.kept_count(ratio, self.multiple), len(group.classes)
            return STAYS if count == size else f"{count} of {size} channels"

        return channels

    def costs(self, ratios: Sequence[float]) -> list[int]:
        dropped: list[int] = []
        for group, ratio in zip(self.groups, ratios, strict=True):
            size, count = len(group.classes), group.kept_count(ratio, self.multiple)
            # Which ones is not known yet: spread over what is concatenated.
            kept = {place * size // count for place in range(count)}
            dropped += [int(c) for i, c in enumerate(group.classes) if i not in kept]
        alive = self.classes.alive(dropped)
        alive[FIXED] = True
        cost, found = cost_named(self.cost, "budget"), dict[Operation, int]()
        for reader in self.classes.readers:
            rows, columns = alive[reader.outputs], alive[reader.inputs]
            share, of = int(rows.sum()), rows.size
            if not reader.depthwise:
                share, of = share * int(columns.sum()), of * columns.size
            found[reader.layer.op] = cost(reader.layer.op) * share // of
        return [found.get(op, cost(op)) for op in self.ops]
