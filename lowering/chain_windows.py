"""The windows of all tiles of a chain of ops, as arrays."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from xdsl.ir import Operation, SSAValue

from ..dialects.tile import chain_windows
from ..dialects.tiling import Interval, Window, shape_of

IntArray = NDArray[np.int64]


class Arrays:
    """The arithmetic of the tiling interface on arrays: many tiles at once."""

    def number(self, value: int) -> Any:
        return np.int64(value)

    def add(self, a: Any, b: Any) -> Any:
        return a + b

    def mul(self, a: Any, b: Any) -> Any:
        return a * b

    def sub(self, a: Any, b: Any) -> Any:
        return a - b

    def min(self, a: Any, b: Any) -> Any:
        return np.minimum(a, b)

    def max(self, a: Any, b: Any) -> Any:
        return np.maximum(a, b)


@dataclass(frozen=True)
class ChainWindows:
    """The windows of `ops`, the last of which is computed in tiles of `sizes`.

    All arrays have an axis for each dimension of the result and broadcast to `counts`: what does
    not depend on the position along a dimension has one element there.
    """

    ops: Sequence[Operation]
    sizes: tuple[int, ...]

    @property
    def result(self) -> SSAValue:
        """What the last op makes."""
        return self.ops[-1].results[0]

    @cached_property
    def counts(self) -> tuple[int, ...]:
        """Tiles along each dimension of the result."""
        shape = shape_of(self.result)
        return tuple(-(-n // size) for n, size in zip(shape, self.sizes, strict=True))

    @cached_property
    def windows(self) -> dict[SSAValue, Window[Any]]:
        """Every value that the ops read tile by tile or make; the result last made comes first."""
        shape = shape_of(self.result)
        box: list[Interval[Any]] = []
        for dim, (extent, size) in enumerate(zip(shape, self.sizes, strict=True)):
            axes = [1] * len(shape)
            axes[dim] = -1
            starts = np.arange(0, extent, size, dtype=np.int64).reshape(axes)
            box.append(Interval(starts, np.minimum(starts + size, extent)))
        return chain_windows(self.ops, tuple(box), Arrays())

    @cached_property
    def _extents(self) -> dict[SSAValue, list[IntArray]]:
        return {
            value: [np.asarray(i.stop - i.start) for i in window.box]
            for value, window in self.windows.items()
        }

    @cached_property
    def _largest(self) -> dict[SSAValue, tuple[int, ...]]:
        return {
            value: tuple(int(extent.max()) for extent in extents)
            for value, extents in self._extents.items()
        }

    @cached_property
    def _depends(self) -> dict[SSAValue, list[frozenset[int]]]:
        return {
            value: [
                frozenset(d for d, n in enumerate((i.start + i.stop).shape) if n > 1)
                for i in window.box
            ]
            for value, window in self.windows.items()
        }

    def extents(self, value: SSAValue) -> list[IntArray]:
        """Elements of the windows of `value` along each of its dimensions."""
        return self._extents[value]

    def largest(self, value: SSAValue) -> tuple[int, ...]:
        """The shape of a buffer that holds any of the windows."""
        return self._largest[value]

    def depends(self, value: SSAValue) -> list[frozenset[int]]:
        """For each dimension of `value`: along which dimensions of the result, of those that are
        cut, its interval depends on the position.
        """
        return self._depends[value]
