"""Attributes of Python values that several dialects make."""

from __future__ import annotations

from collections.abc import Iterable

from xdsl.dialects.builtin import I64, DenseArrayBase, i64


def index_array(values: Iterable[int]) -> DenseArrayBase[I64]:
    """`array<i64: ...>`: extents, positions or axes."""
    return DenseArrayBase.from_list(i64, list(values))
