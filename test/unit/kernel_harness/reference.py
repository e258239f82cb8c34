"""What the kernels must compute, in NumPy with 64-bit integers. Shapes are channels-last."""

from dataclasses import dataclass, field

import numpy as np

Array = np.ndarray

SINGLE, HALF_EVEN, FLOOR, DOUBLE = range(4)


@dataclass
class Window:
    """Geometry of a convolution or pooling; names are the fields of the C structs."""

    in_h: int
    in_w: int
    in_c: int
    out_c: int
    k_h: int = 1
    k_w: int = 1
    stride_h: int = 1
    stride_w: int = 1
    dil_h: int = 1
    dil_w: int = 1
    pad_top: int = 0
    pad_left: int = 0
    pad_bottom: int = 0
    pad_right: int = 0
    groups: int = 1
    in_zero: int = 0

    @property
    def out_h(self) -> int:
        span = self.in_h + self.pad_top + self.pad_bottom - (self.k_h - 1) * self.dil_h - 1
        return span // self.stride_h + 1

    @property
    def out_w(self) -> int:
        span = self.in_w + self.pad_left + self.pad_right - (self.k_w - 1) * self.dil_w - 1
        return span // self.stride_w + 1

    @property
    def depthwise(self) -> bool:
        return self.groups == self.in_c == self.out_c and self.groups > 1

    @property
    def macs(self) -> int:
        taps = self.k_h * self.k_w * self.in_c // self.groups
        return self.out_h * self.out_w * self.out_c * taps


@dataclass
class Requant:
    """Per-layer part of the requantisation and the per-channel arrays."""

    bias: Array
    multiplier: Array
    shift: Array
    out_zero: int = 0
    lo: int = -128
    hi: int = 127
    acc_shift: int = 0
    rounding: int = SINGLE


def divide_pow2(product: Array, shift: Array, rounding: int) -> Array:
    """round(product / 2**shift) on Python integers (no overflow), in the contract's four modes."""

    def one(p: int, s: int) -> int:
        if rounding == FLOOR:
            return p >> s
        if rounding == SINGLE:
            return (2 * p + (1 << s)) >> (s + 1)
        if rounding == HALF_EVEN:
            floor, rest = divmod(p, 1 << s)
            return floor + (2 * rest > 1 << s or (2 * rest == 1 << s and floor % 2 == 1))
        high = (p + (1 << 30)) >> 31
        size = (2 * abs(high) + (1 << (s - 31))) >> (s - 31 + 1)
        return size if high >= 0 else -size

    pairs = zip(product.reshape(-1), np.broadcast_to(shift, product.shape).reshape(-1), strict=True)
    return np.array([one(int(p), int(s)) for p, s in pairs], np.int64).reshape(product.shape)


def requantize(acc: Array, q: Requant) -> Array:
    """acc [..., channels] -> int8 of the same shape."""
    product = (acc.astype(np.int64) << q.acc_shift).astype(object) * q.multiplier.astype(object)
    y = q.out_zero + divide_pow2(product, q.shift, q.rounding)
    return np.clip(y, q.lo, q.hi).astype(np.int8)


def patches(x: Array, g: Window, fill: int) -> Array:
    """[in_h, in_w, C] -> [out_h, out_w, k_h, k_w, C], `fill` outside the image."""
    pads = ((g.pad_top, g.pad_bottom), (g.pad_left, g.pad_right), (0, 0))
    wide = np.pad(x.astype(np.int64), pads, constant_values=fill)
    rows = np.arange(g.out_h)[:, None] * g.stride_h + np.arange(g.k_h)[None] * g.dil_h
    cols = np.arange(g.out_w)[:, None] * g.stride_w + np.arange(g.k_w)[None] * g.dil_w
    return wide[rows[:, None, :, None], cols[None, :, None, :]]


def conv2d_accumulators(x: Array, w: Array, g: Window) -> Array:
    """Sums of raw products [out_h, out_w, out_c] without the bias.

    w [out_c, k_h, k_w, in_c / groups]; depthwise w [k_h * k_w, C].
    """
    p = patches(x, g, g.in_zero)
    if g.depthwise:
        return np.einsum("hwijc,ijc->hwc", p, w.reshape(g.k_h, g.k_w, -1).astype(np.int64))
    p = p.reshape(*p.shape[:-1], g.groups, g.in_c // g.groups)
    per_group = w.reshape(g.groups, g.out_c // g.groups, *w.shape[1:]).astype(np.int64)
    acc = np.einsum("hwijgc,goijc->hwgo", p, per_group, optimize=True)
    return acc.reshape(g.out_h, g.out_w, g.out_c)


def max_pool2d(x: Array, g: Window, lo: int, hi: int) -> Array:
    return np.clip(patches(x, g, -128).max((2, 3)), lo, hi).astype(np.int8)


@dataclass
class Packing:
    """The contract's weight layout, and four additions.

    `order` may permute a whole block (rows * cols entries) instead of each of its rows (cols).
    `column_first`: the columns come in (kw, kh, i) order; the caller of `pack` reorders them.
    `flip`: in these rows of each block the sign bit is inverted (w + 128 is stored unsigned).
    `nibbles`: elements have 4 bits (with `flip`, w + 8 is stored), two in a byte, low half first.
    """

    rows: int = 1
    cols: int = 1
    segments: int = 1
    order: list[int] = field(default_factory=list)
    column_first: bool = False
    flip: list[int] = field(default_factory=list)
    nibbles: bool = False


def pack(m: Array, packing: Packing) -> Array:
    """[rows, columns] -> the flat packed array."""
    pieces = []
    for piece in np.split(m, packing.segments, axis=1):
        below, right = -piece.shape[0] % packing.rows, -piece.shape[1] % packing.cols
        pieces.append(np.pad(piece, ((0, below), (0, right))))
    m = np.concatenate(pieces, axis=1)
    m = m.reshape(m.shape[0] // packing.rows, packing.rows, -1, packing.cols).transpose(0, 2, 1, 3)
    m = m.copy()
    m[:, :, packing.flip] ^= -8 if packing.nibbles else -128
    if packing.order:
        m = m.reshape(-1, len(packing.order))[:, packing.order]
    flat = m.reshape(-1)
    if not packing.nibbles:
        return flat
    codes = [int(v) % 16 for v in flat] + [0] * (flat.size % 2)
    pairs = [low + 16 * high for low, high in zip(codes[::2], codes[1::2], strict=True)]
    return np.array(pairs, np.uint8).view(np.int8)
