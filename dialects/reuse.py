"""How a tensor op may use the bytes of its operands for its results: what passes count with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from xdsl.ir import Operation
from xdsl.traits import OpTrait


@dataclass(frozen=True)
class InPlace(OpTrait):
    """A result may overwrite an operand that nobody reads afterwards, element by element.

    ```python
    traits = traits_def(Pure(), InPlace(((0, 0), (1, 0))))  # an add: over either operand
    ```
    """

    pairs: Sequence[tuple[int, int]]
    """(operand, result) positions that may share bytes."""


@dataclass(frozen=True)
class SameBytes(OpTrait):
    """The only result is the first operand under another type: it costs no bytes and no copy.

    ```python
    traits = traits_def(Pure(), SameBytes())  # a reshape
    ```
    """


def in_place_pairs(op: Operation) -> tuple[tuple[int, int], ...]:
    """The (operand, result) positions of `op` that may share bytes."""
    return tuple(pair for trait in op.get_traits_of_type(InPlace) for pair in trait.pairs)
