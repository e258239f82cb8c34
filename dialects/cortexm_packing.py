"""The order in which a kernel reads its weights: how they are packed, and unpacked again."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from xdsl.dialects.builtin import (
    I64,
    BoolAttr,
    DenseArrayBase,
    IntAttr,
)
from xdsl.ir import Attribute, ParametrizedAttribute
from xdsl.irdl import (
    irdl_attr_definition,
)
from xdsl.parser import AttrParser
from xdsl.printer import Printer
from xdsl.utils.exceptions import VerifyException

from .attributes import index_array


@irdl_attr_definition
class PackingAttr(ParametrizedAttribute):
    """The order in which a kernel reads a weight matrix.

    The columns fall into `segments` equal pieces, each padded with zeros to a multiple of `cols`;
    the rows are padded to a multiple of `rows`. Blocks of rows x cols follow one another, row block
    by row block. Element i of a packed block is element `order[i]` of the row-major block; rows in
    `flip` have their sign bits inverted. With `column_first` the columns (kh, kw, i) of a
    convolution are put into the order (kw, kh, i) before all this. With `bits` 4 all elements lie
    within [-8, 7], and two that follow one another share a byte, the first in its low half.

    ```mlir
    #cortexm.packing<2 x 4>
    #cortexm.packing<1 x 2, bits 4>
    #cortexm.packing<2 x 2, segments 3, order [0, 2, 1, 3], flip [0], column_first>
    ```
    """

    name = "cortexm.packing"

    rows: IntAttr
    cols: IntAttr
    segments: IntAttr
    order: DenseArrayBase[I64]
    flip: DenseArrayBase[I64]
    column_first: BoolAttr
    bits: IntAttr
    """Of an element: 8 or 4."""

    @staticmethod
    def get(
        rows: int = 1,
        cols: int = 1,
        segments: int = 1,
        order: Sequence[int] | None = None,
        flip: Sequence[int] = (),
        column_first: bool = False,
        bits: int = 8,
    ) -> PackingAttr:
        indices = list(range(rows * cols)) if order is None else list(order)
        return PackingAttr(
            IntAttr(rows),
            IntAttr(cols),
            IntAttr(segments),
            index_array(indices),
            index_array(flip),
            BoolAttr.from_bool(column_first),
            IntAttr(bits),
        )

    def verify(self) -> None:
        rows, cols = self.rows.data, self.cols.data
        if min(rows, cols, self.segments.data) < 1:
            raise VerifyException("rows, cols and segments of a packing are at least 1")
        if sorted(self.order.get_values()) != list(range(rows * cols)):
            raise VerifyException(f"the order must permute the {rows * cols} elements of a block")
        flip = self.flip.get_values()
        if not set(flip) <= set(range(rows)) or len(set(flip)) != len(flip):
            raise VerifyException(f"flip names rows of a block, each once, below {rows}")
        if self.bits.data not in (4, 8):
            raise VerifyException(f"packed elements have 4 or 8 bits, not {self.bits.data}")

    @classmethod
    def parse_parameters(cls, parser: AttrParser) -> Sequence[Attribute]:
        def integers() -> list[int]:
            return parser.parse_comma_separated_list(parser.Delimiter.SQUARE, parser.parse_integer)

        options: dict[str, Any] = {}
        with parser.in_angle_brackets():
            rows = parser.parse_integer()
            parser.parse_keyword("x")
            cols = parser.parse_integer()
            while parser.parse_optional_punctuation(","):
                match word := parser.parse_identifier():
                    case "segments" | "bits":
                        options[word] = parser.parse_integer()
                    case "order" | "flip":
                        options[word] = integers()
                    case "column_first":
                        options[word] = True
                    case _:
                        parser.raise_error(
                            f"'{word}' is none of segments, order, flip, column_first, bits"
                        )
        return cls.get(rows, cols, **options).parameters

    def print_parameters(self, printer: Printer) -> None:
        rows, cols, order = self.rows.data, self.cols.data, list(self.order.get_values())
        text = f"{rows} x {cols}"
        if self.segments.data != 1:
            text += f", segments {self.segments.data}"
        if order != list(range(rows * cols)):
            text += f", order {order}"
        if len(self.flip):
            text += f", flip {list(self.flip.get_values())}"
        if self.column_first.value.data:
            text += ", column_first"
        if self.bits.data != 8:
            text += f", bits {self.bits.data}"
        printer.print_string(f"<{text}>")

    def _padded_shape(self, rows: int, columns: int) -> tuple[int, int, int]:
        """(padded rows, segments, padded columns of a segment)"""
        segments = self.segments.data
        if columns % segments:
            raise VerifyException(f"{columns} columns do not fall into {segments} equal segments")
        width = columns // segments
        return (
            -(-rows // self.rows.data) * self.rows.data,
            segments,
            -(-width // self.cols.data) * self.cols.data,
        )

    def packed_size(self, rows: int, columns: int) -> int:
        """Bytes of a packed matrix [rows, columns]."""
        return -(-int(np.prod(self._padded_shape(rows, columns))) * self.bits.data // 8)

    def pack(self, matrix: NDArray[np.int8], kernel: tuple[int, int]) -> NDArray[np.int8]:
        """The matrix [rows, columns] as a 1-D array of bytes; `kernel` is (kh, kw)."""
        rows, columns = matrix.shape
        limit = 1 << (self.bits.data - 1)
        if matrix.min(initial=0) < -limit or matrix.max(initial=0) >= limit:
            raise VerifyException(
                f"a weight does not fit {self.bits.data} bits: they lie within "
                f"[{matrix.min()}, {matrix.max()}]"
            )
        if self.column_first.value.data:
            matrix = swap_axes(matrix, kernel)
        full_rows, segments, width = self._padded_shape(rows, columns)
        padded = np.zeros((full_rows, segments, width), np.int8)
        padded[:rows, :, : columns // segments] = matrix.reshape(rows, segments, -1)
        r, c = self.rows.data, self.cols.data
        blocks = padded.reshape(full_rows // r, r, segments * width // c, c).transpose(0, 2, 1, 3)
        flipped = self._flipped(blocks).reshape(-1, r * c)
        ordered = flipped[:, list(self.order.get_values())].ravel()
        return ordered if self.bits.data == 8 else share_bytes(ordered)

    def unpack(
        self, packed: NDArray[np.int8], shape: tuple[int, int], kernel: tuple[int, int]
    ) -> NDArray[np.int8]:
        """The matrix of `shape` that was packed."""
        rows, columns = shape
        full_rows, segments, width = self._padded_shape(rows, columns)
        r, c = self.rows.data, self.cols.data
        if self.bits.data == 4:
            packed = part_bytes(packed, full_rows * segments * width)
        ordered = packed.reshape(-1, r * c)[:, np.argsort(self.order.get_values())]
        blocks = self._flipped(ordered.reshape(full_rows // r, -1, r, c))
        padded = blocks.transpose(0, 2, 1, 3).reshape(full_rows, segments, width)
        matrix = padded[:rows, :, : columns // segments].reshape(rows, columns)
        return swap_axes(matrix, (kernel[1], kernel[0])) if self.column_first.value.data else matrix

    def _flipped(self, blocks: NDArray[np.int8]) -> NDArray[np.int8]:
        """[..., rows, cols] with the rows of `flip` inverted in their sign bits."""
        result = np.ascontiguousarray(blocks)
        for row in self.flip.get_values():
            result[..., row, :] ^= np.int8(-(1 << (self.bits.data - 1)))
        return result


def share_bytes(elements: NDArray[np.int8]) -> NDArray[np.int8]:
    """Two 4-bit elements in a byte, the first in the low half; an odd last one has a 0 above it."""
    halves = np.zeros(len(elements) + len(elements) % 2, np.uint8)
    halves[: len(elements)] = elements.view(np.uint8) & 15
    return (halves[::2] | halves[1::2] << 4).view(np.int8)


def part_bytes(packed: NDArray[np.int8], count: int) -> NDArray[np.int8]:
    """The `count` elements that share the bytes of `packed`, with their signs."""
    low = (packed.view(np.uint8) << 4).view(np.int8) >> 4
    return np.stack([low, packed >> 4], 1).ravel()[:count].astype(np.int8)


def swap_axes(matrix: NDArray[np.int8], kernel: tuple[int, int]) -> NDArray[np.int8]:
    """Columns (a, b, i) of a matrix in the order (b, a, i); `kernel` is (a, b)."""
    rows, columns = matrix.shape
    return matrix.reshape(rows, *kernel, -1).swapaxes(1, 2).reshape(rows, columns)
