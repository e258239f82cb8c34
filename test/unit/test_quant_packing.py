"""Packed weights: against the definition element by element, and back."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from xdsl.utils.exceptions import VerifyException

from runnel.dialects.cortexm import PackingAttr


@st.composite
def packings(draw: st.DrawFn) -> tuple[PackingAttr, NDArray[np.int8], tuple[int, int]]:
    """A packing, a matrix that it takes, and the (kh, kw) of the matrix's columns."""
    rows, cols = draw(st.integers(1, 4)), draw(st.integers(1, 4))
    bits = draw(st.sampled_from([4, 8]))
    kh, kw, depth = (draw(st.integers(1, 3)) for _ in range(3))
    column_first = draw(st.booleans())
    packing = PackingAttr.get(
        rows,
        cols,
        draw(st.sampled_from([1, kw if column_first else kh])),
        draw(st.permutations(range(rows * cols))),
        draw(st.lists(st.integers(0, rows - 1), unique=True)),
        column_first,
        bits,
    )
    seed = draw(st.integers(0, 2**32 - 1))
    shape = (draw(st.integers(1, 9)), kh * kw * depth)
    limit = 1 << (bits - 1)
    matrix = np.random.default_rng(seed).integers(-limit, limit, shape).astype(np.int8)
    return packing, matrix, (kh, kw)


def packed_by_definition(
    packing: PackingAttr, matrix: NDArray[np.int8], kernel: tuple[int, int]
) -> list[int]:
    """The packed bytes one after another, as the docstring of the attribute says."""
    sign = 1 << (packing.bits.data - 1)
    kh, kw = kernel
    depth = matrix.shape[1] // (kh * kw)
    columns = [(i, j, c) for i in range(kh) for j in range(kw) for c in range(depth)]
    if packing.column_first.value.data:
        columns = [(i, j, c) for j in range(kw) for i in range(kh) for c in range(depth)]
    source = [(i * kw + j) * depth + c for i, j, c in columns]
    rows, cols, segments = packing.rows.data, packing.cols.data, packing.segments.data
    width = len(source) // segments
    padded: list[int | None] = []
    for start in range(0, len(source), width):
        piece: list[int | None] = list(source[start : start + width])
        padded += piece + [None] * (-width % cols)
    result: list[int] = []
    for top in range(0, len(matrix), rows):
        for left in range(0, len(padded), cols):
            for index in packing.order.get_values():
                row, column = top + index // cols, padded[left + index % cols]
                inside = row < len(matrix) and column is not None
                value = int(matrix[row, column]) if inside else 0
                flipped = index // cols in packing.flip.get_values()
                result.append(value + (sign if value < 0 else -sign) if flipped else value)
    if sign == 128:
        return result
    result += [0] * (len(result) % 2)
    pairs = [a % 16 + 16 * (b % 16) for a, b in zip(result[::2], result[1::2], strict=True)]
    return [pair - 256 if pair >= 128 else pair for pair in pairs]


@given(packings())
def test_packing_is_its_definition(
    case: tuple[PackingAttr, NDArray[np.int8], tuple[int, int]],
) -> None:
    packing, matrix, kernel = case
    packed = packing.pack(matrix, kernel)
    assert packed.tolist() == packed_by_definition(packing, matrix, kernel)
    assert packing.packed_size(*matrix.shape) == packed.size


@given(packings())
def test_unpacking_gives_the_matrix_back(
    case: tuple[PackingAttr, NDArray[np.int8], tuple[int, int]],
) -> None:
    packing, matrix, kernel = case
    packed = packing.pack(matrix, kernel)
    rows, columns = matrix.shape
    assert (packing.unpack(packed, (rows, columns), kernel) == matrix).all()


def test_row_major() -> None:
    matrix = np.arange(6, dtype=np.int8).reshape(2, 3)
    assert PackingAttr.get().pack(matrix, (1, 3)).tolist() == [0, 1, 2, 3, 4, 5]


def test_blocks_of_two_rows() -> None:
    matrix = np.arange(6, dtype=np.int8).reshape(2, 3)
    packed = PackingAttr.get(2, 2).pack(matrix, (1, 3))
    assert packed.tolist() == [0, 1, 3, 4, 2, 0, 5, 0]


def test_what_does_not_fit_four_bits_is_refused() -> None:
    with pytest.raises(VerifyException, match="does not fit 4 bits"):
        PackingAttr.get(1, 2, bits=4).pack(np.array([[7, 8]], np.int8), (1, 1))
