"""Weights with a scale per block: a channel's scale times an integer for each block of its weights.

The stored codes are those of a block times its integer, on the finer grid of the channel: 8 bits,
which every integer kernel multiplies as they are. A block has few values, but more than a channel
of as many bits: each has its own range.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from xdsl.dialects.builtin import DenseArrayBase, DictionaryAttr, IntegerAttr, UnitAttr, i64
from xdsl.ir import Attribute

from .grids import Scales

BLOCKS = "quant.blocks"
"""The attribute (on the cast of a weight, and on its constant before there are casts) that holds
its `Blocks`."""

MOST = 127
"""The greatest stored code."""


@dataclass(frozen=True)
class Blocks:
    """`steps` [outputs, blocks] are the integers. A block is `size` weights of an output, in the
    order of its row (the last one may be shorter); codes have `bits` bits, without the most
    negative one but where they are `full`.
    """

    size: int
    bits: int
    steps: NDArray[np.int64]
    full: bool = False

    @property
    def bounds(self) -> tuple[int, int]:
        """Of the codes before they are multiplied."""
        most = (1 << (self.bits - 1)) - 1
        return -most - self.full, most

    @property
    def stored_bounds(self) -> tuple[int, int]:
        """Of the codes of 8 bits that they are stored as."""
        return -MOST - self.full, MOST

    def each(self, length: int) -> NDArray[np.int64]:
        """The integer of every weight, [outputs, length]."""
        return np.repeat(self.steps, self.size, 1)[:, :length]

    def stored(self, array: NDArray[Any], axis: int, scales: Scales) -> NDArray[np.int8]:
        """The nearest codes times their integers, of a weight whose outputs lie on `axis`, with
        one scale or one per output.
        """
        rows = np.moveaxis(array, axis, 0)
        flat = rows.reshape(len(rows), -1)
        steps = self.each(flat.shape[1])
        codes = np.clip(np.rint(flat / (scales.reshape(-1, 1) * steps)), *self.bounds) * steps
        return np.moveaxis(codes.reshape(rows.shape), 0, axis).astype(np.int8)

    def attribute(self) -> DictionaryAttr:
        facts: dict[str, Attribute] = {
            "size": IntegerAttr(self.size, i64),
            "bits": IntegerAttr(self.bits, i64),
            "steps": DenseArrayBase.from_list(i64, self.steps.reshape(-1).tolist()),
        }
        return DictionaryAttr(facts | ({"full": UnitAttr()} if self.full else {}))

    @staticmethod
    def of(attribute: Attribute | None, outputs: int) -> Blocks | None:
        """What an attribute of a cast says."""
        if not isinstance(attribute, DictionaryAttr):
            return None
        size, bits, steps = (attribute.data[name] for name in ("size", "bits", "steps"))
        assert isinstance(size, IntegerAttr) and isinstance(bits, IntegerAttr)
        assert isinstance(steps, DenseArrayBase)
        array = np.array(steps.get_values(), np.int64).reshape(outputs, -1)
        return Blocks(size.value.data, bits.value.data, array, "full" in attribute.data)


def blocked(
    rows: NDArray[Any], size: int, bits: int, per_channel: bool, powers: bool, least: Scales
) -> tuple[Blocks, Scales]:
    """The blocks of `rows` [outputs, weights], and the scale of each output; nothing is clipped.

    With the channel's scale the block of the greatest weight has the greatest integer; others have
    the least one that covers them. No scale is below `least`; with `powers` all are powers of two.
    """
    most = (1 << (bits - 1)) - 1
    room = MOST // most
    outputs, length = rows.shape
    padded = np.pad(np.abs(rows.astype(np.float64)), ((0, 0), (0, -length % size)))
    wanted = padded.reshape(outputs, -1, size).max(2) / most
    scales = np.maximum(wanted.max(1) / room, least)
    if not per_channel:
        scales = np.full(scales.shape, scales.max())
    scales = np.where(scales > 0, scales, scales.max() if scales.max() > 0 else 1.0)
    scales = 2.0 ** np.ceil(np.log2(scales)) if powers else f32_above(scales)
    steps = np.clip(np.ceil(wanted / scales[:, None]), 1, room).astype(np.int64)
    return Blocks(size, bits, steps), scales


def f32_above(values: Scales) -> Scales:
    """The least f32 that are not below, so that no integer need be above the greatest."""
    near = values.astype(np.float32)
    return np.where(near < values, np.nextafter(near, np.float32(np.inf)), near).astype(np.float64)
