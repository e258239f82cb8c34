"""A job of the N-EUREKA NPU: its mode, its geometry, its 24 registers, and how long it takes.

Register map: public documentation of the block (github.com/pulp-platform/neureka, pulp-nnx). Times:
`runtime/emulator/native/npu_timing.c`, of which `cycles` is the mirror.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Any

import numpy as np

Count = Any
"""An integer, or an array of them: cycles are computed of many jobs at once."""

TILE = 6
"""Output rows and columns that the datapath makes at a time."""
IN_TILE = 8
"""Rows and columns of its input buffer."""
LINE = 32
"""Bytes of weights that it reads at a time."""
REGISTERS = 24
MAX_PAD = 1
"""Rows or columns of padding on each side that a 3x3 job can have: more may reach a second tile."""


class Kind(Enum):
    """The three kinds of convolution; the value is the filter mode in the configuration."""

    DENSE = 0
    DEPTHWISE = 1
    POINTWISE = 2

    @property
    def kernel(self) -> int:
        """Rows and columns of the window."""
        return 1 if self is Kind.POINTWISE else 3

    @property
    def lanes_in(self) -> int:
        """Input channels of a pass."""
        return 32 if self is Kind.POINTWISE else 28

    @property
    def lanes_out(self) -> int:
        """Output channels of a tile."""
        return 28 if self is Kind.DEPTHWISE else 32


@dataclass(frozen=True)
class Mode:
    """What all jobs of a layer share.

    Weights are unsigned with `weight_bits` bits, plus `weight_offset`. Scales have 8 or 32 bits.
    `shift` is common to all channels; None: one per channel. `padding` is the stored integer that
    stands for what is not there.

    With strides a 1x1 kernel steps over the input. A 3x3 kernel makes the outputs between those
    that are wanted too (the public descriptions of the block's own strided mode contradict each
    other): they go between the rows and pixels of the output window, which has room for them.
    """

    kind: Kind
    strides: tuple[int, int] = (1, 1)
    weight_bits: int = 8
    scale_bits: int = 32
    shift: int | None = None
    input_signed: bool = True
    output_signed: bool = True
    padding: int = 0

    @property
    def weight_offset(self) -> int:
        return -(1 << (self.weight_bits - 1))

    @property
    def steps(self) -> tuple[int, int]:
        """Input rows and columns from one output that is made to the next."""
        return self.strides if self.kind is Kind.POINTWISE else (1, 1)

    @property
    def gaps(self) -> tuple[int, int]:
        """Rows and columns of outputs that are made for one that is wanted."""
        return (1, 1) if self.kind is Kind.POINTWISE else self.strides

    def made(self, out_h: int, out_w: int) -> tuple[int, int]:
        """Rows and columns of outputs that are made where `out_h` x `out_w` are wanted."""
        return (out_h - 1) * self.gaps[0] + 1, (out_w - 1) * self.gaps[1] + 1

    @property
    def configuration(self) -> int:
        """The register CONFIG0."""
        scale_code = {8: 0, 32: 2}[self.scale_bits]
        flags = {
            4: True,  # scale, bias, shift
            10: True,  # load inputs ahead
            15: True,  # signed weights, by the offset
            23: self.output_signed,
            24: self.shift is None,
            25: True,  # bias
            26: self.input_signed,
        }
        bits = sum(1 << bit for bit, flag in flags.items() if flag)
        shift = 0 if self.shift is None else self.shift
        fields = (self.weight_bits - 1) | self.kind.value << 5 | scale_code << 12 | shift << 16
        return bits | fields


@dataclass(frozen=True)
class Pitch:
    """Bytes from row to row and from pixel to pixel of a window in L1."""

    row: int
    pixel: int


@dataclass(frozen=True)
class Geometry:
    """One job: the input that is there, the padding before it, and the output that is wanted.

    Padding behind the input follows from the output's size.
    """

    in_h: int
    in_w: int
    in_c: int
    out_h: int
    out_w: int
    out_c: int
    pad_top: int
    pad_left: int
    x: Pitch
    y: Pitch


@dataclass(frozen=True)
class Addresses:
    """Where the parts of a job lie in L1."""

    x: int
    y: int
    weights: int
    bias: int
    scale: int
    shift: int


@dataclass(frozen=True)
class Tiles:
    """`count` tiles of `full` each but the last, which has `last`."""

    count: int
    full: int
    last: int

    @staticmethod
    def of(size: int, full: int) -> Tiles:
        return Tiles(-(-size // full), full, (size - 1) % full + 1)


def padding_behind(kind: Kind, size: int, before: int, last: int, start: int) -> int:
    """The register's padding behind an input of `size`: counted from the end of the input buffer.

    The last tile starts at output `start` and makes `last`. The block takes as padding what lies
    behind 8 minus this number in the buffer, so that a tile that is not full needs more than one.
    """
    there = before + size - start
    return max(0, IN_TILE - there) if there < last + kind.kernel - 1 else 0


def _pair(high: int, low: int) -> int:
    return high << 16 | low


def registers(mode: Mode, g: Geometry, at: Addresses) -> list[int]:
    """The 24 registers, in order, as unsigned 32-bit words."""
    kind = mode.kind
    ko, ki = Tiles.of(g.out_c, kind.lanes_out), Tiles.of(g.in_c, kind.lanes_in)
    height, width = (Tiles.of(size, TILE) for size in mode.made(g.out_h, g.out_w))
    halo = kind.kernel - 1
    bottom = right = 0
    if kind is not Kind.POINTWISE:
        top, left = (height.count - 1) * TILE, (width.count - 1) * TILE
        bottom = padding_behind(kind, g.in_h, g.pad_top, height.last, top)
        right = padding_behind(kind, g.in_w, g.pad_left, width.last, left)
    lane = LINE * ki.count * (1 if kind is Kind.POINTWISE else mode.weight_bits)
    words = [
        *(at.weights, at.x - g.pad_top * g.x.row - g.pad_left * g.x.pixel, at.y),
        *(at.scale, at.shift, at.bias),
        *(mode.steps[1] * g.x.pixel, mode.steps[0] * g.x.row, 0),
        *(LINE, g.y.pixel // mode.gaps[1], g.y.row // mode.gaps[0]),
        *(LINE, lane, 0),
        *(_pair(ko.last, ki.last), _pair(height.last, width.last)),
        _pair(height.last + halo, width.last + halo),
        *(_pair(ko.count, ki.count), _pair(height.count, width.count)),
        g.pad_top << 28 | right << 24 | bottom << 20 | g.pad_left << 16 | (mode.padding & 0xFF),
        *(mode.weight_offset, 0, mode.configuration),
    ]
    return [word & 0xFFFF_FFFF for word in words]


# Latencies of the pipelines and of control, in cycles; see npu_timing.c.
JOB_START, TILE_START, LOAD_START = 4, 9, 6
LOAD_1X1, COMPUTE_1X1, STORE_1X1 = TILE * TILE + 6, 10, 3
COMPUTE_3X3, COMPUTE_DEPTHWISE = 6 + 8, 34
SCALE_END, BIAS, SHIFT = 9, 4 + 8, 8


def cycles(mode: Mode, g: Geometry) -> int:
    """From the start of the job to its end."""
    return int(job_cycles(mode, g.in_c, g.out_h, g.out_w, g.out_c))


def job_cycles(mode: Mode, in_c: Count, out_h: Count, out_w: Count, out_c: Count) -> Count:
    """The cycles of jobs of these sizes, which may be arrays."""
    kind = mode.kind
    halo = kind.kernel - 1
    passes = 1 if kind is Kind.DEPTHWISE else -(-in_c // kind.lanes_in)
    heights, widths = (
        (size - 1) * gap + 1 for size, gap in zip((out_h, out_w), mode.gaps, strict=True)
    )
    total: Count = JOB_START
    for channels, count_c in extents(out_c, kind.lanes_out):
        compute = compute_cycles(mode, channels)
        for rows, count_h in extents(heights, TILE):
            for columns, count_w in extents(widths, TILE):
                window = (rows + halo) * (columns + halo)
                load = LOAD_START + (LOAD_1X1 if kind is Kind.POINTWISE else window)
                tile = passes * np.maximum(load, compute) + TILE_START
                tile = tile + finish_cycles(mode, channels, rows * columns)
                total = total + count_c * count_h * count_w * tile
    return total


def extents(size: Count, full: int) -> tuple[tuple[Count, Count], tuple[Count, Count]]:
    """(extent, how many tiles have it): full tiles and the last one."""
    tiles = -(-size // full)
    return (full, tiles - 1), (size - (tiles - 1) * full, 1)


def compute_cycles(mode: Mode, channels: Count) -> Count:
    """One pass over an input tile: a channel, or a bit of one, per cycle."""
    match mode.kind:
        case Kind.DEPTHWISE:
            return COMPUTE_DEPTHWISE + mode.weight_bits
        case Kind.POINTWISE:
            return COMPUTE_1X1 + channels
        case Kind.DENSE:
            return COMPUTE_3X3 + channels * mode.weight_bits


def finish_cycles(mode: Mode, channels: Count, pixels: Count) -> Count:
    """Scale, bias, shift and store of a tile."""
    per_word = 32 // mode.scale_bits
    scale = -(-channels // per_word) + SCALE_END
    store = pixels + (STORE_1X1 if mode.kind is Kind.POINTWISE else 0)
    return store + scale + BIAS + (SHIFT if mode.shift is None else 0)


def macs(mode: Mode, g: Geometry) -> int:
    """Products that the job makes."""
    depth = 1 if mode.kind is Kind.DEPTHWISE else g.in_c
    out_h, out_w = mode.made(g.out_h, g.out_w)
    return out_h * out_w * g.out_c * depth * mode.kind.kernel**2


def room_problem(mode: Mode, g: Geometry) -> str | None:
    """Why the output window has no room for the outputs between those that are wanted, or None."""
    (down, right), (_, made_w) = mode.gaps, mode.made(g.out_h, g.out_w)
    pixel, row = g.y.pixel // right, g.y.row // down
    if g.y.pixel % right or g.y.row % down:
        return f"pitches {g.y.row} and {g.y.pixel} are no multiples of the strides {mode.strides}"
    if right > 1 and pixel < g.out_c:
        return f"{g.out_c} channels of a pixel do not fit between pixels {g.y.pixel} bytes apart"
    needed = (made_w - 1) * pixel + g.out_c
    if down > 1 and row < needed:
        return f"a row of {needed} bytes does not fit between rows {g.y.row} bytes apart"
    return None
