"""The constants of a cluster op as one chunk of bytes, which one transfer brings near."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from xdsl.dialects.builtin import IntAttr
from xdsl.ir import Attribute, ParametrizedAttribute
from xdsl.irdl import irdl_attr_definition
from xdsl.parser import AttrParser
from xdsl.printer import Printer

from .cortexm_packing import PackingAttr


def align(size: int, alignment: int = 4) -> int:
    """`size` rounded up to a multiple of `alignment`."""
    return -(-size // alignment) * alignment


@dataclass(frozen=True)
class ChunkLayout:
    """Where the parts of a chunk begin, and its size: all in bytes."""

    weights: int
    bias: int
    multiplier: int
    shift: int
    size: int


@irdl_attr_definition
class ChunkAttr(ParametrizedAttribute):
    """The constants of `channels` output channels in one block of bytes.

    Packed weights ([channels, depth] as `packing` has them; depthwise: [depth, channels]), then
    bias and multiplier (i32) and shift (i8) of each channel; each part begins at a word. A last
    chunk with fewer channels has the same layout.

    ```mlir
    #cluster.chunk<16 channels, depth 144, packing #cortexm.packing<4 x 4>>
    ```
    """

    name = "cluster.chunk"

    channels: IntAttr
    depth: IntAttr
    packing: PackingAttr

    @staticmethod
    def get(channels: int, depth: int, packing: PackingAttr) -> ChunkAttr:
        return ChunkAttr(IntAttr(channels), IntAttr(depth), packing)

    def layout(self, *, depthwise: bool) -> ChunkLayout:
        """The offsets of the parts."""
        channels, depth = self.channels.data, self.depth.data
        rows, columns = (depth, channels) if depthwise else (channels, depth)
        bias = align(self.packing.packed_size(rows, columns))
        multiplier = bias + 4 * channels
        shift = multiplier + 4 * channels
        return ChunkLayout(0, bias, multiplier, shift, align(shift + channels))

    @classmethod
    def parse_parameters(cls, parser: AttrParser) -> Sequence[Attribute]:
        with parser.in_angle_brackets():
            channels = parser.parse_integer()
            parser.parse_keyword("channels")
            parser.parse_punctuation(",")
            parser.parse_keyword("depth")
            depth = parser.parse_integer()
            parser.parse_punctuation(",")
            parser.parse_keyword("packing")
            packing = parser.parse_attribute()
        if not isinstance(packing, PackingAttr):
            parser.raise_error("expected #cortexm.packing<...>")
        return [IntAttr(channels), IntAttr(depth), packing]

    def print_parameters(self, printer: Printer) -> None:
        with printer.in_angle_brackets():
            printer.print_string(
                f"{self.channels.data} channels, depth {self.depth.data}, packing "
            )
            printer.print_attribute(self.packing)
