"""What each unit of a platform asks of an op before it can compute it tile by tile."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from numpy.typing import NDArray
from xdsl.ir import Operation, SSAValue

from ..dialects.tiling import shape_of, tiling_of
from .kernel_problem import streams


def is_untiled(op: Operation) -> str | None:
    """Why no unit computes `op` tile by tile, or None: the slots of a window's buffer stand where
    the tensor's first dimension is.
    """
    if tiling_of(op) is None:
        return "is not computed tile by tile"
    shapes = [shape_of(value) for value in (*streams(op), *op.results)]
    samples, rank = max((shape or (1,))[0] for shape in shapes), max(map(len, shapes))
    if samples > 1:
        return f"tiles are of one sample, not of {samples}"
    return f"tiles have up to 4 axes, not {rank}" if rank > 4 else None


@dataclass(frozen=True)
class TileOperands:
    """What a unit computes one tile from, and where to."""

    ins: Sequence[SSAValue]
    """windows of the activations"""
    out: SSAValue
    """the window of the result"""
    pads: Sequence[SSAValue]
    """rows and columns that are missing before the first input"""
    channels: int
    """how many channels a chunk of constants is for; 0 without constants"""
    constants: SSAValue | None
    scratch: SSAValue | None


class UnitBackend(Protocol):
    """A unit that computes windows in the near memory."""

    near: str
    """The memory in which it computes."""

    def refuses(self, op: Operation) -> str | None:
        """Why the unit cannot compute `op` tile by tile, or None."""
        ...

    def granule(self, op: Operation) -> int:
        """A tile that cuts the channels has a multiple of so many."""
        ...

    def chunk_bytes(self, op: Operation, channels: int) -> int:
        """Bytes of the constants of a tile of `channels` channels; 0 without constants."""
        ...

    def scratch_bytes(self, op: Operation, tile: Sequence[int]) -> int:
        """Bytes of scratch that a tile of the result takes, for all cores together."""
        ...

    def chunks(self, op: Operation, channels: int) -> NDArray[Any]:
        """The constants as i8 [chunks, bytes], a chunk for each tile of `channels` channels."""
        ...

    def compute(self, op: Operation, tile: TileOperands) -> list[Operation]:
        """What computes one tile of `op`."""
        ...
