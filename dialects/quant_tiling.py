"""How the ops of the quant dialect are tiled; channels-last."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING, cast

from xdsl.ir import Operation

from .tiling import ALL, Access, Tiling, elements, identity, shape_of

if TYPE_CHECKING:
    from .quant_windows import Conv2DOp, Op2D


def sliding(op: Op2D) -> tuple[Access, Access]:
    """Rows and columns of the input of a window that moves over the image."""
    pads, strides = op.pads.get_values(), op.strides.get_values()
    reach = [(k - 1) * d + 1 for k, d in zip(op.kernel_size(), op.dilation(), strict=True)]
    return (
        Access(1, strides[0], pads[0], reach[0]),
        Access(2, strides[1], pads[1], reach[1]),
    )


class ConvTiling(Tiling):
    """Rows, columns and output channels; the sum over taps and input channels is never cut."""

    def accesses(self, op: Operation) -> dict[int, tuple[Access, ...]]:
        conv = cast("Conv2DOp", op)
        channels = Access(3) if conv.depthwise else ALL
        return {0: (Access(0), *sliding(conv), channels)}

    def tileable(self, op: Operation) -> tuple[bool, ...]:
        conv = cast("Conv2DOp", op)
        whole = conv.groups.value.data > 1 and not conv.depthwise
        return (False, True, True, not whole)

    def reduced(self, op: Operation) -> int:
        return prod(shape_of(op.operands[1])[1:])

    def macs(self, op: Operation) -> int:
        return elements(op.results[0]) * self.reduced(op)

    def by_channel(self, op: Operation) -> bool:
        return True


class FullyConnectedTiling(Tiling):
    """Outputs; the input is read as a whole."""

    def accesses(self, op: Operation) -> dict[int, tuple[Access, ...]]:
        return {0: (Access(0), ALL)}

    def reduced(self, op: Operation) -> int:
        return shape_of(op.operands[1])[1]

    def macs(self, op: Operation) -> int:
        return elements(op.results[0]) * self.reduced(op)

    def by_channel(self, op: Operation) -> bool:
        return True


class PoolTiling(Tiling):
    """Rows, columns and channels."""

    def accesses(self, op: Operation) -> dict[int, tuple[Access, ...]]:
        return {0: (Access(0), *sliding(cast("Op2D", op)), Access(3))}

    def reduced(self, op: Operation) -> int:
        return prod(cast("Op2D", op).kernel_size())


@dataclass(frozen=True)
class Pointwise(Tiling):
    """An element of the result needs that of the first `count` operands."""

    count: int

    def accesses(self, op: Operation) -> dict[int, tuple[Access, ...]]:
        accesses = identity(len(shape_of(op.results[0])))
        return dict.fromkeys(range(self.count), accesses)


@dataclass(frozen=True)
class Broadcast(Pointwise):
    """As `Pointwise`, but an operand is read as a whole along axes where it is broadcast."""

    def accesses(self, op: Operation) -> dict[int, tuple[Access, ...]]:
        result = shape_of(op.results[0])
        return {
            position: tuple(
                ALL if size < result[dim] else Access(dim)
                for dim, size in enumerate(shape_of(op.operands[position]))
            )
            for position in range(self.count)
        }
