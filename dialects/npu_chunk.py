"""The constants of a channel tile as the N-EUREKA NPU reads them, in one piece.

`[weights][i32 bias x T][u8 or i32 scale x T][u8 shift x T]` for T channels, each part padded to 4
bytes. The NPU adds its own bias behind the scale: `y = clip((acc * scale + bias) >> shift)`.

Weights lie bit by bit, in lines of 32 bytes. 1x1: a line for each output channel and 32 input
channels, in words of four channels with all eight bits of each. 3x3: a line for each output channel
(depthwise: each 28 channels), 28 input channels and bit, with one bit for each tap and channel.
Layout: weight encoder of the public pulp-nnx.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .npu_job import LINE, Kind, Mode, tile_count

WORD = 4
BYTE_BITS = 8
TAPS = 9


def _words(size: int) -> int:
    return -(-size // WORD) * WORD


def encode_weights(kind: Kind, bits: int, weights: NDArray[Any]) -> bytes:
    """Signed `weights` [O, kh, kw, I] (depthwise: [C, 3, 3, 1]) of `bits` bits as lines."""
    low = 1 << (bits - 1)
    if weights.size and not (-low <= weights.min() and weights.max() < low):
        raise ValueError(f"weights of [{weights.min()}, {weights.max()}] do not fit {bits} bits")
    if kind is Kind.DEPTHWISE:
        weights = weights.transpose(3, 1, 2, 0)
    out, kh, kw, depth = weights.shape
    tiles = tile_count(depth, kind.lanes_in)
    stored = np.zeros((out, kh * kw, tiles * kind.lanes_in), np.uint8)
    stored[:, :, :depth] = weights.reshape(out, kh * kw, depth).astype(np.int16) + low
    split = stored.reshape(out, kh * kw, tiles, kind.lanes_in)[..., None] >> np.arange(BYTE_BITS)
    planes = split.astype(np.uint8) & 1
    if kind is Kind.POINTWISE:
        words = planes[:, 0].reshape(out, tiles, LINE // WORD, WORD, BYTE_BITS)
        lines = words.swapaxes(3, 4).reshape(out * tiles, -1)
    else:
        lines = planes[..., :bits].transpose(0, 2, 4, 1, 3).reshape(out * tiles * bits, -1)
        lines = np.pad(lines, ((0, 0), (0, LINE * BYTE_BITS - lines.shape[1])))
    return np.packbits(lines, axis=-1, bitorder="little").tobytes()


def decode_weights(
    kind: Kind, bits: int, data: NDArray[np.uint8], channels_in: int, channels_out: int
) -> NDArray[np.int16]:
    """The weights [O, kh, kw, I] (depthwise: [C, 3, 3, 1]) that were encoded."""
    lanes, kernel = kind.lanes_in, kind.kernel
    rows = 1 if kind is Kind.DEPTHWISE else channels_out
    depth = channels_out if kind is Kind.DEPTHWISE else channels_in
    tiles = tile_count(depth, lanes)
    lines = np.unpackbits(data.reshape(-1, LINE), axis=1, bitorder="little").astype(np.int16)
    if kind is Kind.POINTWISE:
        planes = lines.reshape(rows, tiles, 1, LINE // WORD, BYTE_BITS, WORD).swapaxes(4, 5)
        planes = planes.reshape(rows, tiles, 1, lanes, BYTE_BITS)[..., :bits]
    else:
        planes = lines[:, : TAPS * lanes].reshape(rows, tiles, bits, TAPS, lanes)
        planes = planes.transpose(0, 1, 3, 4, 2)
    stored = planes @ (1 << np.arange(bits, dtype=np.int16))
    weights = stored.transpose(0, 2, 1, 3).reshape(rows, kernel, kernel, tiles * lanes)
    signed = weights[..., :depth] - (1 << (bits - 1))
    return signed.transpose(3, 1, 2, 0) if kind is Kind.DEPTHWISE else signed


@dataclass(frozen=True)
class Constants:
    """Weights [O, kh, kw, I] and, per output channel, what is added and multiplied behind them."""

    weights: NDArray[Any]
    bias: NDArray[Any]
    scale: NDArray[Any]
    shift: NDArray[Any]

    def slice(self, start: int, stop: int) -> Constants:
        """The output channels [start, stop)."""
        return Constants(
            self.weights[start:stop],
            self.bias[start:stop],
            self.scale[start:stop],
            self.shift[start:stop],
        )


@dataclass(frozen=True)
class Chunk:
    """The layout for `channels_out` channels of a layer with `channels_in` (depthwise: the same).

    Offsets and sizes in bytes. A job that makes fewer channels than the chunk has room for takes
    the first of them.
    """

    mode: Mode
    channels_in: int
    channels_out: int

    @property
    def weights_size(self) -> int:
        kind = self.mode.kind
        depthwise = kind is Kind.DEPTHWISE
        rows = 1 if depthwise else self.channels_out
        depth = self.channels_out if depthwise else self.channels_in
        bits = 1 if kind is Kind.POINTWISE else self.mode.weight_bits
        return rows * tile_count(depth, kind.lanes_in) * bits * LINE

    @property
    def bias(self) -> int:
        return self.weights_size

    @property
    def scale(self) -> int:
        return self.bias + 4 * self.channels_out

    @property
    def shift(self) -> int:
        return self.scale + _words(self.channels_out * self.mode.scale_bits // BYTE_BITS)

    @property
    def size(self) -> int:
        return self.shift + (0 if self.mode.shift is not None else _words(self.channels_out))

    def pack(self, constants: Constants) -> NDArray[np.uint8]:
        """The chunk of up to `channels_out` channels; what is missing is zero."""
        count = len(constants.bias)
        missing = self.channels_out - count
        weights = np.pad(constants.weights, ((0, missing), (0, 0), (0, 0), (0, 0)))
        parts = [
            (0, encode_weights(self.mode.kind, self.mode.weight_bits, weights)),
            (self.bias, constants.bias.astype("<i4").tobytes()),
            (self.scale, constants.scale.astype(f"<u{self.mode.scale_bits // 8}").tobytes()),
        ]
        if self.mode.shift is None:
            parts.append((self.shift, constants.shift.astype(np.uint8).tobytes()))
        data = np.zeros(self.size, np.uint8)
        for offset, part in parts:
            data[offset : offset + len(part)] = np.frombuffer(part, np.uint8)
        return data

    def unpack(self, data: NDArray[np.uint8]) -> Constants:
        """The constants of all `channels_out` channels."""
        mode, count = self.mode, self.channels_out
        lines = data[: self.weights_size]
        depth = self.channels_in
        weights = decode_weights(mode.kind, mode.weight_bits, lines, depth, count)
        if mode.shift is None:
            shift = data[self.shift : self.shift + count].astype(np.int64)
        else:
            shift = np.full(count, mode.shift)
        width = mode.scale_bits // BYTE_BITS
        scale = data[self.scale : self.scale + width * count].view(f"<u{width}")
        bias = data[self.bias : self.scale].view("<i4")
        return Constants(weights, bias.astype(np.int64), scale.astype(np.int64), shift)
