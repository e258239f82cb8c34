"""A job of the N-EUREKA NPU: its mode, its geometry, its 24 registers, and how long it takes.

Register map: public documentation of the block (github.com/pulp-platform/neureka, pulp-nnx). Times:
`runtime/emulator/native/npu_timing.c`, of which `cycles` is the mirror.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Any, Generic, Protocol, TypeVar

import numpy as np

from .tiling import Arithmetic, Numbers

N = TypeVar("N")
M = TypeVar("M")

Count = Any
"""An integer, or an array of them: cycles are computed of many jobs at once."""

TILE = 6
"""Output rows and columns that the datapath makes at a time."""
IN_TILE = 8
"""Rows and columns of its input buffer."""
LINE = 32
"""Bytes of weights that it reads at a time."""
REGISTERS = (
    *("weights", "input", "output", "scale", "shift", "bias"),
    *("input_d0", "input_d1", "input_d2", "output_d0", "output_d1", "output_d2"),
    *("weights_d0", "weights_d1", "weights_d2"),
    *("last_channels", "last_outputs", "last_inputs", "channel_tiles", "output_tiles"),
    *("padding", "weight_offset", "filter_mask", "configuration"),
)
"""The registers of a job, in order."""
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
class GeometryOf(Generic[N]):
    """One job: the input that is there, the padding before it, and the output that is wanted.

    Padding behind the input follows from the output's size. Pitches are fixed numbers, the rest may
    be values of the IR.
    """

    in_h: N
    in_w: N
    in_c: N
    out_h: N
    out_w: N
    out_c: N
    pad_top: N
    pad_left: N
    x: Pitch
    y: Pitch


@dataclass(frozen=True)
class AddressesOf(Generic[N]):
    """Where the parts of a job lie in L1."""

    x: N
    y: N
    weights: N
    bias: N
    scale: N
    shift: N


Geometry = GeometryOf[int]
Addresses = AddressesOf[int]


class Dividing(Arithmetic[N], Protocol):
    """Arithmetic that also divides by a number, what is not negative."""

    def div(self, a: N, divisor: int) -> N: ...


class Integers(Numbers):
    """`Dividing` on Python's integers."""

    def div(self, a: int, divisor: int) -> int:
        return a // divisor


@dataclass(frozen=True)
class Tiles(Generic[N]):
    """`count` tiles of one size each but the last, which has `last`."""

    count: N
    last: N

    @staticmethod
    def of(size: M, full: int, math: Dividing[M]) -> Tiles[M]:
        before = math.div(math.sub(size, math.number(1)), full)
        last = math.sub(size, math.mul(before, math.number(full)))
        return Tiles(math.add(before, math.number(1)), last)


def tile_count(size: int, full: int) -> int:
    """How many tiles of `full` hold `size`."""
    return -(-size // full)


def padding_behind(tiles: Tiles[N], before: N, size: N, math: Dividing[N]) -> N:
    """The register's padding behind an input of `size` rows: counted from the end of the buffer.

    The block takes as padding what lies behind 8 minus this number in the input buffer of the last
    tile, so that a tile that is not full needs more than one.
    """
    start = math.mul(math.sub(tiles.count, math.number(1)), math.number(TILE))
    there = math.sub(math.add(before, size), start)
    needed = math.add(tiles.last, math.number(2))
    lacks = math.min(math.max(math.sub(needed, there), math.number(0)), math.number(1))
    return math.mul(lacks, math.sub(math.number(IN_TILE), there))


def register_values(
    mode: Mode, g: GeometryOf[N], at: AddressesOf[N], math: Dividing[N]
) -> dict[str, N]:
    """The registers of a job by name, in order; a word with its highest bit set is negative."""
    kind, number = mode.kind, math.number

    def pair(high: N, low: N) -> N:
        return math.add(math.mul(high, number(1 << 16)), low)

    def made(size: N, gap: int) -> N:
        return math.add(math.mul(math.sub(size, number(1)), number(gap)), number(1))

    ko = Tiles.of(g.out_c, kind.lanes_out, math)
    ki = Tiles.of(g.in_c, kind.lanes_in, math)
    height = Tiles.of(made(g.out_h, mode.gaps[0]), TILE, math)
    width = Tiles.of(made(g.out_w, mode.gaps[1]), TILE, math)
    halo = number(kind.kernel - 1)
    bottom = right = number(0)
    if kind is not Kind.POINTWISE:
        bottom = padding_behind(height, g.pad_top, g.in_h, math)
        right = padding_behind(width, g.pad_left, g.in_w, math)
    missing = math.add(
        math.mul(g.pad_top, number(g.x.row)), math.mul(g.pad_left, number(g.x.pixel))
    )
    padding = number(mode.padding & 0xFF)
    for value, bit in ((g.pad_top, 28), (right, 24), (bottom, 20), (g.pad_left, 16)):
        padding = math.add(math.mul(value, number(1 << bit)), padding)
    line = LINE * (1 if kind is Kind.POINTWISE else mode.weight_bits)
    return {
        "weights": at.weights,
        "input": math.sub(at.x, missing),
        "output": at.y,
        "scale": at.scale,
        "shift": at.shift,
        "bias": at.bias,
        "input_d0": number(mode.steps[1] * g.x.pixel),
        "input_d1": number(mode.steps[0] * g.x.row),
        "input_d2": number(0),
        "output_d0": number(LINE),
        "output_d1": number(g.y.pixel // mode.gaps[1]),
        "output_d2": number(g.y.row // mode.gaps[0]),
        "weights_d0": number(LINE),
        "weights_d1": math.mul(ki.count, number(line)),
        "weights_d2": number(0),
        "last_channels": pair(ko.last, ki.last),
        "last_outputs": pair(height.last, width.last),
        "last_inputs": pair(math.add(height.last, halo), math.add(width.last, halo)),
        "channel_tiles": pair(ko.count, ki.count),
        "output_tiles": pair(height.count, width.count),
        "padding": padding,
        "weight_offset": number(mode.weight_offset),
        "filter_mask": number(0),
        "configuration": number(mode.configuration),
    }


def registers(mode: Mode, g: Geometry, at: Addresses) -> list[int]:
    """The 24 registers, in order, as unsigned 32-bit words."""
    return [word & 0xFFFF_FFFF for word in register_values(mode, g, at, Integers()).values()]


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
