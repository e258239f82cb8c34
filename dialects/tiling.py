"""The tiling interface: which part of each operand an op reads for a tile of its result.

A tile is a box of the result: an interval for each of its dimensions. An op that has the trait says
with one `Access` per dimension of an operand which interval of it the tile needs. The same rules
give numbers (cost model, interpreter) and ops (lowering): they only add, multiply, and take minima
and maxima, which an `Arithmetic` does.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from typing import Generic, Protocol, TypeVar

from xdsl.dialects.builtin import TensorType
from xdsl.ir import Operation, SSAValue
from xdsl.traits import OpTrait

N = TypeVar("N")


class Arithmetic(Protocol[N]):
    """Whole numbers: Python's, or values of the IR."""

    def number(self, value: int) -> N: ...
    def add(self, a: N, b: N) -> N: ...
    def mul(self, a: N, b: N) -> N: ...
    def sub(self, a: N, b: N) -> N: ...
    def min(self, a: N, b: N) -> N: ...
    def max(self, a: N, b: N) -> N: ...


class Numbers:
    """The arithmetic of Python's integers."""

    def number(self, value: int) -> int:
        return value

    def add(self, a: int, b: int) -> int:
        return a + b

    def mul(self, a: int, b: int) -> int:
        return a * b

    def sub(self, a: int, b: int) -> int:
        return a - b

    def min(self, a: int, b: int) -> int:
        return min(a, b)

    def max(self, a: int, b: int) -> int:
        return max(a, b)


@dataclass(frozen=True)
class Interval(Generic[N]):
    """`[start, stop)` along one dimension."""

    start: N
    stop: N


Box = tuple[Interval[N], ...]
"""An interval for each dimension of a tensor."""


@dataclass(frozen=True)
class Access:
    """What [a, b) of the result's dimension `dim` reads of one dimension of an operand.

    It is [a * stride - before, (b - 1) * stride - before + extent), of which what lies outside the
    operand is padding. `dim` None: all of it.
    """

    dim: int | None = None
    stride: int = 1
    before: int = 0
    extent: int = 1


ALL = Access()
"""A dimension that every tile reads as a whole."""


@dataclass(frozen=True)
class Window(Generic[N]):
    """The box of an operand that is really there, and what is missing of it before each start."""

    box: Box[N]
    before: tuple[N, ...]


def identity(rank: int) -> tuple[Access, ...]:
    """The accesses of a pointwise op."""
    return tuple(Access(dim) for dim in range(rank))


def window(
    accesses: Sequence[Access], shape: Sequence[int], tile: Box[N], math: Arithmetic[N]
) -> Window[N]:
    """What a `tile` of the result needs of an operand of `shape`."""
    box: list[Interval[N]] = []
    before: list[N] = []
    zero = math.number(0)
    for access, size in zip(accesses, shape, strict=True):
        if access.dim is None:
            box.append(Interval(zero, math.number(size)))
            before.append(zero)
            continue
        given = tile[access.dim]
        if (access.stride, access.before, access.extent) == (1, 0, 1):
            box.append(given)
            before.append(zero)
            continue
        first = math.sub(
            math.mul(given.start, math.number(access.stride)), math.number(access.before)
        )
        last = math.mul(math.sub(given.stop, math.number(1)), math.number(access.stride))
        stop = math.add(last, math.number(access.extent - access.before))
        start = math.max(first, zero)
        box.append(Interval(start, math.min(stop, math.number(size))))
        before.append(math.sub(start, first))
    return Window(tuple(box), tuple(before))


def extent(tile: int, access: Access, size: int) -> int:
    """The most elements that a tile of `tile` elements needs of a dimension of `size` elements."""
    if access.dim is None:
        return size
    return min((tile - 1) * access.stride + access.extent, size)


class Tiling(OpTrait, ABC):
    """The op can be computed tile by tile."""

    @abstractmethod
    def accesses(self, op: Operation) -> dict[int, tuple[Access, ...]]:
        """For each activation operand (its position) one access per dimension.

        The other operands are constants: weights and biases that belong to the result's channels
        (the last dimension), or tables that every tile reads as a whole.
        """

    def tileable(self, op: Operation) -> tuple[bool, ...]:
        """Which dimensions of the result may be cut; the first one is the batch."""
        shape = shape_of(op.results[0])
        return (False, *(True for _ in shape[1:]))

    def reduced(self, op: Operation) -> int:
        """How many products (or reads) are summed up for one element of the result."""
        return 1

    def macs(self, op: Operation) -> int:
        """Products that the whole op sums up; 0 where it sums up none."""
        return 0

    def by_channel(self, op: Operation) -> bool:
        """Whether the constants are cut with the channels of a tile."""
        return False


def shape_of(value: SSAValue) -> tuple[int, ...]:
    """The static shape of a tensor."""
    assert isinstance(value.type, TensorType)
    return value.type.get_shape()


def tiling_of(op: Operation) -> Tiling | None:
    """The tiling interface of `op`, if it has one."""
    return next(iter(op.get_traits_of_type(Tiling)), None)


def elements(value: SSAValue) -> int:
    """How many elements a tensor has."""
    return prod(shape_of(value))
