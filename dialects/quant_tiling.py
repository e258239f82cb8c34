"""How ops of the quant dialect without a window are tiled; the others say it in `quant_windows`."""

from __future__ import annotations

from dataclasses import dataclass

from xdsl.ir import Operation

from .tiling import ALL, Access, Tiling, elements, identity, shape_of


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


class MatmulTiling(Tiling):
    """Rows of the first operand, columns of the second one; the depth is read as a whole."""

    def accesses(self, op: Operation) -> dict[int, tuple[Access, ...]]:
        rank = len(shape_of(op.results[0]))
        leading = identity(rank - 2)
        return {0: (*leading, Access(rank - 2), ALL), 1: (*leading, ALL, Access(rank - 1))}

    def reduced(self, op: Operation) -> int:
        return shape_of(op.operands[0])[-1]

    def macs(self, op: Operation) -> int:
        return elements(op.results[0]) * self.reduced(op)


class Rows(Tiling):
    """A row of the result needs that of the input: rows are not cut."""

    def accesses(self, op: Operation) -> dict[int, tuple[Access, ...]]:
        return {0: identity(len(shape_of(op.results[0])))}

    def tileable(self, op: Operation) -> tuple[bool, ...]:
        return (*super().tileable(op)[:-1], False)


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
